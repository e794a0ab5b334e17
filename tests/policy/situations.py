"""Draw situations: federations whose dates, mandates and clearances vary, and messages near every boundary.

Seeded, so that a difference can be looked at again. Messages start out permitted and are then bent in a few places:
uniformly random ones would nearly all be refused for the same dull reasons.
"""

import random
from collections.abc import Callable, Iterator
from itertools import combinations_with_replacement
from typing import Any, NamedTuple, get_args

from msgspec.structs import replace

from gateway.domain.directory import Adherence, Authority, Channel, Directory, Exit, Grant, Mandate, Suspension
from gateway.domain.facts import ConsentFact, Facts, SourceFact
from gateway.domain.label import LEVELS, ThirdParty
from gateway.domain.message import Header
from gateway.domain.session import Peer
from tests.policy import lists, world

PURPOSES = sorted(lists.EVERY_PURPOSE | {"taxation"})
SUBJECTS = sorted(lists.ALL_SUBJECTS | {"parking"})
# Kinds of which the table does not know yet what they owe.
NEWLY_JUDGED = {"refusal", "referral", "preservation"}
KINDS = sorted(set().union(*lists.KINDS.values()) | {"gossip"})
# Every boundary that the dates below can make, by the instruments' own arithmetic, and some quiet days.
DAYS = tuple(
    "2024-01-31 2024-02-28 2024-02-29 2024-03-01 2024-03-10 2024-03-16 2024-03-17 2024-03-30 2024-03-31 2024-04-01 "
    "2024-04-30 2024-05-01 2024-05-31 2024-06-01 2024-08-31 2024-09-01 2024-09-10 2024-09-11 2024-11-30 2025-02-28 "
    "2025-03-01 2025-05-31 2025-06-01 2025-09-15 2026-06-15".split()
)
EVENTS = ("2024-01-01", "2024-01-31", "2024-02-29", "2024-03-01", "2024-03-10", "2024-11-30")
ROUTES = (
    ("cz-police", "kz-mvd", "cz-kz"),
    ("kz-mvd", "cz-police", "cz-kz"),
    ("kz-police", "cz-customs", "cz-kz"),
    ("caricc", "interpol-gs", "caricc-2012"),
    ("interpol-gs", "caricc", "caricc-2012"),
    ("am-police", "kz-mvd", "cis-2018"),
    ("kz-mvd", "by-police", "cis-2018"),
    ("am-police", "md-police", "cis-2001"),
    ("kz-mvd", "am-nss", "cis-2001"),
    ("ua-police", "md-police", "cis-2001"),
    ("ru-police", "az-police", "cis-2001"),
    ("kz-mvd", "caricc", "caricc-membership"),
    ("caricc", "kg-police", "caricc-membership"),
    ("cz-police", "interpol-gs", "interpol-membership"),
    ("interpol-gs", "am-police", "interpol-membership"),
    ("kz-mvd", "kz-police", "internal-kz"),
)
EVERYWHERE = tuple(
    Channel(agreement, pair, "everywhere")
    for agreement in ("cis-2001", "cis-2018")
    for pair in combinations_with_replacement(world.PARTIES, 2)
)
TREATIES = {
    "cz-kz": ("CZ", "KZ"),
    "caricc-2012": ("INTERPOL", "CARICC"),
    "cis-2018": ("AM", "AZ", "BY", "KZ", "MD", "RU", "TJ", "UA"),
    "cis-2001": ("AM", "AZ", "BY", "KZ", "MD", "RU", "TJ", "UA"),
}


class Situation(NamedTuple):
    """One message at one moment, with what is known of what it cites."""

    header: Header
    facts: Facts
    peer: Peer | None
    at_ms: int


def maybe(random_: random.Random, chance: float) -> bool:
    """Return True with this chance."""
    return random_.random() < chance


def federation(random_: random.Random) -> Directory:
    """Return an edition in which most things are as they should be."""
    adherences = tuple(
        _adherence(random_, agreement, party)
        for agreement, parties in TREATIES.items()
        for party in parties
        if not maybe(random_, 0.05)
    )
    private = (random_.choice(("AM", "CZ", "KZ")),) if maybe(random_, 0.1) else ()
    grants = None if maybe(random_, 0.05) else tuple(_grant(random_, name) for name in ("caricc", "cz-police"))
    return world.directory(
        adherences,
        tuple(_authority(random_, each) for each in world.AUTHORITIES),
        grants,
        not_after_ms=world.at(random_.choice(("2025-03-01", "2030-01-01", "2030-01-01", "2030-01-01")), 0),
        private=private,
        grants_not_after_ms=world.at(random_.choice(("2025-03-01", "2030-01-01")), 0),
        channels=EVERYWHERE,
    )


def _adherence(random_: random.Random, agreement: str, party: str) -> Adherence:
    stated = random_.choice((*["2023-01-01"] * 5, "2024-03-01", None, None))
    suspensions: tuple[Suspension, ...] = ()
    if agreement == "cz-kz" and maybe(random_, 0.4):
        suspensions = (_suspension(random_),)
    elif maybe(random_, 0.01):
        suspensions = (Suspension("2024-01-01", None, (), ()),)
    return world.adherence(
        agreement,
        party,
        signed_on=None if maybe(random_, 0.1) else "2018-09-28",
        notified_on=None if maybe(random_, 0.05) else random_.choice(EVENTS),
        in_force_on=stated,
        pending=maybe(random_, 0.05),
        exit=_exit(random_) if maybe(random_, 0.12) else None,
        suspensions=suspensions,
        reservations=("5-e",) if party == "UA" and maybe(random_, 0.7) else (),
        accepted=("annex-1", "control-of-information", "rpd"),
    )


def _suspension(random_: random.Random) -> Suspension:
    return Suspension(
        random_.choice(("2024-03-01", "2024-03-15", "2024-08-25")),
        random_.choice((None, "2024-04-14", "2024-08-26")),
        random_.choice(((), (), ("request",), ("request", "reply"))),
        random_.choice(((), (), ("narcotic-drugs",), ("terrorism",))),
    )


def _exit(random_: random.Random) -> Exit:
    chosen = random_.choice((None, "2024-08-31", "2024-09-01", "2024-09-11", "2025-06-01"))
    return Exit(random_.choice(("2024-02-29", "2024-03-01", "2024-03-10", "2024-11-30")), chosen)


def _authority(random_: random.Random, authority: Authority) -> Authority:
    if maybe(random_, 0.8):
        return authority
    mandate = Mandate(
        tuple(random_.sample(PURPOSES, 6)) if maybe(random_, 0.3) else None,
        (*random_.sample(SUBJECTS, 10), "narcotic-drugs") if maybe(random_, 0.3) else None,
        ("request", "reply", "query", "answer", "recall") if maybe(random_, 0.3) else None,
    )
    clearance = random_.choice(LEVELS)
    return replace(authority, mandate=mandate, clearance=clearance, revoked=maybe(random_, 0.1))


def _grant(random_: random.Random, name: str) -> Grant:
    purposes = random_.choice((("prevention", "suppression", "detection"), ("prevention",), ()))
    level = random_.choice(LEVELS[1:])
    return Grant(name, "travel-documents", level, purposes, world.at(random_.choice(DAYS), 0))  # type: ignore[arg-type]  # a level, from the scale


def situations(random_: random.Random, directory: Directory, count: int) -> Iterator[Situation]:
    """Yield messages under one edition."""
    names = [authority.id for authority in directory.edition.authorities]
    for _ in range(count):
        at_ms = world.at(random_.choice(DAYS), 0) + random_.choice((-1, 0, 1, 43_200_000))
        header = _header(random_)
        sources: list[SourceFact] = []
        consents: list[ConsentFact] = []
        if maybe(random_, 0.5):
            sources = _sources(random_, header, names, at_ms)
            consents = [_consent(random_, header, sources, names, at_ms) for _ in range(random_.choice((0, 1, 1, 2)))]
            header = _citing(random_, header, sources, consents)
        for _ in range(random_.choice((0, 0, 0, 1, 1, 3))):
            header = _bend(random_, header, names, at_ms)
        yield Situation(header, world.facts(*sources, *consents), _peer(random_, header), at_ms)


def _header(random_: random.Random) -> Header:
    originator, to, agreement = random_.choice(ROUTES)
    header = world.header(originator, to, agreement)
    if agreement in ("caricc-2012", "interpol-membership") and maybe(random_, 0.4):
        header = replace(header, kind="query", database="travel-documents", purposes=("prevention",))
    elif originator == "ua-police" and maybe(random_, 0.5):
        header = replace(header, kind="information-systems")
    elif maybe(random_, 0.3):
        header = replace(header, kind=random_.choice(sorted(lists.KINDS[agreement] - NEWLY_JUDGED)))
    return header


def _bend(random_: random.Random, header: Header, names: list[str], at_ms: int) -> Header:
    """Change one thing."""
    label = header.label
    ways: dict[str, Callable[[], dict[str, Any]]] = {
        "kind": lambda: {"kind": random_.choice(sorted(set(KINDS) - NEWLY_JUDGED))},
        "purposes": lambda: {"purposes": tuple(random_.sample(PURPOSES, random_.choice((1, 1, 2))))},
        "subjects": lambda: {"subjects": tuple(random_.sample(SUBJECTS, random_.randrange(3)))},
        "to": lambda: {"recipients": world.recipients(*random_.sample(names, random_.choice((1, 1, 2))))},
        "to-nobody": lambda: {"recipients": world.recipients("nobody")},
        "originator": lambda: {"originator": random_.choice((*names, "nobody"))},
        "agreement": lambda: {"agreement": random_.choice((*lists.KINDS, "unknown"))},
        "level": lambda: {"label": replace(label, level=random_.choice(LEVELS))},
        "personal": lambda: {
            "label": replace(label, personal_data=True),
            "destroy_by_ms": random_.choice((None, at_ms, at_ms + 1)),
        },
        "special": lambda: {
            "label": replace(
                label,
                personal_data=True,
                special_categories=(random_.choice((*sorted(lists.SPECIAL), "hair-colour")),),
                necessity=random_.choice((None, "identification")),
            )
        },
        "fact": lambda: {"label": replace(label, confidential_fact=True)},
        "language": lambda: {"language": random_.choice((None, "en", "ru", "cs"))},
        "form": lambda: {"form": _form(random_, header)},
        "database": lambda: {"database": random_.choice((None, "travel-documents", "vehicles"))},
        "reply": lambda: {"in_reply_to": random_.choice((*header.sources, world.digest("nothing")))},
        "conditions": lambda: {"conditions": random_.choice(((), ("no-copies",)))},
    }
    return replace(header, **ways[random_.choice(sorted(ways))]())


def _form(random_: random.Random, header: Header) -> dict[str, bool | str]:
    form = dict(header.form)
    if form and maybe(random_, 0.5):
        form[random_.choice(sorted(form))] = False
    key = random_.choice(
        "on-behalf-of category.military language.agreed law.both-states legal-assistance.instrument".split()
    )
    form[key] = random_.choice((True, True, False))
    form["ground"] = random_.choice(("prevention", "boredom"))
    form |= {"document.number": maybe(random_, 0.8), "document.type": True}
    form["document.status"] = random_.choice(("stolen", "stolen-blank", "lent"))
    if maybe(random_, 0.5):
        form |= {"law.both-states": True, "law.treaties": True}
    return form


def _peer(random_: random.Random, header: Header) -> Peer | None:
    if maybe(random_, 0.1):
        return None
    name = "md-police" if maybe(random_, 0.02) else header.originator
    return world.peer(name, random_.choice((1, 3, 4, 4, 4, 4)), random_.choice(("endpoint", "endpoint", "broker")))


def _sources(random_: random.Random, header: Header, names: list[str], at_ms: int) -> list[SourceFact]:
    """A chain of up to three messages, the last of which the originator nearly always holds."""
    found: list[SourceFact] = []
    depth = random_.choice((1, 1, 1, 2, 3))
    for place in range(depth):
        provider, to, agreement = random_.choice(ROUTES)
        last = place == depth - 1
        given = (to, header.originator) if last and maybe(random_, 0.95) else (to,)
        fact = world.source(
            f"source {place}",
            header.originator if maybe(random_, 0.1) else provider,
            given,
            "unknown" if maybe(random_, 0.02) else agreement,
            kind=random_.choice(("reply", "request", "spontaneous")),
            purposes=tuple(dict.fromkeys((*header.purposes, *random_.sample(PURPOSES, 2))))[maybe(random_, 0.2) :],
            label=world.label(
                level=random_.choice((*LEVELS[:2], *LEVELS[:3])),
                third_party=random_.choice(get_args(ThirdParty)),
                personal_data=maybe(random_, 0.4),
            ),
            conditions=("no-copies",) if maybe(random_, 0.2) else (),
            accepted=tuple(names),
            sources=tuple(each.header_sha256 for each in found[-1:]),
            admitted_at_ms=at_ms - 1_000,
            withdrawn=maybe(random_, 0.02),
        )
        found.append(fact)
    return found


def _consent(
    random_: random.Random, header: Header, sources: list[SourceFact], names: list[str], at_ms: int
) -> ConsentFact:
    """A consent for the first provider's information, usually fit."""
    first = random_.choice(sources)
    provider = first.originator if maybe(random_, 0.9) else random_.choice(names)
    to = tuple(each.authority for each in header.recipients)
    return world.consent(
        f"consent {random_.random()}",
        provider,
        header.originator if maybe(random_, 0.95) else "nobody",
        first.agreement if maybe(random_, 0.95) else "cis-2001",
        sources=tuple(each.header_sha256 for each in sources if maybe(random_, 0.95)),
        recipients=to if maybe(random_, 0.9) else (),
        purposes=random_.choice(((), header.purposes, ("prevention",))),
        conditions=("no-copies",) if maybe(random_, 0.1) else (),
        not_before_ms=at_ms + random_.choice((*[-1] * 10, 0, 1)),
        not_after_ms=at_ms + random_.choice((*[1] * 10, 0)),
        uses_max=random_.choice((None, None, 1, 2)),
        uses=random_.choice((0, 0, 0, 1)),
        revoked_at_ms=at_ms - 5 if maybe(random_, 0.05) else None,
        recorded_at_ms=at_ms - random_.choice((500, 500, 2_000)),
    )


def _citing(random_: random.Random, header: Header, sources: list[SourceFact], consents: list[ConsentFact]) -> Header:
    conditions = tuple(
        {code for each in sources for code in each.conditions}
        | {code for fact in consents for code in fact.consent.conditions}
    )
    cited = [sources[-1].header_sha256]
    if maybe(random_, 0.05):
        cited.append(world.digest("nothing"))
    given = [fact.consent_sha256 for fact in consents]
    if maybe(random_, 0.03):
        given.append(world.digest("no consent"))
    return replace(header, sources=tuple(cited), consents=tuple(given), conditions=conditions)
