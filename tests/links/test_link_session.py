"""The WebSocket link with an honest endpoint: hello, submissions, deliveries, evidence, goodbye."""

import asyncio

import aiohttp
import pytest

from gateway.domain.errors import LedgerError
from gateway.domain.session import Answer, Delivery, Evidence
from gateway.wire.frames import (
    LINK_PATH,
    Acknowledge,
    Answers,
    AskConsistency,
    Consistency,
    Deliveries,
    EditionNotice,
    Goodbye,
    Informed,
    Submission,
    Submit,
)
from tests.links.exchange import DIGEST, NOTE, delivery
from tests.links.running import Link, Running, connect


def _submit(first: int, count: int, size_bytes: int = 10) -> Submit:
    return Submit(first, [Submission("message", bytes([number % 256]) * size_bytes) for number in range(count)])


def _evidence(sequence: int) -> Evidence:
    return Evidence(sequence, bytes(32), "acknowledged", "kz-mvd", "consigned", b"evidence")


async def test_gateway_speaks_first_and_names_its_window(running: Running, link: Link) -> None:
    """The first frame is the hello: network, origin, edition, checkpoint, and the window of this link."""
    hello = link.hello
    assert hello is not None

    assert (hello.network, hello.edition, hello.checkpoint) == ("demo", 7, NOTE)
    assert hello.window == 256
    assert link.socket.protocol == "accord.v1"


async def test_endpoint_is_attached_with_what_it_has_seen(running: Running) -> None:
    """The endpoint's checkpoint and evidence cursor reach the switch; the peer is what TLS says."""
    async with running.session() as session:
        link = await connect(session)
        await link.greet(evidence_after=17, seen=NOTE)
        await running.exchange.new_session.wait()

    assert running.exchange.attached == [(NOTE, 17)]


async def test_submissions_are_answered_in_one_frame(running: Running, link: Link) -> None:
    """Bytes reach the switch unparsed and numbered; what one turn of the loop answers leaves together."""
    await link.send(_submit(0, 3))

    answers = await link.receive()

    assert running.exchange.submitted == [(number, "message", bytes([number]) * 10) for number in range(3)]
    assert isinstance(answers, Answers)
    assert [(item.number, item.kind, item.permitted) for item in answers.items] == [
        (number, "receipt", True) for number in range(3)
    ]


async def test_statements_and_acknowledgements_share_the_numbers(running: Running, link: Link) -> None:
    """One numbering covers everything that is answered."""
    await link.send(Submit(0, [Submission("statement", b"consent")]))
    await link.send(Acknowledge(1, b"signed batch"))
    await link.send(_submit(2, 1))

    numbers: list[int] = []
    while len(numbers) < 3:
        frame = await link.receive()
        assert isinstance(frame, Answers)
        numbers += [item.number for item in frame.items]

    assert numbers == [0, 1, 2]
    assert running.exchange.acknowledged == [(1, b"signed batch")]


async def test_answers_that_come_later_come_all_the_same(running: Running, link: Link) -> None:
    """A commit answers a batch after the fact; every number is answered once."""
    running.exchange.held = []
    await link.send(_submit(0, 50))
    while len(running.exchange.held) < 50:
        await asyncio.sleep(0.01)

    running.exchange.release()
    frame = await link.receive()

    assert isinstance(frame, Answers)
    assert [item.number for item in frame.items] == list(range(50))


async def test_window_reopens_as_answers_are_read(running: Running, link: Link) -> None:
    """An endpoint that keeps to the window submits without end."""
    for round_number in range(4):
        await link.send(_submit(256 * round_number, 256))
        answered = 0
        while answered < 256:
            frame = await link.receive()
            assert isinstance(frame, Answers)
            answered += len(frame.items)

    assert len(running.exchange.submitted) == 1024


async def test_deliveries_and_evidence_are_pushed_in_frames_of_many(running: Running, link: Link) -> None:
    """What the switch hands over in one turn leaves as one frame of each kind, evidence first."""
    await running.exchange.new_session.wait()
    session = running.exchange.sessions[0]

    assert session.deliver([delivery(number) for number in range(10)]) == 10
    assert session.inform([_evidence(1), _evidence(2)]) == 2
    session.announce(8, DIGEST)

    assert await link.receive() == EditionNotice(8, DIGEST)
    assert await link.receive() == Informed([_evidence(1), _evidence(2)])
    assert await link.receive() == Deliveries([delivery(number) for number in range(10)])


async def test_large_deliveries_are_spread_over_frames(running: Running, link: Link) -> None:
    """No frame outgrows 2 MiB, whatever is delivered at once."""
    await running.exchange.new_session.wait()
    large = [delivery(number, 1_000_000) for number in range(4)]

    assert running.exchange.sessions[0].deliver(large) == 4

    received: list[Delivery] = []
    while len(received) < 4:
        frame = await link.receive()
        assert isinstance(frame, Deliveries)
        received += frame.items
    assert received == large


async def test_consistency_is_proved_on_request(running: Running, link: Link) -> None:
    """An endpoint compares histories over the same link."""
    await link.send(AskConsistency(3, 5))

    assert await link.receive() == Consistency(3, 5, (bytes(32), b"\x01" * 32), NOTE)


async def test_busy_and_invalid_are_answers_and_the_link_stays(running: Running, link: Link) -> None:
    """One poisoned or unlucky item costs one answer, not the connection."""
    running.exchange.outcome = lambda number, _: (
        Answer(number, "busy", code="busy", retry_after_s=5)
        if number == 0
        else Answer(number, "invalid", code="format-invalid", detail="no envelope")
    )
    await link.send(_submit(0, 2))

    frame = await link.receive()

    assert isinstance(frame, Answers)
    assert [(item.kind, item.retry_after_s) for item in frame.items] == [("busy", 5), ("invalid", 0)]
    await link.send(_submit(2, 1))
    assert isinstance(await link.receive(), Answers)


@pytest.mark.parametrize(
    ("reason", "code"), [("drain", 1001), ("revoked", 4403), ("superseded", 4409), ("overload", 1013)]
)
async def test_switch_ends_a_session(running: Running, link: Link, reason: str, code: int) -> None:
    """Every reason is said as a goodbye and as the close code that the registry gives it."""
    await running.exchange.new_session.wait()

    running.exchange.sessions[0].close(reason)  # type: ignore[arg-type]  # The parameters are reasons.

    assert await link.receive() == Goodbye(reason)  # type: ignore[arg-type]  # As above.
    assert await link.closed() == code
    await asyncio.sleep(0.05)
    assert running.exchange.sessions == []
    assert running.sample("links_closed_total", reason=reason) == 1


async def test_revoked_peer_receives_nothing_that_was_queued(running: Running, link: Link) -> None:
    """What waited for a connection whose right ended stays in the spool."""
    await running.exchange.new_session.wait()
    session = running.exchange.sessions[0]

    session.deliver([delivery(1)])
    session.close("revoked")

    assert session.deliver([delivery(2)]) == 0
    assert session.inform([_evidence(1)]) == 0
    assert await link.receive() == Goodbye("revoked")


async def test_peer_that_the_directory_no_longer_lists_is_cut_at_its_next_frame(running: Running, link: Link) -> None:
    """The directory is asked for every frame, not only when the connection is made."""
    running.exchange.peers.clear()

    await link.send(_submit(0, 1))

    assert await link.receive() == Goodbye("revoked")
    assert await link.closed() == 4403
    assert running.exchange.submitted == []


async def test_leaving_endpoint_is_detached(running: Running, link: Link) -> None:
    """After a close by the peer nothing of the connection is left, and late answers do no harm."""
    running.exchange.held = []
    await link.send(_submit(0, 1))
    while not running.exchange.held:
        await asyncio.sleep(0.01)

    await link.socket.close()
    await asyncio.sleep(0.05)

    assert running.exchange.sessions == []
    assert running.sample("unjudged_bytes") == 10
    running.exchange.release()
    assert running.sample("unjudged_bytes") == 0
    assert running.sample("sessions", transport="websocket") == 0


async def test_stopping_gateway_says_goodbye(running: Running, link: Link) -> None:
    """An orderly stop tells every endpoint to come back, and waits for nobody for long."""
    stopping = asyncio.create_task(running.gateway.stop())

    assert await link.receive() == Goodbye("drain")
    assert await link.closed() == 1001
    await asyncio.wait_for(stopping, 2)


async def test_upgrade_needs_the_subprotocol(running: Running) -> None:
    """A WebSocket of another protocol, and a plain GET, learn what is spoken here."""
    async with running.session() as session:
        async with session.get(LINK_PATH) as response:
            assert response.status == 426
            assert (await response.json(content_type=None))["code"] == "upgrade-required"
        with pytest.raises(aiohttp.WSServerHandshakeError, match="426"):
            await session.ws_connect(LINK_PATH, protocols=("mqtt",))


async def test_gateway_that_is_not_ready_accepts_no_link(running: Running) -> None:
    """While we cannot commit and sign, an endpoint is told to wait instead of being held."""
    running.exchange.is_ready = False

    async with running.session() as session:
        with pytest.raises(aiohttp.WSServerHandshakeError, match="503"):
            await connect(session)


async def test_store_that_latched_ends_the_link(running: Running, link: Link) -> None:
    """Once we no longer know our own state nothing is answered any more, and the endpoint hears why."""

    def fail(number: int, raw: bytes) -> Answer:
        raise LedgerError("the store has latched")

    running.exchange.outcome = fail
    await link.send(_submit(0, 1))

    assert await link.receive() == Goodbye("fault")
    assert await link.closed() == 1011


async def test_diverged_ledger_ends_the_link(running: Running) -> None:
    """An endpoint that has seen more than our ledger holds is told so (threat G4)."""
    running.exchange.diverged = True
    async with running.session() as session:
        link = await connect(session)
        await link.greet(seen=NOTE)

        assert await link.receive() == Goodbye("diverged")
        assert await link.closed() == 4410
