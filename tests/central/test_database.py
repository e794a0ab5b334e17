"""The database on a real SQLite: searches, owners, repetitions, crashes."""

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.central import bodies
from gateway.central.bodies import Changes, Put, Query, Withdraw, read_answer, read_reply
from gateway.central.database import FILE, Database, Owed, open_database, tallies
from gateway.central.documents import LookupKey
from gateway.central.outgoing import Desk, Handling
from gateway.central.requests import Arrived, read_request
from gateway.domain.errors import ConfigurationError, LedgerError
from gateway.store.limits import WriterLimits
from tests.central.material import CENTRAL, DAY_MS, KEY, NETWORK, NOW, arrived, directory, next_id

LIMITS = WriterLimits(disk_free_bytes_min=0)
DIRECTORY = directory()


def fail(error: LedgerError) -> None:
    """End the test: a database that is used as it should be never fails."""
    raise error


def opened(folder: Path, key: LookupKey = KEY, authority: str = CENTRAL) -> Database:
    """Open the node's database in `folder`."""
    return open_database(folder, key, authority, NETWORK, Desk(NETWORK, CENTRAL, Handling(), next_id), fail, LIMITS)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    """An empty database of the node."""
    made = opened(tmp_path / "data")
    yield made
    await made.close()


def changes(owner: str, *what: Put | Withdraw, **changed: object) -> Arrived:
    """Return a message by which `owner` changes its records."""
    return arrived(owner, "record", bodies.write(Changes("travel-documents", what)), **changed)


def query(asker: str, number: str, **changed: object) -> Arrived:
    """Return a query of `asker`."""
    return arrived(asker, "query", bodies.write(Query(number)), **changed)


def put(number: str, **changed: object) -> Put:
    """Return a change that puts a passport on record."""
    usual: dict[str, object] = {"number": number, "type": "passport", "status": "STOLEN", **changed}
    return Put(**usual)  # type: ignore[arg-type]  # Fields are named by the tests.


async def take(database: Database, *messages: Arrived, at_ms: int = NOW) -> list[Owed]:
    """Have the node deal with messages at `at_ms`."""
    return await database.take([read_request(message, DIRECTORY, KEY, at_ms) for message in messages], at_ms)


async def test_search_finds_what_an_owner_put_and_tells_the_owner(database: Database) -> None:
    """However the number is written; a search for another number finds nothing."""
    await take(database, changes("cz-police", put("AB 123-456")))
    hit, notice = await take(database, query("am-police", "ab123456"))
    (miss,) = await take(database, query("am-police", "ab123457"))

    assert read_answer(hit.post.plaintext).outcome == "hit"
    assert read_answer(miss.post.plaintext).outcome == "no-hit"
    assert (notice.post.recipients, notice.post.draft.kind) == (("cz-police",), "notice")
    assert len(hit.post.plaintext) == len(miss.post.plaintext)


async def test_query_that_is_delivered_twice_is_answered_once(database: Database) -> None:
    """A repetition is owed nothing new; the answer keeps its id (P-03)."""
    await take(database, changes("cz-police", put("AB123456")))
    asked = query("am-police", "AB123456")
    first = await take(database, asked, asked)
    again = await take(database, asked)

    assert [owed.post.draft.kind for owed in first] == ["answer", "notice"]
    assert again == []


async def test_what_is_owed_is_found_after_a_restart_until_it_is_handed_over(tmp_path: Path) -> None:
    """Answer and mark are one transaction: nothing is lost between them, nothing comes twice."""
    database = opened(tmp_path)
    owed = await take(database, query("am-police", "AB123456"), query("cz-police", "AB123456"))
    database.handed([owed[0].sequence])
    await database.close()
    database = opened(tmp_path)

    try:
        assert database.owed(0, 10) == [owed[1]]
        assert database.owed(owed[1].sequence, 10) == []
    finally:
        await database.close()


async def test_every_change_of_a_feed_has_its_outcome(database: Database) -> None:
    """Owner rules hold for each change alone; what may pass does."""
    await take(database, changes("cz-border", put("AB123456")))
    (reply,) = await take(
        database,
        changes("cz-police", put("AB123456"), put("CD123456"), put("EF123456", issuing_state="KZ"), put("??")),
    )

    outcomes = read_reply(reply.post.plaintext).outcomes
    assert reply.post.recipients == ("cz-police",)
    assert [outcome.result for outcome in outcomes] == ["refused", "stored", "refused", "refused"]
    assert [outcome.refusal for outcome in outcomes] == [
        "owned-by-another",
        None,
        "not-the-issuing-state",
        "number-malformed",
    ]


async def test_withdrawn_record_is_not_found_and_stays_withdrawn(database: Database) -> None:
    """A put that was sent before the withdrawal and comes after it changes nothing."""
    await take(database, changes("cz-police", put("AB123456"), sent_at_ms=NOW))
    await take(database, changes("cz-police", Withdraw("AB123456", "passport"), sent_at_ms=NOW + 2))
    await take(database, changes("cz-police", put("AB123456"), sent_at_ms=NOW + 1))
    (answer,) = await take(database, query("am-police", "AB123456"))

    assert read_answer(answer.post.plaintext).outcome == "no-hit"


async def test_memory_of_old_messages_and_withdrawals_ends(database: Database, tmp_path: Path) -> None:
    """What can no longer arrive need not be remembered: the database does not grow for ever."""
    await take(database, query("am-police", "XY111111"), changes("cz-police", Withdraw("AB123456", "passport")))
    await take(database, query("am-police", "XY111111", expires_at_ms=NOW + 90 * DAY_MS), at_ms=NOW + 40 * DAY_MS)

    connection = sqlite3.connect(tmp_path / "data" / FILE)
    assert connection.execute("SELECT count(*) FROM handled").fetchone() == (1,)
    assert connection.execute("SELECT count(*) FROM record").fetchone() == (0,)
    connection.close()


async def test_numbers_are_not_stored_in_clear(database: Database, tmp_path: Path) -> None:
    """Whoever copies the database without the lookup key does not learn which documents are listed."""
    feed = await take(database, changes("cz-police", put("AB 123-456")))
    asked = await take(database, query("am-police", "AB 123-456"))
    database.handed([owed.sequence for owed in feed + asked])
    await database.close()

    content = b"".join(file.read_bytes() for file in (tmp_path / "data").iterdir())
    assert b"cz-police" in content
    assert b"AB123456" not in content
    assert b"AB 123-456" not in content


async def test_tally_counts_by_owner_and_status(database: Database, tmp_path: Path) -> None:
    """Operators see how much is on record, whose, how old and how much waits for its owner's review (CA-09, CZ-09)."""
    await take(
        database,
        changes("cz-police", put("AB123456"), put("AB123457", review_by_ms=NOW + 1), put("AB123458", status="LOST")),
        changes("kz-mvd", put("AB123456", status="REVOKED")),
    )

    found = [
        (tally.owner, tally.status, tally.records, tally.review_overdue)
        for tally in tallies(tmp_path / "data", NOW + 1)
    ]
    assert found == [("cz-police", "LOST", 1, 0), ("cz-police", "STOLEN", 2, 1), ("kz-mvd", "REVOKED", 1, 0)]


async def test_database_under_another_key_or_name_is_refused(tmp_path: Path) -> None:
    """A wrong key would make every search a no-hit: it stops the start instead."""
    await opened(tmp_path).close()

    with pytest.raises(ConfigurationError, match="the lookup key is not the one"):
        opened(tmp_path, key=LookupKey(bytes(32)))
    with pytest.raises(ConfigurationError, match="the records belong to `interpol-gs`"):
        opened(tmp_path, authority="europol")
    await opened(tmp_path).close()


async def test_two_nodes_cannot_share_a_database(database: Database, tmp_path: Path) -> None:
    """The second process is told who holds the data folder."""
    with pytest.raises(ConfigurationError, match="is in use by process"):
        opened(tmp_path / "data")


def test_tally_of_a_folder_without_records_is_refused(tmp_path: Path) -> None:
    """A mistyped folder is not an empty database."""
    with pytest.raises(ConfigurationError, match="holds no records"):
        tallies(tmp_path, NOW)


def test_killed_between_commits_the_node_owes_exactly_what_it_dealt_with(tmp_path: Path) -> None:
    """After SIGKILL a message is dealt with and owed, or neither (P-07)."""
    program = [sys.executable, "-m", "tests.central.flood", str(tmp_path)]
    with subprocess.Popen(program, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        for _ in range(20):
            process.stdout.readline()
        os.kill(process.pid, signal.SIGKILL)
        reported = 20 + len(process.stdout.readlines())

    connection = sqlite3.connect(tmp_path / FILE)
    (handled,) = connection.execute("SELECT count(*) FROM handled").fetchone()
    (owed,) = connection.execute("SELECT count(*) FROM owed").fetchone()
    connection.close()
    assert handled == owed >= reported
