"""The systemd units: how little they may do, and that their limits let the programs run."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
UNITS = sorted(DEPLOY.glob("*.service"))
NAMES = [unit.name for unit in UNITS]
# What an operator was promised (reliability.md 4.9); `systemd-analyze` counts in tenths and takes it times ten.
EXPOSURE_MAX = 1.2
# prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN): what MemoryDenyWriteExecute= does, for this process.
PROBE = """
import ctypes, sys
if ctypes.CDLL(None).prctl(65, 1, 0, 0, 0):
    sys.exit(77)
import nacl.signing, cryptography.hazmat.primitives.asymmetric.mlkem, msgspec, aiohttp, sqlite3
key = nacl.signing.SigningKey.generate()
key.verify_key.verify(key.sign(b"message"))
sqlite3.connect(":memory:").execute("SELECT 1")
"""


def settings(unit: Path) -> list[tuple[str, str]]:
    """Return the settings of a unit in order."""
    lines = [line for line in unit.read_text().splitlines() if line and line[0] not in "#["]
    return [(key, value) for key, _, value in (line.partition("=") for line in lines)]


def analyze() -> str:
    """Return the path of systemd-analyze; without it skip by name."""
    found = shutil.which("systemd-analyze")
    if found is None:
        pytest.skip("`systemd-analyze` is missing: install Debian's `systemd`")
    return found


def test_units_are_there() -> None:
    """One unit for each program that runs for long."""
    assert NAMES == ["accord-central.service", "accord-endpoint@.service", "accord-gateway.service"]


@pytest.mark.parametrize("unit", UNITS, ids=NAMES)
def test_unit_exposes_little(unit: Path) -> None:
    """The lint of privileges gives every unit at most 1.2 of 10."""
    done = subprocess.run(
        [analyze(), "security", "--offline=true", "--no-pager", str(unit)], capture_output=True, text=True, check=False
    )
    level = re.search(r"exposure level for \S+: ([0-9.]+)", done.stdout)

    assert level is not None, done.stderr
    assert float(level[1]) <= EXPOSURE_MAX


@pytest.mark.parametrize("unit", UNITS, ids=NAMES)
def test_unit_is_understood(unit: Path) -> None:
    """A mistyped setting is ignored by systemd with a warning only; here it fails."""
    done = subprocess.run([analyze(), "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False)
    # That nothing is installed on this machine is no fault of the unit.
    complaints = [line for line in done.stderr.splitlines() if "is not executable" not in line]

    assert [line for line in complaints if unit.name.partition("@")[0] in line] == []


@pytest.mark.parametrize("unit", UNITS, ids=NAMES)
def test_unit_says_what_operators_rely_on(unit: Path) -> None:
    """Readiness is told, hopeless starts are not repeated, keys are credentials, state is private (S-15)."""
    said = settings(unit)

    assert ("Type", "notify") in said
    assert ("RestartPreventExitStatus", "64 65 77 78") in said
    assert ("StateDirectoryMode", "0700") in said
    assert ("LimitCORE", "0") in said
    assert "LoadCredential" in dict(said)
    assert not any(key in ("Environment", "EnvironmentFile") for key, _ in said)


@pytest.mark.parametrize("unit", UNITS, ids=NAMES)
def test_unit_asks_nothing_that_its_program_does_not_do(unit: Path) -> None:
    """A watchdog that nobody feeds kills, a signal that nobody catches ends the program."""
    said = dict(settings(unit))
    name = unit.stem.removeprefix("accord-").rstrip("@")
    program = (DEPLOY.parent / "gateway" / "app" / f"{name}.py").read_text()

    assert said["ExecStart"].startswith(f"/opt/accord/bin/accord {name} run --config /etc/accord/")
    assert 'notify("READY=1")' in program
    assert ("WatchdogSec" in said) <= ("watchdog_s()" in program)
    assert ("ExecReload" in said) <= ("signal.SIGHUP" in program)


def test_units_share_one_sandbox() -> None:
    """What one program may not do, the others may not either."""
    sandboxes = {
        tuple(said[said.index(("LimitCORE", "0")) : said.index(("WantedBy", "multi-user.target"))])
        for said in map(settings, UNITS)
    }

    assert len(sandboxes) == 1


def test_programs_live_without_writable_code() -> None:
    """cffi, libsodium, OpenSSL and SQLite work under MemoryDenyWriteExecute=yes."""
    done = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, check=False)
    if done.returncode == 77:
        pytest.skip("this kernel has no PR_SET_MDWE (Linux 6.3)")

    assert done.returncode == 0, done.stderr
