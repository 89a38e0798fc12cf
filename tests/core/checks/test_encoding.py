"""The canonical encoding: its vectors, and that no two rows have one."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from puntual.checks import encoding
from puntual.checks.encoding import (
    NULLS,
    VECTORS,
    Vector,
    bucket,
    digest,
    encode,
    text_of,
    value_of,
)
from puntual.model.contract import ColumnType, Kind
from puntual.model.difference import Shape, Value

TEXT, INTEGER = ColumnType(kind=Kind.TEXT), ColumnType(kind=Kind.INTEGER)
DATE, INSTANT = ColumnType(kind=Kind.DATE), ColumnType(kind=Kind.TIMESTAMP)
BOOLEAN = ColumnType(kind=Kind.BOOLEAN)
MONEY = ColumnType(kind=Kind.DECIMAL, precision=18, scale=2)

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "digest.md"

VALUES = st.one_of(
    st.tuples(st.just(TEXT), st.none() | st.text(max_size=6)),
    st.tuples(st.just(INTEGER), st.none() | st.integers(-(2**63), 2**63 - 1)),
    st.tuples(st.just(MONEY), st.none() | st.decimals(-(10**36), 10**36)),
    st.tuples(st.just(DATE), st.none() | st.dates()),
    st.tuples(st.just(INSTANT), st.none() | st.datetimes(timezones=st.just(UTC))),
    st.tuples(st.just(BOOLEAN), st.none() | st.booleans()),
)
ROWS = st.lists(VALUES, min_size=1, max_size=4)


def encoded(row: list[tuple[ColumnType, Value]]) -> str:
    types = [kind for kind, _ in row]
    return encode([text_of(value, kind) for kind, value in row], types)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: v.encoding)
def test_every_vector_is_what_the_reference_says(vector: Vector) -> None:
    found = encoded(list(zip(vector.types, vector.values, strict=True)))
    assert found == vector.encoding
    assert digest(found) == (vector.high, vector.low)


def test_the_page_has_every_vector() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for vector in VECTORS:
        shown = vector.encoding.replace("n\u0303", "n&#x303;")
        assert f"`{shown}` | {vector.high} | {vector.low} |" in page, vector.encoding
    assert len(re.findall(r"^\| \d+ \|", page, re.MULTILINE)) == len(VECTORS)


@given(ROWS, ROWS)
def test_two_rows_have_one_encoding_only_if_they_are_equal(
    one: list[tuple[ColumnType, Value]], two: list[tuple[ColumnType, Value]]
) -> None:
    same = [(kind, text_of(value, kind)) for kind, value in one] == [
        (kind, text_of(value, kind)) for kind, value in two
    ]
    assert (encoded(one) == encoded(two)) is same


@given(st.lists(VALUES, min_size=1, max_size=3), st.data())
def test_a_border_moved_between_two_texts_is_another_row(
    row: list[tuple[ColumnType, Value]], data: st.DataObject
) -> None:
    text = data.draw(st.text(min_size=1, max_size=6))
    cut = data.draw(st.integers(0, len(text) - 1))
    moved = [(TEXT, text[:cut]), (TEXT, text[cut:])]
    assert encoded([*row, (TEXT, text), (TEXT, "")]) != encoded([*row, *moved])


@given(VALUES)
def test_a_value_is_read_back_as_it_was(given_value: tuple[ColumnType, Value]) -> None:
    kind, value = given_value
    assert value_of(text_of(value, kind), kind) == value


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        (Decimal("1.5"), MONEY, "1.50"),
        (Decimal("1.500"), MONEY, "1.50"),
        (Decimal("1E+2"), MONEY, "100.00"),
        (7, MONEY, "7.00"),
        (Decimal("-0.00"), MONEY, "0.00"),
        (Decimal("0.005"), MONEY, "0.005"),
        (Decimal("0.0050"), MONEY, "0.005"),
        (Decimal("NaN"), MONEY, "NaN"),
        (Decimal("-Infinity"), MONEY, "-Infinity"),
        (Decimal(7), INTEGER, "7"),
        (Decimal("7.5"), INTEGER, "7.5"),
        (date(1970, 1, 1), DATE, "0"),
        ("Infinity", DATE, "Infinity"),
        (datetime(1970, 1, 1, 1, tzinfo=timezone(timedelta(hours=1))), INSTANT, "0"),
        ("Infinity", TEXT, "Infinity"),
    ],
)
def test_a_value_has_one_text_and_is_never_rounded(
    value: Value, kind: ColumnType, text: str
) -> None:
    assert text_of(value, kind) == text


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (1.5, MONEY),
        (True, INTEGER),
        ("1.50", MONEY),
        (datetime(2026, 11, 20), INSTANT),  # noqa: DTZ001 (an instant without its zone)
        (datetime(2026, 11, 20, tzinfo=UTC), DATE),
        (1, BOOLEAN),
    ],
)
def test_what_is_not_of_its_type_is_refused(value: Value, kind: ColumnType) -> None:
    with pytest.raises(TypeError):
        text_of(value, kind)


def test_a_day_that_python_cannot_hold_stays_text() -> None:
    assert value_of("9999999", DATE) == "9999999"
    assert value_of("9" * 19, INSTANT) == "9" * 19


@pytest.mark.parametrize(
    ("key", "kinds", "expected"),
    [
        ("i0;", (INTEGER,), 0),
        ("i4094;", (INTEGER,), 1),
        ("i-4094;", (INTEGER,), -1),
        ("i;", (INTEGER,), NULLS),
        ("i7;i7;", (INTEGER, INTEGER), None),
        ("t1:a", (TEXT,), None),
    ],
)
def test_a_key_of_one_integer_falls_by_its_remainder(
    key: str, kinds: tuple[ColumnType, ...], expected: int | None
) -> None:
    found = bucket(key, kinds)
    assert found == expected if expected is not None else 0 <= found < encoding.BUCKETS


def test_a_shape_needs_a_key_among_its_columns() -> None:
    with pytest.raises(ValueError, match="key"):
        Shape(key=(), columns={"a": TEXT})
    with pytest.raises(ValueError, match="key"):
        Shape(key=("b",), columns={"a": TEXT})
