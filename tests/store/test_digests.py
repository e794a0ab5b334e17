"""Digests that wait to be written: found meanwhile, made again after a crash, told apart where they begin alike."""

import shutil
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from gateway.domain.errors import LedgerError
from gateway.store.sqlite.digests import EPOCH_LEAVES, TOGETHER, NewestDigests, prefix_of
from gateway.store.sqlite.engine import DATABASE
from tests.store.running import ENGINES, Running
from tests.store.samples import ALPHA, acknowledge, admit, edition, message


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    """An empty store."""
    made = Running(ENGINES["sqlite"], tmp_path)
    yield made
    await made.close()


def stored(path: Path) -> list[int]:
    """Return the leaves whose digests the table holds."""
    with closing(sqlite3.connect(path / "data" / DATABASE)) as connection:
        return [row[0] for row in connection.execute("SELECT leaf FROM digest ORDER BY leaf")]


async def test_message_is_found_before_and_after_its_digest_is_written(running: Running, tmp_path: Path) -> None:
    """A digest is looked up where it is: waiting, just written, in the table; unknown ones are unknown throughout."""
    sent = [message(number) for number in range(TOGETHER + 5)]
    places = ((0, TOGETHER - 5), (TOGETHER - 5, TOGETHER), (TOGETHER, TOGETHER + 5))
    await running.one(edition())
    written = []
    for first, end in places:
        receipts = [done.receipt for done in await running.commit(*[admit(each) for each in sent[first:end]])]
        found = [running.store.receipt_by_header(ALPHA, each.header_sha256) for each in sent[first:end]]
        assert found == receipts
        written.append(len(stored(tmp_path)))
    asked = [sent[place] for place in (0, TOGETHER - 1, TOGETHER + 4)]
    before = [running.store.receipt_by_header(ALPHA, each.header_sha256) for each in asked]
    ended = await running.one(acknowledge(*asked))
    await running.reopen()

    assert written == [0, TOGETHER, TOGETHER]
    assert stored(tmp_path) == list(range(1, TOGETHER + 6))
    assert [running.store.receipt_by_header(ALPHA, each.header_sha256) for each in asked] == before
    assert None not in before
    assert running.store.receipt_by_header(ALPHA, message(TOGETHER + 9).header_sha256) is None
    assert ended.ended == len(asked)


async def test_crash_forgets_no_digest(running: Running, tmp_path: Path) -> None:
    """What had not been written when the process died is written by the next start, refusals without identity aside."""
    sent = [message(number) for number in range(11)]
    await running.commit(*[admit(each) for each in sent[:9]])
    await running.reopen()
    await running.commit(admit(sent[9]), admit(message(3, body=b"other")), admit(sent[10]))
    shutil.copytree(tmp_path / "data", tmp_path / "crashed" / "data")
    before = stored(tmp_path / "crashed")
    again = Running(ENGINES["sqlite"], tmp_path / "crashed", key=running.key)
    found = [again.store.receipt_by_header(ALPHA, each.header_sha256) for each in sent]
    repeated = await again.one(acknowledge(*sent))
    await again.close()

    assert before == list(range(9))
    assert stored(tmp_path / "crashed") == [*range(10), 11]
    assert None not in found
    assert repeated.ended == 11


async def test_entry_that_cannot_be_read_stops_the_start(running: Running, tmp_path: Path) -> None:
    """Somebody changed what an entry is about: the start says which, and what to do."""
    await running.one(admit(message(1)))
    await running.close()
    with closing(sqlite3.connect(tmp_path / "data" / DATABASE)) as connection, connection:
        connection.execute("UPDATE entry SET object = x'00'")

    with pytest.raises(LedgerError, match=r"entry 0 .*ledger verify"):
        running.open()


def test_digests_that_begin_alike_are_all_written() -> None:
    """Two messages may have one prefix, if somebody looks for them long enough: neither hides the other for good."""
    newest = NewestDigests()
    one, other = bytes(32), bytes(8) + b"\x01" * 24
    newest.add(one, 5)
    assert (newest.due(), newest.find(prefix_of(one))) == ([], [5])
    newest.add(other, EPOCH_LEAVES + 6)

    assert newest.due() == [(0, 0, 5), (1, 0, EPOCH_LEAVES + 6)]
    assert newest.find(prefix_of(other)) == [5]
    newest.add(other, 7)
    assert newest.find(prefix_of(other)) == [7, 5]
