"""Evidence about our own messages, and the tree heads it rests on, as rows.

Evidence and the cursor behind it are written together: what a gateway told us is never asked for twice and
never lost. Of tree heads the newest proven one is kept, and all whose proof is still owed.
"""

import sqlite3
from collections.abc import Sequence

from msgspec import Struct

from gateway.domain.receipt import Checkpoint
from gateway.domain.session import EvidenceKind
from gateway.endpoint.checkpoints import Chain
from gateway.endpoint.journal import Journal


class Outcome(Struct, frozen=True):
    """One verified piece of evidence; `at_ms` is when it happened, by whoever signed it."""

    origin: str
    sequence: int
    header_sha256: bytes
    kind: EvidenceKind
    recipient: str
    outcome: str
    body: bytes
    at_ms: int
    heard_at_ms: int


def put(connection: sqlite3.Connection, outcome: Outcome) -> None:
    """Keep one piece of evidence."""
    connection.execute(
        # The same news by another way is no news.
        "INSERT INTO evidence SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9 WHERE NOT EXISTS (SELECT 1 FROM evidence"
        " WHERE header_sha256 = ?3 AND kind = ?4 AND recipient = ?5 AND outcome = ?6) ON CONFLICT DO NOTHING",
        (
            outcome.origin,
            outcome.sequence,
            outcome.header_sha256,
            outcome.kind,
            outcome.recipient,
            outcome.outcome,
            outcome.body,
            outcome.at_ms,
            outcome.heard_at_ms,
        ),
    )


def advance(connection: sqlite3.Connection, origin: str, sequence: int) -> None:
    """Move the cursor of a gateway's evidence; it never goes back."""
    connection.execute(
        "INSERT INTO gateway VALUES (?, ?) ON CONFLICT (origin) DO UPDATE SET evidence_after ="
        " max(evidence_after, excluded.evidence_after)",
        (origin, sequence),
    )


def cursor(journal: Journal, origin: str) -> int:
    """Return the last sequence that we have of a gateway's evidence; 0 for none."""
    row = journal.row("SELECT evidence_after FROM gateway WHERE origin = ?", (origin,))
    return 0 if row is None else int(row[0])


def outcomes(journal: Journal, header_sha256: bytes) -> list[Outcome]:
    """Return all evidence about one message, in the order in which it came."""
    rows = journal.rows(
        "SELECT origin, sequence, header_sha256, kind, recipient, outcome, body, at_ms, heard_at_ms FROM evidence"
        " WHERE header_sha256 = ? ORDER BY heard_at_ms, origin, sequence",
        (header_sha256,),
    )
    return [Outcome(*row) for row in rows]


def note_head(connection: sqlite3.Connection, checkpoint: Checkpoint, at_ms: int) -> None:
    """Keep a tree head whose proof is owed; the very first of a gateway is taken on trust."""
    if checkpoint.size == 0:
        return
    connection.execute(
        "INSERT INTO checkpoint SELECT ?1, ?2, ?3, ?4, NOT EXISTS (SELECT 1 FROM checkpoint WHERE origin = ?1), ?5"
        " WHERE true ON CONFLICT DO NOTHING",
        (checkpoint.origin, checkpoint.size, checkpoint.root, checkpoint.note, at_ms),
    )


def prove_heads(connection: sqlite3.Connection, heads: Sequence[Checkpoint], newest: Checkpoint) -> None:
    """Note that tree heads are proven; only the newest of them is kept."""
    connection.executemany(
        "UPDATE checkpoint SET proven = 1 WHERE origin = ? AND size = ? AND root = ?",
        [(head.origin, head.size, head.root) for head in heads],
    )
    connection.execute("DELETE FROM checkpoint WHERE origin = ? AND proven AND size < ?", (newest.origin, newest.size))


def newest_heads(journal: Journal) -> list[Checkpoint]:
    """Return the largest tree head that each gateway signed and showed us, proven or not."""
    rows = journal.rows("SELECT origin, max(size), root, note FROM checkpoint GROUP BY origin ORDER BY origin")
    return [Checkpoint(*row) for row in rows]


def forget_heads(connection: sqlite3.Connection, origin: str) -> None:
    """Forget a gateway's tree heads: its operator and ours agreed to begin anew."""
    connection.execute("DELETE FROM checkpoint WHERE origin = ?", (origin,))


def chain(journal: Journal, origin: str) -> Chain:
    """Return what is known of a gateway's ledger, to go on from."""
    rows = journal.rows("SELECT size, root, note, proven FROM checkpoint WHERE origin = ? ORDER BY size", (origin,))
    heads = [(Checkpoint(origin, size, root, note), bool(proven)) for size, root, note, proven in rows]
    proven = [head for head, is_proven in heads if is_proven]
    return Chain(proven[-1] if proven else None, [head for head, is_proven in heads if not is_proven])
