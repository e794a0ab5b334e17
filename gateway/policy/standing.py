"""Find out how an instrument binds two parties, and since and until when.

A `Bond` says it once for a pair, for all time; asking it for a moment is comparing numbers. Dates follow each
instrument's own arithmetic (`gateway.policy.terms`); a date that contradicts the instrument binds nobody.
"""

from collections.abc import Iterator
from datetime import date

from msgspec import Struct

from gateway.domain.agreement import Agreement, Amendment
from gateway.domain.clause import Renewal, Reserved, Supersession, Suspending
from gateway.policy.dates import add_days, day_after, lapsed, parse_day, start_ms
from gateway.policy.terms import FOREVER_MS, Adherences, Edge, clause_of, edge_of, term_of

__all__ = ["FOREVER_MS", "Adherences", "Bond", "Window", "bond_of", "clause_of", "covers_pair", "windows_of"]


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


class Bond(Struct, frozen=True):
    """How one instrument binds one pair: in force in [begin_ms, end_ms), superseded in [superseded_ms, returns_ms).

    `begins` tells since when each party is that has a day, `acceding` names those that did not sign. `unbound` names
    parties that are not bound or not yet told when, `contradictory` those whose dates contradict. `lapsed_ms`: it was
    not extended beyond. `amended_ms`: before it this file, as amended, was not yet the law.
    """

    covered: bool
    begin_ms: int = FOREVER_MS
    end_ms: int = FOREVER_MS
    ended_by: str = ""
    unbound: tuple[str, ...] = ()
    contradictory: tuple[str, ...] = ()
    superseded_ms: int = FOREVER_MS
    returns_ms: int = FOREVER_MS
    superseded_by: tuple[str, Supersession] | None = None
    windows: tuple[Window, ...] = ()
    reserved: tuple[Reserved, ...] = ()
    lapsed_ms: int = FOREVER_MS
    amended_ms: int = 0
    edges: tuple[Edge, ...] = ()
    begins: tuple[tuple[str, int], ...] = ()
    acceding: frozenset[str] = frozenset()

    def late(self, at_ms: int) -> tuple[str, ...]:
        """Return the parties that are not bound yet at `at_ms`."""
        return (*self.unbound, *(party for party, begin_ms in self.begins if at_ms < begin_ms))

    def superseded(self, at_ms: int) -> bool:
        """Tell whether another instrument has taken its place between the two."""
        return self.superseded_ms <= at_ms < self.returns_ms

    def clear(self, at_ms: int) -> tuple[int, int] | None:
        """Return the interval around `at_ms` in which nothing restricts the pair, or None."""
        low, high = max(self.begin_ms, self.amended_ms), min(self.end_ms, self.lapsed_ms)
        if at_ms < self.superseded_ms:
            high = min(high, self.superseded_ms)
        else:
            low = max(low, self.returns_ms)
        for window in self.windows:
            if at_ms < window.start_ms:
                high = min(high, window.start_ms)
            else:
                low = max(low, window.end_ms)
        return (low, high) if low <= at_ms < high else None

    def disputable(self, at_ms: int) -> tuple[str, ...]:
        """Return what could be read otherwise on this day, one line each; empty on every other day."""
        return tuple(dict.fromkeys(edge.words for edge in self.edges if edge.from_ms <= at_ms < edge.until_ms))


def newest_amendment(agreement: Agreement) -> Amendment | None:
    """Return the amendment that entered, or will enter, into force last (CA-20, CZ-40, C8-33)."""
    return max(agreement.amendments, key=lambda each: each.in_force_on, default=None)


def windows_of(agreement: Agreement, party: str, adherences: Adherences) -> tuple[Window, ...]:
    """Return the suspensions by `party`: they, and their revocation, work on lapse of the days (CZ-41)."""
    own, clause = adherences.get(party), clause_of(agreement, Suspending)
    if own is None or clause is None:
        return ()
    return tuple(
        Window(
            party,
            _lapse_ms(agreement, clause, each.delivered_on),
            FOREVER_MS
            if each.revocation_delivered_on is None
            else _lapse_ms(agreement, clause, each.revocation_delivered_on),
            each.kinds,
            each.subjects,
        )
        for each in own.suspensions
    )


def _last_day(agreement: Agreement, clause: Suspending, delivered_on: str) -> date:
    return add_days(parse_day(delivered_on), clause.days, agreement.counting)


def _lapse_ms(agreement: Agreement, clause: Suspending, delivered_on: str) -> int:
    counting = agreement.counting
    return start_ms(lapsed(_last_day(agreement, clause, delivered_on), counting), counting)


def _suspension_edges(agreement: Agreement, party: str, adherences: Adherences) -> Iterator[Edge]:
    own, clause = adherences.get(party), clause_of(agreement, Suspending)
    if own is None or clause is None:
        return
    for each in own.suspensions:
        for what, delivered_on in (("suspension", each.delivered_on), ("revocation", each.revocation_delivered_on)):
            if delivered_on is not None:
                last = _last_day(agreement, clause, delivered_on)
                words = f"day {clause.days} itself after the {what} by {party}: it works, or not yet"
                yield edge_of(agreement, last, clause, words)


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
    begins = tuple((party, term.begin_ms) for party, term in terms.items() if term.begin_ms is not None)
    acceding = frozenset(party for party in pair if party in adherences and adherences[party].signed_on is None)
    if contradictory or unbound:
        return Bond(covered=True, unbound=unbound, contradictory=contradictory, begins=begins, acceding=acceding)
    try:
        windows = tuple(window for party in pair for window in windows_of(agreement, party, adherences))
        suspensions = [edge for party in pair for edge in _suspension_edges(agreement, party, adherences)]
        lapsed_ms, amended_ms = _lapsed_ms(agreement), _amended_ms(agreement)
    except (ValueError, OverflowError):
        return Bond(covered=True, contradictory=pair)
    return Bond(
        covered=True,
        begin_ms=max(begin_ms for _, begin_ms in begins),
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
        lapsed_ms=lapsed_ms,
        amended_ms=amended_ms,
        edges=(*(edge for term in terms.values() for edge in term.edges), *suspensions),
        begins=begins,
        acceding=acceding,
    )


def _lapsed_ms(agreement: Agreement) -> int:
    """Extended by itself time after time, unless the parties agreed that one period is the last (C1-22)."""
    clause = clause_of(agreement, Renewal)
    if clause is None or clause.not_extended_after is None:
        return FOREVER_MS
    return start_ms(day_after(parse_day(clause.not_extended_after)), agreement.counting)


def _amended_ms(agreement: Agreement) -> int:
    amendment = newest_amendment(agreement)
    return 0 if amendment is None else start_ms(parse_day(amendment.in_force_on), agreement.counting)
