"""Draw what a message cites: sources and their chains, what it answers, consents that fit or nearly fit."""

from collections.abc import Sequence
from random import Random
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from gateway.domain.facts import ConsentFact, Facts, SourceFact
from gateway.domain.label import Label, Level
from gateway.domain.statement import Consent
from tests.reference import codes, ordinary
from tests.reference.counting import DAY_MS
from tests.reference.world import NETWORK, PARTY_OF, digest

if TYPE_CHECKING:
    from tests.reference.draw_messages import Draft

NAMES = tuple(PARTY_OF)
AGREEMENTS = tuple(ordinary.LANES)
CONDITIONS = ("no-court", "ask-first", "destroy-after-use")
SOURCE_KINDS = ("reply", "reply", "request", "spontaneous", "notice", "answer", "travel-document", "legal-assistance")
SOURCE_LEVELS: tuple[Level, ...] = ("open", "restricted", "restricted", "restricted", "confidential", "secret")
DIGESTS = tuple(digest("cited", number) for number in range(8))
CONSENT_DIGESTS = tuple(digest("consent", number) for number in range(3))
# Lanes by whom they lead to: an authority cites what it was sent.
INTO: dict[str, tuple[tuple[str, str], ...]] = {
    name: tuple((agreement, one) for agreement in AGREEMENTS for one, to in ordinary.LANES[agreement] if to == name)
    for name in NAMES
}


def cite(rng: Random, draft: "Draft") -> None:
    """Let a draft cite: mostly what its originator was sent, and mostly what the provider allows."""
    sources: dict[str, SourceFact] = {}
    cited = []
    for number in range(rng.choice((1, 1, 1, 2))):
        source = _source(rng, draft, draft.originator, DIGESTS[number])
        cited.append(source)
        sources[source.header_sha256] = source
    if rng.random() < 0.3:
        cited[0] = _chained(rng, draft, cited[0], sources)
    if rng.random() < 0.2:
        answered = _source(rng, draft, draft.originator, DIGESTS[6], draft.to[0])
        sources[answered.header_sha256] = answered
        draft.fields["in_reply_to"] = answered.header_sha256
    if rng.random() < 0.6:
        draft.fields["sources"] = tuple(source.header_sha256 for source in cited)
    elif cited:
        draft.fields["in_reply_to"] = cited[0].header_sha256
    _conditions(rng, draft, sources.values())
    draft.label["confidential_fact"] = rng.random() < 0.85 and any(
        source.label.confidential_fact for source in sources.values()
    )
    if rng.random() < 0.08:
        sources.pop(rng.choice(sorted(sources)))
    draft.facts = Facts(sources, _consents(rng, draft, list(sources.values()) or cited))


def refer(rng: Random, draft: "Draft") -> None:
    """Let a referral hand a request on to another authority at home, and mostly tell whoever made it."""
    at_home = [name for name in NAMES if PARTY_OF[name] == PARTY_OF.get(draft.originator) and name != draft.originator]
    request = _source(rng, draft, draft.originator, DIGESTS[7], draft.to[0])
    request = replace(request, kind=rng.choice(("request", "request", "reply")))
    if at_home:
        draft.to = [rng.choice(at_home), *([request.originator] if rng.random() < 0.8 else [])]
    draft.fields["in_reply_to"] = request.header_sha256
    draft.fields["sources"] = (request.header_sha256,) if rng.random() < 0.5 else ()
    draft.fields["conditions"] = request.conditions
    draft.label["level"] = request.label.level
    draft.facts = Facts({request.header_sha256: request}, {})


def _conditions(rng: Random, draft: "Draft", sources: Any) -> None:
    owed = sorted({condition for source in sources for condition in source.conditions})
    draft.fields["conditions"] = tuple(owed if rng.random() < 0.7 else [each for each in owed if rng.random() < 0.5])


def _source(rng: Random, draft: "Draft", holder: str, name: str, provider: str | None = None) -> SourceFact:
    """Return something that `holder` was sent, or, more rarely, sent itself, or has nothing to do with."""
    agreement, sender = rng.choice(INTO.get(holder) or INTO["cz-police"])
    same = [each for each in INTO.get(holder, ()) if each[0] == draft.agreement]
    if same and rng.random() < 0.5:
        agreement, sender = rng.choice(same)
    if provider and rng.random() < 0.7:
        agreement, sender = draft.agreement, provider
    recipients: tuple[str, ...] = (holder,) if rng.random() < 0.8 else (holder, rng.choice(NAMES))
    stray = rng.random()
    if stray < 0.1:
        sender, recipients = holder, (sender,)
    elif stray < 0.14:
        recipients = (rng.choice(NAMES),)
    return SourceFact(
        header_sha256=name,
        originator=sender,
        recipients=recipients,
        agreement=agreement if rng.random() < 0.98 else "nothing",
        kind=rng.choice(SOURCE_KINDS),
        purposes=_purposes(rng, draft),
        subjects=draft.fields["subjects"],
        label=_label(rng),
        conditions=tuple(sorted(rng.sample(CONDITIONS, rng.choice((0, 0, 0, 1, 2))))),
        in_reply_to=None,
        sources=(),
        admitted_at_ms=max(draft.at_ms - rng.randrange(10 * DAY_MS, 40 * DAY_MS), 0),
        withdrawn=rng.random() < 0.03,
        accepted=(holder,) if rng.random() < 0.4 else (),
    )


def _purposes(rng: Random, draft: "Draft") -> tuple[str, ...]:
    if rng.random() < 0.75:
        return tuple(draft.fields["purposes"])
    return tuple(rng.sample(sorted(codes.WIDE_PURPOSES), rng.choice((1, 2, 3))))


def _label(rng: Random) -> Label:
    return Label(
        level=rng.choice(SOURCE_LEVELS),
        handling=(),
        third_party=rng.choice(("permitted", "consent-required", "consent-required", "prohibited")),
        personal_data=rng.random() < 0.3,
        special_categories=(),
        necessity=None,
        confidential_fact=rng.random() < 0.08,
    )


def _chained(rng: Random, draft: "Draft", source: SourceFact, sources: dict[str, SourceFact]) -> SourceFact:
    """Let a source rest on another, which its sender had been given; at times the chain is broken."""
    first = _source(rng, draft, source.originator, DIGESTS[4])
    known = rng.random() < 0.93
    if known:
        sources[first.header_sha256] = first
        if rng.random() < 0.25:
            earlier = _source(rng, draft, first.originator, DIGESTS[5])
            first = replace(first, sources=(earlier.header_sha256,))
            sources |= {first.header_sha256: first, earlier.header_sha256: earlier}
    chained = replace(source, sources=(first.header_sha256,))
    sources[chained.header_sha256] = chained
    return chained


def _consents(rng: Random, draft: "Draft", about: Sequence[SourceFact]) -> dict[str, ConsentFact]:
    facts: dict[str, ConsentFact] = {}
    cited = []
    for number in range(rng.choice((0, 1, 1, 2))):
        fact = _consent(rng, draft, rng.choice(about), CONSENT_DIGESTS[number])
        cited.append(fact.consent_sha256)
        if rng.random() < 0.97:
            facts[fact.consent_sha256] = fact
    draft.fields["consents"] = tuple(cited)
    return facts


def _consent(rng: Random, draft: "Draft", source: SourceFact, name: str) -> ConsentFact:
    """Return a consent that covers this source and message, but for one thing now and then."""
    at_ms, admitted_ms = draft.at_ms, source.admitted_at_ms
    from_ms = admitted_ms + rng.choice((DAY_MS, DAY_MS, DAY_MS, -DAY_MS, 1, 0))
    consent: dict[str, Any] = {
        "provider": source.originator,
        "grantee": draft.originator,
        "agreement": source.agreement,
        "sources": (source.header_sha256,),
        "recipients": tuple(draft.to),
        "purposes": tuple(draft.fields["purposes"]) if rng.random() < 0.5 else (),
        "conditions": (),
        "not_before_ms": max(from_ms, 0),
        "not_after_ms": at_ms + DAY_MS,
        "uses_max": None,
    }
    uses, revoked_at_ms = 0, None
    wrong = rng.random()
    if wrong < 0.25:
        consent |= _nearly(rng, draft, source)
    elif wrong < 0.29:
        revoked_at_ms = at_ms - rng.choice((0, 1, DAY_MS))
    elif wrong < 0.35:
        uses = rng.choice((0, 1, 2))
        consent["uses_max"] = 2 if rng.random() < 0.5 else 1
    return ConsentFact(
        consent_sha256=name,
        consent=Consent(
            v=1, network=NETWORK, id="01900000-0000-7000-8000-000000000001", issued_at_ms=max(from_ms, 0), **consent
        ),
        recorded_at_ms=max(from_ms, 0),
        revoked_at_ms=revoked_at_ms,
        uses=uses,
    )


def _nearly(rng: Random, draft: "Draft", source: SourceFact) -> dict[str, Any]:
    """Return one thing that is wrong with a consent, or at the edge of it."""
    at_ms = draft.at_ms
    party = PARTY_OF.get(source.originator)
    choices: tuple[dict[str, Any], ...] = (
        {"provider": rng.choice([name for name in NAMES if PARTY_OF[name] == party] or NAMES)},
        {"provider": rng.choice(NAMES)},
        {"grantee": rng.choice(NAMES)},
        {"agreement": rng.choice(AGREEMENTS)},
        {"sources": (rng.choice(DIGESTS),)},
        {"recipients": tuple(rng.sample(NAMES, rng.choice((0, 1))))},
        {"purposes": tuple(rng.sample(sorted(codes.WIDE_PURPOSES), 2))},
        {"conditions": (rng.choice(CONDITIONS),)},
        {"not_before_ms": at_ms + rng.choice((-1, 0, 1))},
        {"not_after_ms": at_ms + rng.choice((-1, 0, 1))},
    )
    return rng.choice(choices)
