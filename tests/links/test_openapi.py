"""The OpenAPI document is valid, complete, and says what the listener does."""

import msgspec
import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from gateway.links.budget import Budget
from gateway.links.forms import Inbox
from gateway.links.https import JSON, HttpsApi
from gateway.links.openapi import document
from gateway.telemetry.metrics import Metrics
from gateway.wire.frames import LINK_PATH
from gateway.wire.limits import Limits
from gateway.wire.problems import MEDIA_TYPE, PROBLEMS
from tests.links.exchange import FakeExchange
from tests.links.running import Running
from tests.links.test_https import BATCH_FORM, STATEMENT_FORM


def test_document_is_valid_openapi_3_1() -> None:
    """An independent validator accepts it, after a round through JSON."""
    validate(msgspec.json.decode(msgspec.json.encode(document("0.0.0"))))


async def test_document_names_exactly_the_routes_that_are_served() -> None:
    """No path is promised that is not there, none is served that is not described."""
    api = HttpsApi(FakeExchange(), Limits(), Metrics("0.0.0"), Budget(1))
    described = {(method.upper(), path) for path, methods in document("0.0.0")["paths"].items() for method in methods}

    assert described == {*api.routes.listed(), ("GET", LINK_PATH)}


def test_every_problem_of_a_request_is_described_somewhere() -> None:
    """A client's author finds every code that HTTP can answer with."""
    text = msgspec.json.encode(document("0.0.0")["paths"]).decode()
    never_over_http = {
        "link-superseded",
        "ledger-diverged",
        "protocol-breach",
        "too-slow",
        "frame-too-large",
        "draining",
    }

    missing = {code for code in PROBLEMS if f"`{code}`" not in text} - never_over_http

    assert missing <= {"method-not-allowed"}


@pytest.mark.parametrize(("path", "form"), [("/v1/statements", STATEMENT_FORM), ("/v1/inbox/ack", BATCH_FORM)])
def test_accepted_form_satisfies_its_schema(path: str, form: object) -> None:
    """What the link takes is what the document describes; a field more is neither."""
    described = document("0.0.0")
    reference = described["paths"][path]["post"]["requestBody"]["content"][JSON]["schema"]
    validator = Draft202012Validator({**reference, "components": described["components"]})

    assert validator.is_valid(form)
    assert isinstance(form, dict)
    assert not validator.is_valid(form | {"x": 1})


async def test_problem_satisfies_its_schema(running: Running) -> None:
    """A problem from the wire has the described fields and media type."""
    described = document("0.0.0")
    validator = Draft202012Validator(
        {"$ref": "#/components/schemas/ProblemBody", "components": described["components"]}
    )

    async with running.session() as session, session.get("/v1/nothing") as response:
        assert response.headers["Content-Type"] == MEDIA_TYPE
        validator.validate(await response.json(content_type=None))


def test_patterns_are_portable() -> None:
    """Python's `\\Z` is a letter to other readers of JSON Schema; it never leaves."""
    text = msgspec.json.encode(document("0.0.0")).decode()

    assert "\\Z" not in text
    assert Inbox.__name__ in text
