"""
The journal's deliveries and the catalog, made again from the manifests that are published.

Both are projections and never the truth; what is missing from them, or older than what is
published, is written again. Notices that follow from what is published are opened again: of a
delivery that is held, that was sent and is not full, or that its receiver has rejected. What no
manifest holds is not made up: how long steps took, which faults stopped a run, what the watch saw.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, tzinfo

from puntual.errors import EvidenceError, ProjectError
from puntual.model.acknowledgement import Answer
from puntual.model.check import Severity
from puntual.model.delivery import Completeness, Delivery, DeliveryId, Reason, State
from puntual.model.manifest import Digest
from puntual.model.notice import HELD, NOT_FULL, REJECTED, Notice, Obligation
from puntual.model.project import Project
from puntual.planner.calendar import due_of
from puntual.ports.journal import Catalog, Journal, Partition
from puntual.ports.notices import Notices
from puntual.runner import checkpoint, tell
from puntual.runner.acknowledge import answered, records
from puntual.runner.checkpoint import Published
from puntual.runner.delivery import decision_of, delivery_of, reasons_of
from puntual.runner.restate import steps_of
from puntual.runner.sources import columns_of
from puntual.runner.versions import sent_versions

SENT = frozenset({State.SENT, State.ACCEPTED, State.REJECTED, State.SUPERSEDED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuilt:
    """
    What was written again.

    Attributes:
        count: How many deliveries, or days of datasets.
        faults: What could not be, each with its reason.
    """

    count: int
    faults: tuple[EvidenceError | ProjectError, ...] = ()


def deliveries(
    store: checkpoint.Store,
    journal: Journal,
    notices: Notices,
    project: Project,
    *,
    zone: Callable[[str], tzinfo],
    now: datetime,
) -> Rebuilt:
    """
    Write every decided delivery into the journal that it lacks or has as not yet sent.

    Args:
        store: The published manifests.
        journal: Where to.
        notices: Where the notices of what is written are opened again.
        project: Says when a report was due; one that it has no more is a fault.
        zone: Builds a zone from its IANA name.
        now: This instant, for how a delivery that is not sent stands to its deadline.

    Raises:
        PermanentError: T1001, T1002, T1003, T2004.
        TransientError: T2002.
    """
    names = store.pointers.read_prefix("")
    known = {d.id: d.state for d in journal.deliveries()}
    count = 0
    faults: list[EvidenceError | ProjectError] = []
    for name in names:
        step, day = _parts(name)
        kind, _, report = step.partition(":")
        if kind != "decide":
            continue
        try:
            found = _missing(store, names, report, day, known)
            due_at = _due(project, report, day, zone) if found else now
        except (EvidenceError, ProjectError) as exc:
            faults.append(exc)
            continue
        for which, published in found.items():
            made = delivery_of(which, published, due_at=due_at, now=now)
            made = answered(made, records(store, report, day))
            last = which.version == max(w.version for w in found)
            journal.save(made if last else replace(made, state=State.SUPERSEDED))
            count += 1
            if last:
                for notice in _notices(store, names, made, now):
                    notices.open(
                        notice.obligation,
                        notice.cause,
                        notice.severity,
                        notice.text,
                        notice.opened_at,
                    )
    return Rebuilt(count=count, faults=tuple(faults))


def _notices(
    store: checkpoint.Store, names: Mapping[str, Digest], newest: Delivery, now: datetime
) -> Iterator[Notice]:
    """
    Yield what is open of a delivery by what is published, as a run and `ack` open it.

    Of a hold no manifest keeps the instant at which people were told.
    """
    report, day = newest.id.report, newest.id.reference_date
    of = Obligation(report=report, reference_date=day)
    why = _held(store, names, report, day)
    if why is not None:
        yield Notice(
            obligation=of,
            cause=HELD,
            severity=Severity.WARN,
            text=tell.dated(tell.held(report, day, why), newest.due_at, now),
            opened_at=now,
        )
    if newest.sent_at is not None and newest.completeness is not Completeness.FULL:
        yield Notice(
            obligation=of,
            cause=NOT_FULL,
            severity=Severity.WARN,
            text=tell.dated(tell.not_full(newest), newest.due_at),
            opened_at=newest.sent_at,
        )
    told = [a for a in records(store, report, day) if a.answer is not Answer.ATTEMPTED]
    if told and told[-1].answer is Answer.REJECTED:
        yield Notice(
            obligation=of,
            cause=REJECTED,
            severity=Severity.ERROR,
            text=tell.dated(tell.rejected(told[-1].delivery, told[-1].identifier), newest.due_at),
            opened_at=told[-1].recorded_at,
        )


def _held(
    store: checkpoint.Store, names: Mapping[str, Digest], report: str, day: date
) -> tuple[Reason, ...] | None:
    """Return why the last decision, of whatever version, holds; None where none stands."""
    steps = {kind: f"{kind}:{report}" for kind in ("decide", "report")}
    found = {
        step: Published(digest=names[name], manifest=checkpoint.by_digest(store, names[name]))
        for step in steps.values()
        if (name := checkpoint.pointer(step, day)) in names
    }
    decided, made = found[steps["decide"]], found.get(steps["report"])
    if made is not None and made.manifest.inputs.get(steps["decide"]) != decided.digest:
        made = None  # it was made for an earlier decision
    decision = decision_of(decided.manifest, made)
    return reasons_of(decision) if decision.completeness is None else None


def _missing(
    store: checkpoint.Store,
    names: Mapping[str, Digest],
    report: str,
    day: date,
    known: Mapping[DeliveryId, State],
) -> dict[DeliveryId, dict[str, Published]]:
    """
    Return every version of a delivery, if the journal lacks one or has it as not yet sent.

    Raises:
        EvidenceError: V1001, V1002 a manifest is missing or altered.
    """
    first = DeliveryId(report=report, reference_date=day, version=1)
    if checkpoint.pointer(f"deliver:{report}", day) not in names:
        return {} if first in known else {first: _published(store, names, report, day)}
    if known.get(first) in SENT - {State.SUPERSEDED}:
        return {}
    sent = sent_versions(store, report, day)
    which = {replace(first, version=number): digest for number, digest in sorted(sent.items())}
    if all(known.get(one) in SENT for one in which):
        return {}
    return {one: _of_version(store, report, digest) for one, digest in which.items()}


def _of_version(store: checkpoint.Store, report: str, sent: Digest) -> dict[str, Published]:
    """Return the manifests that a version was decided, made and sent by."""
    steps = steps_of(store, report, sent)
    digests = {f"deliver:{report}": sent} | {
        step: steps[step] for step in (f"decide:{report}", f"report:{report}")
    }
    return {
        step: Published(digest=digest, manifest=checkpoint.by_digest(store, digest))
        for step, digest in digests.items()
    }


def partitions(store: checkpoint.Store, catalog: Catalog) -> Rebuilt:
    """
    Point the catalog at every published day of a dataset that it lacks or has of another version.

    Raises:
        PermanentError: T1001, T1002, T1003, T2004.
        TransientError: T2002.
    """
    known = catalog.published()
    found: list[Partition] = []
    faults: list[EvidenceError | ProjectError] = []
    for name, digest in store.pointers.read_prefix("").items():
        step, day = _parts(name)
        kind, _, dataset = step.partition(":")
        if kind not in {"curate", "build"} or known.get((dataset, day)) == digest:
            continue
        try:
            found.append(_partition(store, digest))
        except EvidenceError as exc:
            faults.append(exc)
    if found:
        catalog.publish_all(found)
    return Rebuilt(count=len(found), faults=tuple(faults))


def _parts(pointer: str) -> tuple[str, date]:
    """Return step and day of a pointer's name; a name without a day has the first of all."""
    step, _, day = pointer.rpartition("/")
    return (step, date.fromisoformat(day)) if step else (pointer, date.min)


def _published(
    store: checkpoint.Store, names: Mapping[str, Digest], report: str, day: date
) -> dict[str, Published]:
    """
    Return the published manifests of a delivery's own steps.

    A file that was made for an earlier decision is left out, unless it was sent.
    """
    steps = [f"{kind}:{report}" for kind in ("decide", "report", "deliver")]
    found = {}
    for step in steps:
        digest = names.get(checkpoint.pointer(step, day))
        if digest is not None:
            manifest = checkpoint.by_digest(store, digest)
            found[step] = Published(digest=digest, manifest=manifest)
    decide, made, sent = steps
    stands = made in found and found[made].manifest.inputs.get(decide) == found[decide].digest
    if sent not in found and not stands:
        found.pop(made, None)
    return found


def _due(project: Project, report: str, day: date, zone: Callable[[str], tzinfo]) -> datetime:
    if report not in project.reports:
        raise ProjectError(
            "C1003",
            f"{report} was delivered for {day.isoformat()} and is no report of this project",
            where="reports/",
            expected="the reports that were delivered from here",
            observed=", ".join(sorted(project.reports)),
            next_step="Nothing is lost: its manifests and its evidence are kept.",
        )
    return due_of(project, report, day, zone)


def _partition(store: checkpoint.Store, digest: Digest) -> Partition:
    made = checkpoint.by_digest(store, digest)
    return Partition(
        dataset=made.dataset,
        reference_date=made.reference_date,
        manifest=digest,
        files=tuple(store.objects.find(o) for o in made.of_role("data")),
        records=made.totals.records,
        columns=columns_of(made),
    )
