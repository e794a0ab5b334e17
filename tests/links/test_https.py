"""The HTTPS link with an honest client: every path, every outcome, in JSON and in MessagePack."""

import asyncio
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from gateway.crypto.digests import encode_base64url
from gateway.crypto.envelope import decode_envelope
from gateway.crypto.envelope_json import envelope_from_json, envelope_to_json
from gateway.domain.message import Signature
from gateway.domain.session import Answer, Delivery
from gateway.domain.statement import SignedAcknowledgements, SignedStatement
from gateway.links.https import ACKNOWLEDGEMENTS, DIRECTORY, ENVELOPE, JSON, STATEMENT
from tests.links.exchange import BATCHED, MESSAGE_ID, NOTE, RAW, SEALED, SIGNATURE
from tests.links.raw import CHECKPOINT, RawPeer
from tests.links.running import Running

AS_JSON = envelope_to_json(SEALED)


def _signature_form(signature: Signature) -> dict[str, Any]:
    form: dict[str, Any] = {"k": encode_base64url(signature.k), "g": encode_base64url(signature.g)}
    if signature.p is not None:
        form |= {"n": signature.n, "i": signature.i, "p": [encode_base64url(node) for node in signature.p]}
    return form


async def _post(
    running: Running, path: str, body: bytes, media_type: str
) -> tuple[int, dict[str, Any], dict[str, str]]:
    async with (
        running.session() as session,
        session.post(path, data=body, headers={"Content-Type": media_type}) as response,
    ):
        return (
            response.status,
            await response.json(content_type=None),
            {str(name): value for name, value in response.headers.items()},
        )


async def _get(running: Running, path: str) -> tuple[int, bytes, str]:
    async with running.session() as session, session.get(path) as response:
        return response.status, await response.read(), response.headers.get("Content-Type", "")


@pytest.mark.parametrize(("body", "media_type"), [(RAW, ENVELOPE), (AS_JSON, JSON)], ids=["msgpack", "json"])
async def test_message_is_accepted_with_its_receipt(running: Running, body: bytes, media_type: str) -> None:
    """202, the receipt, and where its status is; the switch gets the same bytes in both forms."""
    status, answer, headers = await _post(running, "/v1/messages", body, media_type)

    assert (status, answer) == (202, {"receipt": "receipt"})
    assert headers["Location"] == f"/v1/messages/{MESSAGE_ID}"
    assert running.exchange.submitted == [(0, "message", RAW)]


async def test_replay_is_answered_200_with_the_same_receipt(running: Running) -> None:
    """P-03: the same bytes again are no second effect, and the status says so."""
    running.exchange.outcome = lambda number, _: Answer(
        number, "receipt", permitted=True, body=b"receipt", duplicate=True
    )

    status, answer, _ = await _post(running, "/v1/messages", RAW, ENVELOPE)

    assert (status, answer["receipt"]) == (200, "receipt")


async def test_refusal_is_a_problem_that_carries_its_receipt(running: Running) -> None:
    """403, never 200: the reasons are in the receipt, which verifies like any other."""
    running.exchange.outcome = lambda number, _: Answer(number, "receipt", permitted=False, body=b"reasons")

    status, answer, headers = await _post(running, "/v1/messages", RAW, ENVELOPE)

    assert status == answer["status"] == 403
    assert (answer["code"], answer["receipt"]) == ("refused", "reasons")
    assert headers["Content-Type"] == "application/problem+json"


OUTCOMES = {
    "busy": (Answer(0, "busy", code="busy", detail="bound `spool` is reached", retry_after_s=5), 429, "busy"),
    "invalid": (Answer(0, "invalid", code="format-invalid", detail="no envelope"), 422, "format-invalid"),
    "unauthenticated": (Answer(0, "unauthenticated", code="signature-invalid"), 422, "signature-invalid"),
    "unregistered": (Answer(0, "invalid", code="nobody-knows"), 500, "fault"),
}


@pytest.mark.parametrize(("outcome", "status", "code"), OUTCOMES.values(), ids=OUTCOMES)
async def test_outcome_without_receipt_is_a_problem(running: Running, outcome: Answer, status: int, code: str) -> None:
    """What was not recorded is answered by its registered code, with the wait where there is one."""
    running.exchange.outcome = lambda _, __: outcome

    got, answer, headers = await _post(running, "/v1/messages", RAW, ENVELOPE)

    assert (got, answer["code"]) == (status, code)
    assert headers.get("Retry-After") == (str(outcome.retry_after_s) if outcome.retry_after_s else None)


async def test_commit_that_takes_too_long_is_outcome_unknown(running: Running) -> None:
    """The client is told to send the same bytes again, never that they were lost or recorded."""
    running.exchange.held = []

    status, answer, _ = await _post(running, "/v1/messages", RAW, ENVELOPE)

    assert (status, answer["code"]) == (503, "outcome-unknown")
    running.exchange.release()


@pytest.mark.parametrize("body", [b"", b"{}", b"[", b"[" * 100_000, b'{"h":"!","s":[],"r":[],"c":""}', AS_JSON[:-1]])
async def test_body_that_is_no_envelope_is_a_problem(running: Running, body: bytes) -> None:
    """422 with what is wrong, nothing submitted (E9: nesting too)."""
    status, answer, _ = await _post(running, "/v1/messages", body, JSON)

    assert (status, answer["code"]) == (422, "format-invalid")
    assert running.exchange.submitted == []


STATEMENT_FORM = {
    "t": "application/vnd.accord.consent.v1+json",
    "h": encode_base64url(b"{}"),
    "s": [_signature_form(SIGNATURE)],
}
SIGNED = SignedStatement("application/vnd.accord.consent.v1+json", b"{}", (SIGNATURE,))


@pytest.mark.parametrize(
    ("body", "media_type"), [(msgspec.msgpack.encode(SIGNED), STATEMENT), (msgspec.json.encode(STATEMENT_FORM), JSON)]
)
async def test_statement_is_submitted(running: Running, body: bytes, media_type: str) -> None:
    """A consent goes the way of a message, in both forms as the same bytes."""
    status, _, __ = await _post(running, "/v1/statements", body, media_type)

    assert status == 202
    assert running.exchange.submitted == [(0, "statement", msgspec.msgpack.encode(SIGNED))]


BATCH = SignedAcknowledgements(b"{}", BATCHED, (b"item-1", b"item-2"))
BATCH_FORM = {
    "h": encode_base64url(BATCH.h),
    "s": _signature_form(BATCHED),
    "items": [encode_base64url(item) for item in BATCH.items],
}


@pytest.mark.parametrize(
    ("body", "media_type"), [(msgspec.msgpack.encode(BATCH), ACKNOWLEDGEMENTS), (msgspec.json.encode(BATCH_FORM), JSON)]
)
async def test_inbox_is_acknowledged(running: Running, body: bytes, media_type: str) -> None:
    """A signed batch reaches the switch as the bytes that were signed, and is receipted."""
    status, answer, _ = await _post(running, "/v1/inbox/ack", body, media_type)

    assert (status, answer) == (202, {"receipt": "receipt"})
    assert running.exchange.acknowledged == [(0, msgspec.msgpack.encode(BATCH))]


@pytest.mark.parametrize("change", [{"s": {"k": "AA", "g": "AA"}}, {"items": []}, {"h": "A"}, {"x": 1}])
async def test_acknowledgement_of_a_wrong_form_is_a_problem(running: Running, change: dict[str, Any]) -> None:
    """A short key id, no items, stray bits, a foreign field: each is refused before the switch."""
    status, answer, _ = await _post(running, "/v1/inbox/ack", msgspec.json.encode(BATCH_FORM | change), JSON)

    assert (status, answer["code"]) == (422, "format-invalid")
    assert running.exchange.acknowledged == []


async def test_inbox_gives_what_waits(running: Running) -> None:
    """Each message comes with its receipt, and with an envelope that is the one that was delivered."""
    running.exchange.owed = [Delivery(bytes([number]) * 32, RAW, b"receipt", number) for number in range(1, 4)]

    status, body, _ = await _get(running, "/v1/inbox?max=2")

    messages = msgspec.json.decode(body)["messages"]
    assert status == 200
    assert [message["attempt"] for message in messages] == [1, 2]
    assert messages[0]["receipt"] == "receipt"
    form = msgspec.json.encode(messages[0]["envelope"])
    assert envelope_from_json(form) == decode_envelope(RAW)


async def test_empty_inbox_is_204_at_once(running: Running) -> None:
    """Nothing waits, nothing is said."""
    assert (await _get(running, "/v1/inbox"))[0] == 204


async def test_inbox_waits_for_what_comes(running: Running) -> None:
    """A long poll is answered when something arrives, not when its time is over."""

    async def arrive() -> None:
        await asyncio.sleep(0.1)
        running.exchange.owed = [Delivery(bytes(32), RAW, b"receipt", 1)]

    arriving = asyncio.create_task(arrive())
    status, _, __ = await asyncio.wait_for(_get(running, "/v1/inbox?wait=20"), 3)
    await arriving

    assert status == 200


async def test_long_poll_does_not_hold_up_a_stopping_gateway(running: Running) -> None:
    """Whoever waits is told that nothing came, and the stop goes on."""
    polling = asyncio.create_task(_get(running, "/v1/inbox?wait=20"))
    await asyncio.wait_for(running.exchange.new_session.wait(), 2)

    await asyncio.wait_for(running.gateway.stop(), 2)

    assert (await polling)[0] == 204


async def test_status_and_proof_of_a_message(running: Running) -> None:
    """The originator reads the timeline as JSON and the receipt as the text that verifiers take."""
    status, body, _ = await _get(running, f"/v1/messages/{MESSAGE_ID}")
    timeline = msgspec.json.decode(body)
    proof = await _get(running, f"/v1/messages/{MESSAGE_ID}/proof")

    assert status == 200
    assert (timeline["index"], timeline["permitted"]) == (3, True)
    assert timeline["deliveries"] == [{"recipient": "kz-mvd", "outcome": "pending", "attempts": 1, "ended_at_ms": None}]
    assert proof == (200, b"receipt 3\n", "text/plain; charset=utf-8")


@pytest.mark.parametrize("message_id", ["01890a5d-ac96-774b-bcce-000000000000", "nonsense", "%2e%2e", ""])
async def test_unknown_message_is_404_whatever_the_reason(running: Running, message_id: str) -> None:
    """Not there, not yours and not an id look alike (threat E27)."""
    status, body, _ = await _get(running, f"/v1/messages/{message_id}")

    assert status == 404
    assert body == (await _get(running, "/v1/messages/01890a5d-ac96-774b-bcce-000000000001"))[1]


async def test_directory_checkpoint_and_consistency_are_served(running: Running) -> None:
    """What an endpoint verifies itself it gets as it was signed."""
    assert await _get(running, "/v1/directory") == (200, b"signed edition", DIRECTORY)
    assert (await _get(running, "/v1/checkpoint"))[1] == NOTE
    status, body, _ = await _get(running, "/v1/consistency?from=3&to=5")
    assert status == 200
    assert msgspec.json.decode(body) == {"old": 3, "new": 5, "path": ["A" * 43, encode_base64url(b"\x01" * 32)]}


@pytest.mark.parametrize(
    "path",
    [
        "/v1/consistency",
        "/v1/consistency?from=5&to=3",
        "/v1/consistency?from=3&to=99999999999999999999",
        "/v1/consistency?from=3&from=3&to=5",
        "/v1/consistency?from=-1&to=5",
        "/v1/consistency?from=%D9%A3&to=5",
        "/v1/inbox?wait=31",
        "/v1/inbox?wait=1e3",
        "/v1/inbox?max=0",
        "/v1/inbox?max=101",
    ],
)
async def test_query_out_of_range_is_a_problem(running: Running, path: str) -> None:
    """400 that names the parameter and its range, and never what was given."""
    status, body, _ = await _get(running, path)

    assert status == 400
    assert msgspec.json.decode(body)["code"] == "query-invalid"


async def test_connection_is_one_session_and_ends_with_it(running: Running) -> None:
    """Requests on one connection share a session; it is detached when the connection ends."""
    async with running.session() as session:
        for _ in range(2):
            async with session.get("/v1/checkpoint") as response:
                assert response.status == 200
        assert running.exchange.attached == [(None, None)]
        assert len(running.exchange.sessions) == 1
    await asyncio.sleep(0.05)

    assert running.exchange.sessions == []


async def test_revoked_peer_is_cut_between_requests(running: Running) -> None:
    """The switch ends a polling session like any other: the connection is closed."""
    async with RawPeer(running.port, running.tls()) as peer:
        await peer.say(CHECKPOINT.replace(b"Connection: close\r\n", b""))
        await peer.reader.readuntil(NOTE)

        running.exchange.sessions[0].close("revoked")

        assert await peer.hear(1) == b""


async def test_peer_whose_listing_changed_is_cut_at_its_next_request(running: Running) -> None:
    """Another clearance is another peer: the connection that was made under the old one ends."""
    async with RawPeer(running.port, running.tls()) as peer:
        await peer.say(CHECKPOINT.replace(b"Connection: close\r\n", b""))
        await peer.reader.readuntil(NOTE)
        spki_sha256 = running.client.spki_sha256
        running.exchange.peers[spki_sha256] = replace(running.exchange.peers[spki_sha256], clearance=0)

        heard = await peer.ask(CHECKPOINT)

    assert heard.startswith(b"HTTP/1.1 403 ")
    assert b"endpoint-revoked" in heard


async def test_polling_session_takes_no_pushes(running: Running) -> None:
    """What is delivered to it stays in the spool until it fetches."""
    async with running.session() as session, session.get("/v1/checkpoint"):
        polling = running.exchange.sessions[0]

        assert polling.deliver([Delivery(bytes(32), RAW, b"receipt", 1)]) == 0
        assert polling.inform([]) == 0
        polling.announce(8, "A" * 43)
