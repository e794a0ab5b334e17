"""Count days as the instruments do. Pure arithmetic on calendar days, UTC.

The convention (ADR 0004): a day begins at 00:00 UTC; the day of the event does not count; a period of months
ends on the day of the same number, or on the last day of a shorter month. What works *on lapse of* a period
works from the day after its last day; what ends *after* a period still holds on its last day; what enters into
force *so many days after* an event does so on the last of those days. Disputable is, each time, the day beside it.
"""

import calendar
from collections.abc import Iterable
from datetime import date, timedelta

DAY_MS = 86_400_000
_EPOCH = date(1970, 1, 1).toordinal()
# How many notifications bring a multilateral instrument into force (CIS2018 Art. 17(1), CIS2001 Art. 15).
NOTIFICATIONS_NEEDED = 3


def parse_day(text: str) -> date:
    """Return the calendar day written as `YYYY-MM-DD`; raises ValueError for a day that does not exist."""
    return date.fromisoformat(text)


def start_ms(day: date) -> int:
    """Return the first millisecond of `day`, UTC."""
    return (day.toordinal() - _EPOCH) * DAY_MS


def day_of(at_ms: int) -> date:
    """Return the UTC day of a moment."""
    return date.fromordinal(at_ms // DAY_MS + _EPOCH)


def add_days(day: date, days: int) -> date:
    """Return the last day of a period of `days` after the event of `day`, which does not count."""
    return day + timedelta(days=days)


def add_months(day: date, months: int) -> date:
    """Return the last day of a period of `months` after `day`; three months from 30 November end on 28 February."""
    month = day.month - 1 + months
    year = day.year + month // 12
    last = calendar.monthrange(year, month % 12 + 1)[1]
    return date(year, month % 12 + 1, min(day.day, last))


def first_of_second_month(received: date) -> date:
    """Return the first day of the second month after `received`: 10 March gives 1 May (CZKZ Art. 18(1))."""
    return add_months(received.replace(day=1), 2)


def third_of(notified: Iterable[date]) -> date | None:
    """Return the day of the third notification, or None while fewer than three are there."""
    ordered = sorted(notified)
    return ordered[NOTIFICATIONS_NEEDED - 1] if len(ordered) >= NOTIFICATIONS_NEEDED else None


def lapse_of(delivered: date, days: int) -> date:
    """Return the first day after `days` have lapsed: 15 days from 1 March work on the 17th (CZKZ Art. 17)."""
    return add_days(delivered, days + 1)


def ended_after(received: date, months: int) -> date:
    """Return the first day on which an instrument no longer binds, `months` after receipt of the notice."""
    return add_days(add_months(received, months), 1)
