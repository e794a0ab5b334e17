"""Verify a ledger as a whole: every record, leaf, tile, checkpoint and signature, and every row that follows from them.

It works on a copy that it makes itself, so the directory may be a backup, read-only, or in use by a gateway.
Two findings are kept apart: what was changed (`VerificationError`) and what cannot be read (`LedgerError`, `OSError`).
"""

import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from gateway.crypto.digests import encode_base64url
from gateway.domain.errors import ConfigurationError, LedgerError
from gateway.store.data_directory import is_held
from gateway.store.sqlite.bodies import check_bodies
from gateway.store.sqlite.connection import open_for_reading
from gateway.store.sqlite.digests import complete
from gateway.store.sqlite.engine import DATABASE, MIGRATIONS, MOVED, SPOOL
from gateway.store.sqlite.migrate import check_current, migrate
from gateway.store.sqlite.replay import Replay
from gateway.store.verdict import Report, VerificationError
from gateway.store.walking import Walk

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
    with scratch_folder(scratch) as copy:
        try:
            _copy(path, copy)
            with closing(sqlite3.connect(copy / DATABASE, isolation_level=None)) as connection:
                return _Verification(connection, copy, network, origin, public).run(path)
        except (sqlite3.Error, UnicodeDecodeError, ConfigurationError) as error:
            # What SQLite or Python cannot even turn into a row says nothing of who did it.
            raise LedgerError(f"the ledger in `{path}` cannot be read ({error})") from error


@contextmanager
def scratch_folder(scratch: Path | None) -> Iterator[Path]:
    """Give a folder for a copy, below `scratch` if it is named; it is gone afterwards.

    Raises:
        LedgerError: it cannot be made there.
    """
    try:
        made = tempfile.TemporaryDirectory(prefix="accord-verify-", dir=scratch)
    except OSError as error:
        where = scratch or tempfile.gettempdir()
        raise LedgerError(f"no copy can be made in `{where}` ({(error.strerror or str(error)).lower()})") from error
    with made as folder:
        yield Path(folder)


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
            walk = Walk(connection, self._network, self._origin, self._public, replay.take)
            newest, checkpoints = walk.run()
            derived.execute("COMMIT")
        complete(connection)
        compare(connection, derived_path)
        owed = check_bodies(connection, path / SPOOL, lambda leaf, recipient: _still_owed(path, leaf, recipient))
        return Report(entries=newest.size, checkpoints=checkpoints, owed=owed, checkpoint=newest)

    def _check_identity(self) -> None:
        expected = {"network": self._network, "origin": self._origin, "checkpoint-key": encode_base64url(self._public)}
        found = dict(self._connection.execute("SELECT name, value FROM identity"))
        found.pop(MOVED, None)
        if found != expected:
            raise VerificationError(f"the ledger is not the one of `{self._origin}` under this key")

    def _header(self, leaf: int) -> bytes:
        return bytes(self._connection.execute("SELECT object FROM entry WHERE leaf = ?", (leaf,)).fetchone()[0])


def compare(
    connection: sqlite3.Connection,
    derived: Path,
    tables: Sequence[tuple[str, str, int]] = COMPARED,
    spell: Callable[[int], str] = str,
) -> None:
    """Return if `tables` hold exactly what the database at `derived` holds.

    Raises:
        VerificationError: they do not; the text names the leaf, as `spell` spells it.
    """
    connection.execute("ATTACH ? AS derived", (str(derived),))
    for table, columns, named in tables:
        for left, right in (("main", "derived"), ("derived", "main")):
            row = connection.execute(
                f"SELECT {columns} FROM {left}.{table} EXCEPT SELECT {columns} FROM {right}.{table} LIMIT 1"  # noqa: S608  our tables
            ).fetchone()
            if row is not None:
                raise VerificationError(f"leaf {spell(row[named])}: table `{table}` does not follow from the ledger")


def _still_owed(path: Path, leaf: int, recipient: str) -> bool:
    """Ask the directory itself: in one that is in use, a delivery may have ended since the copy was made."""
    if not is_held(path):
        return True
    with closing(open_for_reading(path / DATABASE)) as live:
        query = "SELECT 1 FROM delivery WHERE leaf = ? AND recipient = ? AND outcome IS NULL"
        return live.execute(query, (leaf, recipient)).fetchone() is not None
