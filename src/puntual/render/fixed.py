"""Records of fixed-width fields, counted in characters."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

from puntual.model.contract import Kind
from puntual.model.report import Field, Layout
from puntual.render.fields import rows_where
from puntual.render.padding import misleading, pad
from puntual.render.problems import LayoutProblem, in_rows


def guard(
    field: Field, kind: Kind, texts: Sequence[str]
) -> tuple[Sequence[str], tuple[LayoutProblem, ...]]:
    """
    Pad texts to their width, or refuse them.

    Returns:
        The padded texts; L3001 where one is too wide, L3002 where one holds a line end, L3005
        where the padding would change a number.
    """
    name = field.name
    if misleading(field, kind):
        problem = LayoutProblem(
            code="L3005",
            field=name,
            sentence=f"{name}: its fill would change the number",
            expected="blanks, or zeros in front of a number that stands right",
            observed=f"fill {field.fill!r}, align {field.align.value}",
        )
        return texts, (problem,)
    joined = "\0".join(texts)
    if "\n" in joined or "\r" in joined:
        rows = rows_where("\n" in t or "\r" in t for t in texts)
        seen = f"{name}: a text contains a line end"
        return texts, (in_rows("L3002", name, rows, seen, expected="a text on one line"),)
    widest = max(map(len, texts), default=0)
    if widest > field.width:
        rows = rows_where(len(t) > field.width for t in texts)
        problem = in_rows(
            "L3001",
            name,
            rows,
            f"{name}: a value is wider than its field",
            expected=f"at most {field.width} characters",
            observed=f"up to {widest} characters",
        )
        return texts, (problem,)
    return pad(field, kind, texts), ()


def join(columns: Sequence[Sequence[str]]) -> list[str]:
    """Return one line a row, without its line end."""
    return list(map("".join, zip(*columns, strict=True)))


def split(layout: Layout, text: str) -> list[str]:
    """
    Return the records of a file's text; each ends in the layout's line end.

    Raises:
        ValueError: The last record has no line end.
    """
    if text and not text.endswith(layout.newline):
        raise ValueError("the last record has no line end")
    return text.split(layout.newline)[:-1]


def cut(fields: Sequence[Field], lines: Sequence[str]) -> list[Sequence[str]]:
    """
    Cut lines into columns of texts, padding included.

    Raises:
        ValueError: A line is longer or shorter than its fields together.
    """
    ends = list(accumulate(f.width for f in fields))
    if any(map(ends[-1].__ne__, map(len, lines))):
        raise ValueError(f"a record is not {ends[-1]} characters long")
    starts = [0, *ends[:-1]]
    return [[line[a:b] for line in lines] for a, b in zip(starts, ends, strict=True)]
