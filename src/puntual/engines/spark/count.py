"""A raw day counted and summed."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from pyspark.sql import Column, Row
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.types import DecimalType

from puntual.engines.spark.stage import Staged, value
from puntual.engines.spark.sums import sums_of
from puntual.model.contract import Kind
from puntual.model.seal import Landed


def count(staged: Staged) -> Landed:
    """
    Count records, sum measures, and say which other days are named.

    Raises:
        PermanentError: Q1002 a sum has more than 38 digits.
    """
    contract, found = staged.raw.contract, runs(staged)
    return Landed(
        records=sum(r["n"] for r in found),
        unreadable=sum(r["unread"] for r in found),
        sums=sums_of(found, contract.measures, contract.file),
        other_days=_other_days(staged),
    )


def runs(staged: Staged) -> list[Row]:
    """
    Return what each partition holds.

    Returns:
        (number of the partition, lowest and highest ordinal `low` and `high`, records `n`,
        those without a verdict `good`, those that are `unread`, sums `s<i>`), asked once.
    """
    if staged.runs:
        return staged.runs
    contract, frame = staged.raw.contract, staged.frame
    sums = []
    for i, measure in enumerate(contract.measures):
        name = value(contract, measure.column)
        kind = frame.schema[name].dataType
        wide = DecimalType(38, kind.scale if isinstance(kind, DecimalType) else 0)
        sums.append(F.sum(F.when(~F.col("unread"), F.col(name).cast(wide))).alias(f"s{i}"))
    staged.runs[:] = (
        frame.groupBy(F.spark_partition_id().alias("number"))
        .agg(
            F.min("ordinal").alias("low"),
            F.max("ordinal").alias("high"),
            F.count("*").alias("n"),
            F.count(F.when(F.col("verdict").isNull(), 1)).alias("good"),
            F.count(F.when(F.col("unread"), 1)).alias("unread"),
            *sums,
        )
        .collect()
    )
    return staged.runs


def _other_days(staged: Staged) -> dict[str, int]:
    """Return how many records name which other day."""
    if staged.raw.contract.day_column is None:
        return {}
    named = staged.frame.select(_other_day(staged).alias("day")).where("day IS NOT NULL")
    rows = named.groupBy("day").agg(F.count("*").alias("n")).collect()
    return {r["day"].isoformat(): r["n"] for r in sorted(rows, key=lambda r: r["day"])}


def _other_day(staged: Staged) -> Column:
    """Return the day that a record names when it is another than its own."""
    raw, contract = staged.raw, staged.raw.contract
    if contract.day_column is None:
        return F.lit(None).cast("date")
    name = value(contract, contract.day_column)
    column, day = F.col(name), raw.reference_date
    kind = next(c.type.kind for c in contract.columns if c.name == contract.day_column)
    if kind is Kind.DATE:
        return F.when(column != F.lit(day), column)
    first, after = (_midnight(d, contract.time_zone) for d in (day, day + timedelta(days=1)))
    local = F.from_utc_timestamp(column, contract.time_zone).cast("date")
    return F.when((column < F.lit(first)) | (column >= F.lit(after)), local)


def _midnight(day: date, zone: str) -> datetime:
    """Return the first moment of a day; the first of two equal local midnights."""
    return datetime.combine(day, time(0), tzinfo=ZoneInfo(zone)).astimezone(UTC)
