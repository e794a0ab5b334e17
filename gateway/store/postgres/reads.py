"""What the switch asks between commits: queries over committed state, on the engine's loop, one at a time.

Nothing here holds a transaction open; a page of deliveries is one query, its receipts come from remembered tiles.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any

from msgspec import Struct

from gateway.crypto.canonical import decode
from gateway.crypto.digests import decode_base64url, sha256
from gateway.crypto.merkle import consistency_path, root_at
from gateway.crypto.signed import decode_signed
from gateway.domain.facts import ConsentFact, Facts, SourceFact
from gateway.domain.message import Header
from gateway.domain.receipt import Record
from gateway.domain.session import Evidence
from gateway.domain.statement import Consent
from gateway.store.acknowledged import evidence_of
from gateway.store.effects import source_fact
from gateway.store.interface import DeliveryStatus, MessageStatus, Owed, Pending
from gateway.store.kept import id_bytes
from gateway.store.postgres.connecting import Connection
from gateway.store.postgres.places import index_of, place_of
from gateway.store.postgres.proofs import Proofs
from gateway.store.postgres.scrubbing import scrub_tile
from gateway.store.postgres.seen import Place
from gateway.store.records import PERMITTED
from gateway.store.sqlite.reads import FACTS_MAX, pruned

# Expired deliveries of other ledgers are left to their gateways for so long.
PEERS_FIRST_MS = 5_000

_COVERED = (
    " CROSS JOIN LATERAL (SELECT c.size, c.note FROM checkpoint AS c"
    " WHERE c.log = e.log AND c.size > e.leaf ORDER BY c.size LIMIT 1) AS k"
)
_OWED = (
    "SELECT d.log, d.leaf, d.recipient, d.position, d.urgency, d.expires_at_ms, d.attempts, d.lease,"
    " b.ciphertext, b.wraps, e.salt, e.record, e.object, e.signatures, k.size, k.note"
    " FROM delivery AS d JOIN entry AS e USING (log, leaf) JOIN body AS b USING (log, leaf)"
)
OWED = _OWED + _COVERED
PENDING = OWED + (
    " WHERE d.outcome IS NULL AND d.recipient = $1 AND (d.urgency, d.at_ms, d.log, d.leaf) > ($2, $3, $4, $5)"
    " AND (d.holder IS NULL OR d.holder = $6 OR is_free(d.holder, d.leased_until))"
    " ORDER BY d.urgency, d.at_ms, d.log, d.leaf LIMIT $7"
)
EXPIRED = OWED + (
    " WHERE d.outcome IS NULL AND d.expires_at_ms <= $1"
    " AND (d.log = $2 OR d.expires_at_ms <= $3) ORDER BY d.expires_at_ms LIMIT $4"
)
AT = "SELECT at_ms FROM delivery WHERE log = $1 AND leaf = $2 LIMIT 1"
RECIPIENTS = (
    "WITH RECURSIVE r (name) AS (SELECT min(recipient) FROM delivery WHERE outcome IS NULL UNION ALL"
    " SELECT (SELECT min(recipient) FROM delivery WHERE outcome IS NULL AND recipient > r.name)"
    " FROM r WHERE r.name IS NOT NULL)"
    " SELECT name FROM r WHERE name IS NOT NULL"
)
COUNT_OWED = "SELECT count(*) FROM delivery WHERE outcome IS NULL"
OWED_BY_URGENCY = "SELECT urgency, count(*), min(at_ms) FROM delivery WHERE outcome IS NULL GROUP BY urgency"
SIZE_BYTES = (
    "SELECT sum(pg_total_relation_size(c.oid))::bigint FROM pg_class AS c"
    " WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r'"
)
FIND = (
    "SELECT m.log, m.leaf, m.permitted, e.record, e.object FROM message AS m JOIN entry AS e USING (log, leaf)"
    " WHERE m.header_sha256 = $1"
)
CONSENT = (
    "SELECT e.object, e.record, x.record, c.uses FROM consent AS c JOIN entry AS e USING (log, leaf)"
    " LEFT JOIN revocation AS r ON r.consent_sha256 = c.sha256 AND r.provider = c.provider"
    " LEFT JOIN entry AS x ON x.log = r.log AND x.leaf = r.leaf WHERE c.sha256 = $1"
)
EFFECTS = "SELECT kind, originator FROM effect WHERE sha256 = $1"
EVIDENCE = (
    "SELECT v.sequence, m.object, v.recipient, v.outcome, v.said_log, v.said_leaf, v.position, s.object"
    " FROM evidence AS v JOIN entry AS m ON m.log = v.log AND m.leaf = v.leaf"
    " JOIN entry AS s ON s.log = v.said_log AND s.leaf = v.said_leaf"
    " WHERE v.originator = $1 AND v.sequence > $2 ORDER BY v.sequence LIMIT $3"
)
_MESSAGE = "SELECT e.log, e.leaf, e.salt, e.record, k.size, k.note FROM message AS m JOIN entry AS e USING (log, leaf)"
MESSAGE = _MESSAGE + _COVERED + " WHERE m.originator = $1 AND m.id = $2"
DELIVERIES = (
    "SELECT d.recipient, d.outcome, d.attempts, x.record,"
    " (SELECT l.status FROM later AS l JOIN entry AS s ON s.log = l.said_log AND s.leaf = l.said_leaf"
    " JOIN checkpoint AS c ON c.log = l.said_log AND c.size > l.said_leaf"
    " WHERE l.log = d.log AND l.leaf = d.leaf AND l.recipient = d.recipient"
    " ORDER BY c.turn DESC, l.said_leaf DESC LIMIT 1)"
    " FROM delivery AS d LEFT JOIN entry AS x ON x.log = d.ended_log AND x.leaf = d.ended_leaf"
    " WHERE d.log = $1 AND d.leaf = $2 ORDER BY d.position"
)
CONCERNED = "SELECT 1 FROM delivery WHERE log = $1 AND leaf = $2 AND recipient = $3"
ASIDE = "SELECT log, leaf FROM aside WHERE against = $1 AND sha256 = $2"


class _Found(Struct, frozen=True):
    place: Place
    permitted: bool
    record: Record
    header: bytes


class Reads:
    """Queries for the gateway that writes ledger `log`."""

    def __init__(self, log: int) -> None:
        """Remember no tiles yet."""
        self._log = log
        self._proofs = Proofs()

    async def root_at(self, connection: Connection, size: int) -> bytes:
        """Return the root of our tree at `size` entries."""
        return await self._proofs.compute(connection, self._log, size, lambda read: root_at(size, read))

    async def consistency(self, connection: Connection, old_size: int, new_size: int) -> tuple[bytes, ...]:
        """Return the RFC 9162 consistency path between two sizes of our tree."""
        path = await self._proofs.compute(
            connection, self._log, new_size, lambda read: consistency_path(old_size, new_size, read)
        )
        return tuple(path)

    async def tile(self, connection: Connection, size: int, level: int, number: int) -> bytes:
        """Return the hashes of a tile of our tree at `size`."""
        return await self._proofs.tile(connection, self._log, size, level, number)

    async def spooled(self, connection: Connection) -> int:
        """Count the deliveries that are owed, over all gateways."""
        return int(await connection.fetchval(COUNT_OWED))

    async def scrub(self, connection: Connection, number: int) -> bool:
        """Look at the entries of a tile of ours again."""
        return await scrub_tile(connection, self._log, number)

    async def stored_bytes(self, connection: Connection) -> int:
        """Return the size of all tables and indexes."""
        return int(await connection.fetchval(SIZE_BYTES) or 0)

    async def owed(self, connection: Connection) -> dict[int, Owed]:
        """Return how many deliveries are owed and since when, by urgency."""
        return {row[0]: Owed(row[1], row[2]) for row in await connection.fetch(OWED_BY_URGENCY)}

    async def facts(self, connection: Connection, sources: Sequence[str], consents: Sequence[str]) -> Facts:
        """Return what is known of cited objects, with the sources of sources, at most 64."""
        known = [await self._consent(connection, digest) for digest in consents]
        return Facts(
            sources=await self._sources(connection, sources),
            consents={fact.consent_sha256: fact for fact in known if fact is not None},
        )

    async def _sources(self, connection: Connection, cited: Iterable[str]) -> dict[str, SourceFact]:
        found: dict[str, SourceFact] = {}
        seen: set[str] = set()
        waiting = deque(cited)
        while waiting and len(seen) < FACTS_MAX:
            digest = waiting.popleft()
            if digest in seen:
                continue
            seen.add(digest)
            message = await self._find(connection, decode_base64url(digest))
            if message is not None and message.permitted:
                effects = [tuple(row) for row in await connection.fetch(EFFECTS, decode_base64url(digest))]
                found[digest] = fact = source_fact(
                    digest, message.record.at_ms, decode(message.header, Header), effects
                )
                waiting.extend(fact.sources)
        return found

    async def _find(self, connection: Connection, header_sha256: bytes) -> _Found | None:
        row = await connection.fetchrow(FIND, header_sha256)
        if row is None:
            return None
        log, leaf, permitted, record, header = row
        return _Found((log, leaf), permitted, decode(record, Record), header)

    async def _consent(self, connection: Connection, digest: str) -> ConsentFact | None:
        row = await connection.fetchrow(CONSENT, decode_base64url(digest))
        if row is None:
            return None
        raw, record, revoked, uses = row
        return ConsentFact(
            consent_sha256=digest,
            consent=decode(decode_signed(raw).h, Consent),
            recorded_at_ms=decode(record, Record).at_ms,
            revoked_at_ms=None if revoked is None else decode(revoked, Record).at_ms,
            uses=uses,
        )

    async def pending(
        self, connection: Connection, recipient: str, after: tuple[int, int] | None, limit: int
    ) -> list[Pending]:
        """Return deliveries owed to `recipient` that no other gateway holds, from beyond `after`."""
        beyond = (-1, -1, -1, -1)
        if after is not None:
            log, leaf = place_of(after[1])
            beyond = (after[0], await connection.fetchval(AT, log, leaf) or 0, log, leaf)
        rows = await connection.fetch(PENDING, recipient, *beyond, self._log, limit)
        return [await self._owed(connection, *row) for row in rows]

    async def expired(self, connection: Connection, at_ms: int, limit: int) -> list[Pending]:
        """Return deliveries that expired at or before `at_ms`: ours, and those that nobody has ended in time."""
        rows = await connection.fetch(EXPIRED, at_ms, self._log, at_ms - PEERS_FIRST_MS, limit)
        return [await self._owed(connection, *row) for row in rows]

    async def _owed(self, connection: Connection, log: int, leaf: int, recipient: str, *rest: Any) -> Pending:
        position, urgency, expires_at_ms, attempts, lease, body, wraps, salt, record, header, signatures, *head = rest
        return Pending(
            index=index_of(log, leaf),
            recipient=recipient,
            urgency=urgency,
            expires_at_ms=expires_at_ms,
            attempts=attempts,
            header_sha256=sha256(header),
            header=header,
            envelope=pruned(header, signatures, wraps, position, body),
            receipt=await self._proofs.receipt(connection, (log, leaf), salt, record, *head),
            lease=lease,
        )

    async def pending_recipients(self, connection: Connection) -> list[str]:
        """Return the authorities to whom something is owed, in the order of their bytes; one look-up each."""
        return sorted(row[0] for row in await connection.fetch(RECIPIENTS))

    async def evidence(self, connection: Connection, originator: str, after: int, limit: int) -> list[Evidence]:
        """Return what `originator` has not heard yet, by its cursor."""
        rows = await connection.fetch(EVIDENCE, originator, after, limit)
        receipts = await self._proofs.receipts(connection, {(row[4], row[5]) for row in rows if row[6] is None})
        said: dict[Place, list[bytes]] = {}
        for row in rows:
            if row[6] is not None and (row[4], row[5]) not in said:
                said[row[4], row[5]] = evidence_of(row[7])
        return [
            Evidence(
                sequence=sequence,
                header_sha256=sha256(header),
                kind="failed" if position is None else "acknowledged",
                recipient=recipient,
                outcome=outcome,
                body=receipts[log, leaf] if position is None else said[log, leaf][position],
            )
            for sequence, header, recipient, outcome, log, leaf, position, _ in rows
        ]

    async def status(self, connection: Connection, authority: str, message_id: str) -> MessageStatus | None:
        """Return the timeline of one message, for its originator."""
        row = await connection.fetchrow(MESSAGE, authority, id_bytes(message_id))
        if row is None:
            return None
        log, leaf, salt, raw, size, note = row
        record = decode(raw, Record)
        return MessageStatus(
            originator=authority,
            id=message_id,
            header_sha256=decode_base64url(record.object_sha256),
            index=leaf,
            permitted=record.outcome == PERMITTED,
            admitted_at_ms=record.at_ms,
            receipt=await self._proofs.receipt(connection, (log, leaf), salt, raw, size, note),
            deliveries=tuple(_delivery(*each) for each in await connection.fetch(DELIVERIES, log, leaf)),
        )

    async def receipt_by_header(self, connection: Connection, authority: str, header_sha256: bytes) -> bytes | None:
        """Return the receipt of a message for its originator or one of its recipients; for others None."""
        found = await self._find(connection, header_sha256)
        place: Place | None = None
        if found is not None and await self._concerns(connection, found, authority):
            place = found.place
        else:
            row = await connection.fetchrow(ASIDE, authority, header_sha256)
            place = None if row is None else (row[0], row[1])
        return None if place is None else (await self._proofs.receipts(connection, [place]))[place]

    async def _concerns(self, connection: Connection, found: _Found, authority: str) -> bool:
        if await connection.fetchval(CONCERNED, *found.place, authority) is not None:
            return True
        return decode(found.header, Header).originator == authority


def _delivery(
    recipient: str, outcome: str | None, attempts: int, ended: bytes | None, latest: str | None
) -> DeliveryStatus:
    if outcome is None or ended is None:
        return DeliveryStatus(recipient, "pending", attempts, None)
    return DeliveryStatus(recipient, latest or outcome, attempts, decode(ended, Record).at_ms)
