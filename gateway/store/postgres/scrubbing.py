"""Look at the ledger again while it is in use, a tile at a time (D5): what `sqlite.scrub` does, in PostgreSQL."""

from gateway.crypto.merkle import TILE_WIDTH
from gateway.store.postgres.connecting import Connection
from gateway.store.postgres.proofs import TILE
from gateway.store.sqlite.scrub import compare_tile

ENTRIES = "SELECT leaf, salt, record, object FROM entry WHERE log = $1 AND leaf >= $2 AND leaf < $3 ORDER BY leaf"


async def scrub_tile(connection: Connection, log: int, number: int) -> bool:
    """Return True once tile `number` of `log` was found unchanged, False if it is not complete yet.

    Raises:
        VerificationError: it was changed; the text names the leaf.
    """
    stored = await connection.fetchval(TILE, log, 0, number)
    if stored is None:
        return False
    first = number * TILE_WIDTH
    entries = await connection.fetch(ENTRIES, log, first, first + TILE_WIDTH)
    above = await connection.fetchval(TILE, log, 1, number // TILE_WIDTH)
    compare_tile(number, stored, [tuple(entry) for entry in entries], above)
    return True
