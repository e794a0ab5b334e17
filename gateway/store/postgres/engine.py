"""The engine for several gateways: a `Store` in PostgreSQL, and nothing on this machine's disk.

A thread with a loop of its own holds three connections: one that writes this gateway's ledger, one for reads, one that
listens. The switch calls as it calls the embedded engine: `put` queues and returns; a read waits for its answer, at
most `read_s` (ADR 0008 says what that costs).
"""

import asyncio
import threading
from asyncio import AbstractEventLoop
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, TypeVar

from gateway.crypto.keys import SecretKey
from gateway.domain.errors import CapacityError, LedgerError
from gateway.domain.facts import Facts
from gateway.domain.receipt import Checkpoint
from gateway.domain.session import Evidence
from gateway.store.asked import weigh
from gateway.store.interface import AdmitMessage, Committed, MessageStatus, Owed, Pending, Work
from gateway.store.limits import StoreLimits
from gateway.store.postgres.commit import Outcome
from gateway.store.postgres.connecting import Connection
from gateway.store.postgres.failing import cause_of
from gateway.store.postgres.reads import Reads
from gateway.store.postgres.running import Engine

T = TypeVar("T")

RETRY_SPOOL_S = 10

Report = Callable[[Sequence[tuple[Work, Committed]]], None]
Wake = Callable[[frozenset[str]], None]


class PostgresStore:
    """A gateway's store that it shares with others; every method is for the event loop. Satisfies `interface.Store`."""

    def __init__(
        self,
        *,
        password: str | None,
        network: str,
        origin: str,
        key: SecretKey,
        software: str,
        limits: StoreLimits,
        loop: AbstractEventLoop,
        failed: Callable[[LedgerError], None],
    ) -> None:
        """Open the store at `limits.postgres`; `failed` is called at most once, when it has latched.

        Raises:
            ConfigurationError: the server, its settings, its schema or the ledger are not fit; the text has the remedy.
            CapacityError: the server is away.
            LedgerError: what is stored does not lead to the checkpoint that was signed last.
        """
        self.limits = limits
        self._main = loop
        self._failed = failed
        self._report: Report | None = None
        self._wake: Wake | None = None
        self._failure: LedgerError | None = None
        self._closed = False
        self._commit_s = 0.0
        self._attended: frozenset[str] = frozenset()
        self._reports = 0
        self._engine = Engine(limits, password, self._hear, self._hear_of, self._hear_count)
        ready: Future[None] = Future()
        self._ended: asyncio.Future[None] = loop.create_future()
        self._thread = threading.Thread(
            target=self._run, args=(ready, network, origin, key, software), name="store-postgres", daemon=True
        )
        self._thread.start()
        ready.result()
        self._checkpoint = self._engine.checkpoint
        self._spooled = self._engine.spooled

    def put(self, work: Work) -> None:
        """Queue one item for the next commit.

        Raises:
            CapacityError: the queue or the spool is full, or the database is away; nothing was taken.
            LedgerError: the store has latched a failure, or was closed.
        """
        size_bytes, essential = weigh(work)
        self._refuse_if_failed()
        if (
            self._spooled >= self.limits.spooled_deliveries_max
            and isinstance(work, AdmitMessage)
            and work.decision.permitted
        ):
            raise CapacityError("spooled deliveries", RETRY_SPOOL_S)
        self._engine.writer.put(work, size_bytes, essential=essential)

    def put_all(self, works: Sequence[Work]) -> bool:
        """Return False: here an item costs a row sent to the database, beside which putting it is nothing."""
        return False

    def on_committed(self, report: Report) -> None:
        """Have `report` called on the event loop, once a batch, in the order of `put`."""
        self._report = report

    def attend(self, authorities: frozenset[str]) -> None:
        """Name everybody who has a session here now."""
        if authorities != self._attended:
            self._attended = authorities
            self._engine.tell(self._engine.attend, authorities)

    def on_wakeup(self, wake: Wake) -> None:
        """Have `wake` called on the event loop with attended authorities for whom something lies ready here."""
        self._wake = wake

    async def close(self) -> None:
        """Commit what is queued, give leases and ledger back, end the thread.

        Where the database stays away, what was queued is given up after some seconds; nobody has a receipt for it.
        """
        self._closed = True
        self._engine.stop()
        await self._ended
        self._thread.join()

    @property
    def failure(self) -> LedgerError | None:
        """Why the store has stopped, if it has."""
        return self._failure

    def away(self) -> CapacityError | None:
        """Return why the database cannot be asked at this moment, if so."""
        return self._engine.writer.away

    def busy(self) -> CapacityError | None:
        """Return why new messages would be turned away right now, if they would; for readiness."""
        return self._engine.writer.away

    def queued(self) -> int:
        """Return how many items wait for their commit; for metrics."""
        return self._engine.writer.queued()

    def commit_s(self) -> float:
        """Return the seconds that the newest reported commit took, with its way there and back; for metrics."""
        return self._commit_s

    def log_bytes(self) -> int:
        """Return 0: the write-ahead log is the server's; for metrics."""
        return 0

    def stored_bytes(self) -> int:
        """Return how much all gateways together have stored; for metrics."""
        return self._read(lambda reads, connection: reads.stored_bytes(connection))

    def owed(self) -> dict[int, Owed]:
        """Return what all gateways together owe, by urgency; for metrics."""
        return self._read(lambda reads, connection: reads.owed(connection))

    def freeze(self, reason: str, note: bytes) -> None:
        """Sign nothing any more, now and at every start, until an operator reconciles.

        `note` is the checkpoint that a peer holds and this ledger lacks. Nothing is reported after this call.
        """
        self._failure = LedgerError(f"the ledger is frozen: {reason}")
        try:
            # Away: this process ends all the same, and the peer that showed the checkpoint will show it to the next.
            with suppress(CapacityError):
                self._engine.answer(lambda connection: self._engine.freeze(connection, reason, note))
        finally:
            self._engine.writer.abandon()

    # Reads.

    def checkpoint(self) -> Checkpoint:
        """Return the newest checkpoint whose entries are durable."""
        return self._checkpoint

    def spooled(self) -> int:
        """Return how many deliveries are owed in all, as far as this gateway has heard."""
        self._refuse_if_failed()
        return self._spooled

    def root_at(self, size: int) -> bytes:
        """Return the root of the tree at an earlier size."""
        return self._read(lambda reads, connection: reads.root_at(connection, size))

    def consistency(self, old_size: int, new_size: int) -> tuple[bytes, ...]:
        """Return the RFC 9162 consistency path between two sizes."""
        return self._read(lambda reads, connection: reads.consistency(connection, old_size, new_size))

    def tile(self, level: int, number: int) -> bytes:
        """Return the hashes of a tile, as many as are committed; for mirrors (S-05)."""
        size = self._checkpoint.size
        return self._read(lambda reads, connection: reads.tile(connection, size, level, number))

    def scrub(self, number: int) -> bool:
        """Look at the 256 entries of tile `number` again; False where no complete tile is: begin again at 0.

        Raises:
            VerificationError: an entry was changed; the text names it.
        """
        return self._read(lambda reads, connection: reads.scrub(connection, number))

    def facts(self, sources: Sequence[str], consents: Sequence[str]) -> Facts:
        """Return what is known of cited objects, with the sources of sources, at most 64."""
        return self._read(lambda reads, connection: reads.facts(connection, sources, consents))

    def pending(self, recipient: str, after: tuple[int, int] | None, limit: int) -> list[Pending]:
        """Return deliveries owed to `recipient` that no other gateway holds, by urgency, then age, after `after`."""
        return self._read(lambda reads, connection: reads.pending(connection, recipient, after, limit))

    def pending_recipients(self) -> list[str]:
        """Return the authorities to whom something is owed."""
        return self._read(lambda reads, connection: reads.pending_recipients(connection))

    def expired(self, at_ms: int, limit: int) -> list[Pending]:
        """Return deliveries whose message expired at or before `at_ms`."""
        return self._read(lambda reads, connection: reads.expired(connection, at_ms, limit))

    def evidence(self, originator: str, after: int, limit: int) -> list[Evidence]:
        """Return what an originator has not heard yet, by its cursor."""
        return self._read(lambda reads, connection: reads.evidence(connection, originator, after, limit))

    def status(self, authority: str, message_id: str) -> MessageStatus | None:
        """Return the timeline of one message, for its originator."""
        return self._read(lambda reads, connection: reads.status(connection, authority, message_id))

    def receipt_by_header(self, authority: str, header_sha256: bytes) -> bytes | None:
        """Return the receipt of a message for its originator or one of its recipients; for others None."""
        return self._read(lambda reads, connection: reads.receipt_by_header(connection, authority, header_sha256))

    def _read(self, ask: Callable[[Reads, Connection], Coroutine[Any, Any, T]]) -> T:
        self._refuse_if_failed()
        reads = self._engine.reads
        return self._engine.answer(lambda connection: ask(reads, connection))

    def _refuse_if_failed(self) -> None:
        if self._failure is not None:
            raise self._failure
        if self._closed:
            raise LedgerError("the store is closed")

    # From the engine's thread.

    def _run(self, ready: "Future[None]", network: str, origin: str, key: SecretKey, software: str) -> None:
        try:
            asyncio.run(self._engine.run(ready, network, origin, key, software))
        except LedgerError as error:
            self._call(self._latch, error)
        except BaseException as error:  # noqa: BLE001  Whatever it was: we do not know our own state.
            failure = LedgerError(f"the store failed and stopped ({type(error).__name__}: {cause_of(error)})")
            failure.__cause__ = error
            self._call(self._latch, failure)
        finally:
            if not ready.done():
                ready.set_exception(LedgerError("the store did not open"))
            self._call(self._end)

    def _hear(self, works: Sequence[Work], outcome: Outcome, octets: int, commit_s: float) -> None:
        self._call(self._reported, works, outcome, octets, commit_s)

    def _hear_of(self, authorities: frozenset[str]) -> None:
        self._call(self._woken, authorities)

    def _hear_count(self, owed: int, batches: int) -> None:
        self._call(self._recount, owed, batches)

    def _call(self, function: Callable[..., None], *arguments: object) -> None:
        try:
            self._main.call_soon_threadsafe(function, *arguments)
        except RuntimeError:
            # The loop is gone and nobody is left to tell.
            return

    # Back on the event loop.

    def _reported(self, works: Sequence[Work], outcome: Outcome, octets: int, commit_s: float) -> None:
        self._reports += 1
        self._commit_s = commit_s
        self._engine.writer.settled(len(works), octets)
        if self._failure is not None:
            return
        if outcome.checkpoint is not None:
            self._checkpoint = outcome.checkpoint
        batch = list(zip(works, outcome.committed, strict=True))
        for work, done in batch:
            self._spooled -= done.ended
            if done.permitted and not done.duplicate and isinstance(work, AdmitMessage):
                self._spooled += len(work.message.recipients)
        if self._report is not None:
            self._report(batch)

    def _woken(self, authorities: frozenset[str]) -> None:
        if self._wake is not None and self._failure is None and not self._closed:
            self._wake(authorities)

    def _recount(self, owed: int, batches: int) -> None:
        # A count that a batch of ours has overtaken is out of date; there will be another one.
        if batches == self._reports:
            self._spooled = owed

    def _latch(self, failure: LedgerError) -> None:
        if self._failure is None:
            self._failure = failure
            self._failed(failure)

    def _end(self) -> None:
        if not self._ended.done():
            self._ended.set_result(None)
