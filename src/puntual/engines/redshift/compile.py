"""
One SELECT from DuckDB's dialect to Redshift's, where both answer alike (design 4.6).

What is carried over is a list: a function that is not on it has not been shown to be the same,
and is refused. So is what both accept and read otherwise, which no error would ever tell.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import partial

from sqlglot import exp

from puntual.engines.dialect.carried import Carried
from puntual.engines.dialect.sql import compile_sql, inexact

TEXT = "VARCHAR(65535)"
"""The longest text of Redshift, in bytes of UTF-8."""

_FUNCTIONS = (
    exp.Abs, exp.And, exp.Case, exp.Cast, exp.Ceil, exp.Coalesce, exp.Count, exp.DateDiff,
    exp.Day, exp.DenseRank, exp.Exists, exp.Extract, exp.FirstValue, exp.Floor, exp.Greatest,
    exp.If, exp.Lag, exp.LastValue, exp.Lead, exp.Least, exp.Left, exp.Length, exp.LogicalAnd,
    exp.LogicalOr, exp.Lower, exp.Max, exp.Min, exp.Month, exp.Nullif, exp.Or, exp.Pad, exp.Rank,
    exp.Replace, exp.Right, exp.Round, exp.RowNumber, exp.Substring, exp.Sum, exp.TimestampTrunc,
    exp.Trim, exp.Upper, exp.Year,
)  # fmt: skip
"""Shown alike on DuckDB and on the stage's PostgreSQL (tests/parity), and by AWS's pages."""

_REFUSED: Mapping[type[exp.Expr], str] = {
    exp.IgnoreNulls: "IGNORE NULLS is not read alike",
    exp.RespectNulls: "RESPECT NULLS is not read alike",
    exp.IntDiv: "// has no exact counterpart",
    exp.ILike: "ILIKE knows ASCII letters only there",
    exp.Glob: "GLOB is not known there",
    exp.SimilarTo: "SIMILAR TO is not read alike",
    exp.TableSample: "a sample is another one each time",
    exp.Bracket: "lists are not known there",
    exp.Slice: "lists are not known there",
    exp.Lambda: "lists are not known there",
    exp.Pivot: "PIVOT and UNPIVOT are not read alike",
    exp.Distance: "distances are floats",
}
_CARRIED = Carried(
    functions=_FUNCTIONS,
    refused=_REFUSED,
    units=frozenset({"YEAR", "QUARTER", "MONTH", "WEEK", "DAY"}),
    parts=frozenset({"YEAR", "QUARTER", "MONTH", "DAY", "DOW", "DAYOFWEEK"}),
)


def compile_query(sql: str, params: Mapping[str, object]) -> str:
    """
    Return the statement for Redshift, its parameters as `:name`, each with its type.

    The Data API hands every value over as text, so the type stands in the statement. A null is
    written where it stands.

    Args:
        sql: One SELECT with `:name` parameters.
        params: Their values.

    Raises:
        ProjectError: Q1003 something in it is not answered alike there.
        PermanentError: Q1001 it is no SQL.
    """
    return compile_sql(sql, "redshift", names=params, prepare=partial(_prepare, params))


def texts(params: Mapping[str, object]) -> dict[str, str]:
    """Return the values as the Data API takes them; a null is in the statement."""
    return {name: _text(value) for name, value in params.items() if value is not None}


def _prepare(params: Mapping[str, object], tree: exp.Expr) -> exp.Expr:
    for node in tree.walk():
        why = _why_not(node)
        if why:
            raise inexact("redshift", why)
    return (
        tree.transform(_filtered)
        .transform(_distinct)
        .transform(_texted)
        .transform(partial(_typed, params))
    )


def _why_not(node: exp.Expr) -> str:
    """Return why a node is not carried over; "" where it is."""
    why = _CARRIED.why_not(node)
    if why:
        return why
    match node:
        case exp.Like():
            return _like(node)
        case exp.Substring() | exp.Left() | exp.Right():
            return _cut(node)
        case exp.DateDiff() if node.text("unit").upper() not in ("DAY", ""):
            return f"DATE_DIFF by {node.text('unit').lower()}"
        case exp.Window():
            return _window(node)
        case exp.Distinct() if node.args.get("on"):
            return "DISTINCT ON is not known there"
    return ""


def _like(node: exp.Like) -> str:
    """A backslash is an escape there and an ordinary character in DuckDB."""
    pattern = node.expression
    plain = isinstance(pattern, exp.Literal) and pattern.is_string and "\\" not in pattern.name
    return "" if plain else "a pattern of LIKE that is no plain text, or holds a backslash"


def _cut(node: exp.Expr) -> str:
    """DuckDB counts a negative place from the end."""
    bounds = [
        part
        for name in ("start", "length", "expression")
        if isinstance(part := node.args.get(name), exp.Expr)
    ]
    if all(isinstance(b, exp.Literal) and not b.is_string and int(b.name) > 0 for b in bounds):
        return ""
    return f"{node.key.upper()} with a place that is not a number from 1"


def _window(node: exp.Window) -> str:
    """Redshift has frames of ROWS alone, and none by default behind an aggregate's ORDER BY."""
    spec = node.args.get("spec")
    if spec is None:
        summed = isinstance(node.this, exp.AggFunc) and not isinstance(node.this, _RANKS)
        if summed and node.args.get("order"):
            return "an aggregate OVER (ORDER BY …) without a frame: write ROWS BETWEEN …"
        return ""
    if spec.text("kind").upper() != "ROWS" or spec.args.get("exclude"):
        return "a frame that is not of ROWS"
    return ""


_RANKS = (
    exp.RowNumber, exp.Rank, exp.DenseRank, exp.Lag, exp.Lead,
)  # fmt: skip


def _filtered(node: exp.Expr) -> exp.Expr:
    """Write `agg(x) FILTER (WHERE c)`, which Redshift lacks, as `agg(CASE WHEN c THEN x END)`."""
    if not isinstance(node, exp.Filter):
        return node
    found, kept = node.this.copy(), node.expression.this
    if not isinstance(found, exp.Sum | exp.Min | exp.Max | exp.Count):
        raise inexact("redshift", f"FILTER of {found.key}")
    value = found.this
    if isinstance(value, exp.Distinct):
        raise inexact("redshift", "FILTER of DISTINCT values: write it as CASE")
    counted = exp.Literal.number(1) if isinstance(value, exp.Star) else value.copy()
    found.set("this", exp.Case(ifs=[exp.If(this=kept.copy(), true=counted)]))
    return found


def _distinct(node: exp.Expr) -> exp.Expr:
    """Write IS [NOT] DISTINCT FROM, which Redshift lacks, by comparisons that are never null."""
    if not isinstance(node, exp.NullSafeEQ | exp.NullSafeNEQ):
        return node
    left, right = node.left, node.right
    same = exp.or_(
        exp.Coalesce(
            this=exp.EQ(this=left.copy(), expression=right.copy()), expressions=[exp.false()]
        ),
        exp.and_(
            exp.Is(this=left.copy(), expression=exp.null()),
            exp.Is(this=right.copy(), expression=exp.null()),
        ),
    )
    return exp.paren(same) if isinstance(node, exp.NullSafeEQ) else exp.not_(exp.paren(same))


def _texted(node: exp.Expr) -> exp.Expr:
    """Give text a length: without one it has 256 bytes there."""
    if isinstance(node, exp.DataType) and node.is_type("text", "varchar") and not node.expressions:
        return exp.DataType.build(TEXT, dialect="redshift")
    return node


def _typed(params: Mapping[str, object], node: exp.Expr) -> exp.Expr:
    """Give a parameter its type."""
    if not isinstance(node, exp.Placeholder | exp.Parameter) or node.name not in params:
        return node
    if isinstance(node.parent, exp.Cast) and node.parent.meta.get("puntual"):
        return node
    value = params[node.name]
    if value is None:
        return exp.null()
    made = exp.cast(node.copy(), _type(value), dialect="redshift")
    made.meta["puntual"] = True
    return made


def _type(value: object) -> str:
    match value:
        case bool():
            return "BOOLEAN"
        case int():
            return "BIGINT"
        case Decimal():
            scale = max(0, -int(value.as_tuple().exponent))
            return f"DECIMAL(38, {scale})"
        case datetime():
            return "TIMESTAMPTZ" if value.tzinfo else "TIMESTAMP"
        case date():
            return "DATE"
    return TEXT


def _text(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case Decimal():
            return format(value, "f")
        case datetime() | date():
            return value.isoformat()
    return str(value)
