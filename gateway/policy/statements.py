"""Judge what authorities state about consent: who may permit, to whom, for what, and who may take it back.

A consent permits the use of somebody's information, so only whose information it is may give one. What is unknown and
what is none of the speaker's business get one and the same reason (threat E27).
"""

from collections.abc import Iterator

from gateway.domain.clause import ThirdParty
from gateway.domain.facts import Facts, SourceFact
from gateway.domain.statement import Consent, ConsentRevocation
from gateway.policy.case import Finding, demand, follow, listed
from gateway.policy.ground import Ground


def judge_statement(
    ground: Ground, authority: str, value: Consent | ConsentRevocation, facts: Facts, at_ms: int
) -> Iterator[Finding]:
    """Yield every reason why a statement of `authority` has no effect.

    Args:
        ground: directory and law.
        authority: whose key signed.
        value: the statement.
        facts: what is known of a consent's sources, or of the consent that is revoked.
        at_ms: the gateway's time.
    """
    if at_ms >= ground.not_after_ms:
        yield demand("edition-expired", "ACC-01", f"edition {ground.edition.number}")
    if ground.mismatched:
        yield demand("law-mismatch", "ACC-01", listed(ground.mismatched))
    speaker = ground.authority(authority)
    if speaker is None or value.provider != authority:
        yield demand("authority-unknown", "ACC-02", authority)
    elif speaker.revoked:
        yield demand("authority-revoked", "ACC-02", authority)
    if isinstance(value, Consent):
        yield from _consent(ground, value, facts, at_ms)
    else:
        yield from _revocation(value, facts)


def _revocation(value: ConsentRevocation, facts: Facts) -> Iterator[Finding]:
    """Only the provider takes a consent back, and only one that is on record; twice is no harm."""
    fact = facts.consents.get(value.consent_sha256)
    if fact is None or fact.consent.provider != value.provider:
        yield demand("consent-unavailable", "ACC-10", value.consent_sha256)


def _consent(ground: Ground, consent: Consent, facts: Facts, at_ms: int) -> Iterator[Finding]:
    if consent.not_after_ms <= max(at_ms, consent.not_before_ms):
        yield demand("period-empty", "ACC-10")
    unknown = [name for name in (consent.grantee, *consent.recipients) if ground.authority(name) is None]
    if unknown:
        yield demand("authority-unknown", "ACC-02", listed(unknown))
    if consent.agreement not in ground.agreements:
        yield demand("agreement-unknown", "ACC-04", consent.agreement)
    own = {digest: _own(ground, consent.provider, digest, facts) for digest in consent.sources}
    for digest, found in own.items():
        if not found:
            yield demand("source-unavailable", "ACC-09", digest)
        for fact in found:
            if fact.agreement != consent.agreement:
                yield demand("consent-wrong-agreement", "ACC-10", fact.agreement)
    if all(own.values()):
        yield from _unreceived(ground, consent, own, facts)


def _own(ground: Ground, provider: str, digest: str, facts: Facts) -> tuple[SourceFact, ...]:
    """Return what in this source, or in the chain behind it, is the provider's: its authority's or its party's."""
    fact = facts.sources.get(digest)
    if fact is None:
        return ()
    chain, missing = follow(fact.originator, (digest,), facts, "consent")
    return () if missing else tuple(each for each in chain if _provides(ground, provider, each))


def _provides(ground: Ground, provider: str, fact: SourceFact) -> bool:
    """Who speaks for a source: the authority that sent it, or its party where the instrument is keyed to the party."""
    if provider == fact.originator:
        return True
    agreement = ground.agreements.get(fact.agreement)
    clauses = ground.speaking(agreement, fact.kind, fact.label.personal_data).clauses if agreement else ()
    by_party = any(isinstance(clause, ThirdParty) and clause.keyed_to == "party" for clause in clauses)
    return by_party and ground.same_party(provider, fact.originator)


def _unreceived(
    ground: Ground, consent: Consent, own: dict[str, tuple[SourceFact, ...]], facts: Facts
) -> Iterator[Finding]:
    """Whoever is to pass a source on received it, alone or inside another source that the consent names too."""
    held: set[str] = set()
    for digest, found in own.items():
        carrier = facts.sources[digest]
        if any(ground.same_party(consent.grantee, name) for name in carrier.recipients):
            held.add(digest)
            held.update(fact.header_sha256 for fact in found)
    missing = set(consent.sources) - held
    if missing:
        yield demand("grantee-without-source", "ACC-10", listed(missing))
