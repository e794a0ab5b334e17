"""What a batch must know of the database, and what it changes as it is worked through.

A batch is made in memory, item by item in order, over what was looked up; `commit_batch` then checks under locks that
it is still so. What an item asks for and nobody has looked up yet is noted in `wanted`, and the batch is made again.
"""

from typing import TypeVar

from msgspec import Struct, field

# Number of a ledger and index in it.
Place = tuple[int, int]
Owed = tuple[int, int, str]

Key = TypeVar("Key")
Value = TypeVar("Value")
Want = TypeVar("Want")


class NotSeenError(Exception):
    """Something has to be looked up before the batch can be made."""


class Known(Struct, frozen=True):
    """What an identity already stands for: the entry, the digest of its object, how it was decided, when."""

    place: Place
    sha256: bytes
    permitted: bool
    at_ms: int


class Owing(Struct):
    """One delivery: how it ended and where that is recorded, and what its recipient said later."""

    outcome: str | None = None
    ended: Place | None = None
    ended_at_ms: int = 0
    said: set[str] = field(default_factory=set)


class Submitted(Struct, frozen=True):
    """What a failure has to name: the header and the record of its message."""

    header: bytes
    record: bytes


class Consented(Struct):
    """A consent: who gave it, how often it was used at first and is now, whether it was revoked."""

    provider: str
    uses_before: int
    uses: int
    revoked: bool


class Wanted(Struct):
    """What is to be looked up."""

    messages: set[tuple[str, bytes]] = field(default_factory=set)
    asides: set[tuple[str, bytes]] = field(default_factory=set)
    statements: set[tuple[str, bytes]] = field(default_factory=set)
    batches: set[tuple[str, bytes]] = field(default_factory=set)
    named: set[tuple[bytes, str]] = field(default_factory=set)
    owed: set[Owed] = field(default_factory=set)
    consents: set[bytes] = field(default_factory=set)
    revocations: set[tuple[bytes, str]] = field(default_factory=set)


class Seen:
    """What was looked up, changed by the items that were worked through. None: it is not there.

    A batch that is made again begins with a new one, for which `wanted` is looked up.
    """

    def __init__(self, wanted: Wanted) -> None:
        """Know nothing of what is `wanted`."""
        self.wanted = wanted
        self.messages: dict[tuple[str, bytes], Known | None] = {}
        self.asides: dict[tuple[str, bytes], Known | None] = {}
        self.statements: dict[tuple[str, bytes], Known | None] = {}
        self.batches: dict[tuple[str, bytes], Known | None] = {}
        # By digest of the header: the entry of a permitted message and its originator.
        self.digests: dict[bytes, tuple[Place, str] | None] = {}
        self.owed: dict[Owed, Owing | None] = {}
        self.submitted: dict[Place, Submitted] = {}
        self.consents: dict[bytes, Consented | None] = {}
        self.revocations: dict[tuple[bytes, str], bool] = {}

    def message(self, identity: tuple[str, bytes]) -> Known | None:
        """Return who holds (originator, id)."""
        return _get(self.messages, self.wanted.messages, identity, identity)

    def aside(self, key: tuple[str, bytes]) -> Known | None:
        """Return the refusal that was recorded for (against, digest)."""
        return _get(self.asides, self.wanted.asides, key, key)

    def statement(self, key: tuple[str, bytes]) -> Known | None:
        """Return the statement (authority, digest)."""
        return _get(self.statements, self.wanted.statements, key, key)

    def batch(self, key: tuple[str, bytes]) -> Known | None:
        """Return the acknowledgement batch (recipient, digest)."""
        return _get(self.batches, self.wanted.batches, key, key)

    def named(self, digest: bytes, recipient: str) -> tuple[Place, str] | None:
        """Return entry and originator of the permitted message with this H(h)."""
        return _get(self.digests, self.wanted.named, digest, (digest, recipient))

    def owing(self, place: Place, recipient: str) -> Owing | None:
        """Return the delivery of the message at `place` to `recipient`."""
        return _get(self.owed, self.wanted.owed, (*place, recipient), (*place, recipient))

    def failing(self, place: Place, recipient: str) -> Submitted | None:
        """Return what a failure of this delivery has to name; None where there is no such delivery."""
        if self.owing(place, recipient) is None:
            return None
        return _get(self.submitted, self.wanted.owed, place, (*place, recipient))

    def consent(self, digest: bytes) -> Consented | None:
        """Return a consent."""
        return _get(self.consents, self.wanted.consents, digest, digest)

    def revoked(self, digest: bytes, provider: str) -> bool:
        """Tell whether `provider` has revoked the consent, which may come after its revocation."""
        return _get(self.revocations, self.wanted.revocations, (digest, provider), (digest, provider))


def _get(known: dict[Key, Value], wanted: set[Want], key: Key, want: Want) -> Value:
    try:
        return known[key]
    except KeyError:
        wanted.add(want)
        raise NotSeenError(key) from None
