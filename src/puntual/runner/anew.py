"""A run from a step on: which steps are done anew, and why it may be refused."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date
from difflib import get_close_matches

from puntual.errors import ProjectError
from puntual.model.delivery import Delivery
from puntual.model.plan import Plan
from puntual.model.project import Project
from puntual.planner.plan import plan
from puntual.runner.again import SENT


def steps_from(
    project: Project,
    day: date,
    reports: Collection[str],
    step: str,
    *,
    committed: frozenset[str],
    standing: Mapping[str, Delivery],
) -> frozenset[str]:
    """
    Return a step and everything after it in the plan.

    Args:
        project: Gives the plan.
        day: The reference date.
        reports: Those that are owed for it.
        step: Its id.
        committed: Ids of the steps that are committed for the day.
        standing: The deliveries of the day, by report.

    Raises:
        ProjectError: P1004 there is no such step; P1005 a step that it needs is not committed;
            P1006 a report of the day was sent.
    """
    planned = plan(project, day, reports)
    ids = [s.id for s in planned.steps]
    if step not in ids:
        raise _unknown(step, ids)
    for report in reports:
        if report in standing and standing[report].state in SENT:
            raise _sent(standing[report], reports)
    missing = sorted(_needed(planned, step) - committed, key=ids.index)
    if missing:
        raise _missing(step, missing, day)
    return frozenset(ids[ids.index(step) :])


def _needed(planned: Plan, step: str) -> set[str]:
    """Return everything that a step needs, and what that needs."""
    found: set[str] = set()
    ahead = [step]
    while ahead:
        new = set(planned.needs[ahead.pop()]) - found
        found |= new
        ahead += new
    return found


def _unknown(step: str, ids: list[str]) -> ProjectError:
    near = get_close_matches(step, ids, 3)
    return ProjectError(
        "P1004",
        f"no step is called {step!r}",
        where="--from",
        expected=", ".join(ids),
        observed=step,
        next_step=f"did you mean {' or '.join(map(repr, near))}?"
        if near
        else "puntual plan shows the steps",
    )


def _sent(delivery: Delivery, reports: Collection[str]) -> ProjectError:
    others = [r for r in reports if r != delivery.id.report]
    return ProjectError(
        "P1006",
        f"{delivery.id} was sent, and what was sent is not made again",
        where="--from",
        expected="a day of which nothing was sent",
        observed=f"{delivery.state.value} at {delivery.sent_at}",
        next_step=f"name another report with -r: {', '.join(others)}"
        if others
        else "a correction is the next version of the delivery: puntual amend -r "
        f"{delivery.id.report} -d {delivery.id.reference_date.isoformat()} --reason TEXT",
    )


def _missing(step: str, missing: list[str], day: date) -> ProjectError:
    return ProjectError(
        "P1005",
        f"{step} needs steps that are not committed for {day.isoformat()}",
        where="--from",
        expected=", ".join(missing),
        observed="not committed",
        next_step=f"start earlier (--from {missing[0]}), or without --from: it continues from "
        "what is committed",
    )
