"""Consents: which of those cited stand, and whether one covers a use.

A consent that is unknown and one that was given to somebody else are one and the same to whoever cites it (E27).
"""

from collections.abc import Set as AbstractSet

from gateway.domain.clause import Clause
from gateway.domain.facts import ConsentFact, SourceFact
from gateway.policy.case import Case, Findings, breach, consent_fault, demand, listed


def stand(case: Case) -> Findings:
    """ACC-10: every consent that a message cites is there, is the originator's, and stands at this moment."""
    for digest in case.header.consents:
        fact = case.facts.consents.get(digest)
        if fact is None or fact.consent.grantee != case.header.originator:
            yield demand("consent-unavailable", "ACC-10", digest)
            continue
        fault = consent_fault(fact, case.at_ms, case.stage)
        if fault is not None:
            yield demand(fault, "ACC-10", digest)


def conditions_kept(case: Case) -> Findings:
    """ACC-10: what a provider made a condition of its consent travels with the message (CZ-20, C8-28)."""
    for fact in case.standing:
        if not fact.consent.conditions:
            continue
        dropped = set(fact.consent.conditions).difference(case.header.conditions)
        if dropped:
            yield demand("condition-dropped", "ACC-10", listed(dropped))


def shortcoming(
    fact: ConsentFact,
    case: Case,
    source: SourceFact,
    keyed_to: str,
    purposes: AbstractSet[str],
    recipient: str | None,
) -> str | None:
    """Return the code of why a standing consent does not cover this use of `source`, or None if it does.

    `purposes` are those that need covering. A `recipient` of None: use by the originator itself. A consent that
    names no purposes is for those that the source was given for.
    """
    consent = fact.consent
    if source.header_sha256 not in consent.sources:
        return "consent-wrong-source"
    if not case.is_provider(consent.provider, source, keyed_to):
        return "consent-wrong-provider"
    if consent.agreement != source.agreement:
        return "consent-wrong-agreement"
    if recipient is not None and recipient not in consent.recipients:
        return "consent-wrong-recipient"
    if not purposes <= set(consent.purposes or source.purposes):
        return "consent-wrong-purpose"
    return None


def covers(
    fact: ConsentFact,
    case: Case,
    source: SourceFact,
    keyed_to: str,
    purposes: AbstractSet[str],
    recipient: str | None,
) -> bool:
    """Tell whether a standing consent covers this use of `source`."""
    return shortcoming(fact, case, source, keyed_to, purposes, recipient) is None


def shortfalls(
    clause: Clause,
    case: Case,
    source: SourceFact,
    keyed_to: str,
    purposes: AbstractSet[str],
    recipient: str | None,
) -> Findings:
    """Say of every standing consent why it does not cover this use, one reason each."""
    for fact in case.standing:
        code = shortcoming(fact, case, source, keyed_to, purposes, recipient)
        if code is not None:
            yield breach(clause, code, fact.consent_sha256)
