"""The processes of the demo: started, watched, killed, and always ended by their own pid.

Every process is this same program (`accord … run`) and writes its log to a file of its own.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from gateway.domain.errors import ConfigurationError

READY_WITHIN_S = 30.0
STOP_WITHIN_S = 15.0


class Program:
    """One process of the federation."""

    def __init__(self, name: str, arguments: list[str], log: Path, *, program: Path | None = None) -> None:
        """Do not start yet; the output goes to `log`. `program` is another one than ours."""
        self.name = name
        self._arguments = (
            [sys.executable, "-m", "gateway", *arguments] if program is None else [str(program), *arguments]
        )
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The pid of the running process."""
        assert self._process is not None
        return self._process.pid

    @property
    def command(self) -> str:
        """The command line, as a person would type it."""
        return " ".join(["accord", *self._arguments[3:]])

    def start(self) -> None:
        """Start the process."""
        with self._log.open("ab") as log:
            # A session of its own: a Ctrl-C at the demo must not reach it before we end it in order.
            self._process = subprocess.Popen(
                self._arguments, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    def wait_until(self, ready: Callable[[], bool]) -> None:
        """Wait until `ready` says so.

        Raises:
            ConfigurationError: the process ended, or was not ready in time; its log tells why.
        """
        deadline = time.monotonic() + READY_WITHIN_S
        while not ready():
            assert self._process is not None
            if self._process.poll() is not None:
                raise ConfigurationError(f"`{self.name}` ended with {self._process.returncode}", f"see {self._log}")
            if time.monotonic() > deadline:
                raise ConfigurationError(f"`{self.name}` was not ready in {READY_WITHIN_S:.0f} s", f"see {self._log}")
            time.sleep(0.05)

    def kill(self) -> None:
        """Kill the process with SIGKILL: it gets no chance to tidy up."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def stop(self) -> None:
        """Ask the process to end; kill it if it does not."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
