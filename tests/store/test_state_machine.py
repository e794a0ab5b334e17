"""Any order of submissions, acknowledgements, failures and restarts against a model of twenty lines."""

import asyncio
import tempfile
from collections.abc import Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from gateway.domain.message import AuthenticMessage
from gateway.store.interface import AdmitMessage, Committed, Work
from gateway.store.kept import id_bytes
from gateway.store.verify import verify_ledger
from tests.store import samples
from tests.store.running import ENGINES, Running

T = TypeVar("T")

AUTHORITIES = ("alpha", "bravo", "charlie")
IDS = st.integers(min_value=0, max_value=5)
BODIES = st.sampled_from([b"one", b"two"])


@dataclass
class Model:
    """What must hold: who has which id, what was said to whom, what is owed."""

    holders: dict[tuple[str, bytes], tuple[bytes, Committed]] = field(default_factory=dict)
    asides: dict[tuple[str, bytes], Committed] = field(default_factory=dict)
    owed: dict[tuple[bytes, str], str | None] = field(default_factory=dict)
    leaves: int = 0


class StoreMachine(RuleBasedStateMachine):
    """One store, one model."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = tempfile.TemporaryDirectory(prefix="accord-machine-")
        self.model = Model()
        self.messages: dict[tuple[str, int, bytes], AuthenticMessage] = {}
        self.running = self.wait(self.start())

    async def start(self) -> Running:
        """Open the store on the machine's loop."""
        return Running(ENGINES["sqlite"], Path(self.folder.name))

    def wait(self, awaitable: Coroutine[Any, Any, T]) -> T:
        """Run on the machine's loop."""
        return self.loop.run_until_complete(awaitable)

    def commit(self, *works: Work) -> list[Committed]:
        """Commit together and count the new leaves: what is new and changes something has a receipt."""
        done: list[Committed] = self.wait(self.running.commit(*works))
        self.model.leaves += sum(bool(each.receipt) and not each.duplicate for each in done)
        return done

    def message(self, originator: str, number: int, body: bytes) -> AuthenticMessage:
        """One message for each originator, id and body: retries send the same bytes."""
        key = (originator, number, body)
        recipients = [name for name in AUTHORITIES if name != originator]
        if key not in self.messages:
            self.messages[key] = samples.message(number, originator=originator, recipients=recipients, body=body)
        return self.messages[key]

    @rule(
        submissions=st.lists(
            st.tuples(st.sampled_from(AUTHORITIES), IDS, BODIES, st.booleans(), st.booleans()), min_size=1, max_size=4
        )
    )
    def submit(self, submissions: list[tuple[str, int, bytes, bool, bool]]) -> None:
        """Several at once: own or shown by another, accepted or refused, old or new, doubled in one batch."""
        works = []
        for originator, number, body, permitted, own in submissions:
            against = originator if own else AUTHORITIES[AUTHORITIES.index(originator) - 1]
            codes = () if permitted and own else ("refused",)
            works.append(samples.admit(self.message(originator, number, body), *codes, against=against))
        for work, done in zip(works, self.commit(*works), strict=True):
            self.submitted(work, done)

    def submitted(self, work: AdmitMessage, done: Committed) -> None:
        """Compare one outcome with the model."""
        message, digest = work.message, work.message.header_sha256
        identity = (message.originator, message.id)
        aside = (work.against, digest)
        if work.against == message.originator and identity not in self.model.holders:
            assert (done.duplicate, done.permitted) == (False, work.decision.permitted)
            self.model.holders[identity] = (digest, done)
            if done.permitted:
                self.model.owed |= {(digest, each): None for each in message.recipients}
        elif work.against == message.originator and self.model.holders[identity][0] == digest:
            self.is_repeated(done, self.model.holders[identity][1])
        elif aside in self.model.asides:
            self.is_repeated(done, self.model.asides[aside])
        else:
            assert (done.duplicate, done.permitted) == (False, False)
            self.model.asides[aside] = done
        self.prove(done.receipt, digest)

    @staticmethod
    def is_repeated(done: Committed, first: Committed) -> None:
        """P-03."""
        assert (done.receipt, done.index, done.permitted) == (first.receipt, first.index, first.permitted)
        assert done.duplicate

    @rule(
        recipient=st.sampled_from(AUTHORITIES),
        named=st.lists(st.tuples(st.sampled_from(AUTHORITIES), IDS, BODIES), min_size=1, max_size=4, unique=True),
        status=st.sampled_from(["consigned", "undecipherable"]),
    )
    def acknowledge(self, recipient: str, named: list[tuple[str, int, bytes]], status: str) -> None:
        """A recipient speaks of messages that it is owed, was owed, or never saw; recorded is what ends something."""
        messages = [self.message(*each) for each in named]
        done = self.commit(samples.acknowledge(*messages, by=recipient, status=status))[0]
        ended = [each.header_sha256 for each in messages if self.is_owed(each.header_sha256, recipient)]
        self.model.owed |= {(digest, recipient): status for digest in ended}
        assert done.ended == len(ended)
        assert bool(done.receipt) == bool(ended)
        assert [item.header_sha256 for _, item in done.evidence] == ended

    @rule(originator=st.sampled_from(AUTHORITIES), number=IDS, recipient=st.sampled_from(AUTHORITIES))
    def expire(self, originator: str, number: int, recipient: str) -> None:
        """A delivery fails, if there is one."""
        holder = self.model.holders.get((originator, id_bytes(samples.message_id(number))))
        if holder is None:
            return
        done = self.commit(samples.fail(self.index(holder[1]), recipient))[0]
        owed = self.is_owed(holder[0], recipient)
        assert (done.ended, done.duplicate) == (int(owed), not owed)
        if owed:
            self.model.owed[holder[0], recipient] = "expired"

    def is_owed(self, digest: bytes, recipient: str) -> bool:
        """Tell whether the model still owes this delivery."""
        return self.model.owed.get((digest, recipient), "") is None

    @rule()
    def restart(self) -> None:
        """Stop in order and open again."""
        self.wait(self.running.reopen())

    @invariant()
    def holds(self) -> None:
        """P-10: what is owed is exactly what was accepted and has not ended; the ledger has one leaf each."""
        store = self.running.store
        owed = {key for key, outcome in self.model.owed.items() if outcome is None}
        found = {
            (row.header_sha256, recipient) for recipient in AUTHORITIES for row in store.pending(recipient, None, 1_000)
        }
        assert found == owed
        assert self.spooled() == len(owed)
        assert store.pending_recipients() == sorted({recipient for _, recipient in owed})
        told = sum(len(store.evidence(originator, 0, 1_000)) for originator in AUTHORITIES)
        assert told == len(self.model.owed) - len(owed)
        assert self.leaves() == self.model.leaves

    def prove(self, receipt: bytes, digest: bytes) -> None:
        """The receipt is one of our ledger, for this header."""
        self.running.verified(receipt, digest)

    def index(self, done: Committed) -> int:
        """What names the message in the store."""
        return done.index

    def spooled(self) -> int:
        """What the store says is owed in all."""
        return self.running.store.spooled()

    def leaves(self) -> int:
        """How many entries there are."""
        return self.running.store.checkpoint().size

    def teardown(self) -> None:
        """Whatever happened, the ledger verifies as a whole."""
        self.wait(self.running.close())
        verify_ledger(
            Path(self.folder.name) / "data",
            network=samples.NETWORK,
            origin=samples.ORIGIN,
            public=self.running.key.public,
        )
        self.loop.close()
        self.folder.cleanup()


TestStoreMachine = StoreMachine.TestCase
TestStoreMachine.settings = settings(
    max_examples=10, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
