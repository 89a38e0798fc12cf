"""What may be shown of a value that may not be shown."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from puntual.model.masked import Mask, escaped

MASK = Mask(public={"credits": frozenset({"product"})}, salt="a day's own")


def test_equal_values_look_equal_and_others_do_not() -> None:
    shown = [MASK.shown("credits", "client_id", v) for v in ("C000001", "C000001", "C000002")]
    assert shown[0] == shown[1] != shown[2]
    assert shown[0] is not None
    assert shown[0].startswith("‹7 chars #")
    assert "C000001" not in shown[0]


MEXICO = timezone(timedelta(hours=-6))


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (datetime(2026, 3, 2, 23, 5, tzinfo=MEXICO), datetime(2026, 3, 3, 5, 5, tzinfo=UTC)),
        (Decimal("1.5"), Decimal("1.50")),
        (Decimal("100.00"), Decimal("1E+2")),
        (Decimal("7.000"), 7),
        (Decimal("-0.00"), Decimal(0)),
    ],
)
def test_equal_values_look_equal_however_they_are_written(one: object, two: object) -> None:
    assert one == two
    assert MASK.shown("credits", "at", one) == MASK.shown("credits", "at", two)


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (datetime(2026, 3, 2, 23, 5, tzinfo=MEXICO), datetime(2026, 3, 2, 23, 5, tzinfo=UTC)),
        (datetime(2026, 3, 2, 5, tzinfo=UTC), datetime(2026, 3, 2, 5, 0, 0, 1, tzinfo=UTC)),
        (Decimal("1.5"), Decimal("15")),
        (Decimal("100"), Decimal("1")),
        ("1.5", "1.50"),
        (date(2026, 3, 2), date(2026, 2, 3)),
    ],
)
def test_other_values_look_other_and_texts_are_as_they_are_written(
    one: object, two: object
) -> None:
    assert MASK.shown("credits", "at", one) != MASK.shown("credits", "at", two)


def test_an_instant_that_utc_has_no_date_for_is_masked_as_it_is_written() -> None:
    last = datetime.max.replace(tzinfo=MEXICO)
    assert (MASK.shown("credits", "at", last) or "").startswith("‹32 chars #")


def test_the_same_value_looks_other_on_another_day() -> None:
    other = Mask(salt="another day's")
    assert other.shown("credits", "client_id", "C1") != MASK.shown("credits", "client_id", "C1")


def test_a_public_column_is_shown_exactly_and_a_null_is_a_null() -> None:
    assert MASK.shown("credits", "product", "CARD") == "CARD"
    assert MASK.shown("credits", "client_id", None) is None
    assert (MASK.shown("unknown", "product", "CARD") or "").startswith("‹4 chars #")


@pytest.mark.parametrize(
    ("value", "text"),
    [(Decimal("1E+2"), "100"), (Decimal("-0.10"), "-0.10"), (True, "true"), (7, "7"),
     (date(2026, 3, 2), "2026-03-02"), ("", "")],
)  # fmt: skip
def test_unmasked_values_are_exact(value: object, text: str) -> None:
    assert Mask(off=True).shown("any", "column", value) == text


def test_bytes_are_escaped_so_that_they_can_be_told_back() -> None:
    data = bytes(range(256))
    text = escaped(data)
    assert text.isascii()
    assert text.isprintable()
    assert text.encode("ascii").decode("unicode_escape").encode("latin-1") == data
