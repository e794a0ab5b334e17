"""What the switch sees of a connection, and what passes between the two.

Links know this page and the callbacks that `app` hands them; the switch knows this page and
no link. `Answer` and `Delivery` are batches' items: there is no task or future per message.
"""

from collections.abc import Sequence
from typing import Literal, Protocol

from msgspec import Struct

from gateway.domain.directory import LinkKind
from gateway.domain.names import AuthorityId

AnswerKind = Literal["receipt", "busy", "invalid", "unauthenticated", "forbidden"]
# Why a session ends; links translate it (WebSocket close codes, MQTT reasons).
CloseReason = Literal["drain", "revoked", "protocol", "slow", "overload", "fault", "superseded", "diverged"]


class Peer(Struct, frozen=True):
    """Who is at the other end: what TLS and the directory say, never what the peer says.

    `spki_sha256` is the base64url digest of the client certificate's public key;
    `clearance` the rank up to which this link may carry.
    """

    authority: AuthorityId
    spki_sha256: str
    link: LinkKind
    clearance: int


class Answer(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The outcome of one submission, by the number its session gave it.

    `receipt`: `body` is the tlog-proof, `permitted` tells whether it was accepted or refused.
    `busy`: not recorded, send the same bytes after `retry_after_s`. The others: not recorded;
    `code` is a code of `wire.problems`, `detail` a line for the sender.
    `duplicate`: the receipt was there before these bytes came. Field order is wire order.
    """

    number: int
    kind: AnswerKind
    permitted: bool = False
    body: bytes = b""
    code: str = ""
    detail: str = ""
    retry_after_s: int = 0
    duplicate: bool = False


class Delivery(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """One message for one recipient: its own envelope (one wrap) and the admission receipt."""

    header_sha256: bytes
    envelope: bytes
    receipt: bytes
    attempt: int

    @property
    def size_bytes(self) -> int:
        """Bytes that this delivery occupies in a buffer."""
        return len(self.envelope) + len(self.receipt)


EvidenceKind = Literal["acknowledged", "failed"]


class Evidence(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What became of a message, for its originator. `sequence` grows per originator and is its cursor.

    `acknowledged`: `body` is an `AcknowledgementEvidence` (MessagePack), under the recipient's key.
    `failed`: `body` is the receipt of the failure record; `outcome` says why, `recipient` for whom.
    """

    sequence: int
    header_sha256: bytes
    kind: EvidenceKind
    recipient: AuthorityId
    outcome: str
    body: bytes


class Session(Protocol):
    """A live connection. Every method returns at once; nothing blocks, nothing is buffered unbounded."""

    @property
    def peer(self) -> Peer:
        """Who is at the other end."""
        ...

    def answer(self, answers: Sequence[Answer]) -> None:
        """Send outcomes of submissions, in the order given."""
        ...

    def deliver(self, deliveries: Sequence[Delivery]) -> int:
        """Take as many deliveries as the bound of the outgoing buffer allows; return how many."""
        ...

    def inform(self, evidence: Sequence[Evidence]) -> int:
        """Take as much evidence as the bound of the outgoing buffer allows; return how much."""
        ...

    def announce(self, number: int, sha256: str) -> None:
        """Tell the peer that a newer directory edition is in force."""
        ...

    def close(self, reason: CloseReason) -> None:
        """End the connection; unsent deliveries stay in the spool."""
        ...
