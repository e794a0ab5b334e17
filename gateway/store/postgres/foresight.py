"""What an item will ask for, as far as it can be told beforehand: so that a batch is looked up once and made once."""

from gateway.crypto.digests import decode_base64url
from gateway.domain.statement import Consent
from gateway.store.interface import (
    Acknowledge,
    AdmitMessage,
    AdmitStatement,
    BookAttempt,
    FailDelivery,
    RecordEdition,
    Work,
)
from gateway.store.postgres.batch import Memory
from gateway.store.postgres.places import place_of
from gateway.store.postgres.seen import Wanted


def foresee(wanted: Wanted, work: Work, memory: Memory) -> None:
    """Add to `wanted` what `work` will need."""
    match work:
        case AdmitMessage():
            _message(wanted, work, memory)
        case Acknowledge():
            wanted.batches.add((work.recipient, work.batch_sha256))
            wanted.named.update((item.header_sha256, work.recipient) for item in work.items)
        case BookAttempt():
            wanted.consents.update(work.consents)
        case FailDelivery():
            wanted.owed.add((*place_of(work.index), work.recipient))
        case AdmitStatement():
            _statement(wanted, work)
        case RecordEdition():
            return


def _message(wanted: Wanted, work: AdmitMessage, memory: Memory) -> None:
    message = work.message
    if work.against != message.originator:
        wanted.asides.add((work.against, message.header_sha256))
        return
    identity = (message.originator, message.id)
    if not memory.is_above(*identity):
        wanted.messages.add(identity)
    wanted.consents.update(use.consent_sha256 for use in work.consents)


def _statement(wanted: Wanted, work: AdmitStatement) -> None:
    statement = work.statement
    if work.against != statement.authority:
        wanted.asides.add((work.against, statement.sha256))
        return
    wanted.statements.add((statement.authority, statement.sha256))
    value = statement.value
    if isinstance(value, Consent):
        wanted.revocations.add((statement.sha256, value.provider))
    else:
        wanted.consents.add(decode_base64url(value.consent_sha256))
