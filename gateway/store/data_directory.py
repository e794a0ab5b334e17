"""One data directory, one process.

The kernel's lock on `lock` ends with the process that holds it, however it dies; the pid inside is for the
operator only. Network filesystems are refused: their locks and syncs promise less than we promise.
"""

import errno
import fcntl
import os
import stat
from pathlib import Path

from gateway.domain.errors import ConfigurationError

LOCK = "lock"
NETWORK_FILESYSTEMS = frozenset(
    "9p afs ceph cifs coda fuse.glusterfs fuse.s3fs fuse.sshfs glusterfs lustre nfs nfs4 smb3 smbfs virtiofs".split()
)


class DataDirectory:
    """A data directory that this process holds; `close` gives it back."""

    def __init__(self, path: Path, lock: int) -> None:
        """Keep the descriptor `lock` open for as long as the directory is held."""
        self.path = path
        self._lock = lock

    def close(self) -> None:
        """Let another process have the directory."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def claim(path: Path) -> DataDirectory:
    """Return the data directory at `path`, made with mode 0700 where it is missing, held by nobody else.

    Raises:
        ConfigurationError: in use by another process, open to others, not ours, or on a network filesystem.
        OSError: the disk failed.
    """
    make_private_directory(path)
    filesystem = filesystem_of(path)
    if filesystem in NETWORK_FILESYSTEMS:
        raise ConfigurationError(
            f"data directory `{path}` is on a network filesystem (`{filesystem}`)", "put it on a local disk"
        )
    try:
        lock = os.open(path / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise
        raise ConfigurationError(
            f"data directory `{path}` cannot be written ({error.strerror})", "give it to this user, mode 0700"
        ) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        holder = os.read(lock, 32).decode("ascii", "replace").strip() or "unknown"
        os.close(lock)
        raise ConfigurationError(
            f"data directory `{path}` is in use by process {holder} (`{path / LOCK}`)",
            "stop that process or name another directory",
        ) from error
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
    return DataDirectory(path, lock)


def is_held(path: Path) -> bool:
    """Tell whether a process holds the data directory at `path`."""
    if not (path / LOCK).exists():
        return False
    lock = os.open(path / LOCK, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def holder(path: Path) -> int | None:
    """Return the pid of the process that holds the data directory at `path`, None if nobody does."""
    if not is_held(path):
        return None
    said = (path / LOCK).read_text(encoding="ascii", errors="replace").strip()
    return int(said) if said.isdecimal() else None


def make_private_directory(path: Path) -> None:
    """Make `path` with mode 0700, durably; refuse one that others may enter."""
    if not path.exists():
        try:
            path.mkdir(mode=0o700, parents=True)
        except OSError as error:
            raise ConfigurationError(
                f"data directory `{path}` cannot be made ({error.strerror})", "make it, owned by this user, mode 0700"
            ) from error
        sync_directory(path.parent)
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise ConfigurationError(f"data directory `{path}` has mode {mode:04o}", f"run `chmod 700 {path}`")


def make_private_file(path: Path) -> None:
    """Make an empty file with mode 0600 where there is none, and make its name durable."""
    if path.exists():
        return
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    sync_directory(path.parent)


def write_private_file(path: Path, content: bytes) -> None:
    """Replace `path` whole and durably: new file, sync, rename, sync of the directory."""
    fresh = path.with_name(path.name + ".new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        os.write(descriptor, content)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    fresh.rename(path)
    sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def filesystem_of(path: Path) -> str:
    """Return the type of the filesystem that `path` lies on, as the kernel names it; empty if it does not say."""
    device = path.stat().st_dev
    number = f"{os.major(device)}:{os.minor(device)}"
    try:
        lines = Path("/proc/self/mountinfo").read_text().splitlines()
    except OSError:
        return ""
    for line in lines:
        mount, _, source = line.partition(" - ")
        if mount.split()[2] == number:
            return source.split()[0]
    return ""


def free_bytes(path: Path) -> int:
    """Return how many bytes we may still write on the disk of `path`."""
    status = os.statvfs(path)
    return status.f_bavail * status.f_frsize
