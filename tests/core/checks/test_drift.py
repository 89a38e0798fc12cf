"""How columns changed from day to day, as information."""

from __future__ import annotations

from typing import Any

from puntual.checks.drift import drift, share
from puntual.model.profile import ColumnProfile, DatasetProfile


def column(name: str = "status", **over: Any) -> ColumnProfile:
    values: dict[str, Any] = {"type": "VARCHAR", "nulls": 0, "distinct": 3, "looked_at": 100}
    return ColumnProfile(name=name, **(values | over))


def day(*columns: ColumnProfile, rows: int = 100) -> DatasetProfile:
    return DatasetProfile(dataset="credits", rows=rows, columns=columns)


def changes(before: DatasetProfile, after: DatasetProfile) -> list[tuple[str, str, str, str]]:
    return [(c.column, c.trait, c.before, c.after) for c in drift([before], [after])]


def test_a_day_like_the_one_before_has_not_changed() -> None:
    assert changes(day(column()), day(column())) == []


def test_rows_nulls_ranges_and_a_new_value_are_told() -> None:
    before = day(column(minimum="A", maximum="C"))
    after = day(column(nulls=2, distinct=4, minimum="A", maximum="D"), rows=80)
    assert changes(before, after) == [
        ("", "rows", "100", "80"),
        ("status", "null share", "0.00 %", "2.50 %"),
        ("status", "distinct", "≈ 3", "≈ 4"),
        ("status", "maximum", "C", "D"),
    ]


def test_an_estimate_that_moves_within_its_error_is_no_change() -> None:
    assert changes(day(column(distinct=1000)), day(column(distinct=1100))) == []
    assert changes(day(column(distinct=1000)), day(column(distinct=1400))) != []


def test_a_column_that_came_or_went_and_another_type_are_told() -> None:
    before, after = day(column("old"), column("kind")), day(column("kind", type="BIGINT"))
    assert changes(before, after) == [
        ("kind", "type", "VARCHAR", "BIGINT"),
        ("old", "column", "VARCHAR", "is gone"),
    ]


def test_a_share_is_exact_and_of_no_rows_there_is_none() -> None:
    assert share(1, 3) == "33.33 %"
    assert share(10**30, 3 * 10**30) == "33.33 %"
    assert share(0, 0) == "-"
    assert share(None, 5) == "-"


def test_a_dataset_that_was_not_there_before_is_not_compared() -> None:
    assert drift([], [day(column())]) == ()
