"""
The rows that break a rule, found by SQL.

Every rule becomes a SELECT in DuckDB's dialect whose rows offend, and is carried over like the
project's own SQL. What the number of rows means for the delivery is judged elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import assert_never

from pyspark import StorageLevel
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql import types as t

from puntual.engines.dialect.judged import SAMPLE, day_end, freshness, mentions, sums_compared
from puntual.engines.dialect.sql import quote
from puntual.engines.spark.arrow import fetch, quoted
from puntual.engines.spark.files import write_one
from puntual.engines.spark.order import ORIGIN
from puntual.engines.spark.sums import exact_sum
from puntual.engines.spark.tables import Tables
from puntual.errors import ProjectError
from puntual.model.check import (
    AcceptedValues,
    Check,
    Fresh,
    NotNull,
    Reference,
    RowRule,
    SqlRows,
    SumEquals,
    Unique,
)
from puntual.model.finding import Place
from puntual.ports.engine import Offending


@dataclass(frozen=True, slots=True, kw_only=True)
class _Question:
    """The rows that offend, and what was observed for a rule whose answer is no row."""

    rows: DataFrame
    observed: str = ""
    extra: int = 0


def offending(tables: Tables, check: Check, measures: tuple[str, ...], folder: str) -> Offending:
    """
    Find the rows that break a rule; see `Engine.offending`.

    Raises:
        ProjectError: Q1003 its SQL is not the same on Spark.
        PermanentError: Q1005 a sum is compared with what is no exact number.
    """
    tables.show(check.dataset, *mentions(check.rule))
    if isinstance(check.rule, SumEquals):
        return _sum_equals(tables, check, check.rule)
    question = _question(tables, check)
    names = question.rows.columns
    kept = [n for n in (*ORIGIN, *measures) if n in names]
    placed = set(ORIGIN) <= set(names)
    chosen = [question.rows[quoted(n)] for n in kept] or [F.lit(1).alias("one")]
    found = question.rows.select(*chosen).persist(StorageLevel.MEMORY_AND_DISK)
    rows = found.count()
    if not rows:
        found.unpersist()
        zeros = {m: Decimal(0) for m in measures if placed or m in names}
        return Offending(rows=question.extra, amounts=zeros, observed=question.observed)
    offence = Offending(
        rows=rows + question.extra,
        amounts=_amounts(tables, check, measures, found, placed=placed),
        sample=_sample(found) if placed else (),
        path=_write_places(found, check, folder) if placed else "",
        observed=question.observed,
    )
    found.unpersist()
    return offence


def _question(tables: Tables, check: Check) -> _Question:
    rule, table = check.rule, quote(check.dataset)
    match rule:
        case NotNull():
            nulls = " OR ".join(f"{quote(c)} IS NULL" for c in rule.columns)
            return _ask(tables, f"SELECT * FROM {table} WHERE {nulls}")
        case Unique():
            return _Question(rows=_repeated(tables.open[check.dataset], rule.columns))
        case AcceptedValues():
            return _Question(rows=_not_accepted(tables.open[check.dataset], rule, check))
        case Reference():
            value = quote(rule.column)
            return _ask(
                tables,
                f"SELECT d.* FROM {table} AS d ANTI JOIN (SELECT {quote(rule.to_column)} AS k "
                f"FROM {quote(rule.dataset)}) AS r ON d.{value} = r.k WHERE d.{value} IS NOT NULL",
            )
        case RowRule():
            # Null is not true.
            broken = f"NOT coalesce(({rule.expression}\n), false)"
            return _ask(tables, f"SELECT * FROM {table} WHERE {broken}")
        case SqlRows():
            return _ask(tables, rule.sql)
        case Fresh():
            return _fresh(tables, check, rule)
        case SumEquals():
            raise ValueError("a sum has no offending rows")
        case _:
            assert_never(rule)


def _ask(tables: Tables, sql: str) -> _Question:
    return _Question(rows=tables.run(sql))


def _repeated(rows: DataFrame, columns: Sequence[str]) -> DataFrame:
    """Return every row of a key that stands more than once."""
    keys = rows.groupBy(*(rows[quoted(c)].alias(f"k{i}") for i, c in enumerate(columns))).count()
    twice = F.broadcast(keys.where("count > 1")) if not columns else keys.where("count > 1")
    same = [rows[quoted(c)].eqNullSafe(twice[f"k{i}"]) for i, c in enumerate(columns)]
    return rows.join(twice, same, "left_semi")


def _not_accepted(rows: DataFrame, rule: AcceptedValues, check: Check) -> DataFrame:
    value = rows[quoted(rule.column)]
    kind = rows.schema[rule.column].dataType
    if isinstance(kind, t.TimestampType | t.TimestampNTZType):
        raise ProjectError(
            "Q1003",
            "The statement cannot be carried over to spark exactly: instants have no one text.",
            where=check.id,
            expected="accepted values of a text, number, date or boolean",
            observed=kind.simpleString(),
            next_step="Write a `row:` rule that compares instants.",
        )
    text = value.cast("string")
    if isinstance(kind, t.DecimalType) and kind.precision == kind.scale:
        # DuckDB writes no digit before the point then.
        text = F.regexp_replace(text, "^(-?)0\\.", "$1.")
    inside = text.isin(*rule.values) if rule.values else F.lit(False)
    return rows.where(value.isNotNull() & ~inside)


def _fresh(tables: Tables, check: Check, rule: Fresh) -> _Question:
    """Compare with the end of the reference date, in the project's zone; exclusive."""
    rows, day = tables.open[check.dataset], tables.day
    column = rows[quoted(rule.column)]
    is_date = isinstance(rows.schema[rule.column].dataType, t.DateType)
    end = day_end(day.reference_date, day.zone)
    after = column > F.lit(day.reference_date) if is_date else column >= F.lit(end)
    newest = fetch(rows.where(~after).agg(F.max(column).alias("newest")))["newest"][0].as_py()
    observed, extra = freshness(
        rule, newest, reference_date=day.reference_date, zone=day.zone, is_date=is_date
    )
    return _Question(
        rows=rows.where(after),
        observed=observed,
        extra=extra,
    )


def _sum_equals(tables: Tables, check: Check, rule: SumEquals) -> Offending:
    rows = tables.open[check.dataset]
    left = rows.agg(exact_sum(rows, rule.column)).collect()[0][0]
    answers = fetch(tables.run(rule.query))
    single = answers.num_rows == 1 and answers.num_columns == 1
    right = answers.column(0)[0].as_py() if single else None
    return sums_compared(check, rule, left or 0, right)


def _amounts(
    tables: Tables, check: Check, measures: tuple[str, ...], found: DataFrame, *, placed: bool
) -> dict[str, Decimal]:
    """Sum measures over the offending rows; by place where the rows do not carry them."""
    source, known = found, [m for m in measures if m in found.columns]
    if len(known) < len(measures) and placed and check.dataset in tables.open:
        places = found.select(*ORIGIN)
        source, known = tables.open[check.dataset].join(places, [*ORIGIN], "left_semi"), [*measures]
    if not known:
        return {}
    (answer,) = source.agg(*(exact_sum(source, m) for m in known)).collect()
    return {m: Decimal(a or 0) for m, a in zip(known, answer, strict=True)}


def _places(found: DataFrame) -> DataFrame:
    return found.select(*ORIGIN).where("_object IS NOT NULL").distinct()


def _sample(found: DataFrame) -> tuple[Place, ...]:
    rows = _places(found).orderBy(*ORIGIN).limit(SAMPLE).collect()
    return tuple(Place(object=o, position=int(p)) for o, p in rows)


def _write_places(found: DataFrame, check: Check, folder: str) -> str:
    return write_one(_places(found), folder, f"{check.id}.offending", ORIGIN)
