"""The port `Engine` on Spark: a session of its own for each call, the work handed on."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from threading import Lock

from pyspark.sql import SparkSession

from puntual.checks.encoding import ALGORITHM
from puntual.engines.spark.build import build
from puntual.engines.spark.count import count
from puntual.engines.spark.curate import curate
from puntual.engines.spark.query import query
from puntual.engines.spark.raw import ask
from puntual.engines.spark.reader import Reader
from puntual.engines.spark.rules import offending
from puntual.engines.spark.session import SPLIT, open_spark, translated
from puntual.engines.spark.split import split
from puntual.engines.spark.stage import APART, Staged, stage
from puntual.engines.spark.tables import Tables
from puntual.engines.spark.totals import totals
from puntual.model.check import Check, SqlRows
from puntual.model.contract import ColumnType
from puntual.model.manifest import Totals
from puntual.model.planted import Look, Planted, Sample
from puntual.model.profile import ColumnProfile
from puntual.model.project import Model
from puntual.model.seal import Landed
from puntual.ports.engine import (
    Answer,
    Built,
    Curated,
    DataFile,
    Day,
    DayPart,
    Engine,
    Offending,
    RawDay,
)


class SparkEngine:
    """
    Curates on as many executors as there are; see the port `Engine` for its promises.

    Paths are those of any file system that Spark reads and writes. Files are not the same bytes
    as DuckDB's; their rows, types, order, totals and digests are. What is of bounded size (planted
    faults, profiles) is asked of the engine beside it, on the driver.
    """

    def __init__(
        self, *, reader: Reader, beside: Engine, spark: SparkSession | None = None
    ) -> None:
        """
        Keep what is worked with.

        Args:
            reader: Reads records and statements in the dialect's own way.
            beside: The engine of the driver.
            spark: A session of the application; None: the one that runs, or else a new one.
        """
        self.digest_algorithm = ALGORITHM
        self._reader = reader
        self._beside = beside
        self._spark = spark
        self._stages: dict[RawDay, Staged] = {}
        self._staging = Lock()

    def close(self) -> None:
        """Give up what was parsed and is kept; the application is not ended."""
        for staged in self._stages.values():
            staged.frame.unpersist()
        self._stages = {}

    def count(self, raw: RawDay) -> Landed:
        """
        Count and sum the records of a raw day.

        What was parsed for it is kept until it is curated or the engine is closed.

        Raises:
            PermanentError: T3001, T3002, Q1002, Q1004.
        """
        with translated("T3002", raw.contract.file):
            return count(self._stage(raw))

    def split(self, raw: RawDay, folder: str) -> tuple[DayPart, ...]:
        """
        Divide freshly read stream records by the day they belong to.

        Raises:
            PermanentError: T3001, T3002, Q1004.
        """
        with translated("T3002", raw.contract.file):
            return split(self._raw_session(raw), self._reader, raw, folder)

    def curate(self, raw: RawDay, folder: str) -> Curated:
        """
        Parse, set aside, remove duplicates; see `Curated`.

        Raises:
            PermanentError: T3001, T3002, Q1002, Q1004.
        """
        with translated("T3002", raw.contract.file):
            staged = self._stage(raw)
            curated = curate(staged.frame.sparkSession, staged, folder)
        self._stages.pop(raw).frame.unpersist()
        return curated

    def build(self, model: Model, day: Day, folder: str) -> Built:
        """
        Run a model's SELECT over curated tables; see `Built`.

        Raises:
            PermanentError: T3001, Q1001, Q1002.
            ProjectError: Q1003 it is not the same on Spark.
        """
        with translated("Q1001", model.file):
            return build(self._tables(day), model, folder)

    def offending(
        self, check: Check, measures: tuple[str, ...], day: Day, folder: str
    ) -> Offending:
        """
        Find the rows that break a rule; `measures` are the dataset's.

        Raises:
            PermanentError: T3001, Q1001, Q1005.
            ProjectError: Q1003 its SQL is not the same on Spark.
        """
        where = check.rule.file if isinstance(check.rule, SqlRows) else check.id
        with translated("Q1001", where):
            return offending(self._tables(day), check, measures, folder)

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
        Count, sum and digest the rows of Parquet files; see the port.

        Raises:
            PermanentError: T3001, T3002, Q1002.
        """
        with translated("T3002", "totals"):
            return totals(
                open_spark(spark=self._spark),
                files,
                key,
                measures,
                algorithm=algorithm,
                without=without,
                types=types,
            )

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
        Return a SELECT in DuckDB's words, in which people ask the curated data; see the port.

        Raises:
            ProjectError: R6001, R6002 a column is not there, or not of an exact type.
        """
        return self._beside.digest_query(
            dataset, columns, day, key, algorithm=algorithm, types=types
        )

    def plant(
        self, samples: tuple[Sample, ...], looks: tuple[Look, ...], *, day: date, zone: str
    ) -> Planted:
        """
        Plant every fault in every sample and measure with every look, on the driver.

        Raises:
            PermanentError: T3001, T3002.
        """
        return self._beside.plant(samples, looks, day=day, zone=zone)

    def profile(
        self, files: tuple[DataFile, ...], columns: tuple[tuple[str, str], ...], *, zone: str
    ) -> tuple[ColumnProfile, ...]:
        """
        Describe columns by what Parquet says of itself, on the driver; see the port.

        Raises:
            PermanentError: T3001, T3002.
        """
        return self._beside.profile(files, columns, zone=zone)

    def query(self, sql: str, day: Day, *, limit: int | None) -> Answer:
        """
        Answer a read-only SELECT over curated tables.

        Raises:
            PermanentError: T3001, Q1001.
            ProjectError: Q1003 it is not the same on Spark.
        """
        with translated("Q1001", "query"):
            return query(self._tables(day), sql, limit=limit)

    def ask_raw(
        self,
        raw: RawDay,
        asked: tuple[str, ...],
        tables: Mapping[str, tuple[str, ...]],
        folder: str,
    ) -> tuple[Answer, ...]:
        """
        Parse a raw day anew from its bytes, and answer SELECTs over it; see the port.

        Raises:
            PermanentError: T3001, T3002, Q1001, Q1002, Q1004.
            ProjectError: Q1003 a SELECT is not the same on Spark.
        """
        zone = raw.contract.time_zone
        day = Day(reference_date=raw.reference_date, zone=zone, tables=tables)
        with translated("Q1001", raw.contract.file):
            return ask(self._tables(day), raw, asked)

    def _stage(self, raw: RawDay) -> Staged:
        with self._staging:
            if raw not in self._stages:
                self._stages[raw] = stage(self._raw_session(raw), self._reader, raw)
            return self._stages[raw]

    def _raw_session(self, raw: RawDay) -> SparkSession:
        """Return a session in UTC; few parts are not packed, so that rows lie in their order."""
        apart = {"spark.sql.files.openCostInBytes": str(SPLIT)} if len(raw.parts) <= APART else {}
        return open_spark(settings=apart, spark=self._spark)

    def _tables(self, day: Day) -> Tables:
        spark = open_spark(day.zone, spark=self._spark)
        return Tables(spark=spark, reader=self._reader, day=day)
