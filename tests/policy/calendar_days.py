"""Count days on one's fingers: slow, obvious, and nothing taken from `gateway.policy`.

rules.md 1.7, 14: the day of the event does not count; fifteen days from a delivery on 1 March lapse at the end of the
16th, effective on the 17th; three months from 30 November end on 28 February.
"""

from datetime import UTC, date, datetime, timedelta

ONE_DAY = timedelta(days=1)


def day(text: str) -> date:
    """Return a day written as YYYY-MM-DD."""
    year, month, number = (int(part) for part in text.split("-"))
    return date(year, month, number)


def today(at_ms: int) -> date:
    """Return the UTC day of a moment."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).date()


def days_later(event: date, count: int) -> date:
    """Walk `count` days from the day after the event."""
    current = event
    for _ in range(count):
        current += ONE_DAY
    return current


def months_later(event: date, count: int) -> date:
    """Walk month by month, then to the day of the same number or the last one there is."""
    year, month = event.year, event.month
    for _ in range(count):
        month += 1
        if month == 13:
            year, month = year + 1, 1
    for number in range(event.day, 27, -1):
        try:
            return date(year, month, number)
        except ValueError:
            continue
    return date(year, month, event.day)


def second_month_begins(event: date) -> date:
    """Walk to the next month's first day, and once more."""
    current = event
    for _ in range(2):
        current += ONE_DAY
        while current.day != 1:
            current += ONE_DAY
    return current
