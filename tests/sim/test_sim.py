"""The simulator: a sample of days without a violation, the same for the same seed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sim.episode import episode
from sim.nights import nights


@pytest.mark.row("f1", "f3", "f4", "f6", "f7", "f8", "f13", "f14", "f15", "f18")
@pytest.mark.row("f19", "f23", "f27", "f31", "f34", "f35", "f36", "f38", "f39")
@pytest.mark.row("f46", "f47", "f54", "f56", "f57", "f58", "f59", "f60", "f61", "f73")
@pytest.mark.parametrize("seed", range(1, 11))
def test_days_with_faults_end_as_they_must(seed: int) -> None:
    told = episode(seed)
    assert told.wrong == []
    assert told.days == 5
    assert told.runs >= 5


@pytest.mark.row("f33", "f34", "f72", "f73")
@pytest.mark.parametrize("seed", [4, 28])
def test_nights_with_a_deadline_end_as_they_must(seed: int) -> None:
    told = nights(seed)
    assert told.wrong == []
    assert told.days == 5
    assert told.worst is None or told.worst >= 15


def test_thirty_kinds_of_faults_happen_within_forty_five_days() -> None:
    fired = sum((episode(seed, days=3).fired for seed in range(101, 115)), start=episode(100).fired)
    assert len(fired) >= 30, sorted(fired)


def test_a_seed_replays_identically_in_this_process() -> None:
    first, again = (episode(7, log=True) for _ in range(2))
    assert first.log == again.log
    assert first.digest == again.digest


def test_a_seed_replays_identically_in_another_process_with_other_hashes() -> None:
    code = (
        "from sim.episode import episode; from sim.nights import nights; "
        "print(episode(7).digest, nights(4).digest)"
    )
    printed = {
        subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ
            | {"PYTHONHASHSEED": hashes, "PYTHONPATH": str(Path(__file__).parents[1])},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hashes in ("1", "4242")
    }
    digests = (episode(7).digest, nights(4).digest)
    assert printed == {" ".join(digests) + "\n"}


def test_the_command_prints_days_faults_and_violations_from_every_core() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "sim", "--days", "10", "--seed", "3", "--jobs", "2"],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "10 days in" in done.stdout
    assert "days with a deadline and a watch" in done.stdout
    assert "violations: 0" in done.stdout
