"""One transaction under way: leaves in order, rows that wait to be written together, recorded time.

Rows of permitted messages are written in bulk. Whatever else reads or refers to rows has them written first.
"""

import sqlite3
from dataclasses import dataclass, field

from gateway.domain.session import Evidence, EvidenceKind
from gateway.store.ledger import Ledger, Line, fresh_salts
from gateway.store.records import Recorder

ENTRY = "INSERT INTO entry (leaf, salt, record) VALUES (?, ?, ?)"
MESSAGE = (
    "INSERT INTO message (leaf, originator, id, header_sha256, permitted, at_ms, header, signatures)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
BODY = "INSERT INTO body (leaf, ciphertext, wraps) VALUES (?, ?, ?)"
DELIVERY = (
    "INSERT INTO delivery (leaf, recipient, position, urgency, expires_at_ms, attempts) VALUES (?, ?, ?, ?, ?, 0)"
)
EVIDENCE = (
    "INSERT INTO evidence (originator, sequence, header_sha256, kind, recipient, outcome, said_leaf, body)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
LAST_SEQUENCE = "SELECT coalesce(max(sequence), 0) FROM evidence WHERE originator = ?"

Row = tuple[object, ...]
# Leaf, digest, permitted, recorded time: what an identity already stands for.
Known = tuple[int, bytes, bool, int]


@dataclass(slots=True)
class Result:
    """What became of one item. `leaf` -1: none; a leaf of this batch has its receipt made with the batch."""

    leaf: int
    permitted: bool
    duplicate: bool
    at_ms: int
    ended: int = 0
    # A body of None becomes the receipt of `leaf`.
    evidence: list[tuple[str, int, bytes, EvidenceKind, str, str, bytes | None]] = field(default_factory=list)


class Batch:
    """The rows and leaves of one transaction; `time` and `sequences` outlive it."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        ledger: Ledger,
        recorder: Recorder,
        last_at_ms: int,
        sequences: dict[str, int],
        items: int,
    ) -> None:
        """Begin at the end of `ledger`, with recorded time not before `last_at_ms`; at most `items` leaves."""
        self.connection = connection
        self.recorder = recorder
        self.last_at_ms = last_at_ms
        self.lines: list[Line] = []
        self.identities: dict[tuple[str, bytes], Known] = {}
        self.messages: list[Row] = []
        self.bodies: list[Row] = []
        self.deliveries: list[Row] = []
        self._first = ledger.size
        self._salts = fresh_salts(items)
        self._written = 0
        self._sequences = sequences

    def recorded_at(self, at_ms: int) -> int:
        """Return the time to record: a clock that went back does not take the record with it."""
        if at_ms > self.last_at_ms:
            self.last_at_ms = at_ms
        return self.last_at_ms

    def append(self, record: bytes) -> int:
        """Return the leaf that `record` will be."""
        lines = self.lines
        lines.append((self._salts[len(lines)], record))
        return self._first + len(lines) - 1

    def contains(self, leaf: int) -> bool:
        """Tell whether a leaf is of this batch."""
        return leaf >= self._first

    def flush(self) -> None:
        """Write the rows that wait, so that statements that follow see them."""
        many = self.connection.executemany
        if self._written < len(self.lines):
            first = self._first
            many(ENTRY, [(first + i, *self.lines[i]) for i in range(self._written, len(self.lines))])
            self._written = len(self.lines)
        for statement, rows in ((MESSAGE, self.messages), (BODY, self.bodies), (DELIVERY, self.deliveries)):
            if rows:
                many(statement, rows)
                rows.clear()

    def tell(
        self,
        result: Result,
        originator: str,
        header_sha256: bytes,
        kind: EvidenceKind,
        recipient: str,
        outcome: str,
        body: bytes | None,
    ) -> None:
        """Write what `originator` is to hear of `result`, under its next sequence number."""
        last = self._sequences.get(originator)
        if last is None:
            last = self.connection.execute(LAST_SEQUENCE, (originator,)).fetchone()[0]
        sequence = self._sequences[originator] = last + 1
        row = (originator, sequence, header_sha256, kind, recipient, outcome, result.leaf, body)
        self.connection.execute(EVIDENCE, row)
        result.evidence.append((originator, sequence, header_sha256, kind, recipient, outcome, body))


def as_evidence(result: Result, receipt: bytes) -> tuple[tuple[str, Evidence], ...]:
    """Return the evidence of `result` with the originators it is for."""
    return tuple(
        (
            originator,
            Evidence(
                sequence=sequence,
                header_sha256=header_sha256,
                kind=kind,
                recipient=recipient,
                outcome=outcome,
                body=receipt if body is None else body,
            ),
        )
        for originator, sequence, header_sha256, kind, recipient, outcome, body in result.evidence
    )
