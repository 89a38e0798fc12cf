"""Faults of the machine, by name: what is armed in a run, and what happens between two runs."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from puntual.errors import PermanentError, TransientError
from sim.disk import Loss
from sim.machine import End, Process, Trigger
from sim.place import Place

PORTS = ("pointers.", "journal.", "catalog.", "engine.", "warehouse.", "stream.", "drop.")
_BUSY = {
    "pointers.": "T2002",
    "journal.": "T2002",
    "notices.": "T2002",
    "catalog.": "T2002",
    "warehouse.": "T4003",
    "stream.": "S1102",
    "database.": "S1201",
}
FOREVER = 1 << 30


@dataclass(slots=True)
class Armed:
    """
    What a run has to expect.

    Attributes:
        loss: What a crash drops.
        outcomes: How the run may end because of its faults, besides the right way.
        after: What is undone when the run has ended, such as a full disk.
    """

    loss: Loss = Loss.NOTHING
    outcomes: set[str] = field(default_factory=set)
    after: list[Callable[[], None]] = field(default_factory=list)


@dataclass(slots=True)
class Arming:
    """Arms faults in one process, at effects that the seed chooses."""

    place: Place
    process: Process
    armed: Armed
    effects: int

    def at(
        self,
        name: str,
        act: Callable[[], None],
        *on: str,
        times: int = 1,
        of: int = 0,
        outcomes: tuple[str, ...] = (),
        working: bool = False,
    ) -> None:
        """Let `act` happen at one of the effects named, or after each of them was passed."""
        skip = self.place.machine.rng.randrange(of or self.effects)
        self.process.armed.append(Trigger(name, on, skip, act, times, working=working))
        self.armed.outcomes |= set(outcomes)

    def kill(self, name: str, loss: Loss) -> None:
        """Kill the process anywhere."""
        self.armed.loss = loss
        self.at(name, lambda: self.place.machine.end(End.KILLED), outcomes=("killed",))

    def disk(self, name: str, number: int, *on: str, times: int) -> None:
        """Let the disk refuse."""

        def refuse() -> None:
            raise OSError(number, os.strerror(number))

        of = self.effects // (1 if not on or len(on) > 1 else 6)
        self.at(name, refuse, *on, times=times, of=of or 1, outcomes=("failed", "refused"))

    def busy(self, name: str, times: int, *, spent: bool) -> None:
        """Let a port not answer for a while."""
        port = self.place.machine.rng.choice(sorted(_BUSY))

        def refuse() -> None:
            raise TransientError(_BUSY[port], f"no answer of {port}")

        # Before the first step and after the last nothing is retried; the next run goes on.
        written = port in {"journal.", "notices.", "pointers."}
        outcomes = {"failed", "refused"} if spent or written else {"refused"}
        if spent and port in {"stream.", "database."}:
            outcomes.add("held")  # the day of a source that gives no answer is sealed without it
        self.at(name, refuse, port, times=times, of=4, outcomes=tuple(outcomes))

    def raised(self, name: str, error: Callable[[], Exception], outcome: str) -> None:
        """Let a port raise."""
        port = self.place.machine.rng.choice(PORTS)

        def refuse() -> None:
            raise error()

        self.at(name, refuse, port, of=4, outcomes=(outcome, "refused"))

    def lost(self, name: str, on: str, code: str) -> None:
        """Let a question, or its answer, get lost once."""

        def refuse() -> None:
            raise TransientError(code, "the connection was lost")

        # `landing` asks the pointers as well, and a step may be retried once only.
        self.at(name, refuse, on, of=14)

    def clock(self, name: str, hours: float) -> None:
        """Let the wall clock jump, and come right again after the run."""
        clock = self.place.machine.clock

        def jump() -> None:
            clock.error += timedelta(hours=hours)

        def right() -> None:
            clock.error = timedelta(0)

        self.at(name, jump)
        self.armed.after.append(right)

    def sleeps(self, name: str, seconds: float, times: int = 1) -> None:
        """Let an effect take long."""
        sleep = self.place.machine.clock.sleep
        self.at(name, lambda: sleep(seconds), times=times, working=True)

    def down(self, name: str) -> None:
        """Let the warehouse not answer for the whole run."""

        def stop() -> None:
            self.place.server.down = True

        def start() -> None:
            self.place.server.down = False

        self.at(name, stop, "warehouse.", of=6, outcomes=("failed",))
        self.armed.after.append(start)


_DISK = ("create", "open", "write", "mkdir", "rename", "link", "unlink", "rmdir", "fsync")
_WRITES = ("create", "write", "mkdir", "rename", "link", "fsync", "engine.write")

IN_A_RUN: dict[str, Callable[[Arming], None]] = {
    "process killed": lambda a: a.kill("process killed", Loss.NOTHING),
    "power loss, unsynced bytes": lambda a: a.kill("power loss, unsynced bytes", Loss.BYTES),
    "power loss, unsynced names": lambda a: a.kill("power loss, unsynced names", Loss.NAMES),
    "power loss, torn": lambda a: a.kill("power loss, torn", Loss.SOME),
    "worker died": lambda a: a.at(
        "worker died", lambda: a.place.machine.end(End.DIED), working=True
    ),
    "step timeout": lambda a: a.sleeps("hung step", 400),
    "slow step": lambda a: a.sleeps("slow step", 20, times=3),
    "transient error": lambda a: a.busy("transient error", 1, spent=False),
    "retry storm": lambda a: a.busy("retry storm", 40, spent=True),
    "permanent error": lambda a: a.raised(
        "permanent error", lambda: PermanentError("T1003", "it broke"), "failed"
    ),
    "unknown bug": lambda a: a.raised("unknown bug", lambda: KeyError("nobody expected"), "bug"),
    "disk full": lambda a: a.disk("disk full", errno.ENOSPC, *_WRITES, times=FOREVER),
    "disk full once": lambda a: a.disk("disk full once", errno.ENOSPC, *_WRITES, times=1),
    "input/output error": lambda a: a.disk("input/output error", errno.EIO, *_DISK, times=1),
    "fsync error": lambda a: a.disk("fsync error", errno.EIO, "fsync", times=1),
    "read-only disk": lambda a: a.disk("read-only disk", errno.EROFS, *_WRITES, times=FOREVER),
    "switch not done": lambda a: a.lost("switch not done", "pointers.switch", "T2002"),
    "switch answer lost": lambda a: a.lost(
        "switch answer lost", "answer of pointers.switch", "T2002"
    ),
    "load not done": lambda a: a.lost("load not done", "warehouse.load", "T4003"),
    "load answer lost": lambda a: a.lost("load answer lost", "answer of warehouse.load", "T4003"),
    "warehouse down": lambda a: a.down("warehouse down"),
    "clock forward": lambda a: a.clock("clock forward", a.place.machine.rng.uniform(0.1, 30)),
    "clock back": lambda a: a.clock("clock back", -a.place.machine.rng.uniform(0.01, 3)),
}
"""Kind of fault → how it is armed in a process."""


def state_deleted(place: Place) -> bool:
    """Remove the state file; it is made again from the commit log."""
    return _gone(place.state)


def catalog_deleted(place: Place) -> bool:
    """Remove the catalog."""
    return _gone(place.state.with_name("catalog.db"))


def warehouse_lost(place: Place) -> bool:
    """Lose every loaded day."""
    had = bool(place.server.log)
    place.server.lose()
    return had


def new_code(place: Place) -> bool:
    """Let the next run be of another version of the program."""
    place.code = f"{place.machine.rng.getrandbits(256):064x}"
    return True


def bit_rot(place: Place, armed: Armed) -> bool:
    """Flip one bit of a stored object; a copy is put back later, as an operator would do."""
    files = sorted(p for p in (place.root / "lake").rglob("*") if p.is_file())
    files = [p for p in files if p.stat().st_size and ".tmp" not in p.parts]
    if not files:
        return False
    path = place.machine.rng.choice(files)
    data = path.read_bytes()
    at = place.machine.rng.randrange(len(data))
    bit = 1 << place.machine.rng.randrange(8)
    path.write_bytes(data[:at] + bytes([data[at] ^ bit]) + data[at + 1 :])
    armed.after.append(lambda: _restore(path, data))
    armed.outcomes |= {"failed", "refused"}
    return True


def truncated(place: Place, armed: Armed) -> bool:
    """Cut a stored object off."""
    files = sorted(p for p in (place.root / "lake").rglob("*") if p.is_file())
    files = [p for p in files if p.stat().st_size > 1 and ".tmp" not in p.parts]
    if not files:
        return False
    path = place.machine.rng.choice(files)
    data = path.read_bytes()
    path.write_bytes(data[: place.machine.rng.randrange(len(data))])
    armed.after.append(lambda: _restore(path, data))
    armed.outcomes |= {"failed", "refused"}
    return True


def _restore(path: Path, data: bytes) -> None:
    if path.is_file():
        path.write_bytes(data)


def _gone(path: Path) -> bool:
    found = path.exists()
    for name in (path.name, f"{path.name}-wal", f"{path.name}-shm"):
        path.with_name(name).unlink(missing_ok=True)
    return found


BETWEEN: dict[str, Callable[[Place, Armed], bool]] = {
    "state file deleted": lambda place, armed: state_deleted(place),
    "catalog deleted": lambda place, armed: catalog_deleted(place),
    "warehouse lost": lambda place, armed: warehouse_lost(place),
    "new version of the program": lambda place, armed: new_code(place),
    "bit rot": bit_rot,
    "object truncated": truncated,
}
"""Kind of fault → what happens before a run; says whether it did."""
