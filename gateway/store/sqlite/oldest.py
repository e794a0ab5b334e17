"""How long the oldest delivery has been owed: a scan, for a thread of its own, never for the event loop."""

from contextlib import closing
from pathlib import Path

from gateway.crypto.canonical import decode
from gateway.domain.receipt import Record
from gateway.store.sqlite.connection import open_for_reading

OLDEST = (
    "SELECT record FROM entry"
    " WHERE leaf = (SELECT min(leaf) FROM delivery INDEXED BY delivery_owed WHERE outcome IS NULL)"
)


def oldest_owed_at_ms(database: Path) -> int | None:
    """Return when the oldest message that is still owed to somebody was admitted; None if nothing is owed."""
    with closing(open_for_reading(database)) as connection:
        row = connection.execute(OLDEST).fetchone()
    return None if row is None else decode(row[0], Record).at_ms
