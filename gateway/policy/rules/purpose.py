"""Purpose and subject: within the instrument, within both mandates, within what another's information was given for."""

from collections.abc import Iterable

from gateway.domain.clause import OtherUse, Purposes, Subjects
from gateway.domain.directory import Authority
from gateway.domain.facts import SourceFact
from gateway.policy.case import Case, Findings, breach, demand, listed
from gateway.policy.consents import covers, shortfalls


def purposes(clause: Purposes, case: Case) -> Findings:
    """Every purpose is one that the instrument serves (CA-05, CZ-45, CZ-23, C8-02, C1-01)."""
    outside = set(case.header.purposes).difference(clause.allowed)
    if outside:
        yield breach(clause, "purpose-outside-agreement", listed(outside))


def subjects(clause: Subjects, case: Case) -> Findings:
    """A closed list admits only its own subjects and wants one; an open one names examples (CA-04, CZ-03, C8-03)."""
    if not clause.closed:
        return
    if not case.header.subjects:
        yield breach(clause, "subject-missing")
    outside = set(case.header.subjects).difference(clause.allowed)
    if outside:
        yield breach(clause, "subject-outside-agreement", listed(outside))


def subjects_known(case: Case) -> Findings:
    """ACC-14: even where a list is open a subject is a code that somebody can read; others are `other`."""
    unknown = set(case.header.subjects) - case.ground.law.subjects
    if unknown:
        yield demand("subject-unknown", "ACC-14", listed(unknown))


def mandates(case: Case) -> Findings:
    """ACC-06: purposes, subjects and kind lie within the mandates of originator and recipients (CA-03)."""
    header = case.header
    sides = (case.originator, *case.recipients) if case.originator else case.recipients
    for code, asked in (
        ("purpose-outside-mandate", header.purposes),
        ("subject-outside-mandate", header.subjects),
        ("kind-outside-mandate", (header.kind,)),
    ):
        for side in dict.fromkeys(side.id for side in sides):
            outside = set(asked) - _mandate(case.ground.directory.authorities[side], code, asked)
            if outside:
                yield demand(code, "ACC-06", f"{side}: {listed(outside)}"[:200])


def _mandate(side: Authority, code: str, asked: Iterable[str]) -> set[str]:
    """Return what an authority may deal with; no list leaves it to the agreement."""
    lists = {
        "purpose-outside-mandate": side.mandate.purposes,
        "subject-outside-mandate": side.mandate.subjects,
        "kind-outside-mandate": side.mandate.kinds,
    }
    given = lists[code]
    return set(asked if given is None else given)


def other_use(clause: OtherUse, case: Case, source: SourceFact) -> Findings:
    """Another's information stays in the purposes it was given for, unless its own instrument allows more.

    CA-07 allows nothing else; CZ-23, personal data: combating crime and the like, for anything else prior written
    consent and the law of both States and treaties; C8-28, C1-18: the consent of the authority that provided it.
    """
    if case.owns(source, clause.keyed_to):
        return
    if not clause.other_agreements and case.header.agreement != source.agreement:
        yield breach(clause, "other-agreement", f"{source.agreement} used under {case.header.agreement}")
    beyond = set(case.header.purposes).difference(source.purposes, clause.free)
    if not beyond:
        return
    missing = [key for key in clause.attestations if not case.declared(key)]
    if clause.consent == "none" or not any(
        covers(fact, case, source, clause.keyed_to, beyond, None) for fact in case.standing
    ):
        yield breach(clause, "purpose-outside-source", listed(beyond))
        if clause.consent != "none":
            yield from shortfalls(clause, case, source, clause.keyed_to, beyond, None)
    elif missing:
        yield breach(clause, "attestation-missing", listed(missing))
