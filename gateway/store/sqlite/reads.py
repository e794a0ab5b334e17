"""What the switch asks between commits: one read-only connection, used on the event loop.

Every query is read to its end at once, so that no read transaction outlives a call and the writer's
log can always be copied back.
"""

import os
import sqlite3
from collections import deque
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path

import msgspec
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
from gateway.store.interface import DeliveryStatus, MessageStatus, Pending
from gateway.store.kept import id_bytes
from gateway.store.records import PERMITTED
from gateway.store.spool_file import read_body
from gateway.store.sqlite.digests import NewestDigests
from gateway.store.sqlite.lookup import Found, find_message, record_at
from gateway.store.sqlite.receipts import Receipts
from gateway.store.sqlite.scrub import scrub_tile
from gateway.store.sqlite.tiles import Tiles

FACTS_MAX = 64
# Evidence is made again from the recipients' batches; neighbours in a page are mostly of one batch.
BATCHES_REMEMBERED = 16

# Leaf, recipient, position, urgency, expiry, attempts, slot, two lengths, salt, record, header, signatures.
OwedRow = tuple[int, str, int, int, int, int, int, int, int, bytes, bytes, bytes, bytes]

OWED = (
    "SELECT d.leaf, d.recipient, d.position, d.urgency, d.expires_at_ms, d.attempts,"
    " d.slot, d.ciphertext_bytes, d.wraps_bytes, e.salt, e.record, e.object, e.signatures"
    " FROM delivery AS d JOIN entry AS e ON e.leaf = d.leaf"
)
PENDING = OWED + (
    " WHERE d.outcome IS NULL AND d.recipient = ? AND (d.urgency, d.leaf) > (?, ?) ORDER BY d.urgency, d.leaf LIMIT ?"
)
EXPIRED = OWED + " WHERE d.outcome IS NULL AND d.expires_at_ms <= ? ORDER BY d.expires_at_ms LIMIT ?"
NEXT_RECIPIENT = "SELECT min(recipient) FROM delivery WHERE outcome IS NULL AND recipient > ?"
COUNT_OWED = "SELECT count(*) FROM delivery WHERE outcome IS NULL"
CONSENT = (
    "SELECT e.object, e.record, r.leaf, c.uses FROM consent AS c JOIN entry AS e ON e.leaf = c.leaf"
    " LEFT JOIN revocation AS r ON r.consent_sha256 = c.sha256 AND r.provider = c.provider WHERE c.sha256 = ?"
)
EFFECTS = "SELECT kind, originator FROM effect WHERE sha256 = ?"
STILL_OWED = "SELECT 1 FROM delivery WHERE leaf = ? AND recipient = ? AND outcome IS NULL"
EVIDENCE = (
    "SELECT e.sequence, m.object, e.recipient, e.outcome, e.said_leaf, e.position"
    " FROM evidence AS e JOIN entry AS m ON m.leaf = e.leaf"
    " WHERE e.originator = ? AND e.sequence > ? ORDER BY e.sequence LIMIT ?"
)
OBJECT = "SELECT object FROM entry WHERE leaf = ?"
MESSAGE = (
    "SELECT e.leaf, e.record, e.salt FROM message AS m JOIN entry AS e ON e.leaf = m.leaf"
    " WHERE m.originator = ? AND m.id = ?"
)
DELIVERIES = "SELECT recipient, outcome, attempts, ended_leaf FROM delivery WHERE leaf = ? ORDER BY position"
LATEST = "SELECT status FROM later WHERE leaf = ? AND recipient = ? ORDER BY said_leaf DESC LIMIT 1"
IS_RECIPIENT = "SELECT 1 FROM delivery WHERE leaf = ? AND recipient = ?"
ASIDE = "SELECT leaf FROM aside WHERE against = ? AND sha256 = ?"


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

    def __init__(self, connection: sqlite3.Connection, spool: Path, newest: NewestDigests) -> None:
        """Read through `connection`, which cannot write, and from the spool file; `newest` is the writer's."""
        self._connection = connection
        self._newest = newest
        self._tiles = Tiles(connection)
        self._receipts = Receipts(connection, self._tiles)
        self._spool = os.open(spool, os.O_RDONLY | os.O_CLOEXEC)
        self._said = lru_cache(BATCHES_REMEMBERED)(self._read_said)

    def close(self) -> None:
        """Close connection and file."""
        self._connection.close()
        os.close(self._spool)

    def root_at(self, size: int) -> bytes:
        """Return the root of the tree at `size` leaves."""
        return root_at(size, self._tiles.read)

    def consistency(self, old_size: int, new_size: int) -> tuple[bytes, ...]:
        """Return the RFC 9162 consistency path between two sizes."""
        return tuple(consistency_path(old_size, new_size, self._tiles.read))

    def tile(self, level: int, number: int) -> bytes:
        """Return the hashes of a tile, as many as are committed."""
        return self._tiles.tile(level, number)

    def scrub(self, number: int) -> bool:
        """Look at the leaves of a tile again."""
        return scrub_tile(self._connection, number)

    def receipt(self, leaf: int) -> bytes:
        """Return the receipt of a leaf."""
        return self._receipts.of(leaf)

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
            message = find_message(self._connection, decode_base64url(digest), self._newest)
            if message is not None and message.permitted:
                effects = self._connection.execute(EFFECTS, (decode_base64url(digest),)).fetchall()
                found[digest] = fact = source_fact(
                    digest, message.record.at_ms, decode(message.header, Header), effects
                )
                waiting.extend(fact.sources)
        return found

    def _consent(self, digest: str) -> ConsentFact | None:
        row = self._connection.execute(CONSENT, (decode_base64url(digest),)).fetchone()
        if row is None:
            return None
        raw, record, revoked_leaf, uses = row
        return ConsentFact(
            consent_sha256=digest,
            consent=decode(decode_signed(raw).h, Consent),
            recorded_at_ms=decode(record, Record).at_ms,
            revoked_at_ms=None if revoked_leaf is None else record_at(self._connection, revoked_leaf).at_ms,
            uses=uses,
        )

    def pending(self, recipient: str, after: tuple[int, int] | None, limit: int) -> list[Pending]:
        """Return deliveries owed to `recipient`, ordered by (urgency, index), from beyond `after`."""
        return self._all_owed(PENDING, (recipient, *(after or (-1, -1)), limit))

    def expired(self, at_ms: int, limit: int) -> list[Pending]:
        """Return deliveries whose message expired at or before `at_ms`."""
        return self._all_owed(EXPIRED, (at_ms, limit))

    def _all_owed(self, query: str, values: tuple[object, ...]) -> list[Pending]:
        """Read a page; again, if a delivery ended while it was read: a short page means that there is no more."""
        while True:
            rows: list[OwedRow] = self._connection.execute(query, values).fetchall()
            owed = [delivery for delivery in map(self._owed, rows) if delivery is not None]
            if len(owed) == len(rows):
                return owed

    def _owed(self, row: OwedRow) -> Pending | None:
        leaf, recipient, position, urgency, expires_at_ms, attempts, slot, *lengths = row[:9]
        salt, record, header, signatures = row[9:]
        body, wraps = read_body(self._spool, slot, lengths)
        # The writer clears a body only after the commit that ended its last delivery: owed still, so it was whole.
        if self._connection.execute(STILL_OWED, (leaf, recipient)).fetchone() is None:
            return None
        return Pending(
            index=leaf,
            recipient=recipient,
            urgency=urgency,
            expires_at_ms=expires_at_ms,
            attempts=attempts,
            header_sha256=sha256(header),
            header=header,
            envelope=pruned(header, signatures, wraps, position, body),
            receipt=self._receipts.of_line(leaf, salt, record),
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
        rows = self._connection.execute(EVIDENCE, (originator, after, limit)).fetchall()
        return [
            Evidence(
                sequence=sequence,
                header_sha256=sha256(header),
                kind="failed" if position is None else "acknowledged",
                recipient=recipient,
                outcome=outcome,
                body=self.receipt(said) if position is None else self._said(said)[position],
            )
            for sequence, header, recipient, outcome, said, position in rows
        ]

    def _read_said(self, leaf: int) -> list[bytes]:
        return evidence_of(self._connection.execute(OBJECT, (leaf,)).fetchone()[0])

    def status(self, authority: str, message_id: str) -> MessageStatus | None:
        """Return the timeline of one message, for its originator."""
        row = self._connection.execute(MESSAGE, (authority, id_bytes(message_id))).fetchone()
        if row is None:
            return None
        leaf, raw, salt = row
        record = decode(raw, Record)
        return MessageStatus(
            originator=authority,
            id=message_id,
            header_sha256=decode_base64url(record.object_sha256),
            index=leaf,
            permitted=record.outcome == PERMITTED,
            admitted_at_ms=record.at_ms,
            receipt=self._receipts.of_line(leaf, salt, raw),
            deliveries=tuple(
                self._delivery(leaf, *delivery) for delivery in self._connection.execute(DELIVERIES, (leaf,)).fetchall()
            ),
        )

    def _delivery(
        self, leaf: int, recipient: str, outcome: str | None, attempts: int, ended_leaf: int | None
    ) -> DeliveryStatus:
        if outcome is None or ended_leaf is None:
            return DeliveryStatus(recipient, "pending", attempts, None)
        latest = self._connection.execute(LATEST, (leaf, recipient)).fetchone()
        ended_at_ms = record_at(self._connection, ended_leaf).at_ms
        return DeliveryStatus(recipient, outcome if latest is None else latest[0], attempts, ended_at_ms)

    def receipt_by_header(self, authority: str, header_sha256: bytes) -> bytes | None:
        """Return the receipt of a message for its originator or one of its recipients; for others None."""
        found = find_message(self._connection, header_sha256, self._newest)
        if found is not None and self._concerns(found, authority):
            return self.receipt(found.leaf)
        row = self._connection.execute(ASIDE, (authority, header_sha256)).fetchone()
        return None if row is None else self.receipt(row[0])

    def _concerns(self, found: Found, authority: str) -> bool:
        if self._connection.execute(IS_RECIPIENT, (found.leaf, authority)).fetchone() is not None:
            return True
        return decode(found.header, Header).originator == authority


def pruned(header: bytes, signatures: bytes, wraps: bytes, position: int, body: bytes) -> bytes:
    """Return the envelope for the recipient at `position`, from its stored parts."""
    return _pack(_Pruned(header, msgspec.Raw(signatures), (_WRAPS.decode(wraps)[position],), body))
