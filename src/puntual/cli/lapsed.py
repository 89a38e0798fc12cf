"""What `puntual check` says of calendars that have ended: nobody knows what is owed next."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path

from puntual.errors import Complaint, ProjectError
from puntual.model.notice import Obligation
from puntual.model.project import Project
from puntual.planner.obligation import next_owed
from puntual.project.places import Blame, complaints_of
from puntual.project.zones import zone


def complaints(root: Path, project: Project, now: datetime) -> tuple[Complaint, ...]:
    """
    Return a complaint for each calendar that ends before a report is due again.

    Args:
        root: The project's folder.
        project: Right otherwise.
        now: The moment, with its zone.

    Returns:
        C1502, an error, at the calendar's `valid_until`.
    """
    ended: dict[str, str] = {}
    for _, report in sorted(project.reports.items()):
        calendar = project.calendars[report.calendar]
        try:
            next_owed(report.terms, calendar, now, zone(report.time_zone))
        except ProjectError as error:
            ended.setdefault(calendar.name, f"{error.message}: {error.observed}")
    return complaints_of(root, tuple(_blame(name, said) for name, said in ended.items()))


def ended(project: Project, now: datetime) -> dict[Obligation, str]:
    """
    Return what nobody knows to be owed at a moment, for its calendar has ended, with its words.

    Args:
        project: The reports and their calendars.
        now: The moment, with its zone.

    Returns:
        Of each report whose calendar ends before it is due again the first day after it.
    """
    found = {}
    for name, report in sorted(project.reports.items()):
        calendar = project.calendars[report.calendar]
        try:
            next_owed(report.terms, calendar, now, zone(report.time_zone))
        except ProjectError as error:
            last = calendar.valid_until
            first = last if last == date.max else last + timedelta(days=1)
            found[Obligation(report=name, reference_date=first)] = "\n".join(
                (
                    f"CALENDAR ENDED · {error.message}",
                    f"{error.code}: {error.observed}; nothing of it is run or told after",
                    error.next_step,
                )
            )
    return found


def _blame(name: str, said: str) -> Blame:
    return Blame(
        code="C1502",
        message=said,
        hint="add the days that its legal source has published, and say so in the file; "
        f"`puntual calendar refresh {name}` proposes them",
        severity="error",
        file=f"calendars/{name}.yaml",
        keys=("valid_until",),
        otherwise="valid_until",
    )
