"""SQL carried over is exact or refused."""

from __future__ import annotations

import pytest

from puntual.engines.dialect.sql import Target, bind_names, compile_sql, literal, parameters, quote
from puntual.errors import PermanentError, ProjectError

SQL = (
    "SELECT a::DATE, ':reference_date', l[1:n] FROM t WHERE d = :reference_date -- :reference_date"
)


def test_only_a_parameter_that_stands_as_one_is_bound() -> None:
    bound = bind_names(SQL, ("reference_date",))
    assert bound == SQL.replace("d = :reference_date", "d = $reference_date")
    assert parameters(SQL, ("reference_date",)) == {"reference_date"}
    assert parameters("SELECT ':reference_date'", ("reference_date",)) == frozenset()


@pytest.mark.parametrize(
    ("to", "expected"),
    [
        ("duckdb", "SELECT x FROM t WHERE d = $reference_date AND n LIKE 'a%' ORDER BY x DESC"),
        (
            "postgres",
            "SELECT x FROM t WHERE d = %(reference_date)s AND n LIKE 'a%%' "
            "ORDER BY x DESC NULLS LAST",
        ),
        (
            "redshift",
            "SELECT x FROM t WHERE d = :reference_date AND n LIKE 'a%' ORDER BY x DESC NULLS LAST",
        ),
        ("spark", "SELECT x FROM t WHERE d = :reference_date AND n LIKE 'a%' ORDER BY x DESC"),
    ],
)
def test_a_select_is_carried_over_with_its_parameter_and_its_order_of_nulls(
    to: Target, expected: str
) -> None:
    sql = "SELECT x FROM t WHERE d = :reference_date AND n LIKE 'a%' ORDER BY x DESC"
    assert compile_sql(sql, to) == expected


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT a / b FROM t",
        "SELECT avg(a) FROM t",
        "SELECT a::DOUBLE FROM t",
        "SELECT some_function(a) FROM t",
        "SELECT list_aggregate(a, 'sum') FROM t",
    ],
)
def test_what_has_no_exact_counterpart_is_refused(sql: str) -> None:
    with pytest.raises(ProjectError) as caught:
        compile_sql(sql, "postgres")
    assert caught.value.code == "Q1003"


def test_what_is_no_sql_is_refused() -> None:
    with pytest.raises(PermanentError) as caught:
        compile_sql("SELECT FROM WHERE (", "postgres")
    assert caught.value.code == "Q1001"


def test_names_and_texts_stand_for_themselves() -> None:
    assert quote('a"b') == '"a""b"'
    assert literal("it's") == "'it''s'"
    assert literal("a\0b") == "('a' || chr(0) || 'b')"
    with pytest.raises(ValueError):
        quote("")
