"""`puntual deliver`: send what is made and approved, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path

import click

from puntual.cli import dates, reading, text, wiring
from puntual.cli.clocks import clock
from puntual.cli.day import carried
from puntual.cli.options import (
    as_of_option,
    date_option,
    env_option,
    json_option,
    project_option,
    report_option,
    root_of,
)
from puntual.cli.run import code_of, worst
from puntual.cli.shown import delivery_json, delivery_lines
from puntual.cli.workshop import workshop
from puntual.model.delivery import Delivery, Restatement, State
from puntual.planner.plan import plan, plan_b
from puntual.project.zones import zone
from puntual.runner import checkpoint
from puntual.runner.decision import FAULT
from puntual.runner.execute import Run
from puntual.runner.restate import SUPERSEDES, version_of

WAITS = frozenset({State.READY, State.SIGNED})


@click.command(name="deliver", help="Send what is made and approved.")
@project_option
@date_option(one=True)
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
    """Send the deliveries of a day that wait; exit 6 while a person is waited for."""
    root = root_of(ctx, project)
    day = dates.one(when, root, clock(as_of).now())
    read = reading.only_here(
        reading.to_run(root, env),
        "`puntual run --env` sends what is made and signed",
    )
    reports = reading.chosen_reports(read, report)
    with workshop(read, root, clock(as_of), quiet=as_json) as shop:
        waiting = [
            d
            for d in shop.desk.journal.deliveries(reference_date=day)
            if d.state in WAITS and d.id.report in reports
        ]
        with wiring.open_store(root) as store:
            made = {d.id.report: _made(store, d.id.report, day) for d in waiting}
        for fault in sorted({fault for _, fault in made.values()}):
            # Together, as they were made: reports that are tied are judged against each other.
            alike = [name for name, (_, of_fault) in made.items() if of_fault == fault]
            run = Run(
                id=shop.run_id(day),
                epoch=shop.epoch,
                restatements=tuple(r for name in alike for r in made[name][0]),
                fault=fault,
            )
            planned = (plan_b if fault else plan)(read, day, alike)
            carried(read, planned, shop.worker, shop.desk, run, shop.shown)
        names = {d.id for d in waiting}
        found = [d for d in shop.desk.journal.deliveries(reference_date=day) if d.id in names]
    _say(found, day, as_json=as_json, zone_name=read.time_zone)
    ctx.exit(worst(code_of(d) for d in found))


def _made(store: checkpoint.Store, report: str, day: date) -> tuple[tuple[Restatement, ...], str]:
    """Return what the delivery that waits replaces, and for which fault it was made by plan B."""
    attested = checkpoint.read(store, f"attest:{report}", day)
    decided = checkpoint.read(store, f"decide:{report}", day)
    fault = decided.manifest.facts.get(FAULT) if decided else None
    sentence = str(fault["sentence"]) if isinstance(fault, Mapping) else ""
    said = attested.manifest.facts.get(SUPERSEDES) if attested else None
    if attested is None or not isinstance(said, Mapping):
        return (), sentence
    restatement = Restatement(
        report=report,
        version=version_of(attested.manifest),
        supersedes=str(said["manifest"]),
        reason=str(said["reason"]),
        person=str(said["person"]),
    )
    return (restatement,), sentence


def _say(found: list[Delivery], day: date, *, as_json: bool, zone_name: str) -> None:
    if as_json:
        sent = all(d.sent_at is not None for d in found)
        text.envelope("deliver", {"deliveries": [delivery_json(d) for d in found]}, ok=sent)
        return
    if not found:
        text.say(f" ○ {day.isoformat()}  nothing waits to be sent")
    for delivery in found:
        for line in delivery_lines(delivery, already=False, zone=zone(zone_name)):
            text.say(line)
