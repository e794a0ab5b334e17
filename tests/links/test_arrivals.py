"""What arrives in one turn of the loop is judged together, and no connection pays for another's fault."""

import asyncio
from collections.abc import Sequence

import pytest

from gateway.domain.errors import LedgerError
from gateway.domain.session import Answer, CloseReason, Delivery, Evidence, Peer, Session
from gateway.links.arrivals import TOGETHER_MAX, Arrival, Arrivals
from gateway.wire.frames import Submission
from tests.links.exchange import FakeExchange, peer_of

Frames = list[tuple[str, int, list[bytes]]]


class Judging(FakeExchange):
    """The fake, asked for groups too: `takes` says which it takes, `fault` what judging some bytes raises."""

    def __init__(self, *, takes: bool) -> None:
        super().__init__()
        self.takes = takes
        self.groups: list[Frames] = []
        self.faults: dict[bytes, Exception] = {}

    def submit_together(self, frames: Sequence[tuple[Session, int, Sequence[Submission]]]) -> bool:
        said = [(session.peer.authority, first, [item.raw for item in items]) for session, first, items in frames]
        self.groups.append(said)
        for _, _, raws in said:
            for raw in raws:
                if raw in self.faults:
                    raise self.faults[raw]
        return self.takes

    def submit(self, session: Session, number: int, kind: str, raw: bytes) -> None:
        if raw in self.faults:
            raise self.faults[raw]
        super().submit(session, number, kind, raw)


class Link:
    """A session that submits; `spared` are the numbers that were given back."""

    def __init__(self, authority: str, ends_after: int = 1_000) -> None:
        self.peer: Peer = peer_of(authority, authority)
        self.is_open = True
        self.closed: CloseReason | None = None
        self.spared: list[int] = []
        self._left = ends_after

    def spare(self, numbers: range) -> None:
        self.spared += numbers

    def answer(self, answers: Sequence[Answer]) -> None:
        self._left -= len(answers)
        self.is_open = self.is_open and self._left > 0

    def deliver(self, deliveries: Sequence[Delivery]) -> int:
        return len(deliveries)

    def inform(self, evidence: Sequence[Evidence]) -> int:
        return len(evidence)

    def announce(self, number: int, sha256: str) -> None:
        """Nothing is swapped here."""

    def close(self, reason: CloseReason) -> None:
        self.is_open, self.closed = False, reason


def frame(link: Link, first: int, *raws: bytes) -> Arrival:
    """Return a frame of messages."""
    return Arrival(link, first, [Submission("message", raw) for raw in raws])


async def test_frames_of_one_turn_are_judged_together_in_the_next() -> None:
    """Nobody waits for company: whatever has come by the next turn goes at once, in its order."""
    exchange, one, two = Judging(takes=True), Link("one"), Link("two")
    arrivals = Arrivals(exchange)
    arrivals.add(frame(one, 0, b"a", b"b"))
    arrivals.add(frame(two, 7, b"c"))
    before = list(exchange.groups)
    await asyncio.sleep(0)
    arrivals.add(frame(one, 2, b"d"))
    await asyncio.sleep(0)

    assert before == []
    assert exchange.groups == [[("one", 0, [b"a", b"b"]), ("two", 7, [b"c"])]]
    # One that came alone is judged alone.
    assert exchange.submitted == [(2, "message", b"d")]


async def test_no_more_are_judged_at_once_than_fit() -> None:
    """A group ends with the frame that fills it; a frame is never torn."""
    exchange, link = Judging(takes=True), Link("one")
    arrivals = Arrivals(exchange)
    for number in range(3):
        arrivals.add(frame(link, 20 * number, *[b"%d" % item for item in range(20)]))
    await asyncio.sleep(0)

    assert [sum(len(raws) for _, _, raws in group) for group in exchange.groups] == [40, 20]
    assert TOGETHER_MAX == 32


async def test_what_is_not_taken_together_is_judged_frame_by_frame_then_item_by_item() -> None:
    """One poisoned item costs one answer, and the order of what came stays."""
    exchange, one, two = Judging(takes=False), Link("one"), Link("two")
    arrivals = Arrivals(exchange)
    arrivals.add(frame(one, 0, b"a", b"b"))
    arrivals.add(frame(two, 0, b"c"))
    await asyncio.sleep(0)

    assert [len(group) for group in exchange.groups] == [2, 1]
    assert exchange.submitted == [(0, "message", b"a"), (1, "message", b"b"), (0, "message", b"c")]


async def test_connection_that_ends_is_spared_the_rest() -> None:
    """What nobody judges any more is given back, whether the connection ended before its turn or in it."""
    exchange, gone, leaving, staying = (
        Judging(takes=False),
        Link("gone"),
        Link("leaving", ends_after=1),
        Link("staying"),
    )
    arrivals = Arrivals(exchange)
    arrivals.add(frame(gone, 4, b"a", b"b"))
    arrivals.add(frame(leaving, 0, b"c", b"d", b"e"))
    arrivals.add(frame(staying, 0, b"f"))
    gone.close("drain")
    await asyncio.sleep(0)

    assert (gone.spared, leaving.spared, staying.spared) == ([4, 5], [1, 2], [])
    assert [raw for _, _, raw in exchange.submitted] == [b"c", b"f"]


@pytest.mark.parametrize("error", [LedgerError("the store has failed"), ValueError("a fault of ours")])
async def test_fault_of_ours_ends_one_connection_and_is_told(error: Exception) -> None:
    """Whatever judging one item raises, its own connection ends with it, and nobody else's."""
    exchange, one, two = Judging(takes=True), Link("one"), Link("two")
    exchange.faults[b"poison"] = error
    told: list[BaseException] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context["exception"]))
    arrivals = Arrivals(exchange)
    arrivals.add(frame(one, 0, b"a", b"poison", b"b"))
    arrivals.add(frame(two, 0, b"c", b"d"))
    await asyncio.sleep(0)

    assert (one.closed, one.spared) == ("fault", [2])
    assert (two.closed, two.is_open) == (None, True)
    assert exchange.submitted == [(0, "message", b"a")]
    assert exchange.groups[-1] == [("two", 0, [b"c", b"d"])]
    # With the others, with its frame, alone.
    assert told == ([] if isinstance(error, LedgerError) else [error] * 3)
