"""What was written, read again: the rows of each file, and the sums of measures."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.types import StructType

from puntual.engines.spark.files import escaped, remove
from puntual.engines.spark.sums import exact_sum, sums_of
from puntual.model.contract import Measure
from puntual.model.manifest import Totals
from puntual.ports.engine import DataFile

FILE = "puntual file"
"""The column of a row's file; no column of a dataset has a blank in its name."""


def read_again(spark: SparkSession, schema: StructType, paths: Sequence[str]) -> DataFrame:
    """Return the rows of files that were written, with `FILE`, the last part of its path."""
    rows = spark.read.schema(schema).parquet(*map(escaped, paths))
    return rows.withColumn(FILE, F.col("_metadata.file_name"))


def told(
    rows: DataFrame, paths: Sequence[str], measures: Sequence[Measure], where: str
) -> tuple[tuple[DataFile, ...], Totals]:
    """
    Count and sum what `read_again` gives of these files.

    A file without rows is removed, but the first where all have none.

    Raises:
        PermanentError: Q1002 a sum has more than 38 digits.
    """
    sums = [exact_sum(rows, m.column).alias(f"s{i}") for i, m in enumerate(measures)]
    found = (
        rows.groupBy(F.col(f"`{FILE}`").alias("file")).agg(F.count("*").alias("n"), *sums).collect()
    )
    records = {r["file"]: r["n"] for r in found}
    files = tuple(DataFile(path=path, records=records.get(named(path), 0)) for path in paths)
    filled = tuple(file for file in files if file.records) or files[:1]
    remove(rows.sparkSession, [file.path for file in files if file not in filled])
    total = sum(file.records for file in filled)
    return filled, Totals(records=total, sums=sums_of(found, measures, where))


def named(path: str) -> str:
    """Return the last part of a path."""
    return path.rsplit("/", 1)[-1]
