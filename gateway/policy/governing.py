"""Say which instrument governs a pair at a moment, and of every other one why not.

The same rules answer that judge messages; only those that speak of the instrument itself are asked: who is bound and
when, which kinds it foresees, which subjects it covers. Mandates, forms and labels are a message's own matter.
"""

from collections.abc import Iterator

from msgspec import Struct
from msgspec.structs import replace

from gateway.domain import clause as law
from gateway.domain.agreement import Agreement
from gateway.domain.clause import Clause
from gateway.domain.directory import Authority, Mandate
from gateway.domain.facts import NO_FACTS
from gateway.domain.label import Label
from gateway.domain.message import Body, Header, Recipient
from gateway.policy.case import Case, Finding, build_case
from gateway.policy.explain import Explained, explained
from gateway.policy.ground import Ground
from gateway.policy.rules import agreement as rules
from gateway.policy.rules.registry import OWN
from gateway.policy.status import instrument_notes, since_of

_ASKED: tuple[type[Clause], ...] = (
    law.Entry,
    law.Exit,
    law.Renewal,
    law.Suspending,
    law.Reserved,
    law.Kinds,
    law.Excluded,
    law.Subjects,
)


class Answer(Struct, frozen=True):
    """One instrument and a pair of parties; it governs exactly if there is no reason against it."""

    agreement: str
    title: str
    governs: bool
    why_not: tuple[Explained, ...]
    notes: tuple[str, ...]


class Question(Struct, frozen=True):
    """Between which parties, about messages of which kind and which subjects; no subjects: about none in particular."""

    first: str
    second: str
    kind: str = "request"
    subjects: tuple[str, ...] = ()


def governing(ground: Ground, question: Question, at_ms: int, language: str = "en") -> tuple[Answer, ...]:
    """Return an answer for every instrument that the edition lists, those that govern first."""
    answers = [_answer(ground, agreement, question, at_ms, language) for agreement in ground.agreements.values()]
    return tuple(sorted(answers, key=lambda answer: (not answer.governs, answer.agreement)))


def _answer(ground: Ground, agreement: Agreement, question: Question, at_ms: int, language: str) -> Answer:
    found = {finding.reason for finding in _findings(ground, agreement, question, at_ms)}
    reasons = sorted(found, key=lambda each: (each.rule, each.code, each.detail or ""))
    return Answer(
        agreement=agreement.id,
        title=agreement.title,
        governs=not reasons,
        why_not=tuple(explained(reason, language) for reason in reasons),
        notes=tuple(_notes(ground, agreement, question, at_ms)),
    )


def _findings(ground: Ground, agreement: Agreement, question: Question, at_ms: int) -> Iterator[Finding]:
    case = _case(ground, agreement, question, at_ms)
    yield from rules.govern(case)
    for clause in ground.speaking(agreement, question.kind, False).clauses:
        if isinstance(clause, _ASKED) and (question.subjects or not isinstance(clause, law.Subjects)):
            yield from (finding for finding in OWN[type(clause)](clause, case) if finding.effect == "refuse")


def _notes(ground: Ground, agreement: Agreement, question: Question, at_ms: int) -> Iterator[str]:
    bond = ground.bond(agreement, question.first, question.second)
    yield from bond.disputable(at_ms)
    if not bond.covered:
        return
    for party in bond.unbound:
        yield f"{party}: {since_of(agreement, party, ground.adherences(agreement.id))[1]}"
    if bond.begin_ms <= at_ms and (bond.superseded(at_ms) or at_ms >= min(bond.end_ms, bond.lapsed_ms)):
        yield "it has ended between the two: only protective kinds still pass"
    for window in bond.windows:
        if window.start_ms <= at_ms < window.end_ms:
            scope = ", ".join((*window.kinds, *window.subjects))
            yield f"suspended by {window.party} {f'for {scope}' if scope else 'in full'}"
    yield from (f"{clause.party} made the reservation {clause.reservation}" for clause in bond.reserved)
    yield from instrument_notes(agreement, ground.adherences(agreement.id), at_ms)


def _case(ground: Ground, agreement: Agreement, question: Question, at_ms: int) -> Case:
    """Return the case of a message that declares nothing but its kind and subjects, between any two authorities."""
    header = Header(
        v=1,
        network=ground.directory.edition.network,
        suite=2,
        id="",
        signers=("",),
        originator="",
        recipients=(Recipient("", "", ""),),
        kind=question.kind,
        agreement=agreement.id,
        purposes=(),
        subjects=question.subjects,
        label=Label("open", (), "permitted", False, (), None, False),
        urgency="routine",
        sent_at_ms=at_ms,
        expires_at_ms=at_ms,
        destroy_by_ms=None,
        case=None,
        in_reply_to=None,
        sources=(),
        consents=(),
        conditions=(),
        database=None,
        language=None,
        form={},
        key_commitment="",
        body=Body("", 1, "", None),
    )
    case = build_case(ground, header, (), NO_FACTS, None, at_ms)
    return replace(case, originator=_somebody(question.first), recipients=(_somebody(question.second),))


def _somebody(party: str) -> Authority:
    """Return an authority of the party that stands for all of them: the instrument binds the party."""
    return Authority("", party, "", "core", Mandate(None, None, None), "open", 1, (), (), (), False)
