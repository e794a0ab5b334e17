"""Copy a store as it is at one moment, while its gateway goes on: the database first, then the bodies it points at.

A shared lock on the spool file keeps the writer from erasing what ends meanwhile, so that every body which the copied
database calls owed is still there. Only those are copied: what was destroyed does not live on in a backup.
"""

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from gateway.domain.errors import LedgerError
from gateway.store.spool_file import SLOT_BYTES, slots_of
from gateway.store.sqlite.bodies import check_bodies
from gateway.store.sqlite.connection import open_for_reading, read_number
from gateway.store.sqlite.engine import DATABASE, LIVE_BODIES, NEWEST, SPOOL


def copy_store(path: Path, folder: Path) -> tuple[int, bytes]:
    """Copy database and owed bodies of the data directory `path` into `folder`; return newest size and note.

    One read transaction lasts as long as the copy of the database: the write-ahead log grows meanwhile.

    Raises:
        LedgerError: there is no ledger, or it cannot be read.
        VerificationError: a body is not the one that was accepted, or the gateway was started anew meanwhile.
    """
    if not (path / DATABASE).exists():
        raise LedgerError(f"`{path}` holds no ledger")
    try:
        with _unerased(path / SPOOL) as spool:
            _copy_database(path / DATABASE, folder / DATABASE)
            # In memory: the copy gets no log beside it.
            with closing(sqlite3.connect(f"{(folder / DATABASE).as_uri()}?immutable=1", uri=True)) as copy:
                _copy_bodies(spool, folder / SPOOL, copy)
                check_bodies(copy, folder / SPOOL, lambda _leaf, _recipient: True)
                row = copy.execute(NEWEST).fetchone()
                entries = read_number(copy, "SELECT max(leaf) + 1 FROM entry")
    except sqlite3.Error as error:
        raise LedgerError(f"the ledger in `{path}` cannot be read ({error})") from error
    if row is None or row[0] != entries:
        raise LedgerError(f"the ledger in `{path}` does not end with its newest checkpoint")
    return int(row[0]), bytes(row[1])


@contextmanager
def _unerased(spool: Path) -> Iterator[int]:
    """Give a descriptor of the spool file; until the block ends, nothing in it is overwritten."""
    file = os.open(spool, os.O_RDONLY | os.O_CLOEXEC)
    try:
        # The writer holds it for the moment of one batch; the kernel ends ours if we die.
        fcntl.flock(file, fcntl.LOCK_SH)
        yield file
    finally:
        os.close(file)


def _copy_database(source: Path, target: Path) -> None:
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    with closing(open_for_reading(source)) as live, closing(sqlite3.connect(target)) as copy:
        live.backup(copy)
        # One file, to be opened where nothing may be written beside it.
        copy.execute("PRAGMA journal_mode=DELETE")


def _copy_bodies(spool: int, target: Path, copy: sqlite3.Connection) -> None:
    file = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        for slot, length in copy.execute(LIVE_BODIES):
            start, rest = slot * SLOT_BYTES, slots_of(length) * SLOT_BYTES
            while rest:
                piece = os.pread(spool, rest, start)
                if not piece:
                    raise LedgerError("the spool file lacks a body that is owed: it is not of this ledger's time")
                os.pwrite(file, piece, start)
                start, rest = start + len(piece), rest - len(piece)
    finally:
        os.close(file)
