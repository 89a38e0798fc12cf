"""
Starts executions of a project's state machine, and follows them.

The name of an execution is its identity: starting one that runs already starts nothing
(`aws.md` S1), so it carries project, reference date and attempt.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from botocore.exceptions import ClientError

from puntual.aws.faults import code_of, translated
from puntual.aws.names import machine, slug
from puntual.aws.wire import AMEND, amendment_out, instant_out
from puntual.errors import ProjectError, TransientError
from puntual.runner.amend import Amendment

LONGEST = 80
"""Characters of an execution's name (Step Functions, StartExecution)."""

RUNNING = "RUNNING"
_EXISTS, _ABSENT = "ExecutionAlreadyExists", "ExecutionDoesNotExist"


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """
    An execution as it was found.

    Attributes:
        arn: Names it.
        attempt: Of its reference date, from 1.
        status: `RUNNING`, `SUCCEEDED`, `FAILED`, `TIMED_OUT` or `ABORTED`.
        started: It was started by this call, and did not run before.
        said: Its input.
        error: Of one that failed.
        cause: Of one that failed.
    """

    arn: str
    attempt: int
    status: str
    started: bool = False
    said: Mapping[str, object] = field(default_factory=dict)
    error: str = ""
    cause: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entered:
    """A state that an execution has entered; `at` UTC."""

    state: str
    task: bool
    at: datetime


class Executions:
    """
    The executions of one project's machine.

    Args:
        states: A client of Step Functions.
        machine: ARN of the state machine.
        project: The project's name.
    """

    def __init__(self, states: Any, machine: str, project: str) -> None:
        self._states, self._machine, self._project = states, machine, project

    def start(
        self,
        day: date,
        *,
        from_step: str = "",
        as_of: datetime | None = None,
        amendment: Amendment | None = None,
    ) -> Execution:
        """
        Start the next attempt of a day; one that runs with the same input is returned instead.

        Raises:
            TransientError: T6007 one runs with another input; T5001, T5002.
            PermanentError: T5004-T5008.
        """
        attempt = 1
        while True:
            said = self._input(day, attempt, from_step, as_of, amendment)
            found = self.found(day, attempt)
            if found is None:
                arn = self._start(day, attempt, said)
                if arn is not None:
                    return Execution(arn=arn, attempt=attempt, status=RUNNING, started=True)
                found = self.found(day, attempt)  # somebody was faster
            if found is not None and found.status == RUNNING:
                if found.said == said:
                    return found
                raise _other(found)
            attempt += 1

    def found(self, day: date, attempt: int) -> Execution | None:
        """Return an attempt of a day; None if there was none in the last 90 days (S4)."""
        try:
            return self.read(self._arn(day, attempt), attempt)
        except LookupError:
            return None

    def read(self, arn: str, attempt: int) -> Execution:
        """
        Return an execution as it is now.

        Raises:
            LookupError: There is none.
            TransientError: T5001, T5002.
            PermanentError: T5004-T5008.
        """
        with translated(arn, service="states"):
            try:
                found = self._states.describe_execution(executionArn=arn)
            except ClientError as error:
                if code_of(error) == _ABSENT:
                    raise LookupError(arn) from error
                raise
        return Execution(
            arn=arn,
            attempt=attempt,
            status=found["status"],
            said=json.loads(found.get("input") or "{}"),
            error=str(found.get("error") or ""),
            cause=str(found.get("cause") or ""),
        )

    def entered(self, arn: str) -> Iterator[Entered]:
        """
        Yield the states that an execution has entered so far, in order.

        Raises:
            TransientError: T5001, T5002.
            PermanentError: T5004-T5008.
        """
        with translated(arn, service="states"):
            pages = self._states.get_paginator("get_execution_history").paginate(
                executionArn=arn, includeExecutionData=False
            )
            for page in pages:
                for event in page["events"]:
                    details = event.get("stateEnteredEventDetails")
                    if details is not None:
                        yield Entered(
                            state=details["name"],
                            task=event["type"].startswith("Task"),
                            at=event["timestamp"],
                        )

    def _start(self, day: date, attempt: int, said: Mapping[str, object]) -> str | None:
        """Start one by its name; None where that name is taken (S2, S3)."""
        name = self.name(day, attempt)
        with translated(name, service="states"):
            try:
                made = self._states.start_execution(
                    stateMachineArn=self._machine, name=name, input=json.dumps(said)
                )
            except ClientError as error:
                if code_of(error) == _EXISTS:
                    return None
                raise
        return str(made["executionArn"])

    def _input(
        self,
        day: date,
        attempt: int,
        from_step: str,
        as_of: datetime | None,
        amendment: Amendment | None,
    ) -> dict[str, object]:
        amended = {} if amendment is None else {AMEND: amendment_out(amendment)}
        return {
            "reference_date": day.isoformat(),
            "attempt": attempt,
            "from_step": from_step,
            "as_of": instant_out(as_of),
            **amended,
        }

    def name(self, day: date, attempt: int) -> str:
        """Return the name of an attempt's execution."""
        tail = f"-{day.isoformat()}-{attempt}"
        head = slug(self._project)
        if len(head) + len(tail) > LONGEST:
            digest = hashlib.sha256(head.encode()).hexdigest()[:8]
            head = f"{head[: LONGEST - len(tail) - 9]}-{digest}"
        return head + tail

    def _arn(self, day: date, attempt: int) -> str:
        machine = self._machine.replace(":stateMachine:", ":execution:", 1)
        return f"{machine}:{self.name(day, attempt)}"


def machine_arn(states: Any, project: str) -> str:
    """
    Return the ARN of a project's state machine, by its name.

    Raises:
        ProjectError: C1912 there is none.
        TransientError: T5001, T5002.
        PermanentError: T5004-T5008.
    """
    name = machine(project)
    with translated("the state machines", service="states"):
        for page in states.get_paginator("list_state_machines").paginate():
            for one in page["stateMachines"]:
                if one["name"] == name:
                    return str(one["stateMachineArn"])
    raise ProjectError(
        "C1912",
        f"{project} is not deployed where this environment leads to",
        where="Step Functions",
        expected=f"a state machine {name}",
        observed="none of that name",
        next_step="puntual deploy; for the local stack, puntual aws local up before it",
    )


def _other(found: Execution) -> TransientError:
    return TransientError(
        "T6007",
        "another execution works on this day",
        where=found.arn,
        expected="one execution of a reference date",
        observed=f"attempt {found.attempt} runs with another input",
        next_step="Let it end, or stop it.",
    )


def has_ended(states: Any, holder: str) -> bool:
    """
    Say whether the execution that holds a lease has ended, however; of another holder, no.

    Raises:
        TransientError: T5001, T5002.
        PermanentError: T5004-T5008.
    """
    if ":execution:" not in holder:
        return False
    try:
        found = Executions(states, "", "").read(holder, 0)
    except LookupError:
        return True
    return found.status != RUNNING
