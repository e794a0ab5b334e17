"""Frames: what goes in comes out, and anything else is one error."""

import time
import tracemalloc
from collections import deque

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.domain.errors import FormatError
from gateway.domain.message import ENVELOPE_BYTES_MAX
from gateway.domain.session import Answer, Delivery, Evidence
from gateway.wire import frames
from gateway.wire.frames import (
    Acknowledge,
    Answers,
    AskConsistency,
    Consistency,
    Deliveries,
    EditionNotice,
    EndpointHello,
    FromEndpoint,
    FromGateway,
    Goodbye,
    Hello,
    Informed,
    Submission,
    Submit,
)
from gateway.wire.limits import Limits

DIGEST = "A" * 43

FROM_GATEWAY: list[FromGateway] = [
    Hello("demo", "accord.example/gateway", 7, DIGEST, b"note", 1_000, 256),
    Answers([Answer(3, "receipt", permitted=True, body=b"proof"), Answer(4, "busy", code="busy", retry_after_s=2)]),
    Deliveries([Delivery(bytes(32), b"envelope", b"receipt", 1)]),
    Informed([Evidence(9, bytes(32), "failed", "kz-mvd", "expired", b"receipt")]),
    Consistency(3, 5, (bytes(32),), b"note"),
    EditionNotice(8, DIGEST),
    Goodbye("drain"),
]
FROM_ENDPOINT: list[FromEndpoint] = [
    EndpointHello(None, None),
    EndpointHello(b"note", 17),
    Submit(0, [Submission("message", b"envelope"), Submission("statement", b"statement")]),
    Acknowledge(2, b"signed"),
    AskConsistency(3, 5),
]


@pytest.mark.parametrize("frame", FROM_GATEWAY, ids=lambda frame: type(frame).__name__)
def test_frame_of_the_gateway_is_read_as_it_was_written(frame: FromGateway) -> None:
    """Encoding and decoding lose nothing."""
    assert frames.decode_from_gateway(frames.encode(frame)) == frame


@pytest.mark.parametrize("frame", FROM_ENDPOINT, ids=lambda frame: type(frame).__name__)
def test_frame_of_the_endpoint_is_read_as_it_was_written(frame: FromEndpoint) -> None:
    """Encoding and decoding lose nothing."""
    assert frames.decode_from_endpoint(frames.encode(frame)) == frame


@pytest.mark.parametrize("frame", [*FROM_GATEWAY[1:], *FROM_ENDPOINT], ids=lambda frame: type(frame).__name__)
def test_frame_is_refused_in_the_other_direction(frame: FromGateway | FromEndpoint) -> None:
    """An endpoint cannot say what only a gateway says, and the other way round."""
    raw = frames.encode(frame)
    decode = frames.decode_from_gateway if frame in FROM_ENDPOINT else frames.decode_from_endpoint

    with pytest.raises(FormatError):
        decode(raw)


@pytest.mark.parametrize("frame", [*FROM_GATEWAY, *FROM_ENDPOINT], ids=lambda frame: type(frame).__name__)
def test_truncated_frame_is_refused_wherever_it_is_cut(frame: FromGateway | FromEndpoint) -> None:
    """No proper prefix of a frame is a frame, and neither is a frame with something behind it."""
    raw = frames.encode(frame)
    decode = frames.decode_from_endpoint if frame in FROM_ENDPOINT else frames.decode_from_gateway

    for broken in [*(raw[:length] for length in range(len(raw))), raw + b"\x00"]:
        with pytest.raises(FormatError):
            decode(broken)


@given(st.binary(max_size=200))
@example(b"\xc1")
@example(b"\x93\xa6submit\xcf\xff\xff\xff\xff\xff\xff\xff\xff\x90")
@example(b"\x92\xa7answers\x91\x98\x01\xa7receipt\xc3\xc4\x01x\xa1\xff\xa0\x00\xc2")
def test_any_bytes_end_in_a_frame_or_in_a_format_error(raw: bytes) -> None:
    """P-06: nothing but `FormatError` escapes either reader, whatever the bytes."""
    for decode in (frames.decode_from_endpoint, frames.decode_from_gateway):
        try:
            frame = decode(raw)
        except FormatError:
            continue
        assert decode(frames.encode(frame)) == frame


@given(st.integers(0, 120), st.integers(0, 255))
def test_any_changed_byte_ends_in_a_frame_or_in_a_format_error(position: int, value: int) -> None:
    """P-06: the neighbourhood of real frames holds no third outcome."""
    raw = bytearray(frames.encode(FROM_ENDPOINT[2]))
    raw[position % len(raw)] = value

    try:
        frames.decode_from_endpoint(bytes(raw))
    except FormatError:
        return


NEST = b"\x91" * (frames.FRAME_BYTES_MAX - 100)
SUBMIT = b"\x93\xa6submit\x00"
ONE = b"\x91\x92\xa7message\xc4\x00"
BOMBS = {
    "nesting": NEST,
    "nesting-in-a-field": SUBMIT + NEST,
    "nesting-in-items": SUBMIT + b"\x91" + NEST,
    "nesting-behind-the-last-field": b"\x94\xa6submit\x00" + ONE + NEST,
    "nesting-of-maps": b"\x81\x01" * 900_000,
    "two-million-empty-arrays": SUBMIT + b"\xdd\x00\x1e\x00\x00" + b"\x90" * 1_966_080,
    "two-hundred-thousand-items": SUBMIT + b"\xdd\x00\x03\x00\x00" + ONE[1:] * 196_608,
    "array-that-claims-four-billion": b"\xdd\xff\xff\xff\xff",
    "bytes-that-claim-four-gibibytes": SUBMIT + b"\x91\x92\xa7message\xc6\xff\xff\xff\xff",
    "number-beyond-2-to-53": b"\x93\xa6submit\xcf\x00\x20\x00\x00\x00\x00\x00\x00" + ONE,
    "negative-number": b"\x93\xa6submit\xff" + ONE,
    "number-as-float": b"\x93\xa6submit\xcb\x00\x00\x00\x00\x00\x00\x00\x00" + ONE,
    "text-that-is-no-utf-8": b"\x93\xa6submit\x00\x91\x92\xa2\xff\xfe\xc4\x00",
    "extension-type": SUBMIT + b"\xc7\x04\x01abcd",
    "frame-as-a-map": b"\x82\xa5first\x00\xa5items\x90",
}


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS)
def test_threat_E9_decode_bomb_is_refused_quickly_and_in_little_memory(bomb: bytes) -> None:
    """No frame of 2 MiB costs more than a moment: refused within 50 ms, under 8 MiB of memory."""
    tracemalloc.start()
    begun = time.perf_counter()

    with pytest.raises(FormatError):
        frames.decode_from_endpoint(bomb)

    took_s = time.perf_counter() - begun
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 8 * 1024 * 1024
    assert took_s < 0.05


def test_frame_over_its_bound_is_refused_unread() -> None:
    """2 MiB are the bound of a frame (wire.md), to the byte."""
    overhead = len(frames.encode(Acknowledge(0, bytes(frames.FRAME_BYTES_MAX - 32)))) - (frames.FRAME_BYTES_MAX - 32)
    largest = frames.encode(Acknowledge(0, bytes(frames.FRAME_BYTES_MAX - overhead)))

    assert len(largest) == frames.FRAME_BYTES_MAX
    assert isinstance(frames.decode_from_endpoint(largest), Acknowledge)
    with pytest.raises(FormatError, match="2097153 bytes"):
        frames.decode_from_endpoint(frames.encode(Acknowledge(0, bytes(frames.FRAME_BYTES_MAX - overhead + 1))))


def test_error_text_does_not_quote_the_input() -> None:
    """Threat O3: what a peer sent never reaches an error text, and through it a log."""
    with pytest.raises(FormatError) as caught:
        frames.decode_from_endpoint(b"\x92\xa6CANARY\x00")

    assert "CANARY" not in str(caught.value)


@given(st.lists(st.integers(0, 700_000), max_size=12))
def test_queue_is_cut_into_frames_within_the_bound_and_in_order(sizes: list[int]) -> None:
    """Every item leaves exactly once, in order, in frames that the other side accepts."""
    queue = deque(Submission("message", bytes(size)) for size in sizes)
    sent: list[Submission] = []

    while queue:
        items = frames.take_frame(queue, frames.submission_bytes)
        raw = frames.encode(Submit(0, items))
        assert items
        assert len(raw) <= frames.FRAME_BYTES_MAX
        sent += items

    assert [len(item.raw) for item in sent] == sizes


def test_queue_of_many_small_items_is_cut_at_the_bound_of_items() -> None:
    """A frame never carries more items than its reader takes."""
    queue = deque(Answer(number, "receipt") for number in range(frames.FRAME_ITEMS_MAX + 1))

    first = frames.take_frame(queue, frames.answer_bytes)

    assert len(first) == frames.FRAME_ITEMS_MAX
    assert len(queue) == 1
    frames.decode_from_gateway(frames.encode(Answers(first)))


CROWDED: list[FromGateway | FromEndpoint] = [
    Answers([Answer(0, "receipt")] * (frames.FRAME_ITEMS_MAX + 1)),
    Deliveries([Delivery(bytes(32), b"", b"", 1)] * (frames.FRAME_ITEMS_MAX + 1)),
    Informed([Evidence(1, bytes(32), "failed", "kz-mvd", "expired", b"")] * (frames.FRAME_ITEMS_MAX + 1)),
    Submit(0, [Submission("message", b"")] * (frames.FRAME_ITEMS_MAX + 1)),
    Answers([]),
    Submit(0, []),
]


@pytest.mark.parametrize("frame", CROWDED, ids=lambda frame: f"{type(frame).__name__}-{len(frame.items)}")
def test_frame_of_no_or_too_many_items_is_refused(frame: FromGateway | FromEndpoint) -> None:
    """A frame carries from one to 1,024 items, in both directions."""
    decode = frames.decode_from_endpoint if isinstance(frame, Submit) else frames.decode_from_gateway

    with pytest.raises(FormatError):
        decode(frames.encode(frame))


@pytest.mark.parametrize(
    ("item", "measure"),
    [
        (Answer(2**53, "unauthenticated", False, b"x", "c" * 64, "d" * 200, 2**31, True), frames.answer_bytes),
        (Delivery(bytes(32), b"x" * 500, b"y" * 500, 2**31), frames.delivery_bytes),
        (Evidence(2**53, bytes(32), "acknowledged", "a" * 63, "o" * 64, b"x" * 500), frames.evidence_bytes),
        (Submission("statement", b"x" * 500), frames.submission_bytes),
    ],
)
def test_measure_is_an_upper_bound(item: object, measure: object) -> None:
    """What a queue counts for an item is at least what the item occupies in a frame."""
    assert callable(measure)
    assert len(frames.encode(item)) <= measure(item)  # type: ignore[arg-type]  # An item alone, not a frame.


def test_bounds_are_those_of_the_wire() -> None:
    """wire.md, "Envelope": frame and body 2 MiB, unjudged 4 MiB a connection and 64 MiB in all; the largest
    envelope fits into a frame.
    """
    limits = Limits()

    assert limits.frame_bytes_max == limits.body_bytes_max == frames.FRAME_BYTES_MAX == 2 * 1024 * 1024
    assert (limits.unjudged_bytes_max, limits.unjudged_bytes_total_max) == (4 * 1024 * 1024, 64 * 1024 * 1024)
    assert ENVELOPE_BYTES_MAX + frames.ITEM_OVERHEAD_BYTES < frames.FRAME_BYTES_MAX
