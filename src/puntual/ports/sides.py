"""Sides of a comparison that lie where a day's rows lie: in published files and in tables."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import date
from typing import Protocol

from puntual.model.contract import ColumnType
from puntual.ports.side import Side


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """
    Which rows of a dataset, and how its columns are called.

    Attributes:
        columns: Name in the comparison → the dataset's column; empty: all under their own.
        where: A condition on a row, in DuckDB's dialect; "" for all.
        numbers: Texts of files that are read as numbers, each as the type: null where one is none.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    where: str = ""
    numbers: Mapping[str, ColumnType] = field(default_factory=dict)


class Sides(Protocol):
    """
    Opens sides; two that are open at once share nothing.

    Every method Raises:
        TransientError: T4003 the warehouse did not answer.
        PermanentError: T3002, T4002 what is asked for cannot be read.
    """

    def files(
        self, paths: tuple[str, ...], rows: Rows, *, name: str, without: tuple[str, ...] = ()
    ) -> AbstractContextManager[Side]:
        """
        Lend the rows of Parquet files.

        Args:
            paths: The files, at least one.
            rows: Which of them.
            name: What the side is called.
            without: Parquet files of (`_object`, `_position`): these rows are left out.
        """

    def table(
        self, table: str, reference_date: date, rows: Rows, *, name: str
    ) -> AbstractContextManager[Side]:
        """Lend a day's rows of a warehouse table, without their `reference_date`."""
