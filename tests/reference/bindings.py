"""Who is bound by what on which day, from the notices on record: each instrument's own arithmetic.

Every function takes days as the directory spells them and returns days; None means never. A bound party is bound
from `first` to `last`, both included.
"""

from collections.abc import Mapping

from gateway.domain.directory import Adherence, Suspension
from tests.reference.counting import Day, first_of_second_month, later, months_later, parse, working_later

# How an instrument's file counts where its text is silent: what works on lapse of a period works on its last day, not
# on the next; only working days count.
LAST_DAY, WORKING = "last-day", "working-days"
Adherences = Mapping[tuple[str, str], Adherence]
BILATERAL = {"cz-kz": {"CZ", "KZ"}, "cz-kz-1998": {"CZ", "KZ"}, "caricc-2012": {"INTERPOL", "CARICC"}}
TREATIES = ("caricc-2012", "cis-2001", "cis-2018", "cz-kz", "cz-kz-1998")
# The operator's own instruments: parties, hub, and the first day (config/agreements).
OPERATOR_FROM = parse("2020-01-01")
MEMBERS = {
    "caricc-membership": {"CARICC", "AZ", "KG", "KZ", "RU", "TJ", "TM", "UZ"},
    "interpol-membership": {
        *("INTERPOL", "AM", "AZ", "BY", "CZ", "KG", "KZ", "MD", "RU", "TJ", "TM", "UA", "UZ"),
    },
    "internal-kz": {"KZ"},
}
HUB = {"caricc-membership": "CARICC", "interpol-membership": "INTERPOL"}


def _noted(entry: Adherence | None) -> Day | None:
    return parse(entry.notified_on) if entry and entry.notified_on and not entry.pending else None


def first_cz_kz(entries: Adherences, party: str) -> Day | None:
    """CZ-42: the first day of the second month following receipt of the last notification."""
    stated = _stated(entries, "cz-kz", party)
    notes = [_noted(entries.get(("cz-kz", each))) for each in ("CZ", "KZ")]
    known = [note for note in notes if note]
    return stated or (first_of_second_month(max(known)) if len(known) == 2 else None)


def first_by_statement(entries: Adherences, agreement: str, party: str) -> Day | None:
    """CA-21: the day stands in no text; both sides have notified and the operator states it."""
    between = BILATERAL[agreement]
    if any(_noted(entries.get((agreement, each))) is None for each in between):
        return None
    return _stated(entries, agreement, party)


def _stated(entries: Adherences, agreement: str, party: str) -> Day | None:
    entry = entries.get((agreement, party))
    return parse(entry.in_force_on) if entry and entry.in_force_on and not entry.pending else None


def third_note(entries: Adherences, agreement: str) -> Day | None:
    """Return the day of the third notification of those who signed."""
    notes = sorted(
        note
        for (name, _), entry in entries.items()
        if name == agreement and entry.signed_on and (note := _noted(entry)) is not None
    )
    return notes[2] if len(notes) > 2 else None


def _days(day: Day, days: int, counted: str) -> Day:
    return working_later(day, days) if counted == WORKING else later(day, days)


def first_cis_2018(entries: Adherences, party: str, counted: str = "") -> Day | None:
    """C8-35: 30 days after the third notification, later Parties after their own; C8-34: acceding States too."""
    stated, own, third = (
        _stated(entries, "cis-2018", party),
        _noted(entries.get(("cis-2018", party))),
        third_note(entries, "cis-2018"),
    )
    if stated or own is None or third is None:
        return stated
    return _days(max(own, third), 30, counted)


def first_cis_2001(entries: Adherences, party: str) -> Day | None:
    """C1-21: the day of the third deposit, later Parties the day of their own; C1-24: see `first_acceded`."""
    entry = entries.get(("cis-2001", party))
    stated, own, third = (_stated(entries, "cis-2001", party), _noted(entry), third_note(entries, "cis-2001"))
    if entry is not None and entry.signed_on is None:
        return first_acceded(entries, entry)
    if stated or own is None or third is None:
        return stated
    return max(own, third)


def first_acceded(entries: Adherences, entry: Adherence) -> Day | None:
    """C1-24: the day of the last consent of all Parties, who are those bound by then."""
    if entry.in_force_on:
        return parse(entry.in_force_on)
    if not entry.notified_on or not entry.consented:
        return None
    consents = {each.party: parse(each.received_on) for each in entry.consented}
    day = max(max(consents.values()), parse(entry.notified_on))
    for (agreement, party), other in entries.items():
        if agreement != "cis-2001" or other.signed_on is None:
            continue
        first = first_cis_2001(entries, party)
        last = last_day(entries, "cis-2001", party)
        if first is not None and first <= day and (last is None or day <= last) and party not in consents:
            return None
    return day


def first_day(entries: Adherences, agreement: str, party: str, counted: str = "") -> Day | None:
    """Return the first day on which a treaty binds a party."""
    if agreement == "cz-kz":
        return first_cz_kz(entries, party)
    if agreement == "cis-2018":
        return first_cis_2018(entries, party, counted)
    if agreement == "cis-2001":
        return first_cis_2001(entries, party)
    return first_by_statement(entries, agreement, party)


def last_day(entries: Adherences, agreement: str, party: str, counted: str = "") -> Day | None:
    """Return the last day on which it binds, after a notice of exit (CZ-43, CA-22, C8-37, C1-23)."""
    entry = entries.get((agreement, party))
    if entry is None or entry.exit is None:
        return None
    received, chosen = parse(entry.exit.received_on), entry.exit.chosen_on
    if agreement == "cis-2001":
        return later(parse(chosen), -1) if chosen else None
    if agreement == "caricc-2012" and chosen:
        return later(parse(chosen), -1)
    end = months_later(received, 3 if agreement == "caricc-2012" else 6)
    return later(end, -1) if counted == LAST_DAY else end


def suspended(notice: Suspension, day: Day, kind: str, subjects: tuple[str, ...], counted: str = "") -> bool:
    """CZ-41: effective when fifteen days have lapsed from delivery; its revocation likewise; within its scope."""
    if day < _effective(notice.delivered_on, counted):
        return False
    revoked = notice.revocation_delivered_on
    if revoked and day >= _effective(revoked, counted):
        return False
    # Who names no subject may mean a suspended one.
    concerned = not notice.subjects or not subjects or any(subject in notice.subjects for subject in subjects)
    return concerned and (not notice.kinds or kind in notice.kinds)


def _effective(delivered: str, counted: str) -> Day:
    lapsed = _days(parse(delivered), 15, counted)
    return lapsed if counted == LAST_DAY else later(lapsed, 1)
