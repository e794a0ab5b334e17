"""Real processes around a real broker: what is promised holds whatever happens to the wire."""

import asyncio
import random
from collections import Counter
from pathlib import Path

from msgspec.structs import replace

from gateway.domain.directory import Authority
from gateway.domain.session import Answer, Delivery, Evidence
from gateway.endpoint.client import Endpoint, Post
from gateway.wire import frames
from gateway.wire.broker import BrokerLink
from gateway.wire.broker_frames import encode_addressed
from gateway.wire.broker_limits import BrokerLimits
from gateway.wire.broker_words import Inbound
from gateway.wire.topics import topic
from tests.endpoint.world import alarms, eventually, state
from tests.federation import ORIGIN, PLAIN, Member
from tests.links.broker import DEPLOY, GATEWAY, Broker
from tests.links.mqtt_house import QUICK, MqttHouse, name_at_broker
from tests.system.house import changed, ledger_size

MESSAGES = 240
KILLS = 4


def post(made: MqttHouse, sender: Member, recipient: Member, body: bytes = b"body", **changes: object) -> Post:
    """Return a message to send."""
    return Post(made.house.federation.draft(sender.name, **changes), body, (recipient.name,))


def count(endpoint: Endpoint, table: str) -> int:
    """Return how many rows an endpoint has of something."""
    row = endpoint.keeping.journal.row(f"SELECT count(*) FROM {table}")  # noqa: S608 - a name of this file.
    return 0 if row is None else int(row[0])


class Rude:
    """Somebody with a certificate of the broker, who publishes what it likes and keeps what it hears."""

    def __init__(self, made: MqttHouse, name: str) -> None:
        self.heard: list[bytes] = []
        self.codes: list[int] = []
        limits = BrokerLimits(receive_max=256, publishes_max=64)
        self.link = BrokerLink(
            made.broker.address(name), name, limits, self._hear, lambda _, code: self.codes.append(code), durable=False
        )

    def _hear(self, inbound: Inbound) -> None:
        self.heard.append(inbound.payload)
        self.link.acknowledge(inbound)

    async def publish(self, place: str, raw: bytes) -> None:
        """Publish as soon as the broker takes it."""
        while self.link.room <= 0:
            await asyncio.sleep(0.001)
        self.link.publish(place, raw)

    def answers(self) -> list[Answer]:
        """Return every answer that was heard."""
        found = [frames.decode_from_gateway(raw) for raw in self.heard]
        return [answer for frame in found if isinstance(frame, frames.Answers) for answer in frame.items]


def submit(first: int, *raws: bytes) -> bytes:
    """Return a frame of submissions."""
    return frames.encode(frames.Submit(first=first, items=[frames.Submission("message", raw) for raw in raws]))


async def test_threat_b9_message_goes_through_a_broker_that_learns_no_name(tmp_path: Path) -> None:
    """Directory, receipt, delivery, acknowledgement and evidence come through the broker alone, whose log has opaque
    topics, users and client ids, and no authority's name.
    """
    made = MqttHouse(tmp_path)
    with made.running():
        (sender,), (recipient,) = made.senders, made.recipients
        async with made.endpoint(sender) as one, made.endpoint(recipient) as other:
            assert await one.link.until_connected(5)
            assert await other.link.until_connected(5)
            sent = await one.send(post(made, sender, recipient))
            answered = await one.answered(sent.sha256, 5)
            assert answered is not None
            assert answered.permitted
            async with asyncio.timeout(5):
                message = await anext(other.messages())
            assert message.plaintext == b"body"
            await eventually(lambda: count(one, "evidence") == 1)
            assert state(one, sent).state == "delivered"
    assert made.house.verify().entries > 2
    log = made.broker.log()
    assert log.count("/submit") > 0
    for name in (sender.name, recipient.name, "cz-", "kz-"):
        assert name not in log


async def test_threat_b1_broker_killed_under_load_loses_and_doubles_nothing(tmp_path: Path) -> None:
    """Killed with SIGKILL again and again, started with nothing: every message arrives once and is answered."""
    made = MqttHouse(tmp_path)
    with made.running():
        (sender,), (recipient,) = made.senders, made.recipients
        async with made.endpoint(sender) as one, made.endpoint(recipient) as other:
            assert await one.link.until_connected(5)
            assert await other.link.until_connected(5)
            sent = []
            for number in range(MESSAGES):
                sent.append(await one.send(post(made, sender, recipient, str(number).encode())))
                if number % (MESSAGES // KILLS) == MESSAGES // KILLS // 2:
                    made.broker.kill()
                    await asyncio.sleep(0.05)
                    await asyncio.to_thread(made.broker.start)
            await eventually(lambda: count(one, "evidence") == MESSAGES, 40)
            bodies = Counter(row[0] for row in other.keeping.journal.rows("SELECT header_sha256 FROM inbox"))
            assert bodies == Counter({each.sha256: 1 for each in sent})
            assert {state(one, each).state for each in sent} == {"delivered"}
            assert alarms(one) == alarms(other) == []
    assert made.house.verify().entries >= MESSAGES


async def test_threat_e13_acknowledgements_through_a_broker_wait_for_the_share_of_their_authority(
    tmp_path: Path,
) -> None:
    """E13: beyond its share an endpoint behind a broker is told to wait, and its same bytes count later."""
    made = MqttHouse(tmp_path, further="[switch]\nacknowledgements_per_s = 1\nacknowledgements_burst = 1\n")
    with made.running() as gateway:
        (sender,), (recipient,) = made.senders, made.recipients
        # It says every message by itself, several in a second.
        hasty = replace(QUICK, acknowledge_after_s=0.05)
        async with made.endpoint(sender) as one, made.endpoint(recipient, hasty) as other:
            assert await one.link.until_connected(5)
            assert await other.link.until_connected(5)
            for _ in range(3):
                sent = await one.send(post(made, sender, recipient))
                assert await one.answered(sent.sha256, 5)
                await asyncio.sleep(4 * other.keeping.limits.acknowledge_after_s)
            await eventually(lambda: count(one, "evidence") == 3, 10)
            await eventually(lambda: count(other, "acknowledgement") == 0)
            kept = count(other, "acknowledged")
        assert gateway.metric('accord_answers_total{kind="busy"}') > 0
        assert gateway.metric("accord_acknowledgements_received_total") > kept
    assert made.house.verify().entries == 1 + 3 + kept


async def test_threat_b2_doubled_reordered_and_late_publishes_have_one_effect(tmp_path: Path) -> None:
    """Whatever order and however often: one decision and one delivery a message, the same receipt for every copy."""
    made = MqttHouse(tmp_path)
    chance = random.Random(2)
    with made.running() as gateway:
        (sender,), (recipient,) = made.senders, made.recipients
        rude = Rude(made, name_at_broker(sender.name))
        await rude.link.connect()
        await rude.link.subscribe((topic(name_at_broker(sender.name), "receipt"),))
        envelopes = [made.house.envelope(sender, recipient) for _ in range(60)]
        publishes = [(2**40 + number, envelopes[number : number + 3]) for number in range(0, 60, 3)]
        late = publishes + [chance.choice(publishes) for _ in range(30)]
        chance.shuffle(late)
        before = ledger_size(gateway)
        for first, raws in late:
            if chance.random() < 0.3:
                await asyncio.sleep(0.01)
            await rude.publish(topic(name_at_broker(sender.name), "submit"), submit(first, *raws))
        await eventually(lambda: len(rude.answers()) == 3 * len(late), 10)
        receipts: dict[int, set[bytes]] = {}
        for answer in rude.answers():
            assert answer.kind == "receipt"
            receipts.setdefault(answer.number, set()).add(answer.body)
        assert len(receipts) == 60
        assert all(len(bodies) == 1 for bodies in receipts.values())
        assert ledger_size(gateway) - before == 60
        async with made.endpoint(recipient) as other:
            await eventually(lambda: count(other, "inbox") == 60, 10)
        await rude.link.close()


async def test_threat_b3_forged_and_replayed_publishes_have_no_effect(tmp_path: Path) -> None:
    """Noise is not recorded, a replay has its old receipt, another's envelope counts against whose topic it came on."""
    made = MqttHouse(tmp_path, pairs=2)
    chance = random.Random(3)
    with made.running() as gateway:
        sender, other = made.senders
        place = topic(name_at_broker(sender.name), "submit")
        rude = Rude(made, name_at_broker(sender.name))
        await rude.link.connect()
        await rude.link.subscribe((topic(name_at_broker(sender.name), "receipt"),))
        captured = made.house.envelope(sender, made.recipients[0])
        await rude.publish(place, submit(1, captured))
        await eventually(lambda: len(rude.answers()) == 1)
        before = ledger_size(gateway)
        for number in range(400):
            raw = bytearray(submit(10 + number, captured) if number % 2 else chance.randbytes(200))
            for _ in range(3):
                raw[chance.randrange(len(raw))] ^= 1 + chance.randrange(255)
            await rude.publish(place, bytes(raw))
            await rude.publish(topic(name_at_broker(sender.name), "ack"), bytes(raw))
        await asyncio.sleep(0.3)
        assert ledger_size(gateway) == before
        # Cut as a rude peer is, and heard again later: the same bytes still have the receipt of the first time.
        for _ in range(40):
            await rude.publish(place, submit(5, captured))
            await asyncio.sleep(0.25)
            if any(answer.number == 5 for answer in rude.answers()):
                break
        replayed = next(answer for answer in rude.answers() if answer.number == 5)
        assert replayed.body == rude.answers()[0].body
        assert replayed.duplicate
        # Another authority's envelope on this topic: refused, against this authority; its id is free for its own.
        foreign = made.house.envelope(other, made.recipients[1])
        await rude.publish(place, submit(6, foreign))
        await eventually(lambda: any(answer.number == 6 for answer in rude.answers()), 10)
        refused = next(answer for answer in rude.answers() if answer.number == 6)
        assert not refused.permitted
        assert made.house.receipt(refused.body, foreign).record.reasons[0].rule == "ACC-03"
        honest = Rude(made, name_at_broker(other.name))
        await honest.link.connect()
        await honest.link.subscribe((topic(name_at_broker(other.name), "receipt"),))
        await honest.publish(topic(name_at_broker(other.name), "submit"), submit(0, foreign))
        await eventually(lambda: honest.answers())
        assert honest.answers()[0].permitted
        await rude.link.close()
        await honest.link.close()


async def test_threat_b3_endpoint_believes_nothing_that_nobody_signed(tmp_path: Path) -> None:
    """Forged hellos, answers, deliveries, evidence, proofs and goodbyes: no alarm, nothing lost, nothing final."""
    rules = (DEPLOY / "acl").read_text()
    made = MqttHouse(tmp_path, broker=Broker(tmp_path, acl=rules + rules.replace(GATEWAY, "gateway-2")))
    with made.running() as gateway:
        (sender,), (recipient,) = made.senders, made.recipients
        name = name_at_broker(sender.name)
        async with made.endpoint(sender) as one:
            assert await one.link.until_connected(5)
            first = await one.send(post(made, sender, recipient))
            assert await one.answered(first.sha256, 5)
            gateway.process.kill()
            gateway.process.wait()
            # Now somebody speaks whom the broker lets write to our topics, as a broker itself may at any time.
            forger = Rude(made, "gateway-2")
            await forger.link.connect()
            session = one.link.session
            assert session is not None
            held = await one.send(post(made, sender, recipient))
            await eventually(lambda: session._conversation._submitted)
            (number,) = session._conversation._submitted
            hello = frames.Hello("accord-test", ORIGIN, 9, "A" * 43, b"note", 1, 256)
            forged: list[frames.FromGateway] = [
                replace(hello, origin="another.example"),
                hello,
                frames.Consistency(1, 2, (bytes(32),), ORIGIN.encode() + b"\n2\n"),
                frames.Deliveries([Delivery(bytes(32), b"envelope", b"receipt", 1)]),
                frames.Informed([Evidence(10**6, held.sha256, "failed", recipient.name, "expired", b"receipt")]),
                frames.Answers([Answer(12345, "receipt", permitted=True, body=b"receipt")]),
                frames.Answers([Answer(number, "invalid", code="format-invalid", detail="thrown away")]),
            ]
            for frame in forged:
                await forger.publish(topic(name, "receipt"), frames.encode(frame))
            await asyncio.sleep(0.5)
            assert state(one, held).state in ("queued", "sent")
            await forger.publish(
                topic(name, "receipt"),
                frames.encode(frames.Answers([Answer(number, "receipt", permitted=True, body=b"receipt")])),
            )
            await forger.publish(topic(name, "receipt"), frames.encode(frames.Goodbye("revoked")))
            await forger.link.close(expire=True)
            assert alarms(one) == []
            with made.house.running() as again:
                made.wait_until_connected(again)
                assert await one.answered(held.sha256, 20)
                async with made.endpoint(recipient) as other:
                    await eventually(lambda: count(other, "inbox") == 2, 10)
                    await eventually(lambda: count(one, "evidence") == 2, 10)
            assert alarms(one) == []


async def test_threat_b8_subscription_that_outlives_its_permission_hears_nothing(tmp_path: Path) -> None:
    """The broker lets it listen still; the gateway, told by a newer edition, sends nothing there and hears nothing."""
    made = MqttHouse(tmp_path)
    with made.running() as gateway:
        (sender,), (recipient,) = made.senders, made.recipients
        rude = Rude(made, name_at_broker(recipient.name))
        await rude.link.connect()
        await rude.link.subscribe((topic(name_at_broker(recipient.name), "+"),))
        hello = frames.encode(frames.EndpointHello(None, 0))
        place = topic(name_at_broker(recipient.name), "ack")
        await rude.publish(place, encode_addressed(ORIGIN, 7, hello))
        await eventually(lambda: rude.heard)
        raw = made.house.next_edition(lambda edition: changed(edition, recipient.name, _without_broker))
        (made.house.folder / "directory" / "edition.accord").write_bytes(raw)
        await asyncio.to_thread(gateway.wait_for, lambda: gateway.metric("accord_edition") == 2)
        await eventually(lambda: frames.encode(frames.Goodbye("revoked")) in rude.heard)
        rude.heard.clear()
        async with made.endpoint(sender) as one:
            assert await one.link.until_connected(5)
            sent = await one.send(post(made, sender, recipient))
            assert await one.answered(sent.sha256, 5)
        await rude.publish(place, encode_addressed(ORIGIN, 7, hello))
        await asyncio.sleep(0.5)
        assert rude.heard == []
        await rude.link.close()


def _without_broker(authority: Authority) -> Authority:
    entries = tuple(replace(entry, revoked=entry.link == "broker") for entry in authority.endpoints)
    return replace(authority, endpoints=entries)


async def test_nothing_travels_through_a_broker_that_it_may_not_see(tmp_path: Path) -> None:
    """A marking above the link's clearance, and a confidential fact, in both directions: by a direct link alone."""
    made = MqttHouse(tmp_path)
    high = replace(PLAIN, level="confidential")
    hidden = replace(PLAIN, confidential_fact=True)
    with made.running() as gateway:
        (sender,), (recipient,) = made.senders, made.recipients
        async with made.endpoint(recipient) as other:
            assert await other.link.until_connected(5)
            async with made.house.endpoint(sender, tmp_path) as direct:
                assert await direct.link.until_connected(5)
                for label in (high, hidden, PLAIN):
                    sent = await direct.send(post(made, sender, recipient, label=label))
                    assert await direct.answered(sent.sha256, 5)
            await eventually(lambda: count(other, "inbox") == 1)
            await asyncio.sleep(0.5)
            assert count(other, "inbox") == 1
        async with made.house.endpoint(recipient, tmp_path) as other:
            await eventually(lambda: count(other, "inbox") == 3, 10)
        async with made.endpoint(sender) as one:
            assert await one.link.until_connected(5)
            before = ledger_size(gateway)
            kept = [await one.send(post(made, sender, recipient, label=label)) for label in (high, hidden)]
            passed = await one.send(post(made, sender, recipient))
            assert await one.answered(passed.sha256, 5)
            assert {state(one, each).state for each in kept} == {"queued"}
            assert one.keeping.withheld == 2
            assert ledger_size(gateway) - before == 1
        # Whoever sends it all the same hears why not, and that is recorded.
        rude = Rude(made, name_at_broker(sender.name))
        await rude.link.connect()
        await rude.link.subscribe((topic(name_at_broker(sender.name), "receipt"),))
        raw = made.house.envelope(sender, recipient, label=high)
        await rude.publish(topic(name_at_broker(sender.name), "submit"), submit(0, raw))
        await eventually(lambda: rude.answers())
        (answer,) = rude.answers()
        reasons = made.house.receipt(answer.body, raw).record.reasons
        assert [reason.code for reason in reasons] == ["link-clearance-exceeded"]
        await rude.link.close()


async def test_gateway_that_stops_moves_its_endpoints_without_an_error(tmp_path: Path) -> None:
    """Drained on SIGTERM: answered, told goodbye, nothing left at the broker; the next start serves them again."""
    made = MqttHouse(tmp_path)
    (sender,), (recipient,) = made.senders, made.recipients
    with made.running() as gateway:
        async with made.endpoint(sender) as one:
            assert await one.link.until_connected(5)
            sent = [await one.send(post(made, sender, recipient)) for _ in range(30)]
            assert await asyncio.to_thread(gateway.end) == 0
            await eventually(lambda: not one.link.connected)
            with made.house.running() as again:
                made.wait_until_connected(again)
                for each in sent:
                    assert await one.answered(each.sha256, 20)
            assert alarms(one) == []


async def test_lost_broker_is_shown_and_stops_nobody_else(tmp_path: Path) -> None:
    """Ready all the same, with what is lost in `/readyz`, metrics and log; direct links go on (reliability.md 3.3)."""
    made = MqttHouse(tmp_path)
    (sender,), (recipient,) = made.senders, made.recipients
    with made.running() as gateway:
        made.broker.kill()
        gateway.wait_for(lambda: "cannot be reached" in gateway.get("/readyz"))
        assert '"ready":true' in gateway.get("/readyz")
        assert gateway.metric("accord_mqtt_connected") == 0
        assert gateway.metric("accord_mqtt_links") == 1
        assert any(event["event"] == "broker-lost" for event in gateway.events())
        async with made.house.endpoint(sender, tmp_path) as one:
            sent = await one.send(post(made, sender, recipient)) if await one.link.until_connected(5) else None
            assert sent is not None
            assert await one.answered(sent.sha256, 5)
