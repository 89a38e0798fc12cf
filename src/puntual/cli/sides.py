"""The sides of a comparison on this machine: published files, and the warehouse's tables."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from datetime import date
from pathlib import Path

from puntual.cli.wiring import connection
from puntual.engines.dialect.sql import compile_sql, literal, quote
from puntual.engines.duckdb.session import Session
from puntual.engines.duckdb.side import open_side
from puntual.engines.duckdb.sides import LIMITS, FileSides, listed
from puntual.engines.duckdb_warehouse import open_to_read
from puntual.model.project import WarehouseSettings
from puntual.ports.side import Side
from puntual.ports.sides import Rows

DAY = "reference_date"


class LocalSides:
    """
    Opens sides over the lake and the warehouse that the project names.

    Args:
        settings: The warehouse.
        root: The project's folder.
        folder: Scratch.
        zone: IANA zone in which conditions cut instants into days.
    """

    def __init__(self, settings: WarehouseSettings, root: Path, folder: str, zone: str) -> None:
        self._settings = settings
        self._root = root
        self._files = FileSides(folder, zone)

    def files(
        self, paths: tuple[str, ...], rows: Rows, *, name: str, without: tuple[str, ...] = ()
    ) -> AbstractContextManager[Side]:
        """Lend the rows of Parquet files; see the port."""
        return self._files.files(paths, rows, name=name, without=without)

    @contextmanager
    def table(self, table: str, reference_date: date, rows: Rows, *, name: str) -> Iterator[Side]:
        """Lend a day's rows of a warehouse table; see the port."""
        day = f"CAST({literal(reference_date.isoformat())} AS DATE)"
        where = f"{DAY} = {day}" + (f" AND ({rows.where})" if rows.where else "")
        if self._settings.kind == "duckdb":
            with self._duckdb(table, where, rows, name) as side:
                yield side
            return
        with self._postgresql(table, where, rows, name) as side:
            yield side

    @contextmanager
    def _duckdb(self, table: str, where: str, rows: Rows, name: str) -> Iterator[Side]:
        source = f"SELECT {listed(rows, f'* EXCLUDE ({DAY})')} FROM {quote(table)} WHERE {where}"
        path = self._root / self._settings.location
        with closing(open_to_read(path)) as opened:
            session = Session(opened, limits=LIMITS, code="T4002", where=name)
            with open_side(session, source, name=name) as side:
                yield side

    @contextmanager
    def _postgresql(self, table: str, where: str, rows: Rows, name: str) -> Iterator[Side]:
        from puntual.engines.postgresql.side import open_side as open_postgresql

        source = f"SELECT {listed(rows, '*')} FROM {quote(table)} WHERE {where}"
        compiled = compile_sql(source, "postgres")
        with open_postgresql(connection(self._settings.location), compiled, name=name) as side:
            yield side
