"""The gateway's side of a real broker, around the fake switch: what is dropped, settled, refused, survived."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiomqtt
import pytest

from gateway.domain.session import Answer, Peer
from gateway.links.budget import Budget
from gateway.links.mqtt import MqttLink
from gateway.telemetry.metrics import Metrics
from gateway.wire import frames
from gateway.wire.broker import BrokerLink
from gateway.wire.broker_frames import encode_addressed
from gateway.wire.broker_limits import BrokerLimits
from gateway.wire.broker_words import SUCCESS, BrokerError, Inbound, context_for
from gateway.wire.limits import Limits
from gateway.wire.topics import ACKNOWLEDGE, SUBMIT, endpoint_filters, topic, topic_id
from tests.endpoint.world import eventually
from tests.links.broker import GATEWAY, Broker
from tests.links.exchange import FakeExchange, delivery

ME = topic_id("demo", "cz-police")
PEER = Peer("cz-police", "A" * 43, "broker", 1)
QUICK = BrokerLimits(reconnect_s_min=0.05, reconnect_s_max=0.2, connect_timeout_s=3, muted_s=0.5, drain_timeout_s=2)
ORIGIN = FakeExchange().hello().origin


class Running:
    """A link that runs."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self.exchange = FakeExchange()
        self.metrics = Metrics("test")
        self.peers: dict[str, Peer] = {ME: PEER}
        self.link = MqttLink(
            self.exchange,
            broker.address(GATEWAY),
            "accord-gateway",
            Limits(),
            QUICK,
            self.metrics,
            Budget(10_000_000),
            lambda name: self.peers.get(name),
        )

    def sample(self, name: str, **labels: str) -> float:
        """Return one sample of the metrics."""
        return self.metrics.registry.get_sample_value(f"accord_{name}", labels) or 0.0

    async def connected(self) -> None:
        """Wait until the broker is there and subscribed to."""
        await eventually(lambda: self.sample("mqtt_connected") == 1)


class Endpoint:
    """An endpoint that says what a test lets it say."""

    def __init__(self, broker: Broker, name: str = ME) -> None:
        self.heard: list[frames.FromGateway] = []
        self.codes: list[int] = []
        self.link = BrokerLink(
            broker.address(name), name, QUICK, self._hear, lambda _, code: self.codes.append(code), durable=False
        )
        self._name = name

    async def open(self) -> "Endpoint":
        """Connect and subscribe."""
        await self.link.connect()
        await self.link.subscribe(endpoint_filters(self._name))
        return self

    def _hear(self, inbound: Inbound) -> None:
        self.heard.append(frames.decode_from_gateway(inbound.payload))
        self.link.acknowledge(inbound)

    def submit(self, first: int, *raws: bytes) -> None:
        """Publish submissions."""
        items = [frames.Submission("message", raw) for raw in raws]
        self.link.publish(topic(self._name, SUBMIT), frames.encode(frames.Submit(first=first, items=items)))

    def say(self, frame: frames.FromEndpoint | None, session: int = 7, origin: str = ORIGIN) -> None:
        """Publish an addressed frame; None knocks."""
        raw = b"" if frame is None else frames.encode(frame)
        self.link.publish(topic(self._name, ACKNOWLEDGE), encode_addressed(origin, session, raw))

    def of(self, kind: type) -> list[frames.FromGateway]:
        """Return what was heard of one kind."""
        return [frame for frame in self.heard if isinstance(frame, kind)]


@asynccontextmanager
async def running(broker: Broker) -> AsyncIterator[Running]:
    """Run broker and link."""
    broker.start()
    made = Running(broker)
    task = asyncio.create_task(made.link.run())
    try:
        yield made
    finally:
        task.cancel()
        await asyncio.wait([task])
        broker.kill()


async def test_endpoint_is_greeted_answered_and_delivered_to(tmp_path: Path) -> None:
    """Knock, hello, submissions, deliveries: the same frames as on a WebSocket."""
    async with running(Broker(tmp_path)) as made:
        await made.connected()
        endpoint = await Endpoint(made.broker).open()
        endpoint.say(None)
        await eventually(lambda: len(endpoint.of(frames.Hello)) == 1)
        endpoint.say(frames.EndpointHello(None, 0))
        await eventually(lambda: len(endpoint.of(frames.Hello)) == 2)
        endpoint.submit(2**45, b"a", b"b")
        await eventually(lambda: endpoint.of(frames.Answers))
        (answers,) = endpoint.of(frames.Answers)
        assert isinstance(answers, frames.Answers)
        assert [answer.number for answer in answers.items] == [2**45, 2**45 + 1]
        assert made.exchange.sessions[0].deliver([delivery(1)]) == 1
        await eventually(lambda: endpoint.of(frames.Deliveries))
        await endpoint.link.close()


async def test_broker_keeps_a_publish_until_it_is_answered(tmp_path: Path) -> None:
    """A gateway that dies between taking and committing loses nothing: the broker gives it again."""
    async with running(Broker(tmp_path)) as made:
        await made.connected()
        endpoint = await Endpoint(made.broker).open()
        made.exchange.held = []
        endpoint.submit(0, b"a")
        await eventually(lambda: made.exchange.submitted)
        await asyncio.sleep(0.2)
        assert f"PUBACK from {GATEWAY}" not in made.broker.log()
        await made.link._link.close()
        await eventually(lambda: len(made.exchange.submitted) == 2)
        made.exchange.release()
        await eventually(lambda: f"PUBACK from {GATEWAY}" in made.broker.log())
        await eventually(lambda: endpoint.of(frames.Answers))
        await endpoint.link.close()


async def test_what_is_no_frame_of_a_listed_authority_is_dropped_and_settled(tmp_path: Path) -> None:
    """Every way to be dropped is counted, none reaches the switch, and the broker never keeps any of it."""
    nobody = topic_id("demo", "nobody")
    async with running(Broker(tmp_path)) as made:
        await made.connected()
        endpoint, stranger = await Endpoint(made.broker).open(), await Endpoint(made.broker, nobody).open()
        stranger.submit(0, b"a")
        endpoint.link.publish(topic(ME, SUBMIT), b"garbage")
        endpoint.link.publish(topic(ME, ACKNOWLEDGE), b"garbage")
        endpoint.say(frames.AskConsistency(9, 2))
        endpoint.say(frames.EndpointHello(None, 0), origin="another.gateway")
        endpoint.link._connected()._client.publish(topic(ME, SUBMIT), b"x", 0)
        await eventually(lambda: made.sample("mqtt_dropped_total", reason="qos") == 1)
        wanted = {"topic": 1, "malformed": 3, "other": 1, "qos": 1}
        assert {why: made.sample("mqtt_dropped_total", reason=why) for why in wanted} == wanted
        assert made.exchange.submitted == []
        await made.link._link.close()
        await made.connected()
        await asyncio.sleep(0.2)
        assert {why: made.sample("mqtt_dropped_total", reason=why) for why in wanted} == wanted
        await endpoint.link.close()
        await stranger.link.close()


async def test_endpoint_that_is_cut_is_not_heard_for_a_while(tmp_path: Path) -> None:
    """After a breach of the protocol its topics are muted, then it may begin anew."""
    async with running(Broker(tmp_path)) as made:
        await made.connected()
        endpoint = await Endpoint(made.broker).open()
        endpoint.say(frames.EndpointHello(None, 0))
        await eventually(lambda: made.exchange.sessions)
        made.exchange.sessions[0].close("protocol")
        await eventually(lambda: endpoint.of(frames.Goodbye))
        endpoint.submit(0, b"a")
        await eventually(lambda: made.sample("mqtt_dropped_total", reason="muted") == 1)
        await asyncio.sleep(QUICK.muted_s)
        endpoint.submit(1, b"a")
        await eventually(lambda: endpoint.of(frames.Answers))
        await endpoint.link.close()


async def test_endpoint_that_left_is_not_delivered_to(tmp_path: Path) -> None:
    """Nobody is subscribed: the session ends at once, and what it was owed goes another way."""
    async with running(Broker(tmp_path)) as made:
        await made.connected()
        endpoint = await Endpoint(made.broker).open()
        endpoint.say(frames.EndpointHello(None, 0))
        await eventually(lambda: made.exchange.sessions and made.exchange.attached[-1] == (None, 0))
        session = made.exchange.sessions[0]
        await endpoint.link.close()
        # The first may still be on its way to somebody who is just leaving.
        await eventually(lambda: session.deliver([delivery(1)]) == 0)
        assert session not in made.exchange.sessions


async def test_lost_broker_ends_all_sessions_and_is_found_again(tmp_path: Path) -> None:
    """Killed, gone with all it had, started anew: the link says so, comes back and serves."""
    async with running(Broker(tmp_path)) as made:
        await made.connected()
        endpoint = await Endpoint(made.broker).open()
        endpoint.say(frames.EndpointHello(None, 0))
        await eventually(lambda: made.exchange.sessions)
        made.broker.kill()
        await eventually(lambda: made.sample("mqtt_connected") == 0 and not made.exchange.sessions)
        assert made.link.failure
        made.broker.start()
        await made.connected()
        again = await Endpoint(made.broker).open()
        again.submit(0, b"a")
        await eventually(lambda: again.of(frames.Answers))
        await again.link.close()


async def test_drain_answers_what_was_taken_and_leaves_nothing_behind(tmp_path: Path) -> None:
    """Held answers come before the goodbye; the broker has no session of ours any more."""
    async with running(Broker(tmp_path)) as made:
        await made.connected()
        endpoint = await Endpoint(made.broker).open()
        endpoint.say(frames.EndpointHello(None, 0))
        await eventually(lambda: made.exchange.attached[-1:] == [(None, 0)])
        made.exchange.held = []
        endpoint.submit(0, b"a")
        await eventually(lambda: made.exchange.submitted)
        draining = asyncio.create_task(made.link.drain())
        await asyncio.sleep(0.1)
        made.exchange.release()
        await draining
        await eventually(lambda: endpoint.of(frames.Goodbye))
        kinds = [type(frame).__name__ for frame in endpoint.heard]
        assert kinds.index("Answers") < kinds.index("Goodbye")
        watcher = BrokerLink(made.broker.address(GATEWAY), "x", QUICK, lambda _: None, lambda _, __: None, durable=True)
        assert not (await watcher.connect()).session_present
        await watcher.close(expire=True)
        await endpoint.link.close()


OPEN_TO_ALL = {"require_certificate": "false", "allow_anonymous": "true", "use_identity_as_username": "false"}


@pytest.mark.parametrize(
    ("changes", "acl", "words"),
    [
        ({**OPEN_TO_ALL, "use_username_as_clientid": "false"}, None, "without a certificate"),
        ({"acl_file": ""}, None, "in the name of others"),
        ({}, "pattern readwrite #\n", "in the name of others"),
        ({}, "user somebody-else\ntopic read x\n", None),
        ({"max_packet_size": "65536"}, None, "packets of"),
    ],
    ids=["anonymous", "no-acl", "acl-for-all", "acl-for-none", "small-packets"],
)
async def test_threat_b10_open_or_poor_broker_is_not_served(
    tmp_path: Path, changes: dict[str, str], acl: str | None, words: str | None
) -> None:
    """What must fail must fail, and what is asked must be granted, before a gateway hears anything."""
    async with running(Broker(tmp_path, acl=acl, changes=changes)) as made:
        if words is not None:
            await eventually(lambda: made.link.failure is not None)
            assert words in str(made.link.failure)
            assert made.sample("mqtt_connected") == 0
            return
        # Access rules that give us nothing: connected, but what we publish is refused, and that is counted and told.
        await made.connected()
        session = made.link._session(ME, PEER)
        assert session is not None
        session.say_hello()
        await eventually(lambda: made.sample("mqtt_publishes_refused_total", reason="not-authorized") == 1)


async def test_threat_b5_client_id_takes_nobodys_session(tmp_path: Path) -> None:
    """Whoever connects under the client id of another is given its own: the certificate says who is who."""
    async with running(Broker(tmp_path)) as made:
        await made.connected()
        thief = topic_id("demo", "thief")
        for name in (GATEWAY, ME):
            stealing = BrokerLink(
                made.broker.address(thief), name, QUICK, lambda _: None, lambda _, __: None, durable=True
            )
            granted = await stealing.connect()
            assert not granted.session_present
            await stealing.close(expire=True)
        await asyncio.sleep(0.2)
        assert made.sample("mqtt_losses_total") == 0
        assert made.sample("mqtt_connected") == 1
        assert f"as {thief} " in made.broker.log()


@pytest.mark.parametrize("name", ["+", "#", "+/submit", f"{ME}/../x"])
async def test_threat_b4_name_with_a_wildcard_may_nothing(tmp_path: Path, name: str) -> None:
    """A certificate whose name is a wildcard neither reads nor writes what is another's."""
    broker = Broker(tmp_path)
    broker.start()
    try:
        heard: list[Inbound] = []
        codes: list[int] = []
        rude = BrokerLink(
            broker.address(name), "x", QUICK, heard.append, lambda _, code: codes.append(code), durable=False
        )
        honest, gateway = (
            await Endpoint(broker).open(),
            BrokerLink(broker.address(GATEWAY), "g", QUICK, lambda _: None, lambda _, __: None, durable=False),
        )
        await gateway.connect()
        # To be let in not at all is as good.
        with suppress(BrokerError):
            await rude.connect()
            for wide in ("#", "accord/v1/+/deliver", f"accord/v1/{ME}/deliver", "$SYS/#"):
                await rude.subscribe((wide,))
            for word in ("submit", "ack", "receipt", "deliver"):
                rude.publish(topic(ME, word), b"forged")
            await eventually(lambda: len(codes) == 4)
        assert SUCCESS not in codes
        gateway.publish(topic(ME, "deliver"), frames.encode(frames.Goodbye("drain")))
        await eventually(lambda: honest.of(frames.Goodbye))
        assert heard == []
        await rude.close()
        await gateway.close()
        await honest.link.close()
    finally:
        broker.kill()


async def test_threat_b6_will_means_nothing(tmp_path: Path) -> None:
    """A will is bytes that nobody signed: on one's own topic it is dropped, on another's the broker refuses it."""
    async with running(Broker(tmp_path)) as made:
        await made.connected()
        for place in (topic(ME, SUBMIT), topic(topic_id("demo", "other"), SUBMIT), "$CONTROL/dynamic-security/v1"):
            dying = aiomqtt.Client(
                "127.0.0.1",
                made.broker.port,
                identifier=ME,
                protocol=aiomqtt.ProtocolVersion.V5,
                tls_context=context_for(made.broker.address(ME)),
                will=aiomqtt.Will(place, b"last words", qos=1),
            )
            await dying.__aenter__()
            dying._client._sock_close()
        await eventually(lambda: made.sample("mqtt_dropped_total", reason="malformed") == 1)
        await asyncio.sleep(0.2)
        assert made.sample("mqtt_dropped_total", reason="malformed") == 1
        assert made.exchange.submitted == []
        assert made.sample("mqtt_connected") == 1


@pytest.mark.parametrize("available", ["false", "true"])
async def test_threat_b7_retained_submission_is_dropped(tmp_path: Path, available: str) -> None:
    """With the shipped configuration the broker cuts whoever retains; with another one the gateway drops it."""
    async with running(Broker(tmp_path, changes={"retain_available": available})) as made:
        await made.connected()
        endpoint = await Endpoint(made.broker).open()
        raw = frames.encode(frames.Submit(first=0, items=[frames.Submission("message", b"a")]))
        endpoint.link._connected()._client.publish(topic(ME, SUBMIT), raw, 1, retain=True)
        if available == "true":
            await eventually(lambda: made.sample("mqtt_dropped_total", reason="retained") == 1)
            await made.link._link.close()
            await made.connected()
        else:
            async with asyncio.timeout(5):
                await endpoint.link.ended()
        await asyncio.sleep(0.2)
        assert made.exchange.submitted == []
        await endpoint.link.close()


async def test_fault_of_ours_in_one_publish_stops_no_other(tmp_path: Path) -> None:
    """A publish that we cannot deal with is settled, counted and told: redelivered for ever it would stop everybody."""
    async with running(Broker(tmp_path)) as made:
        await made.connected()

        def fail(number: int, raw: bytes) -> Answer:
            if raw == b"poison":
                raise ZeroDivisionError
            return Answer(number, "receipt", permitted=True, body=b"receipt")

        made.exchange.outcome = fail
        endpoint = await Endpoint(made.broker).open()
        endpoint.submit(0, b"poison")
        await eventually(lambda: made.sample("mqtt_dropped_total", reason="fault") == 1)
        endpoint.submit(1, b"sound")
        await eventually(lambda: endpoint.of(frames.Answers))
        assert made.sample("mqtt_losses_total") == made.link._shared.unjudged.bytes_taken == 0
        await endpoint.link.close()
