"""One policy test: a message, a day, and what a lawyer says must come of it, compared with what the rules say."""

from msgspec import Struct

from gateway.domain.facts import Facts
from gateway.domain.message import Header
from gateway.domain.session import Peer
from gateway.policy.decide import Judge
from gateway.policy.explain import Explained, explained


class Trial(Struct, frozen=True):
    """A case, ready to be judged. `expected` None: it must pass; else rule ids that must be among the reasons.

    `flags` are rule ids that must be among the flags; `answers` is the moment of judging in milliseconds.
    """

    title: str
    header: Header
    roles: tuple[str, ...]
    facts: Facts
    peer: Peer | None
    at_ms: int
    expected: tuple[str, ...] | None
    flags: tuple[str, ...]


class Outcome(Struct, frozen=True):
    """What came of a case. `wrong` is empty if it is as expected; `unexpected` are flags nobody asked about."""

    title: str
    agreement: str
    at_ms: int
    passed: bool
    expected: tuple[str, ...] | None
    permitted: bool
    reasons: tuple[Explained, ...]
    flags: tuple[Explained, ...]
    unexpected: tuple[str, ...]
    wrong: tuple[str, ...]


def run(judge: Judge, trial: Trial, language: str = "en") -> Outcome:
    """Return what the rules make of a case, with every difference from what it expects in words."""
    decision = judge.decide_header(trial.header, trial.roles, trial.facts, trial.peer, trial.at_ms)
    refused_by = {reason.rule for reason in decision.reasons}
    flagged_by = {flag.rule for flag in decision.flags}
    wrong = []
    if trial.expected is None and not decision.permitted:
        wrong.append("it should pass and is refused")
    if trial.expected is not None and decision.permitted:
        wrong.append("it should be refused and passes")
    absent = [rule for rule in trial.expected or () if rule not in refused_by]
    wrong += [f"{rule} is not among the reasons{_hint(judge, rule)}" for rule in absent]
    wrong += [f"{rule} is not among the flags{_hint(judge, rule)}" for rule in trial.flags if rule not in flagged_by]
    return Outcome(
        title=trial.title,
        agreement=trial.header.agreement,
        at_ms=trial.at_ms,
        passed=not wrong,
        expected=trial.expected,
        permitted=decision.permitted,
        reasons=tuple(explained(reason, language) for reason in decision.reasons),
        flags=tuple(explained(flag, language) for flag in decision.flags),
        unexpected=tuple(sorted(flagged_by.difference(trial.flags))),
        wrong=tuple(wrong),
    )


def _hint(judge: Judge, rule: str) -> str:
    """Say that nothing here carries an id, so that a typing error is not hunted among the rules."""
    clauses = {clause.rule for agreement in judge.law.agreements.values() for clause in agreement.clauses}
    return "" if rule in clauses or rule.startswith("ACC-") else " (no clause of the loaded agreements has this id)"
