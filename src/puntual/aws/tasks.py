"""
The work of one state: the steps of a run that it groups, one after the other.

Each step is done as on a laptop (`runner.step`), told and written down as on a laptop
(`runner.execute`). What is of AWS is that a state knows of the others only what they have left
in the lake, and that it answers the machine in a few words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from puntual.aws.runs import Kind, Outcome, RunOrder, S3Runs, published, words
from puntual.aws.wire import TaskOrder, bounded
from puntual.model.flow import Task
from puntual.model.plan import Decide, Land, Plan
from puntual.model.project import Project
from puntual.planner.flow import flow
from puntual.planner.plan import look, plan, plan_b
from puntual.planner.policy import decisions
from puntual.ports.clock import Clock
from puntual.project.zones import zone
from puntual.runner.execute import Carrier, Desk, Run, Watch
from puntual.runner.flow import Failed
from puntual.runner.step import NOT_NEEDED, Answer, Order, Worker
from puntual.runner.wire import failed_out

PLAN_B = "PlanB-"
"""What the names of the states of plan B begin with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """
    What the states of a project's machine work with, beside the ports of the steps.

    Attributes:
        project: As it was deployed.
        desk: Journal, notices and the clock that the run goes by.
        runs: What the run has come to.
        watch: Told of progress.
        machine: The machine's own clock, whatever the run goes by.
    """

    project: Project
    desk: Desk
    runs: S3Runs
    watch: Watch
    machine: Clock


def carry(
    office: Office, order: TaskOrder, run: RunOrder, worker: Worker, *, by: str
) -> dict[str, object]:
    """
    Do the steps of a state that its run needs, and keep what came of them.

    Args:
        office: See there.
        order: What the state asks for.
        run: What its run is to do.
        worker: Does a step.
        by: Names this attempt: the job run, or the function's request.

    Returns:
        `outcomes` (step id → word), `completeness` (of the state's report; "" of none) and
        `summary`, below `wire.LIMIT`.

    Raises:
        Failed: A step failed; it is kept as well. Those before it stay done.
        TransientError: What was done before cannot be read, or this not be kept.
        PermanentError: As for TransientError.
    """
    planned = plan_of(office.project, run)
    wanted = tuple(step.id for step in planned.steps if step.id in order.steps)
    answers = {step: Answer(outcome=NOT_NEEDED, summary="") for step in order.steps}
    carrier, recorder = carrier_of(office, run, planned, worker)
    tasks = flow(office.project, planned).states
    for step in wanted:
        task = tasks[step]
        assert isinstance(task, Task)  # noqa: S101 - a step's state is a task
        try:
            carrier.perform(task, _attempt(office, order, run, task))
        except Failed as failed:
            kept = Outcome(
                task=order.task,
                by=by,
                at=office.machine.now(),
                answers=recorder.answers,
                failed=step,
                fault=failed_out(failed),
            )
            office.runs.keep(run.ref.id, kept)
            raise
    done = Outcome(task=order.task, by=by, at=office.machine.now(), answers=recorder.answers)
    office.runs.keep(run.ref.id, done)
    return answer_of(order, answers | recorder.answers)


def _attempt(office: Office, order: TaskOrder, run: RunOrder, task: Task) -> int:
    """Return which attempt of a landing this is, for what its last one does; of others 1."""
    if not isinstance(task.step, Land):
        return 1
    kept = office.runs.outcomes(run.ref.id, order.task)
    return 1 + sum(one.failed == task.name for one in kept)


def carrier_of(
    office: Office, run: RunOrder, planned: Plan, worker: Worker
) -> tuple[Carrier, Recorder]:
    """Return what performs the tasks of a run, knowing what was done of it, and its recorder."""
    before = of_walk(run, office.runs.outcomes(run.ref.id))
    recorder = Recorder(worker)
    restated = {one.report for one in run.restatements}
    carrier = Carrier(
        plan=planned,
        worker=recorder,
        desk=office.desk,
        run=Run(
            id=run.ref.id,
            epoch=run.ref.epoch,
            anew=frozenset(run.anew),
            fault=run.fault,
            faults=run.faults,
            restatements=run.restatements,
            send=run.send,
            decide_by=decisions(
                office.project,
                [r for r in run.reports if r not in restated],
                planned.reference_date,
                zone,
            ),
        ),
        watch=office.watch,
        outcomes=words(before),
        published=published(before),
    )
    return carrier, recorder


def plan_of(project: Project, run: RunOrder) -> Plan:
    """
    Return the steps that a run is to do.

    Raises:
        ProjectError: P1002 the project that is deployed has not the run's reports.
    """
    day: date = run.ref.reference_date
    match run.kind:
        case Kind.LOOK:
            return look(project, day, run.reports, run.landed)
        case Kind.PLAN_B:
            return plan_b(project, day, run.reports)
        case Kind.DAY | Kind.COMPLETE | Kind.AMEND | Kind.NOTHING:
            return plan(project, day, run.reports)


def of_walk(run: RunOrder, outcomes: Iterable[Outcome]) -> tuple[Outcome, ...]:
    """Return the outcomes of one walk: plan B relies on nothing that the full day came to."""
    return tuple(o for o in outcomes if o.task.startswith(PLAN_B) == (run.kind is Kind.PLAN_B))


class Recorder:
    """A worker that remembers the answers of another."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self.answers: dict[str, Answer] = {}

    def do(self, order: Order, *, timeout: int, begun: Callable[[], None]) -> Answer:
        """
        Do a step; see the port.

        Raises:
            Failed: As the other does.
        """
        answer = self._worker.do(order, timeout=timeout, begun=begun)
        self.answers[order.step] = answer
        return answer

    def close(self) -> None:
        """Close the other."""
        self._worker.close()


def answer_of(order: TaskOrder, answers: Mapping[str, Answer]) -> dict[str, object]:
    """
    Return what the machine is told of the steps of a state.

    A decision that is not needed says so as its completeness: its report is not owed, which is
    another thing than held.
    """
    last = order.steps[-1] if order.steps else ""
    completeness = answers[last].completeness if last in answers else ""
    decided = last.startswith(Decide(report="").id)
    if decided and not completeness and answers[last].outcome == NOT_NEEDED:
        completeness = NOT_NEEDED
    return bounded(
        {
            "outcomes": {step: answers[step].outcome for step in order.steps if step in answers},
            "completeness": completeness,
            "summary": " · ".join(a.summary for a in answers.values() if a.summary),
        }
    )
