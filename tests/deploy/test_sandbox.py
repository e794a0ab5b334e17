"""What the programs ask of the kernel, held against what their units let them ask."""

import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.deploy.test_units import DEPLOY, analyze

ACCORD = Path(sys.executable).with_name("accord")
START_S = 30.0
# SQLite hands new files to the owner of their folder, but only where it runs as root, as tests may.
ONLY_AS_ROOT = {"fchown", "geteuid"}


def permitted() -> set[str]:
    """Return the system calls that the units permit: @system-service without @privileged and @resources."""
    text = (DEPLOY / "accord-gateway.service").read_text()
    assert "SystemCallFilter=@system-service\nSystemCallFilter=~@privileged @resources\n" in text
    return _group("@system-service") - _group("@privileged") - _group("@resources")


def _group(name: str) -> set[str]:
    listed = subprocess.run([analyze(), "syscall-filter", name], capture_output=True, text=True, check=True).stdout
    names = {
        line.strip() for line in listed.splitlines() if line.startswith("    ") and not line.strip().startswith("#")
    }
    groups = {name for name in names if name.startswith("@")}
    return (names - groups).union(*map(_group, groups))


@contextmanager
def traced(folder: Path, name: str, sign: str, *words: str | Path) -> Iterator[Path]:
    """Run a program under strace until the block ends in SIGTERM; give the file that lists its system calls."""
    trace, log = folder / f"{name}.trace", folder / f"{name}.log"
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("`strace` is missing: install Debian's `strace`")
    # With -D the program is our child, and strace its observer.
    command = [strace, "-D", "-f", "-qq", "-o", str(trace), str(ACCORD), *map(str, words)]
    with log.open("wb") as out, subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT) as process:
        end_s = time.monotonic() + START_S
        while sign not in log.read_text():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < end_s, log.read_text()
            time.sleep(0.05)
        yield trace
        process.terminate()
        assert process.wait(20) == 0, log.read_text()


def test_programs_ask_only_for_what_their_units_permit(tmp_path: Path) -> None:
    """Gateway, endpoint and central node start, connect and stop within their filter of system calls."""
    allowed = permitted() | ONLY_AS_ROOT
    demo = tmp_path / "demo"
    subprocess.run([ACCORD, "init", "--demo", demo], check=True, capture_output=True)
    settings = demo / "gateway" / "gateway.toml"
    endpoint = demo / "endpoints" / "cz-police" / "endpoint.toml"
    central = demo / "central" / "central.toml"
    with (
        traced(tmp_path, "gateway", '"listening"', "gateway", "run", "--config", settings) as gateway_trace,
        traced(tmp_path, "endpoint", '"connected"', "endpoint", "run", "--config", endpoint) as endpoint_trace,
        traced(tmp_path, "central", '"connected"', "central", "run", "--config", central) as central_trace,
    ):
        pass

    for trace in (gateway_trace, endpoint_trace, central_trace):
        asked = set(re.findall(r"^\d+ +([a-z_0-9]+)\(", trace.read_text(errors="replace"), re.MULTILINE))
        assert len(asked) > 30, trace
        assert asked - allowed == set(), trace
