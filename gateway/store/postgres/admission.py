"""Submissions: who holds an identity over all gateways, what is recorded, what is spooled.

The same steps as in the embedded engine, over what was looked up instead of inside the transaction: two copies of one
message in one batch are as good as two batches, and one that a peer admits at this moment makes `commit_batch` refuse.
"""

from gateway.crypto.digests import decode_base64url, encode_base64url
from gateway.domain.decision import Decision
from gateway.domain.receipt import ObjectType
from gateway.domain.statement import Consent
from gateway.store.interface import AdmitMessage, AdmitStatement, ConsentUse
from gateway.store.kept import KeptMessage
from gateway.store.postgres.batch import Batch
from gateway.store.postgres.rows import Result, add
from gateway.store.postgres.seen import Consented, Known, Owing, Place, Submitted
from gateway.store.records import statement_type, with_peer


def admit_message(batch: Batch, work: AdmitMessage) -> Result:
    """Record a judged message; spool it if it may pass."""
    message = work.message
    if work.against != message.originator:
        return _aside_message(batch, work.against, message, with_peer(work.decision, work.against), work.at_ms)
    identity = (message.originator, message.id)
    seen = batch.seen
    assumed = identity not in seen.messages and batch.memory.is_above(*identity)
    known = None if assumed else seen.message(identity)
    if known is None:
        return _admit(batch, work, identity)
    if known.sha256 == message.header_sha256:
        return _again(known)
    return _aside_message(batch, work.against, message, work.reused, work.at_ms)


def _again(known: Known) -> Result:
    return Result(known.place, known.permitted, duplicate=True, at_ms=known.at_ms)


def _admit(batch: Batch, work: AdmitMessage, identity: tuple[str, bytes]) -> Result:
    message, decision, uses = work.message, work.decision, work.consents
    if uses and not decision.reasons and not _book(batch, uses):
        # `put` made sure that there is one.
        decision = work.otherwise or work.reused
    permitted = not decision.reasons
    at_ms = batch.recorded_at(work.at_ms)
    digest, header = message.header_sha256, bytes(message.header)
    record = batch.recorder.judged("header", message.object_sha256, message.signatures_sha256, decision, at_ms, uses)
    place = batch.append(record, header, message.signatures)
    batch.seen.messages[identity] = Known(place, digest, permitted, at_ms)
    add(batch.rows.messages, *identity, place[1], digest, permitted, at_ms)
    if permitted:
        batch.seen.submitted[place] = Submitted(header, record)
        _spool(batch, place, message, at_ms)
        batch.rows.effects += [
            {"sha256": each.hex(), "kind": message.kind, "originator": identity[0], "leaf": place[1]}
            for each in message.affected
        ]
    return Result(place, permitted, duplicate=False, at_ms=at_ms)


def _spool(batch: Batch, place: Place, message: KeptMessage, at_ms: int) -> None:
    """Keep the body for its recipients, and what each of them is owed."""
    seen, leaf, attended = batch.seen, place[1], batch.memory.attended
    seen.digests[message.header_sha256] = (place, message.originator)
    add(batch.rows.bodies, leaf, *map(bytes, message.body()))
    urgency, expires_at_ms = message.urgency, message.expires_at_ms
    for position, name in enumerate(message.recipients):
        seen.owed[(*place, name)] = Owing()
        add(batch.rows.deliveries, leaf, name, position, urgency, at_ms, expires_at_ms, name in attended)


def _book(batch: Batch, uses: tuple[ConsentUse, ...]) -> bool:
    """Book one use of each consent, or none at all."""
    consents = [batch.seen.consent(use.consent_sha256) for use in uses]
    for use, consent in zip(uses, consents, strict=True):
        if consent is None or consent.revoked or (use.uses_max is not None and consent.uses >= use.uses_max):
            return False
    for use in uses:
        consent = batch.seen.consent(use.consent_sha256)
        assert consent is not None
        consent.uses += 1
        batch.rows.used.add(use.consent_sha256)
    return True


def _aside_message(batch: Batch, against: str, message: KeptMessage, decision: Decision, at_ms: int) -> Result:
    digests = (message.header_sha256, message.object_sha256, message.signatures_sha256)
    return _aside(batch, against, "header", digests, decision, at_ms, (bytes(message.header), message.signatures))


def _aside(
    batch: Batch,
    against: str,
    object_type: ObjectType,
    digests: tuple[bytes, str, str],
    decision: Decision,
    at_ms: int,
    content: tuple[bytes, bytes | None],
) -> Result:
    """Record a refusal that occupies nothing."""
    key = (against, digests[0])
    known = batch.seen.aside(key)
    if known is not None:
        return _again(known)
    at_ms = batch.recorded_at(at_ms)
    record = batch.recorder.judged(object_type, *digests[1:], decision, at_ms)
    place = batch.append(record, *content)
    batch.seen.asides[key] = Known(place, digests[0], False, at_ms)
    batch.rows.asides.append({"against": against, "sha256": digests[0].hex(), "leaf": place[1], "at_ms": at_ms})
    return Result(place, permitted=False, duplicate=False, at_ms=at_ms)


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
    key = (statement.authority, statement.sha256)
    known = batch.seen.statement(key)
    if known is not None:
        return _again(known)
    at_ms = batch.recorded_at(work.at_ms)
    permitted = not decision.reasons
    record = batch.recorder.judged(object_type, *digests[1:], decision, at_ms)
    place = batch.append(record, statement.raw)
    batch.seen.statements[key] = Known(place, statement.sha256, permitted, at_ms)
    row = {"authority": key[0], "sha256": key[1].hex(), "leaf": place[1], "permitted": permitted, "at_ms": at_ms}
    batch.rows.statements.append(row)
    if permitted:
        _take_effect(batch, place[1], work)
    return Result(place, permitted, duplicate=False, at_ms=at_ms)


def _take_effect(batch: Batch, leaf: int, work: AdmitStatement) -> None:
    value, digest, seen = work.statement.value, work.statement.sha256, batch.seen
    if isinstance(value, Consent):
        revoked = seen.revoked(digest, value.provider)
        seen.consents[digest] = Consented(value.provider, 0, 0, revoked)
        batch.rows.consents.append({"sha256": digest.hex(), "provider": value.provider, "leaf": leaf})
        return
    digest = decode_base64url(value.consent_sha256)
    batch.rows.revocations.append({"sha256": digest.hex(), "provider": value.provider, "leaf": leaf})
    seen.revocations[digest, value.provider] = True
    consent = seen.consents.get(digest)
    if consent is not None and consent.provider == value.provider:
        consent.revoked = True
