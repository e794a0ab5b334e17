"""What may be asked of a store, whichever engine it is: mistakes of ours are caught before they reach a disk."""

from gateway.domain.statement import ConsentRevocation
from gateway.store.interface import Acknowledge, AdmitMessage, AdmitStatement, Work

# What an item adds beside its own bytes: record, salt, checkpoint, identity.
RECORD_SHARE_BYTES = 1_536


def check(work: Work) -> None:
    """Return if a caller may ask this.

    Raises:
        ValueError: it may not, whatever the store holds.
    """
    if isinstance(work, AdmitMessage):
        _check_message(work)
    elif isinstance(work, AdmitStatement) and work.against != work.statement.authority and work.decision.permitted:
        raise ValueError("a statement shown by another authority cannot be permitted")


def size_bytes(work: Work) -> int:
    """Return about how many bytes an item will occupy."""
    if isinstance(work, AdmitMessage):
        return work.message.size_bytes + RECORD_SHARE_BYTES
    if isinstance(work, AdmitStatement):
        return len(work.statement.raw) + RECORD_SHARE_BYTES
    if isinstance(work, Acknowledge):
        return len(work.raw) + sum(len(item.evidence) for item in work.items) + RECORD_SHARE_BYTES
    return RECORD_SHARE_BYTES


def is_essential(work: Work) -> bool:
    """Tell whether an item is for what is owed already; a revocation stops messages, so nothing must stop it."""
    if isinstance(work, AdmitStatement):
        return isinstance(work.statement.value, ConsentRevocation)
    return not isinstance(work, AdmitMessage)


def _check_message(work: AdmitMessage) -> None:
    if work.against != work.message.header.originator and work.decision.permitted:
        raise ValueError("a message shown by another authority cannot be permitted")
    if work.reused.permitted or (work.otherwise is not None and work.otherwise.permitted):
        raise ValueError("`reused` and `otherwise` are refusals")
    if work.consents and work.otherwise is None:
        raise ValueError("a message that rests on consents needs `otherwise`")
