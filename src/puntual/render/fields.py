"""
Values of one column as the texts of one field, and back: scale, marks, nulls, dates.

Column-wise throughout: `map` and `zip` run in C, and a row is looked at only when something is
wrong with its column. Numbers are written without exponent and never rounded.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Context, Decimal, InvalidOperation, localcontext
from itertools import compress, count, repeat
from operator import ne
from typing import Any, assert_never

from puntual.model.contract import Kind
from puntual.model.report import Field, Layout
from puntual.render.columns import DIGITS, Column
from puntual.render.padding import NUMERIC, pad, unpad
from puntual.render.problems import LayoutProblem, in_rows

TRUE, FALSE = "true", "false"


@dataclass(frozen=True, slots=True, kw_only=True)
class Spelling:
    """
    How the values of one field are spelt.

    Attributes:
        field: Whose.
        kind: Of the values.
        scale: Decimals that are written; None: as each value has them.
        mark: The decimal mark.
        null: Text of a null, before padding.
        fixed: The text is padded to the field's width.
    """

    field: Field
    kind: Kind
    scale: int | None
    mark: str
    null: str
    fixed: bool

    @property
    def unpadded_null(self) -> str:
        """What a null reads as, its padding taken off."""
        if not self.fixed:
            return self.null
        return unpad(self.field, self.kind, pad(self.field, self.kind, [self.null]))[0]


def spelling(layout: Layout, field: Field, kind: Kind, scale: int | None) -> Spelling:
    """Return how a field spells values of a kind; `scale` is that of their type."""
    return Spelling(
        field=field,
        kind=kind,
        scale=scale if field.scale is None else field.scale,
        mark=layout.decimal_mark,
        null=layout.null,
        fixed=layout.kind == "fixed",
    )


def spell(how: Spelling, column: Column) -> tuple[Sequence[str], tuple[LayoutProblem, ...]]:
    """
    Write a column's values as texts, not yet padded.

    Returns:
        The texts, in row order, and what stands in the way: L3004 decimals would be lost, L3005
        a null could not be told from a value, L3007 a number has no exact form.
    """
    values: Sequence[Any] = column.values
    holes = None in values
    if holes:
        values = [_NEUTRAL[how.kind] if v is None else v for v in values]
    texts, lost = _spelt(how, values)
    problems = (*lost, *_mistaken_nulls(how, column, texts, holes=holes))
    if holes:
        texts = [how.null if v is None else t for v, t in zip(column.values, texts, strict=True)]
    return texts, problems


def read(how: Spelling, texts: Sequence[str]) -> tuple[object, ...]:
    """
    Read texts, their padding taken off, back as values; one that cannot be read stays a text.

    A text equal to a null's is a null, unless it reads as a value.
    """
    null = None if _is_value(how, how.unpadded_null) else how.unpadded_null
    if how.kind is Kind.TEXT:
        return tuple([None if t == null else t for t in texts] if null in texts else texts)
    if how.kind in NUMERIC and _all_numbers(how, texts):
        return _read_numbers(how, texts)
    known = {t: None if t == null else _value(how, t) for t in set(texts)}
    return tuple(map(known.__getitem__, texts))


def _all_numbers(how: Spelling, texts: Sequence[str]) -> bool:
    """Say whether each text is a number as this field spells it; one look at all of them."""
    whole = how.field.implied_point or (how.kind is Kind.INTEGER and not how.scale)
    form = _INTEGERS if whole else _DECIMALS
    return how.mark == "." and form.fullmatch("\n".join([*texts, ""])) is not None


def _read_numbers(how: Spelling, texts: Sequence[str]) -> tuple[object, ...]:
    if how.kind is Kind.INTEGER and not how.scale:
        return tuple(map(int, texts))
    if not how.field.implied_point:
        return tuple(map(Decimal, texts))
    with localcontext(Context(prec=DIGITS)):
        return tuple(map(Decimal.scaleb, map(Decimal, texts), repeat(-(how.scale or 0))))


_INTEGERS = re.compile(r"(?:-?[0-9]+\n)*+")
_DECIMALS = re.compile(r"(?:-?[0-9]+(?:\.[0-9]+)?\n)*+")
_NUMBER = frozenset("0123456789-.")
_has_form = re.compile(r"-?[0-9]+(\.[0-9]+)?").fullmatch

_NEUTRAL: dict[Kind, object] = {
    Kind.TEXT: "",
    Kind.INTEGER: 0,
    Kind.DECIMAL: Decimal(0),
    Kind.DATE: date(2000, 1, 1),
    Kind.TIMESTAMP: datetime(2000, 1, 1, tzinfo=UTC),
    Kind.BOOLEAN: False,
}


def _spelt(how: Spelling, values: Sequence[Any]) -> tuple[Sequence[str], tuple[LayoutProblem, ...]]:
    match how.kind:
        case Kind.TEXT:
            return values, ()
        case Kind.BOOLEAN:
            return [TRUE if v else FALSE for v in values], ()
        case Kind.DATE | Kind.TIMESTAMP:
            days = {v: _utc(v).strftime(how.field.date_format) for v in set(values)}
            return list(map(days.__getitem__, values)), ()
        case Kind.INTEGER | Kind.DECIMAL:
            return _numbers(how, values)
        case _:
            assert_never(how.kind)


def _numbers(
    how: Spelling, values: Sequence[Any]
) -> tuple[Sequence[str], tuple[LayoutProblem, ...]]:
    if how.kind is Kind.INTEGER and not how.scale:
        return list(map(str, values)), ()
    if how.scale is None and how.field.implied_point:
        return (), (_no_scale(how),)
    exact = list(map(Decimal, values)) if how.kind is Kind.INTEGER else values
    form = "f" if how.scale is None else f".{how.scale}f"
    texts = list(map(format, exact, repeat(form)))
    if not set("".join(texts)) <= _NUMBER:
        return texts, (_not_finite(how, texts),)
    lost = rows_where(map(ne, map(Decimal, texts), exact))
    if lost:
        return texts, (_too_fine(how, lost),)
    return _marked(how, texts), ()


def _marked(how: Spelling, texts: list[str]) -> list[str]:
    if how.field.implied_point:
        return list(map(str.replace, texts, repeat("."), repeat("")))
    if how.mark != ".":
        return list(map(str.replace, texts, repeat("."), repeat(how.mark)))
    return texts


def _too_fine(how: Spelling, rows: list[int]) -> LayoutProblem:
    return in_rows(
        "L3004",
        how.field.name,
        rows,
        f"{how.field.name} has more decimals than its field",
        expected=f"at most {how.scale} decimals",
        observed="more decimals",
    )


def _not_finite(how: Spelling, texts: list[str]) -> LayoutProblem:
    return in_rows(
        "L3007",
        how.field.name,
        rows_where(not set(t) <= _NUMBER for t in texts),
        f"{how.field.name} is not a finite number",
        expected="a finite decimal",
        observed="NaN or infinity",
    )


def _no_scale(how: Spelling) -> LayoutProblem:
    return LayoutProblem(
        code="L3007",
        field=how.field.name,
        sentence=f"{how.field.name} is written without its point, but its scale is not known",
        expected="a `scale` in layout.yaml, or a DECIMAL(p,s) in report.sql",
        observed="a decimal without a scale",
    )


def _mistaken_nulls(
    how: Spelling, column: Column, texts: Sequence[str], *, holes: bool
) -> Iterator[LayoutProblem]:
    """Yield L3005 where nulls read as values, or values as nulls; empty texts are let pass."""
    if holes and _is_value(how, how.unpadded_null):
        rows = rows_where(v is None for v in column.values)
        seen = "a null that reads as a value"
    elif how.null and how.kind is Kind.TEXT and how.null in column.values:
        rows = rows_where(v == how.null for v in column.values)
        seen = "a text that reads as a null"
    else:
        return
    yield in_rows(
        "L3005",
        how.field.name,
        rows,
        f"{how.field.name}: a null cannot be told from a value",
        expected="a null_text that is no value",
        observed=seen,
    )


def _is_value(how: Spelling, text: str) -> bool:
    return how.kind is not Kind.TEXT and not isinstance(_value(how, text), str)


def _value(how: Spelling, text: str) -> object:
    try:
        return _parsed(how, text)
    except (ValueError, InvalidOperation):
        return text


def _parsed(how: Spelling, text: str) -> object:
    match how.kind:
        case Kind.TEXT:
            return text
        case Kind.BOOLEAN:
            return {TRUE: True, FALSE: False}.get(text, text)
        case Kind.DATE:
            return datetime.strptime(text, how.field.date_format).replace(tzinfo=UTC).date()
        case Kind.TIMESTAMP:
            return datetime.strptime(text, how.field.date_format).replace(tzinfo=UTC)
        case Kind.INTEGER | Kind.DECIMAL:
            return _number(how, text)
        case _:
            assert_never(how.kind)


def _number(how: Spelling, text: str) -> object:
    if how.field.implied_point and how.scale:
        if _has_form(text) is None or "." in text:
            return text
        sign, digits, _ = Decimal(text).as_tuple()
        return Decimal((sign, digits, -how.scale))
    plain = text if how.mark == "." else text.replace(".", "x").replace(how.mark, ".", 1)
    if _has_form(plain) is None:
        return text
    return int(plain) if how.kind is Kind.INTEGER and "." not in plain else Decimal(plain)


def _utc(value: date | datetime) -> date | datetime:
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC)
    return value


def rows_where(flags: Iterable[bool]) -> list[int]:
    """Return the numbers, from 1, of the rows whose flag is true."""
    return list(compress(count(1), flags))
