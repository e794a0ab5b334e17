"""`aiomqtt` as we use it: one subclass with manual acknowledgement, reason codes, no queue and no task a message.

`_client` and the callbacks are private names of 2.5.x, so the version is pinned below 2.6 (ADR 0009).
"""

import asyncio
import socket
from collections import deque
from collections.abc import Callable
from typing import Any

import aiomqtt
from paho.mqtt.client import MQTTMessage, MQTTMessageInfo
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from gateway.wire.broker_frames import PACKET_BYTES_MAX
from gateway.wire.broker_limits import BrokerLimits
from gateway.wire.broker_words import QOS, BrokerAddress, Granted, Inbound, context_for

# The library ships this class without types.
_properties: Callable[[int], Properties] = Properties


class Client(aiomqtt.Client):
    """A client of one connection; `take` gets every publish, `told` the broker's word on each of ours."""

    def __init__(
        self,
        address: BrokerAddress,
        client_id: str,
        limits: BrokerLimits,
        durable: bool,
        take: Callable[["Client", MQTTMessage], None],
        told: Callable[[int, int], None],
    ) -> None:
        """Describe a connection; `durable`: the broker keeps our session when it ends."""
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
        # Read by somebody, so that asyncio does not report an end that nobody happens to wait for.
        self._disconnected.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
        self._take = take
        self._told = told
        self.granted: Granted | None = None
        self.failure: OSError | None = None
        self.early: deque[Inbound] = deque()

    def send(self, topic: str, payload: bytes) -> MQTTMessageInfo:
        """Publish at once, without waiting for the broker's word."""
        return self._client.publish(topic, payload, QOS)

    def settle(self, number: int) -> None:
        """Acknowledge one publish of the broker's."""
        self._client.ack(number, QOS)

    def is_gone(self) -> bool:
        """True once the connection has ended."""
        return self._disconnected.done()

    async def gone(self) -> None:
        """Wait for the end of the connection."""
        await asyncio.wait([self._disconnected])

    async def leave(self, expire: bool) -> None:
        """Disconnect in order; `expire`: the broker forgets the session at once."""
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
        self._take(self, message)

    def _on_publish(
        self, client: Any, userdata: Any, mid: int, reason_code: ReasonCode, properties: Properties
    ) -> None:
        self._told(mid, number_of(reason_code))


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


def number_of(code: Any) -> int:
    """Return a reason code as the number that it is."""
    return int(code.value) if isinstance(code, ReasonCode) else int(code)
