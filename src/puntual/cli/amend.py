"""`puntual amend`: make the next version of a delivery, show what it changes, send it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path

import click

from puntual.cli import dates, differing, reading, text, wiring
from puntual.cli.clocks import clock
from puntual.cli.day import carried
from puntual.cli.options import (
    as_of_option,
    date_option,
    env_option,
    json_option,
    project_option,
    root_of,
)
from puntual.cli.shown import delivery_json, delivery_lines
from puntual.cli.workshop import Workshop, workshop
from puntual.errors import ProjectError
from puntual.evidence.diff import Diff
from puntual.model.delivery import Delivery, Restatement
from puntual.model.project import Project
from puntual.planner.plan import look, plan
from puntual.planner.policy import policies_of
from puntual.project.zones import zone
from puntual.runner import checkpoint
from puntual.runner.execute import Run
from puntual.runner.published import landed_sources
from puntual.runner.versions import Version, read_made, read_sent, sent_versions

NOBODY = "(not named)"
"""Who asks for a version that nobody signs, where no name is given; no person has this name."""


@click.command(name="amend", help="Make the next version of a delivery that was sent.")
@project_option
@date_option(one=True)
@click.option("-r", "--report", required=True, help="Which report.")
@click.option("--reason", default="", help="Why it is replaced; the receiver reads it.")
@click.option("--by", "person", default="", help="Who asks for it; may not sign it.")
@click.option("-y", "--yes", is_flag=True, default=False, help="Send it; without, it is shown.")
@env_option
@as_of_option
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    project: Path | None,
    when: str,
    report: str,
    reason: str,
    person: str,
    yes: bool,
    env: str | None,
    as_of: datetime | None,
    as_json: bool,
) -> None:
    """Show the diff, then send; exit 6 while a person is waited for, 1 if it is held."""
    root = root_of(ctx, project)
    day = dates.one(when, root, clock(as_of).now())
    read = reading.to_run(root, env)
    reading.chosen_reports(read, report)
    if yes and not reason.strip():
        raise ProjectError(
            "P3033",
            "what was delivered is replaced only with a reason",
            where="puntual amend",
            expected="--reason TEXT",
            observed="none",
            next_step=f"puntual amend -r {report} -d {day.isoformat()} --reason TEXT --yes",
        )
    _named(read, report, day, person, is_sent=yes)
    with workshop(read, root, clock(as_of), quiet=as_json) as shop:
        with wiring.open_store(root) as store:
            before = _sent(store, report, day)
            landed = landed_sources(store, day)
        restatement = Restatement(
            report=report,
            version=before.number + 1,
            supersedes=before.sent,
            reason=reason.strip(),
            person=person.strip() or NOBODY,
        )
        _look(read, shop, day, report, landed)
        _make(read, shop, day, restatement, send=False)
        with wiring.open_store(root) as store:
            after = read_made(store, report, day)
            if after is None:
                _held(ctx, shop, report, day)
                return
            found, same = differing.compared(store, before, after)
        _refuse_identical(
            report, day, before, after, differing.is_nothing(before, after, found, same)
        )
        _show(before, after, found, same, quiet=as_json)
        if yes:
            _make(read, shop, day, restatement, send=True)
            stands = _newest(shop, report, day)
        else:
            stands = None
    _say(read, stands, before, after, found, same, as_json=as_json)
    ctx.exit(_code(stands))


def _named(read: Project, report: str, day: date, person: str, *, is_sent: bool) -> None:
    """Refuse to send what people sign without the name of who made it: maker is not checker."""
    signed = any(p.signing is not None for p in policies_of(read, report))
    if is_sent and signed and not person.strip():
        raise ProjectError(
            "P3034",
            f"{report} is signed where it is not full, so it must be known who makes it",
            where="puntual amend",
            expected="--by PERSON, who may not sign it",
            observed="none",
            next_step=f"puntual amend -r {report} -d {day.isoformat()} --reason TEXT "
            "--by PERSON --yes",
        )


def _sent(store: checkpoint.Store, report: str, day: date) -> Version:
    known = sent_versions(store, report, day)
    if not known:
        raise ProjectError(
            "P3032",
            f"{report} {day.isoformat()} was not delivered, so there is nothing to amend",
            where="puntual amend",
            expected="a delivery that was sent",
            observed="none",
            next_step=f"puntual run -r {report} -d {day.isoformat()}",
        )
    return read_sent(store, report, known[max(known)])


def _look(read: Project, shop: Workshop, day: date, report: str, landed: frozenset[str]) -> None:
    """Keep what has come late, so that the next version holds it."""
    planned = look(read, day, (report,), landed)
    if planned.steps:
        run = Run(id=shop.run_id(day), epoch=shop.epoch)
        carried(read, planned, shop.worker, shop.desk, run, shop.shown)


def _make(
    read: Project, shop: Workshop, day: date, restatement: Restatement, *, send: bool
) -> None:
    run = Run(id=shop.run_id(day), epoch=shop.epoch, restatements=(restatement,), send=send)
    carried(read, plan(read, day, (restatement.report,)), shop.worker, shop.desk, run, shop.shown)


def _refuse_identical(
    report: str, day: date, before: Version, after: Version, is_nothing: bool
) -> None:
    if is_nothing:
        raise ProjectError(
            "P3031",
            f"v{after.number} of {report} {day.isoformat()} would say what v{before.number} says",
            where="puntual amend",
            expected="another row, total, exception, completeness or layout",
            observed="none",
            next_step=f"puntual exceptions -d {day.isoformat()} shows what came late",
        )


def _show(
    before: Version, after: Version, found: Diff, same: Mapping[str, bool], *, quiet: bool
) -> None:
    if not quiet:
        for line in differing.lines(before, after, found, same):
            text.say(line)


def _newest(shop: Workshop, report: str, day: date) -> Delivery:
    return shop.desk.journal.deliveries(report=report, reference_date=day)[0]


def _held(ctx: click.Context, shop: Workshop, report: str, day: date) -> None:
    text.say(f" ✕ {report}  {day.isoformat()}  the next version is held; what was sent stands")
    text.say(f"   next: puntual exceptions -d {day.isoformat()}")
    ctx.exit(1)


def _say(
    read: Project,
    stands: Delivery | None,
    before: Version,
    after: Version,
    found: Diff,
    same: Mapping[str, bool],
    *,
    as_json: bool,
) -> None:
    if as_json:
        data = {
            "diff": differing.as_json(before, after, found, same),
            "delivery": None if stands is None else delivery_json(stands),
        }
        text.envelope("amend", data, ok=stands is not None and stands.sent_at is not None)
        return
    if stands is None:
        text.say(f"   v{after.number} is made and not sent   next: --reason TEXT --yes")
        return
    for line in delivery_lines(stands, already=False, zone=zone(read.time_zone)):
        text.say(line)


def _code(stands: Delivery | None) -> int:
    if stands is None or stands.sent_at is None:
        return 6
    full = stands.completeness is not None and stands.completeness.value == "full"
    return 0 if full else 4
