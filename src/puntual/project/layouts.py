"""Reads the regulator's file: fields, widths, placeholders."""

from __future__ import annotations

from puntual.model.report import Align, Field, Layout
from puntual.project.patterns import (
    is_date_format,
    is_encoding,
    placeholder_errors,
    sum_columns,
)
from puntual.project.section import Section, check_name

_FILE_NAME = frozenset({"report", "reference_date", "version", "institution"})
_VALUE = _FILE_NAME | {"records", "sum", "completeness", "exceptions", "flags"}
_NEWLINES = {"lf": "\n", "crlf": "\r\n"}


def read_layout(section: Section) -> Layout:
    """Read a layout; complain where a field could not be written."""
    kind = section.one_of("kind", ("delimited", "fixed"))
    file_name = section.text("file_name")
    needed = frozenset({"reference_date"})
    for why in placeholder_errors(file_name, _FILE_NAME, needed=needed) if file_name else ():
        section.complain("C1016", why, "file_name")
    if any(c in file_name for c in "/\\\0") or file_name.startswith("."):
        section.complain("C1403", "'file_name' must be a name, without a folder", "file_name")
    if not is_encoding(section.text("encoding", "utf-8")):
        section.complain("C1011", "unknown encoding", "encoding")
    quote = section.text("quote", "none")
    layout = Layout(
        kind=kind,
        file_name=file_name,
        detail=_record(section, "detail", kind),
        header=_record(section, "header", kind),
        trailer=_record(section, "trailer", kind),
        delimiter=section.text("delimiter", "|") if kind != "fixed" else "|",
        quote=None if quote == "none" else quote,
        encoding=section.text("encoding", "utf-8"),
        newline=_NEWLINES[section.one_of("newline", _NEWLINES, "lf")],
        null=section.text("null_text", ""),
        decimal_mark=section.text("decimal_mark", "."),
        column_names=section.boolean("column_names", False) if kind != "fixed" else False,
    )
    _marks(section, layout)
    if kind:
        section.done()
    return layout


def layout_columns(layout: Layout) -> tuple[str, ...]:
    """Return the report columns that a layout's header and trailer sum."""
    return tuple(c for f in (*layout.header, *layout.trailer) for c in sum_columns(f.value))


def _marks(section: Section, layout: Layout) -> None:
    for key, value in (("delimiter", layout.delimiter), ("quote", layout.quote)):
        if value is not None and (len(value) != 1 or value in "\r\n"):
            section.complain("C1011", f"'{key}' must be one character", key)
    if layout.delimiter == layout.quote:
        section.complain("C1011", "'delimiter' and 'quote' must differ", "quote")
    if layout.decimal_mark not in (".", ","):
        section.complain("C1011", "'decimal_mark' must be . or ,", "decimal_mark")
    clash = layout.kind == "delimited" and layout.decimal_mark == layout.delimiter
    if clash and layout.quote is None:
        message = "'decimal_mark' and 'delimiter' must differ, or numbers be quoted"
        section.complain("C1011", message, "decimal_mark")


def _record(section: Section, key: str, kind: str) -> tuple[Field, ...]:
    items = section.items(key, f"a field of {key}", needed=key == "detail")
    if key == "detail" and not items and section.mapping.get("detail"):
        section.complain("C1011", "'detail' is empty", "detail")
    fields = [_field(item, key, kind) for item in items]
    names: set[str] = set()
    for item, found in zip(items, fields, strict=True):
        if found.name and found.name in names:
            item.complain("C1303", f"field '{found.name}' stands twice in '{key}'", "name")
        names.add(found.name)
    return tuple(fields)


def _field(item: Section, key: str, kind: str) -> Field:
    name = item.text("name")
    if name:
        check_name(item, name, item.spot("name"))
    value = item.text("value", "") if key != "detail" and item.need("value") else ""
    for why in placeholder_errors(value, _VALUE):
        item.complain("C1016", why, "value")
    if kind == "fixed":
        width = item.integer("width", 0, low=1, high=100_000) if item.has("width") else 0
        if not width and not item.broken and not item.mapping.get("width"):
            item.complain("C1401", f"field '{name}' of a fixed-width file needs a width")
        align = item.choice("align", Align, Align.LEFT) or Align.LEFT
        fill = item.text("fill", " ")
    else:
        width, align, fill = 0, Align.LEFT, " "
    if len(fill) != 1:
        item.complain("C1011", "'fill' must be one character", "fill")
    form = item.text("date_format", "%Y-%m-%d")
    if not is_date_format(form, parse=False):
        item.complain("C1011", f"'{form}' is no strftime pattern", "date_format")
    field = Field(
        name=name,
        value=value,
        width=width,
        align=align,
        fill=fill if len(fill) == 1 else " ",
        scale=item.integer("scale", 0, high=38) if item.has("scale") else None,
        implied_point=item.boolean("implied_point", False),
        date_format=form,
    )
    if kind:
        item.done()
    return field
