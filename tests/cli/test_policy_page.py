"""docs/policy-tests.md: somebody outside can write a file from it, so it names every key and its example runs."""

import re
from pathlib import Path

import msgspec
import pytest

from gateway.settings import policy_tests
from gateway.settings.directory import AdherenceSource, AuthoritySource, GrantSource, PartySource
from tests.cli.demo_folder import call, said

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "policy-tests.md").read_text(encoding="utf-8")
(EXAMPLE,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
STRUCTS = [
    value
    for value in vars(policy_tests).values()
    if isinstance(value, type) and issubclass(value, msgspec.Struct) and value is not msgspec.Struct
]


def test_example_of_the_page_runs(tmp_path: Path) -> None:
    """Copied as it stands beside the federation that is shipped, every case comes out as the page says."""
    (tmp_path / "federation.toml").write_bytes((ROOT / "config" / "policy-tests" / "federation.toml").read_bytes())
    (tmp_path / "example.toml").write_text(EXAMPLE)
    result = call("policy", "test", tmp_path / "example.toml")

    assert result.exit_code == 0, said(result)
    assert "6 cases in 1 files, none failed" in said(result)


@pytest.mark.parametrize("struct", STRUCTS, ids=lambda struct: struct.__name__)
def test_page_names_every_key(struct: type[msgspec.Struct]) -> None:
    """A key that the page forgets could only be found in code."""
    keys = {field.encode_name for field in msgspec.structs.fields(struct)}
    named = set(re.findall(r"[a-z_]+", " ".join(re.findall(r"`([^`\n]+)`", PAGE)))) | {"case", "source", "consent"}

    assert keys - named == set()


@pytest.mark.parametrize("struct", [PartySource, AuthoritySource, AdherenceSource, GrantSource])
def test_tables_of_the_page_hold_the_fields_of_the_directory(struct: type[msgspec.Struct]) -> None:
    """The federation is written in the tables of `directory.toml`, field by field."""
    assert all(f"`{field.encode_name}`" in PAGE for field in msgspec.structs.fields(struct))
