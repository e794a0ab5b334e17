"""Days and months as ADR 0004 counts them: UTC, calendar days, the day of the event does not count."""

import datetime as dt
from calendar import monthrange

Day = dt.date
DAY_MS = 24 * 3_600_000
EPOCH = dt.date(1970, 1, 1)


def day_of(at_ms: int) -> Day:
    """Return the UTC calendar day of a moment."""
    return EPOCH + dt.timedelta(days=at_ms // DAY_MS)


def start_ms(day: Day) -> int:
    """Return the first millisecond of a day."""
    return (day - EPOCH).days * DAY_MS


def parse(day: str) -> Day:
    """Return the day that a file or an edition spells YYYY-MM-DD."""
    return dt.date.fromisoformat(day)


def spelt(day: Day) -> str:
    """Return a day as files and editions spell it."""
    return day.isoformat()


def later(day: dt.date, days: int) -> Day:
    """Return the last day of a period of `days` from an event on `day`."""
    return day + dt.timedelta(days=days)


def working_later(day: Day, days: int) -> Day:
    """Return the last day of a period of `days` in which Saturdays and Sundays do not count."""
    while days:
        day = later(day, 1)
        days -= day.weekday() < 5
    return day


def months_later(day: dt.date, months: int) -> Day:
    """Return the last day of a period of `months`: the day of the same number, or the last of that month."""
    index = day.year * 12 + day.month - 1 + months
    year, month = index // 12, index % 12 + 1
    return dt.date(year, month, min(day.day, monthrange(year, month)[1]))


def first_of_second_month(day: Day) -> Day:
    """Return the first day of the second month following the month of `day` (10 March: 1 May)."""
    index = day.year * 12 + day.month - 1 + 2
    return dt.date(index // 12, index % 12 + 1, 1)
