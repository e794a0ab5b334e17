"""What the central node sends: an answer, a reply, a notice, decided in full before anything is sealed.

Everything that the gateway could see of an answer comes from its query or from configuration, so that a hit
and a search that found nothing look alike. Ids and times are given in, and kept: sealing happens once for an id.
"""

from collections.abc import Callable, Sequence
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from gateway.central import matching
from gateway.central.bodies import (
    MEDIA_TYPE,
    Answer,
    BodyRefusal,
    ChangeOutcome,
    Notice,
    Query,
    QueryRefusal,
    Reply,
    as_hit,
    write,
    write_answer,
)
from gateway.central.documents import DATABASE, Record, fold_number
from gateway.crypto.sealing import Draft
from gateway.domain.label import RANK, Label, Level
from gateway.domain.message import LIFETIME_MS_MAX, Header
from gateway.domain.names import Code
from gateway.endpoint.client import Post

# Makes a UUIDv7 whose time is the given milliseconds.
MakeId = Callable[[int], str]


class Handling(Struct, frozen=True, forbid_unknown_fields=True):
    """How the node marks what it sends, and how long that lives.

    `level` is the least that an answer or notice is marked with. An answer nobody fetched within
    `lifetime_s` expires; whoever received one destroys it after `destroy_after_s`.
    """

    level: Level = "restricted"
    lifetime_s: Annotated[int, Meta(ge=60, le=LIFETIME_MS_MAX // 1_000)] = 24 * 3_600
    destroy_after_s: Annotated[int, Meta(ge=3_600)] = 30 * 24 * 3_600
    language: Code | None = "en"


class Desk:
    """Writes what the node sends; one for all, it keeps nothing."""

    def __init__(self, network: str, authority: str, handling: Handling, make_id: MakeId) -> None:
        """Write for the central node `authority` of `network`; mark by `handling`, name by `make_id`."""
        self._network = network
        self._authority = authority
        self._handling = handling
        self._make_id = make_id

    def answer(self, query: Header, query_sha256: str, found: Sequence[Record], at_ms: int) -> Post:
        """Return the answer to a search: of one size, marked alike, whether it found something or not."""
        answer = Answer(
            database=query.database or DATABASE,
            outcome="hit" if found else "no-hit",
            searched_at_ms=at_ms,
            hits=tuple(as_hit(record, matching.conditions(query, record)) for record in found),
        )
        return self._to_asker(query, query_sha256, "answer", write_answer(answer), at_ms)

    def refuse_query(self, query: Header, query_sha256: str, why: QueryRefusal, at_ms: int) -> Post:
        """Return the answer to a query that could not be searched."""
        answer = Answer(database=query.database or DATABASE, outcome="refused", searched_at_ms=at_ms, refusal=why)
        return self._to_asker(query, query_sha256, "answer", write_answer(answer), at_ms)

    def reply(
        self,
        changes: Header,
        changes_sha256: str,
        why: BodyRefusal | None,
        outcomes: Sequence[ChangeOutcome],
        at_ms: int,
    ) -> Post:
        """Return what an owner is told of its changes."""
        body = write(Reply(database=DATABASE, refusal=why, outcomes=tuple(outcomes)))
        return self._to_asker(changes, changes_sha256, "reply", body, at_ms)

    def notices(
        self, query: Header, query_sha256: str, asked: Query, found: Sequence[Record], at_ms: int
    ) -> list[Post]:
        """Return what the owners of hits are told; whoever finds its own record knows already."""
        return [
            self._notice(query, query_sha256, asked, record, at_ms)
            for record in found
            if record.owner != query.originator
        ]

    def _notice(self, query: Header, query_sha256: str, asked: Query, record: Record, at_ms: int) -> Post:
        named = matching.names_asker(query, record)
        notice = Notice(
            database=DATABASE,
            number=fold_number(asked.number),
            type=record.type,
            issuing_state=record.issuing_state,
            status=record.status,
            asked_at_ms=query.sent_at_ms,
            asked_by=query.originator if named else None,
            purposes=query.purposes if named else (),
        )
        draft = Draft(
            network=self._network,
            suite=2,
            id=self._make_id(at_ms),
            originator=self._authority,
            kind="notice",
            agreement=record.agreement,
            purposes=query.purposes if named else record.purposes,
            subjects=query.subjects if named else record.subjects,
            label=_label(
                query.label.level if named else self._handling.level, self._handling.level, confidential=False
            ),
            urgency="urgent",
            sent_at_ms=at_ms,
            expires_at_ms=at_ms + LIFETIME_MS_MAX,
            destroy_by_ms=at_ms + self._handling.destroy_after_s * 1_000,
            in_reply_to=record.put_sha256,
            # Naming the asker passes its information on: cited, so that the gateway judges that too.
            sources=(query_sha256,) if named else (),
            conditions=query.conditions if named else (),
            language=self._handling.language,
            media_type=MEDIA_TYPE,
        )
        return Post(draft, write(notice), (record.owner,))

    def _to_asker(self, asked: Header, asked_sha256: str, kind: str, plaintext: bytes, at_ms: int) -> Post:
        handling = self._handling
        draft = Draft(
            network=self._network,
            suite=asked.suite,
            id=self._make_id(at_ms),
            originator=self._authority,
            kind=kind,
            agreement=asked.agreement,
            purposes=asked.purposes,
            subjects=asked.subjects,
            label=_label(asked.label.level, handling.level, confidential=asked.label.confidential_fact),
            urgency=asked.urgency,
            sent_at_ms=at_ms,
            expires_at_ms=at_ms + handling.lifetime_s * 1_000,
            destroy_by_ms=at_ms + handling.destroy_after_s * 1_000,
            case=asked.case,
            in_reply_to=asked_sha256,
            # No sources, no conditions: an owner's conditions stand in the body. Here they would show who got a hit.
            database=asked.database if kind == "answer" else None,
            language=asked.language or handling.language,
            media_type=MEDIA_TYPE,
        )
        return Post(draft, plaintext, (asked.originator,))


def _label(level: Level, least: Level, *, confidential: bool) -> Label:
    return Label(
        level=max(level, least, key=RANK.__getitem__),
        handling=(),
        third_party="consent-required",
        personal_data=True,
        special_categories=(),
        necessity=None,
        confidential_fact=confidential,
    )


def encode(owed: Post) -> bytes:
    """Return the bytes under which a message that is owed is kept."""
    return msgspec.msgpack.encode(owed)


def decode(raw: bytes) -> Post:
    """Return what `encode` kept."""
    return msgspec.msgpack.decode(raw, type=Post)
