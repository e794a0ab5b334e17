"""Recovery is the normal way of opening, and what does not add up does not open."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from gateway.domain.errors import ConfigurationError, FormatError, LedgerError
from gateway.store.offline import newest_checkpoint, prove
from gateway.store.sqlite.engine import DATABASE, SPOOL
from tests.store.running import Running
from tests.store.samples import BRAVO, ORIGIN, admit, message

LEAVES = 300


async def grow(running: Running) -> list[bytes]:
    """Fill more than one tile; return the receipts."""
    done = await running.commit(*[admit(message(number)) for number in range(LEAVES)])
    return [each.receipt for each in done]


async def test_ledger_of_another_key_is_not_continued(running: Running) -> None:
    """One log, one name, one key: the settings cannot drift away from the directory."""
    await running.one(admit(message(1)))
    await running.close()
    own = running.key
    running.key = msgspec.structs.replace(own, public=os.urandom(32))
    with pytest.raises(ConfigurationError, match="checkpoint-key"):
        running.open()
    running.key = own
    running.store = running.open()

    assert running.store.checkpoint().size == 1


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM entry WHERE leaf = (SELECT max(leaf) FROM entry)",
        "UPDATE entry SET salt = zeroblob(32) WHERE leaf = (SELECT max(leaf) FROM entry)",
        "UPDATE tile SET hashes = zeroblob(8192) WHERE number = 0",
        "DELETE FROM tile WHERE number = 0",
        "DELETE FROM checkpoint WHERE size = (SELECT max(size) FROM checkpoint)",
        "UPDATE checkpoint SET note = x'00' WHERE size = (SELECT max(size) FROM checkpoint)",
    ],
)
async def test_edge_that_does_not_lead_to_the_last_checkpoint_does_not_open(
    running: Running, tmp_path: Path, damage: str
) -> None:
    """D5: start-up compares the right edge with what was signed last; nothing is signed over a gap."""
    await grow(running)
    await running.close()
    with closing(sqlite3.connect(tmp_path / "data" / DATABASE)) as connection, connection:
        connection.execute(damage)

    with pytest.raises(LedgerError):
        running.open()


async def test_spool_of_another_time_does_not_open(running: Running, tmp_path: Path) -> None:
    """A restored database without the bodies that it owes says so instead of delivering zeros."""
    await grow(running)
    await running.close()
    os.truncate(tmp_path / "data" / SPOOL, 4_096)

    with pytest.raises(LedgerError, match="lacks a body"):
        running.open()


async def test_failed_opening_gives_the_directory_back(running: Running, tmp_path: Path) -> None:
    """Who mends what was wrong can start at once, in the same process too."""
    await running.close()
    own = running.key
    running.key = msgspec.structs.replace(own, public=os.urandom(32))
    for _ in range(3):
        with pytest.raises(ConfigurationError):
            running.open()
    running.key = own
    running.store = running.open()

    assert (await running.one(admit(message(1)))).permitted


async def test_leaf_is_proved_offline_while_the_gateway_runs(running: Running, tmp_path: Path) -> None:
    """`accord ledger prove`: the receipt as it was handed out, or a fresh one under the newest checkpoint."""
    receipts = await grow(running)
    path, public = tmp_path / "data", running.key.public
    head = newest_checkpoint(path, origin=ORIGIN, public=public)
    again = prove(path, 7, origin=ORIGIN, public=public)
    fresh = running.verified(prove(path, 7, origin=ORIGIN, public=public, newest=True))

    assert (head, again) == (running.store.checkpoint(), receipts[7])
    assert (fresh.index, fresh.checkpoint, fresh.record) == (7, head, running.verified(receipts[7]).record)
    with pytest.raises(FormatError, match="leaves 0 to 299"):
        prove(path, LEAVES, origin=ORIGIN, public=public)
    with pytest.raises(LedgerError, match="holds no ledger"):
        newest_checkpoint(tmp_path, origin=ORIGIN, public=public)


async def test_spooled_messages_survive_a_restart_byte_for_byte(running: Running) -> None:
    """What is owed is delivered as it was admitted, from whatever slot it lies in, and cleared when it ends."""
    sent = [message(n, body=os.urandom(n * 3_000 + 1)) for n in range(12)]
    await running.commit(*[admit(each) for each in sent])
    before = running.store.pending(BRAVO, None, 20)
    await running.reopen()

    assert running.store.pending(BRAVO, None, 20) == before
    assert len(before) == 12


async def test_store_of_an_older_schema_opens_and_knows_what_it_held(running: Running, tmp_path: Path) -> None:
    """An upgrade brings tables forward: what was admitted before it is a repetition after it, with the same receipt."""
    sent = [message(number) for number in (5, 3, 9)]
    before = [await running.one(admit(each)) for each in sent]
    await running.close()
    with closing(sqlite3.connect(tmp_path / "data" / DATABASE)) as connection, connection:
        connection.executescript(
            "CREATE TABLE old (originator TEXT NOT NULL, id BLOB NOT NULL, leaf INTEGER NOT NULL,"
            " PRIMARY KEY (originator, id)) STRICT, WITHOUT ROWID;"
            "INSERT INTO old SELECT originator, id, leaf FROM message; DROP TABLE message;"
            "ALTER TABLE old RENAME TO message;"
            "DELETE FROM migration WHERE number >= 3;"
        )
    running.store = running.open()
    again = [await running.one(admit(each)) for each in sent]
    fresh = [await running.one(admit(message(number))) for number in (4, 10)]

    assert [(done.duplicate, done.receipt) for done in again] == [(True, done.receipt) for done in before]
    assert [(done.duplicate, done.permitted) for done in fresh] == [(False, True), (False, True)]


async def test_repetition_is_known_after_a_start_also_below_the_highest_id(running: Running) -> None:
    """After a start nobody's highest id is in memory: every id up to the highest of all is looked up (P-03)."""
    lowest, between = message(1), message(3)
    low = await running.one(admit(lowest))
    await running.one(admit(message(7, originator="other")))
    await running.close()
    running.store = running.open()

    assert (await running.one(admit(lowest))).receipt == low.receipt
    assert (await running.one(admit(between))).duplicate is False
    assert (await running.one(admit(between))).duplicate is True
