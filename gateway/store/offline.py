"""A ledger without its gateway: the newest checkpoint, the proof of a leaf, reconciliation.

The first two only read and may be used while a gateway runs; a reconciliation holds the directory.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from gateway.crypto.checkpoint import verify_checkpoint
from gateway.crypto.merkle import inclusion_path, root_at
from gateway.crypto.receipt import encode_receipt
from gateway.domain.errors import ConfigurationError, FormatError, LedgerError
from gateway.domain.receipt import Checkpoint
from gateway.store.data_directory import claim
from gateway.store.frozen import freeze, read_frozen, remove_marker
from gateway.store.sqlite.connection import open_for_reading
from gateway.store.sqlite.engine import DATABASE, NEWEST
from gateway.store.sqlite.receipts import LINE, Receipts
from gateway.store.sqlite.tiles import Tiles
from gateway.store.verdict import VerificationError
from gateway.store.walking import names


def newest_checkpoint(path: Path, *, origin: str, public: bytes) -> Checkpoint:
    """Return the newest checkpoint in the data directory at `path`.

    Raises:
        VerificationError: `public` did not sign it for `origin`.
        LedgerError, OSError: it cannot be read.
    """
    with _reading(path) as connection:
        return _newest(connection, origin, public)


def prove(path: Path, leaf: int, *, origin: str, public: bytes, newest: bool = False) -> bytes:
    """Return the receipt of a leaf: as it was handed out, or under the newest checkpoint.

    Raises:
        FormatError: the ledger has no such leaf.
        VerificationError: nor has it what proves the leaf; or as `newest_checkpoint`.
        LedgerError, OSError: as `newest_checkpoint`.
    """
    with _reading(path) as connection:
        head = _newest(connection, origin, public)
        if not 0 <= leaf < head.size:
            raise FormatError(f"the ledger has leaves 0 to {head.size - 1}, not {leaf}")
        tiles = Tiles(connection)
        with names(f"leaf {leaf}"):
            line = connection.execute(LINE, (leaf,)).fetchone()
            if line is None:
                raise VerificationError("it is missing")
            salt, record = line
            if not newest:
                return Receipts(connection, tiles).of_line(leaf, salt, record)
            return encode_receipt(salt, record, leaf, inclusion_path(leaf, head.size, tiles.read), head.note)


def reconcile(path: Path, *, origin: str, public: bytes, seen: Sequence[bytes] = ()) -> Checkpoint:
    """Let a frozen ledger be continued if it contains every checkpoint that peers hold; return the largest of them.

    Those are the one that it was frozen for, and `seen`: what endpoints show of it (`accord endpoint seen`), without
    which a restored ledger is not released. Nothing else can be mended here: a ledger that lacks one of them must not
    sign under its name again (ADR 0002); the first that it lacks is kept as the reason.

    Raises:
        ConfigurationError: it is not frozen, in use, lacks a checkpoint, or none was given; the remedy says what to do.
        TrustError: a note is not signed by `public`.
        LedgerError: it cannot be read.
    """
    directory = claim(path)
    try:
        frozen = read_frozen(path)
        if frozen is None:
            raise ConfigurationError(f"the ledger in `{path}` is not frozen", "start the gateway")
        held = [verify_checkpoint(note, origin, public) for note in choose_notes(frozen.note.encode(), seen)]
        with _reading(path) as connection:
            head = _newest(connection, origin, public)
            for checkpoint in held:
                _refuse_unless_contained(checkpoint, head, path, connection)
        remove_marker(path)
    finally:
        directory.close()
    return max(held, key=lambda checkpoint: checkpoint.size)


def _refuse_unless_contained(seen: Checkpoint, head: Checkpoint, path: Path, connection: sqlite3.Connection) -> None:
    if seen.size <= head.size and (not seen.size or root_at(seen.size, Tiles(connection).read) == seen.root):
        return
    freeze(path, "a peer holds a signed checkpoint that this ledger does not contain", seen.note)
    raise lacking(seen, head)


def choose_notes(kept: bytes, seen: Sequence[bytes]) -> list[bytes]:
    """Return the notes that a frozen ledger must contain: the one it was frozen for, if any, and what endpoints show.

    Raises:
        ConfigurationError: there is none; then nobody can tell what peers have seen.
    """
    notes = [*([kept] if kept else []), *seen]
    if not notes:
        raise ConfigurationError(
            "nobody has shown what peers have seen of this ledger",
            "have every endpoint run `accord endpoint seen`, and give the files with --seen",
        )
    return notes


def lacking(seen: Checkpoint, head: Checkpoint) -> ConfigurationError:
    """Return the error of a ledger that lacks what peers have seen."""
    return ConfigurationError(
        f"the ledger has {head.size} entries and does not contain checkpoint {seen.size}, which peers hold",
        "restore a newer copy; if there is none, keep this directory to be read and begin a new ledger:"
        " new origin, new checkpoint key, new data directory, new edition",
    )


@contextmanager
def _reading(path: Path) -> Iterator[sqlite3.Connection]:
    if not (path / DATABASE).exists():
        raise LedgerError(f"`{path}` holds no ledger")
    try:
        with closing(open_for_reading(path / DATABASE)) as connection:
            yield connection
    except sqlite3.Error as error:
        raise LedgerError(f"the ledger in `{path}` cannot be read ({error})") from error


def _newest(connection: sqlite3.Connection, origin: str, public: bytes) -> Checkpoint:
    row = connection.execute(NEWEST).fetchone()
    if row is None:
        raise LedgerError("the ledger has no checkpoint")
    with names("the newest checkpoint"):
        return verify_checkpoint(row[1], origin, public)
