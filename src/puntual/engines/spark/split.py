"""Freshly read stream records divided by the day they belong to."""

from __future__ import annotations

from pyspark import StorageLevel
from pyspark.sql import SparkSession
from pyspark.sql import functions as F  # noqa: N812

from puntual.engines.spark.files import write_one
from puntual.engines.spark.reader import Reader
from puntual.engines.spark.records import ordinals, parsed
from puntual.ports.engine import DayPart, RawDay

_COLUMNS = ("shard", "sequence", "arrived_at", "partition_key", "payload")


def split(spark: SparkSession, reader: Reader, raw: RawDay, folder: str) -> tuple[DayPart, ...]:
    """
    Write one Parquet file a day, its rows as they came, ordered by shard and sequence.

    A sequence number is ordered as the number it is.
    """
    if not raw.parts:
        return ()
    rows = ordinals(spark, raw.parts, *_COLUMNS)
    days = parsed(spark, reader, raw, "day")
    both = rows.join(days, "ordinal").withColumn("digits", F.length("sequence"))
    both = both.persist(StorageLevel.DISK_ONLY)
    found = both.groupBy("day").agg(F.count("*").alias("n")).collect()
    found.sort(key=lambda r: (r["day"] is None, r["day"]))
    made = []
    for day, records in found:
        chosen = both.where(F.col("day").eqNullSafe(F.lit(day).cast("date")))
        order = ("shard", "digits", "sequence", "ordinal")
        keys = [F.col(name).asc_nulls_last() for name in order]
        ordered = chosen.repartition(1).sortWithinPartitions(*keys).select(*_COLUMNS)
        name = day.isoformat() if day else "no_day"
        made.append(DayPart(day=day, path=write_one(ordered, folder, name, ()), records=records))
    both.unpersist()
    return tuple(made)
