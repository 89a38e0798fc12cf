"""
A worker on this machine: steps run in a process of their own, which can be killed.

A step that does not end in time is killed for good, and a process that died (out of memory, a
fault of a library) is an error of the step like any other (design 4.10; `failures.md` 5, 10).
The process is forked, not spawned: it has the project as it was read, so that a run ends on the
version it began with. What is heavy (engine, warehouse) is imported and opened in it alone.

Only a process without threads and without an open SQLite file may fork (SQLite, "How To
Corrupt An SQLite Database File", 2.6); the owner gives its files up in `before_fork`.
"""

from __future__ import annotations

import ctypes
import json
import os
import queue
import select
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import Any, NoReturn

from puntual.errors import PuntualError, TransientError
from puntual.local.disk import machine_faults
from puntual.model.flow import DIED, TIMEOUT
from puntual.model.project import Project
from puntual.runner import route, wire
from puntual.runner.flow import Failed
from puntual.runner.step import Answer, InProcess, Order
from puntual.runner.world import World

TICK = 0.125
"""Seconds between two calls of `tick` while a step runs."""

PATIENCE = 60.0
"""Seconds for a worker to close what it holds when all is done; then it is killed."""

SHORT_PATIENCE = 5.0
"""The same after an attempt that failed, within its time: another one waits, or people do."""

_BUG = 70
_PR_SET_PDEATHSIG = 1

Opener = Callable[[], AbstractContextManager[World]]


@dataclass(slots=True, kw_only=True)
class _Process:
    """A forked worker and our ends of its pipes; its life hangs on `orders` being open."""

    pid: int
    orders: int
    answers: int
    unread: bytes = b""


class ForkedWorker:
    """
    A `Worker` whose steps run in a forked process, one after the other.

    The process is made at the first order and after every attempt that failed, so that no
    attempt meets what a failed one left open. Killing this process kills it as well.
    """

    def __init__(
        self,
        project: Project,
        open_world: Opener,
        *,
        before_fork: Callable[[], None],
        tick: Callable[[], None],
    ) -> None:
        self._project = project
        self._open_world = open_world
        self._before_fork = before_fork
        self._tick = tick
        self._process: _Process | None = None
        self.bug_while_closing = False
        """What the process raised when all was done; its traceback has been printed."""

    def do(self, order: Order, *, timeout: int, begun: Callable[[], None]) -> Answer:
        """
        Do a step; see the port.

        Raises:
            Failed: By the class of what was raised; `States.Timeout`, T6001, after the process
                was killed; `Runtime.ExitError`, T6002, when it died.
        """
        until = time.monotonic() + timeout
        process = self._process or self._forked()
        try:
            self._ask(process, order)
            while True:
                message = self._message(process, order, timeout, until)
                if message != wire.BEGUN:
                    return wire.answer_in(message)
                begun()
        except Failed:
            self._end(min(SHORT_PATIENCE, until - time.monotonic()))
            raise
        except BaseException:
            self._kill()
            raise

    def close(self) -> None:
        """Let the process close what it holds and end; kill it if it does not."""
        self._end(PATIENCE)

    def _end(self, patience: float) -> None:
        process = self._process
        if process is None:
            return
        if process.orders != -1:
            os.close(process.orders)
            process.orders = -1
        until = time.monotonic() + patience
        try:
            while time.monotonic() < until:
                if select.select([process.answers], [], [], TICK)[0] and not _read(process.answers):
                    break
                self._tick()
        finally:
            self.bug_while_closing |= self._kill() == _BUG

    def _ask(self, process: _Process, order: Order) -> None:
        try:
            _write(process.orders, wire.line(wire.order_out(order)))
        except BrokenPipeError:
            raise self._died(order) from None

    def _message(
        self, process: _Process, order: Order, timeout: int, until: float
    ) -> dict[str, Any]:
        while b"\n" not in process.unread:
            left = until - time.monotonic()
            if select.select([process.answers], [], [], max(0.0, min(left, TICK)))[0]:
                data = _read(process.answers)
                if not data:
                    raise self._died(order)
                process.unread += data
            elif left <= 0:  # and not before the pipe was looked at: it may be us who slept
                raise self._late(order, timeout)
            self._tick()
        first, _, process.unread = process.unread.partition(b"\n")
        message: dict[str, Any] = json.loads(first)
        return message

    def _late(self, order: Order, timeout: int) -> Failed:
        self._kill()
        fault = TransientError(
            "T6001",
            f"{order.step} did not end in time and was killed",
            where=f"{order.step}, reference date {order.reference_date}",
            expected=f"an end within {timeout} s",
            observed="it still ran",
            next_step="Look at what it waits for; `run:` in puntual.yaml gives it more time.",
        )
        return Failed(TIMEOUT, f"{fault.code} {fault.message}", fault=fault)

    def _died(self, order: Order) -> Failed:
        status = self._kill()
        fault = TransientError(
            "T6002",
            f"the process that did {order.step} died",
            where=f"{order.step}, reference date {order.reference_date}",
            expected="an answer",
            observed=_ending(status),
            next_step="If it was killed (signal 9), look for `Out of memory` in the kernel's "
            "log and give it more memory; then run again.",
        )
        return Failed(DIED, f"{fault.code} {fault.message}: {fault.observed}", fault=fault)

    def _kill(self) -> int:
        """Kill the process and everything it started, and return how it ended."""
        process, self._process = self._process, None
        if process is None:
            return 0
        with suppress(ProcessLookupError, PermissionError):  # it is dead already
            os.killpg(process.pid, signal.SIGKILL)
        _, status = os.waitpid(process.pid, 0)
        for end in (process.orders, process.answers):
            if end != -1:
                os.close(end)
        return os.waitstatus_to_exitcode(status)

    def _forked(self) -> _Process:
        self._before_fork()
        if threading.active_count() != 1:
            raise RuntimeError("a process with threads must not fork")
        sys.stdout.flush()
        sys.stderr.flush()
        orders, answers = os.pipe(), os.pipe()
        parent = os.getpid()
        with _uninterrupted():
            try:
                pid = os.fork()
            except OSError as error:
                for end in (*orders, *answers):
                    os.close(end)
                raise _no_process(error) from error
            if pid == 0:
                os.close(orders[1])
                os.close(answers[0])
                _live(self._project, self._open_world, orders[0], answers[1], parent)
            self._process = _Process(pid=pid, orders=orders[1], answers=answers[0])
            # Both sides set the group: whoever comes first, it is set before a signal is sent.
            with suppress(ProcessLookupError, PermissionError):
                os.setpgid(pid, pid)
            os.close(orders[0])
            os.close(answers[1])
        return self._process


def _no_process(error: OSError) -> Failed:
    fault = TransientError(
        "T6002",
        "no process could be made for the steps",
        expected="a process, and memory for it",
        observed=error.strerror or type(error).__name__,
        next_step="Free memory, or allow more processes (`ulimit -u`); then run again.",
    )
    return Failed(DIED, f"{fault.code} {fault.message}: {fault.observed}", fault=fault)


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Put Ctrl-C off: it must not raise in a copy of this process, nor before it is known."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def _ending(exit_code: int) -> str:
    """Return how a process ended, in words."""
    if exit_code < 0:
        return f"killed by signal {-exit_code} ({signal.Signals(-exit_code).name})"
    return f"exit code {exit_code}"


def _live(project: Project, open_world: Opener, orders: int, answers: int, parent: int) -> NoReturn:
    """Do orders until there are no more; never returns into the copy of the owner's stack."""
    code = 1
    try:
        os.setpgid(0, 0)
        # The owner alone decides what Ctrl-C means; it kills this process.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        _die_with(parent)
        with machine_faults("what the steps had open"):
            _serve(project, open_world, _Orders(orders), answers)
        code = 0
    except PuntualError as fault:  # an answer that could not be sent, or closing: no step's
        sys.stderr.write(f"puntual: after a step: {fault.code} {fault.message}\n")
    except BaseException:
        traceback.print_exc()
        code = _BUG
        raise
    finally:
        os._exit(code)


def _serve(project: Project, open_world: Opener, orders: _Orders, answers: int) -> None:
    with ExitStack() as stack:
        hands: list[InProcess] = []
        while (order := orders.next()) is not None:
            try:
                with route.attempt(), machine_faults(order.step):
                    if not hands:
                        world = stack.enter_context(open_world())
                        # What a worker that died has left; nobody else works while we do.
                        world.objects.sweep()
                        hands.append(InProcess(project, world, machine_faults))
                    answer = hands[0].do(
                        order, timeout=0, begun=lambda: _write(answers, wire.line(wire.BEGUN))
                    )
                message = wire.answer_out(answer)
            except Failed as failed:
                message = wire.failed_out(failed)
            orders.answered()
            with machine_faults(f"the pipe with the answer of {order.step}"):
                _write(answers, wire.line(message))


class _Orders:
    """
    The orders that come in; read by a thread, which ends the process when their writer is gone.

    While a step is being done the end of the orders means that the owner died, and what is half
    done must not be committed by a process that nobody watches.
    """

    def __init__(self, orders: int) -> None:
        self._orders = orders
        self._owed = False
        self._lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        threading.Thread(target=self._read_all, daemon=True).start()

    def next(self) -> Order | None:
        """Return the next order; None when there are no more."""
        line = self._lines.get()
        return wire.order_in(json.loads(line)) if line else None

    def answered(self) -> None:
        """Say that the order is done; called before its answer is sent, so that none can follow."""
        self._owed = False

    def _read_all(self) -> None:
        unread = b""
        while data := _read(self._orders):
            *lines, unread = (unread + data).split(b"\n")
            for line in lines:
                self._owed = True
                self._lines.put(line)
        if self._owed:
            os._exit(1)
        self._lines.put(b"")


def _die_with(parent: int) -> None:
    """Have the kernel kill this process with its owner, where it can (prctl(2), Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def _read(end: int) -> bytes:
    return os.read(end, 65536)


def _write(end: int, data: bytes) -> None:
    while data:
        data = data[os.write(end, data) :]
