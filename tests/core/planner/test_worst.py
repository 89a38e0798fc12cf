"""The bound of a run: rows W1 to W5 of `aws.md`, and that nothing ever takes longer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

import pytest
from core.runner.flows import END, catcher, flow, retrier, task
from hypothesis import given
from hypothesis import strategies as st

from puntual.model.flow import Choice, Flow, Notify, Retrier, State, Task
from puntual.planner.wellformed import problems
from puntual.planner.worst import delays, longest, worst
from puntual.runner.flow import Failed, carry

A, B = "ErrorA", "ErrorB"


@pytest.mark.parametrize(
    ("state", "seconds"),
    [
        pytest.param(task(retrier(A, attempts=0), timeout=300), 300, id="W1"),
        pytest.param(task(retrier(A, interval=3), timeout=10), 61, id="W2"),
        pytest.param(task(retrier(A, interval=5), timeout=600), 2435, id="W3"),
        pytest.param(task(retrier(A, interval=5, max_delay=8), timeout=600), 2421, id="W4"),
        pytest.param(
            task(retrier(A, attempts=2), retrier(B, interval=5), timeout=60), 398, id="W5"
        ),
        pytest.param(task(timeout=7), 7, id="no-retrier"),
        pytest.param(task(retrier(A, interval=3, full_jitter=True), timeout=10), 61, id="jitter"),
        pytest.param(task(retrier(A, interval=2, backoff="1.5"), timeout=1), 13.5, id="fraction"),
    ],
)
def test_a_task_takes_at_most_so_many_seconds(state: Task, seconds: float) -> None:
    assert longest(state) == Fraction(seconds)
    assert worst(flow(state)) == Fraction(seconds)


def test_a_sequence_takes_the_sum() -> None:
    assert worst(flow(task(timeout=7, next="b"), task(name="b", timeout=5))) == 12


def test_a_choice_takes_its_longest_branch() -> None:
    choose = Choice(name="choose", variable="$.x", branches={"1": "b", "2": "c"}, default="d")
    ends = (task(name="b", timeout=5), task(name="c", timeout=9), task(name="d", timeout=3))
    assert worst(flow(task(timeout=7, next="choose"), choose, *ends)) == 16


@pytest.mark.parametrize(("told", "total"), [(2, 12), (60, 67)])
def test_a_catch_branch_counts_when_it_is_longer_than_what_follows(told: int, total: int) -> None:
    tell = Notify(name="tell", report="", about="failed", timeout=told, next="end")
    caught = (catcher("States.ALL", next="tell"),)
    states = flow(task(timeout=7, catch=caught, next="b"), task(name="b", timeout=5), tell, END)
    assert worst(states) == total


def test_a_notification_counts_with_its_retries() -> None:
    retry = (retrier(A, interval=5, attempts=1),)
    tell = Notify(name="tell", report="", about="held", timeout=30, retry=retry)
    assert worst(flow(tell)) == 65


def test_a_cycle_has_no_bound() -> None:
    with pytest.raises(ValueError, match="a cycle without a bound: work -> work"):
        worst(flow(task(next="work")))


def test_a_long_chain_is_no_deep_recursion() -> None:
    names = [f"s{n}" for n in range(5000)]
    states = [task(name=n, timeout=1, next=m) for n, m in pairwise(names)]
    assert worst(flow(*states, task(name=names[-1], timeout=1))) == 5000


@given(st.integers(1, 50), st.integers(0, 30), st.decimals("1", "4", places=2), st.integers(1, 500))
def test_the_waits_are_summed_as_they_are(
    interval: int, attempts: int, backoff: Decimal, cap: int
) -> None:
    one = retrier(A, interval=interval, attempts=attempts, backoff=str(backoff), max_delay=cap)
    grown = (interval * Fraction(backoff) ** k for k in range(attempts))
    assert delays(one) == sum((min(g, Fraction(cap)) for g in grown), Fraction(0))


# What is drawn: a chain of tasks, each with up to two retriers, some caught by a notification.

ERRORS = ("ErrorA", "ErrorB", "ErrorC", "States.Timeout", "States.Runtime", "")


@st.composite
def retriers(draw: st.DrawFn) -> tuple[Retrier, ...]:
    names = draw(st.lists(st.sampled_from(ERRORS[:4]), unique=True, max_size=2))
    return tuple(
        retrier(
            name,
            interval=draw(st.integers(1, 9)),
            attempts=draw(st.integers(0, 3)),
            backoff=str(draw(st.integers(1, 3))),
            max_delay=draw(st.none() | st.integers(1, 20)),
            full_jitter=draw(st.booleans()),
        )
        for name in names
    )


@st.composite
def flows(draw: st.DrawFn) -> Flow:
    names = [f"s{n}" for n in range(draw(st.integers(1, 5)))]
    states: list[State] = [
        task(
            *draw(retriers()),
            name=name,
            timeout=draw(st.integers(1, 60)),
            catch=(catcher("States.ALL", next="tell"),),
            next=after,
        )
        for name, after in zip(names, [*names[1:], None], strict=True)
    ]
    choose = Choice(name="choose", variable="$.x", branches={"on": "s0"}, default="tell")
    tell = Notify(
        name="tell",
        report="",
        about="failed",
        timeout=draw(st.integers(1, 60)),
        retry=draw(retriers()),
        next="end",
    )
    first = [choose] if draw(st.booleans()) else []
    return flow(*first, *states, tell, END)


@dataclass
class Drawn:
    """A performer whose every attempt lasts as long, and ends, as Hypothesis draws."""

    data: st.DataObject
    now: Fraction = field(default_factory=Fraction)

    def perform(self, task: Task, attempt: int) -> Mapping[str, object]:
        self._attempt(task.timeout)
        return {}

    def notify(self, state: Notify, data: Mapping[str, object]) -> None:
        self._attempt(state.timeout)

    def _attempt(self, timeout: int) -> None:
        self.now += self.data.draw(st.integers(0, timeout))
        error = self.data.draw(st.sampled_from(ERRORS))
        if error:
            raise Failed(error, "drawn")

    def sleep(self, seconds: float) -> None:
        self.now += Fraction(seconds)

    def uniform(self, low: float, high: float) -> float:
        return self.data.draw(st.floats(low, high))


@given(flows(), st.data(), st.sampled_from(["on", "off"]))
@pytest.mark.row("f62")
def test_no_run_takes_longer_than_the_bound(states: Flow, data: st.DataObject, x: str) -> None:
    assert problems(states) == ()
    drawn = Drawn(data)
    carry(states, drawn, data={"x": x}, sleep=drawn.sleep, uniform=drawn.uniform)
    assert drawn.now <= worst(states)


@dataclass
class Slowest:
    """A performer that uses up every timeout and every retry, and succeeds at the last attempt."""

    now: Fraction = field(default_factory=Fraction)
    left: dict[str, list[str]] = field(default_factory=dict)

    def perform(self, task: Task, attempt: int) -> Mapping[str, object]:
        spend = [name for r in task.retry for name in r.errors * r.attempts]
        left = self.left.setdefault(task.name, spend)
        self.now += task.timeout
        if left:
            raise Failed(left.pop(0), "as slow as it can be")
        return {}

    def notify(self, state: Notify, data: Mapping[str, object]) -> None:
        raise AssertionError("a run that succeeds tells nobody")

    def sleep(self, seconds: float) -> None:
        self.now += Fraction(seconds)


@given(flows())
def test_a_run_that_uses_up_everything_takes_exactly_the_bound(states: Flow) -> None:
    straight = {n: s for n, s in states.states.items() if isinstance(s, Task)}
    chain = Flow(start="s0", states={n: replace(s, catch=()) for n, s in straight.items()})
    slow = Slowest()
    ended = carry(chain, slow, data={}, sleep=slow.sleep, uniform=lambda _, high: high)
    assert not ended.failed
    assert slow.now == worst(chain)
