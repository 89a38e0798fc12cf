"""
Finds models and reports that nothing compares with what they are made from.

Rows and money that such a model loses are lost on both sides of everything that is compared after
it, so that every hop, control and tie agrees; what such a report loses, nothing looks at.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import sqlglot

from puntual.model.control import (
    ControlRule,
    DatabaseSide,
    QuerySide,
    ReportSide,
    Side,
    StagedSide,
    Term,
)
from puntual.model.project import Model, Project
from puntual.project.complaints import At, Complaints
from puntual.project.files import Folder
from puntual.project.queries import read_tables


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reads:
    """
    What one side of a comparison reads.

    Attributes:
        datasets: Sources and models.
        outside: It asks a source's database itself.
        within: Two of its datasets are compared by it alone: it is somebody's query.
        to: The dataset in which its rows must have their counterpart.
    """

    datasets: frozenset[str] = frozenset()
    outside: bool = False
    within: bool = False
    to: str = ""


def uncompared(project: Project) -> tuple[str, ...]:
    """
    Return the models that reach a loaded table and are compared with nothing they are made from.

    A model is compared where it carries a source, or hands on the rows of one to a model that
    does; or where a control, a reconciliation of a contract or a tie has a side on it, or on a
    table or report that is made from it, and another on a source or model that it is made from,
    or in a source's database. A model that carries such a source stands for it, for it is held
    against it row by row; not against what is made from that model itself. That its rows refer to
    such a table does not count, since a row that it lost refers to nothing; nor does a model that
    carries a source and looks it up.

    Args:
        project: Read; its SQL is one SELECT each.

    Returns:
        Their names, sorted.
    """
    above = {name: made_from(name, project.models) for name in project.models}
    comparisons = tuple(_comparisons(project))
    loaded, handing = set(project.warehouse.tables), set(_handing(project.models, above))
    found = []
    for name in sorted(n for n in project.models if above[n]):
        below = {name, *(m for m in above if name in above[m])}
        if name in handing or not below & loaded:
            continue
        origins = {made: above[name] | _standing(project, above, name, made) for made in below}
        if not any(_compares(sides, origins) for sides in comparisons):
            found.append(name)
    return tuple(found)


def warn_of_uncompared(project: Project, folder: Folder, complaints: Complaints) -> None:
    """Warn of the models that nothing compares with what they are made from (C1307)."""
    for name in project.uncompared:
        model = project.models[name]
        inputs = " and ".join(model.inputs) or "nothing"
        source, _ = folder.read(model.file)
        complaints.add(
            "C1307",
            f"nothing compares '{name}' with what it is made from: {inputs}",
            source,
            At(line=1, column=1),
            hint="declare `carries`, or a control with one side on it and the other on that",
            severity="warning",
        )


def untied(project: Project) -> tuple[str, ...]:
    """
    Return the reports whose files are compared with nothing, or with each other alone.

    A file is compared by a tie, or by a control with a side on it and another on anything but a
    file, or on the file of a report that is compared.

    Args:
        project: Read.

    Returns:
        Their names, sorted.
    """
    other = ""
    compared = {other, *(r.name for r in project.reports.values() if r.ties)}
    places = [
        {t.side.report if isinstance(t.side, ReportSide) else other for t in (*c.left, *c.right)}
        for c in project.controls.values()
    ]
    for _ in places:  # a chain of files that are compared with one another is no longer than this
        compared.update(*(names for names in places if names & compared))
    return tuple(sorted(project.reports.keys() - compared))


def warn_of_untied(project: Project, folder: Folder, complaints: Complaints) -> None:
    """Warn of the reports whose files nothing compares with what they are made from (C1404)."""
    for name in project.untied:
        source, _ = folder.read(f"reports/{name}/report.yaml")
        complaints.add(
            "C1404",
            "nothing compares this file with the warehouse: it has no tie, and no control",
            source,
            At(line=1, column=1),
            hint='tie its money and its rows (`column: "*"`) to the tables they come from',
            severity="warning",
        )


def made_from(name: str, models: Mapping[str, Model]) -> frozenset[str]:
    """Return every dataset that a model is made from, at any remove; of a source, none."""
    found: set[str] = set()
    left = list(models[name].inputs) if name in models else []
    while left:
        dataset = left.pop()
        if dataset not in found:
            found.add(dataset)
            left += models[dataset].inputs if dataset in models else ()
    return frozenset(found)


def _standing(
    project: Project, above: Mapping[str, frozenset[str]], name: str, made: str
) -> frozenset[str]:
    """Return the models that carry what one is made from, and from which `made` is not made."""
    return frozenset(
        m.name
        for m in project.models.values()
        if m.carries in above[name] and m.name != made and m.name not in above[made]
    )


def _handing(models: Mapping[str, Model], above: Mapping[str, frozenset[str]]) -> Iterator[str]:
    """
    Yield the models that carry a source, and those through which its rows come to them.

    Where a model reads its source itself, the other models that it reads add to its rows.
    """
    for model in models.values():
        if model.carries is None:
            continue
        left = [model.name]
        while left:
            name = left.pop()
            yield name
            if model.carries not in models[name].inputs:
                left += [m for m in models[name].inputs if model.carries in above.get(m, ())]


def _comparisons(project: Project) -> Iterator[tuple[_Reads, ...]]:
    for control in project.controls.values():
        yield tuple(_of_control(control, project))
    for report in project.reports.values():
        for tie in report.ties:
            yield (
                _Reads(datasets=_tables(report.sql)),
                _Reads(datasets=_tables(tie.query), within=True),
            )


def _of_control(control: ControlRule, project: Project) -> Iterator[_Reads]:
    for term in (*control.left, *control.right):
        yield _reads(term, term.side, project)


def _reads(term: Term, side: Side, project: Project) -> _Reads:
    to = term.refers.dataset if term.refers is not None else ""
    match side:
        case StagedSide(dataset=dataset):
            return _Reads(datasets=frozenset({dataset}), to=to)
        case QuerySide(sql=sql):
            return _Reads(datasets=_tables(sql), within=True, to=to)
        case ReportSide(report=name):
            report = project.reports.get(name)
            return _Reads(datasets=_tables(report.sql) if report else frozenset())
        case DatabaseSide():
            return _Reads(outside=True)


def _tables(sql: str) -> frozenset[str]:
    return frozenset(read_tables(sqlglot.parse_one(sql, read="duckdb"))) if sql else frozenset()


def _compares(sides: tuple[_Reads, ...], origins: Mapping[str, frozenset[str]]) -> bool:
    """
    Say whether a comparison has a model, or what is made from it, beside the model's origins.

    Args:
        sides: What each of its sides reads.
        origins: The model, and each that is made from it → what it can be held against.
    """
    return any(_holds(sides, made, origins[made], frozenset(origins)) for made in sorted(origins))


def _holds(
    sides: tuple[_Reads, ...], made: str, origins: frozenset[str], below: frozenset[str]
) -> bool:
    of = [s.outside or bool(s.datasets & origins) for s in sides]
    if any(o and s.within and made in s.datasets for o, s in zip(of, sides, strict=True)):
        return True
    other = any(o and not s.datasets & (below - origins) for o, s in zip(of, sides, strict=True))
    return other and any(made in s.datasets or s.to == made for s in sides)
