"""Test vectors: envelopes that every verifier must open."""

from msgspec.structs import replace

from gateway.cli.vectors_federation import AT_MS, DAY_MS, digest_text, kid
from gateway.cli.vectors_sealing import PLAINTEXT, Sealed, batch, draft, header_signature, seal
from gateway.cli.vectors_verdict import Vector, accepted, given_envelope, opened, unsealed
from gateway.crypto.envelope_json import envelope_to_json
from gateway.domain.label import Label
from gateway.domain.message import Envelope

ABOUT = "Envelopes that must open: signatures, header, digests, and the body for the named recipient."
KZ, CARICC = "kz-mvd", "caricc"
BOTH_2 = ("kz-mvd wrap 2", "caricc wrap 2")


def vectors() -> list[Vector]:
    """Return the vectors of `envelopes.json`."""
    return [*_single(), *_several(), *_in_batches(), _json_form(), *_edges()]


def _open(name: str, about: str, sealed: Sealed, recipient: str, envelope: Envelope | None = None) -> Vector:
    signed = envelope or sealed.envelope("cz-police message")
    values = unsealed(signed, sealed, PLAINTEXT)
    return accepted(name, about, "envelope", given_envelope(signed, recipient=recipient), **values)


def _single() -> list[Vector]:
    classical, hybrid = (
        seal(name, draft(name, suite=suite), (to,))
        for name, suite, to in (
            ("suite-1-single", 1, "kz-mvd wrap 1"),
            ("suite-2-single", 2, "kz-mvd wrap 2"),
        )
    )
    sealing = ("cz-police message", "cz-police seal", "cz-police signatory")
    name = "suite-1-seal-signature"
    formal = seal(name, draft(name, signers=tuple(kid(each) for each in sealing)))
    return [
        _open("suite-1-single", "X25519 alone, one recipient, one signature.", classical, KZ),
        _open("suite-2-single", "ML-KEM-768 with X25519, one recipient, one signature.", hybrid, KZ),
        _open(name, "Three signers: message, seal and signatory.", formal, KZ, formal.envelope(*sealing)),
    ]


def _several() -> list[Vector]:
    name = "suite-2-several"
    sealed = seal(name, draft(name, suite=2), BOTH_2)
    whole = sealed.envelope("cz-police message")
    pruned = replace(whole, r=whole.r[1:])
    values = unsealed(pruned, sealed, PLAINTEXT)
    return [
        _open(f"{name}-first", "Two recipients: opened by the first.", sealed, KZ),
        _open(f"{name}-second", "Two recipients: opened by the second.", sealed, CARICC),
        accepted(
            f"{name}-pruned",
            "As the gateway delivers it: one wrap of two, every signature as it was.",
            "envelope",
            given_envelope(pruned, recipient=CARICC, pruned=True),
            **values,
        ),
    ]


def _in_batches() -> list[Vector]:
    members = [seal(f"batch member {i}", to=("caricc wrap 1",)) for i in range(5)]
    envelopes = batch(members)
    found = [
        _open(f"batch-{i}-of-5", "One signature for five messages; this one verifies alone.", members[i], CARICC, one)
        for i, one in enumerate(envelopes)
        if i in {0, 2, 4}
    ]
    remembered = accepted(
        "batch-root-remembered",
        "A second message of a batch whose root has been verified: the same verdict.",
        "envelope",
        given_envelope(envelopes[3], before=[given_envelope(envelopes[0])["envelope"]]),
        **opened(envelopes[3]),
    )
    name = "batch-with-seal"
    listed = tuple(kid(each) for each in ("cz-police message", "cz-police seal"))
    formal = [seal(f"{name} {i}", draft(f"{name} {i}", signers=listed)) for i in range(2)]
    first = batch(formal)[0]
    signed = replace(first, s=(*first.s, header_signature("cz-police seal", first.h)))
    return [*found, remembered, _open(name, "Batch-signed, and sealed by itself.", formal[0], KZ, signed)]


def _json_form() -> Vector:
    sealed = seal("json-form")
    envelope = sealed.envelope("cz-police message")
    return accepted(
        "json-form",
        "The form of HTTPS: the same bytes in base64url.",
        "envelope",
        {"json": envelope_to_json(envelope).decode("ascii"), "recipient": KZ},
        **unsealed(envelope, sealed, PLAINTEXT),
    )


def _edges() -> list[Vector]:
    full = draft(
        "every-field",
        kind="reply",
        purposes=("detection", "prevention"),
        subjects=("drugs", "extremism"),
        label=Label("confidential", ("h1", "h2"), "prohibited", True, ("biometric", "health"), "vital-interest", True),
        urgency="flash",
        destroy_by_ms=AT_MS + 10 * DAY_MS,
        case=digest_text("case"),
        in_reply_to=digest_text("request"),
        sources=tuple(sorted((digest_text("source 1"), digest_text("source 2")))),
        consents=(digest_text("consent"),),
        conditions=("no-publication",),
        database="travel-documents",
        language="en",
        form={"element.grounds": True, "element.period": False, "signer-role": "head-of-service"},
    )
    sealed = seal("every-field", full)
    empty = seal("empty-plaintext", plaintext=b"")
    long = bytes(range(256)) * 16
    large = seal("large-plaintext", plaintext=long)
    signed, bulky = empty.envelope("cz-police message"), large.envelope("cz-police message")
    last = draft("last-moment", expires_at_ms=AT_MS + 1)
    ahead = draft("clock-ahead", sent_at_ms=AT_MS + 120_000, expires_at_ms=AT_MS + 120_000 + 30 * DAY_MS)
    return [
        _open("every-field", "No field is null, lists are sorted, `form` holds booleans and codes.", sealed, KZ),
        accepted(
            "empty-plaintext",
            "A body of nothing is its length and a tag.",
            "envelope",
            given_envelope(signed, recipient=KZ),
            **unsealed(signed, empty, b""),
        ),
        accepted(
            "large-plaintext",
            "4,096 bytes are padded to 4,352.",
            "envelope",
            given_envelope(bulky, recipient=KZ),
            **unsealed(bulky, large, long),
        ),
        _open("last-moment", "A millisecond before it expires.", seal("last-moment", last), KZ),
        _open("clock-ahead", "A clock two minutes ahead, a life of thirty days.", seal("clock-ahead", ahead), KZ),
    ]
