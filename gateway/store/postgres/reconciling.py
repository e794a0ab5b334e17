"""Let a frozen or restored ledger in PostgreSQL be continued, once it contains every checkpoint that peers hold."""

import asyncio
from collections.abc import Sequence

from gateway.crypto.checkpoint import verify_checkpoint
from gateway.domain.errors import ConfigurationError, LedgerError
from gateway.domain.receipt import Checkpoint
from gateway.store.limits import PostgresSettings
from gateway.store.offline import choose_notes, lacking
from gateway.store.postgres.connecting import Connection, check_access, connect
from gateway.store.postgres.failing import ERRORS, AwayError, cause_of, passes
from gateway.store.postgres.migrate import check_current
from gateway.store.postgres.reads import Reads

STATEMENT_S = 60.0
MARK = "SELECT number, frozen_reason, frozen_note, alive_until > now() FROM log WHERE origin = $1 FOR UPDATE"
NEWEST = "SELECT note FROM checkpoint WHERE log = $1 ORDER BY size DESC LIMIT 1"
KEEP = "UPDATE log SET frozen_reason = $2, frozen_note = $3 WHERE number = $1"
RELEASE = "UPDATE log SET frozen_reason = NULL, frozen_note = NULL WHERE number = $1"


def reconcile_shared(
    access: PostgresSettings, password: str | None, *, origin: str, public: bytes, seen: Sequence[bytes]
) -> Checkpoint:
    """Release the ledger of `origin` if it contains what it was frozen for and all of `seen`; return the largest.

    Raises:
        ConfigurationError: it is not frozen, in use, lacks a checkpoint, or none was given; the remedy says what to do.
        TrustError: a note is not signed by `public`.
        LedgerError, CapacityError: it cannot be read.
    """
    check_access(access)
    try:
        return asyncio.run(_reconcile(access, password, origin, public, seen))
    except ERRORS as error:
        if passes(error):
            raise AwayError(cause_of(error)) from error
        raise LedgerError(f"the ledger of `{origin}` cannot be read ({cause_of(error)})") from error


async def _reconcile(
    access: PostgresSettings, password: str | None, origin: str, public: bytes, seen: Sequence[bytes]
) -> Checkpoint:
    connection = await connect(access, password, "reconcile", STATEMENT_S)
    try:
        await check_current(connection)
        async with connection.transaction():
            row = await connection.fetchrow(MARK, origin)
            if row is None:
                raise LedgerError(f"the database holds no ledger of `{origin}`")
            number, reason, note, in_use = row
            if in_use:
                raise ConfigurationError(f"the ledger of `{origin}` is in use by a gateway", "stop that gateway")
            if reason is None:
                raise ConfigurationError(f"the ledger of `{origin}` is not frozen", "start the gateway")
            held = [verify_checkpoint(each, origin, public) for each in choose_notes(bytes(note or b""), seen)]
            missing = await _first_missing(connection, number, origin, public, held)
            if missing is None:
                await connection.execute(RELEASE, number)
            else:
                await connection.execute(
                    KEEP, number, "a peer holds a signed checkpoint that this ledger does not contain", missing.note
                )
        if missing is not None:
            head = verify_checkpoint(await connection.fetchval(NEWEST, number), origin, public)
            raise lacking(missing, head)
        return max(held, key=lambda checkpoint: checkpoint.size)
    finally:
        connection.terminate()


async def _first_missing(
    connection: Connection, number: int, origin: str, public: bytes, held: Sequence[Checkpoint]
) -> Checkpoint | None:
    head = verify_checkpoint(await connection.fetchval(NEWEST, number), origin, public)
    reads = Reads(number)
    for seen in held:
        contained = seen.size <= head.size and (
            not seen.size or await reads.root_at(connection, seen.size) == seen.root
        )
        if not contained:
            return seen
    return None
