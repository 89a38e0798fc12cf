"""`puntual run --from STEP`: after a repair by hand, a step and all after it are done anew."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import duckdb
import pytest
from support.small import DAY, drop, good_day, puntual, run_day, vouch, write_project

FILE = Path("out/payments_daily_20260302_v1.txt")


def _done(root: Path) -> list[str]:
    """Return the steps that the last run did."""
    with sqlite3.connect(root / ".puntual" / "journal.db") as journal:
        rows = journal.execute(
            "SELECT step, outcome FROM steps WHERE run = "
            "(SELECT run FROM steps ORDER BY id DESC LIMIT 1) ORDER BY id"
        )
        return [step for step, outcome in rows if outcome == "done"]


@pytest.fixture
def held(tmp_path: Path) -> Path:
    """A day whose control record asks for one record more; everything before is committed."""
    write_project(tmp_path)
    drop(tmp_path)
    vouch(tmp_path, 5, "330.35")
    assert run_day(tmp_path).code == 1
    return tmp_path


def test_the_step_and_all_after_it_are_done_anew_and_nothing_before(held: Path) -> None:
    """Somebody has altered the warehouse by hand: the load log says that all is loaded."""
    vouch(held, 4, "330.35")
    assert (
        run_day(held, env={"PUNTUAL_FAILPOINTS": "report.laid_out=raise:PermanentError"}).code == 3
    )
    with duckdb.connect(str(held / ".puntual/warehouse.duckdb")) as warehouse:
        warehouse.execute("UPDATE movements SET amount = 1")
    ran = run_day(held, "--from", "load:movements")
    assert ran.code == 0, ran.out + ran.err
    assert _done(held) == [
        "load:movements",
        "reconcile",
        "decide:payments_daily",
        "report:payments_daily",
        "attest:payments_daily",
        "deliver:payments_daily",
    ]
    assert "resumes at load:movements" in ran.out
    assert (held / FILE).read_text() == "H|20260302\nP|3|350.60\nR|1|-20.25\nT|2|330.35\n"


def test_a_step_that_does_not_exist_gets_the_nearest_names(held: Path) -> None:
    ran = run_day(held, "--from", "load:movement")
    assert (ran.code, ran.err.split()[0]) == (2, "P1004"), ran.err
    assert "did you mean 'load:movements'" in ran.err


def test_a_predecessor_that_is_not_committed_is_named(tmp_path: Path) -> None:
    good_day(tmp_path)
    faults = {"PUNTUAL_FAILPOINTS": "build.written=raise:PermanentError"}
    assert run_day(tmp_path, env=faults).code == 3
    ran = run_day(tmp_path, "--from", "load:movements")
    assert (ran.code, ran.err.split()[0]) == (2, "P1005"), ran.err
    assert "expected  build:movements, validate" in ran.err
    assert "--from build:movements" in ran.err


def test_nothing_is_committed_where_nothing_ran(tmp_path: Path) -> None:
    ran = run_day(good_day(tmp_path), "--from", "reconcile")
    assert (ran.code, ran.err.split()[0]) == (2, "P1005"), ran.err


def test_a_day_that_was_sent_is_not_made_again(tmp_path: Path) -> None:
    run_day(good_day(tmp_path))
    before = (tmp_path / FILE).read_bytes()
    ran = run_day(tmp_path, "--from", "report:payments_daily")
    assert (ran.code, ran.err.split()[0]) == (2, "P1006"), ran.err
    assert "next version" in ran.err
    assert (tmp_path / FILE).read_bytes() == before


def test_a_checkpoint_is_of_one_day(tmp_path: Path) -> None:
    good_day(tmp_path)
    ran = puntual(tmp_path, "run", "-d", f"{DAY}..2026-03-04", "--from", "reconcile")
    assert (ran.code, "one reference date" in ran.err) == (2, True), ran.err
