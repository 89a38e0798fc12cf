"""Which process this is, and whether another still runs."""

from __future__ import annotations

import os
import platform
import resource
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """
    A process that cannot be mistaken for another.

    Attributes:
        host: The machine's name.
        boot: The kernel's boot id; "" where it tells none.
        pid: The process.
        started: When it started, in the kernel's ticks since boot; "" where it tells none. A
            number that is used again after a process died has another start.
        since: When it took the lease; "" before.
    """

    host: str
    boot: str
    pid: int
    started: str
    since: str = ""


def bound_memory(most: int) -> None:
    """
    Bound the memory that this process may take, in bytes, from here on (`failures.md` h5).

    An engine's own limit says nothing of one text of two gigabytes.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if hard == resource.RLIM_INFINITY or most < hard:
        resource.setrlimit(resource.RLIMIT_DATA, (most, hard))


def may_live(other: Holder, me: Holder) -> bool:
    """
    Tell whether a recorded holder may still run; asked while its lock is ours.

    Another machine cannot be looked into. The same kernel (its boot id) has given its lock
    back already, whatever name it had; the same machine after a restart runs nothing of before.
    """
    if other.boot and other.boot == me.boot:
        return other.host == me.host and _runs(other)
    if other.host != me.host:
        return True
    return not other.boot and _runs(other)


def _runs(other: Holder) -> bool:
    try:
        os.kill(other.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return not other.started or _started(other.pid) == other.started


def myself() -> Holder:
    """Return this process, as a holder that has no lease yet."""
    return Holder(
        host=platform.node(),
        boot=_first_line("/proc/sys/kernel/random/boot_id"),
        pid=os.getpid(),
        started=_started(os.getpid()),
    )


def _started(pid: int) -> str:
    """Return field 22 of /proc/PID/stat (proc(5)); "" where there is none, or it is a zombie."""
    fields = _first_line(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return "" if len(fields) < 20 or fields[0] in {"Z", "X"} else fields[19]


def _first_line(path: str) -> str:
    try:
        return Path(path).read_text().split("\n", 1)[0]
    except OSError:
        return ""
