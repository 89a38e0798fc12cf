"""What a project's SQL may be, and what its columns are."""

from __future__ import annotations

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from puntual.project.complaints import Complaints
from puntual.project.files import SourceFile
from puntual.project.functions import ALLOWED
from puntual.project.projections import Columns, resolve
from puntual.project.queries import parse
from puntual.project.snippets import from_file

TABLES: dict[str, Columns | None] = {
    "credits": {"credit_id": "text", "balance": "decimal", "opened_on": "date"},
    "clients": {"credit_id": "text", "name": "text"},
    "unknown": None,
}


def read(sql: str) -> tuple[Columns | None, list[str]]:
    complaints = Complaints()
    source = SourceFile(path="q.sql", data=b"", text=sql, lines=tuple(sql.splitlines()))
    parsed = parse(from_file(source), complaints)
    query = resolve(parsed, TABLES, complaints, what="dataset") if parsed else None
    found = [f"{c.line}:{c.column} {c.code}" for c in complaints.sorted()]
    return (query.columns if query else None), found


@pytest.mark.parametrize(
    ("sql", "columns"),
    [
        ("FROM credits", "credit_id balance opened_on"),
        ("SELECT * EXCLUDE (balance) FROM credits", "credit_id opened_on"),
        ("SELECT * REPLACE (1 AS balance) FROM credits", "credit_id balance opened_on"),
        ("SELECT * RENAME (balance AS b) FROM credits", "credit_id b opened_on"),
        (
            "SELECT * FROM credits JOIN clients USING (credit_id)",
            "credit_id balance opened_on name",
        ),
        ("SELECT l.* FROM credits c JOIN clients AS l USING (credit_id)", "credit_id name"),
        (
            "SELECT * FROM credits SEMI JOIN clients USING (credit_id)",
            "credit_id balance opened_on",
        ),
        ("WITH c(a, b) AS (SELECT credit_id, balance FROM credits) SELECT * FROM c", "a b"),
        ("SELECT x.a FROM (SELECT balance AS a FROM credits) AS x", "a"),
        ("SELECT name FROM clients UNION ALL SELECT credit_id FROM credits", "name"),
        ("(SELECT name FROM clients ORDER BY name LIMIT 1)", "name"),
        ("WITH credits AS (SELECT name FROM clients) SELECT * FROM credits", "name"),
        (
            "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 3)"
            " SELECT n FROM r",
            "n",
        ),
        ("SELECT balance AS b, b * 2 AS double_b FROM credits ORDER BY double_b", "b double_b"),
        (
            "SELECT balance FROM credits c WHERE EXISTS (FROM clients WHERE name = c.credit_id)",
            "balance",
        ),
        (
            "SELECT list_transform([1], lambda v: v + 1) AS l, {'z': balance} AS s FROM credits",
            "l s",
        ),
    ],
)
def test_the_columns_of_a_select_are_found(sql: str, columns: str) -> None:
    found, complaints = read(sql)
    assert complaints == []
    assert found is not None
    assert list(found) == columns.split()


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT COLUMNS('b.*') FROM credits",
        "SELECT * FROM unknown",
        "SELECT * FROM credits PIVOT (sum(balance) FOR credit_id IN ('a'))",
        "SELECT anything FROM unknown, credits",
        "SELECT list_transform([1], lambda v: v + 1) AS l FROM credits",
    ],
)
def test_what_cannot_be_told_is_not_complained_about(sql: str) -> None:
    assert read(sql)[1] == []


def test_types_are_told_where_they_are_plain() -> None:
    sql = (
        "SELECT sum(balance) AS s, count(*) AS n, balance / 2 AS h, avg(balance) AS a,"
        " CAST(balance AS VARCHAR) AS t, -balance + 1 AS m, max(opened_on) AS d, 1.5 AS x"
        " FROM credits"
    )
    assert read(sql)[0] == {
        "s": "decimal",
        "n": "integer",
        "h": "float",
        "a": "float",
        "t": "text",
        "m": "decimal",
        "d": "date",
        "x": "decimal",
    }


NOT_THE_SAME_ANOTHER_DAY = """\
now()
today()
current_date
current_timestamp
localtime
localtimestamp
get_current_timestamp()
transaction_timestamp()
random()
uuid()
uuidv7()
gen_random_uuid()
getenv('HOME')
current_setting('threads')
getvariable('x')
nextval('s')
age(opened_on)
'now'::TIMESTAMP
version()
current_user
session_user
txid_current()
pg_sleep(1)
setseed(0.5)
read_text('/etc/passwd')
no_such_function(1)
write_log('x')
"""


@pytest.mark.row("f51")
@pytest.mark.parametrize("expression", NOT_THE_SAME_ANOTHER_DAY.splitlines())
def test_a_function_that_answers_differently_another_day_is_refused(expression: str) -> None:
    assert "1:8 C1203" in read(f"SELECT {expression} AS x FROM credits")[1]


@pytest.mark.row("f51")
def test_a_word_that_means_the_present_day_is_refused() -> None:
    assert read("SELECT DATE 'today' AS x FROM credits")[1] == ["1:13 C1203"]


NO_DATASETS = """\
read_csv('x')
read_parquet('x')
read_json('x')
read_text('x')
glob('*')
parquet_scan('x')
query('SELECT 1')
query_table('credits')
duckdb_settings()
sniff_csv('x')
'x.parquet'
'https://a.b/c.csv'
"y.csv"
postgres_scan('a')
pragma_table_info('credits')
information_schema.tables
main.credits
"""


@pytest.mark.parametrize("table", NO_DATASETS.splitlines())
def test_a_table_that_is_no_dataset_is_refused(table: str) -> None:
    assert read(f"SELECT * FROM {table}")[1]


NOT_ONE_READ_ONLY_SELECT = """\
DELETE FROM credits
INSERT INTO credits SELECT 1
COPY credits TO 'x'
SET x = 1
ATTACH 'x'
PRAGMA x
CALL f()
EXPLAIN SELECT 1
DESCRIBE credits
VALUES (1)
SELECT 1 AS a; SELECT 2 AS b
SELECT * INTO x FROM credits
CREATE TABLE x (a INT)
WITH a AS (DELETE FROM credits RETURNING *) SELECT * FROM a
INSTALL x
LOAD x
SELECT * FROM credits FOR UPDATE
SELECT * FROM credits TABLESAMPLE 10%
EXPORT x
"""


@pytest.mark.row("h4")
@pytest.mark.parametrize("sql", NOT_ONE_READ_ONLY_SELECT.splitlines())
def test_what_is_not_one_read_only_select_is_refused(sql: str) -> None:
    assert any(c.endswith("C1202") for c in read(sql)[1])


@pytest.mark.parametrize("sql", ["", "-- nothing", "SELECT 'a", "SELECT (1", "SELECT FROM WHERE"])
def test_what_is_no_sql_is_refused(sql: str) -> None:
    assert [c.split()[1] for c in read(sql)[1]] == ["C1201"]


def test_a_semicolon_and_a_comment_at_the_end_are_left_out() -> None:
    complaints = Complaints()
    text = "SELECT 1 AS one; -- done\n"
    parsed = parse(from_file(SourceFile(path="q.sql", text=text)), complaints)
    assert parsed is not None
    assert parsed.sql == "SELECT 1 AS one"


def test_only_the_reference_date_is_a_parameter() -> None:
    assert read("SELECT 1 AS a FROM credits WHERE opened_on = :reference_date")[1] == []
    assert read("SELECT 1 AS a FROM credits WHERE opened_on = :day")[1] == ["1:46 C1205"]
    assert read("SELECT 1 AS a FROM credits WHERE opened_on = $reference_date")[1]
    assert read("SELECT 1 AS a FROM credits WHERE opened_on = ?")[1] == ["1:46 C1205"]


@pytest.mark.row("h3")
@pytest.mark.parametrize(
    "sql",
    [
        "SELECT " + "(" * 5000 + "1" + ")" * 5000 + " AS x",
        "SELECT " + "NOT " * 5000 + "true AS x",
        "SELECT " + " + ".join(["balance"] * 5000) + " AS x FROM credits",
        " UNION ALL ".join(["SELECT name FROM clients"] * 3000),
        "SELECT " + "CASE WHEN " * 2000 + "1",
    ],
)
def test_sql_that_is_nested_without_end_is_refused_or_read(sql: str) -> None:
    read(sql)


@pytest.mark.row("h3")
@given(st.text("SELECT FROM*,()'\";:?$-./\n credits123", max_size=60))
@settings(max_examples=200, deadline=None)
def test_any_text_is_read_or_refused(text: str) -> None:
    _, complaints = read("SELECT " + text)
    assert all(c.split()[1].startswith("C12") for c in complaints)


@pytest.mark.row("f51")
def test_no_allowed_function_is_volatile_in_duckdb() -> None:
    with duckdb.connect() as engine:
        volatile = engine.execute(
            "SELECT DISTINCT function_name FROM duckdb_functions() WHERE stability = 'VOLATILE'"
        ).fetchall()
    assert {name for (name,) in volatile} & set(ALLOWED) == set()
