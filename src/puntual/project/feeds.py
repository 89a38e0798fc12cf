"""Which sources each column of a report is made from, by its SQL."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import sqlglot
from sqlglot import exp

from puntual.model.lineage import ColumnKind, ColumnNode
from puntual.model.project import Project
from puntual.project.lineage import lineage_of
from puntual.project.queries import read_tables
from puntual.project.uncompared import made_from


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
        every = Feeds(rows=_sources(project, read_tables(tree)))
        return {node.column: every for node in lineage_of(project).of_report(report)}
    asked = {
        one.alias_or_name: [t for query in one.find_all(exp.Query) for t in read_tables(query)]
        for one in tree.expressions
    }
    rows = _sources(project, read_tables(_without_asked(tree)))
    found = {}
    for node in lineage_of(project).of_report(report):
        named = {n.dataset for n in _walk(node) if n.kind is ColumnKind.SOURCE}
        values = _sources(project, {*named, *asked.get(node.column, ())})
        found[node.column] = Feeds(values=values, rows=rows)
    return found


def _without_asked(tree: exp.Select) -> exp.Select:
    """Return a SELECT without the subqueries of its columns: what is left says its rows."""
    left = tree.copy()
    for column in left.expressions:
        for query in list(column.find_all(exp.Query)):
            query.replace(exp.null())
    return left


def _sources(project: Project, datasets: Iterable[str]) -> frozenset[str]:
    """Return the sources of datasets, through the models between."""
    models = project.models
    found = {d for name in datasets for d in (name, *made_from(name, models))}
    return frozenset(found & project.sources.keys())


def _walk(node: ColumnNode) -> Iterator[ColumnNode]:
    yield node
    for one in node.inputs:
        yield from _walk(one)
