"""What waits for one connection: bounds, order, and nothing lost or doubled."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.session import Answer, Delivery, Evidence
from gateway.links.budget import Budget
from gateway.links.outgoing import Outgoing
from gateway.wire.frames import Answers, Consistency, Deliveries, EditionNotice, FromGateway, Informed
from gateway.wire.limits import Limits
from tests.links.exchange import DIGEST, delivery

LIMITS = Limits(outgoing_items_max=10, outgoing_bytes_max=20_000)


def _drain(outgoing: Outgoing) -> list[FromGateway]:
    frames = []
    while (taken := outgoing.next_frame()) is not None:
        frames.append(taken[0])
    return frames


def _evidence(sequence: int) -> Evidence:
    return Evidence(sequence, bytes(32), "acknowledged", "kz-mvd", "consigned", b"")


def test_everything_leaves_in_the_order_of_who_waits() -> None:
    """Answers first, then notices and proofs, then evidence, then deliveries."""
    outgoing = Outgoing(LIMITS, Budget(1_000_000))
    outgoing.deliver([delivery(1)])
    outgoing.inform([_evidence(1)])
    outgoing.reply(Consistency(1, 2, (), b"note"))
    outgoing.announce(EditionNotice(1, DIGEST))
    outgoing.answer([Answer(0, "receipt")])

    kinds = [type(frame) for frame in _drain(outgoing)]

    assert kinds == [Answers, EditionNotice, Consistency, Informed, Deliveries]


def test_newer_notice_replaces_an_older_one() -> None:
    """A slow reader hears of the edition in force, not of every one before it."""
    outgoing = Outgoing(LIMITS, Budget(1_000_000))

    outgoing.announce(EditionNotice(1, DIGEST))
    outgoing.announce(EditionNotice(2, DIGEST))

    assert _drain(outgoing) == [EditionNotice(2, DIGEST)]


def test_proofs_are_bounded() -> None:
    """Whoever asks faster than it reads is told so."""
    outgoing = Outgoing(LIMITS, Budget(1_000_000))

    accepted = [outgoing.reply(Consistency(1, 2, (), b"note")) for _ in range(LIMITS.replies_max + 1)]

    assert accepted == [True] * LIMITS.replies_max + [False]


def test_items_are_bounded_over_deliveries_and_evidence_together() -> None:
    """What does not fit stays with the switch, which is told how many were taken."""
    outgoing = Outgoing(LIMITS, Budget(1_000_000))

    assert outgoing.deliver([delivery(number) for number in range(8)]) == 8
    assert outgoing.inform([_evidence(number) for number in range(8)]) == 2
    assert outgoing.deliver([delivery(9)]) == 0


def test_bytes_are_bounded_but_one_item_always_fits() -> None:
    """A delivery larger than the bound still passes, alone."""
    outgoing = Outgoing(LIMITS, Budget(1_000_000))

    assert outgoing.deliver([delivery(1, 50_000), delivery(2, 10)]) == 1
    _drain(outgoing)
    assert outgoing.deliver([delivery(1, 9_000), delivery(2, 9_000), delivery(3, 9_000)]) == 2


def test_budget_of_all_connections_is_kept_and_nobody_starves() -> None:
    """Once others have taken everything, a connection with an empty queue still gets one item."""
    budget = Budget(10_000)
    greedy, modest = Outgoing(LIMITS, budget), Outgoing(LIMITS, budget)

    assert greedy.deliver([delivery(number, 3_000) for number in range(5)]) == 2
    assert modest.deliver([delivery(number, 3_000) for number in range(5)]) == 1
    greedy.clear()
    modest.clear()
    assert budget.bytes_taken == 0


@given(st.lists(st.tuples(st.integers(0, 30_000), st.booleans()), max_size=40))
def test_what_was_taken_leaves_once_and_gives_its_bytes_back(steps: list[tuple[int, bool]]) -> None:
    """However takes and sends alternate, every taken delivery is sent exactly once and the budget ends at zero."""
    budget = Budget(60_000)
    outgoing = Outgoing(LIMITS, budget)
    taken: list[Delivery] = []
    sent: list[Delivery] = []

    for number, (size, drain) in enumerate(steps):
        item = delivery(number, size)
        taken += [item] * outgoing.deliver([item])
        if drain:
            sent += [one for frame in _drain(outgoing) if isinstance(frame, Deliveries) for one in frame.items]
    sent += [one for frame in _drain(outgoing) if isinstance(frame, Deliveries) for one in frame.items]

    assert sent == taken
    assert budget.bytes_taken == 0


def test_budget_tells_of_what_is_turned_away_and_of_nothing_else() -> None:
    """A frame that does not fit as a whole is tried item by item: only an item that does not fit is told."""
    told: list[None] = []
    budget = Budget(100, lambda: told.append(None))

    assert not budget.take(101, quietly=True)
    assert budget.take(60)
    assert told == []
    assert not budget.take(41)
    assert told == [None]
