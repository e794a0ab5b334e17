"""Second signatures, channels and endpoints: what no single pair of tellings shows."""

import pytest
from msgspec.structs import replace

from gateway.domain.directory import Channel, Signatory
from gateway.domain.facts import NO_FACTS
from gateway.domain.session import Peer
from gateway.policy.decide import Judge
from gateway.policy.rules.registry import HOUSE, OWN, RULES, SOURCED, Rules
from tests.policy.cases_signing import attested, listed, signed, units
from tests.policy.told import Told, c01, c18, cz, in_world, query
from tests.policy.world import (
    AUTHORITIES,
    EXPERT,
    HEAD,
    KEY_ID,
    NOW,
    PERSON,
    SEAL,
    SIGNATORIES,
    codes,
    directory,
    header,
    judge,
    law,
    peer,
    recipients,
    roles,
)


def test_mixed_units_are_regulated_by_no_clause() -> None:
    """C8-17, C8-18: between a non-core and a specialised unit, and between core ones, the text names no signer."""
    bare = signed(c18())

    assert bare.decide().permitted
    assert units(bare, "non-core", "specialised").decide().permitted
    assert codes(units(bare, "non-core", "non-core").decide()) == {"signer-missing", "seal-missing"}


def test_one_recipient_of_another_kind_makes_units_mixed() -> None:
    """C8-17: the clause speaks only if the originator and every recipient are non-core units."""
    both = signed(c18(recipients=recipients("kz-mvd", "by-police")))
    told = units(both, "non-core", "non-core")

    assert told.decide().permitted


def test_signatory_of_another_authority_signs_nothing_here() -> None:
    """C1-09: the head of another authority is no head of the one that asks."""
    foreign = (Signatory("md-police", HEAD, "head", None, ()),)

    assert codes(in_world(c01(), signatories=foreign).decide()) == {"signer-missing"}


def test_key_that_is_no_signatory_does_not_count_as_one() -> None:
    """C1-09: the office counts only for a key that signed in the role of a signatory."""
    message = c01().header
    decision = judge().decide_header(message, ("message", "seal", "seal"), NO_FACTS, None, NOW)

    assert codes(decision) == {"signer-missing"}


def test_replies_need_no_head_and_no_seal() -> None:
    """C8-17, C1-09: the texts speak of requests alone."""
    for told in (signed(c01(kind="reply")), units(signed(c18(kind="reply")), "non-core", "non-core")):
        assert told.decide().permitted


def test_who_signed_is_not_asked_again_at_dispatch() -> None:
    """At dispatch roles are not known and nothing has changed about them: no reason of signing appears."""
    told = units(signed(c18()), "non-core", "non-core")
    authorities = (told.world or {})["authorities"]

    assert not told.decide().permitted
    for rules in (RULES, Rules(HOUSE, OWN, SOURCED)):
        by = Judge(directory(authorities=authorities, signatories=()), law(), rules)
        assert by.decide_dispatch(told.header, NO_FACTS, "kz-mvd", NOW).permitted


def test_channel_is_asked_again_at_dispatch() -> None:
    """C8-15: a basis that was taken back meanwhile stops what still waits."""
    without = Judge(directory(channels=()), law())

    assert judge().decide_dispatch(c18().header, NO_FACTS, "kz-mvd", NOW).permitted
    assert codes(without.decide_dispatch(c18().header, NO_FACTS, "kz-mvd", NOW)) == {"channel-unbased"}


def test_channel_stands_between_authorities_or_parties_either_way_round() -> None:
    """C8-15: by a bilateral agreement of the authorities or another treaty of their Parties, under this instrument."""

    def agreed(agreement: str, *between: str) -> set[str]:
        return codes(in_world(c18(), channels=(Channel(agreement, between, "protocol"),)).decide())  # type: ignore[arg-type]  # always two

    assert agreed("cis-2018", "am-police", "kz-mvd") == agreed("cis-2018", "KZ", "AM") == set()
    assert agreed("cis-2018", "am-nss", "kz-mvd") == {"channel-unbased"}
    assert agreed("cis-2001", "AM", "KZ") == {"channel-unbased"}


def test_each_recipient_needs_its_own_basis_and_its_own_list() -> None:
    """C8-15, C8-07: the detail names the recipient that lacks one."""
    both = c18(kind="reply", recipients=recipients("kz-mvd", "by-police"))
    based = in_world(both, channels=(Channel("cis-2018", ("AM", "KZ"), "protocol"),))
    decision = based.decide()

    assert [(each.code, each.detail) for each in decision.reasons] == [("channel-unbased", "with by-police")]
    assert [each.detail for each in listed(both, "by-police").decide().reasons] == ["towards by-police"]


def test_list_under_another_instrument_asks_nothing_here() -> None:
    """C8-07: the list is made for an instrument; one for that of 2001 does not bind exchanges under that of 2018."""
    other = (*SIGNATORIES, Signatory("am-police", PERSON, "authorised", "cis-2001", ()))

    assert in_world(c18(), signatories=other).decide().permitted


def test_expert_beside_the_head_makes_a_message_no_less_an_experts() -> None:
    """CZ-06: whatever else signs, an expert sent to the other side does not ask, answer or inform."""
    experts = (*SIGNATORIES, Signatory("cz-police", EXPERT, "expert", "cz-kz", ()))
    message = cz(signers=(KEY_ID, HEAD, SEAL, EXPERT))

    assert codes(in_world(message, signatories=experts).decide()) == {"expert-operational"}
    assert in_world(message, signatories=SIGNATORIES).decide().permitted


def _over(told: Told, connection: Peer | None) -> set[str]:
    by = Judge(directory(**(told.world or {})), law())
    return codes(by.decide_header(told.header, roles(told.header), NO_FACTS, connection, NOW))


@pytest.mark.parametrize("link", ["endpoint", "broker", "relay"])
def test_endpoint_is_judged_where_it_is_connected(link: str) -> None:
    """CA-29: no connection, no judgement; no kind of link, known or not, exempts a certificate that is not attested."""
    stale = attested("2025-01-01")

    assert _over(stale, peer("caricc", link=link)) == {"security-profile"}
    assert _over(stale, None) == set()
    assert _over(query(), replace(peer("caricc", link=link), spki_sha256="x")) == {"security-profile"}


def test_private_authority_is_denied_whatever_its_party() -> None:
    """LI-01: a private body listed by a State is private all the same."""
    changed = tuple(replace(each, entity="private") if each.id == "kz-mvd" else each for each in AUTHORITIES)

    assert codes(in_world(cz(), authorities=changed).decide()) == {"private-entity"}
    assert header("cz-police", "kz-mvd", "cz-kz") == cz().header
