"""Rows in memory are measured as an engine measures them: exact, null as nothing, no float."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from puntual.checks.control import Group
from puntual.checks.tally import InexactError, Tally, number_of, text_of, value_of
from puntual.model.control import Asked, KeyKind, MeasureKind

D = Decimal
EVERY = tuple(
    Asked(kind=k, columns=() if k is MeasureKind.COUNT else ("n",))
    for k in MeasureKind
    if k not in (MeasureKind.VALUE, MeasureKind.DIGEST)
)


def test_every_measure_of_rows_with_nulls_and_signs() -> None:
    tally = Tally(EVERY)
    tally.add({"n": (D("2.50"), None, D("-1.25"))}, 3)
    tally.add({"n": (D("2.50"),)}, 1)
    values = dict(zip([a.kind.value for a in EVERY], tally.groups()[()].values, strict=True))
    assert values == {
        "count": D(4),
        "count_negative": D(1),
        "distinct": D(2),
        "sum": D("3.75"),
        "sum_negative": D("-1.25"),
        "sum_positive": D("5.00"),
        "min": D("-1.25"),
        "max": D("2.50"),
    }


def test_nulls_are_counted_beside_what_adds_a_column_up() -> None:
    tally = Tally(EVERY, by=("k",))
    tally.add({"k": ("a", "a", "b"), "n": (D("2.50"), None, D(1))}, 3)
    found = tally.groups()
    counted = {a.kind.value: n for a, n in zip(EVERY, found["a",].nulls or (), strict=True)}
    assert counted == {
        "count": 0,
        "count_negative": 1,
        "distinct": 0,
        "sum": 1,
        "sum_negative": 1,
        "sum_positive": 1,
        "min": 0,
        "max": 0,
    }
    assert found["b",].nulls == ()


def test_no_row_is_one_group_without_a_grain_and_none_with_one() -> None:
    asked = (Asked(kind=MeasureKind.COUNT), Asked(kind=MeasureKind.MAX, columns=("n",)))
    assert Tally(asked).groups() == {(): Group(rows=0, values=(D(0), None))}
    assert Tally(asked, by=("k",)).groups() == {}


def test_a_null_is_a_group_of_its_own_and_scales_are_not() -> None:
    tally = Tally((Asked(kind=MeasureKind.COUNT),), by=("k",))
    tally.add({"k": (None, "", D("1.50"), D("1.500"), "1.5")}, 5)
    assert {k: g.rows for k, g in tally.groups().items()} == {(None,): 1, ("",): 1, ("1.5",): 3}


def test_only_the_rows_of_a_cell_are_counted() -> None:
    tally = Tally((Asked(kind=MeasureKind.SUM, columns=("n",)),), rows={"segment": "RETAIL"})
    tally.add({"n": (1, 2, 4), "segment": ("RETAIL", "SME", "RETAIL")}, 3)
    assert tally.columns == ("segment", "n")
    assert tally.groups()[()] == Group(rows=2, values=(D(5),))


@pytest.mark.parametrize(
    "value",
    [
        "2.5e+08",
        "1E2",
        "1e-2",
        "٣٥٠.50",
        " 350.50",
        "350.50\n",
        "1_000",
        "1,5",
        "Infinity",
        "+",
        ".",
    ],
)
def test_a_text_that_is_not_digits_with_a_sign_and_a_point_is_no_number(value: str) -> None:
    """An exponent is how a database writes a float; digits of other scripts are read by nobody."""
    with pytest.raises(InexactError, match="a text that is no decimal number"):
        number_of(value)


def test_a_text_of_more_digits_than_are_kept_is_refused_and_not_rounded() -> None:
    with pytest.raises(InexactError):
        number_of("1." + "0" * 300 + "1")


@pytest.mark.parametrize("value", [0.1, float("nan"), True, "12a", "~0.1", "", D("NaN"), b"1"])
def test_what_is_no_exact_number_is_refused(value: object) -> None:
    with pytest.raises(InexactError):
        number_of(value)


@pytest.mark.parametrize(
    ("value", "number"),
    [("-12.50", "-12.50"), ("+.5", "0.5"), (7, "7"), ("-0.00", "0.00"), ("9" * 60, "9" * 60)],
)
def test_an_exact_number_stays_as_it_is(value: object, number: str) -> None:
    assert str(number_of(value)) == number


def test_instants_are_told_in_utc_and_dates_as_they_are() -> None:
    at = datetime(2026, 11, 20, 1, 2, 3, 4, UTC)
    assert text_of(at) == "2026-11-20T01:02:03.000004"
    assert (value_of(date(2026, 1, 2)), value_of(None), value_of("x")) == ("2026-01-02", None, "x")
    assert (text_of(True), text_of(False)) == ("true", "false")


def test_numbers_and_texts_in_one_column_have_no_extreme() -> None:
    tally = Tally((Asked(kind=MeasureKind.MIN, columns=("n",)),))
    with pytest.raises(InexactError, match="numbers and texts"):
        tally.add({"n": (D(1), "x")}, 2)


@pytest.mark.parametrize(
    ("kind", "texts", "typed"),
    [
        (KeyKind.NUMBER, ("1.50", "1.5", "+01.500"), D("1.50")),
        (KeyKind.NUMBER, ("7", "7.00"), 7),
        (KeyKind.NUMBER, ("0", "-0.00"), D("0.00")),
        (KeyKind.BOOLEAN, ("true", "1"), True),
        (KeyKind.BOOLEAN, ("false", "0"), False),
        (
            KeyKind.CLOCK,
            ("2026-03-02 10:00:00", "2026-03-02T10:00:00.000", "2026-03-02 10:00"),
            datetime(2026, 3, 2, 10),  # noqa: DTZ001 - a timestamp without a zone
        ),
        (
            KeyKind.INSTANT,
            ("2026-03-02 10:00:00+00", "2026-03-02T04:00:00-06:00", "2026-03-02T10:00:00Z"),
            datetime(2026, 3, 2, 10, tzinfo=UTC),
        ),
    ],
)
def test_texts_of_a_database_are_the_groups_of_the_type_that_the_other_side_has(
    kind: KeyKind, texts: tuple[str, ...], typed: object
) -> None:
    asked = (
        Asked(kind=MeasureKind.SUM, columns=("n",)),
        Asked(kind=MeasureKind.DISTINCT, columns=("k",)),
    )
    tally = Tally(asked, by=("k",), kinds={"k": kind})
    tally.add({"k": (*texts, None), "n": ("0.10",) * (len(texts) + 1)}, len(texts) + 1)
    found = {key: g.values for key, g in tally.groups().items()}
    assert found == {
        (text_of(typed),): (D("0.10") * len(texts), D(1)),
        (None,): (D("0.10"), D(0)),
    }


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (KeyKind.NUMBER, "1.5e0"),
        (KeyKind.NUMBER, "one"),
        (KeyKind.BOOLEAN, "yes"),
        (KeyKind.CLOCK, "2026-03-02"),
        (KeyKind.CLOCK, "infinity"),
        (KeyKind.CLOCK, "2026-02-30 10:00:00"),
        (KeyKind.CLOCK, "2026-03-02 10:00:00+00"),
        (KeyKind.CLOCK, "2026-03-02 10:00:00.1234567"),
        (KeyKind.INSTANT, "2026-03-02 10:00:00"),
    ],
)
def test_a_text_that_is_not_of_the_other_sides_type_is_no_group(kind: KeyKind, text: str) -> None:
    tally = Tally((Asked(kind=MeasureKind.COUNT),), by=("k",), kinds={"k": kind})
    with pytest.raises(InexactError):
        tally.add({"k": (text,)}, 1)
