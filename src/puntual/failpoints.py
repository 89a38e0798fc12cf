"""
Named points at which a test makes a fault happen: killed, raised, asleep, corrupted.

Off unless the environment asks for it, and then said on standard error:

    PUNTUAL_FAILPOINTS="objects.renamed=kill pointers.switched=raise:TransientError@2"

`kill` ends the whole run as `kill -9` does, `die` this process alone; `raise:NAME` raises a
known fault or any built-in exception (a bug); `sleep:SECONDS` hangs; `corrupt` flips a bit of
what passes `corrupted`. With `@N` only the N-th time. `PUNTUAL_FAILPOINTS_LOG` names a file to
which every point that is passed writes its name, so that N counts over all processes of a run
and a campaign knows what it exercised. Method: `failures.md` 8, the N-th operation fails.

The state is the process's own because the fault is: a point is passed deep inside an effect,
where nothing can be handed to it.
"""

from __future__ import annotations

import builtins
import os
import re
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from puntual import errors
from puntual.errors import ProjectError, PuntualError

POINTS: dict[str, str] = {
    "file.bytes": "Bytes on their way into a file; none is written yet.",
    "file.written": "Bytes are in the page cache, not on the disk; a kill leaves a temporary file.",
    "file.synced": "A file is durable under its temporary name; a kill leaves it as litter.",
    "file.named": "A small file has its name as well; a kill leaves the temporary one as litter.",
    "objects.named": "An object has its name, which may not be durable yet; nothing names it.",
    "objects.placed": "An object and its name are durable; no manifest names it yet.",
    "objects.scratch": "An attempt has its empty scratch folder; the next start removes it.",
    "objects.swept": "What dead attempts left is removed; nothing has run yet.",
    "commits.named": "A switch's record has its name, which may not be durable yet.",
    "commits.placed": "A switch's record is durable; the state file does not have it yet.",
    "pointers.reached": "A switch is about to begin; the version before stays visible.",
    "pointers.written": "Pointers are changed inside a transaction; the record stands.",
    "pointers.switched": "The switch is durable and its answer is lost; the step is committed.",
    "lease.granted": "The lease's row says that this run holds it; its holder is dead.",
    "lease.released": "The lease is given back; the run has ended but for its answer.",
    "journal.recorded": "A step's outcome is written down; the next step has not begun.",
    "journal.saved": "A delivery's state is written down.",
    "catalog.published": "The catalog's row points at a dataset's day; its views are old.",
    "catalog.shown": "New views lie under a temporary name; readers have the old ones.",
    "catalog.refreshed": "Readers have the new views; the catalog does not know it yet.",
    "stream.appended": "Records are in an open transaction of the stream; none is put.",
    "stream.put": "Records are durable and the producer has no answer; it sends them again.",
    "landing.pinned": "A file of the drop is copied to scratch; the source still has it.",
    "landing.kept": "A file is a raw object; no manifest names it yet.",
    "landing.extracted": "A query's rows are in a scratch file; the snapshot is gone.",
    "landing.read": "Pages of a stream lie on scratch; the position has not moved.",
    "landing.stored": "Records of a stream are raw objects; the position has not moved.",
    "landing.published": "Position and days of a stream are switched; the day is not sealed.",
    "landing.judged": "A stream's day agrees with its control record; the seal is not written.",
    "landing.sealed": "A stream's day is sealed; its land manifest is not committed.",
    "curate.written": "Curated rows lie on scratch, not stored.",
    "build.written": "A model's rows lie on scratch, not stored.",
    "warehouse.made": "An empty warehouse lies under a temporary name; there is none yet.",
    "warehouse.begun": "A load's transaction is open; the day before it is untouched.",
    "warehouse.inserted": "The day's rows are replaced inside the transaction.",
    "warehouse.logged": "The load is in the log inside the transaction; nothing is committed.",
    "warehouse.committed": "The load is durable; its manifest is not committed.",
    "report.laid_out": "The report's bytes are in memory, not stored.",
    "report.stored": "The report's bytes are an object; no manifest names it yet.",
    "package.built": "The evidence package is in memory, not stored.",
    "package.stored": "The package's files are objects; no manifest names them yet.",
    "deliver.written": "A file is durable in the destination under a temporary name.",
    "deliver.named": "A file has its name in the destination, which may not be durable yet.",
    "deliver.placed": "A file and its name are durable in the destination.",
    "deliver.aside": "What an attempt before left of the package has another name.",
    "deliver.received": "A destination has all its files; the delivery is not committed.",
    "ledger.named": "A batch of entries has its name, which may not be durable yet.",
    "ledger.placed": "A batch of entries is durable; its tree is not signed.",
    "ledger.signed": "A checkpoint is signed in memory; nobody has seen it.",
    "ledger.stored": "A checkpoint is durable; it is not kept apart and nobody was shown it.",
    "ledger.kept": "A checkpoint is kept apart too; what follows may show it.",
    "step.begun": "A step is about to be carried out.",
    "step.carried": "A step's work is done; its manifest is not stored.",
    "step.stored": "A step's manifest is stored; the pointer is not switched.",
    "step.committed": "A step is committed; what follows a commit is not done.",
    "step.followed": "What follows a commit is done; the journal does not know the step.",
}
"""Every point, where it lies, and what a kill there means."""

_ENTRY = re.compile(
    r"(?P<name>[a-z_.]+)=(?P<act>kill|die|corrupt|raise:(?P<error>\w+)|sleep:(?P<time>\d+(\.\d+)?))"
    r"(@(?P<nth>[1-9]\d*))?"
)
_LOCK = threading.Lock()


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens at a point; `nth` 0: every time."""

    act: str
    error: str
    seconds: float
    nth: int


@dataclass(slots=True)
class _State:
    """What is asked for; `root` is the process that runs the command."""

    faults: dict[str, Fault] = field(default_factory=dict)
    log: str = ""
    root: int = 0
    passed: Counter[str] = field(default_factory=Counter)


_STATE = _State()
_ARMED = False


def arm(environment: Mapping[str, str]) -> None:
    """
    Take what an environment asks for; this process runs the command.

    Done once, on import; a process that was forked to run a command does it again.

    Raises:
        ProjectError: C1091 it asks for what is not there.
    """
    global _STATE, _ARMED
    faults = parse(environment.get("PUNTUAL_FAILPOINTS", ""))
    _STATE = _State(faults, environment.get("PUNTUAL_FAILPOINTS_LOG", ""), os.getpid())
    _ARMED = bool(faults or _STATE.log)
    if faults:
        sys.stderr.write(f"puntual: faults are injected: {', '.join(sorted(faults))}\n")


def failpoint(name: str) -> None:
    """
    Pass a point: nothing, unless the environment wants a fault here.

    Raises:
        PuntualError: T9001 one of the known faults, or any exception that was asked for.
    """
    if _ARMED:
        _pass(name)


def corrupted(name: str, data: bytes) -> bytes:
    """Return bytes as they are, or with one bit flipped where that was asked for."""
    if not (_ARMED and _pass(name)):
        return data
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :] if data else b"\0"


def parse(text: str) -> dict[str, Fault]:
    """
    Read what the environment asks for: `NAME=ACT[@N]`, separated by spaces.

    Raises:
        ProjectError: C1091 it is not of that form, or names no point.
    """
    faults = {}
    for entry in text.split():
        found = _ENTRY.fullmatch(entry)
        if found is None or found["name"] not in POINTS or not _known(found["error"]):
            raise ProjectError(
                "C1091",
                f"PUNTUAL_FAILPOINTS asks for what is not there: {entry}",
                expected="NAME=kill|die|corrupt|raise:NAME|sleep:SECONDS, perhaps @N",
                observed=entry,
                next_step="unset PUNTUAL_FAILPOINTS; the names stand in puntual/failpoints.py",
            )
        act = found["act"].partition(":")[0]
        seconds, nth = float(found["time"] or 0), int(found["nth"] or 0)
        faults[found["name"]] = Fault(act, found["error"] or "", seconds, nth)
    return faults


def _pass(name: str) -> bool:
    """Count a point and do what is asked for; True where bytes are to be corrupted."""
    with _LOCK:
        passed = _count(name)
    fault = _STATE.faults.get(name)
    if fault is None or fault.nth not in (0, passed):
        return False
    if fault.act == "kill" and os.getpid() != _STATE.root:
        os.kill(_STATE.root, signal.SIGKILL)
    if fault.act in ("kill", "die"):
        os.kill(os.getpid(), signal.SIGKILL)
    if fault.act == "raise":
        raise _raised(fault.error, name)
    time.sleep(fault.seconds)
    return fault.act == "corrupt"


def _count(name: str) -> int:
    """Write a point into the log and return how often it was passed, this time included."""
    _STATE.passed[name] += 1
    if not _STATE.log:
        return _STATE.passed[name]
    with open(_STATE.log, "a+b") as log:
        log.write(f"{name}\n".encode())
        log.flush()
        log.seek(0)
        return log.read().split(b"\n").count(name.encode())


def _known(error: str | None) -> bool:
    return not error or hasattr(errors, error) or hasattr(builtins, error)


def _raised(error: str, name: str) -> BaseException:
    known = getattr(errors, error, None)
    if isinstance(known, type) and issubclass(known, PuntualError):
        return known("T9001", f"a fault was injected at {name}", where=name, observed=error)
    bug: type[BaseException] = getattr(builtins, error)
    return bug(f"injected at {name}")


arm(os.environ)
