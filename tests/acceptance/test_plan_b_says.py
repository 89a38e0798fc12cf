"""What plan B may not pass over: rows that a contract refuses, and checks that failed before."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from support.partial import POLICY, approve, partial_project, send_cards
from support.small import CHECKS, DAY, Ran, drop, only_delivery, puntual, run_day, vouch

EARLY, DECIDED = "2026-03-03T05:00:00-06:00", "2026-03-03T06:50:00-06:00"
STEM = "out/payments_daily_20260302_v1"
READ = ("p1;c1;100.00;2026-03-02", "p4;c3;0.10;2026-03-02")
UNREAD = ("p2;c1;abc;2026-03-02", "p3;c2;xyz;2026-03-02")
NOT_CURATED = {"PUNTUAL_FAILPOINTS": "curate.written=raise:PermanentError"}
MAY_LACK = """\
  - id: some_refused
    source: payments
    when: [quarantined]
    substitute: omit
    limits: {rows: 2}
    owner: Payments
"""
CLIENT_MAY_LACK = """\
  - id: client_may_lack
    check: client_given
    substitute: omit
    limits: {rows: 1}
    owner: Payments
"""


def project(root: Path, *, more: str = "", on_fail: str = "hold") -> Path:
    """A bank with an approved policy that says plan B where the warehouse is down."""
    policy = POLICY.replace("minimum: {sources: [payments]}\n", "") if more else POLICY
    partial_project(root, policy + more)
    checks = CHECKS.replace("on_fail: flag", f"on_fail: {on_fail}")
    (root / "checks/checks.yaml").write_text(checks)
    approve(root)
    send_cards(root)
    return root


def two_are_refused(root: Path) -> Path:
    """Four payments arrive as they were vouched for, and two of their amounts are no numbers."""
    drop(root, (*READ, *UNREAD))
    vouch(root, 4, "100.10")
    return root


def down(root: Path) -> None:
    folder = root / ".puntual"
    folder.mkdir(exist_ok=True)
    (folder / "warehouse.duckdb").write_bytes(b"no database" * 1000)


def codes(ran: Ran) -> set[tuple[str, str]]:
    return {(r["code"], r["about"]) for r in only_delivery(ran)["reasons"]}


def entries(root: Path) -> dict[tuple[str, str], Any]:
    told = json.loads((root / f"{STEM}.exceptions.json").read_text())["exceptions"]
    return {(e["class"], e["about"]): e for e in told}


def test_rows_that_a_contract_refuses_beyond_its_limit_hold_plan_b_as_they_hold_the_full_report(
    tmp_path: Path,
) -> None:
    root = two_are_refused(project(tmp_path))
    down(root)
    held = run_day(root, "--json", as_of=DECIDED)
    assert held.code == 1, held.out + held.err
    assert {("P2011", "payments"), ("P3004", "payments")} <= codes(held)
    assert not (root / "out").exists()


def test_rows_that_a_policy_lets_lack_are_named_by_the_document_of_plan_b(tmp_path: Path) -> None:
    root = two_are_refused(project(tmp_path, more=MAY_LACK))
    down(root)
    sent = run_day(root, as_of=DECIDED)
    assert sent.code == 4, sent.out + sent.err
    found = entries(root)
    refused = found["quarantined", "payments"]
    assert (refused["rows"], refused["policy_clause"]) == ("2", "cards/some_refused")
    assert [p["position"] for p in refused["sample"]] == ["4", "5"]
    changes = [(e["column"], e["certain"]) for e in refused["effects"]]
    assert changes == [("payments", False), ("total", True), ("cards", False)]
    notice = (root / f"{STEM}.notice.en.txt").read_text()
    assert "payments (2, not certain); total (100.10)" in " ".join(notice.split())
    assert set(found) == {("quarantined", "payments"), ("fault", "full report")}
    assert (root / f"{STEM}.txt").read_text().endswith("P|2|100.10|15.00\nT|1|100.10\n")


def test_a_check_that_failed_before_the_warehouse_did_holds_plan_b(tmp_path: Path) -> None:
    root = project(tmp_path)
    drop(root, (*READ, "p2;;250.50;2026-03-02"))
    vouch(root, 3, "350.60")
    down(root)
    held = run_day(root, "--json", as_of=DECIDED)
    assert held.code == 1, held.out + held.err
    assert {("Q2001", "client_given"), ("P3004", "client_given")} <= codes(held)
    assert not (root / "out").exists()


def test_a_check_that_failed_and_may_is_an_exception_of_plan_b_and_the_others_were_not_run(
    tmp_path: Path,
) -> None:
    root = project(tmp_path, more=CLIENT_MAY_LACK)
    drop(root, (*READ, "p2;;250.50;2026-03-02"))
    vouch(root, 3, "350.60")
    down(root)
    sent = run_day(root, as_of=DECIDED)
    assert sent.code == 4, sent.out + sent.err
    found = entries(root)
    failed = found["check", "client_given"]
    assert (failed["rows"], failed["policy_clause"]) == ("1", "cards/client_may_lack")
    assert failed["effect"] == "does not hold the delivery, by the policy"
    assert "client_given" not in found["fault", "full report"]["checks_not_run"]
    (root / ".puntual/warehouse.duckdb").unlink()
    replayed = puntual(root, "replay", "-d", DAY)
    assert replayed.code == 0, replayed.out + replayed.err


def test_rows_that_a_check_sets_aside_are_in_plan_b_and_its_document_says_so(
    tmp_path: Path,
) -> None:
    root = project(tmp_path, more=MAY_LACK, on_fail="quarantine")
    drop(root, (*READ, "p2;;250.50;2026-03-02"))
    vouch(root, 3, "350.60")
    down(root)
    sent = run_day(root, as_of=DECIDED)
    assert sent.code == 4, sent.out + sent.err
    assert (root / f"{STEM}.txt").read_text().endswith("P|3|350.60|15.00\nT|1|350.60\n")
    assert entries(root)["check", "client_given"]["effect"] == (
        "is in the report: plan B applies no check"
    )


def test_a_check_of_other_raw_data_says_nothing_of_this_one(tmp_path: Path) -> None:
    """The check was measured before the fourth payment came; then nothing could be curated."""
    root = project(tmp_path)
    drop(root, (*READ, "p2;;250.50;2026-03-02"))
    vouch(root, 4, "330.35")
    assert run_day(root, as_of=EARLY).code == 1
    drop(root, ("p3;c2;-20.25;2026-03-02",), suffix="_2")
    sent = run_day(root, as_of=DECIDED, env=NOT_CURATED)
    assert sent.code == 4, sent.out + sent.err
    assert set(entries(root)) == {("fault", "full report")}


def test_of_two_amounts_under_one_key_plan_b_says_that_one_is_left_out(tmp_path: Path) -> None:
    """Nothing was curated, so no rule has found it: plan B counts them itself."""
    root = project(tmp_path)
    drop(root, (*READ, "p1;c1;900.00;2026-03-02"))
    vouch(root, 3, "1000.10")
    sent = run_day(root, as_of=DECIDED, env=NOT_CURATED)
    assert sent.code == 4, sent.out + sent.err
    found = entries(root)
    one = "one row of each key is in the report; those that differ from it are not"
    assert found["duplicate", "payments"]["effect"] == one
    assert (found["check", "payments_conflicts"]["rows"], one) == ("1", one)
