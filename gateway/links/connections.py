"""One TCP or TLS connection: who is at the other end, how many they may be, how slow.

Knows HTTP only as far as aiohttp's parser must be bounded and its own error pages replaced;
what a request means is `gateway.links.https` and `gateway.links.websocket`.
"""

import asyncio
import ssl
from collections import Counter
from collections.abc import Callable
from typing import Any, cast

from aiohttp import http_parser, web

from gateway.domain.errors import ConfigurationError, TrustError
from gateway.links.replies import ProblemError, raw_problem
from gateway.telemetry.logs import get_logger
from gateway.telemetry.metrics import Metrics
from gateway.wire.limits import Limits
from gateway.wire.tls import peer_spki_sha256

log = get_logger("links")

_TOO_MANY = raw_problem("too-many-connections", retry_after_s=5)


def require_compiled_parser() -> None:
    """Refuse to serve with aiohttp's pure Python parser: smuggling lived there (threats N5, S4).

    Raises:
        ConfigurationError: the C extension is missing or switched off.
    """
    # The class moves with the switch AIOHTTP_NO_EXTENSIONS; its module tells which one is in use.
    if http_parser.HttpRequestParser.__module__ != "aiohttp._http_parser":
        raise ConfigurationError(
            "aiohttp runs without its compiled HTTP parser", "unset AIOHTTP_NO_EXTENSIONS and install a wheel"
        )


class Door:
    """Counts connections: in all, and for each certificate key."""

    def __init__(self, limits: Limits, metrics: Metrics) -> None:
        """Keep to `connections_max` and `connections_per_certificate_max`."""
        self.limits = limits
        self.metrics = metrics
        self._inside: dict[Connection, str] = {}
        self._per_certificate: Counter[str] = Counter()

    def enter(self, connection: "Connection", spki_sha256: str) -> bool:
        """Let a connection in, or count its refusal."""
        limits = self.limits
        full = len(self._inside) >= limits.connections_max
        if full or (spki_sha256 and self._per_certificate[spki_sha256] >= limits.connections_per_certificate_max):
            self.metrics.connections_refused.inc()
            return False
        self._inside[connection] = spki_sha256
        self._per_certificate[spki_sha256] += 1
        self.metrics.connections.inc()
        return True

    def leave(self, connection: "Connection") -> None:
        """Forget a connection; one that never was inside is ignored."""
        spki_sha256 = self._inside.pop(connection, None)
        if spki_sha256 is None:
            return
        self._per_certificate[spki_sha256] -= 1
        if not self._per_certificate[spki_sha256]:
            del self._per_certificate[spki_sha256]
        self.metrics.connections.dec()


class Connection(web.RequestHandler):
    """aiohttp's protocol with our door, our deadline for the first header, and our error bodies."""

    __slots__ = ("_deadline", "_door", "_on_lost", "spki_sha256")

    def __init__(self, server: web.Server, door: Door, loop: asyncio.AbstractEventLoop) -> None:
        """Bound the parser by `door.limits` (reference/reliability.md 4.1)."""
        limits = door.limits
        super().__init__(
            server,
            loop=loop,
            keepalive_timeout=limits.idle_timeout_s,
            max_line_size=limits.header_line_bytes_max,
            max_field_size=limits.header_line_bytes_max,
            max_headers=limits.headers_max,
            lingering_time=limits.lingering_s,
            read_bufsize=limits.read_buffer_bytes,
            auto_decompress=False,
            access_log=None,  # type: ignore[arg-type]  # None switches the access log off; the stub forgot it.
        )
        self._door = door
        self._deadline: asyncio.TimerHandle | None = None
        self._on_lost: list[Callable[[], None]] = []
        # The digest of the client certificate's key; empty on a listener without TLS.
        self.spki_sha256 = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Admit or turn away; TLS has been completed."""
        tls: ssl.SSLObject | None = transport.get_extra_info("ssl_object")
        try:
            self.spki_sha256 = (peer_spki_sha256(tls) or "") if tls is not None else ""
        except TrustError:
            # No directory can list a key that we cannot read: the peer gets 401.
            self.spki_sha256 = "unreadable"
        if not self._door.enter(self, self.spki_sha256):
            self.close()
            # A stream's transport, whose class the event loop chooses.
            cast(asyncio.Transport, transport).write(_TOO_MANY)
            transport.close()
            return
        loop = asyncio.get_running_loop()
        self._deadline = loop.call_later(self._door.limits.header_timeout_s, self.force_close)
        super().connection_made(transport)

    def begun(self) -> None:
        """Lift the deadline of the first header: a request is being served."""
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    async def drained(self) -> None:
        """Wait until the peer has taken enough of what was written.

        Raises:
            ConnectionError: it is gone.
        """
        if self._paused:
            await self._drain_helper()

    def on_lost(self, act: Callable[[], None]) -> None:
        """Have `act` called once when the connection has ended."""
        self._on_lost.append(act)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Leave by the door."""
        self.begun()
        self._door.leave(self)
        super().connection_lost(exc)
        for act in self._on_lost:
            act()
        self._on_lost.clear()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what no route could: never aiohttp's page, never what was sent."""
        if request.writer.output_size > 0:
            log.error("link-fault", exc_info=exc)
            raise ConnectionError("an answer is under way already")
        code = "fault" if status >= 500 else "request-malformed"
        if status >= 500:
            log.error("request-fault", exc_info=exc)
        self._door.metrics.problem(code)
        return ProblemError(code, final=True).response()

    def log_exception(self, *args: Any, **options: Any) -> None:
        """Log a fault by type and place; aiohttp's text may quote the request."""
        log.error("connection-fault", exc_info=options.get("exc_info"))
