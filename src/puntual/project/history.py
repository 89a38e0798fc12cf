"""Whether a project's questions to the warehouse may read other days than the reference date."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import sqlglot
from sqlglot import exp

from puntual.model.control import QuerySide, StagedSide, Term
from puntual.model.project import Project
from puntual.project.queries import PARAMETER

_DAY = "reference_date"


def looks_back(project: Project) -> bool:
    """
    Say whether a report, a tie or a control may read other days of the warehouse.

    Every SELECT that reads a table must restrict that table's `reference_date` to
    `:reference_date` with `=`, joined by AND; anything else is taken to read other days. So the
    answer may be yes for a query that in truth does not, never no for one that does.
    """
    tables = frozenset(project.warehouse.tables)
    if any(isinstance(t.side, StagedSide) and t.side.previous for t in _terms(project)):
        return True
    return any(reads_other_days(sql, tables) for sql in _questions(project))


def _questions(project: Project) -> Iterator[str]:
    for report in project.reports.values():
        yield report.sql
        yield from (tie.query for tie in report.ties)
    for term in _terms(project):
        if isinstance(term.side, QuerySide):
            yield term.side.sql


def _terms(project: Project) -> Iterator[Term]:
    for control in project.controls.values():
        yield from (*control.left, *control.right)


def reads_other_days(sql: str, tables: frozenset[str]) -> bool:
    """
    Say whether a SELECT may read other days of the warehouse's tables; see `looks_back`.

    Args:
        sql: One SELECT, in DuckDB's dialect.
        tables: Names of the warehouse's tables.
    """
    tree = sqlglot.parse_one(sql, read="duckdb")
    named = {cte.alias_or_name for cte in tree.find_all(exp.CTE)}
    if named & tables:
        return True  # which of the two a name means would have to be worked out
    read = [t for t in tree.find_all(exp.Table) if t.name not in named]
    return any(not _is_held(table) for table in read)


def _is_held(table: exp.Table) -> bool:
    """Say whether the SELECT that reads a table holds its day to the reference date."""
    select = table.find_ancestor(exp.Select)
    if select is None:
        return False
    alone = len(list(_sources(select))) == 1
    name = table.alias_or_name
    return any(_is_the_day(c, name, alone=alone) for c in _conditions(select, table))


def _sources(select: exp.Select) -> Iterator[exp.Expr]:
    first = select.args.get("from_") or select.args.get("from")
    if first is not None:
        yield first.this
    for join in select.args.get("joins") or ():
        yield join.this


def _conditions(select: exp.Select, table: exp.Table) -> Iterator[exp.Expr]:
    """Yield what holds of every row that is read of a table: WHERE, and ON where it drops rows."""
    where = select.args.get("where")
    if where is not None:
        yield from _conjuncts(where.this)
    join = table.parent
    keeps = isinstance(join, exp.Join) and join.side in {"RIGHT", "FULL"}
    if isinstance(join, exp.Join) and join.args.get("on") is not None and not keeps:
        yield from _conjuncts(join.args["on"])


def _conjuncts(condition: exp.Expr) -> Iterable[exp.Expr]:
    found = condition.unnest()
    return found.flatten() if isinstance(found, exp.And) else (found,)


def _is_the_day(condition: exp.Expr, name: str, *, alone: bool) -> bool:
    found = condition.unnest()
    if not isinstance(found, exp.EQ):
        return False
    sides = (found.this, found.expression)
    column = next((s for s in sides if isinstance(s, exp.Column)), None)
    given = next((s for s in sides if isinstance(s, exp.Placeholder | exp.Parameter)), None)
    if column is None or given is None or column.name != _DAY or given.name != PARAMETER:
        return False
    return column.table == name or (alone and not column.table)
