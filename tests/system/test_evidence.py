"""What a gateway records of a message bears the names that evidence of registered delivery has."""

from typing import get_args

from gateway.domain.receipt import Event
from tests.system.conftest import Served
from tests.system.peers import calling, digests, eventually

# ETSI EN 319 522-1, clause 6: the events that we take, as it spells them.
NAMES = {
    "SubmissionAcceptance",
    "SubmissionRejection",
    "ContentConsignment",
    "ContentConsignmentFailure",
    "ContentHandover",
}


def _spelled(event: str) -> str:
    return "".join(part.capitalize() for part in event.split("-"))


async def test_events_of_a_message_are_those_of_en_319_522(served: Served) -> None:
    """S-10: accepted, rejected, consigned, handed over: each receipt names its event as the standard does."""
    house = served.house
    sender, recipient = house.senders[4], house.recipients[4]
    raws = [house.envelope(sender, recipient, purposes=(one,)) for one in ("detection", "administrative")]
    async with calling(house, sender) as caller, calling(house, recipient) as hearer:
        receipts = [answer.body for answer in await caller.submit(*raws)]
        await eventually(lambda: hearer.deliveries)
        for status in ("consigned", "handed-over"):
            receipts.append((await hearer.acknowledge(sender, digests(hearer.deliveries), status)).body)
    events = [_spelled(house.receipt(receipt).record.event) for receipt in receipts]

    assert events == ["SubmissionAcceptance", "SubmissionRejection", "ContentConsignment", "ContentHandover"]
    assert {_spelled(event) for event in get_args(Event)} >= NAMES
