"""A small disk that can really fill up: a tmpfs in a user namespace, without a right that a tester does not have."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gateway.store.data_directory import free_bytes
from tests.federation import ROOT
from tests.system.wrapped import Wrapped

MOUNT = 'mount -t tmpfs -o size="$2",mode=0700 tmpfs "$1" && echo mounted && exec sleep 600'


class SmallDisk:
    """The disk as a test sees it; `folder` leads into the namespace that holds it."""

    def __init__(self, holder: "subprocess.Popen[str]", mounted_at: Path) -> None:
        """Look into the namespace of `holder`."""
        self._holder = holder
        self.folder = Path(f"/proc/{holder.pid}/root{mounted_at}")
        self._ballast = self.folder / "ballast"

    def fill(self, leave_bytes: int) -> None:
        """Write a file that leaves so many bytes free."""
        with self._ballast.open("ab") as file:
            file.write(bytes(max(0, free_bytes(self.folder) - leave_bytes)))

    def relieve(self) -> None:
        """Take that file away, as an operator would who finds the disk full."""
        self._ballast.unlink()

    def run(self, config: Path, log: Path) -> Wrapped:
        """Start a gateway that sees this disk."""
        enter = ["nsenter", "-U", "-m", "--preserve-credentials", "-t", str(self._holder.pid)]
        # Entering another mount namespace loses the folder that one was in.
        return Wrapped(config, log, before=(*enter, "sh", "-c", 'cd "$0" && exec "$@"', str(ROOT)))


@contextmanager
def small_disk(mount_at: Path, size_bytes: int) -> Iterator[SmallDisk]:
    """Mount a disk of `size_bytes` at an empty folder; skip by name where no namespace can be had."""
    words = ["unshare", "-Urm", "sh", "-c", MOUNT, "sh", str(mount_at), str(size_bytes)]
    try:
        holder = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    except FileNotFoundError:
        pytest.skip("`unshare` is missing: no small disk can be mounted")
    assert holder.stdout is not None
    try:
        if holder.stdout.readline().strip() != "mounted":
            _, said = holder.communicate(timeout=10)
            pytest.skip(f"user namespaces are not to be had here: {said.strip()}")
        yield SmallDisk(holder, mount_at)
    finally:
        holder.kill()
        holder.wait()
