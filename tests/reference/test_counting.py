"""The edges of days and months, as ADR 0004 states them, and the status table of 2001 as printed."""

import datetime as dt

import pytest

from gateway.domain.directory import Suspension
from tests.reference.bindings import first_day, last_day, suspended
from tests.reference.counting import day_of, first_of_second_month, later, months_later, parse, start_ms
from tests.reference.world import adherence


@pytest.mark.parametrize(
    ("event", "months", "ends"),
    [
        ("2025-11-30", 3, "2026-02-28"),
        ("2023-11-30", 3, "2024-02-29"),
        ("2026-08-31", 6, "2027-02-28"),
        ("2026-03-15", 6, "2026-09-15"),
    ],
)
def test_period_of_months_ends_on_the_day_of_the_same_number(event: str, months: int, ends: str) -> None:
    """Where a month has no such day, the period ends on its last (ADR 0004, 4)."""
    assert months_later(parse(event), months) == parse(ends)


def test_suspension_delivered_on_1_march_is_effective_on_the_17th() -> None:
    """Fifteen days lapse at the end of the 16th, which is the disputable day (CZ-41)."""
    notice = Suspension(delivered_on="2026-03-01", revocation_delivered_on="2026-04-01", kinds=(), subjects=())
    days = ("2026-03-16", "2026-03-17", "2026-04-16", "2026-04-17")

    assert [suspended(notice, parse(day), "request", ()) for day in days] == [False, True, True, False]


def test_last_notification_of_10_march_brings_1_may() -> None:
    """The first day of the second month following the month of receipt (CZ-42)."""
    assert first_of_second_month(parse("2020-03-10")) == parse("2020-05-01")
    assert first_of_second_month(parse("2020-12-31")) == parse("2021-02-01")


def test_days_begin_and_end_in_utc() -> None:
    """The last millisecond of a day is of that day, the next one is not."""
    day = parse("2026-03-16")

    assert day_of(start_ms(later(day, 1)) - 1) == day
    assert day_of(start_ms(later(day, 1))) == later(day, 1) == dt.date(2026, 3, 17)


def test_status_table_of_2001_comes_out_as_printed() -> None:
    """The third deposit, Armenia's, brings it into force for three; the others by their own; Russia's not (C1-27)."""
    printed = {
        "BY": ("2001-09-18", "2002-03-14"),
        "TJ": ("2002-02-20", "2002-03-14"),
        "AM": ("2002-03-14", "2002-03-14"),
        "MD": ("2002-04-03", "2002-04-03"),
        "KZ": ("2002-09-18", "2002-09-18"),
        "AZ": ("2004-05-14", "2004-05-14"),
        "RU": ("2004-12-31", None),
        "KG": (None, None),
    }
    entries = {
        ("cis-2001", party): adherence(
            "cis-2001", party, signed_on="2001-06-01", notified_on=deposited, pending=party == "RU"
        )
        for party, (deposited, _) in printed.items()
    }

    for party, (_, in_force) in printed.items():
        assert first_day(entries, "cis-2001", party) == (parse(in_force) if in_force else None)
        assert last_day(entries, "cis-2001", party) is None
