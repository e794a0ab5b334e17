"""The embedded engine: a `Store` in one directory.

Opening is recovery: SQLite brings back every batch that was committed and none that was not; the right edge
is rebuilt from what is stored and must lead to the checkpoint that was signed last, else nothing starts.
"""

import sqlite3
from asyncio import AbstractEventLoop
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from pathlib import Path

from gateway.crypto.digests import encode_base64url
from gateway.crypto.keys import SecretKey
from gateway.domain.errors import CapacityError, ConfigurationError, LedgerError
from gateway.domain.facts import Facts
from gateway.domain.receipt import Checkpoint
from gateway.domain.session import Evidence
from gateway.store.asked import weigh
from gateway.store.data_directory import claim
from gateway.store.frozen import freeze, refuse_frozen
from gateway.store.interface import AdmitMessage, Committed, MessageStatus, Owed, Pending, Work
from gateway.store.ledger import Ledger, begin, newest_first, resume
from gateway.store.limits import StoreLimits
from gateway.store.records import Recorder
from gateway.store.spool_file import SpoolFile
from gateway.store.sqlite.batch import Memory
from gateway.store.sqlite.commit import CHECKPOINT, Committer, Outcome
from gateway.store.sqlite.connection import open_for_reading, open_for_writing, read_number
from gateway.store.sqlite.digests import NewestDigests, complete
from gateway.store.sqlite.lookup import record_at
from gateway.store.sqlite.migrate import migrate
from gateway.store.sqlite.owed import owed
from gateway.store.sqlite.reads import Reads
from gateway.store.sqlite.tiles import READ_LEAVES, READ_TILE
from gateway.store.sqlite.writer import Writer

DATABASE = "ledger.db"
SPOOL = "spool"
MIGRATIONS = "gateway.store.sqlite.migrations"
# "ACRD": tells `file` and us whose database this is.
APPLICATION_ID = 0x41435244
RETRY_SPOOL_S = 10

LIVE_BODIES = "SELECT DISTINCT slot, ciphertext_bytes + wraps_bytes FROM delivery WHERE outcome IS NULL"
NEWEST = "SELECT size, note FROM checkpoint ORDER BY size DESC LIMIT 1"
IDENTITY = "SELECT name, value FROM identity"
NEW_IDENTITY = "INSERT INTO identity (name, value) VALUES (?, ?)"
# A name in `identity` that says that this ledger goes on in another engine.
MOVED = "moved"

Report = Callable[[Sequence[tuple[Work, Committed]]], None]


class SqliteStore:
    """A gateway's store on one machine; every method is for the event loop. Satisfies `store.interface.Store`."""

    def __init__(
        self,
        path: Path,
        *,
        network: str,
        origin: str,
        key: SecretKey,
        software: str,
        limits: StoreLimits,
        loop: AbstractEventLoop,
        failed: Callable[[LedgerError], None],
    ) -> None:
        """Open or make the store in directory `path`; `failed` is called at most once, when it has latched.

        Raises:
            ConfigurationError: the directory is in use, unfit, frozen, or holds another log.
            LedgerError: what is stored does not lead to the checkpoint that was signed last.
        """
        self._origin = origin
        self._limits = limits
        self._failed = failed
        self._report: Report | None = None
        with ExitStack() as undo:
            try:
                self._directory = claim(path)
                undo.callback(self._directory.close)
                refuse_frozen(path)
                connection, ledger, memory = _recover(path, undo, network, origin, key)
                self._reads = Reads(open_for_reading(path / DATABASE), path / SPOOL, memory.digests)
            except (sqlite3.Error, OSError) as error:
                raise LedgerError(f"the store in `{path}` cannot be opened ({error})") from error
            undo.pop_all()
        self._checkpoint = ledger.checkpoint
        self._spooled = self._reads.spooled()
        self._committer = Committer(connection, ledger, Recorder(network, origin, software), memory)
        self._writer: Writer[Work, Outcome] = Writer(
            connection,
            path / DATABASE,
            self._committer.apply,
            self._reported,
            self._latched,
            limits.writer,
            loop,
            beside=memory.spool,
            apply_on_loop=True,
            essential_bounded=True,
        )
        self._spool_file = memory.spool

    def put(self, work: Work) -> None:
        """Queue one item for the next commit.

        Raises:
            CapacityError: queue, spool, write-ahead log or disk watermark; nothing was taken.
            LedgerError: the store has latched a failure.
        """
        size_bytes, essential = weigh(work)
        if (
            self._spooled >= self._limits.spooled_deliveries_max
            and isinstance(work, AdmitMessage)
            and work.decision.permitted
        ):
            raise CapacityError("spooled deliveries", RETRY_SPOOL_S)
        self._writer.put(work, size_bytes, essential=essential)

    def put_all(self, works: Sequence[Work]) -> bool:
        """Queue items as `put` does; False, and none is taken, where they must be put one by one."""
        if self._spooled >= self._limits.spooled_deliveries_max:
            return False
        weights = [weigh(work) for work in works]
        sizes = [size_bytes for size_bytes, essential in weights if not essential]
        return len(sizes) == len(works) and self._writer.put_all(works, sizes)

    def on_committed(self, report: Report) -> None:
        """Have `report` called on the event loop, once a batch, in the order of `put`."""
        self._report = report

    def attend(self, authorities: frozenset[str]) -> None:
        """Do nothing: nobody else could deliver."""

    def on_wakeup(self, wake: Callable[[frozenset[str]], None]) -> None:
        """Do nothing: nobody else commits here, and what was committed was reported."""

    async def close(self) -> None:
        """Commit what is queued, then let the directory go.

        After a failure the files are left to the process that opens them next, and the lock to the end of this one.
        """
        await self._writer.close()
        self._reads.close()
        self._spool_file.close()
        if self._writer.sound:
            self._directory.close()

    @property
    def failure(self) -> LedgerError | None:
        """Why the store has stopped, if it has."""
        return self._writer.failure

    def away(self) -> CapacityError | None:
        """Return None: a disk does not come back by itself."""
        return None

    def busy(self) -> CapacityError | None:
        """Return why new messages would be turned away right now, if they would; for readiness."""
        return self._writer.busy()

    def queued(self) -> int:
        """Return how many items wait for their commit; for metrics."""
        return self._writer.queued()

    def commit_s(self) -> float:
        """Return the seconds that the newest reported commit took, with its sync; for metrics."""
        return self._writer.commit_s

    def log_bytes(self) -> int:
        """Return the size of the write-ahead log at its last check; for metrics."""
        return self._writer.log_bytes()

    def stored_bytes(self) -> int:
        """Return the size of the database file; for metrics."""
        return (self._directory.path / DATABASE).stat().st_size

    def owed(self) -> dict[int, Owed]:
        """Return what is owed, by urgency: a scan, for a thread of its own; for metrics."""
        return owed(self._directory.path / DATABASE)

    def freeze(self, reason: str, note: bytes) -> None:
        """Sign nothing any more, now and at every start, until an operator reconciles.

        `note` is the checkpoint that a peer holds and this ledger lacks. Nothing is reported after this call, and
        everything else raises `LedgerError`; the caller ends the process.
        """
        freeze(self._directory.path, reason, note)
        self._writer.abandon(LedgerError(f"the ledger is frozen: {reason}"))

    # Reads.

    def checkpoint(self) -> Checkpoint:
        """Return the newest checkpoint whose leaves are durable."""
        return self._checkpoint

    def root_at(self, size: int) -> bytes:
        """Return the root of the tree at an earlier size."""
        return self._read().root_at(size)

    def consistency(self, old_size: int, new_size: int) -> tuple[bytes, ...]:
        """Return the RFC 9162 consistency path between two sizes."""
        return self._read().consistency(old_size, new_size)

    def tile(self, level: int, number: int) -> bytes:
        """Return the hashes of a tile, as many as are committed; for mirrors (S-05)."""
        return self._read().tile(level, number)

    def scrub(self, number: int) -> bool:
        """Look at the 256 leaves of tile `number` again: a slice of some milliseconds for a background task.

        Return False where no complete tile is: begin again at 0.

        Raises:
            VerificationError: a leaf was changed; the text names it.
        """
        return self._read().scrub(number)

    def facts(self, sources: Sequence[str], consents: Sequence[str]) -> Facts:
        """Return what is known of cited objects, with the sources of sources, at most 64."""
        return self._read().facts(sources, consents)

    def pending(self, recipient: str, after: tuple[int, int] | None, limit: int) -> list[Pending]:
        """Return deliveries owed to `recipient`, ordered by (urgency, index), from beyond `after`."""
        return self._read().pending(recipient, after, limit)

    def pending_recipients(self) -> list[str]:
        """Return the authorities to whom something is owed."""
        return self._read().pending_recipients()

    def expired(self, at_ms: int, limit: int) -> list[Pending]:
        """Return deliveries whose message expired at or before `at_ms`."""
        return self._read().expired(at_ms, limit)

    def evidence(self, originator: str, after: int, limit: int) -> list[Evidence]:
        """Return what an originator has not heard yet, by its cursor."""
        return self._read().evidence(originator, after, limit)

    def status(self, authority: str, message_id: str) -> MessageStatus | None:
        """Return the timeline of one message, for its originator."""
        return self._read().status(authority, message_id)

    def receipt_by_header(self, authority: str, header_sha256: bytes) -> bytes | None:
        """Return the receipt of a message for its originator or one of its recipients; for others None."""
        return self._read().receipt_by_header(authority, header_sha256)

    def spooled(self) -> int:
        """Return how many deliveries are owed in all."""
        return self._spooled

    def _read(self) -> Reads:
        if self._writer.failure is not None:
            raise self._writer.failure
        return self._reads

    def _reported(self, works: Sequence[Work], outcome: Outcome) -> None:
        # After the commit, and only then, may anybody see the head that covers it.
        if outcome.checkpoint is not None:
            self._checkpoint = outcome.checkpoint
        self._spooled += outcome.owed_more
        if self._report is not None:
            self._report(list(zip(works, outcome.committed, strict=True)))

    def _latched(self, failure: LedgerError) -> None:
        self._failed(failure)


def _recover(
    path: Path, undo: ExitStack, network: str, origin: str, key: SecretKey
) -> tuple[sqlite3.Connection, Ledger, Memory]:
    """Return the writing connection, the ledger that it holds, checked, and what follows; begin where there is none."""
    connection = open_for_writing(path / DATABASE, APPLICATION_ID)
    undo.callback(connection.close)
    migrate(connection, MIGRATIONS)
    _check_identity(connection, network, origin, key)
    row = connection.execute(NEWEST).fetchone()
    if row is None:
        head = begin(origin, key)
        connection.execute(CHECKPOINT, (head.size, head.root, head.note))
        row = (head.size, head.note)
    size = read_number(connection, "SELECT max(leaf) + 1 FROM entry")
    newest = connection.execute(READ_LEAVES, (newest_first(size), size)).fetchall()

    def read_tile(level: int, number: int) -> bytes:
        tile = connection.execute(READ_TILE, (level, number)).fetchone()
        return tile[0] if tile is not None else b""

    ledger = resume(origin, key, row[1], size, read_tile, newest)
    spool = SpoolFile(path / SPOOL, connection.execute(LIVE_BODIES))
    undo.callback(spool.close)
    complete(connection)
    last_at_ms = record_at(connection, size - 1).at_ms if size else 0
    return connection, ledger, Memory(connection, spool, NewestDigests(), last_at_ms)


def mark_moved(database: Path) -> None:
    """Have the ledger in `database` never opened again by this engine; the caller holds the data directory."""
    with closing(open_for_writing(database, APPLICATION_ID)) as connection:
        connection.execute("INSERT OR REPLACE INTO identity (name, value) VALUES (?, 'postgres')", (MOVED,))


def _check_identity(connection: sqlite3.Connection, network: str, origin: str, key: SecretKey) -> None:
    expected = {"network": network, "origin": origin, "checkpoint-key": encode_base64url(key.public)}
    found = dict(connection.execute(IDENTITY).fetchall())
    if not found:
        # All at once: a crash between two of them would leave the log of nobody, which nothing could open.
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(NEW_IDENTITY, expected.items())
        connection.execute("COMMIT")
        return
    if MOVED in found:
        raise ConfigurationError(
            "the ledger in this data directory was moved to PostgreSQL and goes on there",
            'set `engine = "postgres"` in `[store]`; keep the directory to be read',
        )
    for name, value in expected.items():
        if found.get(name) != value:
            raise ConfigurationError(
                f"the data directory belongs to a log with {name} `{found.get(name)}`, not `{value}`",
                "restore the settings and keys of that log, or begin a new log in a new data directory",
            )
