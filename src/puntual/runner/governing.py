"""What governs a delivery now: its policies, who approved them, and the moment."""

from __future__ import annotations

from puntual.evidence.canonical import encode
from puntual.evidence.digest import sha256
from puntual.evidence.facts import list_from_json, to_json
from puntual.model.approval import Approval
from puntual.model.manifest import Digest
from puntual.planner.policy import Governed, govern, policies_of
from puntual.runner.world import DayRun

APPROVALS = "approvals"
"""In a decide manifest: the approvals of policies that the decision was taken under."""


def governing(run: DayRun, report: str) -> Governed | None:
    """
    Return what governs a report's delivery; None where no policy was laid down for it.

    Raises:
        EvidenceError: P3045 an approval was altered.
        ProjectError: P1001 a calendar does not cover the day.
    """
    if not policies_of(run.project, report):
        return None
    return govern(
        run.project,
        report,
        run.date,
        approvals=approvals(run, report),
        at=run.world.clock.now(),
        zones=run.world.zone,
    )


def approvals(run: DayRun, report: str) -> tuple[Approval, ...]:
    """Return who approved the policies of a report; in a replay, who had when it was decided."""
    recorded = run.recorded.get(f"decide:{report}")
    if recorded is not None and APPROVALS in recorded.facts:
        return list_from_json(Approval, recorded.facts[APPROVALS])
    policies = policies_of(run.project, report)
    return tuple(a for p in policies for a in run.world.approvals.given(p.digest))


def laid_down(run: DayRun, report: str) -> dict[str, Digest]:
    """Return what a decision depends on besides the day: policies, roles, approvals."""
    policies = policies_of(run.project, report)
    if not policies:
        return {}
    said = to_json({"roles": run.project.roles, "given": approvals(run, report)})
    return {p.file: p.digest for p in policies} | {"approvals": sha256(encode(said))}
