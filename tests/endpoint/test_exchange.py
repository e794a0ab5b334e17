"""Two endpoints and a gateway: what is sent arrives once, is acknowledged, and its end is proved to its sender."""

import asyncio
from pathlib import Path

from msgspec.structs import replace

from gateway.crypto.keys import generate
from gateway.domain.decision import Reason
from gateway.endpoint import inbox
from gateway.endpoint.client import Endpoint
from gateway.endpoint.handing import Message
from gateway.endpoint.identity import KeyRing
from gateway.endpoint.words import Named
from gateway.wire.frames import EndpointHello
from tests.endpoint.world import CZ, KZ, QUICK, eventually, office, state, world
from tests.federation import ORIGIN, now_ms

ARTICLE = Reason(code="purpose-not-covered", rule="CZ-12", article="CZKZ Art. 1", basis="text", detail="gambling")


def proven(endpoint: Endpoint) -> int:
    """Return the size of the largest ledger that is proven to continue all before it."""
    head = endpoint.keeping.chain(ORIGIN).proven
    return 0 if head is None else head.size


async def take(endpoint: Endpoint, count: int) -> list[Message]:
    """Return the next messages that an endpoint hands over."""
    stream = endpoint.messages()
    return [await asyncio.wait_for(anext(stream), 5) for _ in range(count)]


async def test_message_is_receipted_delivered_acknowledged_and_read(tmp_path: Path) -> None:
    """The timeline of a message: queued, receipted, consigned, handed over, each by whoever can prove it."""
    async with world(tmp_path) as made, made.endpoint(CZ) as cz, made.endpoint(KZ) as kz:
        assert await cz.link.until_connected(5)
        sent = await cz.send(made.post(body=b"a stolen car"))
        message = (await take(kz, 1))[0]
        assert (message.plaintext, message.header_sha256) == (b"a stolen car", sent.sha256)
        assert message.header.originator == CZ
        await kz.handed_over([message])

        await eventually(lambda: [step.event for step in state(cz, sent).steps][-1] == "handed-over")
        found = state(cz, sent)
        assert [step.event for step in found.steps] == ["queued", "sent", "receipted", "consigned", "handed-over"]
        assert [step.by for step in found.steps][-2:] == [KZ, KZ]
        assert found.state == "delivered"
        assert found.ledger_index == 0


async def test_batch_shares_a_signature_and_a_transaction(tmp_path: Path) -> None:
    """Many messages leave under one signature, arrive each alone, and are acknowledged many at a time."""
    async with world(tmp_path) as made, made.endpoint(CZ) as cz, made.endpoint(KZ) as kz:
        assert await cz.link.until_connected(5)
        sent = await cz.send_all([made.post(body=b"%d" % n) for n in range(40)])
        messages = await take(kz, 40)

        assert [message.plaintext for message in messages] == [b"%d" % n for n in range(40)]
        await eventually(lambda: all(state(cz, one).state == "delivered" for one in sent))
        assert sum(made.gateway.batches) == 40
        assert len(made.gateway.batches) < 40


async def test_refusal_comes_with_every_reason(tmp_path: Path) -> None:
    """A refusal is proved by a receipt, final, and tells article and rule of every reason."""
    async with world(tmp_path) as made, made.endpoint(CZ) as cz:
        assert await cz.link.until_connected(5)
        made.gateway.manners.refuses = (ARTICLE,)
        sent = await cz.send(made.post())
        row = await cz.answered(sent.sha256, 5)

        assert row is not None
        assert state(cz, sent).state == "refused"
        assert state(cz, sent).reasons == (ARTICLE,)


async def test_what_a_gateway_cannot_even_recognise_is_declined(tmp_path: Path) -> None:
    """A message that the gateway declines without a record is not sent for ever."""
    async with world(tmp_path) as made, made.endpoint(CZ) as cz:
        assert await cz.link.until_connected(5)
        late = made.post(expires_at_ms=now_ms() + 1)
        await asyncio.sleep(0.01)
        sent = await cz.send(late)
        await cz.answered(sent.sha256, 5)

        assert state(cz, sent).state == "declined"
        assert state(cz, sent).declined_code == "format-invalid"


async def test_busy_gateway_gets_the_same_bytes_later(tmp_path: Path) -> None:
    """Busy is no refusal: the endpoint waits as long as it is told and sends the same bytes again."""
    async with world(tmp_path) as made, made.endpoint(CZ) as cz:
        assert await cz.link.until_connected(5)
        made.gateway.manners.busy_first = 1
        began_s = asyncio.get_running_loop().time()
        sent = await cz.send(made.post())
        assert await cz.answered(sent.sha256, 5) is not None

        assert asyncio.get_running_loop().time() - began_s >= 1.0
        assert len(made.gateway.submitted) == 2
        assert len(set(made.gateway.submitted)) == 1


async def test_message_queued_offline_goes_out_when_the_gateway_is_there(tmp_path: Path) -> None:
    """Once `send` has returned nobody has to remember anything."""
    async with world(tmp_path) as made:
        async with made.endpoint(CZ) as cz:
            assert await cz.link.until_connected(5)
        cz = made.endpoint(CZ)
        await cz.open()
        sent = await cz.send(made.post())
        assert state(cz, sent).state == "queued"
        await cz.close()
        assert made.gateway.submitted == []

        async with made.endpoint(CZ) as again:
            assert await again.answered(sent.sha256, 5) is not None
            assert state(again, sent).state == "accepted"


async def test_gateway_that_restarts_loses_nothing(tmp_path: Path) -> None:
    """The connection comes back by itself, and what was sent meanwhile arrives."""
    async with world(tmp_path) as made, made.endpoint(CZ) as cz, made.endpoint(KZ) as kz:
        assert await cz.link.until_connected(5)
        await made.gateway.stop()
        await eventually(lambda: not cz.link.connected)
        sent = await cz.send(made.post(body=b"meanwhile"))
        await made.gateway.start()

        assert (await take(kz, 1))[0].plaintext == b"meanwhile"
        await eventually(lambda: state(cz, sent).state == "delivered")


async def test_undecipherable_message_ends_in_evidence(tmp_path: Path) -> None:
    """A recipient that lost its key says so, signed; the originator sees who could not read."""
    async with world(tmp_path) as made, made.endpoint(CZ) as cz:
        keys = dict(made.federation.members[KZ].keys)
        lost = keys["wrap"].kid
        keys["wrap"] = generate("wrap")
        identity = replace(made.identity(KZ), ring=KeyRing.of(keys.values()), siblings=frozenset({lost}))
        async with made.endpoint(KZ, identity=identity):
            assert await cz.link.until_connected(5)
            sent = await cz.send(made.post())
            await eventually(lambda: state(cz, sent).state == "failed")
            assert state(cz, sent).recipients[0].outcome == "undecipherable"
            assert state(cz, sent).steps[-1].by == KZ


async def test_failed_delivery_ends_in_evidence(tmp_path: Path) -> None:
    """A message that expired undelivered is reported with the receipt of the failure."""
    async with world(tmp_path) as made, made.endpoint(CZ) as cz:
        assert await cz.link.until_connected(5)
        sent = await cz.send(made.post())
        assert await cz.answered(sent.sha256, 5) is not None
        await made.gateway.fail(sent.sha256, KZ, "expired")

        await eventually(lambda: state(cz, sent).state == "failed")
        assert state(cz, sent).recipients[0].outcome == "expired"


async def test_evidence_that_came_while_we_were_away_is_fetched_by_cursor(tmp_path: Path) -> None:
    """The cursor is durable: after a restart exactly what is missing is told."""
    async with world(tmp_path) as made:
        async with made.endpoint(CZ) as cz:
            assert await cz.link.until_connected(5)
            sent = await cz.send_all([made.post(), made.post()])
            await cz.answered(sent[1].sha256, 5)
            await made.gateway.fail(sent[0].sha256, KZ, "expired")
            await eventually(lambda: state(cz, sent[0]).state == "failed" and proven(cz) == 3)
        await made.gateway.fail(sent[1].sha256, KZ, "expired")
        async with made.endpoint(CZ) as cz:
            await eventually(lambda: state(cz, sent[1]).state == "failed")
            hello = next(line.hello for line in made.gateway.lines if line.authority == CZ)
            assert hello == EndpointHello(made.gateway.ledger.checkpoint(3).note, 1)


async def test_duplicate_and_reordered_deliveries_have_one_effect(tmp_path: Path) -> None:
    """However often and in whatever order a message comes, it is handed over once and acknowledged each time."""
    async with world(tmp_path) as made, made.endpoint(CZ) as cz:
        assert await cz.link.until_connected(5)
        sent = await cz.send_all([made.post(body=b"%d" % n) for n in range(4)])
        await cz.answered(sent[-1].sha256, 5)
        made.gateway.manners.delivery = lambda delivery: (delivery, delivery)
        owed = made.gateway.owed[KZ]
        made.gateway.owed[KZ] = dict(reversed(owed.items()))
        before = dict(made.gateway.owed[KZ])
        async with made.endpoint(KZ) as kz:
            messages = await take(kz, 4)
            await eventually(lambda: len(made.gateway.acknowledged) >= 4)
            made.gateway.owed[KZ] = before
            await made.gateway._deliver()
            await eventually(lambda: len(made.gateway.acknowledged) >= 8)
            assert sorted(message.plaintext for message in messages) == [b"0", b"1", b"2", b"3"]
            assert len(inbox.newest(kz.keeping.journal, 100, only_waiting=False)) == 4


async def test_message_comes_again_after_a_restart_until_it_is_handed_over(tmp_path: Path) -> None:
    """A reader that died with a message in its hands gets it again; one that had finished does not."""
    async with world(tmp_path) as made, made.endpoint(CZ) as cz:
        assert await cz.link.until_connected(5)
        await cz.send_all([made.post(body=b"first"), made.post(body=b"second")])
        async with made.endpoint(KZ) as kz:
            first, second = await take(kz, 2)
            await kz.handed_over([first], tell=False)
        async with made.endpoint(KZ) as kz:
            assert [message.plaintext for message in await take(kz, 1)] == [second.plaintext]


async def test_reader_that_falls_behind_misses_nothing(tmp_path: Path) -> None:
    """Memory in front of a reader is bounded; what does not fit is read back from disk, in order."""
    small = replace(QUICK, ready_items_max=3)
    async with world(tmp_path) as made, made.endpoint(CZ, limits=small) as cz, made.endpoint(KZ, limits=small) as kz:
        assert await cz.link.until_connected(5)
        await cz.send(made.post(body=b"00"))
        first = await take(kz, 1)
        await cz.send_all([made.post(body=b"%02d" % n) for n in range(1, 50)])
        await eventually(lambda: len(made.gateway.acknowledged) == 50)

        messages = first + await take(kz, 49)
        assert [message.plaintext for message in messages] == [b"%02d" % n for n in range(50)]


async def test_urgent_messages_overtake(tmp_path: Path) -> None:
    """What is more urgent leaves first, whatever was queued before."""
    async with world(tmp_path) as made:
        async with made.endpoint(CZ) as cz:
            assert await cz.link.until_connected(5)
        cz = made.endpoint(CZ)
        await cz.open()
        sent = [await cz.send(made.post(urgency=word)) for word in ("routine", "urgent", "flash")]
        await cz.close()
        async with made.endpoint(CZ) as cz:
            assert await cz.answered(sent[0].sha256, 5) is not None
        assert made.gateway.effects == [one.sha256 for one in reversed(sent)]


async def test_same_id_is_sealed_once(tmp_path: Path) -> None:
    """A program that asks twice for one id gets what stands there: nothing is sealed or sent twice."""
    async with world(tmp_path) as made, made.endpoint(CZ) as cz:
        assert await cz.link.until_connected(5)
        post = made.post()
        # Nothing is even looked up for it: `nobody` is not in the directory.
        first, second = await cz.send(post), await cz.send(replace(post, recipients=("nobody",)))

        assert first == second
        await cz.answered(first.sha256, 5)
        assert len(made.gateway.effects) == 1


async def test_acknowledgements_wait_for_company(tmp_path: Path) -> None:
    """Messages that come together are acknowledged under one signature."""
    patient = replace(QUICK, acknowledge_after_s=0.3)
    async with world(tmp_path) as made, made.endpoint(CZ) as cz, made.endpoint(KZ, limits=patient) as kz:
        assert await cz.link.until_connected(5)
        assert await kz.link.until_connected(5)
        await cz.send_all([made.post() for _ in range(12)])
        await eventually(lambda: len(made.gateway.acknowledged) == 12)

        assert len(made.gateway.batches) <= 2
        await eventually(lambda: inbox.count_owed(kz.keeping.journal) == 0)


async def test_destroyed_body_is_gone_and_proved(tmp_path: Path) -> None:
    """After destruction the sealed body is not here any more, and the originator holds a signed proof."""
    async with world(tmp_path) as made, made.endpoint(CZ) as cz, made.endpoint(KZ) as kz:
        assert await cz.link.until_connected(5)
        sent = await cz.send(made.post())
        message = (await take(kz, 1))[0]
        assert (await office(kz).destroy(Named(message.header.id))).done
        row = inbox.find(kz.keeping.journal, message.header.id, None)
        assert row is not None
        assert row.envelope is None
        await eventually(lambda: state(cz, sent).recipients[0].outcome == "destroyed")
