"""One ledger, one process: register it, hold it, and find out after a lost connection what has become of it.

Two locks for two purposes. An advisory lock of the writer's session says whether somebody lives who writes this
ledger; it goes with the session, however that ends. The `token` in the ledger's row is what makes it safe: every batch
compares it, so a process that was replaced while it slept cannot write, whatever it believes.
"""

import asyncio

from msgspec import Struct

from gateway.crypto.canonical import decode
from gateway.crypto.digests import encode_base64url
from gateway.crypto.keys import SecretKey
from gateway.crypto.merkle import TILE_WIDTH
from gateway.domain.errors import ConfigurationError, LedgerError
from gateway.domain.receipt import Record
from gateway.store.ledger import Ledger, begin, newest_first, resume
from gateway.store.postgres.batch import Memory
from gateway.store.postgres.connecting import Connection
from gateway.store.postgres.proofs import LEAVES, TILES

# A process that was killed a moment ago still seems to hold its ledger: its server session notices soon.
TAKE_S = 4.0
LOOK_AGAIN_S = 0.2

LOCK_LOGS = "LOCK TABLE log IN SHARE ROW EXCLUSIVE MODE"
NETWORK = (
    "INSERT INTO identity (name, value) VALUES ('network', $1)"
    " ON CONFLICT (name) DO UPDATE SET value = identity.value RETURNING value"
)
FIND = (
    "SELECT number, origin, checkpoint_key, frozen_reason, frozen_note FROM log"
    " WHERE origin = $1 OR checkpoint_key = $2"
)
NEW_LOG = (
    "INSERT INTO log (number, origin, checkpoint_key, size, root, batch, token, answer, alive_until)"
    " SELECT coalesce(max(number) + 1, 0), $1, $2, 0, $3, 0, 0, '{}', now() FROM log RETURNING number"
)
NEW_CHECKPOINT = "INSERT INTO checkpoint (log, size, root, note, turn) VALUES ($1, $2, $3, $4, nextval('turn'))"
HOLD = "SELECT pg_try_advisory_lock(hashtext(current_schema()), $1)"
HOLDER = (
    "SELECT coalesce(a.application_name, '') || ' at ' || coalesce(host(a.client_addr), 'a local socket')"
    " FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid)"
    " WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2 AND l.objid = $1::integer::oid"
    " AND l.classid::bigint = hashtext(current_schema())::bigint & 4294967295"
)
END_OLD = (
    "SELECT pg_terminate_backend(l.pid) FROM pg_locks AS l WHERE l.pid = $2"
    " AND l.locktype = 'advisory' AND l.granted AND l.objsubid = 2 AND l.objid = $1::integer::oid"
    " AND l.classid::bigint = hashtext(current_schema())::bigint & 4294967295"
)
OPEN = (
    "UPDATE log SET token = token + 1, alive_until = clock_timestamp() + make_interval(secs => $2)"
    " WHERE number = $1 RETURNING token, batch, size"
)
REOPEN = (
    "UPDATE log SET token = token + 1, alive_until = clock_timestamp() + make_interval(secs => $3)"
    " WHERE number = $1 AND token = $2 RETURNING token"
)
NEWEST = "SELECT note FROM checkpoint WHERE log = $1 ORDER BY size DESC LIMIT 1"
ENTRIES = "SELECT coalesce(max(leaf) + 1, 0) FROM entry WHERE log = $1"
RECORD = "SELECT record FROM entry WHERE log = $1 AND leaf = $2"
LAST_EDITION = "SELECT max(leaf) FROM edition WHERE log = $1"


class Held(Struct):
    """A ledger that this process writes."""

    number: int
    token: int
    batch: int


async def register(connection: Connection, network: str, origin: str, key: SecretKey) -> int:
    """Return the number of the ledger, entered as a new one where the database does not know it.

    Raises:
        ConfigurationError: the database is of another federation; name and key belong to two ledgers; it is frozen.
    """
    async with connection.transaction():
        await connection.execute(LOCK_LOGS)
        found = await connection.fetchval(NETWORK, network)
        if found != network:
            raise ConfigurationError(
                f"the database belongs to network `{found}`, not `{network}`", "name another database or schema"
            )
        rows = await connection.fetch(FIND, origin, key.public)
        if not rows:
            head = begin(origin, key)
            number = int(await connection.fetchval(NEW_LOG, origin, key.public, head.root))
            await connection.execute(NEW_CHECKPOINT, number, head.size, head.root, head.note)
            return number
    for _, name, public, frozen, note in rows:
        if name != origin:
            raise ConfigurationError(
                f"the checkpoint-key of `{origin}` is that of ledger `{name}`: one key signs one ledger",
                "give this gateway an origin and a checkpoint key of its own, and list both in the directory",
            )
        if public != key.public:
            raise ConfigurationError(
                f"the database holds ledger `{origin}` with checkpoint-key `{encode_base64url(public)}`, not"
                f" `{encode_base64url(key.public)}`",
                "restore the settings and keys of that ledger, or give this gateway an origin of its own",
            )
        if frozen is not None:
            raise ConfigurationError(
                f"the ledger `{origin}` is frozen: {frozen}",
                "restore a newer copy of the database, then run `accord ledger reconcile`"
                if note
                else "have every endpoint run `accord endpoint seen`, then `accord ledger reconcile --seen FILE ...`",
            )
    return int(rows[0][0])


async def hold(connection: Connection, number: int, origin: str, alive_s: float) -> Held:
    """Take the ledger for this process.

    Raises:
        ConfigurationError: another process writes it.
    """
    if not await _lock(connection, number, TAKE_S):
        who = await connection.fetchval(HOLDER, number)
        raise ConfigurationError(
            f"ledger `{origin}` is in use by another gateway ({who or 'unknown'})",
            "stop that gateway, or give this one an origin and a checkpoint key of its own",
        )
    token, batch, _ = await connection.fetchrow(OPEN, number, alive_s)
    return Held(number=number, token=token, batch=batch)


async def hold_again(connection: Connection, held: Held, old_pid: int, alive_s: float) -> None:
    """Take the ledger back over a new connection; what was under way on the old one is decided after this.

    Raises:
        LedgerError: another process has opened the ledger meanwhile.
        TimeoutError: the old session still has it; try again.
    """
    if not await _lock(connection, held.number, LOOK_AGAIN_S):
        await connection.execute(END_OLD, held.number, old_pid)
        if not await _lock(connection, held.number, TAKE_S / 2):
            if await connection.fetchval("SELECT token FROM log WHERE number = $1", held.number) != held.token:
                raise LedgerError("another process has opened this ledger: two gateways must not share origin and key")
            raise TimeoutError
    # Waits until a batch that the old session was committing is there or is not.
    token = await connection.fetchval(REOPEN, held.number, held.token, alive_s)
    if token is None:
        raise LedgerError("another process has opened this ledger: two gateways must not share origin and key")
    held.token = token


async def recover(connection: Connection, number: int, origin: str, key: SecretKey) -> tuple[Ledger, Memory]:
    """Return the ledger that the database holds, checked against what was signed last, and what follows from it.

    Raises:
        LedgerError: what is stored does not lead to that checkpoint.
    """
    note = await connection.fetchval(NEWEST, number)
    size = int(await connection.fetchval(ENTRIES, number))
    head_size = await connection.fetchval("SELECT size FROM log WHERE number = $1", number)
    if note is None or head_size != size:
        raise LedgerError(f"the ledger `{origin}` has {size} entries, and its head says {head_size}")
    newest = await connection.fetch(LEAVES, number, newest_first(size), size)
    tiles: dict[tuple[int, int], bytes] = {}
    complete, level = size // TILE_WIDTH, 0
    while complete:
        first = complete - complete % TILE_WIDTH
        rows = await connection.fetch(TILES, number, level, first, complete)
        tiles.update({(level, first + offset): bytes(row[0]) for offset, row in enumerate(rows)})
        complete, level = complete // TILE_WIDTH, level + 1
    lines = [(bytes(salt), bytes(record)) for salt, record in newest]
    ledger = resume(origin, key, note, size, lambda at, index: tiles.get((at, index), b""), lines)
    last_at_ms = (await _record(connection, number, size - 1)).at_ms if size else 0
    return ledger, Memory(number, last_at_ms, await _edition(connection, number))


async def _edition(connection: Connection, number: int) -> tuple[int, tuple[int, str, str], int] | None:
    leaf = await connection.fetchval(LAST_EDITION, number)
    if leaf is None:
        return None
    record = await _record(connection, number, leaf)
    return leaf, (record.edition.number, record.object_sha256, record.law_sha256), record.at_ms


async def _record(connection: Connection, number: int, leaf: int) -> Record:
    return decode(bytes(await connection.fetchval(RECORD, number, leaf)), Record)


async def _lock(connection: Connection, number: int, within_s: float) -> bool:
    deadline = asyncio.get_running_loop().time() + within_s
    while not await connection.fetchval(HOLD, number):
        if asyncio.get_running_loop().time() >= deadline:
            return False
        await asyncio.sleep(LOOK_AGAIN_S)
    return True
