"""`puntual run --env ENV` where the environment is on AWS: an execution is started and followed."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from puntual.cli import text
from puntual.cli.day import Shown
from puntual.cli.places import state_folder
from puntual.cli.shown import delivery_lines
from puntual.errors import EvidenceError, PermanentError, ProjectError, PuntualError, TransientError
from puntual.model.delivery import Delivery
from puntual.model.plan import Plan
from puntual.model.project import Project
from puntual.planner.plan import plan
from puntual.ports.clock import Clock
from puntual.ports.journal import Journal, StepEvent
from puntual.ports.notices import Notices
from puntual.project.zones import zone
from puntual.runner.amend import Amendment
from puntual.runner.execute import Desk
from puntual.runner.flow import Failed

if TYPE_CHECKING:
    from puntual.aws.executions import Execution, Executions

STAGE = "aws-local"
"""The environment that `puntual aws local up` starts a stage for."""

PAUSE = 1.0
"""Seconds between two looks at an execution."""

_KINDS: dict[str, type[PuntualError]] = {
    "TransientError": TransientError,
    "PermanentError": PermanentError,
    "EvidenceError": EvidenceError,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Remote:
    """
    Where a project is carried out that is deployed.

    Attributes:
        project: As its environment reads it.
        executions: Of its state machine.
        journal: What its runs have written down.
        notices: What people have been told.
        sleep: Waits some seconds.
    """

    project: Project
    executions: Executions
    journal: Journal
    notices: Notices
    sleep: Callable[[float], None] = time.sleep

    def desk(self, clock: Clock) -> Desk:
        """Return journal and notices, as those of a run on this machine."""
        return Desk(journal=self.journal, notices=self.notices, clock=clock)


@contextmanager
def opened(project: Project, root: Path, env: str) -> Iterator[Remote]:
    """
    Lend what a deployed project is started and followed by.

    Raises:
        ProjectError: C1004 boto3 is not installed; C1912 the project is not deployed.
        TransientError: T5001, T5002.
        PermanentError: T5004-T5009.
    """
    with led_to_stage(root, env):
        from puntual.aws.desk import remote_desk

        desk = remote_desk(project.name)
        yield Remote(
            project=project,
            executions=desk.executions,
            journal=desk.journal,
            notices=desk.notices,
        )


def _need_boto3() -> None:
    """
    Refuse to go on without boto3.

    Raises:
        ProjectError: C1004 it is not installed.
    """
    if find_spec("boto3") is None:
        raise ProjectError(
            "C1004",
            "an environment on AWS needs an extra that is not installed",
            expected="boto3",
            observed="it is not installed",
            next_step="pip install 'puntual[aws]'",
        )


def run_day(
    remote: Remote,
    day: date,
    reports: tuple[str, ...],
    *,
    step: str,
    as_of: datetime | None,
    shown: Shown,
) -> list[Delivery]:
    """
    Start the next execution of a day, or find the one that runs; follow it to its end.

    Ctrl-C ends the following alone: the execution goes on, and is said to.

    Returns:
        The newest delivery of each report.

    Raises:
        TransientError: T6006 the execution failed by what may pass, or was stopped; T6007.
        PermanentError: T6006 it failed by what does not; T5004-T5008.
        EvidenceError: T6006 bytes are not what was recorded.
        ProjectError: C1911, or what the machine says of the project.
    """
    before = {d.id: d for d in remote.journal.deliveries(reference_date=day) if d.sent_at}
    carry_out(remote, day, reports, step=step, as_of=as_of, shown=shown)
    newest = reversed(remote.journal.deliveries(reference_date=day))
    standing = {d.id.report: d for d in newest}
    found = [standing[report] for report in reports if report in standing]
    if not shown.quiet:
        for delivery in found:
            already = before.get(delivery.id) == delivery
            for line in delivery_lines(
                delivery,
                already=already,
                zone=zone(remote.project.time_zone),
                env=remote.project.away,
            ):
                text.say(line)
    return found


def carry_out(
    remote: Remote,
    day: date,
    reports: tuple[str, ...],
    *,
    step: str,
    as_of: datetime | None,
    shown: Shown,
    amendment: Amendment | None = None,
) -> None:
    """
    Start the next execution of a day, or find the one that runs; follow it until it succeeds.

    Raises:
        PuntualError: As for `run_day`.
    """
    execution = remote.executions.start(day, from_step=step, as_of=as_of, amendment=amendment)
    if not shown.quiet:
        text.say(f" execution {execution.arn}")
        if not execution.started:
            text.say("  it runs already; followed from here")
    try:
        ended = _follow(remote, execution, plan(remote.project, day, reports), shown)
    except KeyboardInterrupt:
        text.complain(f"the execution goes on: {execution.arn}; the same command follows it again")
        raise
    if ended.status != "SUCCEEDED":
        raise fault_of(ended)


def fault_of(ended: Execution) -> PuntualError:
    """Return the fault that an execution ended by, of the class that its error names."""
    kind = _KINDS.get(ended.error, TransientError if ended.status != "FAILED" else PermanentError)
    if ended.error == "ProjectError":
        kind = ProjectError
    said = cause_of(ended)
    return kind(
        "T6006",
        f"the execution ended {ended.status}" + (f": {said}" if said else ""),
        where=ended.arn,
        expected="SUCCEEDED",
        observed=ended.error or ended.status,
        next_step="Its history says which state; run again: it continues from what is committed.",
    )


def cause_of(ended: Execution) -> str:
    """Return what an execution failed by as a sentence; of a function's error its message."""
    try:
        found: Any = json.loads(ended.cause)
    except ValueError:
        return ended.cause.strip()[:300]
    if isinstance(found, dict):
        return str(found.get("errorMessage") or found.get("ErrorMessage") or "")[:300]
    return str(found)[:300]


def _follow(remote: Remote, execution: Execution, planned: Plan, shown: Shown) -> Execution:
    """Show what an execution writes into the journal until it has ended."""
    seen = _Seen(planned)
    if execution.started:
        seen.skip(remote.journal.steps(planned.reference_date))
    with shown.day(planned.reference_date) as watch:
        while True:
            now = remote.executions.read(execution.arn, execution.attempt)
            for event, number in seen.new(remote.journal.steps(planned.reference_date)):
                step = planned.steps[number]
                if event.outcome in _FAILED:
                    name = event.facts.get("error", event.outcome)
                    watch.failed(step, 1, Failed(name, event.summary))
                    continue
                watch.started(step, number + 1, len(planned.steps))
                watch.finished(step, event.outcome, event.seconds, event.summary)
            if now.status != "RUNNING":
                return now
            shown.tick()
            remote.sleep(PAUSE)


_FAILED = frozenset({"failed", "timed out", "died", "bug"})


class _Seen:
    """Which events of the journal were shown."""

    def __init__(self, planned: Plan) -> None:
        self._numbers = {step.id: number for number, step in enumerate(planned.steps)}
        self._shown = 0

    def skip(self, events: tuple[StepEvent, ...]) -> None:
        """Take what lies there for shown: it is of runs before."""
        self._shown = len(events)

    def new(self, events: tuple[StepEvent, ...]) -> Iterator[tuple[StepEvent, int]]:
        """Yield what was not shown yet, with the number of its step."""
        for event in events[self._shown :]:
            if event.step in self._numbers:
                yield event, self._numbers[event.step]
        self._shown = len(events)


@contextmanager
def led_to_stage(root: Path, env: str) -> Iterator[None]:
    """
    Lead to the stage of this project where it is up and the environment is named after it.

    What the shell has set is left as it is: it may lead to another stage, or to an account.

    Raises:
        ProjectError: C1004 boto3 is not installed; so what imports it does so inside.
    """
    _need_boto3()
    from puntual.aws.stage import launch

    found = launch.standing(stage_folder(root), os.environ) if env == STAGE else None
    told = {} if found is None else found.environment()
    missing = {name: value for name, value in told.items() if name not in os.environ}
    os.environ.update(missing)
    try:
        yield
    finally:
        for name in missing:
            del os.environ[name]


def stage_folder(root: Path) -> Path:
    """Return where the stage of a project lies."""
    return state_folder(root) / STAGE
