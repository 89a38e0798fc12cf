"""
Port `Sides` where a project is deployed: copies of published files, and of the warehouse's rows.

A table of Redshift has no cursor that is cheap from outside; it unloads a day as Parquet, and the
rows are compared on this machine.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

from puntual.aws.warehouse import RedshiftWarehouse
from puntual.engines.dialect.sql import quote
from puntual.engines.duckdb.sides import FileSides
from puntual.engines.duckdb.tables import scan
from puntual.ports.side import Side
from puntual.ports.sides import Rows


class S3Sides:
    """
    Opens sides over local copies of published files, and over the warehouse's tables.

    Args:
        warehouse: Whose tables.
        folder: Scratch on this machine.
        zone: IANA zone in which conditions cut instants into days.
    """

    def __init__(self, warehouse: RedshiftWarehouse, folder: str, zone: str) -> None:
        self._warehouse = warehouse
        self._folder = folder
        self._files = FileSides(folder, zone)

    def files(
        self, paths: tuple[str, ...], rows: Rows, *, name: str, without: tuple[str, ...] = ()
    ) -> AbstractContextManager[Side]:
        """Lend the rows of Parquet files; see the port."""
        return self._files.files(paths, rows, name=name, without=without)

    @contextmanager
    def table(self, table: str, reference_date: date, rows: Rows, *, name: str) -> Iterator[Side]:
        """
        Lend a day's rows of a warehouse table; see the port.

        Raises:
            TransientError: T4003, T5001, T5002, T5003.
            PermanentError: T4002, T1001-T1003, T5004-T5008.
        """
        with TemporaryDirectory(dir=self._folder) as folder:
            columns, paths = self._warehouse.unload(table, reference_date, Path(folder))
            # A file without rows need not have the types of its table.
            typed = (
                f"CAST({quote(name) if paths else 'NULL'} AS {word}) AS {quote(name)}"
                for name, word in columns.items()
            )
            rest = f"FROM {scan(paths)}" if paths else "WHERE false"
            source = f"SELECT {', '.join(typed)} {rest}"
            with self._files.answer(source, rows, name=name, readable=paths) as side:
                yield side
