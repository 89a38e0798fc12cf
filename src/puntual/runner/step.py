"""
One step of a day: skip what is committed, do what is not, commit.

It decides nothing: whether a delivery may be made is `decide`'s answer, and a step that is
held back says so. A step is committed for the same inputs, code and contract (design 4.9).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import date
from typing import Protocol, assert_never

from puntual.failpoints import failpoint
from puntual.model.delivery import Completeness, Restatement
from puntual.model.manifest import Digest, Manifest
from puntual.model.plan import (
    Attest,
    Build,
    Curate,
    Decide,
    Deliver,
    Land,
    Load,
    MakeReport,
    Reconcile,
    Rehearse,
    Step,
    Validate,
)
from puntual.model.project import Project
from puntual.model.source import FileSource
from puntual.planner.plan import plan, plan_b
from puntual.runner import (
    aside,
    checkpoint,
    compared,
    decision,
    delivery,
    emergency,
    governing,
    intact,
    load,
    looked_again,
    proofs,
    reconcile,
    record,
    restate,
    route,
    sending,
    signing,
    sources,
    standin,
    tell,
)
from puntual.runner.checkpoint import Published
from puntual.runner.work import declared, inputs_of, key_of
from puntual.runner.world import DayRun, World

DONE, SKIPPED, NOT_NEEDED, WAITING = "done", "skipped", "not needed", "waiting"
HELD = "held"


Border = Callable[[str], AbstractContextManager[object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """
    What a worker is asked: one step of a day, and what the day has published so far.

    Attributes:
        reference_date: The day.
        reports: The reports of its plan.
        step: The step's id.
        epoch: Of the lease that the run holds.
        published: Step id → digest of its manifest, for the steps before.
        anew: Do it even if it is committed for the same inputs (`puntual run --from`).
        fault: Why plan B is made without warehouse; "" if the day is done in full.
        restatements: The next versions that are made of what was delivered.
        send: What is made is also sent.
        last: No retry follows if this attempt fails.
        silent: What a source that was asked gave no answer within (`15 min`), where its day is
            to be sealed without asking it again; "" else.
    """

    reference_date: date
    reports: tuple[str, ...]
    step: str
    epoch: int
    published: Mapping[str, Digest]
    anew: bool = False
    fault: str = ""
    restatements: tuple[Restatement, ...] = ()
    send: bool = True
    last: bool = False
    silent: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """
    How a step went.

    Attributes:
        outcome: `done`, `skipped` (committed before), `not needed` (held) or `waiting` (made,
            and waits for a person).
        summary: One short sentence; counts and names only.
        manifest: Digest of the manifest that is published; "" when not needed.
        completeness: How the step's report stands after it (`full`, `partial`, `emergency`,
            `held`); "" for a step that is no report's, and before it was decided.
        files: Of the landing of files: how many records each holds, by its name.
    """

    outcome: str
    summary: str
    manifest: Digest = ""
    completeness: str = ""
    files: Mapping[str, int] = field(default_factory=dict)


class Worker(Protocol):
    """Does the steps of one project, one at a time."""

    def do(self, order: Order, *, timeout: int, begun: Callable[[], None]) -> Answer:
        """
        Do a step; repeatable.

        Args:
            order: What is done.
            timeout: Seconds, after which it is given up, if this worker can do so.
            begun: Called when the step turns out not to be committed, before it is done.

        Raises:
            Failed: The attempt failed; its name is the class of the fault, `States.Timeout`,
                or `Runtime.ExitError` when the process that did it died.
        """

    def close(self) -> None:
        """Give up what is held open."""


class InProcess:
    """
    Does steps where it stands: it cannot give one up, and dies with it.

    Args:
        project: What is run.
        world: The ports.
        border: Told a step's id, translates what only the machine can be at fault for.
    """

    def __init__(self, project: Project, world: World, border: Border = nullcontext) -> None:
        self._project = project
        self._world = world
        self._border = border
        self._known: dict[str, Published] = {}

    def do(self, order: Order, *, timeout: int, begun: Callable[[], None]) -> Answer:
        """
        Do a step; see the port.

        Raises:
            Failed: By the class of what was raised.
        """
        with route.attempt(), self._border(order.step):
            run = self._run(order)
            step = next(s for s in run.plan.steps if s.id == order.step)
            failpoint("step.begun")
            outcome = walk(run, step, anew=order.anew, begun=begun)
            failpoint("step.followed")
            self._known = {known.digest: known for known in run.published.values()}
            return _answer(run, step, outcome)

    def close(self) -> None:
        """Give up nothing: the world is its owner's."""

    def _run(self, order: Order) -> DayRun:
        planned = plan_b if order.fault else plan
        return DayRun(
            project=self._project,
            plan=planned(self._project, order.reference_date, order.reports),
            world=self._world,
            epoch=order.epoch,
            published={name: self._published(d) for name, d in order.published.items()},
            restatements={r.report: r for r in order.restatements},
            fault=order.fault,
            send=order.send,
            last=order.last,
            silent=order.silent,
        )

    def _published(self, digest: Digest) -> Published:
        """Return a manifest by its digest, read once."""
        if digest not in self._known:
            manifest = checkpoint.by_digest(self._world, digest)
            self._known[digest] = Published(digest=digest, manifest=manifest)
        return self._known[digest]


def _answer(run: DayRun, step: Step, outcome: str) -> Answer:
    completeness = ""
    if isinstance(step, Decide | MakeReport | Attest | Deliver):
        found = delivery.standing(run, step.report).completeness
        completeness = found.value if found else HELD
        if restate.stays(run, step.report, found):
            completeness = Completeness.PARTIAL.value  # what was sent stands; nothing is held
    if outcome in (NOT_NEEDED, WAITING):
        summary = HELD if completeness == HELD else outcome
        return Answer(outcome=outcome, summary=summary, completeness=completeness)
    return Answer(
        outcome=outcome,
        summary=tell.summary(run, step) + intact.sentence(run, step.id),
        manifest=run.published[step.id].digest,
        completeness=completeness,
        files=_files(run, step),
    )


def _files(run: DayRun, step: Step) -> dict[str, int]:
    if not isinstance(step, Land) or not isinstance(run.project.sources[step.source], FileSource):
        return {}
    return {o.detail["name"]: o.records for o in run.manifest(step.id).of_role("data")}


def walk(run: DayRun, step: Step, *, anew: bool, begun: Callable[[], None]) -> str:
    """
    Carry one step out unless it is committed for the same inputs, code and contract.

    Args:
        run: The day; what the step publishes is added to it.
        step: Which.
        anew: Do it even if it is committed. A sealed source stays sealed: nothing enters its
            day any more (design 4.12).
        begun: Called before anything is done.

    Returns:
        `done`, `skipped`, `not needed` or `waiting`.

    Raises:
        TransientError: Something may pass by waiting; run again.
        PermanentError: It will not pass by waiting.
        EvidenceError: Bytes are not what was recorded.
    """
    if isinstance(step, Land):
        published, done = sources.sealed_or_landed(run, step, begun)
        run.published[step.id] = published
        record.follow(run, step)
        return DONE if done else SKIPPED
    if isinstance(step, Decide | MakeReport | Attest):
        unfinished = sending.unfinished(run, step.report)
        if step.id in unfinished:
            run.published[step.id] = unfinished[step.id]
            _after(run, step, unfinished[step.id])
            return SKIPPED
    if isinstance(step, MakeReport | Attest | Deliver | Rehearse) and not _may_go_on(run, step):
        return NOT_NEEDED
    if isinstance(step, Deliver):
        waits = signing.waits(run, step.report, delivery.standing(run, step.report))
        waits = waits or record.waits(run, step.report)
        if waits is not None:
            if run.send:
                delivery.project_state(run, step.report, waits)
            return WAITING
    inputs = inputs_of(run, step.id, _own_inputs(run, step))
    before = intact.committed(run, step.id)
    if before is not None and not anew and _still_stands(run, step, before, inputs):
        run.published[step.id] = before
        _after(run, step, before)
        return SKIPPED
    begun()
    if before is not None and not anew and before.manifest.key == key_of(run, step.id, inputs):
        run.answered[step.id] = looked_again.answered(before.manifest)
    made = _carry_out(run, step, inputs, anew=anew)
    failpoint("step.carried")
    published = checkpoint.commit(run.world, made, epoch=run.epoch)
    failpoint("step.committed")
    run.published[step.id] = published
    if isinstance(step, Attest) and before is not None and before.digest == published.digest:
        record.attested_anew(run, step)
    _after(run, step, published)
    return DONE


def _may_go_on(run: DayRun, step: MakeReport | Attest | Deliver | Rehearse) -> bool:
    """
    Say whether a step of a report follows its decision.

    A held report is not made, one that was made and does not tie is not attested, and plan B is
    rehearsed beside a full report alone. What a run completes by itself it completes in full.
    """
    found = delivery.standing(run, step.report).completeness
    if isinstance(step, Rehearse):
        return found is Completeness.FULL and f"deliver:{step.report}" in run.published
    return found is not None and not restate.stays(run, step.report, found)


def _still_stands(run: DayRun, step: Step, before: Published, inputs: Mapping[str, Digest]) -> bool:
    key = key_of(run, step.id, inputs)
    if before.manifest.key != key:
        return False
    if isinstance(step, Reconcile | MakeReport) and looked_again.is_open(
        run, step, before.manifest
    ):
        return False
    if isinstance(step, Decide) and decision.is_due(run, before.manifest):
        return False
    return not isinstance(step, Load) or load.is_loaded(run, step, key)


def _own_inputs(run: DayRun, step: Step) -> Mapping[str, Digest]:
    """
    Return the digests of what a step depends on in the project itself.

    A contract and a model are also digested as they were read: a model's key, measures and
    source stand in `puntual.yaml`, as does the zone of a contract that names none.
    """
    project = run.project
    match step:
        case Land() | Curate():
            name = step.source if isinstance(step, Land) else step.dataset
            contract = project.contracts[name]
            own = {contract.file: contract.digest, "contract": declared({name: contract})}
            return own | (standin.inputs(run, name) if isinstance(step, Curate) else {})
        case Build():
            model = project.models[step.model]
            return {model.file: model.digest, "model": declared({model.name: model})}
        case Validate():
            return {"checks": declared(project.checks)}
        case Load():
            return {}
        case Reconcile():
            return {"controls": declared(project.controls)} | reconcile.yesterdays(run)
        case Decide():
            report = project.reports[step.report]
            own = {report.file: report.digest} | governing.laid_down(run, step.report)
            return own | aside.known_inputs(run, step.report)
        case MakeReport():
            report = project.reports[step.report]
            more = _plan_b_inputs(run, step) | restate.inputs(run, step.report)
            own = {report.file: report.digest} | more
            return own | compared.files_compared(run, step.report, own)
        case Attest() | Deliver():
            report = project.reports[step.report]
            return {report.file: report.digest} | restate.reasons(run, step.report)
        case Rehearse():
            rehearsed = emergency.plan_b_of(project.reports[step.report])
            return {rehearsed.file: rehearsed.digest}
        case _:
            assert_never(step)


def _plan_b_inputs(run: DayRun, step: MakeReport) -> dict[str, Digest]:
    """Return plan B, where it is what the report is made by."""
    if delivery.standing(run, step.report).completeness is not Completeness.EMERGENCY:
        return {}
    plan_b = emergency.plan_b_of(run.project.reports[step.report])
    return {plan_b.file: plan_b.digest}


def _carry_out(run: DayRun, step: Step, inputs: Mapping[str, Digest], *, anew: bool) -> Manifest:
    match step:
        case Land():
            return sources.land(run, step)
        case Curate():
            return standin.in_place(run, sources.curate(run, step, inputs))
        case Build():
            return sources.build(run, step, inputs)
        case Validate():
            return proofs.validate(run, step, inputs)
        case Load():
            return load.load(run, step, inputs, anew=anew)
        case Reconcile():
            return reconcile.reconcile(run, step, inputs)
        case Decide():
            return decision.decide_one(run, step, inputs)
        case MakeReport():
            return delivery.make(run, step, inputs)
        case Attest():
            return delivery.attest(run, step, inputs)
        case Deliver():
            return delivery.deliver(run, step, inputs)
        case Rehearse():
            return emergency.rehearse(run, step, inputs)
        case _:
            assert_never(step)


def _after(run: DayRun, step: Step, published: Published) -> None:
    """Do what follows a commit, may be repeated, and is never the truth."""
    record.follow(run, step)
    match step:
        case Curate() | Build():
            sources.catalogue(run, published)
        case Decide() | MakeReport() | Deliver():
            found = delivery.standing(run, step.report).completeness
            if run.send and not restate.stays(run, step.report, found):
                delivery.project_state(run, step.report)
        case Land() | Validate() | Load() | Reconcile() | Attest() | Rehearse():
            pass
        case _:
            assert_never(step)
