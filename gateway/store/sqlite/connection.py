"""Open SQLite so that a commit that returned survives the loss of power.

There is exactly one connection that writes, in the writer thread, which also copies the log back; readers
open read-only. That keeps us outside the conditions of SQLite's WAL-reset defect (3.7.0 to 3.51.2).
"""

import sqlite3
from pathlib import Path

from gateway.domain.errors import ConfigurationError, LedgerError
from gateway.store.data_directory import make_private_file

# STRICT tables came with 3.37, JSON functions in every build with 3.38.
VERSION_MIN = (3, 38, 0)
# An entry with its header fills a quarter of a page; half the size would waste as much as it holds.
PAGE_BYTES = 8192
CACHE_KIB = 32 * 1024
BUSY_MS = 5_000
JOURNAL_BYTES = 64 * 1024 * 1024
STATEMENTS = 256

# Name, value to set, value to read back. Order matters: `journal_mode` comes before what depends on it.
WRITER_PRAGMAS: tuple[tuple[str, str, object], ...] = (
    ("page_size", str(PAGE_BYTES), None),
    ("journal_mode", "WAL", "wal"),
    ("synchronous", "FULL", 2),
    ("wal_autocheckpoint", "0", 0),
    ("journal_size_limit", str(JOURNAL_BYTES), JOURNAL_BYTES),
    ("busy_timeout", str(BUSY_MS), BUSY_MS),
    ("foreign_keys", "ON", 1),
    ("trusted_schema", "OFF", 0),
    ("cell_size_check", "ON", 1),
    ("mmap_size", "0", 0),
    ("secure_delete", "ON", 1),
    ("cache_size", str(-CACHE_KIB), -CACHE_KIB),
    ("temp_store", "MEMORY", 2),
)
READER_PRAGMAS: tuple[tuple[str, str, object], ...] = (
    ("query_only", "ON", 1),
    ("busy_timeout", str(BUSY_MS), BUSY_MS),
    ("trusted_schema", "OFF", 0),
    ("cell_size_check", "ON", 1),
    ("mmap_size", "0", 0),
    ("cache_size", str(-CACHE_KIB), -CACHE_KIB),
)


def open_for_writing(path: Path, application_id: int) -> sqlite3.Connection:
    """Return the one connection that writes to `path`, which is made with mode 0600 where it is missing.

    Transactions are begun by hand. The caller holds the data directory (`claim`).

    Raises:
        ConfigurationError: SQLite is too old, or the file belongs to another program.
        LedgerError: a setting that durability rests on does not hold.
    """
    if sqlite3.sqlite_version_info < VERSION_MIN:
        raise ConfigurationError(f"SQLite {sqlite3.sqlite_version} is too old", "install 3.38 or newer")
    make_private_file(path)
    connection = _connect(f"{path.resolve().as_uri()}?mode=rw")
    _set(connection, WRITER_PRAGMAS)
    found = read_number(connection, "PRAGMA application_id")
    if found not in (0, application_id):
        connection.close()
        raise ConfigurationError(f"`{path}` is a database of another program", "name another data directory")
    if found == 0:
        connection.execute(f"PRAGMA application_id={application_id}")
    return connection


def open_for_reading(path: Path) -> sqlite3.Connection:
    """Return a connection to `path` that cannot write. Read everything at once; keep no transaction open."""
    connection = _connect(f"{path.resolve().as_uri()}?mode=ro")
    _set(connection, READER_PRAGMAS)
    return connection


def read_number(connection: sqlite3.Connection, query: str, values: tuple[object, ...] = ()) -> int:
    """Return the one integer that `query` gives; 0 for NULL or no row."""
    row = connection.execute(query, values).fetchone()
    return int(row[0]) if row is not None and row[0] is not None else 0


def library() -> str:
    """Return the SQLite version in use, and whether it has the WAL-reset defect that our design stays clear of."""
    version = sqlite3.sqlite_version_info
    mended = version >= (3, 51, 3) or (3, 50, 7) <= version < (3, 51) or (3, 44, 6) <= version < (3, 45)
    return sqlite3.sqlite_version + ("" if mended else " (WAL-reset defect: never write to a live file from outside)")


def _connect(uri: str) -> sqlite3.Connection:
    # The writer's connection is opened, migrated and checked on one thread, then handed to its own.
    return sqlite3.connect(
        uri,
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=STATEMENTS,
        timeout=BUSY_MS / 1_000,
    )


def _set(connection: sqlite3.Connection, pragmas: tuple[tuple[str, str, object], ...]) -> None:
    for name, value, expected in pragmas:
        connection.execute(f"PRAGMA {name}={value}")
        found = connection.execute(f"PRAGMA {name}").fetchone()[0]
        if expected is not None and found != expected:
            connection.close()
            raise LedgerError(f"SQLite keeps `{name}` at `{found}` instead of `{value}`")
