"""Count days as the instruments do. Pure arithmetic on calendar days.

The convention (1.7-14, ADR 0004): a day begins at 00:00 UTC; the day of the event does not count; a period of months
ends on the day of the same number, or on the last day of a shorter month. What works *on lapse of* a period
works from the day after its last day; what ends *after* a period still holds on its last day; what enters into
force *so many days after* an event does so on the last of those days. Disputable is, each time, that last day.
`Counting` in an instrument's file may say otherwise: where its day begins, on which day a lapse works, whether
Saturdays and Sundays count.
"""

import calendar
from collections.abc import Iterable
from datetime import date, timedelta

from gateway.domain.agreement import Counting

DAY_MS = 86_400_000
MINUTE_MS = 60_000
_EPOCH = date(1970, 1, 1).toordinal()
_SATURDAY = 5
# How many notifications bring a multilateral instrument into force (CIS2018 Art. 17(1), CIS2001 Art. 15).
NOTIFICATIONS_NEEDED = 3
CONVENTION = Counting()


def parse_day(text: str) -> date:
    """Return the calendar day written as `YYYY-MM-DD`; raises ValueError for a day that does not exist."""
    return date.fromisoformat(text)


def start_ms(day: date, counting: Counting = CONVENTION) -> int:
    """Return the first millisecond of `day`, where the instrument's day begins."""
    return (day.toordinal() - _EPOCH) * DAY_MS - counting.utc_offset_minutes * MINUTE_MS


def day_of(at_ms: int, counting: Counting = CONVENTION) -> date:
    """Return the day of a moment, where the instrument's day begins."""
    return date.fromordinal((at_ms + counting.utc_offset_minutes * MINUTE_MS) // DAY_MS + _EPOCH)


def add_days(day: date, days: int, counting: Counting = CONVENTION) -> date:
    """Return the last day of a period of `days` after the event of `day`, which does not count."""
    if not counting.working_days:
        return day + timedelta(days=days)
    while days:
        day += timedelta(days=1)
        days -= day.weekday() < _SATURDAY
    return day


def add_months(day: date, months: int) -> date:
    """Return the last day of a period of `months` after `day`; three months from 30 November end on 28 February."""
    month = day.month - 1 + months
    year = day.year + month // 12
    last = calendar.monthrange(year, month % 12 + 1)[1]
    return date(year, month % 12 + 1, min(day.day, last))


def day_after(day: date) -> date:
    """Return the next calendar day."""
    return day + timedelta(days=1)


def first_of_second_month(received: date) -> date:
    """Return the first day of the second month after `received`: 10 March gives 1 May (CZKZ Art. 18(1))."""
    return add_months(received.replace(day=1), 2)


def third_of(notified: Iterable[date]) -> date | None:
    """Return the day of the third notification, or None while fewer than three are there."""
    ordered = sorted(notified)
    return ordered[NOTIFICATIONS_NEEDED - 1] if len(ordered) >= NOTIFICATIONS_NEEDED else None


def lapse_of(delivered: date, days: int, counting: Counting = CONVENTION) -> date:
    """Return the day from which the lapse of `days` works: 15 days from 1 March on the 17th (CZKZ Art. 17)."""
    return lapsed(add_days(delivered, days, counting), counting)


def ended_after(received: date, months: int, counting: Counting = CONVENTION) -> date:
    """Return the first day on which an instrument no longer binds, `months` after receipt of the notice."""
    return lapsed(add_months(received, months), counting)


def lapsed(last: date, counting: Counting = CONVENTION) -> date:
    """Return the first day on which a period with this last day has lapsed."""
    return last if counting.lapse == "last-day" else day_after(last)


def window_of(begin: date, years: int, day: date) -> tuple[date, date]:
    """Return first and last day of the period of `years` in which `day` lies, counted from entry into force (C1-22).

    Periods follow one another on the day of the same number: 14 March 2002, 14 March 2007, each to the day before.
    """
    number = max(0, (day.year - begin.year) // years)
    if day < add_months(begin, 12 * years * number):
        number -= 1
    first, following = (add_months(begin, 12 * years * (number + step)) for step in (0, 1))
    return first, following - timedelta(days=1)
