"""A gateway's listeners on loopback, around the fake exchange, and sound endpoints that may call."""

import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from gateway.links.inspection import Inspection
from gateway.links.server import Gateway
from gateway.telemetry.metrics import Metrics
from gateway.wire.frames import (
    LINK_PATH,
    SUBPROTOCOL,
    EndpointHello,
    FromEndpoint,
    FromGateway,
    Hello,
    decode_from_gateway,
    encode,
)
from gateway.wire.limits import Limits
from gateway.wire.tls import ReloadableContext, client_context, server_context
from tests.links.exchange import FakeExchange
from tests.wire.certificates import Issued, PrivateCa

# Deadlines scaled down, so that rude peers are cut while a test watches.
QUICK = Limits(
    handshake_timeout_s=0.4,
    tls_shutdown_timeout_s=0.3,
    header_timeout_s=0.4,
    idle_timeout_s=0.6,
    body_timeout_s=1.0,
    body_rate_grace_s=0.3,
    lingering_s=0.1,
    answer_timeout_s=0.4,
    inbox_poll_s=0.02,
    hello_timeout_s=0.4,
    send_timeout_s=0.6,
    closing_timeout_s=0.4,
    drain_timeout_s=1.0,
)


@dataclass
class Running:
    """A gateway's links under test."""

    exchange: FakeExchange
    metrics: Metrics
    gateway: Gateway
    context: ReloadableContext
    port: int
    ca: PrivateCa
    server: Issued
    client: Issued

    def tls(self, issued: Issued | None = None) -> ssl.SSLContext:
        """Return the client context of an endpoint, the sound one by default."""
        return client_context((issued or self.client).identity, self.server.spki_sha256)

    @property
    def url(self) -> str:
        """Where the API is."""
        return f"https://127.0.0.1:{self.port}"

    def session(self, issued: Issued | None = None) -> aiohttp.ClientSession:
        """Return an HTTP client of an endpoint."""
        connector = aiohttp.TCPConnector(ssl=self.tls(issued), limit=0)
        return aiohttp.ClientSession(self.url, connector=connector, auto_decompress=False)


class Link:
    """An honest endpoint's WebSocket."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.hello: Hello | None = None

    async def greet(self, evidence_after: int | None = 0, seen: bytes | None = None) -> Hello:
        """Hear the gateway's hello and answer it."""
        hello = await self.receive()
        assert isinstance(hello, Hello)
        await self.send(EndpointHello(seen, evidence_after))
        self.hello = hello
        return hello

    async def send(self, frame: FromEndpoint) -> None:
        """Send one frame."""
        await self.socket.send_bytes(encode(frame))

    async def receive(self) -> FromGateway:
        """Return the next frame."""
        return decode_from_gateway(await self.socket.receive_bytes(timeout=5))

    async def closed(self) -> int | None:
        """Read until the gateway closes; return its code."""
        while True:
            message = await self.socket.receive(timeout=5)
            if message.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR):
                return self.socket.close_code


async def connect(session: aiohttp.ClientSession) -> Link:
    """Open a WebSocket to the gateway."""
    socket = await session.ws_connect(LINK_PATH, protocols=(SUBPROTOCOL,), max_msg_size=4 * 1024 * 1024)
    return Link(socket)


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


def folder(tmp_path: Path) -> Path:
    """Return a place for what a test writes."""
    return tmp_path
