"""A small federation, made of nothing but names: every party that the texts tell apart, and one private body.

No key here signs anything: what policy sees of a key is its id, its role and its owner.
"""

import base64
import hashlib
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from gateway.domain.directory import (
    Adherence,
    Authority,
    Directory,
    Edition,
    EndpointEntry,
    EntityClass,
    Grants,
    KeyEntry,
    KeySet,
    LawEntry,
    LinkKind,
    ListedKey,
    Mandate,
    Office,
    Party,
    PartyClass,
    Signatory,
    Unit,
)
from gateway.domain.label import Level
from gateway.domain.names import Role
from gateway.policy.agreements import Law, read_law
from tests.reference.bindings import TREATIES, first_day, last_day
from tests.reference.counting import Day

ROOT = Path(__file__).resolve().parents[2]
NETWORK = "accord-table"
FREE = Mandate(purposes=None, subjects=None, kinds=None)
# What the operator of this federation calls its security profile stands in the agreement's file.
FAR_MS = 4_000_000_000_000


def digest(*words: object) -> str:
    """Return a digest in the spelling of the wire, for anything that needs one."""
    raw = hashlib.sha256("|".join(map(str, words)).encode()).digest()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


@cache
def kid_of(*words: str) -> str:
    """Return a key id in the spelling of the wire."""
    raw = hashlib.sha256("|".join(map(str, words)).encode()).digest()[:16]
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


PARTIES: tuple[tuple[str, PartyClass], ...] = (
    ("ACME", "private"),
    ("AM", "state"),
    ("AZ", "state"),
    ("CARICC", "regional"),
    ("CZ", "state"),
    ("INTERPOL", "global"),
    ("KG", "state"),
    ("KZ", "state"),
    ("MD", "state"),
    ("RU", "state"),
    ("UA", "state"),
)
# Authority, party, unit, clearance, what it is in INTERPOL's terms.
AUTHORITIES: tuple[tuple[str, str, Unit, Level, EntityClass], ...] = (
    ("acme-labs", "ACME", "organisation", "secret", "private"),
    ("am-cyber", "AM", "specialised", "secret", "national-entity"),
    ("am-police", "AM", "non-core", "confidential", "ncb"),
    ("az-mvd", "AZ", "non-core", "secret", "ncb"),
    ("caricc-centre", "CARICC", "organisation", "confidential", "authorized-international-entity"),
    ("caricc-guests", "CARICC", "organisation", "confidential", "unclassified"),
    ("cz-customs", "CZ", "core", "confidential", "national-entity"),
    ("cz-police", "CZ", "core", "secret", "ncb"),
    ("interpol-gs", "INTERPOL", "organisation", "secret", "unclassified"),
    ("kg-gknb", "KG", "specialised", "secret", "national-entity"),
    ("kz-cyber", "KZ", "specialised", "secret", "national-entity"),
    ("kz-customs", "KZ", "non-core", "restricted", "national-entity"),
    ("kz-mvd", "KZ", "non-core", "secret", "ncb"),
    ("md-cyber", "MD", "specialised", "confidential", "national-entity"),
    ("md-mai", "MD", "non-core", "secret", "ncb"),
    ("ru-mvd", "RU", "non-core", "secret", "ncb"),
    ("ua-cyber", "UA", "specialised", "secret", "ncb"),
    ("ua-police", "UA", "non-core", "secret", "ncb"),
)
PARTY_OF = {name: party for name, party, _, _, _ in AUTHORITIES}
UNIT_OF = {name: unit for name, _, unit, _, _ in AUTHORITIES}
OFFICES: tuple[Office, ...] = ("head", "deputy", "head-of-specialised", "authorised", "expert")
LINKS: tuple[LinkKind, ...] = ("endpoint", "broker")


def key_entry(name: str, role: Role, *more: str) -> KeyEntry:
    """Return one listed key of an authority."""
    return KeyEntry(
        kid=kid_of(name, role, *more),
        role=role,
        public=digest(name, role, *more),
        not_before_ms=0,
        not_after_ms=FAR_MS,
        status="active",
        invalid_from_ms=None,
    )


def keys_of(name: str) -> tuple[KeyEntry, ...]:
    """Return the keys of an authority: message, seal, and one key of a signatory for each office and one for none."""
    plain = (key_entry(name, "message"), key_entry(name, "seal"), key_entry(name, "consent"))
    return plain + tuple(key_entry(name, "signatory", office) for office in (*OFFICES, "nobody"))


def authority(name: str, party: str, unit: Unit, clearance: Level, entity: EntityClass) -> Authority:
    """Return an authority with one endpoint of each kind of link."""
    return Authority(
        id=name,
        party=party,
        title=name,
        unit=unit,
        mandate=FREE,
        clearance=clearance,
        suite_min=1,
        languages=("en", "ru"),
        keys=keys_of(name),
        endpoints=tuple(
            EndpointEntry(spki_sha256=digest(name, link), link=link, clearance=clearance, revoked=False)
            for link in LINKS
        ),
        revoked=False,
        entity=entity,
    )


def signatories(names: tuple[str, ...]) -> tuple[Signatory, ...]:
    """Return the offices that sign for these authorities under every instrument, towards everybody."""
    return tuple(
        Signatory(authority=name, key=kid_of(name, "signatory", office), office=office, agreement=None, towards=())
        for name in names
        for office in OFFICES
        if office in ("head", "deputy", "head-of-specialised")
    )


EDITION = Edition(
    v=1,
    network=NETWORK,
    number=1,
    previous_sha256=None,
    issued_at_ms=0,
    not_after_ms=FAR_MS,
    key_set=KeySet(threshold=1, keys=(key_entry("directory", "directory"),)),
    gateways=(),
    witnesses=(),
    law=(),
    parties=tuple(Party(id=party, kind=kind, title=party, focal_point=None) for party, kind in PARTIES),
    authorities=tuple(authority(*row) for row in AUTHORITIES),
    adherences=(),
    channels=(),
    grants=None,
    signatories=signatories(tuple(PARTY_OF)),
)


def adherence(agreement: str, party: str, **known: object) -> Adherence:
    """Return the status of a party that is on record with nothing, but for what is `known`."""
    empty = Adherence(
        agreement=agreement,
        party=party,
        signed_on=None,
        notified_on=None,
        in_force_on=None,
        suspensions=(),
        exit=None,
        reservations=(),
        accepted=(),
    )
    return replace(empty, **known)


Edits = tuple[tuple[str, str], ...]


def law_files(changes: dict[str, Edits], copies: dict[str, tuple[str, Edits]]) -> dict[str, bytes]:
    """Return the shipped law, with (pattern, replacement) `changes` made to a file, and with changed `copies`."""
    folder = ROOT / "config" / "agreements"
    shipped = {path.name: path.read_text() for path in sorted(folder.glob("*.toml"))}
    texts = {name: _edited(text, changes.get(name, ())) for name, text in shipped.items()}
    texts |= {name: _edited(shipped[origin], edits) for name, (origin, edits) in copies.items()}
    return {name: text.encode() for name, text in texts.items()}


def _edited(text: str, edits: Edits) -> str:
    for pattern, replacement in edits:
        text = re.sub(pattern, replacement, text, count=1)
    return text


class World(Struct, frozen=True):
    """An edition and the law it lists: everything that stays while messages are drawn."""

    directory: Directory
    law: Law
    # First and last day on which a treaty binds a party, as the table counts them.
    spans: dict[tuple[str, str], tuple[Day | None, Day | None]]
    # What the files of the law give, and what a draw changed: the day an amendment is in force, a last period.
    capabilities: dict[str, frozenset[str]] = {}
    # Who signs for an authority, and between whom a channel was agreed, by agreement.
    signatories: dict[str, tuple[Signatory, ...]] = {}
    channels: dict[str, frozenset[frozenset[str]]] = {}
    amended_on: dict[str, str] = {}
    # Until when Kazakhstan is a member of an operator's instrument, and where an instrument's days begin.
    kz_until: dict[str, str] = {}
    offset_minutes: dict[str, int] = {}
    # How an instrument counts its periods, if not as ADR 0004 says.
    counted: dict[str, str] = {}
    not_extended_after: str | None = None

    def lists(self, agreement: str) -> bool:
        """Tell whether the edition lists an agreement, by the digest of the file at hand."""
        listed = self.directory.law.get(agreement)
        return listed is not None and listed == self.law.digests.get(agreement)


_LAWS: dict[bytes, Law] = {}


def law_of(files: dict[str, bytes]) -> Law:
    """Return the law in these files, read once."""
    key = hashlib.sha256(b"|".join(name.encode() + raw for name, raw in sorted(files.items()))).digest()
    if key not in _LAWS:
        _LAWS[key] = read_law(files)
    return _LAWS[key]


def world_of(
    edition: Edition, files: dict[str, bytes], grants: Grants | None, unlisted: str | None = None, **changed: Any
) -> World:
    """Return the world of an edition that lists exactly these files, but for one that it may leave out."""
    law = law_of(files)
    listed = tuple(
        LawEntry(agreement=name, sha256=law.digests[name]) for name in sorted(law.digests) if name != unlisted
    )
    edition = replace(edition, law=listed)
    keys = {
        base64.urlsafe_b64decode(key.kid + "=="): ListedKey(entry=key, authority=owner, public=b"")
        for owner in edition.authorities
        for key in owner.keys
    }
    directory = Directory(edition, digest("edition", edition.number), b"", keys, grants)
    known = directory.adherences
    counted: Mapping[str, str] = changed.get("counted") or {}
    spans = {
        (agreement, party): (first_day(known, agreement, party, how), last_day(known, agreement, party, how))
        for agreement in TREATIES
        for how in (counted.get(agreement, ""),)
        for party, _ in PARTIES
    }
    world = World(directory=directory, law=law, spans=spans)
    signed_for = {
        name: tuple(entry for entry in edition.signatories if entry.authority == name) for name in directory.authorities
    }
    channels = {
        name: frozenset(frozenset(each.between) for each in edition.channels if each.agreement == name)
        for name in law.digests
    }
    return replace(world, signatories=signed_for, channels=channels, **changed)
