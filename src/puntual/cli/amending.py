"""Where the next version of a delivery is made: on this machine, or where it is deployed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Protocol

from puntual.cli import reading, remote, wiring
from puntual.cli.clocks import clock
from puntual.cli.day import Shown, carried
from puntual.cli.papers import papers
from puntual.cli.remote import Remote
from puntual.cli.text import in_env
from puntual.cli.workshop import Workshop, workshop
from puntual.model.delivery import Delivery
from puntual.model.project import AWS, Project
from puntual.planner.plan import look, plan
from puntual.ports.journal import Journal
from puntual.runner import checkpoint
from puntual.runner.amend import Amendment, Part, next_versions
from puntual.runner.anew import steps_from
from puntual.runner.execute import Run
from puntual.runner.published import landed_sources


class Amending(Protocol):
    """Carries out what is asked for of one day."""

    @property
    def journal(self) -> Journal:
        """What runs have written down."""

    def store(self) -> AbstractContextManager[checkpoint.Store]:
        """Lend what is published by now."""

    def carry_out(self, asked: Amendment, *, step: str = "") -> None:
        """
        Carry a part of it out; with a step, that one and all after it anew.

        Raises:
            ProjectError: P1004 there is no such step; P1005 one that it needs is not committed.
        """


@contextmanager
def amending(
    project: Project, root: Path, day: date, *, as_of: datetime | None, quiet: bool
) -> Iterator[Amending]:
    """
    Lend what makes next versions; here nothing else runs meanwhile.

    Raises:
        ProjectError: C1004 boto3 is not installed; C1912 the project is not deployed.
        TransientError: T2003 another living process holds the lease; T5001, T5002.
        PermanentError: T1002 the folder may not be written; T5004-T5009.
    """
    if project.place == AWS:
        with remote.opened(project, root, project.away) as there:
            yield _There(root=root, day=day, remote=there, as_of=as_of, shown=Shown(quiet=quiet))
        return
    with workshop(project, root, clock(as_of), quiet=quiet) as shop:
        yield _Here(root=root, day=day, project=project, shop=shop)


def newest(of: Amending, report: str, day: date) -> Delivery:
    """Return a report's delivery as it stands."""
    return of.journal.deliveries(report=report, reference_date=day)[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Here:
    """On this machine, under the lease of runs."""

    root: Path
    day: date
    project: Project
    shop: Workshop

    @property
    def journal(self) -> Journal:
        return self.shop.desk.journal

    def store(self) -> AbstractContextManager[checkpoint.Store]:
        return wiring.open_store(self.root)

    def carry_out(self, asked: Amendment, *, step: str = "") -> None:
        with self.store() as store:
            landed = landed_sources(store, self.day)
            made = next_versions(store, asked, self.day, run="puntual run")
        run = Run(id=self.shop.run_id(self.day), epoch=self.shop.epoch)
        if asked.part is Part.LOOK:
            planned = look(self.project, self.day, asked.reports, landed)
        else:
            planned = plan(self.project, self.day, asked.reports)
            run = replace(
                run,
                anew=self._anew(asked.reports, step),
                restatements=made,
                send=asked.part is Part.SEND,
            )
        if planned.steps:
            shop = self.shop
            carried(self.project, planned, shop.worker, shop.desk, run, shop.shown)

    def _anew(self, reports: tuple[str, ...], step: str) -> frozenset[str]:
        """Return the steps that are done anew; what was sent forbids none of them."""
        if not step:
            return frozenset()
        committed = reading.committed(self.root, (self.day,)).get(self.day, frozenset())
        return steps_from(self.project, self.day, reports, step, committed=committed, standing={})


@dataclass(frozen=True, slots=True, kw_only=True)
class _There:
    """Where the project is deployed: an execution of its machine for each part."""

    root: Path
    day: date
    remote: Remote
    as_of: datetime | None
    shown: Shown

    @property
    def journal(self) -> Journal:
        return self.remote.journal

    @contextmanager
    def store(self) -> Iterator[checkpoint.Store]:
        project = self.remote.project
        with papers(self.root, project, project.away) as found:
            yield found.archive

    def carry_out(self, asked: Amendment, *, step: str = "") -> None:
        with self.store() as store:
            run = in_env("run", self.remote.project.away)
            next_versions(store, asked, self.day, run=run)
        remote.carry_out(
            self.remote,
            self.day,
            asked.reports,
            step=step,
            as_of=self.as_of,
            shown=self.shown,
            amendment=asked,
        )
