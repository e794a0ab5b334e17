"""Agreement: the cited instrument governs every pair of originator and recipient on this day.

After exit, suspension or supersession the kinds that protect what was exchanged still pass (rules.md 1.7, 15).
"""

from collections.abc import Iterator

from msgspec.structs import replace

from gateway.domain.agreement import Agreement
from gateway.domain.clause import Entry, Excluded, Exit, Kinds, ReferralNotice, Renewal, Reserved, Survival, Suspending
from gateway.domain.decision import Reason
from gateway.policy.case import Case, Finding, Findings, breach, demand, holds, listed
from gateway.policy.dates import day_of
from gateway.policy.house import ARTICLES
from gateway.policy.standing import Bond, newest_amendment
from gateway.policy.terms import clause_of


def _bonds(case: Case) -> Iterator[tuple[str, Bond]]:
    """Yield how the agreement binds the originator's party and each recipient's, with the pair as `AM-MD`."""
    if case.originator is None or case.agreement is None:
        return
    own = case.originator.party
    for other in dict.fromkeys(_referred_by(case) or own if party == own else party for party in case.parties):
        yield f"{own}-{other}", case.ground.bond(case.agreement, own, other)


def _referred_by(case: Case) -> str | None:
    """Return the party whose request is referred: inside a State the instrument that binds both governs (1.7, 9).

    None where nothing is referred, or by an instrument that does not know referral.
    """
    answered = case.facts.sources.get(case.header.in_reply_to or "")
    if case.header.kind != "referral" or case.agreement is None or answered is None:
        return None
    if (
        not holds(case.header.originator, answered, case.header.kind)
        or clause_of(case.agreement, ReferralNotice) is None
    ):
        return None
    initiator = case.ground.authority(answered.originator)
    return initiator.party if initiator else None


def _over(case: Case, bond: Bond) -> bool:
    """Tell whether an end of the bond stops this message: there was a bond, and the kind protects nothing given."""
    clause = clause_of(case.agreement, Survival) if case.agreement else None
    protective = clause is not None and case.header.kind in clause.protective
    return bond.begin_ms <= case.at_ms and not protective


def _instead(case: Case) -> str:
    """Say which instrument governs, so that the originator can cite it: a message cites one (CZ-39)."""
    origin = case.originator.party if case.originator else ""
    lines = (
        f"{origin}-{party} is governed by {', '.join(case.ground.governing(origin, party, case.at_ms)) or 'none'}"
        for party in case.parties
    )
    return listed(lines)


def govern(case: Case) -> Findings:
    """ACC-04: an instrument listed, written for the pair, not replaced for it (1.7-4, 1.7-13, C8-36, CZ-44)."""
    if case.agreement is None:
        yield demand("agreement-unknown", "ACC-04", case.header.agreement)
        return
    for pair, bond in _bonds(case):
        if not bond.covered:
            yield _uncovered("pair-not-covered", pair, case)
        elif case.agreement.origin == "operator" and case.at_ms < bond.begin_ms:
            yield _uncovered("agreement-not-in-force", pair, case)
        elif case.agreement.origin == "operator" and case.at_ms >= bond.end_ms and _over(case, bond):
            yield _uncovered("agreement-ended", pair, case)
        elif case.at_ms < bond.amended_ms:
            yield from _pending(case.agreement)
        if bond.superseded_by and bond.superseded(case.at_ms) and _over(case, bond):
            newer, clause = bond.superseded_by
            since = _day(case.ground.agreements[newer], bond.superseded_ms)
            yield breach(clause, "agreement-superseded", f"{pair}: {newer} since {since}", "refuse")


def _pending(agreement: Agreement) -> Findings:
    """Until its newest amendment is in force this file is not the law (CA-20, CZ-40, C8-33, C1-19)."""
    amendment = newest_amendment(agreement)
    if amendment is not None:
        detail = f"{amendment.id} is in force from {amendment.in_force_on}"
        article = f"{agreement.short} {amendment.article}"
        yield Finding("refuse", Reason("amendment-pending", amendment.rule, article, "text", detail))


def _day(agreement: Agreement | None, at_ms: int) -> str:
    """Return the day of a moment, where the instrument's day begins."""
    return (day_of(at_ms, agreement.counting) if agreement else day_of(at_ms)).isoformat()


def _since(case: Case, bond: Bond, detail: str) -> str:
    """Return a detail, with what could be read otherwise on this very day."""
    return "; ".join((detail, *bond.disputable(case.at_ms)))


def _uncovered(code: str, pair: str, case: Case) -> Finding:
    detail = f"{case.header.agreement} is not for {pair}; {_instead(case)}"
    return Finding("refuse", Reason(code, "1.7-13", ARTICLES["ACC-04"], "policy", detail))


def entered(clause: Entry, case: Case) -> Findings:
    """In force for both parties on this day, by the instrument's own arithmetic (CZ-42, C8-35, C1-21, CA-21; 1.7-3).

    A State that accedes and is not bound yet is told so by the words on accession (C8-34, C1-24).
    """
    for pair, bond in _bonds(case):
        if bond.contradictory:
            yield breach(clause, "dates-contradict", listed(bond.contradictory))
            continue
        late = bond.late(case.at_ms)
        if not late:
            continue
        if bond.unbound:
            detail = f"{listed(bond.unbound)} not bound"
        else:
            detail = _since(case, bond, f"{pair} from {_day(case.agreement, bond.begin_ms)}")
        for cited in dict.fromkeys(_on_entry(clause, party in bond.acceding) for party in late):
            yield breach(cited, "agreement-not-in-force", f"{detail}; {_instead(case)}")


def _on_entry(clause: Entry, acceding: bool) -> Entry:
    if not acceding or clause.accession_rule is None or clause.accession_article is None:
        return clause
    return replace(clause, rule=clause.accession_rule, article=clause.accession_article)


def ended(clause: Exit, case: Case) -> Findings:
    """Not left by either party: 3 months, 6 months, or a chosen day (CA-22, CZ-43, C8-37, C1-23; 1.7-2, 1.7-8)."""
    for _, bond in _bonds(case):
        if case.at_ms >= bond.end_ms and _over(case, bond):
            detail = f"{bond.ended_by} since {_day(case.agreement, bond.end_ms)}"
            yield breach(clause, "agreement-ended", _since(case, bond, detail))


def extended(clause: Renewal, case: Case) -> Findings:
    """Extended from period to period by itself, unless the parties agreed which one is the last (C1-22)."""
    for _, bond in _bonds(case):
        if case.at_ms >= bond.lapsed_ms and _over(case, bond):
            yield breach(clause, "agreement-ended", f"not extended after {clause.not_extended_after}", "refuse")


def suspended(clause: Suspending, case: Case) -> Findings:
    """Not suspended for this kind and these subjects: 15 days from delivery, both ways (CZ-41; 1.7-5)."""
    header = case.header
    for _, bond in _bonds(case):
        for window in bond.windows:
            if window.covers(header.kind, header.subjects, case.at_ms) and _over(case, bond):
                detail = f"{window.party} since {_day(case.agreement, window.start_ms)}"
                yield breach(clause, "agreement-suspended", _since(case, bond, detail))


def reserved(clause: Reserved, case: Case) -> Findings:
    """A party's reservation keeps it out of this form of cooperation, both ways (C1-25)."""
    if any(clause in bond.reserved for _, bond in _bonds(case)):
        yield breach(clause, "reservation", f"{clause.party}: {clause.reservation}")


def foreseen(clause: Kinds, case: Case) -> Findings:
    """The instrument foresees this kind of message."""
    if case.header.kind not in clause.allowed:
        yield breach(clause, "kind-not-foreseen", case.header.kind)


def excluded(clause: Excluded, case: Case) -> Findings:
    """The instrument leaves this kind out in so many words (CZ-02)."""
    yield breach(clause, clause.code, case.header.kind)
