"""Group commit: what a batch is, what is turned away, what a failure ends. The writer knows nothing of its work."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import closing, suppress
from pathlib import Path

import pytest

from gateway.domain.errors import CapacityError, LedgerError
from gateway.store.data_directory import free_bytes
from gateway.store.limits import WriterLimits
from gateway.store.sqlite.connection import open_for_reading, open_for_writing
from gateway.store.sqlite.writer import ESSENTIAL_FACTOR, Writer

NO_WATERMARK = {"disk_free_bytes_min": 0}


class Counter:
    """A writer whose work is numbers: each is a row, a negative one fails."""

    def __init__(
        self,
        path: Path,
        limits: WriterLimits,
        apply_on_loop: bool,
        apply: Callable[..., int] | None = None,
        essential_bounded: bool = False,
    ) -> None:
        self.path = path / "numbers.db"
        self.batches: list[list[int]] = []
        self.written = 0
        self.erased = 0
        self.failed: asyncio.Future[LedgerError] = asyncio.get_running_loop().create_future()
        connection = open_for_writing(self.path, 7)
        connection.execute("CREATE TABLE IF NOT EXISTS number (value INTEGER NOT NULL CHECK (value >= 0), filler BLOB)")
        self.writer: Writer[int, int] = Writer(
            connection,
            self.path,
            apply or self.apply,
            lambda works, _: self.batches.append(list(works)),
            self.failed.set_result,
            limits,
            asyncio.get_running_loop(),
            beside=self,
            apply_on_loop=apply_on_loop,
            essential_bounded=essential_bounded,
        )

    def apply(self, connection: sqlite3.Connection, works: Sequence[int]) -> int:
        """Write the numbers; a thousand of them are large."""
        connection.executemany(
            "INSERT INTO number VALUES (?, ?)", [(work, bytes(100_000 if work >= 1_000 else 1)) for work in works]
        )
        return len(works)

    def write(self) -> None:
        """Count the commits that begin; the one before has erased what it ended."""
        assert self.written == self.erased
        self.written += 1

    def erase(self) -> None:
        """Count the commits that ended."""
        self.erased += 1

    def rows(self) -> list[int]:
        """What a reader sees now."""
        with closing(open_for_reading(self.path)) as connection:
            return [row[0] for row in connection.execute("SELECT value FROM number ORDER BY rowid")]

    async def reported(self, count: int) -> None:
        """Wait until so many items were reported."""
        async with asyncio.timeout(10):
            while sum(map(len, self.batches)) < count:
                await asyncio.sleep(0.002)


@pytest.fixture(params=[False, True], ids=["on-the-thread", "on-the-loop"])
async def opened(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Callable[..., Counter]]:
    """Make counters; close them at the end."""
    counters: list[Counter] = []

    def make(apply: Callable[..., int] | None = None, *, bounded: bool = False, **limits: int) -> Counter:
        counters.append(Counter(tmp_path, WriterLimits(**(NO_WATERMARK | limits)), request.param, apply, bounded))
        return counters[-1]

    yield make
    for counter in counters:
        await counter.writer.close()


async def test_items_put_together_are_committed_together_in_order(opened: Callable[..., Counter]) -> None:
    """A batch closes at its greatest size; every item is on disk before it is reported, once, in order."""
    counter = opened(batch_items_max=200)
    for number in range(450):
        counter.writer.put(number, 10)
    await counter.reported(450)

    assert [number for batch in counter.batches for number in batch] == list(range(450)) == counter.rows()
    assert max(map(len, counter.batches)) == 200
    assert (len(counter.batches) <= 4, counter.written) == (True, len(counter.batches))


async def test_many_at_once_are_taken_whole_or_not_at_all(opened: Callable[..., Counter]) -> None:
    """What is put together keeps its order among the rest; where a bound would turn some away, none is taken."""
    counter = opened(batch_items_max=50, queue_items_max=100, queue_bytes_max=2_000)
    counter.writer.put(0, 10)
    taken = [counter.writer.put_all(range(first, first + 45), [10] * 45) for first in (1, 46, 91)]
    large = counter.writer.put_all([91, 92], [900, 900])
    counter.writer.put(91, 10)
    await counter.reported(92)
    low = opened(disk_free_bytes_min=2**62).writer.put_all([1], [10])

    assert (taken, large, low) == ([True, True, False], False, False)
    assert [number for batch in counter.batches for number in batch] == list(range(92))
    assert max(map(len, counter.batches)) == 50
    assert counter.writer.queued() == 0


async def test_lone_item_does_not_wait_for_company(opened: Callable[..., Counter]) -> None:
    """After a pause the batch closes at once: waiting is for streams."""
    counter = opened(batch_wait_ms=900)
    loop = asyncio.get_running_loop()
    begin = loop.time()
    counter.writer.put(1, 10)
    await counter.reported(1)

    assert loop.time() - begin < 0.5


async def test_stream_waits_a_moment_to_share_a_commit(opened: Callable[..., Counter]) -> None:
    """Items that come one by one within the wait share their commits."""
    counter = opened(batch_wait_ms=100)
    for number in range(20):
        counter.writer.put(number, 10)
        await asyncio.sleep(0.004)
    await counter.reported(20)

    assert len(counter.batches) <= 5


async def test_full_queue_is_busy_for_new_work_first(opened: Callable[..., Counter]) -> None:
    """Items and bytes are bounded; what ends something still fits when what begins something does not."""
    counter = opened(queue_items_max=10, queue_bytes_max=1_000)
    for number in range(10):
        counter.writer.put(number, 10)
    with pytest.raises(CapacityError, match="queue") as busy:
        counter.writer.put(10, 10)
    for number in range(10 * (ESSENTIAL_FACTOR - 1)):
        counter.writer.put(number, 10, essential=True)
    with pytest.raises(CapacityError):
        counter.writer.put(99, 10, essential=True)
    await counter.reported(20)
    counter.writer.put(20, 999)
    counter.writer.put(21, 999)
    with pytest.raises(CapacityError):
        counter.writer.put(22, 1)

    assert busy.value.retry_after_s > 0
    assert counter.writer.queued() == 2


async def test_disk_below_the_watermark_is_busy_and_what_is_owed_goes_on(opened: Callable[..., Counter]) -> None:
    """D1: below the watermark nothing new is taken, and deliveries still end."""
    counter = opened(disk_free_bytes_min=2**62)
    with pytest.raises(CapacityError, match="disk") as busy:
        counter.writer.put(1, 10)
    counter.writer.put(2, 10, essential=True)
    await counter.reported(1)

    assert (counter.rows(), busy.value.retry_after_s) == ([2], 30)
    assert isinstance(counter.writer.busy(), CapacityError)


async def test_threat_D1_what_peers_may_still_add_ends_above_the_end_of_the_disk(
    opened: Callable[..., Counter], tmp_path: Path
) -> None:
    """D1: below the watermark what is owed goes on; below a quarter of it that is busy too, where peers ask for it."""
    free = free_bytes(tmp_path)
    below = opened(bounded=True, disk_free_bytes_min=2 * free)
    with pytest.raises(CapacityError, match="disk"):
        below.writer.put(1, 10)
    below.writer.put(2, 10, essential=True)
    await below.reported(1)
    far_below = opened(bounded=True, disk_free_bytes_min=8 * free)
    with pytest.raises(CapacityError, match="disk") as busy:
        far_below.writer.put(3, 10, essential=True)

    assert (below.rows(), busy.value.retry_after_s) == ([2], 30)
    assert far_below.writer.queued() == 0


async def test_threat_D4_what_peers_may_still_add_to_a_log_that_a_reader_holds_is_bounded(
    opened: Callable[..., Counter],
) -> None:
    """D4: beyond the bound what is owed goes on, up to twice the bound; when the reader lets go, everything does."""
    bound = 1_000_000
    counter = opened(bounded=True, checkpoint_bytes=100_000, wal_bytes_max=bound)
    counter.writer.put(0, 10)
    await counter.reported(1)
    log = counter.path.with_name("numbers.db-wal")
    taken = 1
    with closing(open_for_reading(counter.path)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM number").fetchone()
        with suppress(CapacityError):
            while taken < 100:
                counter.writer.put(1_000, 100_000, essential=True)
                taken += 1
                await counter.reported(taken)
        with pytest.raises(CapacityError, match="write-ahead log"):
            counter.writer.put(1_000, 100_000, essential=True)
        assert 2 * bound < log.stat().st_size < 3 * bound
    async with asyncio.timeout(5):
        while counter.writer.busy() is not None:
            await asyncio.sleep(0.05)
    counter.writer.put(1, 10, essential=True)
    await counter.reported(taken + 1)


async def test_failure_latches_and_nothing_is_retried(opened: Callable[..., Counter]) -> None:
    """D2: whatever goes wrong on the way of a commit is told once; batch and queue are gone, nothing more is taken."""
    counter = opened(batch_items_max=2)
    for number in (1, 2, 3, -1, 4, 5):
        counter.writer.put(number, 10)
    failure = await asyncio.wait_for(counter.failed, 5)
    with pytest.raises(LedgerError) as again:
        counter.writer.put(6, 10)
    await counter.writer.close()

    assert again.value is failure
    assert isinstance(failure.__cause__, sqlite3.IntegrityError)
    assert (counter.batches, counter.rows()) == ([[1, 2]], [1, 2])


async def test_unexpected_error_of_the_work_latches_too(opened: Callable[..., Counter]) -> None:
    """A mistake of ours inside the transaction is no reason to go on as if nothing were."""

    def apply(connection: sqlite3.Connection, works: Sequence[int]) -> int:
        raise KeyError(works[0])

    counter = opened(apply)
    counter.writer.put(1, 10)

    assert isinstance((await asyncio.wait_for(counter.failed, 5)).__cause__, KeyError)


async def test_threat_D4_pinned_reader_means_busy_and_not_a_log_without_bound(opened: Callable[..., Counter]) -> None:
    """D4: while a reader holds an old snapshot the log cannot shrink; past the bound we are busy, then go on again."""
    counter = opened(checkpoint_bytes=100_000, wal_bytes_max=2_000_000)
    counter.writer.put(0, 10)
    await counter.reported(1)
    log = counter.path.with_name("numbers.db-wal")
    with closing(open_for_reading(counter.path)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM number").fetchone()
        taken = 0
        while counter.writer.busy() is None:
            counter.writer.put(1_000 + taken, 100_000)
            taken += 1
            await counter.reported(taken + 1)
        with pytest.raises(CapacityError, match="write-ahead log"):
            counter.writer.put(1, 10)
        grown = log.stat().st_size
        counter.writer.put(1, 10, essential=True)
        await counter.reported(taken + 2)
    assert grown < 2_000_000 + 20 * 100_000 + 500_000
    async with asyncio.timeout(5):
        while counter.writer.busy() is not None:
            await asyncio.sleep(0.05)
    counter.writer.put(2, 10)
    await counter.reported(taken + 3)

    assert log.stat().st_size < 200_000
    assert counter.writer.log_bytes() == 0


async def test_log_is_copied_back_between_batches(opened: Callable[..., Counter]) -> None:
    """The log starts over after each copy, so it stays near the size that starts one."""
    counter = opened(checkpoint_bytes=300_000)
    for number in range(60):
        counter.writer.put(1_000 + number, 100_000)
        await counter.reported(number + 1)

    assert counter.path.with_name("numbers.db-wal").stat().st_size < 1_500_000


async def test_close_commits_what_is_queued_and_takes_nothing_more(opened: Callable[..., Counter]) -> None:
    """An orderly stop loses nothing, and leaves no log behind."""
    counter = opened()
    for number in range(50):
        counter.writer.put(number, 10)
    await counter.writer.close()
    with pytest.raises(LedgerError, match="closed"):
        counter.writer.put(1, 10)

    assert counter.rows() == list(range(50))
    assert sum(map(len, counter.batches)) == 50
