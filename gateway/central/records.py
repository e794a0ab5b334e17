"""Records in SQLite: the rows of one document, and what stands there after a change.

Called on the writer's thread, inside its transaction; nothing here begins or commits one.
"""

import sqlite3
from typing import Any

from gateway.central.documents import Record
from gateway.central.ownership import Standing

_COLUMNS = """number_hash, type, issuing_state, owner, status, recorded_at_ms, review_by_ms, conditions,
    withheld_from, agreement, purposes, subjects, put_sha256"""
_FIND = f"SELECT {_COLUMNS} FROM record JOIN ground ON ground = number WHERE number_hash = ? AND status IS NOT NULL"  # noqa: S608  our own column names
_STANDING = f"""SELECT {_COLUMNS}, changed_at_ms FROM record LEFT JOIN ground ON ground = number
    WHERE number_hash = ? AND issuing_state = ? AND type = ?"""  # noqa: S608  our own column names
_STORE = """INSERT INTO record (number_hash, issuing_state, type, owner, changed_at_ms, status, recorded_at_ms,
        review_by_ms, conditions, withheld_from, ground, put_sha256)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET owner = excluded.owner, changed_at_ms = excluded.changed_at_ms,
        status = excluded.status, recorded_at_ms = excluded.recorded_at_ms, review_by_ms = excluded.review_by_ms,
        conditions = excluded.conditions, withheld_from = excluded.withheld_from, ground = excluded.ground,
        put_sha256 = excluded.put_sha256"""


def find(connection: sqlite3.Connection, number_hash: bytes) -> list[Record]:
    """Return every document on record under this hash: one look into one index."""
    return [_record(row) for row in connection.execute(_FIND, (number_hash,))]


def standing(connection: sqlite3.Connection, number_hash: bytes, issuing_state: str, type_: str) -> Standing | None:
    """Return what stands under one document; None if nobody ever wrote there."""
    row = connection.execute(_STANDING, (number_hash, issuing_state, type_)).fetchone()
    if row is None:
        return None
    return Standing(owner=row[3], changed_at_ms=row[-1], record=None if row[4] is None else _record(row))


def store(connection: sqlite3.Connection, number_hash: bytes, issuing_state: str, type_: str, now: Standing) -> None:
    """Write what stands under one document from now on."""
    record = now.record
    kept: tuple[object, ...]
    if record is None:
        kept = (None, None, None, "", "", None, None)
    else:
        kept = (
            record.status,
            record.recorded_at_ms,
            record.review_by_ms,
            " ".join(record.conditions),
            " ".join(record.withheld_from),
            _ground(connection, record),
            record.put_sha256,
        )
    connection.execute(_STORE, (number_hash, issuing_state, type_, now.owner, now.changed_at_ms, *kept))


def _ground(connection: sqlite3.Connection, record: Record) -> int:
    values = (record.agreement, " ".join(record.purposes), " ".join(record.subjects))
    connection.execute(
        "INSERT INTO ground (agreement, purposes, subjects) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", values
    )
    row = connection.execute(
        "SELECT number FROM ground WHERE agreement = ? AND purposes = ? AND subjects = ?", values
    ).fetchone()
    return int(row[0])


def _record(row: tuple[Any, ...]) -> Record:
    return Record(
        number_hash=row[0],
        type=row[1],
        issuing_state=row[2],
        owner=row[3],
        status=row[4],
        recorded_at_ms=row[5],
        review_by_ms=row[6],
        conditions=tuple(row[7].split()),
        withheld_from=tuple(row[8].split()),
        agreement=row[9],
        purposes=tuple(row[10].split()),
        subjects=tuple(row[11].split()),
        put_sha256=row[12],
    )
