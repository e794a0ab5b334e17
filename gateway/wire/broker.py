"""One connection to an MQTT 5 broker, for gateways and endpoints alike: acknowledged by hand, bounded, in order.

What `aiomqtt` leaves open is decided here: a publish is acknowledged when we say so and never before an earlier one;
acknowledgements of a connection that is gone are dropped, because the broker gives packet identifiers out anew; the
broker's word on every publish of ours is passed on; nothing is queued beyond the receive maximum of either side. Who
publishes what to whom is not known here. Source: S-18 (MQTT 5.0, 4.3.2, 4.4, 4.6, 4.9); ADR 0009.
"""

import asyncio
import math
import ssl
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import aiomqtt
from paho.mqtt.client import MQTTMessage
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from gateway.domain.errors import GatewayError, TrustError
from gateway.wire.broker_client import Client, number_of
from gateway.wire.broker_limits import BrokerLimits
from gateway.wire.broker_words import (
    QOS,
    REFUSED_FROM,
    BrokerAddress,
    BrokerError,
    BrokerRefusedError,
    Granted,
    Inbound,
)

_NOBODY = object()


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
        self._client: Client | None = None
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
            TrustError: it shows another key than the pinned one, or no certificate of our CA.
            BrokerRefusedError: it does not want our certificate.
            BrokerError: it cannot be reached.
        """
        client = Client(self._address, self._client_id, self._limits, self._durable, self._take, self._told)
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

    async def subscribe(self, filters: Sequence[str], *, retained: bool = False) -> None:
        """Subscribe, also after a session was resumed (2.0.11 forgets shared ones); `retained`: hear what was kept.

        Raises:
            BrokerRefusedError: a subscription is refused.
            BrokerError: the connection has ended.
        """
        # Live publishes keep their retain flag, so that a retained one can be told and dropped (threat B7).
        handling = SubscribeOptions.RETAIN_SEND_ON_SUBSCRIBE if retained else SubscribeOptions.RETAIN_DO_NOT_SEND
        options = SubscribeOptions(qos=QOS, retainAsPublished=True, retainHandling=handling)
        try:
            # Not by the library's own timeout: `asyncio.wait_for` of Python 3.11 may lose a cancellation.
            async with asyncio.timeout(self._limits.connect_timeout_s):
                codes = await self._connected().subscribe([(name, options) for name in filters], timeout=math.inf)
        except (aiomqtt.MqttError, TimeoutError) as error:
            raise BrokerError("the broker did not take our subscriptions") from error
        for name, code in zip(filters, codes, strict=True):
            if number_of(code) >= REFUSED_FROM:
                raise BrokerRefusedError(f"the broker refuses the subscription to `{name}` (0x{number_of(code):02x})")

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
            with suppress(aiomqtt.MqttError, TimeoutError):
                async with asyncio.timeout(self._limits.drain_timeout_s):
                    await self._client.unsubscribe(list(filters), timeout=math.inf)

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

    def _connected(self) -> Client:
        if self._client is None or self._client.is_gone():
            raise BrokerError("there is no connection to the broker")
        return self._client

    def _take(self, client: Client, message: MQTTMessage) -> None:
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


def _explained(client: Client, error: aiomqtt.MqttError, where: str) -> GatewayError:
    failure = client.failure
    if isinstance(failure, ssl.SSLCertVerificationError):
        return TrustError(f"the broker {where} shows another key or certificate than the expected one")
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
