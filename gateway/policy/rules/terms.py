"""Terms: what must have been accepted before an instrument gives anything, and what it gives at all."""

from datetime import date

from gateway.domain.agreement import Agreement
from gateway.domain.clause import Acceptance, EntityClasses, RuleSet, RuleSets
from gateway.domain.decision import Reason
from gateway.domain.message import PROTECTIVE_KINDS
from gateway.policy.case import Case, Finding, Findings, breach, listed
from gateway.policy.dates import day_of, parse_day
from gateway.policy.ground import Ground
from gateway.policy.house import ARTICLES

# What is no exchange of information in an investigation: administration, and what protects what was exchanged.
UNOPERATIONAL_KINDS: frozenset[str] = PROTECTIVE_KINDS | {"administrative", "consultation", "training"}


def capability_missing(agreement: Agreement, kind: str) -> str | None:
    """Return the capability that a kind of message needs and `agreement` does not give, or None."""
    if kind == "query" and "database-access" not in agreement.capabilities:
        return "database-access"
    if kind not in UNOPERATIONAL_KINDS and "information-exchange" not in agreement.capabilities:
        return "information-exchange"
    return None


def capable(case: Case) -> Findings:
    """ACC-15: an instrument gives what it provides for; having one is not having database access (LI-02)."""
    missing = capability_missing(case.agreement, case.header.kind) if case.agreement else None
    if missing is not None:
        detail = f"{case.header.agreement}: {missing}"
        yield Finding("refuse", Reason("capability-missing", "LI-02", ARTICLES["ACC-15"], "policy", detail))


def sets_in_effect(agreement: Agreement, day: date) -> tuple[str, ...]:
    """Return the rule sets of `agreement` in effect on a day; a successor waits until what it replaces has ended."""
    sets = [each for clause in agreement.clauses if isinstance(clause, RuleSets) for each in clause.sets]
    current = [each for each in sets if _within(each, day)]
    replacing = {each.successor for each in current}
    return tuple(each.id for each in current if each.id not in replacing)


def _within(each: RuleSet, day: date) -> bool:
    begun = each.from_ is None or parse_day(each.from_) <= day
    return begun and (each.until is None or day < parse_day(each.until))


def rule_sets(clause: RuleSets, case: Case) -> Findings:
    """Which rule sets were in effect is told with the decision (CA-25)."""
    if case.agreement is not None:
        yield breach(clause, "rule-sets-apply", listed(sets_in_effect(case.agreement, day_of(case.at_ms))), "record")


def unaccepted(
    clause: Acceptance, ground: Ground, agreement: Agreement, at_ms: int
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the terms and the rule sets in effect that the clause's party has not accepted."""
    adherence = ground.directory.adherences.get((agreement.id, clause.party))
    accepted = adherence.accepted if adherence is not None else ()
    current = sets_in_effect(agreement, day_of(at_ms)) if clause.rule_sets else ()
    return (
        tuple(each for each in clause.terms if each not in accepted),
        tuple(each for each in current if each not in accepted),
    )


def acceptance(clause: Acceptance, case: Case) -> Findings:
    """Until its party has accepted terms and rule sets nothing is given (CA-13, CA-27)."""
    if case.agreement is None:
        return
    terms, sets = unaccepted(clause, case.ground, case.agreement, case.at_ms)
    if terms:
        yield breach(clause, "terms-not-accepted", f"{clause.party}: {listed(terms)}"[:200])
    if sets:
        yield breach(clause, "rule-set-not-accepted", f"{clause.party}: {listed(sets)}"[:200])


def entity_class(clause: EntityClasses, case: Case) -> Findings:
    """The originator is of a class that is let in (CA-28)."""
    if case.originator is not None and case.originator.entity not in clause.allowed:
        yield breach(clause, "entity-class", f"{case.originator.id}: {case.originator.entity}")
