"""Copy what the database holds at one moment into SQLite files, so that the verification there is reads both engines.

Each ledger gets a file with its entries, tiles and checkpoints; one more file holds what all ledgers together lead to,
in the tables of the embedded engine, with entries named by one number (`places`).
"""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from msgspec import Struct

from gateway.store.postgres.connecting import Connection
from gateway.store.postgres.places import LEAF_BITS
from gateway.store.sqlite.engine import MIGRATIONS
from gateway.store.sqlite.migrate import migrate

PAGE_ROWS = 1_000

# Target statement and source query of a ledger's own tables; the query's one parameter is the number of the ledger.
OWN = (
    (
        "INSERT INTO entry (leaf, salt, record, object, signatures) VALUES (?, ?, ?, ?, ?)",
        "SELECT leaf, salt, record, object, signatures FROM entry WHERE log = $1 ORDER BY leaf",
    ),
    (
        "INSERT INTO tile (level, number, hashes) VALUES (?, ?, ?)",
        "SELECT level, number, hashes FROM tile WHERE log = $1",
    ),
    (
        "INSERT INTO checkpoint (size, root, note) VALUES (?, ?, ?)",
        "SELECT size, root, note FROM checkpoint WHERE log = $1",
    ),
)
_AT = f"(log::bigint << {LEAF_BITS}) | leaf"
_SAID = f"(said_log::bigint << {LEAF_BITS}) | said_leaf"
# Table, columns in SQLite, the same in PostgreSQL.
Table = tuple[str, str, str]
ENTRIES: Table = ("entry", "leaf, salt, record, object, signatures", f"{_AT}, salt, record, object, signatures")
# `digest` holds nothing that `message` does not.
TOGETHER = (
    ("message", "originator, id, leaf", f"originator, id, {_AT}"),
    (
        "delivery",
        "leaf, recipient, position, urgency, expires_at_ms, attempts, slot, ciphertext_bytes, wraps_bytes, outcome,"
        " ended_leaf",
        f"{_AT}, recipient, position, urgency, expires_at_ms, 0, 0, 0, 0, outcome,"
        f" (ended_log::bigint << {LEAF_BITS}) | ended_leaf",
    ),
    ("later", "leaf, recipient, status, said_leaf", f"{_AT}, recipient, status, {_SAID}"),
    ("aside", "against, sha256, leaf", f"against, sha256, {_AT}"),
    ("statement", "authority, sha256, leaf", f"authority, sha256, {_AT}"),
    ("consent", "sha256, provider, leaf, uses", f"sha256, provider, {_AT}, uses"),
    ("revocation", "consent_sha256, provider, leaf", f"consent_sha256, provider, {_AT}"),
    ("effect", "sha256, kind, originator, leaf", f"sha256, kind, originator, {_AT}"),
    ("acknowledgement", "recipient, sha256, leaf", f"recipient, sha256, {_AT}"),
    ("edition", "leaf", _AT),
    (
        "evidence",
        "originator, sequence, leaf, recipient, outcome, said_leaf, position",
        f"originator, sequence, {_AT}, recipient, outcome, {_SAID}, position",
    ),
)


class Log(Struct, frozen=True):
    """A ledger of the database: its number, its name, the key that it says it is signed with, and its file."""

    number: int
    origin: str
    public: bytes
    path: Path


async def export_logs(connection: Connection, folder: Path) -> list[Log]:
    """Write every ledger into a file in `folder`; call it inside a transaction that sees one moment."""
    logs = []
    for number, origin, public in await connection.fetch(
        "SELECT number, origin, checkpoint_key FROM log ORDER BY number"
    ):
        log = Log(number, origin, public, folder / f"log-{number}.db")
        with closing(_new(log.path)) as target:
            for statement, query in OWN:
                await _copy(connection, target, statement, query, number)
            target.execute("COMMIT")
        logs.append(log)
    return logs


async def export_everything(connection: Connection, path: Path) -> None:
    """Write the entries of all ledgers and what they lead to into the file at `path`, as if they were one ledger's."""
    await export_together(connection, path, (ENTRIES, *TOGETHER))


async def export_together(connection: Connection, path: Path, tables: Sequence[Table] = TOGETHER) -> None:
    """Write what all ledgers together lead to into the file at `path`; inside the same transaction."""
    with closing(_new(path)) as target:
        for table, columns, query in tables:
            marks = ", ".join("?" * (columns.count(",") + 1))
            await _copy(
                connection,
                target,
                f"INSERT INTO {table} ({columns}) VALUES ({marks})",  # noqa: S608  our tables
                f"SELECT {query} FROM {table}",  # noqa: S608  our tables
            )
        target.execute("COMMIT")


def _new(path: Path) -> sqlite3.Connection:
    target = sqlite3.connect(path, isolation_level=None)
    target.execute("PRAGMA journal_mode=OFF")
    target.execute("PRAGMA synchronous=OFF")
    migrate(target, MIGRATIONS)
    target.execute("BEGIN")
    return target


async def _copy(
    connection: Connection, target: sqlite3.Connection, statement: str, query: str, *values: object
) -> None:
    rows: list[tuple[object, ...]] = []
    async for row in connection.cursor(query, *values, prefetch=PAGE_ROWS):
        rows.append(tuple(row))
        if len(rows) == PAGE_ROWS:
            target.executemany(statement, rows)
            rows.clear()
    target.executemany(statement, rows)
