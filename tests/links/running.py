"""A gateway's links as a test sees them, and an honest endpoint."""

import ssl
from dataclasses import dataclass

import aiohttp

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
from gateway.wire.tls import ReloadableContext, client_context
from tests.links.exchange import FakeExchange
from tests.wire.certificates import Issued, PrivateCa

# Deadlines scaled down, so that rude peers are cut while a test watches.
QUICK = Limits(
    handshake_timeout_s=0.4,
    tls_shutdown_timeout_s=0.3,
    header_timeout_s=0.4,
    idle_timeout_s=1.2,
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

    def sample(self, name: str, **labels: str) -> float:
        """Return what `/metrics` would show now; a series that is not there is an error of the test."""
        value = self.metrics.registry.get_sample_value(f"accord_{name}", labels)
        assert value is not None, name
        return value

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
        """Read until the gateway closes; return the code that it sent."""
        while True:
            message = await self.socket.receive(timeout=5)
            if message.type is aiohttp.WSMsgType.CLOSE:
                return int(message.data)
            if message.type in (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR):
                return self.socket.close_code


async def connect(session: aiohttp.ClientSession) -> Link:
    """Open a WebSocket to the gateway."""
    socket = await session.ws_connect(LINK_PATH, protocols=(SUBPROTOCOL,), max_msg_size=4 * 1024 * 1024)
    return Link(socket)
