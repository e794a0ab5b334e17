"""The checkpoints of one gateway, held against one another.

Every signed tree head that reaches an endpoint (in a receipt, a hello, a proof) must be a prefix of the
largest one known. `Chain` says which consistency proofs to ask for, checks them, and raises as soon as two
heads cannot belong to one history. Bytes in, questions out: no socket, no disk, no clock.
Source: S-01 (RFC 9162, 2.1.4), S-03 (tlog-checkpoint); wire.md, "Checkpoint"; threats G2, G3.
"""

from collections import OrderedDict
from collections.abc import Iterable

from msgspec import Struct

from gateway.crypto.merkle import verify_consistency
from gateway.domain.errors import FormatError, PeerError, TrustError
from gateway.domain.receipt import Checkpoint
from gateway.endpoint.alarms import AlarmKind

# Heads that were proven and are remembered, so that old receipts cost no second proof.
REMEMBERED_MAX = 4_096
# Heads without a proof; an honest gateway answers each question at once.
UNPROVEN_MAX = 4_096

# Size and root: what a tree head says.
Head = tuple[int, bytes]


class TwoHistoriesError(TrustError):
    """A gateway signed two tree heads that cannot belong to one ledger; `evidence` holds both notes."""

    def __init__(self, text: str, first: Checkpoint, second: Checkpoint, kind: AlarmKind = "two-histories") -> None:
        super().__init__(text)
        self.kind = kind
        self.evidence = first.note + b"\n" + second.note


class Question(Struct, frozen=True):
    """The proof to ask for: that the ledger at size `old` is a prefix of the ledger at size `new`."""

    old: int
    new: int


class Chain:
    """What is known of one gateway's ledger. The first head ever seen is taken on trust; nothing after it."""

    def __init__(self, proven: Checkpoint | None, unproven: Iterable[Checkpoint] = ()) -> None:
        """Continue from the newest proven head and those whose proof was still owed."""
        self._proven = proven
        # The largest head there is, proven or not: everything is held against it.
        self._head = proven
        self._known: OrderedDict[Head, None] = OrderedDict()
        self._open: dict[int, Checkpoint] = {checkpoint.size: checkpoint for checkpoint in unproven}
        self._asked: dict[Question, tuple[Checkpoint, Checkpoint]] = {}
        self._links: dict[Head, set[Head]] = {}
        if proven is not None:
            self._remember(proven)

    @property
    def proven(self) -> Checkpoint | None:
        """The largest head that is proven to continue all before it."""
        return self._proven

    @property
    def newest(self) -> Checkpoint | None:
        """The largest head that the gateway signed, proven or not: what we have seen of it."""
        known = [*self._open.values(), *(() if self._proven is None else (self._proven,))]
        return max(known, key=lambda checkpoint: checkpoint.size, default=None)

    @property
    def owed(self) -> int:
        """How many proofs the gateway still owes."""
        return len(self._asked)

    def resume(self) -> list[Question]:
        """Return what must be asked, again or for the first time, on a new connection."""
        waiting = sorted(self._open.values(), key=lambda checkpoint: checkpoint.size)
        self._asked.clear()
        self._open.clear()
        self._links.clear()
        self._head = self._proven
        return [question for checkpoint in waiting for question in self.observe(checkpoint)]

    def observe(self, checkpoint: Checkpoint) -> list[Question]:
        """Take note of a verified checkpoint; return the proof to ask for, if any.

        Raises:
            TwoHistoriesError: another root of the same size is known.
            PeerError: the gateway owes too many proofs.
        """
        head = _head(checkpoint)
        if checkpoint.size == 0 or head in self._known:
            return []
        if self._head is None:
            self._proven = self._head = checkpoint
            self._remember(checkpoint)
            return []
        other = self._of_size(checkpoint.size)
        if other is not None and other.root != checkpoint.root:
            raise TwoHistoriesError(
                f"`{checkpoint.origin}` signed two different ledgers of size {checkpoint.size}", other, checkpoint
            )
        if other is not None:
            return []
        if len(self._open) >= UNPROVEN_MAX:
            raise PeerError(f"`{checkpoint.origin}` owes {UNPROVEN_MAX} consistency proofs")
        older, newer = sorted((self._head, checkpoint), key=lambda one: one.size)
        self._head = newer
        self._open[checkpoint.size] = checkpoint
        question = Question(older.size, newer.size)
        self._asked[question] = (older, newer)
        return [question]

    def prove(self, question: Question, path: tuple[bytes, ...]) -> list[Checkpoint]:
        """Check the answer to a question; return the heads that are proven now.

        Raises:
            TwoHistoriesError: the larger head does not continue the smaller one.
            PeerError: nobody asked.
        """
        pair = self._asked.pop(question, None)
        if pair is None:
            raise PeerError(f"a consistency proof from {question.old} to {question.new} came that nobody asked for")
        older, newer = pair
        if not _consistent(older, newer, path):
            raise TwoHistoriesError(
                f"`{newer.origin}` cannot show that its ledger of size {newer.size} continues the one of size "
                f"{older.size}",
                older,
                newer,
            )
        one, two = _head(older), _head(newer)
        self._links.setdefault(one, set()).add(two)
        self._links.setdefault(two, set()).add(one)
        return self._settle([head for head in (one, two) if self._is_proven(head)])

    def _settle(self, frontier: list[Head]) -> list[Checkpoint]:
        """Spread certainty along the links that were shown, from what is proven to what is not."""
        settled: list[Checkpoint] = []
        while frontier:
            for size, root in self._links.pop(frontier.pop(), ()):
                checkpoint = self._open.get(size)
                if checkpoint is not None and checkpoint.root == root:
                    del self._open[size]
                    self._remember(checkpoint)
                    settled.append(checkpoint)
                    frontier.append((size, root))
        for checkpoint in settled:
            if self._proven is None or checkpoint.size > self._proven.size:
                self._proven = checkpoint
        return settled

    def _is_proven(self, head: Head) -> bool:
        return head in self._known or (self._proven is not None and _head(self._proven) == head)

    def _remember(self, checkpoint: Checkpoint) -> None:
        self._known[_head(checkpoint)] = None
        if len(self._known) > REMEMBERED_MAX:
            self._known.popitem(last=False)

    def _of_size(self, size: int) -> Checkpoint | None:
        for checkpoint in (self._proven, self._head):
            if checkpoint is not None and checkpoint.size == size:
                return checkpoint
        return self._open.get(size)


def _head(checkpoint: Checkpoint) -> Head:
    return checkpoint.size, checkpoint.root


def _consistent(older: Checkpoint, newer: Checkpoint, path: tuple[bytes, ...]) -> bool:
    try:
        verify_consistency(older.size, older.root, newer.size, newer.root, path)
    except (TrustError, FormatError):
        return False
    return True
