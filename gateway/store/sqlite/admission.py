"""Submissions in SQL: who holds an identity, what is recorded, what is spooled.

Every look-up happens inside the transaction, so two copies of one message in one batch are as good as two
batches: the first one counts (P-03).
"""

import msgspec

from gateway.crypto.canonical import decode
from gateway.crypto.digests import decode_base64url, encode_base64url
from gateway.domain.decision import Decision
from gateway.domain.message import URGENCIES, AuthenticMessage, Header
from gateway.domain.receipt import ObjectType, Record
from gateway.domain.statement import Consent, ConsentRevocation
from gateway.store.effects import KINDS, affected
from gateway.store.interface import AdmitMessage, AdmitStatement, ConsentUse
from gateway.store.records import PERMITTED, statement_type, with_peer
from gateway.store.sqlite.batch import Batch, Known, Recent, Result, blob
from gateway.store.sqlite.lookup import EPOCH_LEAVES, prefix_of

IDENTITY = (
    "SELECT e.leaf, e.record FROM message AS m JOIN entry AS e ON e.leaf = m.leaf WHERE m.originator = ? AND m.id = ?"
)
ASIDE = (
    "SELECT e.leaf, e.record FROM aside AS a JOIN entry AS e ON e.leaf = a.leaf WHERE a.against = ? AND a.sha256 = ?"
)
NEW_ASIDE = "INSERT INTO aside (against, sha256, leaf) VALUES (?, ?, ?)"
STATEMENT = (
    "SELECT e.leaf, e.record FROM statement AS s JOIN entry AS e ON e.leaf = s.leaf"
    " WHERE s.authority = ? AND s.sha256 = ?"
)
NEW_STATEMENT = "INSERT INTO statement (authority, sha256, leaf) VALUES (?, ?, ?)"
NEW_CONSENT = "INSERT INTO consent (sha256, provider, leaf, uses) VALUES (?, ?, ?, 0)"
NEW_REVOCATION = "INSERT OR IGNORE INTO revocation (consent_sha256, provider, leaf) VALUES (?, ?, ?)"
# A revocation counts only under the key of the provider whose consent it names.
CONSENT = (
    "SELECT uses, EXISTS (SELECT 1 FROM revocation AS r WHERE r.consent_sha256 = c.sha256 AND r.provider = c.provider)"
    " FROM consent AS c WHERE sha256 = ?"
)
NEW_EFFECT = "INSERT OR IGNORE INTO effect (sha256, kind, originator, leaf) VALUES (?, ?, ?, ?)"
USE_CONSENT = "UPDATE consent SET uses = uses + 1 WHERE sha256 = ?"

URGENCY = {urgency: position for position, urgency in enumerate(URGENCIES)}
_pack = msgspec.msgpack.Encoder().encode


def admit_message(batch: Batch, work: AdmitMessage) -> Result:
    """Record a judged message; spool it if it may pass."""
    message = work.message
    header = message.header
    if work.against != header.originator:
        return _aside_message(batch, work.against, message, with_peer(work.decision, work.against), work.at_ms)
    identity = (header.originator, id_bytes(header.id))
    known = None if batch.memory.is_above(*identity) else _holder(batch, identity)
    if known is None:
        return _admit(batch, work, identity)
    if known.object_sha256 == encode_base64url(message.header_sha256):
        return _again(known)
    return _aside_message(batch, work.against, message, work.reused, work.at_ms)


def _holder(batch: Batch, identity: tuple[str, bytes]) -> Known | None:
    return batch.identities.get(identity) or _known(batch, IDENTITY, identity)


def _known(batch: Batch, query: str, values: tuple[str, bytes]) -> Known | None:
    row = batch.connection.execute(query, values).fetchone()
    if row is None:
        return None
    record = decode(row[1], Record)
    return Known(row[0], record.object_sha256, record.outcome == PERMITTED, record.at_ms)


def _again(known: Known) -> Result:
    return Result(known.leaf, known.permitted, duplicate=True, at_ms=known.at_ms)


def _admit(batch: Batch, work: AdmitMessage, identity: tuple[str, bytes]) -> Result:
    message, decision, uses = work.message, work.decision, work.consents
    if uses and not decision.reasons and not _book(batch, uses):
        # `put` made sure that there is one.
        decision = work.otherwise or work.reused
    permitted = not decision.reasons
    at_ms = batch.recorded_at(work.at_ms)
    digest, envelope = message.header_sha256, message.envelope
    object_sha256 = encode_base64url(digest)
    record = batch.recorder.judged("header", object_sha256, message.signatures_sha256, decision, at_ms, uses)
    leaf = batch.append(record, envelope.h, _pack(envelope.s))
    batch.identities[identity] = Known(leaf, object_sha256, permitted, at_ms)
    batch.messages.append((identity[0], blob(identity[1]), leaf))
    batch.digests.append((leaf // EPOCH_LEAVES, prefix_of(digest), leaf))
    if permitted:
        _spool(batch, leaf, message)
        if message.header.kind in KINDS:
            batch.connection.executemany(NEW_EFFECT, effects_of(message.header, leaf))
    return Result(leaf, permitted, False, at_ms)


def _spool(batch: Batch, leaf: int, message: AuthenticMessage) -> None:
    """Keep the body for its recipients, and what each of them is owed."""
    header, body = message.header, message.envelope.c
    wraps = _pack(message.envelope.r)
    slot = batch.spool.add(body, wraps)
    body_bytes, wraps_bytes = len(body), len(wraps)
    recipients = header.recipients
    owed_to = recipients[0].authority if len(recipients) == 1 else None
    recent = Recent(leaf, header.originator, owed_to, slot, body_bytes + wraps_bytes)
    batch.memory.remember(message.header_sha256, recent)
    urgency, expires_at_ms = URGENCY[header.urgency], expiry(header)
    batch.spooled += len(recipients)
    for position, recipient in enumerate(recipients):
        batch.deliveries.append(
            (leaf, recipient.authority, position, urgency, expires_at_ms, slot, body_bytes, wraps_bytes)
        )


def effects_of(header: Header, leaf: int) -> list[tuple[bytes, str, str, int]]:
    """Return the rows that say what an accepted message did to earlier ones."""
    return [(digest, header.kind, header.originator, leaf) for digest in affected(header)]


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
    content: tuple[bytes, bytes | None],
) -> Result:
    """Record a refusal that occupies nothing."""
    batch.flush()
    known = _known(batch, ASIDE, (against, digests[0]))
    if known is not None:
        return _again(known)
    at_ms = batch.recorded_at(at_ms)
    record = batch.recorder.judged(object_type, encode_base64url(digests[0]), digests[1], decision, at_ms)
    leaf = batch.append(record, *content)
    batch.connection.execute(NEW_ASIDE, (against, digests[0], leaf))
    return Result(leaf, permitted=False, duplicate=False, at_ms=at_ms)


def admit_statement(batch: Batch, work: AdmitStatement) -> Result:
    """Record a judged statement; a consent or revocation that was permitted works from here on."""
    statement, decision = work.statement, work.decision
    digests = (statement.sha256, statement.signatures_sha256)
    object_type = statement_type(work)
    if work.against != statement.authority:
        decision = with_peer(decision, work.against)
        return _aside(batch, work.against, object_type, digests, decision, work.at_ms, (statement.raw, None))
    batch.flush()
    identity = (statement.authority, statement.sha256)
    known = _known(batch, STATEMENT, identity)
    if known is not None:
        return _again(known)
    at_ms = batch.recorded_at(work.at_ms)
    permitted = not decision.reasons
    record = batch.recorder.judged(object_type, encode_base64url(digests[0]), digests[1], decision, at_ms)
    leaf = batch.append(record, statement.raw)
    batch.connection.execute(NEW_STATEMENT, (*identity, leaf))
    if permitted:
        _take_effect(batch, leaf, statement.value, statement.sha256)
    return Result(leaf, permitted, duplicate=False, at_ms=at_ms)


def _take_effect(batch: Batch, leaf: int, value: Consent | ConsentRevocation, sha256: bytes) -> None:
    if isinstance(value, Consent):
        batch.connection.execute(NEW_CONSENT, (sha256, value.provider, leaf))
    else:
        batch.connection.execute(NEW_REVOCATION, (decode_base64url(value.consent_sha256), value.provider, leaf))


def id_bytes(message_id: str) -> bytes:
    """Return the 16 bytes of a message id; in their order they are in the order of time (S-12)."""
    return bytes.fromhex(message_id.replace("-", ""))


def expiry(header: Header) -> int:
    """Return when we stop trying: what must be destroyed by a date is not delivered after it."""
    if header.destroy_by_ms is None:
        return header.expires_at_ms
    return min(header.expires_at_ms, header.destroy_by_ms)
