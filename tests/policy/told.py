"""Short ways to tell a case: who writes what to whom, under which agreement, citing what.

Every rule in force has a case in one of the `cases_*` modules: one message that keeps it and one that breaks it, as a
lawyer would tell them. The two differ in what the rule is about and in nothing else.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from msgspec.structs import replace

from gateway.domain.decision import Decision
from gateway.domain.directory import Suspension
from gateway.domain.facts import ConsentFact, SourceFact
from gateway.domain.message import Header
from gateway.policy.decide import Judge
from gateway.policy.rules.registry import RULES, Rules
from tests.policy.world import (
    BOUND,
    NOW,
    adherence,
    consent,
    directory,
    facts,
    header,
    judge,
    label,
    law,
    peer,
    roles,
    source,
)


class Told(NamedTuple):
    """A message, what is known of what it cites, and the world in which it is sent."""

    header: Header
    known: tuple[SourceFact | ConsentFact, ...] = ()
    world: dict[str, Any] | None = None
    at_ms: int = NOW
    link: str = "endpoint"
    link_clearance: int = 4

    def decide(self, by: Rules = RULES) -> Decision:
        """Return the decision, submitted over the originator's own connection."""
        known = self.world is None and by is RULES
        judging = judge() if known else Judge(directory(**(self.world or {})), law(), by)
        connection = peer(self.header.originator, self.link_clearance, self.link)
        return judging.decide_header(self.header, roles(self.header), facts(*self.known), connection, self.at_ms)


class Case(NamedTuple):
    """A rule, the reason of its breach, and both tellings."""

    rule: str
    code: str
    article: str
    kept: Told
    broken: Told
    effect: str = "refuse"


def cz(**changes: Any) -> Told:
    """A Czech request to Kazakhstan."""
    return Told(header("cz-police", "kz-mvd", "cz-kz", **changes))


def caricc(**changes: Any) -> Told:
    """A message of CARICC to INTERPOL."""
    return Told(header("caricc", "interpol-gs", "caricc-2012", **changes))


def query(**changes: Any) -> Told:
    """A query of CARICC, within its grant."""
    return caricc(**{"kind": "query", "database": "travel-documents", **changes})


def c18(**changes: Any) -> Told:
    """A request under the agreement of 2018."""
    return Told(header("am-police", "kz-mvd", "cis-2018", **changes))


def c01(**changes: Any) -> Told:
    """A request under the agreement of 2001, between two States of which one is no party of 2018."""
    return Told(header("am-police", "md-police", "cis-2001", **changes))


def under(adherences: Sequence[Any], told: Told, at_ms: int = NOW) -> Told:
    """The same message where other States are bound."""
    return told._replace(world={"adherences": adherences}, at_ms=at_ms)


def passing(
    given: SourceFact, to: str, agreement: str, *consents: ConsentFact, by: str = "kz-mvd", **changes: Any
) -> Told:
    """A message by which `by` passes `given` on."""
    cited = tuple(fact.consent_sha256 for fact in consents)
    message = header(by, to, agreement, sources=(given.header_sha256,), consents=cited, **changes)
    return Told(message, (given, *consents))


def czech(**changes: Any) -> SourceFact:
    """What the Czech police gave to the Kazakh ministry."""
    return source("source", "cz-police", "kz-mvd", "cz-kz", **changes)


def armenian(**changes: Any) -> SourceFact:
    """What the Armenian police gave to the Kazakh ministry under the agreement of 2018."""
    return source("source", "am-police", "kz-mvd", "cis-2018", **{"subjects": ("malware",), **changes})


def armenian_of_2001(**changes: Any) -> SourceFact:
    """What the Armenian police gave to the Moldovan police under the agreement of 2001."""
    return source("source", "am-police", "md-police", "cis-2001", **{"subjects": ("malware",), **changes})


def interpols(**changes: Any) -> SourceFact:
    """What INTERPOL gave to CARICC."""
    return source("source", "interpol-gs", "caricc", "caricc-2012", **changes)


def allowed(provider: str, grantee: str, agreement: str, /, *to: str, **changes: Any) -> ConsentFact:
    """A consent for the source that goes to `to`."""
    return consent("consent", provider, grantee, agreement, **{"recipients": to, **changes})


def refusal(told: Told, **form: bool | str) -> Told:
    """The same parties, and a refusal that declares `form` (`__` for the dot of a key)."""
    declared = {key.replace("__", "."): value for key, value in form.items()}
    return told._replace(header=replace(told.header, kind="refusal", form=declared))


def in_world(told: Told, **world: Any) -> Told:
    """The same message in another world."""
    return told._replace(world={**(told.world or {}), **world})


PERSONAL = label(personal_data=True)
LATER = NOW + 86_400_000
WITHOUT_A = {f"element.{letter}": letter != "a" for letter in "abcdefg"}
STOLEN = {"document.number": True, "document.type": True, "document.status": "stolen"}
SUSPENDED = adherence("cz-kz", "CZ", suspensions=(Suspension("2026-05-01", None, (), ()),))
UKRAINE = (*BOUND, adherence("cis-2001", "UA", reservations=("5-e",)))
SYSTEMS = Told(header("md-police", "ua-police", "cis-2001", kind="information-systems", subjects=()))
