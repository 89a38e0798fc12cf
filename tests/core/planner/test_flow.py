"""A plan's flow: every step within a time, findings and faults by their own routes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date

import pytest
from core.runner.flows import Scripted, walk

from puntual.errors import EvidenceError, PermanentError, ProjectError, TransientError
from puntual.model.flow import Choice, Flow, Notify, Task
from puntual.model.project import Project
from puntual.model.report import PlanB
from puntual.model.run import DEFAULT_TIMES, RunSettings, StepTimes
from puntual.planner.flow import RETRIED, error_name, flow, kind_of
from puntual.planner.plan import plan
from puntual.planner.wellformed import problems

DAY = date(2026, 11, 20)
STANDS: dict[str, Mapping[str, object]] = {
    f"{kind}:{report}": {"completeness": "full"}
    for kind in ("decide", "report")
    for report in ("credit_daily", "other_daily")
}


def made(project: Project) -> Flow:
    return flow(project, plan(project, DAY))


def two_reports(project: Project) -> Project:
    report = project.reports["credit_daily"]
    return replace(
        project, reports={**project.reports, "other_daily": replace(report, name="other_daily")}
    )


def test_the_flow_is_well_formed_and_has_a_task_for_each_step_in_plan_order(
    project: Project,
) -> None:
    states = made(two_reports(project))
    assert problems(states) == ()
    tasks = [s.step for s in states.states.values() if isinstance(s, Task)]
    assert tasks == list(plan(two_reports(project), DAY).steps)


def test_a_good_day_visits_every_step_and_tells_nobody(project: Project) -> None:
    performer = Scripted({}, STANDS)
    ended = walk(made(project), performer).ended
    assert not ended.failed
    assert ended.visited == (
        "land:events",
        "curate:events",
        "build:movements",
        "validate",
        "load:movements",
        "reconcile",
        "decide:credit_daily",
        "decided:credit_daily",
        "report:credit_daily",
        "made:credit_daily",
        "attest:credit_daily",
        "deliver:credit_daily",
        "ended",
        "well",
    )
    assert performer.told == []


@pytest.mark.parametrize("word", ["held", "", "FULL", "unknown"])
def test_a_report_that_is_held_is_told_and_the_next_one_goes_on(
    project: Project, word: str
) -> None:
    outputs = {**STANDS, "decide:credit_daily": {"completeness": word}}
    performer = Scripted({}, outputs)
    ended = walk(made(two_reports(project)), performer).ended
    assert not ended.failed
    assert [name for name, _ in performer.told] == ["notify:credit_daily:held"]
    assert "report:credit_daily" not in ended.visited
    assert ended.visited[-3:] == ("deliver:other_daily", "ended", "well")


def test_a_report_that_was_made_and_does_not_tie_is_told_and_not_attested(
    project: Project,
) -> None:
    performer = Scripted({}, {**STANDS, "report:credit_daily": {"completeness": "held"}})
    ended = walk(made(project), performer).ended
    told = ("made:credit_daily", "notify:credit_daily:held")
    assert ended.visited[-4:] == (*told, "ended", "well")
    assert not ended.failed


@pytest.mark.row("f60")
def test_a_finding_is_never_tried_again(project: Project) -> None:
    performer = Scripted({}, {**STANDS, "decide:credit_daily": {"completeness": "held"}})
    walk(made(project), performer)
    assert performer.done.count(("decide:credit_daily", 1)) == 1
    assert ("decide:credit_daily", 2) not in performer.done


@pytest.mark.parametrize("name", RETRIED)
def test_a_fault_that_may_pass_is_tried_again_by_its_name(project: Project, name: str) -> None:
    performer = Scripted({"load:movements": [name]}, STANDS)
    walked = walk(made(project), performer)
    assert not walked.ended.failed
    assert performer.done.count(("load:movements", 2)) == 1
    assert performer.told == []


@pytest.mark.parametrize(
    "name",
    ["PermanentError", "EvidenceError", "ProjectError", "KeyError", "States.DataLimitExceeded"],
)
@pytest.mark.row("f61")
def test_every_other_fault_is_told_once_and_ends_the_flow(project: Project, name: str) -> None:
    performer = Scripted({"load:movements": [name]}, STANDS)
    ended = walk(made(project), performer).ended
    assert ("load:movements", 2) not in performer.done
    assert ended.visited[-3:] == ("load:movements", "notify:failed", "fail")
    assert (ended.failed, ended.error) == (True, name)
    ((told, data),) = performer.told
    assert told == "notify:failed"
    assert data["error"] == {"Error": name, "Cause": f"because of {name}"}
    assert "land:events" in str(data["steps"])


@pytest.mark.parametrize("step", ["decide", "report", "attest", "deliver"])
@pytest.mark.parametrize("name", ["PermanentError", "EvidenceError", "ProjectError"])
def test_what_stops_one_report_alone_is_told_and_the_next_one_is_delivered_first(
    project: Project, step: str, name: str
) -> None:
    performer = Scripted({f"{step}:credit_daily": [name]}, STANDS)
    ended = walk(made(two_reports(project)), performer).ended
    assert "deliver:other_daily" in ended.visited
    assert ended.visited[-2:] == ("ended", "fail:report")
    assert (ended.failed, ended.error) == (True, name)
    ((told, data),) = performer.told
    assert told == "notify:credit_daily:failed"
    assert data["failed"] == {"Error": name, "Cause": f"because of {name}"}


def test_that_nobody_can_be_told_of_one_report_keeps_the_next_from_nothing(
    project: Project,
) -> None:
    errors = {
        "report:credit_daily": ["PermanentError"],
        "notify:credit_daily:failed": ["Broken"],
    }
    ended = walk(made(two_reports(project)), Scripted(errors, STANDS)).ended
    assert "deliver:other_daily" in ended.visited
    assert (ended.error, ended.visited[-1]) == ("PermanentError", "fail:report")


def test_a_bug_in_a_step_of_one_report_stops_the_run(project: Project) -> None:
    performer = Scripted({"report:credit_daily": ["KeyError"]}, STANDS)
    ended = walk(made(two_reports(project)), performer).ended
    assert "decide:other_daily" not in ended.visited
    assert ended.visited[-2:] == ("notify:failed", "fail")


def test_a_fault_whose_retries_are_spent_is_told(project: Project) -> None:
    performer = Scripted({"land:events": ["TransientError"] * 9}, STANDS)
    walked = walk(made(project), performer)
    assert len(walked.waits) == DEFAULT_TIMES["land"].retries
    assert walked.ended.error == "TransientError"
    assert [name for name, _ in performer.told] == ["notify:failed"]


def test_waits_grow_up_to_the_cap_and_are_jittered_in_full(project: Project) -> None:
    times = StepTimes(timeout=60, retries=4, interval=10, backoff=3, max_delay=60)
    project = replace(project, run=RunSettings(steps={"validate": times}))
    errors = {"validate": ["TransientError"] * 4}
    assert walk(made(project), Scripted(errors, STANDS)).waits == [10, 30, 60, 60]
    half = walk(made(project), Scripted(errors, STANDS), jitter=0.5)
    assert half.waits == [5, 15, 30, 30]


def test_a_step_has_its_own_times_before_those_of_its_kind(project: Project) -> None:
    kinds = {**DEFAULT_TIMES, "load": StepTimes(timeout=11), "land": StepTimes(timeout=12)}
    run = RunSettings(kinds=kinds, steps={"load:movements": StepTimes(timeout=13, retries=0)})
    states = made(replace(project, run=run)).states
    load, land = states["load:movements"], states["land:events"]
    assert isinstance(load, Task)
    assert isinstance(land, Task)
    assert (load.timeout, load.retry[0].attempts, land.timeout) == (13, 0, 12)


@pytest.mark.row("f72")
def test_a_fault_that_cannot_be_told_is_still_the_one_that_ends_the_flow(project: Project) -> None:
    errors = {"validate": ["PermanentError"], "notify:failed": ["Broken"]}
    ended = walk(made(project), Scripted(errors, STANDS)).ended
    assert ended.error == "PermanentError"
    assert ended.visited[-2:] == ("notify:failed", "fail")


def test_a_holding_that_cannot_be_told_is_a_technical_fault(project: Project) -> None:
    outputs = {**STANDS, "decide:credit_daily": {"completeness": "held"}}
    performer = Scripted({"notify:credit_daily:held": ["Broken"]}, outputs)
    ended = walk(made(project), performer).ended
    assert (ended.failed, ended.error) == (True, "Broken")
    assert ended.visited[-2:] == ("notify:failed", "fail")


@pytest.mark.parametrize("count", [1, 2, 5])
def test_any_number_of_reports_gives_a_well_formed_flow(project: Project, count: int) -> None:
    names = [f"r{n}" for n in range(count)]
    one = project.reports["credit_daily"]
    several = replace(project, reports={name: replace(one, name=name) for name in names})
    states = made(several)
    assert problems(states) == ()
    assert {s.report for s in states.states.values() if isinstance(s, Notify)} == {"", *names}
    assert sum(isinstance(s, Choice) for s in states.states.values()) == 2 * count + 1


def test_every_kind_of_step_has_times(project: Project) -> None:
    plan_b = PlanB(sql="SELECT 1 AS n", file="reports/credit_daily/emergency.sql")
    with_plan_b = replace(project.reports["credit_daily"], emergency=plan_b)
    whole = replace(project, reports={"credit_daily": with_plan_b})
    assert {kind_of(s) for s in plan(whole, DAY).steps} == set(DEFAULT_TIMES)


@pytest.mark.parametrize(
    ("fault", "name"),
    [
        (TransientError("T", ""), "TransientError"),
        (PermanentError("T", ""), "PermanentError"),
        (EvidenceError("T", ""), "EvidenceError"),
        (ProjectError("T", ""), "ProjectError"),
        (ZeroDivisionError(), "ZeroDivisionError"),
    ],
)
def test_a_fault_is_named_by_its_kind_and_a_bug_by_its_class(
    fault: BaseException, name: str
) -> None:
    assert error_name(fault) == name
