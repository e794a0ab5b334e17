"""The gateway is killed with SIGKILL under load, a hundred times; nothing that it acknowledged may be lost."""

import asyncio
import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

from gateway.cli.demo_files import free_ports
from gateway.crypto.digests import encode_base64url
from gateway.crypto.receipt import verify_receipt
from gateway.store.verify import verify_ledger
from tests.crash.clients import Pair, Recipient, Sender, play
from tests.deployment import Deployment
from tests.federation import NETWORK, ORIGIN

PAIRS = 2
# Long enough to be in the middle of batches, short enough for a hundred lives.
LIFE_S = (0.03, 0.25)
SETTLE_WITHIN_S = 60


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("cycles", "messages"), [(100, 2_000), pytest.param(1_000, 20_000, marks=pytest.mark.soak, id="soak")]
)
def test_kills_under_load_lose_nothing_and_double_nothing(tmp_path: Path, cycles: int, messages: int) -> None:
    """P-02, P-03, P-07, P-10: what a client saw receipted is proved, delivered and consigned exactly once.

    The seed is printed, so that a failure can be played again.
    """
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    deployment = Deployment(tmp_path, PAIRS, *free_ports(2))
    pairs = _pairs(deployment, messages // PAIRS)
    for _ in range(cycles):
        gateway = deployment.start()
        try:
            asyncio.run(_live(gateway, deployment, pairs, chance.uniform(*LIFE_S)))
        finally:
            _kill(gateway)
    gateway = deployment.start()
    try:
        asyncio.run(_settle(gateway, deployment, pairs))
    finally:
        gateway.terminate()
        assert gateway.wait(20) == 0
    print(f"{cycles} kills, {_check(deployment, pairs)}")


def _pairs(deployment: Deployment, messages: int) -> list[Pair]:
    pairs: list[Pair] = []
    for sender, recipient in zip(deployment.senders, deployment.recipients, strict=True):
        federation = deployment.federation
        raws = [
            federation.seal(federation.draft(sender.name), [recipient.name], b"synthetic", deployment.directory)
            for _ in range(messages)
        ]
        pairs.append(
            (
                Sender(raws, deployment.directory),
                deployment.context(sender),
                Recipient(recipient.name, sender.name, recipient.keys["acknowledgement"]),
                deployment.context(recipient),
            )
        )
    return pairs


async def _live(gateway: "subprocess.Popen[bytes]", deployment: Deployment, pairs: list[Pair], seconds: float) -> None:
    playing = asyncio.create_task(play(f"https://localhost:{deployment.port}", pairs))
    await asyncio.sleep(seconds)
    os.kill(gateway.pid, signal.SIGKILL)
    await playing


async def _settle(gateway: "subprocess.Popen[bytes]", deployment: Deployment, pairs: list[Pair]) -> None:
    """Submit everything once more, receipted or not, and wait for the last evidence."""
    playing = asyncio.create_task(play(f"https://localhost:{deployment.port}", pairs, again=True))
    deadline = time.monotonic() + SETTLE_WITHIN_S
    while not all(_settled(sender) for sender, *_ in pairs):
        assert gateway.poll() is None, "the gateway ended by itself"
        assert not playing.done(), playing.exception()
        assert time.monotonic() < deadline, [(sender.receipted, len(sender.outcomes)) for sender, *_ in pairs]
        await asyncio.sleep(0.05)
    playing.cancel()
    await asyncio.gather(playing, return_exceptions=True)


def _settled(sender: Sender) -> bool:
    return sender.resubmitted and len(sender.outcomes) == len(sender.receipts)


def _check(deployment: Deployment, pairs: list[Pair]) -> str:
    """Hold the gateway to what its clients saw, and its ledger to itself; return what was counted."""
    public = deployment.federation.checkpoint_key.public
    indices: set[int] = set()
    for sender, _, recipient, _ in pairs:
        assert sender.refused == 0
        assert set(recipient.deliveries) == set(sender.receipts), "lost or invented"
        assert all(outcome == {"consigned": 1} for outcome in sender.outcomes.values()), "a second effect"
        for digest, receipts in sender.receipts.items():
            assert len(receipts) == 1, f"several receipts for {encode_base64url(digest)}"
            (raw,) = receipts
            verified = verify_receipt(raw, object_sha256=digest, gateways={ORIGIN: public}, network=NETWORK)
            indices.add(verified.index)
    total = sum(len(sender.receipts) for sender, *_ in pairs)
    assert len(indices) == total
    again = sum(count - 1 for _, _, recipient, _ in pairs for count in recipient.deliveries.values())
    verify_ledger(deployment.folder / "data", network=NETWORK, origin=ORIGIN, public=public)
    return f"{total} messages: 0 lost, 0 doubled; {again} deliveries repeated and acknowledged once"


def _kill(gateway: "subprocess.Popen[bytes]") -> None:
    gateway.kill()
    gateway.wait()
