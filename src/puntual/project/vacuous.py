"""Refuses controls that cannot fail: they would be green whatever was lost."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import sqlglot
from sqlglot import exp

from puntual.model.control import QuerySide, Term
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
            side = replace(side, sql=queries[side.sql].sql("duckdb", comments=False))
        said.append(repr(replace(term, side=side)))
    return sorted(said)
