"""The simple client: plain HTTPS requests in both directions, and evidence as good as on a link."""

import msgspec

from gateway.crypto.digests import decode_base64url
from gateway.crypto.envelope import decode_envelope
from gateway.crypto.envelope_json import envelope_to_json
from gateway.links.forms import Inbox, Receipted, StatusForm
from tests.system.conftest import Served
from tests.system.peers import acknowledgement

JSON = {"Content-Type": "application/json"}
PACKED = {"Content-Type": "application/vnd.accord.envelope+msgpack"}
SIGNED = {"Content-Type": "application/vnd.accord.acknowledgements+msgpack"}


async def test_message_travels_by_requests_alone_with_the_same_evidence(served: Served) -> None:
    """P-02, P-03: 202 with a receipt that verifies, 200 with the same one; the inbox's verifies; the end is told."""
    house = served.house
    sender, recipient = house.senders[1], house.recipients[1]
    raw = house.envelope(sender, recipient)
    as_json = envelope_to_json(decode_envelope(raw))
    async with house.session(sender) as sending, house.session(recipient) as receiving:
        async with sending.post("/v1/messages", data=raw, headers=PACKED) as first:
            receipt = msgspec.json.decode(await first.read(), type=Receipted).receipt
            place = first.headers["Location"]
        async with sending.post("/v1/messages", data=as_json, headers=JSON) as again:
            repeated = msgspec.json.decode(await again.read(), type=Receipted).receipt
        async with receiving.get("/v1/inbox", params={"wait": "5"}) as waiting:
            (item,) = msgspec.json.decode(await waiting.read(), type=Inbox).messages
        signed = acknowledgement(recipient, sender, [decode_base64url(item.header_sha256)])
        async with receiving.post("/v1/inbox/ack", data=signed, headers=SIGNED) as acknowledged:
            acknowledged_receipt = msgspec.json.decode(await acknowledged.read(), type=Receipted).receipt
        async with receiving.get("/v1/inbox") as empty:
            assert empty.status == 204
        async with sending.get(place) as told:
            status = msgspec.json.decode(await told.read(), type=StatusForm)
        async with sending.get(f"{place}/proof") as proof:
            assert await proof.read() == receipt.encode()

    assert (first.status, again.status, acknowledged.status) == (202, 200, 202)
    assert repeated == receipt == item.receipt
    assert house.receipt(receipt.encode(), raw).record.event == "submission-acceptance"
    assert house.receipt(acknowledged_receipt.encode()).record.object_type == "acknowledgement-batch"
    assert [(one.recipient, one.outcome) for one in status.deliveries] == [(recipient.name, "consigned")]
