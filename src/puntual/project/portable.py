"""
What of a project's SQL gives the same answer on another engine, and what is refused.

Only what is known to be the same is let through: a list of what is allowed, not of what is
forbidden, so that a function that a later sqlglot learns is refused until somebody has compared
it. What an engine can be made to do exactly by rewriting (a cast of a decimal to an integer,
blanks that are trimmed, a pattern of RE2) is allowed here and rewritten by that engine.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from puntual.project.complaints import Complaints
from puntual.project.portable_kinds import (
    BOOLEAN,
    DATE,
    DECIMAL,
    INTEGER,
    NULL,
    NUMBERS,
    TEXT,
    TIMESTAMP,
    UNKNOWN,
    Kinds,
    Names,
    kind_of,
    names_of,
    written,
)
from puntual.project.queries import Parsed

Engine = Literal["spark"]

_STRUCTURE = (
    exp.Select, exp.From, exp.Join, exp.Where, exp.Group, exp.Having, exp.Order, exp.Ordered,
    exp.With, exp.CTE, exp.Subquery, exp.Union, exp.Except, exp.Intersect, exp.Distinct, exp.Alias,
    exp.Table, exp.TableAlias, exp.Column, exp.Star, exp.Identifier, exp.Tuple, exp.Paren,
    exp.Exists, exp.Placeholder, exp.Parameter, exp.Var, exp.Qualify,
)  # fmt: skip
_VALUES = (
    exp.Literal, exp.Null, exp.Boolean, exp.DataType, exp.DataTypeParam, exp.Cast,
    exp.Case, exp.If, exp.Coalesce, exp.Nullif, exp.Greatest, exp.Least,
    exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.NullSafeEQ, exp.NullSafeNEQ, exp.Is,
    exp.And, exp.Or, exp.Not, exp.In, exp.Between,
    exp.Add, exp.Sub, exp.Mul, exp.Neg, exp.Abs, exp.Round, exp.Mod,
    exp.Concat, exp.DPipe, exp.Trim, exp.Upper, exp.Lower, exp.Length, exp.Replace, exp.Substring,
    exp.Left, exp.Right, exp.StartsWith, exp.EndsWith, exp.Contains, exp.Like,
    exp.RegexpLike, exp.RegexpFullMatch,
    exp.Year, exp.Month, exp.Day, exp.Extract, exp.DateDiff,
)  # fmt: skip
_TOGETHER = (
    exp.Count, exp.Sum, exp.Min, exp.Max, exp.LogicalAnd, exp.LogicalOr, exp.Filter,
    exp.Window, exp.WindowSpec, exp.RowNumber, exp.Rank, exp.DenseRank, exp.Lag, exp.Lead,
)  # fmt: skip
_ALLOWED = frozenset((*_STRUCTURE, *_VALUES, *_TOGETHER))

_ORDERED = (exp.RowNumber, exp.Rank, exp.DenseRank, exp.Lag, exp.Lead)
_COMPARED = (
    exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.NullSafeEQ, exp.NullSafeNEQ,
    exp.Nullif,
)  # fmt: skip

_REASONS: Mapping[type[exp.Expr], str] = {
    exp.Div: "a division gives a float in DuckDB and a rounded decimal there",
    exp.IntDiv: "a whole division rounds by another rule there",
    exp.Avg: "an average is a float in DuckDB and a rounded decimal there",
    exp.ILike: "upper and lower case are not the same letters there",
    exp.First: "first() depends on an order that nothing fixes",
    exp.Last: "last() depends on an order that nothing fixes",
    exp.AnyValue: "any_value() depends on an order that nothing fixes",
    exp.GroupConcat: "string_agg() depends on an order that nothing fixes",
    exp.ArrayAgg: "lists are not carried over",
    exp.Array: "lists are not carried over",
    exp.Struct: "structures are not carried over",
    exp.Bracket: "lists and structures are not carried over",
    exp.Dot: "structures are not carried over",
    exp.Unnest: "lists are not carried over",
    exp.Interval: "a date and an interval are a timestamp in DuckDB and a date there",
    exp.TryCast: "TRY_CAST takes other texts for numbers and dates there",
    exp.StrToTime: "the letters of a date's format mean other things there",
    exp.TimeToStr: "the letters of a date's format mean other things there",
    exp.TimestampTrunc: "date_trunc() gives another type there",
    exp.DateTrunc: "date_trunc() gives another type there",
    exp.RegexpExtract: "patterns of RE2 find other things there",
    exp.RegexpReplace: "patterns of RE2 find other things there",
    exp.Limit: "LIMIT takes other rows another time",
    exp.Offset: "OFFSET leaves out other rows another time",
    exp.Lateral: "a lateral join is not carried over",
    exp.Values: "a list of values has other types there",
    exp.Rollup: "grouping sets are not carried over",
    exp.Cube: "grouping sets are not carried over",
    exp.GroupingSets: "grouping sets are not carried over",
    exp.Pivot: "a pivot is not carried over",
    exp.CountIf: "count_if() of nothing is null in DuckDB and 0 there: use count(*) FILTER (...)",
    exp.ApproxDistinct: "an estimate is another number there",
    exp.Median: "a median is a float or an estimate there",
}

_ISO_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_SAFE_PATTERN = re.compile(
    r"(?:[A-Za-z0-9 _\-/:;,@#%&=~<>!'\"\u00a1-\u024f]|\\[dDwW.*+?(){}\[\]|^$\\/-]"
    r"|\[\^?(?:[A-Za-z0-9 _./:;,@#%=*+?(){}|$\u00a1-\u024f]|-|\\[dw.\[\]\\^-])+\]"
    r"|[.^$|()*+?]|\{[0-9]{1,3}(?:,[0-9]{0,3})?\})*"
)
_UNSAFE_PATTERN = re.compile(r"\(\?|\*\+|\+\+|\?\+|\}\+|&&|--")


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """
    A construct that cannot be carried over exactly.

    Attributes:
        node: The construct.
        why: What would differ, as the end of a sentence.
    """

    node: exp.Expr
    why: str


def portable(sql: str, engine: Engine, tables: Kinds) -> tuple[Refusal, ...]:
    """
    Return what in a SELECT cannot be carried over to another engine exactly.

    Args:
        sql: The SELECT, in DuckDB's dialect.
        engine: Where it would go.
        tables: The tables that it may read; what kind a column has decides whether a comparison
            or cast is the same there.

    Raises:
        ValueError: It is no SQL.
    """
    try:
        tree = sqlglot.parse_one(sql, read="duckdb")
    except SqlglotError as exc:
        raise ValueError("this is no SQL") from exc
    return tuple(refusals(tree, engine, tables))


def check_portable(parsed: Parsed, engine: Engine, tables: Kinds, complaints: Complaints) -> None:
    """Complain of what in a project's SQL cannot be carried over (C1213)."""
    for refusal in refusals(parsed.tree, engine, tables):
        parsed.snippet.complain(
            complaints,
            "C1213",
            f"not the same on {engine.capitalize()}: {refusal.why}",
            parsed.spot(refusal.node),
            hint="an environment of kind aws runs it there",
        )


def refusals(tree: exp.Expr, engine: Engine, tables: Kinds) -> Iterator[Refusal]:
    """Yield what in a statement cannot be carried over exactly, each construct once."""
    names = names_of(tree, tables)
    for node in tree.walk():
        why = _refused(node) or _misfit(node, names)
        if why:
            yield Refusal(node=node, why=why)


def _refused(node: exp.Expr) -> str:
    """Return why the form alone of a construct is refused; "" where it is not."""
    if isinstance(node, exp.Anonymous):
        return f"the function {str(node.name).lower()}() is not known there"
    if type(node) in _REASONS:
        if isinstance(node, exp.Limit) and _is_whole(node):
            return ""
        return _REASONS[type(node)]
    if type(node) not in _ALLOWED and not isinstance(node, exp.JoinHint):
        return f"{type(node).__name__.upper()} has not been compared on both"
    checked = _FORMS.get(type(node))
    return checked(node) if checked is not None else ""


def _is_whole(limit: exp.Limit) -> bool:
    """Return whether a LIMIT takes no rows, as `LIMIT 0` does."""
    return isinstance(limit.expression, exp.Literal) and limit.expression.name == "0"


def _star(node: exp.Expr) -> str:
    select = node.find_ancestor(exp.Select)
    joins = select.args.get("joins") or [] if select is not None else []
    if not isinstance(node.parent, exp.Count) and any(j.args.get("using") for j in joins):
        return "USING puts columns in another order there: name the columns"
    changed = any(node.args.get(k) for k in ("except_", "except", "replace", "rename"))
    return "EXCLUDE and REPLACE are not carried over: name the columns" if changed else ""


def _join(node: exp.Expr) -> str:
    if str(node.args.get("method") or "").upper() in ("ASOF", "POSITIONAL", "NATURAL"):
        return "this join is not carried over"
    return ""


def _set(node: exp.Expr) -> str:
    return "BY NAME is not carried over" if node.args.get("by_name") else ""


def _distinct(node: exp.Expr) -> str:
    return "DISTINCT ON depends on an order that nothing fixes" if node.args.get("on") else ""


def _window(node: exp.Expr) -> str:
    if isinstance(node.this, _ORDERED) and not node.args.get("order"):
        return "a window without ORDER BY depends on an order that nothing fixes"
    return ""


def _like(node: exp.Expr) -> str:
    pattern = node.expression
    if not isinstance(pattern, exp.Literal) or "\\" in pattern.name:
        return "LIKE takes a backslash for an escape there: write the pattern without one"
    return ""


def _pattern(node: exp.Expr) -> str:
    pattern = node.expression
    if not isinstance(pattern, exp.Literal) or node.args.get("flag") or node.args.get("options"):
        return "a pattern that is no literal, or has options, cannot be compared"
    text = pattern.name
    if not _SAFE_PATTERN.fullmatch(text) or _UNSAFE_PATTERN.search(text):
        return "this pattern means other things to RE2 and to Java"
    return ""


def _substring(node: exp.Expr) -> str:
    start, length = node.args.get("start"), node.args.get("length")
    known = all(isinstance(n, exp.Literal) and n.is_int for n in (start, length) if n is not None)
    if not known or start is None or int(start.name) < 1:
        return "substring() counts from a place below 1 otherwise there"
    return ""


def _end(node: exp.Expr) -> str:
    count = node.expression
    if isinstance(count, exp.Literal) and count.is_int:
        return ""
    return "left() and right() count from the other end otherwise there"


def _in(node: exp.Expr) -> str:
    """Allow IN (SELECT ...) where null is as good as false: as a condition or under its NOT."""
    if node.args.get("query") is None:
        return ""
    above = node.parent
    while isinstance(above, exp.Paren):
        above = above.parent
    denied = isinstance(above, exp.Not)
    if denied and above is not None:
        above = above.parent
    while isinstance(above, exp.And | exp.Paren) or (isinstance(above, exp.Or) and not denied):
        above = above.parent
    if isinstance(above, exp.Where):
        return ""
    return "IN (SELECT ...) that is null is false there: use EXISTS, or let it stand in WHERE"


def _round(node: exp.Expr) -> str:
    decimals = node.args.get("decimals")
    fixed = decimals is None or (isinstance(decimals, exp.Literal) and decimals.is_int)
    return "" if fixed else "round() to a number of decimals that is not written down"


def _mod(node: exp.Expr) -> str:
    by = node.expression
    if isinstance(by, exp.Literal) and by.is_int and int(by.name):
        return ""
    return "a remainder of a division by zero is null in DuckDB and an error there"


def _extract(node: exp.Expr) -> str:
    known = str(node.this.name).upper() in ("YEAR", "MONTH", "DAY")
    return "" if known else "this part of a date counts otherwise there"


def _datediff(node: exp.Expr) -> str:
    unit = node.args.get("unit")
    return "" if unit is not None and unit.name.upper() == "DAY" else "only days are compared"


def _literal(node: exp.Expr) -> str:
    number = isinstance(node, exp.Literal) and not node.is_string
    return "a number with an exponent is a float" if number and "e" in node.name.lower() else ""


def _type(node: exp.Expr) -> str:
    if not isinstance(node, exp.DataType):
        return ""
    if node.this in exp.DataType.FLOAT_TYPES:
        return "a floating-point number is not exact"
    if isinstance(node.parent, exp.Cast) and not written(node):
        return f"the type {node.sql('duckdb')} is not carried over"
    return ""


_FORMS: Mapping[type[exp.Expr], Callable[[exp.Expr], str]] = {
    exp.Star: _star,
    exp.Join: _join,
    exp.Union: _set,
    exp.Except: _set,
    exp.Intersect: _set,
    exp.Distinct: _distinct,
    exp.Window: _window,
    exp.Like: _like,
    exp.RegexpLike: _pattern,
    exp.RegexpFullMatch: _pattern,
    exp.Substring: _substring,
    exp.Left: _end,
    exp.Right: _end,
    exp.In: _in,
    exp.Round: _round,
    exp.Mod: _mod,
    exp.Extract: _extract,
    exp.DateDiff: _datediff,
    exp.DataType: _type,
    exp.Literal: _literal,
}


def _misfit(node: exp.Expr, names: Names) -> str:
    """Return why a construct is refused for the kinds of its values; "" where it is not."""
    match node:
        case exp.Cast():
            return _cast(node, names)
        case exp.Between():
            return _mixed([node.this, node.args.get("low"), node.args.get("high")], names)
        case exp.In():
            query = node.args.get("query")
            inside = [query] if query is not None else node.expressions
            return _mixed([node.this, *inside], names)
        case exp.Coalesce() | exp.Greatest() | exp.Least():
            return _mixed([node.this, *node.expressions], names)
        case exp.Case():
            ifs = node.args.get("ifs") or []
            compared = [node.this, *(i.this for i in ifs)] if node.this else []
            found = _mixed([*(i.args.get("true") for i in ifs), node.args.get("default")], names)
            return found or _mixed(compared, names)
        case exp.If() if not isinstance(node.parent, exp.Case):
            return _mixed([node.args.get("true"), node.args.get("false")], names)
        case exp.Concat() | exp.DPipe():
            parts = node.expressions or [node.this, node.expression]
            if any(kind_of(p, names) not in (TEXT, UNKNOWN, NULL) for p in parts):
                return "what is no text is written otherwise there: cast it"
        case exp.Add() | exp.Sub() | exp.Mul():
            return _calculated(node, names)
        case exp.DateDiff():
            if {kind_of(node.this, names), kind_of(node.expression, names)} != {DATE}:
                return "the days between instants are counted otherwise there: cast both to DATE"
        case exp.SetOperation():
            return _set_apart(node, names)
        case exp.Sum() if kind_of(node.this, names) not in NUMBERS | {UNKNOWN}:
            return "a sum of what is no number"
    if isinstance(node, _COMPARED):
        return _mixed([node.this, node.expression], names)
    return ""


def _set_apart(node: exp.SetOperation, names: Names) -> str:
    """Refuse two answers that have values of two kinds in one place."""
    left, right = (_selected(side) for side in (node.this, node.expression))
    for one, other in zip(left, right, strict=False):
        kinds = {DECIMAL if k in NUMBERS else k for k in (kind_of(s, names) for s in (one, other))}
        if len(kinds - {NULL, UNKNOWN}) > 1:
            words = " with ".join(sorted("number" if k == DECIMAL else k for k in kinds))
            return f"{words} in one column: one is cast to the other by other rules there"
    return ""


def _selected(side: exp.Expr) -> list[exp.Expr]:
    """Return what the first SELECT of a side gives, whose names the answer has; none of a `*`."""
    while not isinstance(side, exp.Select):
        if not isinstance(side, exp.SetOperation | exp.Subquery):
            return []
        side = side.this
    stars = any(isinstance(e, exp.Star) or e.find(exp.Star) for e in side.expressions)
    return [] if stars else list(side.expressions)


def _mixed(nodes: Iterable[exp.Expr | None], names: Names) -> str:
    """Refuse values of two kinds that one engine casts and the other casts otherwise."""
    kinds: set[str] = set()
    literals: list[exp.Literal] = []
    for node in nodes:
        if isinstance(node, exp.Literal) and node.is_string:
            literals.append(node)
        elif node is not None:
            kind = kind_of(node, names)
            kinds.add(DECIMAL if kind in NUMBERS else kind)
    kinds -= {NULL, UNKNOWN}
    if literals and kinds == {DATE} and all(_ISO_DATE.fullmatch(n.name) for n in literals):
        return ""
    if literals and kinds:
        kinds.add(TEXT)
    if len(kinds) < 2:
        return ""
    words = " with ".join(sorted("number" if k == DECIMAL else k for k in kinds))
    return f"{words}: one is cast to the other by other rules there; cast it yourself"


def _calculated(node: exp.Binary, names: Names) -> str:
    left, right = kind_of(node.this, names), kind_of(node.expression, names)
    if UNKNOWN in (left, right) or {left, right} <= NUMBERS | {NULL}:
        return ""
    if left == DATE and right == INTEGER and isinstance(node, exp.Add | exp.Sub):
        return ""
    if {left, right} == {DATE} and isinstance(node, exp.Sub):
        return "a date less a date is a number in DuckDB and an interval there: use date_diff()"
    return f"{left} and {right} are not calculated with alike"


def _cast(node: exp.Cast, names: Names) -> str:
    kind, to = kind_of(node.this, names), written(node.to)
    if isinstance(node.this, exp.Literal) or kind in (NULL, to) or not to:
        return ""
    if kind == UNKNOWN:
        return "what is cast has no kind that can be told here"
    ways = {
        (TEXT, INTEGER), (TEXT, DECIMAL), (TEXT, DATE),
        (INTEGER, DECIMAL), (DECIMAL, INTEGER), (INTEGER, TEXT), (DECIMAL, TEXT), (DATE, TEXT),
        (BOOLEAN, TEXT), (BOOLEAN, INTEGER), (TIMESTAMP, DATE), (DATE, TIMESTAMP),
    }  # fmt: skip
    return "" if (kind, to) in ways else f"a cast of {kind} to {to} gives another value there"
