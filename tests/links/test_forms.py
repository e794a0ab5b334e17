"""The JSON forms: any input ends in the bytes of a statement or in one error."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.errors import FormatError
from gateway.domain.statement import SignedAcknowledgements, SignedStatement
from gateway.links.forms import acknowledgements_from_json, statement_from_json
from tests.links.test_https import BATCH_FORM, STATEMENT_FORM

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=5,
)


@given(st.binary(max_size=100))
def test_any_bytes_end_in_a_statement_or_a_format_error(raw: bytes) -> None:
    """P-06 for the JSON forms."""
    for convert in (statement_from_json, acknowledgements_from_json):
        with pytest.raises(FormatError):
            convert(raw)


@given(st.sampled_from(sorted(BATCH_FORM)), JSON_VALUES)
def test_any_field_of_a_batch_ends_in_a_batch_or_a_format_error(name: str, value: object) -> None:
    """P-06: what passes is what the binary form would be decoded to."""
    try:
        raw = acknowledgements_from_json(msgspec.json.encode(BATCH_FORM | {name: value}))
    except FormatError:
        return
    msgspec.msgpack.decode(raw, type=SignedAcknowledgements)


@pytest.mark.parametrize(
    "change",
    [
        {"t": "no media type"},
        {"h": ""},
        {"h": "A" * 100_000},
        {"s": []},
        {"s": [STATEMENT_FORM["s"][0]] * 9},
        {"s": [{"k": "A" * 22, "g": "B"}]},
        {"extra": 1},
    ],
)
def test_statement_out_of_bounds_is_refused(change: dict[str, Any]) -> None:
    """Lengths, counts and spellings are judged before anything is handed on."""
    msgspec.msgpack.decode(statement_from_json(msgspec.json.encode(STATEMENT_FORM)), type=SignedStatement)
    with pytest.raises(FormatError):
        statement_from_json(msgspec.json.encode(STATEMENT_FORM | change))
