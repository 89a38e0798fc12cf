"""
A flow: the states a plan goes through, in the words of the Amazon States Language.

Every rule here means exactly what the Amazon States Language says (design 4.10; the vectors
are in `aws.md` 2 to 6), so one plan behaves alike on a laptop and in Step Functions. It is
carried out by `runner.flow`, bounded by `planner.worst` and, later, compiled by `infra`.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from puntual.model.plan import Step

ALL = "States.ALL"
TASK_FAILED = "States.TaskFailed"
TIMEOUT = "States.Timeout"
RUNTIME = "States.Runtime"
DATA_LIMIT_EXCEEDED = "States.DataLimitExceeded"
RESULT_PATH = "States.ResultPathMatchFailure"

DIED = "Runtime.ExitError"
"""Lambda's name for a process that ended without an answer; ours for the same thing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrier:
    """
    One entry of `Retry`.

    Attributes:
        errors: `ErrorEquals`: names, case-sensitive.
        interval: `IntervalSeconds`, before the first retry.
        attempts: `MaxAttempts`: retries, so one execution fewer than runs; 0 is never.
        backoff: `BackoffRate`, at least 1; exact.
        max_delay: `MaxDelaySeconds`; None is without a cap.
        full_jitter: `JitterStrategy` FULL: uniform in [0, delay], after the cap.
    """

    errors: tuple[str, ...]
    interval: int = 1
    attempts: int = 3
    backoff: Decimal = Decimal(2)
    max_delay: int | None = None
    full_jitter: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Catcher:
    """
    One entry of `Catch`.

    Attributes:
        errors: `ErrorEquals`.
        next: The state to go on with.
        result_path: Where `{Error, Cause}` is put into the input; `$` replaces all of it, which
            is the language's default, so ours is always written out (`aws.md` C2).
    """

    errors: tuple[str, ...]
    next: str
    result_path: str = "$.error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """
    A step of the plan, carried out within a time.

    Attributes:
        name: The state's name: the step's id.
        step: What is carried out.
        timeout: `TimeoutSeconds` of one attempt; there is none without (`aws.md` C3).
        sealing: Seconds in which a source's day is sealed without asking it, after the attempt
            in which it gave no answer in time; 0: it is a fault like any other.
        retry: Scanned in order.
        catch: Scanned in order, after retry.
        next: The state that follows; None ends the flow well.
    """

    name: str
    step: Step
    timeout: int
    sealing: int = 0
    retry: tuple[Retrier, ...] = ()
    catch: tuple[Catcher, ...] = ()
    next: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """
    Go on by a value of the input; a finding is a value, and is routed here.

    Attributes:
        name: The state's name.
        variable: A reference path such as `$.steps['decide:credits'].completeness`.
        branches: Value → state.
        default: The state when no value fits.
    """

    name: str
    variable: str
    branches: dict[str, str]
    default: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Notify:
    """
    Tell people, once for each obligation and cause (design 4.15).

    Attributes:
        name: The state's name.
        report: The obligation; "" is every report of the plan.
        about: `held` (a finding; on-call decides by day) or `failed` (a technical fault; page).
        timeout: As of a task.
        retry: As of a task.
        catch: As of a task.
        next: The state that follows; None ends the flow well.
    """

    name: str
    report: str
    about: str
    timeout: int
    retry: tuple[Retrier, ...] = ()
    catch: tuple[Catcher, ...] = ()
    next: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fail:
    """
    End the flow as failed, with the error that led here.

    Attributes:
        name: The state's name.
        error_path: Where a catcher has put `{Error, Cause}`: `ErrorPath` is `Error` below it,
            `CausePath` is `Cause`.
    """

    name: str
    error_path: str = "$.error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Succeed:
    """End the flow well; a Choice can lead nowhere else."""

    name: str


State = Task | Choice | Notify | Fail | Succeed

FAILED_PART = "$.failed"
"""Where `{Error, Cause}` is put of what failed and let the rest go on."""

NOTHING_FAILED = {"Error": "", "Cause": ""}
"""What stands there when a flow of reports begins: a Choice can ask only for what is there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """
    A plan with its times and routes.

    Attributes:
        start: `StartAt`.
        states: By name; every `next` is one of them.
    """

    start: str
    states: dict[str, State]
