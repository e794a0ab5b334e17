"""A gateway that the machine stops or starves: it comes back, and nobody has lost anything."""

import asyncio
import resource
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

from gateway.endpoint.client import Endpoint, Post
from gateway.endpoint.handing import Message
from tests.app.processes import Running
from tests.system.house import House
from tests.system.peers import calling, digests, eventually

# Longer than any heartbeat of a link.
STOPPED_S = 12.0
MESSAGES = 40
SPARE_FILES = 3
KNOCKS = 30


async def test_threat_D6_gateway_stopped_for_a_while_delivers_everything_once(tmp_path: Path) -> None:
    """D6: endpoints keep what the stopped gateway did not answer, connect again, and each message arrives once."""
    house = House(tmp_path, 1)
    sender, recipient = house.senders[0], house.recipients[0]
    with house.running() as gateway:
        async with house.endpoint(sender, tmp_path) as sends, house.endpoint(recipient, tmp_path) as hears:
            await eventually(lambda: sends.link.connected and hears.link.connected)
            sent = [await sends.send(_post(house, number)) for number in range(MESSAGES)]
            gateway.signal(signal.SIGSTOP)
            try:
                sent += [await sends.send(_post(house, MESSAGES + number)) for number in range(MESSAGES)]
                await asyncio.sleep(STOPPED_S)
            finally:
                gateway.signal(signal.SIGCONT)
            arrived = [message.header_sha256 async for message in _some(hears.messages(), len(sent))]

            assert sorted(arrived) == sorted(message.sha256 for message in sent)
            assert await asyncio.gather(*[_accepted(sends, message.sha256) for message in sent])
            await eventually(lambda: gateway.metric('accord_queue_depth{priority="routine"}') == 0)
    assert house.verify().owed == 0


async def test_threat_D6_gateway_without_free_files_serves_who_is_connected(tmp_path: Path) -> None:
    """D6: when the process may open no more files newcomers wait, those who are connected are served as before."""
    house = House(tmp_path, 2)
    sender, recipient = house.senders[0], house.recipients[0]
    with house.running() as gateway:
        async with AsyncExitStack() as stack:
            caller = await stack.enter_async_context(calling(house, sender))
            hearer = await stack.enter_async_context(calling(house, recipient))
            limits = _starve(gateway)
            knocks = [_knock(house.port) for _ in range(KNOCKS)]
            sent = [house.envelope(sender, recipient) for _ in range(MESSAGES)]
            answers = await caller.submit(*sent)
            await eventually(lambda: len(hearer.deliveries) == MESSAGES)
            await hearer.acknowledge(sender, digests(hearer.deliveries))
            assert [answer.kind for answer in answers] == ["receipt"] * MESSAGES

            for knock in knocks:
                knock.close()
            resource.prlimit(gateway.process.pid, resource.RLIMIT_NOFILE, limits)
            late = await stack.enter_async_context(calling(house, house.senders[1]))
            assert (await late.submit(house.envelope(house.senders[1], recipient)))[0].kind == "receipt"
        assert gateway.process.poll() is None
    assert house.verify().entries >= MESSAGES + 1


def _post(house: House, number: int) -> Post:
    draft = house.federation.draft(house.senders[0].name)
    return Post(draft, f"message {number}".encode(), (house.recipients[0].name,))


async def _some(messages: AsyncIterator[Message], count: int) -> AsyncIterator[Message]:
    async with asyncio.timeout(60):
        async for message in messages:
            yield message
            count -= 1
            if count == 0:
                return


async def _accepted(endpoint: Endpoint, sha256: bytes) -> bool:
    found = await endpoint.answered(sha256, 20)
    return found is not None and found.answered


def _starve(gateway: Running) -> tuple[int, int]:
    """Let the process open hardly anything more; return its limits of before."""
    pid = gateway.process.pid
    highest = max(int(entry.name) for entry in Path(f"/proc/{pid}/fd").iterdir())
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (highest + 1 + SPARE_FILES, before[1]))
    return before


def _knock(port: int) -> socket.socket:
    """Open a connection and say nothing."""
    return socket.create_connection(("localhost", port), timeout=5)
