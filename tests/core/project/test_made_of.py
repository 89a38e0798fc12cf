"""What the columns of an asked SELECT are made of; what cannot be told is unknown."""

from __future__ import annotations

import pytest

from puntual.project.made_of import made_of, named_in

TABLES = {"t": ("id", "kind", "name"), "u": ("id", "v")}


@pytest.mark.parametrize(
    ("sql", "names", "made"),
    [
        ("SELECT kind, name AS kind FROM t", ("kind", "kind"), ["kind", "name"]),
        ("SELECT kind FROM (SELECT name AS kind, kind FROM t)", ("kind",), ["kind name"]),
        ("SELECT kind FROM t AS z(a, b, kind)", ("kind",), ["name"]),
        ("SELECT * EXCLUDE (id) RENAME (name AS z) FROM t", ("kind", "z"), ["kind", "name"]),
        ("SELECT kind FROM t UNION SELECT name FROM t", ("kind",), ["kind name"]),
        ("SELECT kind AS k, upper(k) AS n FROM t", ("k", "n"), ["kind", "kind"]),
        ("SELECT count(name) AS n, max(v) AS v FROM t JOIN u USING (id)", ("n", "v"), ["", "v"]),
        ("SELECT name.upper() AS kind FROM t", ("kind",), [None]),
        ("SELECT #3 FROM t", ("name",), [None]),
        ("SELECT t FROM t", ("t",), [None]),
        ("SELECT kind FROM t, read_csv('x')", ("kind",), [None]),
        ("SELECT count(*) AS n FROM t, range(25050) r WHERE r.range < t.id", ("n",), [None]),
        ("SELECT count(*) AS n FROM t, LATERAL (SELECT unnest(range(id)))", ("n",), [None]),
        ("SELECT sum(1) AS n FROM (SELECT unnest(range(id)) FROM t)", ("n",), [None]),
        ("SELECT row_number() OVER () AS n FROM t, range(t.id)", ("n",), [None]),
        ("SELECT kind FROM t", ("kind", "name"), [None, None]),
        ("SELECT kind FROM t", ("other",), [None]),
        ("no SQL (", ("a",), [None]),
    ],
)
def test_a_column_is_made_of_what_its_expression_reads_or_it_is_unknown(
    sql: str, names: tuple[str, ...], made: list[str | None]
) -> None:
    found = made_of(sql, TABLES, names)
    said = [None if m is None else " ".join(sorted(c for _, c in m)) for m in found]
    assert said == made


def test_a_text_names_its_names_and_texts_and_what_is_no_sql_names_nothing() -> None:
    assert named_in("SELECT Client FROM events WHERE kind = 'Refund'") == {
        "client", "events", "kind", "refund",
    }  # fmt: skip
    assert named_in("SELECT (") == frozenset()
