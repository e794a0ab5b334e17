"""Any bytes end in a message or in one of two errors, and an envelope has one spelling (P-06)."""

import contextlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.crypto import canonical
from gateway.crypto.envelope import (
    decode_envelope,
    encode_envelope,
)
from gateway.domain.errors import FormatError, SignatureError
from gateway.domain.message import (
    Envelope,
    Header,
)
from tests.crypto.forgeries import MESSAGE, RAW, header, opened, signed

WHOLE = decode_envelope(RAW)


def test_threat_G7_every_flipped_bit_of_the_header_is_detected() -> None:
    """G7: a gateway that changes access level, recipient or any other bit of a header breaks the signature."""
    whole = decode_envelope(RAW)

    for bit in range(0, len(whole.h) * 8, 5):
        changed = bytearray(whole.h)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(SignatureError):
            opened(encode_envelope(replace(whole, h=bytes(changed))))


def test_every_flipped_bit_of_an_envelope_is_detected() -> None:
    """P-06: no byte of an envelope can be changed on its way: one of the two errors, always."""
    for bit in range(0, len(RAW) * 8, 37):
        changed = bytearray(RAW)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises((FormatError, SignatureError)):
            opened(bytes(changed))


PIECES = st.one_of(
    st.tuples(st.integers(0, len(RAW)), st.integers(0, 60), st.binary(max_size=60)).map(
        lambda cut: RAW[: cut[0]] + cut[2] + RAW[cut[0] + cut[1] :]
    ),
    st.binary(max_size=400),
    st.sampled_from(
        [
            b"\x91" * 100_000,
            b"\x81\xa1h" * 50_000,
            b"\xdf\xff\xff\xff\xff",
            b"\xc6\xff\xff\xff\xff",
            b"\xdd\xff\xff\xff\xff",
        ]
    ),
)


@given(PIECES)
def test_any_bytes_end_in_a_message_or_in_one_of_two_errors(raw: bytes) -> None:
    """P-06, E9: spliced envelopes, noise and bombs: nothing else than FormatError or SignatureError ever leaves."""
    try:
        message = opened(raw)
    except (FormatError, SignatureError):
        return
    assert message == opened(RAW)


FIELD = st.sampled_from(Header.__struct_fields__)
VALUE = st.one_of(
    st.none(), st.booleans(), st.integers(-1, 2**53), st.text(max_size=50), st.lists(st.text(max_size=50), max_size=3)
)


@given(FIELD, VALUE)
def test_any_signed_header_ends_in_a_message_or_in_one_of_two_errors(field: str, value: object) -> None:
    """P-06: an insider signs whatever he likes in a field; the gateway's errors stay the same two."""
    h = canonical.encode({**dict(zip(Header.__struct_fields__, fields_of(RAW), strict=True)), field: value})
    raw = encode_envelope(replace(WHOLE, h=h, s=signed(h, MESSAGE))) if len(h) < 30_000 else RAW
    with contextlib.suppress(FormatError, SignatureError):
        opened(raw)


def fields_of(raw: bytes) -> list[object]:
    """Return the values of a header in order."""
    return [getattr(header(raw), name) for name in Header.__struct_fields__]


def test_body_bound_and_signature_bound_hold_before_parsing() -> None:
    """wire.md, "Envelope": at most 8 signatures, 256 wraps, 32 KiB of header, 1 MiB of body."""
    signature, wrap = WHOLE.s[0], WHOLE.r[0]

    for bad in (
        Envelope(b"x" * (32 * 1024 + 1), WHOLE.s, WHOLE.r, WHOLE.c),
        Envelope(WHOLE.h, (signature,) * 9, WHOLE.r, WHOLE.c),
        Envelope(WHOLE.h, WHOLE.s, (replace(wrap, w=bytes(80)),) * 257, WHOLE.c),
        Envelope(WHOLE.h, WHOLE.s, WHOLE.r, bytes(1024 * 1024 + 1)),
        Envelope(WHOLE.h, (), WHOLE.r, WHOLE.c),
        Envelope(WHOLE.h, (replace(signature, g=bytes(63)),), WHOLE.r, WHOLE.c),
    ):
        with pytest.raises(FormatError):
            decode_envelope(encode_envelope(bad))


SECOND_SPELLINGS = {
    "doubled key": b"\x85\xa1h\xc4\x02xx" + RAW[1:],
    "another order of keys": msgspec.msgpack.encode({name: getattr(WHOLE, name) for name in "shrc"}),
    "map of sixteen bits": b"\xde\x00\x04" + RAW[1:],
    "key of eight bits": RAW.replace(b"\xa1c\xc4", b"\xd9\x01c\xc4", 1),
    "longer length": RAW.replace(b"\xc4\x10" + MESSAGE.kid, b"\xc5\x00\x10" + MESSAGE.kid, 1),
    "nil for an absent field": RAW.replace(b"\x82\xa1k", b"\x83\xa1n\xc0\xa1k", 1),
    "text for bytes": RAW.replace(b"\xc4\x10" + MESSAGE.kid, b"\xb0" + b"k" * 16, 1),
}


@pytest.mark.parametrize("name", SECOND_SPELLINGS)
def test_threat_E8_message_pack_has_one_spelling(name: str) -> None:
    """E8: doubled keys, other orders and longer encodings of the same envelope are refused (ADR 0005)."""
    assert SECOND_SPELLINGS[name] != RAW

    with pytest.raises(FormatError):
        decode_envelope(SECOND_SPELLINGS[name])
