"""Copy a whole store out of PostgreSQL at one moment, and into an empty one: table by table, in its binary form.

All ledgers are in it, and what they share. What comes back signs nothing until it is reconciled; it is verified inside
the transaction that brings it, so that an empty store stays empty where anything disagrees.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from gateway.crypto.digests import encode_base64url
from gateway.domain.errors import ConfigurationError, LedgerError
from gateway.store.backup import Head
from gateway.store.limits import PostgresSettings
from gateway.store.postgres.connecting import Connection, check_access, check_server, connect
from gateway.store.postgres.failing import ERRORS, AwayError, cause_of, passes
from gateway.store.postgres.migrate import APPLIED, check_current, migrate
from gateway.store.postgres.tables import TABLES, TURN
from gateway.store.postgres.verify import STATEMENT_S, verify_within
from gateway.store.verdict import Report

FOLDER = "postgres"
SHAPE = "shape.json"
# The stubs of asyncpg know no COPY: where a connection is `Any`, that is why.
T = TypeVar("T")

HEADS = (
    "SELECT l.origin, l.checkpoint_key, c.size, c.note FROM log AS l JOIN LATERAL (SELECT size, note FROM checkpoint"
    " WHERE log = l.number ORDER BY size DESC LIMIT 1) AS c ON true ORDER BY l.number"
)
COLUMNS = (
    "SELECT column_name FROM information_schema.columns WHERE table_schema = current_schema() AND table_name = $1"
    " ORDER BY ordinal_position"
)
UNREAD = "SELECT count(*) FROM log"
# A ledger that was frozen keeps its note; nobody holds a lease on what was restored.
CLOSE = (
    "UPDATE log SET frozen_reason = $1, frozen_note = coalesce(frozen_note, ''::bytea), token = token + 1,"
    " alive_until = now()"
)
RELEASE = "UPDATE delivery SET holder = NULL, leased_until = NULL WHERE outcome IS NULL"
# Whole tables are read and written here, at their own pace.
AT_LEISURE = "SET LOCAL enable_seqscan = on; SET LOCAL idle_in_transaction_session_timeout = 0"


class Shape(Struct, frozen=True, forbid_unknown_fields=True):
    """Which schema the tables are of, and their columns in the order of the files."""

    schema: int
    columns: dict[str, tuple[str, ...]]


def dump(access: PostgresSettings, password: str | None, folder: Path) -> tuple[Head, ...]:
    """Write every table into `folder`, as one moment saw them; return where every ledger stood. Gateways may run.

    Raises:
        LedgerError, CapacityError: the store cannot be read.
    """

    async def copy(connection: Any) -> tuple[Head, ...]:
        await check_current(connection)
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            await connection.execute(AT_LEISURE)
            heads = await connection.fetch(HEADS)
            columns = {}
            for table in TABLES:
                columns[table] = tuple(row[0] for row in await connection.fetch(COLUMNS, table))
                await connection.copy_from_table(
                    table, output=str(folder / f"{table}.copy"), format="binary", columns=columns[table]
                )
            shape = Shape(max(row[0] for row in await connection.fetch(APPLIED)), columns)
        (folder / SHAPE).write_bytes(msgspec.json.encode(shape))
        return tuple(Head(origin, encode_base64url(key), size, note.decode()) for origin, key, size, note in heads)

    if not access.dsn:
        raise ConfigurationError("`store.postgres.dsn` is empty", "name the database of the gateway")
    return _with_connection(access, password, copy)


def restore(
    access: PostgresSettings,
    password: str | None,
    folder: Path,
    *,
    network: str,
    keys: Mapping[str, bytes],
    reason: str,
    scratch: Path | None,
) -> list[Report]:
    """Bring the tables in `folder` into an empty schema, verify every ledger by its key, and close them all.

    Raises:
        ConfigurationError: the schema is not empty, or of another version than the backup.
        VerificationError: something disagrees; nothing was brought.
        LedgerError, CapacityError: it cannot be read or written.
    """
    shape = msgspec.json.decode((folder / SHAPE).read_bytes(), type=Shape)

    async def bring(connection: Any) -> list[Report]:
        await check_server(connection)
        if await migrate(connection, access.schema) != shape.schema:
            raise ConfigurationError(
                f"the backup has schema {shape.schema}, this program another one",
                "restore with the program that made the backup, then upgrade",
            )
        async with connection.transaction():
            await connection.execute(AT_LEISURE)
            if await connection.fetchval(UNREAD):
                raise ConfigurationError(
                    f"schema `{access.schema}` is not empty: it holds ledgers",
                    "name another schema or database in `store.postgres`",
                )
            for table in TABLES:
                await connection.copy_to_table(
                    table, source=str(folder / f"{table}.copy"), format="binary", columns=shape.columns[table]
                )
            await connection.execute(TURN)
            await connection.execute(RELEASE)
            await connection.execute(CLOSE, reason)
            return [
                await verify_within(connection, network=network, origin=origin, public=public, scratch=scratch)
                for origin, public in keys.items()
            ]

    return _with_connection(access, password, bring)


def _with_connection(
    access: PostgresSettings, password: str | None, ask: Callable[[Connection], Coroutine[Any, Any, T]]
) -> T:
    check_access(access)

    async def run() -> T:
        connection = await connect(access, password, "backup", STATEMENT_S)
        try:
            return await ask(connection)
        finally:
            connection.terminate()

    try:
        return asyncio.run(run())
    except ERRORS as error:
        if passes(error):
            raise AwayError(cause_of(error)) from error
        raise LedgerError(f"the store cannot be copied ({cause_of(error)})") from error
