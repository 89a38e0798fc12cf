"""Which sources each column of a report is made from, by the lineage of its SQL."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from puntual.model.lineage import ColumnKind, ColumnNode
from puntual.model.project import Project
from puntual.project.lineage import lineage_of


def feeds(project: Project, report: str) -> Mapping[str, frozenset[str]]:
    """
    Return column → sources for a report.

    A column whose values come from no column of a source, such as a count of rows, has none,
    and so has one that the SQL does not let be told: what it depends on is not known here.

    Args:
        project: Read and found right; models are followed to their sources.
        report: Which report.
    """
    found = {}
    for node in lineage_of(project).of_report(report):
        reached = list(_walk(node))
        told = all(n.kind is not ColumnKind.UNRESOLVED for n in reached)
        sources = {n.dataset for n in reached if n.kind is ColumnKind.SOURCE}
        found[node.column] = frozenset(sources & project.sources.keys() if told else ())
    return found


def _walk(node: ColumnNode) -> Iterator[ColumnNode]:
    yield node
    for one in node.inputs:
        yield from _walk(one)
