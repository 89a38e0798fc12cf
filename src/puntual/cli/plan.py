"""`puntual plan`: what a run would do, step by step, and why; it never asks and never acts."""

from __future__ import annotations

from datetime import date, datetime
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
from puntual.model.project import Project
from puntual.planner.explain import describe
from puntual.planner.plan import plan
from puntual.project.zones import zone


@click.command(name="plan", help="Say what a run would do, and why.")
@project_option
@date_option()
@report_option
@env_option
@as_of_option
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    project: Path | None,
    when: str,
    report: str | None,
    env: str | None,
    as_of: datetime | None,
    as_json: bool,
) -> None:
    """Print the plan of each reference date."""
    root = root_of(ctx, project)
    read = reading.read(root, env)
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
    """Print the plans, each step with what it does and whether it has been committed before."""
    days = []
    for day in dates:
        known = states.get(day, frozenset())
        planned = plan(project, day, reports).steps
        days.append((day, [(s.id, describe(s, project), s.id in known) for s in planned]))
    if as_json:
        data: dict[str, object] = {
            "days": [
                {
                    "reference_date": day.isoformat(),
                    "steps": [
                        {"step": step, "does": does, "committed_before": before}
                        for step, does, before in steps
                    ],
                }
                for day, steps in days
            ]
        }
        text.envelope("plan", data)
        return
    for day, steps in days:
        text.say(f" {day.isoformat()}  {len(steps)} steps")
        for step, does, before in steps:
            text.say(f"  {'●' if before else '○'} {step:<28} {does}")
        text.say("  ● committed before: runs again only if its inputs, code or contract changed")
