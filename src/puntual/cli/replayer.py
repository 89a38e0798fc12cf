"""
The process that replays days, one after the other, for `puntual replay`.

It is told what to do on standard input and answers on standard output, a JSON object a line:
first an `Assignment`, then days; each day is answered by an `Outcome`. It ends when its input
ends, so it does not outlive who asked.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import TextIO

from puntual.cli import reading
from puntual.cli.lakes import Lake, Lender, lake_of
from puntual.cli.trial import Share, open_trial
from puntual.errors import PuntualError
from puntual.evidence.facts import from_json, to_json
from puntual.model.manifest import Digest
from puntual.model.plan import Plan
from puntual.model.project import AWS, Project
from puntual.planner.plan import plan, plan_b
from puntual.runner.clock import SystemClock
from puntual.runner.compare import Difference
from puntual.runner.replay import Archive, batches, remember, replay, world_run
from puntual.runner.world import World

DELIVER = "deliver:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """
    What a process is to replay.

    Attributes:
        root: The project's folder.
        env: Its environment; "" for none.
        folder: Where it may write.
        names: Pointer → digest of the manifest, of everything that is published.
        code: Digest of the program.
        processes: How many share the machine.
        looks_back: Reports may read earlier days, which are loaded as they were published.
        keep: What was made is kept.
    """

    root: str
    env: str
    folder: str
    names: dict[str, Digest]
    code: Digest
    processes: int
    looks_back: bool
    keep: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A known fault, as it is told to another process."""

    code: str
    message: str
    where: str
    expected: str
    observed: str
    next_step: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """
    What became of a day.

    Attributes:
        day: Which.
        differences: What is not as it was delivered.
        damaged: Raw objects and manifests that are not what was recorded.
        stopped: The machine's fault for which the day could not be replayed.
        another_program: It was delivered by another version of the program.
        records: Raw records that were read again.
        digests: Where another engine made the day: step and role → digest of its rows, of what
            is the same.
    """

    day: date
    differences: tuple[Difference, ...] = ()
    damaged: tuple[Fault, ...] = ()
    stopped: Fault | None = None
    another_program: bool = False
    records: int = 0
    digests: Mapping[str, str] = field(default_factory=dict)


class Replayer:
    """Replays days in ascending order, each in a world of its own."""

    def __init__(self, given: Assignment) -> None:
        root = Path(given.root)
        self._given = given
        self._root = root
        self._folder = Path(given.folder)
        self._project = reading.read(root, given.env or None)
        self._share = Share.of(given.processes)
        self._remembered: set[date] = set()

    def outcome(self, day: date) -> Outcome:
        """Replay a day; a known fault is an outcome, anything else a bug."""
        try:
            return self._replayed(day)
        except PuntualError as exc:
            return Outcome(day=day, stopped=_fault(exc))

    @cached_property
    def _lake(self) -> Lender:
        """What lends the lake; it is opened with the first day, whose fault its faults are."""
        return lake_of(self._project, self._root, sharers=self._given.processes)

    def _replayed(self, day: date) -> Outcome:
        folder = self._folder / day.isoformat()
        folder.mkdir(parents=True)
        try:
            with self._lake(folder) as lake:
                return self._compared(day, folder, lake)
        finally:
            if not self._given.keep:
                shutil.rmtree(folder)

    def _compared(self, day: date, folder: Path, lake: Lake) -> Outcome:
        warehouse = (self._folder if self._given.looks_back else folder) / "warehouse.duckdb"
        # Whatever the project's own is: a server's tables are nobody's to try things on.
        scratch = replace(self._project.warehouse, kind="duckdb", location=str(warehouse))
        project = replace(self._project, warehouse=scratch)
        is_away = self._project.place == AWS
        archive = Archive(objects=lake.objects, names=self._given.names)
        with open_trial(
            folder,
            lake,
            warehouse,
            code=self._given.code,
            clock=SystemClock(),
            share=self._share,
            portable=is_away,
        ) as world:
            if self._given.looks_back:
                self._remember(project, world, day, archive, lake)
            found = [
                replay(
                    world_run(project, _planned(project, day, batch), world),
                    archive,
                    batch,
                    same_kind=self._project.warehouse.kind == scratch.kind,
                    same_engine=not is_away,
                )
                for batch in batches(archive, reports_of(self._given.names, day), day)
            ]
        return Outcome(
            day=day,
            differences=tuple(d for f in found for d in f.differences),
            damaged=tuple(_fault(error) for f in found for error in f.damaged),
            another_program=any(f.another_program for f in found),
            records=found[0].records,
            digests={k: d for f in found for k, d in f.digests.items()},
        )

    def _remember(
        self, project: Project, world: World, day: date, archive: Archive, lake: Lake
    ) -> None:
        """Load the days before one that the warehouse does not hold as they are published."""
        for earlier in self._earlier(day):
            reports = tuple(sorted(project.reports))
            remember(world_run(project, plan(project, earlier, reports), world), archive)
            self._remembered.add(earlier)
            lake.let_go()

    def _earlier(self, day: date) -> list[date]:
        """Return the days before one that the warehouse does not hold as they are published."""
        known = {day_of(name) for name in self._given.names if name.startswith("load:")}
        return sorted(d for d in known if d < day and d not in self._remembered)


def _planned(project: Project, day: date, batch: Mapping[str, Digest]) -> Plan:
    """Return the plan by which a batch was made: of plan B without warehouse, a short one."""
    made = plan if "validate" in batch else plan_b
    return made(project, day, _delivered(batch))


def _delivered(batch: Mapping[str, Digest]) -> tuple[str, ...]:
    return tuple(sorted(n.removeprefix(DELIVER) for n in batch if n.startswith(DELIVER)))


def day_of(pointer: str) -> date:
    """Return the day of a step's pointer."""
    return date.fromisoformat(pointer.rpartition("/")[2])


def reports_of(names: Mapping[str, Digest], day: date) -> tuple[str, ...]:
    """Return the reports that were delivered for a day, sorted."""
    suffix = f"/{day.isoformat()}"
    return tuple(
        sorted(
            n.removeprefix(DELIVER).removesuffix(suffix)
            for n in names
            if n.startswith(DELIVER) and n.endswith(suffix)
        )
    )


def _fault(error: PuntualError) -> Fault:
    return Fault(
        code=error.code,
        message=error.message,
        where=error.where,
        expected=error.expected,
        observed=error.observed,
        next_step=error.next_step,
    )


def serve(orders: TextIO, answer: Callable[[str], None]) -> None:
    """Replay every day that is asked for, until the input ends."""
    replayer: Replayer | None = None
    for line in orders:
        if replayer is None:
            replayer = Replayer(from_json(Assignment, json.loads(line)))
        else:
            outcome = replayer.outcome(date.fromisoformat(line.strip()))
            answer(json.dumps(to_json(outcome)))


def _say(line: str) -> None:
    try:
        print(line, flush=True)
    except BrokenPipeError:
        os._exit(0)  # who asked is gone


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    serve(sys.stdin, _say)
