"""`accord schemas print`: what is in schemas/ is what the code obeys, and nobody edits it by hand."""

import json
from pathlib import Path

import jsonschema
import pytest

from gateway.cli.schemas import STRUCTS, produced
from tests.cli.demo_folder import call, said

SCHEMAS = Path(__file__).resolve().parent.parent.parent / "schemas"


def test_printed_files_are_those_in_the_repository() -> None:
    """`make schemas` changes nothing: code and schemas/ say the same."""
    stale = [name for name, content in produced() if (SCHEMAS / name).read_bytes() != content]

    assert not stale, "run `make schemas`"


def test_printing_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    """The same code prints the same bytes, so that a difference means a change."""
    assert call("schemas", "print", "--out", tmp_path).exit_code == 0
    again = call("schemas", "print", "--out", tmp_path)

    assert "0 changed" in said(again)
    assert call("schemas", "print", "--check", "--out", tmp_path).exit_code == 0


def test_stale_file_is_named(tmp_path: Path) -> None:
    """`--check` tells which file somebody edited or forgot, and writes nothing."""
    call("schemas", "print", "--out", tmp_path)
    (tmp_path / "header.json").write_text("{}")
    result = call("schemas", "print", "--check", "--out", tmp_path)

    assert result.exit_code == 65
    assert "not printed anew: header.json" in said(result)
    assert (tmp_path / "header.json").read_text() == "{}"


@pytest.mark.parametrize("name", sorted(STRUCTS))
def test_schema_is_a_schema(name: str) -> None:
    """Every printed schema is valid JSON Schema (2020-12), without patterns that only Python reads."""
    text = (SCHEMAS / name).read_text()
    jsonschema.Draft202012Validator.check_schema(json.loads(text))

    assert "\\\\Z" not in text


def test_schema_accepts_what_we_write(made_once: Path) -> None:
    """A real edition is valid under the printed schema, and an altered one is not."""
    edition = made_once / "directory" / "editions" / "000001.accord"
    shown = json.loads(said(call("directory", "show", "--json", edition)))
    validator = jsonschema.Draft202012Validator(json.loads((SCHEMAS / "directory.json").read_text()))
    validator.validate(shown)

    assert not validator.is_valid({**shown, "extra": 1})
    assert not validator.is_valid({**shown, "number": 0})
