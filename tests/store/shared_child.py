"""A process with a store in PostgreSQL, to be killed or to have its server killed.

    python -m tests.store.shared_child DSN SCHEMA NUMBER SEED COUNT

It attends bravo, admits COUNT messages one window after the other, acknowledges most, and says on stdout what was
reported: `admitted ID H(receipt)` or `ended H(batch) H(receipt)`. With COUNT 0 it goes on for ever. Exit 74: the store
failed.
"""

import asyncio
import os
import sys
from collections.abc import Sequence
from uuid import UUID

from gateway.crypto.digests import sha256
from gateway.crypto.keys import from_private
from gateway.domain.errors import CapacityError, LedgerError
from gateway.store.interface import Acknowledge, AdmitMessage, Committed, Work
from gateway.store.kept import KeptMessage
from gateway.store.limits import PostgresSettings, StoreLimits, WriterLimits
from gateway.store.postgres.engine import PostgresStore
from tests.store import samples

FAILED = 74
WINDOW = 40
ACKNOWLEDGED_TOGETHER = 16


class Feeder:
    """Keeps a window of messages under way and says what the store reported."""

    def __init__(self, store: PostgresStore, count: int) -> None:
        """Admit `count` messages; 0: without end."""
        self.store = store
        self.done = asyncio.Event()
        self._left = count or 1 << 60
        self._waiting = 0
        self._number = int.from_bytes(os.urandom(5), "big") << 20
        self._admitted: list[KeptMessage] = []
        self._again: list[Work] = []
        store.on_committed(self._reported)

    async def run(self) -> None:
        """Put until everything was reported; what the store turns away is put again."""
        while not self.done.is_set():
            try:
                self.fill()
            except CapacityError:
                await asyncio.sleep(0.05)
                continue
            try:
                async with asyncio.timeout(0.05):
                    await self.done.wait()
            except TimeoutError:
                continue

    def fill(self) -> None:
        """Put until the window is full."""
        while self._again:
            self.put(self._again[0])
            self._again.pop(0)
        while self._waiting < WINDOW and self._left:
            self._number += 1
            self.put(samples.admit(samples.message(self._number, body=os.urandom(3_000))))
            self._left -= 1
        if not self._waiting and not self._left:
            self.done.set()

    def put(self, work: Work) -> None:
        """Put one item; it is waited for only if it was taken."""
        self.store.put(work)
        self._waiting += 1

    def _reported(self, batch: Sequence[tuple[Work, Committed]]) -> None:
        lines = []
        for work, done in batch:
            self._waiting -= 1
            digest = sha256(done.receipt).hex()
            if isinstance(work, AdmitMessage):
                lines.append(f"admitted {UUID(bytes=work.message.id)} {digest}\n")
                self._admitted.append(work.message)
            elif isinstance(work, Acknowledge):
                lines.append(f"ended {work.batch_sha256.hex()} {digest}\n")
                assert done.ended == ACKNOWLEDGED_TOGETHER
        # One write: what was said was said whole.
        os.write(1, "".join(lines).encode())
        while len(self._admitted) >= 2 * ACKNOWLEDGED_TOGETHER:
            named, self._admitted = self._admitted[:ACKNOWLEDGED_TOGETHER], self._admitted[ACKNOWLEDGED_TOGETHER:]
            self._again.append(samples.acknowledge(*named))
        try:
            self.fill()
        except CapacityError:
            return


async def main(dsn: str, schema: str, number: str, seed: str, count: str) -> int:
    """Feed until done or failed."""
    failed: list[LedgerError] = []
    store = PostgresStore(
        password=None,
        network=samples.NETWORK,
        origin=f"gateway-{number}.example/ledger",
        key=from_private("checkpoint", bytes.fromhex(seed)),
        software="accord/child",
        limits=StoreLimits(
            engine="postgres",
            writer=WriterLimits(batch_items_max=20),
            postgres=PostgresSettings(dsn=dsn, schema=schema, lease_s=600, alive_s=2, poll_s=0.2),
        ),
        loop=asyncio.get_running_loop(),
        failed=failed.append,
    )
    store.attend(frozenset({samples.BRAVO}))
    os.write(1, b"open - -\n")
    try:
        await Feeder(store, int(count)).run()
        await store.close()
    except LedgerError as error:
        failed.append(error)
    if failed:
        sys.stderr.write(f"{failed[0]}\n")
    return FAILED if failed else 0


if __name__ == "__main__":
    code = asyncio.run(main(*sys.argv[1:]))
    sys.stderr.flush()
    os._exit(code)
