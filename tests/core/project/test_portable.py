"""What of a project's SQL is the same on Spark, and what is refused with its reason."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from puntual.model.project import AWS
from puntual.project.portable import portable
from puntual.project.read import lint

COLUMNS = (
    ("name", "text"),
    ("amount", "decimal"),
    ("days", "integer"),
    ("opened_on", "date"),
    ("closed_on", "date"),
    ("at", "timestamp"),
    ("paid", "boolean"),
)
ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize(
    "expression",
    [
        "amount * 2 + days",
        "sum(amount) FILTER (WHERE paid)",
        "count(DISTINCT name)",
        "coalesce(nullif(trim(name), ''), 'none')",
        "CAST(nullif(name, '?') AS DECIMAL(9, 2))",
        "CAST(amount AS BIGINT)",
        "CAST(sum(days) AS BIGINT)",
        "CASE WHEN days < 30 THEN 'A' ELSE 'B' END",
        "opened_on <= :reference_date",
        "opened_on = '2026-11-20'",
        "date_diff('day', opened_on, closed_on)",
        "opened_on + 1",
        "days % 7",
        "name LIKE 'K%'",
        "regexp_matches(name, '^[A-Z]{2}[0-9]+$')",
        "regexp_full_match(name, 'K\\d{7}')",
        "row_number() OVER (PARTITION BY name ORDER BY amount DESC)",
        "year(opened_on) = 2026",
        "upper(name) || '-' || CAST(days AS VARCHAR)",
        "substr(name, 1, 3)",
        "CAST(at AS DATE)",
        "amount IS DISTINCT FROM 0",
        "NOT EXISTS (SELECT 1 FROM t AS o WHERE o.name = t.name)",
    ],
)
def test_what_gives_the_same_answer_is_let_through(expression: str) -> None:
    assert [r.why for r in portable(f"SELECT {expression} AS x FROM t", "spark", COLUMNS)] == []


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("amount / 3", "a division gives a float"),
        ("days // 2", "a whole division rounds"),
        ("days % amount", "remainder of a division by zero"),
        ("avg(amount)", "an average is a float"),
        ("CAST(amount AS DOUBLE)", "not exact"),
        ("1.5e3", "exponent is a float"),
        ("first(name ORDER BY days)", "depends on an order"),
        ("any_value(name)", "depends on an order"),
        ("string_agg(name, ',')", "depends on an order"),
        ("list(name)", "lists"),
        ("[1, 2]", "lists"),
        ("{'a': 1}", "structures"),
        ("row_number() OVER (PARTITION BY name)", "without ORDER BY"),
        ("regexp_matches(name, '(?=x)')", "RE2 and to Java"),
        ("regexp_matches(name, '\\s')", "RE2 and to Java"),
        ("regexp_matches(name, name)", "no literal"),
        ("regexp_replace(name, 'a', 'b')", "RE2"),
        ("name ILIKE 'a%'", "upper and lower case"),
        ("name LIKE 'a\\%'", "backslash"),
        ("name = days", "number with text"),
        ("name IN (1, 2)", "number with text"),
        ("amount = '1.50'", "number with text"),
        ("opened_on = at", "date with timestamp"),
        ("coalesce(amount, 'none')", "number with text"),
        ("CASE WHEN paid THEN 'x' ELSE 1 END", "number with text"),
        ("name || days", "what is no text"),
        ("name + 1", "text and integer"),
        ("opened_on - closed_on", "a date less a date"),
        ("opened_on - INTERVAL 1 DAY", "an interval"),
        ("CAST(at AS VARCHAR)", "a cast of timestamp to text"),
        ("CAST(name AS BOOLEAN)", "a cast of text to boolean"),
        ("TRY_CAST(name AS BIGINT)", "TRY_CAST"),
        ("CAST(opened_on AS TIMESTAMP)", "the type TIMESTAMP"),
        ("strptime(name, '%d/%m/%Y')", "date's format"),
        ("date_trunc('month', opened_on)", "date_trunc()"),
        ("date_diff('month', opened_on, closed_on)", "only days"),
        ("substr(name, -2)", "a place below 1"),
        ("left(name, -1)", "left() and right()"),
        ("hash(name)", "hash() is not known"),
        ("list_transform([1], x -> x + 1)", "lists"),
        ("approx_count_distinct(name)", "estimate"),
        ("count_if(paid)", "of nothing is null"),
        ("name IN (SELECT o.name FROM t AS o)", "is false there"),
        ("name SIMILAR TO 'a+'", "has not been compared"),
    ],
)
def test_what_could_give_another_answer_is_refused_with_the_reason(
    expression: str, reason: str
) -> None:
    found = [r.why for r in portable(f"SELECT {expression} AS x FROM t", "spark", COLUMNS)]
    assert any(reason in why for why in found), found


@pytest.mark.parametrize(
    "condition",
    [
        "name IN (SELECT name FROM u)",
        "name NOT IN (SELECT name FROM u) AND paid",
        "paid OR (days > 1 AND name IN (SELECT name FROM u))",
    ],
)
def test_a_condition_may_look_into_another_query(condition: str) -> None:
    assert portable(f"SELECT name FROM t WHERE {condition}", "spark", COLUMNS) == ()


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT CAST(nullif(name, '?') AS DECIMAL(9, 2)) AS name FROM t",
        "SELECT c.name FROM (SELECT CAST(trim(name) AS BIGINT) AS name FROM t) AS c",
        "SELECT CAST(days AS VARCHAR) AS days FROM t WHERE days > 0",
        "SELECT CAST(name AS BIGINT) AS name FROM t "
        "WHERE EXISTS (SELECT 1 FROM u WHERE CAST(u.name AS BIGINT) = t.days)",
    ],
)
def test_a_column_may_be_given_another_kind_under_its_own_name(sql: str) -> None:
    assert portable(sql, "spark", COLUMNS) == ()


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("SELECT name FROM t WHERE NOT (paid AND name IN (SELECT name FROM u))", "is false there"),
        ("SELECT name FROM t WHERE paid OR name NOT IN (SELECT name FROM u)", "is false there"),
        ("SELECT name FROM t LIMIT 3", "LIMIT"),
        ("SELECT DISTINCT ON (name) name, days FROM t", "DISTINCT ON"),
        ("SELECT * EXCLUDE (name) FROM t", "EXCLUDE"),
        ("SELECT * FROM t JOIN u USING (name)", "USING"),
        ("SELECT name FROM t UNION ALL BY NAME SELECT name FROM u", "BY NAME"),
        ("SELECT name FROM t ASOF JOIN u ON t.days >= u.days", "this join"),
        ("SELECT name, sum(days) FROM t GROUP BY ROLLUP (name)", "grouping sets"),
        ("SELECT * FROM (VALUES (1), (2)) AS v(x)", "a list of values"),
        ("SELECT unnest([1, 2])", "lists"),
        # Where a name is a column of a table, it is that before it is an alias.
        ("SELECT CAST(name AS BIGINT) AS name FROM t WHERE name = 1", "number with text"),
        ("SELECT CAST(days AS VARCHAR) AS days, days = '1' AS x FROM t", "number with text"),
        # Elsewhere it may be either.
        (
            "WITH c AS (SELECT CAST(name AS BIGINT) AS name FROM t) "
            "SELECT CAST(name AS DECIMAL(9, 2)) AS x FROM c",
            "no kind that can be told",
        ),
        (
            "SELECT (SELECT max(CAST(c.name AS DECIMAL(9, 2))) FROM t) AS x "
            "FROM (SELECT CAST(name AS BIGINT) AS name FROM t) AS c",
            "no kind that can be told",
        ),
        (
            "SELECT CAST(name AS BIGINT) AS name FROM t ORDER BY CAST(name AS VARCHAR)",
            "no kind that can be told",
        ),
    ],
)
def test_what_depends_on_order_or_is_not_there_is_refused(sql: str, reason: str) -> None:
    assert any(reason in r.why for r in portable(sql, "spark", COLUMNS))


def project(folder: Path, model: str, *, aws: bool) -> Path:
    for name, text in {
        "puntual.yaml": SETTINGS + (ENVIRONMENT if aws else ""),
        "contracts/payments.odcs.yaml": CONTRACT,
        "models/movements.sql": model,
        "checks/payments.yaml": CHECKS,
    }.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


SETTINGS = """\
name: small-bank
time_zone: UTC
sources:
  payments: {kind: files, path: "in/{reference_date:%Y%m%d}.csv", complete: {marker: .ok}}
warehouse: {kind: duckdb, location: .puntual/w.duckdb, tables: [movements]}
"""
ENVIRONMENT = "environments: {cloud: {kind: aws, warehouse: {kind: redshift, location: bank}}}\n"
CONTRACT = """\
apiVersion: v3.1.0
kind: DataContract
id: payments
name: payments
version: 1.0.0
status: active
schema:
  - name: payments
    logicalType: object
    customProperties:
      - {property: puntual.format, value: {type: csv}}
    properties:
      - {name: payment_id, logicalType: string, required: true, primaryKey: true}
      - {name: amount, logicalType: number, physicalType: "DECIMAL(18,2)", required: true}
"""
CHECKS = """\
checks:
  - id: small
    dataset: payments
    row: amount % 2 < 100
    on_fail: flag
  - id: share
    dataset: payments
    row: round(amount / 3, 2) < 1000
    on_fail: flag
"""
MODEL = """\
SELECT payment_id, amount,
  CAST(avg(amount) OVER () AS DECIMAL(18, 2)) AS mean
FROM payments
"""


def test_a_project_with_an_environment_on_aws_is_told_where_and_why(tmp_path: Path) -> None:
    _, complaints, _ = lint(project(tmp_path, MODEL, aws=True))
    found = [(c.file, c.line, c.code) for c in complaints if c.severity == "error"]
    assert ("models/movements.sql", 2, "C1213") in found
    assert ("checks/payments.yaml", 8, "C1213") in found
    assert ("models/movements.sql", 1, "C1213") not in found
    messages = [c.message for c in complaints if c.code == "C1213"]
    assert all(m.startswith("not the same on Spark: ") for m in messages)


def test_a_project_of_one_machine_may_divide(tmp_path: Path) -> None:
    _, complaints, _ = lint(project(tmp_path, MODEL, aws=False))
    assert [c for c in complaints if c.code == "C1213"] == []


def test_the_example_has_an_environment_on_aws_and_is_the_same_there() -> None:
    read, complaints, _ = lint(ROOT / "examples/credit-report")
    assert read is not None
    assert AWS in read.environments.values()
    assert [c for c in complaints if c.code == "C1213"] == []


def test_a_real_banks_project_is_the_same_there(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "tests/acceptance/berka/project", tmp_path, dirs_exist_ok=True)
    with (tmp_path / "puntual.yaml").open("a", encoding="utf-8") as settings:
        settings.write(ENVIRONMENT)
    _, complaints, _ = lint(tmp_path)
    assert [c for c in complaints if c.code == "C1213"] == []


def test_what_is_no_sql_is_said_to_be_none() -> None:
    with pytest.raises(ValueError, match="no SQL"):
        portable("SELECT (", "spark")
