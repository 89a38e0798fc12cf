"""`puntual run`: carry the day out, and end with the exit code that says how it went."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import click

from puntual.cli import plan as planning
from puntual.cli import reading, text, wiring
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
from puntual.cli.progress import watcher
from puntual.cli.shown import delivery_json, delivery_lines
from puntual.evidence.digest import sha256
from puntual.model.delivery import Completeness, Delivery, State, Timeliness
from puntual.model.project import Project
from puntual.planner.calendar import due_instant
from puntual.planner.plan import plan
from puntual.project.zones import zone
from puntual.runner.execute import execute
from puntual.runner.world import World

SENT = (State.SENT, State.ACCEPTED)


@click.command(name="run", help="Do the day: land, prove, load, report, deliver.")
@project_option
@date_option()
@report_option
@env_option
@as_of_option
@click.option("--dry-run", is_flag=True, default=False, help="Print the plan and do nothing.")
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    project: Path | None,
    when: str,
    report: str | None,
    env: str | None,
    as_of: datetime | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Run every named reference date, oldest first, and exit with the worst outcome."""
    root = root_of(ctx, project)
    read = reading.read(root, env)
    watch = clock(as_of)
    dates = resolve(when, read, now=watch.now(), zone=zone(read.time_zone))
    reports = reading.chosen_reports(read, report)
    if dry_run:
        planning.show(read, dates, reports, reading.committed(root, dates), as_json=as_json)
        return
    for name in reports:
        for day in dates:
            _due(read, name, day)
    made: list[Delivery] = []
    with wiring.open_world(read, root, watch) as world, world.leases.acquire("run") as lease:
        world.objects.sweep()
        for day in dates:
            made += _one_day(read, world, day, reports, lease.epoch, quiet=as_json)
    if as_json:
        text.envelope(
            "run",
            {"deliveries": [delivery_json(d) for d in made]},
            ok=_code(made) == 0,
            at=watch.now(),
        )
    ctx.exit(_code(made))


def _due(project: Project, name: str, day: date) -> datetime:
    """Return when a report is due; a calendar that does not know is said before anything runs."""
    report = project.reports[name]
    return due_instant(report, project.calendars[report.calendar], day, zone(report.time_zone))


def _one_day(
    project: Project,
    world: World,
    day: date,
    reports: tuple[str, ...],
    epoch: int,
    *,
    quiet: bool,
) -> list[Delivery]:
    standing = {d.id.report: d for d in reversed(world.journal.deliveries(reference_date=day))}
    owed = tuple(r for r in reports if r not in standing or standing[r].state not in SENT)
    watch = watcher(day, quiet=quiet)
    if owed:
        try:
            carried = execute(
                project,
                plan(project, day, owed),
                world,
                epoch=epoch,
                run_id=_run_id(world, day, epoch),
                watch=watch,
            )
        finally:
            watch.close()
        standing |= {d.id.report: d for d in reversed(world.journal.deliveries(reference_date=day))}
        if not quiet and carried.done == 0:
            text.say("  nothing to do: every step is committed for these inputs")
    found = [standing[r] for r in reports if r in standing]
    if not quiet:
        for delivery in found:
            again = delivery.id.report not in owed
            for line in delivery_lines(delivery, already=again, zone=zone(project.time_zone)):
                text.say(line)
    return found


def _run_id(world: World, day: date, epoch: int) -> str:
    return sha256(f"{day.isoformat()}/{epoch}".encode())[:12]


def _code(made: list[Delivery]) -> int:
    """Return the exit code of the worst delivery (design 7)."""
    return max((_code_of(d) for d in made), key=_rank, default=0)


def _code_of(delivery: Delivery) -> int:
    if delivery.state not in SENT:
        return 1
    if delivery.timeliness in (Timeliness.LATE, Timeliness.MISSED):
        return 5
    return 0 if delivery.completeness is Completeness.FULL else 4


def _rank(code: int) -> int:
    return (0, 4, 5, 1).index(code)
