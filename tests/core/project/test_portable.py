"""What of a project's SQL is the same on Spark, and what is refused with its reason."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from puntual.model.project import AWS
from puntual.project.portable import portable
from puntual.project.read import lint

COLUMNS = {
    "name": "text",
    "amount": "decimal",
    "days": "integer",
    "opened_on": "date",
    "closed_on": "date",
    "at": "timestamp",
    "paid": "boolean",
}
TABLES = {"t": COLUMNS, "u": COLUMNS}
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
    assert [r.why for r in portable(f"SELECT {expression} AS x FROM t", "spark", TABLES)] == []


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
    found = [r.why for r in portable(f"SELECT {expression} AS x FROM t", "spark", TABLES)]
    assert any(reason in why for why in found), found


def test_answers_of_one_kind_may_be_put_together() -> None:
    sql = (
        "SELECT name, amount FROM t UNION ALL (SELECT 'all', days FROM t) "
        "UNION ALL SELECT NULL, count(*) FROM t"
    )
    assert portable(sql, "spark", TABLES) == ()


@pytest.mark.parametrize(
    "condition",
    [
        "name IN (SELECT name FROM u)",
        "name NOT IN (SELECT name FROM u) AND paid",
        "paid OR (days > 1 AND name IN (SELECT name FROM u))",
    ],
)
def test_a_condition_may_look_into_another_query(condition: str) -> None:
    assert portable(f"SELECT name FROM t WHERE {condition}", "spark", TABLES) == ()


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
    assert portable(sql, "spark", TABLES) == ()


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
        ("SELECT days AS x FROM t UNION ALL SELECT name FROM t", "number with text"),
        ("SELECT name, opened_on FROM t EXCEPT SELECT name, at FROM t", "date with timestamp"),
        ("SELECT opened_on FROM t UNION SELECT '2026-11-20'", "date with text"),
        (
            "WITH c AS (SELECT days AS y FROM t UNION ALL SELECT name FROM t) "
            "SELECT CAST(y AS DECIMAL(9, 2)) AS x FROM c",
            "number with text",
        ),
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
    assert any(reason in r.why for r in portable(sql, "spark", TABLES))


@pytest.mark.parametrize(
    "sql",
    [
        # The alias is a text; x of days_of is none of the SELECT's own.
        "SELECT upper(code) AS x, CAST(x AS INTEGER) AS y FROM codes "
        "WHERE EXISTS (SELECT 1 FROM days_of WHERE days_of.x = codes.k)",
        "SELECT upper(code) AS x, CAST(x AS INTEGER) AS y FROM codes "
        "SEMI JOIN days_of ON days_of.k = codes.k",
        "SELECT k FROM days_of WHERE EXISTS "
        "(SELECT upper(code) AS x, CAST(x AS INTEGER) AS y FROM codes)",
        # The order of a union is of its own columns.
        "SELECT x FROM days_of WHERE EXISTS (SELECT upper(code) AS x FROM codes "
        "UNION SELECT code FROM codes ORDER BY CAST(x AS INTEGER))",
        # A name that is given to a column without AS of its own.
        "WITH c(x) AS (SELECT code FROM codes) "
        "SELECT CAST(c.x AS DECIMAL(9, 2)) AS y FROM c JOIN days_of ON c.x = days_of.code",
        "SELECT CAST(x AS DECIMAL(9, 2)) AS y FROM days_of AS d(k, code, x)",
        "SELECT CAST(d.x AS DECIMAL(9, 2)) AS y FROM days_of AS d(k, code, x)",
        "SELECT CAST(x AS DECIMAL(9, 2)) AS y FROM (SELECT code FROM days_of) AS d(x)",
        # A subquery in ON may be of the sources around it.
        "SELECT s.x FROM (SELECT upper(code) AS x FROM codes) AS s JOIN days_of "
        "ON (SELECT bool_or(o.x > 0) FROM days_of AS o WHERE o.x = CAST(s.x AS INTEGER))",
    ],
)
def test_a_name_has_not_the_kind_of_a_column_of_some_other_table(sql: str) -> None:
    tables = {
        "codes": {"code": "text", "k": "integer"},
        "days_of": {"x": "integer", "code": "text", "k": "integer"},
    }
    found = [r.why for r in portable(sql, "spark", tables)]
    assert found == ["what is cast has no kind that can be told here"]


@pytest.mark.parametrize(
    ("sql", "reasons"),
    [
        ("SELECT CAST(B.X AS DATE) AS y FROM codes AS a JOIN names AS b ON a.k = b.k", []),
        ("SELECT CAST(a.x AS DATE) AS y FROM codes AS a JOIN names AS b ON a.k = b.k", ["integer"]),
        ("SELECT CAST(Codes.x AS DATE) AS y FROM CODES JOIN names USING (k)", ["integer"]),
        ("SELECT CAST(b.x AS DATE) AS y FROM (codes AS a JOIN names AS b ON a.k = b.k)", []),
        # Its own tables come first, then those of the SELECT around it.
        ("SELECT k FROM codes WHERE EXISTS (SELECT 1 FROM names WHERE x = 1)", ["number with"]),
        (
            "SELECT k FROM codes WHERE EXISTS (SELECT 1 FROM pairs WHERE x = '1')",
            ["number with text"],
        ),
        ("SELECT k FROM names WHERE EXISTS (SELECT 1 FROM pairs WHERE x = '1')", []),
        (
            "SELECT CAST(a.x AS VARCHAR) AS x FROM codes AS a JOIN pairs AS p "
            "ON (SELECT bool_or(a.x = o.x) FROM names AS o)",
            ["number with text"],
        ),
        (
            "SELECT n.k FROM names AS n SEMI JOIN codes AS c ON n.k = c.k AND c.x = '1'",
            ["number with text"],
        ),
    ],
)
def test_a_column_has_the_kind_that_its_own_table_gives_it(sql: str, reasons: list[str]) -> None:
    tables = {
        "codes": {"k": "integer", "x": "integer"},
        "names": {"k": "integer", "x": "text"},
        "pairs": {"k": "integer"},
    }
    found = [r.why for r in portable(sql, "spark", tables)]
    assert len(found) == len(reasons)
    assert all(reason in why for why, reason in zip(found, reasons, strict=True)), found


@pytest.mark.parametrize(
    "sql",
    [
        "WITH c AS (SELECT name AS x FROM t) SELECT CAST(x AS BIGINT) AS y FROM c",
        "WITH other AS (SELECT name AS x FROM t) SELECT CAST(x AS BIGINT) AS y FROM other",
    ],
)
def test_a_table_that_is_not_read_changes_nothing(sql: str) -> None:
    assert portable(sql, "spark", {"t": COLUMNS}) == ()
    assert portable(sql, "spark", {"t": COLUMNS, "other": {"x": "integer"}}) == ()


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


def test_a_rule_on_a_row_is_judged_as_the_select_that_it_becomes(tmp_path: Path) -> None:
    model = "SELECT CAST(payment_id AS BIGINT) AS payment_id, amount FROM payments\n"
    folder = project(tmp_path, model, aws=True)
    (folder / "checks/payments.yaml").write_text(
        """\
checks:
  - id: numbered
    dataset: payments
    row: payment_id <> 1 OR EXISTS (SELECT 1 FROM movements AS m WHERE m.payment_id = 1)
    on_fail: flag
"""
    )
    _, complaints, _ = lint(folder)
    (found,) = (c for c in complaints if c.code == "C1213")
    assert (found.file, found.line, found.column) == ("checks/payments.yaml", 4, 10)
    assert "number with text" in found.message


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
        portable("SELECT (", "spark", {})
