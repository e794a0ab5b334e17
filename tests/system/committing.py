"""A store that commits batch after batch, and says after each how many receipts it has handed out.

Run under strace by `test_power`: what it asked of the kernel, and when, is all that the test goes by.
"""

import asyncio
import os
import sys
from pathlib import Path

import msgspec

from gateway.crypto.keys import to_pem
from gateway.store.limits import StoreLimits, WriterLimits
from tests.store.running import ENGINES, Running
from tests.store.samples import acknowledge, admit, message

BATCHES = 12
# Small enough that the log is copied back several times.
LIMITS = StoreLimits(writer=WriterLimits(disk_free_bytes_min=0, checkpoint_bytes=96 * 1024))


async def commit(folder: Path) -> None:
    """Commit messages, end some of their deliveries, and say `acked N` when N receipts are out."""
    running = Running(ENGINES["sqlite"], folder, LIMITS)
    receipts: list[bytes] = []
    for number in range(BATCHES):
        sent = [message(10 * number + place, body=os.urandom(3_000)) for place in range(3)]
        done = await running.commit(*[admit(each) for each in sent])
        done += await running.commit(acknowledge(sent[0]))
        receipts += [each.receipt for each in done]
        os.write(1, b"acked %d\n" % len(receipts))
    await running.close()
    (folder / "checkpoint.pem").write_bytes(to_pem(running.key))
    (folder / "receipts").write_bytes(msgspec.msgpack.encode(receipts))


if __name__ == "__main__":
    asyncio.run(commit(Path(sys.argv[1])))
