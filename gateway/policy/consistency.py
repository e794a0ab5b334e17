"""Find what in an edition contradicts the law it names, before anybody is judged by it.

Pure: an edition and the law in, faults out. Judging itself takes a party with contradictory dates for unbound; that
is the second line. The first is here: such an edition is not built, and a gateway does not take it.
"""

from collections.abc import Iterator
from datetime import date

from msgspec import Struct

from gateway.domain.agreement import Agreement
from gateway.domain.clause import Entry, Exit, Renewal, Reserved, Suspending
from gateway.domain.directory import Adherence, Edition
from gateway.domain.errors import ConfigurationError
from gateway.policy.agreements import Law
from gateway.policy.dates import NOTIFICATIONS_NEEDED, add_months, day_after, parse_day, window_of
from gateway.policy.terms import Adherences, clause_of, ended_on, entered_on, member_days

_IN_ORDER = "put the dates in order"
_EXISTS = "write a day of the calendar as YYYY-MM-DD"


class Fault(Struct, frozen=True):
    """One contradiction: the key of the edition's source, what is wrong, what to do."""

    key: str
    what: str
    remedy: str


def refuse_contradictions(edition: Edition, law: Law, where: str) -> None:
    """Return if nothing in `edition` contradicts `law`; `where` names the file in the error.

    Raises:
        ConfigurationError: something does; the text names the first fault and counts the others.
    """
    found = tuple(faults(edition, law))
    if found:
        first = found[0]
        more = f" (and {len(found) - 1} more such faults)" if len(found) > 1 else ""
        raise ConfigurationError(f"{where}: key `{first.key}`: {first.what}{more}", first.remedy)


def faults(edition: Edition, law: Law) -> Iterator[Fault]:
    """Yield every contradiction between an edition and the agreements in `law` that it lists."""
    listed = {entry.agreement for entry in edition.law if law.digests.get(entry.agreement) == entry.sha256}
    status: dict[str, dict[str, Adherence]] = {}
    for entry in edition.adherences:
        status.setdefault(entry.agreement, {})[entry.party] = entry
    for name in sorted(listed):
        agreement, adherences = law.agreements[name], status.get(name, {})
        for own in adherences.values():
            yield from _of_adherence(agreement, own, adherences)
        yield from _of_renewal(agreement, adherences)
    if len(listed) == len(edition.law):
        yield from _bound_by_nothing(edition, [law.agreements[name] for name in listed], status)


def _key(own: Adherence, field: str) -> str:
    return f"adherences[{own.agreement}/{own.party}].{field}"


def _of_adherence(agreement: Agreement, own: Adherence, adherences: Adherences) -> Iterator[Fault]:
    false = [*_false_days(own)]
    yield from false
    if agreement.between and own.party not in agreement.between:
        yield Fault(_key(own, "party"), "no party of this agreement", f"parties: {', '.join(agreement.between)}")
    known = [clause.reservation for clause in agreement.clauses if isinstance(clause, Reserved)]
    for reservation in own.reservations:
        if reservation not in known:
            remedy = f"known: {', '.join(known) or 'none'}"
            yield Fault(_key(own, "reservations"), f"no clause knows the reservation `{reservation}`", remedy)
    if false:
        return
    yield from _of_entry(agreement, own)
    yield from _of_accession(agreement, own, adherences)
    yield from _of_suspensions(agreement, own)
    yield from _of_exit(agreement, own, adherences)


def _false_days(own: Adherence) -> Iterator[Fault]:
    days = [(name, getattr(own, name)) for name in ("signed_on", "notified_on", "in_force_on")]
    for index, each in enumerate(own.suspensions):
        days.append((f"suspensions[{index}].delivered_on", each.delivered_on))
        days.append((f"suspensions[{index}].revocation_delivered_on", each.revocation_delivered_on))
    if own.exit is not None:
        days += [("exit.received_on", own.exit.received_on), ("exit.chosen_on", own.exit.chosen_on)]
    days += [(f"consented[{each.party}].received_on", each.received_on) for each in own.consented]
    for field, text in days:
        if text is not None and _day(text) is None:
            yield Fault(_key(own, field), f"`{text}` is a day that does not exist", _EXISTS)


def _day(text: str | None) -> date | None:
    try:
        return None if text is None else parse_day(text)
    except ValueError:
        return None


def _of_entry(agreement: Agreement, own: Adherence) -> Iterator[Fault]:
    signed, notified, in_force = (_day(each) for each in (own.signed_on, own.notified_on, own.in_force_on))
    if signed and notified and notified < signed:
        yield Fault(_key(own, "notified_on"), f"notified on {notified}, signed on {signed}", _IN_ORDER)
    if signed and in_force and in_force < signed:
        yield Fault(_key(own, "in_force_on"), f"in force on {in_force}, signed on {signed}", _IN_ORDER)
    if notified and in_force and in_force < notified:
        yield Fault(_key(own, "in_force_on"), f"in force on {in_force}, notified on {notified}", _IN_ORDER)
    if own.pending and in_force:
        what = "in force while internal procedures are pending"
        yield Fault(_key(own, "pending"), what, "take out `pending` once they are completed, or the date until then")
    if agreement.origin == "operator" and (signed or notified or in_force):
        what = "dates of a treaty under an instrument that the operator defined"
        yield Fault(_key(own, "in_force_on"), what, f"state them as [[member]] in {agreement.id}.toml")


def _of_accession(agreement: Agreement, own: Adherence, adherences: Adherences) -> Iterator[Fault]:
    entry = clause_of(agreement, Entry)
    if own.consented and (entry is None or entry.accession != "unanimous" or own.signed_on is not None):
        what = "consents to an accession, where none is by consent of all"
        yield Fault(_key(own, "consented"), what, "take them out, or `signed_on`, if the State did not sign")
    in_force, last = _day(own.in_force_on), max((each.received_on for each in own.consented), default=None)
    if in_force is not None and last is not None and in_force < parse_day(last):
        yield Fault(_key(own, "in_force_on"), f"in force on {in_force}, last consent received on {last}", _IN_ORDER)
    names = [each.party for each in own.consented]
    strays = {name for name in names if name == own.party or name not in adherences or names.count(name) > 1}
    for name in sorted(strays):
        what = f"the consent of `{name}`, which is no other party, or is stated twice"
        yield Fault(_key(own, "consented"), what, "state the consent of each other party once")
    if entry is None or entry.count not in ("days-after-third", "deposit-of-third") or own.signed_on is not None:
        return
    # A State accedes to what is in force: its instrument is none of the three that bring it into force (C8-34, C1-24).
    signed = [_day(each.notified_on) for each in adherences.values() if each.signed_on and not each.pending]
    third = sorted(day for day in signed if day is not None)[NOTIFICATIONS_NEEDED - 1 : NOTIFICATIONS_NEEDED]
    notified = _day(own.notified_on)
    if notified is not None and own.in_force_on is None and (not third or notified < third[0]):
        what = f"acceded on {notified}, before three signatories had notified"
        yield Fault(_key(own, "notified_on"), what, "add `signed_on` if it signed; else correct the date")


def _of_suspensions(agreement: Agreement, own: Adherence) -> Iterator[Fault]:
    if own.suspensions and clause_of(agreement, Suspending) is None:
        yield Fault(_key(own, "suspensions"), "the agreement knows no suspension", "take it out")
    for index, each in enumerate(own.suspensions):
        delivered, revoked = _day(each.delivered_on), _day(each.revocation_delivered_on)
        if delivered and revoked and revoked < delivered:
            what = f"revoked on {revoked}, suspended on {delivered}"
            yield Fault(_key(own, f"suspensions[{index}].revocation_delivered_on"), what, _IN_ORDER)


def _of_exit(agreement: Agreement, own: Adherence, adherences: Adherences) -> Iterator[Fault]:
    if own.exit is None:
        return
    clause = clause_of(agreement, Exit)
    if clause is None:
        yield Fault(_key(own, "exit"), "the agreement knows no exit", "end it as [[member]] `until`, or take it out")
        return
    received, chosen = _day(own.exit.received_on), _day(own.exit.chosen_on)
    if received is None:
        return
    if clause.count == "before-chosen":
        earliest = add_months(received, clause.months)
        if chosen is None or chosen < earliest:
            what = f"{chosen or 'no day'} is chosen, less than {clause.months} months ahead ({clause.rule})"
            yield Fault(_key(own, "exit.chosen_on"), what, f"a notice of {received} takes {earliest} at the earliest")
            return
    elif chosen is not None and not clause.agreed:
        what = f"a chosen day, where the agreement counts {clause.months} months from receipt ({clause.rule})"
        yield Fault(_key(own, "exit.chosen_on"), what, "take it out")
    elif chosen is not None and chosen < received:
        yield Fault(_key(own, "exit.chosen_on"), f"ended on {chosen}, notice received on {received}", _IN_ORDER)
    begin = entered_on(agreement, own.party, adherences).day or member_days(agreement, own.party)[0]
    ended = ended_on(agreement, own)
    if begin is not None and ended is not None and (received < begin or ended.day < begin):
        what = f"notice received on {received}, bound only from {begin}"
        yield Fault(_key(own, "exit.received_on"), what, _IN_ORDER)


def _of_renewal(agreement: Agreement, adherences: Adherences) -> Iterator[Fault]:
    """What is not extended ends with one of its periods, or the day before the next begins (C1-22)."""
    clause = clause_of(agreement, Renewal)
    last = _day(clause.not_extended_after) if clause is not None else None
    if clause is None or last is None:
        return
    begin = instrument_begins(agreement, adherences)
    if begin is None:
        return
    ends = window_of(begin, clause.years, last)[1]
    if last < begin or last not in (ends, window_of(begin, clause.years, day_after(last))[0]):
        what = f"{last} ends no period of {clause.years} years from {begin} ({clause.rule})"
        remedy = f"the period ends on {ends}: correct {agreement.id}.toml"
        yield Fault(f"{agreement.id}: clause.not_extended_after", what, remedy)


def instrument_begins(agreement: Agreement, adherences: Adherences) -> date | None:
    """Return the day on which the instrument entered into force for its first parties, or None."""
    days = []
    for party in adherences:
        try:
            days.append(entered_on(agreement, party, adherences).day)
        except ValueError:
            continue
    return min((day for day in days if day is not None), default=None)


def _bound_by_nothing(
    edition: Edition, agreements: list[Agreement], status: dict[str, dict[str, Adherence]]
) -> Iterator[Fault]:
    members = {member.party for agreement in agreements for member in agreement.members}
    members |= {party for entries in status.values() for party in entries}
    for party in edition.parties:
        if party.id not in members:
            remedy = "state its status in [[adherences]], or list it as [[member]] of an instrument of the operator"
            yield Fault(f"parties[{party.id}]", "bound by no agreement", remedy)
