"""Killed after any step and run again: the same bytes, nothing landed twice."""

from __future__ import annotations

import signal
import sqlite3
from pathlib import Path

import pytest
from support.small import digests, good_day, puntual, run_day

STEPS = (
    "land:payments",
    "curate:payments",
    "build:movements",
    "validate",
    "load:movements",
    "reconcile",
    "decide:payments_daily",
    "report:payments_daily",
    "attest:payments_daily",
    "deliver:payments_daily",
)


def _run_until(root: Path, step: str) -> None:
    """Run the day and kill -9 the run at the moment its journal shows the step."""
    nth = STEPS.index(step) + 1
    done = run_day(root, env={"PUNTUAL_FAILPOINTS": f"journal.recorded=kill@{nth}"})
    assert done.code == -signal.SIGKILL, done.err


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    root = good_day(tmp_path_factory.mktemp("undisturbed"))
    assert run_day(root).code == 0
    return digests(root / "out") | digests(root / "evidence")


@pytest.mark.row("f1")
@pytest.mark.parametrize("step", STEPS)
def test_killed_after_a_step_and_run_again_does_the_others_once_and_gives_the_same_bytes(
    tmp_path: Path, step: str, undisturbed: dict[str, str]
) -> None:
    good_day(tmp_path)
    _run_until(tmp_path, step)
    again = run_day(tmp_path)
    assert again.code == 0, again.out + again.err
    assert digests(tmp_path / "out") | digests(tmp_path / "evidence") == undisturbed
    asked = puntual(
        tmp_path, "query", "SELECT count(*), sum(amount) FROM movements", "--json", "--unmask"
    )
    assert asked.data["rows"] == [["4", "330.35"]]
    with sqlite3.connect(tmp_path / ".puntual" / "journal.db") as journal:
        rows = journal.execute("SELECT step FROM steps WHERE outcome = 'done' ORDER BY rowid")
        assert [row[0] for row in rows] == list(STEPS)
