"""Test vectors: consent, revocation and key registration."""

from msgspec.structs import replace

from gateway.cli.vectors_federation import AT_MS, DAY_MS, NETWORK, digest_text, key, kid, signed
from gateway.cli.vectors_sealing import message_id
from gateway.cli.vectors_verdict import Class, Given, Vector, accepted, refused
from gateway.crypto import canonical
from gateway.crypto.digests import encode_base64url, pae, payload_type, sha256, signatures_digest
from gateway.crypto.keys import sign
from gateway.domain.message import Signature
from gateway.domain.statement import Consent, ConsentRevocation, KeyOffer, KeyRegistration

ABOUT = "Consents, revocations and key registrations: what must be accepted and what must not."
CONSENT_KEY = "cz-police consent"
CONSENT = Consent(
    v=1,
    network=NETWORK,
    id=message_id("consent", AT_MS - DAY_MS),
    provider="cz-police",
    grantee="kz-mvd",
    agreement="cz-kz",
    sources=tuple(sorted((digest_text("source 1"), digest_text("source 2")))),
    recipients=("caricc",),
    purposes=("detection",),
    conditions=("no-publication",),
    not_before_ms=AT_MS - DAY_MS,
    not_after_ms=AT_MS + 30 * DAY_MS,
    uses_max=3,
    issued_at_ms=AT_MS - DAY_MS,
)
REVOCATION = ConsentRevocation(
    v=1,
    network=NETWORK,
    provider="cz-police",
    consent_sha256=encode_base64url(sha256(canonical.encode(CONSENT))),
    at_ms=AT_MS - 1_000,
)


def vectors() -> list[Vector]:
    """Return the vectors of `statements.json`."""
    return [*_consents(), *_refused_consents(), *_registrations()]


def _statement(raw: bytes) -> Given:
    return {"statement": encode_base64url(raw)}


def _accepted(name: str, about: str, kind: str, value: Consent | ConsentRevocation) -> Vector:
    h = canonical.encode(value)
    raw = signed(kind, h, CONSENT_KEY)
    signatures = (Signature(key(CONSENT_KEY).kid, sign(key(CONSENT_KEY), pae(payload_type(kind), h))),)
    return accepted(
        name,
        about,
        "statement",
        _statement(raw),
        type=kind,
        authority=value.provider,
        sha256=encode_base64url(sha256(h)),
        signatures_sha256=encode_base64url(signatures_digest(signatures)),
    )


def _consents() -> list[Vector]:
    unlimited = replace(CONSENT, uses_max=None, purposes=(), conditions=())
    return [
        _accepted("consent", "Two sources, one recipient, one purpose, three uses.", "consent", CONSENT),
        _accepted("consent-unlimited", "As often as needed, for the purposes of the sources.", "consent", unlimited),
        _accepted("consent-revocation", "The provider takes the consent back.", "consent-revocation", REVOCATION),
    ]


def _refused_consents() -> list[Vector]:
    h = canonical.encode(CONSENT)
    good = signed("consent", h, CONSENT_KEY)
    shown: tuple[tuple[str, Class, str, bytes], ...] = (
        ("consent-foreign-key", "signature", "Another authority consents.", signed("consent", h, "kz-mvd consent")),
        (
            "consent-two-signers",
            "signature",
            "One signature, not two.",
            signed("consent", h, CONSENT_KEY, "cz-police message"),
        ),
        ("consent-altered", "signature", "One use more.", good.replace(b'"uses_max":3', b'"uses_max":4')),
        ("consent-unsigned", "format", "No signature at all.", signed("consent", h)),
        (
            "consent-as-revocation",
            "signature",
            "A consent under the type of a revocation.",
            signed("consent-revocation", h, CONSENT_KEY, tag="consent"),
        ),
        ("statement-of-unknown-type", "format", "A type that nobody judges.", signed("wish", h, CONSENT_KEY)),
        ("statement-trailing-byte", "format", "A byte after the statement.", good + b"\x00"),
    )
    said: tuple[tuple[str, Class, str, Consent], ...] = (
        (
            "other-provider",
            "signature",
            "It names another provider than its signer.",
            replace(CONSENT, provider="kz-mvd"),
        ),
        ("other-network", "format", "A consent of another network.", replace(CONSENT, network="accord-other")),
        ("unsorted", "format", "Sources that are not sorted.", replace(CONSENT, sources=CONSENT.sources[::-1])),
        ("in-the-future", "format", "Issued two minutes from now.", replace(CONSENT, issued_at_ms=AT_MS + 120_001)),
        (
            "never-valid",
            "format",
            "It ends before it begins.",
            replace(CONSENT, not_after_ms=CONSENT.not_before_ms),
        ),
    )
    spoken = [
        (f"consent-{name}", class_, about, signed("consent", canonical.encode(value), CONSENT_KEY))
        for name, class_, about, value in said
    ]
    return [refused(name, kind, about, "statement", _statement(raw)) for name, kind, about, raw in (*shown, *spoken)]


REGISTERED = ("kz-mvd message", "kz-mvd consent", "kz-mvd wrap 2")


def _registration(*names: str, **fields: object) -> KeyRegistration:
    offers = [KeyOffer(kid(name), key(name).role, encode_base64url(key(name).public)) for name in names]
    ordered = tuple(sorted(offers, key=lambda offer: offer.kid))
    return replace(KeyRegistration(1, NETWORK, "kz-mvd", ordered, (digest_text("certificate"),), AT_MS), **fields)


def _in_order(*names: str) -> list[str]:
    return sorted(names, key=kid)


def _registrations() -> list[Vector]:
    value = _registration(*REGISTERED)
    h, signers = canonical.encode(value), _in_order("kz-mvd message", "kz-mvd consent")
    kind = "key-registration"
    first = replace(value.keys[0], kid=value.keys[1].kid)
    wrong_kid = replace(value, keys=(first, *value.keys[1:]))
    other_network = canonical.encode(_registration(*REGISTERED, network="accord-other"))
    cases: tuple[tuple[str, Class, str, bytes], ...] = (
        (
            "registration-without-possession",
            "signature",
            "One of its signing keys has not signed.",
            signed(kind, h, signers[0]),
        ),
        (
            "registration-signed-by-another",
            "signature",
            "Another authority's key vouches.",
            signed(kind, h, signers[0], "cz-police message"),
        ),
        (
            "registration-other-network",
            "format",
            "A registration of another network.",
            signed(kind, other_network, *signers),
        ),
        (
            "registration-wrong-kid",
            "trust",
            "A kid that is another key's.",
            signed(kind, canonical.encode(wrong_kid), *signers),
        ),
    )
    return [
        accepted(
            "registration",
            "Two signing keys, each has signed; the message key vouches for the wrap key.",
            "registration",
            _statement(signed(kind, h, *signers)),
            authority="kz-mvd",
            keys=[offer.kid for offer in value.keys],
        ),
        *(refused(name, class_, about, "registration", _statement(raw)) for name, class_, about, raw in cases),
    ]
