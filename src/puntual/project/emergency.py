"""Reads plan B of a report: `emergency.sql`, on raw alone, with its own checks."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from puntual.model.report import PlanB, Tie
from puntual.project.complaints import Complaints, suggest
from puntual.project.datasets import check_number
from puntual.project.files import Folder
from puntual.project.projections import Columns, Query, output_errors, resolve
from puntual.project.queries import parse
from puntual.project.scalars import read_scalar
from puntual.project.section import Section
from puntual.project.snippets import from_file

FILE = "emergency.sql"


def read_emergency(
    folder: Folder,
    base: str,
    top: Section,
    raw: Mapping[str, Columns | None],
    columns: Columns | None,
    complaints: Complaints,
) -> PlanB | None:
    """
    Read plan B; None if the report has none, or it cannot be read.

    Args:
        folder: The project.
        base: The report's folder.
        top: `report.yaml`, whose `emergency` holds the ties.
        raw: The sources that it may read, with the columns of their contracts.
        columns: What `report.sql` returns, which plan B returns too.
        complaints: Where what is wrong goes.
    """
    section = top.section("emergency", "'emergency'", needed=False)
    path = f"{base}/{FILE}"
    if not folder.exists(path):
        if section is not None:
            message = f"there is no {path}"
            top.complain("C1704", message, top.key_spot("emergency"))
        return None
    source, refused = folder.read(path)
    if refused:
        complaints.add(refused.code, f"{FILE} {refused.message}", source)
        return None
    ties = _ties(section, raw, columns)
    parsed = parse(from_file(source), complaints)
    if parsed is None:
        return None
    query = resolve(parsed, raw, complaints, what="source")
    output_errors(query, complaints)
    _same_columns(query, columns, complaints)
    lines = [f"{source.sha256}  {FILE}", *(f"{t.column}  {t.query}" for t in ties)]
    return PlanB(
        sql=parsed.sql,
        file=path,
        ties=ties,
        digest=hashlib.sha256("\n".join(lines).encode()).hexdigest(),
    )


def _ties(
    section: Section | None, raw: Mapping[str, Columns | None], columns: Columns | None
) -> tuple[Tie, ...]:
    if section is None:
        return ()
    found = []
    for item in section.items("ties", "a tie of plan B"):
        column, source = item.text("column"), item.text("source")
        if column and column != "*":
            check_number(item, "column", column, columns, FILE)
        if source and source not in raw:
            hint = suggest(source, raw)
            item.complain("C1012", f"no source is called '{source}'", "source", hint=hint)
        query = read_scalar(item, "query", raw, what="source", whole=column == "*")
        found.append(Tie(column=column, query=query, dataset=source))
        item.done()
    section.done()
    return tuple(found)


def _same_columns(query: Query, columns: Columns | None, complaints: Complaints) -> None:
    """Complain where plan B does not return what the layout expects of the full report."""
    if columns is None or query.columns is None or list(columns) == list(query.columns):
        return
    missing = [c for c in columns if c not in query.columns]
    extra = [c for c in query.columns if c not in columns]
    why = [f"lacks {', '.join(missing)}"] if missing else []
    why += [f"adds {', '.join(extra)}"] if extra else []
    message = f"{FILE} must return the columns of report.sql, in their order"
    snippet = query.parsed.snippet
    snippet.complain(
        complaints,
        "C1705",
        f"{message}: it {' and '.join(why) or 'orders them otherwise'}",
        snippet.at(0),
    )
