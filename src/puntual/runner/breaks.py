"""
The rows behind a break: what is stored at the two ends of a hop, compared row by row.

Raw against curated is raw parsed and judged anew against what curation stored; curated against a
model is by place; curated against the warehouse by the declared key. Nothing is stored.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from puntual.checks import parts
from puntual.checks.measures import quoted
from puntual.checks.reconcile import listed
from puntual.errors import PermanentError
from puntual.model.broken_row import BrokenRows
from puntual.model.control import Hop, Stage
from puntual.model.difference import Comparison
from puntual.model.manifest import ObjectRef
from puntual.ports.sides import Rows
from puntual.runner import load as loading
from puntual.runner.aside_rows import with_aside, with_checks, with_filtered
from puntual.runner.file_rows import behind_file
from puntual.runner.reconcile import filtered
from puntual.runner.row_names import PLACE, Drill, Known, compared, not_there, rows_of, shaped
from puntual.runner.shared import shared
from puntual.runner.sources import raw_day
from puntual.runner.work import scratch
from puntual.runner.world import DayRun

_GLYPH = {"broken": "✕", "not compared": "?", "agrees": "●"}
"""How a part stands, the worst first."""


def behind(drill: Drill, hop: Hop) -> BrokenRows:
    """
    Return the rows behind a hop.

    Raises:
        TransientError: The warehouse does not answer.
        PermanentError: What is stored cannot be read.
        EvidenceError: An object is missing or altered.
    """
    about = f"{hop.left} → {hop.right}"
    if hop.left == Stage.SOURCE:
        landed = tuple(_landed(drill, hop))
        return BrokenRows(dataset=hop.dataset, about=about, notes=landed, nameless=True)
    if hop.right == Stage.WAREHOUSE:
        return _of_load(drill, hop.dataset, about)
    if hop.right.startswith("file "):
        return behind_file(drill.run, hop, about, limit=drill.limit)
    if hop.left == Stage.RAW:
        return _of_curation(drill, hop.dataset, about)
    return _of_model(drill, hop, about)


def _landed(drill: Drill, hop: Hop) -> Iterator[str]:
    """Say what was landed, by part or by object: a source says totals, so no row can be named."""
    run = drill.run
    kept = run.manifest(f"land:{hop.dataset}").objects
    data = [o for o in kept if o.role == "data"]
    known = parts.called((p.name for p in hop.parts), map(_name, data))
    by_what = "file or shard" if hop.parts else "object"
    yield (
        "the source sent no control record: nothing says what should have come"
        if hop.before is None
        else f"the source gave totals, no rows: what is missing can only be named by its {by_what}"
    )
    if not data:
        yield "nothing was landed"
    if said := parts.contradiction(hop):
        yield said
    yield from _parts(hop, {known[n]: o for o in data if (n := _name(o)) in known}, drill.limit)
    others = [o for o in data if _name(o) not in known]
    held = _held(run, hop.dataset) if others else {}
    for item in others:
        yield f"landed  {_place(item)}  {held.get(item.short, f'{item.records:,} rows')}"
    for item in (o for o in kept if o.role == "refused"):
        yield f"refused  {_place(item)}  {item.detail.get('reason', '')}".rstrip()


def _parts(hop: Hop, objects: Mapping[str, ObjectRef], limit: int) -> Iterator[str]:
    """Say of each part what it lacks and where it lies; those that do not agree stand first."""
    ordered = sorted(hop.parts, key=lambda part: tuple(_GLYPH).index(parts.state(part)))
    for part in ordered[:limit]:
        item = objects.get(part.name)
        glyph = _GLYPH[parts.state(part)]
        if parts.state(part) == "agrees":
            yield f"{glyph} {parts.told(part, whole=True)}  {item.short if item else ''}".rstrip()
            continue
        yield f"{glyph} {parts.told(part)}"
        yield from (
            f"    {line}" for line in parts.sides(part, f"  {_place(item)}" if item else "")
        )
    rest = [parts.state(part) for part in ordered[limit:]]
    if rest:
        unknown = rest.count("not compared")
        also = f" and {unknown:,} are not compared" if unknown else ""
        yield (
            f"and {len(rest):,} more parts, {rest.count('broken'):,} of which differ{also}: "
            "--limit N names more"
        )


def _name(item: ObjectRef) -> str:
    """Return what a source calls its object; "" where it is a piece of a stream."""
    return item.detail.get("name", "")


def _place(item: ObjectRef) -> str:
    return f"{item.short}  {_name(item)}".rstrip()


def _held(run: DayRun, dataset: str) -> dict[str, str]:
    """Count and sum each raw object, parsed anew: which of them is short is for a person to say."""
    contract = run.project.contracts[dataset]
    measures = run.measures(dataset)
    sums = "".join(f", coalesce(sum({quoted(m)}), 0)" for m in measures)
    asked = f"SELECT _object, count(*){sums} FROM {quoted(dataset)} GROUP BY 1"
    with scratch(run, f"landed-{dataset}") as folder:
        (answer,) = run.world.engine.ask_raw(raw_day(run, contract), (asked,), {}, folder)
    return {
        str(held): f"{int(str(rows)):,} rows"
        + "".join(f"  {m} {a:,f}" for m, a in zip(measures, amounts, strict=True))
        for held, rows, *amounts in zip(*answer.columns, strict=True)
    }


def _of_curation(drill: Drill, dataset: str, about: str) -> BrokenRows:
    run = drill.run
    contract = run.project.contracts[dataset]
    made = run.manifest(f"curate:{dataset}")
    with scratch(run, f"rows-{dataset}") as folder:
        anew = run.world.engine.curate(raw_day(run, contract), folder)
        paths = tuple(f.path for f in anew.files)
        kinds = {c.name: c.type for c in contract.columns}
        found = compared(
            drill,
            drill.sides.files(paths, Rows(), name=f"raw {dataset}, parsed anew"),
            drill.sides.files(run.files(dataset), Rows(), name=f"curated {dataset}"),
            key=PLACE,
            columns=tuple(kinds),
        )
    known = Known(run=run, dataset=dataset, key=contract.key, measures=run.measures(dataset))
    rows = rows_of(drill, found, known, about)
    if made.inputs.get(contract.file) != contract.digest:
        note = f"{contract.file} was changed since the run: raw is read by the contract of today"
        rows = replace(rows, notes=(*rows.notes, note))
    return with_aside(drill, rows, dataset)


def _of_model(drill: Drill, hop: Hop, about: str) -> BrokenRows:
    run, dataset = drill.run, hop.dataset
    origin = run.origin(dataset) or dataset
    measures = tuple(sorted(hop.residual_sums))
    filters = run.project.models[dataset].filters
    with scratch(run, f"rows-{dataset}") as folder:
        gone = filtered(run, dataset, origin, folder) if filters else ()
        by = shared(run, dataset, origin, gone)
        before, after = Rows(numbers=by.before), Rows(numbers=by.after)
        found = compared(
            drill,
            drill.sides.files(run.files(origin), before, name=f"curated {origin}", without=gone),
            drill.sides.files(run.files(dataset), after, name=f"curated {dataset}"),
            key=PLACE,
            columns=tuple(dict.fromkeys((*by.columns, *measures))),
        )
        known = Known(run=run, dataset=origin, key=run.key(origin), measures=measures)
        rows = rows_of(drill, found, known, about)
        notes = [f"not compared: {listed(by.undigested)}"] if by.undigested else []
        left_out = sum(e.totals.records for e in hop.explained)
        notes += [f"{left_out:,} rows left by declared filters"] if left_out else []
        rows = replace(rows, dataset=origin, notes=(*rows.notes, *notes))
        return with_filtered(drill, rows, origin, gone, model=dataset)


def _of_load(drill: Drill, table: str, about: str) -> BrokenRows:
    run = drill.run
    known = Known(run=run, dataset=table, key=run.key(table), measures=run.measures(table))
    return with_checks(drill, rows_of(drill, _loaded(drill, table), known, about), table)


def _loaded(drill: Drill, table: str) -> Comparison | str:
    """Compare what was loaded with what the table holds; or return why that cannot be done."""
    run = drill.run
    left = drill.sides.files(
        run.files(table), Rows(), name=f"curated {table}", without=loading.without(run, table)
    )
    right = drill.sides.table(table, run.date, Rows(), name=f"warehouse {table}")
    try:
        with left as one, right as two:
            names = tuple(one.types())
            key = run.key(table) or (PLACE if set(PLACE) <= set(names) else names)
            return shaped(drill, one, two, key=key, columns=names)
    except PermanentError as exc:
        return not_there(exc)
