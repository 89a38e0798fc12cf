"""
Report rows laid out as the regulator's file, byte for byte the same every time.

What cannot be written is a value in the answer, never an exception and never a truncated or
rounded field.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from puntual.model.report import Field, Layout
from puntual.render import delimited, fixed
from puntual.render.columns import Column, columns_of
from puntual.render.fields import rows_where, spell, spelling
from puntual.render.problems import LayoutProblem, in_rows
from puntual.render.templates import FileFacts, Written, record


@dataclass(frozen=True, slots=True, kw_only=True)
class Laid:
    """A file's bytes, or None and the problems that stand in its way."""

    data: bytes | None
    problems: tuple[LayoutProblem, ...]


def lay_out(
    layout: Layout,
    names: Sequence[str],
    types: Sequence[str],
    columns: Sequence[tuple[object, ...]],
    facts: FileFacts,
) -> Laid:
    """
    Lay a report's rows out.

    Args:
        layout: The regulator's file.
        names: Of the columns of report.sql.
        types: Of the columns, in DuckDB's words.
        columns: The values, column by column, in row order.
        facts: What header and trailer say about the delivery.

    Returns:
        The bytes: header, names if asked for, rows, trailer; or every problem that was found.
    """
    found, problems = columns_of(layout, names, types, columns)
    if problems:
        return Laid(data=None, problems=problems)
    detail, wrong = _detail(layout, found)
    header, no_header = _single(layout, layout.header, facts, found)
    trailer, no_trailer = _single(layout, layout.trailer, facts, found)
    problems = (*wrong, *no_header, *no_trailer)
    if problems:
        return Laid(data=None, problems=problems)
    titles = [layout.delimiter.join(f.name for f in layout.detail)] if layout.column_names else []
    lines = [*header, *titles, *_joined(layout, detail), *trailer]
    text = "".join([layout.newline.join(lines), layout.newline]) if lines else ""
    try:
        return Laid(data=text.encode(layout.encoding), problems=())
    except UnicodeEncodeError:
        return Laid(data=None, problems=_unencodable(layout, detail))


def _detail(
    layout: Layout, columns: Sequence[Column]
) -> tuple[list[Sequence[str]], tuple[LayoutProblem, ...]]:
    texts: list[Sequence[str]] = []
    problems: list[LayoutProblem] = []
    for field, column in zip(layout.detail, columns, strict=True):
        spelt, lost = spell(spelling(layout, field, column.kind, column.scale), column)
        problems += lost
        if not lost:
            written, refused = _guarded(layout, field, column, spelt)
            problems += refused
            texts.append(written)
    return texts, tuple(problems)


def _guarded(
    layout: Layout, field: Field, column: Column, texts: Sequence[str]
) -> tuple[Sequence[str], tuple[LayoutProblem, ...]]:
    if layout.kind == "fixed":
        return fixed.guard(field, column.kind, texts)
    return delimited.guard(layout, field.name, texts)


def _single(
    layout: Layout, fields: Sequence[Field], facts: FileFacts, columns: Sequence[Column]
) -> tuple[list[str], tuple[LayoutProblem, ...]]:
    if not fields:
        return [], ()
    written, problems = record(layout, fields, facts, columns)
    guarded = [_guarded_one(layout, w) for w in written]
    problems = (*problems, *(p for _, refused in guarded for p in refused))
    return _joined(layout, [texts for texts, _ in guarded]), problems


def _guarded_one(
    layout: Layout, written: Written
) -> tuple[Sequence[str], tuple[LayoutProblem, ...]]:
    if layout.kind == "fixed":
        return fixed.guard(written.field, written.kind, [written.text])
    return delimited.guard(layout, written.field.name, [written.text])


def _joined(layout: Layout, columns: Sequence[Sequence[str]]) -> list[str]:
    return fixed.join(columns) if layout.kind == "fixed" else delimited.join(layout, columns)


def _unencodable(layout: Layout, detail: Sequence[Sequence[str]]) -> tuple[LayoutProblem, ...]:
    problems = [
        in_rows(
            "L3003",
            field.name,
            rows,
            f"{field.name}: a character has no bytes in {layout.encoding}",
            expected=f"text that {layout.encoding} can write",
            observed="another character",
        )
        for field, texts in zip(layout.detail, detail, strict=True)
        if (rows := rows_where(not _encodable(t, layout.encoding) for t in texts))
    ]
    outside = LayoutProblem(
        code="L3003",
        field="",
        sentence=f"header, names or trailer cannot be written in {layout.encoding}",
        expected=f"text that {layout.encoding} can write",
        observed="another character",
    )
    return tuple(problems) or (outside,)


def _encodable(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True
