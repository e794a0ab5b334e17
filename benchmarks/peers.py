"""Thin drivers: what senders and recipients do on the link, and nothing they could do beforehand.

A sender submits envelopes that were sealed and signed earlier and keeps a window full. A recipient acknowledges what
it gets as `gateway.endpoint` does: what has come within `acknowledge_pause_s` under one signature. They do *not*
open bodies and verify only a sample of the receipts: their core must never be the one that limits the run.
"""

import asyncio
import ssl
import time
from collections import deque
from collections.abc import Sequence

import aiohttp
from aiohttp import ClientWebSocketResponse, WSMsgType

from gateway.crypto.acknowledgements import sign_acknowledgements
from gateway.crypto.digests import encode_base64url
from gateway.crypto.keys import SecretKey
from gateway.domain.statement import AcknowledgementItem
from gateway.endpoint.limits import EndpointLimits
from gateway.wire import frames

ENDPOINT = EndpointLimits()


class Meter:
    """What the drivers saw; read by the orchestrator between windows."""

    def __init__(self) -> None:
        """Start at nothing."""
        self.receipted = 0
        self.refused = 0
        self.delivered = 0
        self.evidenced = 0
        self.busy = 0
        self.latencies_s: list[float] = []
        self.sample: list[bytes] = []


async def connect(session: aiohttp.ClientSession, url: str, context: ssl.SSLContext) -> ClientWebSocketResponse:
    """Open one link and say hello, wanting everything."""
    socket = await session.ws_connect(
        f"{url}/v1/link", ssl=context, protocols=(frames.SUBPROTOCOL,), compress=0, max_msg_size=frames.FRAME_BYTES_MAX
    )
    frames.decode_from_gateway((await socket.receive()).data)
    await socket.send_bytes(frames.encode(frames.EndpointHello(seen=None, evidence_after=0)))
    return socket


class Sender:
    """One authority that submits prepared envelopes and counts receipts."""

    def __init__(self, envelopes: Sequence[bytes], meter: Meter, window: int, together: int) -> None:
        """Keep `window` submissions without a receipt, `together` in one frame at the most."""
        self._todo = deque(envelopes)
        self._meter = meter
        self._window = window
        self._together = together
        self._number = 0
        self._sent_at: dict[int, float] = {}
        self._room = asyncio.Event()
        self._room.set()
        self._idle = asyncio.Event()

    async def run(self, socket: ClientWebSocketResponse, interval_s: float | None = None) -> None:
        """Submit everything; with `interval_s` in an open loop, so that waiting is not hidden."""
        if interval_s is None:
            await self._closed_loop(socket)
        else:
            await self._open_loop(socket, interval_s)
        await self._idle.wait()

    async def _closed_loop(self, socket: ClientWebSocketResponse) -> None:
        while self._todo:
            room = self._window - len(self._sent_at)
            if room < min(self._together, self._window // 2):
                self._room.clear()
                await self._room.wait()
                continue
            await self._send(socket, min(room, self._together, len(self._todo)), time.monotonic())

    async def _open_loop(self, socket: ClientWebSocketResponse, interval_s: float) -> None:
        due = time.monotonic()
        while self._todo:
            due += interval_s
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            # The clock of a message starts when it was due, not when the driver got round to it.
            await self._send(socket, 1, due)

    async def _send(self, socket: ClientWebSocketResponse, count: int, at: float) -> None:
        items = [frames.Submission(kind="message", raw=self._todo.popleft()) for _ in range(count)]
        for offset in range(count):
            self._sent_at[self._number + offset] = at
        first, self._number = self._number, self._number + count
        self._idle.clear()
        await socket.send_bytes(frames.encode(frames.Submit(first=first, items=items)))

    async def listen(self, socket: ClientWebSocketResponse) -> None:
        """Take receipts and evidence until the link ends."""
        meter = self._meter
        async for message in socket:
            if message.type is not WSMsgType.BINARY:
                break
            frame = frames.decode_from_gateway(message.data)
            if isinstance(frame, frames.Informed):
                meter.evidenced += len(frame.items)
            if not isinstance(frame, frames.Answers):
                continue
            now = time.monotonic()
            for answer in frame.items:
                meter.latencies_s.append(now - self._sent_at.pop(answer.number))
                if answer.kind != "receipt":
                    meter.busy += 1
                elif answer.permitted:
                    meter.receipted += 1
                else:
                    meter.refused += 1
            if len(meter.sample) < 1_000:
                meter.sample.append(frame.items[0].body)
            self._room.set()
            if not self._sent_at:
                self._idle.set()


class Recipient:
    """One authority that acknowledges whatever it is sent."""

    def __init__(self, network: str, authority: str, originators: dict[bytes, str], key: SecretKey, meter: Meter):
        """`originators` names the originator of each header digest, so that no envelope need be opened."""
        self._network = network
        self._authority = authority
        self._originators = originators
        self._key = key
        self._meter = meter
        self._number = 0
        self._owed: list[bytes] = []

    async def run(self, socket: ClientWebSocketResponse) -> None:
        """Acknowledge until the link ends."""
        saying: asyncio.Task[None] | None = None
        async for message in socket:
            if message.type is not WSMsgType.BINARY:
                break
            frame = frames.decode_from_gateway(message.data)
            if isinstance(frame, frames.Answers):
                self._meter.busy += sum(answer.kind != "receipt" for answer in frame.items)
            if isinstance(frame, frames.Deliveries):
                self._meter.delivered += len(frame.items)
                self._owed += [item.header_sha256 for item in frame.items]
                if saying is None or saying.done():
                    saying = asyncio.create_task(self._say(socket))

    async def _say(self, socket: ClientWebSocketResponse) -> None:
        while self._owed:
            if len(self._owed) < ENDPOINT.acknowledgements_max:
                await asyncio.sleep(ENDPOINT.acknowledge_pause_s())
            some = self._owed[: ENDPOINT.acknowledgements_max]
            del self._owed[: len(some)]
            await self._acknowledge(socket, some)

    async def _acknowledge(self, socket: ClientWebSocketResponse, digests: list[bytes]) -> None:
        at_ms = time.time_ns() // 1_000_000
        items = [
            AcknowledgementItem(
                v=1,
                network=self._network,
                recipient=self._authority,
                originator=self._originators[digest],
                header_sha256=encode_base64url(digest),
                status="consigned",
                at_ms=at_ms,
                salt=encode_base64url(digest),
            )
            for digest in digests
        ]
        raw = sign_acknowledgements(items, self._key, None)
        await socket.send_bytes(frames.encode(frames.Acknowledge(number=self._number, raw=raw)))
        self._number += 1
