"""
Which policy governs a delivery, whether it is approved, and the last moment to decide.

Pure: approvals, zones and the moment are arguments. A policy counts only while it is valid on
the day on which the delivery is due, so that a replay years later finds what the day found.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from puntual.model.approval import Approval
from puntual.model.delivery import Reason
from puntual.model.policy import Policy, Roles, Signatures
from puntual.model.project import Project
from puntual.planner.calendar import due_of
from puntual.planner.deadline import until
from puntual.planner.flow import flow
from puntual.planner.plan import plan
from puntual.planner.schedule import Zones
from puntual.planner.worst import worst

NOT_COVERED = frozenset({"P3002", "P3003", "P3004", "P3005", "P3006", "P3007"})
"""Codes of the reasons for which a policy does not allow what is there: hold, and page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Governed:
    """
    What a decision is taken under.

    Attributes:
        policy: Valid on the due day and approved; None: anything less than full is held.
        barred: Why a policy that was laid down does not count; none if it counts, or if there
            is none.
        decide_by: Before it a day that is not full waits; with its zone.
        at: The moment, with its zone.
        due_at: When the delivery is due, with its zone.
    """

    policy: Policy | None
    barred: tuple[Reason, ...]
    decide_by: datetime
    at: datetime
    due_at: datetime


def govern(
    project: Project,
    report: str,
    reference_date: date,
    *,
    approvals: Iterable[Approval],
    at: datetime,
    zones: Zones,
) -> Governed:
    """
    Return what governs the delivery of a report for a reference date.

    Args:
        project: Its policies and roles.
        report: Which report.
        reference_date: Of which day.
        approvals: All that were given for the bytes of its policies.
        at: The moment of decision.
        zones: Builds a zone.

    Raises:
        ProjectError: P1001 a calendar does not cover the reference date or the due day.
    """
    due_at = due_of(project, report, reference_date, zones)
    found, barred = None, []
    given = tuple(approvals)
    for policy in policies_of(project, report):
        why = _barred(policy, due_at.date(), given, project.roles)
        if why is None:
            found = policy
        else:
            barred.append(why)
    return Governed(
        policy=found,
        barred=() if found else tuple(barred),
        decide_by=decide_by(project, report, reference_date, zones),
        at=at,
        due_at=due_at,
    )


def policies_of(project: Project, report: str) -> tuple[Policy, ...]:
    """Return the policies of a report, by name."""
    named = (project.policies[name] for name in sorted(project.policies))
    return tuple(policy for policy in named if policy.report == report)


def decide_by(project: Project, report: str, reference_date: date, zones: Zones) -> datetime:
    """
    Return the last moment to decide: due − reserve − worst case of the steps that remain.

    These are decide, report, attest and deliver of this report (`planner.worst`), with every
    retry: a decision that is taken then is delivered before the reserve begins.

    Raises:
        ProjectError: P1001 a calendar does not cover the reference date or the due day.
    """
    due_at = due_of(project, report, reference_date, zones)
    whole = until(flow(project, plan(project, reference_date, (report,))), report)
    left = worst(replace(whole, start=f"decide:{report}"))
    seconds = -(-left // 1) + project.reports[report].reserve
    return due_at - timedelta(seconds=int(seconds))


def decisions(
    project: Project, reports: Iterable[str], reference_date: date, zones: Zones
) -> dict[str, datetime]:
    """
    Return the last moment to decide of each report that a policy is laid down for.

    Raises:
        ProjectError: P1001 a calendar does not cover the reference date or the due day.
    """
    return {
        name: decide_by(project, name, reference_date, zones)
        for name in reports
        if policies_of(project, name)
    }


def missing(
    needed: Signatures, given: Iterable[Approval], roles: Roles, *, maker: str
) -> tuple[str, ...]:
    """
    Return what is still to be agreed before the signatures are complete; none when they are.

    Only somebody who holds the role and did not make what is agreed to counts, and each person
    once (maker ≠ checker).

    Args:
        needed: Whose.
        given: For exactly these bytes.
        roles: Who holds which role now.
        maker: Who made it; "" if a program did.
    """
    valid = [
        a
        for a in given
        if a.role in needed.roles and a.person in roles.get(a.role, ()) and a.person != maker
    ]
    people = {a.person for a in valid}
    absent = [r for r in needed.roles if r not in {a.role for a in valid}]
    found = [f"somebody in the role {role}" for role in absent]
    if len(people) < needed.people and len(absent) < needed.people - len(people):
        found.append(f"{needed.people} different people ({len(people)} so far)")
    return tuple(found)


def _barred(policy: Policy, due: date, given: tuple[Approval, ...], roles: Roles) -> Reason | None:
    if not policy.holds_on(due):
        return Reason(code="P3003", about=policy.name, sentence=_not_in_force(policy, due))
    mine = [a for a in given if a.digest == policy.digest]
    still = missing(policy.approval, mine, roles, maker=policy.author)
    if still:
        return Reason(
            code="P3002",
            about=policy.name,
            sentence=f"the policy {policy.name} is not approved as it stands; it needs "
            f"{' and '.join(still)}: puntual sign policy {policy.name}",
        )
    return None


def _not_in_force(policy: Policy, due: date) -> str:
    """Say what does not hold on a due day: the policy, or the acceptance that it rests on."""
    accepted = policy.needed_acceptance
    if accepted is not None and policy.valid_from <= due <= policy.valid_until:
        what = (
            f"the regulator's acceptance {accepted.reference}, on which the policy {policy.name} "
            "rests,"
        )
        first, last = accepted.accepted_on, accepted.valid_until
    else:
        what, first, last = f"the policy {policy.name}", policy.valid_from, policy.valid_until
    return (
        f"{what} does not hold on the due day; expected {first.isoformat()} to "
        f"{last.isoformat()}, observed {due.isoformat()}"
    )
