"""
Which columns may be shown as they are: those that come from public columns alone.

A contract says it of its columns (ODCS `classification`). A column of a SELECT is public where
every column it is made of is; what cannot be told (a table function, a correlated subquery, a
star over something unknown) is not public. Nothing is judged here but what may be shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from puntual.model.contract import Contract
from puntual.model.project import Model, Project
from puntual.model.report import Report

PUBLIC = "public"
PLACE = ("_object", "_position")
"""Where a row came from; it says nothing of what is in it."""

DAY = "reference_date"

Shown = Mapping[str, frozenset[str]]
"""Dataset → its public columns."""


def public_columns(project: Project) -> Shown:
    """
    Return the public columns of every contract, model and report of a project.

    Returns:
        By dataset; a report's are under `report:<name>`.
    """
    return public_of_all(project.contracts, project.models, project.reports)


def public_of_all(
    contracts: Mapping[str, Contract], models: Mapping[str, Model], reports: Mapping[str, Report]
) -> Shown:
    """Return what `public_columns` does of the parts of a project; models in their order."""
    found: dict[str, frozenset[str]] = {}
    for name, contract in contracts.items():
        public = {c.name for c in contract.columns if c.classification == PUBLIC}
        found[name] = frozenset({*public, *PLACE, DAY})
    for name, model in models.items():
        found[name] = public_of(model.sql, found) | {*PLACE, DAY}
    for name, report in reports.items():
        found[f"report:{name}"] = public_of(report.sql, found)
    return found


def public_of(sql: str, tables: Shown) -> frozenset[str]:
    """
    Return the columns of a SELECT that are made of public columns and constants alone.

    Args:
        sql: In DuckDB's dialect.
        tables: Public columns of the tables that it may name.
    """
    try:
        tree = sqlglot.parse_one(sql, read="duckdb")
        return _query(tree, {n.lower(): c for n, c in tables.items()}) or frozenset()
    except (SqlglotError, RecursionError):
        return frozenset()


def _query(tree: exp.Expr, tables: Shown) -> frozenset[str] | None:
    """Return the public columns of a query; None where it is of a kind that is not known."""
    known = dict(tables)
    above = tree.args.get("with_")
    for cte in above.expressions if above is not None else ():
        found = frozenset() if _renames(cte) else _query(cte.this, known)
        known[cte.alias.lower()] = found or frozenset()
    if isinstance(tree, exp.Subquery):
        return _query(tree.this, known)
    if isinstance(tree, exp.SetOperation):
        return _both(tree, known)
    return _select(tree, known) if isinstance(tree, exp.Select) else None


def _both(tree: exp.SetOperation, tables: Shown) -> frozenset[str] | None:
    """
    Return what is public on both sides of a union, place by place under the left side's names.

    A side with a star has places that are not known here, and shows nothing.
    """
    left, right = tree.this, tree.expression
    if not isinstance(left, exp.Select) or not isinstance(right, exp.Select):
        return None
    if left.is_star or right.is_star or tree.args.get("by_name"):
        return None
    sides = zip(left.expressions, right.expressions, strict=False)
    scopes = dict(_sources(left, tables)), dict(_sources(right, tables))
    return frozenset(
        mine.alias_or_name.lower()
        for mine, theirs in sides
        if _is_public(mine, scopes[0]) and _is_public(theirs, scopes[1])
    )


def _select(tree: exp.Select, tables: Shown) -> frozenset[str]:
    scope = dict(_sources(tree, tables))
    public: set[str] = set()
    for item in tree.expressions:
        if isinstance(item, exp.Star):
            public |= _common(tuple(scope.values()))
        elif isinstance(item, exp.Column) and isinstance(item.this, exp.Star):
            public |= scope.get(item.table.lower(), frozenset())
        elif item.alias_or_name and _is_public(item, scope):
            public.add(item.alias_or_name.lower())
    names = [item.alias_or_name.lower() for item in tree.expressions]
    return frozenset(name for name in public if names.count(name) < 2)


def _common(sources: tuple[frozenset[str], ...]) -> frozenset[str]:
    """Return what is public under a bare star: of one source alone, so that names are clear."""
    return sources[0] if len(sources) == 1 else frozenset()


def _sources(tree: exp.Select, tables: Shown) -> Iterator[tuple[str, frozenset[str]]]:
    source = tree.args.get("from_")
    items = [source.this] if source is not None else []
    items += [join.this for join in tree.args.get("joins") or ()]
    for item in items:
        if _renames(item):
            yield item.alias_or_name.lower(), frozenset()
        elif isinstance(item, exp.Table):
            yield item.alias_or_name.lower(), tables.get(item.name.lower(), frozenset())
        elif isinstance(item, exp.Subquery):
            yield item.alias_or_name.lower(), _query(item.this, tables) or frozenset()
        else:
            yield item.alias_or_name.lower(), frozenset()


def _renames(item: exp.Expr) -> bool:
    """Say whether an alias gives the columns other names, as in `AS t(a, b)`."""
    alias = item.args.get("alias")
    return isinstance(alias, exp.TableAlias) and bool(alias.args.get("columns"))


def _is_public(item: exp.Expr, scope: Shown) -> bool:
    """Say whether everything that an expression reads is public, conditions included."""
    # `name.upper()` and `#1` name columns without being a column to the parser.
    if item.find(exp.Query, exp.Dot, exp.PositionalColumn, exp.Columns) is not None:
        return False
    return all(_column_is_public(column, scope) for column in item.find_all(exp.Column))


def _column_is_public(column: exp.Column, scope: Shown) -> bool:
    name = column.name.lower()
    if column.table:
        return name in scope.get(column.table.lower(), frozenset())
    # Without a table it may be of any of them: public only where it is public in all.
    return bool(scope) and all(name in public for public in scope.values())
