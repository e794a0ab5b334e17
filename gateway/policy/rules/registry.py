"""Which function reads which clause. A clause without one refuses: silence of ours must not permit.

`HOUSE` are Accord's own rules; `OWN` judge a message by a clause of the instrument it cites; `SOURCED` judge it by a
clause of the instrument that a cited source came under. `WITNESS` clauses hold data that other rules read.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from msgspec import Struct

from gateway.domain import clause as law
from gateway.domain.agreement import Agreement
from gateway.domain.clause import Clause
from gateway.domain.facts import SourceFact
from gateway.policy import consents
from gateway.policy.case import Case, Citation, Finding, demand, holds
from gateway.policy.ground import SOURCED_TYPES
from gateway.policy.rules import (
    access,
    agreement,
    channel,
    form,
    personal_data,
    purpose,
    request,
    signing,
    terms,
    third_party,
)

HouseRule = Callable[[Case], Iterator[Finding]]
# Each function takes the clause type that it is registered for; the table is what ties the two.
OwnRule = Callable[[Any, Case], Iterator[Finding]]
SourcedRule = Callable[[Any, Case, SourceFact], Iterator[Finding]]


# Without these an instrument would permit by silence.
OWN_NEEDED: frozenset[type[Clause]] = frozenset({law.Kinds, law.Purposes, law.Subjects})


def edition_current(case: Case) -> Iterator[Finding]:
    """ACC-01: the edition has not expired, and the law is what it names (threats O4, N11)."""
    if case.at_ms >= case.ground.not_after_ms:
        yield demand("edition-expired", "ACC-01", f"edition {case.ground.edition.number}")
    if case.ground.mismatched:
        yield demand("law-mismatch", "ACC-01", ", ".join(case.ground.mismatched))


def clauses_speak(case: Case) -> Iterator[Finding]:
    """ACC-05: for kinds, purposes and subjects some clause of the instrument speaks of this message."""
    if case.agreement is not None:
        yield from _silent(case, case.agreement, OWN_NEEDED, case.header.kind, case.header.label.personal_data)


def source_clauses_speak(case: Case) -> Iterator[Finding]:
    """ACC-05: for use, transfer, conditions and marking some clause speaks of each cited source."""
    for fact, instrument in case.citations:
        if instrument is not None:
            yield from _silent(case, instrument, SOURCED_TYPES, fact.kind, fact.label.personal_data)


def _silent(
    case: Case, instrument: Agreement, needed: frozenset[type[Clause]], kind: str, personal: bool
) -> Iterator[Finding]:
    spoken = case.ground.speaking(instrument, kind, personal).types
    if needed <= spoken:
        return
    for missing in needed - spoken:
        yield demand("clause-missing", "ACC-05", f"{instrument.id}: {missing.__struct_config__.tag}")


# What is asked of every message, and what only of one that cites others.
UNCITED: tuple[HouseRule, ...] = (
    edition_current,
    clauses_speak,
    access.authorities_listed,
    access.link_is_originators,
    access.private_denied,
    access.clearances,
    access.queries_foreseen,
    agreement.govern,
    terms.capable,
    purpose.mandates,
    purpose.subjects_known,
    third_party.reply_available,
)
CITED: tuple[HouseRule, ...] = (
    source_clauses_speak,
    third_party.sources_available,
    third_party.sources_governed,
    consents.stand,
    consents.conditions_kept,
)
HOUSE = (*UNCITED, *CITED)
OWN: dict[type[Clause], OwnRule] = {
    law.Entry: agreement.entered,
    law.Exit: agreement.ended,
    law.Renewal: agreement.extended,
    law.Suspending: agreement.suspended,
    law.Reserved: agreement.reserved,
    law.Kinds: agreement.foreseen,
    law.Excluded: agreement.excluded,
    law.Purposes: purpose.purposes,
    law.Subjects: purpose.subjects,
    law.Form: form.form,
    law.Language: form.language,
    law.ReviewDate: form.review_date,
    law.PersonalKinds: personal_data.personal_kinds,
    law.SpecialCategories: personal_data.special_categories,
    law.DestructionDeadline: personal_data.destruction_deadline,
    law.NationalLaw: personal_data.national_law,
    law.Grounds: request.refusal_grounds,
    law.ReferralNotice: request.referral_notice,
    law.Urgencies: request.urgency,
    law.Signers: signing.signers,
    law.AuthorisedPersons: signing.authorised_persons,
    law.Experts: signing.experts,
    law.ChannelBasis: channel.channel_basis,
    law.Acceptable: channel.acceptable,
    law.SecurityProfile: channel.security_profile,
    law.RuleSets: terms.rule_sets,
    law.Acceptance: terms.acceptance,
    law.EntityClasses: terms.entity_class,
    law.Degree: access.degree,
    law.MinimumLevel: access.minimum_level,
    law.ConfidentialFact: access.confidential_fact,
    law.DirectQuery: access.direct_query,
    law.Granted: access.granted,
}
SOURCED: dict[type[Clause], SourcedRule] = {
    law.OtherUse: purpose.other_use,
    law.ThirdParty: third_party.third_party,
    law.Conditions: third_party.conditions,
    law.Confidentiality: third_party.confidentiality,
}
# Supersession is judged on the *older* instrument, survival by every rule about an end (`rules.agreement`).
WITNESS: frozenset[type[Clause]] = frozenset({law.Supersession, law.Survival})


class Rules(NamedTuple):
    """A set of rules; the judge uses `RULES`, a test may leave one out or add one that fails."""

    house: tuple[HouseRule, ...]
    own: Mapping[type[Clause], OwnRule]
    sourced: Mapping[type[Clause], SourcedRule]


RULES = Rules(HOUSE, OWN, SOURCED)


class Check(Struct, frozen=True):
    """One rule bound to the clause and the source it is to judge; `clause` None: a rule of our own."""

    rule: Callable[..., Iterator[Finding]]
    clause: Clause | None
    source: SourceFact | None

    def run(self, case: Case) -> Iterator[Finding]:
        """Yield what the rule says of `case`."""
        if self.clause is None:
            return self.rule(case)
        return self.rule(self.clause, case) if self.source is None else self.rule(self.clause, case, self.source)


_CITED_CHECKS = tuple(Check(rule, None, None) for rule in CITED)


def _unjudged(clause: Clause, case: Case, source: SourceFact | None = None) -> Iterator[Finding]:
    yield demand("rule-missing", "ACC-05", f"{clause.rule}: {clause.__struct_config__.tag}"[:200])


def checks(case: Case, rules: Rules = RULES) -> list[Check]:
    """Return every rule that has to be silent before the message of `case` may pass; their order means nothing."""
    found = [Check(rule, None, None) for rule in rules.house]
    header = case.header
    for clause in _speaking(case, case.agreement, header.kind, header.label.personal_data):
        if type(clause) not in WITNESS and type(clause) not in SOURCED_TYPES:
            found.append(Check(rules.own.get(type(clause), _unjudged), clause, None))
    found += _answered_checks(case, rules)
    for citation in case.citations:
        found += _source_checks(case, citation, rules)
    return found


def _answered_checks(case: Case, rules: Rules) -> list[Check]:
    """What the instrument of the message answered asks, whatever the answer cites (1.7, 12).

    Of a referral, that the initiator is told; of any answer, that a confidential fact stays one.
    """
    answered = case.facts.sources.get(case.header.in_reply_to or "")
    if answered is None or not holds(case.header.originator, answered, case.header.kind):
        return []
    instrument = case.ground.agreements.get(answered.agreement)
    clauses = instrument.clauses if instrument else ()
    found = [Check(access.answer_hidden, each, None) for each in clauses if isinstance(each, law.ConfidentialFact)][:1]
    if case.header.kind == "referral" and instrument is not case.agreement:
        found += [
            Check(rules.own.get(law.ReferralNotice, _unjudged), clause, None)
            for clause in _speaking(case, instrument, case.header.kind, case.header.label.personal_data)
            if isinstance(clause, law.ReferralNotice)
        ]
    return found


def citation_checks(case: Case) -> list[Check]:
    """Return, of the rules we ship, those that a message meets only because it cites others."""
    found = [*_CITED_CHECKS]
    for citation in case.citations:
        found += _source_checks(case, citation, RULES)
    return found


def _source_checks(case: Case, citation: Citation, rules: Rules) -> list[Check]:
    fact, instrument = citation
    if instrument is None:
        return []
    speaking = case.ground.speaking(instrument, fact.kind, fact.label.personal_data)
    sourced = rules.sourced
    return [Check(sourced.get(type(clause), _unjudged), clause, fact) for clause in speaking.sourced]


def _speaking(case: Case, instrument: Agreement | None, kind: str, personal: bool) -> tuple[Clause, ...]:
    return case.ground.speaking(instrument, kind, personal).clauses if instrument else ()
