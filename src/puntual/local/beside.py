"""
Something said beside a command that goes on meanwhile, by a process that never outlives it.

A thread would not do: a run forks its worker, and a process with threads must not fork.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import NoReturn


@contextmanager
def beside(work: Callable[[], None], *, longest: int) -> Iterator[None]:
    """
    Have something done by a forked process while the body runs; it is ended with the body.

    No SQLite file may be open and no lease be held: both would go over to the copy. Where no
    process can be had, or this one has threads, it is not done: nothing may depend on it.

    Args:
        work: What is done; what it raises is a bug, whose traceback is all that comes of it.
        longest: Seconds after which the kernel ends it, also when its owner is dead.
    """
    pid = _forked(work, longest)
    try:
        yield
    finally:
        if pid:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            with suppress(ChildProcessError):
                os.waitpid(pid, 0)


def _forked(work: Callable[[], None], longest: int) -> int:
    if threading.active_count() > 1:
        return 0
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        pid = os.fork()
    except OSError:
        return 0
    if pid == 0:
        _do(work, longest)
    return pid


def _do(work: Callable[[], None], longest: int) -> NoReturn:
    """Do the work and end; never returns into the copy of the owner's stack."""
    try:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(longest)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        work()
    finally:
        if sys.exc_info()[0] is not None:
            traceback.print_exc()
        sys.stderr.flush()
        os._exit(0)
