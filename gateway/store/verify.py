"""Verify a ledger as a whole: every record, leaf, tile, checkpoint and signature, and every row that follows from them.

It works on a copy that it makes itself, so the directory may be a backup, read-only, or in use by a gateway.
Two findings are kept apart: what was changed (`VerificationError`) and what cannot be read (`LedgerError`, `OSError`).
"""

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from gateway.crypto.canonical import decode
from gateway.crypto.checkpoint import verify_checkpoint
from gateway.crypto.digests import encode_base64url
from gateway.crypto.merkle import HASH_BYTES, TILE_WIDTH, RightEdge, leaf_hash
from gateway.crypto.receipt import leaf_data
from gateway.domain.errors import ConfigurationError, FormatError, LedgerError, TrustError
from gateway.domain.receipt import Checkpoint, Record
from gateway.store.data_directory import is_held
from gateway.store.ledger import SALT_BYTES
from gateway.store.sqlite.bodies import check_bodies
from gateway.store.sqlite.connection import open_for_reading
from gateway.store.sqlite.engine import DATABASE, MIGRATIONS, SPOOL
from gateway.store.sqlite.migrate import check_current, migrate
from gateway.store.sqlite.replay import Replay
from gateway.store.sqlite.tiles import READ_TILE
from gateway.store.verdict import Report, VerificationError

# One line of text, size, root, nothing, one signature: a receipt must have the bytes it had at first.
NOTE_LINES = 5

# What of each table follows from the ledger, and which column names the leaf. Attempts and slots do not.
COMPARED = (
    ("message", "originator, id, leaf", 2),
    ("digest", "epoch, prefix, leaf", 2),
    ("delivery", "leaf, recipient, position, urgency, expires_at_ms, ciphertext_bytes, outcome, ended_leaf", 0),
    ("later", "leaf, recipient, status, said_leaf", 3),
    ("aside", "against, sha256, leaf", 2),
    ("statement", "authority, sha256, leaf", 2),
    ("consent", "sha256, provider, leaf, uses", 2),
    ("revocation", "consent_sha256, provider, leaf", 2),
    ("effect", "sha256, kind, originator, leaf", 3),
    ("acknowledgement", "recipient, sha256, leaf", 2),
    ("edition", "leaf", 0),
    ("evidence", "originator, sequence, leaf, recipient, outcome, said_leaf, position", 5),
)
# What reading a damaged row may raise besides our own errors: a column of another type, a value out of range.
DAMAGE = (FormatError, TrustError, ValueError, TypeError, AttributeError, LookupError, OverflowError)


def verify_ledger(path: Path, *, network: str, origin: str, public: bytes, scratch: Path | None = None) -> Report:
    """Return what the data directory at `path` proves.

    Args:
        path: a data directory or a copy of one.
        network, origin, public: whose ledger it must be; never taken from the directory itself.
        scratch: where the copy is made; it needs as much room again.

    Raises:
        VerificationError: something was changed; the text names the leaf.
        LedgerError, OSError: it cannot be read.
    """
    if not (path / DATABASE).exists():
        raise LedgerError(f"`{path}` holds no ledger")
    with tempfile.TemporaryDirectory(prefix="accord-verify-", dir=scratch) as folder:
        copy = Path(folder)
        try:
            _copy(path, copy)
            with closing(sqlite3.connect(copy / DATABASE, isolation_level=None)) as connection:
                return _Verification(connection, copy, network, origin, public).run(path)
        except (sqlite3.Error, UnicodeDecodeError, ConfigurationError) as error:
            # What SQLite or Python cannot even turn into a row says nothing of who did it.
            raise LedgerError(f"the ledger in `{path}` cannot be read ({error})") from error


def _copy(path: Path, copy: Path) -> None:
    """Copy database and log; of a directory in use, what is committed at this moment."""
    if is_held(path):
        with closing(open_for_reading(path / DATABASE)) as live, closing(sqlite3.connect(copy / DATABASE)) as target:
            live.backup(target)
        return
    for name in (DATABASE, DATABASE + "-wal"):
        if (path / name).exists():
            shutil.copyfile(path / name, copy / name)


class _Verification:
    """One run over one copy."""

    def __init__(self, connection: sqlite3.Connection, copy: Path, network: str, origin: str, public: bytes) -> None:
        self._connection = connection
        self._copy = copy
        self._network = network
        self._origin = origin
        self._public = public
        self._at_ms = 0

    def run(self, path: Path) -> Report:
        connection = self._connection
        damage = [row[0] for row in connection.execute("PRAGMA integrity_check(3)")]
        if damage != ["ok"]:
            raise LedgerError(f"the database is damaged ({'; '.join(map(str, damage))})")
        check_current(connection, MIGRATIONS)
        self._check_identity()
        derived_path = self._copy / "derived.db"
        with closing(sqlite3.connect(derived_path, isolation_level=None)) as derived:
            derived.execute("PRAGMA journal_mode=OFF")
            derived.execute("PRAGMA synchronous=OFF")
            migrate(derived, MIGRATIONS)
            derived.execute("BEGIN")
            replay = Replay(derived, self._header)
            newest, checkpoints = self._walk(replay)
            derived.execute("COMMIT")
        self._compare(derived_path)
        owed = check_bodies(connection, path / SPOOL, lambda leaf, recipient: _still_owed(path, leaf, recipient))
        return Report(entries=newest.size, checkpoints=checkpoints, owed=owed, checkpoint=newest)

    def _check_identity(self) -> None:
        expected = {"network": self._network, "origin": self._origin, "checkpoint-key": encode_base64url(self._public)}
        found = dict(self._connection.execute("SELECT name, value FROM identity"))
        if found != expected:
            raise VerificationError(f"the ledger is not the one of `{self._origin}` under this key")

    def _header(self, leaf: int) -> bytes:
        return bytes(self._connection.execute("SELECT object FROM entry WHERE leaf = ?", (leaf,)).fetchone()[0])

    def _walk(self, replay: Replay) -> tuple[Checkpoint, int]:
        """Build the tree again from entries, and stop at every checkpoint to compare."""
        edge = RightEdge()
        newest: Checkpoint | None = None
        count = tiles = 0
        for size, root, note in self._connection.execute("SELECT size, root, note FROM checkpoint ORDER BY size"):
            with _names(f"checkpoint {size}"):
                checkpoint = self._checkpoint(size, root, note)
            first = edge.size
            leaves = [self._leaf(replay, *row) for row in self._entries(first, size)]
            tiles += sum(self._tile(*tile) for tile in edge.append(leaves))
            if (edge.size, edge.root()) != (size, root):
                raise VerificationError(self._suspect(first, size, leaves))
            newest, count = checkpoint, count + 1
        if newest is None or self._count("entry") != newest.size:
            raise VerificationError("the newest checkpoint does not cover the ledger to its end")
        if self._count("tile") != tiles:
            raise VerificationError("there are tiles that the tree does not have")
        return newest, count

    def _checkpoint(self, size: int, root: bytes, note: bytes) -> Checkpoint:
        checkpoint = verify_checkpoint(note, self._origin, self._public)
        if (checkpoint.size, checkpoint.root) != (size, root) or note.count(b"\n") != NOTE_LINES:
            raise VerificationError("its note says something else")
        return checkpoint

    def _entries(self, first: int, end: int) -> Iterator[tuple[int, bytes, bytes, bytes | None, bytes | None]]:
        expected = first
        query = "SELECT leaf, salt, record, object, signatures FROM entry WHERE leaf >= ? AND leaf < ? ORDER BY leaf"
        for row in self._connection.execute(query, (first, end)):
            if row[0] != expected:
                raise VerificationError(f"leaf {expected} is missing")
            expected += 1
            yield row
        if expected != end:
            raise VerificationError(f"leaf {expected} is missing")

    def _leaf(
        self, replay: Replay, leaf: int, salt: bytes, raw: bytes, object_: bytes | None, signatures: bytes | None
    ) -> bytes:
        with _names(f"leaf {leaf}"):
            record = decode(raw, Record)
            if (record.network, record.origin) != (self._network, self._origin) or len(salt) != SALT_BYTES:
                raise VerificationError("it is not a record of this ledger")
            if record.at_ms < self._at_ms:
                raise VerificationError("its time is before that of the leaf before it")
            self._at_ms = record.at_ms
            replay.take(leaf, record, object_, signatures)
            return leaf_hash(leaf_data(salt, raw))

    def _tile(self, level: int, number: int, hashes: bytes) -> int:
        row = self._connection.execute(READ_TILE, (level, number)).fetchone()
        if row is None or row[0] != hashes:
            changed = _first_difference(b"" if row is None else row[0], hashes)
            raise VerificationError(
                f"leaf {number * TILE_WIDTH + changed}: it is not the one in its tile"
                if level == 0
                else f"tile {number} of level {level} is not the one that the tree has"
            )
        return 1

    def _suspect(self, first: int, size: int, leaves: list[bytes]) -> str:
        """Name the leaf that does not lead to a checkpoint, as closely as what is stored allows."""
        for leaf, computed in enumerate(leaves, first):
            row = self._connection.execute(READ_TILE, (0, leaf // TILE_WIDTH)).fetchone()
            start = leaf % TILE_WIDTH * HASH_BYTES
            if row is not None and row[0][start : start + HASH_BYTES] != computed:
                return f"leaf {leaf}: it is not the one that was signed"
        which = f"leaf {first}" if size - first <= 1 else f"one of leaf {first} to leaf {size - 1}"
        return f"{which}: not what checkpoint {size} was signed for"

    def _count(self, table: str) -> int:
        return int(self._connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608  our tables

    def _compare(self, derived: Path) -> None:
        self._connection.execute("ATTACH ? AS derived", (str(derived),))
        for table, columns, named in COMPARED:
            for left, right in (("main", "derived"), ("derived", "main")):
                row = self._connection.execute(
                    f"SELECT {columns} FROM {left}.{table} EXCEPT SELECT {columns} FROM {right}.{table} LIMIT 1"  # noqa: S608  our tables
                ).fetchone()
                if row is not None:
                    raise VerificationError(f"leaf {row[named]}: table `{table}` does not follow from the ledger")


@contextmanager
def _names(subject: str) -> Iterator[None]:
    """Let whatever damage does to our readers come out as one error that names `subject`."""
    try:
        yield
    except DAMAGE as error:
        raise VerificationError(f"{subject}: {error}") from error


def _first_difference(stored: bytes, computed: bytes) -> int:
    for offset in range(0, len(computed), HASH_BYTES):
        if stored[offset : offset + HASH_BYTES] != computed[offset : offset + HASH_BYTES]:
            return offset // HASH_BYTES
    return 0


def _still_owed(path: Path, leaf: int, recipient: str) -> bool:
    """Ask the directory itself: in one that is in use, a delivery may have ended since the copy was made."""
    if not is_held(path):
        return True
    with closing(open_for_reading(path / DATABASE)) as live:
        query = "SELECT 1 FROM delivery WHERE leaf = ? AND recipient = ? AND outcome IS NULL"
        return live.execute(query, (leaf, recipient)).fetchone() is not None
