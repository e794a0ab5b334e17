"""One spelling for every object: canonical JSON for what is signed, MessagePack for what carries it.

A reader accepts an object only if encoding what it decoded gives the same bytes. That one comparison refuses
doubled keys, other orders, white space, floats, `-0`, escapes and a byte-order mark (wire.md, "Canonical JSON";
ADR 0005 for MessagePack). Nothing of the input is repeated in an error but the field's own name.
"""

import re
from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

import msgspec

from gateway.domain.errors import FormatError

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

_ENCODER = msgspec.json.Encoder(order="deterministic")
_PACKER = msgspec.msgpack.Encoder()
# One decoder a type, built on first use: there are as many as signed objects.
_DECODERS: dict[Any, Any] = {}
# Deep nesting is a RecursionError, a huge length a MemoryError, bad text a UnicodeDecodeError (reliability.md 4.7).
_MALFORMED = (msgspec.DecodeError, ValueError, RecursionError, MemoryError, OverflowError)
# The end of a message of msgspec: names of our own fields and indices, never input.
_PATH = re.compile(r" - at (?:`key` in )?`(\$[a-z0-9_.\[\]]*)`$")


class Reader(Protocol[T_co]):
    """What the decoders of msgspec have in common."""

    def decode(self, raw: bytes, /) -> T_co:
        """Return what `raw` says, or raise whatever they raise."""
        ...


def encode(value: object) -> bytes:
    """Return the canonical JSON of `value`: fields in the order of the schema, keys of maps sorted."""
    return _ENCODER.encode(value)


def decode(raw: bytes, type_: type[T]) -> T:
    """Return the `type_` in `raw`.

    Raises:
        FormatError: `raw` is not of the schema, or is not the one spelling of what it says.
    """
    return decode_all((raw,), type_)[0]


def decode_all(raws: Sequence[bytes], type_: type[T]) -> list[T]:
    """Return the `type_` in each of `raws`.

    Raises:
        FormatError: as `decode`, for the first of them that is at fault.
    """
    decoder: Reader[T] = _DECODERS.get(type_) or _DECODERS.setdefault(type_, msgspec.json.Decoder(type_))
    encode_value = _ENCODER.encode
    try:
        values = [decoder.decode(raw) for raw in raws]
    except _MALFORMED as error:
        raise FormatError(_explain(error)) from None
    for raw, value in zip(raws, values, strict=True):
        if encode_value(value) != raw:
            raise FormatError("json is not canonical: another spelling of the same object")
    return values


def decode_with(decoder: Reader[T], raw: bytes) -> T:
    """Return what `decoder` reads in `raw`, whatever `raw` is; canonical form is not looked at.

    Raises:
        FormatError: `raw` is not of the decoder's schema.
    """
    try:
        return decoder.decode(raw)
    except _MALFORMED as error:
        raise FormatError(_explain(error)) from None


def pack(value: object) -> bytes:
    """Return the MessagePack of `value`: maps in the order of the schema, shortest encodings."""
    return _PACKER.encode(value)


def unpack(decoder: Reader[T], raw: bytes, bytes_max: int, what: str) -> T:
    """Return what `decoder` reads in `raw`; nothing of it has been verified.

    Raises:
        FormatError: more than `bytes_max` bytes, not of the schema, or not the one spelling of its content.
    """
    if len(raw) > bytes_max:
        raise FormatError(f"{what} is larger than {bytes_max} bytes")
    try:
        value = decoder.decode(raw)
    except _MALFORMED as error:
        raise FormatError(_explain(error)) from None
    if _PACKER.encode(value) != raw:
        raise FormatError(f"{what} is not canonical: a doubled key, another order or a longer encoding")
    return value


def in_order(names: Sequence[str]) -> bool:
    """Tell whether a list whose order means nothing is strictly increasing."""
    return len(names) < 2 or all(map(str.__lt__, names, names[1:]))


def _explain(error: Exception) -> str:
    path = _PATH.search(str(error)) if isinstance(error, msgspec.ValidationError) else None
    if path is not None:
        return f"field `{path[1]}` is not of its schema"
    if isinstance(error, msgspec.ValidationError):
        return "object is not of its schema: a field is missing, unknown or of another type"
    return "bytes are not well formed"
