"""Some days of one bank in one place, with faults: the unit that a seed replays."""

from __future__ import annotations

import contextlib
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from unittest import mock

from puntual.cli import day as cli_day
from puntual.landing import files
from puntual.local import pointers
from puntual.model.project import Project
from puntual.planner.calendar import is_business_day
from puntual.planner.schedule import start
from puntual.project.zones import zone
from puntual.runner.execute import Waiting
from sim.calendars import Place as Setting
from sim.calendars import setting
from sim.disk import Loss, SimulatedDisk, installed
from sim.faults import BETWEEN, IN_A_RUN, Armed, Arming
from sim.machine import Clock, Machine
from sim.memo import remembered
from sim.oracle import Oracle
from sim.place import Place
from sim.project import shape
from sim.race import ZOMBIE, race
from sim.sources import FAULTS, Bank, Truth
from sim.warehouse import TinyServer
from sim.worker import Went, run_day

RUNS = 7
"""Of one day at most."""

CHANCES = (0.6, 0.3, 0.2, 0.1)
"""How likely the first, second, … run of a day has faults; the others have none."""


@dataclass(slots=True)
class Told:
    """
    What an episode was like.

    Attributes:
        seed: Replays it.
        days: How many were simulated.
        runs: How many runs there were.
        fired: Kind of fault → how often it happened.
        wrong: What was violated; empty when nothing was.
        outcomes: How days ended.
        digest: Of the trace and of everything that was delivered.
        log: The trace, if it was asked for.
    """

    seed: int
    days: int = 0
    runs: int = 0
    fired: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)
    digest: str = ""
    log: list[str] = field(default_factory=list)


class _AtOnce:
    """An executor that does what it is given where it stands: threads have no order."""

    def __init__(self, workers: int) -> None:
        self.workers = workers

    def __enter__(self) -> _AtOnce:
        return self

    def __exit__(self, *error: object) -> None:
        return None

    def map(self, call: Callable[[Any], Any], items: Any) -> Iterator[Any]:
        return iter([call(item) for item in items])

    def submit(self, call: Callable[..., Any], *args: Any) -> Future[Any]:
        done: Future[Any] = Future()
        done.set_result(call(*args))
        return done


@contextlib.contextmanager
def simulated(machine: Machine, rng: random.Random) -> Iterator[None]:
    """Let the product have the simulated identity, waits and threads; remember what is pure."""
    waiting = Waiting(sleep=machine.clock.sleep, uniform=rng.uniform)
    with contextlib.ExitStack() as stack:
        stack.enter_context(remembered())
        stack.enter_context(mock.patch.object(pointers, "myself", machine.identity))
        stack.enter_context(mock.patch.object(cli_day, "WAITING", waiting))
        stack.enter_context(mock.patch.object(files, "ThreadPoolExecutor", _AtOnce))
        yield


def episode(seed: int, *, days: int = 5, log: bool = False, only: str = "") -> Told:
    """
    Simulate some days.

    Args:
        seed: Decides everything.
        days: How many business days.
        log: Keep the trace as text.
        only: One kind of fault of the machine, for every run that has any; "" leaves the
            choice to the seed.
    """
    memory = Path("/dev/shm")
    folder = tempfile.mkdtemp(prefix="puntual-sim-", dir=memory if memory.is_dir() else None)
    try:
        return _Episode(seed, Path(folder), log=log, only=only).run(days)
    finally:
        shutil.rmtree(folder)


class _Episode:
    def __init__(self, seed: int, root: Path, *, log: bool, only: str) -> None:
        self.rng = random.Random(seed)
        self.told = Told(seed)
        self.only = only
        self.setting: Setting = setting(self.rng)
        chosen = shape(self.rng.choice(("files",) * 5 + ("bank",)))
        clock = Clock(start=datetime(2020, 1, 1, tzinfo=UTC))
        self.machine = Machine(
            seed=seed,
            rng=self.rng,
            clock=clock,
            root=str(root),
            log=self.told.log if log else None,
        )
        self.machine.current = self.machine.process()
        self.project: Project = chosen.at(self.setting.zone, self.setting.calendar)
        roots = tuple(str(root / n) for n in ("lake", "out", "evidence", ".puntual/state.commits"))
        self.disk = SimulatedDisk(
            roots=roots,
            effect=self.machine.effect,
            dead=lambda: self.machine.current.end is not None,
        )
        self.place = Place(
            root=root,
            machine=self.machine,
            disk=self.disk,
            shape=chosen,
            project=self.project,
            server=TinyServer(chosen.queries),
        )
        (root / ".puntual").mkdir()
        stream = self.place.stream() if chosen.name == "bank" else None
        self.bank = Bank(root, self.rng, stream)
        self.oracle = Oracle(self.place)
        self.effects = 60

    def run(self, days: int) -> Told:
        with simulated(self.machine, self.rng), installed(self.disk):
            self.bank.open()
            listed = list(self._dates(days + 1))
            for day, following in pairwise(listed):
                self._day(day, following)
                if self.oracle.wrong:
                    break
            else:
                self.oracle.at_the_end()
        self.told.wrong = [f"seed {self.told.seed}: {w}" for w in self.oracle.wrong]
        self.told.fired = self.machine.fired
        self._digest()
        return self.told

    def _dates(self, count: int) -> Iterator[date]:
        day = self.setting.first
        while count:
            if is_business_day(self.setting.calendar, day):
                count -= 1
                yield day
            else:
                self.machine.fired["holiday or weekend"] += 1
            day += timedelta(days=1)

    def _day(self, day: date, following: date) -> None:
        self.setting.count(day, self.machine.fired)
        self._at(datetime.combine(day, datetime.min.time(), tzinfo=UTC) + timedelta(hours=40))
        fault = self.rng.choice(self._source_faults()) if self.rng.random() < 0.5 else ""
        if fault:
            self.machine.fired[fault] += 1
        truth = self.bank.send(day, following, fault)
        self._at(start(self.project, sorted(self.project.reports), day, zone))
        self.told.days += 1
        went = self._until_rest(truth)
        self.told.outcomes[went.outcome] += 1
        self.oracle.after_day(truth, went)
        if truth.later is not None and not self.oracle.wrong:
            truth.later()
            self._plain(truth)
        path = self.bank.root / "inbox" / f"payments_{day:%Y%m%d}.csv"
        self.bank.yesterday = path.read_bytes() if path.is_file() else b""

    def _source_faults(self) -> list[str]:
        streams = self.bank.stream is not None
        return [f for f in FAULTS if streams or not f.startswith("stream")]

    def _until_rest(self, truth: Truth) -> Went:
        """Run a day again and again, with fewer faults each time, until it rests."""
        mends = self.rng.randrange(3) if truth.repair else RUNS
        went = Went("killed")
        for number in range(RUNS):
            if number == mends and truth.repair is not None:
                truth.repair()
                truth.state = truth.mended
            faulty = number < len(CHANCES) and self.rng.random() < CHANCES[number]
            if not faulty:
                went = self._plain(truth)
                if number >= mends or truth.repair is None:
                    return went
            elif self.only == ZOMBIE or (self.rng.random() < 0.15 and not self.only):
                share = 1.0 if self.only else 0.75
                race(self.place, self.oracle, truth, self.effects, share=share)
                self.told.runs += 2
            else:
                went = self._faulty(truth)
            if self.oracle.wrong:
                return went
            self._at(self.machine.clock.true() + timedelta(seconds=self.rng.randint(1, 900)))
        return went

    def _plain(self, truth: Truth) -> Went:
        process = self._begin()
        before = self.machine.effects
        went = run_day(self.place, process, truth.day)
        self.effects = max(60, self.machine.effects - before, self.effects)
        self.oracle.after_run(truth, went, set())
        return went

    def _faulty(self, truth: Truth) -> Went:
        armed = Armed()
        process = self._begin()
        for _ in range(self.rng.choice((1, 1, 1, 2))):
            between = self.rng.random() < 0.2 and not self.only
            if between:
                name = self.rng.choice(sorted(BETWEEN))
                if BETWEEN[name](self.place, armed):
                    self.machine.fired[name] += 1
                    self.machine.note(f"fault {name}")
            else:
                name = self.only or self.rng.choice(sorted(IN_A_RUN))
                IN_A_RUN[name](Arming(self.place, process, armed, self.effects))
        if len(process.armed) > 1:
            armed.outcomes |= {"failed", "refused"}  # one retry does not outlast two faults
        went = run_day(self.place, process, truth.day)
        self._end(armed, went)
        self.oracle.after_run(truth, went, armed.outcomes)
        return went

    def _begin(self) -> Any:
        self.told.runs += 1
        process = self.machine.process()
        self.machine.current = process
        return process

    def _end(self, armed: Armed, went: Went) -> None:
        """Drop what a crash drops, and undo what does not last."""
        loss = armed.loss if went.outcome == "killed" else Loss.NOTHING
        hurt = self.disk.crash(loss, self.rng)
        if hurt:
            self.machine.fired["unsynced bytes or names really lost"] += 1
        self.machine.note(f"ended {went.outcome} {went.error} hurt {hurt}")
        for undo in armed.after:
            undo()

    def _at(self, instant: datetime) -> None:
        """Let time pass until an instant, unless it has passed already."""
        clock = self.machine.clock
        clock.sleep(max(0.0, (instant - clock.true()).total_seconds()))

    def _digest(self) -> None:
        for name, data in sorted(self.oracle.out.items()):
            self.machine.trace.update(name.encode() + data)
        self.told.digest = self.machine.trace.hexdigest()
