"""Consents and revocations as statements: only whose information it is may permit, only the permitter takes back."""

from typing import Any

import pytest
from msgspec.structs import replace

from gateway.domain.decision import Decision
from gateway.domain.facts import ConsentFact, Facts, SourceFact
from gateway.domain.statement import AuthenticStatement, Consent, ConsentRevocation
from gateway.policy.decide import Judge
from tests.policy.told import allowed, armenian, czech
from tests.policy.world import (
    AUTHORITIES,
    NOW,
    at,
    authority,
    codes,
    consent,
    digest,
    directory,
    facts,
    judge,
    label,
    law,
    source,
)


def state(value: Consent | ConsentRevocation, *known: SourceFact | ConsentFact, by: Judge | None = None) -> Decision:
    """Return the decision on a statement under its provider's key."""
    return _decide(value, value.provider, facts(*known), by or judge())


def _decide(value: Consent | ConsentRevocation, signer: str, known: Facts, by: Judge) -> Decision:
    statement = AuthenticStatement("consent", signer, value, b"", b"", b"")
    return by.decide_statement(statement, known, NOW)


def permission(
    provider: str = "cz-police", grantee: str = "kz-mvd", agreement: str = "cz-kz", **changes: Any
) -> Consent:
    """Return a consent to pass the source on to CARICC."""
    return allowed(provider, grantee, agreement, "caricc", **changes).consent


def revocation(provider: str) -> ConsentRevocation:
    """Return a revocation of `consent`."""
    return ConsentRevocation(1, "test", provider, digest("consent"), NOW)


def test_provider_permits_the_use_of_its_own_information() -> None:
    """CZ-33, C8-29: the originator of the source, for who received it."""
    assert state(permission(), czech()).permitted
    assert state(permission("am-police", agreement="cis-2018"), armenian()).permitted


def test_state_consents_by_any_of_its_authorities_where_the_article_is_keyed_to_the_state() -> None:
    """CZKZ Art. 11(2): the providing Contracting Party; CIS2018 Art. 10: the authority that provided."""
    assert state(permission("cz-customs"), czech()).permitted
    assert codes(state(permission("am-nss", agreement="cis-2018"), armenian())) == {"source-unavailable"}


@pytest.mark.parametrize("provider", ["kz-mvd", "kz-police", "am-police", "caricc"])
def test_threat_o7_nobody_else_permits_it(provider: str) -> None:
    """O7: not the recipient, not its State, not a third party: for them the source is not there."""
    assert codes(state(permission(provider), czech())) == {"source-unavailable"}


def test_threat_e27_unknown_foreign_and_withdrawn_sources_read_the_same() -> None:
    """E27: whoever asks about a source that is not its own learns nothing about it."""
    foreign = state(permission("am-police"), czech(label=label(level="top-secret"), agreement="cis-2018"))
    unknown = state(permission("am-police"))
    withdrawn = state(permission("am-police"), armenian(withdrawn=True))

    assert foreign == unknown == withdrawn


def test_grantee_must_have_received_what_it_is_to_pass_on() -> None:
    """A consent for who never had the source would be a consent for a leak."""
    assert codes(state(permission(grantee="am-police"), czech())) == {"grantee-without-source"}
    assert state(permission(grantee="kz-police"), czech()).permitted


def test_first_provider_permits_along_a_chain_when_it_names_the_carrier() -> None:
    """CARICC never received the Czech message itself, but one that carries it: the consent names both."""
    carrier = source("carrier", "kz-mvd", "caricc", "caricc-membership", sources=(digest("source"),))
    direct = permission(grantee="caricc", recipients=("kg-police",))
    chained = replace(direct, sources=(digest("source"), digest("carrier")))

    assert codes(state(direct, czech())) == {"grantee-without-source"}
    assert state(chained, czech(), carrier).permitted


def test_consent_names_the_agreement_that_the_source_came_under() -> None:
    """Rules follow the information, and so does the consent."""
    assert codes(state(permission(agreement="cis-2018"), czech())) == {"consent-wrong-agreement"}
    assert "agreement-unknown" in codes(state(permission(agreement="unknown"), czech()))


def test_consent_to_or_for_an_unknown_authority_is_refused() -> None:
    """A misspelt recipient would be a consent that never works."""
    assert codes(state(permission(recipients=("cariic",)), czech())) == {"authority-unknown"}


@pytest.mark.parametrize(
    ("begins", "ends"), [(NOW + 10, NOW + 10), (NOW + 10, NOW + 5), (NOW - 10, NOW), (NOW - 10, NOW - 5)]
)
def test_consent_that_never_stands_is_refused(begins: int, ends: int) -> None:
    """It ends before it begins, or has ended already."""
    assert codes(state(permission(not_before_ms=begins, not_after_ms=ends), czech())) == {"period-empty"}


def test_only_the_provider_revokes_and_again_is_no_harm() -> None:
    """The consent must be on record and the speaker's own; a second revocation changes nothing."""
    given = consent("consent", "cz-police", "kz-mvd", "cz-kz")

    assert state(revocation("cz-police"), given).permitted
    assert state(revocation("cz-police"), given).agreement == "cz-kz"
    assert state(revocation("cz-police"), replace(given, revoked_at_ms=NOW)).permitted
    assert codes(state(revocation("kz-mvd"), given)) == {"consent-unavailable"}


def test_threat_e27_foreign_consent_reads_like_an_unknown_one() -> None:
    """E27: a revocation by somebody else does not tell whether the consent exists, nor under which agreement."""
    given = consent("consent", "cz-police", "kz-mvd", "cz-kz")

    assert state(revocation("am-police"), given) == state(revocation("am-police"))


def test_statement_under_another_authoritys_key_is_refused() -> None:
    """O7: who signs is who provides."""
    assert "authority-unknown" in codes(_decide(permission(), "kz-mvd", facts(czech()), judge()))


def test_statements_need_the_same_ground_as_messages() -> None:
    """An expired edition, an altered law, a revoked speaker: no statement takes effect."""
    expired = Judge(directory(not_after_ms=NOW), law())
    altered = Judge(directory(law_digests={**law().digests, "cz-kz": digest("other")}), law())
    revoked = Judge(directory(authorities=(*AUTHORITIES, authority("cz-police", "CZ", revoked=True))), law())

    assert codes(state(permission(), czech(), by=expired)) == {"edition-expired"}
    assert "law-mismatch" in codes(state(permission(), czech(), by=altered))
    assert codes(state(permission(), czech(), by=revoked)) == {"authority-revoked"}
    assert at("2026-06-15") == NOW


def test_judging_a_statement_is_total() -> None:
    """What cannot be judged is refused."""
    assert codes(state(replace(permission(), not_after_ms=None), czech())) == {"rule-failed"}
