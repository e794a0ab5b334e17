"""Explain a decision: every clause that applied, what became of it, and each reason in plain words.

For people who know the treaty but not Python. An explanation shows what each clause rests on, because a gateway must
never present its own policy as the treaty's word.
"""

from typing import Literal

from msgspec import Struct

from gateway.domain.clause import Effect
from gateway.domain.decision import Basis, EditionRef, Reason
from gateway.domain.facts import Facts
from gateway.domain.message import Header
from gateway.policy.case import Case
from gateway.policy.decide import Judge, findings
from gateway.policy.house import ARTICLES
from gateway.policy.reasons import sentence
from gateway.policy.rules.registry import Check

Outcome = Literal["kept", "refused", "flagged", "recorded"]
_OUTCOMES: dict[Effect, Outcome] = {"refuse": "refused", "flag": "flagged", "record": "recorded"}


class Applied(Struct, frozen=True):
    """One clause that was asked, and what became of it.

    `source`: the cited message that it protects. `detail`: what it put on record, such as the rule sets in effect.
    """

    rule: str
    article: str
    basis: Basis
    effect: Effect
    check: str
    outcome: Outcome
    words: str
    note: str
    source: str | None
    detail: str = ""


class Explained(Struct, frozen=True):
    """A reason, with its sentence."""

    code: str
    sentence: str
    rule: str
    article: str
    basis: Basis
    detail: str | None


class Governing(Struct, frozen=True):
    """Which agreements govern a pair of parties at that moment; a message cites one of them.

    `disputable`: what could be read otherwise about the cited one on that very day (ADR 0004).
    """

    parties: tuple[str, str]
    agreements: tuple[str, ...]
    disputable: tuple[str, ...] = ()


class Explanation(Struct, frozen=True):
    """A decision, opened up."""

    permitted: bool
    agreement: str
    title: str
    at_ms: int
    reasons: tuple[Explained, ...]
    flags: tuple[Explained, ...]
    governing: tuple[Governing, ...]
    applied: tuple[Applied, ...]
    edition: EditionRef
    law_sha256: str


def explain(
    judge: Judge,
    header: Header,
    facts: Facts,
    at_ms: int,
    signer_roles: tuple[str, ...] = ("message",),
    language: str = "en",
) -> Explanation:
    """Return why `header` would pass or not at `at_ms`, submitted over a connection that may carry it.

    Args:
        judge: of the edition and law to explain.
        header: a header without envelope, taken as authentic.
        facts: what is known of what it cites.
        at_ms: the moment of judging.
        signer_roles: roles of the keys that signed.
        language: of the sentences; English where it is not there.
    """
    decision = judge.decide_header(header, signer_roles, facts, None, at_ms)
    case = judge.case(header, signer_roles, facts, at_ms)
    return Explanation(
        permitted=decision.permitted,
        agreement=header.agreement,
        title=case.agreement.title if case.agreement else "",
        at_ms=at_ms,
        reasons=tuple(explained(reason, language) for reason in decision.reasons),
        flags=tuple(explained(reason, language) for reason in decision.flags),
        governing=_governing(case),
        applied=tuple(_applied(check, case) for check in judge.checks(case)),
        edition=decision.edition,
        law_sha256=decision.law_sha256,
    )


def explained(reason: Reason, language: str) -> Explained:
    """Return a reason with its sentence in `language`."""
    text = sentence(reason.code, language)
    return Explained(reason.code, text, reason.rule, reason.article, reason.basis, reason.detail)


def _governing(case: Case) -> tuple[Governing, ...]:
    if case.originator is None:
        return ()
    own = case.originator.party
    return tuple(
        Governing((own, party), case.ground.governing(own, party, case.at_ms), _disputable(case, own, party))
        for party in case.parties
    )


def _disputable(case: Case, own: str, party: str) -> tuple[str, ...]:
    if case.agreement is None:
        return ()
    return case.ground.bond(case.agreement, own, party).disputable(case.at_ms)


def _applied(check: Check, case: Case) -> Applied:
    found = findings(case, (check,))
    spoken = {finding.effect for finding in found}
    effect: Effect = next((each for each in ("refuse", "flag", "record") if each in spoken), "refuse")
    outcome = _OUTCOMES[effect] if spoken else "kept"
    clause = check.clause
    if clause is None:
        rule = (check.rule.__doc__ or "").partition(":")[0]
        words = (check.rule.__doc__ or "").partition(":")[2].strip()
        return Applied(rule, ARTICLES.get(rule, ""), "policy", "refuse", check.rule.__name__, outcome, "", words, None)
    return Applied(
        rule=clause.rule,
        article=clause.article,
        basis=clause.basis,
        effect=clause.effect,
        check=str(clause.__struct_config__.tag),
        outcome=outcome,
        words=clause.words,
        note=clause.note,
        source=check.source.header_sha256 if check.source else None,
        detail="; ".join(each.reason.detail or "" for each in found if each.effect == "record"),
    )
