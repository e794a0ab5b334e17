"""From a batch of work to rows, leaves, a signed head and receipts: what happens inside one transaction."""

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any

from msgspec import Struct

from gateway.domain.receipt import Checkpoint
from gateway.store.interface import (
    Acknowledge,
    AdmitMessage,
    AdmitStatement,
    BookAttempt,
    Committed,
    FailDelivery,
    RecordEdition,
    Work,
)
from gateway.store.ledger import Extension, Ledger
from gateway.store.records import Recorder
from gateway.store.sqlite.admission import admit_message, admit_statement
from gateway.store.sqlite.batch import Batch, Memory, Result, as_evidence
from gateway.store.sqlite.digests import DIGEST
from gateway.store.sqlite.endings import acknowledge, book_attempt, fail_delivery, record_edition
from gateway.store.sqlite.receipts import Receipts
from gateway.store.sqlite.tiles import Tiles

TILE = "INSERT INTO tile (level, number, hashes) VALUES (?, ?, ?)"
CHECKPOINT = "INSERT INTO checkpoint (size, root, note) VALUES (?, ?, ?)"


class Outcome(Struct, frozen=True):
    """A batch that is about to be durable: one result an item, and the head to publish then (None: no new leaf).

    `owed_more` is by how many the deliveries that are owed grow, or shrink.
    """

    committed: list[Committed]
    checkpoint: Checkpoint | None
    owed_more: int


class Committer:
    """Applies batches, inside the transaction that the writer has begun."""

    def __init__(self, connection: sqlite3.Connection, ledger: Ledger, recorder: Recorder, memory: Memory) -> None:
        """Go on from what the database holds."""
        self._ledger = ledger
        self._recorder = recorder
        self._memory = memory
        self._receipts = Receipts(connection, Tiles(connection))

    def apply(self, connection: sqlite3.Connection, works: Sequence[Work]) -> Outcome:
        """Write everything that `works` mean; the caller makes new bodies durable, then commits."""
        batch = Batch(connection, self._ledger, self._recorder, self._memory, len(works))
        results = [_STEPS[type(work)](batch, work) for work in works]
        batch.flush()
        connection.executemany(DIGEST, self._memory.digests.due())
        extension = self._extend(connection, batch)
        return Outcome(
            committed=[self._committed(result, extension) for result in results],
            checkpoint=extension.checkpoint if extension else None,
            owed_more=batch.spooled - sum([result.ended for result in results]),
        )

    def _extend(self, connection: sqlite3.Connection, batch: Batch) -> Extension | None:
        if not batch.lines:
            return None
        extension = self._ledger.extend(batch.lines)
        connection.executemany(TILE, extension.tiles)
        head = extension.checkpoint
        connection.execute(CHECKPOINT, (head.size, head.root, head.note))
        return extension

    def _committed(self, result: Result, extension: Extension | None) -> Committed:
        leaf = result.leaf
        if leaf < 0:
            receipt = b""
        elif extension is not None and leaf >= extension.first:
            receipt = extension.receipts[leaf - extension.first]
        else:
            receipt = self._receipts.of(leaf)
        evidence = as_evidence(result.told, receipt) if result.told else ()
        return Committed(leaf, receipt, result.permitted, result.duplicate, result.at_ms, evidence, result.ended)


# What is done for each kind of work.
_STEPS: dict[type[Work], Callable[[Batch, Any], Result]] = {
    AdmitMessage: admit_message,
    AdmitStatement: admit_statement,
    Acknowledge: acknowledge,
    FailDelivery: fail_delivery,
    BookAttempt: book_attempt,
    RecordEdition: record_edition,
}
