"""Deliveries in SQL: attempts, acknowledgements, failures, and the end of bodies nobody waits for.

A delivery ends once (P-10): the first acknowledgement or failure that is recorded counts. What a recipient says
later of a message that it has, that it was handed over or destroyed, is added and changes no outcome.
"""

from collections.abc import Iterator
from itertools import groupby

import msgspec
from msgspec import Struct

from gateway.crypto.canonical import decode
from gateway.crypto.digests import encode_base64url, sha256
from gateway.domain.message import Header
from gateway.domain.receipt import Record
from gateway.domain.session import Evidence
from gateway.domain.statement import CONSIGNED
from gateway.store.interface import Acknowledge, AcknowledgedItem, BookAttempt, FailDelivery, RecordEdition
from gateway.store.sqlite.batch import Batch, Recent, Result
from gateway.store.sqlite.lookup import find_message, record_at

KNOWN_BATCH = "SELECT leaf FROM acknowledgement WHERE recipient = ? AND sha256 = ?"
NEW_BATCH = "INSERT INTO acknowledgement (recipient, sha256, leaf) VALUES (?, ?, ?)"
# One statement for all messages of a batch that ended alike; leaves travel as a JSON list. The plus keeps SQLite from
# going through everything that is owed to the recipient.
END = (
    "UPDATE delivery SET outcome = ?, ended_leaf = ?"
    " WHERE recipient = ? AND +outcome IS NULL AND leaf IN (SELECT value FROM json_each(?)) RETURNING leaf"
)
OUTCOME = "SELECT outcome FROM delivery WHERE leaf = ? AND recipient = ?"
LATER = "INSERT OR IGNORE INTO later (leaf, recipient, status, said_leaf) VALUES (?, ?, ?, ?)"
FAILING = (
    "SELECT e.object, e.record, d.outcome, d.ended_leaf"
    " FROM delivery AS d JOIN entry AS e ON e.leaf = d.leaf WHERE d.leaf = ? AND d.recipient = ?"
)
NOBODY_WAITS = (
    "SELECT DISTINCT slot, ciphertext_bytes + wraps_bytes FROM delivery AS d"
    " WHERE leaf IN (SELECT value FROM json_each(?))"
    " AND NOT EXISTS (SELECT 1 FROM delivery AS o WHERE o.leaf = d.leaf AND o.outcome IS NULL)"
)
ATTEMPT = "UPDATE delivery SET attempts = attempts + 1 WHERE leaf = ? AND recipient = ? AND outcome IS NULL"
REVOKED = (
    "SELECT 1 FROM revocation AS r JOIN consent AS c ON c.sha256 = r.consent_sha256 AND c.provider = r.provider"
    " WHERE r.consent_sha256 = ?"
)
LAST_EDITION = "SELECT max(leaf) FROM edition"
NEW_EDITION = "INSERT INTO edition (leaf) VALUES (?)"

LATER_STATUSES = frozenset({"handed-over", "destroyed"})


def acknowledge(batch: Batch, work: Acknowledge) -> Result:
    """Record a recipient's batch and end the deliveries that it names; one that changes nothing is not recorded."""
    execute = batch.connection.execute
    row = execute(KNOWN_BATCH, (work.recipient, work.batch_sha256)).fetchone()
    if row is not None:
        batch.flush()
        return Result(row[0], permitted=True, duplicate=True, at_ms=record_at(batch.connection, row[0]).at_ms)
    at_ms = batch.recorded_at(work.at_ms)
    # What it changes is written first, under the leaf that it will be: only then is it known whether it becomes one.
    result = Result(batch.next_leaf, permitted=True, duplicate=False, at_ms=at_ms)
    rest = _end_recent(batch, work, result)
    for status, items in groupby(_named(batch, work, rest), key=lambda named: named.item.status):
        _acknowledge_alike(batch, work.recipient, status, list(items), result)
    if result.told is None:
        return Result(-1, permitted=False, duplicate=False, at_ms=at_ms)
    leaf = batch.append(batch.recorder.acknowledged(work, at_ms), work.raw)
    execute(NEW_BATCH, (work.recipient, work.batch_sha256, leaf))
    return result


def _end_recent(batch: Batch, work: Acknowledge, result: Result) -> int:
    """End what memory knows to be owed, one item after the other; return at which item it knows no further."""
    recall, recipient = batch.memory.recall, work.recipient
    for position, item in enumerate(work.items):
        recent = recall(item.header_sha256)
        if recent is None or recent.owed_to != recipient or item.recipient != recipient:
            return position
        if recent.originator != item.originator:
            return position
        batch.end(recent, item.status, result.leaf)
        batch.memory.forget(item.header_sha256)
        result.ended += 1
        _tell(batch, result, recent.leaf, position, recipient, item)
    return len(work.items)


class _Named(Struct, frozen=True):
    """An item of a batch with the message that it names."""

    leaf: int
    position: int
    item: AcknowledgedItem
    recent: Recent | None


def _named(batch: Batch, work: Acknowledge, first: int) -> Iterator[_Named]:
    """Items, from `first` on, that name a permitted message of the originator that they name."""
    for position, item in enumerate(work.items[first:], first):
        recent = batch.memory.recall(item.header_sha256)
        known = (recent.leaf, recent.originator) if recent else _look_up(batch, item.header_sha256)
        if known is not None and known[1] == item.originator and item.recipient == work.recipient:
            yield _Named(known[0], position, item, recent)


def _look_up(batch: Batch, header_sha256: bytes) -> tuple[int, str] | None:
    batch.flush()
    found = find_message(batch.connection, header_sha256, batch.memory.digests)
    if found is None or not found.permitted:
        return None
    return found.leaf, decode(found.header, Header).originator


def _acknowledge_alike(batch: Batch, recipient: str, status: str, items: list[_Named], result: Result) -> None:
    ended = _end_named(batch, items, recipient, status, result)
    result.ended += len(ended)
    for named in items:
        if named.leaf in ended:
            ended.remove(named.leaf)
        elif not _say_later(batch, named.leaf, recipient, status, result):
            continue
        _tell(batch, result, named.leaf, named.position, recipient, named.item)


def _tell(batch: Batch, result: Result, leaf: int, position: int, recipient: str, item: AcknowledgedItem) -> None:
    """Have the originator of message `leaf` hear what its recipient said."""
    sequence = batch.memory.next_sequence(item.originator)
    evidence = Evidence(sequence, item.header_sha256, "acknowledged", recipient, item.status, item.evidence)
    batch.tell(result, item.originator, evidence, leaf, position)


def _end_named(batch: Batch, items: list[_Named], recipient: str, outcome: str, result: Result) -> set[int]:
    """End what is owed to `recipient` of these messages; what memory does not know is asked of the database."""
    ended: set[int] = set()
    others: list[int] = []
    for named in items:
        recent = named.recent
        if recent is not None and recent.owed_to == recipient:
            batch.end(recent, outcome, result.leaf)
            ended.add(named.leaf)
        else:
            others.append(named.leaf)
    if others:
        batch.flush()
        ended |= _end(batch, others, recipient, outcome, result)
    return ended


def _end(batch: Batch, leaves: list[int], recipient: str, outcome: str, result: Result) -> set[int]:
    """End what is owed to `recipient` of these messages; return which ended now."""
    execute = batch.connection.execute
    values = (outcome, result.leaf, recipient, _json(leaves))
    ended = {row[0] for row in execute(END, values).fetchall()}
    if ended:
        for slot, length in execute(NOBODY_WAITS, (_json(list(ended)),)).fetchall():
            batch.spool.end(slot, length)
    return ended


def _json(leaves: list[int]) -> str:
    return msgspec.json.encode(leaves).decode()


def _say_later(batch: Batch, leaf: int, recipient: str, status: str, result: Result) -> bool:
    if status not in LATER_STATUSES:
        return False
    row = batch.connection.execute(OUTCOME, (leaf, recipient)).fetchone()
    if row is None or row[0] == status or row[0] not in CONSIGNED:
        return False
    return bool(batch.connection.execute(LATER, (leaf, recipient, status, result.leaf)).rowcount)


def fail_delivery(batch: Batch, work: FailDelivery) -> Result:
    """End one delivery in failure; its receipt is the evidence for the originator."""
    batch.flush()
    row = batch.connection.execute(FAILING, (work.index, work.recipient)).fetchone()
    if row is None:
        return Result(-1, permitted=False, duplicate=True, at_ms=batch.memory.last_at_ms)
    header, record, outcome, ended_leaf = row
    if outcome is not None:
        ended_at_ms = record_at(batch.connection, ended_leaf).at_ms
        return Result(ended_leaf, permitted=False, duplicate=True, at_ms=ended_at_ms)
    at_ms = batch.recorded_at(work.at_ms)
    leaf = batch.append(batch.recorder.failed(work, decode(record, Record), at_ms))
    originator = decode(header, Header).originator
    result = Result(leaf, permitted=False, duplicate=False, at_ms=at_ms, ended=1)
    _end(batch, [work.index], work.recipient, work.outcome, result)
    header_sha256 = sha256(header)
    recent = batch.memory.recall(header_sha256)
    if recent is not None:
        recent.owed_to = None
    # Its receipt, which is the evidence, is made with the batch.
    sequence = batch.memory.next_sequence(originator)
    evidence = Evidence(sequence, header_sha256, "failed", work.recipient, work.outcome, b"")
    batch.tell(result, originator, evidence, work.index, None)
    return result


def book_attempt(batch: Batch, work: BookAttempt) -> Result:
    """Count an attempt, unless the delivery has ended or a consent that it rests on was revoked."""
    batch.flush()
    execute = batch.connection.execute
    revoked = any(execute(REVOKED, (digest,)).fetchone() for digest in work.consents)
    booked = not revoked and bool(execute(ATTEMPT, (work.index, work.recipient)).rowcount)
    return Result(-1, permitted=booked, duplicate=False, at_ms=work.at_ms)


def record_edition(batch: Batch, work: RecordEdition) -> Result:
    """Record an edition that came into use; starting again under the same one adds nothing."""
    batch.flush()
    last = batch.connection.execute(LAST_EDITION).fetchone()[0]
    if last is not None:
        record = record_at(batch.connection, last)
        edition = (record.edition.number, record.object_sha256, record.law_sha256)
        if edition == (work.number, encode_base64url(work.sha256), work.law_sha256):
            return Result(last, permitted=True, duplicate=True, at_ms=record.at_ms)
    at_ms = batch.recorded_at(work.at_ms)
    leaf = batch.append(batch.recorder.adopted(work, at_ms))
    batch.connection.execute(NEW_EDITION, (leaf,))
    return Result(leaf, permitted=True, duplicate=False, at_ms=at_ms)
