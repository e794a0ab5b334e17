"""One batch under way: entries in order, rows column by column, recorded time.

What the writer knows from one batch to the next is `Memory`; a batch that does not commit changes nothing in it.
"""

from gateway.domain.session import Evidence
from gateway.store.ledger import Line, fresh_salts
from gateway.store.postgres.rows import Result, Rows, Told, add
from gateway.store.postgres.seen import Place, Seen
from gateway.store.records import Recorder


class Memory:
    """What the writer of one ledger knows between batches; all of it follows from the database."""

    def __init__(self, log: int, last_at_ms: int, edition: "tuple[int, tuple[int, str, str], int] | None") -> None:
        """Start with the last recorded time and the last recorded edition (leaf, (number, digest, law), time)."""
        self.log = log
        self.last_at_ms = last_at_ms
        self.edition = edition
        # Whose deliveries are leased to us as they are admitted.
        self.attended: frozenset[str] = frozenset()
        self._highest_ids: dict[str, bytes] = {}

    def is_above(self, originator: str, id_: bytes) -> bool:
        """Tell whether `id_` is higher than any that we saw of `originator`: then it is new, unless a peer was quicker.

        UUIDv7 ids rise with time (S-12), so a look-up would nearly always find nothing; `commit_batch` makes sure.
        """
        highest = self._highest_ids.get(originator)
        return highest is not None and id_ > highest

    def raise_id(self, originator: str, id_: bytes) -> None:
        """Note an id that is taken now."""
        if id_ > self._highest_ids.get(originator, b""):
            self._highest_ids[originator] = id_


class Batch:
    """The rows and entries of one transaction."""

    def __init__(self, memory: Memory, first: int, recorder: Recorder, seen: Seen, items: int) -> None:
        """Begin at entry `first` of our ledger; at most `items` entries."""
        self.memory = memory
        self.log = memory.log
        self.recorder = recorder
        self.seen = seen
        self.rows = Rows()
        self.lines: list[Line] = []
        self.last_at_ms = memory.last_at_ms
        self.edition = memory.edition
        self._first = first
        self._salts = fresh_salts(items)

    def recorded_at(self, at_ms: int) -> int:
        """Return the time to record: a clock that went back does not take the record with it."""
        self.last_at_ms = max(self.last_at_ms, at_ms)
        return self.last_at_ms

    @property
    def next_place(self) -> Place:
        """The place that `append` will return next."""
        return self.log, self._first + len(self.lines)

    def append(self, record: bytes, object_: bytes | None = None, signatures: bytes | None = None) -> Place:
        """Return the place that `record` will have; `object_` is kept with it."""
        place = self.next_place
        salt = self._salts[len(self.lines)]
        self.lines.append((salt, record))
        add(self.rows.entries, salt, record, object_, signatures)
        return place

    def tell(self, result: Result, told: Told, message: Place, position: int | None) -> None:
        """Keep what an originator is to hear of the message at `message`."""
        assert result.place is not None
        if result.told is None:
            result.told = []
        result.told.append(told)
        add(
            self.rows.evidence,
            told.originator,
            told.offset,
            *message,
            told.recipient,
            told.outcome,
            result.place[1],
            position,
        )


def as_evidence(told: list[Told], bases: dict[str, int], receipt: bytes) -> tuple[tuple[str, Evidence], ...]:
    """Return evidence with the originators that it is for; `bases` are their first numbers in this batch."""
    return tuple(
        [
            (
                one.originator,
                Evidence(
                    sequence=bases[one.originator] + one.offset,
                    header_sha256=one.header_sha256,
                    kind=one.kind,
                    recipient=one.recipient,
                    outcome=one.outcome,
                    body=receipt if one.body is None else one.body,
                ),
            )
            for one in told
        ]
    )
