"""A contract or a source that is changed between the seal of a day and its delivery."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from support.small import (
    CHECKS,
    CONTRACT,
    DAY,
    ROWS,
    SETTINGS,
    Ran,
    drop,
    good_day,
    only_delivery,
    puntual,
    run_day,
    vouch,
    write_project,
)

HOLDS = """\
checks:
  - {id: never, dataset: movements, row: amount > 1000000, on_fail: hold}
"""
LIMIT = '      - {property: puntual.quarantineLimit, value: {rows: 1, amount: "1.00"}}\n'
MEASURE = "      - {property: puntual.measures, value: [{column: amount, unit: MXN}]}\n"
FILES = SETTINGS[SETTINGS.index("    kind: files") : SETTINGS.index("models:")]
DATABASE = """\
    kind: database
    connection: sqlite:core.db
    query: SELECT * FROM payments WHERE paid_on = :reference_date ORDER BY payment_id
    control: snapshot
"""
WRONG = DATABASE.replace(":reference_date ", ":reference_date AND CAST(amount AS REAL) > 200 ")
OF_DATABASE = {
    "puntual.yaml": SETTINGS.replace(FILES, DATABASE),
    "contracts/payments.odcs.yaml": CONTRACT.replace(
        '{type: csv, delimiter: ";"}', "{type: parquet}"
    ),
}
RATE = '      - {name: rate, logicalType: number, physicalType: "DECIMAL(9,4)"}\n'


def _database(root: Path) -> None:
    with closing(sqlite3.connect(root / "core.db")) as db, db:
        db.execute("CREATE TABLE payments (payment_id, client_id, amount, paid_on, rate)")
        for number, amount in enumerate(("100.00", "250.50")):
            db.execute(
                "INSERT INTO payments VALUES (?, 'c1', ?, ?, '1.5')", (f"p{number}", amount, DAY)
            )


def _write(root: Path, name: str, text: str) -> None:
    (root / name).write_text(text, encoding="utf-8")


def _codes(ran: Ran) -> list[str]:
    return [reason["code"] for reason in only_delivery(ran)["reasons"]]


def _stands(ran: Ran) -> tuple[int, str, str | None]:
    found = only_delivery(ran)
    return ran.code, found["state"], found["completeness"]


def _verified(root: Path) -> Ran:
    (package,) = (root / "evidence").iterdir()
    return puntual(root, "verify", str(package))


def _sent(root: Path) -> str:
    (file,) = (root / "out").glob("*.txt")
    return file.read_text(encoding="utf-8")


def test_a_day_that_was_held_by_its_limit_verifies_once_the_limit_is_raised(tmp_path: Path) -> None:
    write_project(tmp_path)
    drop(tmp_path, (*ROWS, "p5;c3;1.2.3;2026-03-02"))
    vouch(tmp_path, 5, "330.35")
    assert run_day(tmp_path, "--json").code == 1
    raised = CONTRACT.replace("    properties:\n", LIMIT + "    properties:\n", 1)
    _write(tmp_path, "contracts/payments.odcs.yaml", raised)
    assert _stands(run_day(tmp_path, "--json")) == (0, "sent", "full")
    verified = _verified(tmp_path)
    assert verified.code == 0, verified.out
    replayed = puntual(tmp_path, "replay", "-d", DAY)
    assert replayed.code == 0, replayed.out


def test_a_measure_that_the_contract_gains_after_the_seal_is_not_passed_unvouched(
    tmp_path: Path,
) -> None:
    bare = SETTINGS.replace("    measures: [{column: amount, unit: MXN}]\n", "")
    without = {
        "contracts/payments.odcs.yaml": CONTRACT.replace(MEASURE, ""),
        "puntual.yaml": bare,
        "checks/checks.yaml": HOLDS,
    }
    write_project(tmp_path, **without)
    drop(tmp_path)
    vouch(tmp_path, 4, "0")
    said = {"source": "payments", "reference_date": DAY, "count": "4", "sums": {}}
    _write(tmp_path, "control/payments_20260302.json", json.dumps(said))
    assert run_day(tmp_path, "--json").code == 1
    for name, text in (
        ("contracts/payments.odcs.yaml", CONTRACT),
        ("puntual.yaml", SETTINGS),
        ("checks/checks.yaml", CHECKS),
    ):
        _write(tmp_path, name, text)
    held = run_day(tmp_path, "--json")
    assert (held.code, only_delivery(held)["state"]) == (1, "held")
    assert _codes(held) == ["P2004", "R1002", "S2018"]


def test_a_column_that_the_contract_gains_after_the_seal_is_asked_of_the_database(
    tmp_path: Path,
) -> None:
    write_project(tmp_path, **OF_DATABASE, **{"checks/checks.yaml": HOLDS})
    _database(tmp_path)
    assert run_day(tmp_path, "--json").code == 1
    _write(
        tmp_path,
        "contracts/payments.odcs.yaml",
        OF_DATABASE["contracts/payments.odcs.yaml"] + RATE,
    )
    _write(tmp_path, "checks/checks.yaml", CHECKS)
    done = run_day(tmp_path, "--json")
    assert _stands(done) == (0, "sent", "full"), done.out
    assert _verified(tmp_path).code == 0


def test_a_query_that_is_corrected_after_the_seal_is_asked_and_the_old_rows_are_named(
    tmp_path: Path,
) -> None:
    wrong = {"puntual.yaml": SETTINGS.replace(FILES, WRONG), "checks/checks.yaml": HOLDS}
    write_project(tmp_path, **OF_DATABASE | wrong)
    _database(tmp_path)
    assert run_day(tmp_path, "--json").code == 1
    _write(tmp_path, "puntual.yaml", OF_DATABASE["puntual.yaml"])
    _write(tmp_path, "checks/checks.yaml", CHECKS)
    assert _stands(run_day(tmp_path, "--json")) == (0, "sent", "full")
    assert "P|2|350.50" in _sent(tmp_path).replace(",", "|").replace(";", "|")
    assert "S2025" in puntual(tmp_path, "exceptions", "-d", DAY).out
    assert _verified(tmp_path).code == 0


def test_a_path_that_is_corrected_after_the_seal_is_read_and_the_old_file_is_named(
    tmp_path: Path,
) -> None:
    narrow = SETTINGS.replace("%Y%m%d}*.csv", "%Y%m%d}_1.csv")
    write_project(tmp_path, **{"puntual.yaml": narrow, "checks/checks.yaml": HOLDS})
    drop(tmp_path, ROWS[:2], suffix="_1")
    drop(tmp_path, ROWS[2:], suffix="_2")
    vouch(tmp_path, 2, "350.50")
    assert run_day(tmp_path, "--json").code == 1
    _write(tmp_path, "puntual.yaml", SETTINGS.replace("%Y%m%d}*.csv", "%Y%m%d}_2.csv"))
    _write(tmp_path, "checks/checks.yaml", CHECKS)
    held = run_day(tmp_path, "--json")
    assert (held.code, _codes(held)) == (1, ["P2003", "S2016"])
    vouch(tmp_path, 2, "-20.15")
    assert _stands(run_day(tmp_path, "--json")) == (0, "sent", "full")
    told = puntual(tmp_path, "exceptions", "-d", DAY).out
    assert "S2025" in told
    assert "payments_20260302_1.csv" in told
    assert _verified(tmp_path).code == 0


def test_a_contract_that_is_changed_after_the_delivery_changes_nothing_but_the_next_version(
    tmp_path: Path,
) -> None:
    good_day(tmp_path)
    assert run_day(tmp_path).code == 0
    raised = CONTRACT.replace("    properties:\n", LIMIT + "    properties:\n", 1)
    _write(tmp_path, "contracts/payments.odcs.yaml", raised)
    again = run_day(tmp_path, "--json")
    assert only_delivery(again)["version"] in (1, "1")
    assert _verified(tmp_path).code == 0
    amended = puntual(
        *(tmp_path, "amend", "-r", "payments_daily", "-d", DAY, "--reason", "limit", "-y"),
        *("--as-of", "2026-03-03T06:00:00-06:00"),
    )
    for package in sorted((tmp_path / "evidence").iterdir()):
        verified = puntual(tmp_path, "verify", str(package))
        assert verified.code == 0, amended.out + verified.out


def test_an_amendment_under_another_contract_holds_what_came_late_and_verifies(
    tmp_path: Path,
) -> None:
    good_day(tmp_path)
    assert run_day(tmp_path).code == 0
    raised = CONTRACT.replace("    properties:\n", LIMIT + "    properties:\n", 1)
    _write(tmp_path, "contracts/payments.odcs.yaml", raised)
    drop(tmp_path, ("p9;c9;9.99;2026-03-02",), suffix="_2")
    vouch(tmp_path, 5, "340.34")
    amended = puntual(
        *(tmp_path, "amend", "-r", "payments_daily", "-d", DAY, "--reason", "late", "-y"),
        *("--as-of", "2026-03-03T06:00:00-06:00"),
    )
    assert amended.code == 0, amended.out + amended.err
    (package,) = (tmp_path / "evidence").glob("*_v2")
    verified = puntual(tmp_path, "verify", str(package))
    assert verified.code == 0, verified.out
