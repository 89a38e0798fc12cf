"""Refuses a flow that Step Functions would refuse, and one that it would accept to our harm."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from puntual.model.flow import (
    ALL,
    DATA_LIMIT_EXCEEDED,
    RESULT_PATH,
    RUNTIME,
    TASK_FAILED,
    TIMEOUT,
    Catcher,
    Choice,
    Fail,
    Flow,
    Notify,
    Retrier,
    State,
    Succeed,
    Task,
)

RESERVED = frozenset(
    {
        ALL,
        DATA_LIMIT_EXCEEDED,
        RESULT_PATH,
        RUNTIME,
        TASK_FAILED,
        TIMEOUT,
        "States.BranchFailed",
        "States.ExceedToleratedFailureThreshold",
        "States.HeartbeatTimeout",
        "States.IntrinsicFailure",
        "States.ItemReaderFailed",
        "States.NoChoiceMatched",
        "States.ParameterPathFailure",
        "States.Permissions",
        "States.QueryEvaluationError",
        "States.ResultWriterFailed",
    }
)
"""The names of the language; a name of one's own does not begin with `States.` (F1)."""

LONGEST = 99_999_999
"""Of `TimeoutSeconds`, `IntervalSeconds` and `MaxAttempts`."""

LONGEST_DELAY = 31_622_400
"""Of `MaxDelaySeconds` (F6)."""


def validate(flow: Flow) -> None:
    """
    Refuse a flow that is not well formed.

    Raises:
        ValueError: With every problem; a flow is made by the program, so it is a bug.
    """
    found = problems(flow)
    if found:
        raise ValueError("; ".join(found))


def problems(flow: Flow) -> tuple[str, ...]:
    """
    Return what is wrong with a flow, one sentence each; none if it is well formed.

    Source: Amazon States Language; `aws.md` F1 to F6, E1, E8, C3, C4; section 6 for cycles.
    """
    if flow.start not in flow.states:
        return (f"the flow starts at {flow.start}, which is no state",)
    found = [p for name, state in flow.states.items() for p in _state(name, state, flow)]
    reached = reachable(flow)
    found += [f"{name} is never reached" for name in flow.states if name not in reached]
    cycle = cycle_of(flow)
    if cycle:
        found.append(f"a cycle without a bound: {' -> '.join(cycle)}")
    return tuple(found)


def following(state: State) -> tuple[str, ...]:
    """Return the names of the states that may come after a state, each once."""
    names: list[str] = []
    if isinstance(state, Task | Notify):
        names += [state.next] if state.next is not None else []
        names += [catcher.next for catcher in state.catch]
    elif isinstance(state, Choice):
        names += [*state.branches.values(), state.default]
    return tuple(dict.fromkeys(names))


def reachable(flow: Flow) -> frozenset[str]:
    """Return the names of the states that the flow can enter."""
    seen: set[str] = set()
    ahead = [flow.start]
    while ahead:
        name = ahead.pop()
        if name in flow.states and name not in seen:
            seen.add(name)
            ahead += following(flow.states[name])
    return frozenset(seen)


def cycle_of(flow: Flow) -> tuple[str, ...]:
    """Return the names of a cycle, the first again at its end; none if there is no cycle."""
    done: set[str] = set()
    path: dict[str, None] = {}
    ahead: list[Iterator[str]] = [iter((flow.start,))]
    while ahead:
        name = next(ahead[-1], None)
        if name is None:
            ahead.pop()
            if path:
                done.add(path.popitem()[0])
        elif name in path:
            names = list(path)
            return (*names[names.index(name) :], name)
        elif name in flow.states and name not in done:
            path[name] = None
            ahead.append(iter(following(flow.states[name])))
    return ()


def _state(name: str, state: State, flow: Flow) -> Iterator[str]:
    if state.name != name:
        yield f"{name} is called {state.name}"
    for ahead in following(state):
        if ahead not in flow.states:
            yield f"{name} goes on to {ahead}, which is no state"
    if isinstance(state, Choice | Fail | Succeed):
        return
    if not 0 < state.timeout <= LONGEST:
        yield f"{name} has no timeout between 1 and {LONGEST} s"
    yield from _lists(f"the retriers of {name}", state.retry)
    yield from _lists(f"the catchers of {name}", state.catch)
    for retrier in state.retry:
        yield from _retrier(name, retrier)


def _lists(what: str, entries: tuple[Retrier, ...] | tuple[Catcher, ...]) -> Iterator[str]:
    named: set[str] = set()
    for entry in entries:
        names = entry.errors
        named |= set(names)
        if not names:
            yield f"{what} have an empty list of errors"
        if ALL in names and (len(names) > 1 or entry is not entries[-1]):
            yield f"{what} have {ALL} not alone or not last"
        if TASK_FAILED in names and DATA_LIMIT_EXCEEDED not in named:
            yield f"{what} have {TASK_FAILED} without naming {DATA_LIMIT_EXCEEDED}"
        for error in names:
            if error.startswith("States.") and error not in RESERVED:
                yield f"{what} name {error}, which is no name of the language"


def _retrier(name: str, retrier: Retrier) -> Iterator[str]:
    if not 0 < retrier.interval <= LONGEST:
        yield f"{name} waits {retrier.interval} s, not 1 to {LONGEST}"
    if not 0 <= retrier.attempts <= LONGEST:
        yield f"{name} retries {retrier.attempts} times, not 0 to {LONGEST}"
    if not retrier.backoff.is_finite() or retrier.backoff < Decimal(1):
        yield f"{name} has a backoff of {retrier.backoff}, less than 1"
    if retrier.max_delay is not None and not 0 < retrier.max_delay <= LONGEST_DELAY:
        yield f"{name} has a longest delay of {retrier.max_delay} s, not 1 to {LONGEST_DELAY}"
