"""
A source's day made curated: what was parsed is judged, duplicates are found, both are written.

The rows that stay are written as they lie, without moving them, where each partition holds
consecutive records; else they are sorted. Duplicates are found by a hash of their key first, so
that only records whose hash stands twice are compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from pyspark import StorageLevel
from pyspark.sql import Column, DataFrame, Row, SparkSession, Window
from pyspark.sql import functions as F  # noqa: N812

from puntual.engines.spark.count import runs
from puntual.engines.spark.files import PIECE, escaped, write, write_one
from puntual.engines.spark.stage import Staged, position, short, value
from puntual.engines.spark.sums import exact_sum, sums_of
from puntual.engines.spark.written import read_again, told
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
    lying = sorted(runs(staged), key=lambda r: r["low"])
    good = staged.frame.where("verdict IS NULL")
    found = _duplicates(good, contract)
    wrong = sum(r["n"] - r["good"] for r in lying) + found.number
    aside, set_aside = _write_aside(spark, staged, found, folder, number=wrong)
    kept = good
    few = found.number <= FEW
    if found.number:
        dropped = found.dropped.select("ordinal")
        kept = good.join(F.broadcast(dropped) if few else dropped, "ordinal", "left_anti")
    values = [F.col(f"v{i}").alias(c.name) for i, c in enumerate(contract.columns)]
    files, totals = _write_data(
        spark, staged, kept.select("ordinal", *values), folder, lying, few=few
    )
    found.dropped.unpersist()
    return Curated(
        files=files,
        totals=totals,
        set_aside_path=aside,
        set_aside=set_aside,
        conflicts=found.conflicts,
    )


def _duplicates(good: DataFrame, contract: Contract) -> _Duplicates:
    none = _Duplicates(dropped=good.where("false"), number=0, conflicts=0)
    if not contract.key:
        return none
    keys = [value(contract, name) for name in contract.key]
    twice = good.select("h").groupBy("h").count().where("count > 1").select("h")
    twice = twice.persist(StorageLevel.MEMORY_AND_DISK)
    hashes = twice.count()
    if not hashes:
        twice.unpersist()
        return none
    few = F.broadcast(twice) if hashes <= FEW else twice
    candidates = good.join(few, "h", "left_semi")
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
    paths = [made[number] for number in order]
    rows = read_again(spark, frame.schema, paths)
    return told(rows, paths, contract.measures, contract.file)


def _write_aside(
    spark: SparkSession, staged: Staged, found: _Duplicates, folder: str, *, number: int
) -> tuple[str, dict[tuple[str, str], Totals]]:
    contract = staged.raw.contract
    known = [*staged.verdicts, _DUPLICATE]
    names = [f"v{i}" for i in range(len(contract.columns))]
    wrong = staged.frame.where("verdict IS NOT NULL").select("ordinal", "verdict", *names)
    if not number:
        # Spark sees that nothing has to be read then.
        wrong = wrong.where("false")
    if found.number:
        again = F.lit(len(known)).cast("smallint").alias("verdict")
        wrong = wrong.unionAll(found.dropped.select("ordinal", again, *names))
    said = [
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
    frame = ordered.select(*places, *said, *amounts)
    path = write_one(frame, folder, f"{contract.dataset}.set_aside", ())
    if not number:
        return path, {}
    aside = spark.read.schema(frame.schema).parquet(escaped(path))
    return path, _aside_totals(aside, contract.measures, contract.file)


def _aside_totals(
    aside: DataFrame, measures: Sequence[Measure], where: str
) -> dict[tuple[str, str], Totals]:
    sums = [exact_sum(aside, m.column).alias(f"s{i}") for i, m in enumerate(measures)]
    rows = aside.groupBy("class", "reason").agg(F.count("*").alias("n"), *sums).collect()
    return {
        (r["class"], r["reason"]): Totals(records=r["n"], sums=sums_of([r], measures, where))
        for r in sorted(rows, key=lambda r: (r["class"], r["reason"]))
    }


def _amount_type(contract: Contract, measure: Measure) -> str:
    kind = next(c.type for c in contract.columns if c.name == measure.column)
    decimal = kind.kind is Kind.DECIMAL
    return f"decimal({kind.precision},{kind.scale})" if decimal else "decimal(19,0)"
