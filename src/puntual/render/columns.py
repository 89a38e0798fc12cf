"""
A report's columns by kind: the one place that reads DuckDB's words for types.

A column is a tuple of values; nothing here looks at one row.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal, localcontext

from puntual.model.contract import Kind
from puntual.model.report import Layout
from puntual.render.problems import LayoutProblem

DIGITS = 120
"""Precision of sums: 38 digits of a decimal, and room for any number of rows."""

_DECIMAL = re.compile(r"(?:DECIMAL|NUMERIC)\((\d+),\s*(\d+)\)")
_KINDS = {
    "VARCHAR": Kind.TEXT,
    "TEXT": Kind.TEXT,
    "TINYINT": Kind.INTEGER,
    "SMALLINT": Kind.INTEGER,
    "INTEGER": Kind.INTEGER,
    "BIGINT": Kind.INTEGER,
    "HUGEINT": Kind.INTEGER,
    "UTINYINT": Kind.INTEGER,
    "USMALLINT": Kind.INTEGER,
    "UINTEGER": Kind.INTEGER,
    "UBIGINT": Kind.INTEGER,
    "UHUGEINT": Kind.INTEGER,
    "DECIMAL": Kind.DECIMAL,
    "NUMERIC": Kind.DECIMAL,
    "DATE": Kind.DATE,
    "TIMESTAMP": Kind.TIMESTAMP,
    "TIMESTAMPTZ": Kind.TIMESTAMP,
    "TIMESTAMP WITH TIME ZONE": Kind.TIMESTAMP,
    "BOOLEAN": Kind.BOOLEAN,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """
    A named column of a report.

    Attributes:
        name: As report.sql names it.
        kind: Its kind.
        scale: Decimals of its type; 0 for an integer; None when the type does not say.
        values: In row order.
    """

    name: str
    kind: Kind
    scale: int | None
    values: tuple[object, ...]


def kind_of(type_name: str) -> tuple[Kind, int | None] | None:
    """Return the kind and scale that a type in DuckDB's words has; None for no exact one."""
    found = _DECIMAL.fullmatch(type_name.strip().upper())
    if found:
        return Kind.DECIMAL, int(found.group(2))
    kind = _KINDS.get(type_name.strip().upper())
    if kind is None:
        return None
    return kind, 0 if kind is Kind.INTEGER else None


def columns_of(
    layout: Layout,
    names: Sequence[str],
    types: Sequence[str],
    columns: Sequence[tuple[object, ...]],
) -> tuple[tuple[Column, ...], tuple[LayoutProblem, ...]]:
    """
    Pair a report's columns with the layout's detail fields, in the order of the fields.

    Returns:
        The columns, and what stands in the way (L3007, L3008); with a problem, no column.
    """
    problems = (*_mismatches(layout, names), *_inexact(names, types))
    if problems:
        return (), problems
    found = {
        name: _column(name, type_name, values)
        for name, type_name, values in zip(names, types, columns, strict=True)
    }
    return tuple(found[f.name] for f in layout.detail), ()


def total(column: Column) -> Decimal:
    """Return the exact sum of a numeric column; nulls are left out."""
    with localcontext(Context(prec=DIGITS)):
        present: list[Decimal | int] = [v for v in column.values if v is not None]  # type: ignore[misc]
        return Decimal(sum(present, Decimal(0)))


def _column(name: str, type_name: str, values: tuple[object, ...]) -> Column:
    known = kind_of(type_name)
    kind, scale = known if known else (Kind.TEXT, None)
    return Column(name=name, kind=kind, scale=scale, values=values)


def _mismatches(layout: Layout, names: Sequence[str]) -> Iterator[LayoutProblem]:
    fields = [f.name for f in layout.detail]
    for name in sorted({*names} ^ {*fields}):
        where = "report.sql has no such column" if name in fields else "the layout does not show it"
        yield LayoutProblem(
            code="L3008",
            field=name,
            sentence=f"{name}: {where}",
            expected=", ".join(fields),
            observed=", ".join(names),
        )
    for name in sorted({n for n in names if names.count(n) > 1}):
        yield LayoutProblem(code="L3008", field=name, sentence=f"{name} stands twice in report.sql")


def _inexact(names: Sequence[str], types: Sequence[str]) -> Iterator[LayoutProblem]:
    for name, type_name in zip(names, types, strict=True):
        if kind_of(type_name) is None:
            yield LayoutProblem(
                code="L3007",
                field=name,
                sentence=f"{name} has no exact form in a file",
                expected="DECIMAL, VARCHAR, DATE, TIMESTAMP, BIGINT or BOOLEAN",
                observed=type_name,
            )
