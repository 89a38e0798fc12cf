"""Business days and due instants; nothing is guessed and no hour is lost."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from puntual.errors import ProjectError
from puntual.model.report import Calendar, Field, Layout, Report
from puntual.planner.calendar import (
    due_instant,
    is_business_day,
    next_business_day,
    previous_business_day,
)

MEXICO = ZoneInfo("America/Mexico_City")


@pytest.mark.row("f18")
def test_weekends_and_holidays_are_no_business_days(calendar: Calendar) -> None:
    assert is_business_day(calendar, date(2026, 11, 20))
    assert not is_business_day(calendar, date(2026, 11, 21))
    assert not is_business_day(calendar, date(2026, 11, 16))


def test_the_next_business_day_passes_over_weekend_and_holiday(calendar: Calendar) -> None:
    friday = date(2026, 11, 13)
    assert next_business_day(calendar, friday) == date(2026, 11, 17)
    assert next_business_day(calendar, friday, 2) == date(2026, 11, 18)
    assert next_business_day(calendar, friday, 0) == friday
    assert next_business_day(calendar, date(2026, 11, 14), 0) == date(2026, 11, 17)
    assert previous_business_day(calendar, date(2026, 11, 17)) == friday


@given(st.dates(date(2026, 2, 1), date(2026, 11, 1)), st.integers(1, 9))
def test_going_there_and_back_ends_on_the_same_business_day(day: date, count: int) -> None:
    calendar = Calendar(
        name="c",
        source="s",
        published=day,
        valid_from=date(2026, 1, 1),
        valid_until=date(2026, 12, 31),
        weekend=(6, 7),
        holidays=(),
    )
    start = next_business_day(calendar, day, 0)
    assert (
        previous_business_day(calendar, next_business_day(calendar, start, count), count) == start
    )


@pytest.mark.row("f18")
@pytest.mark.parametrize("day", [date(2025, 12, 31), date(2027, 1, 1)])
def test_a_day_outside_the_calendar_is_not_guessed(calendar: Calendar, day: date) -> None:
    with pytest.raises(ProjectError, match="P1001"):
        is_business_day(calendar, day)


def test_a_due_day_past_the_calendars_end_is_not_guessed(
    calendar: Calendar, report: Report
) -> None:
    with pytest.raises(ProjectError, match="P1001"):
        due_instant(report, calendar, date(2026, 12, 31), MEXICO)


def test_a_report_is_due_at_its_wall_clock_time(calendar: Calendar, report: Report) -> None:
    due = due_instant(report, calendar, date(2026, 11, 20), MEXICO)
    assert due.isoformat() == "2026-11-23T07:00:00-06:00"


def test_a_reference_date_on_a_weekend_has_a_due_instant(
    calendar: Calendar, report: Report
) -> None:
    assert due_instant(report, calendar, date(2026, 11, 21), MEXICO).date() == date(2026, 11, 23)


@pytest.mark.row("f13")
def test_an_hour_that_does_not_exist_means_the_end_of_the_gap(
    calendar: Calendar, report: Report
) -> None:
    every_day = replace(calendar, weekend=(), holidays=())
    early = replace(report, due_at=time(2, 30), time_zone="America/New_York")
    due = due_instant(early, every_day, date(2026, 3, 7), ZoneInfo("America/New_York"))
    assert due.isoformat() == "2026-03-08T03:00:00-04:00"


def test_the_start_of_a_gap_is_in_the_gap(calendar: Calendar, report: Report) -> None:
    every_day = replace(calendar, weekend=(), holidays=())
    early = replace(report, due_at=time(2, 0))
    due = due_instant(early, every_day, date(2026, 3, 28), ZoneInfo("Europe/Madrid"))
    assert due.isoformat() == "2026-03-29T03:00:00+02:00"


@pytest.mark.row("f14")
def test_an_hour_that_exists_twice_means_the_first(calendar: Calendar, report: Report) -> None:
    every_day = replace(calendar, weekend=(), holidays=())
    early = replace(report, due_at=time(1, 30))
    due = due_instant(early, every_day, date(2026, 10, 31), ZoneInfo("America/New_York"))
    assert due.astimezone(UTC) == datetime(2026, 11, 1, 5, 30, tzinfo=UTC)


@given(
    st.dates(date(2026, 1, 1), date(2026, 12, 30)),
    st.times(timezones=st.none()).map(lambda t: t.replace(microsecond=0)),
    st.sampled_from(["America/Tijuana", "Europe/Madrid", "Australia/Lord_Howe", "Asia/Kolkata"]),
)
def test_a_due_instant_never_lies_before_its_wall_clock_time(
    day: date, at: time, zone: str
) -> None:
    calendar = Calendar(
        name="c",
        source="s",
        published=day,
        valid_from=date(2026, 1, 1),
        valid_until=date(2026, 12, 31),
        weekend=(),
        holidays=(),
    )
    due = due_instant(make_report(at), calendar, day, ZoneInfo(zone))
    wall = datetime.combine(day + timedelta(days=1), at)
    assert timedelta(0) <= due.replace(tzinfo=None) - wall <= timedelta(hours=1)


def make_report(at: time) -> Report:
    return Report(
        name="r",
        title="",
        institution="",
        sql="",
        file="",
        layout=Layout(kind="delimited", file_name="x", detail=(Field(name="n"),)),
        calendar="c",
        due_after=1,
        due_at=at,
        time_zone="UTC",
    )
