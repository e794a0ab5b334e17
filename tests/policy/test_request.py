"""Referral, conditions, block lists, rule sets: what no single pair of tellings shows."""

from datetime import date
from typing import Any, get_args

import pytest
from msgspec.structs import replace

from gateway.domain.agreement import AnyClause
from gateway.domain.directory import Block, Exit
from gateway.policy.agreements import Law
from gateway.policy.decide import Judge
from gateway.policy.ground import SOURCED_TYPES
from gateway.policy.rules.registry import OWN, SOURCED, WITNESS
from gateway.policy.rules.terms import sets_in_effect
from tests.policy.cases_request import UKRAINE, referral
from tests.policy.told import Told, armenian, c18, cz, in_world, passing, refusal
from tests.policy.world import (
    NOW,
    adherence,
    bound_except,
    codes,
    digest,
    directory,
    facts,
    header,
    judge,
    label,
    law,
    rules,
    source,
)


def test_every_type_of_clause_has_one_function_or_is_read_by_another() -> None:
    """A type that the format knows and no rule reads could be written into a file and mean nothing."""
    assert set(OWN) | set(SOURCED) | WITNESS == set(get_args(AnyClause))
    assert set(SOURCED) == SOURCED_TYPES
    assert not set(OWN) & set(SOURCED)


def test_referral_inside_a_state_is_governed_by_the_bond_with_the_initiator() -> None:
    """Trap 9, C8-21: the agreement of 2018 governs what Kazakhstan hands on at home, until it has ended."""
    told = referral("cis-2018", ("kz-police", "am-police"))
    left = bound_except("cis-2018", "AM", adherence("cis-2018", "AM", exit=Exit("2025-01-10", None)))

    assert told.decide().permitted
    assert rules(in_world(told, adherences=left).decide()) == {"C8-37"}


def test_only_a_referral_goes_home_under_a_treaty() -> None:
    """Trap 13: nothing in the texts governs KZ to KZ; no other kind, and no referral of what one does not hold."""
    other = referral("cis-2018", ("kz-police", "am-police"), kind="notice")
    unheld = referral("cis-2018", ("kz-police", "am-police"), in_reply_to=digest("another"))

    assert codes(other.decide()) == {"pair-not-covered"}
    assert codes(unheld.decide()) == {"pair-not-covered", "reply-unavailable", "initiator-not-notified"}


@pytest.mark.parametrize(("agreement", "rule"), [("cis-2018", "C8-21"), ("cis-2001", "C1-12")])
def test_referral_under_another_instrument_owes_what_the_requests_own_asks(agreement: str, rule: str) -> None:
    """Trap 12: handing a request on under the instrument for traffic at home does not save telling its initiator."""
    told = referral(agreement, "kz-police")
    at_home = told._replace(header=replace(header("kz-mvd", "kz-police", "internal-kz"), kind="referral"))
    at_home = at_home._replace(header=replace(at_home.header, in_reply_to=digest("source")))

    assert rules(at_home.decide()) == {rule}


def test_referral_is_dispatched_to_each_of_its_recipients() -> None:
    """C8-21: judged at admission, where all recipients are seen; at dispatch there is one."""
    told = referral("cis-2018", ("kz-police", "am-police"))
    for recipient in ("kz-police", "am-police"):
        assert judge().decide_dispatch(told.header, facts(*told.known), recipient, NOW).permitted


def test_initiator_is_not_told_to_whoever_does_not_hold_the_request() -> None:
    """E27: the reason names the initiator of a request only to those who sent or received it."""
    foreign = source("source", "am-police", "by-police", "cis-2018", kind="request")
    told = referral("cis-2018", "am-nss", in_reply_to=digest("source"))
    decision = told._replace(known=(foreign,)).decide()

    assert [each.detail for each in decision.reasons if each.code == "initiator-not-notified"] == [None]


def test_answer_under_another_instrument_keeps_the_fact_confidential() -> None:
    """C8-26, trap 12: the instrument of what is answered asks for the mark, whatever the answer cites."""
    asked = armenian(kind="request", label=label(confidential_fact=True), recipients=("kz-mvd", "kz-police"))
    told = Told(header("kz-mvd", "kz-police", "internal-kz", in_reply_to=asked.header_sha256), (asked,))
    marked = replace(told.header, label=label(confidential_fact=True))
    by_police = replace(
        told.header, originator="am-police", recipients=header("kz-mvd", "kz-mvd", "cis-2018").recipients
    )

    assert rules(told.decide()) == {"C8-26"}
    assert told._replace(header=marked).decide().permitted
    assert "C8-26" not in rules(told._replace(header=by_police).decide())


def test_grounds_of_ukraines_reservation_are_ukraines_alone() -> None:
    """C1-26: the interests of the State are a ground for Ukraine, and for nobody else; national law for everybody."""

    def refused(name: str, ground: str) -> set[str]:
        told = Told(header(name, "az-police", "cis-2001"))
        refusing = refusal(told, refusal__ground=ground, refusal__reasons=True)
        return rules(in_world(refusing, adherences=UKRAINE).decide())

    assert refused("ua-police", "state-interests") == refused("ua-police", "national-law") == set()
    assert refused("md-police", "national-law") == set()
    assert refused("md-police", "state-interests") == {"C1-16"}
    assert refused("ua-police", "sovereignty") == {"C1-16", "C1-26"}


def test_condition_binds_the_party_that_accepted_it_and_nobody_else() -> None:
    """C8-24: accepted by one authority of Kazakhstan it binds all of them; a State that never accepted is flagged."""
    given = armenian(
        kind="conditions", recipients=("kz-mvd", "by-police"), conditions=("no-copies",), accepted=("kz-police",)
    )
    kazakh = passing(given, "am-police", "cis-2018").decide()
    belarusian = passing(given, "am-police", "cis-2018", by="by-police").decide()

    assert codes(kazakh) == {"condition-dropped"}
    assert belarusian.permitted
    assert [each.code for each in belarusian.flags] == ["condition-not-accepted"]


def test_results_keep_their_restrictions_whether_accepted_or_not() -> None:
    """C8-28: restrictions on results bind by Art. 9(2); under CZ-KZ any condition binds once stipulated (CZ-20)."""
    results = passing(armenian(conditions=("no-copies",)), "am-police", "cis-2018")
    czech = source("source", "cz-police", "kz-mvd", "cz-kz", conditions=("no-copies",))

    assert rules(results.decide()) == {"C8-28"}
    assert rules(passing(czech, "cz-police", "cz-kz").decide()) == {"CZ-20"}


def blocked(**changes: Any) -> set[str]:
    """Return what is said of a Czech request about drugs where a State's law keeps something back."""
    empty: dict[str, Any] = {"kinds": (), "subjects": (), "purposes": (), "categories": (), "parties": ()}
    block = Block(**{"party": "KZ", "law": "Act 1 of 2020", "directions": ("receive",), **empty, **changes})
    marking = label(personal_data=True, special_categories=("health",), necessity="search")
    told = cz(label=marking, destroy_by_ms=NOW + 1)
    return codes(in_world(told, blocks=(block,)).decide())


@pytest.mark.parametrize(
    ("changes", "stops"),
    [
        ({}, True),
        ({"directions": ("send",)}, False),
        ({"directions": ("send",), "party": "CZ"}, True),
        ({"party": "AM"}, False),
        ({"kinds": ("request",)}, True),
        ({"kinds": ("reply",)}, False),
        ({"subjects": ("narcotic-drugs", "terrorism")}, True),
        ({"subjects": ("terrorism",)}, False),
        ({"purposes": ("detection",)}, True),
        ({"purposes": ("prevention",)}, False),
        ({"categories": ("health",)}, True),
        ({"categories": ("religion",)}, False),
        ({"parties": ("CZ",)}, True),
        ({"parties": ("AM",)}, False),
        ({"kinds": ("request",), "categories": ("religion",)}, False),
    ],
)
def test_block_stops_what_meets_every_list_that_is_not_empty(changes: dict[str, Any], stops: bool) -> None:
    """CZ-46: direction, kind, subject, purpose, category, the party at the other side: all of those that are given."""
    assert blocked(**changes) == ({"national-law"} if stops else set())


def test_successor_of_a_rule_set_counts_from_the_day_on_which_what_it_replaces_ended() -> None:
    """Trap 1: the sets a, b, c of Annex 1 ended on 30 June 2012; the RPD came in their place, d goes on."""
    agreement = law().agreements["caricc-2012"]
    before = sets_in_effect(agreement, date(2012, 6, 29))
    after = sets_in_effect(agreement, date(2012, 6, 30))

    assert set(before) == {"rpi", "rpi-implementing", "igo-access", "control-of-information"}
    assert set(after) == {"rpd", "control-of-information"}


def _with_capabilities(*given: str) -> Judge:
    changed = replace(law().agreements["cz-kz"], capabilities=given)
    return Judge(directory(), Law({**law().agreements, "cz-kz": changed}, law().digests))


def test_instrument_without_exchange_of_information_carries_what_protects_and_administers() -> None:
    """LI-02: joint projects alone open no requests; administration and protective kinds need no capability."""

    def kinds(kind: str) -> set[str]:
        told = cz(kind=kind, subjects=())
        by = _with_capabilities("joint-projects")
        return codes(by.decide_header(told.header, ("message",), facts(), None, NOW))

    assert kinds("request") == {"capability-missing"}
    assert kinds("consultation") == kinds("recall") == kinds("training") == set()


def test_urgent_preservation_is_flagged_never_refused() -> None:
    """C8-11: the text speaks of urgent security of data; one that is marked routine passes, marked."""
    decision = c18(kind="preservation").decide()

    assert decision.permitted
    assert [(each.rule, each.code) for each in decision.flags] == [("C8-11", "urgency-too-low")]
