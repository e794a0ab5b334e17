"""Rude and exact peers: bytes over a socket, with or without TLS."""

import asyncio
import ssl
from types import TracebackType
from typing import Self


class RawPeer:
    """A connection on which a test says exactly what it wants, byte by byte."""

    def __init__(self, port: int, context: ssl.SSLContext | None) -> None:
        self._port = port
        self._context = context

    async def __aenter__(self) -> Self:
        self.reader, self.writer = await asyncio.open_connection(
            "127.0.0.1", self._port, ssl=self._context, server_hostname="localhost" if self._context else None
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        self.writer.transport.abort()

    async def say(self, raw: bytes) -> None:
        """Send bytes."""
        self.writer.write(raw)
        await self.writer.drain()

    async def hear(self, within_s: float = 5.0) -> bytes:
        """Return everything until the other side closes; a reset ends it too."""
        heard = bytearray()
        async with asyncio.timeout(within_s):
            while True:
                try:
                    chunk = await self.reader.read(65536)
                except (ConnectionError, ssl.SSLError):
                    return bytes(heard)
                if not chunk:
                    return bytes(heard)
                heard += chunk

    async def ask(self, raw: bytes, within_s: float = 5.0) -> bytes:
        """Send bytes; return everything until the other side closes."""
        try:
            await self.say(raw)
        except (ConnectionError, ssl.SSLError):
            return b""
        return await self.hear(within_s)


CHECKPOINT = b"GET /v1/checkpoint HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\n\r\n"


async def outcome(port: int, context: ssl.SSLContext | None, raw: bytes = CHECKPOINT) -> str:
    """Return what a request over this context comes to: `refused` or an HTTP status.

    Under TLS 1.3 a client finishes its handshake before the server has judged its certificate: only an
    answer tells that it was accepted (threat N4).
    """
    try:
        async with RawPeer(port, context) as peer:
            heard = await peer.ask(raw)
    except (ssl.SSLError, ConnectionError):
        return "refused"
    return heard.split(b" ", 2)[1].decode() if heard.startswith(b"HTTP/1.1 ") else "refused"
