"""What may be asked of a store, whichever engine it is: mistakes of ours are caught before they reach a disk."""

from gateway.domain.statement import ConsentRevocation
from gateway.store.interface import Acknowledge, AdmitMessage, AdmitStatement, Work

# What an item adds beside its own bytes: record, salt, checkpoint, identity.
RECORD_SHARE_BYTES = 1_536


def weigh(work: Work) -> tuple[int, bool]:
    """Return about how many bytes an item will occupy, and whether it is essential: for what is owed already.

    A revocation stops messages, so it goes as long as they do.

    Raises:
        ValueError: a caller may not ask this, whatever the store holds.
    """
    if isinstance(work, AdmitMessage):
        _check_message(work)
        return len(work.message.raw) + RECORD_SHARE_BYTES, False
    if isinstance(work, Acknowledge):
        return len(work.raw) + sum([len(item.evidence) for item in work.items]) + RECORD_SHARE_BYTES, True
    if isinstance(work, AdmitStatement):
        if work.against != work.statement.authority and work.decision.permitted:
            raise ValueError("a statement shown by another authority cannot be permitted")
        return len(work.statement.raw) + RECORD_SHARE_BYTES, isinstance(work.statement.value, ConsentRevocation)
    return RECORD_SHARE_BYTES, True


def _check_message(work: AdmitMessage) -> None:
    permitted = not work.decision.reasons
    if permitted and work.against != work.message.originator:
        raise ValueError("a message shown by another authority cannot be permitted")
    if not work.reused.reasons or (work.otherwise is not None and not work.otherwise.reasons):
        raise ValueError("`reused` and `otherwise` are refusals")
    if work.consents and work.otherwise is None:
        raise ValueError("a message that rests on consents needs `otherwise`")
