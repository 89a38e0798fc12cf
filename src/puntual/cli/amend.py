"""`puntual amend`: make the next version of a delivery, show what it changes, send it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
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
from puntual.cli.shown import delivery_json, delivery_lines, tables_apart
from puntual.cli.workshop import Workshop, workshop
from puntual.cli.wrap import wrapped
from puntual.errors import ProjectError
from puntual.evidence.diff import Diff
from puntual.model.delivery import Completeness, Delivery, Reason, Restatement
from puntual.model.project import Project
from puntual.planner.plan import look, plan
from puntual.planner.policy import policies_of
from puntual.project.zones import zone
from puntual.runner import checkpoint
from puntual.runner.anew import steps_from
from puntual.runner.delivery import decision_of
from puntual.runner.execute import Run
from puntual.runner.published import landed_sources
from puntual.runner.versions import Version, read_made, read_sent, sent_versions

NOBODY = "(not named)"
"""Who asks for a version that nobody signs, where no name is given; no person has this name."""


@click.command(name="amend", help="Make the next version of a delivery that was sent.")
@project_option
@date_option(one=True)
@click.option(
    "-r",
    "--report",
    "chosen",
    required=True,
    multiple=True,
    help="Which report; several times where reports that are tied change together.",
)
@click.option("--reason", default="", help="Why it is replaced; the receiver reads it.")
@click.option("--by", "person", default="", help="Who asks for it; may not sign it.")
@click.option(
    "--from",
    "step",
    default="",
    metavar="STEP",
    help="After a repair by hand: do this step and all after it anew, such as load:movements.",
)
@click.option("-y", "--yes", is_flag=True, default=False, help="Send it; without, it is shown.")
@env_option
@as_of_option
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    project: Path | None,
    when: str,
    chosen: tuple[str, ...],
    reason: str,
    person: str,
    step: str,
    yes: bool,
    env: str | None,
    as_of: datetime | None,
    as_json: bool,
) -> None:
    """
    Show the diff, then send; exit 6 while a person is waited for, 1 if one is held.

    Of several reports each is judged against the others' next versions, and none is sent unless
    every one stands.
    """
    root = root_of(ctx, project)
    day = dates.one(when, root, clock(as_of).now())
    read = reading.only_here(
        reading.to_run(root, env),
        "`puntual run --env` completes what was sent in part; nothing else is amended there yet",
    )
    reports = tuple(sorted({n for one in chosen for n in reading.chosen_reports(read, one)}))
    if yes and not reason.strip():
        raise ProjectError(
            "P3033",
            "what was delivered is replaced only with a reason",
            where="puntual amend",
            expected="--reason TEXT",
            observed="none",
            next_step=f"puntual amend {_options(reports)} -d {day.isoformat()} --reason TEXT --yes",
        )
    for report in reports:
        _named(read, report, day, person, is_sent=yes)
    with workshop(read, root, clock(as_of), quiet=as_json) as shop:
        with wiring.open_store(root) as store:
            before = {report: _sent(store, report, day) for report in reports}
            landed = landed_sources(store, day)
        restatements = tuple(
            Restatement(
                report=report,
                version=sent.number + 1,
                supersedes=sent.sent,
                reason=reason.strip(),
                person=person.strip() or NOBODY,
            )
            for report, sent in before.items()
        )
        _look(read, shop, day, reports, landed)
        anew = _anew(read, root, day, reports, step)
        _make(read, shop, day, restatements, send=False, anew=anew)
        with wiring.open_store(root) as store:
            made = {report: read_made(store, report, day) for report in reports}
            after = {report: one for report, one in made.items() if one is not None}
            if len(after) < len(made):
                _held(ctx, store, tuple(r for r in reports if r not in after), day)
                return
            found = tuple(_change(store, before[r], after[r], r) for r in reports)
        for change in found:
            _refuse_identical(change, day)
        _show(found, quiet=as_json)
        stands: dict[str, Delivery] = {}
        if yes:
            _make(read, shop, day, restatements, send=True)
            stands = {report: _newest(shop, report, day) for report in reports}
    _say(read, stands, found, as_json=as_json)
    ctx.exit(_code(stands))


def _options(reports: tuple[str, ...]) -> str:
    """Return the options that name reports."""
    return " ".join(f"-r {report}" for report in reports)


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


def _look(
    read: Project, shop: Workshop, day: date, reports: tuple[str, ...], landed: frozenset[str]
) -> None:
    """Keep what has come late, so that the next version holds it."""
    planned = look(read, day, reports, landed)
    if planned.steps:
        run = Run(id=shop.run_id(day), epoch=shop.epoch)
        carried(read, planned, shop.worker, shop.desk, run, shop.shown)


def _anew(
    read: Project, root: Path, day: date, reports: tuple[str, ...], step: str
) -> frozenset[str]:
    """
    Return the steps that are done anew for the next versions; what was sent forbids none of them.

    Raises:
        ProjectError: P1004 there is no such step; P1005 a step that it needs is not committed.
    """
    if not step:
        return frozenset()
    committed = reading.committed(root, (day,)).get(day, frozenset())
    return steps_from(read, day, reports, step, committed=committed, standing={})


def _make(
    read: Project,
    shop: Workshop,
    day: date,
    restatements: tuple[Restatement, ...],
    *,
    send: bool,
    anew: frozenset[str] = frozenset(),
) -> None:
    run = Run(
        id=shop.run_id(day), epoch=shop.epoch, anew=anew, restatements=restatements, send=send
    )
    planned = plan(read, day, (r.report for r in restatements))
    carried(read, planned, shop.worker, shop.desk, run, shop.shown)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Change:
    """What the next version of a report changes."""

    report: str
    before: Version
    after: Version
    found: Diff
    same: Mapping[str, bool]


def _change(store: checkpoint.Store, before: Version, after: Version, report: str) -> _Change:
    found, same = differing.compared(store, before, after)
    return _Change(report=report, before=before, after=after, found=found, same=same)


def _refuse_identical(change: _Change, day: date) -> None:
    report, before, after = change.report, change.before, change.after
    if differing.is_nothing(before, after, change.found, change.same):
        raise ProjectError(
            "P3031",
            f"v{after.number} of {report} {day.isoformat()} would say what v{before.number} says",
            where="puntual amend",
            expected="another row, total, exception, completeness or layout",
            observed="none",
            next_step=f"puntual exceptions -d {day.isoformat()} shows what came late",
        )


def _show(found: tuple[_Change, ...], *, quiet: bool) -> None:
    for change in () if quiet else found:
        for line in differing.lines(change.before, change.after, change.found, change.same):
            text.say(line)


def _newest(shop: Workshop, report: str, day: date) -> Delivery:
    return shop.desk.journal.deliveries(report=report, reference_date=day)[0]


def _held(ctx: click.Context, store: checkpoint.Store, reports: tuple[str, ...], day: date) -> None:
    """Say which reports are held, and why; nothing was sent of the others either."""
    for report in reports:
        text.say(f" ✕ {report}  {day.isoformat()}  the next version is held; what was sent stands")
        reasons = _reasons(store, report, day)
        for reason in reasons:
            for line in wrapped(f"{reason.code} {reason.sentence}", "   "):
                text.say(line)
        for table in tables_apart(reasons):
            again = f"puntual amend --from load:{table} {_options(reports)} -d {day.isoformat()}"
            text.say(f"   altered after it was loaded: {again}")
    text.say(f"   next: puntual exceptions -d {day.isoformat()}")
    ctx.exit(1)


def _reasons(store: checkpoint.Store, report: str, day: date) -> tuple[Reason, ...]:
    """Return why the next version is held: what was decided, or what its file shows."""
    decided = checkpoint.read(store, f"decide:{report}", day)
    made = checkpoint.read(store, f"report:{report}", day)
    if decided is None:
        return ()
    is_of_it = made is not None and made.manifest.inputs[f"decide:{report}"] == decided.digest
    return decision_of(decided.manifest, made if is_of_it else None).reasons


def _say(
    read: Project, stands: Mapping[str, Delivery], found: tuple[_Change, ...], *, as_json: bool
) -> None:
    if as_json:
        versions = [
            {
                "report": c.report,
                "diff": differing.as_json(c.before, c.after, c.found, c.same),
                "delivery": delivery_json(stands[c.report]) if c.report in stands else None,
            }
            for c in found
        ]
        sent = all(c.report in stands and stands[c.report].sent_at is not None for c in found)
        text.envelope("amend", {"versions": versions}, ok=sent)
        return
    for change in found:
        if change.report not in stands:
            made = f"v{change.after.number} is made and not sent"
            text.say(f"   {change.report} {made}   next: --reason TEXT --yes")
            continue
        delivery = stands[change.report]
        for line in delivery_lines(delivery, already=False, zone=zone(read.time_zone)):
            text.say(line)


def _code(stands: Mapping[str, Delivery]) -> int:
    if not stands or any(delivery.sent_at is None for delivery in stands.values()):
        return 6
    whole = {delivery.completeness for delivery in stands.values()}
    return 0 if whole == {Completeness.FULL} else 4
