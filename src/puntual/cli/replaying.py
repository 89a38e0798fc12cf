"""Processes that replay days side by side, each given its next day when it has done one."""

from __future__ import annotations

import json
import selectors
import subprocess
import sys
from collections import deque
from collections.abc import Generator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date

from puntual.cli.replayer import Assignment, Outcome
from puntual.errors import PermanentError
from puntual.evidence.facts import from_json, to_json

_BUG = 1
"""What Python exits with after an exception that nobody caught; its traceback was printed."""


class ReplayerBug(Exception):  # noqa: N818 - a bug has a name of its own, it is no kind of ours
    """A process that replayed ended with an exception that nobody expected."""


@dataclass(slots=True)
class _Worker:
    process: subprocess.Popen[str]
    day: date | None = None


def replayed(
    assignments: Sequence[Assignment], days: Sequence[date], lock: int
) -> Generator[Outcome, None, None]:
    """
    Replay days side by side and yield what became of each, as they end.

    Args:
        assignments: One for each process.
        days: In ascending order.
        lock: Descriptor of the trial folder's lock, which the processes inherit.

    Raises:
        PermanentError: T7001 a process died.
        ReplayerBug: One met a bug.
    """
    left = deque(days)
    workers: list[_Worker] = []
    try:
        with selectors.DefaultSelector() as ready:
            for assignment in assignments[: len(left)]:
                worker = _Worker(_started(assignment, lock))
                workers.append(worker)
                ready.register(worker.process.stdout or 0, selectors.EVENT_READ, worker)
                _hand(worker, left)
            while any(w.day for w in workers):
                for key, _ in ready.select():
                    yield _answer(key.data)
                    _hand(key.data, left)
                    if key.data.day is None:
                        ready.unregister(key.fileobj)
    finally:
        for worker in workers:
            _end(worker.process)


def _started(assignment: Assignment, lock: int) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "puntual.cli.replayer"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
        pass_fds=(lock,),
    )
    _write(process, json.dumps(to_json(assignment)))
    return process


def _hand(worker: _Worker, left: deque[date]) -> None:
    worker.day = left.popleft() if left else None
    if worker.day is not None:
        _write(worker.process, worker.day.isoformat())


def _write(process: subprocess.Popen[str], line: str) -> None:
    # one that has died is noticed where its answer is read
    with suppress(BrokenPipeError):
        assert process.stdin is not None  # noqa: S101 - opened above
        process.stdin.write(f"{line}\n")
        process.stdin.flush()


def _answer(worker: _Worker) -> Outcome:
    assert worker.process.stdout is not None  # noqa: S101 - opened above
    line = worker.process.stdout.readline()
    if line:
        return from_json(Outcome, json.loads(line))
    code = worker.process.wait()
    if code == _BUG:
        raise ReplayerBug(f"replaying {worker.day}; its traceback is above")
    raise PermanentError(
        "T7001",
        f"the process that replayed {worker.day} died",
        where=f"reference date {worker.day}",
        expected="an answer",
        observed=f"it ended with {code}",
        next_step="If the machine had no memory left, replay with fewer processes: --jobs 1.",
    )


def _end(process: subprocess.Popen[str]) -> None:
    """Let a process end by itself when it is idle, else kill it: it holds nothing of worth."""
    if process.stdin is not None:
        with suppress(BrokenPipeError):
            process.stdin.close()
    try:
        process.wait(timeout=2)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()
