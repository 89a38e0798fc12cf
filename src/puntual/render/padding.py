"""Fixed-width fields: texts padded to their width, and the padding taken off again."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import repeat

from puntual.model.contract import Kind
from puntual.model.report import Align, Field

NUMERIC = frozenset({Kind.INTEGER, Kind.DECIMAL})


def pad(field: Field, kind: Kind, texts: Sequence[str]) -> list[str]:
    """
    Pad texts to a field's width; longer ones stay as they are.

    A number that is filled with zeros keeps its sign in front of them.
    """
    width = repeat(field.width)
    if field.align is Align.LEFT:
        return list(map(str.ljust, texts, width, repeat(field.fill)))
    if zero_filled(field, kind):
        return list(map(str.zfill, texts, width))
    return list(map(str.rjust, texts, width, repeat(field.fill)))


def unpad(field: Field, kind: Kind, texts: Sequence[str]) -> list[str]:
    """Take the padding off; the zeros in front of a number are part of how it is written."""
    if field.align is Align.LEFT:
        return list(map(str.rstrip, texts, repeat(field.fill)))
    if zero_filled(field, kind):
        return list(texts)
    return list(map(str.lstrip, texts, repeat(field.fill)))


def zero_filled(field: Field, kind: Kind) -> bool:
    """Say whether a field holds numbers with zeros in front."""
    return field.align is Align.RIGHT and field.fill == "0" and kind in NUMERIC


def misleading(field: Field, kind: Kind) -> bool:
    """Say whether the padding would change a number: digits after it, or other digits before."""
    digit_fill = field.fill.isdigit() or field.fill in "+-.,"
    return kind in NUMERIC and digit_fill and not zero_filled(field, kind)
