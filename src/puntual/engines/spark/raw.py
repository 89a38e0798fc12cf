"""A raw day parsed anew from its bytes, as a table that questions are asked of."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark import StorageLevel
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from puntual.engines.spark.query import query
from puntual.engines.spark.reader import Reader
from puntual.engines.spark.records import ordinals, parsed
from puntual.engines.spark.stage import position, short
from puntual.engines.spark.tables import Tables
from puntual.ports.engine import Answer, RawDay


def ask(tables: Tables, raw: RawDay, asked: Sequence[str]) -> tuple[Answer, ...]:
    """Answer SELECTs over every record of a raw day; see `Engine.ask_raw`."""
    frame = _records(tables.spark, tables.reader, raw).persist(StorageLevel.DISK_ONLY)
    tables.add(raw.contract.dataset, frame)
    answers = tuple(query(tables, sql, limit=None) for sql in asked)
    frame.unpersist()
    return answers


def _records(spark: SparkSession, reader: Reader, raw: RawDay) -> DataFrame:
    """Return the contract's columns, and of a record its object, position, shard and arrival."""
    rows = parsed(spark, reader, raw, "verdicts")
    columns = [F.col(f"v{i}").alias(c.name) for i, c in enumerate(raw.contract.columns)]
    columns += [short(raw.parts).alias("_object"), position().alias("_position")]
    if raw.stream and raw.parts:
        rows = rows.join(ordinals(spark, raw.parts, "shard", "arrived_at"), "ordinal", "left")
        columns += [F.col("shard").alias("_shard"), F.col("arrived_at").alias("_arrived_at")]
    return rows.select(*columns)
