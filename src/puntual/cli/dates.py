"""Which reference dates a person means by `-d`: a day, `today`, `-1`, or a range."""

from __future__ import annotations

from datetime import date, datetime, timedelta, tzinfo
from pathlib import Path

import click

from puntual.cli.options import parse_day
from puntual.errors import ProjectError
from puntual.model.project import Project
from puntual.model.report import Calendar
from puntual.planner.calendar import previous_business_day
from puntual.planner.obligation import owed_on

MAX_DAYS = 3660

TODAY, BEFORE = "today", "-1"


def resolve(when: str, project: Project, *, now: datetime, zone: tzinfo) -> tuple[date, ...]:
    """
    Return the reference dates that a text names, oldest first.

    A range holds only days for which some report is owed.

    Raises:
        click.BadParameter: It names none, or more than ten years.
        ProjectError: P1003 no report is owed for any day of a range; P1001 a calendar does not
            cover it.
    """
    calendar = _calendar(project)
    if ".." in when:
        first, _, last = when.partition("..")
        return _range(_one(first, calendar, now, zone), _one(last, calendar, now, zone), project)
    return (_one(when, calendar, now, zone),)


def one(when: str, root: Path, now: datetime) -> date:
    """
    Return the one reference date that a text names; the project is read only where it is asked.

    Args:
        when: A day, `today`, or `-1`.
        root: The project's folder, for its zone and its calendar.
        now: The instant, for `today` and `-1`.

    Raises:
        click.BadParameter: It names none, or several.
        ProjectError: C1000 the project that is asked for its calendar is wrong; P1001.
    """
    if ".." in when:
        message = f"one reference date is meant here, and {when} is a range"
        raise click.BadParameter(message, param_hint="--date")
    if when not in (TODAY, BEFORE):
        return parse_day(when)
    from puntual.project.read import read_project
    from puntual.project.zones import zone

    project = read_project(root)
    return _one(when, _calendar(project), now, zone(project.time_zone))


def _one(text: str, calendar: Calendar | None, now: datetime, zone: tzinfo) -> date:
    today = now.astimezone(zone).date()
    if text == TODAY:
        return today
    if text == BEFORE:
        if calendar is None:
            raise click.BadParameter("-1 needs a calendar, and no report names one")
        return previous_business_day(calendar, today)
    return parse_day(text)


def _range(first: date, last: date, project: Project) -> tuple[date, ...]:
    days = (last - first).days + 1
    if not 1 <= days <= MAX_DAYS:
        raise click.BadParameter(f"{first}..{last} is no range of 1 to {MAX_DAYS} days")
    every = (first + timedelta(days=n) for n in range(days))
    names = sorted(project.reports)
    found = tuple(d for d in every if not names or owed_on(project, names, d))
    if not found:
        raise ProjectError(
            "P1003",
            f"no delivery is owed for any day of {first}..{last}",
            where=", ".join(names),
            expected="a range with a day that is owed",
            observed=f"{days} days, of which none is",
            next_step="name days that are owed with -d, or correct the calendar",
        )
    return found


def _calendar(project: Project) -> Calendar | None:
    for report in sorted(project.reports):
        return project.calendars[project.reports[report].calendar]
    return None
