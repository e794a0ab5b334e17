"""The main link: `GET /v1/link`, subprotocol `accord.v1`, frames of many items.

Here the upgrade is judged; `gateway.links.link_session` is one connection. Source: S-17 (RFC 6455).
"""

import asyncio

from aiohttp import hdrs, web

from gateway.domain.session import Peer
from gateway.links.arrivals import Arrivals
from gateway.links.budget import Budget
from gateway.links.connections import Connection
from gateway.links.exchange import Exchange
from gateway.links.link_session import LinkSession, Shared
from gateway.links.replies import FIXED_HEADERS, ProblemError
from gateway.telemetry.metrics import Metrics
from gateway.wire.frames import SUBPROTOCOL
from gateway.wire.limits import Limits


class WebSocketLink:
    """Serves every WebSocket of one listener."""

    def __init__(self, exchange: Exchange, limits: Limits, metrics: Metrics, unjudged: Budget) -> None:
        """`unjudged` bounds the bytes that all links have handed to the switch."""
        outgoing = Budget(limits.outgoing_bytes_total_max)
        metrics.outgoing_bytes.set_function(lambda: outgoing.bytes_taken)
        self._shared = Shared(exchange, Arrivals(exchange), limits, metrics, unjudged, outgoing)
        self._sessions: set[LinkSession] = set()

    async def serve(self, request: web.BaseRequest, connection: Connection, peer: Peer) -> web.StreamResponse:
        """Run one connection until it ends.

        Raises:
            ProblemError: this is no upgrade to `accord.v1`, or we are not ready.
        """
        socket = self._accept(request)
        await socket.prepare(request)
        transport = request.transport
        if transport is None:
            return socket
        transport.set_write_buffer_limits(high=self._shared.limits.write_buffer_bytes)
        session = LinkSession(self._shared, socket, transport, connection.drained, peer)
        connection.on_lost(session.lost)
        self._sessions.add(session)
        try:
            await session.run()
        finally:
            self._sessions.discard(session)
        return socket

    async def drain(self, within_s: float) -> None:
        """Answer what was taken, say goodbye to everybody and wait until they are gone.

        Who is still waiting for answers after `within_s` hears goodbye without them. What they are owed stays in the
        spool.
        """
        leaving = list(self._sessions)
        for session in leaving:
            session.drain()
        if leaving:
            _, late = await asyncio.wait([session.ended for session in leaving], timeout=within_s)
            if late:
                for session in leaving:
                    session.close("drain")
                await asyncio.wait(late)

    def _accept(self, request: web.BaseRequest) -> web.WebSocketResponse:
        shared = self._shared
        limits = shared.limits
        socket = web.WebSocketResponse(
            protocols=(SUBPROTOCOL,),
            compress=False,
            max_msg_size=limits.frame_bytes_max,
            heartbeat=limits.heartbeat_s,
            writer_limit=limits.write_buffer_bytes,
            timeout=limits.closing_timeout_s,
        )
        socket.headers.update(FIXED_HEADERS)
        offered = request.headers.get(hdrs.SEC_WEBSOCKET_PROTOCOL, "")
        if SUBPROTOCOL not in {name.strip() for name in offered.split(",")} or not socket.can_prepare(request):
            raise ProblemError("upgrade-required", headers={"Upgrade": "websocket"}, final=True)
        ready, _ = shared.exchange.ready()
        if not ready:
            raise ProblemError("not-ready", retry_after_s=limits.busy_retry_after_s, final=True)
        return socket
