"""Look up what a batch must know: one query for each kind of thing that is wanted."""

from collections.abc import Iterable
from typing import Any

from gateway.crypto.canonical import decode
from gateway.domain.receipt import Record
from gateway.store.postgres.connecting import Connection
from gateway.store.postgres.seen import Consented, Known, Owing, Seen, Submitted, Wanted

MESSAGES = (
    "SELECT m.originator, m.id, m.log, m.leaf, m.header_sha256, m.permitted, m.at_ms"
    " FROM unnest($1::text[], $2::bytea[]) AS r (originator, id) JOIN message AS m USING (originator, id)"
)
ASIDES = (
    "SELECT a.against, a.sha256, a.log, a.leaf, a.sha256, false, a.at_ms"
    " FROM unnest($1::text[], $2::bytea[]) AS r (against, sha256) JOIN aside AS a USING (against, sha256)"
)
STATEMENTS = (
    "SELECT s.authority, s.sha256, s.log, s.leaf, s.sha256, s.permitted, s.at_ms"
    " FROM unnest($1::text[], $2::bytea[]) AS r (authority, sha256) JOIN statement AS s USING (authority, sha256)"
)
BATCHES = (
    "SELECT a.recipient, a.sha256, a.log, a.leaf, a.sha256, true, a.at_ms"
    " FROM unnest($1::text[], $2::bytea[]) AS r (recipient, sha256) JOIN acknowledgement AS a USING (recipient, sha256)"
)
_STATE = (
    " d.outcome, d.ended_log, d.ended_leaf,"
    " (SELECT array_agg(l.status) FROM later AS l"
    " WHERE l.log = d.log AND l.leaf = d.leaf AND l.recipient = d.recipient AND d.outcome IS NOT NULL)"
)
NAMED = (
    f"SELECT r.digest, m.log, m.leaf, m.originator, r.recipient, d.recipient,{_STATE}"  # noqa: S608  our own text
    " FROM unnest($1::bytea[], $2::text[]) AS r (digest, recipient)"
    " JOIN message AS m ON m.header_sha256 = r.digest AND m.permitted"
    " LEFT JOIN delivery AS d ON d.log = m.log AND d.leaf = m.leaf AND d.recipient = r.recipient"
)
OWED = (
    f"SELECT d.log, d.leaf, d.recipient, e.object, e.record, x.record,{_STATE}"  # noqa: S608  our own text
    " FROM unnest($1::smallint[], $2::bigint[], $3::text[]) AS r (log, leaf, recipient)"
    " JOIN delivery AS d USING (log, leaf, recipient) JOIN entry AS e USING (log, leaf)"
    " LEFT JOIN entry AS x ON x.log = d.ended_log AND x.leaf = d.ended_leaf"
)
CONSENTS = (
    "SELECT c.sha256, c.provider, c.uses,"
    " EXISTS (SELECT 1 FROM revocation AS v WHERE v.consent_sha256 = c.sha256 AND v.provider = c.provider)"
    " FROM consent AS c WHERE c.sha256 = ANY ($1)"
)
REVOCATIONS = (
    "SELECT v.consent_sha256, v.provider FROM unnest($1::bytea[], $2::text[]) AS r (consent_sha256, provider)"
    " JOIN revocation AS v USING (consent_sha256, provider)"
)


async def look_up(connection: Connection, seen: Seen) -> None:
    """Fetch everything that `seen.wanted` names; what is not there is None from now on."""
    wanted = seen.wanted
    for query, keys, known in (
        (MESSAGES, wanted.messages, seen.messages),
        (ASIDES, wanted.asides, seen.asides),
        (STATEMENTS, wanted.statements, seen.statements),
        (BATCHES, wanted.batches, seen.batches),
    ):
        if keys:
            await _identities(connection, query, keys, known)
    if wanted.named:
        await _named(connection, seen, wanted)
    if wanted.owed:
        await _owed(connection, seen, wanted)
    if wanted.consents:
        seen.consents.update(dict.fromkeys(wanted.consents))
        for digest, provider, uses, revoked in await connection.fetch(CONSENTS, list(wanted.consents)):
            seen.consents[digest] = Consented(provider, uses, uses, revoked)
    if wanted.revocations:
        seen.revocations.update(dict.fromkeys(wanted.revocations, False))
        for digest, provider in await connection.fetch(REVOCATIONS, *_columns(wanted.revocations, 2)):
            seen.revocations[digest, provider] = True


async def _identities(
    connection: Connection, query: str, keys: set[tuple[str, bytes]], known: dict[tuple[str, bytes], Known | None]
) -> None:
    known.update(dict.fromkeys(keys))
    for name, key, log, leaf, sha256, permitted, at_ms in await connection.fetch(query, *_columns(keys, 2)):
        known[name, key] = Known((log, leaf), sha256, permitted, at_ms)


async def _named(connection: Connection, seen: Seen, wanted: Wanted) -> None:
    seen.digests.update(dict.fromkeys(digest for digest, _ in wanted.named))
    rows = await connection.fetch(NAMED, *_columns(wanted.named, 2))
    for digest, log, leaf, originator, asked, recipient, *state in rows:
        seen.digests[digest] = ((log, leaf), originator)
        seen.owed[log, leaf, asked] = None if recipient is None else _owing(*state)


async def _owed(connection: Connection, seen: Seen, wanted: Wanted) -> None:
    seen.owed.update(dict.fromkeys(wanted.owed))
    rows = await connection.fetch(OWED, *_columns(wanted.owed, 3))
    for log, leaf, recipient, header, record, ended, *state in rows:
        owing = _owing(*state)
        if ended is not None:
            owing.ended_at_ms = decode(ended, Record).at_ms
        seen.owed[log, leaf, recipient] = owing
        seen.submitted[log, leaf] = Submitted(header, record)


def _owing(outcome: str | None, log: int | None, leaf: int | None, said: list[str] | None) -> Owing:
    ended = None if log is None or leaf is None else (log, leaf)
    return Owing(outcome=outcome, ended=ended, said=set(said or ()))


def _columns(keys: Iterable[tuple[Any, ...]], width: int) -> list[list[Any]]:
    rows = list(keys)
    return [[row[column] for row in rows] for column in range(width)]
