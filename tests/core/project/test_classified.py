"""Which columns of a SELECT may be shown: those made of public columns alone."""

from __future__ import annotations

import pytest

from puntual.project.classified import public_of

TABLES = {
    "credits": frozenset({"product", "status", "_object"}),
    "clients": frozenset({"segment"}),
}


@pytest.mark.parametrize(
    ("sql", "public"),
    [
        ("SELECT product, balance FROM credits", {"product"}),
        ("SELECT name AS product FROM clients", set()),
        ("SELECT c.product AS p, k.segment, k.name FROM credits c JOIN clients k ON true",
         {"p", "segment"}),
        ("SELECT product FROM credits JOIN clients ON true", set()),
        ("SELECT CASE WHEN balance > 0 THEN 'A' END AS stage FROM credits", set()),
        ("SELECT CASE WHEN status = 'X' THEN 'A' END AS stage FROM credits", {"stage"}),
        ("SELECT 'D' AS kind, count(*) AS n, sum(balance) AS b FROM credits", {"kind", "n"}),
        ("SELECT * FROM credits", {"product", "status", "_object"}),
        ("SELECT * FROM credits, clients", set()),
        ("WITH held AS (SELECT product, balance FROM credits) SELECT product, balance FROM held",
         {"product"}),
        ("SELECT product AS a, balance AS b FROM credits UNION SELECT name, segment FROM clients",
         set()),
        ("SELECT product AS a FROM credits UNION ALL SELECT segment FROM clients", {"a"}),
        ("SELECT x.product FROM (SELECT product FROM credits) AS x", {"product"}),
        ("SELECT (SELECT max(name) FROM clients) AS product FROM credits", set()),
        ("SELECT name.upper() AS product FROM clients", set()),
        ("SELECT #1 AS product FROM clients", set()),
        ("SELECT product FROM (SELECT balance AS product, product FROM credits) AS x", set()),
        ("WITH m(a, product) AS (SELECT product, balance FROM credits) SELECT product FROM m",
         set()),
        ("SELECT t.product FROM credits AS t(a, product)", set()),
        ("SELECT product FROM read_csv('x')", set()),
        ("SELECT product FROM nowhere", set()),
        ("this is no SQL (", set()),
    ],
)  # fmt: skip
def test_a_column_is_public_where_all_it_is_made_of_is(sql: str, public: set[str]) -> None:
    assert public_of(sql, TABLES) == public
