"""The contract of `BrokerLink`, against a real Mosquitto with the configuration of `deploy/` (S-18)."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from gateway.domain.errors import ConfigurationError, TrustError
from gateway.wire.broker import BrokerLink
from gateway.wire.broker_limits import BrokerLimits
from gateway.wire.broker_words import (
    NO_SUBSCRIBER,
    NOT_AUTHORIZED,
    SUCCESS,
    BrokerAddress,
    BrokerError,
    BrokerRefusedError,
    Inbound,
)
from gateway.wire.topics import endpoint_filters, gateway_filters, topic, topic_id
from tests.endpoint.world import eventually
from tests.links.broker import GATEWAY, Broker

ME, OTHER = topic_id("accord-test", "me"), topic_id("accord-test", "other")
FILTERS = gateway_filters()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    """A broker that runs."""
    made = Broker(tmp_path)
    made.start()
    yield made
    made.kill()


class Client:
    """A link that remembers what it was told."""

    def __init__(self, broker: Broker, name: str, *, durable: bool = False, limits: BrokerLimits | None = None) -> None:
        self.heard: list[Inbound] = []
        self.told: list[tuple[Any, int]] = []
        self.link = BrokerLink(
            broker.address(name),
            f"client-of-{name}",
            limits or BrokerLimits(connect_timeout_s=3),
            self.heard.append,
            lambda token, code: self.told.append((token, code)),
            durable=durable,
        )

    async def open(self, filters: tuple[str, ...]) -> "Client":
        await self.link.connect()
        await self.link.subscribe(filters)
        return self


async def gateway_and_endpoint(broker: Broker, limits: BrokerLimits | None = None) -> tuple[Client, Client]:
    """Return a gateway's link and an endpoint's, both subscribed."""
    gateway = await Client(broker, GATEWAY, durable=True, limits=limits).open(FILTERS)
    return gateway, await Client(broker, ME).open(endpoint_filters(ME))


async def test_word_of_the_broker_on_every_publish_is_told(broker: Broker) -> None:
    """Taken, nobody there, not allowed: a denied publish is no silent loss (0x87), an unheard one is known (0x10)."""
    gateway, endpoint = await gateway_and_endpoint(broker)
    endpoint.link.publish(topic(ME, "submit"), b"1", "mine")
    endpoint.link.publish(topic(OTHER, "submit"), b"2", "another's")
    gateway.link.publish(topic(OTHER, "receipt"), b"3", "nobody's")
    await eventually(lambda: len(endpoint.told) == 2 and len(gateway.told) == 1)

    assert endpoint.told == [("mine", SUCCESS), ("another's", NOT_AUTHORIZED)]
    assert gateway.told == [("nobody's", NO_SUBSCRIBER)]
    await gateway.link.close()
    await endpoint.link.close()


async def test_publish_without_acknowledgement_comes_again(broker: Broker) -> None:
    """What we did not take on is the broker's still: it is redelivered in a session that was resumed."""
    gateway, endpoint = await gateway_and_endpoint(broker)
    for number in range(3):
        endpoint.link.publish(topic(ME, "submit"), bytes([number]))
    await eventually(lambda: len(gateway.heard) == 3)
    gateway.link.acknowledge(gateway.heard[0])
    await asyncio.sleep(0.1)
    await gateway.link.close()
    granted = await gateway.link.connect()
    await eventually(lambda: len(gateway.heard) == 5)

    assert granted.session_present
    assert [inbound.payload for inbound in gateway.heard[3:]] == [b"\x01", b"\x02"]
    await gateway.link.close()
    await endpoint.link.close()


async def test_acknowledgements_leave_in_the_order_of_publishes(broker: Broker) -> None:
    """The last of three is settled first; nothing is acknowledged before the first is [MQTT-4.6.0-2]."""
    gateway, endpoint = await gateway_and_endpoint(broker)
    for number in range(3):
        endpoint.link.publish(topic(ME, "submit"), bytes([number]))
    await eventually(lambda: len(gateway.heard) == 3)
    for inbound in reversed(gateway.heard[1:]):
        gateway.link.acknowledge(inbound)
    await asyncio.sleep(0.1)
    assert f"Received PUBACK from {GATEWAY}" not in broker.log()

    gateway.link.acknowledge(gateway.heard[0])
    await eventually(lambda: broker.log().count(f"Received PUBACK from {GATEWAY}") == 3)
    numbers = [line.split("Mid: ")[1].split(",")[0] for line in broker.log().splitlines() if "PUBACK from gate" in line]
    assert numbers == sorted(numbers, key=int)
    await gateway.link.close()
    await endpoint.link.close()


async def test_acknowledgement_of_an_earlier_connection_is_dropped(broker: Broker) -> None:
    """Packet identifiers begin anew: an old acknowledgement would settle somebody else's publish."""
    gateway, endpoint = await gateway_and_endpoint(broker)
    endpoint.link.publish(topic(ME, "submit"), b"1")
    await eventually(lambda: len(gateway.heard) == 1)
    await gateway.link.close()
    await gateway.link.connect()
    await eventually(lambda: len(gateway.heard) == 2)

    assert not gateway.link.acknowledge(gateway.heard[0])
    await asyncio.sleep(0.1)
    assert f"Received PUBACK from {GATEWAY}" not in broker.log()
    assert gateway.link.acknowledge(gateway.heard[1])
    await gateway.link.close()
    await endpoint.link.close()


async def test_no_more_than_the_receive_maximum_is_under_way(broker: Broker) -> None:
    """The broker's share of our memory is bounded, and so is ours of its own."""
    limits = BrokerLimits(receive_max=5, publishes_max=4)
    gateway, endpoint = await gateway_and_endpoint(broker, limits)
    for number in range(12):
        endpoint.link.publish(topic(ME, "submit"), bytes([number]))
    await eventually(lambda: len(endpoint.told) == 12)
    await asyncio.sleep(0.2)
    assert len(gateway.heard) == 5

    for number in range(4):
        gateway.link.publish(topic(ME, "receipt"), bytes([number]))
    assert gateway.link.room == 0
    await eventually(lambda: gateway.link.room == 4)
    while len(gateway.heard) < 12:
        for inbound in gateway.heard:
            if not inbound.settled:
                gateway.link.acknowledge(inbound)
        await asyncio.sleep(0.01)
    await gateway.link.close()
    await endpoint.link.close()


async def test_drained_link_leaves_nothing_at_the_broker(broker: Broker) -> None:
    """Unsubscribe, settle, disconnect with expiry 0: the next connection finds no session."""
    gateway, endpoint = await gateway_and_endpoint(broker)
    endpoint.link.publish(topic(ME, "submit"), b"1")
    await eventually(lambda: len(gateway.heard) == 1)
    await gateway.link.unsubscribe(FILTERS)
    endpoint.link.publish(topic(ME, "submit"), b"2", "too late")
    await eventually(lambda: ("too late", NO_SUBSCRIBER) in endpoint.told)
    settling = asyncio.create_task(gateway.link.settled())
    await asyncio.sleep(0.05)
    assert not settling.done()
    gateway.link.acknowledge(gateway.heard[0])
    await settling
    await gateway.link.close(expire=True)

    assert not (await gateway.link.connect()).session_present
    await gateway.link.close()
    await endpoint.link.close()


async def test_lost_broker_is_noticed_and_found_again(broker: Broker) -> None:
    """A killed broker ends the connection; nothing may be published until there is another one."""
    gateway, endpoint = await gateway_and_endpoint(broker)
    broker.kill()
    async with asyncio.timeout(5):
        await gateway.link.ended()
    with pytest.raises(BrokerError):
        gateway.link.publish(topic(ME, "receipt"), b"1")
    with pytest.raises(BrokerError, match="cannot be reached"):
        await gateway.link.connect()
    broker.start()
    granted = await gateway.link.connect()
    await gateway.link.subscribe(FILTERS)

    assert not granted.session_present
    await gateway.link.close()
    await endpoint.link.close()


async def test_wrong_address_key_or_certificate_is_named(broker: Broker, tmp_path: Path) -> None:
    """Bad input of an operator: what is wrong is said in one line, within the time of a handshake."""
    cases: list[tuple[BrokerAddress, type[Exception] | tuple[type[Exception], ...], str]] = [
        (replace(broker.address(ME), port=1), BrokerError, "cannot be reached"),
        (replace(broker.address(ME), spki_sha256="A" * 43), TrustError, "another key"),
        (replace(broker.address(ME), host="127.0.0.2"), (TrustError, BrokerError), "another key|cannot be reached"),
    ]
    (tmp_path / "elsewhere").mkdir()
    stranger = Broker(tmp_path / "elsewhere").identity(ME)
    mixed = replace(stranger, authority=broker.identity(ME).authority)
    cases.append((replace(broker.address(ME), identity=mixed), BrokerRefusedError, "certificate"))
    gone = replace(broker.identity(ME), key=tmp_path / "none.pem")
    cases.append((replace(broker.address(ME), identity=gone), ConfigurationError, "none.pem|cannot load"))
    for address, kind, words in cases:
        link = BrokerLink(
            address, "x", BrokerLimits(connect_timeout_s=3), lambda _: None, lambda _, __: None, durable=False
        )
        with pytest.raises(kind, match=words):
            await link.connect()


async def test_broker_that_grants_less_says_so(tmp_path: Path) -> None:
    """What is missing is named before anything is served."""
    made = Broker(tmp_path, changes={"max_packet_size": "4096"})
    made.start()
    try:
        client = Client(made, ME)
        granted = await client.link.connect()
        await client.link.close()
    finally:
        made.kill()

    assert [lack.split(" (")[0] for lack in granted.lacks(as_gateway=True)] == ["packets of 2101248 bytes"]
    assert (
        replace(granted, qos_max=0, shared=False, wildcards=False).lacks(as_gateway=True)[0] == "quality of service 1"
    )


async def test_link_that_is_cancelled_at_any_moment_ends(broker: Broker) -> None:
    """A cancellation that meets the broker's answer is not lost: a gateway that stops must not wait for ever."""

    async def serve(client: Client) -> None:
        await client.open(endpoint_filters(ME))
        await client.link.ended()

    for turn in range(60):
        client = Client(broker, ME)
        serving = asyncio.create_task(serve(client))
        await asyncio.sleep(turn * 0.0005)
        serving.cancel()
        done, _ = await asyncio.wait({serving}, timeout=8)
        assert done
        await client.link.close()
