"""Bodies: what is read, what is refused, and that answers look alike."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.central import bodies
from gateway.central.bodies import ANSWER_BYTES, Answer, Hit, read_answer, read_changes, read_query, write_answer
from gateway.domain.errors import FormatError
from tests.central.material import NOW

codes = st.integers(1, 64).map("a".__mul__)
states = st.integers(2, 32).map("A".__mul__)
hits = st.builds(
    Hit,
    type=codes,
    issuing_state=states,
    owner=codes,
    status=st.sampled_from(["LOST", "STOLEN", "STOLEN_BLANK", "REVOKED"]),
    recorded_at_ms=st.integers(0, 2**53 - 1),
    conditions=st.lists(codes, max_size=10).map(tuple),
)
refusals = st.sampled_from([None, "body-malformed", "database-unknown", "grant-missing"])


@given(st.lists(hits, max_size=12).map(tuple), refusals, st.integers(0, 2**53 - 1))
def test_threat_n13_answer_has_one_size_whatever_it_found(found: tuple[Hit, ...], why: str | None, at_ms: int) -> None:
    """A hit, many hits, no hit and a refusal are bytes of one length; what is not shown is counted (S-13)."""
    outcome = "hit" if found else "refused" if why else "no-hit"
    raw = write_answer(Answer("travel-documents", outcome, at_ms, found, refusal=None if found else why))  # type: ignore[arg-type]  # Drawn.
    answer = read_answer(raw)

    assert len(raw) == ANSWER_BYTES
    assert (len(answer.hits) > 0) == (len(found) > 0)
    assert answer.hits == found[: len(answer.hits)]
    assert len(answer.hits) + answer.further_hits == len(found)


def test_answer_of_another_size_is_refused() -> None:
    """An asker notices an answer that was not made by the rules."""
    raw = write_answer(Answer("travel-documents", "no-hit", NOW))

    with pytest.raises(FormatError, match="2048 bytes, not 2047"):
        read_answer(raw[:-1])


PUT = {"action": "put", "number": "AB 123456", "type": "passport", "status": "LOST"}


@pytest.mark.parametrize("missing", ["number", "type", "status", "action"])
def test_put_without_its_minimum_is_refused(missing: str) -> None:
    """Number, type and reported status are the least that a record holds (CZ-08)."""
    change = {key: value for key, value in PUT.items() if key != missing}

    with pytest.raises(FormatError):
        read_changes(json.dumps({"database": "travel-documents", "changes": [change]}).encode())


@pytest.mark.parametrize("status", ["LOST", "STOLEN", "STOLEN_BLANK", "REVOKED"])
def test_put_of_every_status_of_the_agreement_is_read(status: str) -> None:
    """Lost, stolen, stolen blank, revoked: these four (CZ-07)."""
    raw = json.dumps({"database": "travel-documents", "changes": [{**PUT, "status": status}]}).encode()

    change = read_changes(raw).changes[0]

    assert isinstance(change, bodies.Put)
    assert change.status == status


@pytest.mark.parametrize("status", ["FORGED", "lost", "", None, 1])
def test_put_of_another_status_is_refused(status: object) -> None:
    """A forged document is reported by a message of its own kind, not by a status (CZ-07, CZ-10)."""
    with pytest.raises(FormatError):
        read_changes(json.dumps({"database": "travel-documents", "changes": [{**PUT, "status": status}]}).encode())


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'{"number":1}',
        b'{"number":""}',
        b'{"number":"1234","extra":1}',
        b'{"number":"1234","type":"Passport"}',
        b'{"number":"1234","issuing_state":"cz"}',
        b'{"number":"' + b"1" * 65 + b'"}',
        b"[" * 100_000,
        b'{"number":"\xff"}',
    ],
)
def test_query_that_is_none_is_refused(raw: bytes) -> None:
    """Whatever an asker sends, the node answers; it never falls over."""
    with pytest.raises(FormatError):
        read_query(raw)


@given(st.binary(max_size=200))
def test_any_body_is_read_or_refused(raw: bytes) -> None:
    """No bytes lead to any other error (P-06)."""
    for read in (bodies.read_query, bodies.read_changes, bodies.read_answer, bodies.read_reply, bodies.read_notice):
        try:
            read(raw)
        except FormatError:
            continue
