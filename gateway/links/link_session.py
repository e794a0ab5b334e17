"""One WebSocket connection: the `Session` that the switch sees, and its two tasks.

One reader and one writer a connection, nothing a message: the reader decodes a frame once and hands its
items to the switch in a loop; what the switch answers, delivers and tells in one turn of the loop waits in
`Outgoing` and leaves in one frame of each kind. The gateway speaks first; whoever sends before its own
hello, outruns the window or stops reading is cut, and resumes without loss.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from aiohttp import WSMsgType, web
from msgspec import Struct
from msgspec.structs import replace

from gateway.domain.errors import CapacityError, FormatError, GatewayError, LedgerError, PeerError
from gateway.domain.session import Answer, CloseReason, Delivery, Evidence, Peer
from gateway.links.arrivals import Arrival, Arrivals
from gateway.links.budget import Budget
from gateway.links.exchange import Exchange
from gateway.links.outgoing import Outgoing
from gateway.links.window import Window
from gateway.telemetry.metrics import Metrics
from gateway.wire.frames import (
    Acknowledge,
    AskConsistency,
    Consistency,
    EditionNotice,
    EndpointHello,
    FromEndpoint,
    Goodbye,
    Submit,
    decode_from_endpoint,
)
from gateway.wire.framing import append_framed, framed
from gateway.wire.limits import Limits
from gateway.wire.problems import closing

# One write, one TLS record after the other, one system call: receipts, evidence and deliveries leave together.
WRITTEN_TOGETHER_BYTES = 128 * 1024


class Shared(Struct, frozen=True):
    """What all connections of a listener share."""

    exchange: Exchange
    arrivals: Arrivals
    limits: Limits
    metrics: Metrics
    unjudged: Budget
    outgoing: Budget


class LinkSession:
    """One endpoint at the other end of a WebSocket."""

    def __init__(
        self,
        shared: Shared,
        socket: web.WebSocketResponse,
        transport: asyncio.Transport,
        drained: Callable[[], Awaitable[None]],
        peer: Peer,
    ) -> None:
        """Serve `peer` over `socket`, whose bytes pass `transport`; `drained` waits until it takes more."""
        self._exchange = shared.exchange
        self._arrivals = shared.arrivals
        self._limits = shared.limits
        self._metrics = shared.metrics
        self._unjudged = shared.unjudged
        self._socket = socket
        self._transport = transport
        self._drained = drained
        self._peer = peer
        self._loop = asyncio.get_running_loop()
        self._window = Window(shared.limits.window)
        self._outgoing = Outgoing(shared.limits, shared.outgoing)
        self._open = True
        self._attached = False
        self._draining = False
        self._reason: CloseReason | None = None
        # Futures instead of events: one allocation a wait, none a message.
        self._work: asyncio.Future[None] | None = None
        self._room: asyncio.Future[None] | None = None
        self._sending_since_s: float | None = None
        # One submission at a time is timed, from arrival to answer.
        self._sample: tuple[int, float] | None = None
        self._timers: list[asyncio.TimerHandle] = []
        # Done when nothing of the connection is left; `close` bounds how long that takes.
        self.ended: asyncio.Future[None] = self._loop.create_future()

    # What the switch asks (`domain.session.Session`).

    @property
    def peer(self) -> Peer:
        """Who is at the other end."""
        return self._peer

    @property
    def is_open(self) -> bool:
        """False once the connection is to end."""
        return self._open

    def spare(self, numbers: range) -> None:
        """Take back what was booked for submissions that nobody judges any more."""
        self._unjudged.give(self._window.forget(numbers))

    def answer(self, answers: Sequence[Answer]) -> None:
        """Queue outcomes for the next frame, and free the bytes they kept."""
        # Answers come after the end of a connection too: the bytes were ours until now.
        self._unjudged.give(self._window.judged(answers))
        self._count(answers)
        if self._room is not None and self._has_room():
            _release(self._room)
        if self._open:
            self._outgoing.answer(answers)
            _release(self._work)
            if self._draining:
                self._leave_when_answered()

    def deliver(self, deliveries: Sequence[Delivery]) -> int:
        """Take as many deliveries as the queue allows; none while the peer does not read."""
        if not self._takes():
            return 0
        taken = self._outgoing.deliver(deliveries)
        self._metrics.messages_delivered["websocket"].inc(taken)
        _release(self._work)
        return taken

    def inform(self, evidence: Sequence[Evidence]) -> int:
        """Take as much evidence as the queue allows; none while the peer does not read."""
        if not self._takes():
            return 0
        taken = self._outgoing.inform(evidence)
        _release(self._work)
        return taken

    def announce(self, number: int, sha256: str) -> None:
        """Tell the peer that a newer directory edition is in force."""
        if self._open:
            self._outgoing.announce(EditionNotice(number, sha256))
            _release(self._work)

    def close(self, reason: CloseReason) -> None:
        """End the connection within `closing_timeout_s`, whatever the peer does."""
        if not self._open:
            return
        self._open = False
        self._reason = reason
        if reason != "drain":
            # Nothing more for a peer that lost its right or broke the rules; it is all in the spool.
            self._outgoing.clear()
        self._timers.append(self._loop.call_later(self._limits.closing_timeout_s, self._transport.abort))
        _release(self._work)
        _release(self._room)

    # What the listener asks.

    def drain(self) -> None:
        """Take no frame any more; say goodbye as soon as everything that was taken has its answer.

        What comes after it is read and dropped: it has no answer, so the endpoint sends it again elsewhere. Not to
        read it would make the end of the connection a reset, which may overtake the last answers.
        """
        self._draining = True
        self._leave_when_answered()

    def lost(self) -> None:
        """Hear that the connection is gone."""
        self._open = False
        _release(self._work)
        _release(self._room)

    async def run(self) -> None:
        """Greet, serve, and leave nothing behind."""
        sessions = self._metrics.sessions["websocket"]
        sessions.inc()
        writer: asyncio.Task[None] | None = None
        self._watch()
        try:
            await self._send(framed(replace(self._exchange.hello(), window=self._limits.window)))
            writer = asyncio.create_task(self._write(), name="link-writer")
            if await self._greeted():
                await self._read()
        except ConnectionError:
            # The peer left while we wrote; the reader has nothing to add.
            self._open = False
        finally:
            if self._attached:
                self._exchange.detach(self)
            await self._end(writer)
            sessions.dec()
            self._metrics.links_closed[self._reason or "peer"].inc()
            _release(self.ended)

    # The reader.

    async def _greeted(self) -> bool:
        """Wait for the endpoint's hello and attach; False when the connection is to end."""
        frame = await self._next(self._limits.hello_timeout_s)
        if not isinstance(frame, EndpointHello):
            if frame is not None:
                self.close("protocol")
            return False
        try:
            self._attached = True
            self._exchange.attach(self, seen_note=frame.seen, evidence_after=frame.evidence_after)
        except LedgerError:
            # It has seen a checkpoint of ours that we do not hold; the switch has noted it.
            self.close("diverged")
        except CapacityError:
            # The store cannot be asked what the peer has seen; it may be able to a moment later.
            self.close("overload")
        except GatewayError:
            self.close("protocol")
        return self._open

    async def _read(self) -> None:
        while self._open:
            frame = await self._next()
            if frame is None:
                return
            if self._draining:
                continue
            try:
                self._take(frame)
            except (PeerError, FormatError):
                self._broken()
            except CapacityError:
                self.close("overload")
            except LedgerError:
                # The store has latched; `app` stops the process. Nothing of this frame was acknowledged.
                self.close("fault")
            while not self._has_room():
                self._room = self._loop.create_future()
                await self._room
                self._room = None

    async def _next(self, timeout_s: float | None = None) -> FromEndpoint | None:
        """Return the next frame; None when there is none and the connection is to end.

        No timeout once a peer is greeted: the heartbeat cuts it when it does not answer any more.
        """
        try:
            message = await self._socket.receive(timeout=timeout_s)
        except TimeoutError:
            self.close("slow")
            return None
        if message.type is WSMsgType.BINARY:
            try:
                return decode_from_endpoint(message.data)
            except FormatError:
                self._broken()
        if message.type is WSMsgType.TEXT:
            self._broken()
        elif self._reason is None and message.type is WSMsgType.ERROR and self._socket.close_code != 1006:
            # aiohttp has closed already: too large (1009) or no WebSocket frame (1002).
            self._reason = "protocol"
        return None

    def _take(self, frame: FromEndpoint) -> None:
        if self._exchange.peer(self._peer.spki_sha256) != self._peer:
            self.close("revoked")
            return
        match frame:
            case Submit():
                self._submit(frame)
            case Acknowledge():
                self._window.claim(frame.number, 1)
                self._metrics.acknowledgements_received.inc()
                if self._charge(frame.number, len(frame.raw)):
                    self._arrivals.hand_over()
                    self._exchange.acknowledge(self, frame.number, frame.raw)
            case AskConsistency():
                path = self._exchange.consistency(frame.old, frame.new)
                if not self._outgoing.reply(Consistency(frame.old, frame.new, path, self._exchange.checkpoint_note())):
                    raise PeerError("proofs are asked for faster than they are read")
                _release(self._work)
            case EndpointHello():
                raise PeerError("a second hello")

    def _broken(self) -> None:
        """End the connection of a peer that broke the protocol; what it sent before that is judged."""
        self._arrivals.hand_over()
        self.close("protocol")

    def _submit(self, frame: Submit) -> None:
        number, items = frame.first, frame.items
        self._window.claim(number, len(items))
        self._metrics.messages_received["websocket"].inc(len(items))
        if self._sample is None:
            self._sample = (number, self._loop.time())
        sizes_bytes = [len(item.raw) for item in items]
        if self._unjudged.take(sum(sizes_bytes), quietly=True):
            self._window.hand_over(number, sizes_bytes)
            self._arrivals.add(Arrival(self, number, items))
            return
        for offset, item in enumerate(items, number):
            if self._charge(offset, len(item.raw)):
                self._arrivals.add(Arrival(self, offset, (item,)))

    def _charge(self, number: int, size_bytes: int) -> bool:
        """Book bytes for judgement; answer busy when all connections together have too many."""
        if not self._unjudged.take(size_bytes):
            self.answer((Answer(number, "busy", code="busy", retry_after_s=self._limits.busy_retry_after_s),))
            return False
        self._window.hand_over(number, (size_bytes,))
        return True

    # The writer.

    async def _write(self) -> None:
        try:
            while True:
                while raw := self._next_bytes():
                    await self._send(raw)
                if not self._open:
                    break
                self._work = self._loop.create_future()
                await self._work
                self._work = None
            if self._reason is not None:
                await self._send(framed(Goodbye(self._reason)))
                entry = closing(self._reason)
                await self._socket.close(code=entry.close_code, message=entry.code.encode())
        except ConnectionError:
            # The peer is gone; `lost` tells the reader.
            return

    def _next_bytes(self) -> bytearray:
        """Return the frames that wait, as many as are written at once; nothing when none waits."""
        written = bytearray()
        while len(written) < WRITTEN_TOGETHER_BYTES and (taken := self._outgoing.next_frame()) is not None:
            frame, answers = taken
            self._window.written(answers)
            append_framed(written, frame)
        return written

    async def _send(self, raw: bytearray) -> None:
        self._sending_since_s = self._loop.time()
        if self._transport.is_closing():
            raise ConnectionResetError
        # Whole frames: what aiohttp writes itself, pings and the closing frame, comes before or after them.
        self._transport.write(raw)
        await self._drained()
        self._sending_since_s = None

    def _watch(self) -> None:
        """Cut a peer that has taken nothing for `send_timeout_s`."""
        limit_s = self._limits.send_timeout_s
        since_s = self._sending_since_s
        if since_s is not None and self._loop.time() - since_s > limit_s:
            self.close("slow")
            self._transport.abort()
            return
        self._timers[:1] = [self._loop.call_later(limit_s / 4, self._watch)]

    async def _end(self, writer: asyncio.Task[None] | None) -> None:
        try:
            if writer is not None and self._reason is not None:
                await asyncio.wait((writer,), timeout=2 * self._limits.closing_timeout_s)
        finally:
            self._open = False
            for timer in self._timers:
                timer.cancel()
            if writer is not None:
                writer.cancel()
            self._outgoing.clear()

    # Small questions.

    def _leave_when_answered(self) -> None:
        if not self._window.unanswered:
            self.close("drain")

    def _takes(self) -> bool:
        if self._draining or not self._open:
            return False
        return self._transport.get_write_buffer_size() <= self._limits.write_buffer_bytes

    def _has_room(self) -> bool:
        """True when another frame of any size stays within the bound of unjudged bytes, or none will come."""
        waiting, limits = self._window.unjudged_bytes, self._limits
        return not self._open or not waiting or waiting + limits.frame_bytes_max <= limits.unjudged_bytes_max

    def _count(self, answers: Sequence[Answer]) -> None:
        metrics = self._metrics
        others = [answer.kind for answer in answers if answer.kind != "receipt"]
        metrics.answers["receipt"].inc(len(answers) - len(others))
        for kind in others:
            metrics.answers[kind].inc()
        if self._sample is not None and not self._window.waits(self._sample[0]):
            metrics.accept_duration_seconds.observe(self._loop.time() - self._sample[1])
            self._sample = None


def _release(waiter: "asyncio.Future[None] | None") -> None:
    if waiter is not None and not waiter.done():
        waiter.set_result(None)
