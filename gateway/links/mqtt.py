"""The link through a broker: one connection of ours to it, one session for every authority that is behind it.

What comes is settled in this order: topic, retain flag, quota of the topic, frame; only then the switch looks at
signatures. A publish is acknowledged to the broker once the store has what it carries or its sender was told why not,
never before, and never with an error: then the broker would throw it away for all gateways. When the broker is lost
all its sessions end; endpoints keep what has no receipt, the spool keeps what has no acknowledgement.
Before anything is served the broker must refuse what it has to refuse (threat B10). Source: S-18; ADR 0009.
"""

import asyncio
import random
import secrets
from collections import OrderedDict
from collections.abc import Callable

from gateway.domain.errors import ConfigurationError, FormatError, LedgerError, PeerError, TrustError
from gateway.domain.session import Peer
from gateway.links.budget import Budget
from gateway.links.exchange import Exchange
from gateway.links.mqtt_session import MqttSession, Shared
from gateway.telemetry.bounds import BoundLog
from gateway.telemetry.logs import get_logger
from gateway.telemetry.metrics import Metrics
from gateway.wire.broker import BrokerLink
from gateway.wire.broker_frames import SILENCE_S, decode_addressed, decode_inner, decode_submit
from gateway.wire.broker_limits import BrokerLimits
from gateway.wire.broker_probe import lets_anybody_in
from gateway.wire.broker_words import (
    NO_SUBSCRIBER,
    NOT_AUTHORIZED,
    QOS,
    REFUSED_FROM,
    BrokerAddress,
    BrokerError,
    BrokerRefusedError,
    Inbound,
)
from gateway.wire.limits import Limits
from gateway.wire.topics import GROUP, SUBMIT, TOPIC_ID_LENGTH, gateway_filters, parse, topic

log = get_logger("mqtt")

# Reason codes of PUBACK, as the metric names them (MQTT 5, 3.4.2.1).
REFUSALS = {
    0x80: "unspecified",
    0x83: "implementation",
    0x87: "not-authorized",
    0x90: "topic",
    0x97: "quota",
    0x99: "format",
}

LOOK_S = 1.0
# A token for the one publish that must be refused.
FORBIDDEN = "forbidden"


class MqttLink:
    """A gateway's side of one broker; `run` is a task of its own."""

    def __init__(
        self,
        exchange: Exchange,
        address: BrokerAddress,
        client_id: str,
        limits: Limits,
        broker_limits: BrokerLimits,
        metrics: Metrics,
        unjudged: Budget,
        peer_of: Callable[[str], Peer | None],
        group: str = GROUP,
    ) -> None:
        """`peer_of` tells whose a topic id is under the edition in force, None: nobody's."""
        self._exchange = exchange
        self._address = address
        self._limits = broker_limits
        self._metrics = metrics
        self._peer_of = peer_of
        self._filters = gateway_filters(group)
        self._loop = asyncio.get_running_loop()
        self._link = BrokerLink(address, client_id, broker_limits, self._heard, self._confirmed, durable=True)
        self._shared = Shared(
            exchange=exchange,
            limits=limits,
            broker_limits=broker_limits,
            metrics=metrics,
            unjudged=unjudged,
            outgoing=Budget(limits.outgoing_bytes_total_max),
            settle=self._link.acknowledge,
            ready=self._ready,
            now_s=self._loop.time,
            bounds=BoundLog("mqtt"),
        )
        self._sessions: dict[str, MqttSession] = {}
        self._muted: dict[str, float] = {}
        self._waiting: OrderedDict[MqttSession, None] = OrderedDict()
        self._flushing = False
        self._draining = False
        self._attempt = 0
        self._refused_at_s: dict[int, float] = {}
        self._verdict: asyncio.Future[int] | None = None
        # Why there is no connection; None while there is one, or before the first attempt.
        self.failure: str | None = None

    async def run(self) -> None:
        """Connect, serve, and connect again, until cancelled."""
        self._metrics.mqtt_links.inc()
        looking = asyncio.create_task(self._keep_looking(), name="mqtt-silence")
        try:
            while not self._draining:
                try:
                    await self._serve()
                except (BrokerError, ConfigurationError, TrustError) as error:
                    self._lost(str(error))
                limits = self._limits
                bound_s = min(limits.reconnect_s_max, limits.reconnect_s_min * 2 ** min(self._attempt, 16))
                self._attempt += 1
                await asyncio.sleep(random.uniform(0, bound_s))
        finally:
            looking.cancel()
            self._end_sessions()
            await self._link.close()

    async def drain(self) -> None:
        """Hear nobody any more, answer what was taken, say goodbye, and leave nothing queued at the broker."""
        self._draining = True
        await self._link.unsubscribe(self._filters)
        await self._link.settled()
        for session in self._sessions.values():
            session.close("drain")
        self._flush()
        await self._link.settled()
        await self._link.close(expire=True)

    async def _serve(self) -> None:
        granted = await self._link.connect()
        try:
            lacks = granted.lacks(as_gateway=True)
            if lacks:
                raise BrokerRefusedError(f"the broker does not grant {', '.join(lacks)}")
            await self._require_closed()
            await self._link.subscribe(self._filters)
            self._attempt = 0
            self.failure = None
            self._metrics.mqtt_connected.inc()
            log.info("broker-connected", transport="mqtt", host=self._address.host, port=self._address.port)
            try:
                await self._link.ended()
            finally:
                self._metrics.mqtt_connected.dec()
            if not self._draining:
                raise BrokerError("the connection to the broker was lost")
        finally:
            self._end_sessions()
            await self._link.close()

    async def _require_closed(self) -> None:
        """Let the broker show that it refuses what it must: a stranger, and a publish that is not ours to make.

        Raises:
            BrokerRefusedError: it is open, or does not tell.
        """
        if await asyncio.to_thread(lets_anybody_in, self._address):
            raise BrokerRefusedError("the broker lets in clients without a certificate")
        self._verdict = self._loop.create_future()
        self._link.publish(topic(secrets.token_hex(TOPIC_ID_LENGTH // 2), SUBMIT), b"", FORBIDDEN)
        try:
            async with asyncio.timeout(self._limits.connect_timeout_s):
                code = await self._verdict
        except TimeoutError:
            raise BrokerRefusedError("the broker does not answer a publish that it must refuse") from None
        if code != NOT_AUTHORIZED:
            raise BrokerRefusedError("the broker lets a gateway submit in the name of others: its access rules are off")

    # What comes from the broker.

    def _heard(self, inbound: Inbound) -> None:
        """Take one publish; whatever it is, it ends settled."""
        try:
            why = self._sort(inbound)
        except Exception:
            # Whatever it is, the broker would give it again for ever, to the harm of all. Its sender has no receipt.
            log.exception("broker-frame-fault", transport="mqtt")
            why = "fault"
        if why is not None:
            self._metrics.mqtt_dropped[why].inc()
            self._link.acknowledge(inbound)

    def _sort(self, inbound: Inbound) -> str | None:
        """Hand one publish to its session, or say why it is dropped."""
        place = parse(inbound.topic)
        peer = None if place is None else self._peer_of(place[0])
        if place is None or peer is None:
            return "topic"
        if inbound.retained:
            return "retained"
        if inbound.qos != QOS:
            return "qos"
        topic_id, word = place
        session = self._session(topic_id, peer)
        if session is None:
            return "muted"
        try:
            if word == SUBMIT:
                frame = decode_submit(inbound.payload)
                session.heard_s = self._loop.time()
                session.submit(frame, inbound)
                return None
            return self._addressed(session, inbound)
        except (FormatError, PeerError):
            session.charge(len(inbound.payload))
            return "malformed"
        except LedgerError:
            # The store has latched; `app` stops the process. Nothing of this publish is acknowledged to anybody.
            session.leave()
            return None

    def _addressed(self, session: MqttSession, inbound: Inbound) -> str | None:
        addressed = decode_addressed(inbound.payload)
        if addressed.origin != self._exchange.hello().origin:
            return "other"
        if not session.charge(len(inbound.payload)):
            return "quota"
        session.heard_s = self._loop.time()
        if addressed.raw:
            session.take(decode_inner(addressed.raw), addressed.session, inbound)
        else:
            session.say_hello()
            self._link.acknowledge(inbound)
        return None

    def _session(self, topic_id: str, peer: Peer) -> MqttSession | None:
        """Return the session of a topic, a new one if need be; None while the topic is not heard."""
        session = self._sessions.get(topic_id)
        if session is not None and session.peer != peer:
            session.close("revoked")
        if session is not None and session.reason is None:
            return session
        if session is not None and session.reason == "protocol":
            self._muted[topic_id] = self._loop.time() + self._limits.muted_s
            del self._sessions[topic_id]
        if self._muted.get(topic_id, 0.0) > self._loop.time():
            return None
        self._muted.pop(topic_id, None)
        session = self._sessions[topic_id] = MqttSession(self._shared, peer, topic_id)
        return session

    # What goes to the broker.

    def _ready(self, session: MqttSession) -> None:
        """Publish for a session at the end of this turn of the loop, so that many items share a publish."""
        self._waiting[session] = None
        if not self._flushing:
            self._flushing = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        """Publish in turn for everybody who has something, as far as the broker takes it."""
        self._flushing = False
        link, waiting = self._link, self._waiting
        try:
            while waiting and link.room > 0:
                session, _ = waiting.popitem(last=False)
                taken = session.next_publish()
                if taken is not None:
                    word, payload = taken
                    link.publish(topic(session.topic_id, word), payload, session)
                    waiting[session] = None
        except BrokerError:
            # `run` hears of it too, and ends all sessions.
            waiting.clear()

    def _confirmed(self, token: object, code: int) -> None:
        if token is FORBIDDEN:
            if self._verdict is not None and not self._verdict.done():
                self._verdict.set_result(code)
            return
        if code == NO_SUBSCRIBER and isinstance(token, MqttSession):
            # Nobody hears it: the endpoint is gone. What it is owed goes to another connection, or waits.
            token.leave()
        elif code >= REFUSED_FROM:
            self._refused(code)
            if isinstance(token, MqttSession):
                token.leave()
        if self._waiting and not self._flushing:
            self._flush()

    def _refused(self, code: int) -> None:
        self._metrics.mqtt_publishes_refused[REFUSALS.get(code, "other")].inc()
        now_s = self._loop.time()
        if now_s - self._refused_at_s.get(code, -60.0) >= 60.0:
            self._refused_at_s[code] = now_s
            log.error(
                "broker-refuses-publish",
                transport="mqtt",
                reason_code=f"0x{code:02x}",
                remedy="let this gateway write accord/v1/+/receipt and accord/v1/+/deliver: deploy/mosquitto/acl",
            )

    # Ends.

    async def _keep_looking(self) -> None:
        """End sessions that have gone silent, or that somebody closed."""
        while True:
            await asyncio.sleep(LOOK_S)
            before_s = self._loop.time() - SILENCE_S
            for topic_id, session in list(self._sessions.items()):
                if session.reason is None and session.heard_s < before_s and session.idle:
                    session.leave()
                if session.reason is not None and session.reason != "protocol":
                    del self._sessions[topic_id]

    def _end_sessions(self) -> None:
        for session in self._sessions.values():
            session.leave()
        self._sessions.clear()
        self._waiting.clear()

    def _lost(self, why: str) -> None:
        if why != self.failure:
            log.error("broker-lost", transport="mqtt", host=self._address.host, port=self._address.port, error=why)
        self.failure = why
        self._metrics.mqtt_losses.inc()
