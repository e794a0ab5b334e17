"""The status tables that are shipped say what is printed, and an operator can take them over as they stand."""

import tomllib
from pathlib import Path

from msgspec import convert

from gateway.domain.directory import LawEntry
from gateway.policy.agreements import read_law
from gateway.policy.consistency import faults
from gateway.settings.directory import AdherenceSource, DirectorySource
from gateway.settings.edition import compile_edition
from gateway.settings.source import load
from tests.policy.test_agreement import STATUS_2001
from tests.policy.world import AGREEMENTS

CONFIG = Path(__file__).resolve().parents[2] / "config"
TABLE = CONFIG / "status" / "cis-2001-2008.toml"


def test_status_of_2001_is_the_printed_table() -> None:
    """C1-27, rules.md 1.5: ten rows, Russia deposited and pending, no day of entry that Art. 15 does not give."""
    rows = convert(tomllib.loads(TABLE.read_text())["adherences"], tuple[AdherenceSource, ...])
    told = {(row.party, row.notified_on and row.notified_on.isoformat(), row.pending) for row in rows}

    assert told == {(entry.party, entry.notified_on, entry.pending) for entry in STATUS_2001}
    assert all(row.agreement == "cis-2001" and row.in_force_on is None for row in rows)
    assert all(row.signed_on is not None and row.signed_on.isoformat() == "2001-06-01" for row in rows)


def test_status_table_can_be_appended_to_a_directory(tmp_path: Path) -> None:
    """An operator appends the table to directory.toml, lists the parties, and nothing contradicts the law."""
    names = [row["party"] for row in tomllib.loads(TABLE.read_text())["adherences"]]
    parties = "".join(f'\n[[parties]]\nid = "{n}"\nkind = "state"\ntitle = "{n}"\n' for n in names if n != "KZ")
    path = tmp_path / "directory.toml"
    path.write_text((CONFIG / "directory.toml").read_text() + parties + TABLE.read_text())
    law = read_law({file.name: file.read_bytes() for file in AGREEMENTS.glob("*.toml")})
    listed = tuple(LawEntry(name, digest) for name, digest in law.digests.items())
    edition = compile_edition(load(path, DirectorySource).values, listed, None, None, 0)

    assert list(faults(edition, law)) == []
