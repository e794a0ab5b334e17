"""Draw messages: an ordinary one, and then none, one or more things about it that are out of the ordinary."""

from collections.abc import Callable
from random import Random
from typing import Any

from msgspec import Struct

from gateway.domain.facts import NO_FACTS, Facts
from gateway.domain.label import LEVELS, Label
from gateway.domain.message import Body, Header, Recipient
from gateway.domain.session import Peer
from tests.reference import codes, ordinary
from tests.reference.bindings import MEMBERS
from tests.reference.counting import DAY_MS, day_of, later, spelt
from tests.reference.draw_citations import cite, refer
from tests.reference.draw_worlds import DATABASES, Drawn, edge_ms, quiet_ms
from tests.reference.world import LINKS, NETWORK, OFFICES, PARTY_OF, digest, kid_of

NAMES = tuple(PARTY_OF)
RECIPIENT = {name: Recipient(name, kid_of(name, "wrap"), digest(name, "wrap")) for name in (*NAMES, "nobody")}
BODY = Body(digest("body"), 256, "application/json", None)
PEERS = {
    (name, link, rank): Peer(name, digest(name, link), link, rank)
    for name in NAMES
    for link in LINKS
    for rank in range(5)
}
KINDS = tuple(sorted({kind for kinds in ordinary.KINDS.values() for kind in kinds} | codes.CIS2018_KINDS))
PURPOSES = tuple(sorted(codes.WIDE_PURPOSES))
SUBJECTS = (*sorted(codes.SUBJECTS), "unheard-of")
AGREEMENTS = tuple(ordinary.LANES)
# How often each instrument is cited.
WEIGHTED = (
    *AGREEMENTS,
    *AGREEMENTS[:1],
    *AGREEMENTS[2:],
    "cz-kz",
    "cz-kz",
    "caricc-2012",
    "cis-2018",
    "cis-2018",
    "cis-2001",
    "cis-2001",
)
FORM_KEYS = (
    *("attest.neutrality", "ordinary-law", "affected.kz", "ground", "document.number", "document.status"),
    *("language.agreed", "law.both-states", "law.treaties", "on-behalf-of", "element.a", "element.g", "nexus.citizen"),
    *("category.political", "category.religious", "refusal.ground", "refusal.reasons", "refusal.partial"),
    *("refusal.withheld", "review-by", "assistance", "legal-assistance.instrument"),
)
GROUNDS = (
    *("sovereignty", "security", "important-interests", "national-law", "international-obligations"),
    *("public-order", "citizens-rights", "state-interests", "convenience"),
)
CATEGORIES = (*sorted(codes.SPECIAL_CATEGORIES), "shoe-size")


class Draft:
    """A message in the making: header fields, label and form by name, and what surrounds it."""

    def __init__(self, drawn: Drawn, agreement: str, lane: tuple[str, str], kind: str, at_ms: int) -> None:
        """Begin with parties, kind and moment."""
        self.drawn = drawn
        self.agreement = agreement
        self.originator, first = lane
        self.to = [first]
        self.kind = kind
        self.at_ms = at_ms
        self.label: dict[str, Any] = {
            "level": "restricted",
            "handling": (),
            "third_party": "consent-required",
            "personal_data": False,
            "special_categories": (),
            "necessity": None,
            "confidential_fact": False,
        }
        self.form: dict[str, bool | str] = {}
        self.fields: dict[str, Any] = {"database": None, "destroy_by_ms": None, "in_reply_to": None}
        self.fields |= {"sources": (), "consents": (), "conditions": (), "urgency": "routine", "language": "en"}
        self.signed: tuple[tuple[str, str], ...] = ()
        self.facts: Facts = NO_FACTS
        self.peer = PEERS[self.originator, "endpoint", 4]


class Question(Struct, frozen=True):
    """Everything that is judged."""

    header: Header
    roles: tuple[str, ...]
    facts: Facts
    peer: Peer
    at_ms: int


def draw(rng: Random, drawn: Drawn) -> Question:
    """Return a message for this world: ordinary, or out of the ordinary in up to three ways."""
    agreement = rng.choice(WEIGHTED)
    edges = drawn.edges.get(agreement)
    often = 0.1 if agreement in MEMBERS else 0.3
    at_ms = edge_ms(rng, edges) if edges and rng.random() < often else quiet_ms(rng)
    draft = _ordinary(rng, drawn, agreement, at_ms)
    if draft.kind == "referral" and rng.random() < 0.6:
        refer(rng, draft)
    elif rng.random() < 0.3:
        cite(rng, draft)
    strange = rng.random()
    for _ in range(0 if strange < 0.55 else 1 if strange < 0.85 else 2 if strange < 0.96 else 3):
        rng.choice(ODDITIES)(rng, draft)
    return finish(draft)


def _ordinary(rng: Random, drawn: Drawn, agreement: str, at_ms: int) -> Draft:
    lane = rng.choice(drawn.lanes[agreement] if rng.random() < 0.9 else ordinary.LANES[agreement])
    kind = rng.choice(ordinary.KINDS[agreement])
    if kind in ("query", "record") and lane[1] != "interpol-gs":
        kind = "reply"
    draft = Draft(drawn, agreement, lane, kind, at_ms)
    draft.form = ordinary.form_of(rng, agreement, kind)
    draft.signed = ordinary.signers_of(rng, agreement, kind, *lane)
    fields = draft.fields
    fields["purposes"] = tuple(rng.sample(ordinary.PURPOSES[agreement], rng.choice((1, 1, 2))))
    fields["subjects"] = (rng.choice(ordinary.SUBJECTS[agreement]),)
    if agreement == "cis-2001":
        fields["language"] = "ru"
    if kind in ("query", "record"):
        fields["database"] = rng.choice(DATABASES)
    if kind == "preservation":
        fields["urgency"] = "urgent"
    if kind == "special-techniques":
        draft.label["level"] = "confidential"
    if kind in ("search-person", "missing-person") or rng.random() < 0.15:
        draft.label["personal_data"] = True
        fields["destroy_by_ms"] = at_ms + rng.randrange(1, 90 * DAY_MS)
    return draft


def finish(draft: Draft) -> Question:
    """Return the question that a draft has become."""
    if not draft.signed or draft.signed[0][0] != kid_of_message(draft.originator):
        draft.signed = ((kid_of_message(draft.originator), "message"), *draft.signed[1:])
    header = Header(
        v=1,
        network=NETWORK,
        suite=2,
        id="01900000-0000-7000-8000-000000000000",
        signers=tuple(kid for kid, _ in draft.signed),
        originator=draft.originator,
        recipients=tuple(RECIPIENT[name] for name in draft.to),
        kind=draft.kind,
        agreement=draft.agreement,
        label=Label(**draft.label),
        sent_at_ms=max(draft.at_ms - 5, 0),
        expires_at_ms=draft.at_ms + DAY_MS,
        case=None,
        form=draft.form,
        key_commitment=BODY.sha256,
        body=BODY,
        **draft.fields,
    )
    return Question(header, tuple(role for _, role in draft.signed), draft.facts, draft.peer, draft.at_ms)


_MESSAGE_KIDS = {name: kid_of(name, "message") for name in (*NAMES, "nobody")}


def kid_of_message(name: str) -> str:
    """Return the kid of an authority's message key."""
    return _MESSAGE_KIDS[name]


Oddity = Callable[[Random, Draft], None]


def odd_kind(rng: Random, draft: Draft) -> None:
    """Another kind, with the form it had."""
    draft.kind = rng.choice(KINDS)


def odd_talk(rng: Random, draft: Draft) -> None:
    """Talk instead of an operation, or what one text leaves out; about anything."""
    draft.kind = rng.choice((*sorted(codes.TALK_AND_TRAINING), "legal-assistance", "legal-assistance"))
    if rng.random() < 0.7:
        draft.fields["purposes"] = (rng.choice(("administrative", rng.choice(PURPOSES))),)


def odd_purposes(rng: Random, draft: Draft) -> None:
    """Other purposes."""
    draft.fields["purposes"] = tuple(rng.sample(PURPOSES, rng.choice((1, 1, 2, 3))))


def odd_subjects(rng: Random, draft: Draft) -> None:
    """Other subjects, or one more, or none."""
    if rng.random() < 0.3:
        draft.fields["subjects"] = (*draft.fields["subjects"], rng.choice(SUBJECTS))
    else:
        draft.fields["subjects"] = tuple(rng.sample(SUBJECTS, rng.choice((0, 1, 1, 2))))


def odd_level(rng: Random, draft: Draft) -> None:
    """Another level."""
    draft.label["level"] = rng.choice(LEVELS)


def odd_person(rng: Random, draft: Draft) -> None:
    """Personal data, special categories, a necessity or none, a deadline or none."""
    draft.label["personal_data"] = rng.random() < 0.8
    draft.label["special_categories"] = tuple(rng.sample(CATEGORIES, rng.choice((0, 1, 1, 2))))
    draft.label["necessity"] = rng.choice((None, "identification"))
    ahead = rng.choice((-DAY_MS, -1, 0, 1, DAY_MS, 90 * DAY_MS))
    draft.fields["destroy_by_ms"] = None if rng.random() < 0.3 else max(draft.at_ms + ahead, 0)


def odd_secrecy(rng: Random, draft: Draft) -> None:
    """A confidential fact, or contents for paper only, on some link."""
    draft.label["confidential_fact"] = rng.random() < 0.7
    if rng.random() < 0.2:
        odd_recipient(rng, draft)
    draft.label["handling"] = rng.choice(((), ("eyes-only",), ("paper-only",)))
    draft.peer = PEERS[draft.originator, rng.choice(LINKS), 4] if draft.originator in PARTY_OF else draft.peer


def odd_peer(rng: Random, draft: Draft) -> None:
    """Another connection: a broker, somebody else's, or one that may carry less."""
    name = rng.choice((draft.originator, rng.choice(NAMES)))
    name = name if name in PARTY_OF else "cz-police"
    draft.peer = PEERS[name, rng.choice(LINKS), rng.choice((0, 1, 2, 4))]


def odd_urgency(rng: Random, draft: Draft) -> None:
    """Another urgency."""
    draft.fields["urgency"] = rng.choice(("flash", "urgent", "routine", "routine"))


def odd_language(rng: Random, draft: Draft) -> None:
    """Another language, or none, agreed or not."""
    draft.fields["language"] = rng.choice(("en", "ru", "cs", None))
    if rng.random() < 0.4:
        draft.form["language.agreed"] = rng.random() < 0.8


def odd_form(rng: Random, draft: Draft) -> None:
    """Something undeclared, denied, or declared besides."""
    key = rng.choice(sorted(draft.form) or FORM_KEYS) if rng.random() < 0.6 else rng.choice(FORM_KEYS)
    if rng.random() < 0.4:
        draft.form.pop(key, None)
    elif key in ("ground", "refusal.ground"):
        draft.form[key] = rng.choice(("prevention", "threat-to-public-order", *GROUNDS))
    elif key == "document.status":
        draft.form[key] = rng.choice((*sorted(codes.STATUSES), "found"))
    else:
        draft.form[key] = rng.random() < 0.4


def odd_refusal(rng: Random, draft: Draft) -> None:
    """A refusal on some ground, whole or partial, with reasons or without."""
    draft.kind = "refusal"
    draft.form["refusal.ground"] = rng.choice(GROUNDS)
    draft.form["refusal.reasons"] = rng.random() < 0.8
    if rng.random() < 0.3:
        draft.form["refusal.partial"] = rng.random() < 0.8
        draft.form["refusal.withheld"] = rng.random() < 0.6


def odd_review(rng: Random, draft: Draft) -> None:
    """A day of review: around the day of the message."""
    draft.form["review-by"] = spelt(later(day_of(draft.at_ms), rng.choice((-1, 0, 1, 40))))


def odd_assistance(rng: Random, draft: Draft) -> None:
    """Assistance in obtaining information, with its nexus or without."""
    draft.form["assistance"] = rng.choice(("obtaining-information", "obtaining-information", "training"))
    if draft.agreement == "cis-2018" and rng.random() < 0.7:
        draft.kind = "request"
        draft.form |= ordinary.ELEMENTS
    if rng.random() < 0.6:
        draft.form[rng.choice(("nexus.citizen", "nexus.territory"))] = rng.random() < 0.8


def odd_query(rng: Random, draft: Draft) -> None:
    """A query of anything, for oneself or for somebody."""
    draft.kind = rng.choice(("query", "query", draft.kind))
    draft.fields["database"] = rng.choice((*DATABASES, "weather", None))
    if rng.random() < 0.4:
        draft.form["on-behalf-of"] = rng.choice((True, False, "kz-mvd"))


def odd_agreement(rng: Random, draft: Draft) -> None:
    """Another instrument, or one that does not exist."""
    draft.agreement = rng.choice((*AGREEMENTS, "nothing"))


def odd_originator(rng: Random, draft: Draft) -> None:
    """Somebody else sends it: over its own connection, or not."""
    draft.originator = rng.choice((*NAMES, *NAMES, "nobody"))
    if draft.originator in PARTY_OF and rng.random() < 0.8:
        draft.peer = PEERS[draft.originator, "endpoint", 4]


def odd_recipient(rng: Random, draft: Draft) -> None:
    """Somebody else gets it, or somebody more."""
    name = rng.choice((*NAMES, *NAMES, "nobody"))
    if name not in draft.to and name != draft.originator:
        draft.to = [*draft.to, name] if rng.random() < 0.5 else [name]


def odd_moment(rng: Random, draft: Draft) -> None:
    """A moment around some edge of the instrument."""
    edges = draft.drawn.edges.get(draft.agreement)
    if edges:
        draft.at_ms = edge_ms(rng, edges)


def odd_end(rng: Random, draft: Draft) -> None:
    """A moment around the end of the edition, or of a grant."""
    edition = draft.drawn.world.directory.edition
    document = draft.drawn.world.directory.grants_document
    ends = [edition.not_after_ms, *([grant.expires_at_ms for grant in document.grants] if document else [])]
    draft.at_ms = rng.choice(ends) + rng.choice((-DAY_MS, -1, 0, 1))


def odd_signers(rng: Random, draft: Draft) -> None:
    """Other signatures beside the message key."""
    name = draft.originator if rng.random() < 0.8 else rng.choice(NAMES)
    extra = [(kid_of(name, "signatory", office), "signatory") for office in (*OFFICES, "nobody")]
    extra.append((kid_of(name, "seal"), "seal"))
    draft.signed = (*draft.signed[:1], *rng.sample(extra, rng.choice((0, 1, 1, 2, 2))))


ODDITIES: tuple[Oddity, ...] = (
    odd_kind,
    odd_talk,
    odd_purposes,
    odd_subjects,
    odd_subjects,
    odd_level,
    odd_person,
    odd_person,
    odd_secrecy,
    odd_peer,
    odd_urgency,
    odd_language,
    odd_form,
    odd_form,
    odd_refusal,
    odd_review,
    odd_assistance,
    odd_query,
    odd_agreement,
    odd_originator,
    odd_recipient,
    odd_moment,
    odd_end,
    odd_signers,
)
