"""
What errors match and where a flow goes on: rows E1 to E10 and C1 to C5 of `aws.md`.

E9's names are plain texts here; E6 and E7 say which name a performer has to give.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from core.runner.flows import END, Scripted, catcher, flow, retrier, task, walk

from puntual.model.flow import Catcher, Choice, Fail, Flow, Notify, Retrier
from puntual.planner.wellformed import problems
from puntual.runner.flow import PAYLOAD_LIMIT, Failed, matches

ALL, TASK_FAILED, TIMEOUT = "States.ALL", "States.TaskFailed", "States.Timeout"
TOO_LARGE, RUNTIME = "States.DataLimitExceeded", "States.Runtime"


@pytest.mark.parametrize(
    ("names", "error", "matched"),
    [
        pytest.param((ALL,), "TransientError", True, id="E2-a-custom-name"),
        pytest.param((ALL,), TIMEOUT, True, id="E2-timeout"),
        pytest.param((ALL,), "States.Permissions", True, id="E2-a-name-of-the-language"),
        pytest.param((ALL,), TOO_LARGE, False, id="E2-not-data-limit"),
        pytest.param((ALL,), RUNTIME, False, id="E2-not-runtime"),
        pytest.param((TASK_FAILED,), "TransientError", True, id="E3-a-custom-name"),
        pytest.param((TASK_FAILED,), "States.Permissions", True, id="E3-permissions"),
        pytest.param((TASK_FAILED,), TIMEOUT, False, id="E3-not-timeout"),
        pytest.param((TOO_LARGE,), TOO_LARGE, True, id="E4-by-its-name"),
        pytest.param((RUNTIME,), RUNTIME, False, id="E5-not-by-its-name"),
        pytest.param((TASK_FAILED,), RUNTIME, False, id="E5-not-by-task-failed"),
        pytest.param((TIMEOUT,), TIMEOUT, True, id="E6-a-missed-heartbeat-is-a-timeout"),
        pytest.param((TIMEOUT,), TASK_FAILED, False, id="E7-a-childs-timeout-is-none"),
        pytest.param((TASK_FAILED,), TASK_FAILED, True, id="E7-it-is-a-failed-task"),
        pytest.param(
            ("S3.NoSuchBucketException",), "S3.NoSuchBucketException", True, id="E9-as-it-is"
        ),
        pytest.param(
            ("S3.NoSuchBucketException",), "s3.NoSuchBucketException", False, id="E9-with-its-case"
        ),
    ],
)
def test_a_list_of_errors_holds_a_name(names: tuple[str, ...], error: str, matched: bool) -> None:
    assert matches(names, error) is matched
    retried = walk(flow(task(retrier(*names, attempts=1))), Scripted({"work": [error, error]}))
    assert len(retried.retried) == matched
    caught = walk(flow(task(catch=(catcher(*names),)), END), Scripted({"work": [error]}))
    assert ("end" in caught.ended.visited) is matched
    assert caught.ended.error == error


@pytest.mark.parametrize(
    ("retry", "catch"),
    [
        pytest.param((retrier(ALL, "TransientError"),), (), id="E1-not-alone-in-retry"),
        pytest.param((retrier(ALL), retrier("A")), (), id="E1-not-last-in-retry"),
        pytest.param((), (catcher(ALL, TIMEOUT),), id="E1-not-alone-in-catch"),
        pytest.param((), (catcher(ALL), catcher("A")), id="E1-not-last-in-catch"),
        pytest.param((retrier(TASK_FAILED),), (), id="E8-relied-upon-in-retry"),
        pytest.param((), (catcher(TASK_FAILED), catcher(TOO_LARGE)), id="E8-named-too-late"),
    ],
)
def test_a_list_that_is_refused_or_not_clear_is_no_flow(
    retry: tuple[Retrier, ...], catch: tuple[Catcher, ...]
) -> None:
    states = flow(task(*retry, catch=catch), *((END,) if catch else ()))
    assert len(problems(states)) == 1


@pytest.mark.parametrize(
    "catch",
    [
        (catcher(TASK_FAILED, TOO_LARGE), catcher(ALL)),
        (catcher(TOO_LARGE), catcher(TASK_FAILED), catcher(ALL)),
    ],
    ids=["E8-both-in-one", "E8-named-before"],
)
def test_a_flow_that_names_both_does_not_depend_on_what_is_open(catch: tuple[Catcher, ...]) -> None:
    states = flow(task(catch=catch), END)
    assert problems(states) == ()
    assert walk(states, Scripted({"work": [TOO_LARGE]})).ended.visited == ("work", "end")


def test_retry_comes_first_and_then_catch() -> None:
    states = flow(task(retrier("A", attempts=1), catch=(catcher("A"),)), END)
    performer = Scripted({"work": ["A", "A"]})
    assert walk(states, performer).ended.visited == ("work", "end")
    assert performer.done == [("work", 1), ("work", 2)]


def test_catchers_are_scanned_in_order() -> None:
    first, second = catcher("A", "B", next="one"), catcher("B", next="two")
    states = flow(task(catch=(first, second)), Fail(name="one"), Fail(name="two"))
    assert walk(states, Scripted({"work": ["B"]})).ended.visited == ("work", "one")


def test_a_runtime_error_runs_no_state_and_tells_nobody_e10() -> None:
    tell = Notify(name="tell", report="", about="failed", timeout=5)
    states = flow(task(retrier(ALL), catch=(catcher(ALL, next="tell"),)), tell)
    performer = Scripted({"work": [RUNTIME]})
    ended = walk(states, performer).ended
    assert (ended.failed, ended.error, ended.visited) == (True, RUNTIME, ("work",))
    assert performer.told == []


@pytest.mark.parametrize(
    ("path", "data"),
    [
        pytest.param("$.error", {"day": "1", "error": "FOUND"}, id="C1-ours"),
        pytest.param("$", "FOUND", id="C2-the-default-replaces-everything"),
        pytest.param("$.a.b", {"day": "1", "a": {"c": "2", "b": "FOUND"}}, id="C2-nested"),
        pytest.param("$.x.y", {"day": "1", "a": {"c": "2"}, "x": {"y": "FOUND"}}, id="C2-made"),
        pytest.param("$.day", {"day": "FOUND"}, id="C2-over-a-value"),
    ],
)
def test_what_was_caught_stands_at_the_result_path(path: str, data: object) -> None:
    given: dict[str, object] = {"day": "1"}
    if path in ("$.a.b", "$.x.y"):
        given["a"] = {"c": "2"}
    states = flow(task(catch=(catcher("A", path=path, next="then"),)), task(name="then"))
    states = replace(states, states={**states.states, "then": Fail(name="then", error_path=path)})
    ended = walk(states, Scripted({"work": ["A"]}), data=given).ended
    found = {"Error": "A", "Cause": "because of A"}
    assert ended.data == filled(data, found)
    assert (ended.error, ended.cause) == ("A", "because of A")
    assert given.get("error") is None


def filled(shape: object, found: dict[str, str]) -> object:
    if shape == "FOUND":
        return found
    return {k: filled(v, found) for k, v in shape.items()} if isinstance(shape, dict) else shape


def test_a_result_path_through_a_text_is_an_error_of_its_own() -> None:
    states = flow(task(catch=(catcher("A", path="$.day.error"),)), END)
    ended = walk(states, Scripted({"work": ["A"]}), data={"day": "1"}).ended
    assert (ended.failed, ended.error) == (True, "States.ResultPathMatchFailure")
    assert ended.visited == ("work",)


def test_the_output_of_a_task_is_put_under_its_name_and_the_input_stays() -> None:
    states = flow(task(name="land:a", next="load:b"), task(name="load:b"))
    performer = Scripted({}, {"land:a": {"manifest": "m1"}, "load:b": {"manifest": "m2"}})
    ended = walk(states, performer, data={"day": "1", "steps": {"before": {"x": "y"}}}).ended
    assert ended.data == {
        "day": "1",
        "steps": {"before": {"x": "y"}, "land:a": {"manifest": "m1"}, "load:b": {"manifest": "m2"}},
    }


@pytest.mark.parametrize("timeout", [0, -1, 100_000_000])
@pytest.mark.parametrize("state", ["task", "notify"], ids=["C3-task", "C4-notification"])
def test_a_state_that_could_wait_for_years_is_refused(state: str, timeout: int) -> None:
    tell = Notify(name="work", report="", about="held", timeout=timeout)
    (problem,) = problems(flow(task(timeout=timeout) if state == "task" else tell))
    assert "no timeout" in problem


def test_a_payload_above_the_limit_fails_its_state_and_is_caught_only_by_name_c5() -> None:
    large = {"text": "é" * (PAYLOAD_LIMIT // 2)}
    by_all = flow(task(retrier(ALL), catch=(catcher(ALL),)), END)
    ended = walk(by_all, Scripted({}, {"work": large}), data={}).ended
    assert (ended.error, ended.visited, ended.data) == (TOO_LARGE, ("work",), {})
    by_name = flow(task(catch=(catcher(TOO_LARGE), catcher(ALL))), END)
    assert walk(by_name, Scripted({}, {"work": large})).ended.visited == ("work", "end")


def test_a_payload_at_the_limit_goes_on_c5() -> None:
    empty = len('{"steps":{"work":{"text":""}}}')
    for letter in ("x", "é"):
        fits = {"text": letter * ((PAYLOAD_LIMIT - empty) // len(letter.encode()))}
        assert not walk(flow(task()), Scripted({}, {"work": fits}), data={}).ended.failed


def test_a_cause_without_end_is_cut_so_that_the_fault_is_still_told_c5() -> None:
    class Verbose(Scripted):
        def _fail(self, name: str) -> None:
            if name == "work":
                raise Failed("A", "x" * 10**6)

    tell = Notify(name="tell", report="", about="failed", timeout=5, next="end")
    states = flow(task(catch=(catcher("A", next="tell"),)), tell, END)
    performer = Verbose({})
    ended = walk(states, performer).ended
    assert [name for name, _ in performer.told] == ["tell"]
    assert len(ended.cause) == 10**6


CHOICE = Choice(
    name="choose",
    variable="$.steps['work'].completeness",
    branches={"full": "goes"},
    default="stays",
)


@pytest.mark.parametrize(
    ("output", "visited"),
    [
        ({"completeness": "full"}, "goes"),
        ({"completeness": "held"}, "stays"),
        ({"completeness": "Full"}, "stays"),
        ({"completeness": None}, "stays"),
        ({"completeness": 1}, "stays"),
    ],
)
def test_a_choice_goes_on_by_a_value_of_the_input(output: dict[str, object], visited: str) -> None:
    states = flow(task(next="choose"), CHOICE, task(name="goes"), task(name="stays"))
    ended = walk(states, Scripted({}, {"work": output})).ended
    assert ended.visited == ("work", "choose", visited)
    assert not ended.failed


def test_a_choice_on_a_value_that_is_not_there_is_a_runtime_error() -> None:
    states = flow(task(next="choose"), CHOICE, task(name="goes"), task(name="stays"))
    ended = walk(states, Scripted({})).ended
    assert (ended.error, ended.visited) == (RUNTIME, ("work", "choose"))


def test_a_notification_is_tried_again_and_does_not_hide_what_it_tells_of() -> None:
    tell = Notify(
        name="tell",
        report="",
        about="failed",
        timeout=5,
        retry=(retrier("TransientError", attempts=1),),
        catch=(catcher(ALL, path="$.untold"),),
        next="end",
    )
    states = flow(task(catch=(catcher(ALL, next="tell"),)), tell, END)
    performer = Scripted({"work": ["PermanentError"], "tell": ["TransientError", "Broken"]})
    ended = walk(states, performer).ended
    assert (ended.error, ended.visited) == ("PermanentError", ("work", "tell", "end"))
    assert performer.told[0][1]["error"] == {
        "Error": "PermanentError",
        "Cause": "because of PermanentError",
    }
    assert isinstance(ended.fault, OSError)


def test_a_fail_state_that_no_error_led_to_is_a_runtime_error() -> None:
    ended = walk(flow(task(next="end"), END), Scripted({})).ended
    assert (ended.failed, ended.error) == (True, RUNTIME)


@pytest.mark.parametrize(
    ("states", "said"),
    [
        (Flow(start="gone", states={"work": task()}), "starts at gone"),
        (flow(task(next="gone")), "goes on to gone"),
        (flow(task(catch=(catcher("A", next="gone"),))), "goes on to gone"),
        (flow(task(next="choose"), replace(CHOICE, default="work"), task(name="goes")), "cycle"),
        (flow(task(), task(name="island")), "island is never reached"),
        (flow(task(next="work")), "a cycle without a bound: work -> work"),
        (
            flow(task(next="b"), task(name="b", catch=(catcher("A", next="work"),))),
            "a cycle without a bound: work -> b -> work",
        ),
        (Flow(start="work", states={"work": task(name="other")}), "work is called other"),
    ],
)
def test_a_flow_that_is_not_well_formed_is_refused(states: Flow, said: str) -> None:
    assert [said in problem for problem in problems(states)] == [True]
