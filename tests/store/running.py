"""A store under test: opened in a directory, fed, awaited, closed, opened again.

An engine is whatever makes stores; the contract tests know nothing else of it, so that another engine
runs them by being listed in `ENGINES`.
"""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from gateway.crypto.keys import SecretKey
from gateway.crypto.receipt import verify_receipt
from gateway.domain.errors import LedgerError
from gateway.domain.receipt import Receipt
from gateway.store.interface import Committed, Owed, Store, Work
from gateway.store.limits import StoreLimits, WriterLimits
from gateway.store.postgres.engine import PostgresStore
from gateway.store.sqlite.engine import SqliteStore
from tests.postgres import Addressed, fresh_schema, shared
from tests.store import samples

LIMITS = StoreLimits(writer=WriterLimits(disk_free_bytes_min=0))


class Opened(Store, Protocol):
    """What an engine's store can do beside the interface."""

    async def close(self) -> None:
        """Commit what is queued and let go."""
        ...

    def tile(self, level: int, number: int) -> bytes:
        """The hashes of a tile."""
        ...

    def owed(self) -> dict[int, Owed]:
        """How much is owed, by urgency."""
        ...

    def queued(self) -> int:
        """How many items wait for their commit."""
        ...

    @property
    def failure(self) -> LedgerError | None:
        """Why it has stopped, if it has."""
        ...


Engine = Callable[[Path, SecretKey, StoreLimits, Callable[[LedgerError], None]], Opened]


def sqlite(path: Path, key: SecretKey, limits: StoreLimits, failed: Callable[[LedgerError], None]) -> SqliteStore:
    """The embedded engine."""
    return SqliteStore(
        path / "data",
        network=samples.NETWORK,
        origin=samples.ORIGIN,
        key=key,
        software="accord/test",
        limits=limits,
        loop=asyncio.get_running_loop(),
        failed=failed,
    )


ENGINES: dict[str, Engine] = {"sqlite": sqlite}


def postgres(server: Addressed, schema: str | None = None, origin: str = samples.ORIGIN) -> Engine:
    """The engine for several gateways: in `schema`, or in one for each path, as a directory for the embedded one."""
    schemas: dict[Path, str] = {}

    def open_store(
        path: Path, key: SecretKey, limits: StoreLimits, failed: Callable[[LedgerError], None]
    ) -> PostgresStore:
        name = schema or schemas.setdefault(path, fresh_schema())
        return PostgresStore(
            password=None,
            network=samples.NETWORK,
            origin=origin,
            key=key,
            software="accord/test",
            limits=shared(server, name, limits),
            loop=asyncio.get_running_loop(),
            failed=failed,
        )

    return open_store


class Running:
    """One store and what it reported."""

    def __init__(
        self, engine: Engine, path: Path, limits: StoreLimits = LIMITS, *, key: SecretKey | None = None
    ) -> None:
        """Open the store in `path` under a fresh ledger key, or under `key`."""
        self._engine = engine
        self._limits = limits
        self.path = path
        self.key = key or samples.checkpoint_key()
        self.batches: list[int] = []
        self.reported: list[tuple[Work, Committed]] = []
        self.failures: list[LedgerError] = []
        self._progress = asyncio.Event()
        self.store = self.open()

    def open(self) -> Opened:
        """Open a store on what is in the directory."""
        store = self._engine(self.path, self.key, self._limits, self._failed)
        store.on_committed(self._committed)
        self._closed = False
        return store

    def _committed(self, batch: Sequence[tuple[Work, Committed]]) -> None:
        self.batches.append(len(batch))
        self.reported.extend(batch)
        self._progress.set()

    def _failed(self, error: LedgerError) -> None:
        self.failures.append(error)
        self._progress.set()

    async def commit(self, *works: Work) -> list[Committed]:
        """Put `works` at once and return what became of each."""
        already = len(self.reported)
        for work in works:
            self.store.put(work)
        while len(self.reported) < already + len(works) and not self.failures:
            self._progress.clear()
            await asyncio.wait_for(self._progress.wait(), 20)
        if self.failures:
            raise self.failures[0]
        return [done for _, done in self.reported[already:]]

    async def one(self, work: Work) -> Committed:
        """Commit one item in a batch of its own."""
        return (await self.commit(work))[0]

    async def close(self) -> None:
        """Close the store, if it is open."""
        if not self._closed:
            self._closed = True
            await self.store.close()

    async def reopen(self) -> None:
        """Close the store and open it again, as after an orderly stop."""
        await self.close()
        self.store = self.open()

    def verified(self, receipt: bytes, object_sha256: bytes | None = None) -> Receipt:
        """The receipt, verified with nothing but the gateway's public key."""
        return verify_receipt(
            receipt,
            object_sha256=object_sha256,
            gateways={samples.ORIGIN: self.key.public},
            network=samples.NETWORK,
        )
