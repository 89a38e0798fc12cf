"""
The SQL of measures: what one reading of one place answers for every control that asks it.

It is written in DuckDB's dialect from functions that mean the same on every engine, and carried
over by the engine that is asked (design 4.6). Controls that read the same rows at the same grain
share one reading.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from puntual.model.control import Asked, MeasureKind, Refers, Side, Term

DAY = "reference_date"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """One reading: a place, a condition on its rows, and the columns it is grouped by."""

    side: Side
    by: tuple[str, ...] = ()
    where: str = ""
    refers: Refers | None = None


def scan_of(term: Term) -> Scan:
    """Return the reading that answers a term."""
    return Scan(side=term.side, by=term.by, where=term.where, refers=term.refers)


def scans(terms: Iterable[Term]) -> Mapping[Scan, tuple[Asked, ...]]:
    """Return each reading once, with everything that is asked of it, in order."""
    found: dict[Scan, dict[Asked, None]] = {}
    for term in terms:
        found.setdefault(scan_of(term), {}).update(dict.fromkeys(term.asked))
    return {scan: tuple(asked) for scan, asked in found.items()}


def measures_sql(
    scan: Scan,
    asked: Iterable[Asked],
    source: str,
    *,
    day: date | None,
    extra: str = "",
    nulls: bool = True,
) -> str:
    """
    Return the SELECT that answers a reading.

    Args:
        scan: What is read.
        asked: What is measured.
        source: What stands behind FROM: a quoted table, or a SELECT in parentheses.
        day: The day whose rows are read; None where the source holds one day alone.
        extra: A further condition on a row `s`; "" for none.
        nulls: Whether nulls are counted beside what is added up.

    Returns:
        Columns: those of the grain, the number of rows, then each measure, then, where they are
        counted, how many nulls each column of `summed` holds; a row a group, in no order. Without
        a grain there is one row, also over no rows.
    """
    asked = tuple(asked)
    grouped = [f"s.{quoted(c)}" for c in scan.by]
    measures = [f"{_measure(a)} AS {quoted(a.name)}" for a in asked]
    if nulls:
        measures += [
            f"count(*) - count(s.{quoted(c)}) AS {quoted(f'nulls {c}')}" for c in summed(asked)
        ]
    conditions = [
        f"s.{DAY} = {_date(day)}" if day is not None else "",
        f"({scan.where})" if scan.where else "",
        _refers(scan.refers, day) if scan.refers is not None else "",
        extra,
    ]
    where = " AND ".join(filter(None, conditions))
    group = ", ".join(str(i + 1) for i in range(len(scan.by)))
    listed = ", ".join([*grouped, 'count(*) AS "rows"', *measures])
    return (
        f"SELECT {listed} FROM {source} AS s"
        + (f" WHERE {where}" if where else "")
        + (f" GROUP BY {group}" if group else "")
    )


def in_sql(asked: Iterable[Asked]) -> tuple[Asked, ...]:
    """Return what a SELECT of `measures_sql` answers: all but digests."""
    return tuple(a for a in asked if a.kind is not MeasureKind.DIGEST)


def summed(asked: Iterable[Asked]) -> tuple[str, ...]:
    """Return the columns that are added up, each once: their nulls are counted beside them."""
    return tuple(dict.fromkeys(a.columns[0] for a in asked if a.kind.adds_a_column))


def quoted(name: str) -> str:
    """Quote a name of a column or table."""
    return '"' + name.replace('"', '""') + '"'


def _measure(asked: Asked) -> str:
    columns = [f"s.{quoted(c)}" for c in asked.columns]
    column = columns[0] if columns else ""
    match asked.kind:
        case MeasureKind.COUNT:
            return "count(*)"
        case MeasureKind.COUNT_NEGATIVE:
            return f"count(*) FILTER (WHERE {column} < 0)"
        case MeasureKind.DISTINCT:
            return f"count(DISTINCT {_joined(columns)})"
        case MeasureKind.SUM:
            return f"coalesce(sum({column}), 0)"
        case MeasureKind.SUM_NEGATIVE:
            return f"coalesce(sum({column}) FILTER (WHERE {column} < 0), 0)"
        case MeasureKind.SUM_POSITIVE:
            return f"coalesce(sum({column}) FILTER (WHERE {column} > 0), 0)"
        case MeasureKind.MIN | MeasureKind.MAX:
            return f"{asked.kind.value}({column})"
        case MeasureKind.VALUE | MeasureKind.DIGEST:
            raise ValueError(f"{asked.kind.value} is not measured by this SELECT")


def _joined(columns: list[str]) -> str:
    """Return one value for several columns, another for other values; null if one is null."""
    if len(columns) == 1:
        return columns[0]
    texts = [f"CAST({c} AS VARCHAR)" for c in columns]
    return " || ".join(f"CAST(length({t}) AS VARCHAR) || ':' || {t}" for t in texts)


def _refers(refers: Refers, day: date | None) -> str:
    pairs = zip(refers.columns, refers.to_columns, strict=True)
    same = [f"p.{quoted(there)} = s.{quoted(here)}" for here, there in pairs]
    days = [f"p.{DAY} = {_date(day)}"] if day is not None else []
    conditions = " AND ".join([*days, *same])
    return f"EXISTS (SELECT 1 FROM {quoted(refers.dataset)} AS p WHERE {conditions})"


def _date(day: date | None) -> str:
    assert day is not None  # noqa: S101 - asked where there is one
    return f"CAST('{day.isoformat()}' AS DATE)"
