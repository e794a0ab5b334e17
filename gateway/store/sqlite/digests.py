"""Digests of the newest messages, which wait in memory until some thousand are written in their order.

Digests are random: written with its message, nearly each would dirty a page of its own, and a small commit more pages
for them than for everything else. What a crash forgets of them is made again from the entries at the next start.
"""

import sqlite3

from gateway.crypto.canonical import decode
from gateway.crypto.digests import sha256
from gateway.domain.errors import FormatError, LedgerError
from gateway.domain.message import Header
from gateway.store.kept import id_bytes

EPOCH_LEAVES = 32_768
# Written together, while everybody waits.
TOGETHER = 4_096

DIGEST = "INSERT INTO digest (epoch, prefix, leaf) VALUES (?, ?, ?)"
# Where somebody changed the table, the last one in it may not be the last that was written.
MISSING = "INSERT OR IGNORE INTO digest (epoch, prefix, leaf) VALUES (?, ?, ?)"
# They are written in the order of leaves, so the last of them lies in the last epoch.
LAST_DIGESTED = "SELECT max(leaf) FROM digest WHERE epoch = (SELECT max(epoch) FROM digest)"
# Only headers have signatures beside them.
HEADERS = "SELECT leaf, object FROM entry WHERE leaf > ? AND signatures IS NOT NULL"
HOLDER = "SELECT leaf FROM message WHERE originator = ? AND id = ?"

# Epoch, prefix, leaf.
Row = tuple[int, int, int]


class NewestDigests:
    """What the table lacks, and what was written last: its transaction may not have ended for whoever reads."""

    def __init__(self) -> None:
        """Lack nothing."""
        self._leaves: dict[int, int] = {}
        self._before: dict[int, int] = {}
        self._doubled: list[Row] = []

    def add(self, header_sha256: bytes, leaf: int) -> None:
        """Keep the digest of the message that `leaf` records."""
        prefix = prefix_of(header_sha256)
        if self._leaves.setdefault(prefix, leaf) != leaf:
            # Two messages with one prefix: somebody looked for them. Both go to the table at once.
            self._doubled.append(row_of(prefix, leaf))

    def find(self, prefix: int) -> list[int]:
        """Return the leaves whose digests may begin so."""
        return [leaves[prefix] for leaves in (self._leaves, self._before) if prefix in leaves]

    def due(self) -> list[Row]:
        """Return the rows that are to be written now, in their order: all, or as yet none."""
        if len(self._leaves) < TOGETHER and not self._doubled:
            return []
        rows = [row_of(prefix, leaf) for prefix, leaf in self._leaves.items()] + self._doubled
        self._leaves, self._before, self._doubled = {}, self._leaves, []
        rows.sort()
        return rows


def prefix_of(header_sha256: bytes) -> int:
    """Return the part of a digest by which it is looked up, as SQLite's signed integer."""
    return int.from_bytes(header_sha256[:8], "big", signed=True)


def row_of(prefix: int, leaf: int) -> Row:
    """Return the row of the table."""
    return leaf // EPOCH_LEAVES, prefix, leaf


def complete(connection: sqlite3.Connection) -> None:
    """Write the digests that the table lacks: those of the messages after the last one in it.

    Raises:
        LedgerError: what an entry is about cannot be read.
    """
    row = connection.execute(LAST_DIGESTED).fetchone()
    missing: list[Row] = []
    for leaf, raw in connection.execute(HEADERS, (-1 if row[0] is None else row[0],)):
        try:
            header = decode(raw, Header)
        except FormatError as error:
            what = f"what entry {leaf} is about cannot be read ({error})"
            raise LedgerError(f"{what}: run `accord ledger verify`") from None
        # A refusal that occupies no identity is not found by its digest.
        if connection.execute(HOLDER, (header.originator, id_bytes(header.id))).fetchone() == (leaf,):
            missing.append(row_of(prefix_of(sha256(raw)), leaf))
    if missing:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(MISSING, sorted(missing))
        connection.execute("COMMIT")
