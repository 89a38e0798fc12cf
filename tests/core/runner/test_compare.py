"""What two manifests of a step say differently, where one engine made both, and where two did."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from puntual.model.manifest import Manifest, ObjectRef, Totals
from puntual.runner.compare import Rows, compared

SAME = Rows(was={"data": "2 rows, md5-60x2 1:2"}, now={"data": "2 rows, md5-60x2 1:2"})


def _table(digest: str) -> ObjectRef:
    name = f"curated/x/{digest * 64}.parquet"
    return ObjectRef(name=name, sha256=digest * 64, bytes=1, records=2)


def _made(*objects: ObjectRef, amount: str = "1.50", **facts: object) -> Manifest:
    return Manifest(
        step="build:x", dataset="x", reference_date=date(2026, 3, 2), key="k", inputs={}, code="c",
        objects=objects, totals=Totals(records=2, sums={"amount": Decimal(amount)}), facts=facts,
    )  # fmt: skip


def _about(was: Manifest, now: Manifest, rows: Rows | None = None) -> list[str]:
    return [d.about for d in compared(was, now, rows)]


def test_tables_are_compared_by_bytes_unless_another_engine_wrote_them() -> None:
    was, now = _made(_table("a")), _made(_table("b"), _table("c"))
    assert _about(was, now) == ["file data", "file data 2"]
    assert _about(was, now, SAME) == []


def test_other_rows_and_a_table_that_is_not_there_are_differences_of_rows() -> None:
    was, now = _made(_table("a")), _made(_table("b"))
    assert _about(was, now, replace(SAME, now={"data": "2 rows, md5-60x2 1:3"})) == ["rows data"]
    assert _about(was, now, replace(SAME, now={})) == ["rows data"]


def test_what_is_no_table_is_compared_by_its_bytes_whoever_made_it() -> None:
    def report(digest: str) -> ObjectRef:
        return replace(_table(digest), name=f"reports/{digest * 64}.report", role="report")

    assert _about(_made(report("a")), _made(report("b")), Rows(was={}, now={})) == ["file report"]


@pytest.mark.parametrize(
    ("was", "now"), [("0", "0.00"), ("1.50", "1.5"), ("-10.050", "-10.05"), ("100", "100.0")]
)
def test_numbers_of_two_engines_are_compared_by_value(was: str, now: str) -> None:
    def made(number: str) -> Manifest:
        words = f"residual 2 rows, amount {number}, rows agree"
        return _made(amount=number, hops=[{"sums": {"amount": number}, "observed": words}])

    assert _about(made(was), made(now), SAME) == []
    assert _about(made(was), made(now)) == ["sum amount", "fact hops"]


@pytest.mark.parametrize(("was", "now"), [("0", "0.01"), ("10", "1"), ("1.05", "1.5")])
def test_numbers_of_two_engines_that_differ_are_found(was: str, now: str) -> None:
    def made(number: str) -> Manifest:
        return _made(amount=number, hops=[{"sums": {"amount": number}}])

    assert _about(made(was), made(now), SAME) == ["sum amount", "fact hops"]


def test_the_words_of_an_engine_are_not_compared_and_its_digests_are() -> None:
    def made(query: str, digest: str) -> Manifest:
        return _made(controls=[{"left": {"queries": [query], "rows": "2", "digest": digest}}])

    assert _about(made("SELECT 1", "7"), made("SELECT 2", "7"), SAME) == []
    assert _about(made("SELECT 1", "7"), made("SELECT 1", "8"), SAME) == ["fact controls"]
    assert _about(made("SELECT 1", "7"), made("SELECT 2", "7")) == ["fact controls"]
