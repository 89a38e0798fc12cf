"""Header, trailer and file name: literals with placeholders, spelt like any other field."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from puntual.errors import ProjectError
from puntual.model.contract import Kind
from puntual.model.report import Field, Layout
from puntual.render.columns import Column, total
from puntual.render.fields import spell, spelling
from puntual.render.padding import NUMERIC
from puntual.render.problems import LayoutProblem

_PLACEHOLDER = re.compile(r"\{([a-z_]+)(?::([^{}]*))?\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFacts:
    """
    What header, trailer and file name may say about the delivery.

    Attributes:
        report: Its name.
        institution: Who owes it.
        reference_date: The day.
        version: From 1.
        completeness: `full`, `partial` or `emergency`.
        exceptions: How many its document names.
        flags: What the policy has the file say of what is missing, joined by `; `.
    """

    report: str
    institution: str
    reference_date: date
    version: int
    completeness: str = "full"
    exceptions: int = 0
    flags: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """One field of a header or trailer: its text, not yet padded, and its kind."""

    field: Field
    text: str
    kind: Kind


def file_name(layout: Layout, facts: FileFacts) -> str:
    """
    Return the name of the regulator's file.

    Raises:
        ProjectError: L3006 a placeholder that a file name cannot have.
    """
    known = _facts(facts, layout.file_name)
    unknown = _unknown(layout.file_name, known)
    if unknown:
        raise ProjectError(
            "L3006",
            f"the file name has an unknown placeholder: {', '.join(unknown)}",
            where="layout.yaml, file_name",
            expected="{report}, {institution}, {version} or {reference_date:FORMAT}",
            observed=", ".join(unknown),
            next_step="correct file_name",
        )
    return _filled(layout.file_name, {k: _plain(v) for k, v in known.items()})


def record(
    layout: Layout, fields: Sequence[Field], facts: FileFacts, columns: Sequence[Column]
) -> tuple[tuple[Written, ...], tuple[LayoutProblem, ...]]:
    """
    Fill in the fields of a header or trailer.

    Args:
        layout: The file's.
        fields: Those of the record.
        facts: About the delivery.
        columns: Of the detail records, for their count and sums.

    Returns:
        The fields, and what stands in the way (L3004, L3006).
    """
    done = [_written(layout, f, facts, columns) for f in fields]
    found = (replace(p, rows=0, first=()) for _, problems in done for p in problems)
    return tuple(w for w, _ in done), tuple(found)


def _written(
    layout: Layout, field: Field, facts: FileFacts, columns: Sequence[Column]
) -> tuple[Written, tuple[LayoutProblem, ...]]:
    known = _facts(facts, field.value) | _told(facts) | _counts(field.value, columns)
    unknown = _unknown(field.value, known)
    if unknown:
        return Written(field=field, text="", kind=Kind.TEXT), (_bad(field, unknown),)
    alone = _PLACEHOLDER.fullmatch(field.value)
    column = known[alone.group(0)] if alone else _text(_filled_plain(field.value, known))
    texts, problems = spell(spelling(layout, field, column.kind, column.scale), column)
    return Written(field=field, text=texts[0] if texts else "", kind=column.kind), problems


def _facts(facts: FileFacts, template: str) -> dict[str, Column]:
    known = {
        "{report}": _text(facts.report),
        "{institution}": _text(facts.institution),
        "{version}": _one(Kind.INTEGER, 0, facts.version),
        "{reference_date}": _one(Kind.DATE, None, facts.reference_date),
    }
    for found in _PLACEHOLDER.finditer(template):
        if found.group(1) == "reference_date" and found.group(2):
            known[found.group(0)] = _text(facts.reference_date.strftime(found.group(2)))
    return known


def _told(facts: FileFacts) -> dict[str, Column]:
    """Return what the file itself may say of what is missing; a file's name says nothing of it."""
    return {
        "{completeness}": _text(facts.completeness),
        "{exceptions}": _one(Kind.INTEGER, 0, facts.exceptions),
        "{flags}": _text(facts.flags),
    }


def _counts(template: str, columns: Sequence[Column]) -> dict[str, Column]:
    known: dict[str, Column] = {}
    by_name = {c.name: c for c in columns if c.kind in NUMERIC}
    for found in _PLACEHOLDER.finditer(template):
        if found.group(0) == "{records}":
            known["{records}"] = _one(Kind.INTEGER, 0, len(columns[0].values) if columns else 0)
        summed = by_name.get(found.group(2) or "")
        if found.group(1) == "sum" and summed is not None:
            known[found.group(0)] = _one(Kind.DECIMAL, summed.scale, total(summed))
    return known


def _bad(field: Field, unknown: list[str]) -> LayoutProblem:
    return LayoutProblem(
        code="L3006",
        field=field.name,
        sentence=f"{field.name} has an unknown placeholder",
        expected="{records}, {sum:COLUMN}, {report}, {institution}, {version}, {reference_date}, "
        "{completeness}, {exceptions} or {flags}",
        observed=", ".join(unknown),
    )


def _unknown(template: str, known: Mapping[str, Column]) -> list[str]:
    rest = _PLACEHOLDER.sub(lambda m: "" if m.group(0) in known else m.group(0), template)
    found = [m.group(0) for m in _PLACEHOLDER.finditer(rest)]
    if not found and ("{" in rest or "}" in rest):
        return ["a brace that belongs to no placeholder"]
    return found


def _filled_plain(template: str, known: Mapping[str, Column]) -> str:
    return _filled(template, {k: _plain(v) for k, v in known.items()})


def _filled(template: str, texts: Mapping[str, str]) -> str:
    return _PLACEHOLDER.sub(lambda m: texts[m.group(0)], template)


def _plain(column: Column) -> str:
    value = column.values[0]
    return f"{value:f}" if column.kind is Kind.DECIMAL else str(value)


def _text(value: str) -> Column:
    return _one(Kind.TEXT, None, value)


def _one(kind: Kind, scale: int | None, value: object) -> Column:
    return Column(name="", kind=kind, scale=scale, values=(value,))
