"""`check`, `plan` and `run` on the times of a project: what may be late is said beforehand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.small import DAY, REPORT, SETTINGS, good_day, puntual, run_day, write_project

LONG = "run:\n  steps:\n    every: {retries: 9}\n    load: {timeout: 30 min}\n"


def planned(root: Path, *more: str) -> dict[str, Any]:
    """Return the one day of `puntual plan --json`."""
    done = puntual(root, "plan", "-d", DAY, "--json", *more)
    assert done.code == 0, done.err
    (day,) = json.loads(done.out)["data"]["days"]
    assert isinstance(day, dict)
    return day


@pytest.mark.row("f62")
def test_check_refuses_a_project_that_may_be_late_and_says_which_budget_fits(
    tmp_path: Path,
) -> None:
    write_project(tmp_path, **{"puntual.yaml": SETTINGS + LONG})
    checked = puntual(tmp_path, "check")
    assert checked.code == 2
    assert checked.out.splitlines()[:3] == [
        "reports/payments_daily/report.yaml:4:37  C1601  'payments_daily' may be late: expected at"
        " most 4 h 45 min (2026-01-02 02:00 CST to 15 min before 2026-01-02 07:00 CST), observed a"
        " worst case of 11 h 12 min 45 s",
        '     4 │ due: {business_days_after: 1, time: "07:00"}',
        "       │                                     ^^^^^^^ the largest retry budget that fits is"
        " `retries: 3` for every step; or start earlier (run.starts), or plan less time"
        " (run.steps)",
    ]
    assert "1 errors, 0 warnings" in checked.out


def test_with_the_budget_that_check_names_it_is_accepted(tmp_path: Path) -> None:
    fits = LONG.replace("retries: 9", "retries: 3")
    write_project(tmp_path, **{"puntual.yaml": SETTINGS + fits})
    assert puntual(tmp_path, "check").code == 0
    over = LONG.replace("retries: 9", "retries: 4")
    write_project(tmp_path, **{"puntual.yaml": SETTINGS + over})
    assert puntual(tmp_path, "check").code == 2


@pytest.mark.parametrize(
    ("run", "said"),
    [
        ("run: {steps: {every: {timeout: 1 h}}}\n", "a timeout of at most 1703 s for every step"),
        ('run: {starts: "06:50"}\n', "no retry budget and no timeout fits: start earlier"),
    ],
    ids=["no-budget", "no-timeout"],
)
def test_check_says_what_else_would_fit(tmp_path: Path, run: str, said: str) -> None:
    write_project(tmp_path, **{"puntual.yaml": SETTINGS + run})
    answer = json.loads(puntual(tmp_path, "check", "--json").out)
    (complaint,) = answer["data"]["complaints"]
    assert (answer["ok"], complaint["code"], complaint["line"]) == (False, "C1601", 4)
    assert said in complaint["hint"]


def test_run_refuses_it_too_and_nothing_ran(tmp_path: Path) -> None:
    good_day(tmp_path)
    (tmp_path / "puntual.yaml").write_text(SETTINGS + LONG, encoding="utf-8")
    done = run_day(tmp_path)
    assert done.code == 2
    assert "C1601" in done.err
    assert not (tmp_path / ".puntual").exists()


def test_plan_still_explains_it(tmp_path: Path) -> None:
    write_project(tmp_path, **{"puntual.yaml": SETTINGS + LONG})
    shown = puntual(tmp_path, "plan", "-d", DAY)
    assert shown.code == 0
    assert "✕ payments_daily: due 2026-03-03 07:00 CST; delivered by" in shown.out
    assert "after the limit (15 min before it is due)" in shown.out
    assert "next: puntual check says what fits" in shown.out


def test_plan_says_of_each_step_how_long_it_may_take_and_when_all_has_ended(
    tmp_path: Path,
) -> None:
    write_project(tmp_path)
    shown = puntual(tmp_path, "plan", "-d", DAY).out
    assert "○ land:payments                3 × 5 min, 15 min 30 s     Keep the files" in shown
    assert "starts 2026-03-03 02:00 CST; at worst all has ended 1 h 20 min 25 s later" in shown
    assert (
        "○ payments_daily: due 2026-03-03 07:00 CST; delivered by 03:20:25 at worst,"
        " 3 h 24 min 35 s before the limit (15 min before it is due)"
    ) in shown


def test_plan_gives_the_same_in_json_with_exact_numbers_as_text(tmp_path: Path) -> None:
    write_project(tmp_path)
    day = planned(tmp_path)
    assert day["starts_at"] == "2026-03-03T08:00:00+00:00"
    assert day["worst_case_seconds"] == "4825"
    assert day["steps"][0] | {"does": ""} == {
        "step": "land:payments",
        "does": "",
        "committed_before": False,
        "timeout_seconds": "300",
        "retries": "2",
        "worst_case_seconds": "930",
    }
    assert day["reports"] == [
        {
            "report": "payments_daily",
            "due_at": "2026-03-03T13:00:00+00:00",
            "margin_seconds": "900",
            "worst_case_seconds": "4825",
            "plan_b_seconds": "0",
            "slack_seconds": str(5 * 3600 - 900 - 4825),
        }
    ]
    steps = sum(int(step["worst_case_seconds"]) for step in day["steps"])
    assert int(day["worst_case_seconds"]) == steps + 65


@pytest.mark.parametrize(
    ("after", "starts", "warned"),
    [(1, "02:00", False), (0, "02:00", True), (0, "14:00", True), (1, "00:00", False)],
)
def test_check_warns_of_a_run_that_starts_before_its_day_is_over(
    tmp_path: Path, after: int, starts: str, warned: bool
) -> None:
    due = f'due: {{business_days_after: {after}, time: "20:00"}}'
    report = REPORT.replace('due: {business_days_after: 1, time: "07:00"}', due)
    run = f'run: {{starts: "{starts}"}}\n'
    files = {"puntual.yaml": SETTINGS + run, "reports/payments_daily/report.yaml": report}
    write_project(tmp_path, **files)
    checked = puntual(tmp_path, "check")
    assert checked.code == 0, checked.out
    said = (
        "reports/payments_daily/report.yaml:4:28  C1607  warning: the run of 'payments_daily' for "
        f"2026-01-01 starts at 2026-01-01 {starts} CST, before that day is over: what comes later "
        "in it is not in the report"
    )
    assert (said in checked.out, "C1607" in checked.out) == (warned, warned), checked.out


def test_check_warns_of_a_start_that_some_day_does_not_have(tmp_path: Path) -> None:
    calendar = (
        'source: "A test"\npublished: "2025-12-01"\nvalid_from: "2026-01-01"\n'
        'valid_until: "2026-12-31"\nweekend: []\nholidays: []\n'
    )
    settings = SETTINGS.replace("America/Mexico_City", "America/Tijuana")
    files = {"calendars/mx-test.yaml": calendar, "reports/payments_daily/report.yaml": REPORT}
    write_project(tmp_path, **files, **{"puntual.yaml": settings})
    checked = puntual(tmp_path, "check")
    assert checked.code == 0, checked.out
    assert (
        "puntual.yaml:2:12  C1602  warning: 02:00 does not exist in America/Tijuana on 2026-03-08"
    ) in checked.out
    write_project(tmp_path, **files, **{"puntual.yaml": settings + 'run: {starts: "02:30"}\n'})
    assert "puntual.yaml:18:15  C1602  warning: 02:30" in puntual(tmp_path, "check").out
    write_project(tmp_path, **files, **{"puntual.yaml": settings + 'run: {starts: "01:30"}\n'})
    assert "C1602" not in puntual(tmp_path, "check").out
