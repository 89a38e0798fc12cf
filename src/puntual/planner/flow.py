"""
A plan as a flow: each step with its times and retries, findings and faults with their routes.

Two routes lead to people and never meet (design 4.8). A *finding* is a value: `decide` and
`report` answer by `completeness` whether the delivery stands (`full`, `partial`, `emergency`,
or `held`), and a Choice sends `held` to its notification; the other reports go on. A *technical
fault* is an error: it is retried by name, and when that is spent or the name is not one of
those, the flow tells and fails; where only one report needs that step, the other reports go on
before it fails. A name that nobody knows is a bug: it is never retried, and nothing goes on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from typing import assert_never

from puntual.errors import (
    EvidenceError,
    PermanentError,
    ProjectError,
    PuntualError,
    TransientError,
)
from puntual.model.flow import (
    ALL,
    DATA_LIMIT_EXCEEDED,
    DIED,
    FAILED_PART,
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
from puntual.model.plan import (
    Attest,
    Build,
    Curate,
    Decide,
    Deliver,
    Land,
    Load,
    MakeReport,
    Plan,
    Reconcile,
    Rehearse,
    Step,
    Validate,
)
from puntual.model.project import Project
from puntual.model.run import RunSettings, StepTimes

ERROR_NAMES: Mapping[type[PuntualError], str] = {
    ProjectError: "ProjectError",
    TransientError: "TransientError",
    PermanentError: "PermanentError",
    EvidenceError: "EvidenceError",
}
"""Each kind of known fault → its name in `ErrorEquals` (design 4.8), its class's own name."""

LAMBDA = (
    "Lambda.ServiceException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
    "Lambda.Unknown",
    "Sandbox.Timedout",
)
"""Faults of the service that carries a step on AWS, documented as worth a retry (aws.md 2)."""

RETRIED = (ERROR_NAMES[TransientError], TIMEOUT, DIED, *LAMBDA)
"""What may pass by itself; every other name, known or not, is not tried again."""

HELD = "held"
PLAN_B = "plan_b"
"""What a notification is about that tells of a rehearsal that could not be carried out."""
GAVE_UP = "failed"
"""What a notification is about that tells of a technical fault."""
GOES_ON = ("full", "partial", "emergency")
FAILED = "fail"
ENDED, ENDED_WELL, FAILED_REPORT = "ended", "well", "fail:report"
"""Behind the last report: whether one of them failed, and the two ends that this leads to."""
TELL_FAILED = "notify:failed"
TELL = StepTimes(timeout=30, retries=1, interval=5)
"""Of a notification, which is no step of the plan and is not configured."""
SEALING = 60
"""Seconds in which the day of a source that was asked in vain is sealed; it is not asked again."""


def flow(project: Project, plan: Plan) -> Flow:
    """
    Return the flow of a plan.

    One Task for each step, named by its id, in plan order. After `decide:<report>` and after
    `report:<report>` a Choice on `$.steps['<step>'].completeness` goes on or to
    `notify:<report>:held`, and from there to the next report. An error that is left after the
    retries goes to `notify:failed` and `fail`, with `{Error, Cause}` at `$.error`; a known one of
    a step of one report to `notify:<report>:failed` and on to the next report, with both at
    `$.failed`, and behind the last report to `fail:report`, so that plan B waits for no rehearsal;
    one of a rehearsal to `notify:<report>:plan_b` and on, for everything is delivered by then.

    Args:
        project: Gives the times.
        plan: Gives the steps.
    """
    ids = [step.id for step in plan.steps]
    rehearsed = [step.id for step in plan.steps if isinstance(step, Rehearse)]
    reported = [step.id for step in plan.steps if step.id not in rehearsed]
    by_report = any(isinstance(step, Decide) for step in plan.steps)
    following = dict(pairwise([*reported, ENDED] if by_report else reported))
    following |= pairwise(rehearsed)
    states: list[State] = []
    for step in plan.steps:
        if step.id in rehearsed[:1]:
            states += _ends(rehearsed[0])
        made = _states(step, project.run, following)
        states += map(_with_sealing, made) if project.policies else made
    told = Catcher(errors=(ALL,), next=FAILED, result_path="$.untold")
    if by_report and not rehearsed:
        states += (*_ends(ENDED_WELL), Succeed(name=ENDED_WELL))
    states.append(_tell(TELL_FAILED, "", GAVE_UP, next_state=FAILED, catch=(told,)))
    states.append(Fail(name=FAILED))
    return Flow(start=ids[0], states={state.name: state for state in states})


def error_name(fault: BaseException) -> str:
    """Return the name of a fault in `ErrorEquals`; of a bug, its class's name."""
    known = (name for kind, name in ERROR_NAMES.items() if isinstance(fault, kind))
    return next(known, type(fault).__name__)


def kind_of(step: Step) -> str:
    """Return the kind of a step as `run.steps` in `puntual.yaml` names it."""
    return step.id.partition(":")[0]


def times_of(settings: RunSettings, step: Step) -> StepTimes:
    """Return the times of a step: its own, else those of its kind."""
    return settings.steps.get(step.id) or settings.kinds[kind_of(step)]


def held(report: str) -> str:
    """Return the name of the state that tells of a report that is held."""
    return f"notify:{report}:{HELD}"


def failed(report: str) -> str:
    """Return the name of the state that tells of a report that a technical fault has stopped."""
    return f"notify:{report}:{GAVE_UP}"


def _states(step: Step, settings: RunSettings, following: Mapping[str, str]) -> tuple[State, ...]:
    """Return the states that a step adds, in the order in which they are entered."""
    match step:
        case Decide(report=report):
            name = f"decided:{report}"
            tell = _tell(
                held(report),
                report,
                HELD,
                next_state=following.get(Deliver(report=report).id),
                catch=_caught(),
            )
            ahead = MakeReport(report=report).id
            task = replace(_task(step, settings, name), catch=_caught_of(report))
            others = following[Deliver(report=report).id]
            # That nobody could be told keeps the others from nothing; the fault ends the run.
            untold = Catcher(errors=(ALL,), next=others, result_path="$.untold")
            gave_up = _tell(failed(report), report, GAVE_UP, next_state=others, catch=(untold,))
            return (task, _choice(name, step, ahead), tell, gave_up)
        case MakeReport(report=report):
            name = f"made:{report}"
            ahead = Attest(report=report).id
            task = replace(_task(step, settings, name), catch=_caught_of(report))
            return (task, _choice(name, step, ahead))
        case Attest(report=report) | Deliver(report=report):
            task = _task(step, settings, following.get(step.id))
            return (replace(task, catch=_caught_of(report)),)
        case Rehearse(report=report):
            missed, then = f"notify:{report}:{PLAN_B}", following.get(step.id)
            caught = tuple(replace(c, next=missed, result_path="$.missed") for c in _caught())
            task = replace(_task(step, settings, then), catch=caught)
            return (task, _tell(missed, report, PLAN_B, next_state=then, catch=_caught()))
        case Land() | Curate() | Build() | Validate() | Load() | Reconcile():
            return (_task(step, settings, following.get(step.id)),)
        case _:
            assert_never(step)


def _choice(name: str, step: Decide | MakeReport, ahead: str) -> Choice:
    """Go on if the delivery stands; an answer that is none of the words is not a yes."""
    tell = held(step.report)
    return Choice(
        name=name,
        variable=f"$.steps['{step.id}'].completeness",
        branches={**dict.fromkeys(GOES_ON, ahead), HELD: tell},
        default=tell,
    )


def _task(step: Step, settings: RunSettings, following: str | None) -> Task:
    times = times_of(settings, step)
    return Task(
        name=step.id,
        step=step,
        timeout=times.timeout,
        retry=_retry(times),
        catch=_caught(),
        next=following,
    )


def _with_sealing(state: State) -> State:
    """Give a landing the time to go on without its source, as a policy may allow."""
    if not isinstance(state, Task) or not isinstance(state.step, Land):
        return state
    return replace(state, sealing=min(state.timeout, SEALING))


def _tell(
    name: str, report: str, about: str, *, next_state: str | None, catch: tuple[Catcher, ...]
) -> Notify:
    return Notify(
        name=name,
        report=report,
        about=about,
        timeout=TELL.timeout,
        retry=_retry(TELL),
        catch=catch,
        next=next_state,
    )


def _retry(times: StepTimes) -> tuple[Retrier, ...]:
    retrier = Retrier(
        errors=RETRIED,
        interval=times.interval,
        attempts=times.retries,
        backoff=Decimal(times.backoff),
        max_delay=times.max_delay,
        full_jitter=True,
    )
    return (retrier,)


def _caught() -> tuple[Catcher, ...]:
    """`States.ALL` does not hold DataLimitExceeded (E2), so it is named by itself (E4)."""
    return (
        Catcher(errors=(DATA_LIMIT_EXCEEDED,), next=TELL_FAILED),
        Catcher(errors=(ALL,), next=TELL_FAILED),
    )


def _caught_of(report: str) -> tuple[Catcher, ...]:
    """A known fault of one report's step stops that report; what nobody knows stops the run."""
    known = tuple(dict.fromkeys((*ERROR_NAMES.values(), *RETRIED)))
    own = Catcher(errors=known, next=failed(report), result_path=FAILED_PART)
    return (own, *_caught())


def _ends(well: str) -> tuple[State, ...]:
    """Return how reports end: well, and the flow goes on, or by what stopped one of them."""
    chosen = Choice(
        name=ENDED,
        variable=f"{FAILED_PART}.Error",
        branches={"": well},
        default=FAILED_REPORT,
    )
    return chosen, Fail(name=FAILED_REPORT, error_path=FAILED_PART)
