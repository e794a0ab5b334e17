"""The endpoint's half of a connection, without a socket: frames in, actions out."""

import pytest

from gateway.crypto.keys import generate
from gateway.domain.decision import EditionRef
from gateway.domain.errors import PeerError, TrustError
from gateway.domain.session import Answer
from gateway.endpoint.checkpoints import Chain
from gateway.endpoint.conversation import (
    PROOFS_MAX,
    TRANSITIONS,
    Action,
    Answered,
    Contradicted,
    Conversation,
    Ended,
    Fetch,
    Greet,
    Noted,
    Proven,
    Say,
)
from gateway.endpoint.limits import EndpointLimits
from gateway.wire.frames import (
    Acknowledge,
    Answers,
    AskConsistency,
    Consistency,
    Deliveries,
    EditionNotice,
    EndpointHello,
    FromGateway,
    Goodbye,
    Hello,
    Informed,
    Submission,
    Submit,
)
from tests.endpoint.fake_ledger import LAW, FakeLedger
from tests.federation import NETWORK, ORIGIN

DIGEST = "A" * 43
PLAIN = Submission("message", b"raw")


def ledger(size: int) -> FakeLedger:
    """Return a ledger with `size` entries."""
    made = FakeLedger(generate("checkpoint"), EditionRef(1, LAW))
    for _ in range(size):
        made.append("submission-acceptance", "header", bytes(32))
    return made


def hello(of: FakeLedger, network: str = NETWORK, origin: str = ORIGIN, window: int = 8) -> Hello:
    """Return a gateway's hello."""
    return Hello(network, origin, 1, DIGEST, of.checkpoint().note, 0, window)


def opened(of: FakeLedger, chain: Chain | None = None, window: int = 8) -> tuple[Conversation, list[Action]]:
    """Return a conversation that is open, and what it said to get there."""
    conversation = Conversation(NETWORK, ORIGIN, EndpointLimits())
    greeting = hello(of, window=window)
    assert conversation.receive(greeting) == [Greet(greeting)]
    return conversation, conversation.greet(greeting, of.key.public, chain or Chain(None), 0, 0)


def said(actions: list[Action]) -> list[object]:
    """Return the frames among actions."""
    return [action.frame for action in actions if isinstance(action, Say)]


FRAMES: list[FromGateway] = [
    Answers([Answer(0, "busy")]),
    Deliveries([]),
    Informed([]),
    Consistency(1, 2, (), b"note"),
    EditionNotice(2, DIGEST),
]


@pytest.mark.parametrize("frame", FRAMES, ids=lambda frame: type(frame).__name__)
def test_threat_N4_nothing_counts_before_the_hello(frame: FromGateway) -> None:
    """Whoever speaks before it has said who it is, is no gateway of ours."""
    with pytest.raises(PeerError):
        Conversation(NETWORK, ORIGIN, EndpointLimits()).receive(frame)


def test_threat_N4_nothing_leaves_before_the_hello_was_checked() -> None:
    """Until the gateway's hello holds against the directory there is no room for a single submission."""
    one = ledger(3)
    conversation = Conversation(NETWORK, ORIGIN, EndpointLimits())

    assert conversation.room == conversation.acknowledge_room == 0
    conversation.receive(hello(one))
    assert conversation.room == conversation.acknowledge_room == 0
    conversation.greet(hello(one), one.key.public, Chain(None), 7, 0)
    assert conversation.room > 0


def test_second_hello_breaks_the_protocol() -> None:
    """A gateway introduces itself once."""
    one = ledger(3)
    conversation, _ = opened(one)

    with pytest.raises(PeerError):
        conversation.receive(hello(one))


def test_every_pair_of_state_and_frame_is_in_the_table_or_refused() -> None:
    """The table is the protocol: nothing that is not in it is ever taken."""
    assert {state for state, _ in TRANSITIONS} == {"waiting", "greeting", "open"}
    one = ledger(2)
    conversation, _ = opened(one)
    assert conversation.receive(Goodbye("drain")) == [Ended("drain")]
    for frame in (hello(one), Goodbye("drain"), *FRAMES):
        with pytest.raises(PeerError):
            conversation.receive(frame)


def test_hello_of_another_network_or_ledger_is_refused() -> None:
    """A gateway of another federation, or one that keeps another ledger, is not spoken to."""
    one = ledger(2)
    for wrong in (hello(one, network="other"), hello(one, origin="other.example/log")):
        with pytest.raises(TrustError):
            Conversation(NETWORK, ORIGIN, EndpointLimits()).receive(wrong)


def test_hello_under_another_key_is_refused() -> None:
    """The checkpoint in the hello must be under the key that the directory lists."""
    one = ledger(2)
    conversation = Conversation(NETWORK, ORIGIN, EndpointLimits())
    conversation.receive(hello(one))

    with pytest.raises(TrustError):
        conversation.greet(hello(one), generate("checkpoint").public, Chain(None), 0, 0)


def test_first_hello_is_answered_without_a_checkpoint_and_noted() -> None:
    """Who has seen nothing says so, and remembers what it is shown from then on."""
    one = ledger(3)
    _, actions = opened(one)

    assert actions == [Say(EndpointHello(None, 0)), Noted(one.checkpoint())]


def test_hello_shows_what_was_seen_and_asks_for_the_proof_of_growth() -> None:
    """The gateway learns what we hold of it, and has to show that what it shows now continues that."""
    one = ledger(5)
    conversation, actions = opened(one, Chain(one.checkpoint(3)))

    assert said(actions) == [EndpointHello(one.checkpoint(3).note, 0), AskConsistency(3, 5)]
    proof = Consistency(3, 5, one.consistency(3, 5), b"newest")
    assert conversation.receive(proof) == [Proven([one.checkpoint()], one.checkpoint())]


def test_threat_G3_smaller_ledger_is_told_what_it_lost_and_then_left() -> None:
    """A restored backup hears what was seen before we go; without that it could never find out."""
    one = ledger(5)
    small = ledger(0)
    small.key, small.leaves = one.key, one.leaves[:2]
    _, actions = opened(small, Chain(one.checkpoint()))

    assert said(actions) == [EndpointHello(one.checkpoint().note, 0)]
    assert isinstance(actions[-1], Contradicted)
    assert actions[-1].error.kind == "history-shrunk"


def test_numbers_count_from_zero_without_a_gap_over_both_kinds() -> None:
    """Submissions and acknowledgements share one row of numbers (frames.Submit)."""
    conversation, _ = opened(ledger(1))

    assert said(conversation.submit([("a", PLAIN), ("b", PLAIN)], 0)) == [Submit(0, [PLAIN, PLAIN])]
    assert said(conversation.acknowledge("c", b"batch", 0)) == [Acknowledge(2, b"batch")]
    assert said(conversation.submit([("d", PLAIN)], 0)) == [Submit(3, [PLAIN])]
    answers = [Answer(2, "busy"), Answer(0, "receipt"), Answer(3, "receipt"), Answer(1, "receipt")]
    assert [action.token for action in conversation.receive(Answers(answers)) if isinstance(action, Answered)] == [
        "c",
        "a",
        "d",
        "b",
    ]


def test_large_submissions_are_split_over_frames() -> None:
    """No frame of ours is over the bound, whatever is queued."""
    conversation, _ = opened(ledger(1))
    large = Submission("message", bytes(1_500_000))
    frames = said(conversation.submit([(n, large) for n in range(3)], 0))

    assert [frame.first for frame in frames if isinstance(frame, Submit)] == [0, 1, 2]


def test_answer_to_nothing_breaks_the_protocol() -> None:
    """An answer counts once, and only for what was asked."""
    conversation, _ = opened(ledger(1))
    conversation.submit([("a", PLAIN)], 0)
    conversation.receive(Answers([Answer(0, "receipt")]))

    with pytest.raises(PeerError):
        conversation.receive(Answers([Answer(0, "receipt")]))


@pytest.mark.parametrize("window", [1, 2, 8, 64])
def test_window_holds_whatever_is_sent(window: int) -> None:
    """Submissions and acknowledgements together never outrun the window, and neither starves the other."""
    conversation, _ = opened(ledger(1), window=window)
    sent = 0
    while conversation.room:
        conversation.submit([("m", PLAIN)], 0)
        sent += 1
    while conversation.acknowledge_room:
        conversation.acknowledge("a", b"batch", 0)
        sent += 1

    assert sent == window
    answers = [Answer(number, "receipt") for number in range(sent)]
    conversation.receive(Answers(answers))
    assert conversation.idle


def test_window_of_zero_lets_nothing_out() -> None:
    """A gateway that allows nothing gets nothing."""
    conversation, _ = opened(ledger(1), window=0)

    assert conversation.room == conversation.acknowledge_room == 0


def test_threat_G1_missing_answer_and_missing_proof_become_overdue() -> None:
    """Silence is noticed: an unanswered submission, and a ledger that will not show that it grew."""
    one = ledger(5)
    conversation, _ = opened(one)
    conversation.submit([("a", PLAIN)], 1_000)
    assert conversation.overdue(31_000) is None
    assert conversation.overdue(31_001) == "answer"
    assert conversation.waiting_since(1_001) == ["a"]

    silent, _ = opened(one, Chain(one.checkpoint(3)))
    assert silent.overdue(30_000) is None
    assert silent.overdue(30_001) == "proof"


def test_edition_notice_leads_to_a_fetch() -> None:
    """What the notice says is not believed; the edition itself is fetched and verified."""
    conversation, _ = opened(ledger(1))

    assert conversation.receive(EditionNotice(2, DIGEST)) == [Fetch(2, DIGEST)]


def test_head_of_a_receipt_is_noted_and_asked_about_once() -> None:
    """Every newer head is held against what was seen, and remembered until its proof is there."""
    one = ledger(3)
    conversation, _ = opened(one)
    one.append("submission-acceptance", "header", bytes(32))

    assert conversation.observe(one.checkpoint(), 0) == [Noted(one.checkpoint()), Say(AskConsistency(3, 4))]
    assert conversation.observe(one.checkpoint(), 0) == []


def test_many_owed_proofs_are_asked_for_a_few_at_a_time() -> None:
    """Heads that were seen through other gateways are proved one after the other: who asks for all at once is cut."""
    one = ledger(40)
    chain = Chain(one.checkpoint(1))
    for size in range(2, 40):
        chain.observe(one.checkpoint(size))
    conversation, actions = opened(one, chain)
    most = asked = 0
    waiting = [frame for frame in said(actions) if isinstance(frame, AskConsistency)]
    while waiting:
        most, asked = max(most, len(waiting)), asked + 1
        question = waiting.pop(0)
        path = one.consistency(question.old, question.new)
        answer = Consistency(question.old, question.new, path, one.checkpoint().note)
        waiting += [frame for frame in said(conversation.receive(answer)) if isinstance(frame, AskConsistency)]

    assert most == PROOFS_MAX
    assert asked == 39
    assert chain.proven == one.checkpoint()
    assert conversation.idle
