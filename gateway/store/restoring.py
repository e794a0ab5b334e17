"""Put a backup in the place of a data directory that is gone; what stands there afterwards signs nothing.

The mark comes first and the database last: a restoration that was cut short is neither a ledger nor unmarked.
"""

from pathlib import Path

from gateway.domain.errors import ConfigurationError
from gateway.store.backup import copy_durably
from gateway.store.data_directory import LOCK, claim, make_private_directory, sync_directory
from gateway.store.frozen import MARKER, freeze, read_frozen
from gateway.store.sqlite.engine import DATABASE

REASON = "it was restored from a backup, and peers may have seen more of it"


def restore(folder: Path, names: tuple[str, ...], path: Path) -> None:
    """Copy the files `names` of a backup, which the caller has verified, into the data directory `path`.

    Raises:
        ConfigurationError: something is there already, or the directory is in use.
        OSError: the disk failed.
    """
    directory = claim(path)
    try:
        found = sorted(entry.name for entry in path.iterdir() if entry.name != LOCK)
        if found:
            raise ConfigurationError(
                f"`{path}` is not empty: it has `{found[0]}`", "name another data_folder, or move away what is there"
            )
        kept = read_frozen(folder)
        freeze(path, REASON, kept.note.encode() if kept else b"")
        for name in sorted(set(names) - {MARKER}, key=lambda name: name == DATABASE):
            target = path / name
            make_private_directory(target.parent)
            copy_durably(folder / name, target)
            sync_directory(target.parent)
    finally:
        directory.close()
