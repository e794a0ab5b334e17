"""One policy test: a message, a day, and what a lawyer says must come of it, compared with what the rules say."""

from msgspec import Struct

from gateway.domain.facts import Facts
from gateway.domain.message import Header
from gateway.domain.session import Peer
from gateway.policy.decide import Judge, findings
from gateway.policy.explain import Explained, explained


class Trial(Struct, frozen=True):
    """A case, ready to be judged. `expected` None: it must pass; else rule ids that must be among the reasons.

    `flags` are rule ids that must be among the flags, `records` among what is only noted, `about` those that the case
    shows beside them.
    """

    title: str
    header: Header
    roles: tuple[str, ...]
    facts: Facts
    peer: Peer | None
    at_ms: int
    expected: tuple[str, ...] | None
    flags: tuple[str, ...]
    records: tuple[str, ...]
    about: tuple[str, ...]


class Outcome(Struct, frozen=True):
    """What came of a case. `wrong` is empty if it is as expected; `unexpected` are flags nobody asked about.

    `shows` are the rules that the case is a test of.
    """

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
    shows: tuple[str, ...]


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
    for what, rules, spoken in (
        ("reasons", trial.expected or (), refused_by),
        ("flags", trial.flags, flagged_by),
        ("records", trial.records, _recorded_by(judge, trial) if trial.records else set()),
    ):
        wrong += [f"{rule} is not among the {what}{_hint(judge, rule)}" for rule in rules if rule not in spoken]
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
        shows=tuple(dict.fromkeys((*(trial.expected or ()), *trial.flags, *trial.records, *trial.about))),
    )


def _recorded_by(judge: Judge, trial: Trial) -> set[str]:
    case = judge.case(trial.header, trial.roles, trial.facts, trial.at_ms)
    return {reason.rule for effect, reason in findings(case, judge.checks(case)) if effect == "record"}


def _hint(judge: Judge, rule: str) -> str:
    """Say that nothing here carries an id, so that a typing error is not hunted among the rules."""
    agreements = judge.law.agreements.values()
    known = {clause.rule for each in agreements for clause in each.clauses}
    known |= {amendment.rule for each in agreements for amendment in each.amendments}
    # Our own demands may be made in the name of a rule that is no clause (`1.7-13`, `LI-02`).
    ours = rule.startswith(("ACC-", "1.7-", "LI-"))
    return "" if rule in known or ours else " (no clause of the loaded agreements has this id)"
