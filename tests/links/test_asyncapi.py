"""The AsyncAPI document promises what is there: every frame, every topic, and who may write it."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from gateway.links.asyncapi import STRUCTS, TOPICS, document
from gateway.wire import broker_frames, frames
from gateway.wire.topics import FROM_ENDPOINTS, FROM_GATEWAYS

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = document("0")


def references(value: Any) -> Iterator[str]:
    """Yield every reference in a document."""
    if isinstance(value, dict):
        yield from (found for key, found in value.items() if key == "$ref")
        for found in value.values():
            yield from references(found)
    elif isinstance(value, list):
        for found in value:
            yield from references(found)


def test_every_reference_leads_somewhere() -> None:
    """A reader's tools can follow all of it."""
    for reference in set(references(DOCUMENT)):
        place: Any = DOCUMENT
        for step in reference.removeprefix("#/").split("/"):
            place = place[step]
        assert place


def test_every_frame_is_described() -> None:
    """No frame travels that the document does not know."""
    travel = {*get_args(frames.FromGateway), *get_args(frames.FromEndpoint), *get_args(broker_frames.Inner)}

    assert travel | {broker_frames.Addressed, broker_frames.DirectoryPart} == set(STRUCTS)
    assert {struct.__struct_config__.tag for struct in STRUCTS} == {
        *"hello submit acknowledge ask-consistency answers".split(),
        *"deliveries informed consistency edition goodbye addressed ask-directory directory-part".split(),
    }
    assert len(STRUCTS) == len(DOCUMENT["components"]["messages"])


def test_writers_of_the_topics_are_those_of_the_access_rules() -> None:
    """The document, the topics in code and Mosquitto's rules in `deploy/` say the same."""
    written = {word: writer for word, (writer, _, _) in TOPICS.items()}
    assert written == {**dict.fromkeys(FROM_ENDPOINTS, "endpoint"), **dict.fromkeys(FROM_GATEWAYS, "gateway")}

    rules = (ROOT / "deploy" / "mosquitto" / "acl").read_text()
    endpoint = set(re.findall(r"^pattern (\w+) accord/v1/%u/(\w+)$", rules, re.MULTILINE))
    gateway = set(re.findall(r"^topic (\w+) accord/v1/\+/(\w+)$", rules, re.MULTILINE))
    assert endpoint == {("write" if writer == "endpoint" else "read", word) for word, writer in written.items()}
    assert gateway == {("write" if writer == "gateway" else "read", word) for word, writer in written.items()}


def test_document_in_schemas_is_this_one() -> None:
    """`schemas/asyncapi.json` was printed from this code."""
    printed = json.loads((ROOT / "schemas" / "asyncapi.json").read_text())

    assert printed["channels"] == DOCUMENT["channels"]
    assert printed["operations"] == DOCUMENT["operations"]
