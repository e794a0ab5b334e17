"""The door: how many may come in, and with which parser."""

import subprocess
import sys

import pytest
from msgspec.structs import replace

from gateway.links.connections import require_compiled_parser
from gateway.wire.limits import Limits
from tests.links.raw import RawPeer, outcome
from tests.links.running import QUICK, Running


def test_threat_N5_pure_python_parser_is_refused() -> None:
    """With AIOHTTP_NO_EXTENSIONS set, a listener refuses to be made and says what to unset."""
    require_compiled_parser()
    program = "from gateway.links.connections import require_compiled_parser as check; check()"

    done = subprocess.run(
        [sys.executable, "-c", program], env={"AIOHTTP_NO_EXTENSIONS": "1"}, capture_output=True, text=True, check=False
    )

    assert "ConfigurationError" in done.stderr
    assert "unset AIOHTTP_NO_EXTENSIONS" in done.stderr


class TestFullHouse:
    @pytest.fixture
    def limits(self) -> Limits:
        """Room for three connections in all."""
        return replace(QUICK, connections_max=3)

    async def test_connections_in_all_are_bounded(self, running: Running) -> None:
        """The fourth connection is told to come later; when one leaves there is room again."""
        peers = [RawPeer(running.port, running.tls()) for _ in range(3)]
        for peer in peers:
            await peer.__aenter__()
        async with RawPeer(running.port, running.tls()) as late:
            heard = await late.hear()
        for peer in peers:
            await peer.hear()
            await peer.__aexit__(None, None, None)

        assert heard.startswith(b"HTTP/1.1 429 ")
        assert b"Retry-After: 5" in heard
        assert running.sample("connections_refused_total") == 1
        assert await outcome(running.port, running.tls()) == "200"
