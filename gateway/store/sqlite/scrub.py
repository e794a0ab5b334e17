"""Look at the ledger again while it is in use, a tile at a time (D5).

What `ledger verify` does on a copy, this does in the background, cheaply: the leaves of one complete tile, the objects
that they stand for, and the tile's place in the one above.
"""

import sqlite3
from collections.abc import Sequence

from gateway.crypto.canonical import decode
from gateway.crypto.digests import encode_base64url, sha256
from gateway.crypto.merkle import HASH_BYTES, TILE_WIDTH, root
from gateway.crypto.receipt import receipt_leaf
from gateway.domain.errors import FormatError
from gateway.domain.receipt import Record
from gateway.store.sqlite.tiles import READ_TILE, split
from gateway.store.verdict import VerificationError

ENTRIES = "SELECT leaf, salt, record, object FROM entry WHERE leaf >= ? AND leaf < ? ORDER BY leaf"


def scrub_tile(connection: sqlite3.Connection, number: int) -> bool:
    """Return True once tile `number` of leaves was found unchanged, False if it is not complete yet.

    Raises:
        VerificationError: it was changed; the text names the leaf.
    """
    row = connection.execute(READ_TILE, (0, number)).fetchone()
    if row is None:
        return False
    first = number * TILE_WIDTH
    entries = connection.execute(ENTRIES, (first, first + TILE_WIDTH)).fetchall()
    above = connection.execute(READ_TILE, (1, number // TILE_WIDTH)).fetchone()
    compare_tile(number, row[0], entries, None if above is None else above[0])
    return True


def compare_tile(
    number: int, stored: bytes, entries: Sequence[tuple[int, bytes, bytes, bytes | None]], above: bytes | None
) -> None:
    """Return if the entries (leaf, salt, record, object) are those of tile `number`, and that has its place in `above`.

    Raises:
        VerificationError: something was changed; the text names the leaf.
    """
    first = number * TILE_WIDTH
    if len(entries) != TILE_WIDTH:
        raise VerificationError(f"leaf {first}: its tile has entries that are missing")
    for leaf, salt, record, object_ in entries:
        start = (leaf - first) * HASH_BYTES
        if receipt_leaf(salt, record) != stored[start : start + HASH_BYTES]:
            raise VerificationError(f"leaf {leaf}: it is not the one in its tile")
        _check_object(leaf, record, object_)
    start = number % TILE_WIDTH * HASH_BYTES
    if above is not None and above[start : start + HASH_BYTES] != root(split(stored)):
        raise VerificationError(f"tile {number} of leaf {first} on is not the one in the tile above")


def _check_object(leaf: int, raw: bytes, object_: bytes | None) -> None:
    if object_ is None:
        return
    try:
        record = decode(raw, Record)
    except FormatError as error:
        raise VerificationError(f"leaf {leaf}: {error}") from error
    if record.object_type == "header" and encode_base64url(sha256(object_)) != record.object_sha256:
        raise VerificationError(f"leaf {leaf}: its header is not the one that was recorded")
