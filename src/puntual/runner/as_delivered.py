"""
What a delivery was made from: its manifests by digest, and a report's rows traced through them.

Nothing is read from where a pointer points now but the delivery itself; every other manifest is
found by the digest that the one after it recorded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Protocol

from puntual.errors import ProjectError
from puntual.model.check import OnFail
from puntual.model.manifest import Digest, Manifest, ObjectRef
from puntual.model.project import Project
from puntual.ports.engine import Engine
from puntual.ports.objects import Objects
from puntual.ports.pointers import Pointers
from puntual.project.qualified import PLACE, Tables
from puntual.runner import checkpoint
from puntual.runner.checkpoint import Published
from puntual.runner.sources import columns_of
from puntual.runner.versions import sent_versions

_STEPS = frozenset(
    {"land", "curate", "build", "validate", "load", "reconcile", "decide", "report", "attest"}
)


class Archived(Protocol):
    """The store and the pointers of a project."""

    @property
    def objects(self) -> Objects:
        """The object store."""

    @property
    def pointers(self) -> Pointers:
        """The published names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AsDelivered:
    """
    One delivery and all that it was made from.

    Attributes:
        project: As it is on disk, found to be what the delivery was made by.
        store: Where objects lie.
        engine: What answers.
        report: Its name.
        day: The reference date.
        steps: Step → manifest, each found by its digest.
        sent: It was delivered; else only made.
        located: Digest → where an object lies, its bytes having been checked.
    """

    project: Project
    store: Archived
    engine: Engine
    report: str
    day: date
    steps: Mapping[str, Published]
    sent: bool
    located: dict[Digest, str] = field(default_factory=dict)

    @property
    def made(self) -> Published:
        """The report's manifest."""
        return self.steps[f"report:{self.report}"]

    def locate(self, ref: ObjectRef) -> str:
        """
        Return where an object lies, its bytes having been checked once.

        Raises:
            EvidenceError: V1001, V1002 it is missing or altered.
        """
        if ref.sha256 not in self.located:
            self.located[ref.sha256] = self.store.objects.locate(ref)
        return self.located[ref.sha256]

    def curated(self, dataset: str) -> Published:
        """Return the manifest of a curated dataset."""
        step = "curate" if dataset in self.project.contracts else "build"
        return self.steps[f"{step}:{dataset}"]

    def columns(self) -> Tables:
        """Return the columns of every curated dataset as its manifest has them."""
        known = (*self.project.contracts, *self.project.models)
        there = [d for d in known if self._step(d) in self.steps]
        return {d: tuple(n.lower() for n, _ in columns_of(self.curated(d).manifest)) for d in there}

    def _step(self, dataset: str) -> str:
        return f"{'curate' if dataset in self.project.contracts else 'build'}:{dataset}"

    def origin(self, dataset: str) -> str | None:
        """Return the source whose rows a dataset carries one for one."""
        if dataset in self.project.contracts:
            return dataset
        return self.project.models[dataset].carries

    def aside(self, dataset: str) -> tuple[ObjectRef, ...]:
        """Return the objects with the places that checks set aside of a dataset before the load."""
        origin = self.origin(dataset)
        validated = self.steps.get("validate")
        if origin is None or validated is None:
            return ()
        return tuple(
            o
            for o in validated.manifest.of_role("offending")
            if o.detail["on_fail"] == OnFail.QUARANTINE.value
            and self.origin(o.detail["dataset"]) == origin
        )

    def has_places(self, dataset: str) -> bool:
        """Say whether the rows of a dataset say which raw record they came from."""
        return set(PLACE) <= set(self.columns().get(dataset, ()))


def as_delivered(
    project: Project,
    store: Archived,
    engine: Engine,
    report: str,
    day: date,
    *,
    version: int | None = None,
) -> AsDelivered:
    """
    Find a delivery, or where none was sent the report that was made.

    Args:
        project: As it is on disk.
        store: Where it was published.
        engine: What will answer.
        report: Its name.
        day: The reference date.
        version: Which of those that were sent, also one that was superseded; None: the last.

    Raises:
        ProjectError: V7004 nothing was made; V7005 the project is another than it was made by.
        EvidenceError: V1001, V1002 a manifest is missing or altered.
    """
    sent = store.pointers.read(checkpoint.pointer(f"deliver:{report}", day))
    if version is not None:
        sent = _of_version(sent_versions(store, report, day), report, day, version)
    begin = sent or store.pointers.read(checkpoint.pointer(f"report:{report}", day))
    if begin is None:
        raise ProjectError(
            "V7004",
            f"{report} was not made for {day.isoformat()}",
            expected="a delivery, or at least a report that was made",
            observed="no committed step",
            next_step=f"puntual run -d {day.isoformat()}",
        )
    steps: dict[str, Published] = {}
    _gather(store, begin, steps)
    found = AsDelivered(
        project=project,
        store=store,
        engine=engine,
        report=report,
        day=day,
        steps=steps,
        sent=sent is not None,
    )
    _same_project(found)
    return found


def _of_version(known: Mapping[int, Digest], report: str, day: date, version: int) -> Digest:
    if version in known:
        return known[version]
    raise ProjectError(
        "V7004",
        f"version {version} of {report} was not sent for {day.isoformat()}",
        expected=", ".join(f"v{n}" for n in sorted(known)) or "a delivery",
        observed=f"v{version}",
        next_step=f"puntual diff {report} -d {day.isoformat()} shows the versions",
    )


def _gather(store: Archived, digest: Digest, steps: dict[str, Published]) -> None:
    manifest = checkpoint.by_digest(store, digest)
    steps[manifest.step] = Published(digest=digest, manifest=manifest)
    for name, inner in manifest.inputs.items():
        if name.partition(":")[0] in _STEPS and name not in steps:
            _gather(store, inner, steps)


def _same_project(found: AsDelivered) -> None:
    """Refuse a project whose contracts, models or report are not those of the delivery."""
    project = found.project
    declared = {c.file: c.digest for c in project.contracts.values()}
    declared |= {m.file: m.digest for m in project.models.values()}
    declared[project.reports[found.report].file] = project.reports[found.report].digest
    wrong = sorted(
        {
            name
            for published in found.steps.values()
            for name, digest in published.manifest.inputs.items()
            if _is_ours(name, published.manifest) and declared.get(name) != digest
        }
    )
    if wrong:
        raise ProjectError(
            "V7005",
            "the project is not the one that this delivery was made by",
            where=", ".join(wrong),
            expected="the files whose digests the delivery's manifests record",
            observed="files that were changed since",
            next_step="check the project out as it was on that day, and ask again there",
        )


def _is_ours(name: str, manifest: Manifest) -> bool:
    kind = manifest.step.partition(":")[0]
    is_file = ":" not in name and name.endswith((".yaml", ".sql"))
    return is_file and kind in ("land", "curate", "build", "report")
