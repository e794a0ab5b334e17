"""One thread, one connection, many items to a commit.

The event loop puts work. What has come together is applied in one transaction, which the thread commits with fsync,
and the whole batch is reported in one call on the loop. It knows nothing of what the work is, so that gateway,
endpoint and central node share it.

Where work is small and plenty, it is applied on the loop and the thread only syncs: two threads that both run Python
take the interpreter from each other, some twenty times a message (ADR 0002). Connection and `beside` belong to
the loop while the thread waits for a batch, and to the thread until it has said that it is free again.

A failure on that path is final. Nothing is retried: after a failed sync nobody knows what the disk holds, so
we stop, and whoever opens the file next finds out.
"""

import sqlite3
import threading
from asyncio import AbstractEventLoop, Future, Handle
from collections.abc import Callable, Sequence
from pathlib import Path
from queue import SimpleQueue
from time import monotonic
from typing import Generic, Protocol, TypeVar

from msgspec import Struct

from gateway.domain.errors import CapacityError, LedgerError
from gateway.store.data_directory import free_bytes
from gateway.store.limits import WriterLimits
from gateway.store.sqlite.connection import BUSY_MS, PAGE_BYTES

Work = TypeVar("Work")
Outcome = TypeVar("Outcome")

# Work for what is already owed may still queue when new work is turned away.
ESSENTIAL_FACTOR = 2
# Where essential work comes from peers, it is turned away too below this part of the watermark.
WATERMARK_PARTS = 4
# In a pause longer than this, the next item is committed at once instead of waiting for company.
PAUSE_S = 0.01
DISK_CHECK_S = 0.25
# How much the log grows for a byte of work: a first guess, then what the last copy found, within these bounds.
GROWTH_GUESS, GROWTH_MIN, GROWTH_MAX = 2.0, 0.25, 64.0
RETRY_QUEUE_S, RETRY_WAL_S, RETRY_DISK_S = 1, 5, 30


class Beside(Protocol):
    """A file that changes with the database: what it gains is durable before a commit, what it loses goes after."""

    def write(self) -> None:
        """Make everything durable that the transaction refers to."""
        ...

    def erase(self) -> None:
        """Destroy what the transaction has ended."""
        ...


class _Batch(Struct, Generic[Work, Outcome]):
    """One transaction. `outcome` is there once the work was applied; None of it has been."""

    works: list[Work]
    size_bytes: int
    begun_at: float
    outcome: list[Outcome]


class Writer(Generic[Work, Outcome]):
    """Group commit for one database.

    `apply(connection, batch)` runs inside a transaction, `report(batch, outcome)` on the loop once that is durable,
    `failed(error)` on the loop at most once. Every method is for the loop.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        database: Path,
        apply: Callable[[sqlite3.Connection, Sequence[Work]], Outcome],
        report: Callable[[Sequence[Work], Outcome], None],
        failed: Callable[[LedgerError], None],
        limits: WriterLimits,
        loop: AbstractEventLoop,
        *,
        beside: Beside | None = None,
        apply_on_loop: bool = False,
        essential_bounded: bool = False,
    ) -> None:
        """Start the thread; from now on `connection` and `beside` are the writer's, until `close`.

        `essential_bounded`: essential work passes the watermarks, but not to the end of the disk.
        """
        self._connection = connection
        self._database = database
        self._apply = apply
        self._report = report
        self._failed = failed
        self._limits = limits
        self._loop = loop
        self._beside = beside
        self._apply_on_loop = apply_on_loop
        self._essential_bounded = essential_bounded
        # What waits for its batch, and about how many bytes each will occupy.
        self._queue: list[Work] = []
        self._sizes: list[int] = []
        # To the thread: a batch to commit, True to copy the log back, None to end.
        self._tasks: SimpleQueue[_Batch[Work, Outcome] | bool | None] = SimpleQueue()
        self._free = True
        self._next: Handle | None = None
        self._stopping = self._abandoned = False
        self._closed_at = 0.0
        # Grows by `put`, shrinks by the report.
        self._items = self._bytes = 0
        self._disk_checked_at = float("-inf")
        self._free_bytes, self._disk_low = 0, False
        # The log, what the last copy had to leave of it, what has been committed since.
        self._log_bytes = self._uncopied_bytes = self._work_bytes = 0
        self._growth = GROWTH_GUESS
        self.failure: LedgerError | None = None
        # Seconds that the commit took whose batch is being reported; for metrics.
        self.commit_s = 0.0
        self._ended: Future[None] = loop.create_future()
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._thread.start()

    def put(self, work: Work, size_bytes: int, *, essential: bool = False) -> None:
        """Queue `work`, which will occupy about `size_bytes` on disk. `essential` work passes the watermarks.

        Raises:
            CapacityError: queue, write-ahead log or disk; nothing was taken.
            LedgerError: the writer has failed.
        """
        if self.failure is not None:
            raise self.failure
        if self._stopping:
            raise LedgerError("the store is closed")
        limits = self._limits
        factor = ESSENTIAL_FACTOR if essential else 1
        if self._items >= limits.queue_items_max * factor or self._bytes >= limits.queue_bytes_max * factor:
            raise CapacityError("queue of the store", RETRY_QUEUE_S)
        queue = self._queue
        bounded = not essential or self._essential_bounded
        if bounded and (not queue or self._disk_low or self._log_bytes > limits.wal_bytes_max):
            # Once a batch, and for each item while there is something wrong.
            self._check_disk(essential)
        self._items += 1
        self._bytes += size_bytes
        queue.append(work)
        self._sizes.append(size_bytes)
        if self._free and (self._next is None or len(queue) == limits.batch_items_max):
            self._schedule()

    def put_all(self, works: Sequence[Work], sizes_bytes: Sequence[int]) -> bool:
        """Queue work that is not essential, all of it or, where `put` would turn some away, none."""
        limits, queue = self._limits, self._queue
        items, octets = self._items + len(works), self._bytes + sum(sizes_bytes)
        fits = items <= limits.queue_items_max and octets <= limits.queue_bytes_max
        if self.failure is not None or self._stopping or not fits:
            return False
        before = len(queue)
        try:
            if not before or self._disk_low or self._log_bytes > limits.wal_bytes_max:
                self._check_disk()
        except CapacityError:
            return False
        self._items, self._bytes = items, octets
        queue.extend(works)
        self._sizes.extend(sizes_bytes)
        if self._free and (self._next is None or before < limits.batch_items_max <= len(queue)):
            self._schedule()
        return True

    def abandon(self, failure: LedgerError) -> None:
        """Commit and report nothing more, and tell nobody: the caller knows why. What is under way may still commit."""
        self._abandoned = True
        self.failure = failure

    def queued(self) -> int:
        """Return how many items are not reported yet."""
        return self._items

    def log_bytes(self) -> int:
        """Return the size of the write-ahead log that the last check found."""
        return self._log_bytes

    def busy(self) -> CapacityError | None:
        """Return why new work would be turned away right now, if it would."""
        try:
            self._check_disk()
        except CapacityError as error:
            return error
        return None

    async def close(self) -> None:
        """Commit what is queued, copy the log back, end the thread, close the connection.

        After a failure the connection is left as it is: closing it would write.
        """
        self._stopping = True
        if self._free:
            self._schedule()
        await self._ended
        self._thread.join()
        if self.sound:
            self._connection.close()

    @property
    def sound(self) -> bool:
        """False once a commit failed: then nobody knows what the disk holds."""
        return self.failure is None or self._abandoned

    def _check_disk(self, essential: bool = False) -> None:
        limits = self._limits
        now = monotonic()
        if now - self._disk_checked_at > DISK_CHECK_S:
            self._disk_checked_at = now
            self._free_bytes = free_bytes(self._database.parent)
            self._disk_low = self._free_bytes < limits.disk_free_bytes_min
            if self._log_bytes > limits.wal_bytes_max and self._free:
                # Without new work there is no batch after which the thread would look again.
                self._hand_over(True)
        if self._free_bytes < (self._essential_floor() if essential else limits.disk_free_bytes_min):
            raise CapacityError("disk", RETRY_DISK_S)
        if self._log_bytes > limits.wal_bytes_max * (ESSENTIAL_FACTOR if essential else 1):
            raise CapacityError("write-ahead log", RETRY_WAL_S)

    def _essential_floor(self) -> int:
        """Return the free space that essential work leaves: a part of the watermark, and room to copy the log back."""
        floor = self._limits.disk_free_bytes_min // WATERMARK_PARTS
        return floor and floor + self._uncopied_bytes + int(self._work_bytes * self._growth)

    def _schedule(self) -> None:
        """Have the next batch begin: at once if it is full or comes after a pause, else when others have joined it."""
        if self._next is not None:
            self._next.cancel()
        full = len(self._queue) >= self._limits.batch_items_max
        if full or self._stopping or monotonic() - self._closed_at > PAUSE_S:
            self._next = self._loop.call_soon(self._begin)
        else:
            self._next = self._loop.call_later(self._limits.batch_wait_ms / 1_000, self._begin)

    def _begin(self) -> None:
        """Close the batch that has come together, and hand it to the thread."""
        self._next = None
        queue = self._queue
        if self.failure is not None or not queue:
            if self._stopping:
                self._hand_over(None)
            return
        items_max = self._limits.batch_items_max
        batch: _Batch[Work, Outcome] = _Batch(queue[:items_max], sum(self._sizes[:items_max]), monotonic(), [])
        del queue[:items_max], self._sizes[:items_max]
        if self._apply_on_loop:
            try:
                self._write(batch)
            except Exception as error:  # noqa: BLE001  Whatever it was: we do not know what the transaction holds.
                self._latch(error)
                return
        self._hand_over(batch)

    def _hand_over(self, task: "_Batch[Work, Outcome] | bool | None") -> None:
        self._free = False
        self._tasks.put(task)

    def _reported(self, batch: "_Batch[Work, Outcome]", commit_s: float) -> None:
        self.commit_s = commit_s
        self._items -= len(batch.works)
        self._bytes -= batch.size_bytes
        if not self._abandoned:
            self._report(batch.works, batch.outcome[0])

    def _freed(self) -> None:
        self._free = True
        if self._queue or self._stopping:
            self._schedule()

    def _end(self) -> None:
        if not self._ended.done():
            self._ended.set_result(None)

    # On the loop or on the thread: whoever has the connection.

    def _write(self, batch: "_Batch[Work, Outcome]") -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        batch.outcome.append(self._apply(self._connection, batch.works))

    def _latch(self, error: Exception) -> None:
        failure = LedgerError(f"the store failed and stopped ({type(error).__name__}: {error})")
        failure.__cause__ = error
        self.failure = failure
        self._call(self._failed, failure)

    def _call(self, function: Callable[..., None], *arguments: object) -> None:
        try:
            self._loop.call_soon_threadsafe(function, *arguments)
        except RuntimeError:
            # The loop is gone and nobody is left to tell.
            return

    # Below here: the thread.

    def _run(self) -> None:
        try:
            while (task := self._tasks.get()) is not None:
                if isinstance(task, _Batch):
                    self._commit(task)
                # What was committed is the loop's to report and to forget, while it is at hand in the processor.
                copy_back, task = task is True, None
                if copy_back or self._work_bytes * self._growth >= self._limits.checkpoint_bytes:
                    self._copy_back()
                self._call(self._freed)
            if self.failure is None:
                self._truncate(wait_ms=BUSY_MS)
        except Exception as error:  # noqa: BLE001  Whatever it was: we do not know what the disk holds.
            self._latch(error)
        finally:
            self._call(self._end)

    def _commit(self, batch: "_Batch[Work, Outcome]") -> None:
        if not batch.outcome:
            self._write(batch)
        if self._beside is not None:
            self._beside.write()
        self._connection.execute("COMMIT")
        self._closed_at = monotonic()
        self._call(self._reported, batch, self._closed_at - batch.begun_at)
        if self._beside is not None:
            self._beside.erase()
        self._work_bytes += batch.size_bytes

    def _copy_back(self) -> None:
        """Copy what the log holds into the database, as far as no reader is in the way."""
        _, frames, copied = self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        self._log_bytes = max(frames, 0) * PAGE_BYTES
        self._uncopied_bytes = max(frames - copied, 0) * PAGE_BYTES
        if self._work_bytes:
            self._growth = min(max(self._log_bytes / self._work_bytes, GROWTH_MIN), GROWTH_MAX)
        self._work_bytes = 0
        if self._log_bytes > self._limits.wal_bytes_max:
            self._truncate(wait_ms=0)

    def _truncate(self, wait_ms: int) -> None:
        """Empty the log, unless a reader holds on to it for longer than `wait_ms`."""
        self._connection.execute(f"PRAGMA busy_timeout={wait_ms}")
        busy = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        self._connection.execute(f"PRAGMA busy_timeout={BUSY_MS}")
        if not busy:
            self._log_bytes = self._uncopied_bytes = 0
