"""Clients that remember everything they were told, whatever happened to the gateway in between.

They speak the link directly: an honest sender that submits the same bytes until it has a receipt, and an
honest recipient that acknowledges whatever comes. What they saw is what the checker holds the gateway to.
"""

import asyncio
import ssl
from collections import Counter
from collections.abc import Coroutine
from typing import Any

import aiohttp

from gateway.crypto.acknowledgements import sign_acknowledgements, verify_evidence
from gateway.crypto.digests import decode_base64url, encode_base64url, sha256
from gateway.crypto.envelope import decode_envelope
from gateway.crypto.keys import SecretKey
from gateway.domain.directory import Directory
from gateway.domain.statement import ACKNOWLEDGEMENTS_MAX, AcknowledgementItem
from gateway.wire import frames
from tests.federation import NETWORK, now_ms

WINDOW = 64
Connection = aiohttp.ClientWebSocketResponse


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

    def __init__(self, envelopes: list[bytes], directory: Directory) -> None:
        """Start with nothing acknowledged."""
        self._todo = {sha256(decode_envelope(raw).h): raw for raw in envelopes}
        self._directory = directory
        self.receipts: dict[bytes, set[bytes]] = {digest: set() for digest in self._todo}
        self.refused = 0
        self.resubmitted = False
        self.outcomes: dict[bytes, Counter[str]] = {}
        self.cursor = 0

    @property
    def receipted(self) -> int:
        """How many envelopes have a receipt."""
        return sum(bool(receipts) for receipts in self.receipts.values())

    async def run(self, socket: Connection, again: bool = False) -> None:
        """Submit what has no receipt (`again`: everything) until the link ends or all is done."""
        waiting = [digest for digest, receipts in self.receipts.items() if again or not receipts]
        numbers: dict[int, bytes] = {}
        submitted = 0
        while True:
            room = WINDOW - len(numbers)
            if waiting and room >= WINDOW // 2:
                chosen, waiting = waiting[:room], waiting[room:]
                items = [frames.Submission(kind="message", raw=self._todo[digest]) for digest in chosen]
                numbers.update(enumerate(chosen, submitted))
                await socket.send_bytes(frames.encode(frames.Submit(first=submitted, items=items)))
                submitted += len(chosen)
            message = await socket.receive()
            if message.type is not aiohttp.WSMsgType.BINARY:
                return
            self._take(frames.decode_from_gateway(message.data), numbers)
            self.resubmitted = again and not waiting and not numbers

    def _take(self, frame: frames.FromGateway, numbers: dict[int, bytes]) -> None:
        if isinstance(frame, frames.Answers):
            for answer in frame.items:
                digest = numbers.pop(answer.number)
                if answer.kind == "receipt":
                    self.receipts[digest].add(answer.body)
                    self.refused += not answer.permitted
        elif isinstance(frame, frames.Informed):
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
