"""Canonical JSON has one spelling; whatever else arrives ends in one error, soon."""

import time

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.crypto import canonical
from gateway.crypto.envelope import decode_envelope
from gateway.domain.errors import FormatError
from gateway.domain.message import Header
from gateway.domain.receipt import Record
from gateway.domain.statement import Consent
from tests.crypto.federation import envelope

HEADER = decode_envelope(envelope(form={"a": True, "b": "x", "c": False})).h

# wire.md, "Negative vectors to ship": the JSON line; each differs from a valid header in exactly that.
SPELLINGS = {
    "another field order": (b'"v":1,"network":"test-federation"', b'"network":"test-federation","v":1'),
    "another order of map keys": (b'"a":true,"b":"x"', b'"b":"x","a":true'),
    "doubled key": (b'"v":1', b'"v":1,"v":1'),
    "doubled key of a map": (b'"a":true', b'"a":true,"a":true'),
    "float": (b'"v":1', b'"v":1.0'),
    "exponent": (b'"suite":2', b'"suite":2e0'),
    "minus zero": (b'"destroy_by_ms":null', b'"destroy_by_ms":-0'),
    "negative": (b'"destroy_by_ms":null', b'"destroy_by_ms":-1'),
    "2^53": (b'"destroy_by_ms":null', b'"destroy_by_ms":9007199254740992'),
    "4,300 digits": (b'"destroy_by_ms":null', b'"destroy_by_ms":1' + b"0" * 4299),
    "leading zero": (b'"suite":2', b'"suite":02'),
    "escape": (b'"cz-kz"', b'"cz\\u002dkz"'),
    "escaped slash": (b"application/json", b"application\\/json"),
    "non-ascii": (b'"cz-kz"', '"cz-kź"'.encode()),
    "control character": (b'"cz-kz"', b'"cz-k\x01"'),
    "newline at the end of a name": (b'"cz-kz"', b'"cz-kz\\n"'),
    "byte-order mark": (b'{"v"', b'\xef\xbb\xbf{"v"'),
    "space before": (b'{"v"', b' {"v"'),
    "space within": (b'"v":1', b'"v": 1'),
    "missing field": (b'"case":null,', b""),
    "unknown field": (b'"case":null', b'"case":null,"more":1'),
    "null for a list": (b'"sources":[]', b'"sources":null'),
    "boolean for an integer": (b'"v":1', b'"v":true'),
    "integer for a boolean": (b'"personal_data":true', b'"personal_data":1'),
    "text for an integer": (b'"v":1', b'"v":"1"'),
    "not utf-8": (b'"cz-kz"', b'"cz-k\xff"'),
}
ENDINGS = {"trailing space": b" ", "trailing newline": b"\n", "second object": b"{}", "zero byte": b"\x00"}


def test_header_is_accepted_as_it_was_written() -> None:
    """The one spelling passes, and comes out again byte for byte."""
    assert canonical.encode(canonical.decode(HEADER, Header)) == HEADER


@pytest.mark.parametrize("name", SPELLINGS)
def test_threat_E8_header_in_another_spelling_is_refused(name: str) -> None:
    """E8: a reader accepts an object only if encoding what it decoded gives the same bytes."""
    old, new = SPELLINGS[name]
    changed = HEADER.replace(old, new, 1)
    assert changed != HEADER

    with pytest.raises(FormatError):
        canonical.decode(changed, Header)


@pytest.mark.parametrize("name", ENDINGS)
def test_threat_E8_bytes_after_a_header_are_refused(name: str) -> None:
    """E8: nothing follows a signed object, not even a space."""
    with pytest.raises(FormatError):
        canonical.decode(HEADER + ENDINGS[name], Header)


BOMBS = {
    "nested lists": b"[" * 200_000,
    "nested maps": b'{"v":' * 100_000,
    "unknown field, nested": b'{"x":' + b"[" * 200_000,
    "form, nested": HEADER.replace(b'"a":true', b'"a":' + b"[" * 100_000),
    "many empty lists": b"[" + b"[]," * 300_000 + b"[]]",
    "many sources": HEADER.replace(
        b'"sources":[]', b'"sources":[' + b",".join([b'"' + b"A" * 43 + b'"'] * 9_000) + b"]"
    ),
    "many digits": b'{"v":' + b"1" * 300_000,
    "surrogate": b'"\\ud800"',
    "empty": b"",
}


@pytest.mark.parametrize("name", BOMBS)
def test_threat_E9_bomb_is_refused_at_once(name: str) -> None:
    """E9: nesting, huge integers and millions of empty values end in one error, within a loop's patience."""
    started = time.perf_counter()

    with pytest.raises(FormatError):
        canonical.decode(BOMBS[name], Header)
    assert time.perf_counter() - started < 0.5


def test_error_names_the_field_and_repeats_no_input() -> None:
    """A sender learns which field is wrong; what it wrote does not come back, nor reach a log."""
    secret = b"CanaryNovak"
    changed = HEADER.replace(b'"cz-kz"', b'"' + secret + b'"')
    unknown = HEADER.replace(b'"case"', b'"' + secret + b'":1,"case"')
    key = HEADER.replace(b'"a":true', b'"' + secret + b'":true')

    errors = []
    for raw in (changed, unknown, key):
        with pytest.raises(FormatError) as caught:
            canonical.decode(raw, Header)
        errors.append(str(caught.value))
    assert not any("Canary" in error for error in errors)
    assert errors[0] == "field `$.agreement` is not of its schema"
    assert all(error == error.lower() and "\n" not in error for error in errors)


@given(st.binary(max_size=300))
def test_any_bytes_decode_or_are_refused(raw: bytes) -> None:
    """P-06: for any bytes, decoding is the inverse of encoding or ends in the one error."""
    for type_ in (Header, Consent, Record):
        try:
            value = canonical.decode(raw, type_)
        except FormatError:
            continue
        assert canonical.encode(value) == raw


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
)
FIELDS = [field.encode_name for field in msgspec.structs.fields(Header)]


@given(st.sampled_from(FIELDS), JSON)
def test_any_value_in_any_field_decodes_or_is_refused(field: str, value: object) -> None:
    """P-06, E8: whatever stands in a field, the header is read as written or not at all."""
    fields = msgspec.json.decode(HEADER)
    fields[field] = value
    raw = msgspec.json.encode(fields)
    try:
        header = canonical.decode(raw, Header)
    except FormatError:
        return
    assert canonical.encode(header) == raw


def test_order_means_strictly_increasing() -> None:
    """wire.md: where order means nothing, a list is sorted and says nothing twice."""
    assert canonical.in_order(())
    assert canonical.in_order(("a",))
    assert canonical.in_order(("a", "b", "c"))
    assert not canonical.in_order(("a", "a"))
    assert not canonical.in_order(("a", "c", "b"))
