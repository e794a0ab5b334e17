"""Processes that die, disks that fill, system calls that fail: what was reported is there, the rest whole or absent."""

import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.store.child import FAILED

SEED = bytes(range(32)).hex()
KILLS = 20
CHILD = [sys.executable, "-m", "tests.store.child"]


def start(*arguments: str, before: tuple[str, ...] = ()) -> subprocess.Popen[str]:
    """Start a child with its output readable line by line."""
    return subprocess.Popen(
        [*before, *CHILD, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1
    )


def check(path: Path, said: list[str]) -> None:
    """Have a fresh process recover, compare with what was said, verify everything, and go on."""
    done = subprocess.run(
        [*CHILD, "check", str(path), SEED], input="\n".join(said), text=True, capture_output=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_p07_killed_at_any_moment_every_reported_item_is_there_and_nothing_is_half(tmp_path: Path) -> None:
    """P-02, P-07: twenty SIGKILLs under load in one directory; each start recovers by itself and goes on."""
    chance = random.Random(7)
    said: list[str] = []
    for _ in range(KILLS):
        child = start("run", str(tmp_path / "data"), SEED, "100000")
        assert child.stdout is not None
        for _ in range(chance.randrange(1, 200)):
            said.append(child.stdout.readline())
        child.kill()
        said += [line for line in child.communicate()[0].splitlines(keepends=True) if line.endswith("\n")]
    opened = [int(line.split()[1]) for line in said if line.startswith("open")]

    assert (len(opened), opened) == (KILLS, sorted(opened))
    check(tmp_path / "data", [line.strip() for line in said])


# The first failure of each kind, one in the middle of traffic, one that only copying the log back meets.
SITES = (
    ("fdatasync", 1),
    ("fdatasync", 4),
    ("fdatasync", 14),
    ("fsync", 2),
    ("pwrite64", 1),
    ("pwrite64", 180),
    ("pwritev2", 1),
    ("pwritev2", 4),
)


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
@pytest.mark.parametrize(("call", "nth"), SITES)
def test_threat_D2_a_failed_write_or_sync_latches(tmp_path: Path, call: str, nth: int) -> None:
    """D2: one EIO, and every later call would succeed: nothing is acknowledged any more, exit 74, all is recovered."""
    path = tmp_path / "data"
    trace = ("strace", "-f", "-qq", "--seccomp-bpf", "-e", f"trace={call}", "-e", f"inject={call}:error=EIO:when={nth}")
    child = start("run", str(path), SEED, "300", before=(*trace, "-o", str(tmp_path / "trace")))
    output, errors = child.communicate(timeout=60)
    said = output.splitlines()

    assert "(INJECTED)" in (tmp_path / "trace").read_text(), "the fault was never met"
    assert child.returncode == FAILED, errors
    assert len([line for line in said if line.startswith("admitted")]) < 300
    if said:
        check(path, said)


def namespace_allowed() -> bool:
    """Tell whether we may make a small disk of our own."""
    if shutil.which("unshare") is None:
        return False
    probe = ["unshare", "-Urm", "mount", "-t", "tmpfs", "-o", "size=1m", "small", "/mnt"]
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not namespace_allowed(), reason="no user namespaces with mounts here")
@pytest.mark.parametrize("size", ["1m", "8m"])
def test_threat_D1_a_full_disk_latches_and_loses_nothing_that_was_acknowledged(tmp_path: Path, size: str) -> None:
    """D1: on a disk that really fills, exit 74; after room was made, all is there and the store goes on by itself."""
    child = " ".join(CHILD)
    script = f"""
        set -u
        mount -t tmpfs -o size={size},mode=0700 small {tmp_path}
        {child} run {tmp_path}/data {SEED} 100000 >/dev/shm/said.$$ 2>/dev/null
        code=$?
        mount -o remount,size=64m {tmp_path}
        {child} check {tmp_path}/data {SEED} </dev/shm/said.$$
        echo "code $code check $? said $(grep -c admitted /dev/shm/said.$$)"
        rm -f /dev/shm/said.$$
    """
    done = subprocess.run(
        ["unshare", "-Urm", "sh", "-c", script], capture_output=True, text=True, timeout=90, check=False, env=os.environ
    )

    words = done.stdout.splitlines()[-1].split()
    assert words[:4] == ["code", str(FAILED), "check", "0"], done.stdout + done.stderr
    assert int(words[5]) > 0 or size == "1m"
