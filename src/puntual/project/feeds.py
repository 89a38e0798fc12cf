"""Which sources each column of a report is made from, by its SQL."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import sqlglot
from sqlglot import exp

from puntual.model.lineage import ColumnKind, ColumnNode
from puntual.model.project import Project
from puntual.project.lineage import lineage_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Feeds:
    """
    What a column of a report is made from.

    Attributes:
        values: Sources whose values are in it.
        rows: Sources that say which rows there are, and so may change it, as a count.
    """

    values: frozenset[str] = frozenset()
    rows: frozenset[str] = frozenset()


def feeds(project: Project, report: str) -> Mapping[str, Feeds]:
    """
    Return column → what it is made from, for a report.

    Of a column that lineage cannot tell, the tables that its own subqueries read are in it.

    Args:
        project: Read and found right; models are followed to their sources.
        report: Which report.
    """
    tree = sqlglot.parse_one(project.reports[report].sql, dialect="duckdb")
    if not isinstance(tree, exp.Select):
        every = Feeds(rows=_sources(project, _tables(tree)))
        return {node.column: every for node in lineage_of(project).of_report(report)}
    asked = {one.alias_or_name: _tables(*one.find_all(exp.Query)) for one in tree.expressions}
    rows = _sources(project, _tables(_without_asked(tree)))
    found = {}
    for node in lineage_of(project).of_report(report):
        named = {n.dataset for n in _walk(node) if n.kind is ColumnKind.SOURCE}
        values = _sources(project, {*named, *asked.get(node.column, ())})
        found[node.column] = Feeds(values=values, rows=rows)
    return found


def _without_asked(tree: exp.Select) -> exp.Expression:
    """Return a SELECT without the subqueries of its columns: what is left says its rows."""
    left = tree.copy()
    for column in left.expressions:
        for query in list(column.find_all(exp.Query)):
            query.replace(exp.null())
    return left


def _tables(*trees: exp.Expr) -> frozenset[str]:
    """Return the tables that are read; a CTE is none."""
    named = {one.alias for tree in trees for one in tree.find_all(exp.CTE)}
    read = {one.name for tree in trees for one in tree.find_all(exp.Table)}
    return frozenset(read - named)


def _sources(project: Project, datasets: Iterable[str]) -> frozenset[str]:
    """Return the sources of datasets, through the models between."""
    found: set[str] = set()
    for name in datasets:
        if name in project.sources:
            found.add(name)
        elif name in project.models:
            found |= _sources(project, project.models[name].inputs)
    return frozenset(found)


def _walk(node: ColumnNode) -> Iterator[ColumnNode]:
    yield node
    for one in node.inputs:
        yield from _walk(one)
