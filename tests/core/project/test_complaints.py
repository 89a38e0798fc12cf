"""One edit to a right project, one complaint, at its place."""

from __future__ import annotations

from pathlib import Path

import pytest
from core.project.base import FILES, edited, first_lines, shown, write

from puntual.project.read import lint

YAML, CREDITS = "puntual.yaml", "contracts/credits.odcs.yaml"
EVENTS, BRANCH = "contracts/card_events.odcs.yaml", "contracts/branch.odcs.yaml"
MODEL, RULES, LEDGER = "models/movements.sql", "checks/rules.yaml", "controls/ledger.yaml"
CALENDAR, ORPHANS = "calendars/mx-cnbv.yaml", "checks/orphans.sql"
REPORT = "reports/credit_daily/report.yaml"
KEEP = "{property: puntual.keep, value: last}"
MEASURES = "{property: puntual.measures, value: [{column: balance, unit: MXN}]}"
PARTS = "{property: puntual.arrivalParts, value: "
SQL, LAYOUT = "reports/credit_daily/report.sql", "reports/credit_daily/layout.yaml"

ERRORS = [
    # puntual.yaml
    (YAML, "name: banco-ejemplo", "name: 12", "1:7  C1010  'name' must be text, not the number 12"),
    (YAML, "name: banco", "nme: banco", "1:1  C1008  unknown key 'nme' in puntual.yaml"),
    (YAML, "America/Mexico_City", "Mexico", "2:12  C1015  unknown time zone 'Mexico'"),
    (YAML, "kind: database", "kind: databse", "5:11  C1011  'databse' is not a possible kind"),
    (YAML, "sqlite:data", "mysql:data", "6:17  C1011  'connection' must be sqlite:PATH"),
    (YAML, "control: snapshot", "control: snap", "8:14  C1011  'control' of database must be"),
    (YAML, "  credits:\n", "  Credits:\n", "C1013  'Credits' does not match"),
    (YAML, ":reference_date\n", ":date\n", "7:56  C1205  unknown parameter ':date'"),
    (
        YAML,
        "query: SELECT * FROM",
        "query: DELETE FROM",
        "7:12  C1202  a source is read by a SELECT",
    ),
    (YAML, "{reference_date:%Y%m%d}.json", "{date}.json", "C1016  unknown placeholder {date}"),
    (YAML, "{marker: .ok}", "{marker: .ok, settled: 5}", "C1011  'complete' needs exactly one"),
    (YAML, "{marker: .ok}", "{settled: soon}", "16:25  C1010  'settled' must be a whole number"),
    (YAML, "[movement_id]", "[movement]", "20:11  C1209  the model has no column 'movement'"),
    (YAML, "column: amount", "column: occurred_at", "C1109  column 'occurred_at' is timestamp"),
    (YAML, "carries: card_events", "carries: branch", "22:14  C1012  'branch' is no source that"),
    (YAML, "  movements:\n    key", "  movement:\n    key", "C1012  there is no model 'models/mo"),
    (YAML, "[credits, movements]", "[credits, moves]", "26:21  C1012  unknown dataset 'moves'"),
    (YAML, "kind: duckdb", "kind: oracle", "24:9  C1011  'oracle' is not a possible kind"),
    (YAML, "  ci:\n    warehouse", "  ci:\n    modles", "29:5  C1008  an environment may override"),
    # contracts
    (CREDITS, "v3.1.0", "v3.0.2", "1:13  C1102  'v3.0.2' is not ODCS 3.1 or 3.2"),
    (CREDITS, "status: active", "state: active", "6:1  C1101  ODCS has no key 'state' here"),
    (
        CREDITS,
        "  - name: credits",
        "  - id: a.b\n    name: credits",
        "8:9  C1107  id 'a.b' may only use A-Z a-z 0-9 _ -",
    ),
    (CREDITS, "kind: DataContract\n", "", "1:1  C1101  the contract needs the key 'kind'"),
    (
        CREDITS,
        "logicalType: date",
        "logicalType: day",
        "C1101  'day' is not a possible logicalType",
    ),
    (CREDITS, "  - name: credits", "  - name: a\n  - name: b", "C1103  a contract has exactly one"),
    (CREDITS, "  - name: credits", "  - name: credit", "8:11  C1014  no source is called 'credit'"),
    (CREDITS, ', physicalType: "DECIMAL(18,2)"', "", "C1105  column 'balance' is a number and"),
    (CREDITS, "DECIMAL(18,2)", "DOUBLE", "C1106  physicalType DOUBLE is not supported"),
    (CREDITS, "DECIMAL(18,2)", "DECIMAL(39,2)", "C1106  no such decimal: DECIMAL(39,2)"),
    (CREDITS, "column: balance", "column: balanc", "11:55  C1108  unknown column 'balanc'"),
    (CREDITS, "column: balance", "column: product", "C1109  column 'product' must be integer or"),
    (CREDITS, "name: product", "name: credit_id", "C1303  two columns are called 'credit_id'"),
    (CREDITS, "name: product", "name: _object", "C1017  '_object' is puntual's own column"),
    (CREDITS, "required: true, ", "", "C1110  key column 'credit_id' must be required: true"),
    (CREDITS, "puntual.measures", "puntual.measure", "C1104  unknown property 'puntual.measure'"),
    (EVENTS, "value: occurred_at}", "value: kind}", "C1109  column 'kind' must be date or"),
    (EVENTS, "puntual.keep, value: last", "puntual.keep, value: newest", "C1011  'newest' is not"),
    (EVENTS, KEEP, f"{PARTS}[kinds]}}", "C1108  unknown column 'kinds'"),
    (EVENTS, KEEP, f"{PARTS}[amount]}}", "C1109  column 'amount' must be text or integer"),
    (EVENTS, KEEP, f"{PARTS}[kind]}}", "C1109  column 'kind' is told by its values, and is not"),
    (EVENTS, KEEP, f"{PARTS}[kind, kind]}}", "C1303  'kind' stands twice in 'arrivalParts'"),
    (CREDITS, MEASURES, f"{PARTS}[product]}}", "C1113  puntual.arrivalParts is for what comes bit"),
    (EVENTS, "{rows: 5", '{rows: "5"', "C1010  'rows' must be a whole number, not text"),
    (EVENTS, '"1000.00"', "1000.00", "C1010  'amount' must be text, not the number 1000.00"),
    (EVENTS, "type: jsonl", "type: csv", "C1113  a stream is read as jsonl, not csv"),
    (EVENTS, '"^[A-Z]+$"', '"(?=a)b"', "C1114  this is no RE2 pattern"),
    (EVENTS, "[PAYMENT, REFUND]", "[1, REFUND]", "C1010  each of 'accepted' must be text"),
    (BRANCH, "%d/%m/%Y", "dd/MM/yyyy", "C1104  'dd/MM/yyyy' is no strptime pattern"),
    (BRANCH, 'delimiter: ";"', 'delimiter: ";;"', "C1011  'delimiter' must be one character"),
    (BRANCH, "latin-1", "latin-99", "C1011  unknown encoding 'latin-99'"),
    (BRANCH, 'groupMark: "."', 'groupMark: ","', "C1011  'groupMark' and 'decimalMark' must"),
    (BRANCH, "puntual.format", "vendor.format", "C1113  the contract of files needs puntual.f"),
    # models and SQL
    (MODEL, "FROM card_events", "FROM card_event", "3:6  C1206  unknown dataset 'card_event'"),
    (MODEL, "e.amount", "e.amont", "2:50  C1209  unknown column 'amont' of 'e'"),
    (MODEL, "e.amount", "x.amount", "2:48  C1209  no table is called 'x' here"),
    (MODEL, "e.amount", "e.amount * 2", "2:48  C1208  this column has no name; add AS name"),
    (MODEL, "e.amount", "e.amount AS credit_id", "C1208  two columns are called 'credit_id'"),
    (MODEL, "e.amount", "random() AS amount", "2:48  C1203  random is not allowed"),
    (MODEL, "e.amount", "getenv('A') AS amount", "C1203  the function getenv() is not allowed"),
    (MODEL, "e.amount", "$other AS amount", "2:48  C1205  unknown parameter '$other'"),
    (MODEL, "FROM card_events", "FROM 'x.parquet'", "3:6  C1203  'x.parquet' is a file, not"),
    (MODEL, "FROM card_events", "FROM read_csv('x')", "C1203  the table function read_csv()"),
    (MODEL, "FROM card_events", "FROM main.card_events", "C1206  'card_events' must be named"),
    (MODEL, "card_events", "movements", "C1207  models form a cycle: movements → movements"),
    (MODEL, "(credit_id)", "(credit_id); SELECT 1", "4:36  C1202  one SELECT only"),
    (MODEL, "FROM card_events", "FROM WHERE", "C1201  SQL:"),
    # checks
    (RULES, "dataset: credits, to", "dataset: credit, to", "4:45  C1012  unknown dataset 'credit'"),
    (RULES, "to_column: credit_id", "to_column: id", "C1209  'credits' has no column 'id'"),
    (RULES, "not_null: [movement_id]", "not_null: [id]", "7:49  C1209  'movements' has no column"),
    (RULES, "id: has_id", "id: credit_exists", "7:10  C1303  check 'credit_exists' stands twice"),
    (RULES, "id: has_id", "id: Has.id", "7:10  C1013  'Has.id' does not match"),
    (RULES, "unique: [movement_id]", "uniqe: [movement_id]", "C1301  check 'one_id' needs exactly"),
    (RULES, "on_fail: flag", "on_fail: warn", "C1011  'warn' is not a possible on_fail"),
    (RULES, "row: balance >= 0", "row: balanc >= 0", "11:43  C1209  unknown column 'balanc'"),
    (RULES, "row: balance >= 0", "row: SELECT 1", "C1202  an expression on one row must stand"),
    (
        RULES,
        "column: occurred_at",
        "column: kind",
        "C1109  column 'kind' must be date or timestamp",
    ),
    (RULES, "checks/orphans.sql", "../x.sql", "C1019  '../x.sql' is no .sql file inside the"),
    (RULES, "checks/orphans.sql", "checks/orphan.sql", "C1001  there is no file 'checks/orphan"),
    (
        LEDGER,
        "SELECT sum(amount)",
        "SELECT 1, sum(amount)",
        "C1304  'right' must return one number",
    ),
    (RULES, "dataset: card_events, fresh", "dataset: card, fresh", "C1012  unknown dataset 'card'"),
    # controls
    (LEDGER, "kind: business", "kind: busines", "3:11  C1011  'busines' is not a possible kind"),
    (LEDGER, "sum(balance)", "sum(balanc)", "4:22  C1209  unknown column 'balanc'"),
    (LEDGER, "FROM movements", "FROM branch", "7:12  C1206  unknown warehouse table 'branch'"),
    (LEDGER, '"0.50"', "0.50", "9:16  C1010  'tolerance' must be text, not the number 0.50"),
    (LEDGER, '"0.50"', '"-1"', "C1011  a tolerance cannot be negative"),
    (LEDGER, "unit: MXN", "unit: MXN\n    on_fail: quarantine", "C1302  a control has no rows to"),
    # calendars
    (CALENDAR, "2026-12-31", "2025-12-31", "4:14  C1501  the calendar ends before it begins"),
    (CALENDAR, "2026-11-16", "2026-11-31", "C1011  '2026-11-31' is no date"),
    (CALENDAR, "2026-11-16", "2027-01-01", "C1501  2027-01-01 lies outside the calendar"),
    (CALENDAR, "[6, 7]", "[6, 8]", "5:1  C1501  'weekend' must be a list of ISO weekdays"),
    # reports
    (REPORT, "mx-cnbv", "mx-cnvb", "3:11  C1012  unknown calendar 'mx-cnvb'"),
    (REPORT, '"07:00"', '"7:00"', "C1011  '7:00' is no time of day"),
    (REPORT, "[{folder: out}]", "[]", "C1011  'destinations' is empty"),
    (REPORT, "[{folder: out}]", "[{s3: out}]", "C1009  a destination needs the key 'folder'"),
    (REPORT, "column: balance", "column: balanc", "C1209  report.sql has no column 'balanc'"),
    (REPORT, "dataset: credits", "dataset: branch", "C1012  dataset 'branch' is not loaded"),
    (SQL, "FROM credits", "FROM branch", "2:6  C1206  unknown warehouse table 'branch'"),
    (SQL, "ORDER BY product;", "", "1:1  C1210  report.sql needs an ORDER BY"),
    (LAYOUT, "kind: delimited", "kind: fixed", "C1401  field 'product' of a fixed-width file"),
    (LAYOUT, "name: product", "name: prodct", "C1402  report.sql returns no column 'prodct'"),
    (LAYOUT, "  - {name: product}\n", "", "C1402  'detail' has no field for 'product'"),
    (LAYOUT, "{sum:balance}", "{sum:total}", "C1209  report.sql has no column 'total'"),
    (LAYOUT, "{records}", "{rows}", "C1016  unknown placeholder {rows}"),
    (LAYOUT, "{reference_date:%Y%m%d}_", "", "C1016  '{report}_v{version}.txt' needs {reference"),
    (LAYOUT, '"{report}_', '"../{report}_', "C1403  'file_name' must be a name, without a folder"),
    (
        REPORT,
        "SELECT count(DISTINCT product) FROM",
        "SELECT sum(balance) FROM",
        "10:44  C1405  'query' counts rows and returns a decimal",
    ),
    (
        REPORT,
        "SELECT count(DISTINCT product) FROM credits}",
        '"SELECT CAST(2.75 AS DECIMAL(5,2)) AS n FROM credits"}',
        "C1405",
    ),
]


@pytest.mark.parametrize(("path", "old", "new", "expected"), ERRORS)
def test_one_wrong_word_is_told_at_its_place(
    tmp_path: Path, path: str, old: str, new: str, expected: str
) -> None:
    complaints = edited(tmp_path, path, old, new)
    assert any(c.severity == "error" for c in complaints)
    own = [line for line in first_lines(complaints) if line.startswith(path)]
    assert [line for line in own if expected in line], shown(complaints)


@pytest.mark.parametrize(
    ("path", "old", "new", "expected"),
    [
        (
            CREDITS,
            "  - name: credits\n",
            "  - name: credits\n    quality:\n      - {type: text}\n",
            "C1111",
        ),
        (CREDITS, "logicalType: date}", "logicalType: date, quality: [{type: text}]}", "C1111"),
        (CREDITS, "logicalType: date}", "logicalType: date, unique: true}", "C1112"),
        (EVENTS, '{pattern: "^[A-Z]+$"}', '{pattern: "^[A-Z]+$", maxLength: 3}', "C1112"),
        (
            CREDITS,
            "status: active",
            "slaProperties: [{property: latency, value: 1}]\nstatus: a",
            "C1112",
        ),
        (MODEL, "e.occurred_at", "e.occurred_at, e.amount / 2 AS half", "C1204"),
        (MODEL, "e.occurred_at", "e.occurred_at, e.amount::DOUBLE AS f", "C1211"),
    ],
)
def test_what_is_not_carried_out_is_said_and_stops_nothing(
    tmp_path: Path, path: str, old: str, new: str, expected: str
) -> None:
    complaints = edited(tmp_path, path, old, new)
    assert [(c.file, c.code, c.severity) for c in complaints] == [(path, expected, "warning")]


@pytest.mark.parametrize("number", ["count(product)", "CAST(sum(balance) AS DECIMAL(38,0))"])
def test_a_count_of_rows_is_a_whole_number(tmp_path: Path, number: str) -> None:
    query = "SELECT count(DISTINCT product) FROM credits"
    assert edited(tmp_path, REPORT, query, f'"SELECT {number} FROM credits"') == ()


def test_a_misspelt_key_is_not_told_twice(tmp_path: Path) -> None:
    complaints = edited(tmp_path, CREDITS, "status: active", "statuss: active")
    assert shown(complaints).endswith(
        "6:1  C1101  ODCS has no key 'statuss' here\n"
        "     6 │ statuss: active\n"
        "       │ ^^^^^^^ did you mean 'status'?"
    )


def test_a_source_without_a_contract_is_told(tmp_path: Path) -> None:
    files = {p: t for p, t in FILES.items() if p != BRANCH}
    complaints = lint(write(tmp_path, files))[1]
    assert first_lines(complaints) == ["puntual.yaml:13:3  C1014  source 'branch' has no contract"]


@pytest.mark.row("h16")
def test_a_password_is_refused_and_its_line_is_not_shown(tmp_path: Path) -> None:
    secret = "postgresql://bank:hunter2@db/core"
    complaints = edited(tmp_path, YAML, "sqlite:data/core.db", secret)
    assert [c.code for c in complaints] == ["C1020"]
    assert "hunter2" not in shown(complaints)
    assert "hunter2" not in repr(complaints)


def test_a_cycle_of_models_is_told_with_its_way(tmp_path: Path) -> None:
    files = {
        **FILES,
        "models/a.sql": "SELECT x FROM b",
        "models/b.sql": "SELECT x FROM c",
        "models/c.sql": "SELECT x FROM a",
    }
    complaints = lint(write(tmp_path, files))[1]
    assert first_lines(complaints) == [
        "models/a.sql:1:1  C1207  models form a cycle: a → b → c → a"
    ]


def test_models_stand_after_those_they_read(tmp_path: Path) -> None:
    files = {
        **FILES,
        "models/a.sql": "SELECT movement_id FROM z",
        "models/z.sql": "SELECT credit_id AS movement_id FROM credits",
    }
    project = lint(write(tmp_path, files))[0]
    assert project is not None
    assert list(project.models) == ["movements", "z", "a"]


def test_rows_that_lost_their_origin_cannot_be_quarantined(tmp_path: Path) -> None:
    files = {
        **FILES,
        "models/sums.sql": "SELECT product, sum(balance) AS balance FROM credits GROUP BY product",
        "checks/more.yaml": """\
checks:
  - {id: a, dataset: sums, not_null: [product], on_fail: quarantine}
  - {id: b, dataset: credits, fresh: {column: opened_on, max_age_hours: 1}, on_fail: quarantine}
""",
    }
    assert [c.split("  ")[0::2] for c in first_lines(lint(write(tmp_path, files))[1])] == [
        [
            "checks/more.yaml:2:58",
            "the rows of 'sums' do not keep their origin (_object, _position)",
        ],
        ["checks/more.yaml:3:86", "'fresh' and 'sum_equals' have no rows to quarantine"],
    ]


def test_a_model_that_carries_a_source_keeps_its_origin(tmp_path: Path) -> None:
    complaints = edited(tmp_path, MODEL, ", e._object, e._position", "")
    assert (
        "puntual.yaml:22:14  C1302  a model that carries 'card_events' "
        "must keep its _object and _position"
    ) in first_lines(complaints)


def test_a_model_that_cannot_be_read_is_told_once(tmp_path: Path) -> None:
    complaints = edited(tmp_path, MODEL, "FROM card_events", "FROM WHERE")
    assert [(c.file, c.code) for c in complaints] == [(MODEL, "C1201")]


def test_a_loaded_dataset_may_not_have_our_column_of_the_day(tmp_path: Path) -> None:
    complaints = edited(tmp_path, CREDITS, "name: opened_on", "name: reference_date")
    assert first_lines(complaints) == [
        "puntual.yaml:26:12  C1017  'credits' has a column reference_date, "
        "which the warehouse puts in front"
    ]


def test_a_project_without_a_report_says_so(tmp_path: Path) -> None:
    files = {p: t for p, t in FILES.items() if not p.startswith("reports/")}
    assert [c.code for c in lint(write(tmp_path, files))[1]] == ["C1018"]


@pytest.mark.row("h8")
def test_control_characters_of_a_file_do_not_reach_the_terminal(tmp_path: Path) -> None:
    complaints = edited(tmp_path, YAML, "kind: database", r'kind: "a\e[31mb"')
    assert "\x1b" not in shown(complaints)
