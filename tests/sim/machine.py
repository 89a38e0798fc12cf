"""
The simulated machine: one clock, one seed, and processes of which one at a time has the turn.

Everything that reaches the world goes through `Machine.effect`: there time passes, the trace is
written, another process may get its turn, and a fault that is due happens.
"""

from __future__ import annotations

import hashlib
import random
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from puntual.local.process import Holder


class Killed(BaseException):
    """A process ends here: no handler of the product sees it, and nothing it does has effect."""


class End(StrEnum):
    """How a process, or the worker that does its steps, came to its end."""

    KILLED = "killed"
    """All of it; whoever runs the day again is another process."""
    DIED = "died"
    """The worker; the process that watches it lives on."""
    TIMED_OUT = "timed out"
    """The worker, by who watches it: the step's time was over."""


@dataclass(slots=True)
class Trigger:
    """
    A fault that is due.

    Attributes:
        name: Which kind of fault; counted when it happens.
        on: The effects it waits for begin with one of these; empty: every effect.
        skip: How many of those it lets pass.
        act: What it does; raises, or changes the machine.
        times: How often it happens then.
        outside: Not while a lock of the state file is held.
        working: Only while a worker does a step.
    """

    name: str
    on: tuple[str, ...]
    skip: int
    act: Callable[[], None]
    times: int = 1
    outside: bool = False
    working: bool = False


@dataclass(slots=True)
class Clock:
    """
    Port `Clock`: time that passes only when the simulation says so.

    Attributes:
        start: The instant at which `elapsed` was 0, as a true clock would say.
        elapsed: Seconds; never goes back.
        error: What the wall clock shows more than the true one; jumps change it.
    """

    start: datetime
    elapsed: float = 0.0
    error: timedelta = timedelta(0)

    def now(self) -> datetime:
        """Return what the wall clock shows, in UTC."""
        return self.start + timedelta(seconds=round(self.elapsed, 6)) + self.error

    def true(self) -> datetime:
        """Return the instant, whatever the wall clock shows."""
        return self.start + timedelta(seconds=round(self.elapsed, 6))

    def monotonic(self) -> float:
        """Return seconds that never go back."""
        return self.elapsed

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.elapsed += seconds


@dataclass(slots=True)
class Process:
    """
    A process of the product.

    Attributes:
        pid: Higher than any of a real one, so that nobody mistakes it for living.
        end: How it ended; then nothing it does has an effect any more. None while it lives.
        limit: `elapsed` at which its worker is killed; None while no step is done.
        armed: Faults that are due in this process.
        closers: What the kernel gives back when it dies.
    """

    pid: int
    end: End | None = None
    limit: float | None = None
    armed: list[Trigger] = field(default_factory=list)
    closers: list[Callable[[], None]] = field(default_factory=list)

    def give_back(self) -> None:
        """Give back what it held: the kernel closes files and releases locks."""
        for close in reversed(self.closers):
            close()
        self.closers.clear()


@dataclass(slots=True)
class Machine:
    """
    What one episode happens on.

    Attributes:
        rng: Every choice of the simulation.
        clock: The time.
        current: The process that has the turn.
        fired: Kinds of faults, and how often each happened.
        effects: How many effects there were.
        pids: The last pid that was given.
        turns: Who may go on, while several processes run.
        whole: Above 0 the turn is kept: the process holds a lock of the state file.
        quiet: Somebody looks who is no part of the simulation.
        root: Left out of the trace.
        log: Lines of the trace, for people; None: only its digest is kept.
        trace: Digest of the trace so far.
    """

    seed: int
    rng: random.Random
    clock: Clock
    current: Process = field(default_factory=lambda: Process(pid=0))
    fired: Counter[str] = field(default_factory=Counter)
    effects: int = 0
    pids: int = 1 << 23
    turns: Turns | None = None
    whole: int = 0
    quiet: bool = False
    root: str = ""
    log: list[str] | None = None
    trace: hashlib._Hash = field(default_factory=hashlib.sha256)

    def process(self) -> Process:
        """Start a process."""
        self.pids += 1
        return Process(pid=self.pids)

    def identity(self) -> Holder:
        """Return the process that has the turn, as a lease records it."""
        return Holder(host="sim", boot="sim", pid=self.current.pid, started="1")

    def note(self, what: str) -> None:
        """Write a line of the trace: two runs of a seed have the same."""
        line = f"{self.current.pid - (1 << 23)} {self.clock.elapsed:.3f} {what}"
        self.trace.update(line.encode() + b"\n")
        if self.log is not None:
            self.log.append(line)

    def effect(self, kind: str, detail: str = "") -> None:
        """
        Let an effect happen, or the fault that is due at it.

        Raises:
            Killed: The process is dead, or dies here.
            OSError: The disk refuses.
            Exception: Whatever else a fault raises.
        """
        if self.quiet:
            return
        me = self.current
        if me.end is not None:
            raise Killed
        self.effects += 1
        self.clock.elapsed += 0.004
        self.note(f"{kind} {self._shown(detail)}")
        if self.turns is not None and not self.whole:
            self.turns.give_way()
            if me.end is not None:
                raise Killed
        for trigger in me.armed:
            if trigger.times and (not trigger.on or kind.startswith(trigger.on)):
                if (trigger.outside and self.whole) or (trigger.working and me.limit is None):
                    continue
                if trigger.skip:
                    trigger.skip -= 1
                    continue
                trigger.times -= 1
                self.fired[trigger.name] += 1
                self.note(f"fault {trigger.name}")
                trigger.act()
        if me.limit is not None and self.clock.elapsed >= me.limit:
            self.fired["step timeout"] += 1
            self.end(End.TIMED_OUT)

    def end(self, how: End) -> None:
        """
        End the process that has the turn, or its worker, here.

        Raises:
            Killed: Always.
        """
        self.note(how)
        self.current.end = how
        raise Killed

    def _shown(self, detail: str) -> str:
        """Names that are random by design (of temporary files) are no part of the trace."""
        path = detail.removeprefix(self.root)
        if "." not in path:
            return path
        for part in ("/.tmp", "/.puntual-"):
            head, found, _ = path.partition(part)
            if found:
                return head + part
        return path


class Turns:
    """
    Two processes of which one at a time runs; whose turn is next is the seed's choice.

    Each has a thread, since the product's calls cannot be left in the middle otherwise; a
    thread that has not the turn waits, so there is no parallelism and no other order.
    """

    def __init__(self, machine: Machine, swap: float) -> None:
        self._machine = machine
        self.swap = swap
        self._gates: dict[int, threading.Semaphore] = {}
        self._processes: list[Process] = []

    def run(self, processes: list[tuple[Process, Callable[[], None]]]) -> None:
        """Run processes until each has ended; the first begins."""
        self._processes = [p for p, _ in processes]
        self._gates = {p.pid: threading.Semaphore(0) for p in self._processes}
        failures: list[BaseException] = []
        threads = [
            threading.Thread(target=self._one, args=(p, work, failures)) for p, work in processes
        ]
        for thread in threads:
            thread.start()
        self._machine.turns = self
        self._pass_to(self._processes[0])
        for thread in threads:
            thread.join()
        self._machine.turns = None
        if failures:
            raise failures[0]

    def give_way(self) -> None:
        """Let another process go on, if the seed says so."""
        me = self._machine.current
        if len(self._processes) > 1 and self._machine.rng.random() < self.swap:
            self.hand_over(me)

    def hand_over(self, me: Process) -> None:
        """Let another process go on, and wait for the turn."""
        others = [p for p in self._processes if p is not me]
        if others:
            self._pass_to(self._machine.rng.choice(others))
            self._gates[me.pid].acquire()
            self._machine.current = me

    def _pass_to(self, process: Process) -> None:
        self._machine.current = process
        self._gates[process.pid].release()

    def _one(self, me: Process, work: Callable[[], None], failures: list[BaseException]) -> None:
        self._gates[me.pid].acquire()
        self._machine.current = me
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - raised again by the thread that waits
            failures.append(error)
        finally:
            self._processes.remove(me)
            if self._processes:
                self._pass_to(self._machine.rng.choice(self._processes))
