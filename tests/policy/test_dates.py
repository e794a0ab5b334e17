"""Counting days: the conventions of ADR 0004, a day away from what is disputable, and each edge once."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.policy.dates import (
    DAY_MS,
    add_days,
    add_months,
    day_of,
    ended_after,
    first_of_second_month,
    lapse_of,
    parse_day,
    start_ms,
    third_of,
)
from tests.policy import calendar_days

DAYS = st.dates(date(1990, 1, 1), date(2100, 1, 1))


def test_three_months_from_30_november_end_on_28_february() -> None:
    """rules.md 1.7, 14: a month without that day ends the period on its last day; in a leap year on the 29th."""
    assert add_months(date(2025, 11, 30), 3) == date(2026, 2, 28)
    assert add_months(date(2027, 11, 30), 3) == date(2028, 2, 29)


def test_receipt_on_10_march_brings_into_force_on_1_may() -> None:
    """CZ-42, CZKZ Art. 18(1): the first day of the second month following the date of receipt."""
    assert first_of_second_month(date(2024, 3, 10)) == date(2024, 5, 1)
    assert first_of_second_month(date(2024, 3, 1)) == date(2024, 5, 1)
    assert first_of_second_month(date(2024, 11, 30)) == date(2025, 1, 1)


def test_fifteen_days_from_1_march_work_on_the_17th() -> None:
    """CZ-41, CZKZ Art. 17: they lapse at the end of the 16th. Edge: the 16th itself is disputable, we say not yet."""
    assert lapse_of(date(2024, 3, 1), 15) == date(2024, 3, 17)


def test_thirty_days_after_1_march_is_31_march() -> None:
    """C8-35, CIS2018 Art. 17(1). Edge: 1 April is disputable, we say in force on the 31st."""
    assert add_days(date(2024, 3, 1), 30) == date(2024, 3, 31)


def test_what_ends_after_six_months_still_holds_on_its_last_day() -> None:
    """CZ-43, C8-37. Edge: the last day itself is disputable, we say still bound."""
    assert ended_after(date(2024, 3, 10), 6) == date(2024, 9, 11)


def test_third_notification_counts_in_order_of_dates() -> None:
    """C8-35, C1-21: the third by date, whoever is listed first; two are not enough."""
    days = [date(2002, 3, 14), date(2001, 9, 18), date(2002, 4, 3), date(2002, 2, 20)]

    assert third_of(days) == date(2002, 3, 14)
    assert third_of(days[:3]) == date(2002, 4, 3)
    assert third_of(days[:2]) is None


@pytest.mark.parametrize("text", ["2024-02-30", "2023-02-29", "2024-13-01"])
def test_a_day_that_does_not_exist_is_refused(text: str) -> None:
    """A directory spells days by pattern only; a false one must not turn into a neighbour."""
    with pytest.raises(ValueError, match=r"day|month"):
        parse_day(text)


@given(DAYS, st.integers(0, 90), st.integers(1, 24))
def test_arithmetic_is_what_counting_on_fingers_gives(day: date, days: int, months: int) -> None:
    """The arithmetic and the slow reference agree on any day."""
    assert add_days(day, days) == calendar_days.days_later(day, days)
    assert add_months(day, months) == calendar_days.months_later(day, months)
    assert first_of_second_month(day) == calendar_days.second_month_begins(day)


@given(DAYS, st.integers(0, DAY_MS - 1))
def test_a_day_is_its_24_hours_in_utc(day: date, offset_ms: int) -> None:
    """ADR 0004: days are UTC, from 00:00:00.000 to before the next."""
    assert day_of(start_ms(day) + offset_ms) == day
    assert calendar_days.today(start_ms(day) + offset_ms) == day
