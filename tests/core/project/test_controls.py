"""Controls in every form: read into one algebra, and refused at their place with what to do."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from core.project.base import FILES, first_lines, shown, write

from puntual.model.check import OnFail, Severity
from puntual.model.control import (
    Asked,
    Cause,
    ControlKind,
    ControlRule,
    DatabaseSide,
    Form,
    KeyKind,
    MeasureKind,
    QuerySide,
    ReportSide,
    Stage,
    StagedSide,
)
from puntual.model.project import Project
from puntual.project.history import looks_back
from puntual.project.read import lint, read_project

FILTERED = FILES["puntual.yaml"].replace(
    "    carries: card_events\n",
    "    carries: card_events\n    filters: {not_refunds: \"kind = 'REFUND'\"}\n",
)


def controls(text: str) -> dict[str, str]:
    """The right project with these controls beside its own."""
    return {**FILES, "controls/more.yaml": f"controls:\n{text}"}


def one(root: Path, text: str, **files: str) -> ControlRule:
    project = read_project(write(root, {**controls(text), **files}))
    (found,) = [c for name, c in project.controls.items() if name != "ledger_tie"]
    return found


SIDES = """\
  - id: arrive
    kind: end_to_end
    left: {raw: card_events, columns: {movement_id: event_id}}
    right: {warehouse: movements, where: "amount <> 0"}
    by: [credit_id]
    measures:
      - count
      - {sum: amount, tolerance: "0.05"}
      - {count_negative: amount}
    explained_by: [late, duplicates, quarantined]
    basis: CUB art. 207
"""


def test_sides_grain_measures_tolerance_and_causes_are_read(tmp_path: Path) -> None:
    rule = one(tmp_path, SIDES)
    left, right = rule.left[0], rule.right[0]
    assert (left.side, left.by) == (
        StagedSide(stage=Stage.RAW, dataset="card_events"),
        ("credit_id",),
    )
    assert (right.where, rule.by) == ("amount <> 0", ("credit_id",))
    assert right.asked[1] == Asked(kind=MeasureKind.SUM, columns=("amount",))
    assert [(m.name, m.unit, m.tolerance) for m in rule.measures] == [
        ("count", "rows", Decimal(0)),
        ("sum amount", "MXN", Decimal("0.05")),
        ("count negative amount", "rows", Decimal(0)),
    ]
    assert rule.explained_by == (Cause.DUPLICATES, Cause.LATE, Cause.QUARANTINED)
    assert (rule.form, rule.basis, rule.kind) == (
        Form.SIDES,
        "CUB art. 207",
        ControlKind.END_TO_END,
    )


def test_two_selects_are_two_values(tmp_path: Path) -> None:
    rule = read_project(write(tmp_path)).controls["ledger_tie"]
    assert [a.kind for a in rule.left[0].asked] == [MeasureKind.VALUE]
    assert isinstance(rule.right[0].side, QuerySide)
    assert (rule.measures[0].unit, rule.measures[0].tolerance) == ("MXN", Decimal("0.50"))


def test_equal_adds_terms_up_and_compares_a_count_with_a_sum(tmp_path: Path) -> None:
    rule = one(
        tmp_path,
        """\
  - id: count_tie
    kind: business
    equal:
      left: [{warehouse: movements, count: true}, {warehouse: credits, count: true, minus: true}]
      right: {database: credits, query: "SELECT n FROM totals", sum: n}
    unit: rows
    tolerance: "1"
""",
    )
    assert [t.minus for t in rule.left] == [False, True]
    assert rule.right[0].side == DatabaseSide(database="credits", sql="SELECT n FROM totals")
    assert (rule.measures[0].unit, rule.measures[0].tolerance) == ("rows", Decimal(1))


def test_what_tells_the_rows_of_a_database_apart_is_of_the_type_of_the_other_side(
    tmp_path: Path,
) -> None:
    rule = one(
        tmp_path,
        """\
  - id: by_amount
    kind: business
    left: {raw: card_events}
    right: {database: credits, query: "SELECT * FROM movements", columns: {amount: importe}}
    by: [amount]
    measures: [count, {distinct: [occurred_at]}, {distinct: [event_id]}]
""",
    )
    assert rule.right[0].kinds == {"importe": KeyKind.NUMBER, "occurred_at": KeyKind.INSTANT}
    assert rule.left[0].kinds == {}


def test_refers_counts_rows_and_money_of_orphans(tmp_path: Path) -> None:
    rule = one(
        tmp_path,
        "  - id: valid\n    kind: business\n"
        "    refers: {dataset: movements, columns: [credit_id], to: credits}\n",
    )
    assert [m.name for m in rule.measures] == ["count", "sum amount"]
    refers = rule.right[0].refers
    assert refers is not None
    assert (refers.dataset, refers.to_columns) == ("credits", ("credit_id",))
    assert rule.left[0].refers is None


def test_a_roll_forward_reads_the_business_day_before(tmp_path: Path) -> None:
    text = """\
  - id: rolls
    kind: business
    roll_forward:
      dataset: credits
      balance: balance
      movements: [{warehouse: movements, sum: amount}]
      by: [credit_id]
      first_day: "2026-11-16"
"""
    rule = one(tmp_path, text)
    before, moved = rule.left
    assert isinstance(before.side, StagedSide)
    assert (before.side.previous, moved.by) == (True, ("credit_id",))
    assert (rule.calendar, rule.first_day) == ("mx-cnbv", date(2026, 11, 16))
    assert (rule.absent_is_zero, rule.measures[0].unit) == (True, "MXN")
    assert looks_back(read_project(tmp_path))


def test_a_tie_reads_a_report_and_is_judged_when_it_is_made(tmp_path: Path) -> None:
    rule = one(
        tmp_path,
        "  - id: cell\n    kind: business\n    tie:\n"
        "      left: {report: credit_daily, sum: balance, rows: {product: A}}\n"
        "      right: {warehouse: credits, sum: balance, where: \"product = 'A'\"}\n",
    )
    assert rule.left[0].side == ReportSide(report="credit_daily")
    assert rule.reports == {"credit_daily"}
    assert rule.left[0].rows == {"product": "A"}


def test_a_number_that_must_be_so_and_parts_of_a_whole_can_fail(tmp_path: Path) -> None:
    text = f"{HEAD}    left: SELECT count(*) FROM credits\n    right: SELECT 4\n" + equal(
        "warehouse: credits, sum: balance", 'warehouse: credits, sum: balance, where: "a"'
    ).replace("id: x", "id: y").replace('"a"', "\"product = 'A'\"")
    assert lint(write(tmp_path, controls(text)))[1] == ()


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("SELECT count(*) FROM credits", "SELECT count(c.product) FROM credits c"),
        ("SELECT count(*) FROM credits WHERE product = 'A'", "SELECT count(*) FROM credits c"),
        (
            "SELECT count(*) FROM credits WHERE product = 'A'",
            "SELECT count(*) FROM credits WHERE product = 'a'",
        ),
        (
            "SELECT count(a.product) FROM credits a JOIN movements b ON a.credit_id = b.credit_id",
            "SELECT count(b.product) FROM credits b JOIN movements a ON a.credit_id = b.credit_id",
        ),
    ],
)
def test_two_selects_that_read_otherwise_can_fail(tmp_path: Path, left: str, right: str) -> None:
    text = f"{HEAD}    left: {left}\n    right: {right}\n"
    assert lint(write(tmp_path, controls(text)))[1] == ()


def test_a_digest_reads_an_instant_without_a_zone_as_one_of_utc(tmp_path: Path) -> None:
    clock = FILES["puntual.yaml"].replace(
        "warehouse:\n", "  clock: {key: [movement_id]}\nwarehouse:\n", 1
    )
    model = (
        "SELECT event_id AS movement_id, occurred_at AT TIME ZONE 'UTC' AS occurred_at"
        " FROM card_events"
    )
    text = STORED.replace("curated: movements", "curated: clock").replace(
        "[movement_id]", "[movement_id], columns: [occurred_at]"
    )
    files = {"puntual.yaml": clock, "models/clock.sql": model, "checks/rules.yaml": "checks: []\n"}
    complaints = lint(write(tmp_path, controls(text) | files))[1]
    assert [c for c in complaints if c.severity == "error"] == []


def test_another_condition_on_a_row_can_fail(tmp_path: Path) -> None:
    text = equal(GOOD + ', where: "amount > 0"', GOOD + ', where: "amount >= 0"')
    assert lint(write(tmp_path, controls(text)))[1] == ()


def test_a_filter_that_the_model_declares_explains(tmp_path: Path) -> None:
    text = SIDES.replace("[late, duplicates, quarantined]", "[filtered]")
    assert one(tmp_path, text, **{"puntual.yaml": FILTERED}).explained_by == (Cause.FILTERED,)
    model = read_project(tmp_path).models["movements"]
    assert [(f.name, f.rows) for f in model.filters] == [("not_refunds", "kind = 'REFUND'")]


HEAD = "  - id: x\n    kind: business\n"
EQUAL = HEAD + "    equal:\n      left: {LEFT}\n      right: {RIGHT}\n"
GOOD = "warehouse: movements, sum: amount"


def equal(left: str, right: str = GOOD, more: str = "") -> str:
    return EQUAL.replace("LEFT", left).replace("RIGHT", right) + more


def sides(old: str, new: str) -> str:
    assert old in SIDES
    return SIDES.replace(old, new)


REFERS = HEAD + "    refers: {dataset: movements, columns: [credit_id], to: credits}\n"
ROLL = HEAD + (
    "    roll_forward: {dataset: credits, balance: balance, movements: balance, by: [credit_id]}\n"
)
STORED = HEAD + (
    "    left: {curated: movements}\n    right: {warehouse: movements}\n"
    "    measures: [{digest: {key: [movement_id]}}, count]\n"
)
REFUSED = [
    # unknown names
    (sides("raw: card_events", "raw: card_event"), "4:17  C1012  unknown raw dataset 'card_event'"),
    (sides("warehouse: movements", "warehouse: branch"), "C1012  unknown warehouse table 'branch'"),
    (sides("[credit_id]", "[credit]"), "6:10  C1209  raw card_events: no column 'credit'"),
    (sides("{sum: amount,", "{sum: amont,"), "9:15  C1209  raw card_events: no column 'amont'"),
    (sides("- count\n", "- counts\n"), "8:9  C1011  'counts' is no measure by itself"),
    (sides("sum: amount", "total: amount"), "C1011  one measure stands here, not none"),
    (sides("- count\n", "- count\n      - count\n"), "C1303  measure 'count' stands twice"),
    (equal("report: daily, sum: x"), "C1012  unknown report 'daily'"),
    (equal("report: credit_daily, sum: x"), "C1209  report credit_daily: no column 'x'"),
    (
        equal("report: credit_daily, sum: balance, rows: {segment: A}"),
        "C1209  report credit_daily: no column 'segment'",
    ),
    (equal("database: branch, query: SELECT 1 AS n, sum: n"), "C1012  'branch' is no source of"),
    (equal("query: SELECT 1 AS n FROM nowhere, sum: n"), "C1206  unknown warehouse table"),
    (equal("query: SELECT balance AS n FROM credits, sum: m"), "C1209  the query: no column 'm'"),
    (REFERS.replace("to: credits", "to: credit"), "C1012  unknown warehouse table 'credit'"),
    (REFERS.replace("[credit_id]", "[credits_id]"), "C1209  'movements' has no column"),
    (ROLL.replace("movements: balance", "movements: amount"), "C1209  'credits' has no column"),
    (ROLL.replace("by: [", "calendar: mx, by: ["), "C1012  unknown calendar 'mx'"),
    # one form, one place, one measure
    (HEAD, "C1301  control 'x' needs exactly one form, and has none"),
    (REFERS + ROLL.replace(HEAD, ""), "C1301  control 'x' needs exactly one form"),
    (
        equal("raw: credits, warehouse: credits, sum: balance"),
        "C1308  a side stands at exactly one",
    ),
    (equal("warehouse: credits"), "C1308  this side needs exactly one measure, and has none"),
    (equal("warehouse: credits, max: balance"), "C1308  max cannot be added up with others"),
    (
        HEAD + "    tie:\n      left: {" + GOOD + "}\n      right: {" + GOOD + "}\n",
        "C1308  a tie has a report's file on one side",
    ),
    # types and units
    (equal("warehouse: credits, sum: product"), "C1109  column 'product' is text, not a number"),
    (
        equal("query: SELECT 1.5::DOUBLE AS n, sum: n"),
        "C1109  column 'n' is a floating-point number",
    ),
    (
        sides("by: [credit_id]", "by: [occurred_at]").replace(
            "columns: {movement_id: event_id}", "columns: {occurred_at: kind}"
        ),
        "6:10  C1308  'occurred_at': text (raw card_events) against timestamp (warehouse",
    ),
    (
        sides("{sum: amount,", "{max: occurred_at,").replace(
            "columns: {movement_id: event_id}", "columns: {occurred_at: amount}"
        ),
        "C1308  'occurred_at': decimal (raw card_events) against timestamp",
    ),
    (sides("{sum: amount,", "{max: credit_id,"), "C1109  max of text 'credit_id' is not the same"),
    (
        REFERS.replace("to: credits", "to: credits, to_columns: [balance]"),
        "C1308  'credit_id' is text and 'balance' is decimal",
    ),
    (
        REFERS.replace("to: credits", "to: credits, to_columns: [credit_id, product]"),
        "C1308  1 columns refer to 2",
    ),
    (sides('tolerance: "0.05"', 'tolerance: "-0.05"'), "C1011  a tolerance cannot be negative"),
    (sides('tolerance: "0.05"', "tolerance: 0.05"), "C1010  'tolerance' must be text"),
    (
        equal("query: SELECT 331.00 AS amount, sum: amount").rstrip()
        + '\n    tolerance: {amount: "1", unit: USD}\n',
        "7:5  C1308  sum amount is declared in MXN, not in USD",
    ),
    (
        sides('tolerance: "0.05"', 'unit: rows, tolerance: "0.05"'),
        "9:29  C1308  sum amount is declared in MXN, not in rows",
    ),
    (
        SIDES.replace(', tolerance: "0.05"', "") + "    unit: USD\n",
        "C1308  sum amount is declared in MXN, not in USD",
    ),
    (
        ROLL + "    unit: USD\n",
        "C1308  sum balance is declared in MXN, not in USD",
    ),
    # places
    (sides("raw: card_events", "source: card_events"), "C1308  a control record knows no groups"),
    (
        sides("raw: card_events", "source: card_events").replace("by: [credit_id]\n", "by: []\n"),
        "C1308  a control record holds a count and sums, no count_negative",
    ),
    (equal('report: credit_daily, sum: balance, where: "1 = 1"'), "C1308  'where' is a condition"),
    (equal(GOOD + ", rows: {credit_id: A}"), "C1308  'rows' chooses rows of a report's file"),
    (
        sides('"amount <> 0"', '"amount IN (SELECT balance FROM credits)"'),
        "C1308  a condition on a row reads no other table",
    ),
    (sides('"amount <> 0"', '"amont <> 0"'), "C1209  unknown column 'amont'"),
    (sides("- count\n", "- {digest: {key: [credit_id]}}\n"), "C1308  no digest is taken of raw"),
    (
        sides(
            "{raw: card_events, columns: {movement_id: event_id}}",
            "[{raw: card_events}, {raw: card_events}]",
        )
        .replace("- count\n", "- {distinct: credit_id}\n")
        .replace("explained_by: [late, duplicates, quarantined]", "explained_by: []"),
        "C1308  distinct credit_id of several places cannot be added up",
    ),
    (
        STORED.replace("measures:", "by: [credit_id]\n    measures:"),
        "C1308  no digest is taken by credit_id",
    ),
    (
        STORED.replace(
            "{curated: movements}", "{curated: movements, columns: {amount: credit_id}}"
        ).replace("[movement_id]", "[movement_id], columns: [amount]"),
        "C1308  'amount': decimal (warehouse movements) against text (curated movements)",
    ),
    # tolerances that nothing is measured against
    (
        STORED.replace("movement_id]}}", 'movement_id]}, tolerance: "1", unit: rows}'),
        "C1312  the tolerance of digest movement_id is not applied: digests are the same",
    ),
    (
        STORED.replace("{digest: {key: [movement_id]}}", "{max: occurred_at}")
        + '    tolerance: "1"\n    unit: days\n',
        "7:16  C1312  the tolerance of max occurred_at is not applied: a timestamp is the same",
    ),
    (
        STORED.replace("{digest: {key: [movement_id]}}", '{max: amount, tolerance: "1", unit: M}'),
        "C1312  the tolerance of max amount is not applied: 'amount' is not public",
    ),
    # an instant, and what a clock shows
    (
        HEAD + "    left: {query: SELECT TIMESTAMP '2026-03-02 10:00:00' AS t FROM credits}\n"
        "    right: {query: SELECT TIMESTAMPTZ '2026-03-02 10:00:00+00' AS t FROM credits}\n"
        "    by: [t]\n    measures: [count]\n",
        "6:10  C1308  't': timestamp (the query) against timestamp without a zone (the query)",
    ),
    (
        HEAD + "    left: {curated: movements}\n    right: {query: SELECT CAST(occurred_at AS"
        " TIMESTAMP) AS occurred_at FROM movements}\n    measures: [{max: occurred_at}]\n",
        "C1308  'occurred_at': timestamp (curated movements) against timestamp without a zone",
    ),
    (
        HEAD + "    left: {curated: movements}\n    right: {query: SELECT occurred_at AT TIME ZONE"
        " 'UTC' AS occurred_at FROM movements}\n    measures: [{min: occurred_at}]\n",
        "C1308  'occurred_at': timestamp (curated movements) against timestamp without a zone",
    ),
    # controls that cannot fail
    (equal(GOOD), "4:5  C1311  both sides are the same"),
    (
        HEAD + "    left: SELECT sum(balance) FROM credits\n"
        "    right: |\n      select SUM(balance) -- all\n      from credits\n",
        "5:5  C1311  both sides are the same",
    ),
    (equal(GOOD, GOOD + ', where: "true"'), "4:5  C1311  both sides are the same"),
    (equal(GOOD + ', where: "(1 = 1)"'), "4:5  C1311  both sides are the same"),
    (
        equal(GOOD + ', where: "amount<>0"', GOOD + ', where: "(Amount <> 0) -- all"'),
        "4:5  C1311  both sides are the same",
    ),
    (
        HEAD + "    left: SELECT sum(balance) FROM credits WHERE product = 'A'\n"
        "    right: SELECT sum(c.Balance) AS total FROM Credits AS c WHERE c.product = 'A'\n",
        "5:5  C1311  both sides are the same",
    ),
    (HEAD + "    left: SELECT 0\n    right: SELECT 1 - 1\n", "C1311  neither side reads a table"),
    # causes
    (sides("[late,", "[tolerated,"), "11:20  C1011  'tolerated' explains nothing"),
    (sides("[late,", "[filtered,"), "11:20  C1309  'filtered' cannot occur between these sides"),
    (sides("raw: card_events", "curated: card_events"), "C1309  'late' cannot occur"),
    (sides("raw: card_events", "raw: credits"), "C1309  'late' cannot occur between these sides"),
    (
        sides("- count\n", "- {distinct: credit_id}\n"),
        "C1309  distinct credit_id cannot be explained",
    ),
    (
        SIDES.replace(
            "{raw: card_events, columns: {movement_id: event_id}}",
            "SELECT 1 AS amount, 'x' AS credit_id",
        ),
        "C1309  'late' cannot occur between these sides: only stages of one dataset",
    ),
    # the rest
    (REFERS + "    on_fail: quarantine\n", "C1302  a control has no rows to quarantine"),
    (REFERS + "    maybe_empty: true\n", "C1008  unknown key 'maybe_empty'"),
    (sides("where:", "were:"), "C1008  unknown key 'were' in a side of 'right'"),
]


@pytest.fixture(scope="module")
def refused(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project | None, list[str]]:
    """Every wrong control, each in a file of its own, read at once."""
    files = {f"controls/c{i:02}.yaml": f"controls:\n{t}" for i, (t, _) in enumerate(REFUSED)}
    found, complaints, _ = lint(write(tmp_path_factory.mktemp("refused"), {**FILES, **files}))
    return found, first_lines(complaints)


@pytest.mark.parametrize(("place", "said"), [(i, s) for i, (_, s) in enumerate(REFUSED)])
def test_a_wrong_control_is_refused_at_its_place(
    refused: tuple[Project | None, list[str]], place: int, said: str
) -> None:
    project, lines = refused
    assert project is None
    mine = [line for line in lines if line.startswith(f"controls/c{place:02}.yaml:")]
    assert [line for line in mine if said in line], mine


@pytest.mark.parametrize(
    "text",
    [
        HEAD + '    left: SELECT 1\n    right: SELECT 1\n    tolerance: "0.01"\n',
        equal(
            "query: SELECT 1 AS n, sum: n", "query: SELECT 1 AS n, sum: n", '    tolerance: "1"\n'
        ),
    ],
)
def test_a_tolerance_without_a_unit_is_refused(tmp_path: Path, text: str) -> None:
    assert "C1310  the tolerance of" in shown(lint(write(tmp_path, controls(text)))[1])


def test_amounts_of_two_units_are_not_compared(tmp_path: Path) -> None:
    dollars = FILES["puntual.yaml"].replace("unit: MXN", "unit: USD")
    files = {**controls(equal("warehouse: credits, sum: balance")), "puntual.yaml": dollars}
    assert "C1308  sum balance: MXN against USD" in shown(lint(write(tmp_path, files))[1])


@pytest.mark.parametrize("named", ["    unit: MXN\n", '    tolerance: {amount: "1", unit: MXN}\n'])
def test_a_named_unit_makes_no_pesos_of_dollars(tmp_path: Path, named: str) -> None:
    dollars = FILES["puntual.yaml"].replace("unit: MXN", "unit: USD")
    files = {**controls(equal("warehouse: credits, sum: balance", more=named))}
    said = shown(lint(write(tmp_path, files | {"puntual.yaml": dollars}))[1])
    assert "C1308  sum balance: MXN against USD" in said


def test_a_unit_is_named_again_or_where_none_is_declared(tmp_path: Path) -> None:
    """Of a query nothing is declared, and MXN is what movements declares."""
    text = equal("query: SELECT 1 AS n, sum: n", "query: SELECT 2 AS n, sum: n FROM credits")
    query = text.replace("SELECT 2 AS n, sum: n FROM credits", "SELECT 2 AS n FROM credits, sum: n")
    dollars = query + '    tolerance: {amount: "1", unit: USD}\n'
    pesos = SIDES.replace('"0.05"', '{amount: "0.05", unit: MXN}').replace("id: arrive", "id: y")
    project = read_project(write(tmp_path, controls(dollars + pesos)))
    assert project.controls["x"].measures[0].unit == "USD"
    assert [m.unit for m in project.controls["y"].measures] == ["rows", "MXN", "rows"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("\"kind = 'REFUND'\"", '"knd = 1"', "C1209  unknown column 'knd'"),
        ("\"kind = 'REFUND'\"", '"SELECT 1"', "C1202"),
        ("\"kind = 'REFUND'\"", '"kind IN (SELECT product FROM credits)"', "C1302  a filter is"),
        ("    carries: card_events\n", "", "C1302  filters say which rows of the carried source"),
    ],
)
def test_a_wrong_filter_is_refused(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in FILTERED
    files = {**FILES, "puntual.yaml": FILTERED.replace(old, new)}
    assert said in shown(lint(write(tmp_path, files))[1])


def odcs(item: str, *, column: bool = False) -> dict[str, str]:
    """The right project whose contract of credits declares a reconciliation."""
    text = FILES["contracts/credits.odcs.yaml"]
    if column:
        quality = f"quality: [{item}]"
        old = '{name: balance, logicalType: number, physicalType: "DECIMAL(18,2)"}'
        text = text.replace(old, old[:-1] + f", {quality}}}")
    else:
        text = text.replace(
            "    logicalType: object\n",
            f"    logicalType: object\n    quality:\n      - {item}\n",
            1,
        )
    return {**FILES, "contracts/credits.odcs.yaml": text}


SQL = "{id: ORPHANS, method: reconciliation, type: sql, query: QUERY, mustBe: 0, unit: rows}"


def test_a_contracts_sql_reconciliation_is_a_control(tmp_path: Path) -> None:
    query = "'SELECT count(*) FROM ${table} WHERE reference_date = :reference_date'"
    item = (
        SQL.replace("ORPHANS", "no_credit")
        .replace("QUERY", query)
        .replace(
            "unit: rows",
            "unit: rows, severity: warning, description: None., businessImpact: regulatory",
        )
    )
    rule = read_project(write(tmp_path, odcs(item))).controls["no_credit"]
    assert isinstance(rule.left[0].side, QuerySide)
    assert "FROM credits WHERE" in rule.left[0].side.sql
    assert rule.right[0].side == QuerySide(sql="SELECT 0")
    assert (rule.severity, rule.description, rule.measures[0].unit) == (
        Severity.WARN,
        "None.",
        "rows",
    )


def test_a_columns_reconciliation_names_its_column(tmp_path: Path) -> None:
    query = "'SELECT sum(${column}) FROM ${table} WHERE reference_date = :reference_date'"
    item = (
        SQL.replace("ORPHANS", "sum_is")
        .replace("QUERY", query)
        .replace("mustBe: 0", 'mustBe: "1234567890123456.78"')
    )
    rule = read_project(write(tmp_path, odcs(item, column=True))).controls["sum_is"]
    assert isinstance(rule.left[0].side, QuerySide)
    assert "SELECT sum(balance) FROM credits" in rule.left[0].side.sql
    assert rule.right[0].side == QuerySide(sql="SELECT 1234567890123456.78")


def test_a_row_count_and_a_whole_control_in_a_contract_are_read(tmp_path: Path) -> None:
    count = (
        "{id: rows_are, method: reconciliation, metric: rowCount, mustBe: 7, customProperties:"
        " [{property: puntual.onFail, value: flag}, {property: puntual.basis, value: Art. 3}]}"
    )
    custom = (
        "{id: valid, method: reconciliation, type: custom, engine: puntual, implementation:"
        " {refers: {dataset: movements, columns: [credit_id], to: credits}}}"
    )
    files = odcs(f"{count}\n      - {custom}")
    found = read_project(write(tmp_path, files)).controls
    assert (found["rows_are"].on_fail, found["rows_are"].basis) == (OnFail.FLAG, "Art. 3")
    assert found["valid"].form is Form.REFERS


NOT_UNDERSTOOD = [
    ("{id: a, method: reconciliation, type: text, description: By hand.}", "of type text"),
    ("{id: a, method: reconciliation, metric: nullValues, mustBe: 0}", "the metric nullValues"),
    (
        "{id: a, method: reconciliation, metric: rowCount, mustBeLessThan: 5}",
        "with mustBe what",
    ),
    ("{id: a, method: reconciliation, metric: rowCount, mustBe: many}", "is a plain number"),
    ("{id: A-1, method: reconciliation, metric: rowCount, mustBe: 1}", "'A-1' is no name of"),
    (
        "{id: a, method: reconciliation, metric: rowCount, mustBe: 1, schedule: daily}",
        "'schedule' of a reconciliation is not understood",
    ),
    (
        "{id: a, method: reconciliation, metric: rowCount, mustBe: 1, severity: info}",
        "severity 'info'",
    ),
    (
        "{id: a, method: reconciliation, type: custom, engine: soda, implementation: x}",
        "by the engine 'soda' is not run here",
    ),
    (
        "{id: a, method: reconciliation, metric: rowCount, mustBe: 1, unit: percent}",
        "rowCount counts rows, not percent",
    ),
    (
        "{id: a, method: reconciliation, type: custom, engine: puntual, implementation: {left:"
        " {curated: movements}, right: {warehouse: movements}, measures: [count, {sum: amount}]},"
        " customProperties: [{property: puntual.tolerance, value: '0.05'}]}",
        "one tolerance for 2 measures is not understood",
    ),
    (
        "{id: a, method: reconciliation, type: custom, engine: puntual, implementation: {equal:"
        " {left: {curated: movements, sum: amount}, right: {warehouse: movements, sum: amount}},"
        " unit: MXN, tolerance: '1'},"
        " customProperties: [{property: puntual.tolerance, value: '0.05'}]}",
        "the implementation has a tolerance of 1 itself",
    ),
    (
        "{id: a, method: reconciliation, type: custom, engine: puntual, implementation: {left:"
        " {curated: movements}, right: {warehouse: movements},"
        " measures: [{digest: {key: [movement_id]}}]},"
        " customProperties: [{property: puntual.tolerance, value: '0.05'}]}",
        "is the same or is not: it has no tolerance",
    ),
]


def test_what_is_not_understood_of_a_contracts_reconciliation_is_refused(tmp_path: Path) -> None:
    items = "\n      - ".join(item for item, _ in NOT_UNDERSTOOD)
    project, complaints, _ = lint(write(tmp_path, odcs(items)))
    found = [line for line in first_lines(complaints) if "C1115" in line]
    assert project is None
    for number, (_, said) in enumerate(NOT_UNDERSTOOD, start=11):
        place = f"contracts/credits.odcs.yaml:{number}:"
        assert [f for f in found if f.startswith(place) and said in f], (said, found)


EQUAL_OF_CONTRACT = (
    "{id: near, method: reconciliation, type: custom, engine: puntual, implementation: {equal:"
    " {left: {curated: movements, sum: amount}, right: {warehouse: movements, sum: amount}},"
    " unit: MXN}, customProperties: [{property: puntual.tolerance, value: 'TOLERANCE'}]}"
)


def test_a_contracts_tolerance_is_that_of_its_one_measure(tmp_path: Path) -> None:
    files = odcs(EQUAL_OF_CONTRACT.replace("TOLERANCE", "0.05"))
    (measure,) = read_project(write(tmp_path, files)).controls["near"].measures
    assert (measure.tolerance, measure.unit) == (Decimal("0.05"), "MXN")


def test_a_contracts_tolerance_below_zero_is_refused(tmp_path: Path) -> None:
    files = odcs(EQUAL_OF_CONTRACT.replace("TOLERANCE", "-7"))
    assert [c.code for c in lint(write(tmp_path, files))[1]] == ["C1011"]


def test_other_quality_rules_of_a_contract_are_still_warned_of(tmp_path: Path) -> None:
    item = "{id: a, metric: nullValues, mustBe: 0}"
    _, complaints, _ = lint(write(tmp_path, odcs(item)))
    assert [(c.code, c.severity) for c in complaints] == [("C1111", "warning")]


@pytest.mark.parametrize("method", ["reconcilliation", "Reconciliation", "reconcile"])
def test_a_misspelt_reconciliation_of_a_contract_is_no_control_that_is_lost(
    tmp_path: Path, method: str
) -> None:
    item = f"{{id: a, method: {method}, type: library, metric: rowCount, mustBe: 3}}"
    project, complaints, _ = lint(write(tmp_path, odcs(item)))
    (complaint,) = complaints
    assert project is None
    assert (complaint.code, complaint.severity) == ("C1111", "error")
    assert complaint.message == f"'{method}' is no method of a quality rule that puntual runs"
    assert complaint.hint == "did you mean 'reconciliation'?"


def test_another_method_of_a_contracts_quality_is_a_warning(tmp_path: Path) -> None:
    item = "{id: a, method: completeness, type: library, metric: nullValues, mustBe: 0}"
    _, complaints, _ = lint(write(tmp_path, odcs(item)))
    assert [(c.code, c.severity, c.hint) for c in complaints] == [("C1111", "warning", "")]
