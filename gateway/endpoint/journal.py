"""The data directory of one endpoint: held by one process, written by one thread, durable when a write returns.

A change is a function of the database; what it returns comes back once the transaction that holds it is on
disk. Concurrent changes share a commit. Reading happens on a connection of its own that cannot write.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from gateway.domain.errors import ConfigurationError, GatewayError, LedgerError
from gateway.store.data_directory import DataDirectory, claim
from gateway.store.limits import WriterLimits
from gateway.store.sqlite.connection import open_for_reading, open_for_writing
from gateway.store.sqlite.migrate import migrate
from gateway.store.sqlite.writer import Writer

DATABASE = "endpoint.sqlite"
# "AcEp": the database says of itself that it is an endpoint's.
APPLICATION_ID = 0x41634570
MIGRATIONS = "gateway.endpoint.migrations"
WRITER_LIMITS = WriterLimits(disk_free_bytes_min=64 * 1024 * 1024)

T = TypeVar("T")
Change = Callable[[sqlite3.Connection], Any]
Row = tuple[Any, ...]


class _Write:
    """One change, and whom to tell."""

    __slots__ = ("change", "done", "result")

    def __init__(self, change: Change, done: "asyncio.Future[Any]") -> None:
        self.change = change
        self.done = done
        self.result: object = None


class Journal:
    """What this endpoint knows, on disk."""

    def __init__(self, held: DataDirectory, limits: WriterLimits, on_failure: Callable[[LedgerError], None]) -> None:
        """Open the database in a directory that this process holds; `on_failure` hears that it is lost."""
        self.folder = held.path
        self._held = held
        self._on_failure = on_failure
        self._waiting: set[asyncio.Future[Any]] = set()
        path = held.path / DATABASE
        connection = open_for_writing(path, APPLICATION_ID)
        migrate(connection, MIGRATIONS)
        self._reader = open_for_reading(path)
        self._writer: Writer[_Write, None] = Writer(
            connection, path, _apply, self._report, self._failed, limits, asyncio.get_running_loop()
        )

    @classmethod
    def open(
        cls,
        folder: Path,
        on_failure: Callable[[LedgerError], None] = lambda _: None,
        limits: WriterLimits = WRITER_LIMITS,
    ) -> "Journal":
        """Return the journal in `folder`, which no other process may hold.

        Raises:
            ConfigurationError: the folder is in use, open to others, or of a newer program.
        """
        held = claim(folder)
        try:
            return cls(held, limits, on_failure)
        except BaseException:
            held.close()
            raise

    async def write(
        self, change: Callable[[sqlite3.Connection], T], size_bytes: int = 0, *, essential: bool = True
    ) -> T:
        """Make a change durable and return what it returned.

        Work that is not `essential` is turned away when disk or queue run low.

        Raises:
            CapacityError: not essential, and there is no room.
            GatewayError: whatever `change` raised; then nothing of it is written.
            LedgerError: the store has failed; nothing can be promised any more.
        """
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._writer.put(_Write(change, done), size_bytes, essential=essential)
        self._waiting.add(done)
        try:
            return await asyncio.shield(done)
        finally:
            self._waiting.discard(done)

    def rows(self, query: str, values: Sequence[object] = ()) -> list[Row]:
        """Return every row that a query gives now."""
        return self._reader.execute(query, values).fetchall()

    def row(self, query: str, values: Sequence[object] = ()) -> Row | None:
        """Return the first row that a query gives now."""
        found: Row | None = self._reader.execute(query, values).fetchone()
        return found

    async def close(self) -> None:
        """Commit what is queued and give the directory back."""
        self._reader.close()
        await self._writer.close()
        self._held.close()

    def _report(self, works: Sequence[_Write], _: None) -> None:
        for work in works:
            if work.done.done():
                continue
            if isinstance(work.result, GatewayError):
                work.done.set_exception(work.result)
            else:
                work.done.set_result(work.result)

    def _failed(self, error: LedgerError) -> None:
        for done in self._waiting:
            if not done.done():
                done.set_exception(error)
        self._on_failure(error)


def bind(connection: sqlite3.Connection, authority: str, network: str) -> None:
    """Write down whose data this is, the first time.

    Raises:
        ConfigurationError: it is somebody else's.
    """
    found = connection.execute("SELECT authority, network FROM owner").fetchone()
    if found is None:
        connection.execute("INSERT INTO owner VALUES (?, ?, NULL)", (authority, network))
    elif found != (authority, network):
        raise ConfigurationError(
            f"the data directory belongs to `{found[0]}` in network `{found[1]}`", "name another data_folder"
        )


def _apply(connection: sqlite3.Connection, batch: Sequence[_Write]) -> None:
    for work in batch:
        connection.execute("SAVEPOINT one")
        try:
            work.result = work.change(connection)
        except GatewayError as error:
            connection.execute("ROLLBACK TO one")
            work.result = error
        connection.execute("RELEASE one")
