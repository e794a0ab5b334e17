"""The inbox: messages for us, sealed as they came, with the receipt that says they were judged.

A row and the acknowledgement it owes are written together: what was acknowledged is on disk, and what is on
disk will be acknowledged, whatever dies in between. Plaintext is never written; a message is opened
again for every reading.
"""

import sqlite3
from collections.abc import Sequence

from msgspec import Struct

from gateway.domain.message import Header
from gateway.domain.statement import AcknowledgementStatus
from gateway.endpoint.journal import Journal


class Arrival(Struct, frozen=True):
    """A message for us that was judged: opened, or found not to open (`status` says which)."""

    header: Header
    header_raw: bytes
    header_sha256: bytes
    in_reply_to: bytes | None
    envelope: bytes
    receipt: bytes
    edition: int
    admitted_at_ms: int
    status: AcknowledgementStatus


class Stored(Struct, frozen=True):
    """A row of the inbox."""

    sequence: int
    header_sha256: bytes
    originator: str
    id: str
    kind: str
    header: bytes
    envelope: bytes | None
    receipt: bytes
    edition: int
    status: AcknowledgementStatus
    admitted_at_ms: int
    received_at_ms: int
    handed_over_at_ms: int | None
    destroyed_at_ms: int | None


class Owed(Struct, frozen=True):
    """An acknowledgement that has to be signed and sent."""

    sequence: int
    header_sha256: bytes
    originator: str
    status: AcknowledgementStatus
    at_ms: int


COLUMNS = (
    "sequence, header_sha256, originator, id, kind, header, envelope, receipt, edition, status, admitted_at_ms,"
    " received_at_ms, handed_over_at_ms, destroyed_at_ms"
)


def put(connection: sqlite3.Connection, arrival: Arrival, at_ms: int) -> int | None:
    """Keep a message and owe its acknowledgement; return its place, None if it was here before.

    A message that came before is acknowledged again as it was the first time: the gateway did not hear us.
    A second message under a known (originator, id) is kept out and not acknowledged.
    """
    header = arrival.header
    row = connection.execute(
        "INSERT INTO inbox (header_sha256, originator, id, kind, header, envelope, receipt, edition, in_reply_to,"
        " status, admitted_at_ms, received_at_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
        " RETURNING sequence",
        (
            arrival.header_sha256,
            header.originator,
            header.id,
            header.kind,
            arrival.header_raw,
            arrival.envelope if arrival.status == "consigned" else None,
            arrival.receipt,
            arrival.edition,
            arrival.in_reply_to,
            arrival.status,
            arrival.admitted_at_ms,
            at_ms,
        ),
    ).fetchone()
    acknowledge_again(connection, arrival.header_sha256, at_ms)
    return None if row is None else int(row[0])


def acknowledge_again(connection: sqlite3.Connection, header_sha256: bytes, at_ms: int) -> None:
    """Owe the acknowledgement of a stored message, unless it is owed already."""
    connection.execute(
        "INSERT INTO acknowledgement (header_sha256, originator, status, at_ms)"
        " SELECT header_sha256, originator, status, ? FROM inbox WHERE header_sha256 = ? ON CONFLICT DO NOTHING",
        (at_ms, header_sha256),
    )


def hand_over(connection: sqlite3.Connection, header_sha256: bytes, at_ms: int, tell: bool) -> None:
    """Note that a person or a program has the message; `tell` owes the originator the news."""
    cursor = connection.execute(
        "UPDATE inbox SET handed_over_at_ms = ? WHERE header_sha256 = ? AND handed_over_at_ms IS NULL"
        " AND status = 'consigned'",
        (at_ms, header_sha256),
    )
    if tell and cursor.rowcount:
        _owe(connection, header_sha256, "handed-over", at_ms)


def destroy(connection: sqlite3.Connection, header_sha256: bytes, at_ms: int) -> bool:
    """Delete the sealed body and owe the originator the news; False if it was gone."""
    cursor = connection.execute(
        "UPDATE inbox SET envelope = NULL, destroyed_at_ms = ? WHERE header_sha256 = ? AND envelope IS NOT NULL",
        (at_ms, header_sha256),
    )
    if cursor.rowcount:
        _owe(connection, header_sha256, "destroyed", at_ms)
    return bool(cursor.rowcount)


def _owe(connection: sqlite3.Connection, header_sha256: bytes, status: AcknowledgementStatus, at_ms: int) -> None:
    connection.execute(
        "INSERT INTO acknowledgement (header_sha256, originator, status, at_ms)"
        " SELECT header_sha256, originator, ?, ? FROM inbox WHERE header_sha256 = ? ON CONFLICT DO NOTHING",
        (status, at_ms, header_sha256),
    )


def owed(journal: Journal, after: int, limit: int) -> list[Owed]:
    """Return acknowledgements to send, oldest first, from beyond `after`."""
    rows = journal.rows(
        "SELECT sequence, header_sha256, originator, status, at_ms FROM acknowledgement WHERE sequence > ?"
        " ORDER BY sequence LIMIT ?",
        (after, limit),
    )
    return [Owed(*row) for row in rows]


def acknowledged(
    connection: sqlite3.Connection,
    sequences: Sequence[int],
    batch_sha256: bytes,
    raw: bytes,
    receipt: bytes,
    at_ms: int,
) -> None:
    """Keep the receipt of a batch; its acknowledgements are owed no more."""
    connection.execute(
        "INSERT INTO acknowledged VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING", (batch_sha256, raw, receipt, at_ms)
    )
    owe_no_more(connection, sequences)


def owe_no_more(connection: sqlite3.Connection, sequences: Sequence[int]) -> None:
    """Drop acknowledgements that have their final answer."""
    connection.executemany("DELETE FROM acknowledgement WHERE sequence = ?", [(number,) for number in sequences])


def find(journal: Journal, name: str, digest: bytes | None) -> Stored | None:
    """Return a message by its id, or by the digest of its header."""
    row = journal.row(f"SELECT {COLUMNS} FROM inbox WHERE id = ? OR header_sha256 = ?", (name, digest))  # noqa: S608  our own column names
    return None if row is None else Stored(*row)


def holds(connection: sqlite3.Connection, header_sha256: bytes) -> bool:
    """Tell whether a message is here."""
    return connection.execute("SELECT 1 FROM inbox WHERE header_sha256 = ?", (header_sha256,)).fetchone() is not None


def waiting(journal: Journal, after: int, limit: int) -> list[Stored]:
    """Return messages that nobody was handed yet, oldest first, from beyond `after`."""
    query = (
        f"SELECT {COLUMNS} FROM inbox WHERE sequence > ? AND handed_over_at_ms IS NULL AND status = 'consigned'"  # noqa: S608  our own column names
        " ORDER BY sequence LIMIT ?"
    )
    return [Stored(*row) for row in journal.rows(query, (after, limit))]


def newest(journal: Journal, limit: int, only_waiting: bool) -> list[Stored]:
    """Return the newest messages, newest first; `only_waiting`: those that nobody was handed yet."""
    condition = "WHERE handed_over_at_ms IS NULL AND status = 'consigned'" if only_waiting else ""
    query = f"SELECT {COLUMNS} FROM inbox {condition} ORDER BY sequence DESC LIMIT ?"  # noqa: S608  our own words
    return [Stored(*row) for row in journal.rows(query, (limit,))]


def replies(journal: Journal, header_sha256: bytes) -> list[Stored]:
    """Return what came in reply to a message, oldest first."""
    query = f"SELECT {COLUMNS} FROM inbox WHERE in_reply_to = ? AND status = 'consigned' ORDER BY sequence"  # noqa: S608  our own column names
    return [Stored(*row) for row in journal.rows(query, (header_sha256,))]


def unread(journal: Journal) -> int:
    """Return how many messages nobody was handed yet."""
    row = journal.row("SELECT count(*) FROM inbox WHERE handed_over_at_ms IS NULL AND status = 'consigned'")
    return 0 if row is None else int(row[0])


def count_owed(journal: Journal) -> int:
    """Return how many acknowledgements have no receipt yet."""
    row = journal.row("SELECT count(*) FROM acknowledgement")
    return 0 if row is None else int(row[0])
