"""One connection to an MQTT 5 broker, for gateways and endpoints alike: acknowledged by hand, bounded, in order.

`aiomqtt` is used through one subclass (2.5.x: `_client` and its callbacks are private names). What it leaves open is
decided here: a publish is acknowledged when we say so and never before an earlier one; acknowledgements of a connection
that is gone are dropped, because the broker gives packet identifiers out anew; the broker's word on every publish of
ours is passed on; nothing is queued beyond the receive maximum of either side. Who publishes what to whom is not known
here. Source: S-18 (MQTT 5.0, 4.3.2, 4.4, 4.6, 4.9); ADR 0009.
"""

import asyncio
import socket
import ssl
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import aiomqtt
from msgspec import Struct
from paho.mqtt.client import MQTTMessage
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from gateway.domain.errors import PeerError
from gateway.wire.broker_frames import PACKET_BYTES_MAX
from gateway.wire.broker_limits import BrokerLimits
from gateway.wire.tls import Identity, client_context, spki_sha256

QOS = 1
# Reason codes of PUBACK, SUBACK and CONNACK (MQTT 5.0, 2.4).
SUCCESS, NO_SUBSCRIBER, REFUSED_FROM, NOT_AUTHORIZED = 0x00, 0x10, 0x80, 0x87
_NOBODY = object()
# The library ships this class without types.
_properties: Callable[[int], Properties] = Properties


class BrokerError(PeerError):
    """There is no connection to the broker, or it has ended; what was under way is sent again on the next one."""


class BrokerRefusedError(BrokerError):
    """The broker lets us in no further: identity or access rules are not what they must be."""


class Granted(Struct, frozen=True):
    """What the broker granted in its CONNACK."""

    session_present: bool
    client_id: str
    receive_max: int = 65_535
    packet_bytes_max: int = 268_435_455
    session_expiry_s: int = 0
    qos_max: int = 2
    shared: bool = True
    wildcards: bool = True
    retain: bool = True

    def lacks(self, *, as_gateway: bool) -> list[str]:
        """Return what is missing for a gateway or an endpoint, in words."""
        found = []
        if self.qos_max < QOS:
            found.append("quality of service 1")
        if self.packet_bytes_max < PACKET_BYTES_MAX:
            found.append(f"packets of {PACKET_BYTES_MAX} bytes (it takes {self.packet_bytes_max})")
        if as_gateway and not self.shared:
            found.append("shared subscriptions")
        if as_gateway and not self.wildcards:
            found.append("wildcards in subscriptions")
        return found


class Inbound(Struct):
    """One publish that the broker gave us. `acknowledge` it once, when what it carries is not the broker's any more."""

    topic: str
    payload: bytes
    retained: bool
    qos: int
    number: int
    epoch: int
    settled: bool = False


class BrokerAddress(Struct, frozen=True):
    """Where a broker is, who we are there, and the digest of its TLS key (None: any key under our CA)."""

    host: str
    port: int
    identity: Identity
    spki_sha256: str | None = None


def context_for(address: BrokerAddress) -> ssl.SSLContext:
    """Return TLS 1.3 with our certificate towards a broker of our CA, and its pinned key if there is one.

    Raises:
        ConfigurationError: a file is missing or no PEM.
    """
    context = client_context(address.identity, None)
    context.set_alpn_protocols(["mqtt"])
    if address.spki_sha256 is not None:
        context.sslsocket_class = _pinning(address.spki_sha256)
    return context


class BrokerLink:
    """One client of a broker; `connect` again after `ended`. Each connection has an epoch of its own.

    `heard` takes every publish, `confirmed` the broker's reason code for every publish of ours; both are called on the
    event loop and return at once.
    """

    def __init__(
        self,
        address: BrokerAddress,
        client_id: str,
        limits: BrokerLimits,
        heard: Callable[[Inbound], None],
        confirmed: Callable[[Any, int], None],
        *,
        durable: bool,
    ) -> None:
        """`durable`: the broker keeps our session while we are away (a gateway's); an endpoint's begins clean."""
        self._address = address
        self._client_id = client_id
        self._limits = limits
        self._heard = heard
        self._confirmed = confirmed
        self._durable = durable
        self._client: _Client | None = None
        self._unsettled: deque[Inbound] = deque()
        self._unconfirmed: dict[int, Any] = {}
        self._publishes_max = limits.publishes_max
        # Made by `settled`, done when nothing is under way in either direction.
        self._finished: asyncio.Future[None] | None = None
        self.epoch = 0

    async def connect(self) -> Granted:
        """Connect once and return what the broker grants.

        Raises:
            ConfigurationError: our own files are unusable.
            BrokerRefusedError: it does not want our certificate, or shows another key than the pinned one.
            BrokerError: it cannot be reached.
        """
        client = _Client(self, self._address, self._client_id, self._limits, self._durable)
        entering = asyncio.ensure_future(client.__aenter__())
        try:
            await asyncio.shield(entering)
        except asyncio.CancelledError:
            # The thread that connects cannot be cancelled: what it opens is closed.
            with suppress(aiomqtt.MqttError):
                await entering
            client.cut()
            raise
        except aiomqtt.MqttError as error:
            client.cut()
            raise _explained(client, error, f"{self._address.host}:{self._address.port}") from error
        assert client.granted is not None
        self.epoch += 1
        self._unsettled.clear()
        self._unconfirmed.clear()
        self._publishes_max = min(self._limits.publishes_max, client.granted.receive_max)
        self._client = client
        while client.early:
            inbound = client.early.popleft()
            inbound.epoch = self.epoch
            self._admit(inbound)
        return client.granted

    async def subscribe(self, filters: Sequence[str]) -> None:
        """Subscribe, without what was retained; also after a session was resumed (2.0.11 forgets shared ones).

        Raises:
            BrokerRefusedError: a subscription is refused.
            BrokerError: the connection has ended.
        """
        # Live publishes keep their retain flag, so that a retained one can be told and dropped (threat B7).
        options = SubscribeOptions(qos=QOS, retainAsPublished=True, retainHandling=SubscribeOptions.RETAIN_DO_NOT_SEND)
        try:
            codes = await self._connected().subscribe([(name, options) for name in filters])
        except aiomqtt.MqttError as error:
            raise BrokerError("the broker did not take our subscriptions") from error
        for name, code in zip(filters, codes, strict=True):
            if _number(code) >= REFUSED_FROM:
                raise BrokerRefusedError(f"the broker refuses the subscription to `{name}` (0x{_number(code):02x})")

    @property
    def room(self) -> int:
        """How many publishes may go now."""
        return self._publishes_max - len(self._unconfirmed) if self._client is not None else 0

    def publish(self, topic: str, payload: bytes, token: Any = None) -> None:
        """Send one publish; `confirmed` gets `token` and the broker's reason code.

        Raises:
            BrokerError: there is no connection.
        """
        info = self._connected().send(topic, payload)
        if info.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise BrokerError("the connection to the broker has ended")
        self._unconfirmed[info.mid] = token

    def acknowledge(self, inbound: Inbound) -> bool:
        """Tell the broker that a publish is ours now; False if it came over a connection that is gone.

        Acknowledgements leave in the order of the publishes, as the standard demands [MQTT-4.6.0-2].
        """
        if inbound.epoch != self.epoch or self._client is None:
            return False
        inbound.settled = True
        unsettled = self._unsettled
        while unsettled and unsettled[0].settled:
            self._client.settle(unsettled.popleft().number)
        self._look_finished()
        return True

    async def ended(self) -> None:
        """Wait until the connection is gone."""
        if self._client is not None:
            client = self._client
            await client.gone()
            if self._client is client:
                self._client = None

    async def unsubscribe(self, filters: Sequence[str]) -> None:
        """Have nothing more sent to us; what came before is ours to finish."""
        if self._client is not None:
            with suppress(aiomqtt.MqttError):
                await self._client.unsubscribe(list(filters), timeout=self._limits.drain_timeout_s)

    async def settled(self) -> None:
        """Wait until nothing is under way in either direction, at most `drain_timeout_s`."""
        client = self._client
        if client is None:
            return
        self._finished = asyncio.get_running_loop().create_future()
        self._look_finished()
        gone = asyncio.ensure_future(client.gone())
        await asyncio.wait(
            {self._finished, gone}, timeout=self._limits.drain_timeout_s, return_when=asyncio.FIRST_COMPLETED
        )
        gone.cancel()

    async def close(self, *, expire: bool = False) -> None:
        """Disconnect; `expire`: the broker forgets our session."""
        client, self._client = self._client, None
        if client is not None:
            await client.leave(expire)

    def _connected(self) -> "_Client":
        if self._client is None or self._client.is_gone():
            raise BrokerError("there is no connection to the broker")
        return self._client

    def _take(self, client: "_Client", message: MQTTMessage) -> None:
        """Take one publish from the library, in the order in which they came."""
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = ""
        inbound = Inbound(topic, bytes(message.payload), message.retain, message.qos, message.mid, self.epoch)
        if client is not self._client:
            # It came with the broker's greeting: `connect` hands it on once the epoch has begun.
            client.early.append(inbound)
            return
        self._admit(inbound)

    def _admit(self, inbound: Inbound) -> None:
        if inbound.qos == QOS:
            self._unsettled.append(inbound)
        self._heard(inbound)

    def _told(self, number: int, code: int) -> None:
        token = self._unconfirmed.pop(number, _NOBODY)
        if token is not _NOBODY:
            self._confirmed(token, code)
            self._look_finished()

    def _look_finished(self) -> None:
        finished = self._finished
        if finished is not None and not (self._unsettled or self._unconfirmed or finished.done()):
            finished.set_result(None)


class _Client(aiomqtt.Client):
    """The one subclass: manual acknowledgement, reason codes, no queue and no task of the library's own."""

    def __init__(self, link: BrokerLink, address: BrokerAddress, client_id: str, limits: BrokerLimits, durable: bool):
        properties = _properties(PacketTypes.CONNECT)
        properties.SessionExpiryInterval = limits.session_expiry_s if durable else 0
        properties.ReceiveMaximum = limits.receive_max
        properties.MaximumPacketSize = PACKET_BYTES_MAX
        super().__init__(
            address.host,
            address.port,
            identifier=client_id,
            protocol=aiomqtt.ProtocolVersion.V5,
            timeout=limits.connect_timeout_s,
            keepalive=limits.keepalive_s,
            clean_start=not durable,
            max_queued_incoming_messages=0,
            max_inflight_messages=limits.publishes_max,
            properties=properties,
            tls_context=context_for(address),
            socket_options=((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),),
        )
        self._client.manual_ack_set(True)
        self._link = link
        self.granted: Granted | None = None
        self.failure: OSError | None = None
        self.early: deque[Inbound] = deque()

    def send(self, topic: str, payload: bytes) -> Any:
        return self._client.publish(topic, payload, QOS)

    def settle(self, number: int) -> None:
        self._client.ack(number, QOS)

    def is_gone(self) -> bool:
        return self._disconnected.done()

    async def gone(self) -> None:
        await asyncio.wait([self._disconnected])
        # Read, so that asyncio does not report what nobody asks for.
        if not self._disconnected.cancelled():
            self._disconnected.exception()

    async def leave(self, expire: bool) -> None:
        if not self.is_gone():
            properties = None
            if expire:
                properties = _properties(PacketTypes.DISCONNECT)
                properties.SessionExpiryInterval = 0
            self._client.disconnect(properties=properties)
            await asyncio.wait([self._disconnected], timeout=1.0)
        self.cut()

    def cut(self) -> None:
        """Close the socket, however far the connection came."""
        if self._disconnected.done() and not self._disconnected.cancelled():
            self._disconnected.exception()
        self._client._sock_close()  # noqa: SLF001 - the library closes only after a DISCONNECT was written.
        if not self._disconnected.done():
            self._disconnected.set_result(None)
        if self._lock.locked():
            self._lock.release()

    # What paho calls, on the event loop (`_client_connect`: in the thread that connects).

    def _client_connect(self) -> None:
        try:
            super()._client_connect()
        except OSError as error:
            self.failure = error
            raise

    def _on_connect(
        self, client: Any, userdata: Any, flags: Any, reason_code: ReasonCode, properties: Properties | None = None
    ) -> None:
        if not self._connected.done() and reason_code == 0:
            self.granted = _granted(flags.session_present, self.identifier, properties, self._properties)
        super()._on_connect(client, userdata, flags, reason_code, properties)

    def _on_disconnect(
        self, client: Any, userdata: Any, flags: Any, reason_code: ReasonCode, properties: Properties | None = None
    ) -> None:
        if not self._connected.done():
            # Under TLS 1.3 a broker looks at our certificate after our handshake: it shows as a connection that dies.
            self._connected.set_exception(aiomqtt.MqttError("it broke the connection off after the handshake"))
            return
        super()._on_disconnect(client, userdata, flags, reason_code, properties)

    def _on_message(self, client: Any, userdata: Any, message: MQTTMessage) -> None:
        self._link._take(self, message)  # noqa: SLF001 - the two classes are one adapter.

    def _on_publish(
        self, client: Any, userdata: Any, mid: int, reason_code: ReasonCode, properties: Properties
    ) -> None:
        self._link._told(mid, _number(reason_code))  # noqa: SLF001 - the two classes are one adapter.


def _granted(present: bool, client_id: str, told: Properties | None, asked: Properties | None) -> Granted:
    def value(name: str, default: Any) -> Any:
        return getattr(told, name, default)

    return Granted(
        session_present=bool(present),
        client_id=str(value("AssignedClientIdentifier", client_id)),
        receive_max=int(value("ReceiveMaximum", 65_535)),
        packet_bytes_max=int(value("MaximumPacketSize", 268_435_455)),
        # A broker that says nothing keeps the session for as long as we asked.
        session_expiry_s=int(value("SessionExpiryInterval", getattr(asked, "SessionExpiryInterval", 0))),
        qos_max=int(value("MaximumQoS", 2)),
        shared=bool(value("SharedSubscriptionAvailable", 1)),
        wildcards=bool(value("WildcardSubscriptionAvailable", 1)),
        retain=bool(value("RetainAvailable", 1)),
    )


def _number(code: Any) -> int:
    return int(code.value) if isinstance(code, ReasonCode) else int(code)


def _explained(client: _Client, error: aiomqtt.MqttError, where: str) -> BrokerError:
    failure = client.failure
    if isinstance(failure, ssl.SSLCertVerificationError):
        return BrokerRefusedError(f"the broker {where} shows a key or certificate that is not the expected one")
    if failure is not None:
        reason = (failure.strerror or str(failure)).lower()
        return BrokerError(f"the broker {where} cannot be reached ({reason})")
    if isinstance(error, aiomqtt.exceptions.MqttConnectError):
        return BrokerRefusedError(f"the broker {where} refuses the connection ({_words(error.rc)})")
    if "after the handshake" in str(error):
        return BrokerRefusedError(f"the broker {where} broke the connection off: it does not want our certificate")
    return BrokerError(f"the broker {where} did not answer in time")


def _words(code: Any) -> str:
    return str(code).lower()


def _pinning(expected: str) -> type[ssl.SSLSocket]:
    class Pinning(ssl.SSLSocket):
        """Fails the handshake unless the broker shows the pinned key."""

        def do_handshake(self, block: bool = False) -> None:
            super().do_handshake(block)
            certificate = self.getpeercert(binary_form=True)
            if certificate is None or spki_sha256(certificate) != expected:
                raise ssl.SSLCertVerificationError("the broker's key is not the pinned one")

    return Pinning
