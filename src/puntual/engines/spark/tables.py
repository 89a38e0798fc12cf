"""A day's curated tables as views, and a project's SELECT over them with DuckDB's types."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession

from puntual.engines.dialect.sql import parameters
from puntual.engines.spark.files import scan
from puntual.engines.spark.reader import Reader
from puntual.engines.spark.sql import to_spark
from puntual.engines.spark.types import arrow_of, declared, written_as
from puntual.ports.engine import Day

PARAMETER = "reference_date"
_WORD = re.compile(r"[a-z_][a-z0-9_]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tables:
    """
    The tables that statements of one call may read.

    Attributes:
        spark: The session whose views they are.
        reader: What tells the types of a statement's columns.
        day: The reference date, the zone and the files.
        open: The tables that have a view.
    """

    spark: SparkSession
    reader: Reader
    day: Day
    open: dict[str, DataFrame] = field(default_factory=dict)

    def show(self, *mentions: str) -> None:
        """Make a view of each of the day's tables that one of the texts mentions."""
        words = set(_WORD.findall(" ".join(mentions).lower()))
        for name, files in sorted(self.day.tables.items()):
            if name in words and name not in self.open:
                self.add(name, scan(self.spark, files))

    def add(self, name: str, frame: DataFrame) -> None:
        """Make a view of a frame."""
        frame.createOrReplaceTempView(name)
        self.open[name] = frame

    def run(self, sql: str) -> DataFrame:
        """
        Return the answer of a SELECT in DuckDB's dialect over these views, in Spark's types.

        Raises:
            ProjectError: Q1003 it is not the same on Spark.
        """
        kinds = {
            table: {f.name: _kind(f.dataType) for f in frame.schema.fields}
            for table, frame in self.open.items()
        }
        args: Mapping[str, date] = dict.fromkeys(
            parameters(sql, (PARAMETER,)), self.day.reference_date
        )
        return self.spark.sql(to_spark(sql.strip().rstrip(";"), kinds), args=dict(args))

    def answer(self, sql: str, where: str) -> tuple[DataFrame, tuple[tuple[str, str], ...]]:
        """
        Return the answer of a SELECT with the names and types that DuckDB gives it.

        Returns:
            The rows, and (name, type in DuckDB's words) of the columns.

        Raises:
            ProjectError: Q1003 it is not the same on Spark, or a column is not exact.
            PermanentError: Q1001 it is no SELECT.
        """
        schemas = {
            name: pa.schema([(f.name, arrow_of(f.dataType)) for f in frame.schema.fields])
            for name, frame in self.open.items()
        }
        columns = self.reader.columns(sql, self.day.reference_date, self.day.zone, schemas)
        named = self.run(sql).toDF(*(f"c{i}" for i in range(len(columns))))
        cast = [
            named[f"c{i}"].cast(written_as(name, word, where)).alias(name)
            for i, (name, word) in enumerate(columns)
        ]
        return named.select(*cast), columns


def _kind(kind: object) -> str:
    found = declared(kind)  # type: ignore[arg-type]
    return found.kind.value if found is not None else "float"
