"""A project that may be late within its own limits is found, with what would fit."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, time
from zoneinfo import ZoneInfo

import pytest

from puntual.model.policy import Clause, Minimum, Policy, Sending, Signatures, Substitute
from puntual.model.project import Project
from puntual.model.run import DEFAULT_TIMES, RunSettings, StepTimes
from puntual.planner.deadline import needed, overruns, timings
from puntual.planner.explain import attempts, length
from puntual.planner.flow import SEALING

DAY = date(2026, 11, 20)
STEPS = 10  # of the small project
TELL = 65  # a notification: 2 * 30 s + 5 s


def with_times(project: Project, run: RunSettings | None = None, **times: int) -> Project:
    """Give every step the same times."""
    one = StepTimes(**times)
    settings = replace(run or RunSettings(), kinds=dict.fromkeys(DEFAULT_TIMES, one))
    return replace(project, run=settings)


def test_what_a_report_needs_is_the_sum_of_its_steps_and_of_the_longest_telling(
    project: Project,
) -> None:
    project = with_times(project, timeout=60, retries=1, interval=10)
    assert needed(project, ["credit_daily"], DAY) == {"credit_daily": STEPS * (2 * 60 + 10) + TELL}


def test_what_comes_after_a_report_does_not_count_for_it(project: Project) -> None:
    other = replace(project.reports["credit_daily"], name="z")
    project = with_times(
        replace(project, reports={**project.reports, "z": other}), timeout=60, retries=0
    )
    assert needed(project, ["z", "credit_daily"], DAY) == {
        "credit_daily": 10 * 60 + TELL,
        "z": 14 * 60 + 2 * TELL,  # the one before it may have failed, and that was told
    }


def test_a_small_project_fits_without_any_setting(project: Project) -> None:
    assert overruns(project, ZoneInfo) == ()
    (timing,) = timings(project, ["credit_daily"], DAY, ZoneInfo)
    assert timing.allowed == 5 * 3600 - 15 * 60
    assert timing.slack == timing.allowed - timing.needed > 0


def test_a_project_at_the_limit_fits_and_one_second_more_does_not(project: Project) -> None:
    project = with_times(project, timeout=60, retries=0)
    window = 5 * 3600
    margin = window - (STEPS * 60 + TELL)
    assert overruns(replace(project, run=replace(project.run, margin=margin)), ZoneInfo) == ()
    late = replace(project, run=replace(project.run, margin=margin + 1))
    (found,) = overruns(late, ZoneInfo)
    assert (found.timing.allowed, int(found.timing.needed)) == (664, 665)
    assert found.timing.slack == -1


def test_the_largest_retry_budget_that_fits_is_named(project: Project) -> None:
    project = with_times(project, timeout=600, retries=9, interval=10, max_delay=60)
    (found,) = overruns(project, ZoneInfo)
    assert (found.retries, found.timeout) == (1, None)
    fits = with_times(project, timeout=600, retries=1, interval=10, max_delay=60)
    assert overruns(fits, ZoneInfo) == ()
    assert overruns(with_times(project, timeout=600, retries=2), ZoneInfo) != ()


def test_no_retry_at_all_may_be_the_largest_budget(project: Project) -> None:
    project = with_times(project, timeout=1500, retries=1)
    (found,) = overruns(project, ZoneInfo)
    assert (found.retries, found.timeout) == (0, None)


def test_when_no_budget_fits_the_longest_timeout_is_named(project: Project) -> None:
    project = with_times(project, timeout=3600, retries=1)
    (found,) = overruns(project, ZoneInfo)
    assert (found.retries, found.timeout) == (None, (17_100 - TELL) // STEPS)
    assert overruns(with_times(project, timeout=1703, retries=0), ZoneInfo) == ()
    assert overruns(with_times(project, timeout=1704, retries=0), ZoneInfo) != ()


@pytest.mark.parametrize("starts", [time(6, 59), time(7, 0), time(23, 0)])
def test_when_the_run_starts_too_late_nothing_fits(project: Project, starts: time) -> None:
    (found,) = overruns(replace(project, run=RunSettings(starts=starts)), ZoneInfo)
    assert (found.retries, found.timeout) == (None, None)


def test_a_step_with_times_of_its_own_counts_with_them_and_within_the_budget(
    project: Project,
) -> None:
    run = RunSettings(steps={"load:movements": StepTimes(timeout=7200, retries=2)})
    (found,) = overruns(replace(project, run=run), ZoneInfo)
    assert found.retries == 0


def test_the_day_that_loses_an_hour_decides(project: Project) -> None:
    zone = "America/Tijuana"
    report = replace(project.reports["credit_daily"], time_zone=zone)
    calendar = replace(project.calendars["mx-example"], weekend=(), holidays=())
    project = replace(
        with_times(project, timeout=1500, retries=0),
        time_zone=zone,
        reports={"credit_daily": report},
        calendars={"mx-example": calendar},
    )
    (found,) = overruns(project, ZoneInfo)
    assert found.timing.window.reference_date == date(2026, 3, 7)
    assert found.timing.window.seconds == 4 * 3600


def with_plan_b(project: Project) -> Project:
    """Let a policy have plan B delivered after a fault."""
    policy = Policy(
        name="p",
        report="credit_daily",
        author="Sara",
        valid_from=date(2026, 1, 1),
        valid_until=date(2026, 12, 31),
        approval=Signatures(roles=("compliance",), people=1),
        file="policies/p.yaml",
        sending=Sending.AUTOMATIC,
        signing=None,
        acceptance=None,
        minimum=Minimum(),
        clauses=(Clause(id="down", fault=True, substitute=Substitute.PLAN_B),),
        digest="d" * 64,
    )
    return replace(project, policies={"p": policy})


def test_plan_b_comes_after_the_longest_way_to_a_fault(project: Project) -> None:
    project = with_times(project, timeout=60, retries=0)
    lands = len(project.sources)
    plan_b = (lands + 4) * 60 + TELL  # land; then decide, report, attest, deliver
    sealed = lands * SEALING  # a policy may go on without a source that gives no answer
    main = STEPS * 60 + TELL
    assert needed(project, ["credit_daily"], DAY) == {"credit_daily": main}
    rescued = with_plan_b(project)

    assert needed(rescued, ["credit_daily"], DAY) == {"credit_daily": main + plan_b + 2 * sealed}
    (timing,) = timings(rescued, ["credit_daily"], DAY, ZoneInfo)
    assert timing.rescue == plan_b + sealed


def test_a_project_that_fits_without_plan_b_is_refused_with_it_and_the_budget_is_named(
    project: Project,
) -> None:
    project = with_times(project, timeout=600, retries=1, interval=10, max_delay=60)
    assert overruns(project, ZoneInfo) == ()
    (found,) = overruns(with_plan_b(project), ZoneInfo)
    assert (found.timing.needed > found.timing.allowed, found.retries) == (True, 0)
    fits = with_times(with_plan_b(project), timeout=600, retries=0)
    assert overruns(fits, ZoneInfo) == ()


def test_only_the_reports_that_may_be_late_are_named(project: Project) -> None:
    late = replace(project.reports["credit_daily"], name="a_late", due_at=time(3, 0))
    project = replace(project, reports={**project.reports, "a_late": late})
    assert [o.timing.window.report for o in overruns(project, ZoneInfo)] == ["a_late"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (3600, "1 h"),
        (16_045, "4 h 27 min 25 s"),
        (-61, "-1 min 1 s"),
        (90_000, "25 h"),
    ],
)
def test_a_length_of_time_is_said_in_hours_minutes_and_seconds(seconds: int, text: str) -> None:
    assert length(seconds) == text


def test_the_attempts_of_a_step_are_said(project: Project) -> None:
    assert attempts(StepTimes(timeout=300, retries=2)) == "3 × 5 min"
