"""A line of a delivered file, found by what stands in it, and what may be shown of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from puntual.errors import ProjectError
from puntual.model.report import Field, Layout, Report
from puntual.render import delimited, fixed
from puntual.render.readback import read_back


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """
    One record of a file.

    Attributes:
        number: The physical line on which it starts, from 1.
        part: `header`, `row` or `trailer`.
        fields: Of the layout.
        texts: What stands in each, padding included, quotes not.
        values: Typed values by column; empty for header and trailer.
    """

    number: int
    part: str
    fields: tuple[Field, ...]
    texts: tuple[str, ...]
    values: dict[str, object]

    def text(self, layout: Layout, show: Callable[[str, str], str]) -> str:
        """
        Return the line as it stands, each field through what masks it.

        Args:
            layout: The file's.
            show: (field's name, its text) → what may be shown of it.
        """
        named = zip(self.fields, self.texts, strict=True)
        shown = [show(f.name, t) for f, t in named]
        return "".join(shown) if layout.kind == "fixed" else layout.delimiter.join(shown)

    def field(self, name: str) -> tuple[Field, str]:
        """Return a field and its text."""
        return next((f, t) for f, t in zip(self.fields, self.texts, strict=True) if f.name == name)


def find_line(
    report: Report, data: bytes, names: Sequence[str], types: Sequence[str], row: Sequence[str]
) -> Line:
    """
    Find the one line that is meant.

    Args:
        report: Whose file.
        data: Its bytes.
        names: Of the columns of the report's SELECT.
        types: Of the columns, in DuckDB's words.
        row: `header`, `trailer`, `line:N`, or `COLUMN=TEXT` for one or more columns.

    Raises:
        ProjectError: V7006 no line, or several; V7001 an unknown column.
    """
    layout = report.layout
    records = list(_records(layout, data))
    if list(row) in (["header"], ["trailer"]):
        found = [r for r in records if r[1] == row[0]]
        if not found:
            raise _no_line(report, f"the layout has no {row[0]}")
        return _line(layout, found[0])
    wanted = dict(_wanted(report, row))
    kept = [
        (n, number, texts)
        for n, (number, part, texts) in enumerate(r for r in records if r[1] == "row")
        if _is_wanted(layout, wanted, number, texts)
    ]
    if len(kept) != 1:
        raise _no_line(report, f"{len(kept):,} lines")
    index, number, texts = kept[0]
    back = read_back(layout, data, names, types)
    if back.problems:
        raise _no_line(report, "the file does not read back")
    values = {f.name: c[index] for f, c in zip(layout.detail, back.columns, strict=True)}
    return Line(number=number, part="row", fields=layout.detail, texts=texts, values=values)


def _line(layout: Layout, record: tuple[int, str, tuple[str, ...]]) -> Line:
    number, part, texts = record
    fields = layout.header if part == "header" else layout.trailer
    return Line(number=number, part=part, fields=fields, texts=texts, values={})


def _wanted(report: Report, row: Sequence[str]) -> Iterator[tuple[str, str]]:
    known = [f.name for f in report.layout.detail]
    for part in row:
        if part.startswith("line:") and part[5:].isdigit():
            yield "", part[5:]
            continue
        name, mark, text = part.partition("=")
        if not mark:
            raise _no_line(report, "a row that is not said as COLUMN=TEXT")
        if name not in known:
            near = get_close_matches(name, known, 1)
            raise ProjectError(
                "V7001",
                f"{report.name} has no such column",
                where="--row",
                expected=", ".join(known),
                observed=name,
                next_step=f"did you mean {near[0]!r}?" if near else "name one of the columns",
            )
        yield name, text


def _is_wanted(layout: Layout, wanted: dict[str, str], number: int, texts: tuple[str, ...]) -> bool:
    if wanted.get("", str(number)) != str(number):
        return False
    return all(
        _bare(f, t) == _bare(f, wanted[f.name])
        for f, t in zip(layout.detail, texts, strict=True)
        if f.name in wanted
    )


def _bare(field: Field, text: str) -> str:
    """Return a field's text without what pads it."""
    return text.strip(field.fill) if field.width else text


def _records(layout: Layout, data: bytes) -> Iterator[tuple[int, str, tuple[str, ...]]]:
    """Yield (physical line, part, texts) of each record but the line of column names."""
    text = data.decode(layout.encoding)
    lines = fixed.split(layout, text) if layout.kind == "fixed" else delimited.lines(layout, text)
    if layout.kind != "fixed" and layout.quote is not None:
        texts = [tuple(r) for r in delimited.rows(layout, text)]
        numbers = list(_quoted(layout, lines))
    else:
        texts, numbers = [], list(range(1, len(lines) + 1))
    last = len(numbers) - 1
    for i, number in enumerate(numbers):
        part = "row"
        if layout.header and i == 0:
            part = "header"
        elif layout.trailer and i == last:
            part = "trailer"
        elif layout.column_names and i == int(bool(layout.header)):
            continue
        if texts:
            yield number, part, texts[i]
        else:
            fields = {"header": layout.header, "trailer": layout.trailer}.get(part, layout.detail)
            yield number, part, _cut(layout, fields, lines[i])


def _cut(layout: Layout, fields: Sequence[Field], line: str) -> tuple[str, ...]:
    if layout.kind == "fixed":
        return tuple(column[0] for column in fixed.cut(fields, [line]))
    return tuple(line.split(layout.delimiter))


def _quoted(layout: Layout, lines: Sequence[str]) -> Iterator[int]:
    """Yield the line on which each record starts: where no quote is open."""
    quotes = 0
    for number, line in enumerate(lines, 1):
        if quotes % 2 == 0:
            yield number
        quotes += line.count(layout.quote or "\0")


def _no_line(report: Report, observed: str) -> ProjectError:
    return ProjectError(
        "V7006",
        "the row does not name one line of the delivered file",
        where=f"{report.name}: --row",
        expected="COLUMN=TEXT as it stands in the file, for as many columns as make one line; "
        "line:N; header or trailer",
        observed=observed,
        next_step="name more columns, or the line by its number",
    )
