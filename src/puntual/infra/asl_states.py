"""
The pieces of which states are made: calls, retries, catches, and what they keep of an answer.

Every Task has a timeout and every Catch a path (aws.md C2, C3); a state keeps words and references.
"""

from __future__ import annotations

from math import ceil

from puntual.model.flow import DATA_LIMIT_EXCEEDED, DIED, TIMEOUT, Catcher, Notify, Retrier, Task
from puntual.model.run import StepTimes
from puntual.planner.flow import LAMBDA
from puntual.planner.worst import delays

Json = dict[str, object]

BEGIN = StepTimes(timeout=45, retries=1, interval=2)
RESCUE = StepTimes(timeout=45, retries=1, interval=2)
OUTCOME = StepTimes(timeout=20, retries=1, interval=2)
END = StepTimes(timeout=20, retries=1, interval=2)
"""Of the states that are no steps; their time is taken from the first job's, see `_budget`."""

NEVER = (
    DATA_LIMIT_EXCEEDED,
    "States.Permissions",
    "States.ParameterPathFailure",
    "Glue.AccessDeniedException",
    "Glue.EntityNotFoundException",
    "Glue.InvalidInputException",
)
"""Of starting a job: waiting heals none of them. `States.TaskFailed` would hold the rest (E3)."""

RUN = ("id", "reference_date", "attempt", "epoch", "as_of", "from_step", "planned")
"""What `Begin` answers, every key always."""

ANSWER = ("outcomes", "completeness", "summary")
"""What a step's function answers, every key always: words and references, never rows."""

FAIL = "Failed"
"""The machine's one Fail, behind the lease that is given back."""


def bound(times: StepTimes) -> int:
    """Return the longest that a state of these times takes, in whole seconds."""
    waits = delays(retrier(times))
    return ceil((1 + times.retries) * times.timeout + waits)


def retrier(times: StepTimes, errors: tuple[str, ...] = (TIMEOUT, DIED, *LAMBDA)) -> Retrier:
    """Return the retries of a state that is no step: of what may pass by itself."""
    return Retrier(
        errors=errors,
        interval=times.interval,
        attempts=times.retries,
        max_delay=times.max_delay,
        full_jitter=True,
    )


def own_retry(times: StepTimes) -> list[Json]:
    """Retry what the service is at fault for; what `outcome` raises is the job's, and is final."""
    return [retry(retrier(times))]


def never() -> Json:
    """Return the retrier of what starting a job is not tried again for."""
    return retry(Retrier(errors=NEVER, attempts=0, max_delay=1))


def retry(retrier: Retrier) -> Json:
    """
    Return a retrier as the language writes it.

    Raises:
        ValueError: Its backoff is a fraction: whether delays are rounded is not documented.
    """
    if retrier.backoff != int(retrier.backoff):
        raise ValueError(f"a fractional backoff: {retrier.backoff} (aws.md 2)")
    return {
        "ErrorEquals": list(retrier.errors),
        "IntervalSeconds": retrier.interval,
        "MaxAttempts": retrier.attempts,
        "BackoffRate": int(retrier.backoff),
        **({"MaxDelaySeconds": retrier.max_delay} if retrier.max_delay is not None else {}),
        "JitterStrategy": "FULL" if retrier.full_jitter else "NONE",
    }


def catch(catcher: Catcher, ahead: str) -> Json:
    """Return a catcher as the language writes it; `ahead` is its `Next`."""
    return {
        "ErrorEquals": list(catcher.errors),
        "ResultPath": catcher.result_path,
        "Next": ahead,
    }


def invoke(function: str, payload: Json, times: StepTimes | Task | Notify) -> Json:
    """Return a Task that calls a function of the stack by its name there."""
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": f"${{{function.capitalize()}Function}}", "Payload": payload},
        "TimeoutSeconds": times.timeout,
    }


def answers() -> Json:
    """Keep the last answer only, under one path: many steps never add up to a large payload."""
    return {
        "ResultSelector": {f"{key}.$": f"$.Payload.{key}" for key in ANSWER},
        "ResultPath": "$.last",
    }


def escaped(literal: str) -> str:
    """Escape a text for `States.Format` (ASL, intrinsic functions: reserved characters)."""
    for mark in ("\\", "'", "{", "}"):
        literal = literal.replace(mark, f"\\{mark}")
    return literal
