"""Column lineage from SQL alone, and which SQL can be followed row by row."""

from __future__ import annotations

import pytest
import sqlglot

from puntual.errors import ProjectError
from puntual.project.held_day import holds_the_day
from puntual.project.qualified import conjuncts, qualified, text_of
from puntual.project.sifting import sift
from puntual.project.traced import Traced
from puntual.project.tracing import Tracer

TABLES = {
    "a": ("id", "x", "y", "_object", "_position"),
    "b": ("id", "z", "_object", "_position"),
}
WAREHOUSE = {name: ("reference_date", *columns) for name, columns in TABLES.items()}
DAY = "reference_date = :reference_date"


class _NoModels:
    """A project that has no model: a tracer of plain tables asks for nothing else."""

    models: dict[str, object] = {}


def traced(sql: str) -> Traced:
    tree = qualified(sql, WAREHOUSE)
    assert tree is not None
    project = _NoModels()
    tracer = Tracer(project, TABLES, frozenset(), "report.sql")  # type: ignore[arg-type]
    return tracer.query(tree, {}, "report")


def made_of(sql: str, column: str) -> list[tuple[str, str]]:
    refs = traced(sql).refs[column]
    assert refs is not None
    return [(leaf.dataset or "group", name) for leaf, name in refs]


@pytest.mark.parametrize(
    ("sql", "made"),
    [
        (f"SELECT x + y AS c FROM a WHERE {DAY}", [("a", "x"), ("a", "y")]),
        (f"SELECT z AS c FROM a JOIN b USING (id) WHERE a.{DAY}", [("b", "z")]),
        (f"WITH k AS (SELECT x FROM a WHERE {DAY}) SELECT x AS c FROM k", [("a", "x")]),
        (f"SELECT c FROM (SELECT *, x AS c FROM a WHERE {DAY})", [("a", "x")]),
        ("SELECT x AS c FROM a UNION ALL SELECT z FROM b", [("a", "x"), ("b", "z")]),
        (
            "SELECT z AS c FROM (SELECT id, x FROM a) NATURAL JOIN (SELECT id, z FROM b)",
            [("b", "z")],
        ),
        ("SELECT sum(x) AS c FROM a", [("group", "c")]),
        ("SELECT DISTINCT x AS c FROM a", [("group", "c")]),
        ("SELECT 'D' AS c FROM a", []),
        (f"SELECT {DAY} AS c FROM a", []),
    ],
)
def test_a_column_is_made_of_what_its_expression_reads(
    sql: str, made: list[tuple[str, str]]
) -> None:
    assert made_of(sql, "c") == made


@pytest.mark.parametrize(
    ("sql", "why"),
    [
        ("SELECT x AS c FROM a LIMIT 3", "LIMIT"),
        ("SELECT DISTINCT ON (id) x AS c FROM a", "DISTINCT ON"),
        ("SELECT x AS c FROM a QUALIFY row_number() OVER (ORDER BY x) = 1", "QUALIFY"),
        ("SELECT x AS c FROM a EXCEPT SELECT z FROM b", "kind"),
        ("SELECT sum(x) AS c FROM a GROUP BY ROLLUP (id)", "ROLLUP"),
        ("SELECT sum(x) AS c FROM a GROUP BY ALL", "ALL"),
        ("SELECT c FROM range(3) AS r(c)", "cannot be followed"),
        ("SELECT x AS c FROM elsewhere", "elsewhere"),
    ],
)
def test_what_cannot_be_rewritten_exactly_is_refused_with_the_reason(sql: str, why: str) -> None:
    with pytest.raises(ProjectError, match="cannot be followed") as caught:
        traced(sql)
    assert caught.value.code == "V7002"
    assert why in caught.value.observed


@pytest.mark.parametrize("expression", ["sum(x) OVER ()", "(SELECT max(z) FROM b)"])
def test_a_column_that_looks_beyond_its_row_is_not_followed(expression: str) -> None:
    assert traced(f"SELECT {expression} AS c, x FROM a").refs["c"] is None


@pytest.mark.parametrize(
    ("sql", "held"),
    [
        (f"SELECT x FROM a WHERE {DAY}", True),
        ("SELECT x FROM a", False),
        ("SELECT x FROM a WHERE reference_date <= :reference_date", False),
        (f"SELECT x FROM a WHERE {DAY} OR x = 1", False),
        (f"SELECT x FROM a JOIN b ON b.reference_date = a.reference_date WHERE a.{DAY}", True),
        (f"SELECT x FROM a LEFT JOIN b ON b.{DAY} WHERE a.{DAY}", True),
        (f"SELECT x FROM a LEFT JOIN b ON a.{DAY} WHERE b.{DAY}", False),
        (f"SELECT x FROM a JOIN b ON b.id = a.id WHERE a.{DAY}", False),
    ],
)
def test_a_table_is_held_to_the_day_by_equality_alone(sql: str, held: bool) -> None:
    tree = qualified(sql, WAREHOUSE)
    assert tree is not None
    assert holds_the_day(tree, frozenset(WAREHOUSE)) is held


def test_the_day_of_a_table_drops_nothing_and_every_other_condition_is_tested_by_itself() -> None:
    found = traced(f"SELECT x FROM a WHERE {DAY} AND x > 1 AND (y = 2 OR y = 3)")
    (sieve,) = found.sieves
    question = sift(sieve)
    assert question is not None
    assert question.conditions == ("a.x > 1", "(a.y = 2 OR a.y = 3)")
    assert sift(traced(f"SELECT x FROM a WHERE {DAY}").sieves[0]) is None


def test_a_row_without_a_partner_is_told_from_one_that_a_condition_drops() -> None:
    found = traced(f"SELECT x FROM a JOIN b ON b.id = a.id WHERE a.{DAY} AND z > 1")
    question = sift(found.sieves[0])
    assert question is not None
    assert question.conditions == ("no partner: JOIN b ON b.id = a.id", "b.z > 1")


def test_conjuncts_are_what_and_joins_and_nothing_else() -> None:
    tree = sqlglot.parse_one("a = 1 AND (b = 2 AND NOT c) AND (d OR e)", read="duckdb")
    assert [text_of(c) for c in conjuncts(tree)] == ["a = 1", "b = 2", "NOT c", "(d OR e)"]


@pytest.mark.parametrize("sql", ["SELECT FROM WHERE", "SELECT nothing.x FROM", "DROP TABLE ledger"])
def test_a_text_that_is_no_select_has_no_names_to_resolve(sql: str) -> None:
    assert qualified(sql, WAREHOUSE) is None
