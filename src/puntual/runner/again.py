"""What a run does for a day that was delivered in part, or whose full report cannot be made."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime

from puntual.errors import PuntualError
from puntual.model.approval import Approval
from puntual.model.delivery import Completeness, Delivery, Restatement, State
from puntual.model.manifest import Digest
from puntual.model.project import Project
from puntual.planner.policy import govern, policies_of
from puntual.ports.approvals import Approvals
from puntual.ports.journal import Journal
from puntual.project.zones import zone

SENT = frozenset({State.SENT, State.ACCEPTED})
COMES_LATER = "the missing data came"
"""Why a run replaces a partial delivery by a full one."""


def newest_sent(journal: Journal, day: date) -> dict[str, Delivery]:
    """Return the newest version of each report that was sent for a day."""
    found = reversed(journal.deliveries(reference_date=day))
    return {d.id.report: d for d in found if d.state in SENT}


def last_sent(journal: Journal, report: str, day: date) -> Delivery | None:
    """Return the newest version of a report that was sent for a day, whatever was answered."""
    found = journal.deliveries(report=report, reference_date=day)
    return next((delivery for delivery in found if delivery.sent_at), None)


def to_complete(sent: dict[str, Delivery], pointers: dict[str, Digest]) -> tuple[Restatement, ...]:
    """
    Return the next versions that a run tries to make in full of what was sent in part.

    Args:
        sent: The newest sent version of each report.
        pointers: Report → digest of its `deliver:` manifest.
    """
    return tuple(
        Restatement(
            report=report,
            version=delivery.id.version + 1,
            supersedes=pointers[report],
            reason=COMES_LATER,
        )
        for report, delivery in sorted(sent.items())
        if report in pointers
        and delivery.completeness in (Completeness.PARTIAL, Completeness.EMERGENCY)
    )


def rescued(
    project: Project,
    reports: Iterable[str],
    day: date,
    *,
    approvals: Approvals,
    at: datetime,
) -> tuple[str, ...]:
    """
    Return the reports of which an approved policy delivers plan B where the full one fails now.

    Raises:
        EvidenceError: P3045 an approval was altered.
    """
    found = []
    for report in reports:
        given: list[Approval] = [
            a for p in policies_of(project, report) for a in approvals.given(p.digest)
        ]
        governed = govern(project, report, day, approvals=given, at=at, zones=zone)
        policy = governed.policy
        if policy is None or at < governed.decide_by:
            continue
        if any(clause.fault for clause in policy.clauses):
            found.append(report)
    return tuple(found)


def why(fault: PuntualError) -> str:
    """
    Return in a sentence why the full report could not be made.

    It becomes evidence: it holds no values of the data, and no path of this machine.
    """
    return f"the full report could not be made: {fault.said}"
