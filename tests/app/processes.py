"""A gateway as its own process: started from its settings file, asked over its inspection port, ended by its pid."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import pytest

from gateway.settings.gateway import GatewaySettings
from gateway.settings.source import load
from tests.cli.demo_folder import copied

WITHIN_S = 20.0


class Running:
    """A gateway process."""

    def __init__(self, config: Path, log: Path, environment: Mapping[str, str]) -> None:
        """Start it; it is not ready yet."""
        settings = load(config, GatewaySettings).values
        self.url = f"https://127.0.0.1:{settings.listen.port}"
        self.inspection = f"http://127.0.0.1:{settings.inspection.port}"
        self._log = log
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "gateway", "gateway", "run", "--config", str(config)],
                stdout=out,
                stderr=out,
                env={**os.environ, **environment},
            )

    def get(self, path: str) -> str:
        """Return what the inspection listener answers; empty while it does not."""
        try:
            with urllib.request.urlopen(self.inspection + path, timeout=5) as answer:  # noqa: S310 - built above
                return str(answer.read().decode())
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return ""

    def metric(self, name: str) -> float:
        """Return one sample; -1 where there is none."""
        lines = [line for line in self.get("/metrics").splitlines() if line.startswith(f"{name} ")]
        return float(lines[0].split()[1]) if lines else -1

    def wait_until_ready(self) -> None:
        """Wait until the gateway can serve, or fail with its log."""
        self.wait_for(lambda: '"ready":true' in self.get("/readyz"))

    def wait_for(self, holds: Callable[[], bool]) -> float:
        """Wait until `holds`; return the seconds it took."""
        began = time.monotonic()
        while not holds():
            assert self.process.poll() is None, self.output()
            assert time.monotonic() - began < WITHIN_S, self.output()
            time.sleep(0.02)
        return time.monotonic() - began

    def output(self) -> str:
        """Return everything that the process has written."""
        return self._log.read_text()

    def events(self) -> list[dict[str, object]]:
        """Return the log lines so far."""
        return [json.loads(line) for line in self.output().splitlines() if line.startswith("{")]

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to this process."""
        self.process.send_signal(number)

    def end(self) -> int:
        """Ask it to stop and return its exit code."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self.process.wait(WITHIN_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise


class Served(NamedTuple):
    """A federation whose gateway runs, for tests that change neither."""

    federation: Path
    gateway: Running


@pytest.fixture(scope="module")
def served(made_once: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Run one gateway for all tests of a file that only look at it."""
    federation = copied(made_once, tmp_path_factory.mktemp("served") / "demo")
    with running(federation) as gateway:
        yield Served(federation, gateway)


@contextmanager
def running(federation: Path, environment: Mapping[str, str] = MappingProxyType({})) -> Iterator[Running]:
    """Run the gateway of a federation; it is ready when the block begins and gone when it ends."""
    gateway = Running(federation / "gateway" / "gateway.toml", federation / "gateway.log", environment)
    try:
        gateway.wait_until_ready()
        yield gateway
    finally:
        if gateway.process.poll() is None:
            gateway.end()
