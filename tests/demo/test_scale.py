"""The demo with three gateways: every line is a claim that is checked while it plays."""

from pathlib import Path

import pytest

from gateway.demo.scale import play_scale
from tests.postgres import postgres_server
from tools.postgres import PostgresServer

__all__ = ["postgres_server"]


def test_three_gateways_play_and_every_line_is_as_expected(
    tmp_path: Path, postgres_server: PostgresServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """One gateway is killed, one is drained, nothing is lost, and all three ledgers verify."""
    code = play_scale(postgres_server.dsn, tmp_path / "demo")

    told = capsys.readouterr().out
    assert code == 0, told
    assert "120 acknowledged, 0 lost, 0 twice" in told
    assert told.count("verified") == 3
