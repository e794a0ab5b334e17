"""A process with a store, to be killed, starved of disk and lied to by its system calls.

    python -m tests.store.child run DIR SEED COUNT    admit COUNT messages, acknowledge most, say what was reported
    python -m tests.store.child check DIR SEED        read such sayings from stdin: is every one of them on disk?

`run` exits 74 when the store has failed, as the gateway does.
"""

import asyncio
import os
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from gateway.crypto.digests import sha256
from gateway.crypto.keys import from_private
from gateway.domain.errors import LedgerError
from gateway.store.interface import Acknowledge, AdmitMessage, Committed, Work
from gateway.store.kept import KeptMessage
from gateway.store.limits import StoreLimits, WriterLimits
from gateway.store.sqlite.connection import open_for_reading
from gateway.store.sqlite.engine import DATABASE, SqliteStore
from gateway.store.sqlite.receipts import Receipts
from gateway.store.sqlite.tiles import Tiles
from gateway.store.verify import verify_ledger
from tests.store import samples

FAILED = 74
WINDOW = 40
ACKNOWLEDGED_TOGETHER = 16
BODY_BYTES = 3_000
# Small enough that copying the log back is among what goes wrong.
LIMITS = StoreLimits(writer=WriterLimits(disk_free_bytes_min=0, checkpoint_bytes=64 * 1024, batch_items_max=20))


class Feeder:
    """Keeps a window of messages under way and says on stdout what the store reported."""

    def __init__(self, path: Path, seed: str, count: int) -> None:
        self.failed = asyncio.Event()
        self.done = asyncio.Event()
        self._left = count
        self._waiting = 0
        self._number = int.from_bytes(os.urandom(6), "big") << 8
        self._admitted: list[KeptMessage] = []
        self.store = open_store(path, seed, lambda _: self.failed.set())
        self.store.on_committed(self._reported)

    def fill(self) -> None:
        """Put until the window is full."""
        while self._waiting < WINDOW and self._left:
            self._left -= 1
            self._number += 1
            self._put(samples.admit(samples.message(self._number, body=os.urandom(BODY_BYTES))))
        if not self._waiting:
            self.done.set()

    def _put(self, work: Work) -> None:
        self._waiting += 1
        self.store.put(work)

    def _reported(self, batch: Sequence[tuple[Work, Committed]]) -> None:
        lines = []
        for work, done in batch:
            self._waiting -= 1
            kind = "admitted" if isinstance(work, AdmitMessage) else "ended"
            digest = sha256(done.receipt).hex()
            lines.append(f"{kind} {done.index} {digest} {done.ended}\n")
            if isinstance(work, AdmitMessage):
                self._admitted.append(work.message)
            elif isinstance(work, Acknowledge):
                assert done.ended == ACKNOWLEDGED_TOGETHER
        # One write: what was said was said whole.
        os.write(1, "".join(lines).encode())
        if len(self._admitted) >= 2 * ACKNOWLEDGED_TOGETHER and not self.failed.is_set():
            named, self._admitted = self._admitted[:ACKNOWLEDGED_TOGETHER], self._admitted[ACKNOWLEDGED_TOGETHER:]
            self._put(samples.acknowledge(*named))
        if not self.failed.is_set():
            self.fill()


def open_store(path: Path, seed: str, failed: samples.Failed) -> SqliteStore:
    """Open the store of the ledger whose key comes from `seed`."""
    return SqliteStore(
        path,
        network=samples.NETWORK,
        origin=samples.ORIGIN,
        key=from_private("checkpoint", bytes.fromhex(seed)),
        software="accord/child",
        limits=LIMITS,
        loop=asyncio.get_running_loop(),
        failed=failed,
    )


async def run(path: Path, seed: str, count: int) -> int:
    """Feed until done or failed."""
    try:
        feeder = Feeder(path, seed, count)
    except LedgerError as error:
        complain(error)
        return FAILED
    os.write(1, f"open {feeder.store.checkpoint().size} - 0\n".encode())
    try:
        feeder.fill()
        waits = {asyncio.ensure_future(feeder.failed.wait()), asyncio.ensure_future(feeder.done.wait())}
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        await feeder.store.close()
    except LedgerError as error:
        complain(error)
        return FAILED
    complain(feeder.store.failure or "done")
    return FAILED if feeder.store.failure is not None else 0


def complain(what: object) -> None:
    """Tell whoever reads the test's output."""
    sys.stderr.write(f"{what}\n")


async def check(path: Path, seed: str, lines: Sequence[str]) -> int:
    """Return 0 if everything that was said is on disk, the ledger verifies, and the store goes on."""
    public = from_private("checkpoint", bytes.fromhex(seed)).public
    store = open_store(path, seed, complain)
    with closing(open_for_reading(path / DATABASE)) as connection:
        receipts = Receipts(connection, Tiles(connection))
        missing = [
            line
            for line in lines
            if not line.startswith("open") and sha256(receipts.of(int(line.split()[1]))).hex() != line.split()[2]
        ]
    before = store.spooled()
    store.put(samples.admit(samples.message(1)))
    await store.close()
    report = verify_ledger(path, network=samples.NETWORK, origin=samples.ORIGIN, public=public)
    complain(f"{len(lines)} said, {len(missing)} missing, {report.entries} entries, {report.owed} owed")
    return 1 if missing or report.owed != before + 1 else 0


def main(command: str, path: str, seed: str, *rest: str) -> int:
    """Run one command; the process ends here and now, as after a failure nothing may be tidied up."""
    if command == "run":
        return asyncio.run(run(Path(path), seed, int(rest[0])))
    return asyncio.run(check(Path(path), seed, sys.stdin.read().splitlines()))


if __name__ == "__main__":
    code = main(*sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
