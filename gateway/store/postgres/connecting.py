"""Open a connection that may be trusted with a receipt: what the server is, and what it must be set to.

Every setting here is one that silently turns "committed" into "perhaps" (reliability.md 4.4), so a start with a
wrong one ends with its name and the remedy.
"""

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit

import asyncpg

from gateway.domain.errors import ConfigurationError
from gateway.store.limits import PostgresSettings
from gateway.store.postgres.failing import cause_of

# Generated columns and `jsonb` would do with less; 14 brought `client_connection_check_interval`, 15 is what is tested.
VERSION_MIN = 150_000

# Name, value that it must have, what to do. Read from the server, whatever the file says.
REQUIRED = (
    ("server_encoding", "UTF8", "make the database with `createdb --encoding=UTF8 --template=template0`"),
    ("fsync", "on", "set `fsync = on` in postgresql.conf and restart the server"),
    ("full_page_writes", "on", "set `full_page_writes = on` in postgresql.conf and reload the server"),
    ("data_sync_retry", "off", "set `data_sync_retry = off` in postgresql.conf and restart the server"),
    ("default_transaction_isolation", "read committed", "connect without a pooler that drops settings"),
    ("idle_in_transaction_session_timeout", "10s", "connect without a pooler that drops settings"),
)
DURABLE = ("on", "remote_apply")
# Wrong here, nothing helps but another line in the settings: bad password, user, database, host name.
CONFIGURED = ("28", "3D")


class Connection(Protocol):
    """What we use of an asyncpg connection, which ships no types."""

    async def execute(self, query: str, *values: object) -> str:
        """Run statements and return the status of the last one."""
        ...

    async def fetch(self, query: str, *values: object) -> list[Any]:
        """Return all rows."""
        ...

    async def fetchrow(self, query: str, *values: object) -> Any:
        """Return the first row, None where there is none."""
        ...

    async def fetchval(self, query: str, *values: object) -> Any:
        """Return the first column of the first row, None where there is none."""
        ...

    def transaction(self, *, isolation: str | None = None, readonly: bool = False) -> AbstractAsyncContextManager[Any]:
        """Begin a transaction; leaving it commits, an error rolls back."""
        ...

    async def copy_records_to_table(self, table: str, *, records: Iterable[Any], columns: Iterable[str]) -> str:
        """Write many rows at once."""
        ...

    def cursor(self, query: str, *values: object, prefetch: int | None = None) -> AsyncIterator[Any]:
        """Yield rows as they come, inside a transaction."""
        ...

    async def add_listener(self, channel: str, heard: Callable[[object, int, str, object], None]) -> None:
        """Have `heard` called for each notification."""
        ...

    def get_server_pid(self) -> int:
        """Return the process that serves this connection."""
        ...

    def is_closed(self) -> bool:
        """Tell whether it was closed or lost."""
        ...

    async def close(self) -> None:
        """End it in order."""
        ...

    def terminate(self) -> None:
        """End it at once."""
        ...


def check_access(access: PostgresSettings) -> None:
    """Return if the DSN can be used and holds no password.

    Raises:
        ConfigurationError: it cannot.
    """
    try:
        parts = urlsplit(access.dsn)
        told = parts.password is not None or "password" in parse_qs(parts.query)
    except ValueError as error:
        raise ConfigurationError(f"`store.postgres.dsn` is no address: {error}", "see `config/gateway.toml`") from None
    if parts.scheme not in ("postgresql", "postgres"):
        raise ConfigurationError(
            "`store.postgres.dsn` is no address of PostgreSQL", 'write it as "postgresql://accord@host/accord"'
        )
    if told:
        raise ConfigurationError(
            "`store.postgres.dsn` holds a password, and settings are read by many",
            "put it into a file of mode 0600 and name that in `store.postgres.password_file`",
        )


async def connect(access: PostgresSettings, password: str | None, name: str, statement_s: float) -> Connection:
    """Return a connection on which no statement takes longer than `statement_s`.

    Raises:
        ConfigurationError: user, password or database is wrong.
        OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError: the server is away.
    """
    try:
        connection: Connection = await asyncpg.connect(
            access.dsn,
            password=password,
            timeout=access.connect_s,
            target_session_attrs="primary" if _several(access.dsn) else None,
            server_settings={
                "application_name": f"accord {name}"[:63],
                "search_path": access.schema,
                "timezone": "UTC",
                "default_transaction_isolation": "read committed",
                "statement_timeout": str(int(statement_s * 1_000)),
                "lock_timeout": "2000",
                "idle_in_transaction_session_timeout": "10000",
                "client_connection_check_interval": "2000",
                "tcp_keepalives_idle": "5",
                "tcp_keepalives_interval": "2",
                "tcp_keepalives_count": "3",
                "tcp_user_timeout": "10000",
                # Every statement of ours goes by an index, in its order, also where a table was empty when PostgreSQL
                # looked last; only verification reads whole tables, and says so.
                "jit": "off",
                "enable_seqscan": "off",
                "enable_bitmapscan": "off",
                "enable_sort": "off",
                "enable_hashjoin": "off",
                "enable_mergejoin": "off",
            },
        )
        return connection
    except asyncpg.PostgresError as error:
        if str(error.sqlstate or "")[:2] in CONFIGURED:
            raise ConfigurationError(
                f"PostgreSQL turns us away: {cause_of(error)}",
                "check `store.postgres.dsn` and `store.postgres.password_file`, and pg_hba.conf of the server",
            ) from None
        raise
    except (ValueError, asyncpg.ClientConfigurationError) as error:
        raise ConfigurationError(
            f"`store.postgres.dsn` cannot be used: {cause_of(error)}", 'write it as "postgresql://accord@host/accord"'
        ) from None


async def check_server(connection: Connection) -> None:
    """Return if what this server commits is on disk.

    Raises:
        ConfigurationError: it is too old, a standby, read-only, or a setting weakens it; the text names the setting.
    """
    refuse_version(int(await connection.fetchval("SHOW server_version_num")))
    if await connection.fetchval("SELECT pg_is_in_recovery()"):
        raise ConfigurationError(
            "the PostgreSQL server is a standby and only reads",
            "name the primary, or all of them: postgresql://accord@one,two/accord",
        )
    if await connection.fetchval("SHOW transaction_read_only") != "off":
        raise ConfigurationError(
            "PostgreSQL is read-only for us (`default_transaction_read_only` is `on`)",
            "set it off for this user and database",
        )
    for name, expected, remedy in REQUIRED:
        found = await connection.fetchval("SELECT current_setting($1)", name)
        if found != expected:
            raise ConfigurationError(f"PostgreSQL has `{name}` at `{found}`, not `{expected}`", remedy)
    durable = await connection.fetchval("SHOW synchronous_commit")
    if durable not in DURABLE:
        raise ConfigurationError(
            f"PostgreSQL has `synchronous_commit` at `{durable}`, not `on`",
            "set `synchronous_commit = on` in postgresql.conf, and for this role and database",
        )


def refuse_version(number: int) -> None:
    """Return if a server with this `server_version_num` will do.

    Raises:
        ConfigurationError: it is too old.
    """
    if number < VERSION_MIN:
        raise ConfigurationError(
            f"PostgreSQL {number // 10_000} is too old, at least {VERSION_MIN // 10_000} is needed",
            "upgrade the server (pg_upgrade), or name another one",
        )


def _several(dsn: str) -> bool:
    return "," in urlsplit(dsn).netloc
