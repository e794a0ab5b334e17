"""Endpoints at several gateways: served where they are, moved by a drain, taken over after a kill, and revoked."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner
from msgspec.structs import replace

from gateway.cli.main import accord
from gateway.crypto.receipt import verify_receipt
from gateway.domain.directory import Edition
from gateway.endpoint.client import Endpoint, Post
from gateway.endpoint.keeping import Notice
from tests.federation import NETWORK, Member
from tests.postgres import fresh_schema
from tests.scale.cluster import Cluster, GatewayFiles
from tests.system.house import changed, header_digest
from tests.system.peers import Caller, digests, eventually, speaking
from tools.postgres import PostgresServer

GATEWAYS = 3
MOVED_MESSAGES = 60
TAKEN_OVER_WITHIN_S = 10.0
REVOKED_WITHIN_S = 5.0


@pytest.fixture
def cluster(tmp_path: Path, postgres_server: PostgresServer) -> Cluster:
    """Three gateways on one database, not started."""
    return Cluster(tmp_path / "cluster", GATEWAYS, 2, postgres_server.dsn, fresh_schema())


@asynccontextmanager
async def calling(cluster: Cluster, member: Member, gateway: GatewayFiles, after: int = 0) -> AsyncIterator[Caller]:
    """Give the link of `member` at one gateway, greeted and listening."""
    async with cluster.session(member, gateway) as session, speaking(session, member, after) as caller:
        yield caller


async def test_threat_E2_replay_at_another_gateway_finds_the_same_receipt(cluster: Cluster) -> None:
    """E2: byte-identical receipts of the first gateway, everywhere; delivered once, wherever the recipient is."""
    sender, recipient = cluster.senders[0], cluster.recipients[0]
    first, second, third = cluster.gateways
    raws = [cluster.envelope(sender, recipient) for _ in range(20)]
    cluster.start()
    try:
        async with calling(cluster, recipient, third) as hearer, calling(cluster, sender, first) as caller:
            began_s = time.monotonic()
            answers = await caller.submit(*raws)
            await eventually(lambda: len(hearer.deliveries) == len(raws))
            crossed_s = time.monotonic() - began_s
            async with calling(cluster, sender, second) as elsewhere:
                again = await elsewhere.submit(*raws)
            await hearer.acknowledge(sender, digests(hearer.deliveries))
            await eventually(lambda: len(caller.evidence) == len(raws))
            await asyncio.sleep(0.5)

        assert crossed_s < 2.0
        assert [answer.body for answer in again] == [answer.body for answer in answers]
        assert all(answer.duplicate and answer.permitted for answer in again)
        for raw, answer in zip(raws, answers, strict=True):
            verify_receipt(
                answer.body,
                object_sha256=header_digest(raw),
                gateways={first.origin: first.key.public},
                network=NETWORK,
            )
        assert sorted(digests(hearer.deliveries)) == sorted(map(header_digest, raws))
        assert len(caller.evidence) == len(raws)
    finally:
        cluster.stop()


async def test_gateway_killed_under_load_is_taken_over_by_its_peers(
    cluster: Cluster, record_property: Callable[[str, object], None]
) -> None:
    """What it admitted and had not delivered, what it had sent and nobody acknowledged: with a peer within 10 s."""
    sender, recipient = cluster.senders[0], cluster.recipients[0]
    doomed, peer, _ = cluster.gateways
    cluster.start()
    try:
        async with calling(cluster, sender, doomed) as caller, calling(cluster, recipient, doomed) as silent:
            raws = [cluster.envelope(sender, recipient) for _ in range(100)]
            answers = await caller.submit(*raws)
            assert all(answer.permitted for answer in answers)
            await eventually(lambda: silent.deliveries)
            doomed.kill()
            killed_s = time.monotonic()
            await eventually(lambda: silent.closed is not None)
        async with calling(cluster, recipient, peer) as hearer, calling(cluster, sender, peer) as caller:
            await eventually(lambda: len(hearer.deliveries) == len(raws))
            taken_over_s = time.monotonic() - killed_s
            record_property("taken_over_after_s", taken_over_s)
            await hearer.acknowledge(sender, digests(hearer.deliveries))
            await eventually(lambda: len(caller.evidence) == len(raws))
            replayed = await caller.submit(*raws)

        assert taken_over_s < TAKEN_OVER_WITHIN_S
        assert sorted(digests(hearer.deliveries)) == sorted(map(header_digest, raws))
        assert [answer.body for answer in replayed] == [answer.body for answer in answers]
    finally:
        cluster.stop()


class Talk:
    """A real endpoint that sends without a pause to another, and what both noticed."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.notices: list[Notice] = []
        self.sent: list[bytes] = []
        self.heard: list[bytes] = []

    async def send(self, cluster: Cluster, endpoint: Endpoint, recipient: Member, stop: asyncio.Event) -> None:
        """Send one message after another until told to stop."""
        await endpoint.link.until_connected(10)
        while not stop.is_set():
            post = Post(cluster.federation.draft(endpoint.authority), b"{}", (recipient.name,))
            self.sent.append((await endpoint.send(post)).sha256)
            await asyncio.sleep(0.01)

    async def hear(self, endpoint: Endpoint) -> None:
        """Take every message and hand it over."""
        async for message in endpoint.messages():
            self.heard.append(message.header_sha256)
            await endpoint.handed_over((message,))


async def test_drain_moves_endpoints_without_an_error_or_a_lost_message(cluster: Cluster) -> None:
    """`accord drain` under load: both sides go to the next gateway at once, no failure is noticed, nothing lost."""
    sender, recipient = cluster.senders[0], cluster.recipients[0]
    drained = cluster.gateways[0]
    talk = Talk()
    cluster.start()
    try:
        async with AsyncExitStack() as stack:
            one, two = [
                await stack.enter_async_context(cluster.endpoint(member, notify=talk.notices.append))
                for member in (sender, recipient)
            ]
            stop = asyncio.Event()
            hearing = asyncio.create_task(talk.hear(two))
            sending = asyncio.create_task(talk.send(cluster, one, recipient, stop))
            await eventually(lambda: len(talk.heard) >= MOVED_MESSAGES)
            told = await asyncio.to_thread(
                CliRunner().invoke, accord, ["drain", "--config", str(drained.config), "--within", "10"]
            )
            before = len(talk.heard)
            await eventually(lambda: len(talk.heard) >= before + MOVED_MESSAGES)
            stop.set()
            await sending
            await eventually(lambda: len(talk.heard) >= len(talk.sent))
            hearing.cancel()

            assert told.exit_code == 0, told.output
            assert {one.link.gateway, two.link.gateway} == {cluster.gateways[1].address}
            assert [notice for notice in talk.notices if notice.event == "disconnected"] == []
            assert [notice.event for notice in talk.notices].count("sent-on") == 2
            assert sorted(talk.heard) == sorted(talk.sent)
        assert drained.process.end() == 0
    finally:
        cluster.stop()


async def test_revocation_bites_at_every_gateway_within_5_s(
    cluster: Cluster, record_property: Callable[[str, object], None]
) -> None:
    """E26: one edition, put before three gateways: every link of the revoked certificate is closed, no other one is."""
    stolen, honest = cluster.senders

    def without(edition: Edition) -> Edition:
        return changed(
            edition,
            stolen.name,
            lambda one: replace(one, endpoints=tuple(replace(each, revoked=True) for each in one.endpoints)),
        )

    cluster.start()
    try:
        async with AsyncExitStack() as stack:
            links = [await stack.enter_async_context(calling(cluster, stolen, each)) for each in cluster.gateways]
            others = [await stack.enter_async_context(calling(cluster, honest, each)) for each in cluster.gateways]
            installed_s = cluster.install(without)
            await eventually(lambda: all(link.closed is not None for link in links))
            closed_s = max(link.closed_at_s for link in links) - installed_s
            record_property("closed_after_s", closed_s)
            raw = cluster.envelope(honest, cluster.recipients[0])
            permitted = [(await other.submit(raw))[0].permitted for other in others]

        assert closed_s < REVOKED_WITHIN_S
        assert [link.closed for link in links] == [4403] * GATEWAYS
        assert permitted == [True] * GATEWAYS
    finally:
        cluster.stop()


async def test_second_process_with_the_same_ledger_key_is_refused_with_the_remedy(
    cluster: Cluster, tmp_path: Path
) -> None:
    """G5: whether it has the same origin or another one, it does not start (78), and the first goes on."""
    first, second, _ = cluster.gateways
    first.start()
    first.process.wait_until_ready()
    try:
        for name in ("gateway.toml", "conf.d/scale.toml"):
            text = (second.folder / name).read_text().replace(second.origin, first.origin)
            (second.folder / name).write_text(text)
        for name in ("keys/checkpoint.pem", "tls/cert.pem", "tls/key.pem"):
            (second.folder / name).write_bytes((first.folder / name).read_bytes())
        told = await asyncio.to_thread(CliRunner().invoke, accord, ["gateway", "run", "--config", str(second.config)])

        assert told.exit_code == 78, told.output
        assert f"ledger `{first.origin}` is in use by another gateway" in told.output
        assert "an origin and a checkpoint key of its own" in told.output
        assert first.ready()
        assert first.process.end() == 0
    finally:
        cluster.stop()
