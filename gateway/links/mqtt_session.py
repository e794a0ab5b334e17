"""One authority behind a broker, as the switch sees it: its topics, what it sent, and what waits to be published.

There is no connection between the two ends, only topics. So a session begins with the first frame on an authority's
topic, may be pushed to from its endpoint's hello on, and ends with silence, or when no one is subscribed. Its peer is
the topic's authority: whoever publishes there, nothing counts that the authority did not sign. The number of a
submission names it for its answer and nothing else, because a broker may repeat, lose and reorder. Numbers are
answered as often as they come. Source: design sections 1 and 7; ADR 0009; threats B1, B2, B3.
"""

from collections import deque
from collections.abc import Callable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from gateway.domain.errors import GatewayError, LedgerError
from gateway.domain.session import Answer, CloseReason, Delivery, Evidence, Peer
from gateway.links.budget import Budget
from gateway.links.exchange import Exchange
from gateway.links.outgoing import Outgoing
from gateway.telemetry.bounds import BoundLog
from gateway.telemetry.metrics import Metrics
from gateway.wire.broker_frames import AskDirectory, Inner, encode_inner, parts_of
from gateway.wire.broker_limits import BrokerLimits
from gateway.wire.broker_words import Inbound
from gateway.wire.buckets import TokenBucket
from gateway.wire.frames import (
    Acknowledge,
    AskConsistency,
    Consistency,
    Deliveries,
    EditionNotice,
    EndpointHello,
    Goodbye,
    Submit,
    encode,
)
from gateway.wire.limits import Limits
from gateway.wire.topics import DELIVER, RECEIPT

# Hellos and parts of an edition that wait to be published; an endpoint that asks for more is not heard.
REPLIES_MAX = 32


class Shared(Struct, frozen=True):
    """What all sessions of one link share. `settle` gives a publish back to the broker, `ready` says: publish soon."""

    exchange: Exchange
    limits: Limits
    broker_limits: BrokerLimits
    metrics: Metrics
    unjudged: Budget
    outgoing: Budget
    settle: Callable[[Inbound], object]
    ready: Callable[["MqttSession"], None]
    now_s: Callable[[], float]
    bounds: BoundLog


class _Waiting:
    """One publish whose submissions are with the switch."""

    __slots__ = ("inbound", "open", "size_bytes")

    def __init__(self, inbound: Inbound, count: int, size_bytes: int) -> None:
        self.inbound = inbound
        self.open = count
        self.size_bytes = size_bytes


class MqttSession:
    """An authority that is reached through a broker."""

    def __init__(self, shared: Shared, peer: Peer, topic_id: str) -> None:
        """Hear `peer` on the topics of `topic_id`; nothing is pushed before its hello."""
        self._shared = shared
        self._exchange = shared.exchange
        self._peer = peer
        self.topic_id = topic_id
        self._outgoing = Outgoing(shared.limits, shared.outgoing)
        self._replies: deque[bytes] = deque()
        # Number to the publish that brought it. One that comes again before its answer waits behind the first.
        self._open: dict[int, _Waiting] = {}
        self._again: dict[int, deque[_Waiting]] = {}
        self._unjudged_bytes = 0
        # Which session of the endpoint we serve; None before its hello.
        self._serving: int | None = None
        self.reason: CloseReason | None = None
        self.heard_s = shared.now_s()
        limits, now_ms = shared.broker_limits, self._now_ms()
        self._messages = TokenBucket(limits.messages_per_s, limits.messages_burst, now_ms)
        self._octets = TokenBucket(limits.bytes_per_s, limits.bytes_burst, now_ms)
        self._exchange.attach(self, seen_note=None, evidence_after=None)
        shared.metrics.sessions["mqtt"].inc()

    # What the switch asks (`domain.session.Session`).

    @property
    def peer(self) -> Peer:
        """The topic's authority, over a link of kind `broker`."""
        return self._peer

    def answer(self, answers: Sequence[Answer]) -> None:
        """Publish outcomes soon, and give back to the broker what is settled by them."""
        for answer in answers:
            self._answered(answer.number)
        metrics = self._shared.metrics
        others = [answer.kind for answer in answers if answer.kind != "receipt"]
        metrics.answers["receipt"].inc(len(answers) - len(others))
        for kind in others:
            metrics.answers[kind].inc()
        if self.reason is None:
            self._outgoing.answer(answers)
            self._shared.ready(self)

    def deliver(self, deliveries: Sequence[Delivery]) -> int:
        """Take as many deliveries as the queue allows; none before the endpoint's hello."""
        if self._serving is None or self.reason is not None:
            return 0
        taken = self._outgoing.deliver(deliveries)
        self._shared.metrics.messages_delivered["mqtt"].inc(taken)
        self._shared.ready(self)
        return taken

    def inform(self, evidence: Sequence[Evidence]) -> int:
        """Take as much evidence as the queue allows; none before the endpoint's hello."""
        if self._serving is None or self.reason is not None:
            return 0
        taken = self._outgoing.inform(evidence)
        self._shared.ready(self)
        return taken

    def announce(self, number: int, sha256: str) -> None:
        """Tell an endpoint that is present that a newer edition is in force."""
        if self._serving is not None and self.reason is None:
            self._outgoing.announce(EditionNotice(number, sha256))
            self._shared.ready(self)

    def close(self, reason: CloseReason) -> None:
        """End the session; what it is owed stays in the spool, what it asked is still recorded."""
        if self.reason is not None:
            return
        if reason != "drain":
            self._forget()
        if self._serving is not None:
            self._replies.append(encode(Goodbye(reason)))
            self._shared.ready(self)
        self._end(reason, reason)

    # What the link asks.

    @property
    def idle(self) -> bool:
        """True if nothing that came has still to be answered."""
        return not self._open

    def leave(self) -> None:
        """End without a word: the endpoint, or the broker, is not there."""
        self._forget()
        if self.reason is None:
            self._end("slow", "peer")

    def submit(self, frame: Submit, inbound: Inbound) -> None:
        """Hand submissions to the switch; `inbound` goes back to the broker when all of them are settled."""
        items = frame.items
        bound = self._over_quota(len(items), len(inbound.payload)) or self._over_bound(len(items), len(inbound.payload))
        if bound:
            numbers = range(frame.first, frame.first + len(items))
            self._turn_back(numbers, inbound, bound)
            return
        self._shared.metrics.messages_received["mqtt"].inc(len(items))
        waiting = self._claim(len(items), inbound)
        try:
            self._hand_over(frame, waiting)
        except Exception:
            # A fault of ours: what it holds in memory ends here, whatever becomes of the publish.
            self._abandon(waiting)
            raise

    def take(self, frame: Inner, session: int, inbound: Inbound) -> None:
        """Take a frame that was addressed to us in a session of the endpoint."""
        match frame:
            case Acknowledge():
                self._acknowledge(frame, inbound)
                return
            case EndpointHello():
                self._greet(frame, session)
            case AskConsistency():
                path = self._exchange.consistency(frame.old, frame.new)
                self._outgoing.reply(Consistency(frame.old, frame.new, path, self._exchange.checkpoint_note()))
            case AskDirectory():
                if not self._replies:
                    edition = self._exchange.hello().edition_sha256
                    self._replies.extend(map(encode_inner, parts_of(self._exchange.directory_raw(), edition)))
        self._shared.ready(self)
        self._shared.settle(inbound)

    def charge(self, size_bytes: int) -> bool:
        """Book one frame of `size_bytes` on the quota of this topic; False when it is used up."""
        now_ms = self._now_ms()
        return self._messages.take(1, now_ms) and self._octets.take(size_bytes, now_ms)

    def say_hello(self) -> None:
        """Say who we are and where our ledger stands."""
        if len(self._replies) < REPLIES_MAX:
            self._replies.append(encode(replace(self._exchange.hello(), window=self._shared.limits.window)))
            self._shared.ready(self)

    def next_publish(self) -> tuple[str, bytes] | None:
        """Take what to publish next and on which topic; None when nothing waits."""
        taken = self._outgoing.next_frame() if self.reason is not None or not self._replies else None
        if taken is not None:
            frame = taken[0]
            return DELIVER if isinstance(frame, Deliveries) else RECEIPT, encode(frame)
        # A hello comes before everything else, a goodbye behind it.
        return (RECEIPT, self._replies.popleft()) if self._replies else None

    # Inside.

    def _end(self, reason: CloseReason, counted: str) -> None:
        self.reason = reason
        self._exchange.detach(self)
        self._shared.metrics.sessions["mqtt"].dec()
        self._shared.metrics.links_closed[counted].inc()

    def _forget(self) -> None:
        self._outgoing.clear()
        self._replies.clear()

    def _greet(self, hello: EndpointHello, session: int) -> None:
        """Serve the endpoint's session from its hello on; the same hello again says that it is still there."""
        if session != self._serving:
            self._exchange.detach(self)
            self._outgoing.clear()
            self._serving = session
            try:
                self._exchange.attach(self, seen_note=hello.seen, evidence_after=hello.evidence_after)
            except LedgerError:
                # It holds a checkpoint of ours that we do not hold; the switch has noted it.
                self.close("diverged")
                return
            except GatewayError:
                self.close("protocol")
                return
        self.say_hello()

    def _acknowledge(self, frame: Acknowledge, inbound: Inbound) -> None:
        self._shared.metrics.acknowledgements_received.inc()
        if bound := self._over_bound(1, len(inbound.payload)):
            self._turn_back(range(frame.number, frame.number + 1), inbound, bound)
            return
        self._wait_for(frame.number, self._claim(1, inbound))
        self._exchange.acknowledge(self, frame.number, frame.raw)

    def _hand_over(self, frame: Submit, waiting: _Waiting) -> None:
        submit = self._exchange.submit
        number = frame.first
        for item in frame.items:
            if self.reason is not None:
                # Cut by what came before it in this publish: the rest is nobody's.
                self._settle(waiting)
            else:
                self._wait_for(number, waiting)
                submit(self, number, item.kind, item.raw)
            number += 1

    def _abandon(self, waiting: _Waiting) -> None:
        for number in [number for number, other in self._open.items() if other is waiting]:
            del self._open[number]
        self._unjudged_bytes -= waiting.size_bytes
        self._shared.unjudged.give(waiting.size_bytes)

    def _over_quota(self, count: int, size_bytes: int) -> str:
        """Book so many submissions on the quota of this topic; return which one is used up, if one is."""
        now_ms = self._now_ms()
        if not self._messages.take(count, now_ms):
            return "messages of a topic"
        return "" if self._octets.take(size_bytes, now_ms) else "bytes of a topic"

    def _over_bound(self, count: int, size_bytes: int) -> str:
        """Take room for submissions, of which nothing has been verified; return which bound has none, if one has."""
        shared = self._shared
        if len(self._open) + count > shared.broker_limits.unanswered_max:
            return "unanswered submissions of a topic"
        if self._unjudged_bytes and self._unjudged_bytes + size_bytes > shared.limits.unjudged_bytes_max:
            return "unjudged bytes of a topic"
        return "" if shared.unjudged.take(size_bytes) else "unjudged bytes of all connections"

    def _claim(self, count: int, inbound: Inbound) -> _Waiting:
        size_bytes = len(inbound.payload)
        self._unjudged_bytes += size_bytes
        # What is waited for has been handed on; only who to settle is kept.
        inbound.payload = b""
        return _Waiting(inbound, count, size_bytes)

    def _wait_for(self, number: int, waiting: _Waiting) -> None:
        if number in self._open:
            self._again.setdefault(number, deque()).append(waiting)
        else:
            self._open[number] = waiting

    def _answered(self, number: int) -> None:
        waiting = self._open.pop(number, None)
        if waiting is None:
            return
        if self._again and number in self._again:
            later = self._again[number]
            self._open[number] = later.popleft()
            if not later:
                del self._again[number]
        self._settle(waiting)

    def _settle(self, waiting: _Waiting) -> None:
        waiting.open -= 1
        if not waiting.open:
            self._unjudged_bytes -= waiting.size_bytes
            self._shared.unjudged.give(waiting.size_bytes)
            self._shared.settle(waiting.inbound)

    def _turn_back(self, numbers: range, inbound: Inbound, bound: str) -> None:
        retry_after_s = self._shared.limits.busy_retry_after_s
        self._shared.bounds.reached(bound, retry_after_s, self._now_ms(), self._peer.authority)
        self.answer([Answer(number, "busy", code="busy", retry_after_s=retry_after_s) for number in numbers])
        self._shared.settle(inbound)

    def _now_ms(self) -> int:
        return int(self._shared.now_s() * 1_000)
