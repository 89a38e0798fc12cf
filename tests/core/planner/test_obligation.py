"""What is owed exists from the calendar alone, in every cadence, and can be missed unseen."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from puntual.errors import ProjectError
from puntual.model.delivery import Timeliness
from puntual.model.notice import Obligation
from puntual.model.obligation import Cadence, Terms
from puntual.model.project import Project
from puntual.model.report import Calendar
from puntual.planner.obligation import (
    dues,
    is_owed,
    last_known,
    next_owed,
    owed,
    owed_on,
    unmet,
)
from puntual.planner.schedule import narrowest

MEXICO = ZoneInfo("America/Mexico_City")
NEVER = datetime(2000, 1, 1, tzinfo=UTC)


def make_terms(**over: object) -> Terms:
    terms = Terms(
        report="credit_daily",
        calendar="mx-example",
        due_after=1,
        due_at=time(7, 0),
        time_zone="America/Mexico_City",
    )
    return replace(terms, **over)  # type: ignore[arg-type]


def owed_days(terms: Terms, calendar: Calendar, first: date, last: date) -> list[str]:
    return [d.isoformat() for d, _ in dues(terms, calendar, first, last, MEXICO)]


def test_a_business_days_report_is_owed_for_business_days_and_due_on_the_next(
    project: Project,
) -> None:
    found = owed(project, date(2026, 11, 13), date(2026, 11, 18), NEVER, zones=ZoneInfo)
    assert [(str(o.obligation), o.due_at.isoformat()) for o in found] == [
        ("credit_daily/2026-11-13", "2026-11-17T07:00:00-06:00"),
        ("credit_daily/2026-11-17", "2026-11-18T07:00:00-06:00"),
        ("credit_daily/2026-11-18", "2026-11-19T07:00:00-06:00"),
    ]


@pytest.mark.parametrize(
    ("cadence", "days"),
    [
        # Monday 16 November is a holiday; 31 October is a Saturday, 30 November a Monday.
        (Cadence.WEEK, ["2026-10-30", "2026-11-06", "2026-11-13", "2026-11-20", "2026-11-27"]),
        (Cadence.MONTH_END, ["2026-10-30", "2026-11-30"]),
        (Cadence.CALENDAR_MONTH_END, ["2026-10-31", "2026-11-30"]),
    ],
)
def test_a_week_and_a_month_have_one_end(
    calendar: Calendar, cadence: Cadence, days: list[str]
) -> None:
    found = owed_days(make_terms(cadence=cadence), calendar, date(2026, 10, 26), date(2026, 12, 2))
    assert found == days


def test_the_last_business_day_of_a_week_may_be_its_monday(calendar: Calendar) -> None:
    holidays = tuple((date(2026, 6, day), "closed") for day in (9, 10, 11, 12))
    closed = replace(calendar, holidays=holidays)
    weekly = make_terms(cadence=Cadence.WEEK)
    assert owed_days(weekly, closed, date(2026, 6, 8), date(2026, 6, 14)) == ["2026-06-08"]
    all_closed = replace(closed, holidays=((date(2026, 6, 8), "closed"), *holidays))
    assert owed_days(weekly, all_closed, date(2026, 6, 8), date(2026, 6, 14)) == []


def test_a_calendar_month_end_is_due_on_the_nth_business_day_after_it(calendar: Calendar) -> None:
    terms = make_terms(cadence=Cadence.CALENDAR_MONTH_END, due_after=3, due_at=time(18, 30))
    ((day, due),) = dues(terms, calendar, date(2026, 10, 1), date(2026, 10, 31), MEXICO)
    assert (day, due.isoformat()) == (date(2026, 10, 31), "2026-11-04T18:30:00-06:00")


@pytest.mark.row("f13")
def test_a_due_hour_that_a_clock_change_skips_is_the_first_instant_after(
    calendar: Calendar,
) -> None:
    every_day = replace(calendar, weekend=(), holidays=())
    terms = make_terms(due_at=time(2, 30), time_zone="Europe/Madrid")
    found = dict(
        dues(terms, every_day, date(2026, 3, 27), date(2026, 3, 28), ZoneInfo("Europe/Madrid"))
    )
    assert found[date(2026, 3, 28)].isoformat() == "2026-03-29T03:00:00+02:00"


@given(
    st.sampled_from(list(Cadence)),
    st.integers(1, 40),
    st.dates(date(2026, 3, 1), date(2026, 12, 31)),
)
@settings(max_examples=40, deadline=None)
def test_whatever_is_owed_is_told_up_to_the_last_day_whose_due_day_is_known_and_none_after(
    cadence: Cadence, due_after: int, ends: date
) -> None:
    longer = Calendar(
        name="c",
        source="s",
        published=date(2025, 12, 1),
        valid_from=date(2026, 1, 1),
        valid_until=date(2027, 6, 30),
        weekend=(6, 7),
        holidays=(),
    )
    terms = make_terms(cadence=cadence, due_after=due_after)
    found = owed_days(terms, replace(longer, valid_until=ends), date.min, date.max)
    last = last_known(terms, replace(longer, valid_until=ends))
    whole = dict(dues(terms, longer, date(2026, 1, 1), ends, MEXICO))
    inside = [d.isoformat() for d, due in whole.items() if due.date() <= ends and d <= last]
    assert found == inside
    first_unknown = next((d for d, due in whole.items() if due.date() > ends), ends)
    # Nothing is held back but the week or the month in whose middle the calendar ends.
    assert first_unknown - last <= timedelta(days=31)
    assert all(d <= last for d, due in whole.items() if due.date() <= ends - timedelta(days=31))


@pytest.mark.parametrize(
    ("cadence", "due_after"), [(Cadence.WEEK, 7), (Cadence.MONTH_END, 23), (Cadence.MONTH_END, 60)]
)
def test_a_report_that_is_due_in_a_later_week_or_month_than_its_next_one_is_owed(
    project: Project, cadence: Cadence, due_after: int
) -> None:
    terms = make_terms(cadence=cadence, due_after=due_after)
    calendar = project.calendars["mx-example"]
    assert owed_days(terms, calendar, date.min, date.max)


@given(st.dates(date(2026, 1, 1), date(2026, 12, 1)), st.sampled_from(list(Cadence)))
def test_every_month_has_one_month_end_and_each_is_a_business_day_or_the_last(
    day: date, cadence: Cadence
) -> None:
    calendar = Calendar(
        name="c",
        source="s",
        published=day,
        valid_from=date(2026, 1, 1),
        valid_until=date(2027, 2, 1),
        weekend=(6, 7),
        holidays=(),
    )
    first = day.replace(day=1)
    last = (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    found = owed_days(make_terms(cadence=cadence), calendar, first, last)
    if cadence in (Cadence.MONTH_END, Cadence.CALENDAR_MONTH_END):
        assert len(found) == 1
    if cadence is Cadence.CALENDAR_MONTH_END:
        assert found == [last.isoformat()]


@pytest.mark.row("f18")
def test_nothing_is_owed_where_the_calendar_cannot_tell(calendar: Calendar) -> None:
    daily, monthly = make_terms(), make_terms(cadence=Cadence.MONTH_END)
    short = replace(calendar, valid_until=date(2026, 6, 17))
    assert last_known(daily, short) == date(2026, 6, 16)
    assert last_known(make_terms(due_after=0), short) == date(2026, 6, 17)
    assert last_known(monthly, short) == date(2026, 6, 16)
    assert owed_days(daily, short, date(2026, 6, 15), date.max) == ["2026-06-15", "2026-06-16"]
    with pytest.raises(ProjectError, match="P1001"):
        is_owed(monthly, replace(calendar, valid_until=date(2026, 6, 29)), date(2026, 6, 29))


def test_a_calendar_up_to_the_last_date_there_is_has_an_end(calendar: Calendar) -> None:
    late = replace(calendar, valid_from=date(9999, 12, 1), valid_until=date.max)
    assert last_known(make_terms(), late) == date(9999, 12, 30)
    assert owed_days(make_terms(), late, date.min, date.max)[-1] == "9999-12-30"
    monthly = make_terms(cadence=Cadence.CALENDAR_MONTH_END, due_after=0)
    assert owed_days(monthly, late, date.min, date.max) == ["9999-12-31"]


def test_what_is_due_next_is_found_across_a_long_closure(calendar: Calendar) -> None:
    at = datetime(2026, 11, 13, 20, tzinfo=UTC)
    found = next_owed(make_terms(), calendar, at, MEXICO)
    assert found.obligation.reference_date == date(2026, 11, 13)
    assert found.due_at.isoformat() == "2026-11-17T07:00:00-06:00"
    monthly = next_owed(make_terms(cadence=Cadence.MONTH_END, due_after=11), calendar, at, MEXICO)
    assert monthly.obligation.reference_date == date(2026, 10, 30)


@pytest.mark.row("f18")
def test_a_calendar_that_has_ended_is_said_to_have_ended(calendar: Calendar) -> None:
    at = datetime(2026, 12, 31, 20, tzinfo=UTC)
    with pytest.raises(ProjectError, match="C1502") as raised:
        next_owed(make_terms(), calendar, at, MEXICO)
    assert raised.value.where == "calendars/mx-example.yaml"


@pytest.mark.row("f63")
def test_what_nobody_ran_is_missed_when_its_hour_has_passed(project: Project) -> None:
    at = datetime(2026, 11, 18, 13, 0, 1, tzinfo=UTC)
    found = owed(project, date(2026, 11, 13), date(2026, 11, 18), at, zones=ZoneInfo)
    assert [o.timeliness for o in found] == [
        Timeliness.MISSED,
        Timeliness.MISSED,
        Timeliness.ON_TIME,
    ]
    ran = Obligation(report="credit_daily", reference_date=date(2026, 11, 13))
    since = {"credit_daily": date(2026, 11, 13)}
    days = [o.obligation.reference_date.day for o in unmet(found, [ran], since)]
    assert days == [17, 18]


def test_before_a_report_was_owed_nothing_was_missed(project: Project) -> None:
    at = datetime(2026, 11, 18, 15, tzinfo=UTC)
    found = owed(project, date(2026, 11, 2), date(2026, 11, 18), at, zones=ZoneInfo)
    assert [o.obligation.reference_date.day for o in unmet(found, [], {})] == [18]
    report = replace(project.reports["credit_daily"], owed_from=date(2026, 11, 17))
    moved = replace(project, reports={"credit_daily": report})
    later = owed(moved, date(2026, 11, 2), date(2026, 11, 18), at, zones=ZoneInfo)
    assert [o.obligation.reference_date.day for o in later] == [17, 18]


def test_of_several_reports_those_are_owed_whose_cadence_has_the_day(project: Project) -> None:
    weekly = replace(project.reports["credit_daily"], name="weekly", cadence=Cadence.WEEK)
    both = replace(project, reports={**project.reports, "weekly": weekly})
    assert owed_on(both, ["credit_daily", "weekly"], date(2026, 11, 19)) == ("credit_daily",)
    assert owed_on(both, ["credit_daily", "weekly"], date(2026, 11, 20)) == (
        "credit_daily",
        "weekly",
    )


def test_the_narrowest_window_of_a_monthly_report_is_that_of_its_own_days(
    project: Project,
) -> None:
    monthly = replace(project.reports["credit_daily"], cadence=Cadence.CALENDAR_MONTH_END)
    (window,) = narrowest(replace(project, reports={"credit_daily": monthly}), ZoneInfo)
    assert window.reference_date == date(2026, 1, 31)
