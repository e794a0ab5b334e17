"""Which agreement governs: dates, exits, suspensions, supersession, and the traps of rules.md 1.7 about them."""

from collections import OrderedDict

import pytest
from msgspec.structs import replace

from gateway.domain.directory import Adherence, Exit, Suspension
from gateway.domain.message import PROTECTIVE_KINDS
from gateway.policy.agreements import read_law
from gateway.policy.decide import Judge
from gateway.policy.ground import Ground, make_room
from gateway.policy.rules.registry import HOUSE, OWN, SOURCED, Rules
from gateway.policy.standing import FOREVER_MS
from tests.policy.told import SYSTEMS, UKRAINE, c01, caricc, cz, under
from tests.policy.world import (
    AGREEMENTS,
    BOUND,
    STATES,
    adherence,
    at,
    bound_except,
    codes,
    decide,
    digest,
    directory,
    header,
    law,
    notified,
    rules,
)

# The status of the agreement of 2001 as printed, "as at 15 January 2008" (C1-27). Signed on 1 June 2001.
STATUS_2001: tuple[Adherence, ...] = tuple(
    adherence("cis-2001", party, signed_on="2001-06-01", notified_on=day, in_force_on=None, pending=party == "RU")
    for party, day in (
        ("BY", "2001-09-18"),
        ("TJ", "2002-02-20"),
        ("AM", "2002-03-14"),
        ("MD", "2002-04-03"),
        ("KZ", "2002-09-18"),
        ("AZ", "2004-05-14"),
        ("RU", "2004-12-31"),
        ("KG", None),
        ("UZ", None),
        ("UA", None),
    )
)
IN_FORCE_2001 = {
    "BY": "2002-03-14",
    "TJ": "2002-03-14",
    "AM": "2002-03-14",
    "MD": "2002-04-03",
    "KZ": "2002-09-18",
    "AZ": "2004-05-14",
}


def judge_of(*adherences: Adherence) -> Judge:
    """Return the judge of a federation in which exactly these are bound."""
    return Judge(directory(adherences), law())


@pytest.mark.parametrize("party", STATES)
def test_status_table_of_2001_binds_whom_it_says_from_when_it_says(party: str) -> None:
    """C1-21, C1-27, trap 3: the printed table follows from deposits; Russia deposited and is not in force."""
    ground = Ground(directory(STATUS_2001), law())
    other = "MD" if party != "MD" else "AM"
    bond = ground.bond(law().agreements["cis-2001"], party, other)

    if party not in IN_FORCE_2001:
        assert bond.unbound == (party,)
        return
    first = max(IN_FORCE_2001[party], IN_FORCE_2001[other])
    assert bond.clear(at(first, 0)) is not None
    assert bond.clear(at(first, 0) - 1) is None


def test_2001_is_in_force_for_nobody_before_the_third_deposit() -> None:
    """C1-21: two deposits bring nothing into force, not even between the two."""
    judge = judge_of(*STATUS_2001[:2])

    decision = decide(header("by-police", "tj-police", "cis-2001"), by=judge, at_ms=at("2007-01-01"))

    assert codes(decision) == {"agreement-not-in-force"}


def test_2018_enters_into_force_30_days_after_the_third_notification_and_later_ones_after_their_own() -> None:
    """C8-35, C8-34: 30 days after the third; a later or acceding party 30 days after its own."""
    entries = (
        notified("cis-2018", "AM", "2020-01-05"),
        notified("cis-2018", "BY", "2020-01-20"),
        notified("cis-2018", "KZ", "2020-03-01"),
        notified("cis-2018", "UZ", "2020-06-01", signed_on=None),
    )
    ground = Ground(directory(entries), law())
    agreement = law().agreements["cis-2018"]

    assert ground.bond(agreement, "AM", "BY").begin_ms == at("2020-03-31", 0)
    assert ground.bond(agreement, "AM", "UZ").begin_ms == at("2020-07-01", 0)


def test_state_that_accedes_to_2001_needs_the_day_of_the_final_consent() -> None:
    """C1-24: its own deposit brings an acceding State nothing; the day on which all had consented does."""
    entries = (*STATUS_2001[:3], notified("cis-2001", "TM", "2010-01-01", signed_on=None))
    stated = (*STATUS_2001[:3], adherence("cis-2001", "TM", signed_on=None, in_force_on="2011-01-01"))
    message = header("by-police", "tm-police", "cis-2001")

    assert codes(decide(message, by=judge_of(*entries))) == {"agreement-not-in-force"}
    assert decide(message, by=judge_of(*stated)).permitted


def test_one_notification_of_two_does_not_bring_caricc_into_force() -> None:
    """CA-21: the exchange needs both notifications, and the date is never derived from them."""
    one = (adherence("caricc-2012", "INTERPOL"), adherence("caricc-2012", "CARICC", notified_on=None))
    undated = tuple(notified("caricc-2012", party, "2012-06-01") for party in ("INTERPOL", "CARICC"))

    assert rules(under(one, caricc()).decide()) == {"CA-21"}
    assert rules(under(undated, caricc()).decide()) == {"CA-21"}


def test_one_notification_of_two_does_not_bring_cz_kz_into_force() -> None:
    """CZ-42: the last notification counts, so both must be there, whichever is missing."""
    for first, second in (("2024-01-15", None), (None, "2024-01-15")):
        entries = (notified("cz-kz", "CZ", first), notified("cz-kz", "KZ", second))
        assert rules(under(entries, cz()).decide()) == {"CZ-42"}


def test_armenia_and_moldova_stay_under_2001_while_only_armenia_is_a_party_of_2018() -> None:
    """Trap 4, C8-36: pairwise; the refusal under 2018 names the instrument that does govern (CZ-39)."""
    refused = decide(header("am-police", "md-police", "cis-2018"))

    assert c01().decide().permitted
    assert codes(refused) == {"agreement-not-in-force"}
    assert "AM-MD is governed by cis-2001" in (refused.reasons[0].detail or "")


def test_2001_governs_again_once_a_party_has_left_2018() -> None:
    """C8-36: 2018 takes the place of 2001 on days on which both are its parties; from its exit on, 2001 again."""
    left = bound_except("cis-2018", "AM", adherence("cis-2018", "AM", exit=Exit("2026-01-10", None)))
    asked = c01(recipients=header("am-police", "by-police", "cis-2001").recipients)

    assert codes(under(left, asked, at("2026-07-10")).decide()) == {"agreement-superseded"}
    assert under(left, asked, at("2026-07-11")).decide().permitted


def _with_1998(text: str) -> Judge:
    """Return the judge of a federation that still lists an older Czech-Kazakh agreement."""
    files = {path.name: path.read_bytes() for path in AGREEMENTS.glob("*.toml")}
    both = read_law({**files, "cz-kz-1998.toml": text.encode()})
    older = tuple(adherence("cz-kz-1998", party) for party in ("CZ", "KZ", "KG"))
    return Judge(directory((*BOUND, *older), law_digests=both.digests), both)


def _of_1998() -> str:
    """Return the present agreement under the older one's name, without its own supersession."""
    text = (AGREEMENTS / "cz-kz.toml").read_text().replace('id = "cz-kz"', 'id = "cz-kz-1998"').replace("CZKZ", "OLD")
    first, last = text.index('[[clause]]\ncheck = "supersession"'), text.index('[[clause]]\ncheck = "survival"')
    return text[:first] + text[last:]


def test_agreement_of_1998_has_ended_altogether() -> None:
    """CZ-44, CZKZ Art. 18(3): on entry into force of its successor, wholly, for whoever else was bound by it too."""
    bilateral = _with_1998(_of_1998())
    wider = _with_1998(_of_1998().replace('between = ["CZ", "KZ"]\n', ""))
    message = replace(cz().header, agreement="cz-kz-1998")
    beside = replace(message, originator="kg-police")

    for judge, each in ((bilateral, message), (wider, message), (wider, beside)):
        reasons = [(reason.rule, reason.article) for reason in decide(each, by=judge).reasons]
        assert reasons == [("CZ-44", "CZKZ Art. 18(3)")]


def test_bound_memory_of_the_caches_drops_the_oldest() -> None:
    """Kinds are the senders' words: what is remembered about them has a bound."""
    cache = OrderedDict(a=1, b=2)
    make_room(cache, 3)
    assert list(cache) == ["a", "b"]
    make_room(cache, 2)

    assert list(cache) == ["b"]


def test_suspension_begins_and_ends_with_the_first_millisecond_of_a_day() -> None:
    """CZ-41, the edge itself: delivered on 1 March it works from 17 March 00:00 UTC, revoked on 1 April to the 17th."""
    entry = adherence("cz-kz", "KZ", suspensions=(Suspension("2026-03-01", "2026-04-01", (), ()),))
    judge = Judge(directory(bound_except("cz-kz", "KZ", entry)), law())
    plain = Judge(judge.directory, law(), Rules(HOUSE, OWN, SOURCED))
    edges = (at("2026-03-17", 0) - 1, at("2026-03-17", 0), at("2026-04-17", 0) - 1, at("2026-04-17", 0))
    message = cz().header

    for each in (judge, plain):
        assert [decide(message, by=each, at_ms=edge).permitted for edge in edges] == [True, False, False, True]
    bond = judge.ground.bond(law().agreements["cz-kz"], "CZ", "KZ")
    assert bond.clear(edges[0]) == (at("2020-01-01", 0), at("2026-03-17", 0))
    assert bond.clear(edges[1]) is None
    assert bond.clear(edges[3]) == (at("2026-04-17", 0), FOREVER_MS)
    # However the quick path meets the edges: a lane is remembered only for its own interval.
    assert [decide(message, by=judge, at_ms=edge).permitted for edge in reversed(edges)] == [True, False, False, True]


def test_exits_follow_each_instruments_own_number() -> None:
    """Trap 2: three months (CARICC), six months from receipt (CZ-KZ, 2018), a chosen day six months ahead (2001)."""
    notice = Exit("2025-10-01", "2026-04-02")
    entries = tuple(
        adherence(agreement, party, exit=notice)
        for agreement, party in (
            ("caricc-2012", "INTERPOL"),
            ("cz-kz", "CZ"),
            ("cis-2018", "AM"),
            ("cis-2001", "MD"),
        )
    )
    others = (
        adherence("caricc-2012", "CARICC"),
        adherence("cz-kz", "KZ"),
        adherence("cis-2018", "KZ"),
        adherence("cis-2001", "AM"),
    )
    ground = Ground(directory((*entries, *others)), law())
    ends = {
        name: ground.bond(law().agreements[name], *pair).end_ms
        for name, pair in (
            ("caricc-2012", ("INTERPOL", "CARICC")),
            ("cz-kz", ("CZ", "KZ")),
            ("cis-2018", ("AM", "KZ")),
            ("cis-2001", ("AM", "MD")),
        )
    }
    unagreed = Ground(directory((adherence("caricc-2012", "INTERPOL", exit=Exit("2025-10-01", None)), *others)), law())

    # CARICC: the chosen day counts as agreed in writing (CA-22); without one, three months.
    assert ends["caricc-2012"] == at("2026-04-02", 0)
    assert unagreed.bond(law().agreements["caricc-2012"], "CARICC", "INTERPOL").end_ms == at("2026-01-02", 0)
    assert ends["cz-kz"] == ends["cis-2018"] == at("2026-04-02", 0)
    assert ends["cis-2001"] == at("2026-04-02", 0)


@pytest.mark.parametrize("chosen", [None, "2026-03-31"])
def test_withdrawal_from_2001_less_than_six_months_ahead_binds_nobody(chosen: str | None) -> None:
    """C1-23: a notice that contradicts the article is not guessed at; traffic stops until the record is mended."""
    entries = bound_except("cis-2001", "MD", adherence("cis-2001", "MD", exit=Exit("2025-10-01", chosen)))

    assert codes(under(entries, c01(), at("2025-11-01")).decide()) == {"dates-contradict"}


def test_suspension_where_the_text_knows_none_binds_nobody() -> None:
    """Only CZ-KZ can be suspended (matrix 1.6): elsewhere the record contradicts the instrument."""
    entries = bound_except(
        "cis-2001", "MD", adherence("cis-2001", "MD", suspensions=(Suspension("2025-01-01", None, (), ()),))
    )

    assert codes(under(entries, c01()).decide()) == {"dates-contradict"}


def test_a_day_that_does_not_exist_binds_nobody() -> None:
    """A false date in the directory fails closed."""
    entries = bound_except("cz-kz", "CZ", adherence("cz-kz", "CZ", in_force_on="2024-02-30"))

    assert codes(under(entries, cz()).decide()) == {"dates-contradict"}


@pytest.mark.parametrize(
    ("day", "suspended"),
    [("2026-03-15", False), ("2026-03-17", True), ("2026-04-14", True), ("2026-04-16", True), ("2026-04-18", False)],
)
def test_suspension_and_its_revocation_take_fifteen_days_each(day: str, suspended: bool) -> None:
    """CZ-41: delivered on 1 March, revoked on 1 April: suspended from 17 March to 16 April."""
    entry = adherence("cz-kz", "KZ", suspensions=(Suspension("2026-03-01", "2026-04-01", (), ()),))

    assert under(bound_except("cz-kz", "KZ", entry), cz(), at(day)).decide().permitted != suspended


def test_suspension_in_part_stops_only_what_it_names() -> None:
    """CZ-41, in full or partially: by kind and subject; a message that names no subject is not taken to be outside."""
    entry = adherence("cz-kz", "KZ", suspensions=(Suspension("2026-03-01", None, ("request",), ("narcotic-drugs",)),))
    entries = bound_except("cz-kz", "KZ", entry)

    assert not under(entries, cz()).decide().permitted
    assert not under(entries, cz(subjects=())).decide().permitted
    assert under(entries, cz(subjects=("corruption",))).decide().permitted
    assert under(entries, cz(kind="notice")).decide().permitted


ENDED = {
    "exit": bound_except("cz-kz", "KZ", adherence("cz-kz", "KZ", exit=Exit("2025-01-01", None))),
    "suspension": bound_except(
        "cz-kz", "KZ", adherence("cz-kz", "KZ", suspensions=(Suspension("2026-01-01", None, (), ()),))
    ),
}


@pytest.mark.parametrize("kind", sorted(PROTECTIVE_KINDS))
@pytest.mark.parametrize("end", sorted(ENDED))
def test_protective_kinds_pass_after_exit_and_suspension(end: str, kind: str) -> None:
    """Trap 15: use-check, correction, recall, proof of destruction and dispute outlive the agreement."""
    assert under(ENDED[end], cz(kind=kind)).decide().permitted
    assert not under(ENDED[end], cz()).decide().permitted


@pytest.mark.parametrize("kind", sorted(PROTECTIVE_KINDS))
def test_protective_kinds_pass_after_supersession_but_never_before_entry(kind: str) -> None:
    """Trap 15: they protect what was exchanged, so there must have been an agreement."""
    later = tuple(adherence("cz-kz", party, in_force_on="2027-01-01") for party in ("CZ", "KZ"))

    assert decide(header("am-police", "kz-mvd", "cis-2001", kind=kind)).permitted
    assert codes(under(later, cz(kind=kind)).decide()) == {"agreement-not-in-force"}


@pytest.mark.parametrize(
    ("originator", "to"),
    [("kz-mvd", "caricc"), ("kz-mvd", "kz-police"), ("kz-mvd", "ru-police"), ("cz-police", "interpol-gs")],
)
@pytest.mark.parametrize("agreement", ["caricc-2012", "cz-kz", "cis-2018", "cis-2001"])
def test_no_treaty_governs_the_pairs_that_the_texts_leave_out(originator: str, to: str, agreement: str) -> None:
    """Trap 13: KZ-CARICC, KZ-KZ, KZ-RU and CZ-INTERPOL need an instrument that an operator defined."""
    assert not decide(header(originator, to, agreement)).permitted


def test_operators_instrument_governs_what_the_texts_leave_out_and_says_so() -> None:
    """Trap 13: such traffic passes under an instrument whose every clause is marked as policy."""
    assert decide(header("kz-mvd", "caricc", "caricc-membership")).permitted
    assert decide(header("cz-police", "interpol-gs", "interpol-membership")).permitted
    assert decide(header("kz-mvd", "kz-police", "internal-kz")).permitted
    operators = [agreement for agreement in law().agreements.values() if agreement.origin == "operator"]
    assert all(clause.basis == "policy" for agreement in operators for clause in agreement.clauses)


def test_two_members_do_not_reach_each_other_through_a_hub() -> None:
    """An instrument of membership is with the organisation, not among its members."""
    assert codes(decide(header("kz-mvd", "kg-police", "caricc-membership"))) == {"pair-not-covered"}


def test_every_recipient_must_be_governed() -> None:
    """One recipient outside the agreement refuses the whole message, and is named."""
    decision = decide(header("am-police", ("kz-mvd", "md-police"), "cis-2018"))

    assert codes(decision) == {"agreement-not-in-force"}
    assert "MD not bound" in (decision.reasons[0].detail or "")


def test_reservation_of_ukraine_keeps_it_out_of_information_systems_both_ways() -> None:
    """C1-25: policy on the reservation; nothing else under 2001 is touched."""
    back = SYSTEMS._replace(
        header=header("ua-police", "md-police", "cis-2001", kind="information-systems", subjects=())
    )

    assert codes(under(UKRAINE, SYSTEMS).decide()) == codes(under(UKRAINE, back).decide()) == {"reservation"}
    assert under(UKRAINE, c01(recipients=header("am-police", "ua-police", "cis-2001").recipients)).decide().permitted


def test_open_list_of_heads_refuses_no_subject() -> None:
    """CZ-03: all types of crime; the fifteen heads are examples."""
    for subject in law().subjects:
        assert cz(subjects=(subject,)).decide().permitted


def test_agreement_that_the_edition_does_not_list_cannot_be_cited() -> None:
    """An agreement file on disk is no law until the directory says so."""
    digests = {name: value for name, value in law().digests.items() if name != "cz-kz"}
    judge = Judge(directory(law_digests=digests), law())

    assert codes(decide(cz().header, by=judge)) == {"agreement-unknown"}


def test_threat_o4_missing_or_altered_law_stops_everything() -> None:
    """O4: one agreement file swapped or removed closes the gateway, not only that agreement."""
    swapped = Judge(directory(law_digests={**law().digests, "cis-2018": digest("other")}), law())
    removed = Judge(directory(law_digests={**law().digests, "cis-1993": digest("gone")}), law())

    assert "law-mismatch" in codes(decide(cz().header, by=swapped))
    assert "law-mismatch" in codes(decide(cz().header, by=removed))
