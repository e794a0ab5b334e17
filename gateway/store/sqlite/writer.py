"""One thread, one connection, many items to a commit.

The event loop puts work; the thread takes what has come together, has it applied in one transaction, commits
with fsync and reports the whole batch in one call on the loop. It knows nothing of what the work is, so that
gateway, endpoint and central node share it.

A failure on that path is final. Nothing is retried: after a failed sync nobody knows what the disk holds, so
we stop, and whoever opens the file next finds out.
"""

import sqlite3
import threading
from asyncio import AbstractEventLoop, Future
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from time import monotonic
from typing import Generic, TypeVar

from gateway.domain.errors import CapacityError, LedgerError
from gateway.store.data_directory import free_bytes
from gateway.store.limits import WriterLimits
from gateway.store.sqlite.connection import BUSY_MS, PAGE_BYTES

Work = TypeVar("Work")
Outcome = TypeVar("Outcome")

# Work for what is already owed may still queue when new work is turned away.
ESSENTIAL_FACTOR = 2
# In a pause longer than this, the next item is committed at once instead of waiting for company.
PAUSE_S = 0.01
DISK_CHECK_S = 0.25
# How much the log grows for a byte of work: a first guess, then what the last copy found, within these bounds.
GROWTH_GUESS, GROWTH_MIN, GROWTH_MAX = 2.0, 0.25, 64.0
RETRY_QUEUE_S, RETRY_WAL_S, RETRY_DISK_S = 1, 5, 30


class Writer(Generic[Work, Outcome]):
    """Group commit for one database.

    `apply(connection, batch)` runs on the thread inside a transaction, `report(batch, outcome)` on the loop once
    that is durable, `failed(error)` on the loop at most once. Everything else is for the loop alone.
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
        settle: Callable[[], None] | None = None,
    ) -> None:
        """Start the thread; from now on `connection` is its alone, until `close`.

        `settle` is called on the thread after each commit, for what must not happen before it.
        """
        self._connection = connection
        self._database = database
        self._apply = apply
        self._report = report
        self._failed = failed
        self._limits = limits
        self._loop = loop
        self._settle = settle
        self._queue: deque[tuple[Work, int]] = deque()
        self._wake = threading.Event()
        self._full = threading.Event()
        self._stopping = False
        self._abandoned = False
        self._closed_at = 0.0
        # Grows on the loop by `put`, shrinks on the loop by the report: no lock is needed.
        self._items = 0
        self._bytes = 0
        self._disk_checked_at = float("-inf")
        self._disk_low = False
        self._log_bytes = 0
        self._work_bytes = 0
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
        if not essential:
            self._check_disk()
        self._items += 1
        self._bytes += size_bytes
        queue = self._queue
        queue.append((work, size_bytes))
        if not self._wake.is_set():
            self._wake.set()
        elif len(queue) == limits.batch_items_max:
            self._full.set()

    def abandon(self, failure: LedgerError) -> None:
        """Commit and report nothing more, and tell nobody: the caller knows why. What is under way may still commit."""
        self._abandoned = True
        self.failure = failure
        self._wake.set()
        self._full.set()

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
        self._wake.set()
        self._full.set()
        await self._ended
        self._thread.join()
        if self.sound:
            self._connection.close()

    @property
    def sound(self) -> bool:
        """False once a commit failed: then nobody knows what the disk holds."""
        return self.failure is None or self._abandoned

    def _check_disk(self) -> None:
        now = monotonic()
        if now - self._disk_checked_at > DISK_CHECK_S:
            self._disk_checked_at = now
            self._disk_low = free_bytes(self._database.parent) < self._limits.disk_free_bytes_min
            if self._log_bytes > self._limits.wal_bytes_max:
                # Without new work there is no batch after which the thread would look again.
                self._wake.set()
        if self._disk_low:
            raise CapacityError("disk", RETRY_DISK_S)
        if self._log_bytes > self._limits.wal_bytes_max:
            raise CapacityError("write-ahead log", RETRY_WAL_S)

    # Below here: the thread.

    def _run(self) -> None:
        try:
            while True:
                batch = self._collect()
                if self._abandoned:
                    return
                if batch:
                    self._commit(batch)
                elif self._stopping:
                    break
                if self._work_bytes * self._growth >= self._limits.checkpoint_bytes or not batch:
                    self._copy_back()
            self._truncate(wait_ms=BUSY_MS)
        except Exception as error:  # noqa: BLE001  Whatever it was: we do not know what the disk holds.
            self._latch(error)
        finally:
            self._call(self._end)

    def _collect(self) -> list[tuple[Work, int]]:
        """Wait for work; return one batch, empty when the thread was woken for another reason."""
        queue = self._queue
        limits = self._limits
        self._wake.clear()
        if not queue and not self._stopping and not self._abandoned:
            self._wake.wait()
        self._wake.set()
        if monotonic() - self._closed_at < PAUSE_S and not self._stopping:
            self._full.clear()
            if len(queue) < limits.batch_items_max:
                self._full.wait(limits.batch_wait_ms / 1_000)
        return [queue.popleft() for _ in range(min(len(queue), limits.batch_items_max))]

    def _commit(self, batch: list[tuple[Work, int]]) -> None:
        connection = self._connection
        works = [work for work, _ in batch]
        size_bytes = sum(size for _, size in batch)
        begun_at = monotonic()
        connection.execute("BEGIN IMMEDIATE")
        outcome = self._apply(connection, works)
        connection.execute("COMMIT")
        self._closed_at = monotonic()
        self._call(self._reported, works, outcome, size_bytes, self._closed_at - begun_at)
        if self._settle is not None:
            self._settle()
        self._work_bytes += size_bytes

    def _copy_back(self) -> None:
        """Copy what the log holds into the database, as far as no reader is in the way."""
        frames = self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()[1]
        self._log_bytes = max(frames, 0) * PAGE_BYTES
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
            self._log_bytes = 0

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

    # Back on the loop.

    def _reported(self, works: Sequence[Work], outcome: Outcome, size_bytes: int, commit_s: float) -> None:
        self.commit_s = commit_s
        self._items -= len(works)
        self._bytes -= size_bytes
        if not self._abandoned:
            self._report(works, outcome)

    def _end(self) -> None:
        if not self._ended.done():
            self._ended.set_result(None)
