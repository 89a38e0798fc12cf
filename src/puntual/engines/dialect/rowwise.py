"""
Whether a SELECT can be run piece by piece over one of its tables, by the form of the statement.

It can where each row of the answer comes from one row of that table alone: the table drives the
statement from its outermost FROM, everything else is joined to it and read whole, and nothing
looks across rows. What is not known to be so is not.
"""

from __future__ import annotations

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

_ALONE = frozenset({"with_", "with", "expressions", "from_", "from", "joins", "where"})
"""The parts that the outermost SELECT may have."""

_ACROSS = (
    exp.AggFunc,
    exp.Window,
    exp.UDTF,
    exp.Rand,
    exp.Randn,
    exp.Uuid,
    exp.CurrentDate,
    exp.CurrentTime,
    exp.CurrentTimestamp,
    exp.AnonymousAggFunc,
    exp.Columns,
    exp.Explode,
)
"""What looks across rows, makes several of one, or differs from call to call."""

_PLAIN = frozenset(
    {"hash", "isodow", "make_date", "right", "strlen", "timezone", "try_strptime", "list_value"}
)
"""Functions of one row that sqlglot does not know; any other that it does not know is refused."""

_SIDES = frozenset({"", "LEFT"})
_KINDS = frozenset({"", "INNER", "OUTER", "SEMI", "ANTI", "CROSS"})


def is_rowwise(sql: str, table: str) -> bool:
    """
    Say whether a statement gives its rows for each row of a table alone, in their order.

    Args:
        sql: One SELECT in DuckDB's dialect.
        table: A table that it may name.
    """
    try:
        tree = sqlglot.parse_one(sql, read="duckdb")
    except SqlglotError:
        return False
    if not isinstance(tree, exp.Select):
        return False
    parts = {name for name, value in tree.args.items() if value}
    source = tree.args.get("from_") or tree.args.get("from")
    if not parts <= _ALONE or source is None or not _names(source.this, table):
        return False
    named = [t for t in tree.find_all(exp.Table) if t.name.lower() == table.lower()]
    if len(named) != 1 or not all(_may_join(join) for join in tree.args.get("joins") or ()):
        return False
    return not any(_across(node) for node in _outermost(tree))


def _names(source: exp.Expression, table: str) -> bool:
    """Return whether this is the table itself, with nothing but an alias."""
    if not isinstance(source, exp.Table) or source.name.lower() != table.lower():
        return False
    return {name for name, value in source.args.items() if value} <= {"this", "alias"}


def _may_join(join: exp.Join) -> bool:
    parts = {name for name, value in join.args.items() if value}
    if not parts <= {"this", "on", "using", "side", "kind"}:
        return False
    return (
        join.side.upper() in _SIDES
        and join.kind.upper() in _KINDS
        and isinstance(join.this, exp.Table | exp.Subquery)
    )


def _across(node: exp.Expression) -> bool:
    if isinstance(node, exp.Anonymous):
        return node.name.lower() not in _PLAIN
    return isinstance(node, _ACROSS)


def _outermost(tree: exp.Select) -> list[exp.Expression]:
    """
    Return the nodes of a statement that are not inside another SELECT of its own.

    A subquery does not name the table, so it is the same for every piece.
    """
    found: list[exp.Expression] = []
    open_nodes: list[exp.Expression] = [tree]
    while open_nodes:
        node = open_nodes.pop()
        found.append(node)
        for below in node.iter_expressions():
            if not isinstance(below, exp.Query):
                open_nodes.append(below)
    return found
