"""`puntual run`: carry the day out, and end with the exit code that says how it went."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path

import click

from puntual.cli import (
    anew,
    books,
    early,
    fit,
    lineage_events,
    reading,
    restored,
    telling,
    text,
    wiring,
)
from puntual.cli import plan as planning
from puntual.cli.clocks import clock
from puntual.cli.dates import resolve
from puntual.cli.day import Owed, Shown, noted, one_day, standing_of
from puntual.cli.delivered import below, missing_or_altered, unreadable
from puntual.cli.late import late_findings, late_json, late_lines
from puntual.cli.options import (
    as_of_option,
    date_option,
    env_option,
    json_option,
    project_option,
    report_option,
    root_of,
)
from puntual.cli.shown import delivery_json, notice_json
from puntual.cli.workshop import working
from puntual.errors import (
    EvidenceError,
    PermanentError,
    ProjectError,
    PuntualError,
    TransientError,
)
from puntual.model.delivery import Completeness, Delivery, Timeliness
from puntual.model.finding import Finding
from puntual.model.project import AWS, Project
from puntual.planner.calendar import due_of
from puntual.planner.obligation import owed_on
from puntual.ports.clock import Clock
from puntual.project.zones import zone
from puntual.runner.again import SENT
from puntual.runner.anew import steps_from
from puntual.runner.execute import Desk
from puntual.runner.noted import run_id
from puntual.runner.published import landed_sources, sent_reports
from puntual.runner.refused import refuse

WAITS = frozenset({"P3001", "P3011", "P3013"})
"""Codes of reasons that a person, or the decision time, is waited for."""


@dataclass(slots=True, kw_only=True)
class _Made:
    """What a run has come to so far."""

    deliveries: list[Delivery]
    faults: list[EvidenceError]
    late: dict[date, tuple[Finding, ...]] = field(default_factory=dict)


@click.command(name="run", help="Do the day: land, prove, load, report, deliver.")
@project_option
@date_option()
@report_option
@env_option
@as_of_option
@click.option(
    "--from",
    "step",
    default=None,
    metavar="STEP",
    help="After a repair by hand: do this step and all after it anew, such as load:movements.",
)
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
    step: str | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Run every named reference date, oldest first, and exit with the worst outcome."""
    root = root_of(ctx, project)
    read = reading.to_run(root, env)
    watch = clock(as_of)
    dates = resolve(when, read, now=watch.now(), zone=zone(read.time_zone))
    reports = reading.chosen_reports(read, report)
    days = tuple(_owed(read, reports, day) for day in dates)
    if dry_run:
        planning.show(read, dates, reports, reading.committed(root, dates), as_json=as_json)
        return
    for owed in days:
        for name in owed.reports:
            due_of(read, name, owed.day, zone)
    if read.place == AWS:
        ctx.exit(_remotely(read, root, env or "", days, report, step, as_of, as_json=as_json))
    wiring.check_warehouse(read.warehouse)
    for line in restored.restore(root, lambda: read, watch.now()):
        (text.complain if as_json else text.say)(line)
    keyless = not books.has_keys(root)
    owing = {name for owed in days for name in owed.reports}
    with (
        early.warned(read, owing, root, watch.now()),
        lineage_events.afterwards(root, read) as ran,
        telling.afterwards(root, read, watch),
        wiring.open_desk(root, watch, read) as (desk, give_up),
    ):
        made = _Made(deliveries=[], faults=[])
        repeated = _anew(read, root, days, step, desk) if step else frozenset()
        _fit(read, root, days, desk, quiet=as_json)
        with _led(read, root, watch, days, desk) as held:
            ran |= {run_id(owed.day, held.epoch) for owed in days}
            shown = Shown(quiet=as_json)
            closed = wiring.in_turn(give_up, held.give_up)
            with working(read, root, watch, give_up=closed, tick=shown.tick) as worker:
                for owed in _landed(root, days):
                    made.deliveries += one_day(
                        read,
                        owed,
                        worker,
                        desk=desk,
                        epoch=held.epoch,
                        anew=repeated,
                        shown=shown,
                        approvals=wiring.approvals(root),
                    )
            wiring.show_views(root)
            books.say_made(root, keyless=keyless, quiet=as_json)
            made.faults += _faults(root, made.deliveries)
            made.late |= _late(root, days)
        _say(made, desk, as_json=as_json, at=watch.now())
    ctx.exit(_code(made))


def _remotely(
    project: Project,
    root: Path,
    env: str,
    days: tuple[Owed, ...],
    report: str | None,
    step: str | None,
    as_of: datetime | None,
    *,
    as_json: bool,
) -> int:
    """Have the days carried out where the project is deployed, and return the exit code."""
    from puntual.cli import remote

    if report is not None:
        raise ProjectError(
            "C1913",
            "a deployed machine carries out every report that is owed",
            where="-r/--report",
            expected="all reports of the day",
            observed=report,
            next_step="leave -r away",
        )
    if step:
        anew.one_day_of(days)
    made = _Made(deliveries=[], faults=[])
    with remote.opened(project, root, env) as there:
        shown = Shown(quiet=as_json)
        for owed in days:
            made.deliveries += remote.run_day(
                there, owed.day, owed.reports, step=step or "", as_of=as_of, shown=shown
            )
        if as_json:
            _say(made, there.desk(clock(as_of)), as_json=True, at=clock(as_of).now())
    return _code(made)


def _anew(
    project: Project, root: Path, days: tuple[Owed, ...], step: str, desk: Desk
) -> frozenset[str]:
    owed = anew.one_day_of(days)
    return steps_from(
        project,
        owed.day,
        owed.reports,
        step,
        committed=reading.committed(root, (owed.day,)).get(owed.day, frozenset()),
        standing=standing_of(desk, owed.day),
    )


def _fit(project: Project, root: Path, days: tuple[Owed, ...], desk: Desk, *, quiet: bool) -> None:
    """
    Stop before anything is done where the machine cannot carry the day; that is on record, told.

    Raises:
        PermanentError: T1002, T1004, T1005.
    """
    with (
        _refusing(desk, days),
        noted(project, desk, days, only_new=True),
        wiring.open_store(root) as store,
    ):
        size = fit.day_bytes(store)
        for fault in fit.faults(project, root, size):
            raise fault
        for sentence in fit.warnings(project, root, size):
            (text.complain if quiet else text.say)(f" ! {sentence}")


@contextmanager
def _refusing(desk: Desk, days: tuple[Owed, ...]) -> Iterator[None]:
    """Have people told that a run was refused; where that cannot be written down, say it here."""
    try:
        yield
    except PuntualError as fault:
        try:
            for owed in days:
                refuse(desk, owed.day, owed.reports, fault)
        except (TransientError, PermanentError) as exc:
            text.complain(f"nobody can be told of {fault.code}: {exc.code} {exc.message}")
        raise


@contextmanager
def _led(
    project: Project, root: Path, watch: Clock, days: tuple[Owed, ...], desk: Desk
) -> Iterator[wiring.Held]:
    """Hold the lease; that it could not be had is on record, unless another run has more."""
    with ExitStack() as stack:
        with noted(project, desk, days, only_new=True):
            held = stack.enter_context(wiring.leased(root, watch))
        yield held


def _landed(root: Path, days: tuple[Owed, ...]) -> tuple[Owed, ...]:
    with wiring.open_store(root) as store:
        return tuple(
            replace(
                o,
                landed=landed_sources(store, o.day),
                sent=(sent := sent_reports(store, o.day)),
                unread={n: f for n in sent if (f := unreadable(store, n, o.day)) is not None},
            )
            for o in days
        )


def _late(root: Path, days: tuple[Owed, ...]) -> dict[date, tuple[Finding, ...]]:
    with wiring.open_store(root) as store:
        return {owed.day: late_findings(store, owed.day) for owed in days}


def _faults(root: Path, made: list[Delivery]) -> list[EvidenceError]:
    """Return what is wrong with the files of what is sent."""
    sent = [delivery.id for delivery in made if delivery.state in SENT]
    if not sent:
        return []
    with wiring.open_store(root) as store:
        found: list[EvidenceError] = []
        for name in sent:
            day = name.reference_date
            try:
                found += missing_or_altered(store, below(root), name.report, day)
            except EvidenceError as fault:
                found.append(fault)  # the others are looked at all the same, and all of it is said
        return found


def _owed(project: Project, reports: tuple[str, ...], day: date) -> Owed:
    """
    Return the reports that are owed for a day, by their cadence and calendar.

    Raises:
        ProjectError: P1001 a calendar does not cover the day; P1003 none is owed.
    """
    owed = owed_on(project, reports, day)
    if not owed:
        terms = [project.reports[name].terms for name in reports]
        names = ", ".join(sorted({t.calendar for t in terms}))
        cadences = ", ".join(sorted({t.cadence.value.replace("_", " ") for t in terms}))
        raise ProjectError(
            "P1003",
            f"no delivery is owed for {day.isoformat()}: not a {cadences} of {names}",
            where=", ".join(reports),
            expected=f"a {cadences}",
            observed=day.strftime("%A %Y-%m-%d"),
            next_step="name a day that is owed with -d, or correct the calendar",
        )
    return Owed(day=day, reports=owed)


def _say(made: _Made, desk: Desk, *, as_json: bool, at: datetime) -> None:
    for fault in made.faults:
        text.fault(fault, wants_json=False)
    if not as_json:
        for day, found in made.late.items():
            for line in late_lines(found, day):
                text.say(line)
    else:
        faults = [{"code": f.code, "about": f.where, "sentence": f.message} for f in made.faults]
        data = {
            "deliveries": [delivery_json(d) for d in made.deliveries],
            "faults": faults,
            "late": [entry for day, found in made.late.items() for entry in late_json(found, day)],
            "notices": [notice_json(n) for n in desk.notices.open_ones()],
        }
        text.envelope("run", data, ok=_code(made) == 0, at=at)


def _code(made: _Made) -> int:
    """Return the exit code of the worst outcome (design 7)."""
    if made.faults:
        return 3
    return worst(code_of(d) for d in made.deliveries)


def worst(codes: Iterable[int]) -> int:
    """Return the worst of some exit codes; 0 of none."""
    return max(codes, key=_rank, default=0)


def code_of(delivery: Delivery) -> int:
    """Return the exit code that a delivery's state is."""
    if delivery.state not in SENT:
        return 6 if any(r.code in WAITS for r in delivery.reasons) else 1
    if delivery.timeliness in (Timeliness.LATE, Timeliness.MISSED):
        return 5
    return 0 if delivery.completeness is Completeness.FULL else 4


def _rank(code: int) -> int:
    return (0, 4, 6, 5, 1).index(code)
