"""A question to DuckDB that ends: after so many seconds it is interrupted (`failures.md` h5)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from puntual.errors import PermanentError


@contextmanager
def within(connection: duckdb.DuckDBPyConnection, seconds: float, where: str) -> Iterator[None]:
    """
    Interrupt what a connection does when its time is over.

    Args:
        connection: Asked inside of the block alone.
        seconds: From the beginning of the block.
        where: For the message.

    Raises:
        PermanentError: Q1007 it did not end in time.
    """
    over = threading.Event()

    def stop() -> None:
        over.set()
        connection.interrupt()

    timer = threading.Timer(seconds, stop)
    timer.daemon = True
    timer.start()
    try:
        yield
    except duckdb.InterruptException as exc:
        if not over.is_set():
            raise
        raise PermanentError(
            "Q1007",
            f"no answer within {seconds:g} s",
            where=where,
            expected=f"an answer within {seconds:g} s",
            observed="it was interrupted",
            next_step="Ask for less: fewer days, a condition on reference_date; or allow more "
            "time: --timeout SECONDS.",
        ) from exc
    finally:
        timer.cancel()
