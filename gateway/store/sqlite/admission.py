"""Submissions in SQL: who holds an identity, what is recorded, what is spooled.

Every look-up happens inside the transaction, so two copies of one message in one batch are as good as two
batches: the first one counts (P-03).
"""

import msgspec

from gateway.crypto.canonical import encode
from gateway.crypto.digests import decode_base64url
from gateway.domain.decision import Decision
from gateway.domain.message import URGENCIES, AuthenticMessage, Header
from gateway.domain.receipt import ObjectType
from gateway.domain.statement import Consent, ConsentRevocation
from gateway.store.interface import AdmitMessage, AdmitStatement, ConsentUse
from gateway.store.records import statement_type
from gateway.store.sqlite.batch import Batch, Known, Result

IDENTITY = "SELECT leaf, header_sha256, permitted, at_ms FROM message WHERE originator = ? AND id = ?"
ASIDE = "SELECT leaf, at_ms FROM aside WHERE against = ? AND sha256 = ?"
NEW_ASIDE = "INSERT INTO aside (leaf, against, sha256, object, signatures, at_ms) VALUES (?, ?, ?, ?, ?, ?)"
STATEMENT = "SELECT leaf, permitted, at_ms FROM statement WHERE authority = ? AND sha256 = ?"
NEW_STATEMENT = (
    "INSERT INTO statement (leaf, authority, sha256, type, raw, permitted, at_ms) VALUES (?, ?, ?, ?, ?, ?, ?)"
)
NEW_CONSENT = "INSERT INTO consent (sha256, leaf, provider, value, at_ms, uses) VALUES (?, ?, ?, ?, ?, 0)"
NEW_REVOCATION = "INSERT OR IGNORE INTO revocation (consent_sha256, provider, leaf, at_ms) VALUES (?, ?, ?, ?)"
# A revocation counts only under the key of the provider whose consent it names.
CONSENT = (
    "SELECT uses, EXISTS (SELECT 1 FROM revocation AS r WHERE r.consent_sha256 = c.sha256 AND r.provider = c.provider)"
    " FROM consent AS c WHERE sha256 = ?"
)
USE_CONSENT = "UPDATE consent SET uses = uses + 1 WHERE sha256 = ?"

URGENCY = {urgency: position for position, urgency in enumerate(URGENCIES)}
_pack = msgspec.msgpack.Encoder().encode


def admit_message(batch: Batch, work: AdmitMessage) -> Result:
    """Record a judged message; spool it if it may pass."""
    message = work.message
    header = message.header
    if work.against != header.originator:
        return _aside_message(batch, work.against, message, work.decision, work.at_ms)
    identity = (header.originator, id_bytes(header.id))
    known = None if batch.memory.is_above(*identity) else _known(batch, identity)
    if known is None:
        return _admit(batch, work, identity)
    leaf, header_sha256, permitted, at_ms = known
    if header_sha256 == message.header_sha256:
        return Result(leaf, permitted, duplicate=True, at_ms=at_ms)
    return _aside_message(batch, work.against, message, work.reused, work.at_ms)


def _known(batch: Batch, identity: tuple[str, bytes]) -> Known | None:
    known = batch.identities.get(identity)
    if known is not None:
        return known
    row = batch.connection.execute(IDENTITY, identity).fetchone()
    return None if row is None else (row[0], row[1], bool(row[2]), row[3])


def _admit(batch: Batch, work: AdmitMessage, identity: tuple[str, bytes]) -> Result:
    message, decision, uses = work.message, work.decision, work.consents
    if uses and not decision.reasons and not _book(batch, uses):
        # `put` made sure that there is one.
        decision = work.otherwise or work.reused
    permitted = not decision.reasons
    at_ms = batch.recorded_at(work.at_ms)
    digest = message.header_sha256
    record = batch.recorder.judged("header", digest, message.signatures_sha256, decision, at_ms, uses)
    leaf = batch.append(record)
    batch.identities[identity] = (leaf, digest, permitted, at_ms)
    envelope = message.envelope
    batch.messages.append((leaf, *identity, digest, permitted, at_ms, envelope.h, _pack(envelope.s)))
    if permitted:
        _spool(batch, leaf, message)
    return Result(leaf, permitted, duplicate=False, at_ms=at_ms)


def _spool(batch: Batch, leaf: int, message: AuthenticMessage) -> None:
    """Keep the body for its recipients, and what each of them is owed."""
    header, body = message.header, message.envelope.c
    batch.memory.remember(message.header_sha256, leaf, header.originator)
    wraps = _pack(message.envelope.r)
    batch.bodies.append((leaf, batch.spool.add(body, wraps), len(body), len(wraps)))
    urgency, expires_at_ms = URGENCY[header.urgency], expiry(header)
    for position, recipient in enumerate(header.recipients):
        batch.deliveries.append((leaf, recipient.authority, position, urgency, expires_at_ms))


def _book(batch: Batch, uses: tuple[ConsentUse, ...]) -> bool:
    """Book one use of each consent, or none at all."""
    execute = batch.connection.execute
    for use in uses:
        row = execute(CONSENT, (use.consent_sha256,)).fetchone()
        if row is None or row[1] or (use.uses_max is not None and row[0] >= use.uses_max):
            return False
    batch.connection.executemany(USE_CONSENT, [(use.consent_sha256,) for use in uses])
    return True


def _aside_message(batch: Batch, against: str, message: AuthenticMessage, decision: Decision, at_ms: int) -> Result:
    envelope = message.envelope
    digests = (message.header_sha256, message.signatures_sha256)
    return _aside(batch, against, "header", digests, decision, at_ms, (envelope.h, _pack(envelope.s)))


def _aside(
    batch: Batch,
    against: str,
    object_type: ObjectType,
    digests: tuple[bytes, bytes],
    decision: Decision,
    at_ms: int,
    content: tuple[bytes, bytes],
) -> Result:
    """Record a refusal that occupies nothing."""
    batch.flush()
    row = batch.connection.execute(ASIDE, (against, digests[0])).fetchone()
    if row is not None:
        return Result(row[0], permitted=False, duplicate=True, at_ms=row[1])
    at_ms = batch.recorded_at(at_ms)
    leaf = batch.append(batch.recorder.judged(object_type, *digests, decision, at_ms))
    batch.flush()
    batch.connection.execute(NEW_ASIDE, (leaf, against, digests[0], *content, at_ms))
    return Result(leaf, permitted=False, duplicate=False, at_ms=at_ms)


def admit_statement(batch: Batch, work: AdmitStatement) -> Result:
    """Record a judged statement; a consent or revocation that was permitted works from here on."""
    statement, decision = work.statement, work.decision
    digests = (statement.sha256, statement.signatures_sha256)
    object_type = statement_type(work)
    if work.against != statement.authority:
        return _aside(batch, work.against, object_type, digests, decision, work.at_ms, (statement.raw, b""))
    batch.flush()
    row = batch.connection.execute(STATEMENT, (statement.authority, statement.sha256)).fetchone()
    if row is not None:
        return Result(row[0], bool(row[1]), duplicate=True, at_ms=row[2])
    at_ms = batch.recorded_at(work.at_ms)
    permitted = not decision.reasons
    leaf = batch.append(batch.recorder.judged(object_type, *digests, decision, at_ms))
    batch.flush()
    batch.connection.execute(
        NEW_STATEMENT,
        (leaf, statement.authority, statement.sha256, statement.type, statement.raw, permitted, at_ms),
    )
    if permitted:
        _take_effect(batch, leaf, statement.value, statement.sha256, at_ms)
    return Result(leaf, permitted, duplicate=False, at_ms=at_ms)


def _take_effect(batch: Batch, leaf: int, value: Consent | ConsentRevocation, sha256: bytes, at_ms: int) -> None:
    if isinstance(value, Consent):
        batch.connection.execute(NEW_CONSENT, (sha256, leaf, value.provider, encode(value), at_ms))
        return
    consent_sha256 = decode_base64url(value.consent_sha256)
    batch.connection.execute(NEW_REVOCATION, (consent_sha256, value.provider, leaf, at_ms))


def id_bytes(message_id: str) -> bytes:
    """Return the 16 bytes of a message id; in their order they are in the order of time (S-12)."""
    return bytes.fromhex(message_id.replace("-", ""))


def expiry(header: Header) -> int:
    """Return when we stop trying: what must be destroyed by a date is not delivered after it."""
    if header.destroy_by_ms is None:
        return header.expires_at_ms
    return min(header.expires_at_ms, header.destroy_by_ms)
