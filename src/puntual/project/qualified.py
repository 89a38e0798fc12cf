"""
A project's SELECT with every column under the name of the table it is of, and no star.

What lineage and tracing walk through. sqlglot does the qualifying; whatever it leaves open (a
pivot, a table function) stays without a table and is unresolved for whoever walks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.qualify import qualify

from puntual.model.masked import exact_text
from puntual.model.project import Project

PLACE = ("_object", "_position")
DAY = "reference_date"
DIALECT = "duckdb"
_PARAMETER = re.compile(r"\$([a-z_][a-z0-9_]*)")

Tables = Mapping[str, tuple[str, ...]]
"""Table → its columns, in order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """
    One item of a FROM.

    Attributes:
        alias: The name by which the SELECT calls it.
        node: A table, a subquery, or something else.
        join: How it is joined; None for the first.
    """

    alias: str
    node: exp.Expr
    join: exp.Join | None

    @property
    def filters_only(self) -> bool:
        """Say whether it gives no column: a semi or anti join."""
        return self.join is not None and str(self.join.kind).upper() in ("SEMI", "ANTI")


def columns_of(project: Project) -> dict[str, tuple[str, ...]]:
    """
    Return the columns of every curated dataset, as its files have them.

    A model whose columns cannot be told is left out.
    """
    found: dict[str, tuple[str, ...]] = {}
    for name, contract in project.contracts.items():
        found[name] = (*(c.name for c in contract.columns), *PLACE)
    for name, model in project.models.items():
        tree = qualified(model.sql, found)
        if tree is not None and not tree.is_star:
            found[name] = tuple(s.lower() for s in tree.named_selects)
    return found


def in_warehouse(project: Project, columns: Tables) -> dict[str, tuple[str, ...]]:
    """Return the columns of the warehouse's tables: the day stands in front."""
    return {t: (DAY, *columns[t]) for t in project.warehouse.tables if t in columns}


def qualified(sql: str, tables: Tables) -> exp.Query | None:
    """Return a SELECT with its names resolved; None where sqlglot cannot."""
    try:
        tree = sqlglot.parse_one(sql, read=DIALECT)
        done = qualify(
            tree,
            dialect=DIALECT,
            schema={name: dict.fromkeys(columns, "VARCHAR") for name, columns in tables.items()},
            validate_qualify_columns=False,
            quote_identifiers=False,
        )
    except (SqlglotError, RecursionError):
        return None
    return done if isinstance(done, exp.Query) else None


def sources(select: exp.Select) -> Iterator[Source]:
    """Yield what a SELECT reads, in order."""
    first = select.args.get("from_")
    if first is not None:
        yield Source(alias=first.this.alias_or_name, node=first.this, join=None)
    for join in select.args.get("joins") or ():
        yield Source(alias=join.this.alias_or_name, node=join.this, join=join)


def own_ctes(query: exp.Expr) -> Iterator[tuple[str, exp.Expr]]:
    """Yield the CTEs that a query defines itself, in order."""
    above = query.args.get("with_")
    for cte in above.expressions if above is not None else ():
        yield cte.alias.lower(), cte.this


def outputs(select: exp.Select) -> dict[str, exp.Expr]:
    """Return a SELECT's output columns and their expressions without alias, in order."""
    return {
        item.alias_or_name.lower(): item.this if isinstance(item, exp.Alias) else item
        for item in select.expressions
    }


def aggregates(tree: exp.Expr) -> list[exp.Expr]:
    """
    Return the outermost aggregates of an expression, each with its FILTER.

    What stands in a subquery of it, or is a window's, is none of it.
    """
    found: list[exp.Expr] = []

    def stop(node: exp.Expr) -> bool:
        return isinstance(node, exp.AggFunc | exp.Filter | exp.Window | exp.Query)

    for node in tree.walk(prune=stop):
        if isinstance(node, exp.AggFunc | exp.Filter):
            found.append(node)
    return found


def is_aggregate(select: exp.Select) -> bool:
    """Say whether a SELECT makes one row of many."""
    return (
        select.args.get("group") is not None
        or select.args.get("having") is not None
        or any(aggregates(item) for item in select.expressions)
    )


def conjuncts(condition: exp.Expr | None) -> list[exp.Expr]:
    """Return what is joined by AND."""
    if condition is None:
        return []
    if isinstance(condition, exp.Paren) and isinstance(condition.unnest(), exp.And):
        return conjuncts(condition.this)
    if isinstance(condition, exp.And):
        return [*conjuncts(condition.this), *conjuncts(condition.expression)]
    return [condition]


def bound(tree: exp.Expr, values: Mapping[str, tuple[object, str]]) -> str:
    """
    Return a query with values in the place of its parameters, as exact SQL.

    Args:
        tree: The query; `:reference_date` stays a parameter.
        values: Parameter → its value and its type in DuckDB's words.
    """

    def place(node: exp.Expr) -> exp.Expr:
        if not isinstance(node, exp.Placeholder | exp.Parameter) or node.name not in values:
            return node
        value, kind = values[node.name]
        said = exp.Null() if value is None else exp.Literal.string(exact_text(value))
        return exp.cast(said, kind, dialect=DIALECT)

    return tree.copy().transform(place).sql(DIALECT, comments=False)


def shown(tree: exp.Expr) -> str:
    """Return a query for people, its parameters as a project writes them."""
    return _PARAMETER.sub(r":\1", tree.sql(DIALECT, comments=False, pretty=True))


def text_of(node: exp.Expr) -> str:
    """Return SQL on one line, the parameters as a project writes them."""
    return _PARAMETER.sub(r":\1", " ".join(node.sql(DIALECT, comments=False).split()))
