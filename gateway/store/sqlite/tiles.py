"""The tree as it lies in the database: complete tiles are rows, the rest follows from entries.

What is complete never changes, so it may be remembered; what is not is extended as it grows.
"""

import sqlite3
from functools import lru_cache

from gateway.crypto.merkle import HASH_BYTES, TILE_WIDTH, root, tile_reader
from gateway.crypto.receipt import receipt_leaves
from gateway.domain.errors import FormatError

TILES_REMEMBERED = 128
NODES_REMEMBERED = 8_192

READ_TILE = "SELECT hashes FROM tile WHERE level = ? AND number = ?"
READ_LEAVES = "SELECT salt, record FROM entry WHERE leaf >= ? AND leaf < ? ORDER BY leaf"


class Tiles:
    """Reads hashes of the tree through one connection. Not thread-safe."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Read through `connection`."""
        self._connection = connection
        self._growing: dict[int, tuple[int, list[bytes]]] = {}
        self._complete = lru_cache(TILES_REMEMBERED)(self._read_complete)
        # `read(level, index)` of complete subtrees, as `gateway.crypto.merkle` asks for them.
        self.read = lru_cache(NODES_REMEMBERED)(tile_reader(self.tile))

    def tile(self, level: int, number: int) -> bytes:
        """Return the hashes of a tile, as many as there are; none for a tile that nothing has reached.

        Source: S-05 (C2SP tlog-tiles, "Merkle Tree").
        """
        try:
            return self._complete(level, number)
        except LookupError:
            return b"".join(self._grown(level, number))

    def _read_complete(self, level: int, number: int) -> bytes:
        row = self._connection.execute(READ_TILE, (level, number)).fetchone()
        if row is None:
            raise LookupError(number)
        return bytes(row[0])

    def _grown(self, level: int, number: int) -> list[bytes]:
        """Hashes of an incomplete tile; only one a level can be growing, the newest."""
        known, hashes = self._growing.get(level, (-1, []))
        if known != number:
            hashes = []
            self._growing[level] = (number, hashes)
        first = number * TILE_WIDTH
        if level == 0:
            rows = self._connection.execute(READ_LEAVES, (first + len(hashes), first + TILE_WIDTH)).fetchall()
            hashes.extend(receipt_leaves(rows))
            return hashes
        while len(hashes) < TILE_WIDTH:
            try:
                below = self._complete(level - 1, first + len(hashes))
            except LookupError:
                break
            hashes.append(root(split(below)))
        return hashes


def split(hashes: bytes) -> list[bytes]:
    """Return the hashes of a tile one by one.

    Raises:
        FormatError: the bytes are no whole number of hashes.
    """
    if len(hashes) % HASH_BYTES:
        raise FormatError("a tile is no whole number of hashes")
    return [hashes[start : start + HASH_BYTES] for start in range(0, len(hashes), HASH_BYTES)]
