"""
Which steps a reference date takes, in which order, and what each of them reads.

The plan is a value: it is carried out (`runner`), explained (`planner.explain`) and later
compiled. It holds everything in the project; nothing is asked of the world.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from typing import assert_never

from puntual.errors import ProjectError
from puntual.model.plan import (
    Attest,
    Build,
    Curate,
    Decide,
    Deliver,
    Land,
    Load,
    MakeReport,
    Plan,
    Reconcile,
    Rehearse,
    Step,
    Validate,
)
from puntual.model.project import Project


def plan(project: Project, reference_date: date, reports: Iterable[str] = ()) -> Plan:
    """
    Plan a reference date.

    Args:
        project: Read and found right; its models stand in dependency order.
        reference_date: The day.
        reports: Names of the reports to deliver; none: every report of the project.

    Returns:
        Steps in an order in which each finds its inputs: land, curate, build, validate, load,
        reconcile, then for each report decide, report, attest, deliver; last, for each report
        that has a plan B, its rehearsal, which no delivery waits for.

    Raises:
        ProjectError: P1002 a report that the project does not have.
    """
    chosen = tuple(sorted(set(reports) or project.reports.keys()))
    _known(project, chosen)
    rehearsed = (name for name in chosen if project.reports[name].emergency is not None)
    steps = (
        *_day(project),
        *(s for name in chosen for s in _delivery(name)),
        *(Rehearse(report=name) for name in rehearsed),
    )
    return Plan(
        reference_date=reference_date,
        reports=chosen,
        steps=steps,
        needs={step.id: needs(step, project) for step in steps},
    )


def look(
    project: Project, reference_date: date, reports: Iterable[str], landed: Iterable[str]
) -> Plan:
    """
    Plan to look for what came late for a delivered day: the landing of its sources, no more.

    Args:
        project: As for `plan`.
        reference_date: The day.
        reports: The reports that are delivered.
        landed: The sources that have been landed for the day.

    Raises:
        ProjectError: P1002 a report that the project does not have.
    """
    whole = plan(project, reference_date, reports)
    known = frozenset(landed)
    steps = tuple(s for s in whole.steps if isinstance(s, Land) and s.source in known)
    return replace(whole, steps=steps, needs={step.id: () for step in steps})


def plan_b(project: Project, reference_date: date, reports: Iterable[str]) -> Plan:
    """
    Plan a reference date whose full report could not be made: from raw straight to the decision.

    Args:
        project: As for `plan`.
        reference_date: The day.
        reports: Those that a policy lets plan B be delivered for.

    Raises:
        ProjectError: P1002 a report that the project does not have.
    """
    chosen = tuple(sorted(set(reports)))
    _known(project, chosen)
    lands = tuple(Land(source=name) for name in sorted(project.sources))
    landed = tuple(step.id for step in lands)
    steps: tuple[Step, ...] = (*lands, *(s for name in chosen for s in _delivery(name)))
    needed: dict[str, tuple[str, ...]] = {step.id: () for step in lands}
    for name in chosen:
        decide, made = Decide(report=name).id, MakeReport(report=name).id
        needed |= {decide: landed, made: (decide,)}
        needed[Attest(report=name).id] = (*landed, decide, made)
        needed[Deliver(report=name).id] = (made, Attest(report=name).id)
    return Plan(
        reference_date=reference_date,
        reports=chosen,
        steps=steps,
        needs=needed,
        without_warehouse=True,
    )


def needs(step: Step, project: Project) -> tuple[str, ...]:
    """Return the ids of the steps whose output a step reads, in plan order."""
    match step:
        case Land():
            return ()
        case Curate():
            return (Land(source=step.dataset).id,)
        case Build():
            return tuple(_made_by(name, project) for name in project.models[step.model].inputs)
        case Validate():
            return _curated(project)
        case Load():
            return (_made_by(step.table, project), Validate().id)
        case Reconcile():
            return (*_landed(project), *_curated(project), Validate().id, *_loaded(project))
        case Decide():
            return (*_landed(project), *_curated(project), Validate().id, Reconcile().id)
        case MakeReport():
            return (*_loaded(project), Decide(report=step.report).id)
        case Attest():
            return _attested(step, project)
        case Deliver():
            return (MakeReport(report=step.report).id, Attest(report=step.report).id)
        case Rehearse():
            return (*_landed(project), MakeReport(report=step.report).id)
        case _:
            assert_never(step)


def _day(project: Project) -> tuple[Step, ...]:
    return (
        *(Land(source=name) for name in sorted(project.sources)),
        *(Curate(dataset=name) for name in sorted(project.contracts)),
        *(Build(model=name) for name in project.models),
        Validate(),
        *(Load(table=name) for name in sorted(project.warehouse.tables)),
        Reconcile(),
    )


def _delivery(report: str) -> tuple[Step, ...]:
    return (
        Decide(report=report),
        MakeReport(report=report),
        Attest(report=report),
        Deliver(report=report),
    )


def _attested(step: Attest, project: Project) -> tuple[str, ...]:
    return (
        *(s.id for s in _day(project)),
        Decide(report=step.report).id,
        MakeReport(report=step.report).id,
    )


def _made_by(dataset: str, project: Project) -> str:
    if dataset in project.models:
        return Build(model=dataset).id
    return Curate(dataset=dataset).id


def _landed(project: Project) -> tuple[str, ...]:
    return tuple(Land(source=name).id for name in sorted(project.sources))


def _curated(project: Project) -> tuple[str, ...]:
    made = [Curate(dataset=name).id for name in sorted(project.contracts)]
    return (*made, *(Build(model=name).id for name in project.models))


def _loaded(project: Project) -> tuple[str, ...]:
    return tuple(Load(table=name).id for name in sorted(project.warehouse.tables))


def _known(project: Project, reports: tuple[str, ...]) -> None:
    unknown = [name for name in reports if name not in project.reports]
    if unknown:
        raise ProjectError(
            "P1002",
            f"no report is called {', '.join(unknown)}",
            where="the reports that were asked for",
            expected=", ".join(sorted(project.reports)),
            observed=", ".join(unknown),
            next_step="name a report of the project, or none for all of them",
        )
