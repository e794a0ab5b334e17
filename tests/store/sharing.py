"""Several gateways on one PostgreSQL schema, each with a ledger of its own."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg

from gateway.crypto.keys import SecretKey
from gateway.crypto.receipt import verify_receipt
from gateway.domain.receipt import Receipt
from gateway.store.postgres.engine import PostgresStore
from tests.postgres import Addressed, fresh_schema
from tests.store import samples
from tests.store.running import Running, postgres

WAIT_S = 15.0
ROOT = Path(__file__).resolve().parent.parent.parent


class Sharing(Running):
    """One gateway of several: what it reported, and for whom it was woken."""

    def __init__(self, server: Addressed, schema: str, number: int, key: SecretKey | None = None) -> None:
        """Open gateway `number` on `schema`, under a fresh ledger key or under `key`."""
        self.origin = f"gateway-{number}.example/ledger"
        self.woken: list[str] = []
        self.awake = asyncio.Event()
        super().__init__(postgres(server, schema, self.origin), Path("/nowhere"), key=key)

    @property
    def shared(self) -> PostgresStore:
        """The store, as the engine that it is."""
        assert isinstance(self.store, PostgresStore)
        return self.store

    def listen(self, *authorities: str) -> None:
        """Have sessions of `authorities` here."""
        self.store.on_wakeup(self._wake)
        self.store.attend(frozenset(authorities))

    def _wake(self, authorities: frozenset[str]) -> None:
        self.woken += sorted(authorities)
        self.awake.set()

    async def woken_for(self, authority: str) -> None:
        """Wait until this gateway was told that something lies ready for `authority`."""
        async with asyncio.timeout(WAIT_S):
            while authority not in self.woken:
                self.awake.clear()
                await self.awake.wait()

    def proved(self, receipt: bytes, *others: "Sharing") -> Receipt:
        """The receipt, verified with the keys of these gateways."""
        keys = {each.origin: each.key.public for each in (self, *others)}
        return verify_receipt(receipt, object_sha256=None, gateways=keys, network=samples.NETWORK)


@asynccontextmanager
async def gateways(server: Addressed, count: int) -> AsyncIterator[list[Sharing]]:
    """Open `count` gateways on an empty schema."""
    schema = fresh_schema()
    opened: list[Sharing] = []
    try:
        for number in range(count):
            opened.append(Sharing(server, schema, number))
        yield opened
    finally:
        for each in opened:
            await each.close()


@asynccontextmanager
async def looking(gateway: Sharing | Running) -> AsyncIterator[Any]:
    """A connection of ours to the schema of a gateway, for looking at it and for spoiling it."""
    store = gateway.store
    assert isinstance(store, PostgresStore)
    connection = await asyncpg.connect(
        store.limits.postgres.dsn, server_settings={"search_path": store.limits.postgres.schema}
    )
    try:
        yield connection
    finally:
        await connection.close()


async def start_child(dsn: str, schema: str, number: int, seed: bytes, *, count: int) -> asyncio.subprocess.Process:
    """Start a process with a store (tests.store.shared_child) and wait until it is open."""
    arguments = (dsn, schema, str(number), seed.hex(), str(count))
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.store.shared_child", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    assert child.stdout is not None
    async with asyncio.timeout(WAIT_S):
        assert (await child.stdout.readline()).startswith(b"open")
    return child
