"""Information of others: rules follow it, so each source is judged under the instrument it came under.

A source is one's own if one's authority sent it (or one's party, where the text speaks of parties). A chain keeps
its first provider: the sources of a source are judged like the source.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from gateway.domain.facts import ConsentFact, SourceFact
from gateway.domain.label import RANK
from tests.reference.bindings import BILATERAL
from tests.reference.case import Case
from tests.reference.codes import CZKZ_PURPOSES, PROTECTIVE

# What can be referred.
REFERRED = {"request", "preservation", "legal-assistance", "referral"}


@dataclass(frozen=True)
class Terms:
    """What an instrument says of information given under it; the rule ids depend on the source."""

    by_party: bool
    other_use: Callable[[SourceFact], str]
    third_party: str
    conditions: Callable[[SourceFact], str]
    marking: str
    # Whether the instrument itself asks for consent to a third party, or leaves it to the label.
    consent: bool = True
    # CA-07: no other purpose and no other instrument, whoever consents.
    exclusive: bool = False
    # CZ-23: purposes outside the Article take the law of both States and treaties besides.
    attested: bool = False
    # Rule id for a source whose conditions bind once accepted (C8-24, C1-14): until then they are marked.
    on_acceptance: str | None = None


def _always(rule: str) -> Callable[[SourceFact], str]:
    return lambda _: rule


def _policy(consent: bool) -> Terms:
    rule = _always("1.7-12")
    return Terms(True, rule, "1.7-12", rule, "1.7-12", consent=consent)


def czkz_other_use(source: SourceFact) -> str:
    """Art. 10(1) binds personal data only; for the rest it is policy (1.7-16)."""
    return "CZ-23" if source.label.personal_data else "1.7-16"


def cis2018_conditions(source: SourceFact) -> str:
    """Art. 9(2) binds for results; for the rest Art. 7(6)."""
    return "C8-28" if source.kind == "reply" else "C8-24"


CZKZ = Terms(True, czkz_other_use, "CZ-33", _always("CZ-20"), "CZ-33", attested=True)
TERMS: dict[str, Terms] = {
    "caricc-2012": Terms(True, _always("CA-07"), "CA-08", _always("CA-06"), "CA-06", exclusive=True),
    "cz-kz": CZKZ,
    "cz-kz-1998": CZKZ,
    "cis-2018": Terms(False, _always("C8-28"), "C8-29", cis2018_conditions, "C8-26", on_acceptance="C8-24"),
    "cis-2001": Terms(False, _always("C1-18"), "C1-18", _always("C1-14"), "C1-17", on_acceptance="C1-14"),
    "caricc-membership": _policy(consent=True),
    "interpol-membership": _policy(consent=False),
    "internal-kz": _policy(consent=False),
}


def chain(case: Case) -> tuple[list[SourceFact], bool]:
    """Return every source cited, with the sources of sources, and whether all of them are known and usable."""
    complete = True
    found: dict[str, SourceFact] = {}
    for digest in case.header.sources:
        source = case.facts.sources.get(digest)
        usable = source is not None and _stands(case, source) and _shared(case, source)
        if source is None or not usable or not _collect(case, source, found):
            complete = False
    return list(found.values()), complete


def _stands(case: Case, source: SourceFact) -> bool:
    """What was recalled may still be named by what protects it: a proof of destruction, another recall (1.7, 15)."""
    return not source.withdrawn or case.kind in PROTECTIVE


def _shared(case: Case, source: SourceFact) -> bool:
    return case.header.originator in (source.originator, *source.recipients)


def _collect(case: Case, source: SourceFact, found: dict[str, SourceFact]) -> bool:
    found[source.header_sha256] = source
    complete = True
    for digest in source.sources:
        earlier = case.facts.sources.get(digest)
        if digest in found:
            continue
        if earlier is None or not _stands(case, earlier) or not _collect(case, earlier, found):
            complete = False
    return complete


def reply_unavailable(case: Case) -> bool:
    """ACC-09: what is answered was sent or received by whoever answers, is known, and stands."""
    if case.header.in_reply_to is None:
        return False
    answered = case.facts.sources.get(case.header.in_reply_to)
    return answered is None or not _stands(case, answered) or not _shared(case, answered)


def spoken(case: Case) -> tuple[set[str], set[str]]:
    """Return the rule ids by which what is cited refuses, and those that it only marks."""
    reasons: set[str] = set()
    flags: set[str] = set()
    header = case.header
    if not header.sources and not header.consents and header.in_reply_to is None:
        return reasons, flags
    sources, complete = chain(case)
    if not complete or reply_unavailable(case):
        reasons.add("ACC-09")
    if _answer_tells(case):
        reasons.add("C8-26")
    for source in sources:
        if source.agreement not in TERMS or not case.world.lists(source.agreement):
            reasons.add("ACC-05")
            continue
        terms = TERMS[source.agreement]
        reasons |= _other_use(case, source, terms) | _third_party(case, source, terms) | _marking(case, source, terms)
        dropped, marked = _conditions(case, source, terms)
        reasons |= dropped
        flags |= marked
    if any(not standing(case, digest) for digest in case.header.consents) or _consent_conditions(case):
        reasons.add("ACC-10")
    return reasons, flags


def _own(case: Case, source: SourceFact, terms: Terms) -> bool:
    if terms.by_party:
        return case.own_party is not None and case.party_of(source.originator) == case.own_party
    return source.originator == case.header.originator


def _other_use(case: Case, source: SourceFact, terms: Terms) -> set[str]:
    if _own(case, source, terms):
        return set()
    rule = terms.other_use(source)
    if terms.exclusive:
        outside = case.header.agreement != source.agreement
        return {rule} if outside or not set(case.header.purposes) <= set(source.purposes) else set()
    beyond = set(case.header.purposes) - set(source.purposes)
    if not beyond:
        return set()
    if not any(beyond <= set(fact.consent.purposes) for fact in _given(case, source, terms)):
        return {rule}
    attested = case.declares("law.both-states") and case.declares("law.treaties")
    outside = terms.attested and source.label.personal_data and not beyond <= CZKZ_PURPOSES
    return {rule} if outside and not attested else set()


def _third_party(case: Case, source: SourceFact, terms: Terms) -> set[str]:
    if _own(case, source, terms):
        return set()
    third = [name for name in case.to if _is_third(case, source, terms, name)]
    if not third:
        return set()
    by_label = source.label.third_party != "permitted"
    if not terms.consent and not by_label:
        return set()
    allowed = set(case.header.purposes)
    standing_consents = list(_standing(case))
    reasons: set[str] = set()
    for name in third:
        fitting = [
            fact
            for fact in _given(case, source, terms)
            if name in fact.consent.recipients and allowed <= set(fact.consent.purposes or source.purposes)
        ]
        if not fitting:
            reasons |= {terms.third_party} if terms.consent else {"ACC-11"}
            # A consent that stands and does not fit is explained by the article that asks for it.
            reasons |= {terms.third_party} if standing_consents else set()
        if source.label.third_party == "prohibited" and not any(
            fact.consent.issued_at_ms >= source.admitted_at_ms and fact.consent.provider == source.originator
            for fact in fitting
        ):
            reasons.add("ACC-11")
    return reasons


def _is_third(case: Case, source: SourceFact, terms: Terms, name: str) -> bool:
    party = case.party_of(name)
    if name == source.originator or party is None:
        return False
    if terms.by_party:
        # Third are third States and organisations (CZ-33): no party of a bilateral agreement.
        own = {case.party_of(source.originator), case.own_party, *BILATERAL.get(source.agreement, ())}
        return party not in own
    # At home only the one to whom a request is referred (C8-21, C1-12).
    return not (case.kind == "referral" and party == case.own_party and source.kind in REFERRED)


def _marking(case: Case, source: SourceFact, terms: Terms) -> set[str]:
    """What is built on a source is marked no lower: in level, and in the fact that may not be known (C8-26)."""
    if source.originator == case.header.originator:
        return set()
    told = source.label.confidential_fact and not case.label.confidential_fact
    return {terms.marking} if told or case.rank < RANK[source.label.level] else set()


def _answer_tells(case: Case) -> bool:
    """C8-26: what answers a message whose fact is confidential is so too."""
    answered = case.facts.sources.get(case.header.in_reply_to or "")
    return (
        answered is not None
        and not reply_unavailable(case)
        and answered.agreement == "cis-2018"
        and answered.originator != case.header.originator
        and answered.label.confidential_fact
        and not case.label.confidential_fact
    )


def _conditions(case: Case, source: SourceFact, terms: Terms) -> tuple[set[str], set[str]]:
    if source.originator == case.header.originator or set(source.conditions) <= set(case.header.conditions):
        return set(), set()
    rule = terms.conditions(source)
    if rule == terms.on_acceptance and not _accepted(case, source):
        return set(), {rule}
    return {rule}, set()


def _accepted(case: Case, source: SourceFact) -> bool:
    """C8-24, C1-14: an acceptance of the originator's party answers the source."""
    return any(case.party_of(name) == case.own_party for name in source.accepted)


def standing(case: Case, digest: str) -> bool:
    """ACC-10: the consent is known, granted to the originator, valid now, not revoked, not used up."""
    fact = case.facts.consents.get(digest)
    if fact is None or fact.consent.grantee != case.header.originator:
        return False
    consent = fact.consent
    in_time = consent.not_before_ms <= case.at_ms < consent.not_after_ms
    return in_time and fact.revoked_at_ms is None and (consent.uses_max is None or fact.uses < consent.uses_max)


def _standing(case: Case) -> Iterator[ConsentFact]:
    return (case.facts.consents[digest] for digest in case.header.consents if standing(case, digest))


def _given(case: Case, source: SourceFact, terms: Terms) -> list[ConsentFact]:
    """Return the consents cited that concern this source and come from whoever may give them."""
    party = case.party_of(source.originator)
    return [
        fact
        for fact in _standing(case)
        if source.header_sha256 in fact.consent.sources
        and fact.consent.agreement == source.agreement
        and (
            fact.consent.provider == source.originator
            or (terms.by_party and party is not None and case.party_of(fact.consent.provider) == party)
        )
    ]


def _consent_conditions(case: Case) -> bool:
    return any(not set(fact.consent.conditions) <= set(case.header.conditions) for fact in _standing(case))
