"""
Several one-thread DuckDB instances side by side, for work that is cut into pieces.

One thread writes the rows of a scan in the order in which it reads them, so a piece needs no
sort to be the same bytes every time, and the pieces keep the cores busy (`docs/why/pieces.md`).
Where the cuts are is decided elsewhere, and never by the number of cores.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import replace
from queue import LifoQueue
from typing import TypeVar

from puntual.engines.duckdb.session import Confined, Limits, Session, open_session

Item = TypeVar("Item")
Answer = TypeVar("Answer")

PIECE_MEMORY_MB = 500
"""
Memory of one worker. It is the same on every machine: whether a join spills, and so the order in
which it gives its rows, must not depend on the number of workers.
"""

_UNITS = {"MB": 1.0, "MIB": 1.048576, "GB": 1e3, "GIB": 1073.741824}
_SIZE = re.compile(r"\s*([0-9.]+)\s*([MG]I?B)\s*", re.IGNORECASE)


def at_once(limits: Limits) -> int:
    """Return how many workers fit into the limits: at least one, at most one a thread."""
    return max(1, min(limits.threads, int(_megabytes(limits) // PIECE_MEMORY_MB)))


def _megabytes(limits: Limits) -> float:
    found = _SIZE.fullmatch(limits.memory)
    return float(found[1]) * _UNITS[found[2].upper()] if found else 0.0


class Workers:
    """
    One-thread sessions, lent to one thread at a time, at most as many as memory allows.

    Below `roots` they are confined and stay open, as `Confined` says; without roots each is
    opened when it is asked for.
    """

    def __init__(self, roots: Sequence[str], home: str, limits: Limits) -> None:
        self._home = home
        self._limits = replace(limits, threads=1)
        number = at_once(limits)
        if _megabytes(limits) > PIECE_MEMORY_MB:
            self._limits = replace(self._limits, memory=f"{PIECE_MEMORY_MB}MB")
        self._confined = [
            Confined(roots, home, self._limits) for _ in range(number if roots else 0)
        ]
        self._pool = ThreadPoolExecutor(number, thread_name_prefix="piece")
        self._idle: LifoQueue[int] = LifoQueue()
        for place in range(number):
            self._idle.put(place)

    @contextmanager
    def session(
        self, *, zone: str, code: str, where: str, readable: Sequence[str] | None = None
    ) -> Iterator[Session]:
        """
        Lend a session as soon as one is free; see `open_session` for the arguments.

        Raises:
            PermanentError: T3001 no memory or temporary space; `code` for any other fault.
        """
        place = self._idle.get()
        try:
            if self._confined:
                with self._confined[place].session(zone=zone, code=code, where=where) as session:
                    yield session
                return
            os.makedirs(self._home, exist_ok=True)
            with open_session(
                self._home,
                limits=self._limits,
                zone=zone,
                code=code,
                where=where,
                readable=readable,
            ) as session:
                yield session
        finally:
            self._idle.put(place)

    def each(self, work: Callable[[Item], Answer], items: Sequence[Item]) -> list[Answer]:
        """
        Do something for each item, several at once; return the answers in the items' order.

        The first fault, in the items' order, is raised when all have ended.
        """
        if len(items) < 2:
            return [work(item) for item in items]
        jobs = [self._pool.submit(work, item) for item in items]
        try:
            return [job.result() for job in jobs]
        finally:
            for job in jobs:
                job.cancel()
            wait(jobs)

    def close(self) -> None:
        """End the threads, close every instance and remove what they spilled."""
        self._pool.shutdown(cancel_futures=True)
        for confined in self._confined:
            confined.close()
