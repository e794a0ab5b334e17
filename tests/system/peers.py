"""Peers of a gateway that speak the link exactly as a test says, and remember all that they hear."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import aiohttp

from gateway.crypto.acknowledgements import sign_acknowledgements
from gateway.crypto.digests import encode_base64url, sha256
from gateway.domain.session import Answer, Delivery, Evidence
from gateway.domain.statement import AcknowledgementItem, AcknowledgementStatus
from gateway.wire import frames
from tests.federation import NETWORK, Member, now_ms
from tests.links.running import Link, connect
from tests.system.house import House

WITHIN_S = 20.0


class Caller:
    """One authority's link: numbers what it submits, keeps what it hears."""

    def __init__(self, link: Link, member: Member) -> None:
        """Speak over `link`, which has greeted."""
        self._link = link
        self._member = member
        self._number = 0
        self.answers: dict[int, Answer] = {}
        self.deliveries: list[Delivery] = []
        self.evidence: list[Evidence] = []
        self.closed: int | None = None
        self.closed_at_s = 0.0

    async def listen(self) -> None:
        """Keep what comes until the link ends."""
        socket = self._link.socket
        while True:
            message = await socket.receive()
            if message.type is not aiohttp.WSMsgType.BINARY:
                self.closed_at_s = time.monotonic()
                self.closed = message.data if message.type is aiohttp.WSMsgType.CLOSE else socket.close_code or 1006
                return
            frame = frames.decode_from_gateway(message.data)
            if isinstance(frame, frames.Answers):
                self.answers.update((answer.number, answer) for answer in frame.items)
            elif isinstance(frame, frames.Deliveries):
                self.deliveries.extend(frame.items)
            elif isinstance(frame, frames.Informed):
                self.evidence.extend(frame.items)

    async def put(self, *raws: bytes, kind: frames.SubmissionKind = "message") -> range:
        """Submit without waiting; return the numbers."""
        first, self._number = self._number, self._number + len(raws)
        await self._link.send(frames.Submit(first, [frames.Submission(kind, raw) for raw in raws]))
        return range(first, self._number)

    async def submit(self, *raws: bytes, kind: frames.SubmissionKind = "message") -> list[Answer]:
        """Submit and wait for every answer, in order."""
        return await self._answered(await self.put(*raws, kind=kind))

    async def acknowledge(
        self, originator: Member, digests: Sequence[bytes], status: AcknowledgementStatus = "consigned"
    ) -> Answer:
        """Sign for deliveries from one originator and wait for the receipt."""
        number = await self.put_acknowledgement(originator, digests, status)
        return (await self._answered(range(number, number + 1)))[0]

    async def put_acknowledgement(
        self, originator: Member, digests: Sequence[bytes], status: AcknowledgementStatus = "consigned"
    ) -> int:
        """Sign for deliveries from one originator without waiting; return the number."""
        raw = acknowledgement(self._member, originator, digests, status)
        number, self._number = self._number, self._number + 1
        await self._link.send(frames.Acknowledge(number, raw))
        return number

    async def acknowledge_raw(self, *raws: bytes) -> list[Answer]:
        """Send batches of acknowledgements as they are and wait for every answer, in order."""
        first, self._number = self._number, self._number + len(raws)
        for number, raw in enumerate(raws, first):
            await self._link.send(frames.Acknowledge(number, raw))
        return await self._answered(range(first, self._number))

    def settled(self, numbers: range) -> bool:
        """Tell whether nothing more will be heard of these submissions: all answered, or the link ended."""
        return self.closed is not None or all(number in self.answers for number in numbers)

    async def _answered(self, numbers: range) -> list[Answer]:
        await eventually(lambda: self.settled(numbers))
        assert self.closed is None, f"the link was closed with {self.closed} instead of an answer"
        return [self.answers[number] for number in numbers]


def acknowledgement(
    recipient: Member, originator: Member, digests: Sequence[bytes], status: AcknowledgementStatus = "consigned"
) -> bytes:
    """Return a recipient's signed word on messages of one originator."""
    items = [
        AcknowledgementItem(
            v=1,
            network=NETWORK,
            recipient=recipient.name,
            originator=originator.name,
            header_sha256=encode_base64url(digest),
            status=status,
            at_ms=now_ms(),
            salt=encode_base64url(sha256(digest)),
        )
        for digest in digests
    ]
    return sign_acknowledgements(items, recipient.keys["acknowledgement"], None)


@asynccontextmanager
async def calling(
    house: House, member: Member, *, url: str | None = None, after: int | None = 0
) -> AsyncIterator[Caller]:
    """Give the link of `member`, greeted and listening; `after` None: it wants neither deliveries nor evidence."""
    async with house.session(member, url) as session, speaking(session, member, after) as caller:
        yield caller


@asynccontextmanager
async def speaking(session: aiohttp.ClientSession, member: Member, after: int | None) -> AsyncIterator[Caller]:
    """Give the link of `member` over an HTTP client of its own, as `calling` does."""
    link = await connect(session)
    await link.greet(after)
    caller = Caller(link, member)
    listening = asyncio.create_task(caller.listen())
    try:
        yield caller
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
        await link.socket.close()


async def eventually(holds: Callable[[], object], within_s: float = WITHIN_S) -> float:
    """Wait until something holds; return the seconds it took.

    Raises:
        AssertionError: it did not, in time.
    """
    began_s = time.monotonic()
    while not holds():
        assert time.monotonic() - began_s < within_s, "it did not come true in time"
        await asyncio.sleep(0.005)
    return time.monotonic() - began_s


def digests(items: Sequence[Delivery]) -> list[bytes]:
    """Return which messages were delivered, in order of arrival."""
    return [item.header_sha256 for item in items]
