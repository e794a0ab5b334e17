"""What does the store cost for each message, in verifications?

Messages are made beforehand; then the loop puts them and the writer thread records, proves, commits with fsync and
reports. Counted is the CPU time of the whole process between put and report, nothing else: no TLS, no verification,
no policy. The unit is measured before and after every window of the same run.

    python -m benchmarks.store [--messages 4000] [--windows 7]
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.machine import Verification, describe
from gateway.domain.message import AuthenticMessage
from gateway.store.interface import Committed, Store, Work
from gateway.store.limits import StoreLimits, WriterLimits
from gateway.store.sqlite.engine import SqliteStore
from tests.store import samples

BODY_BYTES = 2_048
WRAP_BYTES = 1_168
AUTHORITIES = 20
ACKNOWLEDGED_TOGETHER = 32
QUEUED_MAX = 400


class Run:
    """Puts prepared work with a bounded queue and waits until all of it was reported."""

    def __init__(self, store: Store) -> None:
        """Listen to `store`."""
        self._store = store
        self._waiting = 0
        self._batches = 0
        self._progress = asyncio.Event()
        store.on_committed(self._reported)

    def _reported(self, batch: Sequence[tuple[Work, Committed]]) -> None:
        self._waiting -= len(batch)
        self._batches += 1
        self._progress.set()

    async def measure(self, works: Sequence[Work]) -> tuple[float, float, float]:
        """Return CPU microseconds an item, items a second, items a batch."""
        self._batches = 0
        cpu, wall = time.process_time_ns(), time.perf_counter()
        for work in works:
            self._store.put(work)
            self._waiting += 1
            if self._waiting >= QUEUED_MAX:
                await self._wait_below(QUEUED_MAX)
        await self._wait_below(1)
        spent = (time.process_time_ns() - cpu) / 1_000
        return spent / len(works), len(works) / (time.perf_counter() - wall), len(works) / max(1, self._batches)

    async def _wait_below(self, count: int) -> None:
        while self._waiting >= count:
            self._progress.clear()
            await self._progress.wait()


def prepare(first: int, count: int) -> list[AuthenticMessage]:
    """Make `count` distinct messages of 2 KiB for twenty recipients."""
    body = bytes(BODY_BYTES)
    return [
        samples.message(
            number,
            originator=f"sender-{number % AUTHORITIES}",
            recipients=(f"recipient-{number % AUTHORITIES}",),
            body=body,
            wrap_bytes=WRAP_BYTES,
        )
        for number in range(first, first + count)
    ]


def acknowledgements(messages: Sequence[AuthenticMessage]) -> list[Work]:
    """Make the recipients' signed batches for `messages`."""
    by_recipient: dict[str, list[AuthenticMessage]] = {}
    for message in messages:
        by_recipient.setdefault(message.header.recipients[0].authority, []).append(message)
    return [
        samples.acknowledge(*owed[start : start + ACKNOWLEDGED_TOGETHER], by=recipient)
        for recipient, owed in by_recipient.items()
        for start in range(0, len(owed), ACKNOWLEDGED_TOGETHER)
    ]


async def main(messages: int, windows: int) -> None:
    """Print the costs of admission and acknowledgement as ratios."""
    print(describe())
    unit = Verification()
    admitted: list[float] = []
    ended: list[float] = []
    with tempfile.TemporaryDirectory(prefix="accord-bench-") as folder:
        store = SqliteStore(
            Path(folder) / "data",
            network=samples.NETWORK,
            origin=samples.ORIGIN,
            key=samples.checkpoint_key(),
            software="benchmark",
            limits=StoreLimits(writer=WriterLimits(disk_free_bytes_min=0)),
            loop=asyncio.get_running_loop(),
            failed=lambda error: print(f"failed: {error}"),
        )
        run = Run(store)
        for window in range(windows):
            batch = prepare(window * messages, messages)
            works: list[Work] = [samples.admit(message) for message in batch]
            before_us = unit.median_us()
            cost_us, rate, together = await run.measure(works)
            middle_us = unit.median_us()
            said = acknowledgements(batch)
            end_us, _, _ = await run.measure(said)
            after_us = unit.median_us()
            end_us = end_us * len(said) / messages
            admitted.append(cost_us / ((before_us + middle_us) / 2))
            ended.append(end_us / ((middle_us + after_us) / 2))
            print(
                f"window {window}: admit {cost_us:5.1f} us ({admitted[-1]:.2f}), acknowledge {end_us:5.1f} us"
                f" ({ended[-1]:.2f}), verification {middle_us:5.1f} us, {rate:,.0f}/s, {together:.0f} a batch"
            )
        await store.close()
    print(f"admission:       {statistics.median(admitted):.2f} verifications a message (budget 0.30)")
    print(f"acknowledgement: {statistics.median(ended):.2f} verifications a message")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=4_000, help="messages a window")
    parser.add_argument("--windows", type=int, default=7, help="windows; the first warms up")
    arguments = parser.parse_args()
    asyncio.run(main(arguments.messages, arguments.windows))
