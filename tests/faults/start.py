"""
How a command is started and ended: by a fresh interpreter, or by the fork of a warm one.

A warm one has imported what a run imports, and nothing else: no project was read, no file
opened. Importing is two thirds of what a small run costs, and no effect of ours; without it a
campaign hits twice as many points in the same time.
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from support import warm

LONGEST = 150.0
"""Seconds after which a command that hangs is killed by hand, and the case is wrong."""

_PROGRAM = 3
"""Words of a command line before the program's own arguments: python -m puntual.cli.main."""


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended; a negative code is the signal that killed it."""

    code: int
    text: str
    seconds: float
    by_hand: bool = False

    @property
    def hung(self) -> bool:
        """
        It went on until it was killed by hand.

        One that ended by itself did not hang, though its time was up: who waited was stopped.
        """
        return self.by_hand and self.code == -signal.SIGKILL


class Starter(Protocol):
    """Runs a command of the program to its end."""

    def run(self, command: Sequence[str], env: dict[str, str], trace: Sequence[str] = ()) -> Ran:
        """
        Run a command, under `strace` with these options if there are any.

        Args:
            command: python -m puntual.cli.main and its arguments.
            env: Its whole environment.
            trace: Options of strace, without its name and without a command.
        """

    def close(self) -> None:
        """End what waits for commands."""


class Fresh:
    """Starts a new interpreter for each command."""

    def run(self, command: Sequence[str], env: dict[str, str], trace: Sequence[str] = ()) -> Ran:
        """Run a command; see `Starter`."""
        began = time.monotonic()
        process = subprocess.Popen(
            [*(("strace", *trace) if trace else ()), *command],
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        with _in_time(process.pid) as killed:
            text, _ = process.communicate()
        return Ran(process.returncode, text, time.monotonic() - began, killed.is_set())

    def close(self) -> None:
        """Nothing waits."""


class Warm:
    """Forks a process that has imported the program, for any number of commands at once."""

    def __init__(self, env: dict[str, str], folder: Path) -> None:
        path = f"{env['PYTHONPATH']}{os.pathsep}{warm.TESTS}"
        self._forking = warm.Forking(env | {"PYTHONPATH": path})
        self._folder = folder

    def run(self, command: Sequence[str], env: dict[str, str], trace: Sequence[str] = ()) -> Ran:
        """Run a command; see `Starter`."""
        began = time.monotonic()
        with tempfile.TemporaryFile(dir=self._folder) as said:
            streams = (said.fileno(), said.fileno())
            started = self._forking.start(command[_PROGRAM:], env, streams, held=True)
            tracer = _attached(started.pid, trace) if trace else None
            with _in_time(started.pid) as killed:
                started.go()
                code = started.ended(2 * LONGEST)
            if tracer is not None:
                tracer.wait()
            said.seek(0)
            text = said.read().decode("utf-8", "replace")
        return Ran(code, text, time.monotonic() - began, killed.is_set())

    def close(self) -> None:
        """End the process."""
        self._forking.close()


def _attached(pid: int, trace: Sequence[str]) -> subprocess.Popen[bytes]:
    """Attach strace to a process that waits for its word, and see that it is attached."""
    # A filter in the kernel can only be given to a process that strace starts itself.
    options = [option for option in trace if option != "--seccomp-bpf"]
    tracer = subprocess.Popen(
        ["strace", *options, "-p", str(pid)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while tracer.poll() is None:
        status = Path(f"/proc/{pid}/status").read_text()
        if f"TracerPid:\t{tracer.pid}\n" in status:
            return tracer
        time.sleep(0.002)
    raise AssertionError(f"strace could not attach: exit {tracer.returncode}")


@contextmanager
def _in_time(group: int) -> Iterator[threading.Event]:
    """Kill a process group after `LONGEST`; the event tells that it was."""
    killed = threading.Event()

    def kill() -> None:
        killed.set()
        with suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)

    timer = threading.Timer(LONGEST, kill)
    timer.start()
    try:
        yield killed
    finally:
        timer.cancel()
