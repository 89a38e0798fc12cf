"""
Rebuilds a delivered day from its raw objects alone, and says what is not as it was delivered.

Everything but landing and delivering is carried out anew, by the same steps as a run, in a world
of its own. What was landed and sealed is read from the archive, after every raw object was read
through and its digest compared. Nothing of the archive is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from puntual.errors import EvidenceError, PermanentError
from puntual.evidence.package import EXCEPTIONS
from puntual.model.manifest import Digest, Manifest
from puntual.model.plan import Attest, Deliver, Land, Load, Plan, Reconcile, Rehearse, Step
from puntual.model.project import Project
from puntual.ports.objects import Objects
from puntual.runner import checkpoint, load
from puntual.runner.checkpoint import Published
from puntual.runner.compare import Difference, causes, compared
from puntual.runner.compared import TIED
from puntual.runner.delivery import standing
from puntual.runner.restate import SUPERSEDES, restated
from puntual.runner.row_digests import rows_of
from puntual.runner.step import NOT_NEEDED, walk
from puntual.runner.world import DayRun, World

_OF_A_NAME = frozenset({"land", "curate", "build", "load"})

EPOCH = 1
"""A world of its own has one writer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """
    What a replay of a day found.

    Attributes:
        differences: In the order of the plan; none when every byte is the same.
        damaged: Raw objects and manifests that are not what was recorded; then nothing more
            was done.
        another_program: The day was delivered by another version of the program.
        records: Raw records that were read again.
        digests: Where another engine made the day: step and role → digest of its rows, of what
            is the same.
    """

    differences: tuple[Difference, ...] = ()
    damaged: tuple[EvidenceError, ...] = ()
    another_program: bool = False
    records: int = 0
    digests: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """
    What was published, for reading alone.

    Attributes:
        objects: The store of manifests and raw objects.
        names: Pointer → digest of the manifest.
    """

    objects: Objects
    names: Mapping[str, Digest]

    def published(self, digests: Mapping[str, Digest]) -> dict[str, Published]:
        """
        Return manifests by the steps that published them.

        Raises:
            EvidenceError: V1001, V1002 a manifest is missing or altered.
        """
        return {
            step: Published(digest=digest, manifest=checkpoint.read_manifest(self.objects, digest))
            for step, digest in digests.items()
        }

    def pointed(self, plan: Plan) -> dict[str, Digest]:
        """Return what the steps of a day point at now, by step."""
        names = {s.id: checkpoint.pointer(s.id, plan.reference_date) for s in plan.steps}
        return {step: self.names[name] for step, name in names.items() if name in self.names}

    def delivered(self, report: str, day: date) -> dict[str, Digest]:
        """
        Return what a delivery was made from, by step, as its own manifests name it.

        A step may have been done again since; then its pointer names something else.

        Raises:
            EvidenceError: V1001, V1002 a manifest is missing or altered.
        """
        deliver, attest = f"deliver:{report}", f"attest:{report}"
        sent = self.names[checkpoint.pointer(deliver, day)]
        found = dict(checkpoint.read_manifest(self.objects, sent).inputs)
        inputs = checkpoint.read_manifest(self.objects, found[attest]).inputs
        made_from = {step: digest for step, digest in inputs.items() if step != SUPERSEDES}
        return {deliver: sent, attest: found[attest]} | made_from


def batches(archive: Archive, reports: Sequence[str], day: date) -> list[dict[str, Digest]]:
    """
    Return what the deliveries of a day were made from, by step.

    Deliveries that were made from the same are one batch: they are replayed together.

    Raises:
        EvidenceError: V1001, V1002 a manifest is missing or altered.
    """
    found: list[dict[str, Digest]] = []
    for report in reports:
        mine = archive.delivered(report, day)
        kind = "validate" in mine  # plan B without warehouse is replayed by itself
        alike = [b for b in found if ("validate" in b) is kind]
        same = [b for b in alike if all(b.get(k, v) == v for k, v in mine.items())]
        if same:
            same[0].update(mine)
        else:
            found.append(mine)
    return found


def replay(
    run: DayRun,
    archive: Archive,
    digests: Mapping[str, Digest],
    *,
    same_kind: bool = True,
    same_engine: bool = True,
) -> Replayed:
    """
    Rebuild a day in a world of its own and compare it with what was delivered.

    Args:
        run: The plan of the reports of one batch, in a world that is empty but for the history
            that its warehouse may hold; its objects also read those of the archive.
        archive: What was published.
        digests: What the deliveries were made from; see `batches`.
        same_kind: The world's warehouse is of the kind that the day was loaded into. Another
            counts and digests in its own way; how it was loaded is not compared then.
        same_engine: The world's engine is of the kind that the day was made by. Another writes
            other bytes for the same rows, so that tables are compared by the digest of their
            rows, and hops and controls by what they count.

    Raises:
        PermanentError: The machine cannot: disk, memory, permissions.
        TransientError: Something does not answer.
    """
    steps = {s.id: s for s in run.plan.steps}
    try:
        was = archive.published({s: d for s, d in digests.items() if s in steps})
    except EvidenceError as exc:
        return Replayed(damaged=(exc,))
    lands = [s for s, step in steps.items() if isinstance(step, Land)]
    damaged = tuple(_damaged(archive.objects, [was[s] for s in lands if s in was]))
    missing = tuple(_absent(step) for step in lands if step not in was)
    if damaged or missing:
        return Replayed(damaged=damaged, differences=missing)
    gone = tuple(_gone(s) for s in digests if s.partition(":")[0] in _OF_A_NAME and s not in steps)
    run.recorded.update({step: p.manifest for step, p in was.items()})
    for step in lands:
        checkpoint.commit(run.world, was[step].manifest, epoch=run.epoch)
        run.published[step] = was[step]
    run.restatements = {r: s for r in run.plan.reports if (s := restated(r, was))}
    how = _How(same_kind=same_kind, same_engine=same_engine)
    return Replayed(
        differences=(*gone, *_differences(run, was, how)),
        another_program=any(p.manifest.code != run.world.code for p in was.values()),
        records=sum(was[step].manifest.totals.records for step in lands),
        digests=how.digests,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _How:
    """
    How what was made is compared, and what came of it so far.

    Attributes:
        same_kind: See `replay`.
        same_engine: See `replay`.
        digests: Of rows that were found the same, by step and role.
        differing: Steps that made something else.
    """

    same_kind: bool
    same_engine: bool
    digests: dict[str, str] = field(default_factory=dict)
    differing: set[str] = field(default_factory=set)

    def causes(self, run: DayRun, because: tuple[str, ...]) -> tuple[str, ...]:
        """
        Return what may be the cause of a difference.

        What another engine made has another manifest in any case; only where its content is
        another is it a cause.
        """
        if self.same_engine:
            return because
        made = {s.id for s in run.plan.steps} | {f"{TIED}{r}" for r in run.project.reports}
        return tuple(
            name
            for name in because
            if name not in made or name.replace(TIED, "report:") in self.differing
        )


def world_run(project: Project, plan: Plan, world: World) -> DayRun:
    """Return a day that is about to be replayed."""
    return DayRun(project=project, plan=plan, world=world, epoch=EPOCH, published={})


def remember(run: DayRun, archive: Archive) -> None:
    """
    Load a day as it is published, for reports that look back at earlier days.

    The load log calls it as the day's own load did: that is what a roll-forward says of it.

    Raises:
        EvidenceError: V1001, V1002 what was published is missing or altered; R4001.
        PermanentError: The warehouse refuses.
        TransientError: It does not answer.
    """
    run.published = archive.published(archive.pointed(run.plan))
    for step in run.plan.steps:
        if isinstance(step, Load) and step.id in run.published:
            published = run.published[step.id]
            name = str(published.manifest.facts["loaded"])
            load.load(run, step, {"published": published.digest}, name=name)


def _damaged(objects: Objects, landed: Iterable[Published]) -> Iterable[EvidenceError]:
    for published in landed:
        for ref in published.manifest.objects:
            try:
                objects.locate(ref)  # and where it lies elsewhere, it is here from now on
            except EvidenceError as exc:
                yield exc


def _absent(step: str) -> Difference:
    return Difference(
        step=step, about="raw", was="not landed", now="a source of the project", because=()
    )


def _gone(step: str) -> Difference:
    return Difference(
        step=step, about="step", was="made", now="no step of the project any more", because=()
    )


def _differences(run: DayRun, was: Mapping[str, Published], how: _How) -> Iterator[Difference]:
    for step in run.plan.steps:
        if isinstance(step, Land | Deliver | Rehearse):
            continue
        before = was.get(step.id)
        try:
            outcome = walk(run, step, anew=False, begun=_nobody_watches)
        except (EvidenceError, PermanentError) as exc:
            if exc.code.startswith("T"):
                raise
            yield _stopped(step, before, f"{exc.code} {exc.message}")
            return
        if outcome == NOT_NEEDED:
            about = step.id.partition(":")[2]
            reasons = sorted({r.code for r in standing(run, about).reasons})
            yield _stopped(step, before, f"held: {', '.join(reasons)}")
        elif before is None:
            yield _stopped(step, before, "made")
        elif how.same_kind or not how.same_engine or not isinstance(step, Load | Reconcile):
            yield from _told(run, step, before.manifest, how)


def _told(run: DayRun, step: Step, before: Manifest, how: _How) -> Iterator[Difference]:
    """
    Yield what differs in what a step made.

    Where the program or the project is another, a package says so in its statement, as it must;
    then its report and its exceptions alone are compared.
    """
    after = run.manifest(step.id)
    rows = None if how.same_engine else rows_of(run, before, after)
    if rows is not None:
        alike = {k: d for k, d in rows.now.items() if rows.was.get(k) == d}
        how.digests.update({f"{step.id} {k}": d for k, d in alike.items()})
    found = compared(before, after, rows)
    if isinstance(step, Attest) and causes(before, after):
        file = str(run.manifest(f"report:{step.report}").facts["file_name"])
        kept = {f"file package {name}" for name in (file, EXCEPTIONS)}
        found = tuple(d for d in found if d.about in kept)
    if found:
        how.differing.add(step.id)
    yield from (replace(d, because=how.causes(run, d.because)) for d in found)


def _nobody_watches() -> None:
    """Be told that a step begins."""


def _stopped(step: Step, before: Published | None, now: str) -> Difference:
    was = "not made" if before is None else "made"
    return Difference(step=step.id, about="step", was=was, now=now, because=())
