"""SIGKILL at any moment: what `send` returned for is delivered once, what was acknowledged is on disk."""

import asyncio
import os
import random
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from gateway.crypto.digests import decode_base64url
from gateway.endpoint import inbox, outbox
from gateway.endpoint.journal import Journal
from tests.endpoint.world import CZ, KZ, World, eventually, world, write_config

CYCLES = 10


class Offspring:
    """A process whose children can be started and killed; `said` is what they said, `pid` lines left out."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._in = process.stdin
        self._out = process.stdout
        self._child = 0
        self.said: list[str] = []

    async def bear(self, order: str) -> None:
        """Start a child."""
        self._in.write(order.encode() + b"\n")
        self._child = int((await self._line()).removeprefix("pid "))

    async def hear(self) -> None:
        """Wait until the child has said something."""
        self.said.append(await self._line())

    async def kill(self) -> None:
        """Kill the child with SIGKILL, wait until it is gone, and hear what it had still said."""
        child, self._child = self._child, 0
        if child:
            os.kill(child, signal.SIGKILL)
            while (line := await self._line()) != "gone":
                self.said.append(line)

    async def end(self) -> None:
        """Kill the child and end its parent."""
        await self.kill()
        self._in.close()

    async def _line(self) -> str:
        return (await asyncio.wait_for(self._out.readline(), 20)).decode().strip()


@asynccontextmanager
async def offspring() -> AsyncIterator[Offspring]:
    """Give a parent of processes; all end with the context."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.endpoint.offspring",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    children = Offspring(process)
    try:
        yield children
    finally:
        await children.end()
        await process.wait()


async def test_sender_killed_between_send_and_receipt_loses_nothing(tmp_path: Path) -> None:
    """P-07: ten kills; every digest that was printed has one effect at the gateway and ends with one receipt."""
    async with world(tmp_path) as made, offspring() as children:
        config = write_config(made, CZ)
        # The directory has to be there before anything can be sealed.
        async with made.endpoint(CZ, folder=config.parent / "data") as cz:
            assert await cz.link.until_connected(5)
        for cycle in range(CYCLES):
            made.gateway.manners.answers = cycle % 2 == 1
            await children.bear(f"send {config} {KZ}")
            await children.hear()
            await asyncio.sleep(random.uniform(0, 0.03))
            await children.kill()
        # A line that a kill cut in two promises nothing.
        promised = [decode_base64url(line) for line in children.said if len(line) == 43]
        assert len(promised) >= CYCLES
        made.gateway.manners.answers = True
        async with made.endpoint(CZ, folder=config.parent / "data") as cz:
            await eventually(lambda: outbox.waiting(cz.keeping.journal) == 0, 20)
            for digest in promised:
                row = outbox.find(cz.keeping.journal, "", digest)
                assert row is not None
                assert row.permitted == 1
        assert set(promised) <= set(made.gateway.effects)
        assert len(set(made.gateway.effects)) == len(made.gateway.effects)


async def _flood(made: World) -> None:
    async with made.endpoint(CZ) as cz:
        assert await cz.link.until_connected(5)
        for _ in range(6):
            await cz.send_all([made.post() for _ in range(10)])
        await eventually(lambda: len(made.gateway.effects) == 60)


async def test_recipient_killed_while_receiving_has_what_it_acknowledged(tmp_path: Path) -> None:
    """Acknowledged means on disk: after four kills nothing acknowledged is missing, and the rest comes once."""
    async with world(tmp_path) as made, offspring() as children:
        config = write_config(made, KZ)
        await _flood(made)
        everything = dict(made.gateway.owed[KZ])
        for kill in range(4):
            made.gateway.manners.delivers = False
            await children.bear(f"run {config}")
            await eventually(lambda: any(line.authority == KZ for line in made.gateway.lines), 20)
            made.gateway.manners.delivers = True
            left = [item for item in everything.items() if item[0] not in _acknowledged(made)]
            made.gateway.owed[KZ] = dict(left[: 10 * (kill + 1)])
            delivering = asyncio.create_task(made.gateway._deliver())
            await asyncio.sleep(random.uniform(0.001, 0.03))
            await children.kill()
            await delivering
            await eventually(lambda: not any(line.authority == KZ for line in made.gateway.lines), 20)
        made.gateway.owed[KZ] = {key: one for key, one in everything.items() if key not in _acknowledged(made)}
        async with made.endpoint(KZ, folder=config.parent / "data") as kz:
            assert _acknowledged(made) <= {row.header_sha256 for row in _rows(kz.keeping.journal)}
            await eventually(lambda: not made.gateway.owed[KZ], 20)
            assert sorted(row.header_sha256 for row in _rows(kz.keeping.journal)) == sorted(made.gateway.effects)


def _acknowledged(made: World) -> set[bytes]:
    return {digest for _, digest, _ in made.gateway.acknowledged}


def _rows(journal: Journal) -> list[inbox.Stored]:
    return inbox.newest(journal, 1_000, only_waiting=False)
