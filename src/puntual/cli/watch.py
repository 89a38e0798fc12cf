"""`puntual watch`: starts each day's run at its hour, sees what is late, and tells people."""

from __future__ import annotations

import signal
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from types import FrameType

import click

from puntual.cli import places, reading, restored, telling, text, wiring
from puntual.cli.options import (
    InstantType,
    as_of_option,
    env_option,
    project_option,
    root_of,
)
from puntual.cli.watching import LocalPlace, SteppedClock
from puntual.local.daemon import Background, to_background
from puntual.local.pointers import SqliteLeases
from puntual.ports.clock import Clock
from puntual.runner.clock import SystemClock
from puntual.runner.watch import LONGEST_SLEEP, Watch

LEASE = "watch"
SIMULATED_SLEEP = timedelta(days=1)
"""The longest step of a clock that is simulated: it goes from one thing to do to the next."""


class Stopped:
    """Remembers that SIGTERM or Ctrl-C came; the watch looks at it between two things."""

    def __init__(self) -> None:
        self.wanted = False
        for one in (signal.SIGTERM, signal.SIGINT):
            signal.signal(one, self)

    def __call__(self, signum: int, frame: FrameType | None) -> None:
        """Take the signal."""
        self.wanted = True


@click.command(
    name="watch", help="Start each day's run at its hour; see what is late; tell people."
)
@project_option
@env_option
@click.option("--daemon", is_flag=True, help="In the background; it writes .puntual/watch.log.")
@click.option("--once", is_flag=True, help="Do what is due now, and end.")
@click.option("--until", type=InstantType(), default=None, help="End at this instant.")
@click.option(
    "--land-every",
    "minutes",
    type=click.IntRange(0, 1440),
    default=15,
    show_default=True,
    help="Minutes between two landings before the run; 0: none.",
)
@click.option(
    "--run-every",
    "again",
    type=click.IntRange(1, 1440),
    default=10,
    show_default=True,
    help="Minutes between two runs of a day that is not delivered and not late.",
)
@as_of_option
@click.pass_context
def command(
    ctx: click.Context,
    project: Path | None,
    env: str | None,
    daemon: bool,
    once: bool,
    until: datetime | None,
    minutes: int,
    again: int,
    as_of: datetime | None,
) -> None:
    """
    Watch what is owed; end with 0 when it is told to, by SIGTERM, Ctrl-C or `--until`.

    With `--as-of` the clock is simulated: it goes from one thing to do to the next without
    waiting, and needs `--until` or `--once`.
    """
    root = root_of(ctx, project)
    if as_of is not None and until is None and not once:
        raise click.BadParameter("a simulated clock needs --until or --once", param_hint="--as-of")
    watch: Clock = SystemClock() if as_of is None else SteppedClock(as_of)
    if env is not None:
        schedule = "the deployed schedule starts the runs, and its watchdog sees that they start"
        reading.only_here(reading.read(root, env), schedule)
    places.make_folder(places.state_folder(root))
    background = None
    if daemon:
        log = places.state_folder(root) / "watch.log"
        found = to_background(log)
        if not isinstance(found, Background):
            said = f"watching; its words are in {log}" if found == 0 else f"it ended; see {log}"
            text.complain(said)
            ctx.exit(found)
        background = found
    stopped = Stopped()
    every = timedelta(minutes=minutes)
    longest = LONGEST_SLEEP if as_of is None else SIMULATED_SLEEP
    with (
        closing(SqliteLeases(places.pointers_path(root), watch)) as leases,
        leases.acquire(LEASE),
    ):
        for line in restored.restore(root, lambda: reading.read(root, env), watch.now()):
            text.say(line)
        with wiring.open_desk(root, watch) as (desk, _):
            place = LocalPlace(root, env, desk, watch, lambda: stopped.wanted)
            if background is not None:
                background.ready()
            place.say(f"watching {place.project.name}")
            if unheard := telling.unheard(place.project):
                place.say(unheard)
            keeper = Watch(
                place=place,
                notices=desk.notices,
                clock=watch,
                every=every,
                again=timedelta(minutes=again),
                longest=longest,
            )
            try:
                keeper.keep(until, once=once)
            finally:
                place.give_up()
            place.say("the watch ends")
