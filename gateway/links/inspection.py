"""What an operator's tools ask: own listener, loopback by default, no TLS, nothing to change.

`/metrics` for Prometheus, `/healthz` (the process turns), `/readyz` (it can verify, decide, commit
and sign), `/checkpoint` for witnesses. No message, no authority, no person is told here.
"""

from collections.abc import Awaitable, Callable

import msgspec
from aiohttp import web
from msgspec import Struct
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from gateway.links import bodies
from gateway.links.connections import Connection
from gateway.links.exchange import Exchange
from gateway.links.replies import reply
from gateway.links.routes import Routes
from gateway.links.server import Listener
from gateway.telemetry.metrics import Metrics
from gateway.wire.limits import Limits

Answer = Callable[[], Awaitable[web.StreamResponse]]


class Readiness(Struct, frozen=True):
    """Whether we can serve, by check what stands in the way, and how many sessions there are (`accord drain`)."""

    ready: bool
    checks: dict[str, str]
    connections: int = 0
    # What is lost without keeping us from serving: a broker, for instance.
    degraded: dict[str, str] = {}


class Inspection:
    """The listener for operators."""

    def __init__(
        self,
        exchange: Exchange,
        limits: Limits,
        metrics: Metrics,
        degraded: Callable[[], dict[str, str]] = dict,
    ) -> None:
        """Tell of `exchange` and `metrics`; `degraded` names what is lost while we serve."""
        self._degraded = degraded
        self._exchange = exchange
        self._metrics = metrics
        self._routes: Routes[Answer] = Routes()
        for path, answer in (
            ("/metrics", self._tell_metrics),
            ("/healthz", self._tell_health),
            ("/readyz", self._tell_readiness),
            ("/checkpoint", self._tell_checkpoint),
        ):
            self._routes.add("GET", path, answer)
        self._listener = Listener(self._serve, limits, metrics, None)

    async def start(self, host: str, port: int) -> int:
        """Listen; return the port.

        Raises:
            OSError: the address cannot be had.
        """
        return await self._listener.start(host, port)

    async def stop(self) -> None:
        """Close the listener."""
        await self._listener.stop()

    async def _serve(self, request: web.BaseRequest, _: Connection) -> web.StreamResponse:
        bodies.refuse_body(request)
        answer, __ = self._routes.find(request.method, request.path)
        return await answer()

    async def _tell_metrics(self) -> web.StreamResponse:
        ready, _ = self._exchange.ready()
        self._metrics.ready.set(ready)
        return reply(generate_latest(self._metrics.registry), CONTENT_TYPE_LATEST)

    async def _tell_health(self) -> web.StreamResponse:
        return reply(b"ok\n", "text/plain; charset=utf-8")

    async def _tell_readiness(self) -> web.StreamResponse:
        ready, checks = self._exchange.ready()
        body = msgspec.json.encode(Readiness(ready, checks, self._exchange.connections(), self._degraded()))
        return reply(body, "application/json", status=200 if ready else 503)

    async def _tell_checkpoint(self) -> web.StreamResponse:
        return reply(self._exchange.checkpoint_note(), "text/plain; charset=utf-8")
