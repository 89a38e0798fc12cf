"""Patterns with the reference date."""

from __future__ import annotations

from datetime import date

import pytest

from puntual.errors import ProjectError
from puntual.landing.templates import expand


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("in/b_{reference_date:%Y%m%d}*.csv", "in/b_20260302*.csv"),
        ("{reference_date:%Y/%m}/{reference_date}.csv", "2026/03/2026-03-02.csv"),
        ("in/[ab].csv", "in/[ab].csv"),
    ],
)
def test_the_date_takes_the_place_of_its_placeholder(pattern: str, path: str) -> None:
    assert expand(pattern, date(2026, 3, 2)) == path


@pytest.mark.parametrize("pattern", ["{today}", "{reference_date", "a}b", "{reference_date!r}"])
def test_another_placeholder_is_refused(pattern: str) -> None:
    with pytest.raises(ProjectError, match="S1401"):
        expand(pattern, date(2026, 3, 2))
