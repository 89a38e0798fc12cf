"""
Compiles the flow of a project's day into Amazon States Language, as plain JSON.

What is compiled is `planner.flow`, the flow that a laptop carries out: same order, same
timeouts and retries. Three things are AWS's own:

- **Groups.** Steps of one Glue job that follow each other are one Task, for a run of a job takes
  a minute to start. The job does them one after the other and skips what is committed.
- **Outcomes.** A failed `.sync` job is only `States.TaskFailed` to the machine (aws.md 2). So a
  job that ends by a fault that is worth a retry exits non-zero, and the Task's Retry counts; a
  job that ends by any other known fault exits 0; in either case it has written what happened.
  After success and after the last retry `<Job>-Outcome` reads that and raises it by its class.
- **One Fail.** Where a report has failed and the others have gone on, its error (`$.failed`, set
  back to nothing before each walk) is copied to `$.error`, from which the one Fail takes it.
- **Begin, Rescue, End.** What `puntual run` does around the flow: plan and lease, plan B where a
  technical fault is left and a policy says so, the lease given back.

The machine serves every reference date: a step that a date does not need answers so, and a
report that it does not owe answers `not needed`. It always enters at the first state: whether a
step is committed *for these inputs* is known only by asking it.

JSONPath only; no `Assign`, no Map (aws-local.md 4). `${Name}` is filled in by CloudFormation.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from math import ceil
from typing import assert_never

from puntual.errors import ProjectError
from puntual.infra.asl_around import beginning, ending
from puntual.infra.asl_around import rescue as rescue_states
from puntual.infra.asl_states import (
    BEGIN,
    END,
    FAIL,
    OUTCOME,
    RESCUE,
    Json,
    answers,
    bound,
    catch,
    escaped,
    invoke,
    never,
    own_retry,
    retry,
)
from puntual.infra.bound import worst_of
from puntual.infra.places import Function, Job, place, short
from puntual.model.flow import (
    ALL,
    DATA_LIMIT_EXCEEDED,
    FAILED_PART,
    NOTHING_FAILED,
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
from puntual.model.plan import Decide
from puntual.model.project import Project
from puntual.planner.flow import ENDED, FAILED, GAVE_UP, flow
from puntual.planner.plan import plan, plan_b
from puntual.planner.worst import delays, longest

ANY_DAY = date(2000, 1, 1)
"""A plan has a date; the machine has none, and nothing of it may depend on this one."""

NOT_NEEDED = "not needed"
"""`completeness` of a report that the reference date does not owe."""

LEAST_JOB = 120
"""Seconds below which a Glue task makes no sense: half of it may be the start of the job."""

SPARE = 60
"""Seconds that the machine's own timeout is longer than its worst case: it is a last resort."""

TOLD = "Notify-failed"

ERROR = "$.error"
"""Where the error stands that the machine fails by."""


def machine(project: Project) -> Json:
    """
    Return the state machine of a project.

    Args:
        project: Read and found right.

    Raises:
        ProjectError: C1603 the times of a job's steps are too short for a Glue job.
    """
    everything = plan(project, ANY_DAY)
    emergency = plan_b(project, ANY_DAY, everything.reports)
    day = _Walk(
        flow=flow(project, everything),
        prefix="",
        ends="End",
        fails="Rescue",
        reserve=bound(BEGIN) + bound(END),
    )
    rescue = _Walk(
        flow=flow(project, emergency),
        prefix="PlanB-",
        ends="Rescued",
        fails="End-failed",
        reserve=bound(RESCUE),
    )
    states = {
        **beginning("Begun"),
        **begun("Begun", day.start),
        **day.states(),
        **rescue_states("PlanB-Begun"),
        **begun("PlanB-Begun", rescue.start),
        **rescue.states(),
        **ending(),
    }
    made: Json = {
        "Comment": f"{project.name}: one reference date; made by puntual from the project's plan",
        "StartAt": "Begin",
        "States": states,
    }
    return {**made, "TimeoutSeconds": ceil(worst_of(made)) + SPARE}


def text(definition: Mapping[str, object]) -> str:
    """Return a definition as the text that is deployed."""
    return json.dumps(definition, indent=1, ensure_ascii=True) + "\n"


@dataclass(slots=True, kw_only=True)
class _Walk:
    """
    One flow as states of the machine.

    Attributes:
        flow: What is compiled.
        prefix: In front of the states' names.
        ends: The state after a flow that ended well.
        fails: The state after one that failed and was told.
        reserve: Seconds that the first job gives away to states which the flow does not have.
    """

    flow: Flow
    prefix: str
    ends: str
    fails: str
    reserve: int
    names: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.names = {name: self._name(state) for name, state in self.flow.states.items()}

    @property
    def start(self) -> str:
        """The first state's name."""
        return self.names[self.flow.start]

    def states(self) -> dict[str, Json]:
        """Return the states in the flow's order."""
        made: dict[str, Json] = {}
        for group in self._groups():
            for name, state in self._compiled(group):
                if name in made:
                    raise ValueError(f"two states are called {name}")
                made[name] = state
        return made

    def _name(self, state: State) -> str:
        return short(f"{self.prefix}{_plain_name(state)}")

    def _groups(self) -> Iterator[tuple[State, ...]]:
        """Yield the states, those that one run of a Glue job does together."""
        group: tuple[State, ...] = ()
        for state in self.flow.states.values():
            if group and _together(group[-1], state):
                group = (*group, state)
                continue
            if group:
                yield group
            group = (state,)
        yield group

    def _compiled(self, group: tuple[State, ...]) -> Iterator[tuple[str, Json]]:
        head = group[0]
        name = self.names[head.name]
        match head:
            case Task(step=step):
                at = place(step)
                tasks = tuple(state for state in group if isinstance(state, Task))
                if isinstance(at, Job):
                    yield from self._job(name, at, tasks)
                else:
                    yield name, self._function(name, at, head)
            case Choice():
                yield name, self._choice(head)
            case Notify():
                yield name, self._notice(name, head)
            case Fail(error_path=path) if path != ERROR:
                yield name, _copying(path, ERROR, self.fails)
            case Fail() | Succeed():
                return  # the machine has one of each, behind the lease that is given back
            case _:
                assert_never(head)

    def _job(self, name: str, job: Job, tasks: tuple[Task, ...]) -> Iterator[tuple[str, Json]]:
        outcome = short(f"{name}-Outcome")
        steps = [task.step.id for task in tasks]
        retrier = _gentlest(tasks)
        first = tasks[0].name == self.flow.start
        seconds = _budget(tasks, retrier, self.reserve if first else 0)
        yield (
            name,
            {
                "Type": "Task",
                "Resource": "arn:aws:states:::glue:startJobRun.sync",
                "Parameters": {
                    "JobName": f"${{{job.state}Job}}",
                    "Timeout": max(1, seconds // 60),
                    "Arguments": {"--order.$": self._order(name, steps)},
                },
                "TimeoutSeconds": seconds,
                "Retry": [never(), retry(retrier)],
                "Catch": [
                    catch(
                        Catcher(errors=(DATA_LIMIT_EXCEEDED,), next="", result_path="$.job"),
                        outcome,
                    ),
                    catch(Catcher(errors=(ALL,), next="", result_path="$.job"), outcome),
                ],
                "ResultSelector": {"id.$": "$.Id"},
                "ResultPath": "$.job",
                "Next": outcome,
            },
        )
        yield (
            outcome,
            {
                **invoke("outcome", {**self._payload(name, steps), "job.$": "$.job"}, OUTCOME),
                "Retry": own_retry(OUTCOME),
                "Catch": self._catches(tasks[-1].catch),
                **answers(),
                "Next": self._to(tasks[-1].next),
            },
        )

    def _function(self, name: str, function: Function, task: Task) -> Json:
        return {
            **invoke(function.name, self._payload(name, [task.step.id]), task),
            "Retry": [retry(retrier) for retrier in task.retry],
            "Catch": self._catches(task.catch),
            **answers(),
            "Next": self._to(task.next),
        }

    def _notice(self, name: str, notify: Notify) -> Json:
        payload: Json = {
            "run.$": "$.run",
            "task": name,
            "about": notify.about,
            "report": notify.report,
            **({"error.$": _error_of(notify)} if notify.about == GAVE_UP else {}),
        }
        return {
            **invoke("notify", payload, notify),
            "Retry": [retry(retrier) for retrier in notify.retry],
            "Catch": self._catches(notify.catch),
            "ResultPath": None,
            "Next": self._to(notify.next),
        }

    def _choice(self, choice: Choice) -> Json:
        """Go on by the answer of the state before; only `decide` may say that nothing is owed."""
        branches = {word: self._to(name) for word, name in choice.branches.items()}
        before = [
            state
            for state in self.flow.states.values()
            if isinstance(state, Task) and state.next == choice.name
        ]
        if any(isinstance(task.step, Decide) for task in before):
            branches[NOT_NEEDED] = self._to(self._after(choice))
        asked = choice.variable if choice.name == ENDED else "$.last.completeness"
        return {
            "Type": "Choice",
            "Choices": [
                {"Variable": asked, "StringEquals": word, "Next": ahead}
                for word, ahead in branches.items()
            ],
            "Default": self._to(choice.default),
        }

    def _after(self, choice: Choice) -> str | None:
        """Return where the flow goes on when a report is over: where its notice leads."""
        notice = self.flow.states[choice.default]
        if not isinstance(notice, Notify):
            raise TypeError(f"{choice.name} does not lead to a notice by default")
        return notice.next

    def _to(self, name: str | None) -> str:
        if name is None or isinstance(self.flow.states[name], Succeed):
            return self.ends
        return self.fails if name == FAILED else self.names[name]

    def _catches(self, catchers: tuple[Catcher, ...]) -> list[Json]:
        return [catch(catcher, self._to(catcher.next)) for catcher in catchers]

    def _payload(self, name: str, steps: list[str]) -> Json:
        rescued = {"fault.$": "$.rescue.fault", "reports.$": "$.rescue.reports"}
        return {
            "run.$": "$.run",
            "task": name,
            "steps": steps,
            **(rescued if self.prefix else {}),
        }

    def _order(self, name: str, steps: list[str]) -> str:
        """Return the payload as a text: a job takes arguments, not JSON."""
        payload = self._payload(name, steps)
        parts = [
            f"{json.dumps(key.removesuffix('.$'))}:"
            + ("{}" if key.endswith(".$") else escaped(json.dumps(value, separators=(",", ":"))))
            for key, value in payload.items()
        ]
        paths = [str(path) for key, path in payload.items() if key.endswith(".$")]
        values = ", ".join(f"States.JsonToString({path})" for path in paths)
        return f"States.Format('\\{{{','.join(parts)}\\}}', {values})"


def begun(name: str, ahead: str) -> dict[str, Json]:
    """Return the state with which a walk begins: nothing has failed yet."""
    nothing: Json = {"Type": "Pass", "Result": NOTHING_FAILED, "ResultPath": FAILED_PART}
    return {name: {**nothing, "Next": ahead}}


def _copying(source: str, target: str, ahead: str) -> Json:
    """Return a state that puts an error where another state looks for it."""
    copied = {f"{key}.$": f"{source}.{key}" for key in NOTHING_FAILED}
    return {"Type": "Pass", "Parameters": copied, "ResultPath": target, "Next": ahead}


def _error_of(notify: Notify) -> str:
    return FAILED_PART if notify.report else ERROR


def _plain_name(state: State) -> str:
    match state:
        case Task(step=step):
            return place(step).state
        case Choice(name=name):
            kind, _, report = name.partition(":")
            return f"{kind.capitalize()}-{report}" if report else name.capitalize()
        case Notify(report=report, about=about):
            return f"Notify-{report}-{about}" if report else TOLD
        case Fail(error_path=path):
            return FAIL if path == ERROR else "Failed-report"
        case Succeed():
            return "Done"
        case _:
            assert_never(state)


def _together(one: State, other: State) -> bool:
    """Say whether two states are done by one run of a job."""
    if not (isinstance(one, Task) and isinstance(other, Task) and one.next == other.name):
        return False
    at = place(one.step)
    return isinstance(at, Job) and at == place(other.step)


def _gentlest(tasks: tuple[Task, ...]) -> Retrier:
    """
    Return the retries of a job: as many as every one of its steps allows.

    A retry repeats the whole job, so the step with the fewest decides. The waits are those of
    the step that waits longest with that many, which is no more than all of them together.
    """
    allowed = min(sum(r.attempts for r in task.retry) for task in tasks)
    retriers = [
        Retrier(
            errors=(TASK_FAILED, TIMEOUT),
            interval=r.interval,
            attempts=allowed,
            backoff=r.backoff,
            max_delay=r.max_delay,
            full_jitter=r.full_jitter,
        )
        for task in tasks
        for r in task.retry
    ]
    return max(retriers, key=delays)


def _budget(tasks: tuple[Task, ...], retrier: Retrier, reserve: int) -> int:
    """
    Return the timeout of one run of a job, in whole seconds.

    The timeouts of its steps together, or less: so that the job with its retries, the function
    that reads its outcome, and what the first job gives away to `Begin`, `End` or `Rescue` take
    at worst what the steps take on a laptop (`planner.worst`), which `puntual check` promises.

    Raises:
        ProjectError: C1603 too little is left.
    """
    whole = sum((longest(task) for task in tasks), start=0 * delays(retrier))
    left = whole - delays(retrier) - bound(OUTCOME) - reserve
    seconds = min(sum(task.timeout for task in tasks), int(left / (1 + retrier.attempts)))
    if seconds < LEAST_JOB:
        names = ", ".join(task.name for task in tasks)
        raise ProjectError(
            "C1603",
            f"the times of {names} are too short for a Glue job",
            where="puntual.yaml, run.steps",
            expected=f"at least {LEAST_JOB} s for a run of the job",
            observed=f"{max(seconds, 0)} s, after what starting it and reading its outcome take",
            next_step="give these steps a longer timeout, for a Glue job takes a minute to start",
        )
    return seconds
