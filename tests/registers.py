"""The registers of `docs/` against what code and tests cite."""

import re
from dataclasses import dataclass
from pathlib import Path

# S-07: a source. CZ-33: a rule of a treaty, 1.7-12: a trap. P-03: a promise. Threats are cited as `threat E12` or in a
# test's name.
CITATION = re.compile(r"\b(?:(?:S|P|CA|CZ|C8|C1|LI)-\d\d|1\.7-\d{1,2})\b")
# Prose also says `rules.md 1.7, 12`, or `(1.7, 12)`.
TRAP_CITATION = re.compile(r"\b1\.7, (\d{1,2})\b")
THREAT_CITATION = re.compile(r"\bthreats? ([EGBNOUSD]\d{1,2}(?:(?:, | and )[EGBNOUSD]\d{1,2})*)\b", re.IGNORECASE)
THREAT_TEST = re.compile(r"def test_threat_((?:[egbnousd]\d{1,2}_)+)", re.IGNORECASE)
THREAT_ID = re.compile(r"[EGBNOUSD]\d{1,2}")
STATUSES = {"open", "done", "not taken"}
# Of a rule of the five texts: what `accord policy coverage` finds, held to clauses and policy tests by its own tests.
RULE_ID = re.compile(r"(?:CA|CZ|C8|C1|LI)-\d\d|1\.7-\d{1,2}")
RULE_STATUSES = {"in force", "recorded", "supported", "open"}
REGISTERS = ("docs/sources.md", "docs/threats.md")
# Where code may cite; the law is data, so configuration counts as code. The register of rules itself proves nothing.
CODE = ("gateway/**/*.py", "gateway/**/*.sql", "config/*/*.toml", "config/[!r]*.toml")
# Policy tests are tests, whoever wrote them.
TESTS = ("tests/**/*.py", "config/policy-tests/*.toml")
# These two speak about the registers themselves.
SILENT = {"tests/registers.py", "tests/test_registers.py"}


@dataclass(frozen=True)
class Row:
    """One row of a register."""

    id: str
    status: str
    text: str


def read_register(path: Path) -> list[Row]:
    """Return the rows of all tables of a page that have the columns `id` and `status`."""
    rows = []
    columns: list[str] = []
    for line in path.read_text().splitlines():
        if not line.startswith("|"):
            columns = []
            continue
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not columns:
            columns = cells
        elif {"id", "status"} <= set(columns) and not set(line) <= set("|-: "):
            named = dict(zip(columns, cells, strict=True))
            rows.append(Row(named["id"], named["status"], line))
    return rows


def cited_ids(root: Path, patterns: tuple[str, ...]) -> dict[str, str]:
    """Return every id that files below `root` cite, each with one place that cites it."""
    cited = {}
    for path in sorted(path for pattern in patterns for path in root.glob(pattern)):
        place = str(path.relative_to(root))
        if place in SILENT or (place.startswith("config/policy-tests/") and patterns is CODE):
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            ids = CITATION.findall(line) + [f"1.7-{number_}" for number_ in TRAP_CITATION.findall(line)]
            for group in THREAT_CITATION.findall(line) + THREAT_TEST.findall(line):
                ids += THREAT_ID.findall(group.upper())
            cited.update(dict.fromkeys(ids, f"{place}:{number}"))
    return cited


def breaches(root: Path) -> list[str]:
    """Return what the registers of `root` and its code say differently, one line a difference."""
    rows = [row for register in REGISTERS for row in read_register(root / register)]
    code, tests = cited_ids(root, CODE), cited_ids(root, TESTS)
    known = {row.id for row in rows}
    found = [f"`{row.id}` is listed twice" for row in rows if [other.id for other in rows].count(row.id) > 1]
    found += [f"`{row.id}` has the status `{row.status}`" for row in rows if row.status not in _statuses(row)]
    found += [f"{place}: `{id_}` is in no register" for id_, place in (code | tests).items() if id_ not in known]
    for row in rows:
        if row.status in ("done", "in force"):
            found += [f"`{row.id}` is `{row.status}`, but {lack}" for lack in _lacks(row, root, code, tests)]
    return found


def _statuses(row: Row) -> set[str]:
    return RULE_STATUSES if RULE_ID.fullmatch(row.id) else STATUSES


def _lacks(row: Row, root: Path, code: dict[str, str], tests: dict[str, str]) -> list[str]:
    lacks = [] if row.id in tests else ["no test cites it"]
    is_threat = THREAT_ID.fullmatch(row.id) is not None
    if is_threat:
        # A comment at every line of defence would be noise: the row itself may name the file.
        places = re.findall(r"`([\w./-]+/[\w./-]+)`", row.text)
        lacks += [f"`{place}` does not exist" for place in places if not (root / place).exists()]
        if not places and row.id not in code:
            lacks.append("no code cites it and its row names no file")
    elif not row.id.startswith("P-") and row.id not in code:
        lacks.append("no code cites it")
    return lacks
