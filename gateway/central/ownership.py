"""Who may change a record: the owner that put it there, and for documents of its own State only.

Facts in, verdict out. The verdict on a foreign State's document is the same whether it is on record or
not: whoever has no grant to search must not search by writing.
Source: S-20 (CA-09); design section 8.
"""

from msgspec import Struct

from gateway.central.bodies import Change, ChangeRefusal, ChangeResult, Put
from gateway.central.documents import Record


class Owner(Struct, frozen=True):
    """Who changes something: the authority that signed, and its State or organisation ("": not listed any more)."""

    authority: str
    party: str


class Message(Struct, frozen=True):
    """Of the message that carries the changes: what a record keeps of it."""

    sha256: str
    agreement: str
    purposes: tuple[str, ...]
    subjects: tuple[str, ...]
    sent_at_ms: int


class Standing(Struct, frozen=True):
    """What stands under a document now. `record` is None once it was withdrawn.

    A withdrawn document is remembered for as long as an older message about it may still arrive.
    """

    owner: str
    changed_at_ms: int
    record: Record | None


class Verdict(Struct, frozen=True):
    """What became of a change, and what stands there from now on (None: what stood there)."""

    result: ChangeResult
    refusal: ChangeRefusal | None
    standing: Standing | None


def judge_change(
    change: Change, number_hash: bytes, owner: Owner, message: Message, standing: Standing | None, at_ms: int
) -> Verdict:
    """Return what becomes of `change`, given what stands under its document; `at_ms` is now.

    Messages may overtake one another: what was sent before the last change counts no more.
    """
    if not owner.party or (change.issuing_state or owner.party) != owner.party:
        return _refused("not-the-issuing-state")
    if standing is not None and standing.record is not None and standing.owner != owner.authority:
        return _refused("owned-by-another")
    if standing is not None and standing.owner == owner.authority and message.sent_at_ms < standing.changed_at_ms:
        return _refused("outdated")
    if isinstance(change, Put):
        return _put(change, number_hash, owner, message, standing, at_ms)
    gone = _changed("withdrawn", owner, message, None)
    if standing is None or standing.record is None:
        # Remembered all the same: the record that it takes back may still be on its way.
        return Verdict("refused", "unknown-record", gone.standing)
    return gone


def _put(
    put: Put, number_hash: bytes, owner: Owner, message: Message, standing: Standing | None, at_ms: int
) -> Verdict:
    if put.review_by_ms is not None and put.review_by_ms <= at_ms:
        return _refused("review-date-passed")
    record = Record(
        number_hash=number_hash,
        type=put.type,
        issuing_state=owner.party,
        owner=owner.authority,
        status=put.status,
        recorded_at_ms=message.sent_at_ms,
        review_by_ms=put.review_by_ms,
        conditions=tuple(sorted(set(put.conditions))),
        withheld_from=tuple(sorted(set(put.withheld_from))),
        agreement=message.agreement,
        purposes=message.purposes,
        subjects=message.subjects,
        put_sha256=message.sha256,
    )
    if standing is not None and standing.record is not None and _says_the_same(standing.record, record):
        # Its date still moves on, so that an older withdrawal on its way cannot undo what was said again.
        return _changed("unchanged", owner, message, standing.record)
    return _changed("stored", owner, message, record)


def _changed(result: ChangeResult, owner: Owner, message: Message, record: Record | None) -> Verdict:
    return Verdict(result, None, Standing(owner.authority, message.sent_at_ms, record))


def _says_the_same(old: Record, new: Record) -> bool:
    return (old.status, old.review_by_ms, old.conditions, old.withheld_from, old.agreement, old.purposes) == (
        new.status,
        new.review_by_ms,
        new.conditions,
        new.withheld_from,
        new.agreement,
        new.purposes,
    )


def _refused(refusal: ChangeRefusal) -> Verdict:
    return Verdict("refused", refusal, None)
