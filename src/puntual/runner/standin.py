"""
The last day of a source that stands in where it is absent and a policy says so (design 4.13).

It is chosen when the source's empty day is curated, so that models, warehouse and report see one
and the same day; whether a delivery with it may leave is decided later, like any other.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from puntual.model.manifest import Digest, Manifest
from puntual.model.policy import Gap, Substitute
from puntual.model.seal import SealStatus
from puntual.runner import checkpoint
from puntual.runner.checkpoint import Published
from puntual.runner.governing import governing
from puntual.runner.sources import seal_of
from puntual.runner.work import prefix
from puntual.runner.world import DayRun

STANDS_IN = "stands_in"
"""An input and a fact of a curate manifest: the day whose rows stand in, and its manifest."""


def inputs(run: DayRun, source: str) -> dict[str, Digest]:
    """
    Return the curate manifest of the day that stands in for a source; nothing where none may.

    Raises:
        EvidenceError: V1001, V1002 a manifest is missing or altered; P3045 an approval is.
        ProjectError: P1001 a calendar does not cover the day.
    """
    if not run.project.policies:
        return {}
    if seal_of(run.manifest(f"land:{source}")).status is not SealStatus.ABSENT:
        return {}
    before = run.recorded.get(f"curate:{source}")
    if before is not None:
        return {k: d for k, d in before.inputs.items() if k == STANDS_IN}
    longest = _allowed(run, source)
    found = last_known(run, source) if longest is not None else None
    if found is None or longest is None or _age(run, found.manifest) > longest:
        return {}
    return {STANDS_IN: found.digest}


def last_known(run: DayRun, source: str) -> Published | None:
    """Return the newest earlier day of a source that was sealed as matched and curated."""
    step = f"curate:{source}"
    names = run.world.pointers.read_prefix(f"{step}/")
    for name in sorted(names, reverse=True):
        day = date.fromisoformat(name.removeprefix(f"{step}/"))
        landed = checkpoint.read(run.world, f"land:{source}", day) if day < run.date else None
        if landed is not None and seal_of(landed.manifest).status is SealStatus.MATCHED:
            digest = names[name]
            return Published(digest=digest, manifest=checkpoint.by_digest(run.world, digest))
    return None


def in_place(run: DayRun, made: Manifest) -> Manifest:
    """
    Return a curate manifest with the rows of the day that stands in, if one does.

    The objects are kept under this day as well, byte for byte: a catalog reads a day in one
    folder.

    Raises:
        EvidenceError: V1001, V1002 that day's manifest or an object of it is missing or altered.
        PermanentError: T1001-T1003 the store cannot be written.
    """
    digest = made.inputs.get(STANDS_IN)
    if digest is None:
        return made
    earlier = checkpoint.by_digest(run.world, digest)
    day = earlier.reference_date.isoformat()
    objects, where = run.world.objects, prefix(run, "curated", made.dataset, made.key)
    kept = (
        objects.put_bytes(where, objects.read(o), suffix=".parquet", records=o.records)
        for o in earlier.of_role("data")
    )
    return replace(
        made,
        objects=(*kept, *(o for o in made.objects if o.role != "data")),
        totals=earlier.totals,
        facts={**made.facts, STANDS_IN: {"day": day, "manifest": digest}},
    )


def day_of(made: Manifest) -> date | None:
    """Return the day that stands in, by a curate manifest; None if it is the day's own."""
    fact = made.facts.get(STANDS_IN)
    return date.fromisoformat(str(fact["day"])) if isinstance(fact, dict) else None


def _allowed(run: DayRun, source: str) -> int | None:
    """Return how old in days a day may be that stands in, by an approved policy; None: no day."""
    ages = []
    for report in run.plan.reports:
        governed = governing(run, report)
        policy = governed.policy if governed else None
        for clause in policy.clauses if policy else ():
            last = clause.substitute is Substitute.LAST_KNOWN
            if clause.source == source and Gap.ABSENT in clause.gaps and last:
                ages.append(clause.limits.age)
    return max((age for age in ages if age is not None), default=None)


def _age(run: DayRun, earlier: Manifest) -> int:
    return (run.date - earlier.reference_date).days
