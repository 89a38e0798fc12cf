"""What the steps that make data share: keys, scratch folders, prefixes, manifests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from puntual.evidence.canonical import encode
from puntual.evidence.digest import sha256
from puntual.evidence.facts import to_json
from puntual.model.manifest import Digest, Manifest, ObjectRef, Totals
from puntual.planner.keys import step_key
from puntual.runner.world import DayRun


@contextmanager
def scratch(run: DayRun, step: str) -> Iterator[str]:
    """Lend an empty folder for one attempt of a step, and remove it afterwards."""
    objects = run.world.objects
    name = f"{step}-{run.date.isoformat()}".replace(":", "-")
    folder = objects.scratch(name)
    try:
        yield folder
    finally:
        objects.discard(folder)


def inputs_of(run: DayRun, step: str, own: Mapping[str, Digest]) -> dict[str, Digest]:
    """Return digests of everything a step reads: manifests it needs, and its own files."""
    needed = {name: run.published[name].digest for name in run.plan.needs.get(step, ())}
    return dict(sorted((needed | dict(own)).items()))


def key_of(run: DayRun, step: str, inputs: Mapping[str, Digest]) -> Digest:
    """Return the key under which this step, with these inputs and this code, runs once."""
    return step_key(step, run.date, inputs, run.world.code)


def declared(found: Mapping[str, object]) -> Digest:
    """Return the digest of what a project declares, as it was read."""
    return sha256(encode(to_json(found)))


def prefix(run: DayRun, area: str, dataset: str, key: Digest) -> str:
    """Return where a step's objects lie; no other build writes there (`failures.md` 2, 4)."""
    return f"{area}/{dataset}/reference_date={run.date.isoformat()}/build={key[:12]}"


def manifest(
    run: DayRun,
    step: str,
    *,
    dataset: str,
    inputs: Mapping[str, Digest],
    objects: tuple[ObjectRef, ...] = (),
    totals: Totals | None = None,
    facts: Mapping[str, object] | None = None,
) -> Manifest:
    """Return the manifest of a step that has just been carried out."""
    return Manifest(
        step=step,
        dataset=dataset,
        reference_date=run.date,
        key=key_of(run, step, inputs),
        inputs=inputs,
        code=run.world.code,
        objects=objects,
        totals=totals or Totals(records=0),
        facts=facts or {},
    )
