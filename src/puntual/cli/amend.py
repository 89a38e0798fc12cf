"""`puntual amend`: make the next version of a delivery, show what it changes, send it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path

import click

from puntual.cli import dates, differing, reading, text
from puntual.cli.amending import amending, newest
from puntual.cli.clocks import clock
from puntual.cli.options import (
    as_of_option,
    date_option,
    env_option,
    json_option,
    project_option,
    root_of,
)
from puntual.cli.shown import delivery_json, delivery_lines, tables_apart
from puntual.cli.text import in_env
from puntual.cli.wrap import wrapped
from puntual.errors import ProjectError
from puntual.evidence.diff import Diff
from puntual.model.delivery import Completeness, Delivery, Reason
from puntual.model.project import Project
from puntual.project.zones import zone
from puntual.runner import checkpoint
from puntual.runner.amend import (
    Amendment,
    Part,
    not_delivered,
    options,
    overtaken,
    refuse_unexplained,
)
from puntual.runner.delivery import decision_of
from puntual.runner.versions import Version, read_made, read_sent, sent_versions

CAME_MEANWHILE = "what stands now is not what was shown, for more came meanwhile:"


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
    read = reading.to_run(root, env)
    asked = Amendment(
        reports=tuple(sorted({n for one in chosen for n in reading.chosen_reports(read, one)})),
        reason=reason,
        person=person,
    )
    send = replace(asked, part=Part.SEND)
    if yes:
        refuse_unexplained(read, send, day, command=in_env("amend", read.away))
    with amending(read, root, day, as_of=as_of, quiet=as_json) as at:
        with at.store() as store:
            before = {r: _sent(store, r, day, read.away) for r in asked.reports}
        at.carry_out(replace(asked, part=Part.LOOK))
        at.carry_out(asked, step=step)
        with at.store() as store:
            made = {report: read_made(store, report, day) for report in asked.reports}
            after = {report: one for report, one in made.items() if one is not None}
            for report in asked.reports:
                if max(sent_versions(store, report, day)) != before[report].number:
                    raise overtaken(report, day)
            if len(after) < len(made):
                held = tuple(r for r in asked.reports if r not in after)
                _held(ctx, store, held, day, read.away)
                return
            found = tuple(_change(store, before[r], after[r], r) for r in asked.reports)
        for change in found:
            _refuse_identical(change, day, read.away)
        _show(found, quiet=as_json)
        stands: dict[str, Delivery] = {}
        if yes:
            shown = {r: one.steps[f"report:{r}"] for r, one in after.items()}
            at.carry_out(replace(send, shown=shown))
            stands = {report: newest(at, report, day) for report in asked.reports}
            with at.store() as store:
                later = _later(store, found, day)
            _show(later, quiet=as_json, head=CAME_MEANWHILE)
            found = tuple({c.report: c for c in (*found, *later)}.values())
    _say(read, stands, found, as_json=as_json)
    ctx.exit(_code(stands))


def _sent(store: checkpoint.Store, report: str, day: date, env: str) -> Version:
    known = sent_versions(store, report, day)
    if not known:
        raise not_delivered(report, day, run=in_env("run", env))
    return read_sent(store, report, known[max(known)])


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


def _later(store: checkpoint.Store, shown: tuple[_Change, ...], day: date) -> tuple[_Change, ...]:
    """Return the changes of those that were sent, or wait, otherwise than they were shown."""
    found = []
    for change in shown:
        known = sent_versions(store, change.report, day)
        newest = max(known)
        waits = newest < change.after.number
        sent = (
            read_made(store, change.report, day)
            if waits
            else read_sent(store, change.report, known[newest])
        )
        if sent is None:
            continue  # it is held after all, which is said of it
        if sent.steps[f"report:{change.report}"] != change.after.steps[f"report:{change.report}"]:
            found.append(_change(store, change.before, sent, change.report))
    return tuple(found)


def _refuse_identical(change: _Change, day: date, env: str) -> None:
    report, before, after = change.report, change.before, change.after
    if differing.is_nothing(before, after, change.found, change.same):
        raise ProjectError(
            "P3031",
            f"v{after.number} of {report} {day.isoformat()} would say what v{before.number} says",
            where="puntual amend",
            expected="another row, total, exception, completeness or layout",
            observed="none",
            next_step=f"{in_env('exceptions', env)} -d {day.isoformat()} shows what came late",
        )


def _show(found: tuple[_Change, ...], *, quiet: bool, head: str = "") -> None:
    for change in () if quiet else found:
        if head:
            text.say(f" {head}")
        for line in differing.lines(change.before, change.after, change.found, change.same):
            text.say(line)


def _held(
    ctx: click.Context, store: checkpoint.Store, reports: tuple[str, ...], day: date, env: str
) -> None:
    """Say which reports are held, and why; nothing was sent of the others either."""
    for report in reports:
        text.say(f" ✕ {report}  {day.isoformat()}  the next version is held; what was sent stands")
        reasons = _reasons(store, report, day)
        for reason in reasons:
            for line in wrapped(f"{reason.code} {reason.sentence}", "   "):
                text.say(line)
        for table in tables_apart(reasons):
            again = f"{in_env('amend', env)} --from load:{table} {options(reports)}"
            text.say(f"   altered after it was loaded: {again} -d {day.isoformat()}")
    text.say(f"   next: {in_env('exceptions', env)} -d {day.isoformat()}")
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
            made = f"v{change.after.number} is made and not sent; the warehouse holds its rows"
            text.say(f"   {change.report} {made}   next: --reason TEXT --yes")
            continue
        delivery = stands[change.report]
        for line in delivery_lines(
            delivery, already=False, zone=zone(read.time_zone), env=read.away
        ):
            text.say(line)


def _code(stands: Mapping[str, Delivery]) -> int:
    if not stands or any(delivery.sent_at is None for delivery in stands.values()):
        return 6
    whole = {delivery.completeness for delivery in stands.values()}
    return 0 if whole == {Completeness.FULL} else 4
