"""Retry means what the Amazon States Language says: rows F1 to F6 and R1 to R9 of `aws.md`."""

from __future__ import annotations

import pytest
from core.runner.flows import END, Scripted, catcher, flow, retrier, task, walk

from puntual.model.flow import Choice, Retrier
from puntual.planner.wellformed import problems

A, B, C = "ErrorA", "ErrorB", "ErrorC"


@pytest.mark.parametrize(
    ("retry", "errors", "waits", "executions"),
    [
        pytest.param((retrier(A, interval=3),), [A] * 4, [3, 6, 12], 4, id="R1"),
        pytest.param((retrier(A, interval=3, max_delay=5),), [A] * 4, [3, 5, 5], 4, id="R2"),
        pytest.param(
            (retrier(A, B, attempts=2), retrier(C, interval=5)),
            [A, B, C, B],
            [1, 2, 5],
            4,
            id="R3",
        ),
        pytest.param((Retrier(errors=(A,)),), [A] * 4, [1, 2, 4], 4, id="R4"),
        pytest.param((retrier(A, attempts=0),), [A], [], 1, id="R5"),
        pytest.param(
            (retrier("States.timeout"),), ["States.Timeout"], [], 1, id="R7-F1-names-have-a-case"
        ),
        pytest.param(
            (retrier("TransientError", attempts=1), retrier("States.ALL", attempts=5)),
            ["TransientError"] * 2,
            [1],
            2,
            id="R8-a-later-retrier-is-not-tried",
        ),
        pytest.param((Retrier(errors=(A,), attempts=1),), [A] * 2, [1], 2, id="F2-interval-is-1"),
        pytest.param((Retrier(errors=(A,)),), [A] * 9, [1, 2, 4], 4, id="F3-F4-3-retries-times-2"),
        pytest.param(
            (retrier(A, interval=9, backoff="9"),), [A] * 4, [9, 81, 729], 4, id="F5-no-cap"
        ),
        pytest.param(
            (retrier(A, interval=2, backoff="1.5"),), [A] * 4, [2, 3, 4.5], 4, id="F4-exact"
        ),
    ],
)  # fmt: skip
def test_an_error_is_tried_again_after_these_waits_and_then_caught(
    retry: tuple[Retrier, ...], errors: list[str], waits: list[float], executions: int
) -> None:
    performer = Scripted({"work": errors})
    caught = catcher(*dict.fromkeys(errors))
    walked = walk(flow(task(*retry, catch=(caught,)), END), performer)
    assert walked.waits == waits
    assert performer.done == [("work", n) for n in range(1, executions + 1)]
    assert walked.ended.visited == ("work", "end")
    assert walked.ended.error == errors[-1]


@pytest.mark.parametrize(
    ("part", "waits"),
    [(0.0, [0, 0, 0]), (0.5, [1.5, 3, 6]), (1.0, [3, 6, 12])],
    ids=["R6-F6-least", "R6-F6-middle", "R6-F6-most"],
)
def test_full_jitter_draws_from_nothing_to_the_whole_wait(part: float, waits: list[float]) -> None:
    states = flow(task(retrier(A, interval=3, full_jitter=True), catch=(catcher(A),)), END)
    assert walk(states, Scripted({"work": [A] * 4}), jitter=part).waits == waits


def test_jitter_is_drawn_after_the_cap() -> None:
    states = flow(task(retrier(A, interval=3, max_delay=5, full_jitter=True)))
    assert walk(states, Scripted({"work": [A] * 4}), jitter=0.5).waits == [1.5, 2.5, 2.5]


def test_without_jitter_nothing_is_drawn_f6() -> None:
    states = flow(task(retrier(A, interval=3)))
    assert walk(states, Scripted({"work": [A] * 4}), jitter=0.0).waits == [3, 6, 12]


def test_counters_begin_anew_when_a_state_is_entered_again_r9() -> None:
    on = "$.steps['other'].go"
    again = Choice(name="again", variable=on, branches={"on": "work"}, default="end")
    states = flow(
        task(retrier(A, attempts=2), next="other"),
        task(name="other", next="again"),
        again,
        END,
    )  # fmt: skip
    performer = Scripted({"work": [A, A, "", A, A, "", A, A, A]}, {"other": {"go": "on"}})
    walked = walk(states, performer)
    assert walked.waits == [1, 2] * 3
    assert walked.ended.error == A
    assert walked.ended.visited == ("work", "other", "again", "work", "other", "again", "work")


def test_each_retrier_keeps_its_counter_while_other_errors_come_between() -> None:
    states = flow(task(retrier(A, attempts=2), retrier(B, interval=7, attempts=1)))
    walked = walk(states, Scripted({"work": [A, B, A, B]}))
    assert walked.waits == [1, 7, 2]
    assert walked.ended.error == B


def test_a_retry_that_succeeds_goes_on() -> None:
    states = flow(task(retrier(A), next="then"), task(name="then"))
    walked = walk(states, Scripted({"work": [A]}))
    assert not walked.ended.failed
    assert walked.ended.visited == ("work", "then")


def test_an_error_that_no_retrier_names_is_not_tried_again() -> None:
    performer = Scripted({"work": ["ValueError"]})
    ended = walk(flow(task(retrier("TransientError", "States.Timeout"))), performer).ended
    assert performer.done == [("work", 1)]
    assert (ended.failed, ended.error, ended.cause) == (True, "ValueError", "because of ValueError")
    assert isinstance(ended.fault, OSError)


def test_each_retry_is_told_before_its_wait() -> None:
    states = flow(task(retrier(A, interval=5, attempts=2)))
    told = walk(states, Scripted({"work": [A, A]})).retried
    assert [(r.state.name, r.attempt, r.error, r.retry, r.of, r.wait) for r in told] == [
        ("work", 1, A, 1, 2, 5.0),
        ("work", 2, A, 2, 2, 10.0),
    ]


def test_what_a_performer_raises_otherwise_passes_through_as_the_bug_it_is() -> None:
    class Broken(Scripted):
        def _fail(self, name: str) -> None:
            raise ZeroDivisionError(name)

    states = flow(task(retrier("States.ALL"), catch=(catcher("States.ALL"),)), END)
    with pytest.raises(ZeroDivisionError):
        walk(states, Broken({}))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        pytest.param(retrier(), "empty list of errors", id="F1-required"),
        pytest.param(retrier("States.Mine"), "no name of the language", id="F1-reserved"),
        pytest.param(retrier("States.timeout"), "no name of the language", id="F1-case"),
        pytest.param(retrier(A, interval=0), "waits 0 s", id="F2-positive"),
        pytest.param(retrier(A, interval=100_000_000), "waits 100000000 s", id="F2-most"),
        pytest.param(retrier(A, attempts=-1), "retries -1 times", id="F3-negative"),
        pytest.param(retrier(A, backoff="0.9"), "less than 1", id="F4-at-least-1"),
        pytest.param(retrier(A, max_delay=0), "longest delay of 0 s", id="F5-positive"),
        pytest.param(retrier(A, max_delay=31_622_401), "longest delay", id="F5-most"),
    ],
)
def test_a_retrier_that_step_functions_refuses_is_refused(wrong: Retrier, said: str) -> None:
    (problem,) = problems(flow(task(wrong)))
    assert said in problem


@pytest.mark.parametrize(
    "right",
    [
        retrier(A, interval=99_999_999, attempts=0, backoff="1", max_delay=31_622_400),
        retrier("States.Timeout", "States.Permissions", "Lambda.Unknown"),
    ],
    ids=["F2-F5-the-most", "F1-names-of-the-language"],
)
def test_a_retrier_at_its_limits_is_right(right: Retrier) -> None:
    assert problems(flow(task(right))) == ()
