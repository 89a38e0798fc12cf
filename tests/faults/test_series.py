"""Which case ends a series of calls, and which one is wrong since its fault was not made."""

from __future__ import annotations

import signal

import pytest
from faults import table
from faults.cases import Case, Outcome
from faults.disturb import Lab, can_trace, completed_first
from faults.start import Ran
from faults.test_disturbed import needs

TRACE = """\
71 pwrite64(9</bank/.puntual/state.db>, "a", 1, 0) = 1
72 pwrite64(9</bank/.puntual/catalog.db>, "b", 1, 0 <unfinished ...>
71 pwrite64(9</bank/.puntual/state.db>, "c", 1, 1) = 1
72 <... pwrite64 resumed>) = 1
71 write(1</terminal>, "said", 4) = 4
72 +++ exited with 0 +++
71 --- SIGCHLD {si_signo=SIGCHLD, si_code=CLD_EXITED, si_pid=72} ---
71 +++ exited with 0 +++
"""
"""Of a run whose threads made two `pwrite64` and one; and one `write`."""


def calls(nth: int, point: str = "pwrite64", fault: str = "EIO") -> Case:
    return Case(scenario="first", means="strace", point=point, fault=fault, nth=nth)


@pytest.mark.parametrize("fault", ["EIO", "SIGKILL"])
def test_a_run_that_ended_well_before_the_third_call_ends_the_series(fault: str) -> None:
    assert completed_first(calls(3, fault=fault), 0, TRACE)


def test_a_call_that_a_thread_came_to_is_no_end_of_the_series() -> None:
    assert not completed_first(calls(2), 0, TRACE)
    assert not completed_first(calls(1, "write"), 0, TRACE)


def test_a_run_that_did_not_end_well_is_no_end_of_a_series() -> None:
    assert not completed_first(calls(3), 3, TRACE)


def test_a_call_that_strace_saw_nowhere_was_not_measured() -> None:
    assert not completed_first(calls(1, "fsync"), 0, TRACE)
    assert not completed_first(calls(3, "fsync"), 0, TRACE)


def test_a_trace_that_breaks_off_says_nothing_of_what_came_after() -> None:
    assert not completed_first(calls(3), 0, TRACE.removesuffix("71 +++ exited with 0 +++\n"))
    assert not completed_first(calls(3), 0, "")


def test_a_failpoint_that_was_not_passed_is_never_the_end_of_a_series() -> None:
    case = Case(scenario="first", means="failpoint", point="pwrite64", fault="kill", nth=3)
    assert not completed_first(case, 0, TRACE)


def test_a_fault_that_was_not_made_is_wrong_unless_the_series_had_ended() -> None:
    assert Outcome(case=calls(2)).wrong
    assert not Outcome(case=calls(3), unreached=True).wrong
    assert Outcome(case=calls(3), unreached=True, losses=["I1 a record is gone"]).wrong


def test_what_was_not_reached_is_counted_apart() -> None:
    outcomes = [Outcome(case=calls(2), fired=True), Outcome(case=calls(3), unreached=True)]
    lines = table.summary(outcomes, ()).splitlines()
    assert lines[0] == "points 1, cases 1, fault really made 1"
    assert "not reached: run completed first, 1 case" in lines
    assert [row[:4] for row in table.rows(outcomes)] == [("strace", "pwrite64", "EIO", "1")]


def test_a_call_that_no_run_comes_to_is_the_end_and_one_it_came_to_unharmed_is_wrong(
    lab: Lab,
) -> None:
    needs(can_trace(), "strace")
    outcome = lab.carry_out(calls(9_999, "fsync"))
    assert (outcome.code, outcome.fired, outcome.unreached, outcome.wrong) == (
        0,
        False,
        True,
        False,
    )
    # Files below this folder are not there: nothing of that name is seen, so nothing is measured.
    blind = Case(
        scenario="first", means="strace", point="fsync", fault="EIO", nth=2, path="nothing/here"
    )
    outcome = lab.carry_out(blind)
    assert (outcome.code, outcome.fired, outcome.unreached, outcome.wrong) == (
        0,
        False,
        False,
        True,
    )


def test_only_what_our_kill_ended_hung() -> None:
    assert Ran(-signal.SIGKILL, "", 151.0, by_hand=True).hung
    # The laboratory itself was stopped, and its time was up when it went on.
    assert not Ran(3, "T1001 disk full", 790.0, by_hand=True).hung
    assert not Ran(-signal.SIGKILL, "", 4.0).hung
