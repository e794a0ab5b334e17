"""What travels through a broker besides the frames of a WebSocket, and how the two are put together.

On `submit` an endpoint publishes a `Submit` frame as it is: any gateway of the group may take it, and answers by its
numbers, which begin at random in each session of an endpoint. On `ack` it publishes `Addressed`: one frame for the
one gateway that serves its session; empty, it asks that gateway for its hello. Gateways publish plain frames.
Without IO. Source: ADR 0009.
"""

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from gateway.crypto.canonical import decode_with
from gateway.domain.errors import FormatError
from gateway.domain.names import Count, Digest, Origin
from gateway.wire.frames import FRAME_BYTES_MAX, Acknowledge, AskConsistency, EndpointHello, Submit

# Topic, packet head and properties beside the frame itself.
PACKET_OVERHEAD_BYTES = 4 * 1024
PACKET_BYTES_MAX = FRAME_BYTES_MAX + PACKET_OVERHEAD_BYTES
# An edition has up to 8 MiB and travels in parts.
PART_BYTES_MAX = 512 * 1024
# An endpoint repeats its hello this often; a gateway answers each time. Longer silence ends the session on either side.
PRESENCE_S = 5.0
SILENCE_S = 16.0
# Sessions begin their numbers below this, so that a session never reaches the end of what a number may be.
SESSION_MAX = 2**52


class Addressed(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="addressed"):
    """One frame for the gateway of `origin`; `session` is the first number of the endpoint's session.

    `raw` empty: the endpoint asks for a hello.
    """

    origin: Origin
    session: Annotated[int, Meta(ge=0, lt=SESSION_MAX)]
    raw: bytes


class AskDirectory(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="ask-directory"):
    """Ask for the signed edition in force."""


class DirectoryPart(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, tag="directory-part"):
    """A part of the signed edition in force; `total` bytes in all, this part begins at `offset`."""

    sha256: Digest
    total: Count
    offset: Count
    raw: Annotated[bytes, Meta(min_length=1, max_length=PART_BYTES_MAX)]


Inner = EndpointHello | Acknowledge | AskConsistency | AskDirectory

_encoder = msgspec.msgpack.Encoder()
_submit: msgspec.msgpack.Decoder[Submit] = msgspec.msgpack.Decoder(Submit)
_addressed: msgspec.msgpack.Decoder[Addressed] = msgspec.msgpack.Decoder(Addressed)
_inner: msgspec.msgpack.Decoder[Inner] = msgspec.msgpack.Decoder(Inner)
_part: msgspec.msgpack.Decoder[DirectoryPart] = msgspec.msgpack.Decoder(DirectoryPart)


def encode_addressed(origin: str, session: int, raw: bytes) -> bytes:
    """Return the payload of a publish on `ack`."""
    return _encoder.encode(Addressed(origin, session, raw))


def encode_inner(frame: AskDirectory | DirectoryPart) -> bytes:
    """Return a frame of this page as it travels."""
    return _encoder.encode(frame)


def decode_submit(raw: bytes) -> Submit:
    """Return the submissions in a publish on `submit`.

    Raises:
        FormatError: `raw` is no such frame (P-06: nothing else is raised, whatever the bytes).
    """
    if len(raw) > FRAME_BYTES_MAX:
        raise FormatError(f"a frame of {len(raw)} bytes is over the bound of {FRAME_BYTES_MAX}")
    return decode_with(_submit, raw)


def decode_addressed(raw: bytes) -> Addressed:
    """Return the address of a publish on `ack`, and the frame in it, still closed.

    Raises:
        FormatError: as `decode_submit`.
    """
    if len(raw) > PACKET_BYTES_MAX:
        raise FormatError(f"a frame of {len(raw)} bytes is over the bound of {PACKET_BYTES_MAX}")
    return decode_with(_addressed, raw)


def decode_inner(raw: bytes) -> Inner:
    """Return the frame inside an `Addressed`.

    Raises:
        FormatError: as `decode_submit`.
    """
    return decode_with(_inner, raw)


def decode_part(raw: bytes) -> DirectoryPart:
    """Return a part of an edition.

    Raises:
        FormatError: as `decode_submit`.
    """
    return decode_with(_part, raw)


def tag_of(raw: bytes) -> str:
    """Return the tag of a frame without decoding it; empty if there is none to be seen."""
    # A MessagePack array of at most 15 elements whose first is a string of at most 31 bytes.
    if len(raw) < 2 or raw[0] & 0xF0 != 0x90 or raw[1] & 0xE0 != 0xA0:
        return ""
    return raw[2 : 2 + (raw[1] & 0x1F)].decode("ascii", "replace")


def parts_of(edition_raw: bytes, edition_sha256: str) -> list[DirectoryPart]:
    """Return a signed edition in parts that fit into frames."""
    total = len(edition_raw)
    return [
        DirectoryPart(edition_sha256, total, offset, edition_raw[offset : offset + PART_BYTES_MAX])
        for offset in range(0, total, PART_BYTES_MAX)
    ]
