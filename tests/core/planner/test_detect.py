"""The early detection keeps its promise on made years, and on the days of others."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from support.shared import shared

ROOT = Path(__file__).resolve().parents[3]


def test_on_made_years_95_of_100_faults_are_found_and_at_most_1_of_100_days_alarms() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bench.detect", "--sample"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    asked = re.search(r"false alarms: \d+ on (\d+) clean days", done.stdout)
    assert asked is not None
    assert int(asked[1]) > 100


def test_the_day_that_anz_lacks_is_found_and_no_other_day_alarms() -> None:
    shared("anz")
    say = (
        "from bench.detect.real import anz, score_real\n"
        "found = score_real(anz(), warm_up=10**6)\n"
        "print(found.days, *(f'{day} {said.verdict}' for day, said in found.alarms.items()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", say], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.stdout == "92 2018-08-16 silent\n", done.stderr
