"""Group commit over a network: what has come together goes in one statement, one batch after the other.

It runs on the engine's own thread and loop. A lost connection leaves the outcome of a batch unknown; then the very same
batch is asked for again over a new one, and the database, which has it or has it not, says what became of it. While
the database is away nothing is lost and nothing is reported: whoever waits, waits, and new work is turned away.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from time import monotonic

from gateway.domain.errors import CapacityError, LedgerError
from gateway.store.interface import Work
from gateway.store.limits import StoreLimits
from gateway.store.postgres.commit import Committer, Outcome, Prepared
from gateway.store.postgres.connecting import Connection
from gateway.store.postgres.failing import (
    ASSUMPTION,
    ERRORS,
    AwayError,
    as_ledger_error,
    cause_of,
    loses_connection,
    passes,
    state_of,
)
from gateway.store.postgres.holding import Held, hold_again
from gateway.store.postgres.rows import COMMIT

# Work for what is already owed may still queue when new work is turned away.
ESSENTIAL_FACTOR = 2
# In a pause longer than this, the next item is committed at once instead of waiting for company.
PAUSE_S = 0.01
RETRY_QUEUE_S = 1
# Pauses between attempts to reach a database that is away: they grow to the last one.
PAUSES_S = (0.05, 0.1, 0.25, 0.5, 1.0)
# Peers that are quicker with the same ids make us look again; that many times in a row is no chance any more.
CONFLICTS_MAX = 50
# One statement carries a batch, in memory here and there; an item has at most 1.5 MiB.
BATCH_BYTES_MAX = 16 * 1024 * 1024
# What was put before a stop is committed if the database comes back within this time.
STOP_S = 10.0
CLOSE_S = 2.0

HEARTBEAT = (
    "UPDATE log SET alive_until = clock_timestamp() + make_interval(secs => $3)"
    " WHERE number = $1 AND token = $2 RETURNING true"
)

Connect = Callable[[], Awaitable[Connection]]


class Writer:
    """The one writer of one ledger. `put`, `queued` and `away` are for the event loop, the rest for the engine's."""

    def __init__(
        self,
        connection: Connection,
        connect: Connect,
        held: Held,
        committer: Committer,
        limits: StoreLimits,
        report: Callable[[Sequence[Work], Outcome, int, float], None],
        back: Callable[[], None],
    ) -> None:
        """Commit over `connection`, or another one that `connect` opens; `back` is called when the database is back."""
        self._connection: Connection | None = connection
        self._pid = connection.get_server_pid()
        self._connect = connect
        self.held = held
        self._committer = committer
        self._limits = limits
        self._report = report
        self._back = back
        self._loop = asyncio.get_running_loop()
        self._queue: deque[tuple[Work, int]] = deque()
        self._wake = asyncio.Event()
        self._awake = False
        self._closed_at = 0.0
        self._stopping = False
        self._abandoned = False
        # Grow on the event loop by `put`, shrink there by `settled`.
        self._items = 0
        self._bytes = 0
        self.away: AwayError | None = None

    def put(self, work: Work, size_bytes: int, *, essential: bool) -> None:
        """Queue `work`, of about `size_bytes`.

        Raises:
            CapacityError: the queue is full or the database is away; nothing was taken.
        """
        limits = self._limits.writer
        factor = ESSENTIAL_FACTOR if essential else 1
        if self.away is not None:
            raise self.away
        if self._items >= limits.queue_items_max * factor or self._bytes >= limits.queue_bytes_max * factor:
            raise CapacityError("queue of the store", RETRY_QUEUE_S)
        self._items += 1
        self._bytes += size_bytes
        self._queue.append((work, size_bytes))
        if not self._awake:
            self._awake = True
            self._loop.call_soon_threadsafe(self._wake.set)

    def settled(self, items: int, size_bytes: int) -> None:
        """Forget what was reported."""
        self._items -= items
        self._bytes -= size_bytes

    def queued(self) -> int:
        """Return how many items are not reported yet."""
        return self._items

    def stop(self) -> None:
        """Have `run` end when everything is committed. Call it on the engine's loop."""
        self._stopping = True
        self._wake.set()

    def abandon(self) -> None:
        """Have `run` end now; nothing more is committed or reported."""
        self._abandoned = self._stopping = True
        self._loop.call_soon_threadsafe(self._wake.set)

    def attend(self, authorities: frozenset[str]) -> None:
        """Lease what is admitted for `authorities` from now on."""
        self._committer.memory.attended = authorities

    # Below here: the engine's thread.

    async def run(self) -> None:
        """Commit until stopped.

        Raises:
            LedgerError: we do not know our own state any more.
        """
        while True:
            batch = await self._collect()
            if self._abandoned:
                return
            if batch:
                await self._commit(batch)
            elif self._stopping:
                return
            else:
                await self._tell_that_we_live()

    async def _collect(self) -> list[tuple[Work, int]]:
        """Wait for work; return one batch, empty when it is time for a sign of life."""
        queue, limits = self._queue, self._limits.writer
        if not queue and not self._stopping:
            self._awake = False
            self._wake.clear()
            # Whoever put before the flag fell did not wake us.
            if not self._has_work() and not await self._woken():
                return []
            self._awake = True
        if monotonic() - self._closed_at < PAUSE_S and not self._stopping and len(queue) < limits.batch_items_max:
            await asyncio.sleep(limits.batch_wait_ms / 1_000)
        batch: list[tuple[Work, int]] = []
        size_bytes = 0
        while queue and len(batch) < limits.batch_items_max and size_bytes < BATCH_BYTES_MAX:
            batch.append(queue.popleft())
            size_bytes += batch[-1][1]
        return batch

    def _has_work(self) -> bool:
        return bool(self._queue)

    async def _woken(self) -> bool:
        """Wait for work; False when it is time for a sign of life."""
        try:
            async with asyncio.timeout(self._limits.postgres.alive_s / 4):
                await self._wake.wait()
        except TimeoutError:
            return False
        return True

    async def _commit(self, batch: list[tuple[Work, int]]) -> None:
        works = [work for work, _ in batch]
        begun_at = monotonic()
        prepared: Prepared | None = None
        answer: Sequence[int] | None = None
        conflicts = tries = 0
        while answer is None:
            try:
                connection = await self._connected()
                if prepared is None:
                    prepared = await self._committer.prepare(connection, works, assume=not conflicts)
                answer = await self._ask(connection, prepared)
            except Exception as error:  # noqa: BLE001  `_wait_or_fail` raises what waiting cannot mend.
                if state_of(error) == ASSUMPTION and conflicts < CONFLICTS_MAX:
                    prepared, conflicts = None, conflicts + 1
                    continue
                self._wait_or_fail(error)
                if self._abandoned or (self._stopping and monotonic() - begun_at > STOP_S):
                    return
                await asyncio.sleep(PAUSES_S[min(tries, len(PAUSES_S) - 1)])
                tries += 1
        assert prepared is not None
        self._came_back()
        self._closed_at = monotonic()
        self.held.batch += 1
        outcome = self._committer.finish(prepared, answer)
        if not self._abandoned:
            self._report(works, outcome, sum(size for _, size in batch), self._closed_at - begun_at)

    async def _ask(self, connection: Connection, prepared: Prepared) -> Sequence[int]:
        held, settings = self.held, self._limits.postgres
        size = self._committer.ledger.size
        async with asyncio.timeout(settings.commit_s):
            answer: Sequence[int] = await connection.fetchval(
                COMMIT,
                held.number,
                held.token,
                held.batch + 1,
                size,
                settings.alive_s,
                settings.lease_s,
                *prepared.arguments,
            )
        return answer

    async def _connected(self) -> Connection:
        if self._connection is not None and not self._connection.is_closed():
            return self._connection
        self._connection = None
        connection = await self._connect()
        try:
            await hold_again(connection, self.held, self._pid, self._limits.postgres.alive_s)
        except BaseException:
            connection.terminate()
            raise
        self._connection, self._pid = connection, connection.get_server_pid()
        return connection

    async def _tell_that_we_live(self) -> None:
        held, settings = self.held, self._limits.postgres
        try:
            connection = await self._connected()
            async with asyncio.timeout(settings.commit_s):
                ours = await connection.fetchval(HEARTBEAT, held.number, held.token, settings.alive_s)
        except Exception as error:  # noqa: BLE001  `_wait_or_fail` raises what waiting cannot mend.
            self._wait_or_fail(error)
            await asyncio.sleep(PAUSES_S[2])
            return
        if not ours:
            raise LedgerError("another process has opened this ledger: two gateways must not share origin and key")
        self._came_back()

    def _wait_or_fail(self, error: Exception) -> None:
        """Note that the database is away.

        Raises:
            LedgerError: waiting cannot help.
        """
        if isinstance(error, LedgerError):
            raise error
        if not passes(error):
            raise as_ledger_error(error) from error
        self.away = AwayError(cause_of(error))
        if loses_connection(error) and self._connection is not None:
            self._connection.terminate()
            self._connection = None

    def _came_back(self) -> None:
        if self.away is not None:
            self.away = None
            self._back()

    async def release(self, leases: str, alive: str) -> None:
        """Give back what is leased to us, and say that we are gone; call it when `run` has ended."""
        if self._connection is not None and not self._connection.is_closed():
            await self._connection.execute(leases, self.held.number)
            await self._connection.execute(alive, self.held.number, self.held.token)

    async def close(self) -> None:
        """Give the ledger back to whoever opens it next."""
        if self._connection is not None:
            try:
                async with asyncio.timeout(CLOSE_S):
                    await self._connection.close()
            except ERRORS:
                self._connection.terminate()
