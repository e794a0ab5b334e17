"""One message as the rules see it: what it declares, what it cites, and the ground it is judged on.

What a message cites is resolved once. A source counts only if the citer sent or received it and nobody withdrew it; of
any other source nothing is looked at, so that no reason can tell what it is or whether it exists (threat E27).
"""

from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

from msgspec import Struct

from gateway.domain.agreement import Agreement
from gateway.domain.clause import Clause, Effect
from gateway.domain.decision import Reason
from gateway.domain.directory import Authority
from gateway.domain.facts import ConsentFact, Facts, SourceFact
from gateway.domain.label import RANK
from gateway.domain.message import PROTECTIVE_KINDS, Header
from gateway.domain.session import Peer
from gateway.policy import house
from gateway.policy.ground import Ground

# At dispatch the use of a consent is booked already, and the connection is the recipient's.
Stage = Literal["admission", "dispatch"]


class Finding(NamedTuple):
    """One rule that spoke: what follows, and the reason."""

    effect: Effect
    reason: Reason


Findings = Iterator[Finding]


def breach(clause: Clause, code: str, detail: str | None = None, effect: Effect | None = None) -> Finding:
    """Return the finding that `clause` is not met."""
    return Finding(effect or clause.effect, Reason(code, clause.rule, clause.article, clause.basis, detail))


def demand(code: str, rule: str, detail: str | None = None) -> Finding:
    """Return the finding that one of our own rules is broken; those always refuse."""
    return Finding("refuse", house.demand(code, rule, detail))


def listed(names: Iterable[str]) -> str:
    """Return names as a detail: in order, each once, cut where a reason would grow too long."""
    text = ", ".join(sorted(set(names)))
    return text if len(text) <= 180 else f"{text[:176]} ..."


class Citation(NamedTuple):
    """A source that counts, and the instrument it came under; None if that is not law here."""

    fact: SourceFact
    agreement: Agreement | None


class Case(Struct, frozen=True):
    """A message with everything that rules may ask."""

    ground: Ground
    header: Header
    roles: tuple[str, ...]
    facts: Facts
    peer: Peer | None
    at_ms: int
    stage: Stage
    link_rank: int | None
    agreement: Agreement | None
    originator: Authority | None
    recipients: tuple[Authority, ...]
    citations: tuple[Citation, ...]
    unavailable: tuple[str, ...]
    standing: tuple[ConsentFact, ...]

    @property
    def rank(self) -> int:
        """The rank of the message's label."""
        return RANK[self.header.label.level]

    @property
    def parties(self) -> tuple[str, ...]:
        """The parties of the recipients, each once."""
        return tuple(dict.fromkeys(recipient.party for recipient in self.recipients))

    def declared(self, key: str) -> bool:
        """Tell whether the form declares `key`: present and not false."""
        return self.header.form.get(key, False) is not False

    def owns(self, source: SourceFact, keyed_to: str) -> bool:
        """Tell whether the originator itself provided `source`, as an authority or as a party."""
        return self.is_provider(self.header.originator, source, keyed_to)

    def is_provider(self, name: str, source: SourceFact, keyed_to: str) -> bool:
        """Tell whether authority `name` is the provider of `source`, or of the provider's party."""
        return name == source.originator or (keyed_to == "party" and self.ground.same_party(name, source.originator))


def build_case(
    ground: Ground,
    header: Header,
    roles: tuple[str, ...],
    facts: Facts,
    peer: Peer | None,
    at_ms: int,
    stage: Stage = "admission",
    link_rank: int | None = None,
) -> Case:
    """Return the case of a message: names resolved, citations followed, consents sorted."""
    available, unavailable = follow(header.originator, header.sources, facts, header.kind)
    found = [ground.authority(recipient.authority) for recipient in header.recipients]
    return Case(
        ground=ground,
        header=header,
        roles=roles,
        facts=facts,
        peer=peer,
        at_ms=at_ms,
        stage=stage,
        link_rank=link_rank if peer is None else peer.clearance,
        agreement=ground.agreements.get(header.agreement),
        originator=ground.authority(header.originator),
        recipients=tuple([authority for authority in found if authority is not None]),
        citations=tuple([Citation(fact, ground.agreements.get(fact.agreement)) for fact in available]),
        unavailable=unavailable,
        standing=tuple(
            [
                fact
                for digest in header.consents
                if (fact := facts.consents.get(digest)) is not None
                and fact.consent.grantee == header.originator
                and consent_fault(fact, at_ms, stage) is None
            ]
        ),
    )


def stands(fact: SourceFact, kind: str) -> bool:
    """Tell whether a message of this kind may cite it; of what was recalled, only what protects it (1.7, 15; CZ-27)."""
    return not fact.withdrawn or kind in PROTECTIVE_KINDS


def holds(name: str, fact: SourceFact | None, kind: str) -> bool:
    """Tell whether `name` may cite this message in one of this kind: it stands, and `name` sent or received it."""
    return fact is not None and stands(fact, kind) and (name == fact.originator or name in fact.recipients)


def follow(name: str, cited: Iterable[str], facts: Facts, kind: str) -> tuple[tuple[SourceFact, ...], tuple[str, ...]]:
    """Return the sources that count, with the sources of sources, and the cited digests that do not.

    What is known only through another source needs no citer of its own: whoever may cite the outer may cite it.
    """
    found: dict[str, SourceFact] = {}
    missing: list[str] = []
    for digest in cited:
        fact = facts.sources.get(digest)
        if fact is None or not holds(name, fact, kind) or not _collect(fact, digest, facts, found, kind):
            missing.append(digest)
    return tuple(found[digest] for digest in sorted(found)), tuple(missing)


def _collect(fact: SourceFact, digest: str, facts: Facts, found: dict[str, SourceFact], kind: str) -> bool:
    """Add a source and all behind it; False if the chain has a gap or a withdrawn link."""
    waiting = [(digest, fact)]
    whole = True
    while waiting:
        digest, fact = waiting.pop()
        if digest in found:
            continue
        found[digest] = fact
        for inner in fact.sources:
            behind = facts.sources.get(inner)
            if behind is None or not stands(behind, kind):
                whole = False
            else:
                waiting.append((inner, behind))
    return whole


def consent_fault(fact: ConsentFact, at_ms: int, stage: Stage) -> str | None:
    """Return the code of what keeps a consent from standing at this moment, or None.

    A revocation works from its ledger entry on: a recorded one counts even if a clock says it lies ahead.
    """
    consent = fact.consent
    if fact.revoked_at_ms is not None:
        return "consent-revoked"
    if at_ms < consent.not_before_ms:
        return "consent-not-yet-valid"
    if at_ms >= consent.not_after_ms:
        return "consent-expired"
    if stage == "admission" and consent.uses_max is not None and fact.uses >= consent.uses_max:
        return "consent-used-up"
    return None
