"""Say who is bound by what at a moment: since when and by which arithmetic, until when, and what restricts it.

For `accord agreements status`. Every date names the rule and the article that it was counted by.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Literal

from msgspec import Struct

from gateway.domain.agreement import Agreement
from gateway.domain.clause import Clause, Entry, Exit, Renewal, Suspending
from gateway.policy.consistency import instrument_begins
from gateway.policy.dates import day_of, start_ms, window_of
from gateway.policy.ground import Ground
from gateway.policy.standing import FOREVER_MS, newest_amendment, windows_of
from gateway.policy.terms import Adherences, clause_of, ended_on, entered_on, member_days, term_of

State = Literal["bound", "not-yet", "not-bound", "ended", "contradictory"]


class Suspended(Struct, frozen=True):
    """A suspension that this party notified: from its first day to its last, None: not revoked."""

    since: str
    until: str | None
    in_effect: bool
    kinds: tuple[str, ...]
    subjects: tuple[str, ...]
    by: str


class PartyStatus(Struct, frozen=True):
    """One party under one instrument. `since` and `until` are its first and last day; `by` says how they were found."""

    party: str
    state: State
    since: str | None
    since_by: str
    until: str | None
    until_by: str
    suspended: tuple[Suspended, ...]
    reservations: tuple[str, ...]
    accepted: tuple[str, ...]
    notes: tuple[str, ...]


class InstrumentStatus(Struct, frozen=True):
    """One instrument at a moment, and every party that the directory or the instrument names."""

    agreement: str
    title: str
    origin: str
    parties: tuple[PartyStatus, ...]
    notes: tuple[str, ...]


def status_at(ground: Ground, at_ms: int) -> tuple[InstrumentStatus, ...]:
    """Return the status of every instrument that the edition lists, in order of their ids."""
    return tuple(_of_instrument(ground, ground.agreements[name], at_ms) for name in sorted(ground.agreements))


def cited(agreement: Agreement, clause: Clause | None) -> str:
    """Return rule and article of a clause as an aside; an operator's instrument has neither."""
    return f" ({clause.rule}, {clause.article})" if clause is not None else f" ({agreement.short})"


def _of_instrument(ground: Ground, agreement: Agreement, at_ms: int) -> InstrumentStatus:
    adherences = ground.adherences(agreement.id)
    names = {*adherences, *agreement.between, *(member.party for member in agreement.members)}
    return InstrumentStatus(
        agreement=agreement.id,
        title=agreement.title,
        origin=agreement.origin,
        parties=tuple(_of_party(ground, agreement, party, at_ms) for party in sorted(names)),
        notes=tuple(instrument_notes(agreement, adherences, at_ms)),
    )


def _of_party(ground: Ground, agreement: Agreement, party: str, at_ms: int) -> PartyStatus:
    adherences = ground.adherences(agreement.id)
    own = adherences.get(party)
    since, since_by = since_of(agreement, party, adherences)
    until, until_by = _until(agreement, party, adherences)
    return PartyStatus(
        party=party,
        state=_state(agreement, party, adherences, at_ms),
        since=since,
        since_by=since_by,
        until=until,
        until_by=until_by,
        suspended=tuple(_suspensions(agreement, party, adherences, at_ms)),
        reservations=own.reservations if own else (),
        accepted=own.accepted if own else (),
        notes=tuple(_party_notes(ground, agreement, party, at_ms)),
    )


def _state(agreement: Agreement, party: str, adherences: Adherences, at_ms: int) -> State:
    term = term_of(agreement, party, adherences)
    if term.contradicts:
        return "contradictory"
    if term.begin_ms is None:
        return "not-bound"
    if at_ms < term.begin_ms:
        return "not-yet"
    return "bound" if at_ms < term.end_ms else "ended"


def since_of(agreement: Agreement, party: str, adherences: Adherences) -> tuple[str | None, str]:
    """Return the first day on which a party is bound, None: it is not, and by which arithmetic, or why not."""
    try:
        if agreement.origin == "operator":
            day = member_days(agreement, party)[0]
            return (day.isoformat(), "as the operator states it") if day else (None, "no member")
        entered = entered_on(agreement, party, adherences)
    except ValueError as error:
        return None, f"dates contradict: {error}"
    day = entered.day
    aside = cited(agreement, clause_of(agreement, Entry))
    return (day.isoformat() if day else None), f"{entered.by}{aside}"


def _until(agreement: Agreement, party: str, adherences: Adherences) -> tuple[str | None, str]:
    own = adherences.get(party)
    try:
        after = member_days(agreement, party)[1]
        ended = ended_on(agreement, own) if own is not None else None
    except ValueError as error:
        return None, f"dates contradict: {error}"
    if ended is not None and (after is None or ended.day <= after):
        last = ended.day - timedelta(days=1)
        return last.isoformat(), f"{ended.by}{cited(agreement, clause_of(agreement, Exit))}"
    return ((after - timedelta(days=1)).isoformat(), "as the operator states it") if after else (None, "")


def _suspensions(agreement: Agreement, party: str, adherences: Adherences, at_ms: int) -> Iterator[Suspended]:
    clause = clause_of(agreement, Suspending)
    try:
        windows = windows_of(agreement, party, adherences)
    except ValueError:
        return
    for window in windows:
        revoked = window.end_ms < FOREVER_MS
        yield Suspended(
            since=day_of(window.start_ms, agreement.counting).isoformat(),
            until=day_of(window.end_ms - 1, agreement.counting).isoformat() if revoked else None,
            in_effect=window.start_ms <= at_ms < window.end_ms,
            kinds=window.kinds,
            subjects=window.subjects,
            by=f"{clause.days if clause else 0} days from delivery{cited(agreement, clause)}",
        )


def _party_notes(ground: Ground, agreement: Agreement, party: str, at_ms: int) -> Iterator[str]:
    term = term_of(agreement, party, ground.adherences(agreement.id))
    yield from (edge.words for edge in term.edges if edge.from_ms <= at_ms < edge.until_ms)
    own = ground.adherences(agreement.id).get(party)
    if own is not None and own.pending:
        yield "pending: its deposit brings nothing into force until its internal procedures are completed"
    if own is not None and own.signed_on is None and own.in_force_on is not None and not own.consented:
        entry = clause_of(agreement, Entry)
        if entry is not None and entry.accession == "unanimous":
            yield "acceded as stated; the consents of the other parties are not on record"
    yield from _replaced(ground, agreement, party, at_ms)


def _replaced(ground: Ground, agreement: Agreement, party: str, at_ms: int) -> Iterator[str]:
    """Towards whom another instrument has taken the place of this one, and since when."""
    found: dict[tuple[str, str], list[str]] = {}
    names = {*ground.adherences(agreement.id), *agreement.between} - {party}
    for other in sorted(names):
        bond = ground.bond(agreement, party, other)
        if bond.superseded_by is not None and bond.superseded(at_ms) and bond.begin_ms < FOREVER_MS:
            newer = ground.agreements[bond.superseded_by[0]]
            since = day_of(bond.superseded_ms, newer.counting).isoformat()
            aside = cited(newer, bond.superseded_by[1])
            found.setdefault((f"superseded by {newer.id} since {since}", aside), []).append(other)
    for (what, aside), others in sorted(found.items()):
        yield f"{what} towards {', '.join(others)}{aside}"


def instrument_notes(agreement: Agreement, adherences: Adherences, at_ms: int) -> Iterator[str]:
    """Yield what holds of the whole instrument at a moment: its period, and an amendment that is not in force yet."""
    day = day_of(at_ms, agreement.counting)
    amendment = newest_amendment(agreement)
    if amendment is not None and day.isoformat() < amendment.in_force_on:
        yield f"amendment {amendment.id} is in force from {amendment.in_force_on}; until then this text binds nobody"
    renewal, begin = clause_of(agreement, Renewal), instrument_begins(agreement, adherences)
    if renewal is None or begin is None or start_ms(begin, agreement.counting) > at_ms:
        return
    first, last = window_of(begin, renewal.years, day)
    if renewal.not_extended_after is None:
        yield f"period {first} to {last}, then extended by {renewal.years} years{cited(agreement, renewal)}"
    else:
        yield f"not extended after {renewal.not_extended_after}{cited(agreement, renewal)}"
