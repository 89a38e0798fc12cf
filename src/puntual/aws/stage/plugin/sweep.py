"""
End every process of a stage, whatever happened to the one that started it.

Each carries the stage's folder in its environment, whoever its parent is now; PostgreSQL is
known by its data folder. Nothing else is touched.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import psutil

FIRST_SECONDS = 15.0
"""What the stage itself is given to write its state and to stop PostgreSQL."""
GRACE_SECONDS = 5.0
POLL_SECONDS = 0.02


def left(folder: Path) -> list[psutil.Process]:
    """Return the stage's processes that run, without this one."""
    data = str(folder / "postgresql")
    found = []
    for process in psutil.process_iter():
        if process.pid == os.getpid():
            continue
        try:
            ours = process.environ().get("STAGE_FOLDER") == str(folder)
            server = _is_server(process) and data in process.cmdline()
        except (psutil.Error, OSError):
            continue
        if ours or server:
            found.append(process)
    return found


def ended(processes: list[psutil.Process], *, politely: bool) -> list[psutil.Process]:
    """
    End processes and return those that did not.

    PostgreSQL is never killed outright: it would leave its shared memory behind.
    """
    for process in processes:
        if _is_server(process):
            _told(process, signal.SIGINT if politely else signal.SIGQUIT)
        else:
            _told(process, signal.SIGTERM if politely else signal.SIGKILL)
    alive = _waited(processes, GRACE_SECONDS)
    for process in alive:
        _told(process, signal.SIGKILL)
    return _waited(alive, GRACE_SECONDS)


def main(words: list[str]) -> int:
    """
    `FOLDER list` names what runs; `FOLDER now` ends it; `FOLDER politely PID` lets the first end.

    Prints the ids of what was found, and of what still runs.
    """
    folder, how = Path(words[0]), words[1]
    found = left(folder)
    still = found
    if how == "politely":
        first = [process for process in found if process.pid in map(int, words[2:])]
        for process in first:
            _told(process, signal.SIGTERM)
        _waited(first, FIRST_SECONDS)
        still = ended(left(folder), politely=True)
    elif how == "now":
        still = ended(found, politely=False)
    sys.stdout.write(json.dumps({"found": _ids(found), "left": _ids(still)}))
    return 0


def _waited(processes: list[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Wait for their ends; return those that run still. One that nobody buried has ended."""
    until = time.monotonic() + seconds
    alive = [each for each in processes if not _gone(each)]
    while alive and time.monotonic() < until:
        time.sleep(POLL_SECONDS)
        alive = [each for each in alive if not _gone(each)]
    return alive


def _gone(process: psutil.Process) -> bool:
    try:
        return bool(not process.is_running() or process.status() == psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return True


def _is_server(process: psutil.Process) -> bool:
    try:
        return bool(process.name().startswith("postgres"))
    except psutil.Error:
        return False


def _told(process: psutil.Process, what: signal.Signals) -> None:
    try:
        process.send_signal(what)
    except psutil.NoSuchProcess:
        return


def _ids(processes: Iterable[psutil.Process]) -> list[int]:
    return sorted(process.pid for process in processes)
