"""From a digest, or a leaf, to what is recorded there."""

import sqlite3

from msgspec import Struct

from gateway.crypto.canonical import decode
from gateway.crypto.digests import sha256
from gateway.domain.receipt import Record
from gateway.store.records import PERMITTED
from gateway.store.sqlite.digests import NewestDigests, prefix_of

# Newest epochs first: what is cited was mostly admitted not long ago, and the first match ends the search.
FIND = (
    "WITH RECURSIVE epochs (n) AS"
    " (SELECT max(epoch) FROM digest UNION ALL SELECT n - 1 FROM epochs WHERE n > 0)"
    " SELECT e.leaf, e.record, e.object FROM epochs"
    " CROSS JOIN digest AS d ON d.epoch = n AND d.prefix = ?"
    " CROSS JOIN entry AS e ON e.leaf = d.leaf"
)
ENTRY = "SELECT record, object FROM entry WHERE leaf = ?"
RECORD = "SELECT record FROM entry WHERE leaf = ?"


class Found(Struct, frozen=True):
    """A message that occupies its identity: its leaf, its record, its header as signed."""

    leaf: int
    record: Record
    header: bytes

    @property
    def permitted(self) -> bool:
        """True when it was accepted."""
        return self.record.outcome == PERMITTED


def find_message(connection: sqlite3.Connection, header_sha256: bytes, newest: NewestDigests) -> Found | None:
    """Return the message with exactly this H(h); `newest` knows those whose digests are not written yet."""
    prefix = prefix_of(header_sha256)
    for leaf in newest.find(prefix):
        # One that is not committed yet is there for its writer only.
        row = connection.execute(ENTRY, (leaf,)).fetchone()
        if row is not None and sha256(row[1]) == header_sha256:
            return Found(leaf=leaf, record=decode(row[0], Record), header=row[1])
    rows = connection.execute(FIND, (prefix,))
    try:
        for leaf, record, header in rows:
            if sha256(header) == header_sha256:
                return Found(leaf=leaf, record=decode(record, Record), header=header)
    finally:
        rows.close()
    return None


def record_at(connection: sqlite3.Connection, leaf: int) -> Record:
    """Return the record of a leaf that exists."""
    return decode(connection.execute(RECORD, (leaf,)).fetchone()[0], Record)
