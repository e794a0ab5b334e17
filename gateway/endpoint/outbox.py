"""The outbox: what was sealed or signed here, and how far it has come.

A row holds the very bytes that travel; a retry sends them again until a receipt is there. Nothing is sealed
twice. A row gives its bytes up once every recipient's outcome is known.
"""

import sqlite3
from collections.abc import Sequence

from msgspec import Struct

from gateway.domain.message import URGENCIES
from gateway.domain.receipt import Receipt
from gateway.endpoint.journal import Journal, Row
from gateway.wire.frames import SubmissionKind


class Parcel(Struct, frozen=True):
    """One thing to submit. `object` is what was signed (a header, a statement), `object_sha256` its digest."""

    kind: SubmissionKind
    id: str
    object_sha256: bytes
    object: bytes
    raw: bytes
    urgency: int
    recipients: int
    expires_at_ms: int | None


class Due(Struct, frozen=True):
    """A parcel that has no receipt yet, as it goes out."""

    sequence: int
    kind: SubmissionKind
    object_sha256: bytes
    raw: bytes
    urgency: int


def urgency_rank(urgency: str) -> int:
    """Return the place of an urgency in the queue; the smaller goes first."""
    return URGENCIES.index(urgency)


def waiting(journal: Journal) -> int:
    """Return how many parcels have no receipt yet."""
    row = journal.row("SELECT count(*) FROM outbox WHERE receipt IS NULL AND declined_code IS NULL")
    return 0 if row is None else int(row[0])


class Placed(Struct, frozen=True):
    """Where a parcel stands; not `fresh`: its id or digest was there before, and keeps what it has."""

    sequence: int
    object_sha256: bytes
    fresh: bool


def outcomes_owed(journal: Journal, before_ms: int) -> int:
    """Return how many accepted messages expired before `before_ms` without an outcome for every recipient."""
    row = journal.row(
        "SELECT count(*) FROM outbox WHERE permitted = 1 AND raw IS NOT NULL AND expires_at_ms < ?", (before_ms,)
    )
    return 0 if row is None else int(row[0])


def put(connection: sqlite3.Connection, parcels: Sequence[Parcel], at_ms: int) -> list[Placed]:
    """Queue parcels, each once."""
    return [_put(connection, parcel, at_ms) for parcel in parcels]


def _put(connection: sqlite3.Connection, parcel: Parcel, at_ms: int) -> Placed:
    row = connection.execute(
        "INSERT INTO outbox (kind, id, object_sha256, object, raw, urgency, recipients, queued_at_ms, expires_at_ms)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING sequence",
        (
            parcel.kind,
            parcel.id,
            parcel.object_sha256,
            parcel.object,
            parcel.raw,
            parcel.urgency,
            parcel.recipients,
            at_ms,
            parcel.expires_at_ms,
        ),
    ).fetchone()
    if row is not None:
        return Placed(row[0], parcel.object_sha256, fresh=True)
    sequence, digest = connection.execute(
        "SELECT sequence, object_sha256 FROM outbox WHERE id = ? OR object_sha256 = ?",
        (parcel.id, parcel.object_sha256),
    ).fetchone()
    return Placed(sequence, digest, fresh=False)


def listed(journal: Journal, limit: int) -> list[tuple[int, int, int]]:
    """Return (sequence, urgency, bytes) of what has no receipt yet, the most urgent and oldest first."""
    return journal.rows(
        "SELECT sequence, urgency, length(raw) FROM outbox WHERE receipt IS NULL AND declined_code IS NULL"
        " ORDER BY urgency, sequence LIMIT ?",
        (limit,),
    )


def load(journal: Journal, sequence: int, urgency: int) -> Due | None:
    """Return one parcel as it goes out; None if it was answered meanwhile."""
    row = journal.row(
        "SELECT kind, object_sha256, raw FROM outbox WHERE sequence = ? AND receipt IS NULL AND declined_code IS NULL",
        (sequence,),
    )
    return None if row is None else Due(sequence, row[0], row[1], row[2], urgency)


def mark_sent(connection: sqlite3.Connection, sequences: Sequence[int], at_ms: int) -> None:
    """Note when parcels first left; only those that wait long for an answer get this far."""
    connection.executemany(
        "UPDATE outbox SET sent_at_ms = ? WHERE sequence = ? AND sent_at_ms IS NULL",
        [(at_ms, sequence) for sequence in sequences],
    )


def receipted(connection: sqlite3.Connection, sequence: int, receipt: Receipt, permitted: bool, at_ms: int) -> None:
    """Keep a verified receipt. A parcel that has no outcome to wait for, or has heard it before, gives up its bytes."""
    connection.execute(
        "UPDATE outbox SET receipt = ?, permitted = ?, ledger_index = ?, tree_size = ?, origin = ?,"
        " receipted_at_ms = ?, sent_at_ms = ifnull(sent_at_ms, ?), raw = CASE WHEN ? AND kind = 'message'"
        " AND recipients > (SELECT count(DISTINCT recipient) FROM evidence WHERE header_sha256 = object_sha256)"
        " THEN raw END WHERE sequence = ? AND receipt IS NULL",
        (
            receipt.raw,
            permitted,
            receipt.index,
            receipt.checkpoint.size,
            receipt.record.origin,
            at_ms,
            at_ms,
            permitted,
            sequence,
        ),
    )


def annul(connection: sqlite3.Connection, origin: str) -> None:
    """Take back receipts under tree heads that were never proven: that history turned out to be another one.

    The alarm keeps the heads. What has its bytes still is sent again once the alarm is settled.
    """
    connection.execute(
        "UPDATE outbox SET receipt = NULL, permitted = NULL, ledger_index = NULL, tree_size = NULL,"
        " receipted_at_ms = NULL WHERE origin = ?1 AND raw IS NOT NULL AND tree_size IN"
        " (SELECT size FROM checkpoint WHERE origin = ?1 AND NOT proven)",
        (origin,),
    )


def declined(connection: sqlite3.Connection, sequence: int, code: str, detail: str, at_ms: int) -> None:
    """Note that the gateway would not record a parcel at all; the same bytes will not fare better."""
    connection.execute(
        "UPDATE outbox SET declined_code = ?, declined_detail = ?, declined_at_ms = ? WHERE sequence = ?"
        " AND receipt IS NULL",
        (code, detail, at_ms, sequence),
    )


def release(connection: sqlite3.Connection, header_digests: Sequence[bytes]) -> None:
    """Give up the bytes of messages for whose every recipient an outcome is known, and which have their receipt.

    Evidence may come first: a gateway that died before it answered had recorded the message, and others deliver it.
    """
    connection.executemany(
        "UPDATE outbox SET raw = NULL WHERE object_sha256 = ?1 AND receipt IS NOT NULL AND recipients <="
        " (SELECT count(DISTINCT recipient) FROM evidence WHERE header_sha256 = ?1)",
        [(digest,) for digest in header_digests],
    )


COLUMNS = (
    "sequence, kind, id, object_sha256, object, recipients, queued_at_ms, expires_at_ms, sent_at_ms, origin, receipt,"
    " permitted, ledger_index, receipted_at_ms, declined_code, declined_detail, declined_at_ms"
)


class Sent(Struct, frozen=True):
    """A row of the outbox without its bytes: all that is recorded of one parcel."""

    sequence: int
    kind: SubmissionKind
    id: str
    object_sha256: bytes
    object: bytes
    recipients: int
    queued_at_ms: int
    expires_at_ms: int | None
    sent_at_ms: int | None
    origin: str | None
    receipt: bytes | None
    permitted: int | None
    ledger_index: int | None
    receipted_at_ms: int | None
    declined_code: str | None
    declined_detail: str | None
    declined_at_ms: int | None

    @property
    def answered(self) -> bool:
        """True once the gateway's word is final: recorded, or declined."""
        return self.receipt is not None or self.declined_code is not None


def find(journal: Journal, name: str, digest: bytes | None) -> Sent | None:
    """Return a parcel by its id, or by the digest of what was signed."""
    row = journal.row(f"SELECT {COLUMNS} FROM outbox WHERE id = ? OR object_sha256 = ?", (name, digest))  # noqa: S608  our own column names
    return None if row is None else Sent(*row)


def newest(journal: Journal, limit: int) -> list[Sent]:
    """Return the newest parcels, newest first."""
    rows: list[Row] = journal.rows(f"SELECT {COLUMNS} FROM outbox ORDER BY sequence DESC LIMIT ?", (limit,))  # noqa: S608  our own column names
    return [Sent(*row) for row in rows]
