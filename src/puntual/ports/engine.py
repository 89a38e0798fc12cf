"""
The engine that reads raw objects and makes curated ones.

Every method is a pure function of its inputs: the same inputs give the same bytes with any
number of threads (design 4.17). Nothing an engine writes is durable until `Objects` stores it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Protocol

from puntual.model.check import Check
from puntual.model.contract import ColumnType, Contract
from puntual.model.finding import Place
from puntual.model.manifest import Totals
from puntual.model.planted import Look, Planted, Sample
from puntual.model.profile import ColumnProfile
from puntual.model.project import Model
from puntual.model.seal import Landed


@dataclass(frozen=True, slots=True, kw_only=True)
class RawPart:
    """One raw object to read: where it is, and the name curated rows give it."""

    uri: str
    short: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RawDay:
    """
    The raw objects of one source's day.

    Attributes:
        contract: How they are read.
        reference_date: The day.
        parts: In order; the order is part of a record's identity.
        stream: The parts are stream objects (columns shard, sequence, arrived_at,
            partition_key, payload) whose payload has the contract's form.
    """

    contract: Contract
    reference_date: date
    parts: tuple[RawPart, ...]
    stream: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DayPart:
    """Stream records of one day; `day` is None where no day could be read from the record."""

    day: date | None
    path: str
    records: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFile:
    """A Parquet file that an engine wrote, and how many rows it has."""

    path: str
    records: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Curated:
    """
    A source's day, parsed.

    landed = data + quarantined + duplicate + late, in records (design 1, step 2).

    Attributes:
        files: Parquet files, at least one, of the rows that stay: the contract's columns, then
            `_object` (text, 12 hex digits) and `_position` (bigint: the physical line, from 1,
            on which a record of a text file starts; the row, from 1, in a Parquet object), in
            the order of parts and positions, within a file and from file to file.
        totals: Of those rows; without key digest.
        set_aside_path: Parquet of (`_object`, `_position`, `class`, `reason`, `column_name`,
            then one decimal per measure, null where it is no number), in the same order;
            `class` is `quarantined`, `duplicate` or `late`. Never other values.
        set_aside: Totals by (class, reason), sorted.
        conflicts: How many duplicates differ from the row that stays in any column of the
            contract.
    """

    files: tuple[DataFile, ...]
    totals: Totals
    set_aside_path: str
    set_aside: Mapping[tuple[str, str], Totals]
    conflicts: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """
    A model's day.

    Attributes:
        files: Parquet files, at least one, of the rows. For a model that carries a source of
            several files there may be one for each of them, in their order, with the places of
            that file; else there is one, or several of a large model, ordered within a file and
            from file to file by `_object`, `_position` where the model has them, else by its
            key, else by all columns.
        totals: Without key digest.
        columns: (name, type in DuckDB's words), in order.
    """

    files: tuple[DataFile, ...]
    totals: Totals
    columns: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """
    The curated day a query sees: table name → Parquet files; parameters by name.

    `zone` is the project's IANA zone: what a timestamp is cut into days by.
    """

    reference_date: date
    zone: str
    tables: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Offending:
    """
    The rows a rule found.

    Attributes:
        rows: How many.
        amounts: Sum of the dataset's measures over them.
        sample: The first 20 places, sorted; empty where rows have none.
        path: Parquet of (`_object`, `_position`), sorted and distinct, of all of them; "" when
            the rows have no places.
        observed: A sentence for rules whose answer is no row (`SumEquals`, `Fresh`); else "".
    """

    rows: int
    amounts: Mapping[str, Decimal] = field(default_factory=dict)
    sample: tuple[Place, ...] = ()
    path: str = ""
    observed: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Rows of a query, by column, so that nothing loops over rows; `types` in DuckDB's words."""

    names: tuple[str, ...]
    types: tuple[str, ...]
    columns: tuple[tuple[object, ...], ...]
    truncated: bool = False


class Engine(Protocol):
    """
    Reads by contract, builds models, finds offending rows.

    Every method Raises:
        PermanentError: T3001 out of memory or temporary space; names the limit.
            Q1001 the SQL of a project failed at run time; names the file.
    """

    digest_algorithm: str
    """How `totals` makes its key digest natively."""

    def count(self, raw: RawDay) -> Landed:
        """Count and sum the records of a raw day, without keeping any."""

    def split(self, raw: RawDay, folder: str) -> tuple[DayPart, ...]:
        """
        Divide freshly read stream records by the day they belong to.

        Returns:
            One file a day, sorted by day with None last; rows ordered by shard and sequence.
        """

    def curate(self, raw: RawDay, folder: str) -> Curated:
        """Parse, set aside, remove duplicates; see `Curated`."""

    def build(self, model: Model, day: Day, folder: str) -> Built:
        """Run a model's SELECT over curated tables; see `Built`."""

    def offending(
        self, check: Check, measures: tuple[str, ...], day: Day, folder: str
    ) -> Offending:
        """Find the rows that break a rule; `measures` are the dataset's."""

    def totals(
        self,
        files: tuple[str, ...],
        key: tuple[str, ...],
        measures: tuple[str, ...],
        *,
        algorithm: str,
        without: tuple[str, ...] = (),
        types: Mapping[str, ColumnType] | None = None,
    ) -> Totals:
        """
        Count, sum and digest the rows of Parquet files.

        Args:
            files: What to read.
            key: Columns of the key digest, with the measures; empty: no digest.
            measures: Columns to sum.
            algorithm: `duckdb-hash-3` (fast, this engine only) or `md5-60x2` (the same on
                every engine); "" for no digest.
            without: Parquet files of (`_object`, `_position`): these rows are left out.
            types: Of columns that `md5-60x2` is to write for another type than their own, which
                both sides of a comparison have in common. A text is read as a decimal that is
                asked for; one that is none counts as null, so the caller has seen that none is
                (`checks.comparable.no_number`).
        """

    def digest_query(
        self,
        dataset: str,
        columns: Mapping[str, str],
        day: date,
        key: tuple[str, ...],
        *,
        algorithm: str,
        types: Mapping[str, ColumnType] | None = None,
    ) -> str:
        """
        Return a SELECT that counts and digests a dataset's day as `totals` does, for a person.

        It is in DuckDB's words whatever the engine is, and can be run by `puntual query`: count,
        then the digest's one or two sums.

        Args:
            dataset: Its name, a table with a column `reference_date` there.
            columns: Its columns, with their types in DuckDB's words.
            day: The day.
            key: Columns of the digest.
            algorithm: As in `totals`.
            types: As in `totals`.

        Raises:
            ProjectError: R6001, R6002 a column is not there, or not of an exact type.
        """

    def plant(
        self, samples: tuple[Sample, ...], looks: tuple[Look, ...], *, day: date, zone: str
    ) -> Planted:
        """
        Plant every fault in a copy of every sample, one at a time, and measure with every look.

        The same rows give the same answer. A look whose SQL fails measures nothing. Nothing of
        it is kept.
        """

    def profile(
        self, files: tuple[DataFile, ...], columns: tuple[tuple[str, str], ...], *, zone: str
    ) -> tuple[ColumnProfile, ...]:
        """
        Describe columns: nulls, distinct values, range; see `ColumnProfile`.

        Args:
            files: The dataset's, in their order.
            columns: (name, type in DuckDB's words), in order.
            zone: IANA zone in which instants are written.
        """

    def query(self, sql: str, day: Day, *, limit: int | None) -> Answer:
        """Answer a read-only SELECT over curated tables."""

    def ask_raw(
        self,
        raw: RawDay,
        asked: tuple[str, ...],
        tables: Mapping[str, tuple[str, ...]],
        folder: str,
    ) -> tuple[Answer, ...]:
        """
        Parse a raw day anew from its bytes, and answer SELECTs over it.

        Args:
            raw: What is read; it is the table of its dataset's name, with the contract's columns
                (null where a text is no value), `_object` and `_position`, and the `_shard` and
                `_arrived_at` of a stream's records.
            asked: SELECTs in DuckDB's dialect; each is answered.
            tables: Further tables by name, as Parquet files.
            folder: Scratch.
        """
