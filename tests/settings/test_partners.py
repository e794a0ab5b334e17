"""The register of cooperation agreements: every place of the page once, and no class without an operator's word."""

import re
import tomllib
from collections import Counter
from pathlib import Path

import pytest
from msgspec import convert

from gateway.domain.errors import ConfigurationError
from gateway.settings.directory import PartySource
from gateway.settings.partners import Partner, Partners, party_tables, read_partners

SHIPPED = Path(__file__).resolve().parents[2] / "config" / "partners.toml"
PAGE = Path(__file__).resolve().parents[3] / "shared" / "treaties" / "interpol-cooperation-agreements.txt"


def partner(name: str) -> Partner:
    """Return a partner of the shipped register."""
    return next(each for each in read_partners(SHIPPED).partners if each.id == name)


def test_every_place_of_the_page_stands_once_under_its_heading() -> None:
    """LI-01, LI-07: five headings as printed, places numbered without a gap, and the register says it is secondary."""
    found = read_partners(SHIPPED)
    places: dict[str, list[int]] = {}
    for each in found.partners:
        places.setdefault(each.category, []).extend(entry.place for entry in each.entries)

    assert found.source == "secondary"
    assert {heading: len(numbers) for heading, numbers in places.items()} == {
        "United Nations and related organisations": 20,
        "Global international organisations": 9,
        "Regional international organisations": 31,
        "National Governments and public authorities": 11,
        "Private entities": 6,
    }
    assert all(sorted(numbers) == list(range(1, len(numbers) + 1)) for numbers in places.values())


def test_printed_words_are_those_of_the_page() -> None:
    """LI-07: where the page lies beside the project, its lists are these words in this order, nothing left out."""
    if not PAGE.exists():
        return
    page = re.sub(r"\s+", " ", PAGE.read_text())
    lists: dict[str, dict[int, str]] = {}
    for each in read_partners(SHIPPED).partners:
        lists.setdefault(each.category, {}).update({entry.place: entry.printed for entry in each.entries})

    for heading, entries in lists.items():
        assert " ".join(entries[place] for place in sorted(entries)) in page, heading


def test_partner_printed_twice_is_one_partner_with_both_places() -> None:
    """LI-07, LI-06: SADC appears twice; EUROPOL, the UN, UNESCO, ICMP and WCO have several instruments."""
    several = {each.id: [entry.place for entry in each.entries] for each in read_partners(SHIPPED).partners}

    assert several["sadc"] == [1, 7]
    assert several["europol"] == [23, 24, 25]
    assert {name for name, numbers in several.items() if len(numbers) > 1} == {
        "un",
        "unesco",
        "icmp",
        "wco",
        "sadc",
        "europol",
    }


def test_access_stands_only_where_the_printed_title_says_so() -> None:
    """LI-02, LI-04, LI-05: an agreement is not database access, and one database is not another."""
    flagged = Counter(
        (each.id, entry.capabilities, entry.databases)
        for each in read_partners(SHIPPED).partners
        for entry in each.entries
        if entry.capabilities
    )

    assert flagged == {
        ("un", ("database-access",), ()): 1,
        ("wco", ("database-access",), ("stolen-motor-vehicles",)): 1,
    }


def test_no_class_is_shipped() -> None:
    """LI-08: the page's headings hold oddities; what a partner is, an operator states."""
    assert all(each.kind is None and each.stated_by is None for each in read_partners(SHIPPED).partners)
    assert partner("qbpc").category == "National Governments and public authorities"


WRONG = {
    "a class that nobody stated": ('id = "upu"', 'id = "upu"\nclass = "un-body"', "stated_by"),
    "a word without a class": ('id = "upu"', 'id = "upu"\nstated_by = "registry"', "class"),
    "an unknown class": ('id = "upu"', 'id = "upu"\nclass = "postal"\nstated_by = "registry"', "class"),
    "a partner twice": ('id = "upu"', 'id = "iaea"', "iaea"),
    "a place twice": ("place = 8\n", "place = 9\n", "place 9"),
    "a database without access": ('capabilities = ["database-access"]\ndatabases', "databases", "databases"),
    "another source": ('source = "secondary"', 'source = "primary"', "source"),
    "an unknown key": ('id = "upu"', 'id = "upu"\nclas = "un-body"', "did you mean `class`"),
}


@pytest.mark.parametrize("case", sorted(WRONG))
def test_wrong_register_is_refused(case: str, tmp_path: Path) -> None:
    """Bad input: file, key and remedy, and a class comes only with the office that stated it."""
    before, after, words = WRONG[case]
    text = SHIPPED.read_text()
    assert before in text
    path = tmp_path / "partners.toml"
    path.write_text(text.replace(before, after, 1))

    with pytest.raises(ConfigurationError) as refused:
        read_partners(path)

    assert words in str(refused.value)
    assert str(path) in refused.value.what
    assert refused.value.remedy


def test_class_that_an_operator_states_is_taken(tmp_path: Path) -> None:
    """LI-01, LI-08: with the office that states it, a class counts for whoever fills in a directory from here."""
    path = tmp_path / "partners.toml"
    stated = 'id = "upu"\nclass = "un-body"\nstated_by = "head of registry"'
    path.write_text(SHIPPED.read_text().replace('id = "upu"', stated))
    found: Partners = read_partners(path)

    assert [(each.id, each.kind) for each in found.partners if each.kind] == [("upu", "un-body")]


def test_stated_classes_make_parties_of_a_directory(tmp_path: Path) -> None:
    """LI-08, 1.7-11: tables for directory.toml, of stated classes alone, marked as unverified."""
    path = tmp_path / "partners.toml"
    text = SHIPPED.read_text()
    for name in ("council-of-europe", "maoc-n"):
        text = text.replace(f'id = "{name}"', f'id = "{name}"\nclass = "regional"\nstated_by = "registry"')
    path.write_text(text)
    tables = party_tables(read_partners(path))
    rows = convert(tomllib.loads(tables)["parties"], tuple[PartySource, ...])

    assert party_tables(read_partners(SHIPPED)) == ""
    assert [(row.id, row.kind, row.title) for row in rows] == [
        ("COUNCIL-OF-EUROPE", "regional", "Le secretariat general du Conseil de l'Europe"),
        ("MAOC-N", "regional", "Maritime Analysis and Operations Centre - Narcotics (MAOC-N)"),
    ]
    assert tables.count("# Unverified") == 2
