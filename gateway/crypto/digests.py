"""Digests, tags and encodings: the small words of wire.md, each in one place.

Everything that is hashed or signed is built from these, so that no two objects of the
federation can ever be mistaken for one another (wire.md, "Notation").
"""

import binascii
import hashlib
import struct
from collections.abc import Sequence
from functools import lru_cache

from gateway.domain.errors import FormatError
from gateway.domain.message import Signature

_STANDARD_TO_URL = bytes.maketrans(b"+/", b"-_")
_URL_TO_STANDARD = bytes.maketrans(b"-_", b"+/")
_SIGNATURES_TAG = b"accord/v1/signatures\x00"
# The length of kid and signature; and, for a batch, of these with size, index and path, then all but the path.
_SINGLE = b"\x00\x00\x00\x50"
_OF_BATCH = struct.Struct(">I16s64sII")


def sha256(data: bytes) -> bytes:
    """Return the 32 bytes of SHA-256 over `data`: H of wire.md."""
    return hashlib.sha256(data).digest()


def tag(name: str) -> bytes:
    """Return the domain tag T(`name`): no digest of one kind is ever one of another."""
    return b"accord/v1/" + name.encode("ascii") + b"\x00"


def u32(number: int) -> bytes:
    """Return `number` as 4 bytes, big-endian."""
    return number.to_bytes(4, "big")


def prefixed(data: bytes) -> bytes:
    """Return `data` behind its length: L of wire.md."""
    return len(data).to_bytes(4, "big") + data


def payload_type(name: str) -> str:
    """Return the payload type of a signed object, such as `header` or `consent`."""
    return f"application/vnd.accord.{name}.v1+json"


def pae(type_: str, payload: bytes) -> bytes:
    """Return the bytes that are signed for `payload`; lengths count bytes.

    Source: S-02 (DSSE v1.0.2, protocol.md, "Signature Definition").
    """
    return b"%b%d %b" % (_pae_head(type_), len(payload), payload)


@lru_cache(maxsize=64)
def _pae_head(type_: str) -> bytes:
    name = type_.encode()
    return b"DSSEv1 %d %b " % (len(name), name)


def key_id(role: str, public: bytes) -> bytes:
    """Return the 16 raw bytes of the kid: one key in two roles has two."""
    return sha256(tag("key") + prefixed(role.encode("ascii")) + public)[:16]


def signatures_digest(signatures: Sequence[Signature]) -> bytes:
    """Return the digest by which a record names the signatures it saw (ADR 0005)."""
    return hashlib.sha256(_SIGNATURES_TAG + b"".join(map(_signature_fields, signatures))).digest()


def _signature_fields(signature: Signature) -> bytes:
    n, i, p = signature.n, signature.i, signature.p
    if n is None or i is None or p is None:
        return _SINGLE + signature.k + signature.g
    return _OF_BATCH.pack(88 + 32 * len(p), signature.k, signature.g, n, i) + b"".join(p)


def encode_base64url(data: bytes) -> str:
    """Return `data` as base64url without padding."""
    return binascii.b2a_base64(data, newline=False).translate(_STANDARD_TO_URL, b"=").decode("ascii")


def encode_digests(digests: Sequence[bytes]) -> list[str]:
    """Return the spelling of every digest, as `encode_base64url` gives it."""
    # With one byte more each, 33 bytes are 44 characters, and the last one says nothing.
    joined = b"".join([digest + b"\x00" for digest in digests])
    text = binascii.b2a_base64(joined, newline=False).translate(_STANDARD_TO_URL).decode("ascii")
    return [text[at : at + 43] for at in range(0, len(text), 44)]


def decode_digests(texts: Sequence[str]) -> list[bytes]:
    """Return the 32 bytes of every digest; their spelling has been checked."""
    joined = "A".join([*texts, ""]).encode("ascii").translate(_URL_TO_STANDARD)
    data = binascii.a2b_base64(joined)
    return [data[at : at + 32] for at in range(0, len(data), 33)]


def decode_base64url(text: str) -> bytes:
    """Return the bytes of `text`, which has exactly one spelling.

    Raises:
        FormatError: another alphabet, padding, white space, or stray bits in the last character.
    """
    try:
        data = binascii.a2b_base64(text.encode("ascii").translate(_URL_TO_STANDARD) + b"==")
    except (binascii.Error, UnicodeEncodeError):
        raise FormatError("text is not base64url without padding") from None
    # What the decoder passes over (another alphabet, padding, white space) does not come back.
    if encode_base64url(data) != text:
        raise FormatError("text is not base64url without padding, or has stray bits in its last character")
    return data
