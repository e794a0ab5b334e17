"""One transaction under way: leaves in order, rows that wait to be written together, recorded time.

Rows of messages and evidence are written in bulk; whatever reads them has them written first. What the writer
knows from one transaction to the next, so that it need not ask the database, is `Memory`.
"""

import sqlite3
from collections import OrderedDict

from msgspec import Struct
from msgspec.structs import replace

from gateway.domain.session import Evidence
from gateway.store.ledger import Ledger, Line, fresh_salts
from gateway.store.records import Recorder
from gateway.store.spool_file import SpoolFile
from gateway.store.sqlite.digests import NewestDigests

ENTRY = "INSERT INTO entry (leaf, salt, record, object, signatures) VALUES (?, ?, ?, ?, ?)"
MESSAGE = "INSERT INTO message (originator, id, leaf) VALUES (?, ?, ?)"
DELIVERY = (
    "INSERT INTO delivery"
    " (leaf, recipient, position, urgency, expires_at_ms, slot, ciphertext_bytes, wraps_bytes, attempts)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0)"
)
END = "UPDATE delivery SET outcome = ?, ended_leaf = ? WHERE leaf = ? AND recipient = ?"
EVIDENCE = (
    "INSERT INTO evidence (originator, sequence, leaf, recipient, outcome, said_leaf, position)"
    " VALUES (?, ?, ?, ?, ?, ?, ?)"
)
LAST_SEQUENCE = "SELECT coalesce(max(sequence), 0) FROM evidence WHERE originator = ?"
HIGHEST_ID = "SELECT coalesce(max(id), x'') FROM message"

# Acknowledgements come for what was admitted a moment ago; older digests are looked up in the database.
DIGESTS_REMEMBERED = 32_768

Row = tuple[object, ...]
Buffer = bytes | memoryview
# The type of bytes in rows by the thousand: for each value that is `bytes` sqlite3 looks for an adapter, for these not.
blob = bytearray


class Known(Struct, frozen=True):
    """What an identity already stands for: the leaf, H(h) as records spell it, how it was decided, when."""

    leaf: int
    object_sha256: str
    permitted: bool
    at_ms: int


class Result(Struct):
    """What became of one item. `leaf` -1: none; a leaf of this batch has its receipt made with the batch.

    `told`: what originators are to hear.
    """

    leaf: int
    permitted: bool
    duplicate: bool
    at_ms: int
    ended: int = 0
    told: list[tuple[str, Evidence]] | None = None


class Recent(Struct):
    """A message that was permitted a moment ago. `owed_to`: its only recipient, as long as nothing has ended."""

    leaf: int
    originator: str
    owed_to: str | None
    slot: int
    length: int


class Memory:
    """What the writer knows between transactions. It follows from the database; a batch that fails ends its life."""

    def __init__(
        self, connection: sqlite3.Connection, spool: SpoolFile, digests: NewestDigests, last_at_ms: int
    ) -> None:
        """Start with nothing but the last recorded time."""
        self._connection = connection
        self.spool = spool
        self.digests = digests
        self.last_at_ms = last_at_ms
        self._sequences: dict[str, int] = {}
        self._highest_ids: dict[str, bytes] = {}
        # Not a dict: to find its oldest key again and again, it steps over every one that is gone.
        self._recent: OrderedDict[bytes, Recent] = OrderedDict()

    def next_sequence(self, originator: str) -> int:
        """Return the next number of an originator's evidence."""
        last = self._sequences.get(originator)
        if last is None:
            last = int(self._connection.execute(LAST_SEQUENCE, (originator,)).fetchone()[0])
        self._sequences[originator] = last + 1
        return last + 1

    def is_above(self, originator: str, id_: bytes) -> bool:
        """Tell whether no message of `originator` has an id as high as `id_`, and remember it.

        UUIDv7 ids rise with time (S-12): nearly every new message is known to be new without a look-up.
        """
        highest = self._highest_ids.get(originator)
        if highest is None:
            # Nothing came from it since we began: what is stored of it is not above what is stored of all.
            highest = bytes(self._connection.execute(HIGHEST_ID).fetchone()[0])
            self._highest_ids[originator] = highest
        if id_ <= highest:
            return False
        self._highest_ids[originator] = id_
        return True

    def remember(self, header_sha256: bytes, recent: Recent) -> None:
        """Keep what became of a message that was just admitted."""
        self._recent[header_sha256] = recent
        if len(self._recent) > DIGESTS_REMEMBERED:
            self._recent.popitem(last=False)

    def recall(self, header_sha256: bytes) -> Recent | None:
        """Return a permitted message, if it is among the newest."""
        return self._recent.get(header_sha256)

    def forget(self, header_sha256: bytes) -> None:
        """Drop a message of which nothing is owed any more, while it is at hand; later words on it are looked up."""
        del self._recent[header_sha256]


class Batch:
    """The rows and leaves of one transaction."""

    def __init__(
        self, connection: sqlite3.Connection, ledger: Ledger, recorder: Recorder, memory: Memory, items: int
    ) -> None:
        """Begin at the end of `ledger`; at most `items` leaves."""
        self.connection = connection
        self.recorder = recorder
        self.memory = memory
        self.spool = memory.spool
        self.lines: list[Line] = []
        self.messages: list[Row] = []
        self.deliveries: list[Row] = []
        # Deliveries that this transaction begins to owe.
        self.spooled = 0
        self._entries: list[Row] = []
        self._ends: list[Row] = []
        self._evidence: list[Row] = []
        self._first = ledger.size
        self._salts = fresh_salts(items)

    def recorded_at(self, at_ms: int) -> int:
        """Return the time to record: a clock that went back does not take the record with it."""
        memory = self.memory
        if at_ms > memory.last_at_ms:
            memory.last_at_ms = at_ms
        return memory.last_at_ms

    @property
    def next_leaf(self) -> int:
        """The leaf that `append` will return next."""
        return self._first + len(self.lines)

    def append(self, record: bytes, object_: Buffer | None = None, signatures: bytes | None = None) -> int:
        """Return the leaf that `record` will be; `object_` is kept with it."""
        offset = len(self.lines)
        salt, leaf = self._salts[offset], self._first + offset
        self.lines.append((salt, record))
        self._entries.append(
            (leaf, blob(salt), blob(record), object_ and blob(object_), signatures and blob(signatures))
        )
        return leaf

    def flush(self) -> None:
        """Write the rows that wait, so that statements that follow see them."""
        for statement, rows in (
            (ENTRY, self._entries),
            (MESSAGE, self.messages),
            (DELIVERY, self.deliveries),
            (END, self._ends),
            (EVIDENCE, self._evidence),
        ):
            if rows:
                self.connection.executemany(statement, rows)
                rows.clear()

    def end(self, recent: Recent, outcome: str, leaf: int) -> None:
        """End the only delivery of a recent message; nothing need be read for that."""
        self._ends.append((outcome, leaf, recent.leaf, recent.owed_to))
        recent.owed_to = None
        self.spool.end(recent.slot, recent.length)

    def tell(self, result: Result, originator: str, told: Evidence, leaf: int, position: int | None) -> None:
        """Keep what `originator` is to hear of message `leaf`."""
        if result.told is None:
            result.told = []
        result.told.append((originator, told))
        self._evidence.append((originator, told.sequence, leaf, told.recipient, told.outcome, result.leaf, position))


def as_evidence(told: list[tuple[str, Evidence]], receipt: bytes) -> tuple[tuple[str, Evidence], ...]:
    """Return what originators are to hear, with `receipt` where the evidence is the receipt of a failure."""
    if told[0][1].kind == "acknowledged":
        return tuple(told)
    return tuple([(originator, replace(evidence, body=receipt)) for originator, evidence in told])
