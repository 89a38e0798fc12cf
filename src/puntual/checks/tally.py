"""
Measures of rows that stand in memory: a report's file as it was read back, a database's rows.

The same measures as `checks/measures.py` asks an engine for, with the same answers: the nulls
of what is added up are counted, sums are exact, and a number that is no exact number is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Context, Decimal, Inexact
from typing import assert_never

from puntual.checks.control import Group, Key, Value
from puntual.model.control import Asked, KeyKind, MeasureKind

_EXACT = Context(prec=200)
_PARSED = Context(prec=200, traps=[Inexact])
_PLAIN = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)")  # an exponent is a float's own spelling


_TIMESTAMP = re.compile(
    r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d([.]\d{1,6})?)?(Z|[+-]\d\d(:?\d\d)?)?", re.ASCII
)
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


class InexactError(ValueError):
    """A value that is no exact number stands where one is needed; it is not repeated here."""


@dataclass(slots=True, kw_only=True)
class _Sums:
    rows: int = 0
    values: list[Value] = field(default_factory=list)
    seen: list[set[Key]] = field(default_factory=list)
    nulls: list[int] = field(default_factory=list)


class Tally:
    """
    Adds rows up, a batch of columns at a time.

    Args:
        asked: What is measured.
        by: The columns of the grain.
        rows: Only rows in which these columns have these texts.
        kinds: Columns of texts that are told apart as what they mean, and not as they are written.
    """

    def __init__(
        self,
        asked: Sequence[Asked],
        *,
        by: Sequence[str] = (),
        rows: Mapping[str, str] | None = None,
        kinds: Mapping[str, KeyKind] | None = None,
    ) -> None:
        """Begin with no row; without a grain, there is one group all the same."""
        self._asked = tuple(asked)
        self._by = tuple(by)
        self._only = dict(rows or {})
        self._kinds = dict(kinds or {})
        self._groups: dict[Key, _Sums] = {}
        if not self._by:
            self._groups[()] = self._empty()

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are looked at, each once."""
        named = [c for a in self._asked for c in a.columns]
        return tuple(dict.fromkeys([*self._by, *self._only, *named]))

    def add(self, columns: Mapping[str, Sequence[object]], records: int) -> None:
        """
        Add a batch of rows.

        Args:
            columns: At least `columns`, each with a value a row.
            records: How many rows.

        Raises:
            InexactError: A measured value is a float, or a text that is no decimal number; one of
                `kinds` is not of its kind.
            KeyError: A column is not there.
        """
        only = [(columns[name], text) for name, text in self._only.items()]
        meant = {name: [key_of(v, k) for v in columns[name]] for name, k in self._kinds.items()}
        told = {**columns, **meant}
        by = [told[name] for name in self._by]
        measured = [
            [(told if a.kind is MeasureKind.DISTINCT else columns)[c] for c in a.columns]
            for a in self._asked
        ]
        for row in range(records):
            if any(text_of(values[row]) != text for values, text in only):
                continue
            key = tuple(text_of(values[row]) for values in by)
            sums = self._groups.get(key)
            if sums is None:
                sums = self._groups[key] = self._empty()
            sums.rows += 1
            for place, (asked, values) in enumerate(zip(self._asked, measured, strict=True)):
                _take(sums, place, asked.kind, [v[row] for v in values])

    def groups(self) -> dict[Key, Group]:
        """Return what was added up."""
        return {
            key: Group(
                rows=sums.rows,
                values=self._values(sums),
                nulls=tuple(sums.nulls) if any(sums.nulls) else (),
            )
            for key, sums in self._groups.items()
        }

    def _empty(self) -> _Sums:
        adds = [a.kind.adds for a in self._asked]
        return _Sums(
            values=[Decimal(0) if add else None for add in adds],
            seen=[set() for _ in adds],
            nulls=[0] * len(adds),
        )

    def _values(self, sums: _Sums) -> tuple[Value, ...]:
        return tuple(
            Decimal(len(seen)) if asked.kind is MeasureKind.DISTINCT else value
            for asked, value, seen in zip(self._asked, sums.values, sums.seen, strict=True)
        )


def _take(sums: _Sums, place: int, kind: MeasureKind, values: list[object]) -> None:
    """Add one row's values to one measure of its group."""
    if kind is MeasureKind.COUNT:
        sums.values[place] = _plus(sums.values[place], Decimal(1))
        return
    if any(v is None for v in values):
        sums.nulls[place] += kind.adds_a_column
        return
    if kind is MeasureKind.DISTINCT:
        sums.seen[place].add(tuple(text_of(v) for v in values))
        return
    if kind in (MeasureKind.MIN, MeasureKind.MAX):
        sums.values[place] = _extreme(kind, sums.values[place], value_of(values[0]))
        return
    number = number_of(values[0])
    if kind is MeasureKind.COUNT_NEGATIVE:
        sums.values[place] = _plus(sums.values[place], Decimal(number < 0))
    elif _counts(kind, number):
        sums.values[place] = _plus(sums.values[place], number)


def _counts(kind: MeasureKind, number: Decimal) -> bool:
    """Say whether a number belongs to a sum of this kind."""
    if kind is MeasureKind.SUM_NEGATIVE:
        return number < 0
    return number > 0 if kind is MeasureKind.SUM_POSITIVE else True


def _extreme(kind: MeasureKind, before: Value, value: Value) -> Value:
    if before is None or value is None:
        return value if before is None else before
    if isinstance(before, Decimal) != isinstance(value, Decimal):
        raise InexactError("numbers and texts in one column")
    least = kind is MeasureKind.MIN
    smaller = value < before  # type: ignore[operator]  # of one type, as was just seen
    return value if smaller == least else before


def _plus(before: Value, number: Decimal) -> Decimal:
    return _EXACT.add(before if isinstance(before, Decimal) else Decimal(0), number)


def number_of(value: object) -> Decimal:
    """
    Return an exact number: of a decimal, an integer, or a text that writes one.

    Such a text is digits of ASCII with a sign and a point or without, and nothing else.

    Raises:
        InexactError: It is none; a float never is.
    """
    if isinstance(value, str):
        if _PLAIN.fullmatch(value) is None:
            raise InexactError("a text that is no decimal number")
        try:
            value = _PARSED.create_decimal(value)
        except Inexact:
            raise InexactError("a number of more digits than are added up exactly") from None
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise InexactError(f"a {type(value).__name__}, which is no exact number")
    exact = Decimal(value)
    if not exact.is_finite():
        raise InexactError("a number that is not finite")
    return _EXACT.plus(exact) if exact else Decimal(0).quantize(exact.copy_abs())


def value_of(value: object) -> Value:
    """
    Return a measure's value: a number as a decimal, a date or instant as text.

    Raises:
        InexactError: It is a float.
    """
    if value is None:
        return None
    return text_of(value) if isinstance(value, str | date) else number_of(value)


def text_of(value: object) -> str | None:
    """
    Return a value as the text by which groups are told apart; instants in UTC.

    Two decimals of the same value have one text, whatever their scales.

    Raises:
        InexactError: It is a float.
    """
    match value:
        case None:
            return None
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case datetime():
            at = value if value.tzinfo is None else value.astimezone(UTC).replace(tzinfo=None)
            return at.isoformat(timespec="microseconds")
        case date():
            return value.isoformat()
        case _:
            text = format(number_of(value), "f")
            return text.rstrip("0").rstrip(".") if "." in text else text


def key_of(value: object, kind: KeyKind) -> str | None:
    """
    Return the text by which a group is told apart, of a text that writes a value of a kind.

    Raises:
        InexactError: It writes none, or an instant where none is meant.
    """
    if not isinstance(value, str):
        return text_of(value)
    match kind:
        case KeyKind.NUMBER:
            return text_of(number_of(value))
        case KeyKind.BOOLEAN:
            if value not in _BOOLEANS:
                raise InexactError("a text that is no boolean")
            return text_of(_BOOLEANS[value])
        case KeyKind.INSTANT | KeyKind.CLOCK:
            at = _timestamp(value)
            if (at.tzinfo is None) == (kind is KeyKind.INSTANT):
                wrong = "without" if at.tzinfo is None else "with"
                raise InexactError(f"a timestamp {wrong} a zone, and the other side has the other")
            return text_of(at)
        case _:
            assert_never(kind)


def _timestamp(text: str) -> datetime:
    """Read a timestamp as ISO 8601 and databases write it, with six decimals or fewer."""
    if _TIMESTAMP.fullmatch(text):
        with suppress(ValueError):
            return datetime.fromisoformat(text)
    raise InexactError("a text that is no timestamp")
