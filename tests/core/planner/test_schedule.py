"""When a run starts: rows T1 to T9 of `aws.md`, and the narrowest window of a calendar."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from puntual.errors import ProjectError
from puntual.model.project import Project
from puntual.model.run import RunSettings
from puntual.planner.calendar import instant
from puntual.planner.schedule import Window, narrowest, skipped, start, windows


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "day", "at", "expected"),
    [
        pytest.param("America/Tijuana", "2026-03-08", "02:00", "10:00", id="T1"),
        pytest.param("America/Tijuana", "2026-03-08", "02:30", "10:00", id="T2"),
        pytest.param("America/Tijuana", "2026-11-01", "02:00", "10:00", id="T3"),
        pytest.param("America/Tijuana", "2026-11-01", "01:30", "08:30", id="T4"),
        pytest.param("America/Ciudad_Juarez", "2026-03-08", "02:00", "09:00", id="T5"),
        pytest.param("America/New_York", "2026-03-08", "02:00", "07:00", id="T6"),
        pytest.param("Europe/Madrid", "2026-03-29", "02:00", "01:00", id="T7"),
        pytest.param("Europe/Madrid", "2026-10-25", "02:00", "00:00", id="T8"),
    ],
)
@pytest.mark.row("f13", "f14")
def test_a_wall_clock_time_is_this_instant(zone: str, day: str, at: str, expected: str) -> None:
    found = instant(date.fromisoformat(day), time.fromisoformat(at), ZoneInfo(zone))
    assert found.astimezone(UTC) == utc(f"{day}T{expected}")


def test_mexico_city_has_no_daylight_saving_t9() -> None:
    zone, first = ZoneInfo("America/Mexico_City"), date(2026, 1, 1)
    days = [first + timedelta(days=n) for n in range(365)]
    found = {instant(day, time(2, 0), zone).astimezone(UTC).time() for day in days}
    assert found == {time(8, 0)}


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        pytest.param("America/Tijuana", date(2026, 3, 8), 23, id="T1"),
        pytest.param("America/Tijuana", date(2026, 11, 1), 25, id="T3"),
        pytest.param("America/Ciudad_Juarez", date(2026, 3, 8), 23, id="T5"),
        pytest.param("America/New_York", date(2026, 3, 8), 23, id="T6"),
        pytest.param("Europe/Madrid", date(2026, 3, 29), 23, id="T7"),
        pytest.param("Europe/Madrid", date(2026, 10, 25), 25, id="T8"),
        pytest.param("America/Mexico_City", date(2026, 3, 8), 24, id="T9"),
    ],
)
@pytest.mark.row("f14")
def test_a_day_has_so_many_hours(zone: str, day: date, hours: int) -> None:
    ends = [instant(d, time(0, 0), ZoneInfo(zone)) for d in (day, day + timedelta(days=1))]
    assert ends[1].astimezone(UTC) - ends[0].astimezone(UTC) == timedelta(hours=hours)


ZONES = (
    "America/Tijuana",
    "America/Ciudad_Juarez",
    "America/New_York",
    "America/Santiago",
    "America/Mexico_City",
    "Europe/Madrid",
    "Africa/Casablanca",
    "Asia/Beirut",
    "Australia/Lord_Howe",  # its gap has 30 minutes
    "Pacific/Auckland",
)


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.row("f13", "f14")
def test_every_day_of_ten_years_has_one_start_and_it_is_never_early(zone: str) -> None:
    first, at, there = date(2020, 1, 1), time(2, 0), ZoneInfo(zone)
    days = [first + timedelta(days=n) for n in range(3653)]
    starts = [instant(day, at, there) for day in days]
    utc_starts = [s.astimezone(UTC) for s in starts]
    assert all(a < b for a, b in pairwise(utc_starts))
    walls = [
        s.replace(tzinfo=None) - datetime.combine(d, at) for s, d in zip(starts, days, strict=True)
    ]
    assert {wall for wall in walls if wall} <= {timedelta(minutes=30), timedelta(hours=1)}
    before = [(s - timedelta(seconds=1)).astimezone(there) for s in utc_starts]
    early = [
        b.replace(tzinfo=None) >= datetime.combine(d, at) for b, d in zip(before, days, strict=True)
    ]
    assert not any(early)


def in_zone(project: Project, zone: str, starts: time = time(2, 0)) -> Project:
    """Move the project, its report and its calendar of every day to a zone."""
    report = replace(project.reports["credit_daily"], time_zone=zone)
    calendar = replace(project.calendars["mx-example"], weekend=(), holidays=())
    return replace(
        project,
        time_zone=zone,
        reports={"credit_daily": report},
        calendars={"mx-example": calendar},
        run=RunSettings(starts=starts),
    )


def test_a_run_starts_on_the_day_on_which_its_report_is_due(project: Project) -> None:
    found = start(project, ["credit_daily"], date(2026, 11, 20), ZoneInfo)
    assert found == utc("2026-11-23T08:00")


def test_a_run_of_several_reports_starts_on_the_first_due_day(project: Project) -> None:
    later = replace(project.reports["credit_daily"], name="later", due_after=3)
    project = replace(project, reports={**project.reports, "later": later})
    first, second = windows(project, ["later", "credit_daily"], date(2026, 11, 20), ZoneInfo)
    assert (first.report, first.starts_at, first.seconds) == (
        "credit_daily",
        utc("2026-11-23T08:00"),
        5 * 3600,
    )
    assert (second.report, second.starts_at, second.seconds) == (
        "later",
        utc("2026-11-23T08:00"),
        (48 + 5) * 3600,
    )


def test_a_report_that_is_due_in_another_zone_has_the_window_of_the_instants(
    project: Project,
) -> None:
    report = replace(project.reports["credit_daily"], time_zone="America/Tijuana")
    project = replace(project, reports={"credit_daily": report})
    (window,) = windows(project, ["credit_daily"], date(2026, 11, 20), ZoneInfo)
    assert window.due_at == utc("2026-11-23T15:00")
    assert window.seconds == 7 * 3600


def test_a_start_that_does_not_exist_is_the_end_of_the_gap(project: Project) -> None:
    project = in_zone(project, "America/Tijuana", time(2, 30))
    assert start(project, ["credit_daily"], date(2026, 3, 7), ZoneInfo) == utc("2026-03-08T10:00")
    assert skipped(project, ZoneInfo) == (date(2026, 3, 8),)


@pytest.mark.parametrize(
    ("zone", "starts", "reference_date", "hours"),
    [
        ("America/Mexico_City", time(2, 0), date(2026, 1, 1), 5),
        ("America/Tijuana", time(2, 0), date(2026, 3, 7), 4),
        ("America/Tijuana", time(1, 0), date(2026, 3, 7), 5),
        ("Europe/Madrid", time(0, 30), date(2026, 3, 28), 5.5),
    ],
    ids=["no-dst", "in-the-gap", "before-the-gap", "madrid"],
)
def test_the_narrowest_window_is_that_of_the_day_that_loses_an_hour(
    project: Project, zone: str, starts: time, reference_date: date, hours: float
) -> None:
    (window,) = narrowest(in_zone(project, zone, starts), ZoneInfo)
    assert (window.reference_date, window.seconds) == (reference_date, hours * 3600)


def test_a_day_that_loses_an_hour_and_is_no_due_day_narrows_nothing(project: Project) -> None:
    moved = in_zone(project, "America/Tijuana")
    project = replace(moved, calendars=project.calendars)  # with weekends: 2026-03-08 is a Sunday
    (window,) = narrowest(project, ZoneInfo)
    assert window.seconds == 5 * 3600
    assert skipped(project, ZoneInfo) == ()


def test_the_narrowest_window_is_the_smallest_of_all_dates(project: Project) -> None:
    project = in_zone(project, "America/Tijuana")
    calendar = project.calendars["mx-example"]
    days = (calendar.valid_from + timedelta(days=n) for n in range(364))
    every = [windows(project, ["credit_daily"], day, ZoneInfo)[0] for day in days]
    (found,) = narrowest(project, ZoneInfo)
    assert found == min(every, key=lambda w: w.seconds)
    assert {w.seconds for w in every} == {4 * 3600, 5 * 3600}


def test_reports_that_are_owed_on_different_days_have_a_window_for_each_company(
    project: Project,
) -> None:
    daily = replace(project.calendars["mx-example"], name="daily", weekend=(), holidays=())
    other = replace(project.reports["credit_daily"], name="other", calendar="daily")
    project = replace(
        project,
        calendars={**project.calendars, "daily": daily},
        reports={**project.reports, "other": other},
    )
    found = [(w.together, w.report, w.seconds // 3600) for w in narrowest(project, ZoneInfo)]
    assert found == [
        (("credit_daily", "other"), "credit_daily", 5),
        (("credit_daily", "other"), "other", 5),
        (("other",), "other", 5),
    ]


def test_a_due_day_past_the_end_of_the_calendar_is_not_guessed(project: Project) -> None:
    with pytest.raises(ProjectError, match="P1001"):
        windows(project, ["credit_daily"], date(2026, 12, 31), ZoneInfo)
    assert all(w.due_at < utc("2027-01-01T00:00") for w in narrowest(project, ZoneInfo))


def test_a_calendar_that_ends_before_anything_is_due_has_no_window(project: Project) -> None:
    calendar = replace(project.calendars["mx-example"], valid_until=date(2026, 1, 1))
    assert narrowest(replace(project, calendars={"mx-example": calendar}), ZoneInfo) == ()


def test_a_calendar_up_to_the_last_date_there_is_ends(project: Project) -> None:
    calendar = replace(
        project.calendars["mx-example"], valid_from=date(9999, 1, 1), valid_until=date.max
    )
    found = narrowest(replace(project, calendars={"mx-example": calendar}), ZoneInfo)
    assert [w.seconds for w in found] == [5 * 3600]


def test_a_window_may_be_negative() -> None:
    window = Window(
        report="r",
        reference_date=date(2026, 1, 1),
        together=("r",),
        starts_at=utc("2026-01-02T08:00"),
        due_at=utc("2026-01-02T07:00"),
    )
    assert window.seconds == -3600
