"""Submissions in SQL: who holds an identity, what is recorded, what is spooled.

Every look-up happens inside the transaction, so two copies of one message in one batch are as good as two
batches: the first one counts (P-03).
"""

from gateway.crypto.canonical import decode
from gateway.crypto.digests import decode_base64url, encode_base64url
from gateway.domain.decision import Decision
from gateway.domain.receipt import ObjectType, Record
from gateway.domain.statement import Consent, ConsentRevocation
from gateway.store.interface import AdmitMessage, AdmitStatement, ConsentUse
from gateway.store.kept import KeptMessage
from gateway.store.records import PERMITTED, statement_type, with_peer
from gateway.store.sqlite.batch import Batch, Buffer, Known, Recent, Result, blob

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


def admit_message(batch: Batch, work: AdmitMessage) -> Result:
    """Record a judged message; spool it if it may pass."""
    message = work.message
    if work.against != message.originator:
        return _aside_message(batch, work.against, message, with_peer(work.decision, work.against), work.at_ms)
    identity = (message.originator, message.id)
    known = None if batch.memory.is_above(*identity) else _holder(batch, identity)
    if known is None:
        return _admit(batch, work, identity)
    if known.object_sha256 == message.object_sha256:
        return _again(known)
    return _aside_message(batch, work.against, message, work.reused, work.at_ms)


def _holder(batch: Batch, identity: tuple[str, bytes]) -> Known | None:
    # It may be of this very batch.
    batch.flush()
    return _known(batch, IDENTITY, identity)


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
    record = batch.recorder.judged("header", message.object_sha256, message.signatures_sha256, decision, at_ms, uses)
    leaf = batch.append(record, message.header, message.signatures)
    batch.messages.append((identity[0], blob(identity[1]), leaf))
    batch.memory.digests.add(message.header_sha256, leaf)
    if permitted:
        _spool(batch, leaf, message)
        if message.affected:
            batch.connection.executemany(NEW_EFFECT, effects(message.affected, message.kind, message.originator, leaf))
    return Result(leaf, permitted, False, at_ms)


def _spool(batch: Batch, leaf: int, message: KeptMessage) -> None:
    """Keep the body for its recipients, and what each of them is owed."""
    body, wraps = message.body()
    slot = batch.spool.add(body, wraps)
    body_bytes, wraps_bytes = len(body), len(wraps)
    recipients = message.recipients
    owed_to = recipients[0] if len(recipients) == 1 else None
    recent = Recent(leaf, message.originator, owed_to, slot, body_bytes + wraps_bytes)
    batch.memory.remember(message.header_sha256, recent)
    urgency, expires_at_ms = message.urgency, message.expires_at_ms
    batch.spooled += len(recipients)
    for position, recipient in enumerate(recipients):
        batch.deliveries.append((leaf, recipient, position, urgency, expires_at_ms, slot, body_bytes, wraps_bytes))


def effects(affected: tuple[bytes, ...], kind: str, originator: str, leaf: int) -> list[tuple[bytes, str, str, int]]:
    """Return the rows that say what an accepted message did to earlier ones."""
    return [(digest, kind, originator, leaf) for digest in affected]


def _book(batch: Batch, uses: tuple[ConsentUse, ...]) -> bool:
    """Book one use of each consent, or none at all."""
    execute = batch.connection.execute
    for use in uses:
        row = execute(CONSENT, (use.consent_sha256,)).fetchone()
        if row is None or row[1] or (use.uses_max is not None and row[0] >= use.uses_max):
            return False
    batch.connection.executemany(USE_CONSENT, [(use.consent_sha256,) for use in uses])
    return True


def _aside_message(batch: Batch, against: str, message: KeptMessage, decision: Decision, at_ms: int) -> Result:
    digests = (message.header_sha256, message.object_sha256, message.signatures_sha256)
    return _aside(batch, against, "header", digests, decision, at_ms, (message.header, message.signatures))


def _aside(
    batch: Batch,
    against: str,
    object_type: ObjectType,
    digests: tuple[bytes, str, str],
    decision: Decision,
    at_ms: int,
    content: tuple[Buffer, bytes | None],
) -> Result:
    """Record a refusal that occupies nothing."""
    batch.flush()
    known = _known(batch, ASIDE, (against, digests[0]))
    if known is not None:
        return _again(known)
    at_ms = batch.recorded_at(at_ms)
    record = batch.recorder.judged(object_type, *digests[1:], decision, at_ms)
    leaf = batch.append(record, *content)
    batch.connection.execute(NEW_ASIDE, (against, digests[0], leaf))
    return Result(leaf, permitted=False, duplicate=False, at_ms=at_ms)


def admit_statement(batch: Batch, work: AdmitStatement) -> Result:
    """Record a judged statement; a consent or revocation that was permitted works from here on."""
    statement, decision = work.statement, work.decision
    digests = (
        statement.sha256,
        encode_base64url(statement.sha256),
        encode_base64url(statement.signatures_sha256),
    )
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
    record = batch.recorder.judged(object_type, *digests[1:], decision, at_ms)
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
