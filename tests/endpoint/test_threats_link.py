"""What a connection may do to an endpoint: refuse it, hang up, cut it anywhere, not read, speak to its terminal."""

import asyncio
import dataclasses
from pathlib import Path

import pytest
from msgspec.structs import replace

from gateway.domain.errors import TrustError
from gateway.endpoint import inbox
from gateway.endpoint.identity import GatewayAddress
from gateway.endpoint.transport import RefusedError
from tests.endpoint.cutting import CuttingProxy
from tests.endpoint.world import CZ, KZ, QUICK, World, alarms, eventually, state, world

# At how many positions an exchange is cut, in each direction.
STEPS = 12


async def test_threat_N4_refused_certificate_sends_nothing_and_is_told(tmp_path: Path) -> None:
    """TLS 1.3 lets a client believe that it was accepted; ours sends nothing and says what to run."""
    async with world(tmp_path) as made:
        async with made.endpoint(CZ) as cz:
            assert await cz.link.until_connected(5)
        made.gateway.manners.certificates = frozenset()
        async with made.endpoint(CZ) as cz:
            await cz.send(made.post())
            await eventually(lambda: cz.link.failure is not None)

            assert not await cz.link.until_connected(0.3)
            assert f"accord check --connect {made.gateway.address.url}" in str(cz.link.failure)
        assert made.gateway.submitted == []


async def test_threat_N4_certificate_of_another_ca_is_told(tmp_path: Path) -> None:
    """Refused inside TLS, after a handshake that looked fine: the error says so and names the command."""
    async with world(tmp_path) as made:
        other = tmp_path / "other"
        other.mkdir()
        foreign = type(made.ca)(other, "elsewhere").issue(CZ)
        trusting = replace(foreign.identity, authority=made.certificates[KZ].identity.authority)
        made.certificates[CZ] = dataclasses.replace(foreign, identity=trusting)
        async with made.endpoint(CZ) as cz:
            await eventually(lambda: cz.link.failure is not None)
            assert "accord check --connect" in str(cz.link.failure)
        assert made.gateway.submitted == []


async def test_threat_N4_silent_gateway_gets_nothing(tmp_path: Path) -> None:
    """A gateway that says no hello is left after a while; nothing was said to it."""
    hasty = replace(QUICK, hello_timeout_s=0.3)
    async with world(tmp_path) as made:
        async with made.endpoint(CZ) as cz:
            assert await cz.link.until_connected(5)
        made.gateway.manners.speaks = False
        async with made.endpoint(CZ, limits=hasty) as cz:
            await cz.send(made.post())
            await eventually(lambda: "said nothing" in str(cz.link.failure))
        assert made.gateway.submitted == []


async def test_threat_N4_gateway_that_hangs_up_before_its_hello_refused_us(tmp_path: Path) -> None:
    """A connection that ends before the gateway said anything is told as what it most likely is."""
    async with world(tmp_path) as made:
        made.gateway.manners.speaks = False
        made.gateway.manners.hangs_up = True
        async with made.endpoint(CZ) as cz:
            await eventually(lambda: isinstance(cz.link.failure, RefusedError))
            assert "before its hello" in str(cz.link.failure)


async def test_threat_N1_gateway_with_another_key_is_not_spoken_to(tmp_path: Path) -> None:
    """The pinned TLS key decides, not the certificate authority."""
    async with world(tmp_path) as made:
        wrong = replace(made.gateway.address, spki_sha256=made.certificates[KZ].spki_sha256)
        async with made.endpoint(CZ, address=wrong) as cz:
            await eventually(lambda: isinstance(cz.link.failure, TrustError))
        assert made.gateway.connections == 0


@pytest.mark.parametrize("upwards", [True, False], ids=["to-gateway", "from-gateway"])
async def test_threat_N8_cut_at_any_byte_has_one_effect(tmp_path: Path, upwards: bool) -> None:
    """Wherever a connection breaks, handshake, hello, submission, receipt: one effect, the same bytes, one receipt."""
    async with world(tmp_path) as made:
        proxy = CuttingProxy(made.gateway.port)
        await proxy.start()
        address = replace(made.gateway.address, url=f"https://localhost:{proxy.port}")
        proxy.upwards = upwards
        async with made.endpoint(CZ, address=address) as cz:
            assert await cz.link.until_connected(5)
        proxy.passed = 0
        async with made.endpoint(CZ, address=address) as cz:
            await cz.answered((await cz.send(made.post())).sha256, 5)
            whole = proxy.passed
        for step in range(STEPS):
            proxy.cut_after = 1 + whole * step // STEPS
            async with made.endpoint(CZ, address=address) as cz:
                sent = await cz.send(made.post())
                row = await cz.answered(sent.sha256, 5)
                assert row is not None, f"cut after byte {1 + whole * step // STEPS}"
                assert state(cz, sent).state == "accepted"
        assert proxy.cuts >= STEPS - 1
        assert len(made.gateway.effects) == STEPS + 1
        assert len(set(made.gateway.submitted)) == STEPS + 1
        await proxy.stop()


@pytest.mark.parametrize("upwards", [True, False], ids=["to-gateway", "from-gateway"])
async def test_threat_N8_delivery_cut_at_any_byte_is_taken_and_acknowledged_once(tmp_path: Path, upwards: bool) -> None:
    """Wherever the recipient's connection breaks, delivery, acknowledgement, answer: one row, one outcome proved."""
    async with world(tmp_path) as made, made.endpoint(CZ) as cz:
        proxy = CuttingProxy(made.gateway.port)
        await proxy.start()
        address = replace(made.gateway.address, url=f"https://localhost:{proxy.port}")
        proxy.upwards = upwards

        async def deliver() -> None:
            sent = await cz.send(made.post())
            async with made.endpoint(KZ, address=address):
                await eventually(lambda: state(cz, sent).state == "delivered")

        assert await cz.link.until_connected(5)
        await deliver()
        proxy.passed = 0
        await deliver()
        whole = proxy.passed
        for step in range(STEPS):
            proxy.cut_after = 1 + whole * step // STEPS
            await deliver()
        await proxy.stop()

        assert proxy.cuts >= STEPS - 1
        assert len(made.gateway.effects) == STEPS + 2
        async with made.endpoint(KZ) as kz:
            rows = inbox.newest(kz.keeping.journal, 100, only_waiting=False)
            assert sorted(row.header_sha256 for row in rows) == sorted(made.gateway.effects)
            assert alarms(kz) == []
        assert {(who, digest) for who, digest, _ in made.gateway.acknowledged} == {
            (KZ, digest) for digest in made.gateway.effects
        }
        assert {status for *_, status in made.gateway.acknowledged} == {"consigned"}


async def test_farewell_is_followed_by_a_new_connection(tmp_path: Path) -> None:
    """A gateway that drains says so; the endpoint comes back by itself."""
    async with world(tmp_path) as made, made.endpoint(CZ) as cz:
        assert await cz.link.until_connected(5)
        await eventually(lambda: made.gateway.lines)
        await made.gateway.bid_farewell("drain")
        await eventually(lambda: made.gateway.connections == 2)

        assert await cz.link.until_connected(5)


async def test_words_of_a_gateway_cannot_steer_a_terminal(tmp_path: Path) -> None:
    """What a gateway says beside a code is shown as plain text of bounded length."""
    async with world(tmp_path) as made, made.endpoint(CZ) as cz:
        assert await cz.link.until_connected(5)
        made.gateway.manners.declines = "\x1b[2J" + "x" * 500
        sent = await cz.send(made.post())
        await cz.answered(sent.sha256, 5)

        assert state(cz, sent).declined_detail == "?[2J" + "x" * 196


class _DeafWire:
    """A gateway that greets and then reads nothing."""

    vouches = True
    first_number = 0

    def __init__(self, made: World) -> None:
        self._made = made
        self._hello = [made.gateway.greeting(window=1_000_000)]
        self.sent: list[bytes] = []

    async def send(self, raw: bytes) -> None:
        self.sent.append(raw)
        if len(self.sent) > 1:
            await asyncio.Event().wait()

    async def receive(self) -> bytes:
        if not self._hello:
            await asyncio.Event().wait()
        return self._hello.pop()

    async def directory(self) -> bytes:
        return self._made.directory.raw

    async def close(self) -> None:
        return None


async def test_gateway_that_does_not_read_costs_no_memory(tmp_path: Path) -> None:
    """However large a window it promises: what it does not take stays on disk."""
    made = World(tmp_path)
    wire = _DeafWire(made)

    async def connect(_: GatewayAddress) -> _DeafWire:
        return wire

    async with made.endpoint(CZ, connect_by=connect) as cz:
        assert await cz.link.until_connected(5)
        for _ in range(4):
            await cz.send_all([made.post(body=bytes(200_000)) for _ in range(10)])
            await asyncio.sleep(0.25)
        session = cz.link.session
        assert session is not None
        assert session._outgoing.qsize() <= 12
        assert len(wire.sent) == 2
