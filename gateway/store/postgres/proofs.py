"""Trees of ledgers as they lie in the database: tiles, paths, and receipts made again byte for byte.

The arithmetic of `crypto.merkle` asks for nodes one by one and cannot wait. So it is given what is remembered; what it
misses is fetched, and it is asked again. Complete tiles never change and are remembered for good, within a bound.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import TypeVar

from gateway.crypto.merkle import HASH_BYTES, TILE_HEIGHT, TILE_WIDTH, inclusion_path, root, tile_reader
from gateway.crypto.receipt import encode_receipt, receipt_leaves
from gateway.domain.errors import LedgerError
from gateway.store.postgres.connecting import Connection
from gateway.store.postgres.seen import Place
from gateway.store.sqlite.tiles import split

T = TypeVar("T")

TILES_REMEMBERED = 512

TILE = "SELECT hashes FROM tile WHERE log = $1 AND level = $2 AND number = $3"
TILES = "SELECT hashes FROM tile WHERE log = $1 AND level = $2 AND number >= $3 AND number < $4 ORDER BY number"
LEAVES = "SELECT salt, record FROM entry WHERE log = $1 AND leaf >= $2 AND leaf < $3 ORDER BY leaf"
LINES = (
    "SELECT r.log, r.leaf, e.salt, e.record, c.size, c.note"
    " FROM unnest($1::smallint[], $2::bigint[]) AS r (log, leaf) JOIN entry AS e USING (log, leaf)"
    " CROSS JOIN LATERAL (SELECT size, note FROM checkpoint WHERE log = r.log AND size > r.leaf"
    " ORDER BY size LIMIT 1) AS c"
)


class _MissingTileError(Exception):
    def __init__(self, level: int, number: int, width: int) -> None:
        super().__init__(level, number)
        self.level = level
        self.number = number
        self.width = width


class Proofs:
    """Reads trees through one connection at a time. Not thread-safe."""

    def __init__(self) -> None:
        """Remember nothing."""
        self._tiles: OrderedDict[tuple[int, int, int], bytes] = OrderedDict()

    async def compute(
        self, connection: Connection, log: int, size: int, ask: Callable[[Callable[[int, int], bytes]], T]
    ) -> T:
        """Return `ask(read)`, where `read(level, index)` gives nodes of the tree that `log` had at `size` entries."""
        read = tile_reader(lambda level, number: self._remembered(log, size, level, number))
        while True:
            try:
                return ask(read)
            except _MissingTileError as missing:
                await self._fetch(connection, log, missing)

    async def tile(self, connection: Connection, log: int, size: int, level: int, number: int) -> bytes:
        """Return the hashes of a tile of the tree at `size`, as many as there are (S-05)."""
        width = _width(size, level, number)
        while width > 0:
            try:
                return self._remembered(log, size, level, number)
            except _MissingTileError as missing:
                await self._fetch(connection, log, missing)
        return b""

    async def receipts(self, connection: Connection, places: Iterable[Place]) -> dict[Place, bytes]:
        """Return the receipts of entries, as they were handed out first (P-03).

        Raises:
            LedgerError: there is no such entry.
        """
        wanted = sorted(set(places))
        if not wanted:
            return {}
        rows = await connection.fetch(LINES, [log for log, _ in wanted], [leaf for _, leaf in wanted])
        made = {
            (log, leaf): await self.receipt(connection, (log, leaf), salt, record, size, note)
            for log, leaf, salt, record, size, note in rows
        }
        for place in wanted:
            if place not in made:
                raise LedgerError(f"ledger {place[0]} has no entry {place[1]} under a checkpoint")
        return made

    async def receipt(
        self, connection: Connection, place: Place, salt: bytes, record: bytes, size: int, note: bytes
    ) -> bytes:
        """Return the receipt of an entry whose line and checkpoint are at hand."""
        log, leaf = place
        path = await self.compute(connection, log, size, lambda read: inclusion_path(leaf, size, read))
        return encode_receipt(salt, record, leaf, path, note)

    def _remembered(self, log: int, size: int, level: int, number: int) -> bytes:
        width = _width(size, level, number)
        hashes = self._tiles.get((log, level, number), b"")
        if len(hashes) < width * HASH_BYTES:
            raise _MissingTileError(level, number, width)
        self._tiles.move_to_end((log, level, number))
        return hashes[: width * HASH_BYTES]

    async def _fetch(self, connection: Connection, log: int, missing: _MissingTileError) -> None:
        level, number = missing.level, missing.number
        first = number * TILE_WIDTH
        row = await connection.fetchval(TILE, log, level, number)
        if row is not None:
            hashes = bytes(row)
        elif level == 0:
            lines = await connection.fetch(LEAVES, log, first, first + TILE_WIDTH)
            hashes = b"".join(receipt_leaves([(salt, record) for salt, record in lines]))
        else:
            below = await connection.fetch(TILES, log, level - 1, first, first + TILE_WIDTH)
            hashes = b"".join(root(split(tile)) for (tile,) in below)
        if len(hashes) < missing.width * HASH_BYTES:
            raise LedgerError(f"ledger {log} lacks hashes of tile {number} at level {level}")
        self._tiles[log, level, number] = hashes
        while len(self._tiles) > TILES_REMEMBERED:
            self._tiles.popitem(last=False)


def _width(size: int, level: int, number: int) -> int:
    """Return how many hashes a tile has in a tree of `size` leaves."""
    return max(0, min(TILE_WIDTH, (size >> TILE_HEIGHT * level) - number * TILE_WIDTH))
