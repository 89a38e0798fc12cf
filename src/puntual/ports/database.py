"""Rows of one query, read in one snapshot."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Protocol

from puntual.model.contract import Contract
from puntual.model.source import DatabaseSource


@dataclass(frozen=True, slots=True, kw_only=True)
class Extract:
    """
    What one snapshot gave.

    Attributes:
        path: A Parquet file with the contract's source names, in the query's row order. A
            column is typed by the contract when every value is exactly of that type, else
            text, so that nothing is lost.
        records: Rows written.
        control_count: `count(*)` by the database, in the same snapshot.
        control_sums: Exact sums by the database, in the same snapshot, by column.
        snapshot_at: The database's own instant, UTC.
    """

    path: str
    records: int
    control_count: int
    control_sums: Mapping[str, Decimal]
    snapshot_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Recount:
    """Count and exact sums by the database itself, of one snapshot; sums by contract column."""

    count: int
    sums: Mapping[str, Decimal]


class Databases(Protocol):
    """Reads a database; never writes to it."""

    def extract(
        self, source: DatabaseSource, contract: Contract, reference_date: date, folder: str
    ) -> Extract:
        """
        Run the query in one read-only snapshot and write its rows to a file in `folder`.

        Decimals never pass through a float.

        Raises:
            TransientError: S1201 cannot connect, or the connection was lost.
            PermanentError: S1202 the query is refused; S1203 permission or authentication;
                S1204 a column of the contract is not in the result; S1207 a number of the
                contract is of a type that is not exact.
        """

    def recount(self, source: DatabaseSource, contract: Contract, reference_date: date) -> Recount:
        """
        Have the database count and sum the query's rows; no row leaves it.

        Raises:
            TransientError: S1201 cannot connect, or the connection was lost.
            PermanentError: S1202 the query is refused; S1203 permission or authentication;
                S1207 a measure is of a type that is not exact.
        """

    def rows(
        self,
        source: DatabaseSource,
        reference_date: date,
        columns: tuple[str, ...],
        take: Callable[[Mapping[str, Sequence[str | None]], int], None],
    ) -> int:
        """
        Run the source's query in one read-only snapshot and hand its rows on as text.

        Args:
            source: Its connection, and the query that is run.
            reference_date: The query's only parameter.
            columns: What is read, by the query's own names; none: rows are counted only.
            take: Is given batches: texts by column, null where the database has null, and how
                many rows the batch has.

        Returns:
            How many rows the database itself counts, in the same snapshot.

        Raises:
            TransientError: S1201 cannot connect, or the connection was lost.
            PermanentError: S1202 the query is refused; S1203 permission or authentication;
                S1204 a column is not in the result; S1207 one is of a type that is not exact.
        """
