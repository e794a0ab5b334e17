"""Endpoints in a process of their own: real ones, with their state on disk; several share a process to spare memory.

They send to one another until they are told to stop, then wait until the end of everything they sent is proved to
them, and say what they know. What they know is what the checker holds the gateways to.
"""

import asyncio
import multiprocessing
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, suppress
from multiprocessing.connection import Connection

from msgspec import Struct

from gateway.crypto.digests import decode_base64url
from gateway.domain.errors import GatewayError
from gateway.endpoint import evidence, outbox, proofs
from gateway.endpoint.client import Endpoint, Post

PAUSE_S = 0.25
SETTLE_WITHIN_S = 90.0
LOOK_S = 0.2
LINGER_S = 5.0

# How to open an endpoint, and what it sends when it is its turn: nothing for a mere recipient.
Opened = tuple[Callable[[], Endpoint], Callable[[], Post] | None]


class Known(Struct):
    """What one endpoint knows in the end."""

    authority: str
    via: str
    sent: list[bytes]
    receipts: dict[bytes, bytes]
    refused: list[str]
    outcomes: dict[bytes, list[str]]
    handed: dict[bytes, int]
    replies: dict[bytes, int]
    alarms: list[str]
    unsettled: int


class Crowd:
    """One process of endpoints; `stop` ends their sending, `known` waits for what they know."""

    def __init__(self, opened: Sequence[Opened]) -> None:
        """Fork: the process inherits everything, and nothing of it is written down for it."""
        context = multiprocessing.get_context("fork")
        self._ours, theirs = context.Pipe()
        self._process = context.Process(target=_live, args=(list(opened), theirs), daemon=True)
        self._process.start()
        theirs.close()

    def progress(self) -> int:
        """Return how many receipts its endpoints have."""
        self._ours.send("progress")
        return int(self._ours.recv())

    def stop(self) -> None:
        """Have its endpoints send nothing more."""
        self._ours.send("stop")

    def known(self) -> list[Known]:
        """Return what its endpoints know once everything is settled, and end the process."""
        found: list[Known] = self._ours.recv()
        self._process.join(20)
        return found

    def kill(self) -> None:
        """End it, whatever it does."""
        if self._process.is_alive():
            self._process.kill()
            self._process.join()


class _Life:
    """One endpoint while it runs."""

    def __init__(self, endpoint: Endpoint, post: Callable[[], Post] | None) -> None:
        self.endpoint = endpoint
        self.post = post
        self.sent: list[bytes] = []
        self.handed: Counter[bytes] = Counter()
        self.replies: Counter[bytes] = Counter()

    async def send(self, stop: asyncio.Event) -> None:
        """Send one message after another."""
        while self.post is not None and not stop.is_set():
            # Without a directory nothing can be sealed; afterwards nothing keeps a message from the outbox.
            with suppress(GatewayError):
                self.sent.append((await self.endpoint.send(self.post())).sha256)
            await asyncio.sleep(PAUSE_S)

    async def hear(self) -> None:
        """Take what comes and hand it over; of an answer remember to what."""
        async for message in self.endpoint.messages():
            self.handed[message.header_sha256] += 1
            if message.header.in_reply_to is not None:
                self.replies[decode_base64url(message.header.in_reply_to)] += 1
            await self.endpoint.handed_over((message,), tell=False)

    @property
    def receipted(self) -> int:
        """How much of what was sent has a receipt."""
        return len(self.sent) - outbox.waiting(self.endpoint.keeping.journal)

    @property
    def unsettled(self) -> int:
        """How much of what was sent has no proved end yet."""
        journal = self.endpoint.keeping.journal
        waiting = (digest for digest in self.sent if not evidence.outcomes(journal, digest))
        return sum((row := outbox.find(journal, "", digest)) is None or row.permitted != 0 for digest in waiting)

    def known(self) -> Known:
        """Say what is on disk here."""
        journal = self.endpoint.keeping.journal
        rows = [row for digest in self.sent if (row := outbox.find(journal, "", digest)) is not None]
        return Known(
            authority=self.endpoint.authority,
            via=self.endpoint.gateways[0].url.split(":", 1)[0],
            sent=self.sent,
            receipts={row.object_sha256: row.receipt for row in rows if row.receipt is not None},
            refused=[_reasons(row.receipt) for row in rows if row.receipt is not None and not row.permitted],
            outcomes={digest: [one.outcome for one in evidence.outcomes(journal, digest)] for digest in self.sent},
            handed=dict(self.handed),
            replies=dict(self.replies),
            alarms=[row.kind for row in self.endpoint.keeping.alarms.rows(100, True)],
            unsettled=self.unsettled,
        )


def _reasons(receipt: bytes) -> str:
    return ", ".join(f"{reason.rule} {reason.code}" for reason in proofs.recorded(receipt).reasons)


def _live(opened: list[Opened], pipe: Connection) -> None:
    pipe.send(asyncio.run(_run(opened, pipe)))


async def _run(opened: list[Opened], pipe: Connection) -> list[Known]:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    async with AsyncExitStack() as stack:
        lives = [_Life(await stack.enter_async_context(make()), post) for make, post in opened]

        def obey() -> None:
            if pipe.recv() == "stop":
                stop.set()
            else:
                pipe.send(sum(life.receipted for life in lives))

        loop.add_reader(pipe.fileno(), obey)
        tasks = [asyncio.create_task(work) for life in lives for work in (life.hear(), life.send(stop))]
        await stop.wait()
        loop.remove_reader(pipe.fileno())
        with suppress(TimeoutError):
            async with asyncio.timeout(SETTLE_WITHIN_S):
                while any(life.unsettled for life in lives):
                    await asyncio.sleep(LOOK_S)
                # What is under way to us belongs to others, who wait for it in their processes.
                await asyncio.sleep(LINGER_S)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return [life.known() for life in lives]
