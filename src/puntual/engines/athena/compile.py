"""
One SELECT from DuckDB's dialect to Athena's (Trino), where both answer alike (design 4.6).

What is carried over is a list: a function that is not on it has not been shown to be the same,
and is refused. So is what both accept and read otherwise: Trino sorts nulls last in either
direction as DuckDB does, but its GREATEST is null where one value is, its products of decimals
must fit 38 digits, and its division of integers cuts.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import partial

from sqlglot import exp

from puntual.engines.dialect.carried import Carried
from puntual.engines.dialect.sql import compile_sql, inexact, literal

_FUNCTIONS = (
    exp.Abs, exp.And, exp.Case, exp.Cast, exp.Ceil, exp.Coalesce, exp.Count, exp.Day,
    exp.DenseRank, exp.Exists, exp.Extract, exp.FirstValue, exp.Floor, exp.If, exp.Lag,
    exp.LastValue, exp.Lead, exp.Length, exp.LogicalAnd, exp.LogicalOr, exp.Lower, exp.Max,
    exp.Min, exp.Month, exp.Nullif, exp.Or, exp.Rank, exp.Replace, exp.Round, exp.RowNumber,
    exp.Substring, exp.Sum, exp.TimestampTrunc, exp.Trim, exp.Upper, exp.Year,
)  # fmt: skip
"""Shown alike on DuckDB and by Trino's pages."""

_REFUSED: Mapping[type[exp.Expr], str] = {
    exp.IgnoreNulls: "IGNORE NULLS is not read alike",
    exp.RespectNulls: "RESPECT NULLS is not read alike",
    exp.IntDiv: "// has no exact counterpart",
    exp.ILike: "ILIKE folds letters of other languages otherwise",
    exp.Glob: "GLOB is not known there",
    exp.SimilarTo: "SIMILAR TO is not known there",
    exp.TableSample: "a sample is another one each time",
    exp.Bracket: "lists are not read alike",
    exp.Slice: "lists are not read alike",
    exp.Lambda: "lists are not read alike",
    exp.Pivot: "PIVOT and UNPIVOT are not read alike",
    exp.Distance: "distances are floats",
}
_CARRIED = Carried(
    functions=_FUNCTIONS,
    refused=_REFUSED,
    units=frozenset({"YEAR", "QUARTER", "MONTH", "WEEK", "DAY"}),
    parts=frozenset({"YEAR", "QUARTER", "MONTH", "DAY"}),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A column by which rows are ordered."""

    name: str
    descending: bool
    nulls_first: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiled:
    """
    A statement for Athena.

    Attributes:
        sql: The SELECT; it brings what its rows are ordered by along, behind its own columns.
        keys: Those columns, in order.
    """

    sql: str
    keys: tuple[Key, ...]


def compile_query(
    sql: str,
    params: Mapping[str, object],
    *,
    names: Sequence[str],
    instants: Collection[str] = (),
    limit: int | None = None,
) -> Compiled:
    """
    Return the statement for Athena, each parameter written where it stands, with its type.

    Args:
        sql: One SELECT with `:name` parameters.
        params: Their values.
        names: Those of its columns in DuckDB; rows are read by them, for Athena puts a table's
            day behind its columns and names nothing that has no name.
        instants: Columns of timestamps: Athena reads those of Parquet to the millisecond.
        limit: So many rows are enough.

    Raises:
        ProjectError: Q1003 something in it is not answered alike there.
        PermanentError: Q1001 it is no SQL.
    """
    found: list[Key] = []
    known = frozenset(name.lower() for name in instants)

    def prepare(tree: exp.Expr) -> exp.Expr:
        _see(tree, known)
        ready = tree.transform(partial(_given, params)).transform(_instants).transform(_named)
        _name(ready, names)
        found.extend(_keys(ready))
        if limit is not None and isinstance(ready, exp.Query) and not ready.args.get("limit"):
            ready = ready.limit(limit)
        return ready

    text = compile_sql(sql, "athena", names=params, prepare=prepare)
    return Compiled(sql=text, keys=tuple(found))


def unload(select: str, target: str) -> str:
    """
    Return the statement that writes a SELECT's rows as Parquet, which keeps their types.

    Args:
        select: In Athena's words.
        target: `s3://` address of a folder that is empty; ends with a stroke.
    """
    return f"UNLOAD ({select}) TO {literal(target)} WITH (format = 'PARQUET', compression = 'ZSTD')"


def _see(tree: exp.Expr, instants: frozenset[str]) -> None:
    for node in tree.walk():
        why = _why_not(node)
        timed = isinstance(node, exp.Column) and node.name.lower() in instants
        if timed or (instants and isinstance(node, exp.Star) and not _counted(node)):
            why = "an instant, which Athena reads to the millisecond: take a column of dates"
        if why:
            raise inexact("athena", why)


def _counted(star: exp.Expr) -> bool:
    return isinstance(star.parent, exp.Count)


def _name(tree: exp.Expr, names: Sequence[str]) -> None:
    """Give every column of the answer the name that it has in DuckDB."""
    if len({name.lower() for name in names}) < len(names):
        raise inexact("athena", "two columns of one name")
    select = tree
    while isinstance(select, exp.SetOperation):
        select = select.left
    if not isinstance(select, exp.Select):
        return
    plain = [not isinstance(e, exp.Alias | exp.Column | exp.Star) for e in select.expressions]
    if any(plain) and any(e.is_star for e in select.expressions):
        raise inexact("athena", "* beside a column without a name: write AS")
    if any(plain):
        named = zip(select.expressions, plain, names, strict=True)
        select.set(
            "expressions",
            [exp.alias_(e.copy(), name, quoted=True) if bare else e for e, bare, name in named],
        )


def _keys(tree: exp.Expr) -> list[Key]:
    """Let a SELECT bring along what its rows are ordered by: UNLOAD keeps no order."""
    order = tree.args.get("order")
    if order is None:
        return []
    if not isinstance(tree, exp.Select) or tree.args.get("distinct"):
        return [_key(_output(tree, one.this), one) for one in order.expressions]
    found = []
    outputs = {e.alias_or_name.lower(): e.unalias() for e in tree.expressions}
    asked = list(tree.expressions)
    for number, one in enumerate(order.expressions, start=1):
        key = one.this
        if isinstance(key, exp.Literal) and not key.is_string:
            key = asked[int(key.name) - 1].unalias()
        elif isinstance(key, exp.Column) and not key.table and key.name.lower() in outputs:
            key = outputs[key.name.lower()]
        name = f"puntual_order_{number}"
        tree.append("expressions", exp.alias_(key.copy(), name))
        found.append(_key(name, one))
    return found


def _key(name: str, one: exp.Expr) -> Key:
    down, first = (bool(one.args.get(a)) for a in ("desc", "nulls_first"))
    return Key(name=name, descending=down, nulls_first=first)


def _output(tree: exp.Expr, key: exp.Expr) -> str:
    """Return the name of an output column that rows are ordered by."""
    names = tree.named_selects if isinstance(tree, exp.Query) else []
    if isinstance(key, exp.Literal) and not key.is_string and int(key.name) <= len(names):
        return str(names[int(key.name) - 1])
    if isinstance(key, exp.Column) and key.name in names:
        return str(key.name)
    raise inexact("athena", "ORDER BY of something that is no column of the answer")


def _named(node: exp.Expr) -> exp.Expr:
    """Quote names that begin with a low line, and let TRIM take blanks alone, as in DuckDB."""
    if isinstance(node, exp.Identifier) and node.name.startswith("_"):
        return exp.to_identifier(node.name, quoted=True)
    if isinstance(node, exp.Trim) and not node.args.get("expression"):
        node.set("expression", exp.Literal.string(" "))
        node.set("position", node.args.get("position") or "BOTH")
    return node


def _why_not(node: exp.Expr) -> str:
    """Return why a node is not carried over; "" where it is."""
    why = _CARRIED.why_not(node)
    if why:
        return why
    match node:
        case exp.Like():
            pattern = node.expression
            if not (isinstance(pattern, exp.Literal) and pattern.is_string):
                return "a pattern of LIKE that is no plain text"
        case exp.Substring():
            bounds = [node.args.get("start"), node.args.get("length")]
            if not all(_counts(b) for b in bounds if b is not None):
                return "SUBSTRING with a place that is not a number from 1"
        case exp.Distinct() if node.args.get("on"):
            return "DISTINCT ON"
        case exp.DataType() if node.is_type("int128", "uint128", "ubigint", "uint"):
            return f"the type {node.sql('duckdb')}"
    return ""


def _counts(bound: exp.Expr) -> bool:
    return isinstance(bound, exp.Literal) and not bound.is_string and int(bound.name) > 0


def _instants(node: exp.Expr) -> exp.Expr:
    """Keep microseconds: a timestamp of Trino has milliseconds unless it says more."""
    if not isinstance(node, exp.DataType) or node.expressions:
        return node
    if node.is_type("timestamptz", "timestamp"):
        six = exp.DataTypeParam(this=exp.Literal.number(6))
        return exp.DataType(this=node.this, expressions=[six])
    return node


def _given(params: Mapping[str, object], node: exp.Expr) -> exp.Expr:
    """Write a parameter's value, quoted by the compiler, with its type."""
    if not isinstance(node, exp.Placeholder | exp.Parameter) or node.name not in params:
        return node
    match params[node.name]:
        case None:
            return exp.null()
        case bool() as value:
            return exp.true() if value else exp.false()
        case int() as value:
            return exp.cast(exp.Literal.number(value), "BIGINT")
        case Decimal() as value:
            scale = max(0, -int(value.as_tuple().exponent))
            text = exp.Literal.string(format(value, "f"))
            return exp.cast(text, f"DECIMAL(38, {scale})")
        case datetime() as value:
            kind = "TIMESTAMPTZ" if value.tzinfo else "TIMESTAMP"
            return exp.cast(exp.Literal.string(value.isoformat(sep=" ")), kind)
        case date() as value:
            return exp.cast(exp.Literal.string(value.isoformat()), "DATE")
        case value:
            return exp.Literal.string(str(value))
