"""Draw federations: who notified what and when, who left, who suspended, who was granted, cleared and listed.

Every world has a quiet year in which most parties are bound; the edges lie before and behind it.
"""

from random import Random

from msgspec import Struct
from msgspec.structs import replace

from gateway.domain.directory import (
    Adherence,
    Authority,
    Block,
    Channel,
    Consented,
    Exit,
    Grant,
    Grants,
    Mandate,
    Signatory,
    Suspension,
)
from gateway.domain.label import LEVELS, Level
from tests.reference import ordinary
from tests.reference.caricc import ABROGATED_ON, PROFILE
from tests.reference.counting import (
    DAY_MS,
    Day,
    first_of_second_month,
    later,
    months_later,
    parse,
    spelt,
    start_ms,
    working_later,
)
from tests.reference.draw_law import CAPABILITIES, draw_law, files_of
from tests.reference.world import (
    EDITION,
    FAR_MS,
    NETWORK,
    OFFICES,
    PARTY_OF,
    World,
    adherence,
    kid_of,
    world_of,
)

QUIET_FROM, QUIET_TO = parse("2023-03-01"), parse("2024-02-28")
EARLY_FROM, EARLY_DAYS = parse("2019-05-01"), 1150
LATE_FROM, LATE_DAYS = parse("2024-03-01"), 500
TERMS = ("annex-1", "control-of-information", "igo-access", "rpd", "rpi", "rpi-implementing")
DATABASES = ("travel-documents", "vehicles", "persons")
CIS = ("AM", "AZ", "KG", "KZ", "MD", "RU", "UA")


class Drawn(Struct, frozen=True):
    """A world, and the moments worth a message: days around which something changes, by agreement."""

    world: World
    edges: dict[str, tuple[Day, ...]]
    # Who can write to whom under each instrument in the quiet year.
    lanes: dict[str, tuple[tuple[str, str], ...]]


def early(rng: Random) -> str:
    """Return a day before the quiet year."""
    return spelt(later(EARLY_FROM, rng.randrange(EARLY_DAYS)))


def late(rng: Random) -> str:
    """Return a day behind the quiet year."""
    return spelt(later(LATE_FROM, rng.randrange(LATE_DAYS)))


def _exit(rng: Random, chosen: str) -> Exit | None:
    """Return a notice of exit, if any; `chosen`: whether it names a day (never, maybe, always)."""
    if rng.random() > 0.3:
        return None
    received = late(rng)
    names_day = chosen == "always" or (chosen == "maybe" and rng.random() < 0.4)
    ahead = later(months_later(parse(received), 6), rng.choice((0, 1, 20, 200)))
    return Exit(received_on=received, chosen_on=spelt(ahead) if names_day else None)


def _suspensions(rng: Random) -> tuple[Suspension, ...]:
    notices: list[Suspension] = []
    while rng.random() < 0.35 and len(notices) < 2:
        delivered = parse(late(rng)) if rng.random() < 0.8 else later(QUIET_FROM, rng.randrange(300))
        revoked = spelt(later(delivered, rng.randrange(0, 90))) if rng.random() < 0.7 else None
        kinds = rng.choice(((), (), ("request",), ("reply", "spontaneous")))
        subjects = rng.choice(((), (), ("narcotic-drugs",), ("terrorism", "forgery")))
        notices.append(Suspension(spelt(delivered), revoked, kinds, subjects))
    return tuple(notices)


def _cz_kz(rng: Random) -> list[Adherence]:
    entries = []
    for party in ("CZ", "KZ"):
        noted = early(rng) if rng.random() < 0.985 else None
        suspensions = _suspensions(rng)
        known = {"signed_on": "2018-01-10", "notified_on": noted, "suspensions": suspensions}
        entries.append(adherence("cz-kz", party, exit=_exit(rng, "never"), **known))
    if rng.random() < 0.15:
        stated = early(rng)
        entries = [replace(entry, in_force_on=stated) for entry in entries]
    if rng.random() < 0.8:
        old = {"signed_on": "1998-04-09", "notified_on": "1998-06-01", "in_force_on": "1998-08-01"}
        entries += [adherence("cz-kz-1998", party, **old) for party in ("CZ", "KZ")]
    return entries


def _caricc(rng: Random) -> list[Adherence]:
    # In some worlds as early as it can have been, so that its rule sets change while it binds (1.7-1).
    stated = early(rng) if rng.random() < 0.9 else "2012-05-20"
    entries = []
    for party in ("CARICC", "INTERPOL"):
        noted = spelt(later(parse(stated), -rng.randrange(1, 300))) if rng.random() < 0.98 else None
        in_force = stated if rng.random() < 0.99 else None
        terms = tuple(code for code in TERMS if rng.random() < 0.98)
        known = {"signed_on": "2012-03-22", "notified_on": noted, "in_force_on": in_force, "accepted": terms}
        entries.append(adherence("caricc-2012", party, exit=_exit(rng, "maybe"), **known))
    return entries


def _cis_2018(rng: Random) -> list[Adherence]:
    entries = []
    for party in rng.sample(CIS, rng.choice((3, 4, 5, 5, 6))):
        noted = early(rng) if rng.random() < 0.93 else None
        stated = early(rng) if rng.random() < 0.08 else None
        signed = "2018-09-28" if party != "KG" else None
        known = {"signed_on": signed, "notified_on": noted, "in_force_on": stated}
        left = _exit(rng, "never")
        entries.append(adherence("cis-2018", party, exit=left, **known))
    return entries


def _cis_2001(rng: Random) -> list[Adherence]:
    entries = []
    for party in ("AM", "AZ", "KZ", "MD", "UA", "RU"):
        if rng.random() < 0.04:
            continue
        known = {"signed_on": "2001-06-01", "notified_on": early(rng), "pending": party == "RU"}
        left = _exit(rng, "always")
        entries.append(adherence("cis-2001", party, exit=left, reservations=("5-e",) if party == "UA" else (), **known))
    if rng.random() < 0.7:
        entries.append(_acceding(rng, [entry.party for entry in entries]))
    return entries


def _acceding(rng: Random, parties: list[str]) -> Adherence:
    asked_for = [party for party in parties if rng.random() < 0.97]
    consents = tuple(Consented(party, spelt(later(QUIET_FROM, rng.randrange(300)))) for party in asked_for)
    return adherence("cis-2001", "KG", notified_on="2022-12-01", consented=consents)


def _authority(rng: Random, entry: Authority) -> Authority:
    changes: dict[str, object] = {}
    if rng.random() < 0.03:
        changes["mandate"] = Mandate(
            purposes=rng.choice((None, ("prevention", "detection", "suppression"), ("suppression",))),
            subjects=rng.choice((None, ("narcotic-drugs", "malware"), ("terrorism",))),
            kinds=rng.choice((None, None, ("request", "reply", "query", "notice"), ("notice", "recall"))),
        )
    if rng.random() < 0.008:
        changes["revoked"] = True
    if rng.random() < 0.03:
        changes["clearance"] = rng.choice(LEVELS)
    if entry.party == "CARICC":
        changes["endpoints"] = tuple(
            replace(
                end,
                security_profile=PROFILE if rng.random() < 0.97 else "own",
                attested_on=spelt(later(QUIET_FROM, rng.randrange(-300, 100))),
            )
            if rng.random() < 0.9
            else end
            for end in entry.endpoints
        )
    return replace(entry, **changes) if changes else entry


def _blocks(rng: Random) -> tuple[Block, ...]:
    blocks: list[Block] = []
    while rng.random() < 0.5 and len(blocks) < 3:
        blocks.append(
            Block(
                party=rng.choice(("CZ", "KZ", "INTERPOL", "CARICC")),
                law="Law No. 1",
                directions=rng.choice((("send",), ("receive",), ("receive", "send"))),
                kinds=rng.choice(((), ("request",), ("spontaneous", "notice"))),
                subjects=rng.choice(((), ("corruption",), ("narcotic-drugs", "malware"))),
                purposes=rng.choice(((), ("public-order",), ("prevention",))),
                categories=rng.choice(((), ("health",), ("religion", "political-opinions"))),
                parties=rng.choice(((), ("KZ",), ("CARICC", "CZ"))),
            )
        )
    return tuple(blocks)


def _channels(rng: Random) -> tuple[Channel, ...]:
    pairs = [(one, other) for one in CIS for other in CIS if one < other]
    between: list[tuple[str, str]] = [
        (pair if rng.random() < 0.5 else (pair[1], pair[0])) for pair in pairs if rng.random() < 0.8
    ]
    between += [("am-police", "kz-mvd"), ("md-cyber", "am-cyber"), ("ua-police", "az-mvd")]
    return tuple(
        Channel(agreement=agreement, between=pair, basis="protocol")
        for agreement in ("cis-2001", "cis-2018")
        for pair in between
        if rng.random() < 0.9
    )


def _signatories(rng: Random) -> tuple[Signatory, ...]:
    entries = []
    names = [name for name, party in PARTY_OF.items() if party in CIS or party == "CZ"]
    for name in names:
        for office in OFFICES:
            listed = office in ("head", "deputy", "head-of-specialised", "expert") or rng.random() < 0.3
            if not listed or rng.random() < 0.04:
                continue
            agreement = rng.choice(("cis-2001", "cis-2018")) if office == "authorised" else None
            towards = tuple(sorted(rng.sample(names, 3))) if rng.random() < 0.05 else ()
            entries.append(Signatory(name, kid_of(name, "signatory", office), office, agreement, towards))
    return tuple(entries)


def _grants(rng: Random) -> Grants | None:
    if rng.random() < 0.03:
        return None
    levels: tuple[Level, ...] = ("restricted", "confidential", "secret")
    rights = [
        Grant(name, database, rng.choice(levels), _granted_purposes(rng), _expiry_ms(rng))
        for name in ("am-police", "caricc-centre", "caricc-guests", "cz-police", "kz-mvd", "interpol-gs")
        for database in DATABASES
        if rng.random() < 0.85
    ]
    issuer = "interpol-gs" if rng.random() < 0.97 else "cz-police"
    after_ms = FAR_MS if rng.random() < 0.9 else _expiry_ms(rng)
    return Grants(1, NETWORK, 1, issuer, 0, after_ms, tuple(rights))


def _granted_purposes(rng: Random) -> tuple[str, ...]:
    return ("prevention", "suppression") if rng.random() < 0.9 else ("prevention",)


def _expiry_ms(rng: Random) -> int:
    return start_ms(parse(late(rng))) if rng.random() < 0.8 else start_ms(later(QUIET_FROM, rng.randrange(360)))


def draw_world(rng: Random) -> Drawn:
    """Return a world of its own, with the days around which it changes."""
    law = draw_law(rng)
    given = CAPABILITIES | ({law.teaching: frozenset({"technical-assistance"})} if law.teaching else {})
    adherences = [*_cz_kz(rng), *_caricc(rng), *_cis_2018(rng), *_cis_2001(rng)]
    edition = replace(
        EDITION,
        number=rng.randrange(1, 1000),
        adherences=tuple(sorted(adherences, key=lambda entry: (entry.agreement, entry.party))),
        authorities=tuple(_authority(rng, entry) for entry in EDITION.authorities),
        not_after_ms=FAR_MS if rng.random() < 0.9 else _expiry_ms(rng),
        blocks=_blocks(rng),
        channels=_channels(rng),
        signatories=_signatories(rng),
    )
    known: dict[str, object] = {
        "capabilities": given,
        "amended_on": dict([law.amended]) if law.amended else {},
        "not_extended_after": law.limit,
        "kz_until": dict([law.kz_until]) if law.kz_until else {},
        "counted": dict([law.counted]) if law.counted else {},
        "offset_minutes": dict([law.offset]) if law.offset else {},
    }
    unlisted = rng.choice(("cis-2018", "cz-kz", "internal-kz")) if rng.random() < 0.02 else None
    world = world_of(edition, files_of(law), _grants(rng), unlisted, **known)
    return Drawn(world, edges_of(world), lanes_of(world))


def lanes_of(world: World) -> dict[str, tuple[tuple[str, str], ...]]:
    """Return the lanes that some instrument governs in the quiet year; where it governs none, all of its own."""
    bound = {
        agreement: {
            party
            for (name, party), (first, last) in world.spans.items()
            if name == agreement and first and first <= QUIET_FROM and (last is None or last > QUIET_TO)
        }
        for agreement in ("cis-2001", "cis-2018")
    }
    lanes = dict(ordinary.LANES)
    for agreement, parties in bound.items():
        lanes[agreement] = (
            tuple(
                (one, other)
                for one, other in ordinary.LANES[agreement]
                if {PARTY_OF[one], PARTY_OF[other]} <= parties
                and (agreement == "cis-2018" or not {PARTY_OF[one], PARTY_OF[other]} <= bound["cis-2018"])
            )
            or ordinary.LANES[agreement]
        )
    return lanes


def edges_of(world: World) -> dict[str, tuple[Day, ...]]:
    """Return, by agreement, every recorded day and every day that some count makes of it."""
    edges: dict[str, set[Day]] = {"internal-kz": {parse("2020-01-01")}, "caricc-membership": {parse("2020-01-01")}}
    edges["interpol-membership"] = {parse("2020-01-01")}
    for entry in world.directory.edition.adherences:
        days = edges.setdefault(entry.agreement, set())
        raw = [entry.notified_on, entry.in_force_on, entry.exit and entry.exit.received_on]
        raw += [entry.exit and entry.exit.chosen_on, *(each.received_on for each in entry.consented)]
        for notice in entry.suspensions:
            raw += [notice.delivered_on, notice.revocation_delivered_on]
        for spelling in raw:
            if spelling:
                days |= _counted(parse(spelling))
        days |= {day for day in world.spans[entry.agreement, entry.party] if day}
    for agreement, spelling in (*world.amended_on.items(), *world.kz_until.items()):
        edges[agreement].add(parse(spelling))
    if world.not_extended_after:
        edges["cis-2001"].add(parse(world.not_extended_after))
    edges["caricc-2012"].add(ABROGATED_ON)
    edges["cis-2001"] |= edges.get("cis-2018", set())
    edges["cz-kz-1998"] = edges["cz-kz"]
    return {agreement: tuple(sorted(days)) for agreement, days in edges.items()}


def _counted(day: Day) -> set[Day]:
    working = {working_later(day, 15), working_later(day, 30)}
    months = {months_later(day, 3), months_later(day, 6), first_of_second_month(day)}
    return {day, later(day, 15), later(day, 16), later(day, 30)} | working | months


def edge_ms(rng: Random, days: tuple[Day, ...]) -> int:
    """Return a moment on, before or behind one of these days: its first, its last, or one between."""
    day = later(rng.choice(days), rng.choice((-1, 0, 0, 1)))
    return start_ms(day) + rng.choice((0, DAY_MS - 1, rng.randrange(DAY_MS)))


def quiet_ms(rng: Random) -> int:
    """Return a moment in the quiet year."""
    return rng.randrange(start_ms(QUIET_FROM), start_ms(QUIET_TO))
