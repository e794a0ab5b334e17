"""One connection to a gateway as a state machine: frames in, actions out, no socket, no clock, no disk.

The gateway speaks first. Until its hello has been checked against our directory nothing leaves but our own
hello, because under TLS 1.3 nobody can know earlier whether the connection was accepted (threat N4). Then
submissions go out within the window, every one is answered once, and every tree head that is shown is held
against all others. Source: wire.md, "What the gateway checks" and "Checkpoint"; S-17.
"""

from collections import deque
from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from gateway.crypto.checkpoint import verify_checkpoint
from gateway.domain.errors import PeerError, TrustError
from gateway.domain.receipt import Checkpoint
from gateway.domain.session import Answer, CloseReason, Delivery, Evidence
from gateway.endpoint.checkpoints import Chain, Question, TwoHistoriesError
from gateway.endpoint.limits import EndpointLimits
from gateway.wire.frames import (
    Acknowledge,
    Answers,
    AskConsistency,
    Consistency,
    Deliveries,
    EditionNotice,
    EndpointHello,
    FromEndpoint,
    FromGateway,
    Goodbye,
    Hello,
    Informed,
    Submission,
    Submit,
    submission_bytes,
    take_frame,
)

# Batches of acknowledgements under way. They count in the window, so submissions leave them their places.
ACKNOWLEDGE_MAX = 4
# Consistency proofs asked for at a time; a gateway keeps eight answers for us (`replies_max`).
PROOFS_MAX = 4

State = Literal["waiting", "greeting", "open", "ended"]
# What may come when, and where it leads. Everything else breaks the protocol.
TRANSITIONS: dict[tuple[State, type[FromGateway]], State] = {
    ("waiting", Hello): "greeting",
    ("waiting", Goodbye): "ended",
    ("greeting", Goodbye): "ended",
    ("open", Answers): "open",
    ("open", Deliveries): "open",
    ("open", Informed): "open",
    ("open", Consistency): "open",
    ("open", EditionNotice): "open",
    ("open", Goodbye): "ended",
}


class Say(Struct, frozen=True):
    """Send this frame."""

    frame: FromEndpoint


class Greet(Struct, frozen=True):
    """Bring the directory up to what the hello names, then call `greet`."""

    hello: Hello


class Fetch(Struct, frozen=True):
    """Fetch the directory edition that is in force now."""

    number: int
    sha256: str


class Answered(Struct, frozen=True):
    """What we submitted or acknowledged as `token` has its answer."""

    token: object
    answer: Answer


class Delivered(Struct, frozen=True):
    """Messages for us, unchecked."""

    items: Sequence[Delivery]


class Heard(Struct, frozen=True):
    """Evidence about our own messages, unchecked."""

    items: Sequence[Evidence]


class Noted(Struct, frozen=True):
    """A tree head that must be remembered until its proof is there (the very first one needs none)."""

    head: Checkpoint


class Proven(Struct, frozen=True):
    """Tree heads that are proven now; `newest` is what we have seen."""

    heads: Sequence[Checkpoint]
    newest: Checkpoint


class Ended(Struct, frozen=True):
    """The gateway said goodbye."""

    reason: CloseReason


class Contradicted(Struct, frozen=True):
    """The gateway contradicts itself: raise this once all that stands before it is said."""

    error: TwoHistoriesError


Action = Contradicted | Say | Greet | Fetch | Answered | Delivered | Heard | Noted | Proven | Ended


class Conversation:
    """The endpoint's half of one connection. Times are monotonic milliseconds."""

    def __init__(
        self, network: str, origin: str, limits: EndpointLimits, first_number: int = 0, *, vouched: bool = True
    ) -> None:
        """Expect the gateway that keeps the ledger `origin` of the federation `network`.

        `vouched` False: frames may be anybody's, late or doubled. Then what may not come is not there at all.
        """
        self._network = network
        self._origin = origin
        self._answer_ms = int(limits.answer_timeout_s * 1_000)
        self._proof_ms = int(limits.proof_timeout_s * 1_000)
        self._state: State = "waiting"
        self._window = 0
        self._vouched = vouched
        self._next = first_number
        # Number of a submission to our token and the time it left; acknowledgements apart.
        self._submitted: dict[int, tuple[object, int]] = {}
        self._acknowledged: dict[int, tuple[object, int]] = {}
        self._chain = Chain(None)
        self._asked_ms: deque[int] = deque()
        self._unasked: deque[Question] = deque()
        self._now_ms = 0

    @property
    def state(self) -> State:
        """Where the conversation stands."""
        return self._state

    @property
    def room(self) -> int:
        """How many submissions may be sent now."""
        kept_free = min(ACKNOWLEDGE_MAX, self._window // 2) - len(self._acknowledged)
        return max(0, self._free() - max(0, kept_free))

    @property
    def acknowledge_room(self) -> int:
        """How many batches of acknowledgements may be sent now."""
        return max(0, min(self._free(), ACKNOWLEDGE_MAX - len(self._acknowledged)))

    @property
    def idle(self) -> bool:
        """True if nothing that we said is without an answer."""
        return not (self._submitted or self._acknowledged or self._chain.owed)

    def receive(self, frame: FromGateway) -> list[Action]:
        """Take one frame.

        Raises:
            PeerError: the frame may not come now.
            TwoHistoriesError: what it shows contradicts what the gateway signed before.
            TrustError: a checkpoint is not under the gateway's key.
        """
        state = TRANSITIONS.get((self._state, type(frame)))
        if state is None and not self._vouched:
            return []
        if state is None:
            raise PeerError(f"a frame `{type(frame).__name__}` may not come while {self._state}")
        self._state = state
        match frame:
            case Hello():
                return self._hello(frame)
            case Answers(items):
                return [answered for answer in items if (answered := self._answer(answer)) is not None]
            case Deliveries(items):
                return [Delivered(items)]
            case Informed(items):
                return [Heard(items)]
            case Consistency(old, new, path):
                # Its newest checkpoint is not looked at: it would make us ask again for ever.
                return self._prove(Question(old, new), path)
            case EditionNotice(number, sha256):
                return [Fetch(number, sha256)]
            case Goodbye(reason):
                return [Ended(reason)]

    def greet(self, hello: Hello, public: bytes, chain: Chain, evidence_after: int | None, now_ms: int) -> list[Action]:
        """Answer the hello, now that the directory gave the gateway's checkpoint key.

        What we have seen is said even to a gateway that shows less: only so does it learn that it lost something.

        Raises:
            TrustError: the checkpoint is not under `public`.
        """
        shown = verify_checkpoint(hello.checkpoint, self._origin, public)
        seen = chain.newest
        self._chain = chain
        self._state, self._window = "open", hello.window
        actions: list[Action] = [Say(EndpointHello(None if seen is None else seen.note, evidence_after))]
        try:
            # A hello that a broker kept shows less, too; only what contradicts itself under one key counts there.
            if self._vouched and seen is not None and shown.size < seen.size:
                raise TwoHistoriesError(
                    f"`{self._origin}` shows a ledger of size {shown.size} and signed one of size {seen.size} before",
                    seen,
                    shown,
                    "history-shrunk",
                )
            actions += self._ask(chain.resume(), now_ms)
            return actions + self.observe(shown, now_ms)
        except TwoHistoriesError as error:
            return [*actions, Contradicted(error)]

    def observe(self, checkpoint: Checkpoint, now_ms: int) -> list[Action]:
        """Hold a verified checkpoint (of a receipt) against all others; return what to ask.

        Raises:
            TwoHistoriesError: it contradicts another one.
        """
        before = self._chain.proven
        questions = self._chain.observe(checkpoint)
        noted: list[Action] = [Noted(checkpoint)] if questions or self._chain.proven is not before else []
        return noted + self._ask(questions, now_ms)

    def submit(self, items: Sequence[tuple[object, Submission]], now_ms: int) -> list[Action]:
        """Send at most `room` submissions, each with a token that its answer will bear."""
        queue = deque(items)
        actions: list[Action] = []
        while queue:
            taken = take_frame(queue, lambda item: submission_bytes(item[1]))
            actions.append(Say(Submit(self._next, [submission for _, submission in taken])))
            for token, _ in taken:
                self._submitted[self._next] = (token, now_ms)
                self._next += 1
        return actions

    def acknowledge(self, token: object, raw: bytes, now_ms: int) -> list[Action]:
        """Send one signed batch of acknowledgements."""
        number = self._next
        self._next += 1
        self._acknowledged[number] = (token, now_ms)
        return [Say(Acknowledge(number, raw))]

    def waiting_since(self, before_ms: int) -> list[object]:
        """Return the tokens of submissions that left before `before_ms` and have no answer."""
        return [token for token, sent_ms in self._submitted.values() if sent_ms < before_ms]

    def overdue(self, now_ms: int) -> str | None:
        """Say what the gateway owes for too long, if anything: an `answer` or a `proof`."""
        for waiting in (self._submitted, self._acknowledged):
            oldest = next(iter(waiting.values()), None)
            if oldest is not None and now_ms - oldest[1] > self._answer_ms:
                return "answer"
        self._now_ms = now_ms
        if self._asked_ms and now_ms - self._asked_ms[0] > self._proof_ms:
            return "proof"
        return None

    def _free(self) -> int:
        return self._window - len(self._submitted) - len(self._acknowledged) if self._state == "open" else 0

    def _hello(self, hello: Hello) -> list[Action]:
        if hello.network != self._network:
            raise TrustError(f"the gateway is of network `{hello.network}`, not of `{self._network}`")
        if hello.origin != self._origin:
            raise TrustError(f"the gateway keeps the ledger `{hello.origin}`, not `{self._origin}`")
        return [Greet(hello)]

    def _answer(self, answer: Answer) -> Answered | None:
        for waiting in (self._submitted, self._acknowledged):
            entry = waiting.pop(answer.number, None)
            if entry is not None:
                return Answered(entry[0], answer)
        if not self._vouched:
            return None
        raise PeerError(f"an answer came for number {answer.number}, which waits for none")

    def _ask(self, questions: list[Question], now_ms: int) -> list[Action]:
        self._now_ms = now_ms
        self._unasked.extend(questions)
        return self._ask_more()

    def _ask_more(self) -> list[Action]:
        """Ask what was not asked yet, a few at a time: a gateway cuts whoever asks faster than it answers.

        Where others' ledgers were seen through several gateways, hundreds of proofs may be owed by the next one.
        """
        actions: list[Action] = []
        while self._unasked and len(self._asked_ms) < PROOFS_MAX:
            question = self._unasked.popleft()
            self._asked_ms.append(self._now_ms)
            actions.append(Say(AskConsistency(question.old, question.new)))
        return actions

    def _prove(self, question: Question, path: tuple[bytes, ...]) -> list[Action]:
        try:
            heads = self._chain.prove(question, path)
        except (TwoHistoriesError, PeerError):
            if self._vouched:
                raise
            # Whoever said it: a path that proves nothing. The proof is owed as before.
            return []
        if self._asked_ms:
            self._asked_ms.popleft()
        newest = self._chain.proven
        proven: list[Action] = [Proven(heads, newest)] if heads and newest is not None else []
        return proven + self._ask_more()
