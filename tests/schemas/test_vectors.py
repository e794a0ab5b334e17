"""The vectors are what the producers print, and the gateway reaches every verdict in them."""

import re
from pathlib import Path
from typing import Any

import pytest

from gateway.cli.vectors import vectors
from gateway.cli.vectors_cross import TYPES, VERIFIERS
from tests.schemas.gateway_checks import ERRORS, judge
from tests.schemas.vector_files import VECTORS, all_vectors

CRYPTO = Path(__file__).parents[2] / "gateway" / "crypto"
ALL = all_vectors()
ACCEPTED = [vector for vector in ALL if vector["expect"]["verdict"] == "ok"]
REFUSED = [vector for vector in ALL if vector["expect"]["verdict"] == "refused"]


def _named(found: list[dict[str, Any]]) -> list[Any]:
    return [pytest.param(vector, id=vector["name"]) for vector in found]


@pytest.mark.parametrize("vector", _named(ACCEPTED))
def test_good_vector_is_read_as_it_says(vector: dict[str, Any]) -> None:
    """What a second implementation made with fixed randomness, the gateway opens, and reads the same values."""
    found = judge(vector)

    expected = vector["expect"]["values"]
    assert found == {name: expected[name] for name in found}


@pytest.mark.parametrize("vector", _named(REFUSED))
def test_bad_vector_is_refused_for_its_reason(vector: dict[str, Any]) -> None:
    """Every negative vector of wire.md ends in the error of its class and in no other (P-06)."""
    with pytest.raises(ERRORS[vector["expect"]["class"]]):
        judge(vector)


@pytest.mark.parametrize("shown", VERIFIERS)
def test_threat_E7_object_of_the_cross_table_holds_under_its_own_type(shown: str) -> None:
    """E7: what `cross.json` shows to a verifier is all it wants but for the type, which alone refuses it."""
    check, _, signer, build = VERIFIERS[shown]

    assert judge({"check": check, "given": build(signer, shown)})


def test_threat_E7_cross_table_is_whole() -> None:
    """Whatever the gateway verifies signatures of is shown signed as everything else, a checkpoint included."""
    text = "".join(path.read_text("utf-8") for path in CRYPTO.glob("*.py"))
    named = set(re.findall(r'payload_type\("([a-z-]+)"\)', text))
    verified = named | {"consent", "consent-revocation", "key-registration", "checkpoint"}
    names = {vector["name"] for vector in ALL}

    assert named >= {"header", "grants-key"}
    assert verified == set(VERIFIERS)
    assert {f"{tag}-shown-as-{shown}" for tag in {*TYPES, *verified} for shown in verified if tag != shown} <= names


def test_files_are_what_is_printed() -> None:
    """Nobody edits a vector: the files are byte for byte what the producers print, none is missing or left over."""
    printed = vectors()

    on_disk = {path.name: path.read_bytes() for path in VECTORS.iterdir() if path.suffix == ".json"}
    assert sorted(on_disk) == sorted(printed)
    assert [name for name in printed if printed[name] != on_disk[name]] == []
