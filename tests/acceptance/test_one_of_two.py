"""
What stops one report stops that report: the other is made and sent, in full.

`by_client` comes before `payments_daily`; both are owed for DAY, and nothing is missing.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from acceptance.test_ties import BY_CLIENT
from support.partial import approve, partial_project, send_cards, send_payments
from support.small import DAY, Ran, drop, puntual, run_day, vouch, write_project

EARLY, DECIDED = "2026-03-03T05:00:00-06:00", "2026-03-03T06:50:00-06:00"
LATER = "2026-03-03T09:00:00-06:00"
ELSEWHERE = BY_CLIENT["reports/by_client/report.yaml"].replace("folder: out", "folder: portal")
WRONG_SQL = BY_CLIENT["reports/by_client/report.sql"].replace(
    "SELECT client_id,", "SELECT CAST(CAST(client_id AS INTEGER) AS VARCHAR) AS client_id,"
)
NOT_CURATED = {"PUNTUAL_FAILPOINTS": "curate.written=raise:PermanentError"}


def two(root: Path, **files: str) -> Path:
    """Write the two reports and one right day."""
    write_project(root, **(BY_CLIENT | files))
    drop(root)
    vouch(root, 4, "330.35")
    return root


def with_policy(root: Path, **files: str) -> Path:
    """Write both reports, one of them with an approved policy that has a plan B, and a day."""
    partial_project(root)
    for name, text in (BY_CLIENT | files).items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    approve(root)
    send_payments(root)
    send_cards(root)
    return root


def standing(root: Path, at: str = LATER) -> dict[str, tuple[str, str, int]]:
    """Return state, completeness and version of each report of DAY, the newest version."""
    found = puntual(root, "status", "--as-of", at, "--all", "--json").data["deliveries"]
    assert isinstance(found, list)
    return {
        d["report"]: (d["state"], d["completeness"] or "", d["version"])
        for d in sorted(found, key=lambda d: int(d["version"]))
        if d["reference_date"] == DAY
    }


def notices(root: Path) -> set[tuple[str, str]]:
    found = puntual(root, "notices", "--json").data["notices"]
    assert isinstance(found, list)
    return {(n["obligation"].partition("/")[0], n["cause"]) for n in found if not n["resolved_at"]}


def sent_in_full(root: Path, ran: Ran, code: str) -> None:
    """The second report is sent in full, the first one's fault is told of it alone."""
    assert ran.code == 3, ran.out + ran.err
    assert code in ran.err
    assert standing(root)["payments_daily"] == ("sent", "full", 1)
    assert notices(root) == {("by_client", code)}
    explained = puntual(root, "explain", "payments_daily", "-d", DAY, "--as-of", LATER)
    assert code not in explained.out


def test_a_receiver_that_is_down_keeps_no_other_report_waiting(tmp_path: Path) -> None:
    root = two(tmp_path, **{"reports/by_client/report.yaml": ELSEWHERE})
    (root / "portal").write_text("no folder")
    sent_in_full(root, run_day(root, as_of=EARLY), "D1001")
    assert standing(root)["by_client"] == ("ready", "full", 1)

    (root / "portal").unlink()
    again = run_day(root, as_of=LATER)
    assert again.code == 5, again.out + again.err
    assert standing(root)["by_client"] == ("sent", "full", 1)
    assert notices(root) == set()


def test_a_report_whose_sql_fails_keeps_no_other_report_waiting(tmp_path: Path) -> None:
    root = two(tmp_path, **{"reports/by_client/report.sql": WRONG_SQL})
    sent_in_full(root, run_day(root, as_of=EARLY), "Q1001")


@pytest.mark.parametrize("at", [DECIDED, LATER])
def test_plan_b_takes_no_place_of_a_full_report_because_another_one_fails(
    tmp_path: Path, at: str
) -> None:
    root = with_policy(tmp_path, **{"reports/by_client/report.yaml": ELSEWHERE})
    (root / "portal").write_text("no folder")
    ran = run_day(root, as_of=at)
    assert "plan B, by the policy" not in ran.out
    sent_in_full(root, ran, "D1001")


def test_plan_b_is_not_for_a_full_report_that_is_made_and_cannot_be_handed_over(
    tmp_path: Path,
) -> None:
    root = with_policy(tmp_path)
    report = root / "reports/payments_daily/report.yaml"
    report.write_text(report.read_text().replace("folder: out", "folder: portal"))
    (root / "portal").write_text("no folder")
    ran = run_day(root, as_of=DECIDED)
    assert ran.code == 3, ran.out + ran.err
    assert standing(root)["payments_daily"] == ("ready", "full", 1)
    assert standing(root)["by_client"] == ("sent", "full", 1)


def test_the_first_run_that_can_completes_what_was_sent_by_plan_b(tmp_path: Path) -> None:
    root = with_policy(tmp_path)
    failed = run_day(root, as_of=DECIDED, env=NOT_CURATED)
    assert failed.code == 3, failed.out + failed.err
    assert standing(root)["payments_daily"] == ("sent", "emergency", 1)
    assert standing(root)["by_client"][0] != "sent"

    again = run_day(root, as_of=LATER)
    assert standing(root) == {
        "by_client": ("sent", "full", 1),
        "payments_daily": ("sent", "full", 2),
    }
    assert again.code == 5, again.out + again.err
    assert notices(root) == set()


def test_what_one_report_lacks_for_completion_does_not_wait_for_another_ones_receiver(
    tmp_path: Path,
) -> None:
    root = with_policy(tmp_path, **{"reports/by_client/report.yaml": ELSEWHERE})
    (root / "portal").write_text("no folder")
    run_day(root, as_of=DECIDED, env=NOT_CURATED)
    assert standing(root)["payments_daily"] == ("sent", "emergency", 1)
    assert run_day(root, as_of=LATER).code == 3
    assert standing(root)["payments_daily"] == ("sent", "full", 2)
