"""`puntual run`: carry the day out, and end with the exit code that says how it went."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import click

from puntual.cli import plan as planning
from puntual.cli import reading, text, wiring
from puntual.cli.clocks import clock
from puntual.cli.dates import resolve
from puntual.cli.delivered import missing_or_altered
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
from puntual.errors import EvidenceError, ProjectError, PuntualError
from puntual.evidence.digest import sha256
from puntual.model.delivery import Completeness, Delivery, DeliveryId, Reason, State, Timeliness
from puntual.model.project import Project
from puntual.planner.calendar import due_instant, is_business_day
from puntual.planner.decide import timeliness
from puntual.planner.plan import plan
from puntual.project.zones import zone
from puntual.runner.delivery import VERSION
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
    owed = {day: _owed(read, reports, day) for day in dates}
    if dry_run:
        planning.show(read, dates, reports, reading.committed(root, dates), as_json=as_json)
        return
    for day, names in owed.items():
        for name in names:
            _due(read, name, day)
    made: list[Delivery] = []
    faults: list[EvidenceError] = []
    with wiring.open_world(read, root, watch) as world, world.leases.acquire("run") as lease:
        world.objects.sweep()
        for day, names in owed.items():
            found = _one_day(read, world, day, names, lease.epoch, quiet=as_json)
            for delivery in (d for d in found if d.state in SENT):
                faults += missing_or_altered(world, root, delivery.id.report, day)
            made += found
    code = 3 if faults else _code(made)
    for fault in faults:
        text.fault(fault, wants_json=False)
    if as_json:
        text.envelope(
            "run",
            {
                "deliveries": [delivery_json(d) for d in made],
                "faults": [
                    {"code": f.code, "about": f.where, "sentence": f.message} for f in faults
                ],
            },
            ok=code == 0,
            at=watch.now(),
        )
    ctx.exit(code)


def _owed(project: Project, reports: tuple[str, ...], day: date) -> tuple[str, ...]:
    """
    Return the reports that are owed for a day: those whose calendar has it as a business day.

    Raises:
        ProjectError: P1001 a calendar does not cover the day; P1003 none is owed.
    """
    calendars = {name: project.calendars[project.reports[name].calendar] for name in reports}
    owed = tuple(name for name in reports if is_business_day(calendars[name], day))
    if not owed:
        names = ", ".join(sorted({c.name for c in calendars.values()}))
        raise ProjectError(
            "P1003",
            f"no delivery is owed for {day.isoformat()}: not a business day of {names}",
            where=", ".join(reports),
            expected="a business day",
            observed=day.strftime("%A %Y-%m-%d"),
            next_step="name a business day with -d, or correct the calendar",
        )
    return owed


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
        except PuntualError as error:
            with suppress(PuntualError):  # the fault is what is told, not that it was not noted
                _note(project, world, day, owed, error)
            raise
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


def _note(
    project: Project, world: World, day: date, owed: tuple[str, ...], error: PuntualError
) -> None:
    """Write down why the deliveries of a day were not come to: for `status` and `explain`."""
    facts = [
        f"{w} {f}" for w, f in (("expected", error.expected), ("observed", error.observed)) if f
    ]
    sentence = f"{error.message.rstrip('.')}; {', '.join(facts)}" if facts else error.message
    now = world.clock.now()
    for name in owed:
        due_at = _due(project, name, day)
        reason = Reason(code=error.code, about=error.where or name, sentence=sentence)
        before = world.journal.deliveries(report=name, reference_date=day)
        if not before or before[0].state is State.COLLECTING:
            delivery = Delivery(
                id=DeliveryId(report=name, reference_date=day, version=VERSION),
                state=State.COLLECTING,
                completeness=None,
                timeliness=timeliness(due_at, now, None),
                due_at=due_at,
                reasons=(reason,),
            )
            world.journal.save(delivery)
        elif before[0].state is State.READY:
            world.journal.save(replace(before[0], reasons=(reason,)))


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
