"""What do more gateways bring, on which engine, over which link, and where is the ceiling?

Real gateway processes, PostgreSQL and Mosquitto, all on this machine; this process plays ten senders and recipients.
A sender is at one gateway, its recipient at the next, so with several every message crosses the database. Messages
(2 KiB, sealed and signed in batches beforehand) count once their acknowledgement reached the originator. CPU is that
of all gateways, of the database's processes and of the broker, a message; the ceiling is whatever is busiest.

    python -m benchmarks.gateways [--messages 3000]
"""

import argparse
import asyncio
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, cast

import aiohttp
from aiohttp import ClientWebSocketResponse
from msgspec import Struct

from benchmarks.machine import describe
from benchmarks.mqtt import MqttSocket, prepare
from benchmarks.peers import Meter, Recipient, Sender, connect
from benchmarks.switching import BODY_BYTES, TICKS, Process
from gateway.crypto.digests import sha256
from gateway.crypto.envelope import decode_envelope
from gateway.wire.broker_frames import encode_addressed
from gateway.wire.topics import ACKNOWLEDGE, topic
from tests.federation import NETWORK, Member
from tests.links.broker import Broker
from tests.links.mqtt_house import behind, name_at_broker, settings
from tests.scale.cluster import Cluster, GatewayFiles
from tests.scale.test_chaos import broker_rules
from tools.postgres import PostgresServer
from tools.services import UnavailableError, find_program

PAIRS = 10
TOGETHER = 32
WINDOW = 128
SETTLE_S = 60.0
# More than this share of its one core, and a process is the ceiling.
BUSY = 0.85

Open = Callable[[Member, GatewayFiles], Any]


class Row(Struct, frozen=True):
    """One run: what was asked, how many messages in how many seconds, CPU seconds of everybody."""

    link: str
    engine: str
    gateways: int
    messages: int
    seconds: float
    gateway_s: tuple[float, ...]
    database_s: float
    broker_s: float
    driver_s: float

    def text(self) -> str:
        """Return the row as it is printed."""
        each = [
            1e6 * seconds / max(1, self.messages) for seconds in (sum(self.gateway_s), self.database_s, self.broker_s)
        ]
        return (
            f"{self.link:<10} {self.engine:<9} {self.gateways}  {self.messages / self.seconds:6.0f}/s"
            f"  {each[0]:6.0f} us  {each[1]:6.0f} us  {each[2]:6.0f} us  {self.ceiling()}"
        )

    def ceiling(self) -> str:
        """Say what was busiest."""
        shares = {f"gateway {number}": seconds for number, seconds in enumerate(self.gateway_s)}
        shares = {**shares, "the drivers": self.driver_s, "the broker": self.broker_s, "the database": self.database_s}
        name, seconds = max(shares.items(), key=lambda item: item[1])
        cores = os.cpu_count() or 1
        used = sum(shares.values()) / self.seconds / cores
        if used >= BUSY:
            return f"the {cores} cores of this machine ({used:.0%}; most by {name})"
        share = seconds / self.seconds
        return (
            f"{name}, {share:.0%} of a core" if share >= BUSY else f"waiting (busiest: {name}, {share:.0%} of a core)"
        )


class BrokerSocket(MqttSocket):
    """A session with a named gateway through the broker."""

    def __init__(self, broker: Broker, member: Member, origin: str) -> None:
        """Speak to the gateway of `origin`; submissions go to whichever of them the broker picks."""
        super().__init__(broker, member)
        self._origin = origin
        self._name = name_at_broker(member.name)

    def _say(self, raw: bytes) -> None:
        self._link.publish(topic(self._name, ACKNOWLEDGE), encode_addressed(self._origin, 0, raw))


def measure(link: str, engine: str, gateways: int, messages: int, server: PostgresServer | None) -> Row:
    """Run once with fresh files, a fresh schema and fresh processes."""
    with tempfile.TemporaryDirectory(prefix="accord-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        broker = Broker(folder, acl=broker_rules(gateways), logged=False) if link == "MQTT" else None
        change = behind(broker) if broker is not None else lambda edition: edition
        dsn = server.dsn if server is not None else ""
        cluster = Cluster(folder / "cluster", gateways, PAIRS, dsn, f"bench_{time.time_ns()}", change=change)
        for gateway in cluster.gateways:
            overlay = gateway.folder / "conf.d"
            if engine == "SQLite":
                (overlay / "scale.toml").write_text(
                    "[switch]\nmessages_per_s = 1_000_000\nmessages_burst = 1_000_000\n"
                )
            if broker is not None:
                (overlay / "broker.toml").write_text(settings(broker, name=f"gateway-{gateway.number}"))
        if broker is not None:
            broker.start()
            stack.callback(broker.kill)
        stack.callback(cluster.stop)
        cluster.start()
        return asyncio.run(_drive(link, engine, cluster, broker, server, messages))


async def _drive(
    link: str, engine: str, cluster: Cluster, broker: Broker | None, server: PostgresServer | None, messages: int
) -> Row:
    each = messages // PAIRS
    prepared = [prepare(cast(Any, cluster), number, each, TOGETHER) for number in range(PAIRS)]
    meter = Meter()
    watched = [Process(gateway.process.process.pid) for gateway in cluster.gateways]
    async with aiohttp.ClientSession() as session:

        async def by_websocket(member: Member, gateway: GatewayFiles) -> ClientWebSocketResponse:
            return await connect(session, gateway.address.url, cluster.context(member, gateway))

        async def by_broker(member: Member, gateway: GatewayFiles) -> ClientWebSocketResponse:
            assert broker is not None
            return cast(ClientWebSocketResponse, await BrokerSocket(broker, member, gateway.origin).open())

        opened = by_websocket if broker is None else by_broker
        tasks, links = await _connect(cluster, opened, prepared, meter)
        before = _spent(watched, server, broker)
        begun, driver_s = time.monotonic(), time.process_time()
        senders = [Sender(raws, meter, WINDOW, TOGETHER) for raws in prepared]
        tasks += [asyncio.create_task(sender.listen(one)) for sender, one in zip(senders, links, strict=True)]
        await asyncio.gather(*(sender.run(one) for sender, one in zip(senders, links, strict=True)))
        while meter.evidenced < each * PAIRS and time.monotonic() < begun + SETTLE_S:
            await asyncio.sleep(0.01)
        seconds, driver_s = time.monotonic() - begun, time.process_time() - driver_s
        after = _spent(watched, server, broker)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    gateway_s = tuple(late - early for late, early in zip(after[0], before[0], strict=True))
    return Row(
        link=link,
        engine=engine,
        gateways=len(cluster.gateways),
        messages=meter.evidenced,
        seconds=seconds,
        gateway_s=gateway_s,
        database_s=after[1] - before[1],
        broker_s=after[2] - before[2],
        driver_s=driver_s,
    )


async def _connect(
    cluster: Cluster, opened: Open, prepared: Sequence[list[bytes]], meter: Meter
) -> tuple[list[asyncio.Task[None]], list[ClientWebSocketResponse]]:
    tasks, links = [], []
    count = len(cluster.gateways)
    for number, raws in enumerate(prepared):
        sender, recipient = cluster.senders[number], cluster.recipients[number]
        originators = {sha256(decode_envelope(raw).h): sender.name for raw in raws}
        driver = Recipient(NETWORK, recipient.name, originators, recipient.keys["acknowledgement"], meter)
        heard = await opened(recipient, cluster.gateways[(number + 1) % count])
        tasks.append(asyncio.create_task(driver.run(heard)))
        links.append(await opened(sender, cluster.gateways[number % count]))
    return tasks, links


def _spent(
    gateways: Sequence[Process], server: PostgresServer | None, broker: Broker | None
) -> tuple[list[float], float, float]:
    database_s = 0.0 if server is None else _family_s(server.pid)
    return [each.cpu_s() for each in gateways], database_s, 0.0 if broker is None else Process(broker.pid).cpu_s()


def _family_s(pid: int) -> float:
    """CPU seconds of a server and its children, of those that have ended too."""
    total = 0.0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(stat.parent.name) == pid:
            total += sum(map(int, fields[11:15])) / TICKS
        elif int(fields[1]) == pid:
            total += sum(map(int, fields[11:13])) / TICKS
    return total


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=3_000)
    messages = parser.parse_args().messages
    print(describe())
    print(f"{PAIRS} senders, {PAIRS} recipients, {BODY_BYTES} B bodies, {messages} messages a row, fsync a batch")
    print("link       engine    gateways  rate   CPU a message: gateways, database, broker; ceiling", flush=True)
    try:
        server: PostgresServer | None = PostgresServer()
    except UnavailableError as error:
        server = None
        print(f"no rows for PostgreSQL: {error}")
    try:
        if server is not None:
            server.start()
        for link in ("WebSocket", *(("MQTT",) if find_program("mosquitto") else ())):
            print(measure(link, "SQLite", 1, messages, None).text(), flush=True)
            for gateways in (1, 2, 3) if server is not None else ():
                print(measure(link, "PostgreSQL", gateways, messages, server).text(), flush=True)
    finally:
        if server is not None:
            server.remove()


if __name__ == "__main__":
    main()
