"""SQL whose answer depends on an order of rows that nothing fixes is refused by `check`."""

from __future__ import annotations

import pytest

from puntual.project.complaints import Complaints
from puntual.project.files import SourceFile
from puntual.project.queries import parse
from puntual.project.snippets import from_file


def _errors(sql: str) -> list[str]:
    complaints = Complaints()
    parse(from_file(SourceFile(path="q.sql", text=sql, lines=tuple(sql.split("\n")))), complaints)
    return [c.code for c in complaints.sorted() if c.severity == "error"]


@pytest.mark.row("f51")
@pytest.mark.parametrize(
    "sql",
    [
        "SELECT row_number() OVER () AS n FROM t",
        "SELECT row_number() OVER (PARTITION BY a) AS n FROM t",
        "SELECT rank() OVER w AS n FROM t WINDOW w AS (PARTITION BY a)",
        "SELECT lag(a) OVER (PARTITION BY b) AS n FROM t",
        "SELECT first_value(a IGNORE NULLS) OVER () AS n FROM t",
        "SELECT sum(a) OVER (ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS n FROM t",
        "SELECT string_agg(a, ',') AS n FROM t",
        "SELECT string_agg(DISTINCT a, ',') AS n FROM t",
        "SELECT array_agg(a) AS n FROM t",
        "SELECT list(a) FILTER (WHERE b) AS n FROM t",
        "SELECT first(a) AS n FROM t",
        "SELECT any_value(a) AS n FROM t",
        "SELECT any_value((SELECT max(b) FROM u GROUP BY c ORDER BY c LIMIT 1)) AS n FROM t",
        "SELECT any_value(a) OVER (PARTITION BY b) AS n FROM t",
        "SELECT a FROM t LIMIT 3",
        "SELECT a FROM t FETCH FIRST 3 ROWS ONLY",
        "SELECT a FROM t OFFSET 3",
        "SELECT a FROM t WHERE b IN (SELECT b FROM u LIMIT 1)",
        "SELECT a FROM t UNION SELECT b FROM u LIMIT 2",
        "SELECT DISTINCT ON (a) a, b FROM t",
    ],
)
def test_what_has_no_order_is_refused(sql: str) -> None:
    assert set(_errors(sql)) == {"C1212"}


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT row_number() OVER (PARTITION BY a ORDER BY b) AS n FROM t",
        "SELECT rank() OVER w AS n FROM t WINDOW w AS (ORDER BY a)",
        "SELECT sum(a) OVER (PARTITION BY b) AS n, count(*) OVER () AS c FROM t",
        "SELECT sum(a) OVER (ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS n FROM t",
        "SELECT string_agg(a, ',' ORDER BY a) AS n, list(a ORDER BY b) AS l FROM t",
        "SELECT list_sort(list(a)) AS n FROM t",
        "SELECT first(a ORDER BY b) FILTER (WHERE c) AS n FROM t",
        "SELECT a FROM t ORDER BY a LIMIT 3",
        "(SELECT a FROM t ORDER BY a) LIMIT 3",
        "SELECT max(a) AS a FROM t LIMIT 1",
        "SELECT a FROM t WHERE EXISTS (SELECT 1 FROM u LIMIT 1)",
        "SELECT DISTINCT ON (a) a, b FROM t ORDER BY a, b",
        "SELECT a FROM t QUALIFY row_number() OVER (PARTITION BY a ORDER BY b) = 1",
    ],
)
def test_what_has_an_order_or_needs_none_is_not_refused(sql: str) -> None:
    assert _errors(sql) == []
