"""
Business days by a pinned calendar, and the instant at which a report is due.

A date that the calendar does not cover is not guessed (`traps.md` 4). Zones come from the caller
as `tzinfo`; nothing here reads a clock.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from puntual.errors import ProjectError
from puntual.model.project import Project
from puntual.model.report import Calendar, Report

_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)


def is_business_day(calendar: Calendar, day: date) -> bool:
    """
    Say whether a day is neither weekend nor holiday.

    Raises:
        ProjectError: P1001 the calendar does not cover the day.
    """
    covers(calendar, day)
    holidays = {when for when, _ in calendar.holidays}
    return day.isoweekday() not in calendar.weekend and day not in holidays


def next_business_day(calendar: Calendar, day: date, count: int = 1) -> date:
    """
    Return the business day that lies `count` business days after a day.

    With a count of 0 it is the day itself, or the first business day after it.

    Raises:
        ProjectError: P1001 the calendar ends before it is reached.
    """
    found = day
    left = count
    while left > 0 or not is_business_day(calendar, found):
        found = _step(calendar, found, _DAY)
        left -= is_business_day(calendar, found)
    return found


def previous_business_day(calendar: Calendar, day: date, count: int = 1) -> date:
    """
    Return the business day that lies `count` business days before a day.

    Raises:
        ProjectError: P1001 the calendar begins after it.
    """
    found = day
    left = count
    while left > 0 or not is_business_day(calendar, found):
        found = _step(calendar, found, -_DAY)
        left -= is_business_day(calendar, found)
    return found


def due_instant(report: Report, calendar: Calendar, reference_date: date, zone: tzinfo) -> datetime:
    """
    Return the instant at which a report is due, in the report's zone; see `instant`.

    Args:
        report: Says after how many business days, and at which time.
        calendar: The report's calendar.
        reference_date: The day the data is about; it need not be a business day.
        zone: The report's zone, built by the caller.

    Raises:
        ProjectError: P1001 the calendar does not cover the reference date or the due day.
    """
    return instant(due_day(report, calendar, reference_date), report.due_at, zone)


def due_of(
    project: Project, report: str, reference_date: date, zones: Callable[[str], tzinfo]
) -> datetime:
    """
    Return the instant at which a report of a project is due; see `due_instant`.

    Args:
        project: Has the report and its calendar.
        report: Its name.
        reference_date: The day the data is about.
        zones: Builds a zone from its IANA name.

    Raises:
        ProjectError: P1001 the calendar does not cover the reference date or the due day.
    """
    declared = project.reports[report]
    calendar = project.calendars[declared.calendar]
    return due_instant(declared, calendar, reference_date, zones(declared.time_zone))


def due_day(report: Report, calendar: Calendar, reference_date: date) -> date:
    """
    Return the business day on which a report is due.

    Raises:
        ProjectError: P1001 the calendar does not cover the reference date or the due day.
    """
    covers(calendar, reference_date)
    return next_business_day(calendar, reference_date, report.due_after)


def instant(day: date, at: time, zone: tzinfo) -> datetime:
    """
    Return the instant of a wall-clock time, in its zone.

    A time that does not exist on a DST day means the first instant after the gap; one that
    exists twice means the first of the two (design 4.11; aws.md 7).
    """
    wall = datetime.combine(day, at)
    early = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if early.astimezone(zone).replace(tzinfo=None, fold=0) == wall:
        return early.astimezone(zone)
    return _end_of_gap(wall, zone).astimezone(zone)


def _end_of_gap(wall: datetime, zone: tzinfo) -> datetime:
    """Return the instant of the change of offset that skipped a wall-clock time."""
    before = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    after = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    old = before.astimezone(zone).utcoffset()
    while after - before > _SECOND:
        middle = before + (after - before) // (2 * _SECOND) * _SECOND
        if middle == before:
            break
        if middle.astimezone(zone).utcoffset() == old:
            before = middle
        else:
            after = middle
    return after


def _step(calendar: Calendar, day: date, by: timedelta) -> date:
    if day == (date.max if by > timedelta() else date.min):
        raise _outside(calendar, day)
    if not calendar.valid_from <= day + by <= calendar.valid_until:
        raise _outside(calendar, day + by)
    return day + by


def covers(calendar: Calendar, day: date) -> None:
    """
    Make sure that a calendar knows a day.

    Raises:
        ProjectError: P1001 it does not.
    """
    if not calendar.valid_from <= day <= calendar.valid_until:
        raise _outside(calendar, day)


def _outside(calendar: Calendar, day: date) -> ProjectError:
    return ProjectError(
        "P1001",
        f"the calendar {calendar.name} does not cover {day.isoformat()}",
        where=f"calendars/{calendar.name}.yaml",
        expected=f"{calendar.valid_from.isoformat()} to {calendar.valid_until.isoformat()}",
        observed=day.isoformat(),
        next_step="add the days that its legal source has published, and say so in the file",
    )
