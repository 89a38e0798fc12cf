"""
Reads the reconciliations of a contract: ODCS `quality` with `method: reconciliation`.

ODCS 3.1 and 3.2 give the method a name and nothing more: `method` is a free text of
`DataQuality`, with `reconciliation` as its example. What a rule compares is said by its type:
`library` with the metric `rowCount` and `sql` answer one number, which `mustBe` another;
`custom` with the engine `puntual` holds a control as `controls/*.yaml` does. Whatever else a
rule says is refused with its place, never skipped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

from puntual.model.check import Severity
from puntual.model.control import (
    Asked,
    ControlKind,
    ControlMeasure,
    ControlRule,
    Form,
    MeasureKind,
    QuerySide,
    Term,
)
from puntual.project.around import Known
from puntual.project.controls import read_declared, read_on_fail, rule_of
from puntual.project.extras import read_extras
from puntual.project.forms import Declared
from puntual.project.odcs import is_reconciliation
from puntual.project.projections import resolve
from puntual.project.queries import parse
from puntual.project.section import IDENTIFIER, Section
from puntual.project.snippets import Snippet, from_key
from puntual.project.vacuous import check_can_fail
from puntual.project.yaml import Mapping, Node, Scalar, Sequence

_TOLD = ("authoritativeDefinitions", "businessImpact", "dimension", "tags", "name", "id", "method")
"""Keys that describe a rule, and change nothing of what it compares."""
_EXTRAS = frozenset({"basis", "kind", "mayBeEmpty", "onFail", "tolerance"})
_ROWS = "rows"
_SEVERITIES = {"error": Severity.ERROR, "warning": Severity.WARN, "warn": Severity.WARN}
_PLACE = re.compile(r"\$?\{(table|object|schema|column|property)\}")


def read_reconciliations(
    schema: Section, known: Known
) -> Iterator[tuple[Section, ControlRule | None]]:
    """Read every reconciliation of a dataset and of its columns, with where each stands."""
    dataset = getattr(schema.mapping.get("name"), "text", "")
    properties = schema.mapping.get("properties")
    parts: list[tuple[Node, str]] = [(schema.node, "")]
    for part in properties.items if isinstance(properties, Sequence) else ():
        name = part.get("name") if isinstance(part, Mapping) else None
        parts.append((part, name.text if isinstance(name, Scalar) else ""))
    for part, column in parts:
        quality = part.get("quality") if isinstance(part, Mapping) else None
        for item in quality.items if isinstance(quality, Sequence) else ():
            if is_reconciliation(item):
                section = Section(item, schema.source, schema.complaints, "a reconciliation")
                yield section, _rule(section, dataset, column, known)


def _rule(section: Section, dataset: str, column: str, known: Known) -> ControlRule | None:
    section.asked += _TOLD
    name = _name(section)
    extras = read_extras(section, _EXTRAS).section
    declared = _declared(section, dataset, column, known, name)
    severity = _severity(section)
    kind = extras.choice("kind", ControlKind, ControlKind.BUSINESS) or ControlKind.BUSINESS
    on_fail = read_on_fail(extras, "onFail")
    basis, may_be_empty = extras.text("basis", ""), extras.boolean("mayBeEmpty", False)
    tolerance = extras.amount("tolerance", "0") if extras.has("tolerance") else None
    description = section.text("description", "")
    for entry in section.mapping.entries:
        if entry.key.text not in section.asked:
            message = f"'{entry.key.text}' of a reconciliation is not understood"
            section.complain("C1115", message, entry.key, hint=_HINT)
    if declared is None or not name:
        return None
    if tolerance is not None:
        declared = _tolerant(extras, declared, tolerance)
    return rule_of(
        declared,
        name=name,
        kind=kind,
        severity=severity,
        on_fail=on_fail,
        basis=basis,
        description=description,
        may_be_empty=may_be_empty,
    )


_HINT = "library rowCount or sql with mustBe, or custom with engine: puntual"


def _name(section: Section) -> str:
    key = "id" if section.mapping.entry("id") is not None else "name"
    found = section.text(key)
    if found and not IDENTIFIER.fullmatch(found):
        message = f"a reconciliation is named by its {key}: '{found}' is no name of a control"
        section.complain("C1115", message, key, hint=f"it matches ^{IDENTIFIER.pattern}$")
        return ""
    return found


def _severity(section: Section) -> Severity:
    found = section.text("severity", "error")
    if found in _SEVERITIES:
        return _SEVERITIES[found]
    message = f"severity '{found}' of a reconciliation is not understood"
    section.complain("C1115", message, "severity", hint="error or warning")
    return Severity.ERROR


def _tolerant(extras: Section, declared: Declared, tolerance: Decimal) -> Declared:
    """Lay the contract's tolerance on the one measure; complain where that cannot be."""
    if tolerance < 0:
        extras.complain("C1011", "a tolerance cannot be negative", "tolerance")
        return declared
    if len(declared.measures) != 1:
        message = f"one tolerance for {len(declared.measures)} measures is not understood"
        hint = "write it beside the measure in the implementation"
        extras.complain("C1115", message, "tolerance", hint=hint)
        return declared
    (measure,) = declared.measures
    if measure.tolerance:
        message = f"the implementation has a tolerance of {measure.tolerance:f} itself"
        extras.complain("C1115", message, "tolerance", hint="keep one of them")
    elif not measure.kind.is_near:
        message = f"{measure.name} is the same or is not: it has no tolerance"
        extras.complain("C1115", message, "tolerance", hint="remove it")
    elif tolerance and not measure.unit:
        extras.complain("C1310", "this tolerance has no unit", "tolerance", hint="unit: MXN")
    return replace(declared, measures=(replace(measure, tolerance=tolerance),))


def _declared(
    section: Section, dataset: str, column: str, known: Known, name: str
) -> Declared | None:
    kind = section.text("type", "library")
    match kind:
        case "custom":
            return _custom(section, known, name)
        case "sql":
            left = _sql(section, dataset, column, known)
        case "library":
            left = _library(section, dataset, known)
        case _:
            message = f"a reconciliation of type {kind} compares nothing"
            section.complain("C1115", message, "type", hint=_HINT)
            return None
    right = _must_be(section)
    unit = section.text("unit", _ROWS if kind == "library" else "")
    if kind == "library" and unit != _ROWS:
        message = f"rowCount counts rows, not {unit}"
        section.complain("C1115", message, "unit", hint=f"unit: {_ROWS}, or leave it out")
    if left is None or right is None:
        return None
    must_be = Term(side=QuerySide(sql=f"SELECT {right}"), asked=(Asked(kind=MeasureKind.VALUE),))
    check_can_fail(section, (left,), (must_be,), section.key_spot("mustBe"))
    return Declared(
        form=Form.SIDES,
        left=(left,),
        right=(must_be,),
        measures=(ControlMeasure(name="value", kind=MeasureKind.VALUE, unit=unit),),
    )


def _custom(section: Section, known: Known, name: str) -> Declared | None:
    engine = section.text("engine")
    if engine != "puntual":
        message = f"a reconciliation by the engine '{engine}' is not run here"
        section.complain("C1115", message, "engine", hint="engine: puntual")
        section.asked.append("implementation")
        return None
    inner = section.section("implementation", "'implementation'")
    if inner is None or inner.broken:
        return None
    declared = read_declared(inner, known, name)
    inner.done()
    return declared


def _sql(section: Section, dataset: str, column: str, known: Known) -> Term | None:
    snippet = from_key(section, "query")
    if snippet is None:
        return None
    named = {"table": dataset, "object": dataset, "schema": dataset}
    named |= {"column": column, "property": column}
    text = _PLACE.sub(lambda m: named[m[1]], snippet.text)
    if text != snippet.text:
        snippet = Snippet(text=text, source=snippet.source, lines=snippet.lines[:1], exact=False)
    parsed = parse(snippet, section.complaints)
    if parsed is None:
        return None
    query = resolve(parsed, known.tables, section.complaints, what="warehouse table")
    if query.columns is not None and len(query.columns) != 1:
        message = f"a reconciliation's query returns one number, not {len(query.columns)} columns"
        section.complain("C1304", message, "query")
    return Term(side=QuerySide(sql=parsed.sql), asked=(Asked(kind=MeasureKind.VALUE),))


def _library(section: Section, dataset: str, known: Known) -> Term | None:
    metric = section.text("metric")
    if metric != "rowCount":
        message = f"the metric {metric} reconciles nothing"
        section.complain("C1115", message, "metric", hint="rowCount, or declare a check")
        return None
    if dataset not in known.tables:
        message = f"'{dataset}' is not loaded, so its rows are not counted in the warehouse"
        section.complain("C1115", message, "metric", hint="add it to warehouse.tables")
        return None
    where = "reference_date = :reference_date"
    side = QuerySide(sql=f'SELECT count(*) FROM "{dataset}" WHERE {where}')
    return Term(side=side, asked=(Asked(kind=MeasureKind.VALUE),))


def _must_be(section: Section) -> str | None:
    """Return the number that the answer must be, as it is written."""
    node = section.find("mustBe")
    if node is None:
        message = "a reconciliation says with mustBe what its number must be"
        section.complain("C1115", message, hint="write mustBe: 0")
        return None
    number = isinstance(node, Scalar) and (
        (isinstance(node.value, int | Decimal) and not isinstance(node.value, bool))
        or re.fullmatch(r"-?[0-9]{1,38}(\.[0-9]{1,38})?", node.text) is not None
    )
    if not number or "e" in node.text.lower():  # type: ignore[union-attr]
        section.complain("C1115", "mustBe of a reconciliation is a plain number", "mustBe")
        return None
    return node.text  # type: ignore[union-attr]
