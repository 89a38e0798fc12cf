"""Two runs of one day at once: refused by the lease, or fenced at the pointer."""

from __future__ import annotations

from collections.abc import Callable

from puntual.local.pointers import SqliteLeases
from sim.machine import Process, Trigger, Turns
from sim.oracle import Oracle
from sim.place import Place
from sim.sources import Truth
from sim.worker import Went, run_day

ZOMBIE = "zombie writer"
WINDOW: tuple[tuple[str, ...], int] = (("pointers.switch",), 12)
"""Effects at one of which half of the zombies stand still, and about how many a run has of them."""


def race(place: Place, oracle: Oracle, truth: Truth, effects: int, *, share: float) -> None:
    """
    Let two processes run one day.

    Args:
        place: Where.
        oracle: Looks at both.
        truth: The day.
        effects: About how many a run has.
        share: How often the first is a zombie of the second; else both start at once.
    """
    machine = place.machine
    first, second = machine.process(), machine.process()
    zombie = machine.rng.random() < share
    turns = Turns(machine, swap=0.0 if zombie else 0.3)
    went: dict[int, Went] = {}

    def work(process: Process) -> Callable[[], None]:
        def do() -> None:
            went[process.pid] = run_day(place, process, truth.day)

        return do

    if zombie:
        _lose_lease(place, first, turns, effects)
    else:
        machine.fired["two starts at once"] += 1
    turns.run([(first, work(first)), (second, work(second))])
    for process in (first, second):
        ended = went[process.pid]
        oracle.after_run(truth, ended, {"failed", "refused"})
    if not zombie and sum(w.error == "T2003" for w in went.values()) > 1:
        oracle.say("f56", "both of two starts at once were refused")
    place.disk.open.clear()


def _lose_lease(place: Place, process: Process, turns: Turns, effects: int) -> None:
    """At some effect the process stands still; its lease is taken away, and it goes on later."""
    machine = place.machine
    swap = machine.rng.choice((0.0, 0.02, 0.2))

    def stand_still() -> None:
        leases = SqliteLeases(place.state, machine.clock)
        leases.revoke("run")
        leases.close()
        for lock in place.locks.pop(process.pid, ()):
            lock()
        turns.swap = swap
        turns.hand_over(process)

    # Half of them stand still between what they read of a pointer and their switch: the one
    # window that only the epoch guards, and too narrow to be hit often by chance.
    window = machine.rng.random() < 0.5
    where = WINDOW if window else ((), effects)
    trigger = Trigger(ZOMBIE, where[0], machine.rng.randrange(where[1]), stand_still)
    trigger.outside = True
    process.armed.append(trigger)
