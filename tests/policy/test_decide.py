"""The judge: every rule silent or refused (P-04), order without effect (P-05), and every failure closed."""

import hashlib
import random
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.domain.agreement import Agreement
from gateway.domain.clause import (
    Clause,
    Conditions,
    Confidentiality,
    Form,
    Kinds,
    Language,
    OtherUse,
    Purposes,
    SpecialCategories,
    Subjects,
    ThirdParty,
)
from gateway.domain.decision import Decision, Reason
from gateway.domain.directory import Suspension
from gateway.domain.facts import NO_FACTS
from gateway.policy.agreements import Law
from gateway.policy.case import Case, Finding, build_case
from gateway.policy.decide import REASONS_MAX, Judge, findings
from gateway.policy.ground import Ground
from gateway.policy.rules.registry import HOUSE, OWN, RULES, SOURCED, Rules, checks
from tests.policy.situations import federation, situations
from tests.policy.test_rules import CASES
from tests.policy.told import LATER, Told, allowed, c01, cz, czech, passing
from tests.policy.world import (
    AUTHORITIES,
    NOW,
    adherence,
    at,
    authority,
    bound_except,
    codes,
    decide,
    digest,
    directory,
    facts,
    header,
    judge,
    label,
    law,
    peer,
    roles,
    rules,
)


def drawn(seed: int) -> tuple[Ground, Case]:
    """Return one seeded situation as a case."""
    random_ = random.Random(seed)
    ground = Ground(federation(random_), law())
    (told,) = situations(random_, ground.directory, 1)
    return ground, build_case(ground, told.header, roles(told.header), told.facts, told.peer, told.at_ms)


@settings(max_examples=150)
@given(st.integers(0, 2**32), st.randoms(use_true_random=False))
def test_p05_order_of_the_rules_does_not_change_what_they_say(seed: int, shuffler: random.Random) -> None:
    """P-05: every permutation of the rules finds the same."""
    _, case = drawn(seed)
    bound = checks(case)
    expected = sorted(map(repr, findings(case, bound)))
    shuffler.shuffle(bound)

    assert sorted(map(repr, findings(case, bound))) == expected


@settings(max_examples=100)
@given(st.integers(0, 2**32), st.randoms(use_true_random=False))
def test_p05_order_of_house_rules_clauses_and_citations_does_not_change_the_decision(
    seed: int, shuffler: random.Random
) -> None:
    """P-05: shuffled rules, shuffled clauses of every agreement, shuffled sources and consents: an equal decision."""
    ground, case = drawn(seed)
    house = list(HOUSE)
    shuffler.shuffle(house)
    agreements = {name: _shuffled(agreement, shuffler) for name, agreement in law().agreements.items()}
    sources, consents = list(case.header.sources), list(case.header.consents)
    shuffler.shuffle(sources)
    shuffler.shuffle(consents)
    message = replace(case.header, sources=tuple(sources), consents=tuple(consents))
    plain = Judge(ground.directory, law(), Rules(HOUSE, OWN, SOURCED))
    mixed = Judge(ground.directory, Law(agreements, law().digests), Rules(tuple(house), OWN, SOURCED))

    assert mixed.decide_header(message, roles(message), case.facts, case.peer, case.at_ms) == plain.decide_header(
        case.header, roles(case.header), case.facts, case.peer, case.at_ms
    )


def _shuffled(agreement: Agreement, shuffler: random.Random) -> Agreement:
    clauses = list(agreement.clauses)
    shuffler.shuffle(clauses)
    return replace(agreement, clauses=tuple(clauses))


@settings(max_examples=100)
@given(st.integers(0, 2**32))
def test_p04_permitted_exactly_if_every_rule_is_silent(seed: int) -> None:
    """P-04: one refusing finding refuses; flags alone do not; and the lane changes nothing of it."""
    ground, case = drawn(seed)
    found = findings(case, checks(case))
    decision = Judge(ground.directory, law()).decide_header(
        case.header, roles(case.header), case.facts, case.peer, case.at_ms
    )

    assert decision.permitted == all(finding.effect != "refuse" for finding in found)
    assert {reason.code for reason in decision.reasons} == {
        each.reason.code for each in found if each.effect == "refuse"
    }
    assert {reason.code for reason in decision.flags} == {each.reason.code for each in found if each.effect == "flag"}


def failing(*_: Any) -> Iterator[Finding]:
    """A rule with a defect."""
    raise KeyError("a person's name that must not travel")


@pytest.mark.parametrize("number", range(len(HOUSE)))
def test_house_rule_that_raises_refuses_and_the_others_still_speak(number: int) -> None:
    """Fail closed, rule by rule: `rule-failed`, no text of the error, and every other reason beside it."""
    house = (*HOUSE[:number], failing, *HOUSE[number + 1 :])
    broken = Judge(directory(), law(), Rules(house, OWN, SOURCED))
    refused = decide(cz(purposes=("investigation",)).header, by=broken)

    assert codes(decide(cz().header, by=broken)) == {"rule-failed"}
    assert {"rule-failed", "purpose-outside-agreement"} <= codes(refused)
    assert [each.detail for each in refused.reasons if each.code == "rule-failed"] == ["failing: KeyError"]


# Every type of clause that the shipped law uses, and that is judged.
USED = {type(clause) for agreement in law().agreements.values() for clause in agreement.clauses}
TYPES = sorted(USED & {*OWN, *SOURCED}, key=lambda type_: type_.__name__)


def _telling(type_: type[Clause]) -> tuple[Told, Clause]:
    """Return a told message to which a clause of this type applies, a permitted one if there is."""
    for told in (*(case.kept for case in CASES), *(case.broken for case in CASES)):
        ground = Ground(directory(**(told.world or {})), law())
        connection = peer(told.header.originator)
        case = build_case(ground, told.header, roles(told.header), facts(*told.known), connection, told.at_ms)
        for check in checks(case):
            if isinstance(check.clause, type_):
                return told, check.clause
    raise AssertionError(f"no case tells of {type_}")


@pytest.mark.parametrize("type_", TYPES, ids=lambda type_: type_.__name__)
def test_clause_whose_rule_raises_refuses(type_: type[Clause]) -> None:
    """Fail closed, clause by clause: the reason names the article that could not be judged."""
    told, clause = _telling(type_)
    table = {**OWN, type_: failing} if type_ in OWN else OWN
    sourced = {**SOURCED, type_: failing} if type_ in SOURCED else SOURCED
    broken = Judge(directory(**(told.world or {})), law(), Rules(HOUSE, table, sourced))
    decision = decide(told.header, *told.known, by=broken, at_ms=told.at_ms)

    assert ("rule-failed", clause.article) in {(each.code, each.article) for each in decision.reasons}


@pytest.mark.parametrize("type_", TYPES, ids=lambda type_: type_.__name__)
def test_clause_that_no_rule_reads_refuses(type_: type[Clause]) -> None:
    """Fail closed: a clause without a function is not silently passed over."""
    told, clause = _telling(type_)
    own = {key: rule for key, rule in OWN.items() if key is not type_}
    sourced = {key: rule for key, rule in SOURCED.items() if key is not type_}
    lacking = Judge(directory(**(told.world or {})), law(), Rules(HOUSE, own, sourced))
    decision = decide(told.header, *told.known, by=lacking, at_ms=told.at_ms)

    assert any(each.code == "rule-missing" and clause.rule in (each.detail or "") for each in decision.reasons)


def _law_without(agreement: str, unwanted: type[Clause]) -> Law:
    """Return the law as if a file had been read that states no such clause."""
    kept = tuple(clause for clause in law().agreements[agreement].clauses if not isinstance(clause, unwanted))
    changed = replace(law().agreements[agreement], clauses=kept)
    return Law({**law().agreements, agreement: changed}, law().digests)


@pytest.mark.parametrize("unwanted", [Kinds, Purposes, Subjects])
def test_instrument_without_a_needed_clause_permits_nothing(unwanted: type[Clause]) -> None:
    """Default deny: silence of the data on kinds, purposes or subjects does not permit, on the quick path neither."""
    silent = Judge(directory(), _law_without("cz-kz", unwanted))

    assert codes(decide(cz().header, by=silent)) == {"clause-missing"}


@pytest.mark.parametrize("unwanted", [OtherUse, ThirdParty, Conditions, Confidentiality])
def test_instrument_without_a_clause_on_sources_lets_none_be_used(unwanted: type[Clause]) -> None:
    """Default deny: information that came under an instrument silent on its use is not used."""
    silent = Judge(directory(), _law_without("cz-kz", unwanted))
    told = passing(czech(), "cz-police", "cz-kz")

    assert codes(decide(told.header, *told.known, by=silent)) == {"clause-missing"}


def test_clause_that_only_records_neither_refuses_nor_flags() -> None:
    """Effect `record`: noted in the explanation, without effect on passage, on either path."""
    clauses = tuple(
        replace(clause, effect="record") if isinstance(clause, Form) else clause for clause in _of("cis-2018")
    )
    recording = Law(
        {**law().agreements, "cis-2018": replace(law().agreements["cis-2018"], clauses=clauses)}, law().digests
    )
    message = header("am-police", "kz-mvd", "cis-2018", form={})
    for rules_ in (RULES, Rules(HOUSE, OWN, SOURCED)):
        decision = decide(message, by=Judge(directory(), recording, rules_))
        assert decision.permitted
        assert not decision.flags


def _of(agreement: str) -> tuple[Any, ...]:
    return law().agreements[agreement].clauses


def test_two_clauses_of_one_kind_both_hold_on_either_path() -> None:
    """Every clause that concerns a message applies: a second, narrower one is not hidden behind the first."""
    languages = Language(rule="CZ-22", article="x", basis="policy", languages=("en", "cs"))
    categories = SpecialCategories(rule="CZ-24", article="x", basis="policy", categories=("health",))
    doubled = replace(law().agreements["cz-kz"], clauses=(*_of("cz-kz"), languages, categories))
    both = Law({**law().agreements, "cz-kz": doubled}, law().digests)
    health = label(personal_data=True, special_categories=("health",), necessity="identification")
    religion = replace(health, special_categories=("religion",))
    for rules_ in (RULES, Rules(HOUSE, OWN, SOURCED)):
        judging = Judge(directory(), both, rules_)
        assert decide(cz(label=health, destroy_by_ms=LATER).header, by=judging).permitted
        assert codes(decide(cz(label=religion, destroy_by_ms=LATER).header, by=judging)) == {"special-category-unknown"}
        assert codes(decide(cz(language="cs").header, by=judging)) == {"language"}
        assert codes(decide(cz(language="ru").header, by=judging)) == {"language"}


def test_should_flags_and_never_refuses() -> None:
    """C1-08: `should contain`; the same omission under 2018, `must`, refuses with the missing letters."""
    flagged = c01(form={}).decide()
    refused = decide(header("am-police", "kz-mvd", "cis-2018", form={"element.a": True}))

    assert flagged.permitted
    assert [(each.rule, each.article) for each in flagged.flags] == [("C1-08", "CIS2001 Art. 6(4)")]
    assert [each.detail for each in refused.reasons] == [", ".join(f"element.{letter}" for letter in "bcdefg")]


def test_all_reasons_come_back_at_once() -> None:
    """One message, wrong in every family: one answer with all of it."""
    message = header(
        "kz-mvd",
        "caricc",
        "cz-kz",
        purposes=("border-control",),
        label=label(level="top-secret", personal_data=True),
        language="ru",
        sources=(digest("source"),),
        consents=(digest("nothing"),),
    )

    assert codes(decide(message, czech())) == {
        "pair-not-covered",
        "purpose-outside-agreement",
        "purpose-outside-source",
        "clearance-exceeded",
        "consent-unavailable",
        "consent-missing",
        "destruction-deadline-missing",
        "language",
    }


def test_deciding_is_total() -> None:
    """A header that no decoder would let through is refused, not raised."""
    nonsense = replace(cz().header, label=replace(label(), level="cosmic"))
    unlisted = replace(cz().header, sources=(None,))

    assert codes(decide(nonsense)) == {"rule-failed"}
    assert not decide(unlisted).permitted


def test_reasons_fit_a_record_however_many_there_are() -> None:
    """A record holds 64 reasons of bounded text (wire.md): what does not fit is counted."""
    sources = tuple(czech(header_sha256=digest(str(number)), agreement=f"old-{number}") for number in range(200))
    message = header("kz-mvd", "cz-police", "cz-kz", sources=tuple(each.header_sha256 for each in sources))
    decision = decide(message, *sources)

    assert len(decision.reasons) == REASONS_MAX
    assert decision.reasons[-1].code == "more-reasons"
    assert decision.reasons[-1].detail == str(200 - REASONS_MAX + 1)


@settings(max_examples=200)
@given(st.integers(0, 2**32))
def test_every_reason_can_be_recorded(seed: int) -> None:
    """A reason that the wire's types refuse could never be recorded: all of them decode as they were made."""
    ground, case = drawn(seed)
    decision = Judge(ground.directory, law()).decide_header(
        case.header, roles(case.header), case.facts, case.peer, case.at_ms
    )
    for reason in (*decision.reasons, *decision.flags):
        assert msgspec.json.decode(msgspec.json.encode(reason), type=Reason) == reason


def test_long_details_are_cut_to_what_a_record_takes() -> None:
    """A message to 256 unknown recipients still gets a recordable answer."""
    message = header("cz-police", [f"unknown-authority-{number}" for number in range(256)], "cz-kz")
    for reason in decide(message).reasons:
        assert msgspec.json.decode(msgspec.json.encode(reason), type=Reason) == reason


def _dispatched(by: Judge, at_ms: int = NOW) -> Decision:
    return by.decide_dispatch(cz().header, NO_FACTS, "kz-mvd", at_ms)


def test_dispatch_judges_again_under_the_newer_edition_and_says_which_rule() -> None:
    """Design 1: recipient revoked, agreement suspended meanwhile, edition expired: stopped, each by its own rule."""
    revoked = Judge(directory(authorities=(*AUTHORITIES, authority("kz-mvd", "KZ", revoked=True))), law())
    suspended = adherence("cz-kz", "KZ", suspensions=(Suspension("2026-05-01", None, (), ()),))
    stopped = Judge(directory(bound_except("cz-kz", "KZ", suspended)), law())
    lowered = Judge(directory(authorities=(*AUTHORITIES, authority("kz-mvd", "KZ", clearance="open"))), law())

    assert _dispatched(judge()).permitted
    assert codes(_dispatched(revoked)) == {"authority-revoked"}
    assert rules(_dispatched(stopped)) == {"CZ-41"}
    assert rules(_dispatched(lowered)) == {"ACC-07"}
    assert codes(_dispatched(judge(), at("2030-01-01"))) == {"edition-expired"}


def test_dispatch_judges_one_recipient_without_the_others() -> None:
    """A revoked co-recipient does not hold back the message of another."""
    message = header("kz-mvd", ("cz-police", "cz-customs"), "cz-kz")
    revoked = Judge(directory(authorities=(*AUTHORITIES, authority("cz-customs", "CZ", revoked=True))), law())

    assert revoked.decide_dispatch(message, NO_FACTS, "cz-police", NOW).permitted
    assert not revoked.decide_dispatch(message, NO_FACTS, "cz-customs", NOW).permitted
    assert not revoked.decide_dispatch(message, NO_FACTS, "md-police", NOW).permitted


def test_reply_is_dispatched_without_asking_for_what_it_answers() -> None:
    """What was answered does not change after admission, so dispatch needs no facts of it."""
    reply = cz(kind="reply", in_reply_to=digest("request")).header

    assert judge().decide_dispatch(reply, NO_FACTS, "kz-mvd", NOW).permitted


def test_consents_used_are_those_that_are_known() -> None:
    """What the store books: each cited consent once, with the number of uses its provider allowed."""
    known = allowed("cz-police", "kz-mvd", "cz-kz", "caricc", uses_max=3)
    message = header("kz-mvd", "caricc", "caricc-membership", consents=(digest("consent"), digest("consent")))

    assert judge().consent_uses(message, facts(known)) == ((hashlib.sha256(b"consent").digest(), 3),)
    assert judge().consent_uses(message, NO_FACTS) == ()


def test_references_are_sources_and_what_is_answered() -> None:
    """What the switch must read before it asks for a decision."""
    message = cz(sources=(digest("a"),), in_reply_to=digest("b")).header

    assert Judge.references(message) == (digest("a"), digest("b"))


def test_what_became_of_a_message_is_a_decision_like_any_other() -> None:
    """ACC-10, ACC-13: refused, with edition and law, so that the store can record it."""
    for ended in (
        judge().withdrawn,
        judge().reused,
        judge().expired,
        judge().key_compromised,
        judge().attempts_exhausted,
        judge().undecipherable,
    ):
        decision = ended("cz-kz")
        assert not decision.permitted
        assert decision.edition == judge().ground.edition
        assert decision.law_sha256 == law().sha256
        assert rules(decision) <= {"ACC-10", "ACC-13"}
