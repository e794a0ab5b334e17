"""What the switch asks of a store, and what an engine promises.

One `Work` item is one thing to be made durable. An engine takes items in the order in which
they were put, commits many in one transaction with fsync, extends the ledger by one leaf for each
item that is new, signs one checkpoint for the batch *after* the commit, and only then
reports. What was reported survives SIGKILL and power loss; what was not may be whole or absent.

Recorded time never goes back: an engine raises `at_ms` to the last recorded time where a clock did.

Several gateways may share one store, each with a ledger of its own (PostgreSQL). Then `attend` says who is connected
here, `on_wakeup` says for whom of them something lies ready that was committed elsewhere, and a delivery is leased to
the gateway whose `BookAttempt` came first. An engine for one gateway has nothing to wake and nothing to lease.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from msgspec import Struct

from gateway.domain.decision import Decision, EditionRef
from gateway.domain.errors import CapacityError
from gateway.domain.facts import Facts
from gateway.domain.receipt import Checkpoint
from gateway.domain.session import Evidence
from gateway.domain.statement import AuthenticStatement
from gateway.store.kept import KeptMessage


class ConsentUse(Struct, frozen=True):
    """A consent that an admission rests on: booked once per (originator, id), in the transaction."""

    consent_sha256: bytes
    uses_max: int | None


class AdmitMessage(Struct, frozen=True):
    """Record a judged message under `against` and, if permitted, spool it for its recipients.

    `against` is the authority of the TLS peer. If it is not the originator, the message is recorded
    under (against, H(h)) and never occupies the originator's id. `otherwise` is recorded instead of
    `decision` when a consent cannot be booked any more (revoked meanwhile, used up);
    `reused` when (originator, id) is taken by other bytes.
    """

    message: KeptMessage
    against: str
    decision: Decision
    at_ms: int
    consents: tuple[ConsentUse, ...]
    otherwise: Decision | None
    reused: Decision
    token: object


class AdmitStatement(Struct, frozen=True):
    """Record a judged consent or revocation; identity is (authority, digest)."""

    statement: AuthenticStatement
    against: str
    decision: Decision
    at_ms: int
    token: object


class AcknowledgedItem(Struct, frozen=True):
    """What `recipient` says of one message, with the evidence for its originator (MessagePack)."""

    recipient: str
    originator: str
    status: str
    header_sha256: bytes
    evidence: bytes


class Acknowledge(Struct, frozen=True):
    """Record a recipient's signed batch (one leaf), end its deliveries, destroy bodies nobody waits for.

    Items that name no delivery to `recipient` are ignored; a repeated batch has no second effect. A batch that ends
    nothing and says nothing new is not recorded: else whoever may acknowledge could fill the disk with it.
    """

    recipient: str
    batch_sha256: bytes
    signatures_sha256: bytes
    raw: bytes
    items: tuple[AcknowledgedItem, ...]
    edition: EditionRef
    law_sha256: str
    at_ms: int
    token: object


class FailDelivery(Struct, frozen=True):
    """End one delivery in failure (one leaf): expired, withdrawn, key-compromised, undecipherable.

    `reason` is a decision whose reasons say why, with rule and article. No effect if it has ended.
    """

    index: int
    recipient: str
    outcome: str
    decision: Decision
    at_ms: int
    token: object


class BookAttempt(Struct, frozen=True):
    """Count one more attempt of a delivery before the peer is called. No leaf.

    `Committed.permitted` is False when the delivery has ended meanwhile, one of `consents` was revoked, or another
    gateway has taken the delivery since `lease` was read: then the peer must not be called. Decision, attempt and lease
    are one transaction (wire.md, "Consent").
    """

    index: int
    recipient: str
    at_ms: int
    token: object
    consents: tuple[bytes, ...] = ()
    lease: int = 0


class RecordEdition(Struct, frozen=True):
    """Record that a directory edition came into use (one leaf), unless the last one recorded is the same."""

    number: int
    sha256: bytes
    law_sha256: str
    at_ms: int
    token: object
    signatures_sha256: bytes = b""


Work = AdmitMessage | AdmitStatement | Acknowledge | FailDelivery | BookAttempt | RecordEdition


class Committed(Struct, frozen=True):
    """What became of one `Work` item: durable now.

    `index` is the ledger index of its leaf (for a duplicate: of the first one; -1 where there is none), `receipt` the
    tlog-proof, byte-identical for a repetition. `permitted` tells what was recorded, `duplicate` that it was there
    before. An `Acknowledge` without a receipt was not recorded, because it changes nothing.
    `evidence` lists what its originators are to hear: (originator, item). `ended` counts deliveries that ended now.
    """

    index: int
    receipt: bytes
    permitted: bool
    duplicate: bool
    at_ms: int
    evidence: tuple[tuple[str, Evidence], ...] = ()
    ended: int = 0


class Pending(Struct, frozen=True):
    """One delivery that is still owed: enough to judge and dispatch it again.

    `envelope` is pruned to this recipient's wrap. `index` names the message in this store, for `BookAttempt` and
    `FailDelivery`: its ledger index, where gateways share a store together with the number of the ledger. `lease` is
    the fencing token of the delivery, to be handed back in `BookAttempt`; it rises when a gateway takes the delivery.
    """

    index: int
    recipient: str
    urgency: int
    expires_at_ms: int
    attempts: int
    header_sha256: bytes
    header: bytes
    envelope: bytes
    receipt: bytes
    lease: int = 0


class Owed(Struct, frozen=True):
    """How many deliveries of one urgency are owed, and when the oldest of their messages was admitted."""

    deliveries_n: int
    oldest_at_ms: int


class DeliveryStatus(Struct, frozen=True):
    """Where one delivery stands: `pending`, or how it ended."""

    recipient: str
    outcome: str
    attempts: int
    ended_at_ms: int | None


class MessageStatus(Struct, frozen=True):
    """The timeline of one message, computed from what is recorded."""

    originator: str
    id: str
    header_sha256: bytes
    index: int
    permitted: bool
    admitted_at_ms: int
    receipt: bytes
    deliveries: tuple[DeliveryStatus, ...]


class Store(Protocol):
    """An engine. `put` and the reads are called on the event loop and return at once.

    Raises:
        CapacityError: by `put`: queue, spool, WAL or disk watermark; nothing was taken.
        LedgerError: by anything, once the store has latched a failure; the process must end.
    """

    def put(self, work: Work) -> None:
        """Queue one item for the next commit."""
        ...

    def put_all(self, works: Sequence[Work]) -> bool:
        """Queue items in their order, as `put` does; False, and none is taken, where they must be put one by one."""
        ...

    def on_committed(self, report: Callable[[Sequence[tuple[Work, Committed]]], None]) -> None:
        """Have `report` called on the event loop, once a batch, in the order of `put`."""
        ...

    def attend(self, authorities: frozenset[str]) -> None:
        """Name everybody who has a session here now, in place of who was named before.

        What is admitted here for them is leased to this gateway at once; what was leased for those who left is free for
        the gateway that they went to. Call it whenever an authority's first session comes or its last one goes.
        """
        ...

    def on_wakeup(self, wake: Callable[[frozenset[str]], None]) -> None:
        """Have `wake` called on the event loop with attended authorities for whom something lies ready here.

        It was committed by another gateway, or its lease has lapsed: read `pending` from the beginning (an earlier
        place may have been filled later) and `evidence` behind the cursor. It is a hint: there may be nothing after
        all, and the engine asks the database itself every few seconds in case one was missed.
        """
        ...

    def away(self) -> CapacityError | None:
        """Why nothing can be committed or read at this moment, if so: a database that is away comes back by itself."""
        ...

    def checkpoint(self) -> Checkpoint:
        """The newest signed checkpoint."""
        ...

    def root_at(self, size: int) -> bytes:
        """The root of the tree at an earlier size; for comparing with what a peer has seen."""
        ...

    def consistency(self, old_size: int, new_size: int) -> tuple[bytes, ...]:
        """The RFC 9162 consistency path between two sizes."""
        ...

    def facts(self, sources: Sequence[str], consents: Sequence[str]) -> Facts:
        """What is known of cited objects (base64url digests), with the sources of sources, at most 64."""
        ...

    def pending(self, recipient: str, after: tuple[int, int] | None, limit: int) -> list[Pending]:
        """Deliveries owed to `recipient` by urgency, then by age, from beyond `after`, the (urgency, index) of a row.

        Those that another gateway is delivering under a live lease are left out.
        """
        ...

    def pending_recipients(self) -> list[str]:
        """Authorities to whom something is owed."""
        ...

    def expired(self, at_ms: int, limit: int) -> list[Pending]:
        """Deliveries whose message expired at or before `at_ms`."""
        ...

    def evidence(self, originator: str, after: int, limit: int) -> list[Evidence]:
        """What an originator has not heard yet, by its cursor."""
        ...

    def status(self, authority: str, message_id: str) -> MessageStatus | None:
        """The timeline of one message, for its originator."""
        ...

    def receipt_by_header(self, authority: str, header_sha256: bytes) -> bytes | None:
        """The receipt of a message for its originator or one of its recipients; for others None."""
        ...

    def spooled(self) -> int:
        """How many deliveries are owed in all."""
        ...

    def busy(self) -> CapacityError | None:
        """Why new messages would be turned away right now, if they would."""
        ...
