"""Test vectors: every kind of signature shown to every other verifier, and every key in every other role.

Each object is exactly what its verifier wants, under exactly the right key; only the payload type that was signed
is another one. So nothing but the type under the signature can refuse it. The second table turns this round:
the right type, under a key of the same authority that has another role.
"""

from collections.abc import Callable

from msgspec.structs import replace

from gateway.cli.vectors_acknowledgements import ITEMS, pack_acknowledgements
from gateway.cli.vectors_directory import small
from gateway.cli.vectors_federation import GRANTS, NETWORK, ORIGIN, key, signed, signed_grants, succeeded, to_sign
from gateway.cli.vectors_ledger import note
from gateway.cli.vectors_sealing import draft, header_signature, seal
from gateway.cli.vectors_statements import CONSENT, CONSENT_KEY, REVOCATION
from gateway.cli.vectors_verdict import Check, Class, Given, Vector, given_envelope, refused
from gateway.crypto import canonical
from gateway.crypto.checkpoint import checkpoint_key_id
from gateway.crypto.digests import encode_base64url
from gateway.crypto.keys import sign
from gateway.crypto.merkle import inclusion_paths, leaf_hash, root
from gateway.domain.directory import Grants
from gateway.domain.message import Signature
from gateway.domain.statement import KeyOffer, KeyRegistration

ABOUT = "Every signature type against every other verifier, and every key in every other role."
# wire.md, "Signed objects and their payload types", and ours for what follows a grants key (ADR 0005).
TYPES = (
    "header",
    "header-batch",
    "acknowledgement",
    "acknowledgement-batch",
    "consent",
    "consent-revocation",
    "directory",
    "grants",
    "grants-key",
    "key-registration",
    "key-revocation",
    "relay",
    # No type at all: the text as it stands, the way a checkpoint is signed.
    "checkpoint",
)
MESSAGE = "cz-police message"
Shown = Callable[[str, str], Given]


def vectors() -> list[Vector]:
    """Return the vectors of `cross.json`."""
    return [*_types(), *_roles()]


def _types() -> list[Vector]:
    vectors = []
    for shown, (check, class_, signer, build) in VERIFIERS.items():
        for tag in TYPES:
            if tag != shown:
                about = f"Signed as `{tag}`, shown as `{shown}`."
                vectors.append(refused(f"{tag}-shown-as-{shown}", class_, about, check, build(signer, tag)))
    return vectors


def _roles() -> list[Vector]:
    vectors = []
    for shown in ("header", "header-batch", "consent", "consent-revocation", "acknowledgement-batch"):
        check, class_, signer, build = VERIFIERS[shown]
        authority, right = signer.split()
        for role in ("message", "seal", "signatory", "consent", "acknowledgement"):
            if role != right:
                about = f"A `{shown}` under a key of role `{role}`."
                given = build(f"{authority} {role}", shown)
                vectors.append(refused(f"{shown}-under-{role}", class_, about, check, given))
    return vectors


def _header(signer: str, tag: str) -> Given:
    sealed = seal("cross", draft("cross", signers=(encode_base64url(key(signer).kid),)))
    return given_envelope(replace(sealed.envelope(MESSAGE), s=(header_signature(signer, sealed.h, tag),)))


def _batch(signer: str, tag: str) -> Given:
    listed = (encode_base64url(key(signer).kid),)
    members = [seal(f"cross {i}", draft(f"cross {i}", signers=listed)) for i in range(2)]
    hashes = [leaf_hash(member.h) for member in members]
    payload = f'{{"v":1,"network":"{NETWORK}","size":2,"root":"{encode_base64url(root(hashes))}"}}'.encode("ascii")
    g = sign(key(signer), to_sign(tag, payload))
    signature = Signature(key(signer).kid, g, 2, 0, tuple(inclusion_paths(hashes)[0]))
    return given_envelope(replace(members[0].envelope(MESSAGE), s=(signature,)))


def _consent(signer: str, tag: str) -> Given:
    return {"statement": encode_base64url(signed("consent", canonical.encode(CONSENT), signer, tag=tag))}


def _revocation(signer: str, tag: str) -> Given:
    raw = signed("consent-revocation", canonical.encode(REVOCATION), signer, tag=tag)
    return {"statement": encode_base64url(raw)}


def _acknowledgements(signer: str, tag: str) -> Given:
    return {"batch": encode_base64url(pack_acknowledgements(ITEMS, signer=signer, tag=tag))}


def _registration(signer: str, tag: str) -> Given:
    secret = key(signer)
    offer = KeyOffer(encode_base64url(secret.kid), secret.role, encode_base64url(secret.public))
    value = KeyRegistration(1, CONSENT.network, signer.split()[0], (offer,), (), CONSENT.issued_at_ms)
    return {"statement": encode_base64url(signed("key-registration", canonical.encode(value), signer, tag=tag))}


def _directory(_: str, tag: str) -> Given:
    raw = signed("directory", canonical.encode(small()), "directory a", "directory b", tag=tag)
    return {"edition": encode_base64url(raw)}


def _grants(_: str, tag: str) -> Given:
    few: Grants = replace(GRANTS, grants=())
    value = small(grants=signed_grants(few, tag=tag))
    return {"edition": encode_base64url(signed("directory", canonical.encode(value), "directory a", "directory b"))}


def _grants_key(signer: str, tag: str) -> Given:
    """Grants under the key that the pinned one named, if what it signed counts."""
    named = succeeded(signer, "grants stranger", tag)
    value = small(grants=replace(signed_grants(replace(GRANTS, grants=()), "grants stranger"), successions=named))
    return {"edition": encode_base64url(signed("directory", canonical.encode(value), "directory a", "directory b"))}


def _checkpoint(signer: str, tag: str) -> Given:
    text, _, _ = note(5).decode("utf-8").partition("\n\n")
    raw = f"{text}\n".encode()
    signature = checkpoint_key_id(ORIGIN, key(signer).public) + sign(key(signer), to_sign(tag, raw))
    spelled = encode_base64url(signature).replace("-", "+").replace("_", "/")
    padded = spelled + "=" * (-len(spelled) % 4)
    return {"note": f"{text}\n\n\u2014 {ORIGIN} {padded}\n", "origin": ORIGIN, "key": signer}


VERIFIERS: dict[str, tuple[Check, Class, str, Shown]] = {
    "header": ("envelope", "signature", MESSAGE, _header),
    "header-batch": ("envelope", "signature", MESSAGE, _batch),
    "consent": ("statement", "signature", CONSENT_KEY, _consent),
    "consent-revocation": ("statement", "signature", CONSENT_KEY, _revocation),
    "acknowledgement-batch": ("acknowledgements", "signature", "kz-mvd acknowledgement", _acknowledgements),
    "key-registration": ("registration", "signature", "kz-mvd message", _registration),
    "directory": ("edition", "trust", "directory a", _directory),
    "grants": ("edition", "trust", "grants", _grants),
    "grants-key": ("edition", "trust", "grants", _grants_key),
    "checkpoint": ("checkpoint", "trust", "checkpoint", _checkpoint),
}
