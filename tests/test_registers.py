"""What code cites is registered, and what a register calls done is cited."""

from pathlib import Path

import pytest

from tests.registers import REGISTERS, breaches, read_register

ROOT = Path(__file__).resolve().parent.parent


def test_registers_and_code_agree() -> None:
    """No unknown id is cited, and nothing is called done that code or tests do not show."""
    assert breaches(ROOT) == []


def test_every_threat_and_rule_is_listed() -> None:
    """Nothing disappears from a register by being deleted: 89 threats, 10 promises, 157 rules, 17 traps, 24 sources."""
    kinds: dict[str, int] = {}
    for row in (row for register in REGISTERS for row in read_register(ROOT / register)):
        kind = row.id.split("-")[0] if "-" in row.id else "threat"
        kinds[kind] = kinds.get(kind, 0) + 1

    assert kinds == {"S": 24, "CA": 30, "CZ": 49, "LI": 8, "C8": 40, "C1": 30, "1.7": 17, "P": 10, "threat": 89}


CASES = [
    ("| S-01 | done |", "", "", ["`S-01` is `done`, but no test cites it", "`S-01` is `done`, but no code cites it"]),
    ("| S-01 | done |", "# S-01", '"""S-01"""', []),
    ("| P-01 | done |", "", '"""P-01"""', []),
    ("| CZ-33 | open |", "# CZ-33, CZ-34", "", ["gateway/a.py:1: `CZ-34` is in no register"]),
    (
        "| E1 | done |",
        "# Against threats E1 and E2.",
        "def test_threat_e1_x",
        ["gateway/a.py:1: `E2` is in no register"],
    ),
    ("| E1 | done |", "", "def test_threat_E1_x", ["`E1` is `done`, but no code cites it and its row names no file"]),
    ("| E1 | done | `gateway/a.py` |", "", "def test_threat_E1_x", []),
    (
        "| E1 | done | `gateway/b.py` |",
        "",
        "def test_threat_E1_x",
        ["`E1` is `done`, but `gateway/b.py` does not exist"],
    ),
    ("| E1 | open |\n| E1 | open |", "", "", ["`E1` is listed twice", "`E1` is listed twice"]),
    ("| E1 | dnoe |", "", "", ["`E1` has the status `dnoe`"]),
    ("| CZ-33 | in force |", "# CZ-33", "", ["`CZ-33` is `in force`, but no test cites it"]),
    ("| CZ-33 | done |", "# CZ-33", "CZ-33", ["`CZ-33` has the status `done`"]),
    ("| P-01 | in force |", "", "P-01", ["`P-01` has the status `in force`"]),
    ("| 1.7-3 | in force |", "# 1.7-3", "1.7-3, 1.7-4", ["tests/test_a.py:1: `1.7-4` is in no register"]),
]


@pytest.mark.parametrize(("rows", "code", "test", "expected"), CASES)
def test_each_difference_is_found(rows: str, code: str, test: str, expected: list[str], tmp_path: Path) -> None:
    """The check itself can fail, in each of its ways, and is silent where all is well."""
    for folder in ("docs", "gateway", "tests"):
        (tmp_path / folder).mkdir()
    columns = ["id", "status", "where"][: rows.splitlines()[0].count("|") - 1]
    header = f"| {' | '.join(columns)} |\n{'|---' * len(columns)}|\n"
    (tmp_path / "docs/sources.md").write_text(header + rows)
    (tmp_path / "docs/threats.md").write_text("")
    (tmp_path / "gateway/a.py").write_text(code)
    (tmp_path / "tests/test_a.py").write_text(test)

    assert breaches(tmp_path) == expected
