"""Deliveries: attempts, acknowledgements, failures, editions; the same steps as in the embedded engine.

A delivery ends once (P-10), wherever that is said: of two gateways that end one at a time, the second looks again.
"""

from collections.abc import Iterator

from msgspec import Struct

from gateway.crypto.canonical import decode
from gateway.crypto.digests import encode_base64url, sha256
from gateway.domain.message import Header
from gateway.domain.receipt import Record
from gateway.domain.statement import CONSIGNED
from gateway.store.interface import Acknowledge, AcknowledgedItem, BookAttempt, FailDelivery, RecordEdition
from gateway.store.postgres.batch import Batch
from gateway.store.postgres.places import place_of
from gateway.store.postgres.rows import Result, Told, add
from gateway.store.postgres.seen import Known, Place
from gateway.store.sqlite.endings import LATER_STATUSES


class _Named(Struct, frozen=True):
    """An item of a batch with the message that it names."""

    message: Place
    originator: str
    position: int
    item: AcknowledgedItem


def acknowledge(batch: Batch, work: Acknowledge) -> Result:
    """Record a recipient's batch and end the deliveries that it names; one that changes nothing is not recorded."""
    key = (work.recipient, work.batch_sha256)
    known = batch.seen.batch(key)
    if known is not None:
        return Result(known.place, permitted=True, duplicate=True, at_ms=known.at_ms)
    at_ms = batch.recorded_at(work.at_ms)
    # What it changes is noted first, under the place that it will have: only then is it known whether it gets one.
    result = Result(batch.next_place, permitted=True, duplicate=False, at_ms=at_ms)
    for named in _named(batch, work):
        _acknowledge_one(batch, work.recipient, named, result)
    if result.told is None:
        return Result(None, permitted=False, duplicate=False, at_ms=at_ms)
    place = batch.append(batch.recorder.acknowledged(work, at_ms), work.raw)
    batch.seen.batches[key] = Known(place, work.batch_sha256, True, at_ms)
    add(batch.rows.acknowledgements, *key, place[1], at_ms)
    return result


def _named(batch: Batch, work: Acknowledge) -> Iterator[_Named]:
    """Items that name a permitted message of the originator that they name."""
    for position, item in enumerate(work.items):
        known = batch.seen.named(item.header_sha256, work.recipient)
        if known is not None and known[1] == item.originator and item.recipient == work.recipient:
            yield _Named(*known, position, item)


def _acknowledge_one(batch: Batch, recipient: str, named: _Named, result: Result) -> None:
    status = named.item.status
    if _end(batch, named.message, recipient, status, result):
        result.ended += 1
    elif not _say_later(batch, named.message, recipient, status, result):
        return
    told = Told(
        originator=named.originator,
        offset=batch.rows.next_offset(named.originator),
        header_sha256=named.item.header_sha256,
        kind="acknowledged",
        recipient=recipient,
        outcome=status,
        body=named.item.evidence,
    )
    batch.tell(result, told, named.message, named.position)


def _end(batch: Batch, message: Place, recipient: str, outcome: str, result: Result) -> bool:
    """End the delivery if it is owed."""
    owing = batch.seen.owing(message, recipient)
    if owing is None or owing.outcome is not None:
        return False
    assert result.place is not None
    owing.outcome, owing.ended, owing.ended_at_ms = outcome, result.place, result.at_ms
    add(batch.rows.endings, *message, recipient, outcome, result.place[1])
    return True


def _say_later(batch: Batch, message: Place, recipient: str, status: str, result: Result) -> bool:
    owing = batch.seen.owing(message, recipient)
    if owing is None or status not in LATER_STATUSES or owing.outcome == status or owing.outcome not in CONSIGNED:
        return False
    if status in owing.said:
        return False
    assert result.place is not None
    owing.said.add(status)
    add(batch.rows.laters, *message, recipient, status, result.place[1])
    return True


def fail_delivery(batch: Batch, work: FailDelivery) -> Result:
    """End one delivery in failure; its receipt is the evidence for the originator."""
    message = place_of(work.index)
    submitted = batch.seen.failing(message, work.recipient)
    owing = batch.seen.owing(message, work.recipient)
    if submitted is None or owing is None:
        return Result(None, permitted=False, duplicate=True, at_ms=batch.last_at_ms)
    if owing.outcome is not None:
        return Result(owing.ended, permitted=False, duplicate=True, at_ms=owing.ended_at_ms)
    at_ms = batch.recorded_at(work.at_ms)
    place = batch.append(batch.recorder.failed(work, decode(submitted.record, Record), at_ms))
    originator = decode(submitted.header, Header).originator
    result = Result(place, permitted=False, duplicate=False, at_ms=at_ms, ended=1)
    _end(batch, message, work.recipient, work.outcome, result)
    told = Told(
        originator=originator,
        offset=batch.rows.next_offset(originator),
        header_sha256=sha256(submitted.header),
        kind="failed",
        recipient=work.recipient,
        outcome=work.outcome,
        body=None,
    )
    batch.tell(result, told, message, None)
    return result


def book_attempt(batch: Batch, work: BookAttempt) -> Result:
    """Count an attempt and take the lease, unless this batch has ended the delivery or revoked what it rests on.

    Whether anybody else has is for `commit_batch` to say.
    """
    message = place_of(work.index)
    result = Result(None, permitted=False, duplicate=False, at_ms=work.at_ms)
    owing = batch.seen.owed.get((*message, work.recipient))
    consents = [batch.seen.consent(digest) for digest in work.consents]
    if (owing is not None and owing.outcome is not None) or any(one is not None and one.revoked for one in consents):
        return result
    attempts = batch.rows.attempts
    result.attempt = len(attempts[0])
    add(attempts, *message, work.recipient, work.lease)
    for digest in work.consents:
        # Arrays of PostgreSQL count from one.
        add(batch.rows.resting, result.attempt + 1, digest)
    return result


def record_edition(batch: Batch, work: RecordEdition) -> Result:
    """Record an edition that came into use; starting again under the same one adds nothing."""
    edition = (work.number, encode_base64url(work.sha256), work.law_sha256)
    if batch.edition is not None and batch.edition[1] == edition:
        leaf, _, at_ms = batch.edition
        return Result((batch.log, leaf), permitted=True, duplicate=True, at_ms=at_ms)
    at_ms = batch.recorded_at(work.at_ms)
    place = batch.append(batch.recorder.adopted(work, at_ms))
    batch.rows.editions.append(place[1])
    batch.edition = (place[1], edition, at_ms)
    return Result(place, permitted=True, duplicate=False, at_ms=at_ms)
