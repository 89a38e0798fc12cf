"""A question to DuckDB that ends: when its time is over, or at Ctrl-C (`failures.md` h5)."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TypeVar

import duckdb

from puntual.errors import PermanentError

_AGAIN = 0.1
"""Seconds between two interrupts: one that comes before the question has begun is forgotten."""

T = TypeVar("T")


def within(
    connection: duckdb.DuckDBPyConnection, seconds: float, where: str, ask: Callable[[], T]
) -> T:
    """
    Ask, and interrupt what the connection does when its time is over.

    It is asked in a thread of its own: a signal that reaches Python inside of DuckDB may be lost
    there (an import that DuckDB tries drops what it raises), and is not here.

    Args:
        connection: What `ask` asks; nobody else does meanwhile.
        seconds: From now on.
        where: For the message.
        ask: The question.

    Returns:
        Its answer; what it raises is raised.

    Raises:
        PermanentError: Q1007 it did not end in time.
        KeyboardInterrupt: It was given up by Ctrl-C, and has ended.
    """
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(ask)
        try:
            done, _ = wait([asked], timeout=seconds)
        except KeyboardInterrupt:
            _end(connection, asked)
            raise
        if done:
            return asked.result()
        _end(connection, asked)
    raise PermanentError(
        "Q1007",
        f"no answer within {seconds:g} s",
        where=where,
        expected=f"an answer within {seconds:g} s",
        observed="it was interrupted",
        next_step="Ask for less: fewer days, a condition on reference_date; or allow more "
        "time: --timeout SECONDS.",
    )


def _end(connection: duckdb.DuckDBPyConnection, asked: Future[T]) -> None:
    while not asked.done():
        connection.interrupt()
        wait([asked], timeout=_AGAIN)
