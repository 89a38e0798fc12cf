"""Which questions to the warehouse read other days than the reference date."""

from __future__ import annotations

import pytest

from puntual.project.history import reads_other_days

TABLES = frozenset({"t", "u"})
DAY = "reference_date = :reference_date"


@pytest.mark.parametrize(
    "sql",
    [
        f"SELECT sum(a) FROM t WHERE {DAY}",
        f"SELECT sum(a) FROM t WHERE ({DAY}) AND b > 0",
        "SELECT sum(a) FROM t WHERE :reference_date = reference_date",
        f"SELECT 1 FROM t AS a JOIN u AS b ON b.k = a.k AND b.{DAY} WHERE a.{DAY}",
        f"SELECT 1 FROM t LEFT JOIN u ON u.k = t.k AND u.{DAY} WHERE t.{DAY}",
        f"WITH c AS (SELECT * FROM t WHERE {DAY}) SELECT sum(a) FROM c",
        f"SELECT sum(a) FROM t WHERE {DAY} UNION ALL SELECT sum(a) FROM u WHERE {DAY}",
    ],
)
def test_a_question_held_to_the_day_reads_no_other(sql: str) -> None:
    assert not reads_other_days(sql, TABLES)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT sum(a) FROM t",
        "SELECT sum(a) FROM t WHERE reference_date <= :reference_date",
        "SELECT sum(a) FROM t WHERE reference_date = :reference_date - 1",
        f"SELECT sum(a) FROM t WHERE {DAY} OR b > 0",
        f"SELECT sum(a) FROM t WHERE NOT {DAY}",
        f"SELECT 1 FROM t JOIN u ON u.k = t.k WHERE t.{DAY}",
        f"SELECT 1 FROM t RIGHT JOIN u ON u.{DAY} WHERE t.{DAY}",
        f"SELECT 1 FROM t, u WHERE {DAY}",
        f"SELECT sum(a) FROM t WHERE {DAY} AND k IN (SELECT k FROM u)",
        f"WITH t AS (SELECT * FROM t) SELECT sum(a) FROM t WHERE {DAY}",
    ],
)
def test_anything_else_may_read_other_days(sql: str) -> None:
    assert reads_other_days(sql, TABLES)
