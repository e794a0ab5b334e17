"""Deliveries in SQL: attempts, acknowledgements, failures, and the end of bodies nobody waits for.

A delivery ends once (P-10): the first acknowledgement or failure that is recorded counts. What a recipient says
later of a message that it has, that it was handed over or destroyed, is added and changes no outcome.
"""

import msgspec

from gateway.crypto.digests import signatures_digest
from gateway.domain.message import Signature
from gateway.domain.statement import CONSIGNED
from gateway.store.interface import Acknowledge, AcknowledgedItem, BookAttempt, FailDelivery, RecordEdition
from gateway.store.sqlite.batch import Batch, Result

KNOWN_BATCH = "SELECT leaf, at_ms FROM acknowledgement WHERE recipient = ? AND sha256 = ?"
NEW_BATCH = "INSERT INTO acknowledgement (leaf, recipient, sha256, raw, at_ms) VALUES (?, ?, ?, ?, ?)"
BY_DIGEST = (
    "SELECT leaf, originator FROM message"
    " WHERE substr(header_sha256, 1, 8) = substr(?1, 1, 8) AND header_sha256 = ?1 AND permitted"
)
END = (
    "UPDATE delivery SET outcome = ?, ended_leaf = ?, ended_at_ms = ?"
    " WHERE leaf = ? AND recipient = ? AND outcome IS NULL"
)
OUTCOME = "SELECT outcome FROM delivery WHERE leaf = ? AND recipient = ?"
LATER = "INSERT OR IGNORE INTO later (leaf, recipient, status, said_leaf, at_ms) VALUES (?, ?, ?, ?, ?)"
FAILING = (
    "SELECT m.originator, m.header_sha256, m.signatures, d.outcome, d.ended_leaf, d.ended_at_ms"
    " FROM delivery AS d JOIN message AS m ON m.leaf = d.leaf WHERE d.leaf = ? AND d.recipient = ?"
)
DESTROY = "DELETE FROM body WHERE leaf = ?1 AND NOT EXISTS (SELECT 1 FROM delivery WHERE leaf = ?1 AND outcome IS NULL)"
DESTROYED = "INSERT INTO destruction (leaf, at_ms, reason) VALUES (?, ?, ?)"
ATTEMPT = "UPDATE delivery SET attempts = attempts + 1 WHERE leaf = ? AND recipient = ? AND outcome IS NULL"
REVOKED = (
    "SELECT 1 FROM revocation AS r JOIN consent AS c ON c.sha256 = r.consent_sha256 AND c.provider = r.provider"
    " WHERE r.consent_sha256 = ?"
)
LAST_EDITION = "SELECT leaf, number, sha256, law_sha256, at_ms FROM edition ORDER BY leaf DESC LIMIT 1"
NEW_EDITION = "INSERT INTO edition (leaf, number, sha256, law_sha256, at_ms) VALUES (?, ?, ?, ?, ?)"

LATER_STATUSES = frozenset({"handed-over", "destroyed"})
_SIGNATURES = msgspec.msgpack.Decoder(tuple[Signature, ...])


def acknowledge(batch: Batch, work: Acknowledge) -> Result:
    """Record a recipient's batch and end the deliveries that it names."""
    batch.flush()
    row = batch.connection.execute(KNOWN_BATCH, (work.recipient, work.batch_sha256)).fetchone()
    if row is not None:
        return Result(row[0], permitted=True, duplicate=True, at_ms=row[1])
    at_ms = batch.recorded_at(work.at_ms)
    leaf = batch.append(batch.recorder.acknowledged(work, at_ms))
    batch.flush()
    batch.connection.execute(NEW_BATCH, (leaf, work.recipient, work.batch_sha256, work.raw, at_ms))
    result = Result(leaf, permitted=True, duplicate=False, at_ms=at_ms)
    for item in work.items:
        _acknowledge_one(batch, work, item, result)
    return result


def _acknowledge_one(batch: Batch, work: Acknowledge, item: AcknowledgedItem, result: Result) -> None:
    said = item.item
    row = batch.connection.execute(BY_DIGEST, (item.header_sha256,)).fetchone()
    if row is None or row[1] != said.originator or said.recipient != work.recipient:
        return
    message = row[0]
    if _end(batch, message, work.recipient, said.status, result):
        result.ended += 1
    elif not _say_later(batch, message, work.recipient, said.status, result):
        return
    batch.tell(result, row[1], item.header_sha256, "acknowledged", work.recipient, said.status, item.evidence)


def _end(batch: Batch, message: int, recipient: str, outcome: str, result: Result) -> bool:
    execute = batch.connection.execute
    if execute(END, (outcome, result.leaf, result.at_ms, message, recipient)).rowcount == 0:
        return False
    if execute(DESTROY, (message,)).rowcount:
        execute(DESTROYED, (message, result.at_ms, outcome))
    return True


def _say_later(batch: Batch, message: int, recipient: str, status: str, result: Result) -> bool:
    if status not in LATER_STATUSES:
        return False
    row = batch.connection.execute(OUTCOME, (message, recipient)).fetchone()
    if row is None or row[0] == status or row[0] not in CONSIGNED:
        return False
    values = (message, recipient, status, result.leaf, result.at_ms)
    return bool(batch.connection.execute(LATER, values).rowcount)


def fail_delivery(batch: Batch, work: FailDelivery) -> Result:
    """End one delivery in failure; its receipt is the evidence for the originator."""
    batch.flush()
    row = batch.connection.execute(FAILING, (work.index, work.recipient)).fetchone()
    if row is None:
        return Result(-1, permitted=False, duplicate=True, at_ms=batch.last_at_ms)
    originator, header_sha256, signatures, outcome, ended_leaf, ended_at_ms = row
    if outcome is not None:
        return Result(ended_leaf, permitted=False, duplicate=True, at_ms=ended_at_ms)
    at_ms = batch.recorded_at(work.at_ms)
    digest = signatures_digest(_SIGNATURES.decode(signatures))
    leaf = batch.append(batch.recorder.failed(work, header_sha256, digest, at_ms))
    batch.flush()
    result = Result(leaf, permitted=False, duplicate=False, at_ms=at_ms, ended=1)
    _end(batch, work.index, work.recipient, work.outcome, result)
    batch.tell(result, originator, header_sha256, "failed", work.recipient, work.outcome, None)
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
    row = batch.connection.execute(LAST_EDITION).fetchone()
    if row is not None and row[1:4] == (work.number, work.sha256, work.law_sha256):
        return Result(row[0], permitted=True, duplicate=True, at_ms=row[4])
    at_ms = batch.recorded_at(work.at_ms)
    leaf = batch.append(batch.recorder.adopted(work, at_ms))
    batch.flush()
    batch.connection.execute(NEW_EDITION, (leaf, work.number, work.sha256, work.law_sha256, at_ms))
    return Result(leaf, permitted=True, duplicate=False, at_ms=at_ms)
