"""
When the run of a reference date starts, and how long it has until each report is due.

Zones come from the caller, who reads their files; nothing here reads a clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from puntual.model.obligation import Cadence
from puntual.model.project import Project
from puntual.model.report import Calendar, Report
from puntual.planner.calendar import due_day, due_of, instant, is_business_day
from puntual.planner.obligation import is_owed, last_known

Zones = Callable[[str], tzinfo]
"""Builds the zone of an IANA name."""

SPAN = timedelta(days=40 * 366)
"""
How much of a calendar is walked, from its beginning.

A rule of daylight saving falls on the same dates and weekdays again after 28 years, and nobody
publishes holidays for longer, so the rest holds no narrower window.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """
    The time between the start of a run and the due time of one of its reports.

    Attributes:
        report: Which report.
        reference_date: Of which day.
        together: The reports that the run of that day delivers, sorted.
        starts_at: UTC.
        due_at: UTC.
    """

    report: str
    reference_date: date
    together: tuple[str, ...]
    starts_at: datetime
    due_at: datetime

    @property
    def seconds(self) -> int:
        """How long it is; negative if the run starts after the due time."""
        return (self.due_at - self.starts_at) // timedelta(seconds=1)


def start(project: Project, reports: Iterable[str], reference_date: date, zones: Zones) -> datetime:
    """
    Return the instant at which the run of a reference date starts, in UTC.

    It is `run.starts` in the project's zone on the first day on which one of its reports is due.
    A wall-clock time that does not exist means the first instant after the gap; one that exists
    twice means the first of the two (aws.md 7).

    Raises:
        ProjectError: P1001 a calendar does not cover the reference date or the due day.
    """
    chosen = [project.reports[name] for name in reports]
    day = min(due_day(r, project.calendars[r.calendar], reference_date) for r in chosen)
    return _start(project, day, zones)


def windows(
    project: Project, reports: Iterable[str], reference_date: date, zones: Zones
) -> tuple[Window, ...]:
    """
    Return the window of each report of a run, in the order of the reports' names.

    Raises:
        ProjectError: P1001 a calendar does not cover the reference date or the due day.
    """
    together = tuple(sorted(set(reports)))
    starts_at = start(project, together, reference_date, zones)
    return tuple(
        Window(
            report=name,
            reference_date=reference_date,
            together=together,
            starts_at=starts_at,
            due_at=_due(project, name, reference_date, zones),
        )
        for name in together
    )


def narrowest(project: Project, zones: Zones) -> tuple[Window, ...]:
    """
    Return the narrowest windows over the dates that the calendars cover.

    A day on which the clocks go forward may make a window shorter. A date is one for which the
    report is owed, and its due day is in the calendar too.

    Returns:
        One for each report and set of reports that are delivered together, of the earliest such
        date; sorted by these.
    """
    found: dict[tuple[tuple[str, ...], str], Window] = {}
    for reference_date, owed in _owed(project).items():
        together = tuple(sorted(owed))
        starts_at = _start(project, min(owed.values()), zones)
        for name, day in owed.items():
            report = project.reports[name]
            due_at = instant(day, report.due_at, zones(report.time_zone)).astimezone(UTC)
            window = Window(
                report=name,
                reference_date=reference_date,
                together=together,
                starts_at=starts_at,
                due_at=due_at,
            )
            before = found.get((together, name))
            if before is None or window.seconds < before.seconds:
                found[(together, name)] = window
    return tuple(found[key] for key in sorted(found))


def skipped(project: Project, zones: Zones) -> tuple[date, ...]:
    """Return the start days on which `run.starts` is a time that does not exist, sorted."""
    zone, at = zones(project.time_zone), project.run.starts
    days = {min(owed.values()) for owed in _owed(project).values()}
    return tuple(d for d in sorted(days) if instant(d, at, zone).time() != at)


def unfinished(project: Project, zones: Zones) -> tuple[Window, ...]:
    """
    Return where the run of a reference date starts before that day is over, where it is cut.

    Returns:
        One for each report that is due so early, of the earliest such date; sorted by name. Those
        that are made together with it are in `together`.
    """
    zone = zones(project.time_zone)
    found: dict[str, Window] = {}
    for reference_date, owed in _owed(project).items():
        first = min(owed.values())
        if first > reference_date:
            continue
        starts_at = _start(project, first, zones)
        if starts_at >= instant(reference_date + timedelta(days=1), time.min, zone):
            continue
        for name, day in owed.items():
            if day > first:
                continue  # made too early with the others, and itself not to blame
            report = project.reports[name]
            window = Window(
                report=name,
                reference_date=reference_date,
                together=tuple(sorted(owed)),
                starts_at=starts_at,
                due_at=instant(day, report.due_at, zones(report.time_zone)).astimezone(UTC),
            )
            found.setdefault(name, window)
    return tuple(found[name] for name in sorted(found))


def _start(project: Project, day: date, zones: Zones) -> datetime:
    return instant(day, project.run.starts, zones(project.time_zone)).astimezone(UTC)


def _due(project: Project, name: str, reference_date: date, zones: Zones) -> datetime:
    return due_of(project, name, reference_date, zones).astimezone(UTC)


def _owed(project: Project) -> Mapping[date, dict[str, date]]:
    """Return reference date → report → due day, for every date on which a report is owed."""
    found: dict[date, dict[str, date]] = {}
    business = {c.name: tuple(_business_days(c)) for c in project.calendars.values()}
    for name, report in sorted(project.reports.items()):
        dated: Iterator[tuple[date, date]]
        if report.cadence is Cadence.BUSINESS_DAY:
            days = business[report.calendar]
            dated = zip(days, days[report.due_after :], strict=False)
        else:
            dated = _ends(report, project.calendars[report.calendar])
        for day, due in dated:
            found.setdefault(day, {})[name] = due
    return dict(sorted(found.items()))


def _ends(report: Report, calendar: Calendar) -> Iterator[tuple[date, date]]:
    """Yield the ends of weeks or months for which a report is owed, each with its due day."""
    last = min(last_known(report.terms, calendar), _later(calendar.valid_from, SPAN))
    for ahead in range((last - calendar.valid_from).days + 1):
        day = calendar.valid_from + timedelta(days=ahead)
        if is_owed(report.terms, calendar, day):
            yield day, due_day(report, calendar, day)


def _business_days(calendar: Calendar) -> Iterator[date]:
    last = min(calendar.valid_until, _later(calendar.valid_from, SPAN))
    day = calendar.valid_from
    while day <= last:
        if is_business_day(calendar, day):
            yield day
        if day == last:
            return
        day += timedelta(days=1)


def _later(day: date, by: timedelta) -> date:
    return day + by if date.max - day > by else date.max
