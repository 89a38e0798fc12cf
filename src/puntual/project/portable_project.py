"""Every model and check of a project that has an environment on AWS must be the same on Spark."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from sqlglot import exp

from puntual.model.contract import Kind
from puntual.project.complaints import Complaints
from puntual.project.datasets import Datasets
from puntual.project.files import Folder
from puntual.project.portable import check_portable
from puntual.project.projections import CLOCK
from puntual.project.queries import Parsed, parse, parse_expression
from puntual.project.section import Section
from puntual.project.snippets import from_file, from_key


def check_on_spark(
    folder: Folder, datasets: Datasets, checks: Iterable[Section], complaints: Complaints
) -> None:
    """
    Complain of SQL that cannot be carried over to Spark (C1213).

    What is wrong with it otherwise has been said.

    Args:
        folder: The project.
        datasets: Its curated datasets.
        checks: The checks as they stand in the YAML.
        complaints: Where what cannot be carried over goes.
    """
    tables = {
        name: {c: Kind.TIMESTAMP.value if kind == CLOCK else kind for c, kind in columns.items()}
        for name, columns in datasets.columns.items()
        if columns is not None
    }
    for parsed in (*_models(folder, datasets), *_checks(folder, checks)):
        check_portable(parsed, "spark", tables, complaints)


def _models(folder: Folder, datasets: Datasets) -> Iterator[Parsed]:
    for model in datasets.models.values():
        parsed = _file(folder, model.file)
        if parsed is not None:
            yield parsed


def _checks(folder: Folder, checks: Iterable[Section]) -> Iterator[Parsed]:
    seen: set[str] = set()
    for section in checks:
        mapping = section.mapping
        parsed: Parsed | None = None
        if mapping.get("row") is not None:
            snippet = from_key(section, "row")
            row = parse_expression(snippet, Complaints()) if snippet is not None else None
            parsed = _broken(row, section.text("dataset")) if row is not None else None
        elif mapping.get("sql") is not None:
            path = section.text("sql")
            parsed = _file(folder, path) if path not in seen else None
            seen.add(path)
        elif mapping.get("sum_equals") is not None:
            inner = section.section("sum_equals", "'sum_equals'")
            snippet = from_key(inner, "query") if inner is not None else None
            parsed = parse(snippet, Complaints()) if snippet is not None else None
        if parsed is not None:
            yield parsed


def _broken(row: Parsed, dataset: str) -> Parsed:
    """Return the SELECT that an engine makes of a rule on a row, so that names are found alike."""
    table = exp.Table(this=exp.to_identifier(dataset, quoted=True))
    broken = exp.Not(this=exp.Coalesce(this=exp.Paren(this=row.tree), expressions=[exp.false()]))
    tree = exp.Select(expressions=[exp.Star()]).from_(table).where(broken, copy=False)
    return replace(row, tree=tree, tables=tuple(sorted({*row.tables, dataset})))


def _file(folder: Folder, path: str) -> Parsed | None:
    if not folder.exists(path):
        return None
    source, refused = folder.read(path)
    return None if refused else parse(from_file(source), Complaints())
