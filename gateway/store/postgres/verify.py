"""Verify a ledger that lies in PostgreSQL: as the embedded engine's is, plus what only several ledgers can say.

The ledger that is asked about must be signed by the key that is given. What the rows of the database must be follows
from all ledgers together, in the order of their turns; the others are walked under the keys that the database names,
so whoever doubts one of them verifies that one by its own key. Nothing is written; gateways may be running.
"""

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import msgspec

from gateway.crypto.canonical import decode
from gateway.crypto.digests import encode_base64url, sha256
from gateway.domain.errors import LedgerError
from gateway.domain.message import Header, Wrap
from gateway.domain.receipt import Record
from gateway.store.limits import PostgresSettings
from gateway.store.postgres.connecting import Connection, check_access, connect
from gateway.store.postgres.exporting import Log, export_logs, export_together
from gateway.store.postgres.failing import ERRORS, AwayError, cause_of, passes
from gateway.store.postgres.migrate import check_current
from gateway.store.postgres.places import index_of, place_of
from gateway.store.sqlite.engine import MIGRATIONS
from gateway.store.sqlite.migrate import migrate
from gateway.store.sqlite.replay import Replay
from gateway.store.verdict import Report, VerificationError
from gateway.store.verify import COMPARED, compare, scratch_folder
from gateway.store.walking import Walk, names

STATEMENT_S = 3_600.0

# Of a body that is gone nobody can say any more how long it was; `digest` says nothing that `message` does not.
TABLES = tuple(
    (table, columns.replace(" ciphertext_bytes,", ""), named) for table, columns, named in COMPARED if table != "digest"
)
_RECORD = "CROSS JOIN LATERAL (SELECT convert_from(e.record, 'UTF8')::jsonb AS record) AS r"
# What is kept beside an identity so that nobody has to look into entries: it must be what the entry says.
BESIDE = {
    "message": "x.header_sha256 = sha256(e.object) AND x.permitted = (r.record ->> 'outcome' = 'permitted')",
    "statement": "x.permitted = (r.record ->> 'outcome' = 'permitted')",
    "aside": "true",
    "acknowledgement": "true",
    "delivery": "true",
}
WRONG_SEQUENCE = (
    "SELECT o.name FROM originator AS o FULL JOIN (SELECT originator, max(sequence) AS last, count(*) AS many"
    " FROM evidence GROUP BY originator) AS v ON v.originator = o.name"
    " WHERE o.sequence IS DISTINCT FROM v.last OR v.last IS DISTINCT FROM v.many LIMIT 1"
)
WRONG_BODY = (
    "SELECT d.log, d.leaf FROM"
    " (SELECT log, leaf, bool_or(outcome IS NULL) AS owed FROM delivery GROUP BY log, leaf) AS d"
    " FULL JOIN body AS b USING (log, leaf) WHERE d.owed IS DISTINCT FROM (b.log IS NOT NULL) LIMIT 1"
)
OWED = (
    "SELECT d.log, d.leaf, d.recipient, d.position, b.ciphertext, b.wraps, e.object FROM delivery AS d"
    " JOIN body AS b USING (log, leaf) JOIN entry AS e USING (log, leaf) WHERE d.outcome IS NULL"
)
TURNS = "SELECT log, size FROM checkpoint ORDER BY turn"

_WRAPS = msgspec.msgpack.Decoder(list[Wrap])


def verify_shared(
    access: PostgresSettings,
    password: str | None,
    *,
    network: str,
    origin: str,
    public: bytes,
    scratch: Path | None = None,
) -> Report:
    """Return what the database proves of the ledger of `origin`.

    Args:
        network, origin, public: whose ledger it must be; never taken from the database itself.
        scratch: where the copy is made; it needs as much room as the entries.

    Raises:
        VerificationError: something was changed; the text names the leaf.
        LedgerError, CapacityError: it cannot be read.
        ConfigurationError: the address is wrong, or the database holds another schema.
    """
    check_access(access)
    return asyncio.run(_verify(access, password, network, origin, public, scratch))


async def _verify(
    access: PostgresSettings, password: str | None, network: str, origin: str, public: bytes, scratch: Path | None
) -> Report:
    try:
        connection = await connect(access, password, f"verify {origin}", STATEMENT_S)
        try:
            await check_current(connection)
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                return await verify_within(connection, network=network, origin=origin, public=public, scratch=scratch)
        finally:
            connection.terminate()
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise LedgerError(f"the ledger of `{origin}` cannot be read ({error})") from error
    except ERRORS as error:
        if passes(error):
            raise AwayError(cause_of(error)) from error
        raise LedgerError(f"the ledger of `{origin}` cannot be read ({cause_of(error)})") from error


async def verify_within(
    connection: Connection, *, network: str, origin: str, public: bytes, scratch: Path | None = None
) -> Report:
    """Return what the database proves, as the transaction sees it that `connection` is in.

    Raises:
        VerificationError: something was changed; the text names the leaf.
        LedgerError: it holds no such ledger.
    """
    # Whole tables are read here, once: an index would only be in the way.
    await connection.execute("SET LOCAL enable_seqscan = on; SET LOCAL enable_hashjoin = on")
    await connection.execute("SET LOCAL enable_sort = on; SET LOCAL enable_bitmapscan = on")
    await connection.execute("SET LOCAL enable_mergejoin = on; SET LOCAL idle_in_transaction_session_timeout = 0")
    found = await connection.fetchval("SELECT value FROM identity WHERE name = 'network'")
    if found != network:
        raise VerificationError(f"the database is of network `{found}`, not `{network}`")
    with scratch_folder(scratch) as folder:
        logs = await export_logs(connection, folder)
        ours = next((log for log in logs if log.origin == origin), None)
        if ours is None:
            raise LedgerError(f"the database holds no ledger of `{origin}`")
        if ours.public != public:
            raise VerificationError(f"the database names another key for the ledger of `{origin}` than the one given")
        turns = [(log, size) for log, size in await connection.fetch(TURNS)]
        verification = _Verification(logs, network)
        report = verification.run(folder, turns, ours)
        await export_together(connection, folder / "together.db")
        with closing(sqlite3.connect(folder / "together.db")) as together:
            compare(together, folder / "derived.db", TABLES, verification.spell)
        await _check_beside(connection)
        owed = await _check_bodies(connection, ours.number)
    return msgspec.structs.replace(report, owed=owed)


class _Verification:
    """One run over the files of one export."""

    def __init__(self, logs: list[Log], network: str) -> None:
        self._logs = {log.number: log for log in logs}
        self._network = network

    def spell(self, index: int) -> str:
        """Name an entry: by its leaf, and by its ledger where there are several."""
        log, leaf = place_of(index)
        return f"{leaf} of `{self._logs[log].origin}`" if len(self._logs) > 1 else str(leaf)

    def run(self, folder: Path, turns: list[tuple[int, int]], ours: Log) -> Report:
        """Walk through every ledger, then through all of them in turn; write what follows to `derived.db`."""
        report: Report | None = None
        for log in self._logs.values():
            with closing(sqlite3.connect(log.path)) as connection:
                walk = Walk(connection, self._network, log.origin, log.public, lambda *_: None)
                try:
                    newest, checkpoints = walk.run()
                except VerificationError as error:
                    raise error if log is ours else VerificationError(f"ledger of `{log.origin}`: {error}") from error
            if log is ours:
                report = Report(entries=newest.size, checkpoints=checkpoints, owed=0, checkpoint=newest)
        assert report is not None
        self._derive(folder / "derived.db", turns)
        return report

    def _derive(self, path: Path, turns: list[tuple[int, int]]) -> None:
        opened = {number: sqlite3.connect(log.path) for number, log in self._logs.items()}
        try:
            with closing(sqlite3.connect(path, isolation_level=None)) as derived:
                derived.execute("PRAGMA journal_mode=OFF")
                derived.execute("PRAGMA synchronous=OFF")
                migrate(derived, MIGRATIONS)
                derived.execute("BEGIN")
                replay = Replay(derived, _header_reader(opened))
                self._take_turns(replay, opened, turns)
                derived.execute("COMMIT")
        finally:
            for connection in opened.values():
                connection.close()

    def _take_turns(self, replay: Replay, opened: dict[int, sqlite3.Connection], turns: list[tuple[int, int]]) -> None:
        reached = dict.fromkeys(opened, 0)
        query = "SELECT leaf, record, object, signatures FROM entry WHERE leaf >= ? AND leaf < ? ORDER BY leaf"
        for number, size in turns:
            for leaf, raw, object_, signatures in opened[number].execute(query, (reached[number], size)):
                index = index_of(number, leaf)
                with names(f"leaf {self.spell(index)}"):
                    replay.take(index, decode(raw, Record), object_, signatures)
            # A smaller checkpoint with a later turn would be somebody's doing: nothing is taken twice.
            reached[number] = max(reached[number], size)


def _header_reader(opened: dict[int, sqlite3.Connection]) -> Callable[[int], bytes]:
    def read(index: int) -> bytes:
        log, leaf = place_of(index)
        return bytes(opened[log].execute("SELECT object FROM entry WHERE leaf = ?", (leaf,)).fetchone()[0])

    return read


async def _check_beside(connection: Connection) -> None:
    for table, holds in BESIDE.items():
        row = await connection.fetchrow(
            f"SELECT x.log, x.leaf FROM {table} AS x JOIN entry AS e USING (log, leaf) {_RECORD}"  # noqa: S608  our tables
            f" WHERE NOT (x.at_ms = (r.record ->> 'at_ms')::bigint AND {holds}) LIMIT 1"
        )
        if row is not None:
            raise VerificationError(f"leaf {row[1]}: table `{table}` does not say what the ledger says")
    wrong = await connection.fetchrow(
        "SELECT l.origin FROM log AS l JOIN LATERAL (SELECT size, root FROM checkpoint WHERE log = l.number"
        " ORDER BY size DESC LIMIT 1) AS c ON true WHERE (l.size, l.root) IS DISTINCT FROM (c.size, c.root) LIMIT 1"
    )
    if wrong is not None:
        raise VerificationError(f"the head of `{wrong[0]}` is not its newest checkpoint")
    if (row := await connection.fetchrow(WRONG_SEQUENCE)) is not None:
        raise VerificationError(f"the numbers of the evidence for `{row[0]}` have a gap")
    if (row := await connection.fetchrow(WRONG_BODY)) is not None:
        raise VerificationError(f"leaf {row[1]}: a body that is owed is missing, or one that nobody is owed is kept")


async def _check_bodies(connection: Connection, number: int) -> int:
    """Return how many deliveries of the ledger are owed, once every body of all ledgers is the one that was signed."""
    owed = 0
    async for log, leaf, recipient, position, body, packed, raw in connection.cursor(OWED, prefetch=100):
        header = decode(raw, Header)
        wraps = _WRAPS.decode(packed)
        held = encode_base64url(sha256(body)) == header.body.sha256 and position < len(wraps)
        if not held or encode_base64url(sha256(wraps[position].w)) != header.recipients[position].wrap_sha256:
            raise VerificationError(f"leaf {leaf}: the body that `{recipient}` is owed is not the one it was")
        owed += log == number
    return owed
