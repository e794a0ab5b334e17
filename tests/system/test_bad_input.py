"""What bad input gets: a clear error with cause and remedy, nothing recorded that nobody signed, the process up."""

from pathlib import Path
from typing import NamedTuple

import pytest

from gateway.policy.reasons import sentence
from gateway.wire import frames
from tests.links.raw import outcome
from tests.links.running import connect
from tests.system.bad_submissions import ROWS, Row
from tests.system.conftest import Served
from tests.system.house import ledger_size
from tests.system.peers import calling, eventually
from tests.wire.certificates import PrivateCa


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
async def test_bad_submission_gets_its_answer_and_only_what_is_signed_is_recorded(served: Served, row: Row) -> None:
    """P-01: each kind of bad input has its own answer; the ledger grows only by refusals of what was signed."""
    house = served.house
    before = ledger_size(served.gateway)
    async with calling(house, house.senders[0]) as caller:
        (answer,) = await caller.submit(row.make(house), kind=row.over)
        (honest,) = await caller.submit(house.envelope(house.senders[0], house.recipients[0]))

    assert (answer.kind, answer.code) == (row.kind, row.code)
    assert row.says in answer.detail
    assert honest.permitted
    assert ledger_size(served.gateway) == before + 1 + bool(row.codes)
    if row.codes:
        assert not answer.permitted
        assert {reason.code for reason in house.receipt(answer.body).record.reasons} >= set(row.codes)


async def test_same_id_with_other_bytes_is_refused_and_recorded_and_a_replay_changes_nothing(served: Served) -> None:
    """P-03: an id belongs to its first bytes; those get their first receipt again, byte for byte."""
    house = served.house
    sender, recipient = house.senders[0], house.recipients[0]
    draft = house.federation.draft(sender.name)
    first, other = (house.federation.seal(draft, [recipient.name], text, house.directory) for text in (b"a", b"b"))
    before = ledger_size(served.gateway)
    async with calling(house, sender) as caller:
        answers = await caller.submit(first, other, first, other)

    assert [answer.permitted for answer in answers] == [True, False, True, False]
    assert [answers[2].body, answers[3].body] == [answers[0].body, answers[1].body]
    assert [reason.code for reason in house.receipt(answers[1].body, other).record.reasons] == ["id-reused"]
    assert ledger_size(served.gateway) == before + 2


class Frame(NamedTuple):
    """One thing said on a link after its hello, and how the link ends; 0: it does not."""

    name: str
    raw: bytes | str
    ends: int


GOOD = frames.encode(frames.Submit(0, [frames.Submission("message", b"x")]))
FRAMES = (
    Frame("truncated", GOOD[:-1], 1008),
    Frame("something behind it", GOOD + b"\x00", 1008),
    Frame("unknown", b"\x92\xa4shut\x00", 1008),
    Frame("deep nesting", b"\x91" * 1_000_000, 1008),
    Frame("text", "submit", 1008),
    Frame("over 2 MiB", bytes(2 * 1024 * 1024 + 1), 1009),
    Frame("a second hello", frames.encode(frames.EndpointHello(None, None)), 1008),
    Frame("a number left out", frames.encode(frames.Submit(1, [frames.Submission("message", b"x")])), 1008),
    Frame("a proof of the future", frames.encode(frames.AskConsistency(1, 2**40)), 1008),
    Frame("acknowledgement: noise", frames.encode(frames.Acknowledge(0, b"noise")), 0),
)


@pytest.mark.parametrize("frame", FRAMES, ids=lambda frame: frame.name)
async def test_bad_frame_ends_its_link_and_records_nothing(served: Served, frame: Frame) -> None:
    """P-06: whoever breaks the protocol of a link is told by its close code; nothing of it is recorded."""
    house = served.house
    before = ledger_size(served.gateway)
    async with house.session(house.senders[0]) as session:
        link = await connect(session)
        await link.greet()
        await (link.socket.send_str(frame.raw) if isinstance(frame.raw, str) else link.socket.send_bytes(frame.raw))
        if frame.ends:
            assert await link.closed() == frame.ends
        else:
            answers = await link.receive()
            assert isinstance(answers, frames.Answers)
            assert (answers.items[0].kind, answers.items[0].code) == ("invalid", "format-invalid")

    assert ledger_size(served.gateway) == before


class Request(NamedTuple):
    """One HTTPS request of an honest peer that gets a problem."""

    name: str
    path: str
    body: bytes
    headers: dict[str, str]
    status: int
    code: str


JSON = {"Content-Type": "application/json"}
PACKED = {"Content-Type": "application/vnd.accord.envelope+msgpack"}
REQUESTS = (
    Request("noise", "/v1/messages", b"noise", PACKED, 422, "format-invalid"),
    Request("truncated", "/v1/messages", b'{"h":"e30', JSON, 422, "format-invalid"),
    Request("deep nesting", "/v1/messages", b"[" * 1_000_000, JSON, 422, "format-invalid"),
    Request("over 2 MiB", "/v1/messages", bytes(2 * 1024 * 1024 + 1), PACKED, 413, "body-too-large"),
    Request("another type", "/v1/messages", b"x", {"Content-Type": "text/plain"}, 415, "media-type"),
    Request("compressed", "/v1/messages", b"x", {**PACKED, "Content-Encoding": "gzip"}, 415, "encoding-refused"),
    Request("statement: noise", "/v1/statements", b"noise", JSON, 422, "format-invalid"),
    Request("acknowledgement: noise", "/v1/inbox/ack", b"noise", JSON, 422, "format-invalid"),
    Request("no such path", "/v1/secrets", b"x", JSON, 404, "not-found"),
)


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda request_: request_.name)
async def test_bad_request_gets_its_problem_and_records_nothing(served: Served, request_: Request) -> None:
    """S-09: a problem with code, status and remedy for every bad request; nothing of it is recorded."""
    house = served.house
    before = ledger_size(served.gateway)
    async with (
        house.session(house.senders[0]) as session,
        session.post(request_.path, data=request_.body, headers=request_.headers) as answer,
    ):
        problem = await answer.json(content_type="application/problem+json")

    assert (answer.status, problem["code"]) == (request_.status, request_.code)
    assert problem["remedy"]
    assert ledger_size(served.gateway) == before


async def test_refusal_over_https_carries_its_receipt(served: Served) -> None:
    """S-09: a refusal is a problem too, recorded like any other, with the receipt that proves its reasons."""
    house = served.house
    raw = house.envelope(house.senders[0], house.recipients[0], purposes=("administrative",))
    before = ledger_size(served.gateway)
    async with (
        house.session(house.senders[0]) as session,
        session.post("/v1/messages", data=raw, headers=PACKED) as answer,
    ):
        problem = await answer.json(content_type="application/problem+json")

    assert (answer.status, problem["code"]) == (403, "refused")
    assert house.receipt(problem["receipt"].encode(), raw).record.outcome == "refused"
    assert ledger_size(served.gateway) == before + 1


@pytest.mark.parametrize(("asked", "language"), [("ru-KZ, en;q=0.5", "ru"), ("kk", "en")])
async def test_refusal_over_https_says_every_recorded_reason_in_words(
    served: Served, asked: str, language: str
) -> None:
    """S-09, RFC 9110: rule, article and basis as the receipt proves them, the sentence in the peer's language."""
    house = served.house
    raw = house.envelope(house.senders[0], house.recipients[0], purposes=("administrative",))
    async with (
        house.session(house.senders[0]) as session,
        session.post("/v1/messages", data=raw, headers={**PACKED, "Accept-Language": asked}) as answer,
    ):
        problem = await answer.json(content_type="application/problem+json")
        content_language = answer.headers["Content-Language"]

    recorded = house.receipt(problem["receipt"].encode(), raw).record.reasons
    assert content_language == language
    assert [(each["code"], each["rule"], each["article"], each["basis"]) for each in problem["reasons"]] == [
        (each.code, each.rule, each.article, each.basis) for each in recorded
    ]
    assert [each["sentence"] for each in problem["reasons"]] == [sentence(each.code, language) for each in recorded]


@pytest.mark.parametrize("kind", ["none", "foreign", "self-signed"])
async def test_connection_without_a_certificate_of_ours_is_refused(served: Served, tmp_path: Path, kind: str) -> None:
    """S-11: no certificate, one of another authority, or one's own signature: no answer at all, and it is counted."""
    house = served.house
    other = PrivateCa(tmp_path)
    shown = {"none": None, "foreign": other.issue("cz-000").identity, "self-signed": other.itself().identity}[kind]
    reason = "no-certificate" if kind == "none" else "untrusted"
    name = f'accord_tls_handshake_failures_total{{reason="{reason}"}}'
    before, failed = ledger_size(served.gateway), served.gateway.metric(name)

    assert await outcome(house.port, house.tls(shown)) == "refused"
    assert await outcome(house.port, None) == "refused"
    await eventually(lambda: served.gateway.metric(name) > failed)
    assert ledger_size(served.gateway) == before


async def test_certificate_that_no_edition_lists_is_told_what_to_do(served: Served) -> None:
    """N4: a sound certificate of our own CA is nobody until an edition lists it: 401, by code, with the remedy."""
    house = served.house
    before = ledger_size(served.gateway)
    async with house.session(house.stranger("nobody")) as session:
        for path in ("/v1/link", "/v1/checkpoint", "/v1/inbox"):
            async with session.get(path) as answer:
                problem = await answer.json(content_type="application/problem+json")
            assert (answer.status, problem["code"], problem["actor"]) == (401, "endpoint-unknown", "directory")
            assert "listed in the directory" in problem["remedy"]

    assert ledger_size(served.gateway) == before
