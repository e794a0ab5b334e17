"""Walk through one ledger from its first entry: every record, leaf, tile, checkpoint and signature.

What the entries mean for other tables is for whoever walks along (`take`); here only the ledger speaks for itself.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from gateway.crypto.canonical import decode
from gateway.crypto.checkpoint import verify_checkpoint
from gateway.crypto.merkle import HASH_BYTES, TILE_WIDTH, RightEdge
from gateway.crypto.receipt import receipt_leaf
from gateway.domain.errors import FormatError, TrustError
from gateway.domain.receipt import Checkpoint, Record
from gateway.store.ledger import SALT_BYTES
from gateway.store.sqlite.tiles import READ_TILE
from gateway.store.verdict import VerificationError

# One line of text, size, root, nothing, one signature: a receipt must have the bytes it had at first.
NOTE_LINES = 5
# What reading a damaged row may raise besides our own errors: a column of another type, a value out of range.
DAMAGE = (FormatError, TrustError, ValueError, TypeError, AttributeError, LookupError, OverflowError)

# Index, record, object, signatures of an entry.
Take = Callable[[int, Record, bytes | None, bytes | None], None]


class Walk:
    """One walk through the tables `entry`, `tile` and `checkpoint` of a copy in SQLite."""

    def __init__(self, connection: sqlite3.Connection, network: str, origin: str, public: bytes, take: Take) -> None:
        """Expect the ledger of `origin` under `public`; `take` is called for every entry, in order."""
        self._connection = connection
        self._network = network
        self._origin = origin
        self._public = public
        self._take = take
        self._at_ms = 0

    def run(self) -> tuple[Checkpoint, int]:
        """Build the tree again and compare it at every checkpoint; return the newest one and how many there are.

        Raises:
            VerificationError: something was changed; the text names the leaf.
        """
        edge = RightEdge()
        newest: Checkpoint | None = None
        count = tiles = 0
        for size, root, note in self._connection.execute("SELECT size, root, note FROM checkpoint ORDER BY size"):
            with names(f"checkpoint {size}"):
                checkpoint = self._checkpoint(size, root, note)
            first = edge.size
            leaves = [self._leaf(*row) for row in self._entries(first, size)]
            tiles += sum(self._tile(*tile) for tile in edge.append(leaves))
            if (edge.size, edge.root()) != (size, root):
                raise VerificationError(self._suspect(first, size, leaves))
            newest, count = checkpoint, count + 1
        if newest is None or self._count("entry") != newest.size:
            raise VerificationError("the newest checkpoint does not cover the ledger to its end")
        if self._count("tile") != tiles:
            raise VerificationError("there are tiles that the tree does not have")
        return newest, count

    def _checkpoint(self, size: int, root: bytes, note: bytes) -> Checkpoint:
        checkpoint = verify_checkpoint(note, self._origin, self._public)
        if (checkpoint.size, checkpoint.root) != (size, root) or note.count(b"\n") != NOTE_LINES:
            raise VerificationError("its note says something else")
        return checkpoint

    def _entries(self, first: int, end: int) -> Iterator[tuple[int, bytes, bytes, bytes | None, bytes | None]]:
        expected = first
        query = "SELECT leaf, salt, record, object, signatures FROM entry WHERE leaf >= ? AND leaf < ? ORDER BY leaf"
        for row in self._connection.execute(query, (first, end)):
            if row[0] != expected:
                raise VerificationError(f"leaf {expected} is missing")
            expected += 1
            yield row
        if expected != end:
            raise VerificationError(f"leaf {expected} is missing")

    def _leaf(self, leaf: int, salt: bytes, raw: bytes, object_: bytes | None, signatures: bytes | None) -> bytes:
        with names(f"leaf {leaf}"):
            record = decode(raw, Record)
            if (record.network, record.origin) != (self._network, self._origin) or len(salt) != SALT_BYTES:
                raise VerificationError("it is not a record of this ledger")
            if record.at_ms < self._at_ms:
                raise VerificationError("its time is before that of the leaf before it")
            self._at_ms = record.at_ms
            self._take(leaf, record, object_, signatures)
            return receipt_leaf(salt, raw)

    def _tile(self, level: int, number: int, hashes: bytes) -> int:
        row = self._connection.execute(READ_TILE, (level, number)).fetchone()
        if row is None or row[0] != hashes:
            changed = _first_difference(b"" if row is None else row[0], hashes)
            raise VerificationError(
                f"leaf {number * TILE_WIDTH + changed}: it is not the one in its tile"
                if level == 0
                else f"tile {number} of level {level} is not the one that the tree has"
            )
        return 1

    def _suspect(self, first: int, size: int, leaves: list[bytes]) -> str:
        """Name the leaf that does not lead to a checkpoint, as closely as what is stored allows."""
        for leaf, computed in enumerate(leaves, first):
            row = self._connection.execute(READ_TILE, (0, leaf // TILE_WIDTH)).fetchone()
            start = leaf % TILE_WIDTH * HASH_BYTES
            if row is not None and row[0][start : start + HASH_BYTES] != computed:
                return f"leaf {leaf}: it is not the one that was signed"
        which = f"leaf {first}" if size - first <= 1 else f"one of leaf {first} to leaf {size - 1}"
        return f"{which}: not what checkpoint {size} was signed for"

    def _count(self, table: str) -> int:
        return int(self._connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608  our tables


@contextmanager
def names(subject: str) -> Iterator[None]:
    """Let whatever damage does to our readers come out as one error that names `subject`."""
    try:
        yield
    except DAMAGE as error:
        raise VerificationError(f"{subject}: {error}") from error


def _first_difference(stored: bytes, computed: bytes) -> int:
    for offset in range(0, len(computed), HASH_BYTES):
        if stored[offset : offset + HASH_BYTES] != computed[offset : offset + HASH_BYTES]:
            return offset // HASH_BYTES
    return 0
