"""What stands in the way is said by every command, with the right thing to do about it."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.small import (
    AS_OF,
    DAY,
    MODEL,
    REPORT,
    REPORT_SQL,
    SETTINGS,
    digests,
    drop,
    good_day,
    only_delivery,
    puntual,
    run_day,
    vouch,
    write_project,
)

AFTER = "2026-03-03T08:00:00-06:00"
DATABASE = SETTINGS.replace(
    'kind: files\n    path: "inbox/payments_{reference_date:%Y%m%d}*.csv"\n'
    "    complete: {marker: .ok}\n"
    '    control: {file: "control/payments_{reference_date:%Y%m%d}.json"}',
    "kind: database\n    connection: sqlite:data/core.db\n"
    "    query: SELECT * FROM payments WHERE paid_on = :reference_date\n    control: snapshot",
)


def _day_with(root: Path, **files: str) -> Path:
    write_project(root, **files)
    drop(root)
    vouch(root, 4, "330.35")
    return root


@pytest.fixture
def too_narrow(tmp_path: Path) -> Path:
    fixed = """\
kind: fixed
file_name: "{report}_{reference_date:%Y%m%d}_v{version}.txt"
detail:
  - {name: kind, width: 1}
  - {name: payments, width: 4, align: right}
  - {name: total, width: 3, align: right, scale: 2}
"""
    return _day_with(tmp_path, **{"reports/payments_daily/layout.yaml": fixed})


@pytest.fixture
def not_tied(tmp_path: Path) -> Path:
    """The report's SQL loses the refunds; the tie to the warehouse does not hold."""
    sql = REPORT_SQL.replace("GROUP BY", "AND NOT refund GROUP BY")
    return _day_with(tmp_path, **{"reports/payments_daily/report.sql": sql})


def _report_line(out: str) -> str:
    (line,) = [found for found in out.splitlines() if found.startswith("  report ")]
    return line


def test_a_file_that_does_not_fit_is_said_by_every_command(too_narrow: Path) -> None:
    ran = run_day(too_narrow)
    assert ran.code == 1, ran.out + ran.err
    line = _report_line(ran.out)
    assert "◐" in line
    assert "not made" in line
    assert "L3001" in line
    assert "read back" not in line
    exceptions = puntual(too_narrow, "exceptions", "-d", DAY)
    assert exceptions.code == 1
    assert "L3001" in exceptions.out
    assert "holds the delivery" in exceptions.out
    why = puntual(too_narrow, "explain", "payments_daily", "-d", DAY)
    assert why.code == 1
    assert "correct the report or its layout" in why.out
    assert "repair the source" not in why.out


def test_a_file_that_does_not_tie_is_said_by_every_command(not_tied: Path) -> None:
    ran = run_day(not_tied)
    assert ran.code == 1, ran.out + ran.err
    assert "R2001" in _report_line(ran.out)
    assert "held" in _report_line(ran.out)
    exceptions = puntual(not_tied, "exceptions", "-d", DAY, "--json")
    assert exceptions.code == 1
    assert json.loads(exceptions.out)["ok"] is False
    assert "R2001" in exceptions.out
    reconciled = puntual(not_tied, "reconcile", "-d", DAY, "--json")
    assert (reconciled.code, json.loads(reconciled.out)["ok"]) == (1, False)
    why = puntual(not_tied, "explain", "payments_daily", "-d", DAY)
    assert "correct the data or the control" in why.out


def test_a_file_of_an_earlier_decision_is_no_exception_of_a_later_hold(not_tied: Path) -> None:
    run_day(not_tied)
    controls = not_tied / "controls" / "controls.yaml"
    controls.write_text(controls.read_text().replace("THEN 0 ELSE", "THEN 7 ELSE"))
    assert run_day(not_tied).code == 1
    told = puntual(not_tied, "exceptions", "-d", DAY)
    assert "R3001" in told.out
    assert "file payments_daily" not in told.out


def test_an_absent_source_is_still_to_be_repaired(tmp_path: Path) -> None:
    write_project(tmp_path)
    run_day(tmp_path)
    why = puntual(tmp_path, "explain", "payments_daily", "-d", DAY)
    assert "repair the source, then" in why.out


def test_status_tells_the_time_by_its_own_clock(tmp_path: Path) -> None:
    write_project(tmp_path)
    assert run_day(tmp_path).code == 1
    assert "on time" in puntual(tmp_path, "status", "--as-of", AS_OF).out
    late = puntual(tmp_path, "status", "--as-of", AFTER)
    assert "missed" in late.out
    assert "on time" not in late.out
    told = puntual(tmp_path, "status", "--as-of", AFTER, "--json")
    assert only_delivery(told)["timeliness"] == "missed"


def test_what_was_sent_on_time_stays_on_time(tmp_path: Path) -> None:
    assert run_day(good_day(tmp_path)).code == 0
    assert "on time" in puntual(tmp_path, "status", "--as-of", AFTER).out


def test_a_source_that_does_not_answer_is_on_record(tmp_path: Path) -> None:
    csv = '{property: puntual.format, value: {type: csv, delimiter: ";"}}'
    write_project(tmp_path)
    contract = tmp_path / "contracts" / "payments.odcs.yaml"
    contract.write_text(
        contract.read_text().replace(csv, "{property: puntual.format, value: {type: parquet}}")
    )
    (tmp_path / "puntual.yaml").write_text(DATABASE)
    ran = run_day(tmp_path)
    assert ran.code == 3, ran.out + ran.err
    early, _, told = ran.err.partition("\n")
    code = told.split()[0]
    assert early.startswith(f"puntual: warning: source payments: {code} "), ran.err
    found = only_delivery(puntual(tmp_path, "status", "--as-of", AS_OF, "--json"))
    assert (found["state"], found["completeness"]) == ("collecting", None)
    assert [r["code"] for r in found["reasons"]] == [code]
    assert code in puntual(tmp_path, "status", "--as-of", AS_OF).out
    why = puntual(tmp_path, "explain", "payments_daily", "-d", DAY)
    assert why.code == 1
    assert code in why.out
    assert f"puntual run -d {DAY} again" in why.out


def test_a_destination_that_refuses_is_on_record_until_it_does_not(tmp_path: Path) -> None:
    good_day(tmp_path)
    (tmp_path / "out").write_text("a file in place of the folder")
    assert run_day(tmp_path).code == 3
    why = puntual(tmp_path, "explain", "payments_daily", "-d", DAY)
    assert (why.code, "D1001" in why.out) == (1, True)
    (tmp_path / "out").unlink()
    assert run_day(tmp_path).code == 0
    assert puntual(tmp_path, "explain", "payments_daily", "-d", DAY).code == 0


@pytest.mark.row("f77")
def test_a_delivered_file_that_was_changed_is_said(tmp_path: Path) -> None:
    assert run_day(good_day(tmp_path)).code == 0
    assert puntual(tmp_path, "verify", "-d", DAY).code == 0
    (file,) = (tmp_path / "out").glob("*.txt")
    file.write_bytes(file.read_bytes() + b"\n")
    told = puntual(tmp_path, "verify", "-d", DAY)
    assert (told.code, "D1003" in told.out) == (1, True)
    again = run_day(tmp_path)
    assert (again.code, "D1003" in again.err) == (3, True)
    asked = run_day(tmp_path, "--json")
    assert (asked.code, json.loads(asked.out)["ok"]) == (3, False)


def test_a_delivered_file_that_is_gone_is_said_and_other_days_still_run(tmp_path: Path) -> None:
    assert run_day(good_day(tmp_path)).code == 0
    (file,) = (tmp_path / "out").glob("*.txt")
    file.unlink()
    assert "D1003" in puntual(tmp_path, "verify", "-d", DAY).out
    rows = tuple(f"q{n};c1;1.00;2026-03-03" for n in range(3))
    drop(tmp_path, rows, day="2026-03-03")
    vouch(tmp_path, 3, "3.00", day="2026-03-03")
    both = run_day(tmp_path, day=f"{DAY}..2026-03-03")
    assert both.code == 3
    assert [p.name for p in (tmp_path / "out").glob("*.txt")] == ["payments_daily_20260303_v1.txt"]


def test_every_destination_is_looked_at(tmp_path: Path) -> None:
    report = REPORT.replace("[{folder: out}]", "[{folder: out}, {folder: copies/here}]")
    _day_with(tmp_path, **{"reports/payments_daily/report.yaml": report})
    assert run_day(tmp_path).code == 0
    (file,) = (tmp_path / "copies" / "here").glob("*.txt")
    file.unlink()
    told = puntual(tmp_path, "verify", "-d", DAY)
    assert (told.code, "copies/here" in told.out) == (1, True)


def test_a_folder_that_cannot_be_made_is_no_bug(tmp_path: Path) -> None:
    good_day(tmp_path / "project")
    (tmp_path / "project" / ".puntual").write_text("in the way")
    ran = run_day(tmp_path / "project")
    assert (ran.code, ran.err.split()[0]) == (3, "T1002"), ran.err
    made = puntual(tmp_path, "init", str(tmp_path / "project" / "puntual.yaml" / "new"))
    assert (made.code, made.err.split()[0]) == (3, "T1002"), made.err


def test_a_day_for_which_nothing_is_owed_is_refused(tmp_path: Path) -> None:
    good_day(tmp_path)
    ran = run_day(tmp_path, day="2026-03-01")
    assert (ran.code, ran.err.split()[0]) == (2, "P1003")
    assert "mx-test" in ran.err
    assert not (tmp_path / ".puntual").exists()
    assert run_day(tmp_path, "--dry-run", day="2026-03-01").code == 2
    assert run_day(tmp_path, day="2026-02-28..2026-03-02").code == 0


def test_a_report_is_not_suggested_for_itself(tmp_path: Path) -> None:
    run_day(good_day(tmp_path))
    asked = puntual(tmp_path, "explain", "payments_daily", "-d", "2026-03-07")  # a Saturday
    assert "did you mean" not in asked.err
    assert "puntual run -d 2026-03-07" in asked.err
    owed = puntual(tmp_path, "explain", "payments_daily", "-d", "2026-03-03")  # missed long ago
    assert (owed.code, "it is missed" in owed.out, "run -d 2026-03-03" in owed.out) == (
        1,
        True,
        True,
    )
    assert "did you mean" in puntual(tmp_path, "explain", "payments_daly", "-d", DAY).err


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM nothing_here",
        "DELETE FROM movements",
        "COPY movements TO '/tmp/x.csv'",
        "SELEC 1",
        "SELECT 1; SELECT 2",
    ],
)
def test_wrong_sql_is_a_wrong_call(tmp_path: Path, sql: str) -> None:
    run_day(good_day(tmp_path))
    asked = puntual(tmp_path, "query", sql)
    assert asked.code == 2, asked.err


def test_numbers_are_printed_without_exponent(tmp_path: Path) -> None:
    run_day(good_day(tmp_path))
    asked = puntual(tmp_path, "query", "SELECT 0.0000000::DECIMAL(18,7) AS none", "--json")
    assert asked.data["rows"] == [["0.0000000"]]


def test_a_package_is_found_in_the_project(tmp_path: Path) -> None:
    run_day(good_day(tmp_path))
    (pack,) = (tmp_path / "evidence").iterdir()
    told = puntual(tmp_path, "verify", f"evidence/{pack.name}")
    assert (told.code, "VERIFIED at L2" in told.out) == (0, True), told.err


@pytest.mark.row("h18")
@pytest.mark.parametrize("harm", ["gone", "unreadable"])
def test_a_package_holds_at_level_1_without_the_projects_state(tmp_path: Path, harm: str) -> None:
    run_day(good_day(tmp_path))
    (pack,) = (tmp_path / "evidence").iterdir()
    state = tmp_path / ".puntual" / "state.db"
    for file in state.parent.glob("state.db*"):
        file.unlink()
    shutil.rmtree(state.with_name("state.commits"))  # from which it would be made again
    if harm == "unreadable":
        state.touch()
        state.with_name("state.db-journal").mkdir()
    told = puntual(tmp_path, "verify", str(pack))
    assert (told.code, "VERIFIED at L1" in told.out) == (0, True), told.out + told.err
    assert "level 2 was not asked" in told.out
    altered = tmp_path / "altered"
    shutil.copytree(pack, altered)
    (report,) = altered.glob("payments_daily_*.txt")
    report.write_bytes(b"x")
    assert puntual(tmp_path, "verify", str(altered)).code == 1


@pytest.mark.row("f51")
def test_a_float_literal_is_found_by_check(tmp_path: Path) -> None:
    model = MODEL.replace("client_id, amount,", "client_id, amount * 1.1e0 AS amount,")
    write_project(tmp_path, **{"models/movements.sql": model})
    checked = puntual(tmp_path, "check")
    assert (checked.code, "not exact" in checked.out) == (2, True), checked.out


def _interrupted(root: Path, after: str) -> int:
    """Press Ctrl-C when a line has been printed; return the exit code."""
    command = [sys.executable, "-m", "puntual.cli.main", "-C", str(root)]
    command += ["run", "-d", DAY, "--as-of", AS_OF]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith(after):
                process.send_signal(signal.SIGINT)
                break
        process.communicate(timeout=60)
        return process.returncode


def test_interrupted_in_the_middle_ends_with_130_and_goes_on(tmp_path: Path) -> None:
    undisturbed = good_day(tmp_path / "undisturbed")
    assert run_day(undisturbed).code == 0
    for after in ("  land ", "  build ", "  load "):
        root = good_day(tmp_path / after.strip())
        assert _interrupted(root, after) == 130
        assert run_day(root).code == 0
        for folder in ("out", "evidence"):
            assert digests(root / folder) == digests(undisturbed / folder)


def test_interrupted_inside_a_query_ends_with_130(tmp_path: Path) -> None:
    run_day(good_day(tmp_path))
    slow = "SELECT sum(a.range * b.range) FROM range(10000000) a, range(10000000) b"
    hook = (
        "import os, signal, sys, threading\n"
        "from puntual.cli import main\n"
        "from puntual.local import catalog\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a background job ignores it
        "asked = catalog.query\n"
        "def query(*args, **more):\n"  # importing may take longer than any timer from the start
        "    threading.Timer(2, os.kill, (os.getpid(), signal.SIGINT)).start()\n"
        "    return asked(*args, **more)\n"
        "catalog.query = query\n"
        f"sys.argv = ['puntual', '-C', {str(tmp_path)!r}, 'query', {slow!r}]\n"
        "main.entry()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", hook], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 130, done.stderr
    assert "interrupted" in done.stderr


def test_a_range_without_a_day_that_is_owed_is_refused(tmp_path: Path) -> None:
    good_day(tmp_path)
    refused = puntual(tmp_path, "run", "-d", "2026-03-07..2026-03-08", "--as-of", AS_OF)
    assert refused.code == 2
    assert "P1003" in refused.err
    assert "2026-03-07..2026-03-08" in refused.err


@pytest.mark.parametrize(("when", "day"), [("today", "2026-03-03"), ("-1", "2026-03-02")])
def test_today_and_the_business_day_before_are_days_where_one_is_meant(
    tmp_path: Path, when: str, day: str
) -> None:
    write_project(tmp_path)
    said = puntual(tmp_path, "explain", "payments_daily", "-d", when, "--as-of", AS_OF)
    assert f"payments_daily/{day}/v1" in said.out


@pytest.mark.parametrize("command", ["exceptions", "reconcile", "diff"])
def test_a_range_where_one_day_is_meant_is_said(tmp_path: Path, command: str) -> None:
    write_project(tmp_path)
    more = ("payments_daily",) if command == "diff" else ()
    several = puntual(tmp_path, command, *more, "-d", "2026-03-02..2026-03-03")
    assert several.code == 2
    assert "one reference date is meant here" in several.err


def test_exceptions_of_a_report_that_is_not_there_names_the_nearest(tmp_path: Path) -> None:
    good_day(tmp_path)
    assert run_day(tmp_path).code == 0
    said = puntual(tmp_path, "exceptions", "-d", DAY, "-r", "payment_daily")
    assert said.code == 2
    assert "C1003" in said.err
    assert "did you mean 'payments_daily'?" in said.err


@pytest.mark.parametrize(
    "call",
    [
        ("stream", "status"),
        ("stream", "create", "--stream", "s"),
        ("query", "SELECT 1 AS a"),
    ],
)
def test_a_folder_without_a_project_is_refused_and_left_as_it_was(
    tmp_path: Path, call: tuple[str, ...]
) -> None:
    refused = puntual(tmp_path, *call)
    assert (refused.code, list(tmp_path.iterdir())) == (2, [])
    assert "C1002" in refused.err


DEPLOYED = (
    SETTINGS + "environments:\n  aws: {kind: aws, warehouse: {kind: redshift, location: d}}\n"
)


@pytest.mark.parametrize(
    "command",
    [
        ("deliver", "-d", DAY),
        ("land", "-d", DAY),
        ("watch", "--once"),
    ],
    ids=lambda command: command[0],
)
def test_a_command_that_knows_this_machine_alone_says_nothing_of_a_deployed_project(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    _day_with(tmp_path, **{"puntual.yaml": DEPLOYED})
    assert run_day(tmp_path).code == 0  # a day of this machine, which is none of that place
    done = puntual(tmp_path, *command, "--env", "aws")
    assert done.code == 2, done.out + done.err
    assert "C1004" in done.err
    assert "observed  aws" in done.err
