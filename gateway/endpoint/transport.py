"""The wire to a gateway: one WebSocket over mutual TLS, and one request for the directory.

What goes wrong here is told in words that an operator can act on. Under TLS 1.3 a client's handshake succeeds
before the server has looked at its certificate, so a refusal shows as a connection that dies at once
(reliability.md 4.2): that is said, with the command that finds out why.
"""

import asyncio
import os
import ssl
from typing import Protocol

import aiohttp

from gateway.crypto.trust import SIGNED_EDITION_BYTES_MAX
from gateway.domain.errors import PeerError, TrustError
from gateway.endpoint.identity import GatewayAddress
from gateway.endpoint.limits import EndpointLimits
from gateway.wire.frames import FRAME_BYTES_MAX, LINK_PATH, SUBPROTOCOL
from gateway.wire.tls import Identity, client_context

DIRECTORY_PATH = "/v1/directory"
# What a gateway's answer may have in headers; more is no gateway of ours (reliability.md 4.1).
HEADER_BYTES_MAX = 4_096
HEADERS_MAX = 48
# WebSocket close codes of wire.problems that say: not with this certificate.
CLOSED_BY_IDENTITY = frozenset({4401, 4403})


class LinkError(PeerError):
    """The connection could not be made, or has ended; what is durable is sent again on the next one."""


class RefusedError(LinkError):
    """The gateway does not want this certificate."""

    def __init__(self, url: str, how: str) -> None:
        super().__init__(f"the gateway refused this certificate: {how}; run `accord check --connect {url}`")


class Wire(Protocol):
    """A connection that carries frames both ways and fetches the directory beside them."""

    @property
    def vouches(self) -> bool:
        """True if what arrives is the gateway's own word; False if others could have said it."""
        ...

    @property
    def first_number(self) -> int:
        """The number of our first submission."""
        ...

    async def send(self, raw: bytes) -> None:
        """Send one frame."""
        ...

    async def receive(self) -> bytes:
        """Return the next frame.

        Raises:
            LinkError: the connection has ended.
        """
        ...

    async def directory(self) -> bytes:
        """Return the signed edition in force at the gateway."""
        ...

    async def close(self) -> None:
        """End the connection."""
        ...


class WebSocketWire:
    """A WebSocket of `accord.v1`; made by `connect`."""

    # TLS ends at the gateway, whose key is pinned.
    vouches = True
    first_number = 0

    def __init__(
        self, url: str, session: aiohttp.ClientSession, socket: aiohttp.ClientWebSocketResponse, limits: EndpointLimits
    ) -> None:
        """Take over an open socket and the session that it belongs to."""
        self._url = url
        self._session = session
        self._socket = socket
        self._limits = limits
        self._heard = False

    async def send(self, raw: bytes) -> None:
        """Send one frame; waits while the gateway does not read.

        Raises:
            LinkError: the connection has ended.
        """
        try:
            await self._socket.send_bytes(raw)
        except (ConnectionError, aiohttp.ClientError, RuntimeError) as error:
            raise LinkError("the connection ended while sending") from error

    async def receive(self) -> bytes:
        """Return the next frame; the first must come in time.

        Raises:
            LinkError: the connection has ended, or no hello came.
            RefusedError: it ended before the gateway said anything.
        """
        try:
            async with asyncio.timeout(None if self._heard else self._limits.hello_timeout_s):
                message = await self._socket.receive()
        except TimeoutError:
            raise LinkError(f"the gateway said nothing for {self._limits.hello_timeout_s:g} s") from None
        if message.type is aiohttp.WSMsgType.BINARY:
            self._heard = True
            raw: bytes = message.data
            return raw
        code = self._socket.close_code
        if code in CLOSED_BY_IDENTITY:
            raise RefusedError(self._url, f"it closed the connection ({code})")
        if not self._heard:
            raise RefusedError(self._url, "it closed the connection before its hello")
        raise LinkError(f"the gateway ended the connection (code {code})")

    async def directory(self) -> bytes:
        """Return the signed edition in force at the gateway, over the same pinned TLS.

        Raises:
            LinkError: it cannot be fetched.
        """
        try:
            async with self._session.get(self._url + DIRECTORY_PATH, allow_redirects=False) as answer:
                if answer.status != 200:
                    raise LinkError(f"the gateway gives no directory ({answer.status})")
                return await _read(answer, SIGNED_EDITION_BYTES_MAX)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise LinkError("the directory cannot be fetched") from error

    async def close(self) -> None:
        """End the connection; a gateway that does not answer is not waited for."""
        try:
            async with asyncio.timeout(1.0):
                await self._socket.close()
        except (TimeoutError, ConnectionError, aiohttp.ClientError):
            pass
        finally:
            await self._session.close()


async def connect(address: GatewayAddress, identity: Identity, limits: EndpointLimits) -> WebSocketWire:
    """Return a connection to a gateway whose TLS key is the pinned one.

    Raises:
        ConfigurationError: a file of ours is missing or no PEM.
        TrustError: the gateway shows another key, or no certificate of our CA.
        RefusedError: it does not want our certificate.
        LinkError: it cannot be reached.
    """
    connector = aiohttp.TCPConnector(ssl=client_context(identity, address.spki_sha256), limit=4)
    session = aiohttp.ClientSession(
        connector=connector,
        # Between two bytes of an answer; a WebSocket that stands is watched by its heartbeat instead.
        timeout=aiohttp.ClientTimeout(
            total=30, sock_connect=limits.connect_timeout_s, sock_read=limits.hello_timeout_s
        ),
        auto_decompress=False,
        trust_env=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        max_line_size=HEADER_BYTES_MAX,
        max_field_size=HEADER_BYTES_MAX,
        max_headers=HEADERS_MAX,
        middlewares=(_refuse_redirect,),
    )
    try:
        async with asyncio.timeout(limits.connect_timeout_s + limits.hello_timeout_s):
            socket = await session.ws_connect(
                address.url + LINK_PATH,
                protocols=(SUBPROTOCOL,),
                compress=0,
                max_msg_size=FRAME_BYTES_MAX,
                heartbeat=limits.heartbeat_s,
                autoclose=True,
            )
    except BaseException as error:
        await session.close()
        explained = _explain(error, address.url)
        if explained is None:
            raise
        raise explained from error
    if socket.protocol != SUBPROTOCOL:
        await socket.close()
        await session.close()
        raise LinkError(f"`{address.url}` does not speak {SUBPROTOCOL}")
    return WebSocketWire(address.url, session, socket, limits)


async def _refuse_redirect(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Follow nobody anywhere: an upgrade would be repeated wherever the answer points, without TLS if it says so.

    Raises:
        LinkError: the answer is a redirect.
    """
    answer = await handler(request)
    if 300 <= answer.status < 400:
        answer.close()
        raise LinkError(f"the gateway `{request.url.origin()}` sends us elsewhere ({answer.status}): not followed")
    return answer


def _explain(error: BaseException, url: str) -> Exception | None:
    """Return the error that tells an operator what happened; None: not ours to explain."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError | ssl.SSLCertVerificationError):
        return TrustError(f"`{url}` shows another key or certificate than the one pinned: not our gateway")
    if isinstance(error, aiohttp.ClientConnectorSSLError):
        return LinkError(f"TLS with `{url}` failed")
    if isinstance(error, aiohttp.ClientConnectorError):
        number = error.os_error.errno
        reason = (
            os.strerror(number) if number and number > 0 else str(error.os_error.strerror or "no address")
        ).lower()
        return LinkError(f"the gateway `{url}` cannot be reached ({reason})")
    if isinstance(error, aiohttp.WSServerHandshakeError):
        return _turned_away(error.status, url)
    if isinstance(error, aiohttp.ClientResponseError):
        return LinkError(f"`{url}` answers with headers that are no gateway's")
    if isinstance(error, aiohttp.ClientError | ConnectionError | ssl.SSLError):
        return RefusedError(url, "it broke the connection off after the handshake")
    if isinstance(error, TimeoutError):
        return LinkError(f"the gateway `{url}` did not answer in time")
    return None


def _turned_away(status: int, url: str) -> LinkError:
    if status in (401, 403):
        return RefusedError(url, f"it is not in the edition in force ({status})")
    if status in (429, 503):
        return LinkError(f"the gateway `{url}` is not ready or busy ({status})")
    return LinkError(f"`{url}` does not upgrade to {SUBPROTOCOL} ({status})")


async def _read(answer: aiohttp.ClientResponse, bytes_max: int) -> bytes:
    parts = []
    size = 0
    async for part in answer.content.iter_chunked(65_536):
        size += len(part)
        if size > bytes_max:
            raise LinkError(f"the gateway sends more than {bytes_max} bytes")
        parts.append(part)
    return b"".join(parts)
