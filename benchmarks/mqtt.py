"""What does a message cost the gateway through a broker, compared with a WebSocket?

One gateway process, one store, both links at once, in turns: some authorities come by WebSocket, others through a
Mosquitto with the configuration of `deploy/`. Messages (2 KiB, sealed and signed beforehand) go several in a frame,
acknowledgements many under one signature, on either way. Counted is the CPU time of the gateway process a message
that was admitted, delivered, acknowledged and whose evidence reached its originator. The broker's own CPU time is
printed beside it: it verifies nothing, judges nothing, writes nothing to disk.
"""

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self, cast

import aiohttp
from aiohttp import ClientWebSocketResponse, WSMsgType
from msgspec import Struct

from benchmarks.machine import Verification, describe
from benchmarks.peers import Meter, Recipient, Sender, connect
from benchmarks.switching import BODY_BYTES, BUSY_MIN, DRIVER_CORE, GATEWAY_CORE, Process, end
from gateway.cli.demo_files import free_ports
from gateway.crypto.digests import sha256
from gateway.crypto.envelope import decode_envelope
from gateway.crypto.sealing import Letter, message_id, recipient_key, seal, seal_batch
from gateway.wire import frames
from gateway.wire.broker import BrokerLink
from gateway.wire.broker_frames import encode_addressed, tag_of
from gateway.wire.broker_limits import BrokerLimits
from gateway.wire.broker_words import Inbound
from gateway.wire.topics import ACKNOWLEDGE, SUBMIT, endpoint_filters, topic
from tests.deployment import Deployment
from tests.federation import NETWORK, ORIGIN, Member, now_ms
from tests.links.broker import Broker
from tests.links.mqtt_house import behind, name_at_broker, settings
from tools.services import find_program

PAIRS = 10
TURNS = 5
TOGETHER = 32
WINDOW = 128
PRESENCE_S = 5.0
RATIO_MAX = 2.0
# The quotas of one topic and of one authority may not decide a benchmark; every other bound stays as it ships.
QUOTAS = (
    "messages_per_s = 1_000_000\nmessages_burst = 1_000_000\nbytes_per_s = 1_000_000_000\nbytes_burst = 1_000_000_000\n"
)


class Turn(Struct, frozen=True):
    """One way, once: messages, seconds, CPU seconds of gateway and broker."""

    way: str
    messages: int
    seconds: float
    gateway_s: float
    broker_s: float


class MqttSocket:
    """A session through the broker that looks to the drivers like a WebSocket."""

    def __init__(self, broker: Broker, member: Member) -> None:
        """Describe the connection of one authority."""
        self._id = name_at_broker(member.name)
        self._queue: asyncio.Queue[Inbound] = asyncio.Queue()
        self._link = BrokerLink(
            broker.address(self._id),
            self._id,
            BrokerLimits(receive_max=256, publishes_max=256),
            self._queue.put_nowait,
            lambda _, code: None if code == 0 else sys.exit(f"the broker answers 0x{code:02x}"),
            durable=False,
        )

    async def open(self) -> Self:
        """Connect, hear the gateway's hello, and say ours, wanting everything."""
        await self._link.connect()
        await self._link.subscribe(endpoint_filters(self._id))
        self._say(b"")
        hello = await self._queue.get()
        self._link.acknowledge(hello)
        assert tag_of(hello.payload) == "hello"
        self.present()
        return self

    def present(self) -> None:
        """Say that we are here."""
        self._say(frames.encode(frames.EndpointHello(seen=None, evidence_after=0)))

    async def send_bytes(self, raw: bytes) -> None:
        """Send one frame."""
        if tag_of(raw) == "submit":
            self._link.publish(topic(self._id, SUBMIT), raw)
        else:
            self._say(raw)

    def __aiter__(self) -> AsyncIterator[Any]:
        """Give frames as a WebSocket would."""
        return self._frames()

    async def close(self) -> None:
        """End the connection."""
        await self._link.close(expire=True)

    async def _frames(self) -> AsyncIterator[Any]:
        while True:
            inbound = await self._queue.get()
            self._link.acknowledge(inbound)
            if tag_of(inbound.payload) != "hello":
                yield SimpleNamespace(type=WSMsgType.BINARY, data=inbound.payload)

    def _say(self, raw: bytes) -> None:
        self._link.publish(topic(self._id, ACKNOWLEDGE), encode_addressed(ORIGIN, 0, raw))


def prepare(deployment: Deployment, number: int, messages: int, together: int) -> list[bytes]:
    """Return the envelopes of one sender for one turn; `together` above one signs that many at once."""
    sender, recipient = deployment.senders[number], deployment.recipients[number]
    key = recipient_key(deployment.directory, recipient.name, 2, now_ms())
    signers = [sender.keys["message"]]
    times = range(now_ms() - messages, now_ms())[:messages]
    letters = [
        Letter(
            deployment.federation.draft(sender.name, id=message_id(at_ms), sent_at_ms=at_ms),
            os.urandom(BODY_BYTES),
            [key],
        )
        for at_ms in times
    ]
    if together == 1:
        return [seal(letter.draft, letter.plaintext, letter.recipients, signers) for letter in letters]
    groups = [letters[begin : begin + together] for begin in range(0, messages, together)]
    return [raw for group in groups for raw in seal_batch(group, signers)]


class Way:
    """Ten pairs of authorities on one kind of link, connected for the whole run."""

    def __init__(self, name: str, deployment: Deployment, first: int) -> None:
        """Take the pairs from `first` on."""
        self.name = name
        self._deployment = deployment
        self._numbers = range(first, first + PAIRS)
        self._sockets: list[ClientWebSocketResponse] = []
        self._originators: list[dict[bytes, str]] = []
        self._recipients: list[asyncio.Task[None]] = []
        self.meter = Meter()

    async def open(self, link: Any) -> None:
        """Connect everybody by `link`, which opens one authority's connection; recipients begin to acknowledge."""
        for number in self._numbers:
            recipient = self._deployment.recipients[number]
            originators: dict[bytes, str] = {}
            self._originators.append(originators)
            key = recipient.keys["acknowledgement"]
            driver = Recipient(NETWORK, recipient.name, originators, key, self.meter)
            self._recipients.append(asyncio.create_task(driver.run(await link(recipient))))
            self._sockets.append(await link(self._deployment.senders[number]))

    async def turn(self, messages: int, together: int, gateway: Process, broker: Process) -> Turn:
        """Send, and wait until every originator has its evidence."""
        each = messages // PAIRS
        prepared = [prepare(self._deployment, number, each, together) for number in self._numbers]
        for number, raws, originators in zip(self._numbers, prepared, self._originators, strict=True):
            originators.update({sha256(decode_envelope(raw).h): self._deployment.senders[number].name for raw in raws})
        wanted = self.meter.evidenced + each * PAIRS
        senders = [_Continued(raws, self.meter, self._number) for raws in prepared]
        listening = [
            asyncio.create_task(sender.listen(socket)) for sender, socket in zip(senders, self._sockets, strict=True)
        ]
        begun, cpu_s, broker_s = time.monotonic(), gateway.cpu_s(), broker.cpu_s()
        await asyncio.gather(*(one.run(socket) for one, socket in zip(senders, self._sockets, strict=True)))
        deadline = time.monotonic() + 20
        while self.meter.evidenced < wanted and time.monotonic() < deadline:
            await asyncio.sleep(0.005)
        took = Turn(
            self.name,
            each * PAIRS - (wanted - self.meter.evidenced),
            time.monotonic() - begun,
            gateway.cpu_s() - cpu_s,
            broker.cpu_s() - broker_s,
        )
        for task in listening:
            task.cancel()
        await asyncio.gather(*listening, return_exceptions=True)
        self._number += each
        return took

    _number = 0

    def close(self) -> None:
        """Stop acknowledging."""
        for task in self._recipients:
            task.cancel()


class _Continued(Sender):
    """A sender whose numbers go on where the turn before ended."""

    def __init__(self, envelopes: list[bytes], meter: Meter, number: int) -> None:
        super().__init__(envelopes, meter, window=WINDOW, together=TOGETHER)
        self._number = number


async def drive(
    deployment: Deployment, broker: Broker, watch: tuple[Process, Process], messages: int, together: int
) -> list[Turn]:
    """Let both ways take turns; return what each cost."""
    url = f"https://localhost:{deployment.port}"
    mqtt: list[MqttSocket] = []
    async with aiohttp.ClientSession() as session:

        async def by_websocket(member: Member) -> ClientWebSocketResponse:
            return await connect(session, url, deployment.context(member))

        async def by_mqtt(member: Member) -> ClientWebSocketResponse:
            mqtt.append(await MqttSocket(broker, member).open())
            return cast(ClientWebSocketResponse, mqtt[-1])

        async def stay() -> None:
            while True:
                await asyncio.sleep(PRESENCE_S)
                for socket in mqtt:
                    socket.present()

        ways = (Way("WebSocket", deployment, 0), Way("MQTT", deployment, PAIRS))
        await ways[0].open(by_websocket)
        await ways[1].open(by_mqtt)
        staying = asyncio.create_task(stay())
        turns = [await way.turn(messages, together, *watch) for _ in range(TURNS) for way in ways]
        staying.cancel()
        for way in ways:
            way.close()
        for socket in mqtt:
            await socket.close()
        # The first turn of either way warms it up.
        return turns[2:]


def run(messages: int, together: int) -> bool:
    """Measure and print; return whether the path through the broker is within its bound."""
    with tempfile.TemporaryDirectory(prefix="accord-mqtt-") as name:
        folder = Path(name)
        deployment = Deployment(folder, 2 * PAIRS, *free_ports(2))
        broker = Broker(folder, logged=False)
        deployment.directory = deployment.federation.directory(behind(broker)(deployment.federation.edition()))
        (folder / "directory" / "edition.accord").write_bytes(deployment.directory.raw)
        (folder / "conf.d" / "mqtt.toml").write_text(settings(broker) + QUOTAS)
        broker.start()
        os.sched_setaffinity(broker.pid, {DRIVER_CORE})
        gateway = deployment.start(GATEWAY_CORE)
        try:
            until_connected(folder / "gateway.log")
            watch = Process(gateway.pid), Process(broker.pid)
            turns = asyncio.run(drive(deployment, broker, watch, messages, together))
        finally:
            end(gateway)
            broker.kill()
    return report(turns)


def until_connected(log: Path) -> None:
    """Wait until the gateway has its broker."""
    deadline = time.monotonic() + 20
    while b'"broker-connected"' not in log.read_bytes():
        if time.monotonic() > deadline:
            raise RuntimeError(log.read_text())
        time.sleep(0.02)


def report(turns: list[Turn]) -> bool:
    """Print each way and their ratio."""
    unit_us = Verification().median_us()
    costs: dict[str, float] = {}
    for name in ("WebSocket", "MQTT"):
        mine = [turn for turn in turns if turn.way == name]
        each = [turn.gateway_s / turn.messages * 1e6 for turn in mine]
        costs[name] = statistics.median(each)
        rate = statistics.median(turn.messages / turn.seconds for turn in mine)
        busy = statistics.median(turn.gateway_s / turn.seconds for turn in mine)
        broker_us = statistics.median(turn.broker_s / turn.messages * 1e6 for turn in mine)
        print(
            f"  {name:<9} {costs[name]:.0f} us a message [{min(each):.0f}-{max(each):.0f}] "
            f"({costs[name] / unit_us:.2f} verifications), {rate:.0f} messages/s, core {busy:.0%} busy; "
            f"broker {broker_us:.0f} us a message",
            flush=True,
        )
    if min(turn.gateway_s / turn.seconds for turn in turns) < BUSY_MIN:
        print(
            f"  the core was not always {BUSY_MIN:.0%} busy: either way costs more a message than it would at full load"
        )
    ratio = costs["MQTT"] / costs["WebSocket"]
    print(f"  MQTT costs the gateway {ratio:.2f} times its WebSocket path (bound {RATIO_MAX})", flush=True)
    return ratio <= RATIO_MAX


def main() -> int:
    """Print the answer; exit code 1 if the path through the broker costs too much."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=3_000)
    parser.add_argument("--together", type=int, nargs="*", default=[1, 32])
    options = parser.parse_args()
    program = find_program("mosquitto")
    if program is None:
        print("no mosquitto: `make services` or install the package; the link through a broker is not measured")
        return 0
    os.sched_setaffinity(0, {DRIVER_CORE})
    print(describe())
    version = subprocess.run([str(program), "-h"], capture_output=True, text=True, check=False).stdout.splitlines()[0]
    print(f"{version}, as deploy/mosquitto has it, with the drivers on the other core")
    print(
        f"{PAIRS} pairs by WebSocket, {PAIRS} through Mosquitto, in {TURNS - 1} turns of {options.messages} messages; "
        f"{BODY_BYTES} B bodies, suite 2, mutual TLS 1.3, {TOGETHER} envelopes a frame, fsync a batch"
    )
    within = True
    for together in options.together:
        print(f"signed {'singly' if together == 1 else f'in batches of {together}'}:", flush=True)
        within &= run(options.messages, together)
    return 0 if within else 1


if __name__ == "__main__":
    sys.exit(main())
