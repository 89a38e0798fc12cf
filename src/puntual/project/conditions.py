"""Conditions as SQL trees: small pieces that the questions of lineage are made of."""

from __future__ import annotations

from collections.abc import Iterable

from sqlglot import exp

Query = exp.Query
"""A question as SQL; whoever asks hands it on and does not look into it."""


def counted(condition: exp.Expr, place: tuple[str, ...]) -> exp.Expr:
    """
    Return a count of the rows for which a condition is true.

    Args:
        condition: Over the rows.
        place: Columns by which a row that stands several times is counted once; empty: rows.
    """
    rows: exp.Expr = exp.Count(this=exp.Star())
    if place:
        row = exp.func("row", *(exp.column(c) for c in place))
        rows = exp.Count(this=exp.Distinct(expressions=[row]))
    return exp.Filter(this=rows, expression=only_where(condition))


def only_where(condition: exp.Expr) -> exp.Where:
    """Return the WHERE of a FILTER."""
    return exp.Where(this=condition)


def is_true(condition: exp.Expr) -> exp.Expr:
    """Return what is false where a condition is null."""
    return exp.Is(this=exp.Paren(this=condition), expression=exp.true())


def all_of(conditions: Iterable[exp.Expr]) -> exp.Expr:
    """Return what is true where all are; of none, true."""
    found = list(conditions)
    return exp.and_(*found) if found else exp.true()


def alike(one: str, keys: tuple[str, ...], other: str) -> exp.Expr:
    """Return the condition that a group's keys are those of a list of groups, nulls alike."""
    return all_of(
        same(exp.column(k, table=one), exp.column(f"k{i}", table=other)) for i, k in enumerate(keys)
    )


def same(left: exp.Expr, right: exp.Expr) -> exp.Expr:
    """Return what is true where both are equal or both are null."""
    return exp.NullSafeEQ(this=left, expression=right)


def held_by(node: exp.Expr | None) -> exp.Expr | None:
    """Return what a clause holds; None of none."""
    if node is None:
        return None
    held = node.this
    return held if isinstance(held, exp.Expr) else None
