"""What is kept of a message from its judgement to its delivery: the bytes that came, and the names to file it under.

The header is not. Hundreds of messages wait for one commit, and whatever they hold then has gone from the processor
when it is needed next.
"""

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from gateway.crypto.digests import encode_digests
from gateway.domain.message import URGENCIES, AuthenticMessage, Header
from gateway.store.effects import affected

URGENCY = {urgency: position for position, urgency in enumerate(URGENCIES)}

_pack = msgspec.msgpack.Encoder().encode


class KeptMessage(Struct, frozen=True):
    """An authentic message, as a store needs it.

    `raw` is the envelope; `signatures` its signatures (MessagePack); `object_sha256`, which is H(h), and
    `signatures_sha256` are as records spell them; `id` 16 bytes, in the order of time (S-12); `urgency` 0 goes first;
    `affected` are the H(h) of the messages that this one, by its kind, has an effect on.
    """

    raw: bytes
    header_bytes: int
    ciphertext_bytes: int
    signatures: bytes
    header_sha256: bytes
    object_sha256: str
    signatures_sha256: str
    originator: str
    id: bytes
    recipients: tuple[str, ...]
    urgency: int
    expires_at_ms: int
    kind: str
    affected: tuple[bytes, ...]

    @property
    def header(self) -> memoryview:
        """The signed header, where it lies in `raw`."""
        start = _HEADER_AT + _length_bytes(self.header_bytes)
        return memoryview(self.raw)[start : start + self.header_bytes]

    def body(self) -> tuple[memoryview, memoryview]:
        """Return the ciphertext and the wraps of all recipients (MessagePack), where they lie in `raw`."""
        view, ciphertext_bytes = memoryview(self.raw), self.ciphertext_bytes
        end = len(view) - ciphertext_bytes
        # Before the wraps: header and signatures, each behind its key, and their own key.
        start = _HEADER_AT + _length_bytes(self.header_bytes) + self.header_bytes + _KEY_BYTES + len(self.signatures)
        wraps = view[start + _KEY_BYTES : end - _length_bytes(ciphertext_bytes) - _KEY_BYTES]
        return view[end:], wraps


def keep(messages: Sequence[AuthenticMessage]) -> list[KeptMessage]:
    """Return what is kept of each of `messages`."""
    headers = [message.header for message in messages]
    objects = encode_digests([message.header_sha256 for message in messages])
    signatures = encode_digests([message.signatures_sha256 for message in messages])
    return [
        KeptMessage(
            message.raw,
            len(message.envelope.h),
            len(message.envelope.c),
            _pack(message.envelope.s),
            message.header_sha256,
            object_sha256,
            signatures_sha256,
            header.originator,
            id_bytes(header.id),
            tuple([recipient.authority for recipient in header.recipients]),
            URGENCY[header.urgency],
            expiry(header),
            header.kind,
            affected(header),
        )
        for message, header, object_sha256, signatures_sha256 in zip(
            messages, headers, objects, signatures, strict=True
        )
    ]


def id_bytes(message_id: str) -> bytes:
    """Return the 16 bytes of a message id; in their order they are in the order of time (S-12)."""
    return bytes.fromhex(message_id.replace("-", ""))


def expiry(header: Header) -> int:
    """Return when we stop trying: what must be destroyed by a date is not delivered after it."""
    if header.destroy_by_ms is None:
        return header.expires_at_ms
    return min(header.expires_at_ms, header.destroy_by_ms)


# An envelope is a map of four one-letter keys in one order (wire.md): a byte for the map, two for each key.
_KEY_BYTES = 2
_HEADER_AT = 1 + _KEY_BYTES


def _length_bytes(length: int) -> int:
    """How many bytes MessagePack puts before `length` bytes: a mark and the length."""
    return 2 if length < 1 << 8 else 3 if length < 1 << 16 else 5
