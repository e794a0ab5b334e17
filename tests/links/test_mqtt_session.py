"""One authority behind a broker, without the broker: numbers, bounds, presence, and what is settled when."""

from typing import Any

import pytest
from msgspec.structs import replace

from gateway.domain.errors import FormatError
from gateway.domain.session import Answer, CloseReason, Peer
from gateway.links.budget import Budget
from gateway.links.mqtt_session import MqttSession, Shared
from gateway.telemetry.bounds import BoundLog
from gateway.telemetry.metrics import Metrics
from gateway.wire.broker_frames import AskDirectory, decode_part, tag_of
from gateway.wire.broker_limits import BrokerLimits
from gateway.wire.broker_words import Inbound
from gateway.wire.frames import (
    Acknowledge,
    Answers,
    AskConsistency,
    Deliveries,
    EndpointHello,
    Goodbye,
    Hello,
    Submission,
    Submit,
    decode_from_gateway,
)
from gateway.wire.limits import Limits
from tests.links.exchange import FakeExchange, delivery
from tests.logged import logged

PEER = Peer("cz-police", "A" * 43, "broker", 1)
HELLO = EndpointHello(seen=None, evidence_after=0)


class Bench:
    """A session, the fake switch above it and the link below it."""

    def __init__(self, **limits: int) -> None:
        self.exchange = FakeExchange()
        self.settled: list[int] = []
        self.now_s = 0.0
        self.unjudged = Budget(10_000_000)
        self.metrics = Metrics("test")
        self.shared = Shared(
            exchange=self.exchange,
            limits=Limits(),
            broker_limits=BrokerLimits(**limits),
            metrics=self.metrics,
            unjudged=self.unjudged,
            outgoing=Budget(10_000_000),
            settle=lambda inbound: self.settled.append(inbound.number),
            ready=lambda _: None,
            now_s=lambda: self.now_s,
            bounds=BoundLog("mqtt"),
        )
        self.session = MqttSession(self.shared, PEER, "0" * 32)
        self._publishes = 0

    def inbound(self, size_bytes: int = 10) -> Inbound:
        """Return the next publish of the broker."""
        self._publishes += 1
        return Inbound("accord/v1/x/submit", bytes(size_bytes), False, 1, self._publishes, 1)

    def submit(self, first: int, *raws: bytes, size_bytes: int = 10) -> None:
        """Have submissions come."""
        items = [Submission("message", raw) for raw in raws]
        self.session.submit(Submit(first=first, items=items), self.inbound(size_bytes))

    def published(self) -> list[Any]:
        """Return what waits to be published, each with the word of its topic."""
        found = []
        while (taken := self.session.next_publish()) is not None:
            word, raw = taken
            found.append((word, tag_of(raw) if tag_of(raw) == "directory-part" else decode_from_gateway(raw)))
        return found

    def answers(self) -> list[tuple[int, str]]:
        """Return number and kind of every answer that waits."""
        frames = [frame for _, frame in self.published() if isinstance(frame, Answers)]
        return [(answer.number, answer.kind) for frame in frames for answer in frame.items]


def test_publish_is_settled_after_the_last_of_its_submissions_is_answered() -> None:
    """The broker keeps a publish until the store has all that it carries, or its sender was told why not."""
    bench = Bench()
    bench.exchange.held = []
    bench.submit(2**40, b"a", b"b")
    (_, first), (_, second) = bench.exchange.held
    bench.session.answer([Answer(second, "receipt", permitted=True)])
    assert bench.settled == []
    bench.session.answer([Answer(first, "busy", code="busy")])

    assert bench.settled == [1]
    assert bench.answers() == [(second, "receipt"), (first, "busy")]
    assert bench.unjudged.bytes_taken == 0


def test_numbers_may_come_in_any_order_and_twice() -> None:
    """A broker that doubles and reorders costs answers, no submission and no acknowledgement (threat B2)."""
    bench = Bench()
    bench.exchange.held = []
    bench.submit(7, b"later")
    bench.submit(3, b"earlier")
    bench.submit(3, b"earlier")
    bench.exchange.release()

    assert [raw for _, _, raw in bench.exchange.submitted] == [b"later", b"earlier", b"earlier"]
    assert bench.answers() == [(7, "receipt"), (3, "receipt"), (3, "receipt")]
    assert sorted(bench.settled) == [1, 2, 3]
    assert bench.session.idle


def test_answer_after_the_end_still_settles_what_was_taken() -> None:
    """A session that ended owes the broker its acknowledgement: the store has the message."""
    bench = Bench()
    bench.exchange.held = []
    bench.submit(0, b"a")
    bench.session.leave()
    bench.exchange.release()

    assert bench.settled == [1]
    assert bench.unjudged.bytes_taken == 0
    assert bench.published() == []


def test_quota_of_a_topic_is_asked_before_anything_is_verified() -> None:
    """A flood is turned back at the link; the switch and the authority's own quota never see it (threat E13)."""
    bench = Bench(messages_per_s=1, messages_burst=4)
    bench.submit(0, b"a", b"b", b"c")
    with logged() as lines:
        bench.submit(3, b"d", b"e")
        said = lines("bound-reached")

    assert len(bench.exchange.submitted) == 3
    assert bench.answers()[3:] == [(3, "busy"), (4, "busy")]
    assert [(line["bound"], line["authority"]) for line in said] == [("messages of a topic", PEER.authority)]
    bench.now_s = 3.0
    bench.submit(5, b"f")
    assert len(bench.exchange.submitted) == 4
    assert bench.settled == [1, 2, 3]


@pytest.mark.parametrize(
    ("limits", "size_bytes", "bound"),
    [
        ({"unanswered_max": 2}, 10, "unanswered submissions of a topic"),
        ({"bytes_burst": 100}, 101, "bytes of a topic"),
        ({}, 9_999_999, "unjudged bytes of a topic"),
    ],
)
def test_bound_of_unanswered_submissions_holds(limits: dict[str, int], size_bytes: int, bound: str) -> None:
    """Whatever comes, numbers and bytes in our memory are bounded, and the log names the bound."""
    bench = Bench(**limits)
    bench.exchange.held = []
    bench.submit(0, b"a", b"b")
    with logged() as lines:
        bench.submit(2, b"c", size_bytes=size_bytes)
        assert [line["bound"] for line in lines("bound-reached")] == [bound]

    assert len(bench.exchange.submitted) == 2
    assert bench.answers() == [(2, "busy")]


def test_nothing_is_pushed_before_the_endpoint_said_hello() -> None:
    """Who only submits is answered; deliveries and evidence go where somebody is (and listens)."""
    bench = Bench()
    assert bench.session.deliver([delivery(1)]) == 0
    bench.session.take(HELLO, 5, bench.inbound())

    assert bench.session.deliver([delivery(1)]) == 1
    (hello_word, hello), (word, deliveries) = bench.published()
    assert (hello_word, word) == ("receipt", "deliver")
    assert isinstance(hello, Hello)
    assert isinstance(deliveries, Deliveries)
    assert bench.exchange.attached == [(None, None), (None, 0)]


def test_hello_again_is_presence_and_a_new_session_begins_anew() -> None:
    """The same session keeps its place; another first number is an endpoint that has started again."""
    bench = Bench()
    for session in (5, 5, 5, 6):
        bench.session.take(HELLO, session, bench.inbound())

    assert len(bench.exchange.attached) == 3
    assert len(bench.exchange.sessions) == 1
    assert len(bench.published()) == 4


@pytest.mark.parametrize(("diverged", "seen", "reason"), [(True, None, "diverged"), (False, b"garbage", "protocol")])
def test_hello_that_the_switch_refuses_ends_the_session(
    diverged: bool, seen: bytes | None, reason: CloseReason
) -> None:
    """As on a WebSocket; the goodbye says why."""
    bench = Bench()
    bench.exchange.diverged = diverged
    bench.session.take(EndpointHello(seen=seen, evidence_after=0), 5, bench.inbound())

    assert [frame for _, frame in bench.published()] == [Goodbye(reason)]
    assert bench.settled == [1]


def test_directory_and_proofs_are_given_and_asking_for_more_is_not_heard() -> None:
    """What is asked for faster than it is published is bounded."""
    bench = Bench()
    for _ in range(50):
        bench.session.take(AskDirectory(), 5, bench.inbound())
        bench.session.take(AskConsistency(1, 2), 5, bench.inbound())
    kinds = [frame if isinstance(frame, str) else type(frame).__name__ for _, frame in bench.published()]

    assert kinds.count("directory-part") == 1
    assert kinds.count("Consistency") == bench.shared.limits.replies_max
    with pytest.raises(FormatError):
        bench.session.take(AskConsistency(9, 2), 5, bench.inbound())


def test_acknowledgements_are_taken_and_answered_by_their_number() -> None:
    """A signed batch goes to the switch and its publish is settled by the answer."""
    bench = Bench()
    bench.exchange.held = []
    bench.session.take(Acknowledge(9, b"signed"), 5, bench.inbound())
    assert bench.settled == []
    bench.exchange.release()

    assert bench.exchange.acknowledged == [(9, b"signed")]
    assert bench.settled == [1]
    assert bench.answers() == [(9, "receipt")]


def test_session_that_is_cut_while_it_submits_settles_the_rest() -> None:
    """After too many failures in one publish the others in it are not judged, and the broker gets it back settled."""
    bench = Bench()

    def cut(number: int, _: bytes) -> Answer:
        bench.session.close("protocol")
        return Answer(number, "invalid", code="format-invalid")

    bench.exchange.outcome = cut
    bench.submit(0, b"a", b"b", b"c")

    assert len(bench.exchange.submitted) == 1
    assert bench.settled == [1]
    assert bench.unjudged.bytes_taken == 0


def test_drained_session_says_goodbye_behind_everything_else() -> None:
    """What was answered before the drain is published; the goodbye is the last word."""
    bench = Bench()
    bench.session.take(HELLO, 5, bench.inbound())
    bench.submit(0, b"a")
    bench.session.close("drain")

    assert [type(frame).__name__ for _, frame in bench.published()] == ["Answers", "Hello", "Goodbye"]


def test_count_of_sessions_goes_back_to_nothing() -> None:
    """However a session ends, it is counted once."""
    bench = Bench()
    bench.session.close("revoked")
    bench.session.close("drain")
    bench.session.leave()

    assert bench.metrics.registry.get_sample_value("accord_sessions", {"transport": "mqtt"}) == 0
    assert bench.metrics.registry.get_sample_value("accord_links_closed_total", {"reason": "revoked"}) == 1
    assert bench.exchange.sessions == []


def test_part_of_an_edition_is_what_the_switch_has() -> None:
    """The edition in force travels as its signers made it."""
    bench = Bench()
    bench.session.take(AskDirectory(), 5, bench.inbound())
    taken = bench.session.next_publish()

    assert taken is not None
    assert decode_part(taken[1]).raw == b"signed edition"
    assert replace(decode_part(taken[1]), raw=b"x").total == len(b"signed edition")
