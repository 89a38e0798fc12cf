"""Sides of a comparison that are read from Parquet files, each by a session of its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from puntual.engines.dialect.sql import quote
from puntual.engines.duckdb.session import Limits, open_session
from puntual.engines.duckdb.side import files, open_side
from puntual.engines.duckdb.tables import as_numbers
from puntual.ports.side import Side
from puntual.ports.sides import Rows

LIMITS = Limits(memory="600MB")


class FileSides:
    """
    Opens sides over Parquet files.

    Args:
        folder: Scratch.
        zone: IANA zone in which conditions cut instants into days.
    """

    def __init__(self, folder: str, zone: str) -> None:
        self._folder = folder
        self._zone = zone

    @contextmanager
    def files(
        self, paths: tuple[str, ...], rows: Rows, *, name: str, without: tuple[str, ...] = ()
    ) -> Iterator[Side]:
        """Lend the rows of Parquet files; see the port `Sides`."""
        source = as_numbers(files(paths, without=without), rows.numbers)
        with self.answer(source, rows, name=name, readable=(*paths, *without)) as side:
            yield side

    @contextmanager
    def answer(
        self, source: str, rows: Rows, *, name: str, readable: Iterable[str] = ()
    ) -> Iterator[Side]:
        """
        Lend the rows of a SELECT.

        Args:
            source: One SELECT in DuckDB's dialect.
            rows: Which of its rows, and how its columns are called.
            name: What the side is called.
            readable: The files that it reads.

        Raises:
            PermanentError: T3002 it cannot be read.
        """
        with (
            open_session(
                self._folder,
                limits=LIMITS,
                zone=self._zone,
                where=name,
                readable=list(readable),
            ) as session,
            open_side(session, chosen(source, rows), name=name) as side,
        ):
            yield side


def chosen(source: str, rows: Rows) -> str:
    """Return the SELECT of the rows that are asked for, of those of another."""
    if not rows.columns and not rows.where:
        return source
    where = f" WHERE {rows.where}" if rows.where else ""
    return f"SELECT {listed(rows, '*')} FROM ({source}) AS s{where}"


def listed(rows: Rows, otherwise: str) -> str:
    """Return the columns of a SELECT as they are called; `otherwise` for all."""
    named = (f"{quote(column)} AS {quote(name)}" for name, column in rows.columns.items())
    return ", ".join(named) or otherwise
