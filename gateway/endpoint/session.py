"""One connection to a gateway, run: frames from the wire through the conversation to the disk, and back.

Frames that come together share a transaction; what they lead to is told after it. A few named tasks
a connection, none a message. However it ends, what is durable goes on from there on the next connection.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from msgspec.structs import replace

from gateway.crypto.digests import encode_base64url
from gateway.domain.errors import FormatError, PeerError, SignatureError, TrustError
from gateway.domain.receipt import Checkpoint
from gateway.domain.session import Answer, CloseReason, Delivery, Evidence
from gateway.endpoint import evidence, hearsay, outbox
from gateway.endpoint.acknowledging import Batch
from gateway.endpoint.alarms import Alarm, AlarmedError, AlarmKind
from gateway.endpoint.checkpoints import TwoHistoriesError
from gateway.endpoint.conversation import (
    Action,
    Answered,
    Contradicted,
    Conversation,
    Delivered,
    Ended,
    Fetch,
    Greet,
    Heard,
    Noted,
    Proven,
    Say,
)
from gateway.endpoint.effects import Effects
from gateway.endpoint.identity import GatewayAddress
from gateway.endpoint.intake import Intake
from gateway.endpoint.keeping import Keeping
from gateway.endpoint.outbox import Due
from gateway.endpoint.transport import LinkError, Wire
from gateway.endpoint.unread import Unread
from gateway.wire.frames import FromEndpoint, Hello, Submission, decode_from_gateway, encode
from gateway.wire.problems import closing

TICK_S = 0.2
DRAIN_S = 1.0
# Work on frames that takes longer than this is made durable in parts, and others get their turn between.
TURN_S = 0.01
# A submission that waits this long for its answer is noted as sent; most never are.
SENT_NOTED_AFTER_MS = 400
# Proofs that another gateway than ours may owe us.
OTHERS_OWED_MAX = 256
# The directory is fetched again for something that does not verify, but not more often than this.
REFETCH_AFTER_MS = 5_000

T = TypeVar("T")


class GoodbyeError(LinkError):
    """The gateway ended the connection and said why."""

    def __init__(self, reason: CloseReason) -> None:
        problem = closing(reason)
        super().__init__(f"the gateway ended the connection: {problem.title}; {problem.remedy}")
        self.reason = reason


class Session:
    """One connection, from its hello to its end."""

    def __init__(self, keeping: Keeping, address: GatewayAddress, wire: Wire, opened: Callable[[], None]) -> None:
        """Serve `wire`; `opened` is called once the hello has been checked."""
        self._keeping = keeping
        self._address = address
        self._wire = wire
        self._opened = opened
        self._loop = asyncio.get_running_loop()
        self._conversation = Conversation(
            keeping.identity.network, address.origin, keeping.limits, wire.first_number, vouched=wire.vouches
        )
        # Sequences that nobody vouches for have a cursor of their own: a false one must hide nothing elsewhere.
        self._source = address.origin if wire.vouches else f"{address.origin} by hearsay"
        self._intake = Intake(keeping, self._source, self._observe)
        self._unread = Unread(keeping.limits.unread_bytes_max)
        self._outgoing: asyncio.Queue[FromEndpoint] = asyncio.Queue()
        self._effects = Effects()
        self._committing: asyncio.Task[None] | None = None
        self._turn_began_s = 0.0
        self._paused_until_ms = 0
        self._refetched_ms = -REFETCH_AFTER_MS
        self.heard_ms = self._now_ms()

    @property
    def idle(self) -> bool:
        """True if nothing is under way in either direction."""
        writing = self._committing is not None and not self._committing.done()
        at_work = self._unread or self._effects or writing
        return self._conversation.state == "open" and self._conversation.idle and not at_work

    async def run(self) -> None:
        """Serve until the connection ends.

        Raises:
            ExceptionGroup: of `LinkError`, `PeerError`, `TrustError`, `FormatError`, or `LedgerError`.
        """
        self._keeping.dispatch.restart()
        self._keeping.acknowledging.restart()
        async with asyncio.TaskGroup() as group:
            for task, name in (
                (self._receive(), "endpoint-receive"),
                (self._work(), "endpoint-work"),
                (self._send(), "endpoint-send"),
                (self._feed(), "endpoint-feed"),
                (self._acknowledge(), "endpoint-acknowledge"),
                (self._tick(), "endpoint-tick"),
            ):
                group.create_task(task, name=name)

    # The tasks.

    async def _receive(self) -> None:
        while True:
            try:
                raw = await self._wire.receive()
            except LinkError:
                await self._unread.heard_out(DRAIN_S)
                raise
            self.heard_ms = self._now_ms()
            await self._unread.add(raw)

    async def _work(self) -> None:
        while True:
            await self._unread.turn()
            self._turn_began_s = self._loop.time()
            try:
                while self._unread:
                    for action in self._conversation.receive(decode_from_gateway(self._unread.take())):
                        await self._act(action)
                await self._commit()
            except TwoHistoriesError as error:
                self._effects.alarms.append(Alarm(error.kind, self._address.origin, str(error), error.evidence))
                raise
            finally:
                if self._effects:
                    await self._commit()
                    await self._committed()

    async def _send(self) -> None:
        while True:
            frame = await self._outgoing.get()
            try:
                await self._wire.send(encode(frame))
            except LinkError:
                # Whoever reads finds the end too, behind what may explain it.
                await asyncio.sleep(DRAIN_S)
                raise
            self._outgoing.task_done()
            if self._outgoing.empty():
                self._keeping.dispatch.wake.set()

    async def _feed(self) -> None:
        dispatch = self._keeping.dispatch
        while True:
            await dispatch.wake.wait()
            dispatch.wake.clear()
            # A gateway that does not read must not make us pile up frames in memory.
            if self._now_ms() < self._paused_until_ms or not self._outgoing.empty():
                continue
            parcels = hearsay.cleared(dispatch.take(self._conversation.room), self._keeping, self._wire.vouches)
            # The token forgets the bytes: they are on disk, and a window may be long.
            items: list[tuple[object, Submission]] = [
                (replace(due, raw=b""), Submission(due.kind, due.raw)) for due in parcels
            ]
            for action in self._conversation.submit(items, self._now_ms()):
                await self._act(action)

    async def _acknowledge(self) -> None:
        acknowledging = self._keeping.acknowledging
        while True:
            await acknowledging.wake.wait()
            await asyncio.sleep(self._keeping.limits.acknowledge_pause_s())
            acknowledging.wake.clear()
            if self._now_ms() < self._paused_until_ms:
                continue
            while self._conversation.acknowledge_room:
                batch = acknowledging.take(self._keeping.chain(self._address.origin).proven)
                if batch is None:
                    break
                for action in self._conversation.acknowledge(batch, batch.raw, self._now_ms()):
                    await self._act(action)

    async def _tick(self) -> None:
        keeping = self._keeping
        noted: set[int] = set()
        while True:
            await asyncio.sleep(TICK_S)
            now_ms = self._now_ms()
            owed = self._conversation.overdue(now_ms)
            if owed == "proof" and self._wire.vouches:
                origin = self._address.origin
                detail = f"`{origin}` does not prove that its ledger only grew"
                await keeping.sound(Alarm("proof-withheld", origin, detail))
            if owed is not None:
                raise PeerError(f"the gateway owes us, for too long: {owed}")
            late = self._conversation.waiting_since(now_ms - SENT_NOTED_AFTER_MS)
            sequences = [token.sequence for token in late if isinstance(token, Due) and token.sequence not in noted]
            if sequences:
                noted.update(sequences)
                await keeping.journal.write(partial(outbox.mark_sent, sequences=sequences, at_ms=keeping.clock()))
            keeping.dispatch.wake.set()
            if 0 < self._paused_until_ms <= now_ms:
                self._paused_until_ms = 0
                keeping.acknowledging.wake.set()

    # What actions mean.

    async def _act(self, action: Action) -> None:
        match action:
            case Greet(hello):
                await self._greet(hello)
            case Fetch(number, sha256):
                if self._keeping.editions.differs(number, sha256):
                    await self._fetch()
            case Answered() | Delivered() | Heard():
                await self._take(action)
            case Contradicted(error):
                # Let it hear what we have seen before we leave.
                async with asyncio.timeout(DRAIN_S):
                    await self._outgoing.join()
                raise error
            case Ended(reason):
                raise GoodbyeError(reason)
            case Say() | Noted() | Proven():
                self._apply(action)

    async def _take(self, action: Answered | Delivered | Heard) -> None:
        match action:
            case Answered(token, answer):
                await self._answered(token, answer)
            case Delivered(items):
                for delivery in items:
                    await self._delivered(delivery)
                    await self._turn()
            case Heard(items):
                for item in items:
                    await self._heard(item)
                    await self._turn()

    def _apply(self, action: Action) -> None:
        """Do what needs no waiting."""
        match action:
            case Say(frame):
                self._outgoing.put_nowait(frame)
            case Noted(head):
                at_ms = self._keeping.clock()
                self._effects.changes.append(lambda one: evidence.note_head(one, head, at_ms))
            case Proven(heads, newest):
                self._effects.changes.append(lambda one: evidence.prove_heads(one, heads, newest))

    async def _greet(self, hello: Hello) -> None:
        keeping, origin = self._keeping, self._address.origin
        keeping.alarms.check(origin)
        if keeping.editions.differs(hello.edition, hello.edition_sha256):
            await self._fetch()
        keeping.editions.require(keeping.clock())
        public = keeping.editions.gateway_keys().get(origin)
        if public is None:
            raise TrustError(f"edition {keeping.editions.number} of the directory lists no gateway `{origin}`")
        after = evidence.cursor(keeping.journal, self._source)
        for action in self._conversation.greet(hello, public, keeping.chain(origin), after, self._now_ms()):
            await self._act(action)
        self._opened()
        keeping.dispatch.wake.set()
        keeping.acknowledging.wake.set()

    async def _answered(self, token: object, said: Answer) -> None:
        answer = said if self._wire.vouches else hearsay.tempered(said)
        if answer is None:
            return
        try:
            if isinstance(token, Due):
                digest = token.object_sha256
                await self._trusting(lambda: self._intake.submitted(token, answer, self._effects))
            elif isinstance(token, Batch):
                digest = token.batch_sha256
                await self._trusting(lambda: self._intake.acknowledged(token, answer, self._effects))
        except TwoHistoriesError:
            raise
        except TrustError as error:
            self._find("receipt-false", digest, error, answer.body)
            if not self._wire.vouches:
                return
            raise PeerError("what the gateway gave as a receipt proves nothing") from error

    async def _delivered(self, delivery: Delivery) -> None:
        try:
            await self._trusting(lambda: self._intake.delivered(delivery, self._effects))
        except TwoHistoriesError:
            raise
        except (TrustError, SignatureError, FormatError) as error:
            # Not acknowledged: as far as we can prove, nobody judged it. Others go on.
            self._find("delivery-unproven", delivery.header_sha256, error, delivery.receipt)

    async def _heard(self, item: Evidence) -> None:
        try:
            await self._trusting(lambda: self._intake.heard(item, self._effects))
        except TwoHistoriesError:
            raise
        except TrustError as error:
            self._find("evidence-false", item.header_sha256, error, item.body)
            if not self._wire.vouches:
                return
        self._intake.passed(item, self._effects)

    def _observe(self, checkpoint: Checkpoint) -> None:
        """Hold the tree head of a proven receipt against all others of its ledger."""
        if checkpoint.origin == self._address.origin:
            for action in self._conversation.observe(checkpoint, self._now_ms()):
                self._apply(action)
            return
        # Another gateway's ledger: it is asked when we are connected to it.
        chain = self._keeping.chain(checkpoint.origin)
        if chain.owed >= OTHERS_OWED_MAX:
            # Behind a broker it may answer for ever without our calling it; its receipts stay, each with its head.
            return
        before = chain.proven
        if chain.observe(checkpoint) or chain.proven is not before:
            self._apply(Noted(checkpoint))

    # The directory, and what depends on it.

    async def _trusting(self, check: Callable[[], T]) -> T:
        """Return what `check` returns; if it finds something false, fetch a newer edition and ask once more."""
        try:
            return check()
        except TwoHistoriesError:
            raise
        except (TrustError, SignatureError):
            now_ms = self._now_ms()
            if now_ms - self._refetched_ms < REFETCH_AFTER_MS:
                raise
            self._refetched_ms = now_ms
            if not await self._fetch():
                raise
            return check()

    async def _fetch(self) -> bool:
        raw = await self._wire.directory()
        try:
            return await self._keeping.take_edition(raw)
        except AlarmedError:
            raise
        except TrustError as error:
            # Signed by enough directory keys, and still it contradicts what they signed before.
            contradicts = str(error).startswith("alarm:")
            if contradicts or self._wire.vouches:
                kind: AlarmKind = "two-editions" if contradicts else "edition-refused"
                await self._keeping.sound(Alarm(kind, None, str(error), raw))
            raise

    # To the disk.

    async def _turn(self) -> None:
        """After long work, have it written and let others go on."""
        if self._loop.time() - self._turn_began_s > TURN_S:
            await self._commit()
            await asyncio.sleep(0)
            self._turn_began_s = self._loop.time()

    async def _commit(self) -> None:
        """Have what was collected written, then told; meanwhile the next part is collected, one ahead at most."""
        effects, self._effects = self._effects, Effects()
        await self._committed()
        if effects:
            self._committing = self._keeping.settle(effects)
        if effects.pause_s:
            self._paused_until_ms = self._now_ms() + effects.pause_s * 1_000

    async def _committed(self) -> None:
        committing, self._committing = self._committing, None
        if committing is not None:
            await asyncio.shield(committing)

    def _find(self, kind: AlarmKind, digest: bytes, error: Exception, raw: bytes) -> None:
        if not self._wire.vouches:
            return
        detail = f"{encode_base64url(digest)}: {error}"
        self._effects.alarms.append(Alarm(kind, self._address.origin, detail, raw))

    def _now_ms(self) -> int:
        return int(self._loop.time() * 1_000)
