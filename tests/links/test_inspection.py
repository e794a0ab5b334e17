"""The inspection listener: what operators' tools are told, and what they are not."""

import aiohttp
import pytest

from tests.links.exchange import NOTE
from tests.links.running import Running


async def _get(url: str, path: str, method: str = "GET") -> tuple[int, str, str]:
    async with aiohttp.ClientSession(auto_decompress=False) as session, session.request(method, url + path) as answer:
        return answer.status, await answer.text(), answer.headers["Content-Type"]


async def test_metrics_are_served_for_prometheus(inspection: str, running: Running) -> None:
    """The page is the exposition format, with our prefix and the readiness of this moment."""
    status, text, media_type = await _get(inspection, "/metrics")

    assert status == 200
    assert media_type.startswith("text/plain; version=")
    assert "accord_ready 1.0" in text
    assert 'accord_sessions{transport="websocket"} 0.0' in text


async def test_liveness_and_readiness(inspection: str, running: Running) -> None:
    """Alive is not ready: 503 with the checks while we cannot commit and sign."""
    assert (await _get(inspection, "/healthz"))[0] == 200
    assert (await _get(inspection, "/readyz"))[:2] == (
        200,
        '{"ready":true,"checks":{"store":"ok"},"connections":0,"degraded":{}}',
    )

    running.exchange.is_ready = False

    assert (await _get(inspection, "/healthz"))[0] == 200
    status, text, _ = await _get(inspection, "/readyz")
    assert status == 503
    assert "the disk is below its watermark" in text
    assert "accord_ready 0.0" in (await _get(inspection, "/metrics"))[1]


async def test_checkpoint_is_served_for_witnesses(inspection: str) -> None:
    """The newest checkpoint, as it was signed."""
    assert (await _get(inspection, "/checkpoint"))[1] == NOTE.decode()


@pytest.mark.parametrize(
    ("method", "path", "status"), [("POST", "/metrics", 405), ("GET", "/v1/inbox", 404), ("GET", "/", 404)]
)
async def test_nothing_else_is_served(inspection: str, method: str, path: str, status: int) -> None:
    """No path of the links, no change of state, and problems instead of pages."""
    got, text, media_type = await _get(inspection, path, method)

    assert got == status
    assert media_type == "application/problem+json"
    assert "<" not in text
