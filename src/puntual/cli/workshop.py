"""What a command works with that makes or sends deliveries: journal, lease, worker, progress."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from puntual.cli import wiring
from puntual.cli.day import Shown
from puntual.local.worker import ForkedWorker
from puntual.model.project import Project
from puntual.ports.clock import Clock
from puntual.runner.execute import Desk
from puntual.runner.step import Worker


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """The desk, the worker, the epoch of the lease that is held, and what shows progress."""

    desk: Desk
    worker: Worker
    epoch: int
    shown: Shown


@contextmanager
def workshop(project: Project, root: Path, clock: Clock, *, quiet: bool) -> Iterator[Workshop]:
    """
    Hold the run's lease and lend what carries a plan out.

    Raises:
        TransientError: T2003 another living process holds the lease.
        PermanentError: T1002 the project's folder may not be written.
    """
    with (
        wiring.open_desk(root, clock) as (desk, give_up),
        wiring.leased(root, clock) as held,
    ):
        shown = Shown(quiet=quiet)
        opener = wiring.WorldOpener(project, root, clock)
        worker = ForkedWorker(
            project,
            opener.open,
            before_fork=wiring.in_turn(give_up, held.give_up, opener.another),
            tick=shown.tick,
        )
        with closing(worker):
            yield Workshop(desk=desk, worker=worker, epoch=held.epoch, shown=shown)
        if worker.bug_while_closing:
            raise RuntimeError("the process that did the steps failed when all was done")
