"""How much is owed, and since when: a scan, for a thread of its own, never for the event loop."""

from contextlib import closing
from pathlib import Path

from gateway.crypto.canonical import decode
from gateway.domain.receipt import Record
from gateway.store.interface import Owed
from gateway.store.sqlite.connection import open_for_reading

# One pass over the index of what is owed; it holds every column that is asked for.
OWED = (
    "SELECT o.urgency, o.deliveries_n, e.record"
    " FROM (SELECT urgency, count(*) AS deliveries_n, min(leaf) AS leaf FROM delivery INDEXED BY delivery_owed"
    "       WHERE outcome IS NULL GROUP BY urgency) AS o JOIN entry AS e USING (leaf)"
)


def owed(database: Path) -> dict[int, Owed]:
    """Return how many deliveries are owed and since when, by urgency (0 goes first); nothing where none is owed."""
    with closing(open_for_reading(database)) as connection:
        rows = connection.execute(OWED).fetchall()
    return {urgency: Owed(count, decode(record, Record).at_ms) for urgency, count, record in rows}
