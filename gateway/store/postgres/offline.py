"""Ledgers in PostgreSQL without their gateways: newest checkpoint, proof of an entry, register. Gateways may run."""

import asyncio
import sqlite3
import tempfile
from collections.abc import Callable, Coroutine, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from gateway.crypto.checkpoint import verify_checkpoint
from gateway.domain.errors import FormatError, LedgerError
from gateway.domain.receipt import Checkpoint
from gateway.store.limits import PostgresSettings
from gateway.store.postgres.connecting import Connection, check_access, check_server, connect
from gateway.store.postgres.exporting import export_everything
from gateway.store.postgres.failing import ERRORS, AwayError, cause_of, passes
from gateway.store.postgres.migrate import check_current
from gateway.store.postgres.places import place_of
from gateway.store.postgres.proofs import Proofs
from gateway.store.register import Line, lines
from gateway.store.verdict import VerificationError
from gateway.store.walking import names

T = TypeVar("T")

STATEMENT_S = 600.0

NUMBER = "SELECT number FROM log WHERE origin = $1"
NEWEST = "SELECT note FROM checkpoint WHERE log = $1 ORDER BY size DESC LIMIT 1"
LINE = "SELECT salt, record FROM entry WHERE log = $1 AND leaf = $2"


def inspect(access: PostgresSettings, password: str | None, origin: str) -> str:
    """Return in one line what server this is and whether it knows the ledger of `origin`.

    Raises:
        ConfigurationError: it is not fit to hold a ledger, or holds another schema; the text names what to mend.
        LedgerError, CapacityError: it cannot be asked.
    """

    async def ask(connection: Connection) -> str:
        await check_server(connection)
        version = await connection.fetchval("SHOW server_version")
        if await connection.fetchval("SELECT to_regclass('schema_version') IS NULL"):
            return f"PostgreSQL {version}; schema `{access.schema}` will be made"
        await check_current(connection)
        size = await connection.fetchval("SELECT size FROM log WHERE origin = $1", origin)
        ours = "no ledger of ours yet" if size is None else f"our ledger has {size} entries"
        return f"PostgreSQL {version}, schema `{access.schema}`, {ours}"

    return _asked(access, password, ask, current=False)


def newest_checkpoint(access: PostgresSettings, password: str | None, *, origin: str, public: bytes) -> Checkpoint:
    """Return the newest checkpoint of a ledger.

    Raises:
        VerificationError: `public` did not sign it for `origin`.
        LedgerError, CapacityError: it cannot be read.
    """

    async def ask(connection: Connection) -> Checkpoint:
        return (await _newest(connection, origin, public))[1]

    return _asked(access, password, ask)


def prove(
    access: PostgresSettings, password: str | None, leaf: int, *, origin: str, public: bytes, newest: bool = False
) -> bytes:
    """Return the receipt of an entry: as it was handed out, or under the newest checkpoint.

    Raises:
        FormatError: the ledger has no such entry.
        VerificationError: nor has it what proves the entry; or as `newest_checkpoint`.
        LedgerError, CapacityError: as `newest_checkpoint`.
    """

    async def ask(connection: Connection) -> bytes:
        number, head = await _newest(connection, origin, public)
        if not 0 <= leaf < head.size:
            raise FormatError(f"the ledger has leaves 0 to {head.size - 1}, not {leaf}")
        proofs = Proofs()
        with names(f"leaf {leaf}"):
            line = await connection.fetchrow(LINE, number, leaf)
            if line is None:
                raise VerificationError("it is missing")
            try:
                if not newest:
                    return (await proofs.receipts(connection, [(number, leaf)]))[number, leaf]
                salt, record = line
                return await proofs.receipt(connection, (number, leaf), salt, record, head.size, head.note)
            except LedgerError as error:
                # The database was read, and rows that its newest checkpoint covers are not in it.
                raise VerificationError(str(error)) from error

    return _asked(access, password, ask)


def export_register(access: PostgresSettings, password: str | None, confidential: bool = False) -> Iterator[Line]:
    """Yield the register of all gateways, message by message; an entry is named in its own ledger.

    Raises:
        LedgerError, CapacityError: it cannot be read.
    """
    with tempfile.TemporaryDirectory(prefix="accord-register-") as folder:
        path = Path(folder) / "all.db"

        async def ask(connection: Connection) -> None:
            await export_everything(connection, path)

        _asked(access, password, ask)
        with closing(sqlite3.connect(path)) as connection:
            for line in lines(connection, confidential):
                yield msgspec.structs.replace(line, leaf=place_of(line.leaf)[1])


async def _newest(connection: Connection, origin: str, public: bytes) -> tuple[int, Checkpoint]:
    number = await connection.fetchval(NUMBER, origin)
    note = None if number is None else await connection.fetchval(NEWEST, number)
    if note is None:
        raise LedgerError(f"the database holds no ledger of `{origin}`")
    with names("the newest checkpoint"):
        return number, verify_checkpoint(note, origin, public)


def _asked(
    access: PostgresSettings,
    password: str | None,
    ask: Callable[[Connection], Coroutine[Any, Any, T]],
    *,
    current: bool = True,
) -> T:
    check_access(access)
    return asyncio.run(_ask(access, password, ask, current))


async def _ask(
    access: PostgresSettings,
    password: str | None,
    ask: Callable[[Connection], Coroutine[Any, Any, T]],
    current: bool,
) -> T:
    try:
        connection = await connect(access, password, "offline", STATEMENT_S)
        try:
            if not current:
                return await ask(connection)
            await check_current(connection)
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                return await ask(connection)
        finally:
            connection.terminate()
    except ERRORS as error:
        if passes(error):
            raise AwayError(cause_of(error)) from error
        raise LedgerError(f"the ledger cannot be read ({cause_of(error)})") from error
