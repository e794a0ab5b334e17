"""What one test vector is: something to check, what is given, and the verdict every verifier must reach."""

import json
from collections.abc import Mapping
from typing import Literal

from msgspec import Struct, to_builtins

from gateway.cli.vectors_sealing import Sealed
from gateway.crypto import content
from gateway.crypto.digests import decode_base64url, encode_base64url, sha256, signatures_digest
from gateway.crypto.envelope import encode_envelope
from gateway.domain.message import Envelope

Check = Literal[
    "acknowledgements",
    "checkpoint",
    "consistency",
    "edition",
    "envelope",
    "evidence",
    "key",
    "receipt",
    "registration",
    "statement",
]
# `trust` is all that an edition, grants, a checkpoint or a receipt can fail with.
Class = Literal["format", "signature", "digest", "trust"]
Given = Mapping[str, object]


class Vector(Struct, frozen=True):
    """One vector; `about` says in a line what stands or falls with it."""

    name: str
    about: str
    check: Check
    given: Given
    expect: Given


def accepted(name: str, about: str, check: Check, given: Given, /, **values: object) -> Vector:
    """Return a vector that every verifier must accept, reading `values`."""
    return Vector(name, about, check, given, {"verdict": "ok", "values": values})


def refused(name: str, class_: Class, about: str, check: Check, given: Given) -> Vector:
    """Return a vector that every verifier must refuse, for a reason of this class."""
    return Vector(name, about, check, given, {"verdict": "refused", "class": class_})


def given_envelope(envelope: Envelope | bytes, **more: object) -> Given:
    """Return what a vector about an envelope gives."""
    raw = envelope if isinstance(envelope, bytes) else encode_envelope(envelope)
    return {"envelope": encode_base64url(raw), **more}


def opened(envelope: Envelope) -> Given:
    """Return what anybody learns from an envelope whose signatures hold."""
    return {
        "header": envelope.h.decode("ascii"),
        "header_sha256": encode_base64url(sha256(envelope.h)),
        "signatures_sha256": encode_base64url(signatures_digest(envelope.s)),
    }


def unsealed(envelope: Envelope, sealed: Sealed, plaintext: bytes) -> Given:
    """Return what a recipient learns besides: the steps on the way to the plaintext, for whoever debugs."""
    header = sealed.header
    committed = decode_base64url(header.key_commitment)
    bound = content.context(header.network, header.suite, header.id, header.originator, committed)
    return {
        **opened(envelope),
        "content_key": encode_base64url(sealed.content_key),
        "context": encode_base64url(bound),
        "plaintext": encode_base64url(plaintext),
    }


def render(about: str, vectors: list[Vector]) -> bytes:
    """Return one file of vectors: JSON that a person can read and a diff can show."""
    names = [vector.name for vector in vectors]
    assert len(set(names)) == len(names), "two vectors of one name"
    return (json.dumps({"about": about, "vectors": to_builtins(vectors)}, indent=1) + "\n").encode("ascii")
