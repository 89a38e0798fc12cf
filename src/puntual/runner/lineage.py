"""
A number of a delivered report, followed to raw bytes, and the rows that are not in it.

Every question is asked of the files that the delivery's manifests name (`as_delivered`), as SQL
at table scale; nothing of the day is run again.
"""

from __future__ import annotations

from puntual.errors import ProjectError
from puntual.model.lineage import Atom, NumberLineage, ReportLine
from puntual.project.questions import expression_of, no_row
from puntual.project.traced import Traced, refused
from puntual.runner.asking import Asking
from puntual.runner.atoms import ADDED, Found, constant
from puntual.runner.report_line import Line, find_line
from puntual.runner.restate import version_of

_SUM = "{sum:"


def follow(asks: Asking, row: tuple[str, ...], column: str) -> tuple[NumberLineage, Found]:
    """
    Follow a number of a delivered report.

    Args:
        asks: About which delivery.
        row: See `find_line`.
        column: The field.

    Returns:
        The number with its contributors, without what stands behind them; and what was found,
        for whoever asks for that.

    Raises:
        ProjectError: V7001, V7002, V7003, V7006.
        EvidenceError: V7007 the files of the delivery do not give this row.
    """
    delivery = asks.delivery
    report = delivery.project.reports[delivery.report]
    if not any(name.startswith("load:") for name in delivery.made.manifest.inputs):
        raise refused(report.file, "this delivery was made from raw, by the emergency report")
    traced = asks.tracer.report(delivery.report)
    answer = asks.ask(no_row(traced), "", told=False)
    (file,) = delivery.made.manifest.of_role("report")
    data = delivery.store.objects.read(file)
    line = find_line(report, data, answer.names, answer.types, row)
    root, name = _root(asks, traced, line, column)
    found = Found(asks=asks, root=root, line=line)
    if root is None or name is None:
        atoms: tuple[Atom, ...] = (constant(line.field(column)[0].value),)
        expression = line.field(column)[0].value
    else:
        target = found.target(answer if line.part == "row" else None)
        expression = expression_of(root, name)
        atoms = tuple(found.atoms(name, target))
    lineage = NumberLineage(
        delivery=f"{report.name}/{delivery.day}/v{version_of(delivery.made.manifest)}",
        delivered=delivery.sent,
        manifest=delivery.made.digest,
        line=_report_line(asks, line, column, atoms),
        expression=expression,
        atoms=atoms,
        hops=tuple(asks.hops),
        revealed=tuple(sorted(asks.revealed)),
    )
    return lineage, found


def _root(
    asks: Asking, traced: Traced, line: Line, column: str
) -> tuple[Traced | None, str | None]:
    """Return the query whose one row has the number, and the number's column in it."""
    known = [f.name for f in line.fields]
    if column not in known:
        raise ProjectError(
            "V7001",
            f"the {line.part} has no such column",
            where="--column",
            expected=", ".join(known),
            observed=column,
            next_step="name one of the columns",
        )
    if line.part == "row":
        return traced, column
    said = line.field(column)[0].value
    if said.startswith(_SUM) and said.endswith("}"):
        return asks.tracer.total(traced, said[len(_SUM) : -1]), "total"
    if said == "{records}":
        return asks.tracer.total(traced, "*"), "total"
    return None, None


def _report_line(asks: Asking, line: Line, column: str, atoms: tuple[Atom, ...]) -> ReportLine:
    delivery = asks.delivery
    report = delivery.project.reports[delivery.report]
    dataset = f"report:{report.name}"
    open_cell = bool(atoms) and all(
        a.kind == "constant" or (a.kind in ADDED and a.rows != 1) for a in atoms
    )

    def show(name: str, text: str) -> str:
        if line.part != "row" or (name == column and open_cell):
            return text
        return asks.show(dataset, name, text) or ""

    return ReportLine(
        file_name=str(delivery.made.manifest.facts["file_name"]),
        sha256=delivery.made.manifest.of_role("report")[0].sha256,
        number=line.number,
        text=line.text(report.layout, show),
        column=column,
        value=show(column, line.field(column)[1].strip()),
    )
