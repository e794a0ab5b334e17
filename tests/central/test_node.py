"""The whole node over real TLS: owners record, askers ask, each is answered once, whatever is cut off."""

import asyncio
from pathlib import Path

import pytest

from gateway.central.bodies import Put, Withdraw, read_answer, read_notice, read_reply
from gateway.central.database import Database
from gateway.central.node import Node
from gateway.central.requests import Arrived, read_request
from gateway.crypto.digests import encode_base64url
from gateway.endpoint import inbox, outbox
from gateway.endpoint.client import Endpoint
from gateway.endpoint.journal import Journal
from tests.central.material import KEY
from tests.central.world import CENTRAL, CZ, KZ, TIMEOUT_S, World, ask, world
from tests.federation import now_ms

PUT = Put("AB 123-456", "passport", "STOLEN", conditions=("no-arrest",))


async def up(made: World, *names: str) -> None:
    """Wait until the gateway has heard everybody's hello."""
    async with asyncio.timeout(TIMEOUT_S):
        while {line.authority for line in made.gateway.lines} != set(names):
            await asyncio.sleep(0.01)


async def test_recorded_document_is_found_and_its_owner_told(tmp_path: Path) -> None:
    """A record travels to the node, a query finds it, the owner hears of it, a withdrawal ends it."""
    async with world(tmp_path) as made, made.node(), made.endpoint(CZ) as cz, made.endpoint(KZ) as kz:
        await up(made, CZ, KZ, CENTRAL)
        (reply,) = await ask(cz, [made.record(CZ, PUT)])
        hit, miss = await ask(kz, [made.query(KZ, "ab123456"), made.query(KZ, "ab123457")])
        notice = await anext(message async for message in cz.messages() if message.header.kind == "notice")
        await ask(cz, [made.record(CZ, Withdraw("AB123456", "passport"))])
        (gone,) = await ask(kz, [made.query(KZ, "AB123456")])

    assert [outcome.result for outcome in read_reply(reply.plaintext).outcomes] == ["stored"]
    found = read_answer(hit.plaintext)
    assert (found.outcome, found.hits[0].owner, found.hits[0].status) == ("hit", CZ, "STOLEN")
    assert "no-arrest" in found.hits[0].conditions
    assert [read_answer(answer.plaintext).outcome for answer in (miss, gone)] == ["no-hit", "no-hit"]
    assert read_notice(notice.plaintext).asked_by == KZ


async def test_threat_n13_hit_and_miss_have_one_size_on_the_wire(tmp_path: Path) -> None:
    """Ciphertexts of both are of one length, and their headers name the same things (S-13)."""
    async with world(tmp_path) as made, made.node(), made.endpoint(CZ) as cz, made.endpoint(KZ) as kz:
        await up(made, CZ, KZ, CENTRAL)
        await ask(cz, [made.record(CZ, PUT)])
        hit, miss = await ask(kz, [made.query(KZ, "AB123456"), made.query(KZ, "XY654321")])

    assert read_answer(hit.plaintext).outcome != read_answer(miss.plaintext).outcome
    assert hit.header.body.length == miss.header.body.length
    for field in ("kind", "agreement", "purposes", "subjects", "label", "conditions", "database", "form", "sources"):
        assert getattr(hit.header, field) == getattr(miss.header, field)


async def test_query_without_a_grant_gets_no_data(tmp_path: Path) -> None:
    """This gateway lets everything through; the node asks its own grants all the same (CA-12)."""
    async with world(tmp_path) as made, made.node(), made.endpoint(CZ) as cz:
        await up(made, CZ, CENTRAL)
        await ask(cz, [made.record(CZ, PUT)])
        (answer,) = await ask(cz, [made.query(CZ, "AB123456")])

    assert read_answer(answer.plaintext).refusal == "grant-missing"


async def test_messages_for_people_stay_in_the_inbox(tmp_path: Path) -> None:
    """The node takes queries and records; what else is sent to its authority waits for a person."""
    async with world(tmp_path) as made, made.endpoint(KZ) as kz:
        async with made.node() as node:
            await up(made, KZ, CENTRAL)
            request = made.query(KZ, "AB123456")
            letter = type(request)(made.federation.draft(KZ), b"{}", (CENTRAL,))
            await ask(kz, [request])
            sent = await kz.send(letter)
            await ask(kz, [made.query(KZ, "AB123456")])
            assert node.served["answer"] == 2
        async with made.endpoint(CENTRAL) as endpoint:
            waiting = inbox.waiting(endpoint.keeping.journal, 0, 10)

    assert [stored.header_sha256 for stored in waiting] == [sent.sha256]


async def test_bodies_of_what_was_dealt_with_are_destroyed(tmp_path: Path) -> None:
    """A query names a document: once answered, its body is gone from the node's disk, and its asker knows."""
    async with world(tmp_path) as made, made.endpoint(KZ) as kz:
        async with made.node():
            await up(made, KZ, CENTRAL)
            await ask(kz, [made.query(KZ, "AB123456")])
            async with asyncio.timeout(TIMEOUT_S):
                while "destroyed" not in [status for _, _, status in made.gateway.acknowledged]:
                    await asyncio.sleep(0.01)
        async with made.endpoint(CENTRAL) as endpoint:
            rows = inbox.newest(endpoint.keeping.journal, 10, only_waiting=False)

    assert [row.envelope for row in rows] == [None]


async def test_node_cut_off_at_any_moment_answers_every_query_once(tmp_path: Path) -> None:
    """However often the node stops between receiving, deciding and sending, each query has one answer (P-10)."""
    async with world(tmp_path) as made, made.endpoint(CZ) as cz, made.endpoint(KZ) as kz:
        async with made.node():
            await up(made, CZ, KZ, CENTRAL)
            await ask(cz, [made.record(CZ, PUT)])
        sent = await kz.send_all([made.query(KZ, f"AB{number}") for number in range(123_450, 123_470)])
        for moment_ms in (20, 30, 40, 50, 60, 80, 100):
            async with made.node():
                await asyncio.sleep(moment_ms / 1000)
        async with made.node():
            for each in sent:
                assert await kz.reply_to(each.sha256, CENTRAL, TIMEOUT_S) is not None
        answers = [inbox.replies(kz.keeping.journal, each.sha256) for each in sent]
        async with made.endpoint(CENTRAL) as endpoint:
            posted = [row for row in outbox.newest(endpoint.keeping.journal, 1_000) if row.kind == "message"]

    assert [len(found) for found in answers] == [1] * 20
    # Twenty answers, one notice, and the reply to the record.
    assert len(posted) == 22


@pytest.mark.parametrize("steps", [1, 2, 3])
async def test_node_that_died_between_two_steps_goes_on_from_there(tmp_path: Path, steps: int) -> None:
    """Decided; in the outbox too; forgotten by the database too: the next run adds just what is missing (P-07)."""
    async with world(tmp_path) as made, made.endpoint(KZ) as kz:
        await up(made, KZ)
        sent = await kz.send_all([made.query(KZ, "AB123450"), made.query(KZ, "AB123451")])
        async with made.endpoint(CENTRAL) as endpoint:
            database = made.database()
            await die_after(steps, endpoint, database)
            await database.close()
        async with made.node() as node:
            for each in sent:
                assert await kz.reply_to(each.sha256, CENTRAL, TIMEOUT_S) is not None
            async with asyncio.timeout(TIMEOUT_S):
                while inbox.waiting(node_journal(node), 0, 10):
                    await asyncio.sleep(0.01)
            posted = [row for row in outbox.newest(node_journal(node), 100) if row.kind == "message"]

    assert len(posted) == 2


async def die_after(steps: int, endpoint: Endpoint, database: Database) -> None:
    """Do the first `steps` of what the node does with two queries, and no more."""
    messages = endpoint.messages()
    batch = [await anext(messages), await anext(messages)]
    arrived = [Arrived(one.header, encode_base64url(one.header_sha256), one.plaintext) for one in batch]
    tasks = [read_request(one, endpoint.directory, KEY, now_ms()) for one in arrived]
    owed = await database.take(tasks, now_ms())
    if steps > 1:
        await endpoint.send_all([one.post for one in owed])
    if steps > 2:
        database.handed([one.sequence for one in owed])


def node_journal(node: Node) -> Journal:
    """Return the journal of the endpoint that a node works on."""
    return node.endpoint.keeping.journal
