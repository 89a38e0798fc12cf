"""What a tie cannot compare is told and held, and what it did not measure is never called equal."""

from __future__ import annotations

import base64
import csv
import io
import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from acceptance.test_reconcile_says import TIE as WEIGHED
from acceptance.test_ties import BY_CLIENT, TIE
from support.partial import EMERGENCY_SQL, partial_project, send_cards
from support.partial import REPORT as PARTIAL
from support.small import (
    DAY,
    REPORT,
    ROWS,
    Ran,
    drop,
    good_day,
    puntual,
    run_day,
    vouch,
    write_project,
)

SENT = "out/payments_daily_20260302_v1.txt"
COUNT_TIE = (
    "  - column: '*'\n    dataset: movements\n"
    "    query: SELECT count(*) FROM movements WHERE reference_date = :reference_date\n"
)
JOINED = """\
SELECT m.payment_id AS kind, m.client_id AS payments, r.amount AS total
FROM movements AS m LEFT JOIN movements AS r ON r.payment_id = m.payment_id
  AND r.client_id <> 'c9' AND r.reference_date = m.reference_date
WHERE m.reference_date = :reference_date ORDER BY 1
"""
WITHOUT_ZEROS = """\
SELECT payment_id AS kind, 1 AS payments, amount AS total FROM movements
WHERE reference_date = :reference_date AND amount <> 0 ORDER BY 1
"""
OF_C9 = ("p5;c9;20.00;2026-03-02", "p6;c9;-20.00;2026-03-02")
RULE = "movements:warehouse-file payments_daily"


def bank(root: Path, *rows: str, total: str = "330.35", **files: str) -> Path:
    """Write a project and a day of the four payments and these."""
    write_project(root, **files)
    drop(root, (*ROWS, *rows))
    vouch(root, 4 + len(rows), total)
    return root


def reasons(root: Path) -> str:
    """Return why the delivery is held, on one line."""
    return " ".join(puntual(root, "explain", "payments_daily", "-d", DAY).out.split())


def tie_hop(ran: Ran) -> dict[str, Any]:
    hops = ran.data["hops"]
    assert isinstance(hops, list)
    found: dict[str, Any] = next(h for h in hops if h["right"] == "file payments_daily")
    return found


def reconciled(root: Path, form: str) -> Ran:
    return puntual(root, "reconcile", "-d", DAY, "--format", form)


def statement(root: Path) -> dict[str, Any]:
    package = root / "evidence/payments_daily_20260302_v1/statement.dsse.json"
    payload = base64.b64decode(json.loads(package.read_text())["payload"])
    predicate: dict[str, Any] = json.loads(payload)["predicate"]
    return predicate


def test_a_file_with_blank_amounts_that_cancel_out_is_held_and_they_are_counted(
    tmp_path: Path,
) -> None:
    """The join loses c9's +20.00 and -20.00: the file's total is blank twice, its sum is right."""
    files = {"report.yaml": REPORT + COUNT_TIE, "report.sql": JOINED}
    root = bank(tmp_path, *OF_C9, **{f"reports/payments_daily/{n}": t for n, t in files.items()})
    ran = run_day(root)
    assert (ran.code, (root / SENT).exists()) == (1, False), ran.out + ran.err
    why = "nulls in total of file payments_daily: 2 of 6 values (a null is no zero)"
    assert f"R2003 {RULE}" in reasons(root)
    assert why in reasons(root)
    assert "report.sql no null in the column" in reasons(root)
    shown = puntual(root, "reconcile", "-d", DAY)
    assert (shown.code, why in shown.out, "330.35 ? 330.35" in shown.out) == (1, True, True)
    (error,) = ET.fromstring(reconciled(root, "junit").out).iter("error")
    assert error.get("message") == f"{why}: unknown is not equal"


def test_blank_amounts_that_change_the_total_break_the_tie_and_are_counted(
    tmp_path: Path,
) -> None:
    """The join loses c9's 20.00 alone: 350.35 in the warehouse, 330.35 and a blank in the file."""
    sql = {"reports/payments_daily/report.sql": JOINED}
    root = bank(tmp_path, OF_C9[0], total="350.35", **sql)
    assert run_day(root).code == 1
    assert f"R2001 {RULE}" in reasons(root)
    assert "residual total 20.00, count not compared, nulls in total" in reasons(root)


def test_plan_b_with_blank_amounts_fails_its_rehearsal(tmp_path: Path) -> None:
    """Each line's total is null in plan B, and its tie says 0 on a day of payments that cancel."""
    root = partial_project(tmp_path)
    send_cards(root)
    drop(root, ("p1;c1;20.00;2026-03-02", "p2;c1;-20.00;2026-03-02"))
    vouch(root, 2, "0.00")
    blank = "CAST(nullif(sum(amount), sum(amount)) AS DECIMAL(18, 2)) AS total"
    sql = EMERGENCY_SQL.replace("CAST(sum(amount) AS DECIMAL(18, 2)) AS total", blank)
    (root / f"reports/{PARTIAL}/emergency.sql").write_text(sql)
    ran = run_day(root)
    assert "failed: R2003" in ran.out, ran.out + ran.err


def test_a_tie_whose_select_answers_null_is_told_with_what_to_write(tmp_path: Path) -> None:
    """A day without payments, as its source vouches: sum(amount) of no row is null."""
    write_project(tmp_path, **{"controls/controls.yaml": "controls: []\n"})
    drop(tmp_path, ())
    vouch(tmp_path, 0, "0")
    assert run_day(tmp_path).code == 1
    assert "observed the tie's SELECT answered no number: null" in reasons(tmp_path)
    assert "`coalesce(sum(x), 0)` where an empty day is zero" in reasons(tmp_path)
    shown = puntual(tmp_path, "reconcile", "-d", DAY).out
    assert "no answer ? 0" in shown
    assert "the tie's SELECT answered no number: null" in shown


@pytest.fixture(scope="module")
def lossy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report leaves p5's 0.00 out: five payments, a file of four lines, one right total."""
    sql = {"reports/payments_daily/report.sql": WITHOUT_ZEROS}
    root = tmp_path_factory.mktemp("lossy") / "bank"
    bank(root, "p5;c5;0.00;2026-03-02", **sql)
    ran = run_day(root)
    assert ran.code == 0, ran.out + ran.err
    return root


def test_a_tie_of_money_says_no_count_of_rows_in_json(lossy: Path) -> None:
    hop = tie_hop(reconciled(lossy, "json"))
    assert (hop["before"]["records"], hop["before"]["sums"]) == (None, {"total": "330.35"})
    assert (hop["counted"], hop["residual_records"]) == (False, None)
    assert (hop["after"]["records"], hop["residual_sums"]) == ("4", {"total": "0.00"})


def test_a_tie_of_money_says_no_count_of_rows_in_csv(lossy: Path) -> None:
    lines = csv.DictReader(io.StringIO(reconciled(lossy, "csv").out))
    told = [
        (li["measure"], li["left_value"], li["right_value"], li["residual"], li["state"])
        for li in lines
        if li["right"] == "file payments_daily"
    ]
    assert told == [
        ("count", "", "4", "", "not compared"),
        ("sum total", "330.35", "330.35", "0.00", "agrees"),
        ("keys", "", "", "", "not compared"),
    ]


def test_a_tie_of_money_says_no_count_of_rows_in_junit(lossy: Path) -> None:
    cases = ET.fromstring(reconciled(lossy, "junit").out).iter("testcase")
    (case,) = [c for c in cases if c.get("name") == "warehouse → file payments_daily"]
    assert (case.findtext("system-out") or "").splitlines() == [
        "warehouse: not counted  total 330.35",
        "file payments_daily: 4 rows  total 330.35",
        "residual: total 0.00   count not compared   keys not compared",
    ]


def test_a_tie_of_money_says_no_count_of_rows_in_the_signed_statement(lossy: Path) -> None:
    (hop,) = [h for h in statement(lossy)["hops"] if h["right"] == "file payments_daily"]
    assert (hop["before"], hop["residual_records"]) == (None, None)
    assert (hop["after"]["sums"], hop["residual_sums"]) == ({"total": "330.35"}, {"total": "0.00"})
    (check,) = [c for c in statement(lossy)["checks"] if c["id"] == RULE]
    assert (check["rows"], check["verdict"]) == (None, "pass")
    assert check["observed"] == "residual total 0.00, count not compared, keys not compared"
    assert puntual(lossy, "verify", "-d", DAY).code == 0


def test_a_count_that_is_no_whole_number_is_the_count_of_its_tie(tmp_path: Path) -> None:
    """3.75 rows, a refund being three quarters of one, are said to be in a file of two lines."""
    weighed = REPORT[: REPORT.index("ties:")] + WEIGHED
    bank(tmp_path, **{"reports/payments_daily/report.yaml": weighed})
    assert run_day(tmp_path).code == 1
    lines = csv.DictReader(io.StringIO(reconciled(tmp_path, "csv").out))
    told = [
        (li["measure"], li["left_value"], li["right_value"], li["residual"])
        for li in lines
        if li["right"] == "file payments_daily" and li["measure"] != "keys"
    ]
    assert told == [("count", "3.75", "2", "1.75")]


def untied(root: Path, sql: str) -> Path:
    """Write a report that is tied to nothing."""
    report = REPORT[: REPORT.index("ties:")] + "ties: []\n"
    files = {"report.yaml": report, "report.sql": sql}
    return bank(root, **{f"reports/payments_daily/{n}": t for n, t in files.items()})


def test_a_report_that_nothing_compares_is_told_by_each_run_in_every_form_and_holds_nothing(
    tmp_path: Path,
) -> None:
    """Its SELECT loses the refund of -20.25, and every hop agrees."""
    lost = WITHOUT_ZEROS.replace("amount <> 0", "amount > 0")
    root = untied(tmp_path, lost)
    assert "C1404" in puntual(root, "check").out
    ran = run_day(root)
    assert ran.code == 0, ran.out + ran.err
    said = "payments_daily: nothing compares the rows of report.sql with what they are made from"
    shown = puntual(root, "reconcile", "-d", DAY)
    whole = " ".join(shown.out.split())
    assert (shown.code, "1 report is compared by nothing: payments_daily" in whole) == (0, True)
    assert f"R5006 {said}" in whole
    data = reconciled(root, "json").data
    (found,) = [f for f in data["findings"] if f["code"] == "R5006"]  # type: ignore[attr-defined]
    assert (found["verdict"], found["on_fail"]) == ("unknown", "flag")
    assert "payments_daily_untied" in reconciled(root, "junit").out
    lines = reconciled(root, "csv").out.splitlines()
    assert "report,payments_daily,,,,,,,,not compared,,," in lines
    document = json.loads((root / "out/payments_daily_20260302_v1.exceptions.json").read_text())
    (entry,) = [e for e in document["exceptions"] if e["code"] == "R5006"]
    assert entry["effect"] == "named here; nothing is left out"
    (check,) = [c for c in statement(root)["checks"] if c["code"] == "R5006"]
    assert (check["verdict"], check["on_fail"]) == ("unknown", "flag")


def test_a_report_that_is_tied_says_nothing_of_the_kind(lossy: Path) -> None:
    assert "R5006" not in reconciled(lossy, "json").out


def test_a_report_that_a_control_ties_to_one_that_is_tied_is_compared(tmp_path: Path) -> None:
    """by_client has no tie of its own, and its sum is held against payments_daily's."""
    root = good_day(tmp_path)
    write_project(root, **(BY_CLIENT | {"controls/controls.yaml": TIE}))
    assert run_day(root).code == 0
    assert "R5006" not in reconciled(root, "json").out


def test_a_report_that_gets_its_tie_is_no_longer_told_by_the_next_run(tmp_path: Path) -> None:
    """The day is held by a check until then, so that it is open."""
    root = untied(tmp_path, WITHOUT_ZEROS)
    check = "checks:\n  - {id: none, dataset: movements, row: amount < 0, on_fail: hold}\n"
    (root / "checks/checks.yaml").write_text(check)
    assert run_day(root).code == 1
    (root / "checks/checks.yaml").write_text("checks: []\n")
    (root / "reports/payments_daily/report.yaml").write_text(REPORT)
    assert run_day(root).code == 0
    document = (root / "out/payments_daily_20260302_v1.exceptions.json").read_text()
    assert "R5006" not in document + reconciled(root, "json").out
