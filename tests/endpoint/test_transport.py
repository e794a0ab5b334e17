"""What a gateway's answer may look like before a link stands: bounded, prompt, and from nobody else."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import web
from msgspec.structs import replace

from gateway.endpoint.identity import GatewayAddress
from gateway.endpoint.transport import HEADER_BYTES_MAX, HEADERS_MAX, LinkError, RefusedError, connect
from gateway.wire.frames import LINK_PATH, SUBPROTOCOL
from gateway.wire.tls import Identity, server_context
from tests.endpoint.world import QUICK
from tests.federation import ORIGIN
from tests.wire.certificates import PrivateCa

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@contextlib.asynccontextmanager
async def serving(
    folder: Path, answer: Answer, directory: Answer | None = None
) -> AsyncIterator[tuple[GatewayAddress, Identity]]:
    """Serve `answer` as the link of a gateway whose key is pinned; yield its address and an endpoint's files."""
    ca = PrivateCa(folder)
    ours = ca.issue("gateway")
    async with listening({LINK_PATH: answer, "/v1/directory": directory or answer}, ours.identity) as port:
        yield _pinned(port, ours.spki_sha256), ca.issue("endpoint").identity


@contextlib.asynccontextmanager
async def listening(paths: dict[str, Answer], identity: Identity | None) -> AsyncIterator[int]:
    """Listen on loopback, with TLS if there is an identity; yield the port."""
    application = web.Application()
    application.add_routes([web.get(path, answer) for path, answer in paths.items()])
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    context = None if identity is None else server_context(identity)
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
    await site.start()
    try:
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()


def _pinned(port: int, spki_sha256: str) -> GatewayAddress:
    return GatewayAddress(f"https://127.0.0.1:{port}", ORIGIN, spki_sha256)


async def upgrade(request: web.Request) -> web.StreamResponse:
    """Upgrade to our subprotocol and wait for the end."""
    socket = web.WebSocketResponse(protocols=(SUBPROTOCOL,))
    await socket.prepare(request)
    await socket.receive()
    return socket


async def silent(_: web.Request) -> web.StreamResponse:
    """Say nothing."""
    await asyncio.sleep(30)
    return web.Response()


async def test_threat_N7_redirect_of_a_link_is_not_followed(tmp_path: Path) -> None:
    """A gateway that points elsewhere, without TLS even, moves nobody there: its key is what was pinned."""
    asked: list[str] = []

    async def elsewhere(request: web.Request) -> web.StreamResponse:
        asked.append(request.path)
        return await upgrade(request)

    async with listening({LINK_PATH: elsewhere}, None) as port:

        async def moved(_: web.Request) -> web.StreamResponse:
            return web.Response(status=302, headers={"Location": f"http://127.0.0.1:{port}{LINK_PATH}"})

        async with serving(tmp_path, moved) as (address, identity):
            with pytest.raises(LinkError, match=r"sends us elsewhere \(302\): not followed"):
                await connect(address, identity, QUICK)

    assert asked == []


@pytest.mark.parametrize(
    "headers",
    [{"X-Long": "x" * 2 * HEADER_BYTES_MAX}, {f"X-{number}": "x" for number in range(2 * HEADERS_MAX)}],
    ids=["long", "many"],
)
async def test_threat_E9_headers_of_an_answer_are_bounded(tmp_path: Path, headers: dict[str, str]) -> None:
    """A line that is too long, or too many of them, ends the connection, and nobody is told that it was refused."""

    async def profuse(_: web.Request) -> web.StreamResponse:
        return web.Response(status=503, headers=headers)

    async with serving(tmp_path, profuse) as (address, identity):
        with pytest.raises(LinkError, match="headers that are no gateway's") as told:
            await connect(address, identity, QUICK)

    assert not isinstance(told.value, RefusedError)


async def test_directory_that_does_not_come_is_not_waited_for(tmp_path: Path) -> None:
    """A gateway that falls silent before the edition is asked another time, not waited for."""
    hasty = replace(QUICK, hello_timeout_s=0.3)
    async with serving(tmp_path, upgrade, silent) as (address, identity):
        wire = await connect(address, identity, hasty)
        async with asyncio.timeout(3):
            with pytest.raises(LinkError, match="the directory cannot be fetched"):
                await wire.directory()
        await wire.close()
