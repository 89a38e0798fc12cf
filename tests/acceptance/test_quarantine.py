"""What a check sets aside leaves the report, is explained at its hop, and never stays by halves."""

from __future__ import annotations

from pathlib import Path

from support.small import (
    CONTRACT,
    DAY,
    ROWS,
    SETTINGS,
    drop,
    puntual,
    run_day,
    vouch,
    write_project,
)

CHECKS = """\
checks:
  - id: client_given
    dataset: movements
    not_null: [client_id]
    on_fail: quarantine
"""
LIMIT = "      - {property: puntual.quarantineLimit, value: {rows: 1, amount: '10.00'}}\n"
TOLERANT = CONTRACT.replace("    properties:\n", LIMIT + "    properties:\n", 1)
ORPHAN = "p5;;9.99;2026-03-02"
FILE = "out/payments_daily_20260302_v1.txt"


def _project(root: Path, **files: str) -> None:
    write_project(root, **({"checks/checks.yaml": CHECKS} | files))
    drop(root, (*ROWS, ORPHAN))
    vouch(root, 5, "340.34")


def test_a_row_set_aside_within_the_limit_is_left_out_and_explained(tmp_path: Path) -> None:
    _project(tmp_path, **{"contracts/payments.odcs.yaml": TOLERANT})
    done = run_day(tmp_path)
    assert done.code == 0, done.out + done.err
    assert (tmp_path / FILE).read_text().endswith("T|2|330.35\n")
    shown = puntual(tmp_path, "reconcile", "-d", DAY)
    assert "quarantined: checks" in shown.out
    assert "1 rows  amount 9.99" in shown.out
    assert "rows agree" in shown.out
    assert "no break" in shown.out


SECOND_CHECK = """\
  - id: small
    dataset: movements
    row: amount < 9
    on_fail: quarantine
"""


def test_a_row_that_two_checks_set_aside_is_listed_once_with_both(tmp_path: Path) -> None:
    """p5 has no client and is not below 9.00; p1 and p2 are not below 9.00 either."""
    limit = TOLERANT.replace("rows: 1, amount: '10.00'", "rows: 9, amount: '400.00'")
    checks = {"checks/checks.yaml": CHECKS + SECOND_CHECK}
    _project(tmp_path, **{"contracts/payments.odcs.yaml": limit}, **checks)
    done = run_day(tmp_path)
    assert done.code == 0, done.out + done.err
    asked = ("reconcile", "-d", DAY, "--rows", "movements:warehouse", "--unmask")
    assert "3 quarantined" in puntual(tmp_path, *asked).out
    listed = puntual(tmp_path, *asked, "--explained", "--json").data["rows"]
    assert isinstance(listed, list)
    (behind,) = listed
    assert (behind["counts"], behind["total"]) == ({"quarantined": "3"}, "3")
    assert {row["key"]["payment_id"]: row["reason"] for row in behind["rows"]} == {
        "p1": "check small",
        "p2": "check small",
        "p5": "checks client_given and small",
    }
    first = puntual(tmp_path, *asked, "--explained", "--json", "--limit", "2").data["rows"]
    assert isinstance(first, list)
    assert [row["key"]["payment_id"] for row in first[0]["rows"]] == ["p1", "p2"]


def test_two_checks_that_set_the_same_rows_aside_are_both_named(tmp_path: Path) -> None:
    """p5 alone has no client and an id above p4: what both checks found is one file."""
    limit = TOLERANT.replace("rows: 1", "rows: 9").replace("10.00", "400.00")
    other = SECOND_CHECK.replace("amount < 9", "payment_id < 'p5'")
    checks = {"checks/checks.yaml": CHECKS + other}
    _project(tmp_path, **{"contracts/payments.odcs.yaml": limit}, **checks)
    assert run_day(tmp_path).code == 0
    asked = ("reconcile", "-d", DAY, "--rows", "movements:warehouse", "--explained")
    told = puntual(tmp_path, *asked).out
    assert "1 quarantined" in told
    assert told.count("checks client_given and small") == 1


def test_a_row_set_aside_beyond_the_limit_holds_the_delivery(tmp_path: Path) -> None:
    _project(tmp_path)
    held = run_day(tmp_path)
    assert held.code == 1, held.out + held.err
    assert "P2011" in held.out
    assert not (tmp_path / "out").exists()


def test_a_model_that_does_not_say_whose_rows_it_carries_cannot_set_any_aside(
    tmp_path: Path,
) -> None:
    _project(tmp_path, **{"puntual.yaml": SETTINGS.replace("    carries: payments\n", "")})
    wrong = puntual(tmp_path, "check")
    assert wrong.code == 2
    assert "C1302  'movements' does not say whose rows it carries" in wrong.out


def test_a_row_that_would_stay_in_an_aggregate_cannot_be_set_aside(tmp_path: Path) -> None:
    totals = "SELECT client_id, sum(amount) AS total FROM movements GROUP BY client_id\n"
    settings = SETTINGS.replace(
        "warehouse:\n", "  totals: {key: [client_id]}\nwarehouse:\n"
    ).replace("[movements]", "[movements, totals]")
    _project(tmp_path, **{"models/totals.sql": totals, "puntual.yaml": settings})
    wrong = puntual(tmp_path, "check")
    assert wrong.code == 2
    assert "C1306  the rows that are set aside would stay in 'totals'" in wrong.out


def test_places_that_no_row_has_set_nothing_aside_and_hold_the_delivery(tmp_path: Path) -> None:
    rule = CHECKS.replace("not_null: [client_id]", "sql: checks/orphans.sql")
    rows = "SELECT _object, _position + 1000 AS _position FROM movements WHERE client_id IS NULL\n"
    files = {"checks/checks.yaml": rule, "checks/orphans.sql": rows}
    _project(tmp_path, **{"contracts/payments.odcs.yaml": TOLERANT}, **files)
    held = run_day(tmp_path)
    assert held.code == 1, held.out + held.err
    assert "Q2005" in held.out


def test_money_of_both_signs_does_not_cancel_in_the_quarantine_limit(tmp_path: Path) -> None:
    limit = LIMIT.replace("rows: 1", "rows: 5")
    contract = CONTRACT.replace("    properties:\n", limit + "    properties:\n", 1)
    write_project(
        tmp_path, **{"checks/checks.yaml": CHECKS, "contracts/payments.odcs.yaml": contract}
    )
    drop(tmp_path, (*ROWS, "p5;;1000000.00;2026-03-02", "p6;;-1000000.00;2026-03-02"))
    vouch(tmp_path, 6, "330.35")
    held = run_day(tmp_path)
    assert held.code == 1, held.out + held.err
    assert "P2012" in held.out
    assert "2,000,000.00" in held.out
