"""Third party: somebody else's information goes on only as its own instrument and its provider allow.

The strictest of what the *source's* instrument says and what the provider's label says; the provider's later, specific
consent overrides its own label. Back to the provider is no transfer, nor is a referral inside a State (1.7, 9).
"""

from gateway.domain.clause import Conditions, Confidentiality, ThirdParty
from gateway.domain.directory import Authority
from gateway.domain.facts import SourceFact
from gateway.domain.label import RANK
from gateway.policy.case import Case, Findings, breach, demand, holds, listed
from gateway.policy.consents import covers, shortfalls


def third_party(clause: ThirdParty, case: Case, source: SourceFact) -> Findings:
    """The provider consents to each third party that is to have its information (CZ-33, C8-29, C1-18; 1.7-6).

    CZKZ Art. 11(2): third States and international organisations, all information, consent of the State. CIS2018
    Art. 10: any third party, consent of the authority that provided.
    """
    if case.owns(source, clause.keyed_to):
        return
    label = source.label.third_party
    outsiders = [recipient for recipient in case.recipients if _is_third(clause, case, source, recipient)]
    if not outsiders or (clause.consent == "as-labelled" and label == "permitted"):
        return
    purposes = set(case.header.purposes)
    unpermitted = [
        recipient.id
        for recipient in outsiders
        if not any(covers(fact, case, source, clause.keyed_to, purposes, recipient.id) for fact in case.standing)
    ]
    if unpermitted and clause.consent == "required":
        yield breach(clause, "consent-missing", listed(unpermitted))
    if unpermitted and clause.consent == "as-labelled" and label == "consent-required":
        yield demand("consent-missing", "ACC-11", listed(unpermitted))
    for recipient in unpermitted:
        yield from shortfalls(clause, case, source, clause.keyed_to, purposes, recipient)
    prohibited = label == "prohibited" and [each.id for each in outsiders if not _overridden(case, source, each)]
    if prohibited:
        yield demand("third-party-prohibited", "ACC-11", listed(prohibited))


def _is_third(clause: ThirdParty, case: Case, source: SourceFact, recipient: Authority) -> bool:
    if case.is_provider(recipient.id, source, clause.keyed_to):
        return False
    instrument = case.ground.agreements.get(source.agreement)
    if clause.keyed_to == "party" and instrument is not None and recipient.party in instrument.between:
        return False
    if case.originator is None or recipient.party != case.originator.party or clause.inside_party == "nobody":
        return True
    return clause.inside_party == "referral" and case.header.kind != "referral"


def _overridden(case: Case, source: SourceFact, recipient: Authority) -> bool:
    """The provider itself, later than its label, named this source and this recipient."""
    purposes = set(case.header.purposes)
    return any(
        fact.recorded_at_ms >= source.admitted_at_ms and covers(fact, case, source, "authority", purposes, recipient.id)
        for fact in case.standing
    )


def conditions(clause: Conditions, case: Case, source: SourceFact) -> Findings:
    """The provider's conditions follow its information (CZ-20, CZ-23, C8-28).

    Where they bind once accepted, one that nobody of the originator's party accepted is only flagged (C8-24, C1-14).
    """
    dropped = set(source.conditions).difference(case.header.conditions) if source.conditions else None
    if not dropped or case.owns(source, "authority"):
        return
    accepted = any(case.ground.same_party(case.header.originator, name) for name in source.accepted)
    if clause.bind == "stipulated" or accepted:
        yield breach(clause, "condition-dropped", listed(dropped))
    else:
        yield breach(clause, "condition-not-accepted", listed(dropped), "flag")


def confidentiality(clause: Confidentiality, case: Case, source: SourceFact) -> Findings:
    """Nobody but the provider marks its information lower (C1-17, C8-26, threat U5)."""
    if case.owns(source, "authority"):
        return
    if RANK[source.label.level] > case.rank:
        yield breach(clause, "label-lowered", f"{source.label.level} to {case.header.label.level}")
    if source.label.confidential_fact and not case.header.label.confidential_fact:
        yield breach(clause, "label-lowered", "the fact of the source is confidential")


def sources_available(case: Case) -> Findings:
    """ACC-09: unknown, foreign and withdrawn sources are one and the same to whoever cites them (E27)."""
    for digest in case.unavailable:
        yield demand("source-unavailable", "ACC-09", digest)


def reply_available(case: Case) -> Findings:
    """ACC-09: whoever answers a message sent or received it. Judged once: what was answered does not change."""
    answered = case.header.in_reply_to
    if (
        case.stage == "admission"
        and answered is not None
        and not holds(case.header.originator, case.facts.sources.get(answered), case.header.kind)
    ):
        yield demand("reply-unavailable", "ACC-09", answered)


def sources_governed(case: Case) -> Findings:
    """ACC-05: every source came under an instrument that is law here; nothing else could be judged."""
    for citation in case.citations:
        if citation.agreement is None:
            yield demand("agreement-unknown", "ACC-05", citation.fact.agreement)
