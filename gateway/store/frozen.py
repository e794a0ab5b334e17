"""A ledger that must not be continued: somebody holds a checkpoint of ours that it does not contain, or may hold one.

That is a restored backup or a second instance. Signing on would give two histories under one name, which no later
proof can heal; so the marker outlives the process, and it goes only when the tree contains what was seen:
the operator restores a newer copy. Where none exists, a new log begins under a new origin with a new key in a new
directory, and this one is kept to be read (ADR 0002).
"""

from pathlib import Path

import msgspec
from msgspec import Struct

from gateway.domain.errors import ConfigurationError
from gateway.store.data_directory import sync_directory, write_private_file

MARKER = "FROZEN"


class Frozen(Struct, frozen=True, forbid_unknown_fields=True):
    """Why the ledger was frozen, and the signed note that proves it (text of a C2SP checkpoint).

    `note` empty: it was restored, and nobody has said yet what peers have seen.
    """

    reason: str
    note: str


def freeze(path: Path, reason: str, note: bytes) -> None:
    """Mark the data directory, durably. A second reason does not replace the first, unless it brings the first note."""
    frozen = read_frozen(path)
    if frozen is None or (note and not frozen.note):
        write_private_file(path / MARKER, msgspec.json.encode(Frozen(reason=reason, note=note.decode())))


def read_frozen(path: Path) -> Frozen | None:
    """Return why the directory is frozen, None if it is not.

    Raises:
        ConfigurationError: the marker cannot be read; it counts as frozen.
    """
    marker = path / MARKER
    if not marker.exists():
        return None
    try:
        return msgspec.json.decode(marker.read_bytes(), type=Frozen)
    except msgspec.DecodeError as error:
        raise ConfigurationError(f"marker `{marker}` is damaged", "restore the data directory from a backup") from error


def refuse_frozen(path: Path) -> None:
    """Return if the ledger may be continued.

    Raises:
        ConfigurationError: it is frozen.
    """
    frozen = read_frozen(path)
    if frozen is not None:
        raise ConfigurationError(
            f"the ledger in `{path}` is frozen: {frozen.reason}",
            "restore a newer copy of the directory, then run `accord ledger reconcile`"
            if frozen.note
            else "have every endpoint run `accord endpoint seen`, then run `accord ledger reconcile --seen FILE ...`",
        )


def remove_marker(path: Path) -> None:
    """Let the ledger be continued; the caller has made sure that it contains what was seen."""
    (path / MARKER).unlink()
    sync_directory(path)
