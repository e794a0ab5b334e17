"""One data directory, one process, nobody else's eyes."""

import asyncio
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.domain.errors import ConfigurationError
from gateway.store.data_directory import (
    LOCK,
    NETWORK_FILESYSTEMS,
    claim,
    filesystem_of,
    free_bytes,
    is_held,
    write_private_file,
)
from tests.store.running import Running
from tests.store.samples import admit, message

HOLD = """
import pathlib, sys
from gateway.store.data_directory import claim
claim(pathlib.Path(sys.argv[1]))
print(flush=True)
input()
"""


async def test_threat_G5_second_process_on_one_ledger_is_refused_and_the_tree_stays_single(
    running: Running, tmp_path: Path
) -> None:
    """G5: of two processes on one directory exactly one appends; the other is told file and pid and signs nothing."""
    await running.one(admit(message(1)))
    with pytest.raises(ConfigurationError, match=f"in use by process {os.getpid()}.*{LOCK}"):
        running.open()
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.store.child", "run", tmp_path / "data", bytes(32).hex(), "5", stderr=-1
    )
    _, errors = await child.communicate()

    assert child.returncode != 0
    assert "in use by process" in errors.decode()
    assert (await running.one(admit(message(2)))).index == 1


def test_lock_ends_with_the_process_that_holds_it(tmp_path: Path) -> None:
    """However it dies, its successor starts: the kernel's lock counts, not the file."""
    child = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path / "d")], stdin=-1, stdout=-1, text=True)
    assert child.stdout is not None
    child.stdout.readline()
    with pytest.raises(ConfigurationError, match=f"process {child.pid}"):
        claim(tmp_path / "d")
    assert is_held(tmp_path / "d")
    child.kill()
    child.communicate()

    claim(tmp_path / "d").close()
    assert not is_held(tmp_path / "d")


def test_directory_is_made_private_and_one_that_is_not_is_refused(tmp_path: Path) -> None:
    """Mode 0700; what others may enter is refused with the command that mends it."""
    claim(tmp_path / "a" / "b").close()
    assert stat.S_IMODE((tmp_path / "a" / "b").stat().st_mode) == 0o700
    (tmp_path / "open").mkdir(mode=0o700)
    (tmp_path / "open").chmod(0o755)

    with pytest.raises(ConfigurationError, match="chmod 700"):
        claim(tmp_path / "open")


def test_filesystem_is_known_and_network_ones_are_refused(tmp_path: Path) -> None:
    """The kernel names the filesystem; those whose locks and syncs are promises of a server are on the list."""
    assert filesystem_of(Path("/proc")) == "proc"
    assert filesystem_of(tmp_path) not in NETWORK_FILESYSTEMS
    assert {"nfs", "nfs4", "cifs", "smb3", "9p"} <= NETWORK_FILESYSTEMS
    assert free_bytes(tmp_path) > 0


def test_file_is_replaced_whole(tmp_path: Path) -> None:
    """A reader sees the old content or the new one, with mode 0600, and no third file stays."""
    write_private_file(tmp_path / "f", b"one")
    write_private_file(tmp_path / "f", b"two")

    assert (tmp_path / "f").read_bytes() == b"two"
    assert stat.S_IMODE((tmp_path / "f").stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [tmp_path / "f"]
