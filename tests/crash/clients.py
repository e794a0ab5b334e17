"""Clients that remember everything they were told, whatever happened to the gateway in between.

They speak the link directly: an honest sender that submits the same bytes until it has a receipt and never runs out of
new ones, and an honest recipient that acknowledges whatever comes. What they saw is what the checker holds the gateway
to.
"""

import asyncio
import ssl
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any, Literal

import aiohttp

from gateway.crypto.acknowledgements import sign_acknowledgements, verify_evidence
from gateway.crypto.digests import decode_base64url, encode_base64url, sha256
from gateway.crypto.envelope import decode_envelope
from gateway.crypto.keys import SecretKey
from gateway.domain.directory import Directory
from gateway.domain.statement import ACKNOWLEDGEMENTS_MAX, AcknowledgementItem
from gateway.wire import frames
from tests.federation import NETWORK, now_ms

# Two frames are on their way at any time. Small ones: many commits in a short life, and few messages to seal.
FRAME_ITEMS, FRAME_ITEMS_AGAIN = 2, 32
FRAMES_UNANSWERED = 2
# Sealed beforehand, so that a sender need not stop for it; what one life leaves over the next one sends.
STOCK_MESSAGES = 128
Connection = aiohttp.ClientWebSocketResponse
News = Literal["receipt", "evidence"]


async def greet(session: aiohttp.ClientSession, url: str, context: ssl.SSLContext, after: int) -> Connection:
    """Open a link and say hello, wanting evidence after a cursor."""
    socket = await session.ws_connect(
        url + frames.LINK_PATH,
        ssl=context,
        protocols=(frames.SUBPROTOCOL,),
        compress=0,
        max_msg_size=frames.FRAME_BYTES_MAX,
    )
    frames.decode_from_gateway(await socket.receive_bytes())
    await socket.send_bytes(frames.encode(frames.EndpointHello(seen=None, evidence_after=after)))
    return socket


class Sender:
    """Submits envelopes until each has a receipt; keeps every receipt and all evidence it was ever shown."""

    def __init__(self, seal: Callable[[int], list[bytes]], directory: Directory) -> None:
        """Start with nothing submitted; `seal` makes so many new envelopes."""
        self._seal = seal
        self._directory = directory
        self._stock: list[bytes] = []
        self._raws: dict[bytes, bytes] = {}
        self.receipts: dict[bytes, Counter[bytes]] = {}
        self.refused = 0
        self.resubmitted = False
        self.outcomes: dict[bytes, Counter[str]] = {}
        self.cursor = 0
        # Submissions without a receipt at a kill: True, it was recorded before the gateway died; False, it was not.
        self.recorded: Counter[bool] = Counter()
        # Of the present link: what has no answer, and what had no receipt when it began.
        self.unanswered: dict[int, bytes] = {}
        self._left: set[bytes] = set()
        self.under_way = False
        self.heard: dict[News, asyncio.Event] = {}
        self.stopped = False

    def begin(self) -> None:
        """Get ready for the next life of the gateway."""
        self.unanswered = {}
        self.under_way = self.stopped = False
        self.heard = {"receipt": asyncio.Event(), "evidence": asyncio.Event()}
        if len(self._stock) < STOCK_MESSAGES:
            self._stock += self._seal(STOCK_MESSAGES)

    def in_flight(self) -> tuple[int, int]:
        """Return how many submissions have no receipt, and how many receipted messages are not evidenced.

        Asked once the link has ended, it is what was in flight when the gateway died: all that it said is read.
        """
        owed = sum(bool(receipts) and digest not in self.outcomes for digest, receipts in self.receipts.items())
        return len(self.unanswered), owed

    async def run(self, socket: Connection, again: bool = False) -> None:
        """Submit what has no receipt, then new envelopes without end; `again`: then everything once more, nothing new.

        It returns when the link has ended and everything that was said on it is read.
        """
        self._left = {digest for digest, receipts in self.receipts.items() if not receipts}
        waiting = [*self._left, *(self.receipts if again else ())]
        items_max = FRAME_ITEMS_AGAIN if again else FRAME_ITEMS
        first = 0
        while True:
            while len(self.unanswered) <= items_max * (FRAMES_UNANSWERED - 1) and not self.stopped:
                chosen, waiting = waiting[:items_max], waiting[items_max:]
                if not again:
                    chosen += [self._new() for _ in range(items_max - len(chosen))]
                if not chosen:
                    break
                await self._submit(socket, first, chosen)
                first += len(chosen)
            self.under_way = True
            message = await socket.receive()
            if message.type is not aiohttp.WSMsgType.BINARY:
                return
            self._take(frames.decode_from_gateway(message.data))
            self.resubmitted = again and not waiting and not self.unanswered

    def _new(self) -> bytes:
        if not self._stock:
            self._stock = self._seal(STOCK_MESSAGES)
        raw = self._stock.pop()
        digest = sha256(decode_envelope(raw).h)
        self._raws[digest] = raw
        self.receipts[digest] = Counter()
        return digest

    async def _submit(self, socket: Connection, first: int, chosen: list[bytes]) -> None:
        self.unanswered.update(enumerate(chosen, first))
        items = [frames.Submission(kind="message", raw=self._raws[digest]) for digest in chosen]
        await socket.send_bytes(frames.encode(frames.Submit(first=first, items=items)))

    def _take(self, frame: frames.FromGateway) -> None:
        if isinstance(frame, frames.Answers):
            self.heard["receipt"].set()
            for answer in frame.items:
                digest = self.unanswered.pop(answer.number)
                if answer.kind == "receipt":
                    if digest in self._left:
                        self._left.discard(digest)
                        self.recorded[answer.duplicate] += 1
                    self.receipts[digest][answer.body] += 1
                    assert len(self.receipts[digest]) == 1, f"another receipt for {encode_base64url(digest)}"
                    self.refused += not answer.permitted
        elif isinstance(frame, frames.Informed):
            self.heard["evidence"].set()
            for item in frame.items:
                assert item.sequence == self.cursor + 1, "evidence has a gap"
                self.cursor = item.sequence
                assert item.kind == "acknowledged", f"a delivery failed: {item.outcome}"
                said = verify_evidence(item.body, self._directory, NETWORK)
                self.outcomes.setdefault(decode_base64url(said.header_sha256), Counter())[said.status] += 1


class Recipient:
    """Acknowledges every delivery, also one that it has seen before; remembers how often each came."""

    def __init__(self, name: str, originator: str, key: SecretKey) -> None:
        """Sign with the acknowledgement key of `name`."""
        self._name = name
        self._originator = originator
        self._key = key
        self.deliveries: Counter[bytes] = Counter()

    async def run(self, socket: Connection) -> None:
        """Acknowledge until the link ends."""
        number = 0
        while True:
            message = await socket.receive()
            if message.type is not aiohttp.WSMsgType.BINARY:
                return
            frame = frames.decode_from_gateway(message.data)
            if isinstance(frame, frames.Deliveries):
                digests = [item.header_sha256 for item in frame.items]
                self.deliveries.update(digests)
                for begin in range(0, len(digests), ACKNOWLEDGEMENTS_MAX):
                    items = [self._item(digest) for digest in digests[begin : begin + ACKNOWLEDGEMENTS_MAX]]
                    raw = sign_acknowledgements(items, self._key, None)
                    await socket.send_bytes(frames.encode(frames.Acknowledge(number=number, raw=raw)))
                    number += 1

    def _item(self, digest: bytes) -> AcknowledgementItem:
        return AcknowledgementItem(
            v=1,
            network=NETWORK,
            recipient=self._name,
            originator=self._originator,
            header_sha256=encode_base64url(digest),
            status="consigned",
            at_ms=now_ms(),
            salt=encode_base64url(sha256(digest)),
        )


Pair = tuple[Sender, ssl.SSLContext, Recipient, ssl.SSLContext]


async def play(url: str, pairs: list[Pair], again: bool = False) -> None:
    """Connect everybody and go on until every link has ended, as it does when the gateway is killed."""
    async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as tasks:
        for sender, sender_context, recipient, recipient_context in pairs:
            tasks.create_task(_ended(_recipient(session, url, recipient_context, recipient)))
            tasks.create_task(_ended(_sender(session, url, sender_context, sender, again)))


async def _sender(
    session: aiohttp.ClientSession, url: str, context: ssl.SSLContext, sender: Sender, again: bool
) -> None:
    await sender.run(await greet(session, url, context, sender.cursor), again)


async def _recipient(session: aiohttp.ClientSession, url: str, context: ssl.SSLContext, recipient: Recipient) -> None:
    await recipient.run(await greet(session, url, context, 0))


async def _ended(link: Coroutine[Any, Any, None]) -> None:
    """Run one link; that it breaks when the gateway dies is what this is about."""
    try:
        await link
    except (aiohttp.ClientError, ConnectionError, TypeError):
        # TypeError: aiohttp's `receive_bytes` on a link that closed before the hello.
        return
