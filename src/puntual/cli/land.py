"""`puntual land`: land what streams and folders have by now, hours before the day is run."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import click

from puntual.cli import reading, text, wiring
from puntual.cli.clocks import clock
from puntual.cli.dates import resolve
from puntual.cli.day import WAITING
from puntual.cli.options import (
    as_of_option,
    date_option,
    env_option,
    json_option,
    project_option,
    root_of,
)
from puntual.cli.progress import Silent
from puntual.cli.workshop import working
from puntual.model.check import Severity
from puntual.model.notice import Notice, Obligation
from puntual.model.project import Project
from puntual.model.source import DatabaseSource
from puntual.planner.flow import flow
from puntual.planner.obligation import owed_on
from puntual.planner.plan import look
from puntual.project.zones import zone
from puntual.runner.execute import Desk, Run, execute
from puntual.runner.noted import collecting

RUN = "land-"
"""How the journal's name of such a run begins; it is no run of the day."""


@click.command(name="land", help="Land what streams and folders have by now, before the run.")
@project_option
@date_option()
@env_option
@as_of_option
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    project: Path | None,
    when: str,
    env: str | None,
    as_of: datetime | None,
    as_json: bool,
) -> None:
    """
    Land each source's day as the run would, as far as it has come.

    A day is sealed only by its own control record; what comes until then still enters it. A
    database is left to the run: what it says before the hour is no snapshot of the day. What
    fails is told by the run, if it fails there as well.
    """
    root, watch = root_of(ctx, project), clock(as_of)
    read = reading.only_here(
        reading.to_run(root, env),
        "the streaming job lands as it comes, and `puntual run --env` lands what is left",
    )
    days = resolve(when, read, now=watch.now(), zone=zone(read.time_zone))
    sources = early_sources(read)
    landed: dict[str, str] = {}
    with wiring.open_desk(root, watch) as (desk, give_up), wiring.leased(root, watch) as held:
        closed = wiring.in_turn(give_up, held.give_up)
        with working(read, root, watch, give_up=closed, tick=Silent().tick) as worker:
            for day in days:
                _collecting(read, desk, day)
                planned = look(read, day, tuple(read.reports), sources)
                quiet = Desk(journal=desk.journal, notices=_Unsaid(), clock=desk.clock)
                run = Run(id=f"{RUN}{day.isoformat()}-{held.epoch}", epoch=held.epoch)
                execute(
                    planned,
                    flow(read, planned),
                    worker,
                    desk=quiet,
                    run=run,
                    watch=Silent(),
                    waiting=WAITING,
                )
                steps = desk.journal.steps(day)
                landed |= {e.step: e.summary for e in steps if e.run == run.id}
    if as_json:
        text.envelope("land", {"landed": dict(landed)}, at=watch.now())
        return
    for step, summary in landed.items():
        text.say(f" ● {step}  {summary}")


def early_sources(project: Project) -> tuple[str, ...]:
    """Return the sources that are landed before the run: all but databases."""
    return tuple(
        name
        for name, source in sorted(project.sources.items())
        if not isinstance(source, DatabaseSource)
    )


def _collecting(project: Project, desk: Desk, day: date) -> None:
    """Write down that the day's deliveries are being collected, where nothing is known of them."""
    for name in owed_on(project, tuple(sorted(project.reports)), day):
        desk.journal.save(collecting(project, desk, day, name), replacing=frozenset())


class _Unsaid:
    """A port `Notices` that tells nobody: what fails before the run may heal by the run."""

    def open(
        self, obligation: Obligation, cause: str, severity: Severity, text: str, at: datetime
    ) -> bool:
        """Open nothing."""
        return False

    def resolve(self, obligation: Obligation, cause: str, at: datetime, ended: str = "") -> bool:
        """Resolve nothing."""
        return False

    def open_ones(self, obligation: Obligation | None = None) -> tuple[Notice, ...]:
        """Know of none."""
        return ()
