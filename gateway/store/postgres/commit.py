"""From a batch of work to arguments of `commit_batch`, and from its answer to what everybody is told."""

from collections.abc import Sequence
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
from gateway.store.postgres.admission import admit_message, admit_statement
from gateway.store.postgres.batch import Batch, Memory, as_evidence
from gateway.store.postgres.connecting import Connection
from gateway.store.postgres.endings import acknowledge, book_attempt, fail_delivery, record_edition
from gateway.store.postgres.foresight import foresee
from gateway.store.postgres.looking import look_up
from gateway.store.postgres.proofs import Proofs
from gateway.store.postgres.rows import Result
from gateway.store.postgres.seen import NotSeenError, Place, Seen, Wanted
from gateway.store.records import Recorder

HEAD_ARGUMENTS = 6


class Prepared(Struct):
    """A batch that is ready to be committed, again and again until an answer comes."""

    arguments: list[Any]
    batch: Batch
    results: list[Result]
    ledger: Ledger
    extension: Extension | None
    receipts: dict[Place, bytes]


class Outcome(Struct, frozen=True):
    """A batch that is durable: one result an item, the head to publish (None: no entry), whom it concerns elsewhere."""

    committed: list[Committed]
    checkpoint: Checkpoint | None
    concerned: frozenset[str]


class Committer:
    """Makes batches for one ledger; owned by the writer."""

    def __init__(self, ledger: Ledger, recorder: Recorder, memory: Memory) -> None:
        """Go on from what the database holds."""
        self.ledger = ledger
        self.memory = memory
        self._recorder = recorder
        self._proofs = Proofs()

    async def prepare(self, connection: Connection, works: Sequence[Work], *, assume: bool) -> Prepared:
        """Return the batch that `works` make now; with `assume`, ids that rise are taken to be new."""
        wanted = Wanted()
        for work in works:
            foresee(wanted, work, self.memory)
            if not assume and isinstance(work, AdmitMessage):
                wanted.messages.add((work.message.originator, work.message.id))
        while True:
            seen = Seen(wanted)
            await look_up(connection, seen)
            batch = Batch(self.memory, self.ledger.size, self._recorder, seen, len(works))
            try:
                results = [_step(batch, work) for work in works]
                break
            except NotSeenError:
                # What was missing is in `wanted` now.
                continue
        ledger = self.ledger.branch()
        extension = ledger.extend(batch.lines) if batch.lines else None
        first = self.ledger.size
        old = {result.place for result in results if result.place is not None and not self._is_new(result.place, first)}
        receipts = await self._proofs.receipts(connection, old)
        arguments = batch.rows.arguments(extension, _uses(batch))
        return Prepared(arguments, batch, results, ledger, extension, receipts)

    def finish(self, prepared: Prepared, answer: Sequence[int]) -> Outcome:
        """Return what became of the batch that `answer` says is durable, and go on from there."""
        batch, extension = prepared.batch, prepared.extension
        self.ledger = prepared.ledger
        memory = self.memory
        memory.last_at_ms, memory.edition = batch.last_at_ms, batch.edition
        for originator, id_ in zip(*batch.rows.messages[:2], strict=True):
            memory.raise_id(originator, id_)
        names = sorted(batch.rows.told)
        bases = dict(zip(names, answer, strict=False))
        booked = answer[len(names) :]
        return Outcome(
            committed=[self._committed(result, prepared, bases, booked) for result in prepared.results],
            checkpoint=extension.checkpoint if extension else None,
            concerned=_concerned(batch),
        )

    def _committed(self, result: Result, prepared: Prepared, bases: dict[str, int], booked: Sequence[int]) -> Committed:
        place, extension = result.place, prepared.extension
        if place is None:
            receipt = b""
        elif extension is not None and self._is_new(place, extension.first):
            receipt = extension.receipts[place[1] - extension.first]
        else:
            receipt = prepared.receipts[place]
        return Committed(
            index=-1 if place is None else place[1],
            receipt=receipt,
            permitted=result.permitted if result.attempt < 0 else bool(booked[result.attempt]),
            duplicate=result.duplicate,
            at_ms=result.at_ms,
            evidence=as_evidence(result.told, bases, receipt) if result.told else (),
            ended=result.ended,
        )

    def _is_new(self, place: Place, first: int) -> bool:
        return place[0] == self.memory.log and place[1] >= first


def _concerned(batch: Batch) -> frozenset[str]:
    """Return who may be connected elsewhere and has something to hear: new evidence, what is free, what has ended."""
    rows = batch.rows
    free = (name for name, leased in zip(rows.deliveries[1], rows.deliveries[6], strict=True) if not leased)
    return frozenset(rows.told).union(free, rows.endings[2])


def _uses(batch: Batch) -> list[dict[str, Any]]:
    """What each consent was seen to be, and how many uses were added: `commit_batch` makes sure of the first."""
    uses = []
    for digest in sorted(batch.rows.used):
        consent = batch.seen.consent(digest)
        assert consent is not None
        added = consent.uses - consent.uses_before
        # Only unrevoked consents are used; a revocation in this batch comes after the uses before it.
        uses.append({"sha256": digest.hex(), "before": consent.uses_before, "revoked": False, "added": added})
    return uses


def _step(batch: Batch, work: Work) -> Result:
    """Do one item; the two that come by the thousand stand first."""
    match work:
        case AdmitMessage():
            return admit_message(batch, work)
        case Acknowledge():
            return acknowledge(batch, work)
        case BookAttempt():
            return book_attempt(batch, work)
        case FailDelivery():
            return fail_delivery(batch, work)
        case AdmitStatement():
            return admit_statement(batch, work)
        case RecordEdition():
            return record_edition(batch, work)
