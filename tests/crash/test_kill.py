"""The gateway is killed with SIGKILL under load, a hundred times; nothing that it acknowledged may be lost."""

import asyncio
import os
import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec import Struct

from gateway.cli.demo_files import free_ports
from gateway.crypto.digests import encode_base64url
from gateway.crypto.receipt import verify_receipt
from gateway.crypto.sealing import Letter, recipient_key, seal_batch
from gateway.store.register import export
from gateway.store.verify import verify_ledger
from tests.crash.clients import News, Pair, Recipient, Sender, play
from tests.deployment import Deployment
from tests.federation import NETWORK, ORIGIN, Member, now_ms

PAIRS = 2
# From the first submission of a life to its kill. A commit comes every few milliseconds: the shortest lives end before
# their first one, the others anywhere in one of the next twenty.
LIFE_S = (0.0, 0.12)
# Then at once, or when the next receipts or evidence come: whatever is told too early is not on disk at that moment.
MOMENTS: tuple[News | None, ...] = (None, "receipt", "evidence")
WITHIN_S = 20
SETTLE_WITHIN_S = 60


class Tally(Struct):
    """What was in flight when the gateway was killed: how many kills, submissions and deliveries."""

    kills: int = 0
    idle: int = 0
    submissions: int = 0
    deliveries: int = 0

    def add(self, pairs: list[Pair]) -> None:
        """Count one kill, after every link has ended."""
        in_flight = [sender.in_flight() for sender, *_ in pairs]
        submissions, deliveries = (sum(counts) for counts in zip(*in_flight, strict=True))
        self.kills += 1
        self.idle += not submissions + deliveries
        self.submissions += submissions
        self.deliveries += deliveries


@pytest.mark.timeout(900)
@pytest.mark.parametrize("cycles", [100, pytest.param(1_000, marks=pytest.mark.soak, id="soak")])
def test_kills_under_load_lose_nothing_and_double_nothing(tmp_path: Path, cycles: int) -> None:
    """P-02, P-03, P-07, P-10: what a client saw receipted is proved, delivered and consigned exactly once.

    No kill may hit an idle gateway: senders never run out. The seed is printed, so that a failure can be played again.
    """
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    deployment = Deployment(tmp_path, PAIRS, *free_ports(2))
    pairs = _pairs(deployment)
    tally = Tally()
    for _ in range(cycles):
        gateway = deployment.start()
        try:
            asyncio.run(_live(gateway, deployment, pairs, chance.uniform(*LIFE_S), chance.choice(MOMENTS)))
        finally:
            _kill(gateway)
        tally.add(pairs)
        assert tally.idle == 0, f"kill {tally.kills} hit an idle gateway"
    gateway = deployment.start()
    try:
        asyncio.run(_settle(gateway, deployment, pairs))
    finally:
        gateway.terminate()
        assert gateway.wait(20) == 0
    print(_told(tally, pairs))
    print(_check(deployment, pairs))
    # Kills fell on both sides of a commit.
    recorded = _recorded(pairs)
    assert recorded[True] > 0
    assert recorded[False] > 0


def _pairs(deployment: Deployment) -> list[Pair]:
    return [
        (
            Sender(_sealing(deployment, sender, recipient), deployment.directory),
            deployment.context(sender),
            Recipient(recipient.name, sender.name, recipient.keys["acknowledgement"]),
            deployment.context(recipient),
        )
        for sender, recipient in zip(deployment.senders, deployment.recipients, strict=True)
    ]


def _sealing(deployment: Deployment, sender: Member, recipient: Member) -> Callable[[int], list[bytes]]:
    """Return what seals so many new messages, cheaply: under one batch signature."""
    federation = deployment.federation
    to = [recipient_key(deployment.directory, recipient.name, 2, now_ms())]

    def seal(count: int) -> list[bytes]:
        letters = [Letter(federation.draft(sender.name), b"synthetic", to) for _ in range(count)]
        return seal_batch(letters, [sender.keys["message"]])

    return seal


async def _live(
    gateway: "subprocess.Popen[bytes]", deployment: Deployment, pairs: list[Pair], seconds: float, news: News | None
) -> None:
    """Let everybody submit, and kill the gateway so many seconds after they all began to, or at the next `news`."""
    for sender, *_ in pairs:
        sender.begin()
    playing = asyncio.create_task(play(f"https://localhost:{deployment.port}", pairs))
    deadline = time.monotonic() + WITHIN_S
    while not all(sender.under_way for sender, *_ in pairs):
        if playing.done():
            await playing
            pytest.fail("the links ended before the kill")
        assert time.monotonic() < deadline, "nothing was submitted"
        await asyncio.sleep(0.001)
    await asyncio.sleep(seconds)
    if news is not None:
        await _next(news, pairs[0][0])
    assert gateway.poll() is None, "the gateway ended by itself"
    for sender, *_ in pairs:
        sender.stopped = True
    os.kill(gateway.pid, signal.SIGKILL)
    await playing


async def _next(news: News, sender: Sender) -> None:
    sender.heard[news].clear()
    async with asyncio.timeout(WITHIN_S):
        await sender.heard[news].wait()


async def _settle(gateway: "subprocess.Popen[bytes]", deployment: Deployment, pairs: list[Pair]) -> None:
    """Submit everything once more, receipted or not, and wait for the last evidence."""
    for sender, *_ in pairs:
        sender.begin()
    playing = asyncio.create_task(play(f"https://localhost:{deployment.port}", pairs, again=True))
    deadline = time.monotonic() + SETTLE_WITHIN_S
    while not all(_settled(sender) for sender, *_ in pairs):
        assert gateway.poll() is None, "the gateway ended by itself"
        if playing.done():
            await playing
            pytest.fail("the links ended by themselves")
        assert time.monotonic() < deadline, [sender.in_flight() for sender, *_ in pairs]
        await asyncio.sleep(0.05)
    playing.cancel()
    await asyncio.gather(playing, return_exceptions=True)


def _settled(sender: Sender) -> bool:
    return sender.resubmitted and len(sender.outcomes) == len(sender.receipts)


def _check(deployment: Deployment, pairs: list[Pair]) -> str:
    """Hold the gateway to what its clients saw, and its ledger to itself; return what was counted."""
    public = deployment.federation.checkpoint_key.public
    data = deployment.folder / "data"
    indices: set[int] = set()
    for sender, _, recipient, _ in pairs:
        assert sender.refused == 0
        assert set(recipient.deliveries) == set(sender.receipts), "lost or invented"
        assert all(outcome == {"consigned": 1} for outcome in sender.outcomes.values()), "a second effect"
        for digest, receipts in sender.receipts.items():
            ((raw, times),) = receipts.items()
            assert times > 1, "never repeated"
            verified = verify_receipt(raw, object_sha256=digest, gateways={ORIGIN: public}, network=NETWORK)
            indices.add(verified.index)
    submitted = Counter({encode_base64url(digest): 1 for sender, *_ in pairs for digest in sender.receipts})
    assert len(indices) == submitted.total()
    verify_ledger(data, network=NETWORK, origin=ORIGIN, public=public)
    for act in ("provision", "receipt"):
        assert Counter(line.header_sha256 for line in export(data) if line.act == act) == submitted, (
            f"not one {act} each"
        )
    again = sum(count - 1 for _, _, recipient, _ in pairs for count in recipient.deliveries.values())
    return (
        f"0 lost, 0 doubled, every receipt repeated byte for byte; {again} deliveries came again and were booked once"
    )


def _told(tally: Tally, pairs: list[Pair]) -> str:
    messages = sum(len(sender.receipts) for sender, *_ in pairs)
    receipts = sum(counts.total() for sender, *_ in pairs for counts in sender.receipts.values())
    recorded = _recorded(pairs)
    return (
        f"{messages} messages, {receipts} receipts, {tally.kills} kills, {tally.idle} of them idle;"
        f" in flight when killed: {tally.submissions} submissions ({recorded[True]} recorded already,"
        f" {recorded[False]} not yet) and {tally.deliveries} deliveries"
    )


def _recorded(pairs: list[Pair]) -> Counter[bool]:
    return sum((sender.recorded for sender, *_ in pairs), Counter[bool]())


def _kill(gateway: "subprocess.Popen[bytes]") -> None:
    gateway.kill()
    gateway.wait()
