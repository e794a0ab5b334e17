"""Frames of the broker link: what was written is read, anything else is one error."""

import os
import random

import pytest

from gateway.domain.errors import FormatError
from gateway.wire import frames
from gateway.wire.broker_frames import (
    PACKET_BYTES_MAX,
    PART_BYTES_MAX,
    AskDirectory,
    decode_addressed,
    decode_inner,
    decode_part,
    decode_submit,
    encode_addressed,
    encode_inner,
    parts_of,
    tag_of,
)

SUBMIT = frames.encode(frames.Submit(first=2**51, items=[frames.Submission("message", b"raw")]))
HELLO = frames.encode(frames.EndpointHello(seen=None, evidence_after=7))


def test_frame_comes_back_as_it_was() -> None:
    """Addressed frames keep address, session and content."""
    addressed = decode_addressed(encode_addressed("gateway.example", 12, HELLO))

    assert (addressed.origin, addressed.session) == ("gateway.example", 12)
    assert decode_inner(addressed.raw) == frames.EndpointHello(seen=None, evidence_after=7)
    assert decode_inner(encode_inner(AskDirectory())) == AskDirectory()
    assert decode_submit(SUBMIT).items[0].raw == b"raw"


def test_tag_is_seen_without_decoding() -> None:
    """The first element of a frame names its kind."""
    assert [tag_of(raw) for raw in (SUBMIT, HELLO, encode_inner(AskDirectory()))] == [
        "submit",
        "hello",
        "ask-directory",
    ]
    assert [tag_of(raw) for raw in (b"", b"\x92", b"{}", b"\x92\xc3", b"\x91\xa3\xff\xfe\xfd")][:4] == ["", "", "", ""]


@pytest.mark.parametrize("decode", [decode_submit, decode_addressed, decode_inner, decode_part])
def test_any_bytes_are_a_frame_or_one_error(decode: "type") -> None:
    """P-06: nothing but `FormatError` is raised, whatever a broker delivers."""
    chance = random.Random(9)
    seeds = [SUBMIT, encode_addressed("gateway.example", 12, HELLO), HELLO, encode_inner(AskDirectory())]
    for _ in range(3_000):
        raw = bytearray(chance.choice(seeds) if chance.random() < 0.8 else os.urandom(chance.randrange(64)))
        for _ in range(chance.randrange(1, 4)):
            if raw:
                raw[chance.randrange(len(raw))] = chance.randrange(256)
        try:
            decode(bytes(raw))
        except FormatError:
            continue


@pytest.mark.parametrize("decode", [decode_submit, decode_addressed])
def test_frame_over_its_bound_is_not_decoded(decode: "type") -> None:
    """What is too large is refused by its length alone."""
    with pytest.raises(FormatError, match="over the bound"):
        decode(bytes(PACKET_BYTES_MAX + 1))


def test_edition_travels_in_parts_and_is_whole_again() -> None:
    """8 MiB of directory fit through packets of 2 MiB."""
    raw = os.urandom(2 * PART_BYTES_MAX + 5)
    parts = [decode_part(encode_inner(part)) for part in parts_of(raw, "A" * 43)]

    assert [part.offset for part in parts] == [0, PART_BYTES_MAX, 2 * PART_BYTES_MAX]
    assert b"".join(part.raw for part in parts) == raw
    assert {part.total for part in parts} == {len(raw)}
