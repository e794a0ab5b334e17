"""Real processes around a real broker: what is promised holds whatever happens to the wire."""

import asyncio
from pathlib import Path

from gateway.endpoint.client import Post
from tests.endpoint.world import eventually
from tests.links.mqtt_house import MqttHouse


async def test_message_goes_from_one_endpoint_to_another_through_the_broker(tmp_path: Path) -> None:
    """Receipt, delivery, acknowledgement and evidence all come through the broker alone."""
    made = MqttHouse(tmp_path)
    with made.running():
        (sender,), (recipient,) = made.senders, made.recipients
        async with made.endpoint(sender) as one, made.endpoint(recipient) as other:
            assert await one.link.until_connected(5)
            assert await other.link.until_connected(5)
            sent = await one.send(Post(made.house.federation.draft(sender.name), b"body", (recipient.name,)))
            answered = await one.answered(sent.sha256, 5)
            assert answered is not None
            assert answered.permitted
            async with asyncio.timeout(5):
                message = await anext(other.messages())
            assert message.plaintext == b"body"
            await eventually(lambda: one.keeping.journal.row("SELECT 1 FROM evidence"))
    assert made.house.verify().entries > 2
