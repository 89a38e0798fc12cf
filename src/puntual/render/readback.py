"""
A file's bytes read back as rows, and compared with the rows that were written.

The comparison uses what stands in the bytes: counts and sums of header and trailer are made
again from the rows as they were read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from operator import ne, or_
from typing import TypeVar

from puntual.model.contract import Kind
from puntual.model.report import Field, Layout
from puntual.render import delimited, fixed
from puntual.render.columns import Column, columns_of, kind_of
from puntual.render.fields import Spelling, read, rows_where, spell, spelling
from puntual.render.padding import pad, unpad
from puntual.render.problems import LayoutProblem, in_rows
from puntual.render.templates import FileFacts, Written, record

R = TypeVar("R")

Kinds = dict[str, tuple[Kind, int | None] | None]
"""Column → its kind and scale; None where its type has no exact form."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadBack:
    """
    What stands in a file.

    Attributes:
        header: Texts of the first record's fields; empty when there is none.
        columns: Typed values, column by column, in the order of the layout's detail fields.
        trailer: Texts of the last record's fields; empty when there is none.
        problems: Why the bytes could not be read as the layout says (L3009).
    """

    header: tuple[str, ...]
    columns: tuple[tuple[object, ...], ...]
    trailer: tuple[str, ...]
    problems: tuple[LayoutProblem, ...] = ()


def read_back(layout: Layout, data: bytes, names: Sequence[str], types: Sequence[str]) -> ReadBack:
    """
    Read a file by its layout.

    Args:
        layout: The regulator's file.
        data: Its bytes.
        names: Of the columns of report.sql.
        types: Of the columns, in DuckDB's words.
    """
    kinds = dict(zip(names, map(kind_of, types), strict=True))
    try:
        text = data.decode(layout.encoding)
        head, columns, tail = _cut(layout, text, kinds)
        values = tuple(
            read(spelling(layout, f, *_known(kinds, f)), column)
            for f, column in zip(layout.detail, columns, strict=True)
        )
    except ValueError as exc:
        return ReadBack(header=(), columns=(), trailer=(), problems=(_unreadable(str(exc)),))
    return ReadBack(header=head, columns=values, trailer=tail)


def compare(
    layout: Layout,
    names: Sequence[str],
    types: Sequence[str],
    columns: Sequence[tuple[object, ...]],
    facts: FileFacts,
    found: ReadBack,
) -> tuple[LayoutProblem, ...]:
    """
    Compare what was to be written with what was read back.

    Two values are the same when the layout spells them alike: an empty text and a null with an
    empty null text, two instants under a date format without hours.

    Returns:
        Every difference (L3009): the number of rows; else columns; else, where the columns agree,
        fields of header and trailer.
    """
    written, problems = columns_of(layout, names, types, columns)
    if problems or found.problems:
        return (*problems, *found.problems)
    seen = tuple(
        replace(c, values=values) for c, values in zip(written, found.columns, strict=True)
    )
    records = len(written[0].values) if written else 0
    kept = len(seen[0].values) if seen else 0
    if records != kept:
        return (_differs("", f"the file has {kept:,} rows", f"{records:,} rows", f"{kept:,} rows"),)
    wrong = tuple(_columns(layout, written, seen))
    if wrong:
        return wrong
    return (
        *_totals(layout, layout.header, facts, seen, found.header, "header"),
        *_totals(layout, layout.trailer, facts, seen, found.trailer, "trailer"),
    )


def _columns(
    layout: Layout, written: Sequence[Column], seen: Sequence[Column]
) -> Iterator[LayoutProblem]:
    for field, mine, theirs in zip(layout.detail, written, seen, strict=True):
        if mine.values == theirs.values:
            continue
        how = spelling(layout, field, mine.kind, mine.scale)
        unread = [how.kind is not Kind.TEXT and isinstance(v, str) for v in theirs.values]
        legible = [None if bad else v for v, bad in zip(theirs.values, unread, strict=True)]
        ours, others = _spelt(how, mine.values), _spelt(how, tuple(legible))
        rows = rows_where(map(or_, unread, map(ne, ours, others)))
        if rows:
            yield in_rows(
                "L3009",
                field.name,
                rows,
                f"{field.name} does not read back as it was written",
                expected="the value of the report",
                observed="another value",
            )


def _spelt(how: Spelling, values: tuple[object, ...]) -> Sequence[str]:
    column = Column(name=how.field.name, kind=how.kind, scale=how.scale, values=values)
    texts, _ = spell(how, column)
    return unpad(how.field, how.kind, pad(how.field, how.kind, texts)) if how.fixed else texts


def _totals(
    layout: Layout,
    fields: Sequence[Field],
    facts: FileFacts,
    seen: Sequence[Column],
    found: Sequence[str],
    name: str,
) -> Iterator[LayoutProblem]:
    expected, problems = record(layout, fields, facts, seen)
    yield from problems
    if len(expected) != len(found):
        yield _differs("", f"the {name} is another", f"{len(expected)} fields", f"{len(found)}")
        return
    for field, text in zip(expected, found, strict=True):
        if _padded(layout, field) != text:
            sentence = f"the {name}'s {field.field.name} is not what the rows of the file give"
            yield _differs(field.field.name, sentence, field.text, text)


def _padded(layout: Layout, written: Written) -> str:
    if layout.kind != "fixed":
        return written.text
    return pad(written.field, written.kind, [written.text])[0]


def _cut(
    layout: Layout, text: str, kinds: Kinds
) -> tuple[tuple[str, ...], list[Sequence[str]], tuple[str, ...]]:
    """Return the header's texts, the detail columns without padding, the trailer's texts."""
    if layout.kind == "fixed":
        head, columns, tail = _parts(layout, fixed.split(layout, text), fixed.cut)
        pairs = zip(layout.detail, columns, strict=True)
        return head, [unpad(f, _known(kinds, f)[0], texts) for f, texts in pairs], tail
    if layout.quote is None:
        return _parts(layout, delimited.lines(layout, text), partial(delimited.cut_lines, layout))
    return _parts(layout, delimited.rows(layout, text), delimited.cut_rows)


def _parts(
    layout: Layout,
    records: list[R],
    cut: Callable[[Sequence[Field], Sequence[R]], list[Sequence[str]]],
) -> tuple[tuple[str, ...], list[Sequence[str]], tuple[str, ...]]:
    first, last = int(bool(layout.header)), int(bool(layout.trailer))
    titles = int(layout.column_names)
    if len(records) < first + titles + last:
        raise ValueError("the header, the column names or the trailer are missing")
    begin, end = first + titles, len(records) - last
    if titles and _one(cut(layout.detail, records[first:begin])) != _names(layout):
        raise ValueError("the line of column names is another")
    return (
        _one(cut(layout.header, records[:first])) if first else (),
        cut(layout.detail, records[begin:end]),
        _one(cut(layout.trailer, records[end:])) if last else (),
    )


def _one(columns: list[Sequence[str]]) -> tuple[str, ...]:
    return tuple(texts[0] for texts in columns)


def _names(layout: Layout) -> tuple[str, ...]:
    return tuple(f.name for f in layout.detail)


def _known(kinds: Kinds, field: Field) -> tuple[Kind, int | None]:
    found = kinds.get(field.name)
    if found is None:
        raise ValueError(f"{field.name} is no column of the report with an exact type")
    return found


def _unreadable(why: str) -> LayoutProblem:
    return LayoutProblem(
        code="L3009",
        field="",
        sentence=f"the file does not read back: {why}",
        expected="records as the layout says",
        observed=why,
    )


def _differs(field: str, sentence: str, expected: str, observed: str) -> LayoutProblem:
    return LayoutProblem(
        code="L3009", field=field, sentence=sentence, expected=expected, observed=observed
    )
