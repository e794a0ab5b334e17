"""The rows of one batch, column by column as `commit_batch` takes them, and what each item will be told."""

import json
from typing import Any

from msgspec import Struct, field

from gateway.domain.session import EvidenceKind
from gateway.store.ledger import Extension
from gateway.store.postgres.seen import Owed, Place


class Told(Struct, frozen=True):
    """One thing that an originator is to hear, the `offset`th of this batch. `body` None: the receipt of its entry."""

    originator: str
    offset: int
    header_sha256: bytes
    kind: EvidenceKind
    recipient: str
    outcome: str
    body: bytes | None


class Result(Struct):
    """What became of one item. `place` None: no entry. `attempt`: which attempt of the batch it is, -1: none."""

    place: Place | None
    permitted: bool
    duplicate: bool
    at_ms: int
    ended: int = 0
    attempt: int = -1
    told: list[Told] | None = None


Columns = list[list[Any]]


def _columns(count: int) -> Any:
    return field(default_factory=lambda: [[] for _ in range(count)])


class Rows(Struct):
    """What a batch writes."""

    # Salt, record, object, signatures.
    entries: Columns = _columns(4)
    # Originator, id, leaf, digest, permitted, time.
    messages: Columns = _columns(6)
    # Leaf, ciphertext, wraps.
    bodies: Columns = _columns(3)
    # Leaf, recipient, position, urgency, time, expiry, leased to us.
    deliveries: Columns = _columns(7)
    # Ledger, leaf, recipient, lease; then for each consent that one rests on: which attempt, digest.
    attempts: Columns = _columns(4)
    resting: Columns = _columns(2)
    # Recipient, digest, leaf, time.
    acknowledgements: Columns = _columns(4)
    # Ledger, leaf, recipient, outcome or status, leaf that says it.
    endings: Columns = _columns(5)
    laters: Columns = _columns(5)
    # Originator, offset, ledger, leaf, recipient, outcome, leaf that says it, position.
    evidence: Columns = _columns(8)
    told: dict[str, int] = field(default_factory=dict)
    asides: list[dict[str, Any]] = field(default_factory=list)
    statements: list[dict[str, Any]] = field(default_factory=list)
    consents: list[dict[str, Any]] = field(default_factory=list)
    revocations: list[dict[str, Any]] = field(default_factory=list)
    used: set[bytes] = field(default_factory=set)
    editions: list[int] = field(default_factory=list)
    effects: list[dict[str, Any]] = field(default_factory=list)

    def next_offset(self, originator: str) -> int:
        """Return how many things this batch has told `originator` before."""
        offset = self.told.get(originator, 0)
        self.told[originator] = offset + 1
        return offset

    def arguments(self, extension: Extension | None, uses: list[dict[str, Any]]) -> list[Any]:
        """Return everything after the first six arguments of `commit_batch`."""
        tiles: list[Any] = [[], [], []]
        if extension is not None and extension.tiles:
            tiles = [list(column) for column in zip(*extension.tiles, strict=True)]
        head = extension.checkpoint if extension is not None else None
        names = sorted(self.told)
        return [
            *self.entries,
            None if head is None else head.root,
            None if head is None else head.note,
            *tiles,
            *self.messages,
            *self.bodies,
            *self.deliveries,
            *self.attempts,
            *self.resting,
            *self.acknowledgements,
            *self.endings,
            *self.laters,
            names,
            [self.told[name] for name in names],
            *self.evidence,
            self._rare(uses),
        ]

    def _rare(self, uses: list[dict[str, Any]]) -> str | None:
        if not (self.asides or self.statements or uses or self.editions or self.effects):
            return None
        return json.dumps(
            {
                "asides": self.asides,
                "statements": self.statements,
                "consents": self.consents,
                "revocations": self.revocations,
                "uses": uses,
                "editions": self.editions,
                "effects": self.effects,
            }
        )


# Ledger, token, batch, size, two durations; then what `Rows.arguments` gives, in the order of the function.
COMMIT = f"SELECT commit_batch({', '.join(f'${n + 1}' for n in range(6 + len(Rows().arguments(None, []))))})"


def add(columns: Columns, *values: Any) -> None:
    """Append one row."""
    for column, value in zip(columns, values, strict=True):
        column.append(value)


def owed_key(place: Place, recipient: str) -> Owed:
    """Return what names a delivery."""
    return (*place, recipient)
