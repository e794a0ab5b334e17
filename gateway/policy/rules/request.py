"""Requests, and how they are turned down or handed on."""

from gateway.domain.clause import Grounds, ReferralNotice, Urgencies
from gateway.policy.case import Case, Findings, breach, holds


def refusal_grounds(clause: Grounds, case: Case) -> Findings:
    """A refusal names a ground that the instrument knows, and reasons where it wants them (CZ-19, C8-30, C1-16).

    What a reservation opens to one party's authorities stands beside what everybody may invoke (C1-26).
    """
    own = case.originator.party if case.originator else None
    if case.agreement is None or clause.party not in (None, own):
        return
    speaking = case.ground.speaking(case.agreement, case.header.kind, case.header.label.personal_data)
    grounds = [each for each in speaking.clauses if isinstance(each, Grounds) and each.party in (None, own)]
    known = {code for each in grounds for code in each.allowed}
    ground = case.header.form.get("refusal.ground")
    if ground not in known:
        yield breach(clause, "grounds-unknown", ground if isinstance(ground, str) else None)
    if clause.reasons and not case.declared("refusal.reasons"):
        yield breach(clause, "reasons-not-given")


def referral_notice(clause: ReferralNotice, case: Case) -> Findings:
    """Whoever hands a request on inside its State tells the initiator by the same message (C8-21, C1-12, CZ-17)."""
    if case.stage == "dispatch":
        return
    answered = case.facts.sources.get(case.header.in_reply_to or "")
    # Of a request that is not the originator's to answer nothing is told (threat E27).
    initiator = answered.originator if answered and holds(case.header.originator, answered, case.header.kind) else None
    if initiator is None or all(recipient.authority != initiator for recipient in case.header.recipients):
        yield breach(clause, "initiator-not-notified", initiator)


def urgency(clause: Urgencies, case: Case) -> Findings:
    """What is urgent by its nature is marked so (C8-11)."""
    if case.header.urgency not in clause.allowed:
        yield breach(clause, "urgency-too-low", case.header.urgency)
