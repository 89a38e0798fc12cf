"""Reads the columns of an ODCS schema: names, types, key, accepted values, forms."""

from __future__ import annotations

import re

from puntual.model.contract import Column, ColumnType, Kind
from puntual.project.complaints import suggest
from puntual.project.extras import Extras, read_extras
from puntual.project.patterns import is_date_format, pattern_error
from puntual.project.section import Section, check_name
from puntual.project.yaml import Mapping

EXTRAS = frozenset({"accepted", "dateFormat"})
RESERVED = frozenset({"_object", "_position"})

_PHYSICAL = {
    Kind.TEXT: ("VARCHAR", "TEXT", "CHAR", "STRING", "CHARACTER VARYING"),
    Kind.INTEGER: ("BIGINT", "INTEGER", "INT", "SMALLINT"),
    Kind.DATE: ("DATE",),
    Kind.TIMESTAMP: (
        "TIMESTAMP",
        "TIMESTAMPTZ",
        "TIMESTAMP WITH TIME ZONE",
        "TIMESTAMP WITHOUT TIME ZONE",
    ),
    Kind.BOOLEAN: ("BOOLEAN", "BOOL"),
}
_KINDS = {name: kind for kind, names in _PHYSICAL.items() for name in names}
_LOGICAL = {
    "string": Kind.TEXT,
    "integer": Kind.INTEGER,
    "date": Kind.DATE,
    "timestamp": Kind.TIMESTAMP,
    "boolean": Kind.BOOLEAN,
}
_DECIMAL = re.compile(r"(?:DECIMAL|NUMERIC)\s*\(\s*([0-9]{1,2})\s*(?:,\s*([0-9]{1,2})\s*)?\)")
_IGNORED_OPTIONS = "'{}' in logicalTypeOptions is not checked by puntual"


def read_column(section: Section) -> Column | None:
    """Read one property of a schema; None when its name or type cannot be used."""
    name = section.text("name")
    if not check_name(section, name, section.spot("name")):
        return None
    if name in RESERVED:
        section.complain("C1017", f"'{name}' is puntual's own column", "name")
        return None
    extras = read_extras(section, EXTRAS)
    kind = _type(section, name)
    _warn(section, name)
    pattern = _pattern(section)
    if kind is None:
        return None
    return Column(
        name=name,
        source_name=section.text("physicalName", name) or name,
        type=kind,
        required=section.boolean("required", False),
        accepted=extras.section.texts("accepted") if extras.section.has("accepted") else None,
        format=_format(extras, kind),
        pattern=pattern,
        classification=section.text("classification", "internal"),
    )


def read_key(section: Section, columns: list[tuple[Column, Section]]) -> tuple[str, ...]:
    """Return the declared key's columns by their position."""
    keys = [(c, s) for c, s in columns if s.boolean("primaryKey", False)]
    places: dict[int, str] = {}
    for column, part in keys:
        default = -1 if len(keys) > 1 else 1
        position = part.integer("primaryKeyPosition", default, low=-1)
        if position < 1 or position in places:
            message = f"key column '{column.name}' needs its own primaryKeyPosition, from 1"
            part.complain("C1110", message, part.key_spot("primaryKeyPosition"))
        elif not column.required:
            message = f"key column '{column.name}' must be required: true"
            part.complain("C1110", message, part.key_spot("primaryKey"))
        places.setdefault(position, column.name)
    for column, part in columns:
        if part.boolean("unique", False) and column.name not in places.values():
            message = "'unique' is not checked by puntual; declare a check with unique"
            part.complain("C1112", message, "unique", severity="warning")
    return tuple(places[p] for p in sorted(places))


def _type(section: Section, name: str) -> ColumnType | None:
    physical = section.text("physicalType", "").strip().upper()
    logical = section.text("logicalType", "")
    section.asked.append("logicalTypeOptions")
    if decimal := _DECIMAL.fullmatch(physical):
        precision, scale = int(decimal[1]), int(decimal[2] or 0)
        if 1 <= precision <= 38 and scale <= precision:
            return ColumnType(kind=Kind.DECIMAL, precision=precision, scale=scale)
        message = f"no such decimal: DECIMAL({precision},{scale}); at most 38 digits"
        section.complain("C1106", message, "physicalType")
        return None
    bare = re.sub(r"\s*\(\s*[0-9]+\s*\)", "", physical)
    if bare in _KINDS:
        return ColumnType(kind=_KINDS[bare])
    if bare in ("DECIMAL", "NUMERIC") or (logical == "number" and not physical):
        message = f"column '{name}' is a number and needs physicalType: DECIMAL(p,s)"
        spot = section.spot("physicalType" if physical else "logicalType")
        section.complain("C1105", message, spot)
    elif physical:
        exact = bare in ("FLOAT", "DOUBLE", "REAL", "DOUBLE PRECISION")
        hint = "numbers are exact: DECIMAL(p,s)" if exact else suggest(bare, _KINDS)
        message = f"physicalType {physical[:40]} is not supported"
        section.complain("C1106", message, "physicalType", hint=hint)
    elif logical in _LOGICAL:
        return ColumnType(kind=_LOGICAL[logical])
    else:
        message = f"column '{name}' needs a type; '{logical}' is not supported"
        section.complain("C1106", message, "logicalType", hint=suggest(logical, _LOGICAL))
    return None


def _format(extras: Extras, kind: ColumnType) -> str | None:
    form = extras.section.optional_text("dateFormat")
    if form is None:
        return None
    if kind.kind not in (Kind.DATE, Kind.TIMESTAMP):
        extras.section.complain("C1104", "only a date or timestamp has a dateFormat", "dateFormat")
    elif not is_date_format(form, parse=True):
        extras.section.complain("C1104", f"'{form}' is no strptime pattern", "dateFormat")
    return form


def _pattern(section: Section) -> str | None:
    options = section.mapping.get("logicalTypeOptions")
    if not isinstance(options, Mapping):
        return None
    inner = Section(options, section.source, section.complaints, "logicalTypeOptions")
    for entry in options.entries:
        if entry.key.text != "pattern":
            message = _IGNORED_OPTIONS.format(entry.key.text)
            hint = "declare a check for it"
            inner.complain("C1112", message, entry.key, hint=hint, severity="warning")
    pattern = inner.optional_text("pattern")
    if pattern is not None and (why := pattern_error(pattern)):
        inner.complain("C1114", f"this is no RE2 pattern: {why}", "pattern")
    return pattern


def _warn(section: Section, name: str) -> None:
    for entry in section.mapping.entries:
        if entry.key.text == "relationships":
            message = "'relationships' are not checked by puntual; declare a check with reference"
            section.complain("C1112", message, entry.key, severity="warning")
        if entry.key.text == "properties":
            message = f"column '{name}' is nested; name its parts with dotted physicalNames"
            section.complain("C1106", message, entry.key)
