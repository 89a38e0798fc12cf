"""Which reference dates a person means by `-d`: a day, `today`, `-1`, or a range."""

from __future__ import annotations

from datetime import date, datetime, timedelta, tzinfo

import click

from puntual.cli.options import parse_day
from puntual.model.project import Project
from puntual.model.report import Calendar
from puntual.planner.calendar import previous_business_day
from puntual.planner.obligation import owed_on

MAX_DAYS = 3660


def resolve(when: str, project: Project, *, now: datetime, zone: tzinfo) -> tuple[date, ...]:
    """
    Return the reference dates that a text names, oldest first.

    A range holds only days for which some report is owed.

    Raises:
        click.BadParameter: It names none, or more than ten years.
    """
    calendar = _calendar(project)
    if ".." in when:
        first, _, last = when.partition("..")
        return _range(_one(first, calendar, now, zone), _one(last, calendar, now, zone), project)
    return (_one(when, calendar, now, zone),)


def _one(text: str, calendar: Calendar | None, now: datetime, zone: tzinfo) -> date:
    today = now.astimezone(zone).date()
    if text == "today":
        return today
    if text == "-1":
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
    return tuple(d for d in every if not names or owed_on(project, names, d))


def _calendar(project: Project) -> Calendar | None:
    for report in sorted(project.reports):
        return project.calendars[project.reports[report].calendar]
    return None
