"""What `puntual check` says of policies that have ended by the next due day."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from puntual.errors import Complaint, ProjectError
from puntual.model.project import Project
from puntual.planner.obligation import next_owed
from puntual.project.places import Blame, complaints_of
from puntual.project.zones import zone


def complaints(root: Path, project: Project, now: datetime) -> tuple[Complaint, ...]:
    """
    Return a complaint for each policy that ends before its report is due again.

    A policy is spared while another of its report holds on that day.

    Args:
        root: The project's folder.
        project: Right otherwise.
        now: The moment, with its zone.

    Returns:
        C1706, an error, at the policy's `valid_until`.
    """
    found = []
    for name, policy in sorted(project.policies.items()):
        report = project.reports[policy.report]
        try:
            calendar = project.calendars[report.calendar]
            due = next_owed(report.terms, calendar, now, zone(report.time_zone)).due_at.date()
        except ProjectError:
            continue  # the calendar has ended, which is told by itself
        others = (p for p in project.policies.values() if p.report == policy.report)
        if policy.last_day < due and not any(p.holds_on(due) for p in others):
            message = (
                f"the policy '{name}' ends on {policy.last_day.isoformat()}, before "
                f"{policy.report} is due on {due.isoformat()}"
            )
            found.append(_blame(policy.file, message))
    return complaints_of(root, tuple(found))


def _blame(file: str, message: str) -> Blame:
    return Blame(
        code="C1706",
        message=message,
        hint="have it prolonged and approved again, or remove it",
        severity="error",
        file=file,
        keys=("valid_until",),
        otherwise="valid_until",
    )
