"""What the switch asks between commits: one read-only connection, used on the event loop.

Every query is read to its end at once, so that no read transaction outlives a call and the writer's
log can always be copied back.
"""

import sqlite3
from collections import deque
from collections.abc import Iterable, Sequence

import msgspec
from msgspec import Struct

from gateway.crypto.canonical import decode
from gateway.crypto.digests import decode_base64url
from gateway.crypto.merkle import consistency_path, root_at
from gateway.domain.facts import ConsentFact, Facts, SourceFact
from gateway.domain.message import Header
from gateway.domain.session import Evidence
from gateway.domain.statement import Consent
from gateway.store.interface import DeliveryStatus, MessageStatus, Pending
from gateway.store.sqlite.admission import id_bytes
from gateway.store.sqlite.receipts import receipt_of
from gateway.store.sqlite.tiles import Tiles

FACTS_MAX = 64

OWED = (
    "SELECT d.leaf, d.recipient, d.position, d.urgency, d.expires_at_ms, d.attempts,"
    " m.header_sha256, m.header, m.signatures, b.ciphertext, b.wraps"
    " FROM delivery AS d JOIN message AS m ON m.leaf = d.leaf JOIN body AS b ON b.leaf = d.leaf"
)
PENDING = OWED + (
    " WHERE d.outcome IS NULL AND d.recipient = ? AND (d.urgency, d.leaf) > (?, ?) ORDER BY d.urgency, d.leaf LIMIT ?"
)
EXPIRED = OWED + " WHERE d.outcome IS NULL AND d.expires_at_ms <= ? ORDER BY d.expires_at_ms LIMIT ?"
NEXT_RECIPIENT = "SELECT min(recipient) FROM delivery WHERE outcome IS NULL AND recipient > ?"
COUNT_OWED = "SELECT count(*) FROM delivery WHERE outcome IS NULL"
SOURCE = (
    "SELECT originator, at_ms, header FROM message"
    " WHERE substr(header_sha256, 1, 8) = substr(?1, 1, 8) AND header_sha256 = ?1 AND permitted"
)
CONSENT = (
    "SELECT c.value, c.at_ms, r.at_ms, c.uses FROM consent AS c"
    " LEFT JOIN revocation AS r ON r.consent_sha256 = c.sha256 AND r.provider = c.provider WHERE c.sha256 = ?"
)
EVIDENCE = (
    "SELECT sequence, header_sha256, kind, recipient, outcome, said_leaf, body FROM evidence"
    " WHERE originator = ? AND sequence > ? ORDER BY sequence LIMIT ?"
)
MESSAGE = "SELECT leaf, header_sha256, permitted, at_ms FROM message WHERE originator = ? AND id = ?"
DELIVERIES = (
    "SELECT d.recipient, coalesce(l.status, d.outcome, 'pending'), d.attempts, d.ended_at_ms FROM delivery AS d"
    " LEFT JOIN later AS l ON l.leaf = d.leaf AND l.recipient = d.recipient AND l.said_leaf ="
    " (SELECT max(said_leaf) FROM later WHERE leaf = d.leaf AND recipient = d.recipient)"
    " WHERE d.leaf = ? ORDER BY d.position"
)
CONCERNED = (
    "SELECT leaf FROM message AS m"
    " WHERE substr(header_sha256, 1, 8) = substr(?2, 1, 8) AND header_sha256 = ?2 AND (originator = ?1"
    " OR EXISTS (SELECT 1 FROM delivery WHERE leaf = m.leaf AND recipient = ?1))"
    " UNION ALL SELECT leaf FROM aside WHERE against = ?1 AND sha256 = ?2"
)


class _Pruned(Struct, frozen=True):
    """An envelope with one wrap, put together from stored parts: the same bytes as `crypto.envelope.prune`."""

    h: bytes
    s: msgspec.Raw
    r: tuple[msgspec.Raw]
    c: bytes


_pack = msgspec.msgpack.Encoder().encode
_WRAPS = msgspec.msgpack.Decoder(list[msgspec.Raw])


class Reads:
    """Queries over committed state. Not thread-safe; nothing here waits for the writer."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Read through `connection`, which cannot write."""
        self._connection = connection
        self._tiles = Tiles(connection)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def root_at(self, size: int) -> bytes:
        """Return the root of the tree at `size` leaves."""
        return root_at(size, self._tiles.read)

    def consistency(self, old_size: int, new_size: int) -> tuple[bytes, ...]:
        """Return the RFC 9162 consistency path between two sizes."""
        return tuple(consistency_path(old_size, new_size, self._tiles.read))

    def tile(self, level: int, number: int) -> bytes:
        """Return the hashes of a tile, as many as are committed."""
        return self._tiles.tile(level, number)

    def receipt(self, leaf: int) -> bytes:
        """Return the receipt of a leaf."""
        return receipt_of(self._connection, self._tiles, leaf)

    def spooled(self) -> int:
        """Count the deliveries that are owed."""
        return int(self._connection.execute(COUNT_OWED).fetchone()[0])

    def facts(self, sources: Sequence[str], consents: Sequence[str]) -> Facts:
        """Return what is known of cited objects, with the sources of sources, at most 64."""
        return Facts(
            sources=self._sources(sources),
            consents={fact.consent_sha256: fact for fact in map(self._consent, consents) if fact is not None},
        )

    def _sources(self, cited: Iterable[str]) -> dict[str, SourceFact]:
        found: dict[str, SourceFact] = {}
        seen: set[str] = set()
        waiting = deque(cited)
        while waiting and len(seen) < FACTS_MAX:
            digest = waiting.popleft()
            if digest in seen:
                continue
            seen.add(digest)
            row = self._connection.execute(SOURCE, (decode_base64url(digest),)).fetchone()
            if row is not None:
                found[digest] = fact = _source(digest, row[1], decode(row[2], Header))
                waiting.extend(fact.sources)
        return found

    def _consent(self, digest: str) -> ConsentFact | None:
        row = self._connection.execute(CONSENT, (decode_base64url(digest),)).fetchone()
        if row is None:
            return None
        value, at_ms, revoked_at_ms, uses = row
        return ConsentFact(
            consent_sha256=digest,
            consent=decode(value, Consent),
            recorded_at_ms=at_ms,
            revoked_at_ms=revoked_at_ms,
            uses=uses,
        )

    def pending(self, recipient: str, after: tuple[int, int] | None, limit: int) -> list[Pending]:
        """Return deliveries owed to `recipient`, ordered by (urgency, index), from beyond `after`."""
        rows = self._connection.execute(PENDING, (recipient, *(after or (-1, -1)), limit)).fetchall()
        return [self._owed(row) for row in rows]

    def expired(self, at_ms: int, limit: int) -> list[Pending]:
        """Return deliveries whose message expired at or before `at_ms`."""
        return [self._owed(row) for row in self._connection.execute(EXPIRED, (at_ms, limit)).fetchall()]

    def _owed(self, row: tuple[int, str, int, int, int, int, bytes, bytes, bytes, bytes, bytes]) -> Pending:
        leaf, recipient, position, urgency, expires_at_ms, attempts, digest, header, signatures, body, wraps = row
        wrap = _WRAPS.decode(wraps)[position]
        return Pending(
            index=leaf,
            recipient=recipient,
            urgency=urgency,
            expires_at_ms=expires_at_ms,
            attempts=attempts,
            header_sha256=digest,
            header=header,
            envelope=_pack(_Pruned(h=header, s=msgspec.Raw(signatures), r=(wrap,), c=body)),
            receipt=self.receipt(leaf),
        )

    def pending_recipients(self) -> list[str]:
        """Return the authorities to whom something is owed, in order; one look-up each."""
        recipients: list[str] = []
        last = ""
        while (row := self._connection.execute(NEXT_RECIPIENT, (last,)).fetchone())[0] is not None:
            last = row[0]
            recipients.append(last)
        return recipients

    def evidence(self, originator: str, after: int, limit: int) -> list[Evidence]:
        """Return what `originator` has not heard yet, by its cursor."""
        return [
            Evidence(
                sequence=sequence,
                header_sha256=digest,
                kind=kind,
                recipient=recipient,
                outcome=outcome,
                body=self.receipt(leaf) if body is None else body,
            )
            for sequence, digest, kind, recipient, outcome, leaf, body in self._connection.execute(
                EVIDENCE, (originator, after, limit)
            ).fetchall()
        ]

    def status(self, authority: str, message_id: str) -> MessageStatus | None:
        """Return the timeline of one message, for its originator."""
        row = self._connection.execute(MESSAGE, (authority, id_bytes(message_id))).fetchone()
        if row is None:
            return None
        leaf, digest, permitted, at_ms = row
        return MessageStatus(
            originator=authority,
            id=message_id,
            header_sha256=digest,
            index=leaf,
            permitted=bool(permitted),
            admitted_at_ms=at_ms,
            receipt=self.receipt(leaf),
            deliveries=tuple(
                DeliveryStatus(*delivery) for delivery in self._connection.execute(DELIVERIES, (leaf,)).fetchall()
            ),
        )

    def receipt_by_header(self, authority: str, header_sha256: bytes) -> bytes | None:
        """Return the receipt of a message for its originator or one of its recipients; for others None."""
        row = self._connection.execute(CONCERNED, (authority, header_sha256)).fetchone()
        return None if row is None else self.receipt(row[0])


def _source(digest: str, admitted_at_ms: int, header: Header) -> SourceFact:
    # Nothing is recorded yet that would withdraw a message.
    return SourceFact(
        header_sha256=digest,
        originator=header.originator,
        recipients=tuple(recipient.authority for recipient in header.recipients),
        agreement=header.agreement,
        kind=header.kind,
        purposes=header.purposes,
        subjects=header.subjects,
        label=header.label,
        conditions=header.conditions,
        in_reply_to=header.in_reply_to,
        sources=header.sources,
        admitted_at_ms=admitted_at_ms,
        withdrawn=False,
    )
