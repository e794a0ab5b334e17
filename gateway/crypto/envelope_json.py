"""The JSON form of an envelope, for HTTPS: the same fields, bytes as base64url without padding."""

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from gateway.crypto import canonical
from gateway.crypto.digests import decode_base64url, encode_base64url
from gateway.crypto.envelope import decode_envelope, encode_envelope
from gateway.domain.errors import FormatError
from gateway.domain.message import ENVELOPE_BYTES_MAX, RECIPIENTS_MAX, SIGNATURES_MAX, Envelope, Signature, Wrap

# Base64 of the largest envelope, and some air for the names of fields.
ENVELOPE_JSON_BYTES_MAX = ENVELOPE_BYTES_MAX * 4 // 3 + 16 * 1024


class _SignatureText(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    k: str
    g: str
    n: int | None = None
    i: int | None = None
    p: Annotated[tuple[str, ...], Meta(max_length=10)] | None = None


class _WrapText(Struct, frozen=True, forbid_unknown_fields=True):
    k: str
    w: str


class _EnvelopeText(Struct, frozen=True, forbid_unknown_fields=True):
    h: str
    s: Annotated[tuple[_SignatureText, ...], Meta(max_length=SIGNATURES_MAX)]
    r: Annotated[tuple[_WrapText, ...], Meta(max_length=RECIPIENTS_MAX)]
    c: str


_DECODER = msgspec.json.Decoder(_EnvelopeText)


def envelope_to_json(envelope: Envelope) -> bytes:
    """Return the JSON form of `envelope`."""
    signatures = tuple(
        _SignatureText(
            encode_base64url(signature.k),
            encode_base64url(signature.g),
            signature.n,
            signature.i,
            None if signature.p is None else tuple(map(encode_base64url, signature.p)),
        )
        for signature in envelope.s
    )
    wraps = tuple(_WrapText(encode_base64url(wrap.k), encode_base64url(wrap.w)) for wrap in envelope.r)
    return canonical.encode(
        _EnvelopeText(encode_base64url(envelope.h), signatures, wraps, encode_base64url(envelope.c))
    )


def envelope_from_json(raw: bytes) -> Envelope:
    """Return the envelope in `raw`, within its bounds; nothing of it has been verified.

    White space and the order of fields are free here: what is signed lies inside `h`.

    Raises:
        FormatError: too large, no JSON of this schema, or bytes of the wrong length.
    """
    if len(raw) > ENVELOPE_JSON_BYTES_MAX:
        raise FormatError(f"envelope is larger than {ENVELOPE_JSON_BYTES_MAX} bytes of json")
    text = canonical.decode_with(_DECODER, raw)
    envelope = Envelope(
        decode_base64url(text.h),
        tuple(map(_signature, text.s)),
        tuple(Wrap(decode_base64url(wrap.k), decode_base64url(wrap.w)) for wrap in text.r),
        decode_base64url(text.c),
    )
    # Constructors check nothing: the bounds and lengths of every field are those of the other form.
    return decode_envelope(encode_envelope(envelope))


def _signature(text: _SignatureText) -> Signature:
    path = None if text.p is None else tuple(map(decode_base64url, text.p))
    return Signature(decode_base64url(text.k), decode_base64url(text.g), text.n, text.i, path)
