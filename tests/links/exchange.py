"""The one fake of the seam between links and switch: it answers, and remembers what it was asked."""

import asyncio
from collections.abc import Callable, Sequence

import msgspec

from gateway.crypto.envelope import encode_envelope
from gateway.domain.errors import FormatError, LedgerError
from gateway.domain.message import Envelope, Signature, Wrap
from gateway.domain.session import Answer, Delivery, Peer, Session
from gateway.store.interface import DeliveryStatus, MessageStatus
from gateway.wire.frames import Hello, Submission

DIGEST = "A" * 43
NOTE = b"accord.example/gateway\n5\nAAAA\n"
MESSAGE_ID = "01890a5d-ac96-774b-bcce-b302099a8057"
# An envelope that can be read; whether its signatures hold is the switch's question.
SIGNATURE = Signature(bytes(16), bytes(64))
BATCHED = Signature(bytes(16), bytes(64), 2, 1, (bytes(32),))
SEALED = Envelope(
    msgspec.json.encode({"v": 1, "network": "demo", "id": MESSAGE_ID}),
    (SIGNATURE, BATCHED),
    (Wrap(bytes(16), bytes(80)),),
    b"ciphertext",
)
RAW = encode_envelope(SEALED)


def peer_of(authority: str, spki_sha256: str) -> Peer:
    """Return an endpoint of an authority."""
    return Peer(authority=authority, spki_sha256=spki_sha256, link="endpoint", clearance=2)


def delivery(number: int, size_bytes: int = 100) -> Delivery:
    """Return a delivery of about a size."""
    return Delivery(number.to_bytes(32, "big"), bytes(size_bytes), b"receipt", 1)


class FakeExchange:
    """Satisfies `links.exchange.Exchange`; every submission gets a receipt, at once unless `held`."""

    def __init__(self) -> None:
        self.peers: dict[str, Peer] = {}
        self.sessions: list[Session] = []
        self.attached: list[tuple[bytes | None, int | None]] = []
        self.submitted: list[tuple[int, str, bytes]] = []
        self.acknowledged: list[tuple[int, bytes]] = []
        self.held: list[tuple[Session, int]] | None = None
        self.outcome: Callable[[int, bytes], Answer] = lambda number, _: Answer(
            number, "receipt", permitted=True, body=b"receipt"
        )
        self.is_ready = True
        self.owed: list[Delivery] = []
        self.diverged = False
        self.attaching: Callable[[Session], None] = lambda _: None
        self.new_session = asyncio.Event()

    def admit(self, authority: str, spki_sha256: str) -> None:
        """List an endpoint."""
        self.peers[spki_sha256] = peer_of(authority, spki_sha256)

    def peer(self, spki_sha256: str) -> Peer | None:
        return self.peers.get(spki_sha256)

    def hello(self) -> Hello:
        return Hello("demo", "accord.example/gateway", 7, DIGEST, NOTE, 1_000)

    def ready(self) -> tuple[bool, dict[str, str]]:
        return self.is_ready, {"store": "ok" if self.is_ready else "the disk is below its watermark"}

    def connections(self) -> int:
        return len(self.sessions)

    def attach(self, session: Session, *, seen_note: bytes | None, evidence_after: int | None) -> None:
        if self.diverged:
            raise LedgerError("a peer holds a checkpoint that this ledger does not")
        if seen_note == b"garbage":
            raise FormatError("no checkpoint")
        self.sessions.append(session)
        self.attached.append((seen_note, evidence_after))
        self.attaching(session)
        self.new_session.set()

    def detach(self, session: Session) -> None:
        if session in self.sessions:
            self.sessions.remove(session)

    def submit(self, session: Session, number: int, kind: str, raw: bytes) -> None:
        self.submitted.append((number, kind, raw))
        self._answer(session, number, raw)

    def submit_together(self, frames: Sequence[tuple[Session, int, Sequence[Submission]]]) -> bool:
        return False

    def acknowledge(self, session: Session, number: int, raw: bytes) -> None:
        self.acknowledged.append((number, raw))
        self._answer(session, number, raw)

    def release(self) -> None:
        """Answer what was held, in one batch a session."""
        held, self.held = self.held or [], None
        for session in {id(one): one for one, _ in held}.values():
            session.answer([self.outcome(number, b"") for one, number in held if one is session])

    def consistency(self, old_size: int, new_size: int) -> tuple[bytes, ...]:
        if not 0 < old_size <= new_size <= 5:
            raise FormatError(f"there is no consistency proof from {old_size} to {new_size}")
        return (bytes(32), b"\x01" * 32)

    def checkpoint_note(self) -> bytes:
        return NOTE

    def directory_raw(self) -> bytes:
        return b"signed edition"

    def status(self, authority: str, message_id: str) -> MessageStatus | None:
        if (authority, message_id) != ("cz-police", MESSAGE_ID):
            return None
        step = DeliveryStatus("kz-mvd", "pending", 1, None)
        return MessageStatus(authority, message_id, bytes(32), 3, True, 1_000, b"receipt 3\n", (step,))

    def receipt(self, authority: str, header_sha256: bytes) -> bytes | None:
        return None

    def pending(self, peer: Peer, limit: int) -> list[Delivery]:
        return self.owed[:limit]

    def _answer(self, session: Session, number: int, raw: bytes) -> None:
        if self.held is not None:
            self.held.append((session, number))
        else:
            session.answer((self.outcome(number, raw),))
