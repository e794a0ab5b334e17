"""The HTTPS link with rude clients: slow, smuggling, compressed, oversize. Bytes over real TLS."""

import asyncio
import gzip
import re
import resource
import time

import msgspec
import pytest

from gateway.links.https import ENVELOPE
from tests.links.exchange import RAW
from tests.links.raw import CHECKPOINT, RawPeer, outcome
from tests.links.running import Running

POST = b"POST /v1/messages HTTP/1.1\r\nHost: gateway\r\nContent-Type: " + ENVELOPE.encode() + b"\r\n"


def _status(heard: bytes) -> int:
    return int(heard.split(b" ", 2)[1])


def _code(heard: bytes) -> str:
    return str(msgspec.json.decode(heard.partition(b"\r\n\r\n")[2])["code"])


async def _ask(running: Running, raw: bytes) -> bytes:
    async with RawPeer(running.port, running.tls()) as peer:
        return await peer.ask(raw)


async def test_threat_E10_gzip_bomb_is_refused_unread(running: Running) -> None:
    """Any Content-Encoding is 415; nothing is decompressed, and memory stays where it was."""
    bomb = gzip.compress(bytes(64 * 1024 * 1024))
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    heard = await _ask(running, POST + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb) + bomb)

    assert (_status(heard), _code(heard)) == (415, "encoding-refused")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib < 8 * 1024
    assert running.exchange.submitted == []


@pytest.mark.parametrize("encoding", [b"gzip", b"deflate", b"br", b"zstd", b"identity", b"gzip, gzip", b""])
async def test_threat_E10_every_content_encoding_is_refused(running: Running, encoding: bytes) -> None:
    """There is no list of good encodings to get wrong: the header itself is refused."""
    heard = await _ask(running, POST + b"Content-Encoding: " + encoding + b"\r\nContent-Length: 1\r\n\r\nx")

    assert (_status(heard), _code(heard)) == (415, "encoding-refused")


async def test_threat_E11_half_a_tls_handshake_is_cut(running: Running) -> None:
    """A peer that opens TCP and says nothing, or half a hello, is gone after the handshake's deadline."""
    begun = time.monotonic()

    async with RawPeer(running.port, None) as silent, RawPeer(running.port, None) as half:
        await half.say(b"\x16\x03\x01\x02\x00")
        assert await silent.hear(3) == b""
        assert await half.hear(3) == b""

    assert time.monotonic() - begun < 2


@pytest.mark.parametrize("raw", [b"", b"GET /v1/chec", CHECKPOINT[:-2]], ids=["silence", "half-a-line", "no-end"])
async def test_threat_E11_slow_header_is_cut(running: Running, raw: bytes) -> None:
    """A header that does not end within its deadline ends the connection."""
    begun = time.monotonic()

    assert await _ask(running, raw) == b""

    # The deadline of the first header is 0.4 s, that of an idle connection 1.2 s.
    assert 0.2 < time.monotonic() - begun < 1.0


async def test_threat_E11_dripping_header_gains_no_time(running: Running) -> None:
    """A byte now and then does not move the deadline."""
    begun = time.monotonic()
    async with RawPeer(running.port, running.tls()) as peer:
        hearing = asyncio.create_task(peer.hear())
        for byte in CHECKPOINT[:-2] * 2:
            peer.writer.write(bytes([byte]))
            await asyncio.sleep(0.02)
            if hearing.done():
                break

        assert await hearing == b""
    assert time.monotonic() - begun < 2


async def test_threat_E11_second_header_on_a_connection_is_bounded_too(running: Running) -> None:
    """Keep-alive buys idle time, not an endless second header."""
    begun = time.monotonic()
    async with RawPeer(running.port, running.tls()) as peer:
        heard = await peer.ask(CHECKPOINT.replace(b"Connection: close\r\n", b"") + b"GET /v1")

    assert heard.count(b"HTTP/1.1 ") == 1
    assert time.monotonic() - begun < 2


async def test_threat_E11_body_that_never_comes_is_408(running: Running) -> None:
    """After the grace a body must be under way."""
    begun = time.monotonic()

    heard = await _ask(running, POST + b"Content-Length: 1000\r\n\r\n")

    assert (_status(heard), _code(heard)) == (408, "body-timeout")
    assert time.monotonic() - begun < 2


async def test_threat_E11_dripping_body_is_408(running: Running) -> None:
    """A body below the minimum rate is cut long before its last byte."""
    begun = time.monotonic()
    async with RawPeer(running.port, running.tls()) as peer:
        await peer.say(POST + b"Content-Length: 100000\r\n\r\n")
        hearing = asyncio.create_task(peer.hear())
        while not hearing.done():
            peer.writer.write(b"x" * 20)
            await asyncio.sleep(0.02)
        heard = await hearing

    assert (_status(heard), _code(heard)) == (408, "body-timeout")
    assert time.monotonic() - begun < 2
    assert running.exchange.submitted == []


async def test_threat_E11_many_slow_peers_leave_an_honest_one_alone(running: Running) -> None:
    """With a hundred half-open connections an honest request is served at once, and all are cut in the end."""
    rude = [RawPeer(running.port, None) for _ in range(100)]
    await asyncio.gather(*(peer.__aenter__() for peer in rude))
    begun = time.monotonic()

    assert await outcome(running.port, running.tls()) == "200"

    assert time.monotonic() - begun < 0.5
    heard = await asyncio.gather(*(peer.hear(3) for peer in rude))
    assert set(heard) == {b""}
    await asyncio.gather(*(peer.__aexit__(None, None, None) for peer in rude))


LENGTHS = {
    "both": b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "both-the-other-way": b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
    "two-lengths": b"Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcde",
    "two-equal-lengths": b"Content-Length: 4\r\nContent-Length: 4\r\n\r\nabcd",
    "list-of-lengths": b"Content-Length: 4, 4\r\n\r\nabcd",
    "signed-length": b"Content-Length: +4\r\n\r\nabcd",
    "negative-length": b"Content-Length: -4\r\n\r\nabcd",
    "hexadecimal-length": b"Content-Length: 0x4\r\n\r\nabcd",
    "length-with-a-blank": b"Content-Length: 4 4\r\n\r\nabcd",
    "length-before-a-blank-and-colon": b"Content-Length : 4\r\n\r\nabcd",
    "huge-length": b"Content-Length: 99999999999999999999999\r\n\r\nabcd",
    "chunked": b"Transfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n",
    "chunked-twice": b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "chunked-in-disguise": b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "chunked-behind-identity": b"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunked-with-vertical-tab": b"Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
    "folded-header": b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    "no-length": b"\r\n",
    "bare-line-feed": b"Content-Length: 4\n\nabcd",
    "nul-in-a-header": b"X-Note: a\x00b\r\nContent-Length: 4\r\n\r\nabcd",
}


@pytest.mark.parametrize("rest", LENGTHS.values(), ids=LENGTHS)
async def test_threat_N5_ambiguous_length_is_refused(running: Running, rest: bytes) -> None:
    """Whatever two parsers could read in two ways is a problem and the end of the connection.

    Behind it stands a request that must not be taken for one of its own.
    """
    heard = await _ask(running, POST + rest + CHECKPOINT)

    assert _status(heard) in (400, 411)
    assert len(re.findall(rb"HTTP/1\.[01] \d{3} ", heard)) == 1
    # HTTP/1.0 says by itself that nothing follows.
    assert heard.startswith(b"HTTP/1.0 ") or b"connection: close" in heard.lower()
    assert b"application/problem+json" in heard
    assert running.exchange.submitted == []


async def test_threat_N5_pipelined_requests_are_answered_one_by_one(running: Running) -> None:
    """Requests that come together are answered in order, each on its own, under the one TLS identity."""
    first = CHECKPOINT.replace(b"Connection: close\r\n", b"")
    post = POST + b"Content-Length: %d\r\n\r\n" % len(RAW) + RAW

    heard = await _ask(running, first + post + first + CHECKPOINT)

    statuses = [_status(b"HTTP/1.1 " + part) for part in heard.split(b"HTTP/1.1 ")[1:]]
    assert statuses == [200, 202, 200, 200]
    assert running.exchange.submitted == [(0, "message", RAW)]


MALFORMED = {
    "no-http": b"hello\r\n\r\n",
    "http-2-preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "http-0.9": b"GET /\r\n\r\n",
    "http-3.0": b"GET /v1/checkpoint HTTP/3.0\r\n\r\n",
    "long-path": b"GET /" + b"a" * 9_000 + b" HTTP/1.1\r\n\r\n",
    "long-header": b"GET / HTTP/1.1\r\nX-Note: " + b"a" * 9_000 + b"\r\n\r\n",
    "many-headers": b"GET / HTTP/1.1\r\n" + b"X-Note: CANARY\r\n" * 100 + b"\r\n",
    "control-character": b"GET /CANARY\x01 HTTP/1.1\r\nHost: g\r\n\r\n",
    "tls-in-tls": b"\x16\x03\x01\x00\x05hello",
}


@pytest.mark.parametrize("raw", MALFORMED.values(), ids=MALFORMED)
async def test_malformed_request_is_a_problem_that_repeats_nothing(running: Running, raw: bytes) -> None:
    """No HTML, no echo: the same short problem whatever was wrong (S-09; threat O3)."""
    heard = await _ask(running, raw)

    assert _status(heard) in (400, 404)
    assert b"application/problem+json" in heard
    assert b"CANARY" not in heard
    assert b"<" not in heard
    assert b"aaaa" not in heard


@pytest.mark.parametrize(
    ("head", "status", "code"),
    [
        (POST + b"Content-Length: 2097153\r\n\r\n", 413, "body-too-large"),
        (POST + b"Content-Length: 9007199254740993\r\n\r\n", 413, "body-too-large"),
        (POST.replace(ENVELOPE.encode(), b"text/html") + b"Content-Length: 1\r\n\r\nx", 415, "media-type"),
        (POST + b"Content-Type: text/plain\r\nContent-Length: 1\r\n\r\nx", 400, "request-malformed"),
        (POST + b"Expect: 100-continue\r\nContent-Length: 1\r\n\r\n", 417, "expectation-refused"),
        (POST + b"Expect: CANARY\r\nContent-Length: 1\r\n\r\n", 417, "expectation-refused"),
        (b"PUT /v1/messages HTTP/1.1\r\nHost: g\r\nContent-Length: 0\r\n\r\n", 405, "method-not-allowed"),
        (b"DELETE /v1/messages/x HTTP/1.1\r\nHost: g\r\n\r\n", 405, "method-not-allowed"),
        (b"BREW /v1/messages HTTP/1.1\r\nHost: g\r\n\r\n", 400, "request-malformed"),
        (b"GET /v1/CANARY HTTP/1.1\r\nHost: g\r\nConnection: close\r\n\r\n", 404, "not-found"),
        (b"GET /v1//checkpoint HTTP/1.1\r\nHost: g\r\n\r\n", 404, "not-found"),
        (b"GET /v1/./checkpoint HTTP/1.1\r\nHost: g\r\n\r\n", 404, "not-found"),
        (b"GET /v1/%63heckpoint HTTP/1.1\r\nHost: g\r\n\r\n", 404, "not-found"),
        (CHECKPOINT.replace(b"\r\n\r\n", b"\r\nContent-Length: 1\r\n\r\nx"), 400, "request-malformed"),
    ],
)
async def test_request_that_no_path_takes_is_a_problem(running: Running, head: bytes, status: int, code: str) -> None:
    """Refused before its body is read, by the registered code, without an echo of what was asked."""
    heard = await _ask(running, head)

    assert (_status(heard), _code(heard)) == (status, code)
    assert b"CANARY" not in heard
    assert running.sample("http_problems_total", code=code) == 1


async def test_threat_N8_request_cut_at_any_byte_is_submitted_whole_or_not_at_all(running: Running) -> None:
    """Only the last byte of a body makes a submission; a cut before it leaves no trace."""
    request = POST + b"Content-Length: %d\r\n\r\n" % len(RAW) + RAW
    for length in [*range(1, len(request), 13), len(request) - 1]:
        async with RawPeer(running.port, running.tls()) as peer:
            await peer.say(request[:length])
    await asyncio.sleep(0.05)

    assert running.exchange.submitted == []
    assert running.exchange.sessions == []
    # A peer that leaves is no fault of ours, and none that an alert should tell of.
    assert running.metrics.registry.get_sample_value("accord_http_problems_total", {"code": "fault"}) is None
    assert await outcome(running.port, running.tls()) == "200"
    assert running.sample("unjudged_bytes") == 0


async def test_fault_of_ours_is_a_short_problem(running: Running) -> None:
    """An exception that nobody foresaw is 500 without a word of it, and the next request is served."""

    def fail(old_size: int, new_size: int) -> tuple[bytes, ...]:
        raise RuntimeError("CANARY")

    running.exchange.consistency = fail  # type: ignore[method-assign]  # The fake breaks on purpose.

    heard = await _ask(running, b"GET /v1/consistency?from=1&to=2 HTTP/1.1\r\nHost: g\r\n\r\n")

    assert (_status(heard), _code(heard)) == (500, "fault")
    assert b"CANARY" not in heard
    assert await outcome(running.port, running.tls()) == "200"
