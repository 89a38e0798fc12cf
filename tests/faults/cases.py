"""What is done to a run: which fault, where, the how-manieth time; and what became of it."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from puntual.failpoints import POINTS

CORRUPTIBLE = ("file.bytes",)
PRODUCING = ("stream.appended", "stream.put")
"""Points of `puntual stream put`; all others are passed by `puntual run`."""

RAISED = ("raise:TransientError", "raise:PermanentError", "raise:KeyError")
HUNG = "sleep:40"
ERRORS: Mapping[str, tuple[str, ...]] = {
    "write": ("SIGKILL", "ENOSPC", "EIO"),
    "pwrite64": ("SIGKILL", "ENOSPC", "EIO"),
    "fsync": ("SIGKILL", "EIO"),
    "fdatasync": ("SIGKILL", "EIO"),
    "rename": ("SIGKILL", "ENOSPC", "EIO"),
    "renameat2": ("SIGKILL", "ENOSPC", "EIO"),
    "openat": ("SIGKILL", "ENOSPC", "EIO"),
    "mkdir": ("SIGKILL", "ENOSPC", "EIO"),
    "link": ("SIGKILL", "ENOSPC", "EIO"),
    "linkat": ("SIGKILL", "ENOSPC", "EIO"),
    "ftruncate": ("SIGKILL", "ENOSPC", "EIO"),
    "unlink": ("SIGKILL", "EIO"),
    "unlinkat": ("SIGKILL", "EIO"),
    "rmdir": ("SIGKILL", "EIO"),
}
"""System calls with an effect, and what is made to happen at each (`failures.md` 5, rows 2-4)."""


_STEADY = re.compile(r"\.puntual/[a-z]+\.(db|duckdb)(-wal|-shm|\.wal)?")
"""Files that have the same name in every run."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Case:
    """
    One disturbance.

    Attributes:
        scenario: `first` day, `second` day with a late record, or `put` of a producer.
        means: `failpoint` in the code, or `strace` from outside.
        point: Name of the failpoint or of the system call.
        fault: What happens there.
        nth: The how-manieth time the point is passed, from 1; of a system call by one thread.
        path: Count only calls on this file of the bank; "" for all.
    """

    scenario: str
    means: str
    point: str
    fault: str
    nth: int
    path: str = ""

    def __str__(self) -> str:
        where = f" on {self.path}" if self.path else ""
        return f"{self.scenario}: {self.point} no. {self.nth}{where} {self.fault}"


@dataclass(slots=True, kw_only=True)
class Outcome:
    """
    What became of a case.

    Attributes:
        case: The case.
        fired: The fault was really made (I9).
        struck: Lines of strace in which an error was made; they name the files.
        unreached: It was not, since the run completed before a thread came to that call.
        passed: Failpoints that were passed.
        code: Exit code of the disturbed command; negative: killed by that signal.
        message: First message code that it told.
        seconds: How long the re-run took, from its start to its end; 0 where none was needed.
        again: Exit code of the re-run.
        losses: What was lost, doubled or said wrongly.
        torn: What a reader saw that no reader may see.
        litter: What lay about after the re-run.
        where: Folder that is kept for inspection; "" where nothing was wrong.
    """

    case: Case
    fired: bool = False
    struck: tuple[str, ...] = ()
    unreached: bool = False
    passed: frozenset[str] = frozenset()
    code: int = 0
    message: str = ""
    seconds: float = 0.0
    again: int | None = None
    losses: list[str] = field(default_factory=list)
    torn: list[str] = field(default_factory=list)
    litter: list[str] = field(default_factory=list)
    where: str = ""

    @property
    def wrong(self) -> bool:
        """Something is not as it must be."""
        unmade = not self.fired and not self.unreached
        return bool(unmade or self.losses or self.torn or self.litter)


def of_failpoints(scenario: str, passed: Mapping[str, int]) -> Iterable[Case]:
    """
    Yield cases for points that a clean run passed so many times.

    Killed at every passage of a step's or a pointer's point, and at the first, the middle and
    the last of the others; raised and hung once.
    """
    for point in sorted(POINTS.keys() & passed.keys()):
        times = passed[point]
        if not times or (point in PRODUCING) != (scenario == "put"):
            continue
        every = point.startswith(("step.", "pointers."))
        kills = range(1, times + 1) if every else sorted({1, (times + 1) // 2, times})
        middle = (times + 1) // 2
        faults = [("kill", n) for n in kills]
        faults += [("die", middle), *((r, middle) for r in RAISED), (HUNG, middle)]
        if point in CORRUPTIBLE:
            faults += [("corrupt", n) for n in range(1, times + 1)]
        for fault, nth in faults:
            yield Case(scenario=scenario, means="failpoint", point=point, fault=fault, nth=nth)


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """
    One system call of a clean run that changed something in its folder.

    Attributes:
        thread: Which thread, as the kernel numbers it.
        call: Its name.
        nth: The how-manieth of that name by that thread, whatever it was made on.
        path: The file, relative to the folder; "" where the call names two, or a folder.
        nth_on_path: The how-manieth of that name by that thread on that file.
    """

    thread: str
    call: str
    nth: int
    path: str
    nth_on_path: int


def of_calls(scenario: str, effects: Sequence[Effect]) -> Iterable[Case]:
    """
    Yield cases for the effects of a clean run, in the order in which they came.

    strace counts for each thread by itself. An error is made in every thread that comes so far;
    a kill only in the first, so another thread's call is counted on its own file, where that has
    the same name in every run.
    """
    first: dict[tuple[str, int], str] = {}
    for effect in effects:
        cell = (effect.call, effect.nth)
        made = Case(scenario=scenario, means="strace", point=effect.call, fault="", nth=0)
        if cell not in first:
            first[cell] = effect.thread
            for fault in ERRORS[effect.call]:
                yield replace(made, fault=fault, nth=effect.nth)
        elif first[cell] != effect.thread and _STEADY.fullmatch(effect.path):
            yield replace(made, fault="SIGKILL", nth=effect.nth_on_path, path=effect.path)


def sample(cases: Sequence[Case], count: int, seed: int) -> list[Case]:
    """
    Choose cases evenly over points and faults; the same for the same seed.

    Every failpoint comes once, then every (point, fault) pair, as far as the count allows.
    """
    order = random.Random(seed)
    mixed = sorted(cases)
    order.shuffle(mixed)
    mixed.sort(key=lambda c: c.fault == HUNG)
    chosen: dict[Case, None] = {}
    for same in (
        lambda c: c.point if c.means == "failpoint" else None,
        lambda c: (c.means, c.point, re.sub(r":.*", "", c.fault)),
        lambda c: c,
    ):
        seen = {same(c) for c in chosen}
        for case in mixed:
            if len(chosen) < count and same(case) is not None and same(case) not in seen:
                seen.add(same(case))
                chosen.setdefault(case)
    return list(chosen)
