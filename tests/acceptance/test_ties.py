"""
A tie of two reports is judged against what stands: this run's file, or the version that was sent.

Payments of DAY sum to 330.35 in both reports. A report whose file is held is no side of a tie, one
that is not owed is waited for by nobody, and two that must change together can.
"""

from __future__ import annotations

import base64
import json
import shutil
from pathlib import Path

import pytest
from support.small import DAY, ROWS, Ran, drop, puntual, run_day, vouch, write_project

LATER = "2026-03-03T06:00:00-06:00"
MONTH_END = "2026-03-31"
AFTER_MONTH_END = "2026-04-01T05:00:00-06:00"
TIE = """\
controls:
  - id: reports_tie
    kind: business
    tie:
      left: {report: by_client, sum: total}
      right: {report: payments_daily, sum: total}
"""
BY_CLIENT = {
    "reports/by_client/report.yaml": """\
title: Payments by client
institution: Small Bank
calendar: mx-test
cadence: business_day
due: {business_days_after: 1, time: "07:00"}
destinations: [{folder: out}]
ties: []
""",
    "reports/by_client/report.sql": """\
SELECT client_id, sum(amount) AS total FROM movements
WHERE reference_date = :reference_date GROUP BY client_id ORDER BY client_id
""",
    "reports/by_client/layout.yaml": """\
kind: delimited
file_name: "{report}_{reference_date:%Y%m%d}_v{version}.txt"
detail:
  - {name: client_id}
  - {name: total, scale: 2}
""",
}
SQL = BY_CLIENT["reports/by_client/report.sql"]
WITHOUT_C3 = SQL.replace(" GROUP BY", " AND client_id <> 'c3' GROUP BY")
MONTHLY = BY_CLIENT["reports/by_client/report.yaml"].replace("business_day\n", "month_end\n")
BOTH = f"puntual amend -r by_client -r payments_daily -d {DAY} --reason TEXT --yes"


def tied(root: Path, **files: str) -> Path:
    """Write the two tied reports and one right day; `files` replaces whole files."""
    write_project(root, **(BY_CLIENT | {"controls/controls.yaml": TIE} | files))
    drop(root)
    vouch(root, 4, "330.35")
    return root


def sent(root: Path) -> list[str]:
    """Return the names of the report files that the receiver has."""
    return sorted(p.name for p in (root / "out").glob("*.txt") if "notice" not in p.name)


def amend(root: Path, *reports: str, yes: bool = True) -> Ran:
    chosen = [word for name in reports for word in ("-r", name)]
    more = ("--reason", "a corrected file", "--yes") if yes else ()
    return puntual(root, "amend", *chosen, "-d", DAY, "--as-of", LATER, *more)


def tie_of(root: Path, day: str = DAY) -> dict[str, str]:
    """Return the states and the sides of the tie as the day's steps committed it."""
    controls = puntual(root, "reconcile", "-d", day, "--json").data["controls"]
    assert isinstance(controls, list)
    return {
        f"{c['left']['name']} = {c['right']['name']}": c["state"]
        for c in controls
        if c["id"] == "reports_tie"
    }


def stated(root: Path, package: str) -> list[dict[str, str]]:
    """Return what a package's statement says of the tie."""
    envelope = json.loads((root / "evidence" / package / "statement.dsse.json").read_text())
    checks = json.loads(base64.b64decode(envelope["payload"]))["predicate"]["checks"]
    return [c for c in checks if c["id"] == "reports_tie"]


def agrees(root: Path, day: str = DAY) -> None:
    """Replay the day to the same bytes, and verify its deliveries."""
    replayed = puntual(root, "replay", "-d", day)
    assert replayed.code == 0, replayed.out + replayed.err
    verified = puntual(root, "verify", "-d", day)
    assert verified.code == 0, verified.out + verified.err


@pytest.fixture(scope="module")
def delivered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both reports sent as v1, and a corrected file: 100.00 is 900.00, so 330.35 is 1,130.35."""
    root = tied(tmp_path_factory.mktemp("ties") / "bank")
    ran = run_day(root)
    assert ran.code == 0, ran.out + ran.err
    drop(root, (ROWS[0].replace("100.00", "900.00"), *ROWS[1:]))
    vouch(root, 4, "1130.35")
    assert run_day(root, as_of=LATER).code == 0
    return root


@pytest.fixture
def corrected(delivered: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(delivered, tmp_path / "bank"))


def test_a_file_that_was_held_is_no_side_of_a_tie(corrected: Path) -> None:
    """by_client v2 says 1,130.35 and is held against payments_daily v1; so is the other way."""
    first = amend(corrected, "by_client")
    assert (first.code, sent(corrected)) == (
        1,
        ["by_client_20260302_v1.txt", "payments_daily_20260302_v1.txt"],
    ), first.out + first.err
    second = amend(corrected, "payments_daily")
    assert (second.code, len(sent(corrected))) == (1, 2), second.out + second.err
    said = " ".join(second.out.split())
    assert "report by_client v1 = report payments_daily v2" in said
    assert "sum total 330.35 against 1,130.35" in said
    assert "by_client v1 is what was sent" in said
    assert BOTH in said


def test_two_reports_that_must_change_together_are_shown_first_and_sent_together(
    corrected: Path,
) -> None:
    assert (amend(corrected, "by_client").code, len(sent(corrected))) == (1, 2)
    shown = amend(corrected, "by_client", "payments_daily", yes=False)
    assert (shown.code, len(sent(corrected))) == (6, 2), shown.out + shown.err
    assert shown.out.count("(+800.00)") == 2
    done = amend(corrected, "by_client", "payments_daily")
    assert done.code == 0, done.out + done.err
    assert sent(corrected) == [
        *("by_client_20260302_v1.txt", "by_client_20260302_v2.txt"),
        *("payments_daily_20260302_v1.txt", "payments_daily_20260302_v2.txt"),
    ]
    assert tie_of(corrected) == {"report by_client v2 = report payments_daily v2": "matched"}
    (check,) = stated(corrected, "payments_daily_20260302_v2")
    assert (check["verdict"], check["expected"]) == (
        "pass",
        "report by_client v2 = report payments_daily v2",
    )
    agrees(corrected)


def test_of_two_reports_that_change_together_none_is_sent_where_one_is_held(
    corrected: Path,
) -> None:
    """by_client leaves c3 out as well, so that its v2 says 1,130.25 against 1,130.35."""
    (corrected / "reports/by_client/report.sql").write_text(WITHOUT_C3)
    held = amend(corrected, "by_client", "payments_daily")
    assert (held.code, len(sent(corrected))) == (1, 2), held.out + held.err
    assert "sum total 1,130.25 against 1,130.35" in held.out
    right = run_day(corrected, as_of=LATER)
    assert right.code == 0, right.out + right.err


def test_a_report_that_was_sent_wrong_is_amended_while_the_other_waits_for_it(
    tmp_path: Path,
) -> None:
    """by_client v1 lacks c3's 0.10 and is sent first; payments_daily is right, and held."""
    root = tied(tmp_path, **{"reports/by_client/report.sql": WITHOUT_C3})
    held = run_day(root)
    assert (held.code, sent(root)) == (1, ["by_client_20260302_v1.txt"])
    said = " ".join(held.out.split())
    assert (
        f"by_client v1 is what was sent; if it is wrong: puntual amend -r by_client -d {DAY}"
        in (said)
    )
    (root / "reports/by_client/report.sql").write_text(SQL)
    amended = amend(root, "by_client")
    assert amended.code == 0, amended.out + amended.err
    assert list(tie_of(root).values()) == ["not_due", "mismatched"]
    (check,) = stated(root, "by_client_20260302_v2")
    assert (check["code"], check["verdict"]) == ("R3005", "not_due")
    done = run_day(root, as_of=LATER)
    assert (done.code, sent(root)[-1]) == (0, "payments_daily_20260302_v1.txt"), done.out
    assert tie_of(root)["report by_client v2 = report payments_daily v1"] == "matched"
    agrees(root)


def test_a_version_that_was_tied_to_one_that_is_superseded_is_replayed_with_that_one(
    tmp_path: Path,
) -> None:
    """Late rows of 1.00 and -1.00 change by_client's lines and not its sum, so it goes alone."""
    root = tied(tmp_path)
    assert run_day(root).code == 0
    drop(root, ("p8;c1;1.00;2026-03-02", "p9;c9;-1.00;2026-03-02"), suffix="_2")
    vouch(root, 6, "330.35")
    amended = amend(root, "by_client")
    assert amended.code == 0, amended.out + amended.err
    assert tie_of(root) == {
        "report by_client v2 = report payments_daily v1": "matched",
        "report by_client v1 = report payments_daily v1": "matched",
    }
    agrees(root)


def test_a_tie_is_not_judged_on_a_date_on_which_one_of_the_reports_is_not_owed(
    tmp_path: Path,
) -> None:
    """payments_daily is owed every business day, by_client at the end of the month."""
    root = tied(tmp_path, **{"reports/by_client/report.yaml": MONTHLY})
    ran = run_day(root)
    assert (ran.code, sent(root)) == (0, ["payments_daily_20260302_v1.txt"]), ran.out + ran.err
    assert "read back; reports_tie not due" in ran.out
    assert tie_of(root) == {"report by_client = report payments_daily v1": "not_due"}
    shown = puntual(root, "reconcile", "-d", DAY)
    assert shown.code == 0, shown.out + shown.err
    assert "controls: 0 of 0 matched, 1 not due" in shown.out
    assert f"by_client is not owed for {DAY} (month end)" in shown.out
    (check,) = stated(root, "payments_daily_20260302_v1")
    assert (check["code"], check["verdict"]) == ("R3005", "not_due")
    skipped = puntual(root, "reconcile", "-d", DAY, "--format", "junit")
    assert (skipped.code, skipped.out.count("<skipped")) == (0, 1)
    agrees(root)


def test_a_tie_is_judged_on_the_dates_on_which_both_reports_are_owed(tmp_path: Path) -> None:
    root = tied(tmp_path, **{"reports/by_client/report.yaml": MONTHLY})
    drop(root, tuple(r.replace(DAY, MONTH_END) for r in ROWS), day=MONTH_END)
    vouch(root, 4, "330.35", day=MONTH_END)
    ran = run_day(root, day=MONTH_END, as_of=AFTER_MONTH_END)
    assert (ran.code, len(sent(root))) == (0, 2), ran.out + ran.err
    said = tie_of(root, MONTH_END)
    assert said == {"report by_client v1 = report payments_daily v1": "matched"}
    agrees(root, MONTH_END)


def test_a_tie_that_does_not_agree_holds_on_the_date_on_which_both_are_owed(
    tmp_path: Path,
) -> None:
    files = {"reports/by_client/report.yaml": MONTHLY, "reports/by_client/report.sql": WITHOUT_C3}
    root = tied(tmp_path, **files)
    drop(root, tuple(r.replace(DAY, MONTH_END) for r in ROWS), day=MONTH_END)
    vouch(root, 4, "330.35", day=MONTH_END)
    ran = run_day(root, day=MONTH_END, as_of=AFTER_MONTH_END)
    assert (ran.code, sent(root)) == (1, ["by_client_20260331_v1.txt"]), ran.out + ran.err


@pytest.mark.parametrize("report", ["by_client", "payments_daily"])
def test_one_of_two_tied_reports_alone_is_held_and_says_that_the_other_is_to_be_made(
    tmp_path: Path, report: str
) -> None:
    root = tied(tmp_path)
    alone = run_day(root, "-r", report)
    said = " ".join(alone.out.split())
    assert (alone.code, sent(root)) == (1, []), said
    other = {"by_client": "payments_daily", "payments_daily": "by_client"}[report]
    assert f"no version of {other} was sent for this day" in said
    assert f"puntual run -d {DAY} (without -r) makes both" in said
    whole = run_day(root)
    assert (whole.code, len(sent(root))) == (0, 2), whole.out + whole.err
    agrees(root)


def test_a_report_beside_one_whose_file_is_held_in_the_same_run_waits_for_it(
    tmp_path: Path,
) -> None:
    """by_client's file cannot hold `c1` in its width of one, so there is nothing to tie to."""
    narrow = """\
kind: fixed
file_name: "{report}_{reference_date:%Y%m%d}_v{version}.txt"
detail:
  - {name: client_id, width: 1}
  - {name: total, scale: 2, width: 20}
"""
    root = tied(tmp_path, **{"reports/by_client/layout.yaml": narrow})
    ran = run_day(root)
    said = " ".join(ran.out.split())
    assert (ran.code, sent(root)) == (1, []), said
    assert "no version of by_client was sent for this day" in said
    layout = BY_CLIENT["reports/by_client/layout.yaml"]
    (root / "reports/by_client/layout.yaml").write_text(layout)
    repaired = run_day(root)
    assert (repaired.code, len(sent(root))) == (0, 2), repaired.out + repaired.err


def test_tied_reports_that_wait_for_people_are_sent_together_when_both_are_signed(
    tmp_path: Path,
) -> None:
    """Every full delivery needs one approver: both v1 wait, and the tie was judged between them."""
    root = tied(tmp_path)
    assert puntual(root, "key", "create", "luis", "--role", "approver").code == 0
    assert puntual(root, "key", "require", "--full", "1").code == 0
    waits = run_day(root)
    assert (waits.code, sent(root)) == (6, []), waits.out + waits.err
    for report in ("by_client", "payments_daily"):
        signed = puntual(root, "key", "sign", "-r", report, "-d", DAY, "--name", "luis")
        assert signed.code == 0, signed.out + signed.err
    done = puntual(root, "deliver", "-d", DAY, "--as-of", LATER)
    assert (done.code, len(sent(root))) == (0, 2), done.out + done.err
    assert tie_of(root) == {"report by_client v1 = report payments_daily v1": "matched"}
    agrees(root)


def test_the_last_of_two_tied_reports_may_be_signed_and_sent_first(tmp_path: Path) -> None:
    root = tied(tmp_path)
    assert puntual(root, "key", "create", "luis", "--role", "approver").code == 0
    assert puntual(root, "key", "require", "--full", "1").code == 0
    assert run_day(root).code == 6
    for report in ("payments_daily", "by_client"):
        signed = puntual(root, "key", "sign", "-r", report, "-d", DAY, "--name", "luis")
        assert signed.code == 0, signed.out + signed.err
        one = puntual(root, "deliver", "-r", report, "-d", DAY, "--as-of", LATER)
        assert (one.code, sent(root)[-1][:9]) == (0, "payments_"), one.out + one.err
    assert len(sent(root)) == 2
    agrees(root)
