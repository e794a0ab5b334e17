"""A gateway process that is started by another program: in a namespace, under a kernel that refuses."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from gateway.settings.gateway import GatewaySettings
from gateway.settings.source import load
from tests.app.processes import Running
from tests.federation import ROOT

ACCORD = (sys.executable, "-m", "gateway")


class Wrapped(Running):
    """A gateway whose command line begins with other words."""

    def __init__(self, config: Path, log: Path, *, before: Sequence[str] = (), program: Sequence[str] = ACCORD) -> None:
        """Start `before program gateway run` in the folder of the repository; it is not ready yet."""
        settings = load(config, GatewaySettings).values
        self.url = f"https://127.0.0.1:{settings.listen.port}"
        self.inspection = f"http://127.0.0.1:{settings.inspection.port}"
        self._log = log
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                [*before, *program, "gateway", "run", "--config", str(config)], stdout=out, stderr=out, cwd=ROOT
            )


@contextmanager
def tended(gateway: Running) -> Iterator[Running]:
    """Give a gateway that is ready; however the block ends, the process is gone after it."""
    try:
        gateway.wait_until_ready()
        yield gateway
    finally:
        gateway.process.kill()
        gateway.process.wait()
