"""
A source's day made curated: what was parsed is judged, duplicates are found, both are written.

The rows that stay are written as they lie, without moving them, where each partition holds
consecutive records; else they are sorted. Duplicates are found by a hash of their key first, so
that only records whose hash stands twice are compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise

from pyspark import StorageLevel
from pyspark.sql import Column, DataFrame, Row, SparkSession, Window
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.types import DecimalType

from puntual.engines.spark.arrow import quoted
from puntual.engines.spark.files import PIECE, escaped, remove, write, write_one
from puntual.engines.spark.stage import Staged, position, short
from puntual.model.contract import Contract, Keep, Kind, Measure
from puntual.model.manifest import Totals
from puntual.ports.engine import Curated, DataFile

FEW = 1_000_000
"""Up to so many rows are sent to every task, so that the others need not move."""

_DUPLICATE = ("duplicate", "duplicate_key", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Duplicates:
    """Records that do not stay: (ordinal, v0 …), how many, and how many of them differ."""

    dropped: DataFrame
    number: int
    conflicts: int


def curate(spark: SparkSession, staged: Staged, folder: str) -> Curated:
    """Set aside what does not fit, remove duplicates, write both; see `Curated`."""
    contract = staged.raw.contract
    ranges = _ranges(staged)
    good = staged.frame.where("verdict IS NULL")
    found = _duplicates(good, contract)
    wrong = sum(r["n"] - r["good"] for r in ranges) + found.number
    aside, set_aside = _write_aside(spark, staged, found, folder, number=wrong)
    kept = good
    few = found.number <= FEW
    if found.number:
        dropped = found.dropped.select("ordinal")
        kept = good.join(F.broadcast(dropped) if few else dropped, "ordinal", "left_anti")
    values = [F.col(f"v{i}").alias(c.name) for i, c in enumerate(contract.columns)]
    files, totals = _write_data(
        spark, staged, kept.select("ordinal", *values), folder, ranges, few=few
    )
    found.dropped.unpersist()
    return Curated(
        files=files,
        totals=totals,
        set_aside_path=aside,
        set_aside=set_aside,
        conflicts=found.conflicts,
    )


def _ranges(staged: Staged) -> list[Row]:
    """Return (number, low, high, n, good) of the partitions that hold records, by low."""
    rows = (
        staged.frame.groupBy(F.spark_partition_id().alias("number"))
        .agg(
            F.min("ordinal").alias("low"),
            F.max("ordinal").alias("high"),
            F.count("*").alias("n"),
            F.count(F.when(F.col("verdict").isNull(), 1)).alias("good"),
        )
        .collect()
    )
    return sorted(rows, key=lambda r: r["low"])


def _duplicates(good: DataFrame, contract: Contract) -> _Duplicates:
    none = _Duplicates(dropped=good.where("false"), number=0, conflicts=0)
    if not contract.key:
        return none
    keys = [value(contract, name) for name in contract.key]
    hashed = F.xxhash64(*keys).alias("h")
    twice = good.select(hashed).groupBy("h").count().where("count > 1").select("h")
    twice = twice.persist(StorageLevel.MEMORY_AND_DISK)
    hashes = twice.count()
    if not hashes:
        twice.unpersist()
        return none
    few = F.broadcast(twice) if hashes <= FEW else twice
    candidates = good.withColumn("h", hashed).join(few, "h", "left_semi")
    names = [f"v{i}" for i in range(len(contract.columns))]
    first = Window.partitionBy(*keys).orderBy(*_ranked(contract))
    row = F.struct(*names)
    dropped = (
        candidates.select(
            "ordinal",
            *names,
            F.row_number().over(first).alias("n"),
            (~row.eqNullSafe(F.first(row).over(first))).alias("differs"),
        )
        .where("n > 1")
        .persist(StorageLevel.MEMORY_AND_DISK)
    )
    (told,) = dropped.agg(F.count("*"), F.count(F.when(F.col("differs"), 1))).collect()
    twice.unpersist()
    return _Duplicates(dropped=dropped, number=told[0], conflicts=told[1])


def _ranked(contract: Contract) -> list[Column]:
    """Return the order in which the record that stays is the first; one without a rank loses."""
    last = contract.keep is Keep.LAST
    place = F.col("ordinal").desc() if last else F.col("ordinal").asc()
    if contract.order_by is None:
        return [place]
    rank = F.col(value(contract, contract.order_by))
    return [rank.desc_nulls_last() if last else rank.asc_nulls_last(), place]


def _write_data(
    spark: SparkSession,
    staged: Staged,
    kept: DataFrame,
    folder: str,
    ranges: Sequence[Row],
    *,
    few: bool,
) -> tuple[tuple[DataFile, ...], Totals]:
    contract = staged.raw.contract
    apart = few and all(one["high"] < two["low"] for one, two in pairwise(ranges))
    if not apart:
        pieces = max(1, round(sum(r["good"] for r in ranges) / PIECE))
        moved = kept.repartitionByRange(pieces, "ordinal") if pieces > 1 else kept.repartition(1)
        kept = moved.sortWithinPartitions("ordinal")
    places = [short(staged.raw.parts).alias("_object"), position().alias("_position")]
    frame = kept.select(*(c.name for c in contract.columns), *places)
    made = write(frame, folder, contract.dataset)
    order = [r["number"] for r in ranges if apart and r["number"] in made]
    order += [n for n in made if n not in set(order)]
    rows = spark.read.schema(frame.schema).parquet(*map(escaped, made.values()))
    rows = rows.withColumn("file", F.col("_metadata.file_name"))
    sums = [exact_sum(rows, m.column).alias(f"s{i}") for i, m in enumerate(contract.measures)]
    told = {
        r["file"]: r for r in rows.groupBy("file").agg(F.count("*").alias("n"), *sums).collect()
    }
    files = [
        DataFile(path=made[n], records=told[name]["n"])
        for n in order
        if (name := made[n].rsplit("/", 1)[-1]) in told
    ]
    empty = [made[n] for n in order if made[n].rsplit("/", 1)[-1] not in told]
    if not files:
        files = [DataFile(path=empty.pop(0), records=0)]
    remove(spark, empty)
    totals = Totals(
        records=sum(f.records for f in files),
        sums={
            m.column: sum((Decimal(r[f"s{i}"] or 0) for r in told.values()), Decimal(0))
            for i, m in enumerate(contract.measures)
        },
    )
    return tuple(files), totals


def _write_aside(
    spark: SparkSession, staged: Staged, found: _Duplicates, folder: str, *, number: int
) -> tuple[str, dict[tuple[str, str], Totals]]:
    contract = staged.raw.contract
    known = [*staged.verdicts, _DUPLICATE]
    names = [f"v{i}" for i in range(len(contract.columns))]
    wrong = staged.frame.where("verdict IS NOT NULL").select("ordinal", "verdict", *names)
    if not number:
        wrong = spark.createDataFrame([], wrong.schema)
    if found.number:
        again = F.lit(len(known)).cast("smallint").alias("verdict")
        wrong = wrong.unionAll(found.dropped.select("ordinal", again, *names))
    told = [
        F.get(F.array(*(F.lit(v[i]) for v in known)), F.col("verdict") - 1).alias(name)
        for i, name in enumerate(("class", "reason", "column_name"))
    ]
    amounts = [
        F.col(value(contract, m.column)).cast(_amount_type(contract, m)).alias(m.column)
        for m in contract.measures
    ]
    # Sorted before the places are told, so that it is by ordinal.
    ordered = wrong.repartition(1).sortWithinPartitions("ordinal")
    places = [short(staged.raw.parts).alias("_object"), position().alias("_position")]
    frame = ordered.select(*places, *told, *amounts)
    path = write_one(frame, folder, f"{contract.dataset}.set_aside", ())
    if not number:
        return path, {}
    aside = spark.read.schema(frame.schema).parquet(escaped(path))
    return path, _aside_totals(aside, contract.measures)


def _aside_totals(aside: DataFrame, measures: Sequence[Measure]) -> dict[tuple[str, str], Totals]:
    sums = [exact_sum(aside, m.column).alias(f"s{i}") for i, m in enumerate(measures)]
    rows = aside.groupBy("class", "reason").agg(F.count("*").alias("n"), *sums).collect()
    return {
        (r["class"], r["reason"]): Totals(records=r["n"], sums=sums_of(r, measures))
        for r in sorted(rows, key=lambda r: (r["class"], r["reason"]))
    }


def sums_of(row: Row, measures: Sequence[Measure]) -> dict[str, Decimal]:
    """Return the exact sums `s<i>` of a row by column; over no value it is 0."""
    return {m.column: Decimal(row[f"s{i}"] or 0) for i, m in enumerate(measures)}


def exact_sum(rows: DataFrame, column: str) -> Column:
    """Return the sum of a column of decimals or integers, of up to 38 digits, or an error."""
    kind = rows.schema[column].dataType
    scale = kind.scale if isinstance(kind, DecimalType) else 0
    return F.sum(rows[quoted(column)].cast(DecimalType(38, scale)))


def value(contract: Contract, name: str) -> str:
    """Return the name of a contract's column among the parsed ones."""
    return f"v{[c.name for c in contract.columns].index(name)}"


def _amount_type(contract: Contract, measure: Measure) -> str:
    kind = next(c.type for c in contract.columns if c.name == measure.column)
    decimal = kind.kind is Kind.DECIMAL
    return f"decimal({kind.precision},{kind.scale})" if decimal else "decimal(19,0)"
