"""The steps that make curated data: land, curate, build."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC
from typing import NoReturn

from puntual.errors import PermanentError, TransientError
from puntual.evidence import declared
from puntual.evidence.facts import from_json, list_from_json, to_json
from puntual.evidence.records import RECORD_ROOT
from puntual.failpoints import failpoint
from puntual.model.check import OnFail
from puntual.model.contract import Column, Contract, Kind
from puntual.model.finding import Finding
from puntual.model.manifest import Digest, Manifest, ObjectRef, Totals
from puntual.model.plan import Build, Curate, Land
from puntual.model.seal import Seal, SealStatus
from puntual.model.source import StreamSource
from puntual.ports.engine import Curated, DataFile, RawDay, RawPart
from puntual.ports.landing import PARTS, TIMED_OUT, LandedDay
from puntual.runner import checkpoint, unanswered
from puntual.runner.checkpoint import Published
from puntual.runner.work import key_of, manifest, prefix, scratch
from puntual.runner.world import DayRun

_WORDS = {
    Kind.TEXT: "VARCHAR",
    Kind.INTEGER: "BIGINT",
    Kind.DATE: "DATE",
    Kind.TIMESTAMP: "TIMESTAMP WITH TIME ZONE",
    Kind.BOOLEAN: "BOOLEAN",
}
_AT_ONCE = 4
"""Files that are hashed and made durable at the same time."""

_ORIGIN = (("_object", "VARCHAR"), ("_position", "BIGINT"))


SEEN = "first_seen"
"""In a land manifest of a day that is not matched: when that was first noticed, UTC."""


def seal_of(published: Manifest) -> Seal:
    """Return the seal that a land manifest carries."""
    return from_json(Seal, published.facts["seal"])


def findings_of(published: Manifest) -> tuple[Finding, ...]:
    """Return the findings that a manifest carries, in the order in which they were made."""
    return list_from_json(Finding, published.facts["findings"])


def holding(published: Manifest) -> tuple[Finding, ...]:
    """Return the findings of a step for which what it made is held."""
    return tuple(
        f for f in findings_of(published) if f.verdict.is_open and f.on_fail is OnFail.HOLD
    )


def land(run: DayRun, step: Land) -> Manifest:
    """
    Land a source's day; see `Lander.land`.

    Raises:
        TransientError: The source does not answer.
        PermanentError: It never will, or the store cannot be written.
    """
    return landed(run, step, run.world.lander.land(step.source, run.date, epoch=run.epoch))


RESTATES = "restates"
"""An input of a land manifest: the sealed day that it adds late data to."""


def landed(run: DayRun, step: Land, day: LandedDay, restates: Published | None = None) -> Manifest:
    """Return the manifest of a day as it was landed, or restated."""
    contract = run.project.contracts[step.source]
    inputs = declared.inputs(run.project.sources[step.source], contract) | {
        f"{o.role}:{o.detail.get('name', o.name)}": o.sha256 for o in day.objects
    }
    if restates is not None:
        inputs[RESTATES] = restates.digest
    return manifest(
        run,
        step.id,
        dataset=step.source,
        inputs=dict(sorted(inputs.items())),
        objects=day.objects,
        totals=_landed_totals(day),
        facts={
            "seal": to_json(day.seal),
            "findings": to_json(day.findings),
            **({RECORD_ROOT: day.record_root} if day.record_root else {}),
            **({PARTS: day.parts} if day.parts else {}),
            **_first_seen(run, step, day.seal),
        },
    )


def _first_seen(run: DayRun, step: Land, seal: Seal) -> dict[str, object]:
    """Return since when a day has not been matched; an earlier run's answer stays."""
    if seal.status is SealStatus.MATCHED:
        return {}
    before = checkpoint.read(run.world, step.id, run.date)
    if before is not None and SEEN in before.manifest.facts:
        return {SEEN: before.manifest.facts[SEEN]}
    return {SEEN: run.world.clock.now().astimezone(UTC).isoformat(timespec="seconds")}


def _landed_totals(landed: LandedDay) -> Totals:
    return Totals(records=landed.seal.landed.records, sums=landed.seal.landed.sums)


def is_sealed(published: Published | None) -> bool:
    """Say whether a source's day has been matched: nothing enters it any more (design 4.12)."""
    return published is not None and seal_of(published.manifest).status is SealStatus.MATCHED


def curate(run: DayRun, step: Curate, inputs: Mapping[str, Digest]) -> Manifest:
    """
    Parse a raw day by its contract and store what stays and what was set aside.

    Raises:
        PermanentError: The engine or the store cannot.
        EvidenceError: A raw object is not what was landed.
    """
    contract = run.project.contracts[step.dataset]
    with scratch(run, step.id) as folder:
        curated = run.world.engine.curate(raw_day(run, contract), folder)
        failpoint("curate.written")
        where = prefix(run, "curated", step.dataset, key_of(run, step.id, inputs))
        data = _stored(run, where, curated.files)
        aside = run.world.objects.put_file(
            where,
            curated.set_aside_path,
            suffix=".parquet",
            records=sum(t.records for t in curated.set_aside.values()),
            role="set_aside",
        )
    return manifest(
        run,
        step.id,
        dataset=step.dataset,
        inputs=inputs,
        objects=(*data, aside),
        totals=curated.totals,
        facts=_curated_facts(curated, contract),
    )


def _stored(run: DayRun, where: str, files: Sequence[DataFile]) -> tuple[ObjectRef, ...]:
    """Store the files of a dataset, in their order; several at once wait for the disk together."""

    def put(file: DataFile) -> ObjectRef:
        return run.world.objects.put_file(where, file.path, suffix=".parquet", records=file.records)

    if len(files) == 1:
        return (put(files[0]),)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return tuple(pool.map(put, files))


def raw_day(run: DayRun, contract: Contract) -> RawDay:
    """Return a landed day as the engine reads it; each object's size has been checked."""
    landed = run.manifest(f"land:{contract.dataset}")
    objects = landed.of_role("data")
    return RawDay(
        contract=contract,
        reference_date=run.date,
        parts=tuple(RawPart(uri=run.world.objects.locate(o), short=o.short) for o in objects),
        stream=isinstance(run.project.sources[contract.dataset], StreamSource),
    )


def _curated_facts(curated: Curated, contract: Contract) -> dict[str, object]:
    return {
        "set_aside": [
            {"class": kind, "reason": reason, "totals": to_json(totals)}
            for (kind, reason), totals in sorted(curated.set_aside.items())
        ],
        "conflicts": str(curated.conflicts),
        "columns": to_json(tuple((c.name, words(c)) for c in contract.columns) + _ORIGIN),
    }


def words(column: Column) -> str:
    """Return a column's type as DuckDB says it."""
    if column.type.kind is Kind.DECIMAL:
        return f"DECIMAL({column.type.precision},{column.type.scale})"
    return _WORDS[column.type.kind]


def set_aside_of(published: Manifest) -> dict[tuple[str, str], Totals]:
    """Return what a curate manifest set aside, by (class, reason)."""
    entries = published.facts["set_aside"]
    assert isinstance(entries, list)  # noqa: S101 - written by `_curated_facts`
    return {(e["class"], e["reason"]): from_json(Totals, e["totals"]) for e in entries}


def build(run: DayRun, step: Build, inputs: Mapping[str, Digest]) -> Manifest:
    """
    Run a model's SELECT over the curated day and store its rows.

    Raises:
        PermanentError: Q1001 the SQL failed; the engine or the store cannot.
    """
    model = run.project.models[step.model]
    with scratch(run, step.id) as folder:
        built = run.world.engine.build(model, run.day(model.inputs), folder)
        failpoint("build.written")
        where = prefix(run, "curated", step.model, key_of(run, step.id, inputs))
        data = _stored(run, where, built.files)
    return manifest(
        run,
        step.id,
        dataset=step.model,
        inputs=inputs,
        objects=data,
        totals=built.totals,
        facts={"columns": to_json(built.columns)},
    )


def columns_of(published: Manifest) -> tuple[tuple[str, str], ...]:
    """Return a curated dataset's columns and their types in DuckDB's words."""
    columns = published.facts["columns"]
    assert isinstance(columns, list)  # noqa: S101 - written by `curate` or `build`
    return tuple((name, kind) for name, kind in columns)


def catalogue(run: DayRun, published: Published) -> None:
    """Point the catalog at a dataset's day; repeatable, after the commit."""
    made = published.manifest
    run.world.catalog.publish(
        made.dataset,
        made.reference_date,
        manifest=published.digest,
        files=tuple(run.world.objects.find(o) for o in made.of_role("data")),
        records=made.totals.records,
        columns=columns_of(made),
    )


def sealed_or_landed(run: DayRun, step: Land, begun: Callable[[], None]) -> tuple[Published, bool]:
    """
    Land a source's day unless it is sealed or delivered; then keep what came late apart.

    A day that is sealed by another contract, or from another definition of its source, than the
    project's is sealed again until it is delivered: else what leaves would be made of other
    words than its statement names. A delivered one stays; its next version is `puntual amend`.

    Args:
        run: The day.
        step: Which source.
        begun: Called before anything is done.

    Returns:
        What is published, and whether anything was done.
    """
    before = checkpoint.read(run.world, step.id, run.date)
    other = _declared_otherwise(run, step, before)
    stays = _delivered(run) and not run.restatements
    # What a source declared otherwise gives now is the day's, until it is delivered: not late.
    looks = stays or not other or (other == {declared.CONTRACT} and _asked(run))
    if before is not None and looks and (stays or is_sealed(before)):
        if not run.silent:
            run.world.lander.land_late(step.source, run.date, epoch=run.epoch)
        found, done = _with_late(run, step, before, begun)
        if stays or done or not other:
            return found, done
    begun()
    try:
        made = land(run, step) if not run.silent else _not_asked(run, step)
    except (TransientError, PermanentError) as fault:
        if not unanswered.is_over(run, fault):
            raise
        if before is not None and not other and unanswered.stands(run, step.source, before):
            return before, False
        made = landed(run, step, run.world.lander.unanswered(step.source, run.date, fault))
    if before is not None and before.manifest == made:
        return before, False
    return checkpoint.commit(run.world, made, epoch=run.epoch), True


def _not_asked(run: DayRun, step: Land) -> NoReturn:
    """
    Say that a source gave no answer in the time that its landing has.

    Raises:
        TransientError: S1501, always.
    """
    raise TransientError(
        TIMED_OUT,
        f"{step.source} gave no answer within the time that its landing has",
        where=step.id,
        expected=f"an answer within {run.silent}",
        observed="none: its landing was stopped",
        next_step=f"look at the source; give it more time with run.steps.{step.id}.timeout",
    )


def _declared_otherwise(run: DayRun, step: Land, before: Published | None) -> frozenset[str]:
    """Return what is declared otherwise than when the day was landed; see `declared.changed`."""
    if before is None:
        return frozenset()
    source, contract = run.project.sources[step.source], run.project.contracts[step.source]
    return declared.changed(before.manifest, source, contract)


def _asked(run: DayRun) -> bool:
    """Say whether a person has asked for the next version of a delivery."""
    return any(r.person for r in run.restatements.values())


def _with_late(
    run: DayRun, step: Land, before: Published, begun: Callable[[], None]
) -> tuple[Published, bool]:
    """
    Return a sealed day as it is, unless a person asked for the next version of a delivery.

    Then it is the sealed day and what came late for it, under a manifest of its own.
    """
    day = run.world.lander.restate(step.source, run.date) if _asked(run) else None
    if day is None:
        return before, False
    begun()
    made = landed(run, step, day, before)
    return checkpoint.commit(run.world, made, epoch=run.epoch), True


def _delivered(run: DayRun) -> bool:
    """Say whether every report of the plan is delivered: what it was made from stays as it is."""
    names = (checkpoint.pointer(f"deliver:{report}", run.date) for report in run.plan.reports)
    return all(run.world.pointers.read(name) for name in names)
