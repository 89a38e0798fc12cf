"""One run of a Glue job as a process: its own copy of the script, its arguments, its end."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from puntual.aws.stage.plugin.archives import shared

POLL_SECONDS = 0.05
GRACE_SECONDS = 5.0
"""Between the polite and the other signal, when a run is stopped or out of time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a run ended: a state of Glue's JobRun, and its message."""

    state: str
    message: str = ""


def words(arguments: Mapping[str, object]) -> list[str]:
    """Return a job's arguments as argv: `--NAME value`, in the order given."""
    return [str(word) for pair in arguments.items() for word in pair]


def on_path(archive: Path, cache: Path) -> str:
    """
    Return what of an `--extra-py-files` entry goes on the search path.

    Glue installs a wheel; a zip or a module is taken as it is. A wheel's data files cannot be
    read from inside of it, so it is unpacked.
    """
    if archive.suffix == ".py":
        return str(archive.parent)
    if archive.suffix != ".whl":
        return str(archive)
    return str(shared(archive, cache))


def carried(
    command: list[str],
    environment: Mapping[str, str],
    *,
    output: Path,
    folder: Path,
    seconds: float,
    stopped: Callable[[], bool],
    clock: Callable[[], float] = time.monotonic,
) -> Ended:
    """
    Run a job's process to its end.

    Args:
        command: Interpreter, script and arguments.
        environment: The whole of it.
        output: Where both of its streams go; `.out` and `.err` are added.
        folder: Its working folder.
        seconds: The job's Timeout.
        stopped: Asked again and again: has somebody stopped the run?
        clock: Seconds that only grow.
    """
    out, err = output.with_suffix(".out"), output.with_suffix(".err")
    with out.open("wb") as into, err.open("wb") as wrong:
        process = subprocess.Popen(  # noqa: S603 - the interpreter and script that were given
            command, env=dict(environment), cwd=folder, stdout=into, stderr=wrong, process_group=0
        )
        deadline = clock() + seconds
        while process.poll() is None:
            late = clock() > deadline
            if late or stopped():
                _end(process, clock)
                if late:
                    return Ended(state="TIMEOUT", message="Job run exceeded its timeout")
                return Ended(state="STOPPED")
            time.sleep(POLL_SECONDS)
    if process.returncode == 0:
        return Ended(state="SUCCEEDED")
    return Ended(state="FAILED", message=_last_words(err, process.returncode))


def _end(process: subprocess.Popen[bytes], clock: Callable[[], float]) -> None:
    os.killpg(process.pid, signal.SIGTERM)
    until = clock() + GRACE_SECONDS
    while process.poll() is None and clock() < until:
        time.sleep(POLL_SECONDS)
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    process.wait()


def _last_words(err: Path, code: int) -> str:
    if code < 0:
        return f"Command failed with signal {-code}"
    lines = err.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return (lines[-1] if lines else f"Command failed with exit code {code}")[:2000]
