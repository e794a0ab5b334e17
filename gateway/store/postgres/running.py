"""What the engine's thread does: open, write, read, listen, and leave in order.

Everything here runs on the engine's own loop, except `answer`, `tell` and `stop`, which the event loop calls.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future
from contextlib import suppress
from time import monotonic
from typing import Any, TypeVar

from gateway.crypto.keys import SecretKey
from gateway.domain.errors import CapacityError, ConfigurationError, LedgerError
from gateway.domain.receipt import Checkpoint
from gateway.store.interface import Work
from gateway.store.limits import StoreLimits
from gateway.store.postgres.commit import Committer, Outcome
from gateway.store.postgres.connecting import Connection, check_access, check_server, connect
from gateway.store.postgres.failing import ERRORS, AwayError, as_ledger_error, cause_of, loses_connection, passes
from gateway.store.postgres.holding import hold, recover, register
from gateway.store.postgres.migrate import migrate
from gateway.store.postgres.reads import Reads
from gateway.store.postgres.waking import RELEASE_ALL, STOPPED, Waking
from gateway.store.postgres.writer import Writer
from gateway.store.records import Recorder

T = TypeVar("T")

WRITE_S = 10.0
COUNT_S = 10.0
# After a read that failed, others fail at once for so long: the event loop waits for each of them.
FAIL_FAST_S = 1.0
# How much longer than a read the event loop waits for it: the time of one that is under way already, and of a thread.
MARGIN_S = 1.0

FREEZE = (
    "UPDATE log SET frozen_reason = $2, frozen_note = $3"
    " WHERE number = $1 AND (frozen_reason IS NULL OR coalesce(length(frozen_note), 0) = 0)"
)

Reported = Callable[[Sequence[Work], Outcome, int, float], None]


class Engine:
    """The connections of one store, and the tasks that use them."""

    def __init__(
        self,
        limits: StoreLimits,
        password: str | None,
        reported: Reported,
        woken: Callable[[frozenset[str]], None],
        counted: Callable[[int, int], None],
    ) -> None:
        """The callbacks are called on the engine's thread: a durable batch, whom it concerns, what is owed in all."""
        check_access(limits.postgres)
        self._limits = limits
        self._settings = limits.postgres
        self._password = password
        self._reported = reported
        self._woken = woken
        self._counted = counted
        self._reading: Connection | None = None
        self._fail_fast_until = 0.0
        self._fail_fast = AwayError("it did not answer")
        self._batches = 0
        self._origin = ""
        self.checkpoint: Checkpoint
        self.reads: Reads
        self.writer: Writer
        self.spooled = 0

    async def run(self, ready: "Future[None]", network: str, origin: str, key: SecretKey, software: str) -> None:
        """Serve until stopped; `ready` tells when everything is open, or why it cannot be.

        Raises:
            LedgerError: we do not know our own state any more.
        """
        self._loop = asyncio.get_running_loop()
        self._reading_lock = asyncio.Lock()
        self._origin = origin
        try:
            await self._open(network, origin, key, software)
        except Exception as error:  # noqa: BLE001  Whoever opens us is told, whatever it was.
            ready.set_exception(_explained(error))
            return
        ready.set_result(None)
        beside = [asyncio.create_task(self.waking.run()), asyncio.create_task(self._keep_counting())]
        writing = asyncio.create_task(self.writer.run())
        try:
            done, _ = await asyncio.wait([writing, *beside], return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in (writing, *beside):
                task.cancel()
            await asyncio.gather(writing, *beside, return_exceptions=True)
            await self._leave()

    # For the event loop.

    def tell(self, function: Callable[..., None], *arguments: object) -> None:
        """Have `function` called on the engine's loop."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(function, *arguments)

    def stop(self) -> None:
        """End in order: what was put is committed first."""
        self.tell(self.writer.stop)

    def attend(self, authorities: frozenset[str]) -> None:
        """Lease for `authorities`, and listen for them."""
        self.writer.attend(authorities)
        self.waking.attend(authorities)

    def answer(self, query: Callable[[Connection], Coroutine[Any, Any, T]]) -> T:
        """Wait for the answer of `query` over the reading connection.

        Raises:
            CapacityError: the database is away or too slow.
        """
        if self.writer.away is not None:
            raise self.writer.away
        if monotonic() < self._fail_fast_until:
            raise self._fail_fast
        asked = asyncio.run_coroutine_threadsafe(self._ask(query), self._loop)
        try:
            return asked.result(self._settings.read_s + MARGIN_S)
        except TimeoutError as error:
            asked.cancel()
            raise self._failing_fast(error) from error
        except (CapacityError, ConfigurationError, LedgerError):
            raise
        except Exception as error:
            if not passes(error):
                raise LedgerError(f"the store cannot be read ({type(error).__name__}: {cause_of(error)})") from error
            raise self._failing_fast(error) from error

    def _failing_fast(self, error: Exception) -> AwayError:
        self._fail_fast = AwayError(cause_of(error))
        self._fail_fast_until = monotonic() + FAIL_FAST_S
        return self._fail_fast

    async def freeze(self, connection: Connection, reason: str, note: bytes) -> None:
        """Keep, in the database, why this ledger must not be continued."""
        await connection.execute(FREEZE, self.writer.held.number, reason, note)

    # On the engine's loop.

    async def _open(self, network: str, origin: str, key: SecretKey, software: str) -> None:
        settings = self._settings
        connection = await self._connect(WRITE_S)
        try:
            await check_server(connection)
            await migrate(connection, settings.schema)
            number = await register(connection, network, origin, key)
            held = await hold(connection, number, origin, settings.alive_s)
            ledger, memory = await recover(connection, number, origin, key)
        except BaseException:
            connection.terminate()
            raise
        committer = Committer(ledger, Recorder(network, origin, software), memory)
        self.checkpoint = ledger.checkpoint
        self.reads = Reads(number)
        self.waking = Waking(number, settings, lambda: self._reconnect(settings.read_s), self._woken)
        self.writer = Writer(
            connection,
            lambda: self._reconnect(WRITE_S),
            held,
            committer,
            self._limits,
            self._committed,
            self.waking.look,
        )
        self.spooled = await self._ask(self.reads.spooled)

    async def _connect(self, statement_s: float) -> Connection:
        return await connect(self._settings, self._password, self._origin, statement_s)

    async def _reconnect(self, statement_s: float) -> Connection:
        """Return a connection; what an operator must mend is no reason to stop while we run, he can do so meanwhile."""
        try:
            return await self._connect(statement_s)
        except ConfigurationError as error:
            raise ConnectionError(error.what) from error

    async def _ask(self, query: Callable[[Connection], Coroutine[Any, Any, T]]) -> T:
        async with self._reading_lock:
            try:
                async with asyncio.timeout(self._settings.read_s):
                    if self._reading is None or self._reading.is_closed():
                        self._reading = await self._reconnect(self._settings.read_s)
                    return await query(self._reading)
            except Exception as error:
                if self._reading is not None and loses_connection(error):
                    self._reading.terminate()
                    self._reading = None
                raise

    def _committed(self, works: Sequence[Work], outcome: Outcome, octets: int, commit_s: float) -> None:
        self._batches += 1
        self._reported(works, outcome, octets, commit_s)
        self.waking.committed(outcome.concerned)

    async def _keep_counting(self) -> None:
        """Count what is owed over all gateways now and then; what others add and end is not reported here."""
        while True:
            await asyncio.sleep(COUNT_S)
            before = self._batches
            try:
                owed = await self._ask(self.reads.spooled)
            except Exception as error:
                if not passes(error):
                    raise
                continue
            self._counted(owed, before)

    async def _leave(self) -> None:
        """Give back leases and the ledger, as far as the database lets us."""
        with suppress(*ERRORS):
            async with asyncio.timeout(self._settings.read_s):
                await self.writer.release(RELEASE_ALL, STOPPED)
                await self.waking.farewell()
        await self.writer.close()
        if self._reading is not None:
            self._reading.terminate()


def _explained(error: Exception) -> Exception:
    """Return the error that the operator should see for one that kept us from opening."""
    if isinstance(error, CapacityError | ConfigurationError | LedgerError):
        return error
    return AwayError(cause_of(error)) if passes(error) else as_ledger_error(error)
