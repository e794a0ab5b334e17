"""What is kept of a message: the parts of its envelope are found where they lie."""

import msgspec
import pytest

from gateway.store.kept import keep
from tests.store.samples import BRAVO, CHARLIE, message

pack = msgspec.msgpack.encode


@pytest.mark.parametrize("body_bytes", [1, 255, 256, 65_535, 65_536])
@pytest.mark.parametrize("names", [(BRAVO,), (BRAVO, CHARLIE), tuple(f"{BRAVO}-{number:03}" for number in range(100))])
@pytest.mark.parametrize("wrap_bytes", [80, 1_168])
def test_parts_lie_where_they_are_looked_for(body_bytes: int, names: tuple[str, ...], wrap_bytes: int) -> None:
    """Header, wraps and ciphertext of a kept message are those of its envelope, whatever lengths are written before."""
    sent = message(1, recipients=names, body=(b"body" * 20_000)[:body_bytes], wrap_bytes=wrap_bytes)
    kept, envelope = keep((sent,))[0], sent.envelope

    assert bytes(kept.header) == envelope.h
    assert kept.signatures == pack(envelope.s)
    assert [bytes(part) for part in kept.body()] == [envelope.c, pack(envelope.r)]
    assert kept.recipients == names
