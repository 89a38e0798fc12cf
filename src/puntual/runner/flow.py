"""
Carries a flow out exactly as the Amazon States Language says (design 4.10; `aws.md` 2 to 4).

It knows nothing of steps: a `Performer` does the work and says by `Failed` that an attempt
failed. What is raised otherwise is a bug of the performer's and passes through. Nothing here
reads a clock or is random: waiting and jitter are arguments.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, assert_never, cast

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
    Succeed,
    Task,
)
from puntual.planner.worst import delay
from puntual.runner import paths

PAYLOAD_LIMIT = 256 * 1024
"""Bytes of JSON between states (`aws.md` C5)."""

CAUSE_LIMIT = 32_768
"""Characters of a `Cause` (Step Functions API, SendTaskFailure)."""


class Failed(Exception):  # noqa: N818 - the language's word; it is a state's outcome, no fault of ours
    """
    An attempt of a task failed; how a performer says so.

    Attributes:
        name: The error name that `ErrorEquals` is compared with.
        cause: For people; no personal values.
        fault: What was raised where the work was done, for who wants its class or traceback.
    """

    def __init__(self, name: str, cause: str, *, fault: BaseException | None = None) -> None:
        super().__init__(f"{name}: {cause}")
        self.name = name
        self.cause = cause
        self.fault = fault


class Performer(Protocol):
    """Does what the states of a flow say."""

    def perform(self, task: Task, attempt: int) -> Mapping[str, object]:
        """
        Make one attempt, within the task's timeout.

        Args:
            task: What is done.
            attempt: From 1, over all retriers of this visit of the state.

        Returns:
            JSON values, small (`aws.md` C5: references, never data); they are put into the
            input under `$.steps['<task name>']`.

        Raises:
            Failed: It failed, or ran out of time (`States.Timeout`), or died.
        """

    def notify(self, state: Notify, data: Mapping[str, object]) -> None:
        """
        Tell people.

        Args:
            state: Whom, about what.
            data: The state's input; `$.error` holds `{Error, Cause}` after a technical fault.

        Raises:
            Failed: They could not be told.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Retried:
    """
    An attempt failed and another one follows.

    Attributes:
        state: Which task or notification.
        attempt: The attempt that failed, from 1.
        error: Its error name.
        cause: Its cause.
        fault: What was raised, if anything.
        retry: Which retry of the matching retrier follows, from 1.
        of: How many that retrier allows.
        wait: Seconds until then, jitter applied.
    """

    state: Task | Notify
    attempt: int
    error: str
    cause: str
    fault: BaseException | None
    retry: int
    of: int
    wait: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """
    How a flow ended.

    Attributes:
        failed: Whether it ended in a Fail state or by an error that nothing caught.
        error: The error's name; "" if it ended well.
        cause: Its cause.
        fault: What the performer gave as the fault of that error.
        data: The output of the last state.
        visited: The names of the states in the order they were entered; retries do not enter.
    """

    failed: bool
    error: str
    cause: str
    fault: BaseException | None
    data: dict[str, object]
    visited: tuple[str, ...]


def carry(
    flow: Flow,
    performer: Performer,
    *,
    data: Mapping[str, object],
    sleep: Callable[[float], None],
    uniform: Callable[[float, float], float],
    told: Callable[[Retried], None] | None = None,
) -> Ended:
    """
    Carry a flow out to its end.

    Args:
        flow: Found right by `planner.wellformed`.
        performer: Does the work.
        data: The input of the first state, JSON values.
        sleep: Waits some seconds.
        uniform: Draws the jitter from an interval.
        told: Is told of every retry before its wait.

    Returns:
        The outcome; an error of a state is never raised.

    Source: Amazon States Language, `Retry`, `Catch`, `Choice`, `Fail`; `aws.md` 2 to 4.
    """
    walk = _Walk(
        flow=flow,
        performer=performer,
        sleep=sleep,
        uniform=uniform,
        told=told or _unheard,
        data=dict(data),
    )
    return walk.to_the_end()


def matches(names: tuple[str, ...], error: str) -> bool:
    """
    Say whether an `ErrorEquals` list holds an error.

    `States.ALL` holds all but DataLimitExceeded and Runtime (E2), `States.TaskFailed` all but
    Timeout (E3); Runtime is held by no list (E5). DataLimitExceeded is held by its name only
    (E4): what TaskFailed does with it is open (E8), so no flow may rely on it.
    """
    if error == RUNTIME:
        return False
    if error in names:
        return True
    if error == DATA_LIMIT_EXCEEDED:
        return False
    return ALL in names or (TASK_FAILED in names and error != TIMEOUT)


@dataclass(slots=True, kw_only=True)
class _Walk:
    flow: Flow
    performer: Performer
    sleep: Callable[[float], None]
    uniform: Callable[[float, float], float]
    told: Callable[[Retried], None]
    data: dict[str, object]
    visited: list[str] = field(default_factory=list)
    caught: dict[str, Failed] = field(default_factory=dict)

    def to_the_end(self) -> Ended:
        at: str | None = self.flow.start
        while at is not None:
            self.visited.append(at)
            state = self.flow.states[at]
            try:
                match state:
                    case Task() | Notify():
                        at = self._attempts(state)
                    case Choice():
                        at = self._chosen(state)
                    case Fail():
                        raise self._led_here(state)
                    case Succeed():
                        at = None
                    case _:
                        assert_never(state)
            except Failed as end:
                return self._ended(end)
        return self._ended(None)

    def _attempts(self, state: Task | Notify) -> str | None:
        """Try until it is done or an error is not retried; each visit counts anew (R9)."""
        spent = [0] * len(state.retry)
        attempt = 1
        while True:
            try:
                self._attempt(state, attempt)
            except Failed as failed:
                number = _matching(state.retry, failed.name)
                if number is None or spent[number] == state.retry[number].attempts:
                    return self._catch(state.catch, failed)
                self._wait(state, attempt, failed, state.retry[number], spent[number])
                spent[number] += 1
                attempt += 1
            else:
                return state.next

    def _attempt(self, state: Task | Notify, attempt: int) -> None:
        if isinstance(state, Notify):
            self.performer.notify(state, self.data)
            return
        output = self.performer.perform(state, attempt)
        self.data = _put(self.data, result_path(state.name), dict(output))

    def _wait(
        self, state: Task | Notify, attempt: int, failed: Failed, retrier: Retrier, spent: int
    ) -> None:
        longest = float(delay(retrier, spent))
        wait = self.uniform(0, longest) if retrier.full_jitter else longest
        self.told(
            Retried(
                state=state,
                attempt=attempt,
                error=failed.name,
                cause=failed.cause,
                fault=failed.fault,
                retry=spent + 1,
                of=retrier.attempts,
                wait=wait,
            )
        )
        self.sleep(wait)

    def _catch(self, catchers: tuple[Catcher, ...], failed: Failed) -> str:
        for catcher in catchers:
            if matches(catcher.errors, failed.name):
                output = {"Error": failed.name, "Cause": failed.cause[:CAUSE_LIMIT]}
                self.data = _put(self.data, catcher.result_path, output)
                self.caught[catcher.result_path] = failed
                return catcher.next
        raise failed

    def _chosen(self, state: Choice) -> str:
        try:
            value = paths.read(self.data, state.variable)
        except KeyError:
            raise Failed(RUNTIME, f"{state.name}: there is no {state.variable}") from None
        return state.branches.get(value, state.default) if isinstance(value, str) else state.default

    def _led_here(self, state: Fail) -> Failed:
        try:
            error = paths.read(self.data, f"{state.error_path}.Error")
            cause = paths.read(self.data, f"{state.error_path}.Cause")
        except KeyError:
            return Failed(RUNTIME, f"{state.name}: there is no error at {state.error_path}")
        before = self.caught.get(state.error_path)
        return before if before is not None else Failed(str(error), str(cause))

    def _ended(self, end: Failed | None) -> Ended:
        return Ended(
            failed=end is not None,
            error=end.name if end else "",
            cause=end.cause if end else "",
            fault=end.fault if end else None,
            data=self.data,
            visited=tuple(self.visited),
        )


def result_path(task: str) -> str:
    """Return where the output of a task stands: `$.steps['<task>']`."""
    return f"$.steps['{task}']"


def _matching(retriers: tuple[Retrier, ...], error: str) -> int | None:
    """Return the first retrier that holds the error; a later one is never tried for it (R8)."""
    return next((n for n, r in enumerate(retriers) if matches(r.errors, error)), None)


def _put(data: dict[str, object], path: str, value: object) -> dict[str, object]:
    try:
        merged = paths.put(data, path, value)
    except KeyError:
        raise Failed(RESULT_PATH, f"{path} leads through something that is no object") from None
    size = len(json.dumps(merged, ensure_ascii=False, separators=(",", ":")).encode())
    if size > PAYLOAD_LIMIT:
        raise Failed(DATA_LIMIT_EXCEEDED, f"{size} bytes, more than {PAYLOAD_LIMIT}")
    return cast(dict[str, object], merged)


def _unheard(_: Retried) -> None:
    """Tell nobody."""
