"""What a broker grants and what it breaks: everything the link rests on, tried; everything that must fail, tried, too.

Nothing that is tried has an effect: what is published is addressed to nobody. One certificate is one connection, so
whatever else is connected with ours is cut for a moment, which is itself one of the tests.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from msgspec import Struct

from gateway.app.checking import Found
from gateway.domain.errors import ConfigurationError, TrustError
from gateway.wire.broker import BrokerLink
from gateway.wire.broker_frames import encode_addressed
from gateway.wire.broker_limits import BrokerLimits
from gateway.wire.broker_probe import lets_anybody_in
from gateway.wire.broker_words import (
    NO_SUBSCRIBER,
    REFUSED_FROM,
    BrokerAddress,
    BrokerError,
    BrokerRefusedError,
    Granted,
    Inbound,
)
from gateway.wire.topics import (
    ACKNOWLEDGE,
    DELIVER,
    FROM_ENDPOINTS,
    FROM_GATEWAYS,
    RECEIPT,
    SUBMIT,
    TOPIC_ID_LENGTH,
    endpoint_filters,
    gateway_filters,
    topic,
)

NOBODY = "nobody.invalid"
PAUSE_S = 0.4
TOLD_WITHIN_S = 5.0
FEW = 2
KNOCKS = 8
EXPIRY_S = 300
RULES = "compare it with deploy/mosquitto/acl"
SETTINGS = "compare it with deploy/mosquitto/accord.conf"
# What nobody but a gateway, or nobody at all, may hear.
WIDE = ("#", "accord/v1/+/submit", "accord/v1/+/ack", "accord/v1/+/receipt", "accord/v1/+/deliver")


class Side(Struct, frozen=True):
    """Who probes: an endpoint by its topic id, or a gateway (`topic_id` None). `origin`: whose hello we may ask for."""

    address: BrokerAddress
    topic_id: str | None
    origin: str


class _Client:
    """One connection of the probe, and what it was told."""

    def __init__(self, side: Side, client_id: str, *, durable: bool = False, receive_max: int = 64) -> None:
        self.heard: list[Inbound] = []
        self.codes: dict[str, int] = {}
        limits = BrokerLimits(receive_max=receive_max, session_expiry_s=EXPIRY_S)
        self.link = BrokerLink(side.address, client_id, limits, self.heard.append, self._told, durable=durable)

    def _told(self, token: str, code: int) -> None:
        self.codes[token] = code

    async def publish(self, name: str, payload: bytes = b"") -> int | None:
        """Publish and return the broker's word; None if it gave none."""
        self.codes.pop(name, None)
        try:
            self.link.publish(name, payload, name)
        except BrokerError:
            return None
        for _ in range(int(TOLD_WITHIN_S / 0.01)):
            if name in self.codes:
                return self.codes[name]
            await asyncio.sleep(0.01)
        return None

    def settle(self, count: int) -> None:
        """Acknowledge the oldest publishes that are not acknowledged yet."""
        for inbound in [one for one in self.heard if not one.settled][:count]:
            self.link.acknowledge(inbound)


async def probe_broker(side: Side) -> list[Found]:
    """Return what this broker grants and breaks, as far as our certificate can tell."""
    try:
        granted = await _reach(side)
    except (ConfigurationError, TrustError, BrokerRefusedError) as error:
        return [Found("broker", "configuration", str(error), "check address, CA, certificate and pinned key")]
    except BrokerError as error:
        return [Found("broker", "unavailable", str(error), "check address, port, firewall, and whether it runs")]
    found = [Found("broker", "ok", "MQTT 5 over TLS 1.3, our certificate is let in")]
    found.append(await _strangers(side))
    found += _grants(granted)
    found.append(await _session(side))
    for check in (_own_topics, _redelivery, _window) if side.topic_id is not None else (_gateway_topics,):
        found.append(await check(side))
    found += [
        await _closed_to_writing(side),
        await _closed_to_reading(side),
        await _system(side),
        await _takeover(side),
    ]
    return found


async def _reach(side: Side) -> Granted:
    async with _connected(side) as (_, granted):
        return granted


@asynccontextmanager
async def _connected(
    side: Side, *, client_id: str = "accord-probe", durable: bool = False, expire: bool = True, receive_max: int = 64
) -> AsyncIterator[tuple[_Client, Granted]]:
    client = _Client(side, client_id, durable=durable, receive_max=receive_max)
    granted = await client.link.connect()
    try:
        yield client, granted
    finally:
        await client.link.close(expire=expire)


async def _strangers(side: Side) -> Found:
    if await asyncio.to_thread(lets_anybody_in, side.address):
        return Found("certificate", "configuration", "clients without a certificate are let in", SETTINGS)
    return Found("certificate", "ok", "demanded: a stranger without one is refused")


def _grants(granted: Granted) -> list[Found]:
    found = [
        Found("grants", "configuration", f"it does not grant {lack}", SETTINGS)
        for lack in granted.lacks(as_gateway=True)
    ]
    if not found:
        detail = f"QoS {granted.qos_max}, shared subscriptions, packets of {granted.packet_bytes_max} bytes, "
        found.append(Found("grants", "ok", f"{detail}{granted.receive_max} publishes under way"))
    if granted.retain:
        found.append(Found("retain", "warning", "retained messages are possible; ours are dropped", SETTINGS))
    else:
        found.append(Found("retain", "ok", "not available"))
    return found


async def _session(side: Side) -> Found:
    """Leave a session behind and come back to it, then let it be forgotten."""
    try:
        async with _connected(side, durable=True, expire=False) as (client, _):
            await client.link.subscribe(_filters(side))
        async with _connected(side, durable=True) as (_, granted):
            kept = granted.session_present
        async with _connected(side, durable=True) as (_, granted):
            forgotten = not granted.session_present
    except BrokerError as error:
        return Found("session", "configuration", str(error), RULES)
    if not kept:
        return Found("session", "warning", "it forgets ours at once: what is queued for a gateway is lost", SETTINGS)
    if not forgotten:
        return Found("session", "warning", "it keeps ours although we let it go", SETTINGS)
    return Found("session", "ok", "kept while we are away, forgotten when we say so")


async def _own_topics(side: Side) -> Found:
    assert side.topic_id is not None
    async with _connected(side) as (client, _):
        codes = [await client.publish(topic(side.topic_id, word), _addressed_to(NOBODY)) for word in FROM_ENDPOINTS]
    if any(code is None or code >= REFUSED_FROM for code in codes):
        remedy = f"the common name of our certificate there must be {side.topic_id}"
        return Found("own topics", "configuration", "we may not write them", remedy)
    if NO_SUBSCRIBER in codes:
        return Found("own topics", "warning", "ours to write, but no gateway listens", "is the gateway connected?")
    return Found("own topics", "ok", "ours to write, and a gateway listens")


async def _gateway_topics(side: Side) -> Found:
    """Submissions shared and heard, receipts and deliveries written: what a gateway lives on."""
    async with _connected(side) as (client, _):
        try:
            await client.link.subscribe(gateway_filters("accord-probe"))
        except BrokerError as error:
            return Found("own topics", "configuration", str(error), RULES)
        codes = [await client.publish(topic(_stranger(), word)) for word in FROM_GATEWAYS]
    if any(code is None or code >= REFUSED_FROM for code in codes):
        return Found("own topics", "configuration", "a gateway may not write receipts and deliveries", RULES)
    return Found("own topics", "ok", "submissions are shared, receipts and deliveries may be written")


async def _redelivery(side: Side) -> Found:
    """Withhold the acknowledgement of a hello, come back, and see whether it is given again."""
    assert side.topic_id is not None
    async with _connected(side, durable=True, expire=False) as (client, _):
        await client.link.subscribe(endpoint_filters(side.topic_id))
        heard = await _knock(client, side, 1)
    async with _connected(side, durable=True) as (client, _):
        await asyncio.sleep(PAUSE_S)
        again = len(client.heard)
        client.settle(again)
    if not heard:
        return Found(
            "redelivery", "warning", f"not tried: `{side.origin}` does not answer through it", "start the gateway"
        )
    if not again:
        return Found("redelivery", "configuration", "what is not acknowledged is lost on a reconnect", SETTINGS)
    return Found("redelivery", "ok", "what is not acknowledged comes again after a reconnect")


async def _window(side: Side) -> Found:
    """Ask for more than we take: the broker must wait for our acknowledgements."""
    assert side.topic_id is not None
    async with _connected(side, receive_max=FEW) as (client, _):
        await client.link.subscribe(endpoint_filters(side.topic_id))
        first = await _knock(client, side, KNOCKS)
        client.settle(1)
        await asyncio.sleep(PAUSE_S)
        second = len(client.heard)
        client.settle(KNOCKS)
    if not first:
        return Found("receive maximum", "warning", f"not tried: `{side.origin}` does not answer", "start the gateway")
    if first > FEW or second > FEW + 1:
        # Debian's 2.0.11 does (mosquitto#2306); we bound what we keep ourselves.
        detail = f"overrun: {max(first, second - 1)} publishes under way where {FEW} were granted"
        return Found("receive maximum", "warning", detail, "2.0.13 and newer keep to it")
    return Found("receive maximum", "ok", "kept")


async def _closed_to_writing(side: Side) -> Found:
    """Try to write what is another's, or a gateway's; each must be refused."""
    other = _stranger()
    names = [topic(other, word) for word in FROM_ENDPOINTS]
    if side.topic_id is not None:
        names += [topic(place, word) for place in (other, side.topic_id) for word in FROM_GATEWAYS]
    names.append("$CONTROL/dynamic-security/v1")
    async with _connected(side) as (client, _):
        open_ = [name for name in names if (code := await client.publish(name)) is not None and code < REFUSED_FROM]
    if open_:
        words = ", ".join(name.replace(other, "OTHER") for name in open_)
        return Found("writing", "configuration", f"we may write {words}", RULES)
    return Found("writing", "ok", f"{len(names)} topics that are not ours are refused")


async def _closed_to_reading(side: Side) -> Found:
    """Subscribe to everything and write on a topic that we may write and not read: nothing may come."""
    written = topic(side.topic_id, ACKNOWLEDGE) if side.topic_id is not None else topic(_stranger(), RECEIPT)
    async with _connected(side) as (client, _):
        granted = []
        for name in WIDE:
            with suppress(BrokerRefusedError):
                await client.link.subscribe((name,))
                granted.append(name)
        await client.publish(written, _addressed_to(NOBODY))
        await asyncio.sleep(PAUSE_S)
        allowed = (DELIVER, RECEIPT) if side.topic_id is not None else (SUBMIT, ACKNOWLEDGE)
        heard = {one.topic for one in client.heard if not one.topic.endswith(allowed) or not _mine(side, one.topic)}
        client.settle(len(client.heard))
    if heard:
        return Found("reading", "configuration", "a subscription to everything hears what is not ours", RULES)
    how = f"{len(WIDE) - len(granted)} of {len(WIDE)} wide subscriptions are refused, the others hear nothing"
    return Found("reading", "ok", how)


async def _system(side: Side) -> Found:
    async with _connected(side) as (client, _):
        with suppress(BrokerRefusedError):
            await client.link.subscribe(("$SYS/#",), retained=True)
        await asyncio.sleep(PAUSE_S)
        heard = len(client.heard)
        client.settle(heard)
    if heard:
        return Found(
            "$SYS", "configuration", "everybody hears how much traffic there is", "sys_interval 0, or an access rule"
        )
    return Found("$SYS", "ok", "tells us nothing")


async def _takeover(side: Side) -> Found:
    """Connect twice with one certificate and two client ids: the second must end the first."""
    async with _connected(side, client_id="accord-probe-1") as (first, _):
        ended = asyncio.ensure_future(first.link.ended())
        async with _connected(side, client_id="accord-probe-2"):
            await asyncio.wait([ended], timeout=2.0)
        alone = ended.done()
        ended.cancel()
    if not alone:
        detail = "a client chooses its id: it could end another's session"
        return Found("client id", "configuration", detail, "use_username_as_clientid true")
    return Found("client id", "ok", "comes from the certificate: one certificate, one connection")


async def _knock(client: _Client, side: Side, times: int) -> int:
    """Ask the gateway for its hello so often; return how many came."""
    assert side.topic_id is not None
    for _ in range(times):
        await client.publish(topic(side.topic_id, ACKNOWLEDGE), _addressed_to(side.origin))
    await asyncio.sleep(PAUSE_S)
    return len(client.heard)


def _addressed_to(origin: str) -> bytes:
    return encode_addressed(origin, 0, b"")


def _mine(side: Side, name: str) -> bool:
    return side.topic_id is None or name.split("/")[2:3] == [side.topic_id]


def _filters(side: Side) -> tuple[str, ...]:
    return gateway_filters("accord-probe") if side.topic_id is None else endpoint_filters(side.topic_id)


def _stranger() -> str:
    return secrets.token_hex(TOPIC_ID_LENGTH // 2)
