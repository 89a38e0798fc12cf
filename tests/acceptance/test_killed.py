"""Killed after any step and run again: the same bytes, nothing landed twice."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from support.small import AS_OF, DAY, digests, good_day, puntual, run_day

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
    """Run the day and kill -9 the process at the moment its journal shows the step."""
    hook = (
        "import os, signal\n"
        "from puntual.runner import execute\n"
        "from puntual.cli.main import main\n"
        "before = execute._journal\n"
        "def after(run, run_id, step, *rest):\n"
        "    before(run, run_id, step, *rest)\n"
        f"    if step.id == {step!r}:\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "execute._journal = after\n"
        f"main(['-C', {str(root)!r}, 'run', '-d', {DAY!r}, '--as-of', {AS_OF!r}])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", hook], capture_output=True, check=False, env=dict(os.environ)
    )
    assert done.returncode == -signal.SIGKILL, done.stderr


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    root = good_day(tmp_path_factory.mktemp("undisturbed"))
    assert run_day(root).code == 0
    return digests(root / "out") | digests(root / "evidence")


@pytest.mark.parametrize("step", STEPS)
def test_killed_after_a_step_and_run_again_gives_the_same_bytes(
    tmp_path: Path, step: str, undisturbed: dict[str, str]
) -> None:
    good_day(tmp_path)
    _run_until(tmp_path, step)
    again = run_day(tmp_path)
    assert again.code == 0, again.out + again.err
    assert digests(tmp_path / "out") | digests(tmp_path / "evidence") == undisturbed
    asked = puntual(tmp_path, "query", "SELECT count(*), sum(amount) FROM movements", "--json")
    assert asked.data["rows"] == [["4", "330.35"]]


@pytest.mark.parametrize("step", STEPS[:-1])
def test_what_was_committed_before_the_kill_does_not_run_again(tmp_path: Path, step: str) -> None:
    good_day(tmp_path)
    _run_until(tmp_path, step)
    run_day(tmp_path)
    with sqlite3.connect(tmp_path / ".puntual" / "journal.db") as journal:
        done = [
            row[0]
            for row in journal.execute(
                "SELECT step FROM steps WHERE outcome = 'done' ORDER BY rowid"
            )
        ]
    assert done == list(STEPS)
