"""Receipts of leaves that are on disk already, byte-identical to the first time.

The path is computed again for the tree of the checkpoint that first covered the leaf. Storing it would
cost some 700 bytes a leaf for ever; RFC 9162 gives one path for a leaf and a size, so nothing can differ.
"""

import sqlite3

from gateway.crypto.merkle import inclusion_path
from gateway.crypto.receipt import encode_receipt
from gateway.domain.errors import LedgerError
from gateway.store.sqlite.tiles import Tiles

LINE = "SELECT salt, record FROM entry WHERE leaf = ?"
COVERED = "SELECT size, note FROM checkpoint WHERE size > ? ORDER BY size LIMIT 1"


class Receipts:
    """Makes receipts again, through one connection. Not thread-safe."""

    def __init__(self, connection: sqlite3.Connection, tiles: Tiles) -> None:
        """Read lines and checkpoints from `connection`, hashes from `tiles`."""
        self._connection = connection
        self._tiles = tiles
        # The checkpoint that was used last: it covers every leaf from `_from` to its size.
        self._from = 0
        self._size = 0
        self._note = b""

    def of(self, leaf: int) -> bytes:
        """Return the receipt of a leaf (P-03).

        Raises:
            LedgerError: the ledger has no such leaf.
        """
        line = self._connection.execute(LINE, (leaf,)).fetchone()
        if line is None:
            raise LedgerError(f"the ledger has no leaf {leaf}")
        return self.of_line(leaf, *line)

    def of_line(self, leaf: int, salt: bytes, record: bytes) -> bytes:
        """Return the receipt of a leaf whose line is at hand."""
        if not self._from <= leaf < self._size:
            covered = self._connection.execute(COVERED, (leaf,)).fetchone()
            if covered is None:
                raise LedgerError(f"leaf {leaf} stands under no checkpoint")
            self._from, (self._size, self._note) = leaf, covered
        return encode_receipt(salt, record, leaf, inclusion_path(leaf, self._size, self._tiles.read), self._note)
