"""Run a command and measure it: seconds, and the peak resident memory of its process tree."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

INTERVAL = 0.05
PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """
    What one command took.

    Attributes:
        seconds: On the wall.
        cpu: Seconds of processor, all threads and all children that ended together: what is
            left to compare when the machine is shared.
        peak: Largest resident memory of the process tree, in bytes.
        exit: Exit code.
        output: Standard output and error, as they came.
    """

    seconds: float
    cpu: float
    peak: int
    exit: int
    output: str


def measure(
    command: Sequence[str],
    *,
    folder: Path,
    environment: Mapping[str, str] | None = None,
    stdin: Path | None = None,
) -> Usage:
    """
    Run a command to its end and return what it took.

    The kernel's own high-water mark of the largest process (`wait4`) is exact but forgets that
    a JVM and its Python driver stand beside each other; so the tree is sampled as well, every
    50 ms where there is a `/proc`, and the larger of the two is the answer.
    """
    with (
        open(stdin or os.devnull, "rb") as given,
        subprocess.Popen(
            list(command),
            cwd=folder,
            env={**_inherited(), **(environment or {})},
            stdin=given,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        ) as child,
    ):
        started = time.perf_counter()
        peaks: list[int] = [0]
        ended = threading.Event()
        sampler = threading.Thread(target=_sample, args=(child.pid, peaks, ended), daemon=True)
        sampler.start()
        assert child.stdout is not None
        output = child.stdout.read().decode("utf-8", "replace")
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - started
        child.returncode = os.waitstatus_to_exitcode(status)
        ended.set()
        sampler.join()
    largest = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return Usage(
        seconds=seconds,
        cpu=usage.ru_utime + usage.ru_stime,
        peak=max(peaks[0], largest),
        exit=child.returncode,
        output=output,
    )


def _inherited() -> dict[str, str]:
    """Return the environment as a user has it: with bytecode, as an installation brings it."""
    return {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}


def _sample(root: int, peaks: list[int], ended: threading.Event) -> None:
    """Keep the largest sum of resident memory that the tree ever had."""
    while not ended.wait(INTERVAL):
        peaks[0] = max(peaks[0], sum(_resident(pid) for pid in _tree(root)))


def _tree(root: int) -> list[int]:
    """Return a process and all its descendants."""
    found = [root]
    for pid in found:
        try:
            for task in os.listdir(f"/proc/{pid}/task"):
                text = Path(f"/proc/{pid}/task/{task}/children").read_text(encoding="ascii")
                found.extend(int(child) for child in text.split())
        except OSError:
            continue
    return found


def _resident(pid: int) -> int:
    """Return a process's resident bytes; 0 when it has gone or there is no `/proc`."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * PAGE
    except (OSError, IndexError):
        return 0
