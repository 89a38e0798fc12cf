"""Records with a delimiter between their fields (RFC 4180 where a quote is declared)."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from itertools import repeat

from puntual.model.report import Field, Layout
from puntual.render.fields import rows_where
from puntual.render.problems import LayoutProblem, in_rows


def guard(
    layout: Layout, name: str, texts: Sequence[str]
) -> tuple[Sequence[str], tuple[LayoutProblem, ...]]:
    """
    Quote the texts that would break their record, or refuse them.

    Returns:
        The texts as they are written, and L3002 where the layout cannot quote.
    """
    joined = "\0".join(texts)
    breaking = [c for c in (layout.delimiter, "\n", "\r", layout.quote) if c and c in joined]
    if not breaking:
        return texts, ()
    if layout.quote is None:
        rows = rows_where(any(c in t for c in breaking) for t in texts)
        problem = in_rows(
            "L3002",
            name,
            rows,
            f"{name}: a text contains the delimiter or a line end",
            expected="a text without them, or a layout with a quote",
            observed="a text that would break its record",
        )
        return texts, (problem,)
    return [_quoted(t, layout.quote, breaking) for t in texts], ()


def join(layout: Layout, columns: Sequence[Sequence[str]]) -> list[str]:
    """Return one line a row, without its line end."""
    return list(map(layout.delimiter.join, zip(*columns, strict=True)))


def lines(layout: Layout, text: str) -> list[str]:
    """
    Return the records of a file without quotes; each ends in the layout's line end.

    Raises:
        ValueError: The last record has no line end.
    """
    if text and not text.endswith(layout.newline):
        raise ValueError("the last record has no line end")
    return text.split(layout.newline)[:-1]


def cut_lines(
    layout: Layout, fields: Sequence[Field], records: Sequence[str]
) -> list[Sequence[str]]:
    """
    Cut records without quotes into one column of texts a field.

    Raises:
        ValueError: A record has more or fewer fields.
    """
    width = len(fields)
    if set(map(str.count, records, repeat(layout.delimiter))) - {width - 1}:
        raise ValueError(f"a record does not have {width} fields")
    texts = layout.delimiter.join(records).split(layout.delimiter) if records else []
    return [texts[n::width] for n in range(width)]


def rows(layout: Layout, text: str) -> list[list[str]]:
    """
    Return the records of a file with quotes, field by field.

    Raises:
        ValueError: The last record has no line end, or a quote is not closed.
    """
    if text and not text.endswith(layout.newline):
        raise ValueError("the last record has no line end")
    reader = csv.reader(
        io.StringIO(text, newline=""),
        delimiter=layout.delimiter,
        quotechar=layout.quote,
        strict=True,
    )
    limit = csv.field_size_limit(len(text) + 1)  # a field of a megabyte was written: it reads back
    try:
        return [row or [""] for row in reader]
    except csv.Error as exc:
        raise ValueError(str(exc)) from exc
    finally:
        csv.field_size_limit(limit)


def cut_rows(fields: Sequence[Field], records: Sequence[list[str]]) -> list[Sequence[str]]:
    """
    Turn records that are lists of texts into one column of texts a field.

    Raises:
        ValueError: A record has more or fewer fields.
    """
    if set(map(len, records)) - {len(fields)}:
        raise ValueError(f"a record does not have {len(fields)} fields")
    return list(zip(*records, strict=True)) or [() for _ in fields]


def _quoted(text: str, quote: str, breaking: list[str]) -> str:
    if not any(c in text for c in breaking):
        return text
    return f"{quote}{text.replace(quote, quote * 2)}{quote}"
