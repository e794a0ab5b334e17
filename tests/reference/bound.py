"""Who is bound by what on a day: the tables of rules.md 1.2, 1.4, 1.5, 1.6 as plain conditions."""

from datetime import date

from gateway.domain.directory import Adherence, Directory
from tests.reference.calendar_days import day, days_later, months_later, second_month_begins

CIS = ("cis-2018", "cis-2001")
BILATERAL = {"cz-kz": ("CZ", "KZ"), "caricc-2012": ("INTERPOL", "CARICC")}
CENTRAL_ASIA = {"KG", "KZ", "TM", "TJ", "UZ", "RU", "AZ"}
# The operator's instruments: members, first day, and the party that every pair includes.
OPERATOR = {
    "interpol-membership": (
        {"INTERPOL", "AM", "AZ", "BY", "CZ", "KG", "KZ", "MD", "RU", "TJ", "TM", "UA", "UZ"},
        "INTERPOL",
    ),
    "caricc-membership": ({"CARICC"} | CENTRAL_ASIA, "CARICC"),
    "internal-kz": ({"KZ"}, None),
}
OPERATOR_SINCE = date(2020, 1, 1)
PROTECTIVE = {"use-check", "use-check-reply", "correction", "recall", "destruction-proof", "dispute"}


def status(directory: Directory, agreement: str, party: str) -> Adherence | None:
    """Return what the directory says of a party under an agreement."""
    for entry in directory.edition.adherences:
        if entry.agreement == agreement and entry.party == party:
            return entry
    return None


def first_day(directory: Directory, agreement: str, party: str) -> date | None:
    """Return the first day on which a party is bound, or None. Signed is not notified is not in force."""
    if agreement in OPERATOR:
        return OPERATOR_SINCE if party in OPERATOR[agreement][0] else None
    entry = status(directory, agreement, party)
    if entry is None or entry.pending:
        return None
    if agreement == "caricc-2012":
        # CA-21: both notifications, and no date but the one that is stated.
        return day(entry.in_force_on) if entry.notified_on and entry.in_force_on else None
    if entry.in_force_on:
        return day(entry.in_force_on)
    if not entry.notified_on:
        return None
    everybody = [each for each in directory.edition.adherences if each.agreement == agreement and not each.pending]
    # Art. 17(1), Art. 15: the third notification of those that signed.
    dates = sorted(day(each.notified_on) for each in everybody if each.notified_on and each.signed_on)
    if agreement == "cz-kz":
        # CZ-42: first day of the second month after receipt of the last notification.
        both = [status(directory, agreement, each) for each in BILATERAL["cz-kz"]]
        known = [day(each.notified_on) for each in both if each and each.notified_on and not each.pending]
        return second_month_begins(max(known)) if len(known) == 2 else None
    own = day(entry.notified_on)
    if agreement == "cis-2001" and not entry.signed_on:
        return None  # C1-24: an acceding State needs the consent of all, so the day is stated or unknown.
    if len(dates) < 3:
        return None
    third = dates[2]
    later = own if own > third else third
    # C8-35: 30 days after the third notification or one's own. C1-21: the day of the deposit itself.
    return days_later(later, 30) if agreement == "cis-2018" else later


def last_day(directory: Directory, agreement: str, party: str) -> date | None:
    """Return the last day on which a party is still bound, or None if it did not leave."""
    entry = status(directory, agreement, party)
    if entry is None or entry.exit is None:
        return None
    received = day(entry.exit.received_on)
    if agreement == "cis-2001":
        # C1-23: the party chooses the day; until the day before it is bound.
        assert entry.exit.chosen_on
        return date.fromordinal(day(entry.exit.chosen_on).toordinal() - 1)
    if agreement == "caricc-2012":
        if entry.exit.chosen_on:  # CA-22: unless otherwise agreed in writing.
            return date.fromordinal(day(entry.exit.chosen_on).toordinal() - 1)
        return months_later(received, 3)
    return months_later(received, 6)  # CZ-43, C8-37


def contradicts(directory: Directory, agreement: str, party: str) -> bool:
    """Tell whether a party's dates cannot be true: C1-23 wants six months, only CZ-KZ can be suspended."""
    entry = status(directory, agreement, party)
    if entry is None:
        return False
    if entry.suspensions and agreement != "cz-kz":
        return True
    if entry.exit is None:
        return False
    if agreement in OPERATOR:
        return True
    chosen = entry.exit.chosen_on
    if agreement == "cis-2001":
        return chosen is None or day(chosen) < months_later(day(entry.exit.received_on), 6)
    return False


def suspended(directory: Directory, party: str, kind: str, subjects: tuple[str, ...], on: date) -> bool:
    """CZ-41: effective on lapse of fifteen days from delivery, both ways, for a scope or in full."""
    entry = status(directory, "cz-kz", party)
    for each in entry.suspensions if entry else ():
        begins = days_later(day(each.delivered_on), 16)
        ends = days_later(day(each.revocation_delivered_on), 16) if each.revocation_delivered_on else date.max
        kinds_match = not each.kinds or kind in each.kinds
        subjects_match = not each.subjects or not subjects or bool(set(subjects) & set(each.subjects))
        if begins <= on < ends and kinds_match and subjects_match:
            return True
    return False


def agreement_rules(
    directory: Directory, agreement: str, first: str, second: str, kind: str, subjects: tuple[str, ...], on: date
) -> set[str]:
    """Return the rules by which `agreement` does not govern this pair on this day."""
    if not _written_for(agreement, first, second):
        return {"1.7-13"}
    pair = {first, second}
    entry_rule = {"cz-kz": "CZ-42", "caricc-2012": "CA-21", "cis-2018": "C8-35", "cis-2001": "C1-21"}
    exit_rule = {"cz-kz": "CZ-43", "caricc-2012": "CA-22", "cis-2018": "C8-37", "cis-2001": "C1-23"}
    missing = entry_rule.get(agreement, "1.7-13")
    if any(contradicts(directory, agreement, party) for party in pair):
        return {missing}
    begins = [first_day(directory, agreement, party) for party in pair]
    if any(begin is None or on < begin for begin in begins):
        return {missing}
    if kind in PROTECTIVE:
        return set()  # 1.7, 15
    found = set()
    for party in pair:
        last = last_day(directory, agreement, party)
        if last is not None and on > last:
            found.add(exit_rule[agreement])
        if agreement == "cz-kz" and suspended(directory, party, kind, subjects, on):
            found.add("CZ-41")
    if agreement == "cis-2001" and _superseded(directory, first, second, on):
        found.add("C8-36")
    return found


def _written_for(agreement: str, first: str, second: str) -> bool:
    if first == second:
        return agreement == "internal-kz"
    if agreement in BILATERAL:
        return {first, second} == set(BILATERAL[agreement])
    hub = OPERATOR[agreement][1] if agreement in OPERATOR else None
    return hub is None or hub in (first, second)


def _superseded(directory: Directory, first: str, second: str, on: date) -> bool:
    """C8-36: from the day on which both are bound by 2018, 2001 has ended between them, for good."""
    if any(contradicts(directory, "cis-2018", party) for party in (first, second)):
        return False
    begins = [first_day(directory, "cis-2018", party) for party in (first, second)]
    if begins[0] is None or begins[1] is None:
        return False
    together = max(begins[0], begins[1])
    for party in (first, second):
        last = last_day(directory, "cis-2018", party)
        if last is not None and last < together:
            return False
    return on >= together
