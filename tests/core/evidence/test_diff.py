"""Two versions of a report are compared row by row, exactly, by what is no number."""

from __future__ import annotations

from decimal import Decimal

from puntual.evidence.diff import diff

BEFORE = {"kind": ("P", "R"), "rows": (3, 1), "total": (Decimal("350.60"), Decimal("-20.25"))}


def test_the_same_rows_in_another_order_are_no_difference() -> None:
    after = {"kind": ("R", "P"), "rows": (1, 3), "total": (Decimal("-20.25"), Decimal("350.60"))}
    assert diff(BEFORE, after).is_empty


def test_a_number_that_changed_is_told_by_column_with_both_totals() -> None:
    after = {**BEFORE, "total": (Decimal("360.59"), Decimal("-20.25"))}
    found = diff(BEFORE, after)
    assert (found.added, found.removed, found.changed) == (0, 0, 1)
    (total,) = [c for c in found.columns if c.rows]
    assert (total.column, total.before, total.after, total.difference) == (
        "total",
        Decimal("330.35"),
        Decimal("340.34"),
        Decimal("9.99"),
    )


def test_rows_that_came_and_went_are_counted_apart() -> None:
    after = {"kind": ("P", "X"), "rows": (3, 1), "total": (Decimal("350.60"), Decimal(1))}
    found = diff(BEFORE, after)
    assert (found.added, found.removed, found.changed) == (1, 1, 0)


def test_of_equal_rows_one_more_is_one_added() -> None:
    one = {"kind": ("P",), "rows": (1,)}
    two = {"kind": ("P", "P"), "rows": (1, 1)}
    assert diff(one, two).added == 1


def test_a_column_that_came_is_named() -> None:
    assert diff(BEFORE, BEFORE | {"new": (0, 0)}).columns_added == ("new",)
