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


def receipt_of(connection: sqlite3.Connection, tiles: Tiles, leaf: int) -> bytes:
    """Return the receipt of a leaf (P-03).

    Raises:
        LedgerError: the ledger has no such leaf.
    """
    line = connection.execute(LINE, (leaf,)).fetchone()
    covered = connection.execute(COVERED, (leaf,)).fetchone()
    if line is None or covered is None:
        raise LedgerError(f"the ledger has no leaf {leaf} under a checkpoint")
    size, note = covered
    return encode_receipt(line[0], line[1], leaf, inclusion_path(leaf, size, tiles.read), note)
