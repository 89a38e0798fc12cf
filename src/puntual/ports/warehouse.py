"""The warehouse: the day's rows replace the day's rows, in one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from puntual.model.contract import ColumnType
from puntual.model.manifest import Digest, Totals
from puntual.ports.engine import Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadOrder:
    """
    One table's day.

    Attributes:
        table: Its name; made when it does not exist, widened when a column is new.
        reference_date: The day.
        files: Parquet files of the rows.
        without: Parquet files of (`_object`, `_position`) that are not loaded.
        measures: Columns to sum.
        expected: Records and sums the table must hold for the day before the commit.
        manifest: Digest that identifies what is loaded.
        epoch: Of the lease held.
        anew: Load also what the log already holds, as after somebody altered the table.
    """

    table: str
    reference_date: date
    files: tuple[str, ...]
    without: tuple[str, ...]
    measures: tuple[str, ...]
    expected: Totals
    manifest: Digest
    epoch: int
    anew: bool = False


class Warehouse(Protocol):
    """Tables with a `reference_date` column in front of the dataset's own."""

    digest_algorithm: str
    """The key digest this warehouse makes: `duckdb-hash-3` or `md5-60x2`."""

    def load(self, order: LoadOrder) -> bool:
        """
        Delete the day, insert the files, verify count and sums, write the load log, commit.

        Loading the manifest that the log already holds for (table, day) does nothing, unless it
        is ordered anew.

        Returns:
            False when it was already loaded.

        Raises:
            EvidenceError: R4001 the table does not hold what was expected; nothing changed.
            PermanentError: T4001 the log holds a higher epoch; T4002 refused.
            TransientError: T4003 the warehouse did not answer or a conflict arose; the load
                log says whether it was done.
        """

    def loaded(self, table: str, reference_date: date) -> Digest | None:
        """Return the manifest that the load log holds for a table's day."""

    def totals(
        self,
        table: str,
        reference_date: date,
        key: tuple[str, ...],
        measures: tuple[str, ...],
        *,
        types: Mapping[str, ColumnType] | None = None,
    ) -> Totals:
        """
        Count, sum and digest the day's rows, as `Engine.totals` does.

        Args:
            table: The table.
            reference_date: Its day.
            key: Columns of the key digest, with the measures; empty: no digest.
            measures: Columns to sum.
            types: Of columns that are to be written for another type than their own, which both
                sides of a comparison have in common; the digest is `md5-60x2` then.

        Raises:
            ProjectError: R6001, R6002 a column is not there, or cannot be read so exactly.
        """

    def columns(self, table: str) -> Mapping[str, str]:
        """
        Return a table's columns with their types in DuckDB's words, in order.

        A column of a type that is not exact may be absent; all are where there is no such table.
        """

    def digest_query(
        self,
        table: str,
        reference_date: date,
        key: tuple[str, ...],
        *,
        types: Mapping[str, ColumnType] | None = None,
    ) -> str:
        """
        Return the SELECT with which `totals` counts and digests, in the warehouse's own words.

        A person can run it as it stands: count, then the digest's one or two sums. Empty where
        there is no such table.
        """

    def query(self, sql: str, params: Mapping[str, object], *, limit: int | None) -> Answer:
        """
        Answer one read-only SELECT, written in DuckDB's dialect, with named parameters.

        Decimals come back as `Decimal`, dates as `date`.

        Raises:
            PermanentError: Q1001 the SQL failed; T4002.
            TransientError: T4003.
        """

    def close(self) -> None:
        """Give up what is held open."""
