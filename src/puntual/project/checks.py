"""Reads `checks/*.yaml`: rules on curated data, each with one way to find what offends."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from puntual.model.check import (
    AcceptedValues,
    Check,
    Fresh,
    NotNull,
    OnFail,
    Reference,
    RowRule,
    Rule,
    Severity,
    SqlRows,
    SumEquals,
    Unique,
)
from puntual.model.contract import Kind
from puntual.project.complaints import Spot, suggest
from puntual.project.datasets import ORIGIN, Datasets, check_number
from puntual.project.files import Folder
from puntual.project.projections import CLOCK, resolve, resolve_expression
from puntual.project.queries import parse, parse_expression
from puntual.project.scalars import read_scalar
from puntual.project.section import IDENTIFIER, Section, check_name
from puntual.project.snippets import from_file, from_key

RULES = (
    "not_null",
    "unique",
    "accepted_values",
    "reference",
    "fresh",
    "row",
    "sql",
    "sum_equals",
)
_TIMES = frozenset({Kind.DATE.value, Kind.TIMESTAMP.value, CLOCK, ""})


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What reading a check needs: the project's files and datasets, and the SQL files used."""

    folder: Folder
    datasets: Datasets
    used: set[str]


def read_check(reading: Reading, section: Section) -> Check | None:
    """Read one check; None when it has no rule to speak of."""
    name = section.text("id")
    if name:
        check_name(section, name, section.spot("id"), pattern=IDENTIFIER)
    dataset = section.text("dataset")
    if dataset:
        _known(reading, section, "dataset", dataset)
    given = [r for r in RULES if section.has(r)]
    if len(given) != 1 and not section.broken:
        found = ", ".join(given) if given else "none"
        message = f"check '{name}' needs exactly one rule, and has {found}"
        section.complain("C1301", message, hint="rules: " + ", ".join(RULES))
    rule = _rule(reading, section, given[0], dataset) if len(given) == 1 else None
    severity = section.choice("severity", Severity, Severity.ERROR) or Severity.ERROR
    on_fail = section.choice("on_fail", OnFail, OnFail.HOLD) or OnFail.HOLD
    basis, description = section.text("basis", ""), section.text("description", "")
    section.done()
    if rule is None:
        return None
    if on_fail is OnFail.QUARANTINE:
        _quarantine(reading, section, dataset, rule)
    return Check(
        id=name,
        dataset=dataset,
        rule=rule,
        severity=severity,
        on_fail=on_fail,
        basis=basis,
        description=description,
    )


def _rule(reading: Reading, section: Section, kind: str, dataset: str) -> Rule | None:
    match kind:
        case "not_null" | "unique":
            names = section.names(kind)
            for name, spot in zip(names, section.item_spots(kind), strict=False):
                _column(reading, section, spot, dataset, name)
            return NotNull(columns=names) if kind == "not_null" else Unique(columns=names)
        case "row":
            return _row(reading, section, dataset)
        case "sql":
            return _sql(reading, section)
    inner = section.section(kind, f"'{kind}'")
    if inner is None or inner.broken:
        return None
    rule = _inner(reading, inner, kind, dataset)
    inner.done()
    return rule


def _inner(reading: Reading, inner: Section, kind: str, dataset: str) -> Rule:
    column = inner.text("column")
    if column and kind != "sum_equals":
        _column(reading, inner, inner.spot("column"), dataset, column)
    match kind:
        case "accepted_values":
            return AcceptedValues(column=column, values=inner.texts("values"))
        case "reference":
            other, to_column = inner.text("dataset"), inner.text("to_column")
            if other and _known(reading, inner, "dataset", other) and to_column:
                _column(reading, inner, inner.spot("to_column"), other, to_column)
            return Reference(column=column, dataset=other, to_column=to_column)
        case "fresh":
            kinds = (reading.datasets.columns.get(dataset) or {}).get(column, "")
            if kinds not in _TIMES:
                message = f"column '{column}' must be date or timestamp, not {kinds}"
                inner.complain("C1109", message, "column")
            hours = inner.integer("max_age_hours", low=1, high=24 * 366 * 10)
            return Fresh(column=column, max_age=timedelta(hours=hours))
        case _:
            columns = reading.datasets.columns
            if column:
                check_number(inner, "column", column, columns.get(dataset), f"'{dataset}'")
            query = read_scalar(inner, "query", columns, what="dataset")
            return SumEquals(column=column, query=query)


def _row(reading: Reading, section: Section, dataset: str) -> RowRule | None:
    snippet = from_key(section, "row")
    parsed = parse_expression(snippet, section.complaints) if snippet is not None else None
    if parsed is None:
        return None
    if dataset in reading.datasets.columns:
        resolve_expression(parsed, dataset, reading.datasets.columns, section.complaints)
    return RowRule(expression=parsed.sql)


def _sql(reading: Reading, section: Section) -> SqlRows | None:
    path = section.text("sql")
    if not path:
        return None
    reading.used.add(path)
    outside = path.startswith("/") or ".." in path.split("/") or "\\" in path
    if outside or not path.endswith(".sql"):
        message = f"'{path}' is no .sql file inside the project"
        section.complain("C1019", message, "sql")
        return None
    if not reading.folder.exists(path):
        known = [n for n in reading.folder.names("checks") if n.endswith(".sql")]
        message = f"there is no file '{path}'"
        section.complain("C1001", message, "sql", hint=suggest(path, known))
        return None
    source, refused = reading.folder.read(path)
    if refused:
        section.complaints.add(refused.code, f"the check {refused.message}", source)
        return None
    parsed = parse(from_file(source), section.complaints)
    if parsed is None:
        return None
    query = resolve(parsed, reading.datasets.columns, section.complaints, what="dataset")
    on_fail = section.mapping.get("on_fail")
    quarantines = getattr(on_fail, "value", None) == OnFail.QUARANTINE.value
    if quarantines and query.columns is not None and not ORIGIN.keys() <= query.columns.keys():
        message = f"to quarantine, {path} must return _object and _position"
        section.complain("C1302", message, "sql")
    return SqlRows(sql=parsed.sql, file=path)


def _quarantine(reading: Reading, section: Section, dataset: str, rule: Rule) -> None:
    if isinstance(rule, Fresh | SumEquals):
        message = "'fresh' and 'sum_equals' have no rows to quarantine"
        section.complain("C1302", message, "on_fail")
    elif dataset in reading.datasets.columns and not reading.datasets.keeps_origin(dataset):
        message = f"the rows of '{dataset}' do not keep their origin (_object, _position)"
        hint = "select them in the model, or choose another on_fail"
        section.complain("C1302", message, "on_fail", hint=hint)
    else:
        _origin(reading, section, dataset)


def _origin(reading: Reading, section: Section, dataset: str) -> None:
    """
    Refuse a quarantine that would leave the rows somewhere in the day.

    A row that is set aside leaves its source and the models that carry it. A model that mixes
    or aggregates has been built before, with that row in it.
    """
    models = reading.datasets.models
    model = models.get(dataset)
    if model is not None and model.carries is None:
        message = f"'{dataset}' does not say whose rows it carries, so none can be set aside"
        hint = "declare `carries` in puntual.yaml, or choose another on_fail"
        section.complain("C1302", message, "on_fail", hint=hint)
        return
    origin = dataset if model is None else model.carries
    touched = {origin}
    for name, other in models.items():
        if not touched & set(other.inputs):
            continue
        touched.add(name)
        if other.carries != origin:
            message = f"the rows that are set aside would stay in '{name}'"
            hint = "choose flag or hold, or aggregate in report.sql instead"
            section.complain("C1306", message, "on_fail", hint=hint)


def _known(reading: Reading, section: Section, key: str, dataset: str) -> bool:
    if dataset in reading.datasets.columns:
        return True
    hint = suggest(dataset, reading.datasets.columns)
    section.complain("C1012", f"unknown dataset '{dataset}'", key, hint=hint)
    return False


def _column(reading: Reading, section: Section, spot: Spot, dataset: str, name: str) -> None:
    columns = reading.datasets.columns.get(dataset)
    if columns is not None and name not in columns:
        hint = suggest(name, columns)
        section.complain("C1209", f"'{dataset}' has no column '{name}'", spot, hint=hint)
