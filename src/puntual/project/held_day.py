"""Whether a report reads one day only: every table is held to the reference date."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from puntual.project.conditions import held_by
from puntual.project.qualified import DAY, conjuncts, sources


def holds_the_day(tree: exp.Query, tables: frozenset[str]) -> bool:
    """
    Say whether every table of the warehouse that a qualified query reads is held to the day.

    Held is what is equal to `:reference_date` or to the day of a table that is held; a LEFT JOIN's
    condition holds the table that it joins, never the one before.
    """
    names = {cte.alias.lower() for cte in tree.find_all(exp.CTE)}
    for select in tree.find_all(exp.Select):
        read = {
            s.alias.lower(): s
            for s in sources(select)
            if isinstance(s.node, exp.Table) and s.node.name.lower() in tables - names
        }
        if not set(read) <= _held(select):
            return False
    return not names & tables


def day_is_held(condition: exp.Expr, alias: str) -> bool:
    """Say whether a condition does nothing but hold a table to the reference date."""
    return set(_equal_days(condition)) in ({(alias, "")}, {("", alias)})


def _held(select: exp.Select) -> set[str]:
    pairs: list[tuple[str, str, str | None]] = []
    for source in sources(select):
        if source.join is not None:
            outer = str(source.join.side).upper() in ("LEFT", "RIGHT", "FULL")
            only = source.alias.lower() if outer else None
            if str(source.join.side).upper() in ("RIGHT", "FULL"):
                continue
            pairs += [(a, b, only) for a, b in _equal_days(source.join.args.get("on"))]
    pairs += [(a, b, None) for a, b in _equal_days(held_by(select.args.get("where")))]
    held = {""}
    while True:
        more = {
            new
            for a, b, only in pairs
            for old, new in ((a, b), (b, a))
            if old in held and new not in held and only in (None, new)
        }
        if not more:
            return held
        held |= more


def _equal_days(condition: exp.Expr | None) -> Iterator[tuple[str, str]]:
    """Yield pairs of tables whose days are equal; "" is the reference date itself."""
    for part in conjuncts(condition):
        if isinstance(part, exp.EQ):
            sides = [_day_of(side) for side in (part.this, part.expression)]
            if sides[0] is not None and sides[1] is not None:
                yield sides[0], sides[1]


def _day_of(node: exp.Expr) -> str | None:
    while isinstance(node, exp.Cast | exp.Paren):
        node = node.this
    if isinstance(node, exp.Placeholder | exp.Parameter):
        return ""
    if isinstance(node, exp.Column) and node.name.lower() == DAY:
        return node.table.lower()
    return None
