"""The state machine of a project: the flow of a laptop, grouped for AWS, and what stands around."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from infra.projects import made, projects

from puntual import errors
from puntual.errors import ProjectError
from puntual.infra import asl, asl_states
from puntual.infra.asl_check import problems, read
from puntual.infra.bound import retrier_of, worst_of
from puntual.infra.places import FUNCTIONS, JOBS, Job, place, short
from puntual.model.flow import Flow, Task
from puntual.model.plan import Decide, MakeReport
from puntual.model.project import Project
from puntual.model.run import DEFAULT_TIMES, StepTimes
from puntual.planner.flow import ERROR_NAMES, RETRIED, flow
from puntual.planner.plan import plan, plan_b
from puntual.planner.worst import delays, worst

Json = dict[str, Any]


def machine(project: Project) -> Json:
    return dict(read(asl.text(asl.machine(project))))


def states(project: Project) -> dict[str, Json]:
    found: dict[str, Json] = machine(project)["States"]
    return found


def local(project: Project) -> Flow:
    return flow(project, plan(project, asl.ANY_DAY))


def good_day(found: dict[str, Json], answer: str = "full") -> Iterator[str]:
    """Walk from Land on as if every state went well and every report stood as `answer`."""
    name = "Land"
    while name not in ("End", "Rescue"):
        yield name
        state = found[name]
        if state["Type"] == "Choice":
            rules: dict[str, str] = {r["StringEquals"]: r["Next"] for r in state["Choices"]}
            said = "" if name == "Ended" else answer
            name = rules.get(said, str(state["Default"]))
        else:
            name = state["Next"]


def steps_of(state: Json) -> list[str]:
    given = state.get("Parameters", {})
    if "Arguments" in given:
        order = given["Arguments"]["--order.$"]
        listed = re.search(r'"steps":(\[.*?\])', order)
        assert listed is not None
        return list(json.loads(listed[1]))
    return list(given.get("Payload", {}).get("steps", []))


def test_a_good_day_takes_the_states_in_the_order_of_the_plan() -> None:
    found = states(made(sources=2, models=1, rehearsed=True))
    assert list(good_day(found)) == [
        "Land",
        "Land-Outcome",
        "Curate",
        "Curate-Outcome",
        "Validate",
        "Load",
        "Load-Outcome",
        "Reconcile",
        "Decide-r0",
        "Decided-r0",
        "Report-r0",
        "Made-r0",
        "Attest-r0",
        "Deliver-r0",
        "Ended",
        "Rehearse-r0",
    ]


def test_steps_of_one_job_that_follow_each_other_are_one_run_of_it() -> None:
    found = states(made(sources=2, models=2))
    assert steps_of(found["Land"]) == ["land:s0", "land:s1"]
    assert steps_of(found["Curate"]) == ["curate:s0", "curate:s1", "build:m0", "build:m1"]
    assert steps_of(found["Load"]) == ["load:s0", "load:s1"]


@settings(max_examples=40, deadline=None)
@given(projects())
def test_every_step_of_the_laptops_flow_is_done_once_and_in_the_same_order(
    project: Project,
) -> None:
    found = states(project)
    done = [
        step
        for name in good_day(found)
        if not name.endswith("-Outcome")
        for step in steps_of(found[name])
    ]
    assert done == [step.id for step in plan(project, asl.ANY_DAY).steps]


@settings(max_examples=40, deadline=None)
@given(projects())
def test_a_function_has_the_laptops_time_and_retries_and_a_job_those_of_its_strictest_step(
    project: Project,
) -> None:
    found, tasks = states(project), local(project).states
    for name in good_day(found):
        state = found[name]
        own = [tasks[step] for step in steps_of(state)]
        if state["Type"] != "Task" or name.endswith("-Outcome"):
            continue
        assert all(isinstance(task, Task) for task in own)
        retriers = [r for task in own if isinstance(task, Task) for r in task.retry]
        last = retrier_of(state["Retry"][-1])
        if isinstance(place(own[0].step), Job):  # type: ignore[union-attr]
            assert last.attempts == min(r.attempts for r in retriers)
            assert state["TimeoutSeconds"] <= sum(t.timeout for t in own if isinstance(t, Task))
            continue
        assert [retrier_of(entry) for entry in state["Retry"]] == retriers
        assert state["TimeoutSeconds"] == own[0].timeout  # type: ignore[union-attr]


@settings(max_examples=60, deadline=None)
@given(projects())
def test_the_machine_never_takes_longer_than_the_bound_that_check_promises(
    project: Project,
) -> None:
    found = machine(project)
    day = worst(local(project))
    emergency = worst(flow(project, plan_b(project, asl.ANY_DAY, project.reports)))
    without_rescue = deepcopy(found)
    without_rescue["States"]["Rescue"] = {"Type": "Succeed"}
    assert worst_of(without_rescue) <= day
    assert worst_of(found) <= day + emergency
    assert found["TimeoutSeconds"] > worst_of(found)


def test_the_bound_counts_every_retry_of_every_state() -> None:
    """Rows W1 to W5 of `aws.md`, in the machine's own words."""
    retry = [
        {"ErrorEquals": ["A"], "IntervalSeconds": 1, "MaxAttempts": 2, "BackoffRate": 2},
        {"ErrorEquals": ["B"], "IntervalSeconds": 5, "MaxAttempts": 3, "BackoffRate": 2},
    ]
    task = {"Type": "Task", "TimeoutSeconds": 60, "Retry": retry, "End": True}
    assert worst_of({"StartAt": "t", "States": {"t": task}}) == 398


def test_a_cycle_has_no_bound() -> None:
    loop = {"Type": "Choice", "Choices": [], "Default": "loop"}
    with pytest.raises(ValueError, match="a cycle without a bound through loop"):
        worst_of({"StartAt": "loop", "States": {"loop": loop}})


@settings(max_examples=25, deadline=None)
@given(projects())
def test_every_machine_is_one_that_step_functions_takes_and_we_allow(project: Project) -> None:
    assert problems(asl.machine(project)) == ()


def test_the_machine_does_not_depend_on_a_date(monkeypatch: pytest.MonkeyPatch) -> None:
    before = asl.text(asl.machine(made()))
    monkeypatch.setattr(asl, "ANY_DAY", asl.ANY_DAY.replace(year=2031))
    assert asl.text(asl.machine(made())) == before


def test_the_names_of_errors_are_the_classes_of_errors_py() -> None:
    classes = {
        name
        for name, kind in vars(errors).items()
        if isinstance(kind, type)
        and issubclass(kind, errors.PuntualError)
        and kind is not errors.PuntualError
    }
    assert set(ERROR_NAMES.values()) == classes
    named = {
        kind: {
            error
            for state in states(made(rehearsed=True)).values()
            for entry in state.get(kind, ())
            for error in entry["ErrorEquals"]
            if "." not in error
        }
        for kind in ("Retry", "Catch")
    }
    assert named["Retry"] == {"TransientError"}, "what waiting does not heal is never retried"
    assert named["Catch"] == classes, "a known fault stops its report alone, a bug the run"


@pytest.mark.row("f60", "f61")
def test_a_fault_that_may_pass_is_retried_by_name_and_no_other_is() -> None:
    for name, state in states(made(rehearsed=True)).items():
        retried = {
            error
            for entry in state.get("Retry", ())
            if entry["MaxAttempts"]
            for error in entry["ErrorEquals"]
        }
        allowed = {*RETRIED, "States.TaskFailed"} if name in ("Land", "Curate", "Load") else RETRIED
        assert name.startswith("PlanB") or retried <= set(allowed), name


@pytest.mark.parametrize("job", ["Land", "Curate", "Load", "PlanB-Land"])
def test_a_job_that_died_is_run_again_and_one_that_cannot_be_started_is_not(job: str) -> None:
    never, again = states(made())[job]["Retry"]
    assert "States.Permissions" in never["ErrorEquals"]
    assert never["MaxAttempts"] == 0
    assert again["ErrorEquals"] == ["States.TaskFailed", "States.Timeout"]
    assert again["MaxAttempts"] == (2 if "Land" in job else 1)


@pytest.mark.parametrize("job", ["Land", "Curate", "Load", "PlanB-Land"])
def test_what_a_job_ended_by_is_read_after_success_and_after_the_last_retry(job: str) -> None:
    found = states(made())
    assert found[job]["Next"] == f"{job}-Outcome"
    assert {entry["Next"] for entry in found[job]["Catch"]} == {f"{job}-Outcome"}
    assert found[f"{job}-Outcome"]["Parameters"]["Payload"]["job.$"] == "$.job"
    retried = {e for entry in found[f"{job}-Outcome"]["Retry"] for e in entry["ErrorEquals"]}
    assert "TransientError" not in retried, "what the job failed by is final by then"


def test_a_glue_job_ends_before_its_task_does() -> None:
    """aws.md J1: the job's own timeout is below the step's, in whole minutes."""
    for job in ("Land", "Curate", "Load"):
        state = states(made())[job]
        assert 60 * state["Parameters"]["Timeout"] <= state["TimeoutSeconds"]


@pytest.mark.parametrize("word", ["full", "partial", "emergency"])
def test_a_report_that_stands_in_any_way_is_made_and_delivered(word: str) -> None:
    assert "Deliver-r0" in list(good_day(states(made()), word))


@pytest.mark.parametrize("word", ["held", "", "FULL", "unknown"])
def test_a_finding_leads_to_its_notification_and_the_next_report_goes_on(word: str) -> None:
    found = list(good_day(states(made(reports=2)), word))
    assert found[-5:] == [
        "Notify-r0-held",
        "Decide-r1",
        "Decided-r1",
        "Notify-r1-held",
        "Ended",
    ]
    assert "Report-r0" not in found


def test_a_report_that_the_day_does_not_owe_is_passed_over_without_a_word() -> None:
    found = list(good_day(states(made(reports=2)), "not needed"))
    assert found[-5:] == ["Decide-r0", "Decided-r0", "Decide-r1", "Decided-r1", "Ended"]
    made_rules = states(made())["Made-r0"]["Choices"]
    assert "not needed" not in [rule["StringEquals"] for rule in made_rules]


def test_a_technical_fault_is_told_then_plan_b_is_asked_for_then_the_lease_is_given_back() -> None:
    found = states(made())
    for name in ("Curate-Outcome", "Validate", "Load-Outcome", "Reconcile"):
        assert {entry["Next"] for entry in found[name]["Catch"]} == {"Notify-failed"}
    assert found["Notify-failed"]["Next"] == "Rescue"
    assert found["Rescue"]["Next"] == "Rescuable"
    assert found["Rescuable"]["Choices"] == [
        {"Variable": "$.rescue.fault", "StringEquals": "", "Next": "End-failed"}
    ]
    assert found["Rescuable"]["Default"] == "PlanB-Begun"
    assert found["PlanB-Begun"]["Next"] == "PlanB-Land"
    assert found["PlanB-Notify-failed"]["Next"] == "End-failed"
    assert found["End-failed"]["Next"] == "Failed"
    assert found["Failed"]["ErrorPath"] == "$.error.Error"


@pytest.mark.parametrize("walk", ["", "PlanB-"])
def test_what_stops_one_report_is_told_and_the_next_one_goes_on_before_the_machine_fails(
    walk: str,
) -> None:
    found = states(made(reports=2))
    for step in ("Decide", "Report", "Attest", "Deliver"):
        known, *rest = found[f"{walk}{step}-r0"]["Catch"]
        assert "ProjectError" in known["ErrorEquals"]
        assert (known["Next"], known["ResultPath"]) == (f"{walk}Notify-r0-failed", "$.failed")
        assert {entry["Next"] for entry in rest} == {f"{walk}Notify-failed"}, "a bug stops all"
    told = found[f"{walk}Notify-r0-failed"]
    assert told["Next"] == f"{walk}Decide-r1"
    assert told["Parameters"]["Payload"]["error.$"] == "$.failed"
    assert found[f"{walk}Begun"]["ResultPath"] == "$.failed"
    ended = found[f"{walk}Ended"]
    assert [(c["Variable"], c["StringEquals"], c["Next"]) for c in ended["Choices"]] == [
        ("$.failed.Error", "", "Rescued" if walk else "End")
    ]
    copied = found[ended["Default"]]
    assert copied["ResultPath"] == "$.error"
    assert copied["Next"] == ("End-failed" if walk else "Rescue")


def test_plan_b_goes_from_raw_straight_to_the_decision() -> None:
    found = states(made())
    assert found["PlanB-Land-Outcome"]["Next"] == "PlanB-Decide-r0"
    assert found["PlanB-Deliver-r0"]["Next"] == "PlanB-Ended"
    payload = found["PlanB-Decide-r0"]["Parameters"]["Payload"]
    assert payload["fault.$"] == "$.rescue.fault"
    assert payload["reports.$"] == "$.rescue.reports"


def test_a_rehearsal_that_fails_never_fails_the_day() -> None:
    found = states(made(rehearsed=True))
    assert {entry["Next"] for entry in found["Rehearse-r0"]["Catch"]} == {"Notify-r0-plan_b"}
    assert found["Notify-r0-plan_b"]["Next"] == "End"
    assert {e["ResultPath"] for e in found["Rehearse-r0"]["Catch"]} == {"$.missed"}


def test_only_the_last_answer_is_kept_so_many_steps_never_add_up() -> None:
    """aws.md C5: 256 KiB between states, by a name that `States.ALL` does not catch."""
    kept = {
        (state["ResultPath"], tuple(state.get("ResultSelector", ())))
        for name, state in states(made(reports=3)).items()
        if state["Type"] == "Task"
    }
    answer = ("outcomes.$", "completeness.$", "summary.$")
    run = tuple(f"{key}.$" for key in asl_states.RUN)
    assert kept == {
        ("$.last", answer),
        ("$.run", run),
        ("$.job", ("id.$",)),
        ("$.rescue", ("fault.$", "reports.$", "whole.$")),
        (None, ()),
    }


def test_an_order_is_a_text_that_is_json_once_the_run_is_filled_in() -> None:
    function = states(made())["PlanB-Land"]["Parameters"]["Arguments"]["--order.$"]
    template, *paths = re.findall(r"'(?:[^'\\]|\\.)*'|States\.JsonToString\([^)]*\)", function)
    assert paths == [
        "States.JsonToString($.run)",
        "States.JsonToString($.rescue.fault)",
        "States.JsonToString($.rescue.reports)",
    ]
    text = template[1:-1].replace("{}", "%s").replace("\\{", "{").replace("\\}", "}")
    order = json.loads(text % ('{"id":"x"}', '"the warehouse is down"', '["r0"]'))
    assert order == {
        "run": {"id": "x"},
        "task": "PlanB-Land",
        "steps": ["land:s0"],
        "fault": "the warehouse is down",
        "reports": ["r0"],
    }


def test_times_that_leave_nothing_for_a_glue_job_are_refused() -> None:
    short_times = {**DEFAULT_TIMES, "load": StepTimes(timeout=60, retries=0)}
    with pytest.raises(ProjectError) as refused:
        asl.machine(made(kinds=short_times))
    assert refused.value.code == "C1603"
    assert "load:s0" in refused.value.message
    assert refused.value.observed.startswith("18 s")


def test_the_waits_of_a_job_are_no_more_than_those_of_its_steps_together() -> None:
    slow = StepTimes(timeout=600, retries=1, interval=50, max_delay=50)
    project = made(sources=2, steps={"land:s0": slow})
    again = retrier_of(states(project)["Land"]["Retry"][-1])
    assert (again.attempts, again.interval) == (1, 50)
    assert delays(again) == Fraction(50)


def test_a_name_longer_than_the_service_allows_ends_in_a_digest() -> None:
    long = "Notify-" + "r" * 90
    assert len(short(long)) == 80
    assert short(long) != short(long + "r")
    assert short("Decide-r0") == "Decide-r0"


def test_every_report_of_a_long_name_still_has_its_states() -> None:
    project = made()
    name = "r" * 90
    report = replace(project.reports["r0"], name=name)
    found = states(replace(project, reports={name: report}))
    assert all(len(state) <= 80 for state in found)
    assert problems(asl.machine(replace(project, reports={name: report}))) == ()


def test_every_function_and_job_that_is_named_is_asked_for() -> None:
    found = states(made(rehearsed=True))
    asked = {
        state["Parameters"].get("JobName") or state["Parameters"]["FunctionName"]
        for state in found.values()
        if state["Type"] == "Task"
    }
    assert asked == {
        *(f"${{{job.capitalize()}Job}}" for job in JOBS),
        *(f"${{{function.capitalize()}Function}}" for function in FUNCTIONS),
    }


def test_a_choice_follows_the_state_whose_answer_it_reads() -> None:
    for report, task in (("r0", Decide(report="r0").id), ("r0", MakeReport(report="r0").id)):
        name = place(next(s for s in plan(made(), asl.ANY_DAY).steps if s.id == task)).state
        choice = states(made())[states(made())[name]["Next"]]
        assert {rule["Variable"] for rule in choice["Choices"]} == {"$.last.completeness"}, report
