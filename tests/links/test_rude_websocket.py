"""The WebSocket link with rude endpoints: each is cut, the others notice nothing."""

import asyncio
import resource
from collections.abc import AsyncIterator

import pytest
from msgspec.structs import replace

from gateway.wire.frames import (
    LINK_PATH,
    Acknowledge,
    Answers,
    AskConsistency,
    Deliveries,
    EndpointHello,
    FromEndpoint,
    Goodbye,
    Submission,
    Submit,
    decode_from_gateway,
    encode,
)
from gateway.wire.limits import Limits
from tests.links.exchange import delivery
from tests.links.raw import RawPeer, outcome
from tests.links.running import QUICK, Link, Running, connect
from tests.logged import logged

UPGRADE = (
    f"GET {LINK_PATH} HTTP/1.1\r\nHost: gateway\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Protocol: accord.v1\r\n\r\n"
).encode()


@pytest.fixture
def limits() -> Limits:
    """A narrow window and small buffers, so that a test fills them."""
    return replace(
        QUICK,
        window=8,
        frame_bytes_max=100_000,
        unjudged_bytes_max=200_000,
        unjudged_bytes_total_max=300_000,
        outgoing_bytes_max=400_000,
        outgoing_items_max=200,
        write_buffer_bytes=32_768,
    )


@pytest.fixture
async def fresh(running: Running) -> AsyncIterator[Link]:
    """A link on which only the gateway has spoken."""
    async with running.session() as session:
        link = await connect(session)
        await link.receive()
        yield link
        await link.socket.close()


def _one(number: int, size_bytes: int = 10) -> Submit:
    return Submit(number, [Submission("message", bytes(size_bytes))])


BEFORE_HELLO: dict[str, FromEndpoint] = {
    "submission": _one(0),
    "acknowledgement": Acknowledge(0, b"signed"),
    "question": AskConsistency(1, 2),
}


@pytest.mark.parametrize("frame", BEFORE_HELLO.values(), ids=BEFORE_HELLO)
async def test_threat_N4_whoever_speaks_before_its_hello_is_cut(
    running: Running, fresh: Link, frame: FromEndpoint
) -> None:
    """Nothing of a peer that did not greet reaches the switch."""
    await fresh.send(frame)

    assert await fresh.receive() == Goodbye("protocol")
    assert await fresh.closed() == 1008
    assert running.exchange.submitted == []
    assert running.exchange.attached == []


async def test_threat_N4_gateway_sends_nothing_before_its_hello_and_only_that_until_greeted(
    running: Running, fresh: Link
) -> None:
    """Between the two hellos nothing is delivered; an endpoint that never greets is cut in time."""
    assert await fresh.receive() == Goodbye("slow")
    assert await fresh.closed() == 1013
    assert running.exchange.attached == []


async def test_threat_N4_endpoint_of_an_unknown_key_hears_no_hello(running: Running) -> None:
    """TLS alone does not make an endpoint: without a place in the directory there is a 401 and no frame."""
    async with RawPeer(running.port, running.tls(running.ca.issue("stranger"))) as peer:
        heard = await peer.ask(UPGRADE)

    assert heard.startswith(b"HTTP/1.1 401 ")
    assert b"accord.example/gateway" not in heard


BREACHES: dict[str, bytes] = {
    "number-skipped": encode(_one(1)),
    "number-of-an-acknowledgement-skipped": encode(Acknowledge(5, b"signed")),
    "window-outrun": encode(Submit(0, [Submission("message", b"x")] * 9)),
    "second-hello": encode(EndpointHello(None, 0)),
    "proof-of-nothing": encode(AskConsistency(9, 3)),
    "no-frame": b"hello",
    "empty": b"",
    "truncated": encode(_one(0))[:-1],
    "trailing": encode(_one(0)) + b"\x00",
    "nesting": b"\x91" * 90_000,
    "frame-of-a-gateway": encode(Goodbye("drain")),
}


@pytest.mark.parametrize("raw", BREACHES.values(), ids=BREACHES)
async def test_breach_of_the_protocol_is_cut(running: Running, link: Link, raw: bytes) -> None:
    """Close 1008 with a goodbye, nothing recorded, and the next endpoint is served."""
    await link.socket.send_bytes(raw)

    assert await link.receive() == Goodbye("protocol")
    assert await link.closed() == 1008
    assert running.exchange.submitted == []
    assert await outcome(running.port, running.tls()) == "200"


async def test_repeated_number_is_cut(running: Running, link: Link) -> None:
    """A number is used once on a connection."""
    await link.send(_one(0))
    await link.receive()
    await link.send(_one(0))

    assert await link.receive() == Goodbye("protocol")
    assert len(running.exchange.submitted) == 1


async def test_text_frame_is_cut(running: Running, link: Link) -> None:
    """Only binary frames are read."""
    await link.socket.send_str("hello")

    assert await link.receive() == Goodbye("protocol")


async def test_frame_over_its_bound_is_cut_with_1009(running: Running, link: Link) -> None:
    """It is refused while it arrives; the switch sees nothing."""
    await link.socket.send_bytes(bytes(100_001))

    assert await link.closed() == 1009
    assert running.exchange.submitted == []


async def test_peer_that_does_not_read_its_answers_cannot_go_on(running: Running, link: Link) -> None:
    """The window counts answers that were not written, so unread answers are bounded too."""
    running.exchange.held = []
    for number in range(8):
        await link.send(_one(number))
    await link.send(_one(8))

    assert await link.receive() == Goodbye("protocol")
    assert len(running.exchange.submitted) == 8


async def test_reader_waits_while_too_many_bytes_are_unjudged(running: Running, link: Link) -> None:
    """At most 200,000 bytes of a connection wait for judgement; then its frames stay in the socket."""
    running.exchange.held = []
    for number in range(6):
        await link.send(_one(number, 60_000))
    await asyncio.sleep(0.1)
    waiting = len(running.exchange.submitted)
    running.exchange.release()
    answered = 0
    while answered < 6:
        frame = await link.receive()
        assert isinstance(frame, Answers)
        answered += len(frame.items)

    assert waiting == 2
    assert len(running.exchange.submitted) == 6


async def test_bytes_of_all_connections_together_are_bounded(running: Running) -> None:
    """Over the common bound a submission is answered busy, nothing of it is kept, and the log names the bound."""
    running.exchange.held = []
    async with running.session() as session:
        links = [await connect(session) for _ in range(3)]
        with logged() as lines:
            for link in links:
                await link.greet()
                await link.send(_one(0, 90_000))
                await link.send(_one(1, 90_000))
            answers = [await link.receive() for link in links[2:]]
            said = lines("bound-reached")

        assert sum(len(raw) for _, _, raw in running.exchange.submitted) == 270_000
        assert all(isinstance(frame, Answers) and frame.items[0].kind == "busy" for frame in answers)
        assert [(line["bound"], line["messages_n"]) for line in said] == [("unjudged bytes of all connections", 1)]
        running.exchange.release()


async def test_threat_E12_client_that_never_reads_is_cut_and_resumes_without_loss(running: Running) -> None:
    """Its queue takes what the bound allows and no more; it is cut; what it was owed reaches the next link."""
    owed = [delivery(number, 20_000) for number in range(2_000)]
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    async with RawPeer(running.port, running.tls()) as peer:
        peer.writer.transport.pause_reading()  # type: ignore[attr-defined]  # The transport of a socket has it.
        await peer.say(UPGRADE + _masked(encode(EndpointHello(None, 0))))
        await asyncio.wait_for(running.exchange.new_session.wait(), 2)
        session = running.exchange.sessions[0]
        taken = 0
        for _ in range(200):
            taken += session.deliver(owed[taken : taken + 50])
            await asyncio.sleep(0.01)
            if session not in running.exchange.sessions:
                break
        assert 0 < taken < len(owed)
        assert session not in running.exchange.sessions
        assert session.deliver(owed[:1]) == 0
    assert running.sample("links_closed_total", reason="slow") == 1
    grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib
    assert grown_kib < 16 * 1024

    running.exchange.new_session.clear()
    async with running.session() as honest:
        link = await connect(honest)
        await link.greet()
        await running.exchange.new_session.wait()
        received = 0
        handed = 0
        while received < len(owed):
            handed += running.exchange.sessions[0].deliver(owed[handed : handed + 50])
            if handed > received:
                frame = await link.receive()
                assert isinstance(frame, Deliveries)
                assert frame.items == owed[received : received + len(frame.items)]
                received += len(frame.items)


async def test_threat_E12_nothing_is_taken_for_a_peer_whose_socket_is_full(running: Running) -> None:
    """Above the high-water mark deliveries stay with the switch, where another session can have them."""
    async with RawPeer(running.port, running.tls()) as peer:
        peer.writer.transport.pause_reading()  # type: ignore[attr-defined]  # The transport of a socket has it.
        await peer.say(UPGRADE + _masked(encode(EndpointHello(None, 0))))
        await asyncio.wait_for(running.exchange.new_session.wait(), 2)
        session = running.exchange.sessions[0]
        number = 0
        while session.deliver([delivery(number, 20_000)]):
            number += 1
            # The writer takes its turn, and the one after it.
            await asyncio.sleep(0)
            await asyncio.sleep(0)

        assert running.sample("outgoing_bytes") < 100_000


class TestDeafPeer:
    @pytest.fixture
    def limits(self) -> Limits:
        """Time enough for a slow reader, none for one that must go."""
        return replace(QUICK, send_timeout_s=30, closing_timeout_s=0.3, write_buffer_bytes=32_768)

    async def test_revoked_peer_that_does_not_read_is_gone_all_the_same(self, running: Running) -> None:
        """The end of a connection does not wait for the peer to take its goodbye."""
        async with RawPeer(running.port, running.tls()) as peer:
            peer.writer.transport.pause_reading()  # type: ignore[attr-defined]  # The transport of a socket has it.
            await peer.say(UPGRADE + _masked(encode(EndpointHello(None, 0))))
            await asyncio.wait_for(running.exchange.new_session.wait(), 2)
            session = running.exchange.sessions[0]
            while session.deliver([delivery(number, 20_000) for number in range(10)]):
                await asyncio.sleep(0.01)

            session.close("revoked")
            await asyncio.sleep(0.8)

            assert running.exchange.sessions == []
            assert running.sample("connections") == 0


async def test_threat_E12_slow_consumer_does_not_hold_back_another(running: Running, link: Link) -> None:
    """While one endpoint reads nothing, another receives at once."""
    async with RawPeer(running.port, running.tls()) as peer:
        peer.writer.transport.pause_reading()  # type: ignore[attr-defined]  # The transport of a socket has it.
        running.exchange.new_session.clear()
        await peer.say(UPGRADE + _masked(encode(EndpointHello(None, 0))))
        await asyncio.wait_for(running.exchange.new_session.wait(), 2)
        honest, slow = running.exchange.sessions
        for _ in range(20):
            slow.deliver([delivery(number, 20_000) for number in range(50)])
            await asyncio.sleep(0)

        assert honest.deliver([delivery(1)]) == 1
        assert await asyncio.wait_for(link.receive(), 1) == Deliveries([delivery(1)])


async def test_frame_that_comes_byte_by_byte_holds_nothing_but_its_own_link(running: Running, link: Link) -> None:
    """A frame that is never finished does not keep others waiting."""
    async with RawPeer(running.port, running.tls()) as peer:
        await peer.say(UPGRADE + _masked(encode(EndpointHello(None, 0))) + _masked(encode(_one(0)))[:9])
        await link.send(_one(0))

        assert isinstance(await asyncio.wait_for(link.receive(), 1), Answers)


async def test_threat_N8_link_cut_at_any_byte_submits_whole_frames_or_nothing(running: Running) -> None:
    """Wherever a connection ends, the switch has seen whole submissions alone, and nobody stays attached."""
    hello, submit = _masked(encode(EndpointHello(None, 0))), _masked(encode(_one(0)))
    for length in range(1, len(hello + submit), 3):
        async with RawPeer(running.port, running.tls()) as peer:
            await peer.say(UPGRADE + (hello + submit)[:length])
            # The answer to the upgrade: what was sent has been read.
            await peer.reader.readuntil(b"\r\n\r\n")
    await asyncio.sleep(0.1)

    assert running.exchange.submitted == []
    assert running.exchange.sessions == []
    assert running.sample("unjudged_bytes") == 0


@pytest.mark.parametrize(
    "frame",
    [
        b"\xc2\x80\x00\x00\x00\x00",  # Compressed, though nothing was negotiated.
        b"\x83\x80\x00\x00\x00\x00",  # An opcode that nobody defined.
        b"\x89\xfe\x01\x00\x00\x00\x00\x00" + bytes(256),  # A ping of 256 bytes.
        b"\x80\x80\x00\x00\x00\x00",  # A continuation of nothing.
        b"\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff",  # A length of 2^64 - 1.
    ],
    ids=["compressed", "opcode", "long-ping", "continuation", "length"],
)
async def test_bytes_that_are_no_websocket_are_cut(running: Running, frame: bytes) -> None:
    """S-17 (RFC 6455): a broken frame ends the connection, whatever comes behind it."""
    async with RawPeer(running.port, running.tls()) as peer:
        heard = await peer.ask(UPGRADE + _masked(encode(EndpointHello(None, 0))) + frame + bytes(100))

    assert heard.startswith(b"HTTP/1.1 101 ")
    assert running.exchange.submitted == []
    assert running.exchange.sessions == []


async def test_connections_of_one_certificate_are_bounded(running: Running) -> None:
    """The ninth connection of a certificate is told so and closed; another certificate is let in."""
    other = running.ca.issue("kz-mvd")
    running.exchange.admit("kz-mvd", other.spki_sha256)
    async with running.session() as session:
        links = [await connect(session) for _ in range(8)]
        async with RawPeer(running.port, running.tls()) as peer:
            heard = await peer.hear()
        assert await outcome(running.port, running.tls(other)) == "200"
        await links[0].socket.close()
        await asyncio.sleep(0.05)
        assert await outcome(running.port, running.tls()) == "200"

    assert heard.startswith(b"HTTP/1.1 429 ")
    assert b"too-many-connections" in heard


async def test_canary_in_a_frame_appears_nowhere(running: Running, link: Link) -> None:
    """Threat O3: what a peer sends is in no close reason and no goodbye."""
    await link.socket.send_bytes(b"\x92\xa6CANARY\xc4\x06CANARY")

    raw = await link.socket.receive_bytes()

    assert decode_from_gateway(raw) == Goodbye("protocol")
    message = await link.socket.receive()
    assert "CANARY" not in str(message)


def _masked(payload: bytes) -> bytes:
    """Return a client's binary frame under the mask of zeros."""
    length = len(payload)
    head = bytes([0x82, 0x80 | length]) if length < 126 else bytes([0x82, 0xFE]) + length.to_bytes(2, "big")
    return head + bytes(4) + payload
