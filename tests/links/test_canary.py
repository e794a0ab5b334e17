"""Threat O3 over the whole of the links: a name that a peer sends anywhere is found nowhere."""

import io
import logging
from collections.abc import Iterator

import aiohttp
import pytest
import structlog

from gateway.domain.session import Answer
from gateway.links.https import ENVELOPE, JSON
from gateway.telemetry.logs import configure
from gateway.wire.frames import LINK_PATH, SUBPROTOCOL, Submission, Submit
from tests.links.exchange import MESSAGE_ID, SEALED
from tests.links.raw import RawPeer
from tests.links.running import Link, Running
from tests.links.test_https import AS_JSON

CANARY = "Novakova-Jana-19700101"


@pytest.fixture
def log() -> Iterator[io.BytesIO]:
    """The log of the test, with the settings of production."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.BytesIO()
    configure("gateway-1", "0.1.0", stream=stream)
    yield stream
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


async def test_threat_O3_canary_is_in_no_log_no_metric_and_no_answer(
    log: io.BytesIO, running: Running, inspection: str
) -> None:
    """Paths, queries, headers, bodies, frames, certificates and faults: what a peer says is never repeated."""
    named = running.ca.issue(CANARY)
    running.exchange.admit("cz-police", named.spki_sha256)

    def fail(number: int, raw: bytes) -> Answer:
        raise ValueError(raw.decode("latin-1") + CANARY)

    heard = bytearray()
    async with running.session(named) as session:
        for path in (f"/{CANARY}", f"/v1/messages/{CANARY}", f"/v1/inbox?wait={CANARY}", f"/v1/messages/{MESSAGE_ID}"):
            async with session.get(path, headers={"X-Note": CANARY, "User-Agent": CANARY}) as response:
                heard += str(response.headers).encode() + await response.read()
        for body, media_type in ((CANARY.encode(), ENVELOPE), (CANARY.encode(), JSON), (AS_JSON, f"text/{CANARY}")):
            running.exchange.outcome = fail
            headers = {"Content-Type": media_type}
            async with session.post("/v1/messages", data=body, headers=headers) as response:
                heard += str(response.headers).encode() + await response.read()
        link = Link(await session.ws_connect(LINK_PATH, protocols=(SUBPROTOCOL,)))
        await link.greet()
        await link.send(Submit(0, [Submission("message", CANARY.encode())]))
        message = await link.socket.receive()
        heard += str(message.data).encode()
    for rude in (f"{CANARY} / HTTP/1.1\r\n\r\n", f"GET /{CANARY}\x00 HTTP/1.1\r\n\r\n", f"GET / {CANARY}\r\n\r\n"):
        async with RawPeer(running.port, running.tls(named)) as peer:
            heard += await peer.ask(rude.encode())
    async with RawPeer(running.port, None) as peer:
        heard += await peer.ask(CANARY.encode() * 20)
    async with aiohttp.ClientSession() as operator, operator.get(f"{inspection}/metrics") as page:
        metrics = await page.text()

    assert "request-fault" in log.getvalue().decode()
    assert SEALED.c not in heard
    for place in (bytes(heard), log.getvalue(), metrics.encode()):
        assert CANARY.encode() not in place
