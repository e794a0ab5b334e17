"""Which function reads which clause. A clause without one refuses: silence of ours must not permit.

`HOUSE` are Accord's own rules; `OWN` judge a message by a clause of the instrument it cites; `SOURCED` judge it by a
clause of the instrument that a cited source came under. `WITNESS` clauses hold data that other rules read.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from gateway.domain import agreement as law
from gateway.domain.agreement import Clause
from gateway.domain.facts import SourceFact
from gateway.policy import consents
from gateway.policy.case import Case, Citation, Finding, concerns, demand
from gateway.policy.rules import access, agreement, form, purpose, third_party

HouseRule = Callable[[Case], Iterator[Finding]]
# Each function takes the clause type that it is registered for; the table is what ties the two.
OwnRule = Callable[[Any, Case], Iterator[Finding]]
SourcedRule = Callable[[Any, Case, SourceFact], Iterator[Finding]]


def edition_current(case: Case) -> Iterator[Finding]:
    """ACC-01: the edition has not expired, and the law is what it names (threats O4, N11)."""
    if case.at_ms >= case.ground.not_after_ms:
        yield demand("edition-expired", "ACC-01", f"edition {case.ground.edition.number}")
    if case.ground.mismatched:
        yield demand("law-mismatch", "ACC-01", ", ".join(case.ground.mismatched))


def clauses_speak(case: Case) -> Iterator[Finding]:
    """ACC-05: for what must be regulated some clause speaks of this message and of each cited source."""
    header = case.header
    if case.agreement is not None:
        yield from _silent(
            (law.Kinds, law.Purposes, law.Subjects), case.agreement, header.kind, header.label.personal_data
        )
    for fact, instrument in case.citations:
        if instrument is not None:
            yield from _silent(
                (law.OtherUse, law.ThirdParty, law.Conditions, law.Confidentiality),
                instrument,
                fact.kind,
                fact.label.personal_data,
            )


def _silent(
    needed: tuple[type[Clause], ...], instrument: law.Agreement, kind: str, personal: bool
) -> Iterator[Finding]:
    for type_ in needed:
        speaking = (clause for clause in instrument.clauses if isinstance(clause, type_))
        if not any(concerns(clause, kind, personal) for clause in speaking):
            yield demand("clause-missing", "ACC-05", f"{instrument.id}: {type_.__struct_config__.tag}")


HOUSE: tuple[HouseRule, ...] = (
    edition_current,
    clauses_speak,
    access.authorities_listed,
    access.link_is_originators,
    access.private_denied,
    access.clearances,
    access.queries_foreseen,
    agreement.govern,
    purpose.mandates,
    purpose.subjects_known,
    third_party.sources_available,
    third_party.sources_governed,
    third_party.reply_available,
    consents.stand,
    consents.conditions_kept,
)
OWN: dict[type[Clause], OwnRule] = {
    law.Entry: agreement.entered,
    law.Exit: agreement.ended,
    law.Suspending: agreement.suspended,
    law.Reserved: agreement.reserved,
    law.Kinds: agreement.foreseen,
    law.Excluded: agreement.excluded,
    law.Purposes: purpose.purposes,
    law.Subjects: purpose.subjects,
    law.Form: form.form,
    law.Language: form.language,
    law.SpecialCategories: form.special_categories,
    law.DestructionDeadline: form.destruction_deadline,
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


class Check(NamedTuple):
    """One rule bound to the clause and the source it is to judge; `clause` None: a rule of our own."""

    rule: Callable[..., Iterator[Finding]]
    clause: Clause | None
    source: SourceFact | None

    def run(self, case: Case) -> list[Finding]:
        """Return what the rule says of `case`."""
        if self.clause is None:
            return list(self.rule(case))
        if self.source is None:
            return list(self.rule(self.clause, case))
        return list(self.rule(self.clause, case, self.source))


def _unjudged(clause: Clause, case: Case) -> Iterator[Finding]:
    yield demand("rule-missing", "ACC-05", f"{clause.rule}: {clause.__struct_config__.tag}"[:200])


def checks(case: Case, rules: Rules = RULES) -> list[Check]:
    """Return every rule that has to be silent before the message of `case` may pass; their order means nothing."""
    found = [Check(rule, None, None) for rule in rules.house]
    header = case.header
    for clause in case.agreement.clauses if case.agreement else ():
        if type(clause) in WITNESS or type(clause) in rules.sourced:
            continue
        if concerns(clause, header.kind, header.label.personal_data):
            found.append(Check(rules.own.get(type(clause), _unjudged), clause, None))
    for citation in case.citations:
        found += _source_checks(citation, rules)
    return found


def _source_checks(citation: Citation, rules: Rules) -> Iterator[Check]:
    fact, instrument = citation
    for clause in instrument.clauses if instrument else ():
        if type(clause) in WITNESS or type(clause) in rules.own:
            continue
        if concerns(clause, fact.kind, fact.label.personal_data):
            rule = rules.sourced.get(type(clause))
            yield Check(rule, clause, fact) if rule else Check(_unjudged, clause, None)
