"""What a command works with that makes or sends deliveries: journal, lease, worker, progress."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from puntual.cli import lineage_events, wiring
from puntual.cli.day import Shown
from puntual.local.worker import ForkedWorker
from puntual.model.project import Project
from puntual.ports.clock import Clock
from puntual.runner.execute import Desk
from puntual.runner.noted import run_id
from puntual.runner.step import Worker


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """
    What carries a plan out.

    Attributes:
        desk: Journal and notices.
        worker: Does the steps.
        epoch: Of the lease that is held.
        shown: Shows progress.
        ran: Names of the runs that were begun, whose events are written when all is done.
    """

    desk: Desk
    worker: Worker
    epoch: int
    shown: Shown
    ran: set[str]

    def run_id(self, day: date) -> str:
        """Name the run of a day that is begun now."""
        named = run_id(day, self.epoch)
        self.ran.add(named)
        return named


@contextmanager
def working(
    project: Project,
    root: Path,
    clock: Clock,
    *,
    give_up: Callable[[], None],
    tick: Callable[[], None],
) -> Iterator[Worker]:
    """
    Lend what does steps; the lease is held by the caller.

    Args:
        project: As it was read; every worker goes on with it.
        root: Its folder.
        clock: Of the run.
        give_up: Closes the caller's SQLite files for a while, before a process is forked.
        tick: Called while a step runs.

    Raises:
        RuntimeError: The process failed when all was done: a bug, its traceback is printed.
    """
    opener = wiring.WorldOpener(project, root, clock)
    worker = ForkedWorker(
        project, opener.open, before_fork=wiring.in_turn(give_up, opener.another), tick=tick
    )
    with closing(worker):
        yield worker
    if worker.bug_while_closing:
        raise RuntimeError("the process that did the steps failed when all was done")


@contextmanager
def workshop(project: Project, root: Path, clock: Clock, *, quiet: bool) -> Iterator[Workshop]:
    """
    Hold the run's lease and lend what carries a plan out.

    Raises:
        TransientError: T2003 another living process holds the lease.
        PermanentError: T1002 the project's folder may not be written.
    """
    with (
        lineage_events.afterwards(root, project) as ran,
        wiring.open_desk(root, clock, project) as (desk, give_up),
        wiring.leased(root, clock) as held,
    ):
        shown = Shown(quiet=quiet)
        closed = wiring.in_turn(give_up, held.give_up)
        with working(project, root, clock, give_up=closed, tick=shown.tick) as worker:
            yield Workshop(desk=desk, worker=worker, epoch=held.epoch, shown=shown, ran=ran)
