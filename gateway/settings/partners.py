"""`partners.toml`: partners that a secondary source lists (LIST), with what an operator says of them.

The page is no legal source: it gives places, titles and its own headings. What class a partner is, only an operator
states, with the office that does (LI-01, LI-07, LI-08); policy never reads this file.
"""

import unicodedata
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta, Struct

from gateway.domain.agreement import Capability
from gateway.domain.directory import PartyClass
from gateway.domain.errors import ConfigurationError
from gateway.domain.names import Code, Text
from gateway.settings.source import load

# The page's own headings, as printed.
Category = Literal[
    "United Nations and related organisations",
    "Global international organisations",
    "Regional international organisations",
    "National Governments and public authorities",
    "Private entities",
]


class Entry(Struct, frozen=True, forbid_unknown_fields=True):
    """One place of the page's list: number under the heading, words, and what those words say (LI-02, LI-05)."""

    place: Annotated[int, Meta(ge=1)]
    printed: Annotated[str, Meta(min_length=1, max_length=400)]
    capabilities: tuple[Capability, ...] = ()
    databases: tuple[Code, ...] = ()


class Partner(Struct, frozen=True, forbid_unknown_fields=True, rename={"kind": "class", "entries": "entry"}):
    """One partner and its instruments (LI-06); `class` is the operator's word, by `stated_by`."""

    id: Code
    category: Category
    entries: Annotated[tuple[Entry, ...], Meta(min_length=1)]
    kind: PartyClass | None = None
    stated_by: Text | None = None
    note: str = ""

    @property
    def name(self) -> str:
        """The name in its first place on the page."""
        return self.entries[0].printed


class Partners(Struct, frozen=True, forbid_unknown_fields=True, rename={"partners": "partner"}):
    """The whole register; `source` says what it is worth (LI-07)."""

    v: Literal[1]
    source: Literal["secondary"]
    page: str
    partners: Annotated[tuple[Partner, ...], Meta(min_length=1)]


def read_partners(path: Path) -> Partners:
    """Return the register in `path`.

    Raises:
        ConfigurationError: it is missing or malformed, gives a class without saying who stated it, lists a partner or a
            place of the page twice, or grants a database without database access.
    """
    found = load(path, Partners).values
    ids = [partner.id for partner in found.partners]
    places = [(partner.category, entry.place) for partner in found.partners for entry in partner.entries]
    for number, partner in enumerate(found.partners):
        key = f"{path}: key `partner[{number}]"
        if (partner.kind is None) != (partner.stated_by is None):
            missing = "stated_by" if partner.stated_by is None else "class"
            raise ConfigurationError(
                f"{key}.{missing}`: missing for `{partner.id}`",
                "a class is an operator's word: give `class` and `stated_by`, or neither",
            )
        if ids.count(partner.id) > 1:
            raise ConfigurationError(f"{key}.id`: `{partner.id}` stands twice", "list its places under one [[partner]]")
        for entry in partner.entries:
            if places.count((partner.category, entry.place)) > 1:
                raise ConfigurationError(f"{key}.entry`: place {entry.place} stands twice", "keep one of the two")
            if entry.databases and "database-access" not in entry.capabilities:
                raise ConfigurationError(
                    f"{key}.entry`: databases at place {entry.place} without database access",
                    "add `database-access` to its capabilities, or take the databases out",
                )
    return found


def party_tables(partners: Partners) -> str:
    """Return `[[parties]]` tables for directory.toml, of partners whose class an operator stated (LI-08)."""
    return "\n".join(
        f"# Unverified: named by a secondary source; its class is the word of {partner.stated_by}.\n"
        f'[[parties]]\nid = "{partner.id.upper()}"\nkind = "{partner.kind}"\ntitle = "{_plain(partner.name)}"\n'
        for partner in partners.partners
        if partner.kind is not None
    )


def _plain(name: str) -> str:
    """Return a name as an edition spells titles: printable ASCII without quotes."""
    spelled = name.replace("\u2019", "'").replace("\u2013", "-").replace('"', "'")
    return unicodedata.normalize("NFKD", spelled).encode("ascii", "ignore").decode()[:200]
