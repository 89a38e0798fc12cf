"""Exact sums of measures, of at most 38 digits: Spark's own, and those of several of its rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Context, Decimal
from functools import reduce

from pyspark.sql import Column, DataFrame, Row
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.types import DecimalType

from puntual.checks.reconcile import DIGITS
from puntual.engines.spark.arrow import quoted
from puntual.engines.spark.session import too_large
from puntual.model.contract import Measure

_MOST = 38


def exact_sum(rows: DataFrame, column: str) -> Column:
    """Return the sum of a column of decimals or integers, of up to 38 digits, or an error."""
    kind = rows.schema[column].dataType
    scale = kind.scale if isinstance(kind, DecimalType) else 0
    return F.sum(rows[quoted(column)].cast(DecimalType(_MOST, scale)))


def sums_of(rows: Sequence[Row], measures: Sequence[Measure], where: str) -> dict[str, Decimal]:
    """
    Return by column the exact sums of rows that have sums `s<i>`; over no value it is 0.

    Raises:
        PermanentError: Q1002 a sum has more than 38 digits.
    """
    return {
        measure.column: _added((row[f"s{i}"] for row in rows), where)
        for i, measure in enumerate(measures)
    }


def _added(sums: Iterable[Decimal | None], where: str) -> Decimal:
    total = reduce(Context(prec=DIGITS).add, (s for s in sums if s is not None), Decimal(0))
    if len(total.as_tuple().digits) > _MOST:
        raise too_large(where, "a sum over several files or tasks")
    return total
