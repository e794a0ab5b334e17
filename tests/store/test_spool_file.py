"""Bodies in their slots: durable before they are referred to, gone when they have ended."""

import fcntl
import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.domain.errors import LedgerError
from gateway.store.spool_file import PIECE_SLOTS, SLOT_BYTES, SpoolFile, read_body, slots_of
from tests.store.running import Running
from tests.store.samples import BRAVO, CHARLIE, acknowledge, admit, fail, message


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[SpoolFile]:
    """An empty spool file."""
    spool = SpoolFile(tmp_path / "spool", [])
    yield spool
    spool.close()


def content(path: Path, slot: int, *lengths: int) -> list[bytes]:
    """What a reader finds at a slot."""
    file = os.open(path / "spool", os.O_RDONLY)
    try:
        return read_body(file, slot, lengths)
    finally:
        os.close(file)


def test_body_that_ends_while_a_backup_is_copied_is_destroyed_afterwards(spool: SpoolFile, tmp_path: Path) -> None:
    """Under the shared lock of a backup nothing is overwritten or used again; after it, the next call destroys."""
    slot = spool.add(b"body", b"wraps")
    spool.write()
    backup = os.open(tmp_path / "spool", os.O_RDONLY)
    fcntl.flock(backup, fcntl.LOCK_SH)
    spool.end(slot, 9)
    spool.erase()

    assert content(tmp_path, slot, 4, 5) == [b"body", b"wraps"]
    assert spool.add(b"next", b"") != slot
    os.close(backup)
    spool.erase()
    assert content(tmp_path, slot, 9) == [bytes(9)]


def test_any_order_of_bodies_is_kept_apart(spool: SpoolFile, tmp_path: Path) -> None:
    """Sizes from a byte to a thousand slots, ended in any order: what is live reads back, what ended is zeros."""
    chance = random.Random(3)
    live: dict[int, tuple[bytes, bytes]] = {}
    for _ in range(60):
        for _ in range(chance.randrange(1, 8)):
            body, wraps = os.urandom(chance.choice([1, 4_096, 5_000, 70_000])), os.urandom(chance.randrange(1, 300))
            live[spool.add(body, wraps)] = (body, wraps)
        spool.write()
        ended = chance.sample(sorted(live), k=len(live) // 2)
        lengths = {slot: sum(map(len, live.pop(slot))) for slot in ended}
        for slot, length in lengths.items():
            spool.end(slot, length)
        spool.erase()
        for slot, length in lengths.items():
            assert not any(content(tmp_path, slot, length)[0])
    for slot, (body, wraps) in live.items():
        assert content(tmp_path, slot, len(body), len(wraps)) == [body, wraps]

    assert spool.used_slots() == sum(slots_of(len(body) + len(wraps)) for body, wraps in live.values())


def test_file_does_not_grow_while_bodies_come_and_go(spool: SpoolFile, tmp_path: Path) -> None:
    """Slots are used again: the file stays as long as the most that was ever owed, nearly."""
    for _ in range(200):
        slots = [spool.add(bytes(3_000), b"w") for _ in range(10)]
        spool.write()
        for slot in slots:
            spool.end(slot, 3_001)
        spool.erase()

    assert (tmp_path / "spool").stat().st_size <= 20 * SLOT_BYTES


def test_opening_clears_what_nobody_is_owed(tmp_path: Path) -> None:
    """P-07: bytes of a transaction that never committed, or of one that ended before they were erased, do not stay."""
    first = SpoolFile(tmp_path / "spool", [])
    slots = [first.add(b"x" * 9_000, b"w") for _ in range(PIECE_SLOTS // 3 + 5)]
    first.write()
    first.close()
    kept = slots[1], slots[-3]
    again = SpoolFile(tmp_path / "spool", [(slot, 9_001) for slot in kept])
    again.close()
    stored = (tmp_path / "spool").read_bytes()

    assert len(stored) == (slots[-3] + 3) * SLOT_BYTES
    assert stored.count(b"x") == 2 * 9_000
    assert [content(tmp_path, slot, 9_000, 1) for slot in kept] == [[b"x" * 9_000, b"w"]] * 2


def test_body_that_is_owed_must_lie_in_the_file(tmp_path: Path) -> None:
    """A spool of another time than its database is refused, not filled up with zeros."""
    SpoolFile(tmp_path / "spool", []).close()
    with pytest.raises(LedgerError, match="lacks a body"):
        SpoolFile(tmp_path / "spool", [(0, 1)])


async def test_body_is_destroyed_when_nobody_waits_for_it_any_more(running: Running, tmp_path: Path) -> None:
    """Destruction: the last delivery that ends takes the ciphertext with it, from the file and from the log."""
    marker = b"CIPHERTEXT-TO-BE-DESTROYED" * 40
    sent = message(1, recipients=(BRAVO, CHARLIE), body=marker)
    await running.commit(admit(sent), admit(message(2)))
    await running.one(acknowledge(sent))
    still = marker in (tmp_path / "data" / "spool").read_bytes()
    await running.one(fail(0, CHARLIE))
    await running.one(fail(1))
    found = [file.name for file in (tmp_path / "data").iterdir() if marker[:26] in file.read_bytes()]

    assert (still, found) == (True, [])
