"""`puntual plan`: what a run would do, step by step, and why; it never asks and never acts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from fractions import Fraction
from math import ceil
from pathlib import Path

import click

from puntual.cli import reading, text
from puntual.cli.clocks import clock
from puntual.cli.dates import resolve
from puntual.cli.options import (
    as_of_option,
    date_option,
    env_option,
    json_option,
    project_option,
    report_option,
    root_of,
)
from puntual.cli.shown import clock_of
from puntual.model.project import Project
from puntual.model.run import StepTimes
from puntual.planner.deadline import Timing, timings
from puntual.planner.explain import attempts, describe, length
from puntual.planner.flow import flow, times_of
from puntual.planner.plan import plan
from puntual.planner.worst import longest, worst
from puntual.project.zones import zone


@click.command(name="plan", help="Say what a run would do, and why.")
@project_option
@date_option(required=False)
@report_option
@env_option
@as_of_option
@click.option(
    "--cost", is_flag=True, default=False, help="What a day costs on AWS, by volume, instead."
)
@click.option(
    "--prices",
    type=click.Path(path_type=Path, dir_okay=False),
    default=None,
    help="With --cost: a file of prices (default: the dated one that comes with puntual).",
)
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    project: Path | None,
    when: str | None,
    report: str | None,
    env: str | None,
    as_of: datetime | None,
    cost: bool,
    prices: Path | None,
    as_json: bool,
) -> None:
    """Print the plan of each reference date, or what a day costs."""
    root = root_of(ctx, project)
    read = reading.read(root, env)
    if cost:
        from puntual.cli import costed

        costed.show(read, prices, as_json=as_json)
        return
    if when is None:
        raise click.MissingParameter(ctx=ctx, param_hint="'-d' / '--date'", param_type="option")
    dates = resolve(when, read, now=clock(as_of).now(), zone=zone(read.time_zone))
    states = reading.committed(root, dates)
    show(read, dates, reading.chosen_reports(read, report), states, as_json=as_json)


def show(
    project: Project,
    dates: tuple[date, ...],
    reports: tuple[str, ...],
    states: dict[date, frozenset[str]],
    *,
    as_json: bool,
) -> None:
    """
    Print the plans: what each step does, how long it may take, and when all of it has ended.

    Raises:
        ProjectError: P1001 a calendar does not cover a date or its due day.
    """
    days = [_Day.of(project, day, reports, states.get(day, frozenset())) for day in dates]
    if as_json:
        text.envelope("plan", {"days": [_json(day) for day in days]})
        return
    for day in days:
        for line in _lines(day, project):
            text.say(line)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    """A step as it is explained; seconds of the worst case are exact."""

    id: str
    does: str
    committed_before: bool
    times: StepTimes
    worst: Fraction


@dataclass(frozen=True, slots=True, kw_only=True)
class _Day:
    """A reference date's plan as it is explained."""

    reference_date: date
    steps: tuple[_Step, ...]
    timings: tuple[Timing, ...]
    worst: Fraction

    @classmethod
    def of(
        cls, project: Project, day: date, reports: tuple[str, ...], committed: frozenset[str]
    ) -> _Day:
        planned = plan(project, day, reports)
        states = flow(project, planned)
        steps = tuple(
            _Step(
                id=step.id,
                does=describe(step, project),
                committed_before=step.id in committed,
                times=times_of(project.run, step),
                worst=longest(states.states[step.id]),
            )
            for step in planned.steps
        )
        found = timings(project, planned.reports, day, zone)
        rescue = max((timing.rescue for timing in found), default=Fraction(0))
        ended = worst(states, failing=rescue)
        return cls(reference_date=day, steps=steps, timings=found, worst=ended)


def _lines(day: _Day, project: Project) -> Iterator[str]:
    local = zone(project.time_zone)
    starts_at = day.timings[0].window.starts_at
    yield f" {day.reference_date.isoformat()}  {len(day.steps)} steps"
    for step in day.steps:
        sign = "●" if step.committed_before else "○"
        most = f"{attempts(step.times)}, {length(step.worst)}"
        yield f"  {sign} {step.id:<28} {most:<26} {step.does}"
    yield "  ● committed before: runs again only if its inputs, code or contract changed"
    yield "  tries × timeout, and the longest the step may take with its retries"
    yield f"  starts {clock_of(starts_at, local)}; at worst all has ended {length(day.worst)} later"
    for timing in day.timings:
        yield from _timing_lines(timing, local)


def _timing_lines(timing: Timing, local: tzinfo) -> Iterator[str]:
    window = timing.window
    by = window.starts_at + timedelta(seconds=ceil(timing.needed))
    spare = timing.slack >= 0
    yield (
        f"  {'○' if spare else '✕'} {window.report}: due {clock_of(window.due_at, local)}; "
        f"delivered by {by.astimezone(local):%H:%M:%S} at worst, {length(abs(timing.slack))} "
        f"{'before' if spare else 'after'} the limit ({length(timing.margin)} before it is due)"
    )
    if timing.rescue:
        yield f"   plan B, after a fault that is left, takes {length(timing.rescue)} of it at worst"
    if not spare:
        yield "   next: puntual check says what fits"


def _json(day: _Day) -> dict[str, object]:
    return {
        "reference_date": day.reference_date.isoformat(),
        "steps": [
            {
                "step": step.id,
                "does": step.does,
                "committed_before": step.committed_before,
                "timeout_seconds": str(step.times.timeout),
                "retries": str(step.times.retries),
                "worst_case_seconds": str(step.worst),
            }
            for step in day.steps
        ],
        "starts_at": day.timings[0].window.starts_at.isoformat(),
        "worst_case_seconds": str(day.worst),
        "reports": [
            {
                "report": timing.window.report,
                "due_at": timing.window.due_at.isoformat(),
                "margin_seconds": str(timing.margin),
                "worst_case_seconds": str(timing.needed),
                "plan_b_seconds": str(timing.rescue),
                "slack_seconds": str(timing.slack),
            }
            for timing in day.timings
        ],
    }
