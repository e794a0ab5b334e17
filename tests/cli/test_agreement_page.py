"""`docs/agreements.md`: its tables are printed from the code, its examples are read by the code."""

import re
import tomllib
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from gateway.cli.agreement_page import printed_page
from gateway.domain.agreement import Agreement, Amendment, AnyClause, Counting
from gateway.policy.agreements import CITED_AS, read_law
from gateway.policy.consistency import faults
from gateway.policy.ground import Ground
from gateway.settings.directory import AdherenceSource
from tests.cli.demo_folder import call, said
from tests.policy.world import adherence, at, directory, law

PAGE = Path(__file__).resolve().parents[2] / "docs" / "agreements.md"
TEXT = PAGE.read_text()
BLOCKS = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)
EXAMPLES = [block for block in BLOCKS if block.startswith("[[clause]]")]
TAGS = {clause.__struct_config__.tag for clause in get_args(AnyClause)}


def test_printed_parts_are_what_the_code_says() -> None:
    """A key, a default or a code that changes shows on the page, or this test fails."""
    assert printed_page(TEXT, law()) == TEXT, "run: make schemas"


def test_command_prints_the_page_in_place(tmp_path: Path) -> None:
    """`accord schemas agreements` mends the printed parts and leaves the rest alone; without marks it refuses."""
    page = tmp_path / "page.md"
    page.write_text(TEXT.replace("| a code |", "| a banana |"))
    assert call("schemas", "agreements", "--page", page).exit_code == 0
    assert page.read_text() == TEXT
    page.write_text(TEXT.replace("<!-- printed: codes -->", ""))
    result = call("schemas", "agreements", "--page", page)

    assert result.exit_code == 78
    assert "mark these, each once" in said(result)


def test_every_clause_type_has_an_example() -> None:
    """Whoever looks for a clause type finds one to copy."""
    shown = {entry["check"] for block in EXAMPLES for entry in tomllib.loads(block)["clause"]}

    assert shown == TAGS


@pytest.mark.parametrize("block", EXAMPLES, ids=[re.findall(r'check = "([^"]+)"', block)[0] for block in EXAMPLES])
def test_example_of_a_clause_is_read(block: str) -> None:
    """Each example is a clause of its type once it says whose rule it is."""
    for entry in tomllib.loads(block)["clause"]:
        stated = {"rule": "XX-01", "article": "Art. 1", "basis": "text"} | entry
        assert msgspec.convert(stated, AnyClause).__struct_config__.tag == entry["check"]


def test_whole_file_and_its_directory_are_law() -> None:
    """The worked example loads as it stands, its dates contradict nothing, and it enters into force on the day told."""
    whole = next(block for block in BLOCKS if block.startswith("v = 1"))
    rows = next(block for block in BLOCKS if block.startswith("[[adherences]]"))
    read = read_law({"xa-xb.toml": whole.encode()})
    entries = msgspec.convert(tomllib.loads(rows)["adherences"], tuple[AdherenceSource, ...])
    bound = tuple(
        adherence(
            row.agreement,
            row.party,
            signed_on=str(row.signed_on),
            notified_on=str(row.notified_on),
            in_force_on=row.in_force_on,
        )
        for row in entries
    )
    found = directory(bound, (), law_digests=read.digests, parties=("XA", "XB"))

    assert list(faults(found.edition, read)) == []
    assert Ground(found, read).bond(read.agreements["xa-xb"], "XA", "XB").begin_ms == at("2026-05-01", 0)
    assert "In force from 1 May 2026" in TEXT


def test_counting_and_amendment_are_read() -> None:
    """The examples of the head are what the head takes."""
    tables = [tomllib.loads(block) for block in BLOCKS]
    counting = next(table["counting"] for table in tables if "counting" in table)
    amendment = next(table["amendment"][0] for table in tables if "amendment" in table)

    assert msgspec.convert(counting, Counting) != Counting()
    assert msgspec.convert(amendment, Amendment).id == "protocol-1"


def test_page_names_every_word_a_citation_may_begin_with() -> None:
    """What the loader allows, the page says; no other word is promised."""
    told = re.search(r"In a treaty it begins with (.*?)\. `rule`", TEXT, re.DOTALL)

    assert told is not None
    assert re.findall(r"`([A-Z][a-z]+\.?)`", told[1]) == [word.strip() for word in CITED_AS]


def test_schema_describes_every_clause_and_refuses_unknown_keys() -> None:
    """`schemas/agreement.json` says what each clause means, and no other key is valid."""
    schema = msgspec.json.decode((PAGE.parent.parent / "schemas" / "agreement.json").read_bytes())
    clauses = {
        entry["properties"]["check"]["enum"][0]: entry
        for entry in schema["$defs"].values()
        if "check" in entry.get("properties", {})
    }

    assert set(clauses) == TAGS
    assert all(entry["description"] and entry["additionalProperties"] is False for entry in clauses.values())
    agreement = schema["$defs"][Agreement.__name__]
    assert agreement["additionalProperties"] is False
    assert agreement["description"]
