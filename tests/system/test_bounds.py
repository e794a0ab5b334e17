"""Whatever is accepted can be delivered: the same bounds hold on the way in and out."""

import asyncio
from pathlib import Path

import msgspec

from gateway.crypto.envelope import decode_envelope
from gateway.crypto.receipt import RECEIPT_BYTES_MAX
from gateway.domain.message import BODY_BYTES_MAX, ENVELOPE_BYTES_MAX, HEADER_BYTES_MAX
from gateway.domain.session import Delivery
from gateway.links.budget import Budget
from gateway.links.forms import Inbox
from gateway.links.outgoing import Outgoing
from gateway.switch.limits import SwitchLimits
from gateway.wire import frames
from gateway.wire.limits import Limits
from tests.system.conftest import Served
from tests.system.house import header_digest
from tests.system.peers import calling, digests, eventually

# The largest body whose padded size, with its tag, is still within the bound.
LARGEST = 31 * 32 * 1024 - 4
FORM = {f"key-{number:02}-{'k' * 50}": f"value-{number:02}-{'v' * 48}" for number in range(64)}
WITHIN_S = 20.0


async def test_threat_E17_largest_message_that_is_accepted_reaches_its_recipient(
    served: Served, tmp_path: Path
) -> None:
    """E17: a body near 1 MiB under a form of 64 long keys passes link, inbox and a real endpoint, and is opened."""
    house = served.house
    sender, recipient = house.senders[4], house.recipients[4]
    plaintext = bytes(LARGEST)
    raw = house.envelope(sender, recipient, plaintext, form=FORM)
    envelope = decode_envelope(raw)
    assert len(envelope.c) > BODY_BYTES_MAX - 64 * 1024
    assert len(envelope.h) > HEADER_BYTES_MAX // 4
    async with calling(house, sender) as caller:
        (answer,) = await caller.submit(raw)
        assert answer.permitted, house.receipt(answer.body).record.reasons
        async with calling(house, recipient) as hearer:
            await eventually(lambda: hearer.deliveries)
            assert digests(hearer.deliveries) == [header_digest(raw)]
        async with house.session(recipient) as session, session.get("/v1/inbox") as waiting:
            (item,) = msgspec.json.decode(await waiting.read(), type=Inbox).messages
            assert item.receipt.encode() == answer.body
        async with house.endpoint(recipient, tmp_path) as endpoint, asyncio.timeout(WITHIN_S):
            message = await anext(endpoint.messages())
            assert message.plaintext == plaintext
            await endpoint.handed_over([message])
            # An endpoint that closed at once would acknowledge when it starts again.
            await eventually(lambda: caller.evidence)
    assert caller.evidence[0].outcome in ("consigned", "handed-over")


def test_threat_E17_bounds_on_the_way_out_leave_room_for_whatever_comes_in() -> None:
    """E17: the largest envelope with the largest receipt fits a frame, a queue, and the bound of what is under way."""
    largest = Delivery(bytes(32), bytes(ENVELOPE_BYTES_MAX), bytes(RECEIPT_BYTES_MAX), 2**31)
    frame = frames.encode(frames.Deliveries([largest]))
    limits = Limits()

    assert frames.decode_from_gateway(frame) == frames.Deliveries([largest])
    assert Outgoing(limits, Budget(limits.outgoing_bytes_total_max)).deliver([largest]) == 1
    assert frames.delivery_bytes(largest) <= SwitchLimits().in_flight_bytes_max
    assert largest.size_bytes <= limits.inbox_bytes_max
