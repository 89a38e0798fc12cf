"""Reads `reports/<name>/`: report.yaml, report.sql and layout.yaml."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from sqlglot import exp

from puntual.model.report import Folder as DeliveryFolder
from puntual.model.report import Layout, Report, Tie
from puntual.project.complaints import Complaints, suggest
from puntual.project.datasets import check_number
from puntual.project.due import read_terms
from puntual.project.emergency import read_emergency
from puntual.project.files import Folder
from puntual.project.layouts import layout_columns, read_layout
from puntual.project.projections import Columns, Query, output_errors, resolve
from puntual.project.queries import parse
from puntual.project.scalars import read_scalar
from puntual.project.section import IDENTIFIER, Section, open_yaml
from puntual.project.snippets import from_file


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What a report may refer to."""

    tables: Mapping[str, Columns | None]
    datasets: frozenset[str]
    calendars: Iterable[str]
    time_zone: str
    raw: Mapping[str, Columns | None] = field(default_factory=dict)


def read_report(folder: Folder, name: str, around: Around, complaints: Complaints) -> Report | None:
    """Read one report's folder; None when a file of it cannot be read."""
    base = f"reports/{name}"
    top = open_yaml(folder, f"{base}/report.yaml", complaints, "report.yaml", pick=_same)
    query = _query(folder, f"{base}/report.sql", around, complaints)
    inner = open_yaml(folder, f"{base}/layout.yaml", complaints, "layout.yaml", pick=_same)
    if top is not None and not IDENTIFIER.fullmatch(name):
        top.complain("C1013", f"report name '{name}' does not match ^{IDENTIFIER.pattern}$")
    columns = query.columns if query is not None else None
    layout = read_layout(inner) if inner is not None else None
    if layout is not None and inner is not None:
        _fields(inner, layout, columns)
    if top is None:
        return None
    emergency = read_emergency(folder, base, top, around.raw, columns, complaints)
    report = _report(top, name, around, columns, query, layout)
    top.done()
    if query is None or report is None:
        return None
    return replace(report, emergency=emergency)


def _same(section: Section) -> Section:
    return section


def _report(
    top: Section,
    name: str,
    around: Around,
    columns: Columns | None,
    query: Query | None,
    layout: Layout | None,
) -> Report | None:
    terms = read_terms(top, name, around.calendars, around.time_zone)
    title, institution = top.text("title"), top.text("institution")
    destinations = _destinations(top)
    ties = tuple(_tie(t, around, columns) for t in top.items("ties", "a tie", needed=False))
    if query is None or layout is None:
        return None
    source = query.parsed.snippet.source
    return Report(
        name=name,
        title=title,
        institution=institution,
        sql=query.parsed.sql,
        file=source.path,
        layout=layout,
        calendar=terms.calendar,
        cadence=terms.cadence,
        due_after=terms.due_after,
        due_at=terms.due_at,
        time_zone=terms.time_zone,
        reserve=terms.reserve,
        owed_from=terms.owed_from,
        ties=ties,
        destinations=destinations,
    )


def digest(folder: Folder, name: str) -> str:
    """Return the SHA-256 over the three files of a report, by name."""
    lines = []
    for part in ("layout.yaml", "report.sql", "report.yaml"):
        source, _ = folder.read(f"reports/{name}/{part}")
        lines.append(f"{source.sha256}  {part}\n")
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _query(folder: Folder, path: str, around: Around, complaints: Complaints) -> Query | None:
    source, refused = folder.read(path)
    if refused:
        complaints.add(refused.code, f"report.sql {refused.message}", source)
        return None
    parsed = parse(from_file(source), complaints)
    if parsed is None:
        return None
    query = resolve(parsed, around.tables, complaints, what="warehouse table")
    output_errors(query, complaints)
    tree = parsed.tree
    if not tree.args.get("order") and not _one_row(tree):
        message = "report.sql needs an ORDER BY; it orders the file"
        parsed.snippet.complain(complaints, "C1210", message, parsed.snippet.at(0))
    return query


def _one_row(tree: exp.Expr) -> bool:
    """Say whether a SELECT without GROUP BY only aggregates, and so returns one row."""
    if not isinstance(tree, exp.Select) or tree.args.get("group"):
        return False
    return bool(tree.expressions) and all(e.find(exp.AggFunc) for e in tree.expressions)


def _destinations(top: Section) -> tuple[DeliveryFolder, ...]:
    found = []
    items = top.items("destinations", "a destination")
    for item in items:
        found.append(DeliveryFolder(path=item.text("folder")))
        item.done()
    if not items and top.mapping.get("destinations"):
        top.complain("C1011", "'destinations' is empty; where does the report go?", "destinations")
    return tuple(found)


def _tie(section: Section, around: Around, columns: Columns | None) -> Tie:
    column, dataset = section.text("column"), section.text("dataset")
    if column and column != "*":
        check_number(section, "column", column, columns, "report.sql")
    if dataset and dataset not in around.tables:
        hint = suggest(dataset, around.tables)
        message = f"unknown warehouse table '{dataset}'"
        if dataset in around.datasets:
            message, hint = f"dataset '{dataset}' is not loaded", "add it to warehouse.tables"
        section.complain("C1012", message, "dataset", hint=hint)
    query = read_scalar(
        section, "query", around.tables, what="warehouse table", whole=column == "*"
    )
    section.done()
    return Tie(column=column, query=query, dataset=dataset)


def _fields(section: Section, layout: Layout, columns: Columns | None) -> None:
    """Compare the layout with what report.sql returns, where that can be told."""
    if columns is None:
        return
    items = section.items("detail", "a field", needed=False)
    for item, one in zip(items, layout.detail, strict=True):
        if one.name and one.name not in columns:
            message = f"report.sql returns no column '{one.name}'"
            item.complain("C1402", message, "name", hint=suggest(one.name, columns))
    missing = [c for c in columns if c not in {f.name for f in layout.detail}]
    if missing and items:
        message = "'detail' has no field for " + ", ".join(f"'{m}'" for m in missing)
        section.complain("C1402", message, "detail", hint="one field for each column of report.sql")
    for key, fields in (("header", layout.header), ("trailer", layout.trailer)):
        for item, one in zip(section.items(key, "", needed=False), fields, strict=True):
            for column in layout_columns(Layout(kind="", file_name="", detail=(), header=(one,))):
                check_number(item, "value", column, columns, "report.sql")
