"""What `puntual check` says of policies that have ended by the next due day."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path

from puntual.errors import Complaint, ProjectError
from puntual.model.policy import Policy
from puntual.model.project import Project
from puntual.planner.obligation import next_owed
from puntual.project.places import Blame, complaints_of
from puntual.project.zones import zone


def complaints(root: Path, project: Project, now: datetime) -> tuple[Complaint, ...]:
    """
    Return a complaint for each policy that ends before its report is due again.

    An acceptance of the regulator on which it rests ends it as well, and is named by itself.

    A policy is spared while another of its report holds on that day.

    Args:
        root: The project's folder.
        project: Right otherwise.
        now: The moment, with its zone.

    Returns:
        C1706, an error, at the `valid_until` of what has ended: policy, acceptance, or both.
    """
    found: list[Blame] = []
    for _, policy in sorted(project.policies.items()):
        report = project.reports[policy.report]
        try:
            calendar = project.calendars[report.calendar]
            due = next_owed(report.terms, calendar, now, zone(report.time_zone)).due_at.date()
        except ProjectError:
            continue  # the calendar has ended, which is told by itself
        others = (p for p in project.policies.values() if p.report == policy.report)
        if policy.last_day < due and not any(p.holds_on(due) for p in others):
            found += _ended(policy, due)
    return complaints_of(root, tuple(found))


def _ended(policy: Policy, due: date) -> Iterator[Blame]:
    """Yield what has ended by a due day: the policy, the acceptance that it rests on, or both."""
    late = f"before {policy.report} is due on {due.isoformat()}"
    if policy.valid_until < due:
        yield Blame(
            code="C1706",
            message=f"the policy '{policy.name}' ends on {policy.valid_until.isoformat()}, {late}",
            hint="have it prolonged and approved again, or remove it",
            severity="error",
            file=policy.file,
            keys=("valid_until",),
            otherwise="valid_until",
        )
    accepted = policy.needed_acceptance
    if accepted is not None and accepted.valid_until < due:
        yield Blame(
            code="C1706",
            message=(
                f"the regulator's acceptance '{accepted.reference}', on which the policy "
                f"'{policy.name}' rests, ends on {accepted.valid_until.isoformat()}, {late}"
            ),
            hint="have the regulator prolong it in writing and the policy approved again, or "
            "remove the policy",
            severity="error",
            file=policy.file,
            keys=("acceptance", "valid_until"),
            otherwise="acceptance",
        )
