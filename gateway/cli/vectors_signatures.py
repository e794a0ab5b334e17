"""Test vectors: header signatures that every verifier must refuse."""

import hashlib

from msgspec.structs import replace

from gateway.cli.vectors_federation import AT_MS, HOUR_MS, key, kid
from gateway.cli.vectors_sealing import Sealed, draft, header_signature, reseal, seal
from gateway.cli.vectors_verdict import Vector, given_envelope, refused
from gateway.crypto.digests import pae, payload_type
from gateway.crypto.keys import sign
from gateway.domain.message import Envelope, Signature

ABOUT = "Header signatures that must be refused."
# S-08: the order of the base point.
ORDER = 2**252 + 27742317777372353535851937790883648493
MESSAGE, SECOND, SEAL = "cz-police message", "cz-police message second", "cz-police seal"


def vectors() -> list[Vector]:
    """Return the vectors of `signatures.json`."""
    return [*_signers(), *_keys_not_in_force(), *_originators(), *_encodings()]


def refused_signature(name: str, about: str, envelope: Envelope) -> Vector:
    """Return a vector of an envelope whose signatures must not pass."""
    return refused(name, "signature", about, "envelope", given_envelope(envelope))


def listing(label: str, *signers: str) -> Sealed:
    """Return a message whose header lists these signers."""
    return seal(label, draft(label, signers=tuple(kid(name) for name in signers)))


def _signers() -> list[Vector]:
    one, two = listing("signer alone", MESSAGE), listing("signer and seal", MESSAGE, SEAL)
    only_seal = listing("seal alone", SEAL)
    twice = listing("two message keys", MESSAGE, SECOND)
    consenting = listing("consent key", MESSAGE, "cz-police consent")
    message, seal_signature = header_signature(MESSAGE, one.h), header_signature(SEAL, one.h)
    foreign = header_signature("kz-mvd seal", one.h)
    unlisted = listing("stranger", "stranger message")
    return [
        refused_signature("signer-stripped", "The header lists a seal that is gone.", two.envelope(MESSAGE)),
        refused_signature("signer-added", "A seal that the header does not list.", one.envelope(MESSAGE, SEAL)),
        refused_signature("signer-doubled", "The seal twice, listed once.", two.envelope(MESSAGE, SEAL, SEAL)),
        refused_signature("signers-reordered", "Both signatures, the other way round.", two.envelope(SEAL, MESSAGE)),
        refused_signature(
            "signer-foreign-added",
            "A seal of another authority beside the originator's.",
            replace(one.envelope(MESSAGE), s=(message, foreign)),
        ),
        refused_signature("signer-foreign", "Another authority's message key.", one.envelope("kz-mvd message")),
        refused_signature("signer-unknown", "A key that is in no directory.", unlisted.envelope("stranger message")),
        refused_signature("signer-seal-alone", "No key of role `message` signed.", only_seal.envelope(SEAL)),
        refused_signature("signer-two-messages", "Two keys of role `message`.", twice.envelope(MESSAGE, SECOND)),
        refused_signature(
            "signer-consent",
            "A key of role `consent` among the signers.",
            consenting.envelope(MESSAGE, "cz-police consent"),
        ),
        refused_signature(
            "kid-of-another-key",
            "The right signature under the kid of the seal.",
            replace(one.envelope(MESSAGE), s=(replace(message, k=seal_signature.k),)),
        ),
    ]


def _keys_not_in_force() -> list[Vector]:
    vectors = []
    for status in ("compromised", "superseded"):
        name = f"cz-police message {status}"
        envelope = listing(status, name).envelope(name)
        vectors.append(refused_signature(f"key-{status}", f"Signed under a key that is {status}.", envelope))
    late = AT_MS + 2_000 * 24 * HOUR_MS
    overdue = draft("overdue", sent_at_ms=late, expires_at_ms=late + HOUR_MS)
    given = given_envelope(seal("overdue", overdue).envelope(MESSAGE), at_ms=late)
    return [*vectors, refused("key-expired", "signature", "Years after the key's last day.", "envelope", given)]


def _originators() -> list[Vector]:
    honest = seal("honest")
    claimed = seal("claimed", draft("claimed", originator="kz-mvd"))
    stolen = reseal(honest, originator="kz-mvd", signers=(kid("kz-mvd message"),))
    return [
        refused_signature(
            "originator-claimed", "Signed by one authority in the name of another.", claimed.envelope(MESSAGE)
        ),
        refused_signature(
            "originator-replaced",
            "A header made over to another originator, under the signature of the first.",
            Envelope(stolen.h, honest.envelope(MESSAGE).s, honest.wraps, honest.c),
        ),
        refused_signature(
            "forwarded-with-other-recipients",
            "A co-recipient writes a third party into the header and keeps the signature.",
            Envelope(
                seal("honest", to=("caricc wrap 1",), content_key=honest.content_key).h,
                honest.envelope(MESSAGE).s,
                seal("honest", to=("caricc wrap 1",), content_key=honest.content_key).wraps,
                honest.c,
            ),
        ),
    ]


def _encodings() -> list[Vector]:
    sealed = seal("malleable")
    good = header_signature(MESSAGE, sealed.h)
    beyond = int.from_bytes(good.g[32:], "little") + ORDER
    flipped = bytes([good.g[0] ^ 1]) + good.g[1:]
    cases = (
        ("s-plus-l", "S + L: the same equation, another signature.", good.g[:32] + beyond.to_bytes(32, "little")),
        ("small-order-r", "R of small order: holds without cofactor, refused all the same.", _small_order(sealed.h)),
        ("bit-flipped", "One bit of R.", flipped),
        ("zeros", "64 zero bytes.", bytes(64)),
    )
    vectors = [
        refused_signature(f"signature-{name}", about, replace(sealed.envelope(MESSAGE), s=(Signature(good.k, forged),)))
        for name, about, forged in cases
    ]
    plain = Signature(good.k, sign(key(MESSAGE), sealed.h))
    return [
        *vectors,
        refused_signature(
            "signature-without-pae",
            "Over the header itself, not over its PAE.",
            replace(sealed.envelope(MESSAGE), s=(plain,)),
        ),
        refused_signature(
            "header-altered",
            "One digit of the header changed after signing.",
            replace(sealed.envelope(MESSAGE), h=sealed.h.replace(b'"suite":1', b'"suite":2')),
        ),
    ]


def _small_order(h: bytes) -> bytes:
    """R is the identity and S = h·a: whoever holds the key can make this second signature of the same bytes."""
    secret = key(MESSAGE)
    scalar = bytearray(hashlib.sha512(secret.private).digest()[:32])
    scalar[0] &= 248
    scalar[31] = scalar[31] & 127 | 64
    r = (1).to_bytes(32, "little")
    challenge = hashlib.sha512(r + secret.public + pae(payload_type("header"), h)).digest()
    s = int.from_bytes(challenge, "little") * int.from_bytes(scalar, "little") % ORDER
    return r + s.to_bytes(32, "little")
