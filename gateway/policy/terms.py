"""Find out from when to when one party is bound by one instrument, and by which arithmetic.

Every answer says how it was found, so that a status table can be checked by hand. Never derived from a signature
(CA-21, C8-39). Where a day could be read otherwise, an `Edge` names it: decisions on that day are disputable.
"""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import TypeVar

from msgspec import Struct

from gateway.domain.agreement import Agreement
from gateway.domain.clause import Clause, Entry, Exit, Suspending
from gateway.domain.directory import Adherence
from gateway.policy.dates import (
    add_days,
    add_months,
    day_after,
    first_of_second_month,
    lapsed,
    parse_day,
    start_ms,
    third_of,
)

FOREVER_MS = 2**53
Adherences = Mapping[str, Adherence]
AnyClause = TypeVar("AnyClause", bound=Clause)


class Edge(Struct, frozen=True):
    """A day that could be read otherwise, [from_ms, until_ms), and what is disputable about it."""

    from_ms: int
    until_ms: int
    words: str


class Entered(Struct, frozen=True):
    """The first day on which a party is bound, and how it was found; `day` None: not bound, and `by` says why."""

    day: date | None
    by: str
    disputable: bool = False


class Ended(Struct, frozen=True):
    """The first day on which a notice has ended the bond, the disputable day if any, and how it was found."""

    day: date
    by: str
    edge: date | None = None


class Term(Struct, frozen=True):
    """How long one party is bound; `begin_ms` None: not at all; `contradicts`: its dates cannot all be true."""

    begin_ms: int | None = None
    end_ms: int = FOREVER_MS
    contradicts: bool = False
    edges: tuple[Edge, ...] = ()


def clause_of(agreement: Agreement, kind: type[AnyClause]) -> AnyClause | None:
    """Return the first clause of this kind."""
    return next((clause for clause in agreement.clauses if isinstance(clause, kind)), None)


def edge_of(agreement: Agreement, day: date, clause: Clause, words: str) -> Edge:
    """Return the edge that `day` is, where the instrument's day begins."""
    counting = agreement.counting
    text = f"disputable: {day.isoformat()} is {words} ({clause.rule})"
    return Edge(start_ms(day, counting), start_ms(day_after(day), counting), text)


def entered_on(agreement: Agreement, party: str, adherences: Adherences) -> Entered:
    """Return the first day on which `party` is bound, by the instrument's own arithmetic.

    Raises:
        ValueError: a day that is needed does not exist.
    """
    entry, own = clause_of(agreement, Entry), adherences.get(party)
    if entry is None or own is None:
        return Entered(None, "no status is recorded")
    if own.pending:
        return Entered(None, f"deposited on {own.notified_on}, pending: internal procedures go on")
    if entry.count == "stated" and own.notified_on is None:
        return Entered(None, f"{_signature(own)}, not notified")
    if own.in_force_on is not None:
        return Entered(parse_day(own.in_force_on), "as stated in the directory")
    if own.notified_on is None:
        return Entered(None, f"{_signature(own)}, not notified")
    if entry.count == "stated":
        return Entered(None, f"notified on {own.notified_on}; the text gives no day, and none is stated")
    if own.signed_on is None and entry.accession != "same":
        return _acceded(agreement, entry, party, adherences)
    return _counted(agreement, entry, parse_day(own.notified_on), adherences)


def _signature(own: Adherence) -> str:
    return f"signed on {own.signed_on}" if own.signed_on else "no signature recorded"


def _counted(agreement: Agreement, entry: Entry, own: date, adherences: Adherences) -> Entered:
    if entry.count == "first-of-second-month":
        return _both_notified(agreement, adherences)
    third = third_of(_signatories_notified(adherences))
    if third is None:
        return Entered(None, f"notified on {own}; fewer than three signatories have notified")
    event, which = (own, "its own notification") if own > third else (third, "the third notification")
    if entry.count == "deposit-of-third":
        return Entered(event, f"day of {which}, {event}")
    day = add_days(event, entry.days, agreement.counting)
    return Entered(day, f"{entry.days} days after {which}, {event}", disputable=True)


def _signatories_notified(adherences: Adherences) -> Iterator[date]:
    """Yield the day of every notification that counts: who accedes, accedes to what is in force already."""
    for each in adherences.values():
        if each.notified_on and each.signed_on and not each.pending:
            yield parse_day(each.notified_on)


def _both_notified(agreement: Agreement, adherences: Adherences) -> Entered:
    days: list[date] = []
    for party in agreement.between:
        own = adherences.get(party)
        if own is None or own.notified_on is None or own.pending:
            return Entered(None, f"{party} has not notified")
        days.append(parse_day(own.notified_on))
    last = max(days)
    return Entered(first_of_second_month(last), f"first day of the second month after the last notification, {last}")


def _acceded(agreement: Agreement, entry: Entry, party: str, adherences: Adherences) -> Entered:
    if entry.accession == "stated":
        return Entered(None, "accession: the day has to be stated")
    return _accessions(agreement, adherences)[party]


def _accessions(agreement: Agreement, adherences: Adherences) -> dict[str, Entered]:
    """Return what became of every accession by consent of all, in order of time: who acceded before consents too."""
    bound: dict[str, date] = {}
    candidates: list[tuple[date, str]] = []
    found: dict[str, Entered] = {}
    for party, own in sorted(adherences.items()):
        acceding = own.signed_on is None and own.in_force_on is None and own.notified_on is not None
        if not acceding or own.pending:
            day = entered_on(agreement, party, adherences).day
            bound |= {} if day is None else {party: day}
        elif own.consented:
            candidates.append((_consented_on(own), party))
        else:
            found[party] = Entered(None, "accession: no consent is recorded")
    for day, party in sorted(candidates):
        given = {each.party for each in adherences[party].consented}
        needed = {each for each, since in bound.items() if since <= day and not _left(agreement, adherences[each], day)}
        missing = sorted(needed - given)
        if missing or not needed:
            lacking = f"the consent of {', '.join(missing)} is missing" if missing else "nobody was bound by then"
            found[party] = Entered(None, f"accession: {lacking}")
            continue
        found[party] = Entered(day, f"accession: the last of {len(needed)} consents was received by {day}")
        # Who accedes on the same day was no party yet when the others consented.
        bound[party] = day_after(day)
    return found


def _consented_on(own: Adherence) -> date:
    """The last consent, but not before the instrument of accession itself was deposited (CIS2001 Art. 17)."""
    days = [parse_day(each.received_on) for each in own.consented]
    return max(days if own.notified_on is None else [*days, parse_day(own.notified_on)])


def _left(agreement: Agreement, own: Adherence, day: date) -> bool:
    try:
        ended = ended_on(agreement, own)
    except ValueError:
        return False
    return ended is not None and ended.day <= day


def ended_on(agreement: Agreement, own: Adherence) -> Ended | None:
    """Return when a notice ends the bond, or None without a notice; ValueError if it contradicts the instrument."""
    if own.exit is None:
        return None
    clause = clause_of(agreement, Exit)
    if clause is None:
        raise ValueError("the instrument knows no exit")
    received = parse_day(own.exit.received_on)
    chosen = parse_day(own.exit.chosen_on) if own.exit.chosen_on else None
    if clause.count == "before-chosen":
        if chosen is None or chosen < add_months(received, clause.months):
            raise ValueError("the chosen day is too near")
        return Ended(chosen, f"chosen in the notice received on {received}", chosen)
    if clause.agreed and chosen is not None:
        return Ended(chosen, f"agreed in writing, notice received on {received}")
    last = add_months(received, clause.months)
    return Ended(lapsed(last, agreement.counting), f"{clause.months} months after receipt on {received}", last)


def term_of(agreement: Agreement, party: str, adherences: Adherences) -> Term:
    """Return how long `party` is bound by `agreement`."""
    own, counting = adherences.get(party), agreement.counting
    try:
        if own is not None and own.suspensions and clause_of(agreement, Suspending) is None:
            raise ValueError("the instrument knows no suspension")
        begin, end = member_days(agreement, party)
        entered = entered_on(agreement, party, adherences)
        if agreement.origin == "treaty":
            begin = entered.day
        noticed = ended_on(agreement, own) if own is not None else None
        ends = [start_ms(day, counting) for day in (end, noticed.day if noticed else None) if day is not None]
        return Term(
            begin_ms=None if begin is None else start_ms(begin, counting),
            end_ms=min(ends, default=FOREVER_MS),
            edges=tuple(_edges(agreement, entered, noticed)),
        )
    except (ValueError, OverflowError):
        return Term(contradicts=True)


def _edges(agreement: Agreement, entered: Entered, noticed: Ended | None) -> Iterator[Edge]:
    entry, exit_ = clause_of(agreement, Entry), clause_of(agreement, Exit)
    if entry is not None and entered.disputable and entered.day is not None:
        yield edge_of(agreement, entered.day, entry, f"day {entry.days} itself: in force on it, or after it")
    if exit_ is not None and noticed is not None and noticed.edge is not None:
        words = f"the last of {exit_.months} months: still bound, or ended"
        chosen = "the chosen day itself: ended, or still bound"
        yield edge_of(agreement, noticed.edge, exit_, chosen if exit_.count == "before-chosen" else words)


def member_days(agreement: Agreement, party: str) -> tuple[date | None, date | None]:
    """Return the first day of an operator's member, and the first day after its last; ValueError for a false day."""
    for member in agreement.members:
        if member.party == party:
            return parse_day(member.from_), day_after(parse_day(member.until)) if member.until else None
    return None, None
