"""Unmistakable words go through everything a gateway does; then they are looked for wherever it could keep them."""

import base64
import secrets
from pathlib import Path

import pytest

from gateway.crypto.envelope import decode_envelope
from gateway.demo.rude import tampered
from gateway.wire import frames
from tests.links.running import connect
from tests.system.conftest import Served
from tests.system.peers import calling, digests, eventually

PACKED = {"Content-Type": "application/vnd.accord.envelope+msgpack"}
PIECE_BYTES = 16 * 1024 * 1024


def _canary() -> str:
    return f"Novakova Jana 123456789 4 T 17/2026 {secrets.token_hex(12)}"


def _found(canary: str, content: bytes) -> bool:
    """Tell whether a word lies in `content`, as it is or within base64 of either alphabet."""
    raw = canary.encode()
    spellings = (raw, base64.b64encode(raw)[:-4], base64.urlsafe_b64encode(raw)[:-4])
    return any(spelling in content for spelling in spellings)


def _data(served: Served) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(served.house.data.iterdir()) if path.is_file())


def _memory(pid: int) -> bytes:
    """Return everything in the memory of a process that it can write to; skip by name where one may not look."""
    found = bytearray()
    try:
        with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
            for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
                span, rights = line.split()[:2]
                start, end = (int(part, 16) for part in span.split("-"))
                if not rights.startswith("rw"):
                    continue
                memory.seek(start)
                while start < end and (piece := memory.read(min(PIECE_BYTES, end - start))):
                    found += piece
                    start += len(piece)
    except PermissionError:
        pytest.skip("the memory of another process may not be read here")
    return bytes(found)


async def test_threat_G6_content_is_nowhere_in_a_gateway(served: Served) -> None:
    """G6: permitted, refused, over link and HTTPS, delivered, acknowledged: not a word of it in memory or on disk."""
    house, pid = served.house, served.gateway.process.pid
    sender, recipient = house.senders[3], house.recipients[3]
    canary = _canary()
    permitted, over_https, refused = (
        house.envelope(sender, recipient, (canary * 20).encode(), purposes=(purpose,))
        for purpose in ("detection", "detection", "administrative")
    )
    async with calling(house, sender) as caller, calling(house, recipient) as hearer, house.session(sender) as session:
        answers = await caller.submit(permitted, refused)
        async with session.post("/v1/messages", data=over_https, headers=PACKED) as answer:
            assert answer.status == 202
        await eventually(lambda: len(hearer.deliveries) == 2)
        while_queued = (_data(served), _memory(pid))
        await hearer.acknowledge(sender, digests(hearer.deliveries))
        await eventually(lambda: len(caller.evidence) == 2)
        places = [*while_queued, _data(served), _memory(pid), served.gateway.output().encode()]

    assert [each.permitted for each in answers] == [True, False]
    # The search works: what a gateway must hold is found by it, in memory and on disk.
    envelope = decode_envelope(permitted)
    assert envelope.c in while_queued[0]
    assert all(envelope.h in place for place in while_queued)
    assert not any(_found(canary, place) for place in places)
    # What was delivered is not merely forgotten.
    assert envelope.c not in _data(served)


async def test_threat_O3_names_that_peers_send_are_in_no_log_metric_problem_or_file(served: Served) -> None:
    """O3: names in paths, queries, fields, certificates, noise and tampered messages are repeated and kept nowhere."""
    house, canary = served.house, _canary()
    sender, recipient = house.senders[3], house.recipients[3]
    # The same words as a code, such as a field of a header takes.
    word = canary.replace(" ", "-").replace("/", "-").lower()
    noise = canary.encode() * 50
    heard = bytearray()
    async with house.session(sender) as session, house.session(house.stranger(word)) as stranger:
        requests = [
            session.get(f"/v1/{word}", headers={"X-Note": canary, "User-Agent": canary}),
            session.get(f"/v1/messages/{word}"),
            session.get("/v1/inbox", params={"wait": word}),
            session.post("/v1/messages", data=noise, headers=PACKED),
            session.post("/v1/messages", data=noise, headers={"Content-Type": f"text/{word}"}),
            session.post("/v1/statements", data=b'{"t":"' + noise, headers={"Content-Type": "application/json"}),
            stranger.get("/v1/link"),
        ]
        for request in requests:
            async with request as answer:
                assert answer.status >= 400
                heard += str(answer.headers).encode() + await answer.read()
    async with calling(house, sender) as caller:
        broken = tampered(house.envelope(sender, recipient, noise))
        cut = house.envelope(sender, recipient, noise, agreement=word)[:-1]
        for said in await caller.submit(noise, broken, cut):
            assert said.kind != "receipt"
            heard += said.detail.encode()
    async with house.session(sender) as session:
        link = await connect(session)
        await link.greet()
        await link.socket.send_bytes(frames.encode(frames.Acknowledge(0, noise)))
        await link.socket.send_str(canary)
        assert await link.closed() == 1008

    assert b"problems/" in heard
    for place in (
        bytes(heard),
        served.gateway.output().encode(),
        served.gateway.get("/metrics").encode(),
        _data(served),
    ):
        assert not _found(canary, place)
        assert not _found(word, place)
