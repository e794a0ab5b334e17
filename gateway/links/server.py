"""The listeners: sockets, TLS, and the one way from a request to whoever serves it.

No framework between parser and table of routes: what aiohttp would say by itself (HTML pages, texts that
repeat the request) never leaves, because every answer is made here or in `gateway.links.replies`.
Exact settings: reference/reliability.md 4.1.
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable

from aiohttp import hdrs, web

from gateway.domain.errors import CapacityError
from gateway.domain.session import Peer
from gateway.links.budget import Budget
from gateway.links.connections import Connection, Door, require_compiled_parser
from gateway.links.exchange import Exchange
from gateway.links.https import HttpsApi
from gateway.links.polling import PollingSession
from gateway.links.replies import ProblemError
from gateway.links.websocket import WebSocketLink
from gateway.telemetry.bounds import BoundLog
from gateway.telemetry.metrics import Metrics
from gateway.wire.frames import LINK_PATH
from gateway.wire.languages import preferred
from gateway.wire.limits import Limits

Serve = Callable[[web.BaseRequest, Connection], Awaitable[web.StreamResponse]]


class Listener:
    """One listening socket, with or without TLS, whose requests `serve` answers."""

    def __init__(self, serve: Serve, limits: Limits, metrics: Metrics, context: ssl.SSLContext | None) -> None:
        """`context` None: plain HTTP, for the inspection listener alone."""
        require_compiled_parser()
        self._serve = serve
        self._limits = limits
        self._metrics = metrics
        self._context = context
        self._http: web.Server | None = None
        self._server: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> int:
        """Listen; return the port, which the system chose if `port` is 0.

        Raises:
            OSError: the address cannot be had.
        """
        loop = asyncio.get_running_loop()
        limits = self._limits
        http = self._http = web.Server(self._answer)
        door = Door(limits, self._metrics)
        tls = self._context is not None
        self._server = await loop.create_server(
            lambda: Connection(http, door, loop),
            host,
            port,
            ssl=self._context,
            ssl_handshake_timeout=limits.handshake_timeout_s if tls else None,
            ssl_shutdown_timeout=limits.tls_shutdown_timeout_s if tls else None,
            backlog=limits.backlog,
        )
        return int(self._server.sockets[0].getsockname()[1])

    def close(self) -> None:
        """Accept nothing more."""
        if self._server is not None:
            self._server.close()

    def drain(self) -> None:
        """Accept nothing more; connections end with the request that is under way."""
        self.close()
        if self._http is not None:
            self._http.pre_shutdown()

    async def stop(self) -> None:
        """Accept nothing more, let requests under way finish for `drain_timeout_s`, then cut."""
        self.drain()
        if self._http is not None:
            await self._http.shutdown(self._limits.drain_timeout_s)

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        connection = request.protocol
        if not isinstance(connection, Connection):
            raise TypeError("a request came over a connection that no listener of ours made")
        connection.begun()
        try:
            if request.path != request.rel_url.raw_path or hdrs.EXPECT in request.headers:
                # Our paths need no percent sign; an expectation would make the peer wait for what we never send.
                raise ProblemError("expectation-refused" if hdrs.EXPECT in request.headers else "not-found", final=True)
            return await self._serve(request, connection)
        except ProblemError as problem:
            return self._tell(problem, request)
        except CapacityError as error:
            # The store cannot be read now: a database that is away comes back.
            return self._tell(ProblemError("busy", retry_after_s=error.retry_after_s, final=True), request)

    def _tell(self, problem: ProblemError, request: web.BaseRequest) -> web.Response:
        self._metrics.problem(problem.code)
        return problem.response(preferred(request.headers.get(hdrs.ACCEPT_LANGUAGE)))


class Gateway:
    """The listener of the links: HTTPS and WebSocket on one port, a client certificate for both."""

    def __init__(self, exchange: Exchange, limits: Limits, metrics: Metrics, context: ssl.SSLContext) -> None:
        """Serve `exchange`; `context` is `wire.tls.server_context`, perhaps in a `ReloadableContext`."""
        # Shared with the link through a broker: one bound for everything that waits for judgement.
        self.unjudged = unjudged = Budget(limits.unjudged_bytes_total_max, self._full)
        self._bounds = BoundLog("links")
        metrics.unjudged_bytes.set_function(lambda: unjudged.bytes_taken)
        self._exchange = exchange
        self._api = HttpsApi(exchange, limits, metrics, unjudged)
        self._websocket = WebSocketLink(exchange, limits, metrics, unjudged)
        self._listener = Listener(self._serve, limits, metrics, context)
        self._polling: dict[Connection, PollingSession] = {}
        self._drain_timeout_s = limits.drain_timeout_s
        self._busy_retry_after_s = limits.busy_retry_after_s
        self._draining = False

    async def start(self, host: str, port: int) -> int:
        """Listen; return the port.

        Raises:
            OSError: the address cannot be had.
        """
        return await self._listener.start(host, port)

    async def drain(self) -> None:
        """Let nobody in any more, answer what was taken, say goodbye to every connection; within `drain_timeout_s`."""
        self._draining = True
        self._listener.drain()
        for session in self._polling.values():
            session.close("drain")
        await self._websocket.drain(self._drain_timeout_s)

    async def stop(self) -> None:
        """Drain, and close what is left."""
        await self.drain()
        await self._listener.stop()

    def _full(self) -> None:
        now_ms = int(asyncio.get_running_loop().time() * 1_000)
        self._bounds.reached("unjudged bytes of all connections", self._busy_retry_after_s, now_ms)

    async def _serve(self, request: web.BaseRequest, connection: Connection) -> web.StreamResponse:
        if self._draining:
            raise ProblemError("draining", retry_after_s=self._busy_retry_after_s, final=True)
        peer = self._exchange.peer(connection.spki_sha256)
        if peer is None:
            edition = self._exchange.hello().edition
            raise ProblemError("endpoint-unknown", f"your certificate is not in edition {edition}", final=True)
        if (request.method, request.path) == ("GET", LINK_PATH):
            return await self._websocket.serve(request, connection, peer)
        serve, segments = self._api.routes.find(request.method, request.path)
        return await serve(request, self._session(connection, peer), segments)

    def _session(self, connection: Connection, peer: Peer) -> PollingSession:
        """Return the session of a connection; a connection whose peer has changed is ended.

        Raises:
            ProblemError: the directory says something else of this certificate than when it connected.
        """
        session = self._polling.get(connection)
        if session is None:
            session = PollingSession(peer, connection.force_close)
            self._polling[connection] = session
            self._exchange.attach(session, seen_note=None, evidence_after=None)
            connection.on_lost(lambda: self._forget(connection))
        elif session.peer != peer:
            raise ProblemError("endpoint-revoked", final=True)
        return session

    def _forget(self, connection: Connection) -> None:
        session = self._polling.pop(connection, None)
        if session is not None:
            session.ended = True
            self._exchange.detach(session)
