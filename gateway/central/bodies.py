"""What stands in the bodies of messages to and from the central node: JSON that only the two ends can read.

To the node: `query` (a `Query`) and `record` (`Changes`, each put or withdraw). From it: `answer`, `reply`
(an `Outcome` for every change) and `notice` (somebody was shown an owner's record).

An answer has one size, whatever it says: neither the gateway nor the network can tell a hit from a search
that found nothing. What cannot be hidden here is that an owner was sent a notice.
Source: S-13 (padding of the plaintext on top of this); threat N13.
"""

from collections.abc import Sequence
from typing import Annotated, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

from gateway.central.documents import NUMBER_CHARACTERS_MAX, Conditions, Record, Status, Withheld
from gateway.crypto.canonical import decode_with
from gateway.domain.errors import FormatError
from gateway.domain.names import Code, Count, Milliseconds, PartyId

MEDIA_TYPE = "application/json"
ANSWER_BYTES = 2_048
CHANGES_MAX = 500
# Two documents of one number are rare, three are a common number: ask again with type and issuing State.
HITS_MAX = 8

Written = Annotated[str, Meta(min_length=1, max_length=NUMBER_CHARACTERS_MAX)]
# Why nothing could be searched. The asker mends what it can; `grant-missing` only the central node itself.
QueryRefusal = Literal["body-malformed", "database-unknown", "grant-missing"]
ChangeResult = Literal["stored", "unchanged", "withdrawn", "refused"]
ChangeRefusal = Literal[
    "number-malformed", "not-the-issuing-state", "owned-by-another", "unknown-record", "outdated", "review-date-passed"
]
BodyRefusal = Literal["body-malformed", "database-unknown"]

Body = TypeVar("Body")


class Query(Struct, frozen=True, forbid_unknown_fields=True):
    """Is this document on record? `type` and `issuing_state` narrow the search."""

    number: Written
    type: Code | None = None
    issuing_state: PartyId | None = None


class Put(Struct, frozen=True, forbid_unknown_fields=True, tag_field="action", tag="put"):
    """Put a document on record, or change what stands there; number, type and status at the least (CZ-08).

    Without `issuing_state` it is the owner's own State.
    """

    number: Written
    type: Code
    status: Status
    issuing_state: PartyId | None = None
    review_by_ms: Milliseconds | None = None
    conditions: Conditions = ()
    withheld_from: Withheld = ()


class Withdraw(Struct, frozen=True, forbid_unknown_fields=True, tag_field="action", tag="withdraw"):
    """Take a document off the record: it was found, or should never have stood there."""

    number: Written
    type: Code
    issuing_state: PartyId | None = None


Change = Put | Withdraw


class Changes(Struct, frozen=True, forbid_unknown_fields=True):
    """What an owner changes in one database, in this order."""

    database: Code
    changes: Annotated[tuple[Change, ...], Meta(min_length=1, max_length=CHANGES_MAX)]


class Hit(Struct, frozen=True, forbid_unknown_fields=True):
    """One document on record, as shown to whoever asked. The owner's conditions bind the asker."""

    type: Code
    issuing_state: PartyId
    owner: Code
    status: Status
    recorded_at_ms: Milliseconds
    conditions: tuple[Code, ...]


class Answer(Struct, frozen=True, forbid_unknown_fields=True):
    """What a search found; `further_hits` did not fit. `padding` makes every answer `ANSWER_BYTES` long."""

    database: Code
    outcome: Literal["hit", "no-hit", "refused"]
    searched_at_ms: Milliseconds
    hits: tuple[Hit, ...] = ()
    further_hits: Count = 0
    refusal: QueryRefusal | None = None
    padding: str = ""


class ChangeOutcome(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What became of the change of this number, counted from zero."""

    change: Count
    result: ChangeResult
    refusal: ChangeRefusal | None = None


class Reply(Struct, frozen=True, forbid_unknown_fields=True):
    """What became of every change of a message, or why the whole message was refused."""

    database: Code
    refusal: BodyRefusal | None
    outcomes: tuple[ChangeOutcome, ...]


class Notice(Struct, frozen=True, forbid_unknown_fields=True):
    """Somebody was shown a record of ours; `asked_by` is null where the asker does not let us say."""

    database: Code
    number: str
    type: Code
    issuing_state: PartyId
    status: Status
    asked_at_ms: Milliseconds
    asked_by: Code | None
    purposes: tuple[Code, ...]


_ENCODER = msgspec.json.Encoder()
_QUERY = msgspec.json.Decoder(Query)
_CHANGES = msgspec.json.Decoder(Changes)
_ANSWER = msgspec.json.Decoder(Answer)
_REPLY = msgspec.json.Decoder(Reply)
_NOTICE = msgspec.json.Decoder(Notice)


def read_query(raw: bytes) -> Query:
    """Return the query in `raw`.

    Raises:
        FormatError: a field is missing, unknown or out of its bounds.
    """
    return decode_with(_QUERY, raw)


def read_changes(raw: bytes) -> Changes:
    """Return the changes in `raw`.

    Raises:
        FormatError: as `read_query`; one malformed change refuses them all.
    """
    return decode_with(_CHANGES, raw)


def read_answer(raw: bytes) -> Answer:
    """Return the answer in `raw`.

    Raises:
        FormatError: it is no answer, or not of the one size.
    """
    if len(raw) != ANSWER_BYTES:
        raise FormatError(f"an answer has {ANSWER_BYTES} bytes, not {len(raw)}")
    return decode_with(_ANSWER, raw)


def read_reply(raw: bytes) -> Reply:
    """Return the reply in `raw`.

    Raises:
        FormatError: it is none.
    """
    return decode_with(_REPLY, raw)


def read_notice(raw: bytes) -> Notice:
    """Return the notice in `raw`.

    Raises:
        FormatError: it is none.
    """
    return decode_with(_NOTICE, raw)


def write(body: Query | Changes | Reply | Notice) -> bytes:
    """Return a body as JSON."""
    return _ENCODER.encode(body)


def write_answer(answer: Answer) -> bytes:
    """Return an answer as JSON of exactly `ANSWER_BYTES`; hits that do not fit are counted, not shown."""
    hits = answer.hits[:HITS_MAX]
    while True:
        further = answer.further_hits + len(answer.hits) - len(hits)
        bare = msgspec.structs.replace(answer, hits=hits, further_hits=further, padding="")
        short = ANSWER_BYTES - len(_ENCODER.encode(bare))
        if short >= 0:
            return _ENCODER.encode(msgspec.structs.replace(bare, padding="0" * short))
        hits = hits[:-1]


def as_hit(record: Record, conditions: Sequence[str]) -> Hit:
    """Return a record as it is shown, under its owner's conditions and ours."""
    return Hit(
        type=record.type,
        issuing_state=record.issuing_state,
        owner=record.owner,
        status=record.status,
        recorded_at_ms=record.recorded_at_ms,
        conditions=tuple(sorted({*record.conditions, *conditions})),
    )
