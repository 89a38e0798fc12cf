"""
Which columns of the published datasets each column of an asked SELECT is made of.

Told from the SQL alone, and never guessed: what cannot be followed (a table function, a pivot,
a recursive query, `COLUMNS(...)`) is unknown. Conditions say which rows are there and are no part
of a value; neither is what is counted. Nothing is judged here, and nothing is run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

Made = frozenset[tuple[str, str]] | None
"""The (dataset, column) pairs of a value; None where they cannot be told."""

Output = tuple[str, Made]
"""A column's name in lower case, "" where the engine chooses it; and what it is made of."""

Outputs = tuple[Output, ...] | None
"""In order; None where even how many there are cannot be told."""

_NOTHING: Made = frozenset()
_COUNTS = (exp.Count, exp.CountIf, exp.ApproxDistinct)
_HIDING = (
    exp.Columns, exp.Comprehension, exp.Parameter, exp.Pivot, exp.Placeholder,
    exp.PositionalColumn, exp.Star,
)  # fmt: skip
_LEAVES = (
    exp.Boolean, exp.DataType, exp.DataTypeParam, exp.Func, exp.Literal, exp.Null,
    exp.Var, exp.WindowSpec,
)  # fmt: skip
_UNPACKED = (exp.Columns, exp.Explode, exp.Inline, exp.Unnest)
"""Expressions that may become several columns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scope:
    """
    What a SELECT may name.

    Attributes:
        tables: Datasets and CTEs.
        sources: Of FROM and JOIN, under the names by which they are called.
        outer: Of the query around it.
        aliases: Columns that stand further left in the same SELECT.
    """

    tables: Mapping[str, Outputs]
    sources: Mapping[str, Outputs]
    outer: _Scope | None = None
    aliases: tuple[Output, ...] = ()


def made_of(sql: str, tables: Mapping[str, tuple[str, ...]], names: tuple[str, ...]) -> list[Made]:
    """
    Return what each column of an answer is made of.

    Args:
        sql: In DuckDB's dialect.
        tables: Dataset → its columns in order, as the engine that answered knows them.
        names: The answer's columns; where they are not those that the SQL promises, nothing is
            known of any.
    """
    unknown: list[Made] = [None] * len(names)
    try:
        trees = sqlglot.parse(sql, read="duckdb")
        tree = trees[0] if len(trees) == 1 else None
        if tree is None:
            return unknown
        if isinstance(tree, exp.Show) and tree.name.upper() == "TABLES":
            return [_NOTHING] * len(names)
        if isinstance(tree, exp.Describe) and isinstance(tree.this, exp.Table):
            known = tree.this.name.lower() in {t.lower() for t in tables}
            return [_NOTHING] * len(names) if known and not tree.this.args.get("db") else unknown
        if _makes_rows(tree) and tree.find(exp.AggFunc, exp.Window) is not None:
            return unknown
        found = _query(tree, _Scope(tables=dict(_datasets(tables)), sources={}))
    except (SqlglotError, RecursionError):
        return unknown
    if found is None or len(found) != len(names):
        return unknown
    if any(mine not in ("", said.lower()) for (mine, _), said in zip(found, names, strict=True)):
        return unknown
    return [made for _, made in found]


def _makes_rows(tree: exp.Expr) -> bool:
    """
    Say whether rows are made of values anywhere: `range(amount)` has as many as the value says.

    What is counted or summed over them may be the value itself.
    """
    made = tree.find(exp.Lateral, *_UNPACKED) is not None
    return made or any(not isinstance(t.this, exp.Identifier) for t in tree.find_all(exp.Table))


def named_in(sql: str) -> frozenset[str]:
    """Return every name and text that a SQL text itself has, in lower case."""
    try:
        trees = sqlglot.parse(sql, read="duckdb")
    except (SqlglotError, RecursionError):
        return frozenset()
    return frozenset(
        str(node.this).lower()
        for tree in trees
        if tree is not None
        for node in tree.find_all(exp.Identifier, exp.Literal)
    )


def _datasets(tables: Mapping[str, tuple[str, ...]]) -> Iterator[tuple[str, Outputs]]:
    for table, columns in tables.items():
        name = table.lower()
        yield name, tuple((c.lower(), frozenset({(name, c.lower())})) for c in columns)


def _query(tree: exp.Expr, scope: _Scope) -> Outputs:
    """Return the columns of a query whose surroundings are `scope`."""
    scope = _with_ctes(tree, scope)
    if tree.args.get("pivots"):
        return None
    if isinstance(tree, exp.Subquery):
        return _query(tree.this, scope)
    if isinstance(tree, exp.SetOperation):
        return _both(tree, scope)
    return _select(tree, scope) if isinstance(tree, exp.Select) else None


def _with_ctes(tree: exp.Expr, scope: _Scope) -> _Scope:
    above = tree.args.get("with_")
    if above is None:
        return scope
    tables = dict(scope.tables)
    for cte in above.expressions:
        inner = _Scope(tables=dict(tables), sources=scope.sources, outer=scope.outer)
        found = None if above.args.get("recursive") else _query(cte.this, inner)
        tables[cte.alias.lower()] = _called(found, cte.args.get("alias"))
    return _Scope(tables=tables, sources=scope.sources, outer=scope.outer)


def _both(tree: exp.SetOperation, scope: _Scope) -> Outputs:
    """Return what stands on both sides, place by place under the left side's names."""
    left, right = _query(tree.this, scope), _query(tree.expression, scope)
    if left is None or right is None or len(left) != len(right) or tree.args.get("by_name"):
        return None
    pairs = zip(left, right, strict=True)
    return tuple((name, _together((mine, theirs))) for (name, mine), (_, theirs) in pairs)


def _select(tree: exp.Select, around: _Scope) -> Outputs:
    outer = around if around.sources or around.outer else None
    sources: dict[str, Outputs] = {}
    hidden: dict[str, frozenset[str]] = {}
    plain = not tree.args.get("laterals")
    from_ = tree.args.get("from_")
    items: list[tuple[exp.Expr, exp.Join | None]] = [] if from_ is None else [(from_.this, None)]
    items += [(join.this, join) for join in tree.args.get("joins") or ()]
    for item, join in items:
        called, found = _source(item, around.tables, dict(sources), outer)
        plain = plain and called not in sources
        sources[called] = found if called not in sources else None
        if join is not None:
            plain = plain and str(join.method).upper() in ("", "POSITIONAL")
            using = frozenset(i.name.lower() for i in join.args.get("using") or ())
            semi = str(join.kind).upper() in ("SEMI", "ANTI")
            hidden[called] = frozenset(n for n, _ in found or ()) if semi else using
    if not plain and any(item.is_star for item in tree.expressions):
        return None
    if tree.args.get("laterals"):
        sources[" lateral"] = None
    scope = _Scope(tables=around.tables, sources=sources, outer=outer)
    return _projected(tree, scope, hidden)


def _projected(tree: exp.Select, scope: _Scope, hidden: Mapping[str, frozenset[str]]) -> Outputs:
    found: list[Output] = []
    for item in tree.expressions:
        if isinstance(item, exp.Star) or (
            isinstance(item, exp.Column) and isinstance(item.this, exp.Star)
        ):
            expanded = _starred(item, scope, hidden)
            if expanded is None:
                return None
            found += expanded
            continue
        if _may_be_several(item):
            return None
        inner = _Scope(
            tables=scope.tables, sources=scope.sources, outer=scope.outer, aliases=tuple(found)
        )
        found.append((_name(item), _expression(item, inner)))
    return tuple(found)


def _may_be_several(item: exp.Expr) -> bool:
    """Say whether an expression may stand for several columns."""
    if item.find(*_UNPACKED) is not None:
        return True
    stars = item.find_all(exp.Star)
    return any(not isinstance(star.parent, exp.Count) for star in stars)


def _name(item: exp.Expr) -> str:
    if item.alias:
        return str(item.alias).lower()
    return item.name.lower() if isinstance(item, exp.Column) else ""


def _source(
    item: exp.Expr,
    tables: Mapping[str, Outputs],
    before: Mapping[str, Outputs],
    outer: _Scope | None,
) -> tuple[str, Outputs]:
    """Return one item of a FROM: the name by which it is called, and its columns."""
    called = item.alias_or_name.lower() or f" {len(before)}"
    found: Outputs = None
    odd = any(item.args.get(key) for key in ("pivots", "joins", "laterals", "db", "catalog"))
    if odd:
        return called, None
    if isinstance(item, exp.Table) and isinstance(item.this, exp.Identifier):
        found = tables.get(item.name.lower())
    elif isinstance(item, exp.Subquery):
        found = _query(
            item.this, _with_ctes(item, _Scope(tables=tables, sources=before, outer=outer))
        )
    return called, _called(found, item.args.get("alias"))


def _called(found: Outputs, alias: exp.Expr | None) -> Outputs:
    """
    Return columns under the names that an alias gives the first of them.

    Where two have one name, or a name is not known, which is which is the engine's secret: then
    each may be any.
    """
    if found is None:
        return None
    given = [c.name.lower() for c in alias.args.get("columns") or ()] if alias is not None else []
    if len(given) > len(found):
        return None
    names = [*given, *(name for name, _ in found[len(given) :])]
    if len(set(names)) == len(names) and "" not in names:
        return tuple((n, made) for n, (_, made) in zip(names, found, strict=True))
    every = _together(tuple(made for _, made in found))
    return tuple((n, every) for n in names)


def _starred(
    item: exp.Expr, scope: _Scope, hidden: Mapping[str, frozenset[str]]
) -> list[Output] | None:
    """Return what a star stands for; None where that cannot be told."""
    star = item.this if isinstance(item, exp.Column) else item
    if any(
        value for key, value in star.args.items() if key not in ("except_", "rename", "replace")
    ):
        return None
    only = item.table.lower() if isinstance(item, exp.Column) else ""
    if not scope.sources or (only and only not in scope.sources):
        return None
    left = star.args.get("except_") or []
    if any(isinstance(c, exp.Column) and c.table for c in left):
        return None
    without = {c.name.lower() for c in left}
    renamed = {r.this.name.lower(): r.alias.lower() for r in star.args.get("rename") or []}
    replaced = {r.alias.lower(): _expression(r, scope) for r in star.args.get("replace") or []}
    found: list[Output] = []
    for called, columns in scope.sources.items():
        if only and called != only:
            continue
        if columns is None:
            return None
        for name, _ in columns:
            if name in without or (not only and name in hidden.get(called, frozenset())):
                continue
            made = replaced[name] if name in replaced else _column(name, only, scope)
            found.append((renamed.get(name, name), made))
    return found


def _expression(item: exp.Expr, scope: _Scope) -> Made:
    """Return what an expression reads, counts apart and the conditions in it included."""
    if isinstance(item, exp.Filter) and isinstance(item.this, _COUNTS):
        return _NOTHING
    if isinstance(item, exp.Window):
        return _window(item, scope)
    if isinstance(item, _COUNTS):
        return _NOTHING
    if isinstance(item, exp.Column):
        if item.args.get("db") or isinstance(item.this, exp.Star):
            return None
        return _column(item.name.lower(), item.table.lower(), scope)
    if isinstance(item, exp.Exists):
        return None
    if isinstance(item, exp.Query):
        found = _query(item, scope)
        return None if found is None else _together(tuple(made for _, made in found))
    if isinstance(item, exp.Identifier):
        return _NOTHING if _is_label(item) else None
    parts = tuple(item.iter_expressions())
    if isinstance(item, _HIDING) or (not parts and not isinstance(item, _LEAVES)):
        return None
    return _together(tuple(_expression(part, scope) for part in parts))


def _is_label(item: exp.Identifier) -> bool:
    """Say whether a bare name is only that; in `name.upper()` it is a column."""
    at = item.arg_key
    return (
        (isinstance(item.parent, exp.Alias) and at == "alias")
        or (isinstance(item.parent, exp.PropertyEQ) and at == "this")
        or (isinstance(item.parent, exp.Dot) and at == "expression")
    )


def _window(item: exp.Window, scope: _Scope) -> Made:
    """Return what a window function reads; of a count, only what orders it."""
    if item.args.get("alias"):
        return None
    counts = isinstance(item.this, _COUNTS) or (
        isinstance(item.this, exp.Filter) and isinstance(item.this.this, _COUNTS)
    )
    order = item.args.get("order")
    parts = ([] if order is None else [order]) if counts else list(item.iter_expressions())
    return _together(tuple(_expression(part, scope) for part in parts))


def _column(name: str, table: str, scope: _Scope) -> Made:
    """Return what a name stands for: of the nearest query that has it, whichever it may be."""
    if table:
        if table not in scope.sources:
            return _column(name, table, scope.outer) if scope.outer is not None else None
        chosen = [scope.sources[table]]
    else:
        chosen = list(scope.sources.values())
    if any(columns is None for columns in chosen):
        return None
    found = [made for columns in chosen for n, made in columns or () if n in (name, "")]
    if not table and found:
        found += [made for n, made in scope.aliases if n == name]
    if found:
        return _together(tuple(found))
    if scope.outer is not None:
        return None if table else _column(name, table, scope.outer)
    further_left = tuple(made for n, made in scope.aliases if n == name)
    return _together(further_left) if further_left and not table else None


def _together(parts: tuple[Made, ...]) -> Made:
    found: set[tuple[str, str]] = set()
    for part in parts:
        if part is None:
            return None
        found |= part
    return frozenset(found)
