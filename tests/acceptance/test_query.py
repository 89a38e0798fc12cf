"""`puntual query` shows what is public; of what is classified, masks, until it is on record."""

from __future__ import annotations

import csv
import io
import json
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
from support.small import DAY, SETTINGS, Ran, drop, run_day, vouch, write_project

from puntual.cli import books, places, reveals
from puntual.cli.main import main
from puntual.evidence.ledger import decode
from puntual.local.pointers import SqliteLeases
from puntual.runner.clock import SystemClock

CANARY = "CANARY-7f3a"
ROWS = (
    f"p1;{CANARY};100.00;{DAY}",
    f"p2;{CANARY};250.50;{DAY}",
    f"p3;C2;-20.25;{DAY}",
)
AMOUNT = "250.50"


@pytest.fixture(autouse=True)
def memory() -> Iterator[None]:
    """Give back the limit that a query lays on its process, which here is the tests' own."""
    before = resource.getrlimit(resource.RLIMIT_DATA)
    yield
    resource.setrlimit(resource.RLIMIT_DATA, before)


def within(root: Path, *arguments: str) -> Ran:
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main(["-C", str(root), *arguments])
    return Ran(code, out.getvalue(), err.getvalue())


def asked(root: Path, sql: str, *options: str) -> tuple[list[list[object]], list[bool]]:
    """Return the rows of an answer and which columns are masked."""
    ran = within(root, "query", sql, "--json", *options)
    assert ran.code == 0, ran.err
    data = json.loads(ran.out)["data"]
    return data["rows"], [c["masked"] for c in data["columns"]]


def revealed(root: Path) -> list[object]:
    """Return the columns of each reveal in the ledger, the oldest first."""
    entries = [decode(data).told for _, data in books.read_ledger(root).backwards()]
    return [t.facts["columns"] for t in reversed(entries) if t.event.value == "reveal"]


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a day in which payment_id and paid_on are public, client_id and amount are not."""
    root = tmp_path_factory.mktemp("query") / "bank"
    root.mkdir()
    write_project(root)
    (contract,) = (root / "contracts").iterdir()
    text = contract.read_text()
    for column in ("primaryKey: true}", "logicalType: date, required: true}"):
        assert column in text
        text = text.replace(column, f"{column[:-1]}, classification: public}}")
    contract.write_text(text)
    drop(root, ROWS)
    vouch(root, 3, "330.25")
    ran = run_day(root)
    assert ran.code == 0, ran.out + ran.err
    return root


@pytest.fixture
def own(bank: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(bank, tmp_path / "bank"))


def test_a_classified_column_is_a_mask_in_every_form_and_each_form_says_so(bank: Path) -> None:
    sql = "SELECT payment_id, client_id, amount FROM movements ORDER BY payment_id"
    text = within(bank, "query", sql)
    table = within(bank, "query", sql, "--format", "csv")
    answer = within(bank, "query", sql, "--format", "json")
    for ran in (text, table, answer):
        assert ran.code == 0
        assert CANARY not in ran.out + ran.err
        assert AMOUNT not in ran.out + ran.err
        assert "p2" in ran.out
        assert "‹11 chars #" in ran.out
    assert "masked: client_id, amount" in text.out
    assert "masked: client_id, amount" in table.err
    head, *rows = list(csv.reader(io.StringIO(table.out)))
    assert (head, rows[0][1] == rows[1][1], rows[0][1] == rows[2][1]) == (
        ["payment_id", "client_id", "amount"], True, False,
    )  # fmt: skip
    columns = json.loads(answer.out)["data"]["columns"]
    assert [(c["name"], c["masked"]) for c in columns] == [
        ("payment_id", False), ("client_id", True), ("amount", True),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT client_id AS payment_id FROM movements",
        "SELECT upper(client_id) || '' FROM movements",
        "SELECT client_id.upper() AS payment_id FROM movements",
        "SELECT CASE WHEN true THEN client_id ELSE payment_id END AS payment_id FROM movements",
        "WITH m AS (SELECT client_id AS payment_id FROM movements) SELECT payment_id FROM m",
        "WITH m(payment_id) AS (SELECT client_id FROM movements) SELECT payment_id FROM m",
        "SELECT payment_id FROM (SELECT client_id AS payment_id, payment_id FROM movements)",
        "SELECT b.client_id FROM movements a JOIN payments b USING (payment_id)",
        "SELECT client_id FROM movements a JOIN payments b USING (client_id, payment_id)",
        "SELECT payment_id FROM movements UNION ALL SELECT client_id FROM payments",
        "SELECT (SELECT max(client_id) FROM payments) AS payment_id",
        "SELECT string_agg(client_id, ',') FROM movements",
        "SELECT min(client_id), max(client_id), mode(client_id) FROM movements",
        "SELECT max(client_id) OVER () FROM movements",
        "SELECT m FROM movements m",
        "SELECT to_json(m) FROM movements m",
        "SELECT #2, #3 FROM movements",
        "SELECT COLUMNS('.*_id') FROM movements",
        "SELECT * FROM movements",
        "SELECT m.* FROM movements m",
        "FROM movements",
        "SELECT * EXCLUDE (amount) FROM movements",
        "SELECT * REPLACE (client_id AS payment_id) FROM movements",
        "SELECT payment_id FROM query('SELECT client_id AS payment_id FROM movements')",
        "SELECT * FROM query_table('movements')",
        "SELECT unnest(list(client_id)) FROM movements",
        "SELECT a FROM (SELECT unnest({'x': client_id}), payment_id FROM movements) AS t(a, b)",
        "SUMMARIZE movements",
        "UNPIVOT movements ON client_id INTO NAME a VALUE payment_id",
        "WITH RECURSIVE m AS (SELECT client_id AS payment_id FROM movements) FROM m",
        "SELECT histogram(client_id) FROM movements",
    ],
)
def test_no_way_of_asking_shows_a_classified_value(bank: Path, sql: str) -> None:
    for form in ("text", "csv", "json"):
        ran = within(bank, "query", sql, "--format", form)
        assert CANARY.lower() not in (ran.out + ran.err).lower(), form
    assert ran.code == 0, ran.err


def test_an_error_of_the_engine_does_not_tell_the_value_that_it_failed_on(bank: Path) -> None:
    for sql in (
        "SELECT client_id::INTEGER FROM movements",
        "SELECT count(*) FROM movements WHERE error(client_id) IS NULL",
        "SELECT strptime(client_id, '%Y') FROM movements",
        "SELECT nextval(client_id) FROM movements",
        "SELECT 1 FROM movements WHERE regexp_matches('x', '[' || client_id)",
        "PIVOT movements ON client_id USING count(*)",
    ):
        ran = within(bank, "query", sql)
        assert (ran.code, CANARY in ran.out + ran.err) == (2, False), sql
    assert "no_such" in within(bank, "query", "SELECT no_such FROM movements").err


def test_counts_days_places_and_public_columns_are_shown(bank: Path) -> None:
    counted = "SELECT count(*), count(client_id), count(DISTINCT client_id) FROM movements"
    assert asked(bank, counted) == ([["3", "3", "2"]], [False] * 3)
    sql = (
        "SELECT reference_date, payment_id, _position IS NULL, count(*) FROM movements GROUP BY ALL"
    )
    rows, hidden = asked(bank, f"{sql} ORDER BY 2")
    assert (rows[0], hidden) == ([DAY, "p1", False, "1"], [False] * 4)
    assert asked(bank, "SELECT 1 AS one, sum(n) FROM (SELECT count(*) AS n FROM movements)") == (
        [["1", "3"]], [False] * 2,
    )  # fmt: skip
    assert asked(bank, "DESCRIBE movements")[1] == [False] * 6


def test_a_condition_on_a_classified_column_may_be_asked(bank: Path) -> None:
    sql = f"SELECT payment_id FROM movements WHERE client_id = '{CANARY}' ORDER BY amount"
    assert asked(bank, sql) == ([["p1"], ["p2"]], [False])


def test_a_sum_of_a_classified_measure_is_a_mask_and_null_stays_null(bank: Path) -> None:
    (row,), hidden = asked(bank, "SELECT sum(amount), NULL + sum(amount) FROM movements")
    assert (str(row[0]).startswith("‹6 chars #"), row[1], hidden) == (True, None, [True, True])


def test_what_is_unmasked_stands_in_the_ledger_before_it_is_shown(own: Path) -> None:
    sql = "SELECT payment_id, upper(client_id) AS client, sum(amount) FROM movements GROUP BY ALL"
    shown = within(own, "query", sql, "--unmask")
    assert (shown.code, CANARY in shown.out.replace("7F3A", "7f3a"), "masked" in shown.out) == (
        0, True, False,
    )  # fmt: skip
    assert revealed(own) == [["movements.amount", "movements.client_id"]]
    log = within(own, "ledger", "show", "--json")
    assert CANARY not in log.out
    assert within(own, "ledger", "check").code == 0
    assert within(own, "query", "SUMMARIZE movements", "--unmask").code == 0
    assert revealed(own)[-1] == ["*"]
    assert within(own, "query", "SELECT count(*) FROM movements", "--unmask").code == 0
    assert len(revealed(own)) == 2


@pytest.mark.parametrize(("holder", "code"), [("somebody else", 2), (reveals.this_person(), 0)])
def test_where_the_role_is_declared_only_its_holders_unmask(
    own: Path, holder: str, code: int
) -> None:
    (own / "puntual.yaml").write_text(f"{SETTINGS}roles:\n  reveal: [{holder}]\n")
    ran = within(own, "query", "SELECT client_id FROM movements", "--unmask")
    assert (ran.code, "C1905" in ran.err, CANARY in ran.out) == (code, code == 2, code == 0)
    assert len(revealed(own)) == (0 if code else 1)


def test_while_a_run_has_the_ledger_nothing_is_unmasked(
    own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reveals, "PATIENCE", 0.2)
    with (
        closing(SqliteLeases(places.pointers_path(own), SystemClock())) as leases,
        leases.acquire("run"),
    ):
        refused = within(own, "query", "SELECT client_id FROM movements", "--unmask")
        masked = within(own, "query", "SELECT client_id FROM movements")
    assert (refused.code, "T2008" in refused.err, CANARY in refused.out) == (3, True, False)
    assert masked.code == 0


def test_without_a_project_that_can_be_read_only_counts_and_days_are_shown(own: Path) -> None:
    (own / "puntual.yaml").write_text("name: [\n")
    sql = "SELECT reference_date, payment_id, count(*) FROM movements GROUP BY ALL"
    ran = within(own, "query", sql, "--json")
    assert (ran.code, "p1" in ran.out, "C1000" in ran.err) == (0, False, True)
    assert asked(own, sql)[1] == [False, True, False]
    assert within(own, "query", sql, "--unmask").code == 2
    (own / "puntual.yaml").unlink()
    assert asked(own, sql)[1] == [False, True, False]
    assert asked(own, "SELECT count(*) FROM movements") == ([["3"]], [False])


ENDLESS = "SELECT count(*) FROM range(100000000) AS a, range(1000000) AS b"


@pytest.mark.row("h5")
def test_a_question_without_end_is_interrupted_when_its_time_is_over(bank: Path) -> None:
    began = time.monotonic()
    ran = within(bank, "query", ENDLESS, "--timeout", "0.5", "--json")
    assert (ran.code, "Q1007" in ran.out) == (3, True), ran.out + ran.err
    assert time.monotonic() - began < 60


@pytest.mark.row("h5")
def test_a_question_without_end_is_given_up_by_ctrl_c(bank: Path) -> None:
    asking = subprocess.Popen(
        [sys.executable, "-m", "puntual.cli.main", "-C", str(bank), "query", ENDLESS],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    seen = Path(f"/proc/{asking.pid}/task")
    until = time.monotonic() + 60
    while len(list(seen.iterdir())) < 3 and time.monotonic() < until:
        time.sleep(0.1)  # DuckDB's threads are there: it has begun
    time.sleep(1)
    asking.send_signal(signal.SIGINT)
    try:
        _, err = asking.communicate(timeout=60)
    finally:
        asking.kill()
    assert (asking.returncode, "interrupted" in err) == (130, True), err
