"""Move an embedded deployment into PostgreSQL: all of it in one transaction, or nothing.

Entries, tiles and checkpoints are copied byte for byte, so every receipt stays what it was; what is kept beside them is
worked out from the copied entries; then the whole is verified as any ledger is, before it is committed. The embedded
database is marked before the commit and opens no more, because two engines that sign one ledger could never be
reconciled. Whatever interrupts the move, the next run finds either an empty target or a finished one.
"""

import asyncio
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

from msgspec import Struct

from gateway.crypto.digests import encode_base64url
from gateway.domain.errors import ConfigurationError, LedgerError
from gateway.store.data_directory import claim
from gateway.store.frozen import refuse_frozen
from gateway.store.limits import PostgresSettings
from gateway.store.postgres.connecting import Connection, check_access, check_server, connect
from gateway.store.postgres.failing import ERRORS, AwayError, cause_of, passes
from gateway.store.postgres.migrate import migrate
from gateway.store.postgres.tables import TURN
from gateway.store.postgres.verify import STATEMENT_S, verify_within
from gateway.store.spool_file import read_body
from gateway.store.sqlite.connection import open_for_reading
from gateway.store.sqlite.engine import DATABASE, IDENTITY, MIGRATIONS, MOVED, SPOOL, mark_moved
from gateway.store.sqlite.migrate import check_current
from gateway.store.verdict import Report
from gateway.store.verify import verify_ledger

PAGE_ROWS = 2_000

# Table, columns, query in SQLite: copied as they are, with the number of the ledger before them.
AS_THEY_ARE = (
    ("entry", "leaf, salt, record, object, signatures", "SELECT * FROM entry ORDER BY leaf"),
    ("tile", "level, number, hashes", "SELECT * FROM tile"),
    ("consent", "sha256, provider, leaf, uses", "SELECT * FROM consent"),
    ("revocation", "consent_sha256, provider, leaf", "SELECT * FROM revocation"),
    ("effect", "sha256, kind, originator, leaf", "SELECT * FROM effect"),
    ("edition", "leaf", "SELECT * FROM edition"),
)
# Table, its columns, types and query for a temporary copy; then how its rows follow from that and from the entries.
_FROM = (
    "FROM moving AS m JOIN entry AS e ON e.log = 0 AND e.leaf = m.leaf"
    " CROSS JOIN LATERAL (SELECT convert_from(e.record, 'UTF8')::jsonb AS record) AS r"
)
_AT_MS = "(r.record ->> 'at_ms')::bigint"
_PERMITTED = "r.record ->> 'outcome' = 'permitted'"
WORKED_OUT = (
    (
        "message",
        ("originator text", "id bytea", "leaf bigint"),
        "SELECT originator, id, leaf FROM message",
        f"m.originator, m.id, 0, m.leaf, sha256(e.object), {_PERMITTED}, {_AT_MS}",
        "originator, id, log, leaf, header_sha256, permitted, at_ms",
    ),
    (
        "delivery",
        (
            *("leaf bigint", "recipient text", "position smallint", "urgency smallint", "expires_at_ms bigint"),
            *("attempts integer", "outcome text", "ended_leaf bigint"),
        ),
        "SELECT leaf, recipient, position, urgency, expires_at_ms, attempts, outcome, ended_leaf FROM delivery",
        f"0, m.leaf, m.recipient, m.position, m.urgency, {_AT_MS}, m.expires_at_ms, m.attempts, 0, m.outcome,"
        " CASE WHEN m.outcome IS NOT NULL THEN 0 END, m.ended_leaf",
        "log, leaf, recipient, position, urgency, at_ms, expires_at_ms, attempts, lease, outcome, ended_log,"
        " ended_leaf",
    ),
    (
        "aside",
        ("against text", "sha256 bytea", "leaf bigint"),
        "SELECT against, sha256, leaf FROM aside",
        f"m.against, m.sha256, 0, m.leaf, {_AT_MS}",
        "against, sha256, log, leaf, at_ms",
    ),
    (
        "statement",
        ("authority text", "sha256 bytea", "leaf bigint"),
        "SELECT authority, sha256, leaf FROM statement",
        f"m.authority, m.sha256, 0, m.leaf, {_PERMITTED}, {_AT_MS}",
        "authority, sha256, log, leaf, permitted, at_ms",
    ),
    (
        "acknowledgement",
        ("recipient text", "sha256 bytea", "leaf bigint"),
        "SELECT recipient, sha256, leaf FROM acknowledgement",
        f"m.recipient, m.sha256, 0, m.leaf, {_AT_MS}",
        "recipient, sha256, log, leaf, at_ms",
    ),
)
BODIES = "SELECT DISTINCT leaf, slot, ciphertext_bytes, wraps_bytes FROM delivery WHERE outcome IS NULL ORDER BY leaf"
CHECKPOINTS = "SELECT 0, size, root, note, row_number() OVER (ORDER BY size) FROM checkpoint ORDER BY size"
LATERS = "SELECT 0, leaf, recipient, status, 0, said_leaf FROM later"
EVIDENCE = "SELECT originator, sequence, 0, leaf, recipient, outcome, 0, said_leaf, position FROM evidence"
HEAD = "SELECT size, root FROM checkpoint ORDER BY size DESC LIMIT 1"
COUNTED = ("entry", "checkpoint", "message", "delivery", "body", "evidence")


class Moved(Struct, frozen=True):
    """What was moved: rows by table, and what the database proves now. `already`: an earlier run had done it."""

    rows: dict[str, int]
    report: Report
    already: bool


def move(
    path: Path, access: PostgresSettings, password: str | None, *, network: str, origin: str, public: bytes
) -> Moved:
    """Move the deployment in the data directory `path`, whose gateway has stopped, into the empty store at `access`.

    Raises:
        ConfigurationError: the directory is in use, or of another log; the target is not empty, or not fit.
        VerificationError: something was changed, here or on the way; nothing was moved.
        LedgerError, CapacityError: one of the two cannot be read or written; run it again.
    """
    check_access(access)
    directory = claim(path)
    try:
        refuse_frozen(path)
        source_report = verify_ledger(path, network=network, origin=origin, public=public)
        with closing(open_for_reading(path / DATABASE)) as source:
            check_current(source, MIGRATIONS)
            return asyncio.run(_move(path, source, access, password, (network, origin, public), source_report))
    except sqlite3.Error as error:
        raise LedgerError(f"the ledger in `{path}` cannot be read ({error})") from error
    finally:
        directory.close()


async def _move(
    path: Path,
    source: sqlite3.Connection,
    access: PostgresSettings,
    password: str | None,
    whose: tuple[str, str, bytes],
    expected: Report,
) -> Moved:
    network, origin, public = whose
    try:
        connection = await connect(access, password, f"migrate {origin}", STATEMENT_S)
        try:
            await check_server(connection)
            await migrate(connection, access.schema)
            async with connection.transaction():
                await connection.execute("LOCK TABLE log IN SHARE ROW EXCLUSIVE MODE")
                already = await _is_there(connection, origin, expected)
                if not already:
                    await _copy_all(connection, source, path / SPOOL, whose)
                report = await verify_within(connection, network=network, origin=origin, public=public)
                _agree(report, expected)
                rows = {name: int(await connection.fetchval(f"SELECT count(*) FROM {name}")) for name in COUNTED}  # noqa: S608  our tables
                # From here on the embedded engine does not go on, whatever becomes of the commit.
                mark_moved(path / DATABASE)
        finally:
            connection.terminate()
    except ERRORS as error:
        if passes(error):
            raise AwayError(cause_of(error)) from error
        raise LedgerError(f"PostgreSQL does not take the ledger ({cause_of(error)})") from error
    return Moved(rows, report, already)


async def _is_there(connection: Connection, origin: str, expected: Report) -> bool:
    """Tell whether an earlier run has moved exactly this ledger, and nothing has happened to it since."""
    logs = await connection.fetch("SELECT origin, size, root FROM log")
    if not logs:
        return False
    if [tuple(log) for log in logs] == [(origin, expected.checkpoint.size, expected.checkpoint.root)]:
        return True
    names = ", ".join(f"`{log[0]}` with {log[1]} entries" for log in logs)
    raise ConfigurationError(
        f"the target is not empty: it holds the ledger of {names}",
        "name an empty schema in `store.postgres.schema`, or drop this one if nobody has used it",
    )


def _agree(report: Report, expected: Report) -> None:
    if (report.entries, report.owed, report.checkpoint) != (expected.entries, expected.owed, expected.checkpoint):
        raise LedgerError(
            f"the copy has {report.entries} entries and {report.owed} owed deliveries,"
            f" the directory {expected.entries} and {expected.owed}"
        )


async def _copy_all(
    connection: Connection, source: sqlite3.Connection, spool: Path, whose: tuple[str, str, bytes]
) -> None:
    network, origin, public = whose
    found = dict(source.execute(IDENTITY).fetchall())
    found.pop(MOVED, None)
    if found != {"network": network, "origin": origin, "checkpoint-key": encode_base64url(public)}:
        raise ConfigurationError(
            f"the data directory belongs to the log of `{found.get('origin')}` under another key or network",
            "name the settings of that gateway, changed in `[store]` only",
        )
    for table, columns, query in AS_THEY_ARE:
        await _copy(connection, table, f"log, {columns}", ((0, *row) for row in source.execute(query)))
    await _copy(connection, "checkpoint", "log, size, root, note, turn", source.execute(CHECKPOINTS))
    await connection.fetchval(TURN)
    for table, typed, query, values, targets in WORKED_OUT:
        await connection.execute(f"CREATE TEMPORARY TABLE moving ({', '.join(typed)}) ON COMMIT DROP")
        names = ", ".join(column.split()[0] for column in typed)
        await _copy(connection, "moving", names, source.execute(query))
        await connection.execute(f"INSERT INTO {table} ({targets}) SELECT {values} {_FROM}")
        await connection.execute("DROP TABLE moving")
    await _copy(connection, "body", "log, leaf, ciphertext, wraps", _bodies(source, spool))
    await _copy(connection, "later", "log, leaf, recipient, status, said_log, said_leaf", source.execute(LATERS))
    columns = "originator, sequence, log, leaf, recipient, outcome, said_log, said_leaf, position"
    await _copy(connection, "evidence", columns, source.execute(EVIDENCE))
    await connection.execute(
        "INSERT INTO originator (name, sequence) SELECT originator, max(sequence) FROM evidence GROUP BY originator"
    )
    size, root = source.execute(HEAD).fetchone()
    await connection.execute("INSERT INTO identity (name, value) VALUES ('network', $1)", network)
    await connection.execute(
        "INSERT INTO log (number, origin, checkpoint_key, size, root, batch, token, answer, alive_until)"
        " VALUES (0, $1, $2, $3, $4, 0, 0, '{}', now())",
        origin,
        public,
        size,
        root,
    )
    # Plans made before the copy would take the tables for empty.
    await connection.execute("ANALYZE")


def _bodies(source: sqlite3.Connection, spool: Path) -> Iterator[tuple[int, int, bytes, bytes]]:
    file = os.open(spool, os.O_RDONLY | os.O_CLOEXEC)
    try:
        for leaf, slot, *lengths in source.execute(BODIES):
            body, wraps = read_body(file, slot, lengths)
            yield 0, leaf, body, wraps
    finally:
        os.close(file)


async def _copy(connection: Connection, table: str, columns: str, rows: "Iterator[tuple[Any, ...]]") -> None:
    names = [name.strip() for name in columns.split(",")]
    rows = iter(rows)
    while page := list(islice(rows, PAGE_ROWS)):
        await connection.copy_records_to_table(table, records=page, columns=names)
