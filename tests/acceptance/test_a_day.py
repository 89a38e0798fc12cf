"""A day on one machine, through the real command: delivered, repeated, held, repaired."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.small import (
    AS_OF,
    DAY,
    ROWS,
    digests,
    drop,
    good_day,
    only_delivery,
    puntual,
    run_day,
    vouch,
    write_project,
)

FILE = "out/payments_daily_20260302_v1.txt"


@pytest.mark.row("f18")
def test_a_right_day_is_delivered_in_full_with_its_control_totals(tmp_path: Path) -> None:
    done = run_day(good_day(tmp_path))
    assert done.code == 0, done.out + done.err
    assert (tmp_path / FILE).read_text() == ("H|20260302\nP|3|350.60\nR|1|-20.25\nT|2|330.35\n")


def test_run_again_is_a_no_op_that_says_so(tmp_path: Path) -> None:
    run_day(good_day(tmp_path))
    before = digests(tmp_path / "out") | digests(tmp_path / "evidence")
    again = run_day(tmp_path)
    assert again.code == 0
    assert "already delivered; nothing to do" in again.out
    assert digests(tmp_path / "out") | digests(tmp_path / "evidence") == before


@pytest.mark.row("f51")
def test_two_machines_make_the_same_bytes_of_the_same_inputs(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    assert run_day(good_day(one)).code == 0
    assert run_day(good_day(other), as_of="2026-03-03T06:10:00-06:00").code == 0
    assert digests(one / "out") == digests(other / "out")
    assert digests(one / "evidence") == digests(other / "evidence")
    lake = Path(".puntual/lake/curated")
    assert digests(one / lake) == digests(other / lake)


@pytest.mark.row("f33", "f60")
def test_a_source_that_sent_nothing_holds_the_delivery_and_explain_says_why(
    tmp_path: Path,
) -> None:
    write_project(tmp_path)
    held = run_day(tmp_path)
    assert held.code == 1, held.out + held.err
    assert not (tmp_path / "out").exists()
    why = puntual(tmp_path, "explain", "payments_daily", "-d", DAY)
    assert why.code == 1
    assert "payments sent nothing" in why.out


@pytest.mark.row("f35")
def test_a_count_that_differs_from_the_control_record_holds_the_delivery(tmp_path: Path) -> None:
    write_project(tmp_path)
    drop(tmp_path)
    vouch(tmp_path, 5, "330.35")
    held = run_day(tmp_path)
    assert held.code == 1, held.out + held.err
    why = puntual(tmp_path, "explain", "payments_daily", "-d", DAY).out
    assert "expected 5 records, observed 4 records" in why


@pytest.mark.row("f36")
def test_a_sum_that_differs_by_a_cent_holds_the_delivery(tmp_path: Path) -> None:
    write_project(tmp_path)
    drop(tmp_path)
    vouch(tmp_path, 4, "330.36")
    assert run_day(tmp_path).code == 1


@pytest.mark.row("f34")
def test_a_source_without_a_control_record_is_unverified_and_held(tmp_path: Path) -> None:
    write_project(tmp_path)
    drop(tmp_path)
    held = run_day(tmp_path, "--json")
    assert held.code == 1
    delivery = only_delivery(held)
    assert delivery["state"] == "held"
    assert any("could not be verified" in r["sentence"] for r in delivery["reasons"])


@pytest.mark.row("f60")
def test_a_held_day_is_delivered_once_its_source_is_repaired(tmp_path: Path) -> None:
    write_project(tmp_path)
    assert run_day(tmp_path).code == 1
    drop(tmp_path)
    vouch(tmp_path, 4, "330.35")
    repaired = run_day(tmp_path)
    assert repaired.code == 0, repaired.out + repaired.err
    assert (tmp_path / FILE).is_file()


@pytest.mark.row("f71")
def test_a_delivery_after_its_deadline_exits_5(tmp_path: Path) -> None:
    done = run_day(good_day(tmp_path), as_of="2026-03-03T07:00:01-06:00")
    assert done.code == 5, done.out + done.err
    assert "late" in done.out


def test_a_wrong_project_exits_2_and_nothing_ran(tmp_path: Path) -> None:
    good_day(tmp_path)
    (tmp_path / "models" / "movements.sql").write_text("SELECT payment_idd FROM paymentz")
    wrong = run_day(tmp_path)
    assert wrong.code == 2, wrong.out + wrong.err
    assert "models/movements.sql:1:" in wrong.err
    assert "did you mean 'payments'?" in wrong.err
    assert not (tmp_path / ".puntual").exists()


def test_a_wrong_call_exits_2_and_names_the_option(tmp_path: Path) -> None:
    wrong = puntual(tmp_path, "run", "--dat", DAY)
    assert wrong.code == 2
    assert "--date" in wrong.err


def test_an_unknown_project_folder_is_told_what_to_do(tmp_path: Path) -> None:
    answer = puntual(tmp_path, "status")
    assert answer.code == 2
    assert "puntual init" in answer.err


def test_every_row_is_accounted_for_at_every_hop(tmp_path: Path) -> None:
    run_day(good_day(tmp_path))
    shown = puntual(tmp_path, "reconcile", "-d", DAY, "--json")
    assert shown.code == 0, shown.out + shown.err
    found: Any = shown.data["hops"]
    assert [(h["left"], h["right"]) for h in found] == [
        ("source", "raw"),
        ("raw", "curated"),
        ("curated payments", "curated"),
        ("curated", "warehouse"),
        ("warehouse", "file payments_daily"),
    ]
    *rows, tie = found
    assert [h["residual_records"] for h in rows] == ["0"] * 4
    assert tie["residual_records"] is None, "its SELECT sums a column, and says no rows"
    for hop in (*rows, tie):
        assert set(hop["residual_sums"].values()) <= {"0", "0.00"}


@pytest.mark.row("f19", "f42")
def test_of_two_amounts_under_one_key_the_document_says_that_one_is_not_in_the_report(
    tmp_path: Path,
) -> None:
    """p1 comes with 100.00 and with 900.00, and the source vouches for both."""
    root = write_project(tmp_path)
    drop(root, (*ROWS, "p1;c1;900.00;2026-03-02"))
    vouch(root, 5, "1230.35")
    assert run_day(root).code == 0
    (path,) = (root / "out").glob("*.exceptions.json")
    said = {e["class"]: e["effect"] for e in json.loads(path.read_text())["exceptions"]}
    one = "one row of each key is in the report; those that differ from it are not"
    assert said == {"duplicate": one, "check": one}


def test_a_duplicate_by_key_is_removed_counted_and_explained(tmp_path: Path) -> None:
    write_project(tmp_path)
    drop(tmp_path, (*ROWS, ROWS[0]))
    vouch(tmp_path, 5, "430.35")
    assert run_day(tmp_path).code == 0
    shown = puntual(tmp_path, "reconcile", "-d", DAY)
    assert "duplicate" in shown.out
    assert "no break" in shown.out


@pytest.mark.row("f21", "f41")
def test_a_row_that_does_not_fit_is_quarantined_and_beyond_the_limit_holds(
    tmp_path: Path,
) -> None:
    write_project(tmp_path)
    drop(tmp_path, (*ROWS, "p5;c3;12,5x;2026-03-02"))
    vouch(tmp_path, 5, "330.35")
    held = run_day(tmp_path)
    assert held.code == 1
    found = puntual(tmp_path, "exceptions", "-d", DAY, "--json").data["exceptions"]
    assert isinstance(found, list)
    (quarantined,) = [e for e in found if e["class"] == "quarantined"]
    assert (quarantined["reason"], quarantined["rows"]) == ("not_a_decimal", "1")
    assert quarantined["sample"][0]["position"] == "6"


def test_a_quarantined_row_within_the_contracts_limit_is_delivered_with_its_exception(
    tmp_path: Path,
) -> None:
    from support.small import CONTRACT

    limit = "      - {property: puntual.quarantineLimit, value: {rows: 1, amount: '10.00'}}\n"
    contract = CONTRACT.replace("    properties:\n", limit + "    properties:\n", 1)
    write_project(tmp_path, **{"contracts/payments.odcs.yaml": contract})
    drop(tmp_path, (*ROWS, "p5;c3;9.99;not a day"))
    vouch(tmp_path, 5, "340.34")
    done = run_day(tmp_path)
    assert done.code == 0, done.out + done.err
    assert "exception" in done.out
    pack = tmp_path / "evidence" / "payments_daily_20260302_v1"
    assert "not_a_date" in (pack / "exceptions.json").read_text()


def test_status_and_query_answer_in_json(tmp_path: Path) -> None:
    run_day(good_day(tmp_path))
    delivery = only_delivery(puntual(tmp_path, "status", "--json"))
    assert (delivery["state"], delivery["completeness"]) == ("sent", "full")
    asked = puntual(
        tmp_path, "query", "SELECT sum(amount) AS total FROM movements", "--json", "--unmask"
    )
    assert asked.data["rows"] == [["330.35"]]


@pytest.mark.row("f77")
def test_the_evidence_of_a_delivery_verifies_offline(tmp_path: Path) -> None:
    run_day(good_day(tmp_path))
    good = puntual(tmp_path, "verify", "-d", DAY)
    assert good.code == 0, good.out + good.err
    assert "VERIFIED" in good.out
    assert "Not proven" in good.out


@pytest.mark.row("f77")
@pytest.mark.parametrize(
    "where",
    [
        "evidence/payments_daily_20260302_v1/payments_daily_20260302_v1.txt",
        "evidence/payments_daily_20260302_v1/exceptions.json",
        "evidence/payments_daily_20260302_v1/statement.dsse.json",
        "evidence/payments_daily_20260302_v1/statement.tlog-proof",
        "evidence/payments_daily_20260302_v1/manifests.json.gz",
        ".puntual/lake/raw",
        ".puntual/lake/curated",
    ],
)
def test_one_changed_byte_is_found_and_verify_exits_1(tmp_path: Path, where: str) -> None:
    run_day(good_day(tmp_path))
    path = tmp_path / where
    victim = path if path.is_file() else next(p for p in sorted(path.rglob("*")) if p.is_file())
    data = bytearray(victim.read_bytes())
    data[len(data) // 2] ^= 1
    victim.chmod(0o600)
    victim.write_bytes(bytes(data))
    bad = puntual(tmp_path, "verify", "-d", DAY)
    assert bad.code == 1, bad.out + bad.err


def test_plan_says_what_a_run_would_do_and_does_nothing(tmp_path: Path) -> None:
    write_project(tmp_path)
    shown = puntual(tmp_path, "plan", "-d", DAY)
    assert shown.code == 0
    assert "land:payments" in shown.out
    assert "deliver:payments_daily" in shown.out
    assert not (tmp_path / ".puntual").exists()


def test_json_answers_are_one_object_and_errors_too(tmp_path: Path) -> None:
    answer = puntual(tmp_path, "check", "--json")
    assert answer.code == 2
    assert json.loads(answer.out)["ok"] is False


@pytest.mark.row("f56")
def test_a_second_run_at_the_same_time_says_so(tmp_path: Path) -> None:
    import subprocess
    import sys

    from puntual.cli.places import pointers_path
    from puntual.local.pointers import SqliteLeases
    from puntual.runner.clock import SystemClock

    good_day(tmp_path)
    with SqliteLeases(pointers_path(tmp_path), SystemClock()).acquire("run"):
        second = subprocess.run(
            [sys.executable, "-m", "puntual.cli.main", "-C", str(tmp_path), "run", "-d", DAY],
            capture_output=True,
            text=True,
            check=False,
            env={"PATH": "/usr/bin:/bin"},
        )
    assert second.returncode == 3
    assert "T2003" in second.stderr
    assert run_day(tmp_path, as_of=AS_OF).code == 0


def test_a_day_that_the_calendar_does_not_know_is_exit_2_and_nothing_ran(tmp_path: Path) -> None:
    good_day(tmp_path)
    done = run_day(tmp_path, day="2027-03-02", as_of="2027-03-03T05:00:00-06:00")
    assert done.code == 2, done.out + done.err
    assert "P1001" in done.err
    assert not (tmp_path / ".puntual").exists()


@pytest.mark.row("f3")
def test_no_litter_is_left_in_the_store_after_a_run(tmp_path: Path) -> None:
    run_day(good_day(tmp_path))
    left = [p for p in (tmp_path / ".puntual" / "lake" / ".tmp").rglob("*") if p.is_file()]
    assert left == []
