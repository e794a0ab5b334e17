"""The small words of wire.md agree with other implementations and have one spelling each."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from securesystemslib.dsse import Envelope

from gateway.crypto import digests
from gateway.domain.errors import FormatError
from gateway.domain.message import Signature


@given(st.text(max_size=40), st.binary(max_size=200))
def test_pae_equals_that_of_securesystemslib(type_: str, payload: bytes) -> None:
    """S-02: our pre-authentication encoding is byte for byte that of the reference library; lengths count bytes."""
    assert digests.pae(type_, payload) == Envelope(payload, type_, {}).pae()


def test_pae_equals_the_published_example() -> None:
    """S-02 (protocol.md, test vector): type and payload of the DSSE specification."""
    expected = b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"

    assert digests.pae("http://example.com/HelloWorld", b"hello world") == expected


def test_notation_is_that_of_wire_md() -> None:
    """wire.md, "Notation": T ends with a zero byte, u32 is big-endian, L puts the length first."""
    assert digests.tag("leaf") == b"accord/v1/leaf\x00"
    assert digests.u32(258) == b"\x00\x00\x01\x02"
    assert digests.prefixed(b"ab") == b"\x00\x00\x00\x02ab"
    assert digests.payload_type("header") == "application/vnd.accord.header.v1+json"


def test_key_id_covers_the_role() -> None:
    """wire.md, "Notation": one public key has another kid in every role, 16 bytes of H(T ‖ L(role) ‖ key)."""
    public = bytes(range(32))
    expected = hashlib.sha256(b"accord/v1/key\x00" + b"\x00\x00\x00\x04seal" + public).digest()[:16]

    assert digests.key_id("seal", public) == expected
    assert digests.key_id("message", public) != expected


def test_signatures_digest_tells_apart_what_was_signed() -> None:
    """Another key, signature, place in a batch or order gives another digest (ADR 0005)."""
    k, g, p = b"k" * 16, b"g" * 64, (b"p" * 32,)
    single, other = Signature(k, g), Signature(b"o" * 16, g)
    seen = [(single,), (other,), (single, other), (other, single), (Signature(k, g, 2, 0, p),)]
    seen += [(Signature(k, g, 2, 1, p),), (Signature(k, g, 3, 0, p),), (Signature(k, g, 2, 0, ()),)]

    assert len({digests.signatures_digest(each) for each in seen}) == len(seen)


@given(st.binary(max_size=100))
def test_base64url_round_trips(data: bytes) -> None:
    """Every byte string comes back from its text, which has no padding."""
    text = digests.encode_base64url(data)

    assert digests.decode_base64url(text) == data
    assert "=" not in text


@pytest.mark.parametrize(
    "text", ["A", "AA==", "AB", "AAB", "A+/_", "AA A", "AAAA\n", "\u00c4AAA", "AAAAA"], ids=lambda text: ascii(text)
)
def test_base64url_has_one_spelling(text: str) -> None:
    """Padding, another alphabet, white space and stray bits are refused: no two texts for one digest."""
    with pytest.raises(FormatError):
        digests.decode_base64url(text)
