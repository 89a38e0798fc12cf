"""Some nights of one bank with deadlines: policies, a watch, people, and what goes wrong."""

from __future__ import annotations

import random
import shutil
import tempfile
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from pathlib import Path

from puntual.evidence.digest import sha256
from puntual.local.journal import SqliteJournal
from puntual.local.objects import LocalObjects
from puntual.local.pointers import SqlitePointers
from puntual.model.approval import Approval, Subject
from puntual.model.delivery import Delivery, State
from puntual.model.project import Project
from puntual.planner.calendar import due_of, instant, is_business_day
from puntual.planner.policy import decide_by
from puntual.project.zones import zone
from puntual.runner import checkpoint, signing
from puntual.runner.watch import Work
from sim import night as story
from sim.calendars import Place as Setting
from sim.calendars import setting
from sim.deadlines import Deadlines
from sim.disk import Loss, SimulatedDisk, installed
from sim.episode import simulated
from sim.faults import IN_A_RUN, Armed, Arming
from sim.machine import Clock, End, Killed, Machine, Trigger
from sim.night import MINUTE, Night
from sim.place import Place
from sim.policies import REPORT, draw, policy_shape
from sim.sources import Bank
from sim.warehouse import TinyServer
from sim.watcher import Receivers, SimulatedPlace
from sim.worker import run_day

FAULTS = tuple(sorted(IN_A_RUN.keys() - {"warehouse down", "clock forward", "clock back"}))
"""Kinds of faults of the machine in a night; the clock is right, and the warehouse has its own."""

RHYTHMS = tuple(
    (time(*at), timedelta(minutes=again))
    for at, again in (((2, 0), 120), ((4, 0), 60), ((5, 0), 60), ((5, 30), 30), ((6, 0), 10))
)
"""When the runs start, and the time between two of them."""

NEAR = 20
"""Minutes before the moment to decide from which on one run only is hit by a fault."""


@dataclass(slots=True)
class NightsTold:
    """
    What an episode of nights was like.

    Attributes:
        seed: Replays it.
        days: How many nights.
        runs: How many runs and landings.
        watches: How often a watch was begun again.
        fired: Kind of fault → how often it happened.
        counts: What nights came to.
        worst: Fewest minutes before a deadline; None: no deliverable was owed.
        wrong: What was violated.
        digest: Of the trace and of everything that was delivered.
        log: The trace, if it was asked for.
    """

    seed: int
    days: int = 0
    runs: int = 0
    watches: int = 0
    fired: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    worst: int | None = None
    wrong: list[str] = field(default_factory=list)
    digest: str = ""
    log: list[str] = field(default_factory=list)


def nights(seed: int, *, days: int = 5, log: bool = False) -> NightsTold:
    """
    Simulate some nights with deadlines.

    Args:
        seed: Decides everything.
        days: How many business days.
        log: Keep the trace as text.
    """
    memory = Path("/dev/shm")
    folder = tempfile.mkdtemp(prefix="puntual-sim-", dir=memory if memory.is_dir() else None)
    try:
        return _Nights(seed, Path(folder), log=log).run(days)
    finally:
        shutil.rmtree(folder)


class _Nights:
    def __init__(self, seed: int, root: Path, *, log: bool) -> None:
        self.rng = random.Random(seed)
        self.told = NightsTold(seed)
        self.setting: Setting = setting(self.rng)
        self.machine = Machine(
            seed=seed,
            rng=self.rng,
            clock=Clock(start=datetime(2020, 1, 1, tzinfo=UTC)),
            root=str(root),
            log=self.told.log if log else None,
        )
        self.machine.current = self.machine.process()
        roots = tuple(str(root / n) for n in ("lake", "out", "evidence", ".puntual/state.commits"))
        self.disk = SimulatedDisk(
            roots=roots,
            effect=self.machine.effect,
            dead=lambda: self.machine.current.end is not None,
        )
        shape = policy_shape()
        self.base = self._timed(shape.at(self.setting.zone, self.setting.calendar))
        self.place = Place(
            root=root,
            machine=self.machine,
            disk=self.disk,
            shape=shape,
            project=self.base,
            server=TinyServer(shape.queries),
        )
        (root / ".puntual").mkdir()
        self.bank = Bank(root, self.rng, None)
        self.oracle = Deadlines(self.place)
        self.effects = 100
        self.hit_near = False
        self.asked: set[str] = set()
        self.receivers = Receivers(self._deaf, lambda: self.rng.random() < 0.05, self._now)

    def _timed(self, project: Project) -> Project:
        """Return the project with the hour of its runs; and so that there is a hurry or none."""
        starts, self.again = self.rng.choice(RHYTHMS)
        return replace(project, run=replace(project.run, starts=starts))

    def _now(self) -> datetime:
        return self.machine.clock.true()

    def run(self, days: int) -> NightsTold:
        with ExitStack() as stack:
            stack.enter_context(simulated(self.machine, self.rng))
            stack.enter_context(installed(self.disk))
            self.bank.open()
            before: date | None = None
            for day, _ in pairwise(self._dates(days + 1)):
                self._night(day, before)
                before = day
                self.told.days += 1
                if self.oracle.wrong:
                    break
        self.told.wrong = [f"seed {self.told.seed}: {w}" for w in self.oracle.wrong]
        self.told.fired, self.told.counts = self.machine.fired, self.oracle.counts
        self.told.worst = self.oracle.worst
        for name, data in sorted(self.oracle.out.items()):
            self.machine.trace.update(name.encode() + data)
        self.told.digest = self.machine.trace.hexdigest()
        return self.told

    def _dates(self, count: int) -> list[date]:
        found: list[date] = []
        day = self.setting.first
        while len(found) < count:
            if is_business_day(self.setting.calendar, day):
                found.append(day)
            day += timedelta(days=1)
        return found

    def _night(self, day: date, before: date | None) -> None:
        self.setting.count(day, self.machine.fired)
        night = self._draw(day, before)
        self.night, self.hit_near, self.asked = night, False, set()
        self.oracle.begin()
        begins = instant(day, time(20, 0), zone(self.setting.zone))
        self._at(begins.astimezone(UTC))
        night.look(self._now())
        every = timedelta(minutes=self.rng.choice((0, 0, 0, 0, 0, 360)))
        die = self.rng.randrange(200) if self.rng.random() < 0.15 else None
        while self._now() < night.end and not self.oracle.wrong:
            if self._watch(every, die):
                break
            die = None
            self.told.watches += 1
            self._at(self._now() + timedelta(seconds=self.rng.randint(5, 60)))
        self.place.server.down = False
        self.place.silent.clear()
        if not self.oracle.wrong:
            self.oracle.after_night(night, self.receivers)

    def _draw(self, day: date, before: date | None) -> Night:
        due = due_of(self.base, REPORT, day, zone)
        approved = draw(self.rng, due.date())
        policies = {} if approved.policy is None else {"cards": approved.policy}
        self.place.project = replace(self.base, policies=policies)
        night = Night(
            day=day,
            due=due.astimezone(UTC),
            decide_by=decide_by(self.place.project, REPORT, day, zone).astimezone(UTC),
            approved=approved,
            payments=self.bank.rows(2, 5),
            cards=self.bank.rows(2, 6),
            before=before,
        )
        story.draw(night, self.bank, self.rng, self._set_down, self._set_cards_down)
        decide = (night.decide_by - night.due) // MINUTE
        for number, (_, _, minutes) in enumerate(approved.signatures):
            night.events.append((max(decide + minutes, -600), self._signature(night, number)))
        night.events.sort(key=lambda e: e[0])
        self.machine.fired[f"policy {approved.kind}"] += 1
        for kind in night.kinds:
            self.machine.fired[kind] += 1
        return night

    def _signature(self, night: Night, number: int) -> story.Event:
        def sign() -> None:
            approved = night.approved
            assert approved.policy is not None
            person, role, _ = approved.signatures[number]
            digest = approved.policy.digest if approved.of_it else sha256(b"other bytes")
            self._agree(Subject.POLICY, "cards", digest, person, role)
            night.approved_now = approved.counts and number == len(approved.signatures) - 1

        return sign

    def _agree(self, subject: Subject, name: str, digest: str, person: str, role: str) -> None:
        self.place.approvals.add(
            Approval(
                subject=subject,
                name=name,
                digest=digest,
                person=person,
                role=role,
                at=self._now(),
            )
        )

    def _watch(self, every: timedelta, die: int | None) -> bool:
        """Let a watch keep the bank until the night is at rest; False: it died."""
        process = self.machine.process()
        self.machine.current = process
        if die is not None:
            kill = Trigger("watch killed", (), die, self._end_watch)
            process.armed.append(kill)
        try:
            place = SimulatedPlace(self.place, self.night, process, self._child, self.receivers)
            place.watch(every, self.again).keep(self.night.end)
        except Killed:
            return False
        finally:
            self.machine.current = self.machine.process()
            process.give_back()
        return True

    def _end_watch(self) -> None:
        self.machine.end(End.KILLED)

    def _child(self, work: Work) -> None:
        """Run the day in a process that may be hit; see `watcher.Child`."""
        self.told.runs += 1
        process, armed = self.machine.process(), Armed()
        self.machine.current = process
        name = self._fault()
        if name:
            IN_A_RUN[name](Arming(self.place, process, armed, self.effects))
        began, before = self._now(), self.machine.effects
        went = run_day(self.place, process, work.day, only_land=work.command == "land")
        loss = armed.loss if went.outcome == "killed" else Loss.NOTHING
        self.disk.crash(loss, self.rng)
        self.machine.note(f"ended {work.command} {went.outcome} {went.error}")
        for undo in armed.after:
            undo()
        if not name:
            self.effects = max(100, self.machine.effects - before)
        self.machine.current = self.machine.process()
        self.machine.quiet = True
        try:
            self.oracle.after_child(self.night, began, went, fault=name)
            self._ask_people()
            self.night.over = bool(self.oracle.wrong)
        finally:
            self.machine.quiet = False
        if loss is not Loss.NOTHING:
            self._at(self._now() + timedelta(seconds=self.rng.randint(20, 120)))
            self.night.happen(self._now())
            raise Killed

    def _fault(self) -> str:
        """Choose what hits a run; of those around the decision one only is hit."""
        now, night = self._now(), self.night
        near = night.decide_by - NEAR * MINUTE <= now <= night.deadline
        if self.rng.random() >= (0.5 if near else 0.12) or (near and self.hit_near):
            return ""
        self.hit_near |= near
        return self.rng.choice(FAULTS)

    def _ask_people(self) -> None:
        """Let people who are asked to sign a delivery do so, in a while."""
        with_pointers = SqlitePointers(self.place.state)
        try:
            store = _Store(LocalObjects(self.place.root / "lake"), with_pointers)
            attested = checkpoint.read(store, f"attest:{REPORT}", self.night.day)
            digest = signing.statement_of(attested.manifest) if attested else ""
        finally:
            with_pointers.close()
        waiting = [d for d in self._deliveries() if d.state is State.READY]
        if not waiting or not digest or digest in self.asked:
            return
        self.asked.add(digest)
        now = int((self._now() - self.night.due) / MINUTE) + 1
        for person, role in (("Eva", "compliance"), ("Luis", "operations")):
            at = now + self.rng.choice((1, 4, 10, 60))
            self.night.events.append((at, self._signs(digest, person, role)))
        self.night.events.sort(key=lambda e: e[0])

    def _signs(self, digest: str, person: str, role: str) -> story.Event:
        def sign() -> None:
            self._agree(Subject.DELIVERY, REPORT, digest, person, role)

        return sign

    def _deliveries(self) -> tuple[Delivery, ...]:
        journal = SqliteJournal(self.place.journal_path)
        try:
            return journal.deliveries(reference_date=self.night.day)
        finally:
            journal.close()

    def _set_down(self, down: bool) -> None:
        self.place.server.down = down

    def _set_cards_down(self, down: bool) -> None:
        self.place.silent.clear()
        if down:
            self.place.silent.add("cards")

    def _deaf(self) -> bool:
        if self.night.deaf is None:
            return False
        begins, ends = map(self.night.at, self.night.deaf)
        return begins <= self._now() < ends

    def _at(self, at: datetime) -> None:
        self.machine.clock.sleep(max(0.0, (at - self._now()).total_seconds()))


@dataclass(frozen=True, slots=True)
class _Store:
    objects: LocalObjects
    pointers: SqlitePointers
