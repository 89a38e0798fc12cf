"""`puntual status` knows what is owed before anything ran, and says what nobody ran."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from support.small import CALENDAR, REPORT, Ran, good_day, puntual, run_day, write_project

MONDAY = "2026-03-09T09:00:00-06:00"
"""DAY, Monday 2 March, was delivered on the 3rd; since then nobody was there."""

ENDED = CALENDAR.replace('"2026-12-31"', '"2026-03-06"')


@pytest.fixture(scope="module")
def delivered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = good_day(tmp_path_factory.mktemp("delivered"))
    assert run_day(root).code == 0
    return root


@pytest.fixture
def root(delivered: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(delivered, tmp_path / "project"))


def owed(root: Path, as_of: str) -> list[tuple[str, str, str]]:
    """Return reference date, state and timeliness of what is owed and was not run."""
    rows: list[dict[str, Any]] = json.loads(_status(root, as_of, "--json").out)["data"]["owed"]
    return [(row["reference_date"], row["state"], row["timeliness"]) for row in rows]


def _status(root: Path, as_of: str, *more: str) -> Ran:
    done = puntual(root, "status", "--as-of", as_of, *more)
    assert done.code == 0, done.out + done.err
    return done


def test_a_day_on_which_nothing_ran_shows_as_missed(delivered: Path) -> None:
    assert owed(delivered, MONDAY) == [
        ("2026-03-03", "scheduled", "missed"),
        ("2026-03-04", "scheduled", "missed"),
        ("2026-03-05", "scheduled", "missed"),
        ("2026-03-06", "scheduled", "missed"),
        ("2026-03-09", "scheduled", "on_time"),
        ("2026-03-10", "scheduled", "on_time"),
        ("2026-03-11", "scheduled", "on_time"),
        ("2026-03-12", "scheduled", "on_time"),
        ("2026-03-13", "scheduled", "on_time"),
    ]
    assert not json.loads(_status(delivered, MONDAY, "--json").out)["ok"]


def test_what_was_missed_comes_first_and_only_the_newest_are_told_one_by_one(
    delivered: Path,
) -> None:
    lines = _status(delivered, MONDAY).out.splitlines()
    assert lines[:2] == [
        " ✕ payments_daily  2026-03-06 v1  scheduled  missed  due 2026-03-09 07:00 CST "
        "(2 h 00 min ago)",
        "   nothing was run for it        next: puntual run -d 2026-03-06",
    ]
    assert lines[6] == "   and 1 more missed, back to 2026-03-03: puntual status --all"
    assert lines[7].startswith(" ● payments_daily  2026-03-02 v1  sent")
    assert lines[8].startswith(" ○ payments_daily  2026-03-09 v1  scheduled  due 2026-03-10 07:00")
    assert _status(delivered, MONDAY, "--all").out.count("missed") == 4


def test_a_new_project_has_deliveries_that_are_scheduled_and_none_that_was_missed(
    tmp_path: Path,
) -> None:
    write_project(tmp_path)
    assert {row[2] for row in owed(tmp_path, MONDAY)} == {"on_time"}
    assert owed(tmp_path, MONDAY)[0] == ("2026-03-09", "scheduled", "on_time")


def test_from_the_day_that_is_declared_on_nothing_is_missed_unseen(tmp_path: Path) -> None:
    declared = 'owed_from: "2026-03-05"\ncadence: business_day\n' + REPORT
    write_project(tmp_path, **{"reports/payments_daily/report.yaml": declared})
    assert owed(tmp_path, MONDAY)[:3] == [
        ("2026-03-05", "scheduled", "missed"),
        ("2026-03-06", "scheduled", "missed"),
        ("2026-03-09", "scheduled", "on_time"),
    ]


def test_a_monthly_report_is_owed_for_the_last_day_of_the_month(root: Path) -> None:
    path = root / "reports/payments_daily/report.yaml"
    path.write_text("cadence: calendar_month_end\n" + REPORT, encoding="utf-8")
    assert owed(root, "2026-05-29T09:00:00-06:00") == [
        ("2026-03-31", "scheduled", "missed"),
        ("2026-04-30", "scheduled", "missed"),
        ("2026-05-31", "scheduled", "on_time"),
    ]
    refused = run_day(root, day="2026-03-30")
    assert refused.code == 2
    assert "P1003" in refused.err
    assert "not a calendar month end of mx-test" in refused.err


def test_what_is_kept_of_the_calendar_is_made_again_when_a_file_changes(root: Path) -> None:
    assert len(owed(root, MONDAY)) == 9
    kept = root / ".puntual/owed.json"
    assert kept.is_file()
    day = 'holidays:\n  - {date: "2026-03-10", name: closed}'
    closed = CALENDAR.replace("holidays: []", day)
    (root / "calendars/mx-test.yaml").write_text(closed, encoding="utf-8")
    assert "2026-03-10" not in {row[0] for row in owed(root, MONDAY)}
    kept.write_text("{", encoding="utf-8")
    assert "2026-03-10" not in {row[0] for row in owed(root, MONDAY)}


def test_a_calendar_that_is_wrong_hides_no_delivery(root: Path) -> None:
    (root / "calendars/mx-test.yaml").write_text("weekend: [9]\n", encoding="utf-8")
    said = _status(root, MONDAY).out
    assert "! what is owed is not shown: C1000" in said
    assert " ● payments_daily  2026-03-02 v1  sent" in said


@pytest.mark.row("f18")
def test_check_refuses_a_calendar_that_has_ended_with_its_place_and_what_to_do(
    tmp_path: Path,
) -> None:
    write_project(tmp_path, **{"calendars/mx-test.yaml": ENDED})
    right = puntual(tmp_path, "check", "--as-of", "2026-03-05T09:00:00-06:00")
    assert right.code == 0, right.out
    wrong = puntual(tmp_path, "check", "--as-of", "2026-03-06T09:00:00-06:00")
    assert wrong.code == 2
    line = 1 + ENDED.splitlines().index('valid_until: "2026-03-06"')
    assert f"calendars/mx-test.yaml:{line}:14  C1502" in wrong.out
    assert "puntual calendar refresh mx-test" in wrong.out


@pytest.mark.row("f18")
def test_doctor_warns_before_a_due_date_runs_past_the_calendar(tmp_path: Path) -> None:
    write_project(tmp_path, **{"calendars/mx-test.yaml": ENDED})
    told = puntual(tmp_path, "doctor", "--as-of", "2026-02-20T09:00:00-06:00", "--json")
    answers = {a["about"]: a for a in json.loads(told.out)["data"]["answers"]}
    assert answers["report payments_daily"]["level"] == "warn"
    assert (
        "after 2026-03-05 it is not known when it is due"
        in (answers["report payments_daily"]["sentence"])
    )
    early = puntual(tmp_path, "doctor", "--as-of", "2026-01-05T09:00:00-06:00", "--json")
    answers = {a["about"]: a for a in json.loads(early.out)["data"]["answers"]}
    assert answers["report payments_daily"]["level"] == "ok"
