"""Refuses controls that cannot fail: they would be green whatever was lost."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import sqlglot
from sqlglot import exp

from puntual.model.control import MeasureKind, QuerySide, Term
from puntual.project.complaints import Spot
from puntual.project.queries import read_tables
from puntual.project.section import Section

_HINT = "compare with another place: a stage before it, the source's record, a file, a database"


def check_can_fail(
    section: Section, left: tuple[Term, ...], right: tuple[Term, ...], spot: Spot
) -> None:
    """Complain about two sides that are the same, or of which neither reads a row."""
    queries = {
        term.side.sql: sqlglot.parse_one(term.side.sql, read="duckdb")
        for term in (*left, *right)
        if isinstance(term.side, QuerySide) and term.side.sql
    }
    if not (left and right):
        return
    if _same(left, queries) == _same(right, queries):
        message = "both sides are the same, so nothing that is lost is seen"
        section.complain("C1311", message, spot, hint=_HINT)
    elif all(isinstance(t.side, QuerySide) for t in (*left, *right)) and not any(
        map(read_tables, queries.values())
    ):
        message = "neither side reads a table, so nothing that is lost is seen"
        section.complain("C1311", message, spot, hint=_HINT)


def _same(terms: Iterable[Term], queries: dict[str, exp.Expr]) -> list[str]:
    """Return what terms read as texts that are the same where that is the same."""
    said = []
    for term in terms:
        side = term.side
        if isinstance(side, QuerySide) and side.sql:
            value = any(a.kind is MeasureKind.VALUE for a in term.asked)
            side = replace(side, sql=_plain_query(queries[side.sql], value=value))
        said.append(repr(replace(term, side=side, where=_plain_condition(term.where))))
    return sorted(said)


def _plain_query(query: exp.Expr, *, value: bool) -> str:
    """
    Return a SELECT without the names that change nothing in it.

    Of one table alone, what it and its columns are called by says nothing; of several it says
    which is meant, and stays. Nor does the name of a query's one value.
    """
    plain = query.copy()
    tables = list(plain.find_all(exp.Table))
    if len(tables) == 1 and len(list(plain.find_all(exp.Select))) == 1:
        (table,) = tables
        called = {table.alias_or_name.lower()}
        if not table.alias_column_names:
            table.set("alias", None)
            for column in plain.find_all(exp.Column):
                if column.table.lower() in called:
                    column.set("table", None)
    if value and isinstance(plain, exp.Select):
        plain.set("expressions", [e.unalias() for e in plain.expressions])
    return _said(plain)


def _plain_condition(where: str) -> str:
    """Return a condition on a row, empty where every row has it."""
    if not where:
        return ""
    condition = sqlglot.parse_one(where, read="duckdb").unnest()
    always = isinstance(condition, exp.Boolean) and condition.this is True
    if isinstance(condition, exp.EQ) and isinstance(condition.this, exp.Literal):
        always = condition.this == condition.expression
    return "" if always else _said(condition)


def _said(expression: exp.Expr) -> str:
    """Write SQL in one way; names without quotation marks are the same in any case."""
    for name in expression.find_all(exp.Identifier):
        if not name.args.get("quoted"):
            name.set("this", name.this.lower())
    return expression.sql("duckdb", comments=False)
