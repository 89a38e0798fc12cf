"""A day that was held is looked at again where what it was compared with may be another now."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, LiteralString

import duckdb
import psycopg
import pytest
from support.postgres import postgres_server as postgres_server
from support.postgres import postgres_url as postgres_url
from support.small import (
    AS_OF,
    CORE_CONTRACT,
    DAY,
    LAYOUT,
    ROWS,
    SETTINGS,
    Ran,
    drop,
    good_day,
    puntual,
    run_day,
    vouch,
    write_project,
)

FILE = "out/payments_daily_20260302_v{}.txt"
RIGHT = "H|20260302\nP|3|350.60\nR|1|-20.25\nT|2|330.35\n"
NO_FILE = {"PUNTUAL_FAILPOINTS": "report.laid_out=raise:PermanentError"}
REPAIR = f"puntual run --from load:movements -d {DAY}"
AGAIN = ("run", "-d", DAY, "--as-of", AS_OF, "--from", "load:movements")
LATER = "2026-03-03T06:30:00-06:00"
AMEND = ("amend", "-r", "payments_daily", "-d", DAY, "--as-of", LATER, "--reason", "layout", "-y")
RAISED = "UPDATE movements SET amount = amount + 100 WHERE payment_id = 'p1'"

IN_POSTGRESQL = SETTINGS.replace("kind: duckdb", "kind: postgresql").replace(
    ".puntual/warehouse.duckdb", "env:TEST_WAREHOUSE"
)

NEXT_DAY, NEXT_AT = "2026-03-03", "2026-03-04T05:00:00-06:00"

LEDGER = "  core:\n    kind: database\n    connection: sqlite:core.db\n"
CORE = {
    "puntual.yaml": SETTINGS.replace(
        "models:\n", f"{LEDGER}    query: SELECT 1 AS id\n    control: snapshot\nmodels:\n"
    ),
    "contracts/core.odcs.yaml": CORE_CONTRACT,
}
BY_THE_LEDGER = """\
controls:
  - id: by_ledger
    kind: business
    equal:
      left: {warehouse: movements, sum: amount}
      right: {database: core, query: SELECT sum FROM totals, sum: sum}
"""
BY_THE_COUNTER = """\
  - id: by_counter
    kind: business
    equal:
      left: {warehouse: movements, count: true}
      right: {database: core, query: SELECT sum FROM counted, count: true}
"""

ROLLED = SETTINGS.replace(
    "warehouse:\n",
    "  balances:\n    key: [client_id]\n    measures: [{column: balance, unit: MXN}]\nwarehouse:\n",
).replace("[movements]", "[balances, movements]")
BALANCES = "SELECT client_id, sum(amount) AS balance FROM payments GROUP BY 1\n"
NOTHING_MOVED = """\
controls:
  - id: roll
    kind: business
    roll_forward:
      dataset: balances
      balance: balance
      movements:
        - query: >-
            SELECT client_id, CAST(0 AS DECIMAL(18,2)) AS amount FROM movements
            WHERE reference_date = :reference_date
          sum: amount
      by: [client_id]
      first_day: "2026-03-02"
"""


def alter(root: Path, sql: str) -> None:
    with closing(duckdb.connect(str(root / ".puntual/warehouse.duckdb"))) as warehouse:
        warehouse.execute(sql)


def table(root: Path, name: str, *values: str) -> None:
    with closing(sqlite3.connect(root / "core.db")) as database, database:
        database.execute(f"DROP TABLE IF EXISTS {name}")
        database.execute(f"CREATE TABLE {name} (sum TEXT)")
        database.executemany(f"INSERT INTO {name} VALUES (?)", [(v,) for v in values])


def how(root: Path, step: str) -> str:
    """Return how a step went the last time: `done` or `skipped`."""
    with closing(sqlite3.connect(root / ".puntual/journal.db")) as journal:
        asked = "SELECT outcome FROM steps WHERE step = ? ORDER BY id DESC LIMIT 1"
        return str(journal.execute(asked, (step,)).fetchone()[0])


def states(root: Path, day: str = DAY) -> dict[str, str]:
    found: Any = puntual(root, "reconcile", "-d", day, "--json").data["controls"]
    return {c["id"]: c["state"] for c in found}


def stopped(root: Path) -> Path:
    """Write a right day whose report could not be made; all before it is committed."""
    good_day(root)
    assert run_day(root, env=NO_FILE).code == 3
    return root


def altered_in_postgresql(root: Path, url: str, statement: LiteralString) -> dict[str, str]:
    """Reconcile a day on PostgreSQL, then alter its warehouse; return the environment of a run."""
    env = {"TEST_WAREHOUSE": url}
    good_day(root)
    (root / "puntual.yaml").write_text(IN_POSTGRESQL)
    assert run_day(root, env=env | NO_FILE).code == 3
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement)
    return env


def held_by_alteration(root: Path, ran: Ran, code: str) -> None:
    assert (ran.code, code in ran.out) == (1, True), ran.out + ran.err
    assert not (root / FILE.format(1)).exists()
    told = puntual(root, "explain", "payments_daily", "-d", DAY).out
    assert REPAIR in told
    assert "movements: curated and warehouse do not agree" in told


def repaired(root: Path) -> None:
    ran = puntual(root, *AGAIN)
    assert ran.code == 0, ran.out + ran.err
    assert (root / FILE.format(1)).read_text() == RIGHT


@pytest.mark.row("f50")
@pytest.mark.parametrize(
    ("altered", "code"),
    [
        (RAISED, "R2001"),
        ("DELETE FROM movements WHERE payment_id = 'p3'", "R2001"),
        ("INSERT INTO movements SELECT * FROM movements WHERE payment_id = 'p3'", "R2001"),
        (
            "UPDATE movements SET amount = CASE payment_id WHEN 'p1' THEN 250.50 ELSE 100.00 END"
            " WHERE payment_id IN ('p1', 'p2')",
            "R2002",
        ),
        ("DROP TABLE movements", "R2001"),
        ("UPDATE movements SET paid_on = DATE '2026-03-01' WHERE payment_id = 'p1'", "R2002"),
        ("UPDATE movements SET refund = NULL WHERE payment_id = 'p1'", "R2002"),
        (
            "UPDATE movements SET client_id = CASE payment_id WHEN 'p1' THEN 'c3' ELSE 'c1' END"
            " WHERE payment_id IN ('p1', 'p4')",
            "R2002",
        ),
        ("UPDATE movements SET _position = 99 WHERE payment_id = 'p1'", "R2002"),
    ],
    ids=(
        *("raised", "deleted", "doubled", "exchanged", "dropped"),
        *("a date", "a null", "clients exchanged", "a place"),
    ),
)
def test_a_table_that_was_altered_before_its_report_was_made_holds_it_and_is_named(
    tmp_path: Path, altered: str, code: str
) -> None:
    root = stopped(tmp_path)
    alter(root, altered)
    held_by_alteration(root, run_day(root), code)
    held_by_alteration(root, run_day(root), code)
    repaired(root)


def test_a_table_that_cannot_be_measured_any_more_is_a_fault_that_says_how_to_load_it(
    tmp_path: Path,
) -> None:
    root = stopped(tmp_path)
    alter(root, "ALTER TABLE movements RENAME COLUMN amount TO amt")
    ran = run_day(root)
    assert (ran.code, "R6002" in ran.err, REPAIR in ran.err) == (3, True, True), ran.out + ran.err
    assert not (root / FILE.format(1)).exists()
    repaired(root)


AS_FLOAT = "ALTER TABLE movements ALTER COLUMN amount TYPE double precision"


def refused_as_float(root: Path, ran: Ran) -> None:
    """The run stops at the comparison: no float is added up, and nothing is made."""
    assert ran.code == 3, ran.out + ran.err
    assert "R6001  column amount is not of an exact type" in ran.err
    assert REPAIR in ran.err
    assert "is not on both sides" not in ran.out + ran.err
    assert not (root / FILE.format(1)).exists()


def test_an_amount_that_became_a_float_is_refused_and_never_added_up(tmp_path: Path) -> None:
    """In binary fractions 100.00 + 250.50 - 20.25 + 0.10 is 330.3500000000000227…"""
    root = stopped(tmp_path)
    alter(root, AS_FLOAT)
    refused_as_float(root, run_day(root))


def test_a_table_that_is_as_it_was_loaded_is_not_reconciled_again(tmp_path: Path) -> None:
    root = stopped(tmp_path)
    ran = run_day(root)
    assert ran.code == 0, ran.out + ran.err
    assert how(root, "reconcile") == "skipped"
    assert (root / FILE.format(1)).read_text() == RIGHT


def test_a_table_that_somebody_put_right_again_by_hand_holds_nothing_any_more(
    tmp_path: Path,
) -> None:
    root = stopped(tmp_path)
    alter(root, RAISED)
    assert run_day(root).code == 1
    alter(root, RAISED.replace("+", "-"))
    assert run_day(root).code == 0
    assert (root / FILE.format(1)).read_text() == RIGHT


def test_a_day_that_was_sent_is_not_looked_at_again_by_a_run(tmp_path: Path) -> None:
    root = good_day(tmp_path)
    assert run_day(root).code == 0
    alter(root, RAISED)
    ran = run_day(root)
    assert (ran.code, "already delivered" in ran.out) == (0, True), ran.out + ran.err
    assert puntual(root, "status").code == 0


def test_a_day_that_is_sent_and_that_the_journal_knows_nothing_of_is_not_held_afterwards(
    tmp_path: Path,
) -> None:
    """A run died between the commit of the delivery and its journal: the next one says it, only."""
    root = good_day(tmp_path)
    assert run_day(root).code == 0
    with closing(sqlite3.connect(root / ".puntual/journal.db")) as journal, journal:
        journal.execute("DELETE FROM deliveries")
    alter(root, RAISED)
    ran = run_day(root)
    assert (ran.code, how(root, "reconcile")) == (0, "skipped"), ran.out + ran.err


def test_the_next_version_of_an_altered_table_is_held_and_made_once_it_is_loaded_anew(
    tmp_path: Path,
) -> None:
    root = good_day(tmp_path)
    assert run_day(root).code == 0
    alter(root, RAISED)
    layout = LAYOUT.replace("value: H}", "value: X}")
    (root / "reports/payments_daily/layout.yaml").write_text(layout)
    ran = puntual(root, *AMEND)
    assert (ran.code, "R2001" in ran.out) == (1, True), ran.out + ran.err
    assert "puntual amend --from load:movements" in ran.out
    assert not (root / FILE.format(2)).exists()
    again = puntual(root, *AMEND, "--from", "load:movements")
    assert again.code == 0, again.out + again.err
    assert (root / FILE.format(2)).read_text() == RIGHT.replace("H|", "X|")
    assert (root / FILE.format(1)).read_text() == RIGHT


def test_a_row_that_was_deleted_in_postgresql_holds_the_day(
    tmp_path: Path, postgres_url: str
) -> None:
    env = altered_in_postgresql(
        tmp_path, postgres_url, "DELETE FROM movements WHERE payment_id = 'p3'"
    )
    held_by_alteration(tmp_path, run_day(tmp_path, env=env), "R2001")
    ran = puntual(tmp_path, *AGAIN, env=env)
    assert (ran.code, (tmp_path / FILE.format(1)).read_text()) == (0, RIGHT), ran.out + ran.err


@pytest.mark.parametrize(
    ("column", "altered"),
    [
        ("paid_on", "UPDATE movements SET paid_on = '2026-03-01' WHERE payment_id = 'p1'"),
        ("refund", "UPDATE movements SET refund = NULL WHERE payment_id = 'p1'"),
        ("client_id", "UPDATE movements SET client_id = 'c1 ' WHERE payment_id = 'p1'"),
    ],
    ids=("a date", "a null", "a blank"),
)
def test_a_value_that_is_neither_key_nor_amount_and_was_altered_in_postgresql_holds_the_day(
    tmp_path: Path, postgres_url: str, column: str, altered: LiteralString
) -> None:
    env = altered_in_postgresql(tmp_path, postgres_url, altered)
    held_by_alteration(tmp_path, run_day(tmp_path, env=env), "R2002")
    whole = puntual(tmp_path, "reconcile", "-d", DAY, env=env).out
    assert ("ROWS DIFFER" in whole, "KEYS DIFFER" in whole) == (True, False), whole
    named = puntual(tmp_path, "reconcile", "-d", DAY, "--rows", env=env).out
    assert "rows behind curated → warehouse   1 changed" in named
    assert f" {column} " in named
    ran = puntual(tmp_path, *AGAIN, env=env)
    assert (ran.code, (tmp_path / FILE.format(1)).read_text()) == (0, RIGHT), ran.out + ran.err


def test_a_column_that_a_table_has_from_another_day_and_this_one_has_not_holds_nothing(
    tmp_path: Path,
) -> None:
    """A person's own column beside what was loaded is no part of the report's day."""
    root = stopped(tmp_path)
    alter(root, "ALTER TABLE movements ADD COLUMN note VARCHAR")
    alter(root, "UPDATE movements SET note = 'seen'")
    ran = run_day(root)
    assert (ran.code, how(root, "reconcile")) == (0, "skipped"), ran.out + ran.err


def test_an_amount_that_became_a_float_in_postgresql_is_refused_as_one(
    tmp_path: Path, postgres_url: str
) -> None:
    env = altered_in_postgresql(tmp_path, postgres_url, AS_FLOAT)
    refused_as_float(tmp_path, run_day(tmp_path, env=env))


def test_a_database_that_was_corrected_is_asked_again_by_the_next_run(tmp_path: Path) -> None:
    write_project(tmp_path, **CORE, **{"controls/controls.yaml": BY_THE_LEDGER})
    drop(tmp_path)
    vouch(tmp_path, 4, "330.35")
    table(tmp_path, "totals", "330.25")
    assert (run_day(tmp_path).code, states(tmp_path)) == (1, {"by_ledger": "mismatched"})
    assert (run_day(tmp_path).code, states(tmp_path)) == (1, {"by_ledger": "mismatched"})
    table(tmp_path, "totals", "330.35")
    ran = run_day(tmp_path)
    assert ran.code == 0, ran.out + ran.err
    assert states(tmp_path) == {"by_ledger": "matched"}
    replayed = puntual(tmp_path, "replay", "-d", DAY)
    assert replayed.code == 0, replayed.out + replayed.err


def test_a_database_that_agreed_is_not_asked_again_though_another_is(tmp_path: Path) -> None:
    """The ledger agreed on the day and has moved on since; the counter was wrong."""
    write_project(tmp_path, **CORE, **{"controls/controls.yaml": BY_THE_LEDGER + BY_THE_COUNTER})
    drop(tmp_path)
    vouch(tmp_path, 4, "330.35")
    table(tmp_path, "totals", "330.35")
    table(tmp_path, "counted", "1", "1", "1")
    assert run_day(tmp_path).code == 1
    assert states(tmp_path) == {"by_counter": "mismatched", "by_ledger": "matched"}
    table(tmp_path, "totals", "999.99")
    table(tmp_path, "counted", "1", "1", "1", "1")
    ran = run_day(tmp_path)
    assert ran.code == 0, ran.out + ran.err
    assert states(tmp_path) == {"by_counter": "matched", "by_ledger": "matched"}


def test_a_database_that_agreed_is_asked_again_only_where_a_person_says_so(tmp_path: Path) -> None:
    write_project(tmp_path, **CORE, **{"controls/controls.yaml": BY_THE_LEDGER})
    drop(tmp_path)
    vouch(tmp_path, 4, "330.35")
    table(tmp_path, "totals", "330.35")
    assert run_day(tmp_path, env=NO_FILE).code == 3
    table(tmp_path, "totals", "999.99")
    assert run_day(tmp_path, env=NO_FILE).code == 3
    assert how(tmp_path, "reconcile") == "skipped"
    assert run_day(tmp_path, "--from", "reconcile").code == 1
    assert states(tmp_path) == {"by_ledger": "mismatched"}


def test_a_file_that_does_not_tie_to_a_database_is_compared_again_once_that_is_corrected(
    tmp_path: Path,
) -> None:
    file = "{report: payments_daily, sum: total}"
    tie = BY_THE_LEDGER.replace("{warehouse: movements, sum: amount}", file)
    write_project(tmp_path, **CORE, **{"controls/controls.yaml": tie})
    drop(tmp_path)
    vouch(tmp_path, 4, "330.35")
    table(tmp_path, "totals", "330.25")
    ran = run_day(tmp_path)
    assert (ran.code, "by_ledger" in ran.out) == (1, True), ran.out + ran.err
    table(tmp_path, "totals", "330.35")
    ran = run_day(tmp_path)
    assert ran.code == 0, ran.out + ran.err
    assert (tmp_path / FILE.format(1)).read_text() == RIGHT


def rolled(root: Path, **second: Any) -> Path:
    """Write two days on which no balance moved; the first one is sent."""
    files = {"puntual.yaml": ROLLED, "controls/controls.yaml": NOTHING_MOVED}
    write_project(root, **files, **{"models/balances.sql": BALANCES})
    drop(root)
    vouch(root, 4, "330.35")
    assert run_day(root).code == 0
    drop(root, tuple(row.replace(DAY, NEXT_DAY) for row in ROWS), day=NEXT_DAY)
    vouch(root, 4, "330.35", day=NEXT_DAY)
    ran = run_day(root, day=NEXT_DAY, as_of=NEXT_AT, **second)
    assert states(root, NEXT_DAY) == {"roll": "matched"}, ran.out + ran.err
    return root


def restated(root: Path) -> None:
    """A row of the first day was 900.00, not 100.00: its next version is sent."""
    drop(root, (ROWS[0].replace("100.00", "900.00"), *ROWS[1:]))
    vouch(root, 4, "1130.35")
    amend = ("amend", "-r", "payments_daily", "-d", DAY, "--reason", "corrected", "-y")
    ran = puntual(root, *amend, "--as-of", "2026-03-04T06:00:00-06:00")
    assert ran.code == 0, ran.out + ran.err


def test_a_day_that_is_open_is_rolled_forward_anew_from_a_yesterday_that_was_restated(
    tmp_path: Path,
) -> None:
    root = rolled(tmp_path, env=NO_FILE)
    restated(root)
    ran = run_day(root, day=NEXT_DAY, as_of="2026-03-04T06:30:00-06:00")
    assert (ran.code, "R3001" in ran.out) == (1, True), ran.out + ran.err
    assert states(root, NEXT_DAY) == {"roll": "mismatched"}


def test_an_open_day_whose_yesterday_stays_as_it_was_is_not_reconciled_again(
    tmp_path: Path,
) -> None:
    root = rolled(tmp_path, env=NO_FILE)
    assert run_day(root).code == 0
    ran = run_day(root, day=NEXT_DAY, as_of=NEXT_AT)
    assert (ran.code, how(root, "reconcile")) == (0, "skipped"), ran.out + ran.err


def test_a_day_that_was_sent_stays_matched_though_its_yesterday_was_restated(
    tmp_path: Path,
) -> None:
    root = rolled(tmp_path)
    restated(root)
    ran = run_day(root, day=NEXT_DAY, as_of="2026-03-04T06:30:00-06:00")
    assert (ran.code, "already delivered" in ran.out) == (0, True), ran.out + ran.err
    assert states(root, NEXT_DAY) == {"roll": "matched"}


def test_a_rolled_forward_day_is_replayed_byte_for_byte_and_a_restated_yesterday_is_named(
    tmp_path: Path,
) -> None:
    root = rolled(tmp_path)
    ran = puntual(root, "replay", "--jobs", "1")
    assert ran.code == 0, ran.out + ran.err
    restated(root)
    told = puntual(root, "replay", "-d", NEXT_DAY)
    assert (told.code, "yesterday:balances" in told.out) == (1, True), told.out + told.err
