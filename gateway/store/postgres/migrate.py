"""Bring the shared schema to the newest version: numbered files, forward only, each with its checksum.

Gateways may start at once: the first one migrates, the others wait for it. A gateway that knows less than the database
does not start; one that knows more upgrades it, and older ones that still run notice nothing until they restart.
"""

import asyncpg

from gateway.domain.errors import ConfigurationError
from gateway.store.postgres.connecting import Connection
from gateway.store.sqlite.migrate import digest, steps

MIGRATIONS = "gateway.store.postgres.migrations"
# "ACRD": whoever migrates holds this lock until its transaction ends.
LOCK = 0x41435244
JOURNAL = (
    "CREATE TABLE IF NOT EXISTS schema_version"
    " (number integer PRIMARY KEY, name text NOT NULL, sha256 text NOT NULL, applied_at timestamptz DEFAULT now())"
)
APPLIED = "SELECT number, name, sha256 FROM schema_version ORDER BY number"
NOTE = "INSERT INTO schema_version (number, name, sha256) VALUES ($1, $2, $3)"


async def migrate(connection: Connection, schema: str, package: str = MIGRATIONS) -> int:
    """Apply what is missing, all of it in one transaction; return the number of the newest step.

    Raises:
        ConfigurationError: the database is newer than this program, a step that was applied differs, or we may not.
    """
    try:
        async with connection.transaction():
            await connection.execute("SET LOCAL lock_timeout = '60s'")
            await connection.execute("SET LOCAL statement_timeout = '600s'")
            await connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK)
            if await connection.fetchval("SELECT to_regnamespace($1) IS NULL", schema):
                await connection.execute(f'CREATE SCHEMA "{schema}"')
            await connection.execute(JOURNAL)
            return await _apply(connection, package)
    except asyncpg.InsufficientPrivilegeError as error:
        raise ConfigurationError(
            f"PostgreSQL does not let us make our tables: {str(error).lower()}",
            f"make schema `{schema}` and give it to this user (CREATE SCHEMA … AUTHORIZATION …)",
        ) from None


async def check_current(connection: Connection, package: str = MIGRATIONS) -> None:
    """Return if the database has exactly the schema of `package`, without changing it.

    Raises:
        ConfigurationError: it has another, or none.
    """
    if await connection.fetchval("SELECT to_regclass('schema_version') IS NULL"):
        raise ConfigurationError("the database holds no store", "name the schema of a running deployment")
    applied = [tuple(row) for row in await connection.fetch(APPLIED)]
    known = [(number, name, digest(sql)) for number, name, sql in steps(package)]
    if applied != known:
        raise ConfigurationError("the database has another schema than this program", "use the program that wrote it")


async def _apply(connection: Connection, package: str) -> int:
    applied = {row[0]: (row[1], row[2]) for row in await connection.fetch(APPLIED)}
    known = steps(package)
    newest = max(number for number, _, _ in known)
    if applied and max(applied) > newest:
        raise ConfigurationError(
            f"the database has schema {max(applied)}, this program knows {newest}", "run the newer program"
        )
    for number, name, sql in known:
        sha256 = digest(sql)
        if number not in applied:
            await connection.execute(sql)
            await connection.execute(NOTE, number, name, sha256)
        elif applied[number] != (name, sha256):
            raise ConfigurationError(
                f"schema step `{name}` is not the one that was applied", "install the released program again"
            )
    return newest
