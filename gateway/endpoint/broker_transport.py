"""The wire to a gateway through an MQTT 5 broker: our topics, one session of ours, frames as on a WebSocket.

The broker is proved by TLS, the gateway by nothing but what it signs, so `vouches` is False. The session has a random
first number: what was meant for an earlier one finds nobody. Nothing of ours is kept at the broker: what is durable is
sent again on the next connection, here or elsewhere. Source: design section 7; ADR 0009.
"""

import asyncio
import secrets
from collections import deque
from urllib.parse import urlsplit

from gateway.crypto.trust import SIGNED_EDITION_BYTES_MAX
from gateway.domain.errors import FormatError
from gateway.endpoint.identity import GatewayAddress
from gateway.endpoint.limits import EndpointLimits
from gateway.endpoint.transport import LinkError
from gateway.wire.broker import BrokerLink
from gateway.wire.broker_frames import (
    PRESENCE_S,
    SESSION_MAX,
    SILENCE_S,
    AskDirectory,
    DirectoryPart,
    decode_part,
    encode_addressed,
    encode_inner,
    tag_of,
)
from gateway.wire.broker_limits import BrokerLimits
from gateway.wire.broker_words import (
    NO_SUBSCRIBER,
    REFUSED_FROM,
    BrokerAddress,
    BrokerError,
    BrokerRefusedError,
    Inbound,
)
from gateway.wire.frames import Consistency, Hello, decode_from_gateway
from gateway.wire.tls import Identity
from gateway.wire.topics import ACKNOWLEDGE, SUBMIT, endpoint_filters, topic, topic_id

SCHEME = "mqtts"
DEFAULT_PORT = 8883
# Frames of the broker that wait here, at most; one has up to 2 MiB.
RECEIVE_MAX = 8
PUBLISHES_MAX = 16
KNOCK_AGAIN_S = 1.0
DIRECTORY_TIMEOUT_S = 20.0


class MqttWire:
    """One session with one gateway through a broker; made by `connect_broker`."""

    vouches = False

    def __init__(self, address: GatewayAddress, identity: Identity, id_: str, limits: EndpointLimits) -> None:
        """Describe a session on the topics of `id_`; nothing is connected yet."""
        where = urlsplit(address.url)
        broker = BrokerAddress(where.hostname or "", where.port or DEFAULT_PORT, identity, address.spki_sha256)
        bounds = BrokerLimits(
            receive_max=RECEIVE_MAX,
            publishes_max=PUBLISHES_MAX,
            connect_timeout_s=limits.connect_timeout_s,
            keepalive_s=max(1, min(60, int(limits.heartbeat_s))),
        )
        self.first_number = secrets.randbelow(SESSION_MAX)
        self._origin = address.origin
        self._id = id_
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._link = BrokerLink(broker, f"accord-{id_}", bounds, self._heard, self._confirmed, durable=False)
        self._inbox: deque[Inbound] = deque()
        # Futures that end a wait: something to read, room to write, the first hello, an edition.
        self._readable: asyncio.Future[None] | None = None
        self._writable: asyncio.Future[None] | None = None
        self._greeted: asyncio.Future[None] = self._loop.create_future()
        self._edition: asyncio.Future[bytes] | None = None
        self._parts: dict[int, DirectoryPart] = {}
        self._hello: bytes | None = None
        self._heard_s = self._loop.time()
        self._failure: LinkError | None = None
        self._watching: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Connect, subscribe, and wait for the gateway's hello.

        Raises:
            ConfigurationError, TrustError, LinkError: as `transport.connect`.
        """
        try:
            granted = await self._link.connect()
            lacks = granted.lacks(as_gateway=False)
            if lacks:
                raise LinkError(f"the broker does not grant {', '.join(lacks)}")
            await self._link.subscribe(endpoint_filters(self._id))
        except BrokerRefusedError as error:
            raise LinkError(f"{error}; its certificate for us must bear the name {self._id}") from error
        except BrokerError as error:
            raise LinkError(str(error)) from error
        self._watching = asyncio.create_task(self._watch(), name="endpoint-broker")
        try:
            async with asyncio.timeout(self._limits.hello_timeout_s):
                while not self._greeted.done():
                    self._publish(ACKNOWLEDGE, self._addressed(b""))
                    await asyncio.wait([self._greeted], timeout=KNOCK_AGAIN_S)
                    self._check()
        except TimeoutError:
            raise LinkError(
                f"`{self._origin}` says nothing through the broker: does it use it, are we listed?"
            ) from None

    async def send(self, raw: bytes) -> None:
        """Send one frame; waits while the broker takes no more.

        Raises:
            LinkError: the connection has ended.
        """
        while self._link.room <= 0:
            self._check()
            self._writable = self._loop.create_future()
            await self._writable
        tag = tag_of(raw)
        if tag == "submit":
            self._publish(SUBMIT, raw)
            return
        payload = self._addressed(raw)
        if tag == "hello":
            self._hello = payload
        self._publish(ACKNOWLEDGE, payload)

    async def receive(self) -> bytes:
        """Return the next frame that may be from our gateway.

        Raises:
            LinkError: the connection has ended, or the gateway is silent.
        """
        while not self._inbox:
            self._check()
            self._readable = self._loop.create_future()
            await self._readable
        inbound = self._inbox.popleft()
        self._link.acknowledge(inbound)
        return inbound.payload

    async def directory(self) -> bytes:
        """Return the signed edition in force, as whoever answered gave it: it must be verified like any other.

        Raises:
            LinkError: it did not come whole, or in time.
        """
        self._parts.clear()
        self._edition = self._loop.create_future()
        self._publish(ACKNOWLEDGE, self._addressed(encode_inner(AskDirectory())))
        try:
            async with asyncio.timeout(DIRECTORY_TIMEOUT_S):
                return await self._edition
        except TimeoutError:
            raise LinkError("the directory did not come through the broker in time") from None
        finally:
            self._edition = None
            self._parts.clear()

    async def close(self) -> None:
        """End the connection; the broker keeps nothing of ours."""
        if self._watching is not None:
            self._watching.cancel()
        await self._link.close(expire=True)

    # What the broker tells.

    def _heard(self, inbound: Inbound) -> None:
        if not self._take(inbound):
            self._link.acknowledge(inbound)

    def _take(self, inbound: Inbound) -> bool:
        """Sort one publish; True if it waits for `receive`."""
        raw = inbound.payload
        if inbound.retained:
            return False
        try:
            if tag_of(raw) == "directory-part":
                self._part(decode_part(raw))
                return False
            frame = decode_from_gateway(raw)
        except FormatError:
            return False
        if isinstance(frame, Hello):
            if frame.origin != self._origin:
                return False
            self._heard_s = self._loop.time()
            if self._greeted.done():
                return False
            self._greeted.set_result(None)
        elif isinstance(frame, Consistency) and not frame.checkpoint.startswith(self._origin.encode() + b"\n"):
            return False
        self._inbox.append(inbound)
        _release(self._readable)
        return True

    def _part(self, part: DirectoryPart) -> None:
        """Collect an edition; what does not fit together is not waited for."""
        edition = self._edition
        if edition is None or edition.done() or part.total > SIGNED_EDITION_BYTES_MAX:
            return
        if any(one.sha256 != part.sha256 or one.total != part.total for one in self._parts.values()):
            self._parts.clear()
        self._parts[part.offset] = part
        whole = b"".join(self._parts[offset].raw for offset in sorted(self._parts))
        if len(whole) == part.total:
            edition.set_result(whole)

    def _confirmed(self, _: object, code: int) -> None:
        if code == NO_SUBSCRIBER:
            self._fail(LinkError("no gateway listens at the broker"))
        elif code >= REFUSED_FROM:
            what = (
                f"the broker refuses our publishes (0x{code:02x}): our certificate there must bear the name {self._id}"
            )
            self._fail(LinkError(what))
        _release(self._writable)

    async def _watch(self) -> None:
        """Say again that we are here, and end when the gateway or the broker is not."""
        ended = asyncio.ensure_future(self._link.ended())
        try:
            while not ended.done():
                await asyncio.wait([ended], timeout=PRESENCE_S)
                if self._greeted.done() and self._loop.time() - self._heard_s > SILENCE_S:
                    self._fail(LinkError(f"`{self._origin}` has been silent for {SILENCE_S:.0f} s"))
                elif self._hello is not None and self._link.room > 0:
                    self._publish(ACKNOWLEDGE, self._hello)
        except LinkError:
            # `_fail` has told.
            pass
        finally:
            ended.cancel()
        self._fail(LinkError("the connection to the broker was lost"))

    # Small things.

    def _publish(self, word: str, payload: bytes) -> None:
        try:
            self._link.publish(topic(self._id, word), payload)
        except BrokerError as error:
            self._fail(LinkError(str(error)))
            raise LinkError(str(error)) from error

    def _addressed(self, raw: bytes) -> bytes:
        return encode_addressed(self._origin, self.first_number, raw)

    def _fail(self, error: LinkError) -> None:
        self._failure = self._failure or error
        for waiter in (self._readable, self._writable, self._greeted):
            _release(waiter)

    def _check(self) -> None:
        if self._failure is not None:
            raise self._failure


async def connect_broker(
    address: GatewayAddress, identity: Identity, network: str, authority: str, limits: EndpointLimits
) -> MqttWire:
    """Return a session of `authority` with a gateway through the broker of `address`.

    Raises:
        ConfigurationError: a file of ours is missing or no PEM.
        TrustError: the broker shows another key, or no certificate of our CA.
        LinkError: the broker cannot be reached or refuses us, or the gateway does not answer there.
    """
    wire = MqttWire(address, identity, topic_id(network, authority), limits)
    try:
        await wire.open()
    except BaseException:
        await wire.close()
        raise
    return wire


def _release(waiter: "asyncio.Future[None] | None") -> None:
    if waiter is not None and not waiter.done():
        waiter.set_result(None)
