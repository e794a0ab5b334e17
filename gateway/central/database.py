"""The node's database: a message is dealt with once, and what it is owed is on disk in the same transaction.

The work is done on the writer's thread: look up or change records, write down the answer with its id, note that the
message was dealt with. A crash before the commit leaves the message in the endpoint's inbox; after it, the
answer is found among what is owed. Delivered twice, a message is answered once, under one id.
"""

import sqlite3
from asyncio import AbstractEventLoop, Future, get_running_loop
from collections.abc import Callable, Sequence
from pathlib import Path

from msgspec import Struct

from gateway.central import matching, outgoing, ownership, records
from gateway.central.bodies import ChangeOutcome
from gateway.central.documents import LookupKey
from gateway.central.outgoing import Desk
from gateway.central.requests import Feed, FeedRefused, Search, SearchRefused, Task
from gateway.domain.errors import ConfigurationError, LedgerError
from gateway.domain.message import LIFETIME_MS_MAX
from gateway.endpoint.client import Post
from gateway.store.data_directory import DataDirectory, claim
from gateway.store.limits import WriterLimits
from gateway.store.sqlite.connection import open_for_reading, open_for_writing
from gateway.store.sqlite.migrate import migrate
from gateway.store.sqlite.writer import Writer

FILE = "records.sqlite"
# "ACCn" in ASCII: tells our file from a gateway's or an endpoint's.
APPLICATION_ID = 0x4143436E
MIGRATIONS = "gateway.central.migrations"
# No copy of a message arrives later than this after its expiry, whatever the clocks of gateways say.
MARGIN_MS = 24 * 3_600_000
FORGET_EVERY_MS = 10_000
FORGET_ROWS = 5_000


class Owed(Struct, frozen=True):
    """A message that the endpoint does not have yet; `sequence` names it."""

    sequence: int
    post: Post


class Tally(Struct, frozen=True):
    """How many records of one status an owner has, how many of them wait for review, when it last wrote."""

    owner: str
    status: str
    records: int
    review_overdue: int
    changed_at_ms: int


class _Take(Struct, frozen=True):
    tasks: Sequence[Task]
    at_ms: int
    done: "Future[list[Owed]]"


class _Handed(Struct, frozen=True):
    sequences: Sequence[int]


_Work = _Take | _Handed


class Database:
    """Records, and what is owed to whom. One process at a time; every method belongs to the event loop."""

    def __init__(
        self,
        held: DataDirectory,
        connection: sqlite3.Connection,
        desk: Desk,
        failed: Callable[[LedgerError], None],
        limits: WriterLimits,
        loop: AbstractEventLoop,
    ) -> None:
        """Take over an open, migrated connection; `open_database` makes one."""
        self._held = held
        self._path = held.path / FILE
        self._desk = desk
        self._failed = failed
        self._forgotten_ms = 0
        self._writer: Writer[_Work, list[list[Owed]]] = Writer(
            connection, self._path, self._apply, self._report, self._fail, limits, loop
        )
        self._waiting: set[Future[list[Owed]]] = set()

    async def take(self, tasks: Sequence[Task], at_ms: int) -> list[Owed]:
        """Deal with `tasks` durably; return what is owed because of them. A repetition is owed nothing new.

        Raises:
            CapacityError: nothing was taken, try again.
            LedgerError: the database has failed; the process must end.
        """
        done: Future[list[Owed]] = get_running_loop().create_future()
        self._writer.put(_Take(tasks, at_ms, done), sum(_size_bytes(task) for task in tasks))
        self._waiting.add(done)
        try:
            return await done
        finally:
            self._waiting.discard(done)

    def handed(self, sequences: Sequence[int]) -> None:
        """Forget what is owed: the endpoint has it on disk. Lost in a crash, it is handed over again."""
        self._writer.put(_Handed(sequences), 64 * len(sequences), essential=True)

    def owed(self, after: int, limit: int) -> list[Owed]:
        """Return what is owed from beyond `after`; asked after a start."""
        connection = open_for_reading(self._path)
        try:
            rows = connection.execute(
                "SELECT sequence, message FROM owed WHERE sequence > ? ORDER BY sequence LIMIT ?", (after, limit)
            ).fetchall()
        finally:
            connection.close()
        return [Owed(sequence, outgoing.decode(raw)) for sequence, raw in rows]

    async def close(self) -> None:
        """Commit what was taken and give the data directory back."""
        await self._writer.close()
        self._held.close()

    # On the writer's thread.

    def _apply(self, connection: sqlite3.Connection, batch: Sequence[_Work]) -> list[list[Owed]]:
        outcomes: list[list[Owed]] = []
        for work in batch:
            owed: list[Owed] = []
            if isinstance(work, _Take):
                for task in work.tasks:
                    owed += self._deal_with(connection, task, work.at_ms)
                self._forget(connection, work.at_ms)
            else:
                connection.executemany("DELETE FROM owed WHERE sequence = ?", ((number,) for number in work.sequences))
            outcomes.append(owed)
        return outcomes

    def _deal_with(self, connection: sqlite3.Connection, task: Task, at_ms: int) -> list[Owed]:
        header = task.arrived.header
        fresh = connection.execute(
            "INSERT INTO handled (id, originator, forget_after_ms) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            (header.id, header.originator, header.expires_at_ms + MARGIN_MS),
        ).rowcount
        if not fresh:
            return []
        return [_owe(connection, post) for post in self._messages(connection, task, at_ms)]

    def _messages(self, connection: sqlite3.Connection, task: Task, at_ms: int) -> list[Post]:
        header, sha256 = task.arrived.header, task.arrived.sha256
        match task:
            case Search(party=party, query=query, number_hash=number_hash):
                rows = records.find(connection, number_hash)
                found = matching.visible(rows, query, header.originator, party, at_ms) if rows else ()
                return [
                    self._desk.answer(header, sha256, found, at_ms),
                    *self._desk.notices(header, sha256, query, found, at_ms),
                ]
            case SearchRefused(why=why_not):
                return [self._desk.refuse_query(header, sha256, why_not, at_ms)]
            case Feed():
                return [self._desk.reply(header, sha256, None, _feed(connection, task, at_ms), at_ms)]
            case FeedRefused(why=why):
                return [self._desk.reply(header, sha256, why, (), at_ms)]

    def _forget(self, connection: sqlite3.Connection, at_ms: int) -> None:
        if at_ms - self._forgotten_ms < FORGET_EVERY_MS:
            return
        self._forgotten_ms = at_ms
        connection.execute(
            """DELETE FROM handled WHERE (id, originator) IN
               (SELECT id, originator FROM handled WHERE forget_after_ms < ? ORDER BY forget_after_ms LIMIT ?)""",
            (at_ms, FORGET_ROWS),
        )
        connection.execute(
            """DELETE FROM record WHERE (number_hash, issuing_state, type) IN
               (SELECT number_hash, issuing_state, type FROM record
                WHERE status IS NULL AND changed_at_ms < ? ORDER BY changed_at_ms LIMIT ?)""",
            (at_ms - LIFETIME_MS_MAX - MARGIN_MS, FORGET_ROWS),
        )

    # Back on the loop.

    def _report(self, batch: Sequence[_Work], outcomes: list[list[Owed]]) -> None:
        for work, owed in zip(batch, outcomes, strict=True):
            if isinstance(work, _Take) and not work.done.done():
                work.done.set_result(owed)

    def _fail(self, error: LedgerError) -> None:
        for done in self._waiting:
            if not done.done():
                done.set_exception(error)
        self._failed(error)


def open_database(
    folder: Path,
    key: LookupKey,
    authority: str,
    network: str,
    desk: Desk,
    failed: Callable[[LedgerError], None],
    limits: WriterLimits,
) -> Database:
    """Open the database in `folder`, making it where it is missing; called on the event loop.

    Raises:
        ConfigurationError: in use, another authority's or network's, or filled under another lookup key.
    """
    held = claim(folder)
    try:
        connection = open_for_writing(folder / FILE, APPLICATION_ID)
        migrate(connection, MIGRATIONS)
        _check_owner(connection, key, authority, network)
    except BaseException:
        held.close()
        raise
    return Database(held, connection, desk, failed, limits, get_running_loop())


def tallies(folder: Path, at_ms: int) -> list[Tally]:
    """Return what is on record by owner and status, read from outside while the node may be running.

    Raises:
        ConfigurationError: there is no database in `folder`.
    """
    path = folder / FILE
    if not path.is_file():
        raise ConfigurationError(f"`{folder}` holds no records", "name the data folder of a central node that has run")
    connection = open_for_reading(path)
    try:
        rows = connection.execute(
            """SELECT owner, status, count(*), sum(coalesce(review_by_ms <= ?, 0)), max(changed_at_ms)
               FROM record WHERE status IS NOT NULL GROUP BY owner, status ORDER BY owner, status""",
            (at_ms,),
        ).fetchall()
    finally:
        connection.close()
    return [Tally(*row) for row in rows]


def _check_owner(connection: sqlite3.Connection, key: LookupKey, authority: str, network: str) -> None:
    row = connection.execute("SELECT authority, network, lookup_check FROM node").fetchone()
    if row is None:
        connection.execute("INSERT INTO node VALUES (?, ?, ?)", (authority, network, key.check_value()))
    elif row[:2] != (authority, network):
        raise ConfigurationError(
            f"the records belong to `{row[0]}` of network `{row[1]}`", "name another data folder or another endpoint"
        )
    elif row[2] != key.check_value():
        raise ConfigurationError(
            "the lookup key is not the one under which these records were stored",
            "restore the key file; without it every owner must send its records again into a new data folder",
        )


def _feed(connection: sqlite3.Connection, feed: Feed, at_ms: int) -> list[ChangeOutcome]:
    outcomes = []
    for number, (change, number_hash) in enumerate(feed.changes):
        if number_hash is None:
            outcomes.append(ChangeOutcome(number, "refused", "number-malformed"))
            continue
        place = (number_hash, change.issuing_state or feed.owner.party, change.type)
        before = records.standing(connection, *place)
        verdict = ownership.judge_change(change, number_hash, feed.owner, feed.message, before, at_ms)
        if verdict.standing is not None:
            records.store(connection, *place, verdict.standing)
        outcomes.append(ChangeOutcome(number, verdict.result, verdict.refusal))
    return outcomes


def _owe(connection: sqlite3.Connection, post: Post) -> Owed:
    row = connection.execute("INSERT INTO owed (message) VALUES (?)", (outgoing.encode(post),))
    return Owed(int(row.lastrowid or 0), post)


def _size_bytes(task: Task) -> int:
    # The answer is kept until it is sent; a change occupies a row.
    return 4_096 + (256 * len(task.changes) if isinstance(task, Feed) else 0)
