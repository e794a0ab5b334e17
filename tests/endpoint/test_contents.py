"""A declaration is checked against the body after opening (rules.md 1.7, 17; C8-16, C1-08, CZ-08)."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from gateway.domain.message import Header
from gateway.endpoint.contents import missing, unchecked
from gateway.endpoint.editions import Editions
from gateway.endpoint.journal import Journal
from tests.endpoint.test_acceptance import Bench
from tests.endpoint.world import KZ, World
from tests.federation import now_ms
from tests.policy.world import header

LETTERS = "abcdefg"
DECLARED: dict[str, bool | str] = {f"element.{letter}": True for letter in LETTERS}
WHOLE = {letter: f"text of {letter}" for letter in LETTERS}
PASSPORT = {"number": "12 345", "type": "passport", "status": "STOLEN_BLANK"}
PASSPORT_FORM: dict[str, bool | str] = {
    "document.number": True,
    "document.type": "passport",
    "document.status": "stolen-blank",
}


def requested(schema: str | None = "request.v1", form: dict[str, bool | str] = DECLARED) -> Header:
    """Return the header of a request whose body is of `schema`."""
    asked = header("am-police", "kz-police", "cis-2018", form=form)
    return replace(asked, body=replace(asked.body, schema=schema))


def reported(form: dict[str, bool | str] = PASSPORT_FORM) -> Header:
    """Return the header of a travel document."""
    return header("cz-police", "kz-police", "cz-kz", kind="travel-document", form=form)


def written(body: object) -> bytes:
    """Return a body as it is sealed."""
    return json.dumps(body).encode()


def test_whole_request_holds() -> None:
    """C8-16: a body with every declared element holds, further keys and an empty `f` included."""
    assert missing(requested(), written({**WHOLE, "f": "", "annex": [1]})) == ()


@pytest.mark.parametrize("letter", LETTERS)
def test_declared_element_must_stand(letter: str) -> None:
    """C8-16, 1.7-17: an element that is declared and not there is named, whichever it is."""
    body = {key: text for key, text in WHOLE.items() if key != letter}
    assert missing(requested(), written(body)) == (f"element.{letter}",)


@pytest.mark.parametrize("empty", ["", "  ", None, [], {}])
def test_empty_element_does_not_stand(empty: object) -> None:
    """C8-16: nothing in an element is no element."""
    assert missing(requested(), written({**WHOLE, "b": empty})) == ("element.b",)


def test_undeclared_element_is_not_asked_for() -> None:
    """C1-08: only what was declared is held against the body; what is missing was flagged at the gateway."""
    assert missing(requested(form={"element.a": True, "element.b": False}), written({"a": "both authorities"})) == ()


@pytest.mark.parametrize("body", [b"", b"\xff", b"[1]", b"{", b"text"])
def test_body_of_another_form_holds_nothing(body: bytes) -> None:
    """1.7-17: a body that is not of the form it claims lacks everything that was declared."""
    assert missing(requested(), body) == tuple(sorted(DECLARED))
    assert missing(reported(), body) == ("document.number", "document.status", "document.type")


def test_other_bodies_are_left_to_a_person() -> None:
    """1.7-17: of a body in no form that we know a program claims nothing, and a person is told what to check."""
    assert missing(requested(schema=None), b"Dear colleagues") == ()
    assert unchecked(requested(schema=None)) == tuple(sorted(DECLARED))
    assert unchecked(requested()) == ()


def test_travel_document_needs_number_type_and_status() -> None:
    """CZ-08: every travel document is checked, and its status is the declared one."""
    assert missing(reported(), written(PASSPORT)) == ()
    assert missing(reported(), written({**PASSPORT, "number": " "})) == ("document.number",)
    assert missing(reported(), written({**PASSPORT, "status": "LOST"})) == ("document.status",)


@pytest.fixture
async def bench(still: World, tmp_path: Path) -> AsyncIterator[Bench]:
    """A bench with the first edition in force."""
    journal = Journal.open(tmp_path / "data")
    editions = Editions(still.identity(KZ), journal)
    await editions.take(still.directory.raw, now_ms())
    yield Bench(still, editions)
    await journal.close()


async def test_false_declaration_is_answered_refused(bench: Bench) -> None:
    """1.7-17: a body without a declared element is handed to nobody, and acknowledged as refused."""
    told = {"form": DECLARED, "schema": "request.v1"}
    good = bench.examine(bench.delivery(bench.sealed(written(WHOLE), **told)))
    false = bench.examine(bench.delivery(bench.sealed(written({"a": "x"}), **told)))

    assert (good.arrival.status, good.plaintext) == ("consigned", written(WHOLE))
    assert (false.arrival.status, false.plaintext) == ("refused", None)
