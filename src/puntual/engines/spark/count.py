"""A raw day counted and summed."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Context, Decimal
from functools import reduce
from zoneinfo import ZoneInfo

from pyspark.sql import Column
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.types import DecimalType

from puntual.checks.reconcile import DIGITS
from puntual.engines.spark.curate import value
from puntual.engines.spark.stage import Staged
from puntual.model.contract import Kind
from puntual.model.seal import Landed


def count(staged: Staged) -> Landed:
    """Count records, sum measures, and say which other days are named."""
    contract = staged.raw.contract
    frame = staged.frame
    sums = []
    for i, measure in enumerate(contract.measures):
        name = value(contract, measure.column)
        kind = frame.schema[name].dataType
        wide = DecimalType(38, kind.scale if isinstance(kind, DecimalType) else 0)
        sums.append(F.sum(F.when(~F.col("unread"), F.col(name).cast(wide))).alias(f"s{i}"))
    rows = (
        frame.groupBy(_other_day(staged).alias("day"))
        .agg(
            F.count("*").alias("n"),
            F.count(F.when(F.col("unread"), 1)).alias("unread"),
            *sums,
        )
        .collect()
    )
    rows.sort(key=lambda r: (r["day"] is None, r["day"] or date.min))
    return Landed(
        records=sum(r["n"] for r in rows),
        unreadable=sum(r["unread"] for r in rows),
        sums={
            m.column: reduce(
                Context(prec=DIGITS).add,
                (r[f"s{i}"] for r in rows if r[f"s{i}"] is not None),
                Decimal(0),
            )
            for i, m in enumerate(contract.measures)
        },
        other_days={r["day"].isoformat(): r["n"] for r in rows if r["day"] is not None},
    )


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
