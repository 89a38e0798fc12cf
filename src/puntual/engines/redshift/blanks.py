"""
Texts that end in blanks: Redshift compares them as if they did not (`aws.md` X9).

DuckDB and PostgreSQL tell 'A' from 'A '. So a load notes which columns hold such texts, and a
SELECT that compares, groups, joins or orders by one of them is refused: its answer would be
another one there, and nothing would tell.
"""

from __future__ import annotations

from collections.abc import Iterable

import sqlglot
from sqlglot import exp

_COMPARING = (
    exp.Predicate, exp.Where, exp.Having, exp.Qualify, exp.Join, exp.Group, exp.Order, exp.Window,
    exp.Min, exp.Max, exp.Greatest, exp.Least, exp.Nullif, exp.Case, exp.Distinct,
)  # fmt: skip


def compared(sql: str, padded: Iterable[str]) -> tuple[str, ...]:
    """
    Return which of these columns a SELECT compares, sorted; a name that is made of one is it.

    Args:
        sql: One SELECT in DuckDB's dialect, known to be readable.
        padded: Columns that hold texts that end in blanks.
    """
    tree = sqlglot.parse_one(sql, read="duckdb")
    wanted = {name.lower() for name in padded}
    made: dict[str, set[str]] = {}
    for alias in tree.find_all(exp.Alias):
        names = {column.name.lower() for column in alias.this.find_all(exp.Column)}
        made.setdefault(alias.alias.lower(), set()).update(names)
    found = {source for name in _names(tree) for source in _sources(name, made, frozenset())}
    return tuple(sorted(wanted & found))


def _names(tree: exp.Expr) -> set[str]:
    """Return the names that stand where values are compared."""
    found: set[str] = set()
    for node in tree.find_all(*_COMPARING):
        found |= {c.name.lower() for c in node.find_all(exp.Column)}
        if isinstance(node, exp.Join):
            found |= {name.name.lower() for name in node.args.get("using") or ()}
        if isinstance(node, exp.Group | exp.Order) and isinstance(node.parent, exp.Select):
            found |= _positions(node, node.parent)
    for select in tree.find_all(exp.Select):
        if select.args.get("distinct") or isinstance(select.parent, exp.SetOperation):
            found |= {c.name.lower() for e in select.expressions for c in e.find_all(exp.Column)}
            if any(e.is_star for e in select.expressions):
                found.add("*")
    return found


def _positions(node: exp.Expr, select: exp.Select) -> set[str]:
    """Return the columns of the projections that `GROUP BY 1` or `ORDER BY 1` means."""
    found: set[str] = set()
    for part in node.expressions:
        place = part.this if isinstance(part, exp.Ordered) else part
        if isinstance(place, exp.Literal) and not place.is_string:
            chosen = select.expressions[int(place.name) - 1 : int(place.name)]
            found |= {c.name.lower() for e in chosen for c in e.find_all(exp.Column)}
            found |= {"*" for e in select.expressions if e.is_star}
    return found


def _sources(name: str, made: dict[str, set[str]], seen: frozenset[str]) -> set[str]:
    """Return a name and the names that it is made of, through subqueries and CTEs."""
    if name in seen:
        return set()
    further = made.get(name, set())
    return {name}.union(*(_sources(n, made, seen | {name}) for n in further))
