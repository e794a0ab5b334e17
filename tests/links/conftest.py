"""A gateway's listeners on loopback, around the fake exchange, and sound endpoints that may call."""

from collections.abc import AsyncIterator

import pytest

from gateway.links.inspection import Inspection
from gateway.links.server import Gateway
from gateway.telemetry.metrics import Metrics
from gateway.wire.limits import Limits
from gateway.wire.tls import ReloadableContext, server_context
from tests.links.exchange import FakeExchange
from tests.links.running import QUICK, Link, Running, connect
from tests.wire.certificates import Issued, PrivateCa


@pytest.fixture(scope="session")
def ca(tmp_path_factory: pytest.TempPathFactory) -> PrivateCa:
    """The federation's CA."""
    return PrivateCa(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="session")
def server(ca: PrivateCa) -> Issued:
    """The gateway's own certificate."""
    return ca.issue("gateway")


@pytest.fixture(scope="session")
def client(ca: PrivateCa) -> Issued:
    """The certificate of an endpoint of cz-police."""
    return ca.issue("cz-police")


@pytest.fixture
def limits() -> Limits:
    """The bounds of the listener; a test may override them."""
    return QUICK


@pytest.fixture
async def running(ca: PrivateCa, server: Issued, client: Issued, limits: Limits) -> AsyncIterator[Running]:
    """A gateway's links, listening."""
    exchange = FakeExchange()
    exchange.admit("cz-police", client.spki_sha256)
    metrics = Metrics("0.0.0")

    def count(reason: str) -> None:
        metrics.tls_handshake_failures[reason].inc()

    context = ReloadableContext.around(server_context(server.identity, count))
    gateway = Gateway(exchange, limits, metrics, context)
    port = await gateway.start("127.0.0.1", 0)
    yield Running(exchange, metrics, gateway, context, port, ca, server, client)
    await gateway.stop()


@pytest.fixture
async def inspection(running: Running, limits: Limits) -> AsyncIterator[str]:
    """The URL of the inspection listener."""
    listener = Inspection(running.exchange, limits, running.metrics)
    port = await listener.start("127.0.0.1", 0)
    yield f"http://127.0.0.1:{port}"
    await listener.stop()


@pytest.fixture
async def link(running: Running) -> AsyncIterator[Link]:
    """An honest endpoint's link, greeted."""
    async with running.session() as session:
        link = await connect(session)
        await link.greet()
        yield link
        await link.socket.close()
