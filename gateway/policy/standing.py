"""Find out how an instrument binds two parties, and since and until when.

A `Bond` says it once for a pair, for all time; asking it for a moment is comparing numbers. Dates follow each
instrument's own arithmetic (`gateway.policy.dates`); a date that contradicts the instrument binds nobody.
"""

from collections.abc import Mapping
from datetime import date
from typing import TypeVar

from msgspec import Struct

from gateway.domain.agreement import Agreement
from gateway.domain.clause import Clause, Entry, Exit, Reserved, Supersession, Suspending
from gateway.domain.directory import Adherence
from gateway.policy.dates import (
    add_days,
    add_months,
    ended_after,
    first_of_second_month,
    lapse_of,
    parse_day,
    start_ms,
    third_of,
)

FOREVER_MS = 2**53
Adherences = Mapping[str, Adherence]
AnyClause = TypeVar("AnyClause", bound=Clause)


class Window(Struct, frozen=True):
    """A suspension in effect from `start_ms` until before `end_ms`; empty scopes mean in full."""

    party: str
    start_ms: int
    end_ms: int
    kinds: tuple[str, ...]
    subjects: tuple[str, ...]

    def covers(self, kind: str, subjects: tuple[str, ...], at_ms: int) -> bool:
        """Tell whether the suspension stops a message of this kind about these subjects."""
        if not self.start_ms <= at_ms < self.end_ms:
            return False
        about = not self.subjects or not subjects or any(subject in self.subjects for subject in subjects)
        return (not self.kinds or kind in self.kinds) and about


class Term(Struct, frozen=True):
    """How long one party is bound; `begin_ms` None: not at all; `contradicts`: its dates cannot all be true."""

    begin_ms: int | None = None
    end_ms: int = FOREVER_MS
    contradicts: bool = False


class Bond(Struct, frozen=True):
    """How one instrument binds one pair: in force in [begin_ms, end_ms), superseded from `superseded_ms` on.

    `unbound` names parties that are not bound or not yet told when, `contradictory` those whose dates contradict.
    """

    covered: bool
    begin_ms: int = FOREVER_MS
    end_ms: int = FOREVER_MS
    ended_by: str = ""
    unbound: tuple[str, ...] = ()
    contradictory: tuple[str, ...] = ()
    superseded_ms: int = FOREVER_MS
    superseded_by: tuple[str, Supersession] | None = None
    windows: tuple[Window, ...] = ()
    reserved: tuple[Reserved, ...] = ()

    def clear(self, at_ms: int) -> tuple[int, int] | None:
        """Return the interval around `at_ms` in which nothing restricts the pair, or None."""
        low, high = self.begin_ms, min(self.end_ms, self.superseded_ms)
        for window in self.windows:
            if at_ms < window.start_ms:
                high = min(high, window.start_ms)
            else:
                low = max(low, window.end_ms)
        return (low, high) if low <= at_ms < high else None


def clause_of(agreement: Agreement, kind: type[AnyClause]) -> AnyClause | None:
    """Return the first clause of this kind."""
    return next((clause for clause in agreement.clauses if isinstance(clause, kind)), None)


def entered_on(agreement: Agreement, party: str, adherences: Adherences) -> date | None:
    """Return the first day on which `party` is bound, by the instrument's own arithmetic, or None.

    Never derived from a signature (CA-21, C8-39).
    """
    entry = clause_of(agreement, Entry)
    own = adherences.get(party)
    if entry is None or own is None or own.pending:
        return None
    stated = parse_day(own.in_force_on) if own.in_force_on else None
    if entry.count == "stated":
        return stated if own.notified_on else None
    if stated is not None:
        return stated
    if own.notified_on is None or (entry.accession == "stated" and own.signed_on is None):
        return None
    return _computed(agreement, entry, parse_day(own.notified_on), adherences)


def _computed(agreement: Agreement, entry: Entry, own: date, adherences: Adherences) -> date | None:
    notified = [parse_day(each.notified_on) for each in adherences.values() if each.notified_on and not each.pending]
    if entry.count == "first-of-second-month":
        both = [adherences[party].notified_on for party in agreement.between if party in adherences]
        complete = len(both) == len(agreement.between) and None not in both
        return first_of_second_month(max(notified)) if complete else None
    third = third_of(notified)
    return None if third is None else add_days(max(own, third), entry.days)


def _ended_on(agreement: Agreement, own: Adherence) -> date | None:
    """Return the first day on which a notice has ended the bond; ValueError if it contradicts the instrument."""
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
        return chosen
    return chosen if clause.agreed and chosen is not None else ended_after(received, clause.months)


def term_of(agreement: Agreement, party: str, adherences: Adherences) -> Term:
    """Return how long `party` is bound by `agreement`."""
    own = adherences.get(party)
    try:
        if own is not None and own.suspensions and clause_of(agreement, Suspending) is None:
            raise ValueError("the instrument knows no suspension")
        begin, end = _member_days(agreement, party)
        if agreement.origin == "treaty":
            begin = entered_on(agreement, party, adherences)
        noticed = _ended_on(agreement, own) if own is not None else None
        ends = [start_ms(day) for day in (end, noticed) if day is not None]
        return Term(None if begin is None else start_ms(begin), min(ends, default=FOREVER_MS))
    except ValueError:
        return Term(contradicts=True)


def _member_days(agreement: Agreement, party: str) -> tuple[date | None, date | None]:
    for member in agreement.members:
        if member.party == party:
            return parse_day(member.from_), add_days(parse_day(member.until), 1) if member.until else None
    return None, None


def windows_of(agreement: Agreement, party: str, adherences: Adherences) -> tuple[Window, ...]:
    """Return the suspensions by `party`: they, and their revocation, work on lapse of the days (CZ-41)."""
    own, clause = adherences.get(party), clause_of(agreement, Suspending)
    if own is None or clause is None:
        return ()
    return tuple(
        Window(
            party,
            start_ms(lapse_of(parse_day(each.delivered_on), clause.days)),
            start_ms(lapse_of(parse_day(each.revocation_delivered_on), clause.days))
            if each.revocation_delivered_on
            else FOREVER_MS,
            each.kinds,
            each.subjects,
        )
        for each in own.suspensions
    )


def covers_pair(agreement: Agreement, first: str, second: str) -> bool:
    """Tell whether the instrument is written for these two parties at all."""
    if first == second:
        return agreement.within_party
    if agreement.hub is not None and agreement.hub not in (first, second):
        return False
    return not agreement.between or (first in agreement.between and second in agreement.between)


def bond_of(agreement: Agreement, first: str, second: str, adherences: Adherences) -> Bond:
    """Return how `agreement` binds the pair, before other instruments are asked whether they took its place."""
    if not covers_pair(agreement, first, second):
        return Bond(covered=False)
    pair = tuple(dict.fromkeys((first, second)))
    terms = {party: term_of(agreement, party, adherences) for party in pair}
    contradictory = tuple(party for party, term in terms.items() if term.contradicts)
    unbound = tuple(party for party, term in terms.items() if term.begin_ms is None and not term.contradicts)
    end_ms, ended_by = min((term.end_ms, party) for party, term in terms.items())
    begins = [term.begin_ms for term in terms.values() if term.begin_ms is not None]
    if contradictory or unbound:
        return Bond(covered=True, unbound=unbound, contradictory=contradictory)
    try:
        windows = tuple(window for party in pair for window in windows_of(agreement, party, adherences))
    except ValueError:
        return Bond(covered=True, contradictory=pair)
    return Bond(
        covered=True,
        begin_ms=max(begins),
        end_ms=end_ms,
        ended_by=ended_by,
        windows=windows,
        reserved=tuple(
            clause
            for clause in agreement.clauses
            if isinstance(clause, Reserved)
            and clause.party in pair
            and (own := adherences.get(clause.party)) is not None
            and clause.reservation in own.reservations
        ),
    )
