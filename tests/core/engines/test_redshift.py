"""What is carried over to Redshift and to Athena, and what is refused with its reason."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa
import pytest

from puntual.engines.athena import compile as athena
from puntual.engines.athena.order import ordered
from puntual.engines.redshift import compile as redshift
from puntual.engines.redshift.blanks import compared
from puntual.engines.redshift.load import failed
from puntual.errors import PermanentError, ProjectError

DAY = {"reference_date": date(2026, 11, 20)}

REFUSED = {
    "SELECT a / b FROM t": "div",
    "SELECT a // b FROM t": "//",
    "SELECT avg(a) FROM t": "avg",
    "SELECT 1e3 FROM t": "float",
    "SELECT CAST(a AS DOUBLE) FROM t": "float",
    "SELECT first_value(a IGNORE NULLS) OVER (ORDER BY b) FROM t": "IGNORE NULLS",
    "SELECT TRY_CAST(a AS INTEGER) FROM t": "TRY_CAST",
    "SELECT concat(a, b) FROM t": "CONCAT",
    "SELECT a ILIKE 'x' FROM t": "ILIKE",
    "SELECT a LIKE b FROM t": "LIKE",
    "SELECT regexp_matches(a, 'x') FROM t": "REGEXP",
    "SELECT substring(a, -2, 1) FROM t": "SUBSTRING",
    "SELECT date_trunc('hour', a) FROM t": "hour",
    "SELECT extract(epoch FROM a) FROM t": "epoch",
    "SELECT current_date": "CURRENT_DATE",
    "SELECT random()": "rand",
    "SELECT * EXCLUDE (a) FROM t": "EXCLUDE",
    "SELECT DISTINCT ON (a) a, b FROM t": "DISTINCT ON",
    "SELECT a, sum(b) FROM t GROUP BY ALL": "GROUP BY ALL",
    "SELECT a FROM t USING SAMPLE 10%": "sample",
    "SELECT [1, 2][1]": "",
    "SELECT string_agg(a, ',') FROM t": "",
    "SELECT any_value(a) FROM t": "",
    "SELECT my_function(a) FROM t": "my_function",
    "SELECT read_text('/etc/passwd')": "",
}


@pytest.mark.parametrize(("sql", "why"), REFUSED.items())
def test_what_is_not_answered_alike_is_refused_with_its_reason(sql: str, why: str) -> None:
    with pytest.raises(ProjectError, match="Q1003") as caught:
        redshift.compile_query(sql, {})
    assert why.lower() in caught.value.message.lower()
    with pytest.raises(ProjectError, match="Q1003"):
        athena.compile_query(sql, {}, names=("a", "b"))


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT sum(a) OVER (ORDER BY b) FROM t",
        "SELECT sum(a) OVER (ORDER BY b RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) FROM t",
        r"SELECT a LIKE 'x\_%' FROM t",
        "SELECT count(DISTINCT a) FILTER (WHERE b) FROM t",
    ],
)
def test_what_redshift_alone_reads_otherwise_is_refused(sql: str) -> None:
    with pytest.raises(ProjectError, match="Q1003"):
        redshift.compile_query(sql, {})


def test_what_is_no_sql_is_no_question_of_dialects() -> None:
    with pytest.raises(PermanentError, match="Q1001"):
        redshift.compile_query("SELECT (", {})


@pytest.mark.parametrize(
    ("sql", "params", "text"),
    [
        (
            "SELECT a FROM t WHERE d = :reference_date ORDER BY a DESC",
            DAY,
            "SELECT a FROM t WHERE d = CAST(:reference_date AS DATE) ORDER BY a DESC NULLS LAST",
        ),
        (
            "SELECT count(*) FILTER (WHERE a > 1) AS n, sum(b) FILTER (WHERE c) AS s FROM t",
            {},
            "SELECT COUNT(CASE WHEN a > 1 THEN 1 END) AS n, SUM(CASE WHEN c THEN b END) AS s "
            "FROM t",
        ),
        (
            "SELECT a IS DISTINCT FROM b AS x FROM t",
            {},
            "SELECT NOT (COALESCE(a = b, FALSE) OR (a IS NULL AND b IS NULL)) AS x FROM t",
        ),
        ("SELECT a::text AS a FROM t", {}, "SELECT CAST(a AS VARCHAR(65535)) AS a FROM t"),
        (
            "SELECT a FROM t WHERE n = :n AND m = :m AND s = :s AND b = :b AND z IS :z",
            {"n": 7, "m": Decimal("1.50"), "s": "x", "b": True, "z": None},
            "SELECT a FROM t WHERE n = CAST(:n AS BIGINT) AND m = CAST(:m AS DECIMAL(38, 2)) "
            "AND s = CAST(:s AS VARCHAR(65535)) AND b = CAST(:b AS BOOLEAN) AND z IS NULL",
        ),
    ],
)
def test_a_select_for_redshift(sql: str, params: dict[str, object], text: str) -> None:
    assert redshift.compile_query(sql, params) == text


def test_values_are_handed_over_as_text_without_losing_a_digit() -> None:
    given = {"m": Decimal("1E+3"), "d": date(2026, 11, 20), "b": False, "n": -7, "z": None}
    assert redshift.texts(given) == {"m": "1000", "d": "2026-11-20", "b": "false", "n": "-7"}


@pytest.mark.parametrize(
    ("sql", "params", "text"),
    [
        (
            "SELECT _object, trim(a) AS a FROM t WHERE d = :reference_date",
            DAY,
            "SELECT \"_object\", TRIM(BOTH ' ' FROM a) AS a FROM t "
            "WHERE d = CAST('2026-11-20' AS DATE)",
        ),
        (
            "SELECT a FROM t WHERE s = :s AND m = :m AND t = :t",
            {"s": "it's; --", "m": Decimal("-1.50"), "t": datetime(2026, 1, 1, tzinfo=UTC)},
            "SELECT a FROM t WHERE s = 'it''s; --' AND m = CAST('-1.50' AS DECIMAL(38, 2)) "
            "AND t = CAST('2026-01-01 00:00:00+00:00' AS TIMESTAMP(6) WITH TIME ZONE)",
        ),
        (
            "SELECT a, count(*) FROM t GROUP BY a ORDER BY 2 DESC, a",
            {},
            'SELECT a, COUNT(*) AS "b", COUNT(*) AS puntual_order_1, a AS puntual_order_2 '
            "FROM t GROUP BY a ORDER BY 2 DESC, a",
        ),
    ],
)
def test_a_select_for_athena(sql: str, params: dict[str, object], text: str) -> None:
    names = ("a", "b") if "count" in sql else ("_object", "a") if "_object" in sql else ("a",)
    assert athena.compile_query(sql, params, names=names).sql == text


def test_athena_is_not_asked_for_instants_which_it_cuts_to_milliseconds() -> None:
    for sql in ("SELECT seen FROM t", "SELECT * FROM t", "SELECT a FROM t WHERE seen > '2026'"):
        with pytest.raises(ProjectError, match="millisecond"):
            athena.compile_query(sql, {}, names=("a",), instants=("seen",))
    assert athena.compile_query("SELECT count(*) AS n FROM t", {}, names=("n",), instants=("x",))


def test_rows_are_put_into_the_order_that_was_asked_for() -> None:
    rows = pa.table({"a": ["b", None, "Z", "ñ", ""], "n": [1, 2, 3, 4, 5]})
    up = athena.Key(name="a", descending=False, nulls_first=False)
    down = athena.Key(name="a", descending=True, nulls_first=True)
    assert ordered(rows, (up,)).column("n").to_pylist() == [5, 3, 1, 4, 2]
    assert ordered(rows, (down,)).column("n").to_pylist() == [2, 4, 1, 3, 5]
    assert ordered(rows, ()) is rows


@pytest.mark.parametrize(
    ("sql", "names"),
    [
        ("SELECT kind FROM t", ()),
        ("SELECT kind, a FROM t ORDER BY a", ()),
        ("SELECT kind FROM t WHERE a = 'x'", ()),
        ("SELECT kind FROM t WHERE kind = 'x'", ("kind",)),
        ("SELECT kind FROM t ORDER BY 1", ("kind",)),
        ("SELECT upper(kind) AS u FROM t GROUP BY u", ("kind",)),
        ("SELECT a FROM t JOIN s USING (kind)", ("kind",)),
        ("SELECT a FROM t JOIN s ON t.a = s.kind", ("kind",)),
        ("SELECT DISTINCT kind FROM t", ("kind",)),
        ("SELECT max(kind) AS m FROM t", ("kind",)),
        ("SELECT CASE WHEN kind IN ('x') THEN 1 END AS c FROM t", ("kind",)),
        ("SELECT count(DISTINCT kind) AS n FROM t", ("kind",)),
        ("SELECT row_number() OVER (PARTITION BY kind ORDER BY a) AS n FROM t", ("kind",)),
        ("SELECT a FROM (SELECT trim(kind) AS k, a FROM t) WHERE k = 'x'", ("kind",)),
    ],
)
def test_x9_where_texts_are_compared(sql: str, names: tuple[str, ...]) -> None:
    assert compared(sql, ("kind", "other")) == names


@pytest.mark.parametrize(
    ("said", "mark"),
    [
        ("ERROR: Invalid digit, Value 'V', Pos 0, Type: Integer", "V"),
        ('ERROR: invalid input syntax for type integer: "F"', "F"),
        ('ERROR: invalid input syntax for type integer: "S"', "S"),
        ('ERROR: invalid input syntax for type integer: "Vx"', ""),
        ("ERROR: permission denied for relation V", ""),
    ],
)
def test_a_batch_says_by_a_letter_which_question_stopped_it(said: str, mark: str) -> None:
    assert failed(said) == mark
