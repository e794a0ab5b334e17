"""The JSON form of an envelope carries the same fields within the same bounds."""

import pytest

from gateway.crypto.digests import encode_base64url
from gateway.crypto.envelope import decode_envelope
from gateway.crypto.envelope_json import ENVELOPE_JSON_BYTES_MAX, envelope_from_json, envelope_to_json
from gateway.crypto.sealing import Letter, seal_batch
from gateway.domain.errors import FormatError
from tests.crypto.federation import (
    KZ,
    draft,
    to,
)
from tests.crypto.forgeries import MESSAGE, RAW, TWO


@pytest.mark.parametrize("raw", [RAW, TWO], ids=["one recipient", "two recipients"])
def test_json_form_is_the_same_envelope(raw: bytes) -> None:
    """wire.md, "Envelope": MessagePack and JSON carry the same fields; what is signed does not change."""
    whole = decode_envelope(raw)

    assert envelope_from_json(envelope_to_json(whole)) == whole
    batch = decode_envelope(
        seal_batch([Letter(draft(), b"", to(KZ))] * 1 + [Letter(draft(), b"", to(KZ))], [MESSAGE])[1]
    )
    assert envelope_from_json(envelope_to_json(batch)) == batch


def test_json_form_that_is_none_is_refused() -> None:
    """Wrong lengths, other alphabets, unknown fields, bombs and sizes end in the one error."""
    good = envelope_to_json(decode_envelope(RAW))
    kid = encode_base64url(MESSAGE.kid).encode()

    for bad in (
        b"",
        b"[]",
        b"[" * 100_000,
        good[:-1],
        good.replace(kid, kid + b"AA"),
        good.replace(kid, b"*" * 22),
        good.replace(b'{"h"', b'{"x":1,"h"'),
        good.replace(b'"c":"', b'"c":"='),
        good + b" " * ENVELOPE_JSON_BYTES_MAX,
    ):
        with pytest.raises(FormatError):
            envelope_from_json(bad)
