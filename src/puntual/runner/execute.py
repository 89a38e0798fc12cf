"""
The walk that carries a plan out: skip what is committed, do what is not, commit, go on.

It decides nothing: whether a delivery may be made is `decide`'s answer, and a step that is
held back says so. Killed anywhere, the next run continues at the first step without a commit
for the same inputs, code and contract (design 4.9).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, assert_never

from puntual.evidence.canonical import encode
from puntual.evidence.digest import sha256
from puntual.evidence.facts import to_json
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
    Plan,
    Reconcile,
    Step,
    Validate,
)
from puntual.model.project import Project
from puntual.ports.journal import StepEvent
from puntual.runner import checkpoint, delivery, load, proofs, sources, tell
from puntual.runner.work import inputs_of, key_of
from puntual.runner.world import DayRun, Published, World

DONE, SKIPPED, NOT_NEEDED = "done", "skipped", "not needed"


class Watch(Protocol):
    """Told of each step as it happens, for progress on a terminal or in a log."""

    def started(self, step: Step, number: int, of: int) -> None:
        """A step begins; it is the `number`-th of `of`."""

    def finished(self, step: Step, outcome: str, seconds: float, summary: str) -> None:
        """A step ended: `done`, `skipped` (committed before) or `not needed` (held)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """The run's memory of a day: what each step published."""

    run: DayRun
    done: int
    skipped: int


def execute(
    project: Project, plan: Plan, world: World, *, epoch: int, run_id: str, watch: Watch
) -> Carried:
    """
    Carry a plan out, from the first step that is not committed.

    Args:
        project: What is run.
        plan: The steps of one reference date.
        world: The ports.
        epoch: Of the lease that the caller holds.
        run_id: Names this run in the journal.
        watch: Told of progress.

    Raises:
        TransientError: Something may pass by waiting; run again.
        PermanentError: It will not pass by waiting.
        EvidenceError: Bytes are not what was recorded.
    """
    run = DayRun(project=project, plan=plan, world=world, epoch=epoch, published={})
    counts = {DONE: 0, SKIPPED: 0, NOT_NEEDED: 0}
    for number, step in enumerate(plan.steps, 1):
        watch.started(step, number, len(plan.steps))
        began = world.clock.monotonic()
        outcome = _walk(run, step)
        seconds = world.clock.monotonic() - began
        counts[outcome] += 1
        summary = tell.summary(run, step) if outcome != NOT_NEEDED else "held"
        _journal(run, run_id, step, outcome, seconds, summary)
        watch.finished(step, outcome, seconds, summary)
    return Carried(run=run, done=counts[DONE], skipped=counts[SKIPPED])


def _journal(
    run: DayRun, run_id: str, step: Step, outcome: str, seconds: float, summary: str
) -> None:
    run.world.journal.record(
        StepEvent(
            run=run_id,
            reference_date=run.date,
            step=step.id,
            outcome=outcome,
            seconds=seconds,
            at=run.world.clock.now(),
            summary=summary,
            facts={},
        )
    )


def _walk(run: DayRun, step: Step) -> str:
    if isinstance(step, Land):
        published, done = sources.sealed_or_landed(run, step)
        run.published[step.id] = published
        return DONE if done else SKIPPED
    if isinstance(step, MakeReport | Attest | Deliver) and not _may_go_on(run, step):
        return NOT_NEEDED
    inputs = inputs_of(run, step.id, _own_inputs(run, step))
    before = checkpoint.read(run.world, step.id, run.date)
    if before is not None and _still_stands(run, step, before, key_of(run, step.id, inputs)):
        run.published[step.id] = before
        _after(run, step, before)
        return SKIPPED
    published = checkpoint.commit(run.world, _carry_out(run, step, inputs), epoch=run.epoch)
    run.published[step.id] = published
    _after(run, step, published)
    return DONE


def _may_go_on(run: DayRun, step: MakeReport | Attest | Deliver) -> bool:
    """A held report is not made, and one that was made and does not tie is not attested."""
    return delivery.standing(run, step.report).completeness is not None


def _still_stands(run: DayRun, step: Step, before: Published, key: Digest) -> bool:
    if before.manifest.key != key:
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
            return {contract.file: contract.digest, "contract": _digest_of({name: contract})}
        case Build():
            model = project.models[step.model]
            return {model.file: model.digest, "model": _digest_of({model.name: model})}
        case Validate():
            return {"checks": _digest_of(project.checks)}
        case Load():
            return {}
        case Reconcile():
            return {"controls": _digest_of(project.controls)}
        case Decide() | MakeReport() | Attest() | Deliver():
            report = project.reports[step.report]
            return {report.file: report.digest}
        case _:
            assert_never(step)


def _digest_of(declared: Mapping[str, object]) -> Digest:
    return sha256(encode(to_json(declared)))


def _carry_out(run: DayRun, step: Step, inputs: Mapping[str, Digest]) -> Manifest:
    match step:
        case Land():
            return sources.land(run, step)
        case Curate():
            return sources.curate(run, step, inputs)
        case Build():
            return sources.build(run, step, inputs)
        case Validate():
            return proofs.validate(run, step, inputs)
        case Load():
            return load.load(run, step, inputs)
        case Reconcile():
            return proofs.reconcile(run, step, inputs)
        case Decide():
            return delivery.decide_one(run, step, inputs)
        case MakeReport():
            return delivery.make(run, step, inputs)
        case Attest():
            return delivery.attest(run, step, inputs)
        case Deliver():
            return delivery.deliver(run, step, inputs)
        case _:
            assert_never(step)


def _after(run: DayRun, step: Step, published: Published) -> None:
    """Do what follows a commit, may be repeated, and is never the truth."""
    match step:
        case Curate() | Build():
            sources.catalogue(run, published)
        case Decide() | MakeReport() | Deliver():
            delivery.project_state(run, step.report)
        case Land() | Validate() | Load() | Reconcile() | Attest():
            pass
        case _:
            assert_never(step)
