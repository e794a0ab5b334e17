"""Every vector that can travel over a link, shown to a gateway: its answer, and that the ledger knows nothing of it.

`tests/schemas` judges the vectors with the functions that read them. Here they come over mutual TLS to links, exchange
and store, as somebody would send them who means it.
"""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from gateway.crypto.digests import decode_base64url
from gateway.wire import frames
from tests.links.running import connect
from tests.schemas.vector_files import all_vectors
from tests.system.vector_house import VectorHouse

ORIGINATOR, RECIPIENT, ANOTHER = "cz-police", "kz-mvd", "md-police"
INVALID, UNSIGNED = ("invalid", "format-invalid"), ("unauthenticated", "signature-invalid")
# The answer that each class of the vectors gets.
ANSWERS = {"format": INVALID, "digest": INVALID, "signature": UNSIGNED}
# Truly signed, and at fault only where the recipient alone can look: the gateway records and the endpoint refuses.
FOR_THE_RECIPIENT = frozenset(
    (
        "another-content-key",
        "body-lent",
        "body-signed-garbage",
        "body-without-tag",
        "commitment-altered",
        "commitment-replaced",
        "forwarded-as-delivered",
        "padding-length-beyond-end",
        "padding-not-zeros",
        "padding-of-no-padme-size",
        "padding-without-length",
        "re-attributed",
        "wrap-of-another-message",
        "wrap-undecipherable-suite-1",
        "wrap-undecipherable-suite-2",
    )
)
RECEIPT, NOTHING_NEW = ("receipt", ""), ("invalid", "nothing-new")
PACKED = {"Content-Type": "application/vnd.accord.envelope+msgpack"}
JSON = {"Content-Type": "application/json"}

Vector = dict[str, Any]
Frame = Callable[[int, bytes], frames.FromEndpoint]


class Seen(NamedTuple):
    """What came of one vector: kind and code of the answer, and how far the ledger grew."""

    answer: tuple[str, str]
    recorded: int


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[VectorHouse]:
    """The gateway of the vectors, running; whatever it was shown, its ledger verifies afterwards."""
    made = VectorHouse(tmp_path)
    async with made.open():
        yield made
    assert made.failed == []
    made.verify()


def vectors(check: str, verdict: str = "refused") -> list[Vector]:
    """Return the vectors of one check; a pruned envelope is a delivery and never comes from an endpoint if it holds."""
    found = [each for each in all_vectors() if (each["check"], each["expect"]["verdict"]) == (check, verdict)]
    return [each for each in found if verdict == "refused" or not each["given"].get("pruned")]


def message(number: int, raw: bytes) -> frames.FromEndpoint:
    """Submit a message."""
    return frames.Submit(number, [frames.Submission("message", raw)])


def statement(number: int, raw: bytes) -> frames.FromEndpoint:
    """Submit a statement."""
    return frames.Submit(number, [frames.Submission("statement", raw)])


async def shown(house: VectorHouse, authority: str, vector: Vector, field: str, frame: Frame) -> Seen:
    """Show a vector over a link of its own, after whatever must have been opened before it."""
    given = vector["given"]
    raws = [decode_base64url(text) for text in (*given.get("before", ()), given[field])]
    async with house.session(authority) as session:
        link = await connect(session)
        await link.greet(None)
        # Only now: with an edition that has expired nobody is let in.
        house.now_ms = given.get("at_ms", house.at_ms)
        for number, raw in enumerate(raws):
            before = house.recorded()
            await link.send(frame(number, raw))
            answers = await link.receive()
            assert isinstance(answers, frames.Answers), vector["name"]
            seen = Seen((answers.items[0].kind, answers.items[0].code), house.recorded() - before)
        house.now_ms = house.at_ms
        await link.socket.close()
    return seen


async def posted(house: VectorHouse, vector: Vector) -> tuple[str, int]:
    """Post the envelope of a vector; return the code of the problem, or `receipt`, and how far the ledger grew."""
    given = vector["given"]
    body, headers = (given["json"].encode(), JSON) if "json" in given else (decode_base64url(given["envelope"]), PACKED)
    before = house.recorded()
    async with (
        house.session(ORIGINATOR) as session,
        session.post("/v1/messages", data=body, headers=headers) as answer,
    ):
        said = await answer.json(content_type=None)
    return ("receipt" if said.get("receipt") else said["code"]), house.recorded() - before


def expected(vector: Vector) -> Seen:
    """Return what must come of a negative vector."""
    if vector["name"] in FOR_THE_RECIPIENT:
        return Seen(RECEIPT, 1)
    return Seen(ANSWERS[vector["expect"]["class"]], 0)


@pytest.mark.parametrize("authority", [ORIGINATOR, ANOTHER])
async def test_negative_envelope_is_answered_and_leaves_no_trace(house: VectorHouse, authority: str) -> None:
    """P-01, P-06: whoever sends it, an envelope that nobody signed as it is gets its answer and no entry."""
    negative = [each for each in vectors("envelope") if "envelope" in each["given"]]
    wrong = {}
    for each in negative:
        seen = await shown(house, authority, each, "envelope", message)
        if seen != expected(each):
            wrong[each["name"]] = seen
    (honest,) = [each for each in vectors("envelope", "ok") if each["name"] == "suite-2-single"]

    assert wrong == {}
    assert len(negative) > 150
    assert await shown(house, authority, honest, "envelope", message) == Seen(RECEIPT, 1)


async def test_negative_envelope_over_https_is_a_problem_and_leaves_no_trace(house: VectorHouse) -> None:
    """P-01, S-09: the simple client gets the same answers, for the JSON form too."""
    wrong = {}
    for each in vectors("envelope"):
        # What needs memory of the link or another moment is shown over WebSocket.
        if each["given"].keys() & {"before", "at_ms"} or each["name"] in FOR_THE_RECIPIENT:
            continue
        code, recorded = await posted(house, each)
        if (code, recorded) != (expected(each).answer[1], 0):
            wrong[each["name"]] = (code, recorded)
    (honest,) = [each for each in vectors("envelope", "ok") if each["name"] == "suite-2-single"]

    assert wrong == {}
    assert await posted(house, honest) == ("receipt", 1)


async def test_negative_statement_is_answered_and_leaves_no_trace(house: VectorHouse) -> None:
    """P-01: a consent or revocation that its provider did not sign so is none, and a key request is no submission."""
    wrong = {}
    for each in (*vectors("statement"), *vectors("registration")):
        seen = await shown(house, ORIGINATOR, each, "statement", statement)
        wanted = expected(each) if each["check"] == "statement" else Seen(INVALID, 0)
        if seen != wanted:
            wrong[each["name"]] = seen
    honest, *_ = vectors("statement", "ok")

    assert wrong == {}
    assert await shown(house, ORIGINATOR, honest, "statement", statement) == Seen(RECEIPT, 1)


async def test_negative_acknowledgements_are_answered_and_leave_no_trace(house: VectorHouse) -> None:
    """P-01: what a recipient did not sign ends no delivery and is not recorded."""
    wrong = {}
    for each in vectors("acknowledgements"):
        seen = await shown(house, RECIPIENT, each, "batch", frames.Acknowledge)
        if seen != expected(each):
            wrong[each["name"]] = seen
    honest, *_ = vectors("acknowledgements", "ok")

    assert wrong == {}
    # What holds was verified, and then looked up: it names messages that this gateway never had.
    assert await shown(house, RECIPIENT, honest, "batch", frames.Acknowledge) == Seen(NOTHING_NEW, 0)


async def test_vector_that_holds_is_recorded(house: VectorHouse) -> None:
    """The house judges by the keys of the vectors: what holds gets a receipt, so that its refusals mean something."""
    for check, field, frame in (("envelope", "envelope", message), ("statement", "statement", statement)):
        for each in vectors(check, "ok"):
            if field in each["given"]:
                seen = await shown(house, ORIGINATOR, each, field, frame)
                assert seen.answer == RECEIPT, each["name"]
