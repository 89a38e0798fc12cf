"""A few cases of the campaign in every run of the tests; all of them: `make faults`."""

from __future__ import annotations

import os
import re
from collections import Counter
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from zoneinfo import TZPATH

import pytest
from faults import tmpfs
from faults.cases import Case
from faults.disturb import Lab, can_trace


def needs(there: bool, what: str) -> None:
    """Skip at a desk, fail in CI."""
    if not there:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"{what} is not here")


ZONE = "America/Mexico_City"
"""The zone of the bank."""


def nth_that_writes(lab: Lab, start: str) -> int:
    """Return the how-manieth write of its thread it is, in a clean run, that first starts so."""
    lab.effects("first")
    counts: Counter[str] = Counter()
    for line in (lab.folder / "counted-first.strace").read_text(errors="replace").splitlines():
        found = re.match(r"(\d+) +write\(\d+<[^>]*>(?:\(deleted\))?, (.*)", line)
        if found:
            counts[found[1]] += 1
            if found[2].startswith(start):
                return counts[found[1]]
    raise AssertionError(f"nothing writes {start}")


def _case(point: str, fault: str, nth: int = 1, *, scenario: str = "first") -> Case:
    return Case(scenario=scenario, means="failpoint", point=point, fault=fault, nth=nth)


@pytest.mark.row("f1", "f20", "f46")
@pytest.mark.parametrize(
    "case",
    [
        _case("landing.published", "kill"),
        _case("warehouse.committed", "kill"),
        _case("deliver.named", "kill", 2, scenario="second"),
    ],
    ids=str,
)
def test_killed_between_a_commit_and_its_answer_the_next_run_delivers_the_same_bytes(
    lab: Lab, case: Case
) -> None:
    outcome = lab.carry_out(case)
    assert (outcome.code, outcome.again) == (-9, 0)
    assert not outcome.wrong, outcome


@pytest.mark.row("f61")
def test_a_bug_ends_the_run_with_its_traceback_and_loses_nothing(lab: Lab) -> None:
    outcome = lab.carry_out(_case("curate.written", "raise:KeyError", 2))
    assert (outcome.code, outcome.again) == (70, 0)
    assert not outcome.wrong, outcome


@pytest.mark.row("f59")
def test_a_fault_that_passes_is_healed_without_a_re_run(lab: Lab) -> None:
    outcome = lab.carry_out(_case("step.carried", "raise:TransientError", 3))
    assert (outcome.code, outcome.again) == (0, None)
    assert not outcome.wrong, outcome


@pytest.mark.row("f2")
def test_what_a_worker_that_died_left_is_swept_by_the_one_after_it(lab: Lab) -> None:
    passed = lab.scenario("first").passed["file.named"]
    outcome = lab.carry_out(_case("file.named", "die", passed // 2))
    assert (outcome.code, outcome.fired) == (0, True), outcome
    assert not outcome.wrong, outcome


@pytest.mark.row("f7")
def test_bytes_that_are_not_written_as_they_were_given_are_seen_at_once(lab: Lab) -> None:
    outcome = lab.carry_out(_case("file.bytes", "corrupt", 9))
    assert (outcome.code, outcome.message, outcome.again) == (3, "T1003", 0)
    assert not outcome.wrong, outcome


@pytest.mark.row("f19")
def test_a_producer_without_an_answer_sends_again_and_every_record_is_curated_once(
    lab: Lab,
) -> None:
    outcome = lab.carry_out(_case("stream.put", "kill", scenario="put"))
    assert outcome.code == -9
    assert not outcome.wrong, outcome


@pytest.mark.row("f2", "f3", "f4")
@pytest.mark.parametrize("fault", ["SIGKILL", "ENOSPC", "EIO"])
def test_a_system_call_that_fails_ends_in_a_known_fault_and_the_next_run_is_right(
    lab: Lab, fault: str
) -> None:
    needs(can_trace(), "strace")
    call = {"SIGKILL": "rename", "ENOSPC": "write", "EIO": "fsync"}[fault]
    same = [c for c in lab.calls("first") if (c.point, c.fault) == (call, fault)]
    # The first such call comes in the same place in every run; a later one may meet a pipe
    # between two processes instead, and then the step is done again.
    outcome = lab.carry_out(min(same, key=lambda c: c.nth))
    assert outcome.code in ({-9, 0, 3} if fault == "SIGKILL" else {3})
    assert not outcome.wrong, outcome


@pytest.mark.row("f3", "f4")
@pytest.mark.parametrize(("fault", "code"), [("ENOSPC", "T1001"), ("EIO", "T1003")])
def test_a_process_that_cannot_send_its_answer_says_why_and_the_step_is_done_again(
    lab: Lab, fault: str, code: str
) -> None:
    needs(can_trace(), "strace")
    nth = nth_that_writes(lab, '"{\\"answer\\"')
    outcome = lab.carry_out(
        Case(scenario="first", means="strace", point="write", fault=fault, nth=nth)
    )
    # First told is the pipe's fault. The new process comes to its own N-th write as well.
    assert (outcome.code, outcome.message, outcome.again) == (3, code, 0)
    assert not outcome.wrong, outcome


@pytest.mark.row("f4")
@pytest.mark.parametrize("fault", ["ENOSPC", "EIO"])
def test_a_zone_file_that_cannot_be_opened_is_no_fault_of_the_project(lab: Lab, fault: str) -> None:
    needs(can_trace(), "strace")
    place = Path(str(files("tzdata"))) / "zoneinfo"
    places = [p for p in (*map(Path, TZPATH), place) if (p / ZONE).is_file()]
    outcome = lab.carry_out(
        Case(
            scenario="first",
            means="strace",
            point="openat",
            fault=fault,
            nth=1,
            path=str(places[0] / ZONE),
        )
    )
    assert (outcome.code, outcome.message, outcome.again) == (3, "T1003", 0)
    assert not outcome.wrong, outcome


@pytest.mark.row("f3")
@pytest.mark.parametrize("sign", [".puntual/lake/raw/clients", ".puntual/lake/curated/cards"])
def test_a_disk_that_is_full_stops_the_run_and_room_lets_it_finish(lab: Lab, sign: str) -> None:
    needs(tmpfs.possible(), "a tmpfs in a namespace of our own")
    lab.scenario("first")
    found = tmpfs.on_a_full_disk(lab.folder, "first", sign)
    assert found["code"] == 3, found
    assert "T1001" in str(found["said"])
    assert "Traceback" not in str(found["said"])
    assert (found["again"], found["losses"], found["untrue"], found["litter"]) == (0, [], [], [])


@pytest.mark.row("f4", "f46")
def test_a_warehouse_that_could_not_be_made_is_made_by_the_next_run(lab: Lab) -> None:
    needs(can_trace(), "strace")
    unmade = ".puntual/.warehouse"
    first, second, *_ = (
        e for e in lab.effects("first") if e.call == "pwrite64" and e.path.startswith(unmade)
    )
    assert first.thread == second.thread
    head = Case(scenario="first", means="strace", point="pwrite64", fault="EIO", nth=second.nth)
    # SQLite needs a few pages more or fewer before it, another number in each run: one is drawn
    # from those seen, and the file's name in the trace says whether this run's was hit.
    tries = (
        lab.carry_out(replace(head, nth=max(1, second.nth + shift)))
        for _ in range(4)
        for shift in (0, 1, -1, 2, -2, 3, -3, 4, -4)
    )
    outcome = next(o for o in tries if any(unmade in line for line in o.struck))
    assert (outcome.code, outcome.again) == (3, 0)
    assert not outcome.wrong, outcome
