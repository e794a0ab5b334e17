"""Frames: what one binary message of `GET /v1/link` (subprotocol `accord.v1`) may be.

Without IO: bytes in, one typed frame or `FormatError` out. A frame is a MessagePack array whose
first element names its kind; it carries many items, so that one read, one decode and one write
serve a whole batch. The gateway speaks first (`Hello`), the endpoint answers (`EndpointHello`);
before that nobody sends anything else (wire.md). Source: S-17 (RFC 6455).
"""

from collections import deque
from collections.abc import Callable
from typing import Annotated, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

from gateway.crypto.canonical import decode_with
from gateway.domain.errors import FormatError
from gateway.domain.names import Code, Count, Digest, Milliseconds, Origin
from gateway.domain.session import Answer, CloseReason, Delivery, Evidence

SUBPROTOCOL = "accord.v1"
LINK_PATH = "/v1/link"
FRAME_BYTES_MAX = 2 * 1024 * 1024
FRAME_ITEMS_MAX = 1024
# A signed note: origin, size, root and a few signatures.
NOTE_BYTES_MAX = 8 * 1024
# What an item costs beside its bodies: names, numbers, array heads.
ITEM_OVERHEAD_BYTES = 512

Note = Annotated[bytes, Meta(min_length=1, max_length=NOTE_BYTES_MAX)]
Node = Annotated[bytes, Meta(min_length=32, max_length=32)]
SubmissionKind = Literal["message", "statement"]


class Hello(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="hello"):
    """The gateway's first frame: who it is, what is in force, where its ledger stands.

    `window`: how many submissions may be without an answer. The link fills it in.
    """

    network: Code
    origin: Origin
    edition: Count
    edition_sha256: Digest
    checkpoint: Note
    at_ms: Milliseconds
    window: Count = 0


class Answers(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="answers"):
    """Outcomes of submissions, each once."""

    items: Annotated[list[Answer], Meta(min_length=1, max_length=FRAME_ITEMS_MAX)]


class Deliveries(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="deliveries"):
    """Messages for the authority at the other end, each with its admission receipt."""

    items: Annotated[list[Delivery], Meta(min_length=1, max_length=FRAME_ITEMS_MAX)]


class Informed(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="informed"):
    """Evidence of what became of the endpoint's own messages, in the order of `sequence`."""

    items: Annotated[list[Evidence], Meta(min_length=1, max_length=FRAME_ITEMS_MAX)]


class Consistency(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="consistency"):
    """The RFC 9162 path between two sizes of the ledger, and the newest checkpoint."""

    old: Count
    new: Count
    path: Annotated[tuple[Node, ...], Meta(max_length=128)]
    checkpoint: Note


class EditionNotice(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="edition"):
    """Another directory edition is in force; fetch it at `GET /v1/directory`."""

    number: Count
    sha256: Digest


class Goodbye(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="goodbye"):
    """The last frame before the gateway closes, where it still can be sent."""

    reason: CloseReason


class EndpointHello(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="hello"):
    """The endpoint's first frame: the newest checkpoint it verified, and its evidence cursor.

    `evidence_after`: the last `sequence` it has; None: it wants neither deliveries nor evidence.
    """

    seen: Note | None
    evidence_after: Count | None


class Submission(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """One envelope or statement, as its originator signed it. Its own bounds are judged later,
    so that one poisoned item costs one answer and not the link.
    """

    kind: SubmissionKind
    raw: bytes


class Submit(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="submit"):
    """Submissions numbered `first`, `first` + 1, and so on.

    Numbers count from 0 on every connection, over submissions and acknowledgements together,
    without a gap; each is answered exactly once.
    """

    first: Count
    items: Annotated[list[Submission], Meta(min_length=1, max_length=FRAME_ITEMS_MAX)]


class Acknowledge(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="acknowledge"):
    """A signed batch of acknowledgements (`SignedAcknowledgements`); takes the next number."""

    number: Count
    raw: bytes


class AskConsistency(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="ask-consistency"):
    """Ask for the path between two sizes of the gateway's ledger."""

    old: Count
    new: Count


FromGateway = Hello | Answers | Deliveries | Informed | Consistency | EditionNotice | Goodbye
FromEndpoint = EndpointHello | Submit | Acknowledge | AskConsistency

_encoder = msgspec.msgpack.Encoder()
_from_gateway: msgspec.msgpack.Decoder[FromGateway] = msgspec.msgpack.Decoder(FromGateway)
_from_endpoint: msgspec.msgpack.Decoder[FromEndpoint] = msgspec.msgpack.Decoder(FromEndpoint)

Frame = TypeVar("Frame")
Item = TypeVar("Item")


def encode(frame: FromGateway | FromEndpoint) -> bytes:
    """Return a frame as it travels."""
    return _encoder.encode(frame)


def encode_into(frame: FromGateway | FromEndpoint, buffer: bytearray, offset: int) -> None:
    """Write a frame as it travels into `buffer` from `offset` on, where the buffer ends then."""
    _encoder.encode_into(frame, buffer, offset)


def decode_from_gateway(raw: bytes) -> FromGateway:
    """Return the frame that a gateway sent.

    Raises:
        FormatError: `raw` is no such frame (P-06: nothing else is raised, whatever the bytes).
    """
    return _decode(_from_gateway, raw)


def decode_from_endpoint(raw: bytes) -> FromEndpoint:
    """Return the frame that an endpoint sent.

    Raises:
        FormatError: `raw` is no such frame (P-06: nothing else is raised, whatever the bytes).
    """
    return _decode(_from_endpoint, raw)


def _decode(decoder: msgspec.msgpack.Decoder[Frame], raw: bytes) -> Frame:
    if len(raw) > FRAME_BYTES_MAX:
        raise FormatError(f"a frame of {len(raw)} bytes is over the bound of {FRAME_BYTES_MAX}")
    return decode_with(decoder, raw)


def answer_bytes(item: Answer) -> int:
    """Return a bound on what an answer occupies in a frame, in bytes."""
    return len(item.body) + len(item.detail) + ITEM_OVERHEAD_BYTES


def delivery_bytes(item: Delivery) -> int:
    """Return a bound on what a delivery occupies in a frame, in bytes."""
    return len(item.envelope) + len(item.receipt) + ITEM_OVERHEAD_BYTES


def evidence_bytes(item: Evidence) -> int:
    """Return a bound on what an item of evidence occupies in a frame, in bytes."""
    return len(item.body) + ITEM_OVERHEAD_BYTES


def submission_bytes(item: Submission) -> int:
    """Return a bound on what a submission occupies in a frame, in bytes."""
    return len(item.raw) + ITEM_OVERHEAD_BYTES


def take_frame(queue: deque[Item], measure: Callable[[Item], int]) -> list[Item]:
    """Take from the left of `queue` what fits into one frame: at least one item if there is any.

    `measure` gives a bound on an item's size in bytes.
    """
    taken: list[Item] = []
    room_bytes = FRAME_BYTES_MAX - ITEM_OVERHEAD_BYTES
    while queue and len(taken) < FRAME_ITEMS_MAX:
        room_bytes -= measure(queue[0])
        if room_bytes < 0 and taken:
            break
        taken.append(queue.popleft())
    return taken
