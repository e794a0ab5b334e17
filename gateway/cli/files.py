"""Files that commands make: private ones for their owner alone, every one whole or absent."""

import os
from pathlib import Path

from gateway.cli.failures import CANNOT_CREATE, INPUT_MISSING, CommandError

PRIVATE = 0o600
PUBLIC = 0o644


def make_folder(path: Path) -> Path:
    """Make a folder that only its owner enters, with its parents; return it."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.chmod(0o700)
    return path


def write(path: Path, content: bytes, mode: int) -> Path:
    """Write a file whole: a reader sees the old content or the new, and never with laxer rights."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return path


def write_new(path: Path, content: bytes, mode: int) -> Path:
    """Write a file that must not exist yet.

    Raises:
        CommandError: it exists.
    """
    if path.exists():
        raise CommandError(f"`{path}` exists already", "move it away, or give another place", CANNOT_CREATE)
    return write(path, content, mode)


def must_exist(*paths: Path) -> None:
    """Tell what a command was given and is not there apart from what is there and no good.

    Raises:
        CommandError: one of them does not exist.
    """
    for path in paths:
        if not path.exists():
            raise CommandError(f"there is no `{path}`", "give the path of an existing file or folder", INPUT_MISSING)


def refuse_filled(path: Path) -> None:
    """Refuse a folder that holds anything: what stands there may be somebody's only copy.

    Raises:
        CommandError: `path` is a file or a folder that is not empty.
    """
    if path.is_dir() and not any(path.iterdir()):
        return
    if path.exists():
        raise CommandError(f"`{path}` exists and is not an empty folder", "give a new folder", CANNOT_CREATE)
