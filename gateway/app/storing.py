"""Which store the settings ask for, opened; and what the process asks of every engine beside `store.interface`.

With PostgreSQL the data folder holds the accepted editions and the lock by which a second process with the same
settings is refused, and nothing else.
"""

import asyncio
from asyncio import AbstractEventLoop
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

from gateway.crypto.keys import SecretKey
from gateway.domain.errors import CapacityError, ConfigurationError, LedgerError
from gateway.settings.gateway import GatewaySettings
from gateway.settings.source import read_secret
from gateway.store.data_directory import DataDirectory, claim
from gateway.store.frozen import refuse_frozen
from gateway.store.interface import Owed, Store
from gateway.store.sqlite.engine import SqliteStore
from gateway.telemetry.logs import get_logger

# Less than systemd gives a start, and so long that ten failed starts do not fit into five minutes.
STORE_WITHIN_S = 60.0
STORE_AGAIN_S = 1.0


class GatewayStore(Store, Protocol):
    """A store with what the process around it needs to know."""

    async def close(self) -> None:
        """Commit what is queued, then let everything go."""
        ...

    @property
    def failure(self) -> LedgerError | None:
        """Why the store has stopped, if it has."""
        ...

    def busy(self) -> CapacityError | None:
        """Return why new messages would be turned away right now, if they would."""
        ...

    def commit_s(self) -> float:
        """Return the seconds that the newest reported commit took."""
        ...

    def log_bytes(self) -> int:
        """Return the size of a write-ahead log of our own."""
        ...

    def scrub(self, number: int) -> bool:
        """Look at the entries of tile `number` again; False where no complete tile is."""
        ...

    def stored_bytes(self) -> int:
        """Return how many bytes are stored."""
        ...

    def owed(self) -> dict[int, Owed]:
        """Return how many deliveries are owed and since when, by urgency: a scan, for a thread of its own."""
        ...

    def queued(self) -> int:
        """Return how many items wait for their commit."""
        ...

    def freeze(self, reason: str, note: bytes) -> None:
        """Sign nothing any more, now and at every start, until an operator reconciles."""
        ...


class Opened:
    """A store, and the lock on the data folder where the engine does not hold it."""

    def __init__(self, store: GatewayStore, held: DataDirectory | None = None) -> None:
        """Keep `held` until `close`."""
        self.store = store
        self._held = held

    async def close(self) -> None:
        """Close the store, then give the data folder back."""
        await self.store.close()
        if self._held is not None:
            self._held.close()


async def wait_for_store(
    settings: GatewaySettings,
    key: SecretKey,
    software: str,
    loop: AbstractEventLoop,
    failed: Callable[[LedgerError], None],
) -> Opened:
    """Return the store of these settings, once its server is there; a database may start after us.

    Raises:
        CapacityError: the server is still away after `STORE_WITHIN_S`.
        ConfigurationError, LedgerError: as `open_store`.
    """
    log = get_logger("store")
    until_s = loop.time() + STORE_WITHIN_S
    while True:
        try:
            return open_store(settings, key, software, loop, failed)
        except CapacityError as error:
            if loop.time() > until_s:
                raise
            log.warning("store-away", error=str(error))
        await asyncio.sleep(STORE_AGAIN_S)


def open_store(
    settings: GatewaySettings,
    key: SecretKey,
    software: str,
    loop: AbstractEventLoop,
    failed: Callable[[LedgerError], None],
) -> Opened:
    """Return the store of these settings; `failed` is called at most once, when it has latched.

    Raises:
        ConfigurationError: data folder, server, its settings or the ledger are not fit; the text has the remedy.
        CapacityError: the server is away.
        LedgerError: what is stored does not lead to the checkpoint that was signed last.
    """
    identity, limits = settings.gateway, settings.store
    path = Path(identity.data_folder)
    if limits.engine == "sqlite":
        store = SqliteStore(
            path,
            network=identity.network,
            origin=identity.origin,
            key=key,
            software=software,
            limits=limits,
            loop=loop,
            failed=failed,
        )
        return Opened(store)
    held = claim(path)
    try:
        refuse_frozen(path)
        return Opened(_open_shared(settings, key, software, loop, failed), held)
    except BaseException:
        held.close()
        raise


def _open_shared(
    settings: GatewaySettings,
    key: SecretKey,
    software: str,
    loop: AbstractEventLoop,
    failed: Callable[[LedgerError], None],
) -> GatewayStore:
    require_client()
    # Who runs on SQLite alone needs no client of PostgreSQL, so it is imported only here.
    from gateway.store.postgres.engine import PostgresStore

    return PostgresStore(
        password=read_password(settings),
        network=settings.gateway.network,
        origin=settings.gateway.origin,
        key=key,
        software=software,
        limits=settings.store,
        loop=loop,
        failed=failed,
    )


def require_client() -> None:
    """Return if the client of PostgreSQL is installed.

    Raises:
        ConfigurationError: it is not.
    """
    if find_spec("asyncpg") is None:
        raise ConfigurationError(
            "`store.engine` is `postgres`, and `asyncpg` is not installed", "install accord[postgres]"
        )


def read_password(settings: GatewaySettings) -> str | None:
    """Return the password for PostgreSQL, None where the server asks for none.

    Raises:
        ConfigurationError: its file is missing or open to others.
    """
    file = settings.store.postgres.password_file
    return None if file is None else read_secret(Path(file), "database password").decode().rstrip("\r\n")
