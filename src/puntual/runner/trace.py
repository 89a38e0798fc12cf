"""One row on its way: raw bytes, parsed, curated, warehouse, report line."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from puntual.checks.measures import quoted
from puntual.errors import PermanentError, ProjectError
from puntual.model.broken_row import Cells, RawRecord, StagedRow, TracedRow
from puntual.model.finding import Place
from puntual.model.manifest import ObjectRef
from puntual.model.report import Report
from puntual.ports.engine import Answer, Day, RawDay
from puntual.runner import load as loading
from puntual.runner.file_rows import FileLine, FileRows, file_rows
from puntual.runner.sources import raw_day
from puntual.runner.work import scratch
from puntual.runner.world import DayRun

Reader = Callable[[RawDay, int, str], RawRecord | None]
"""Cuts one record out of a raw day's only part; see `DuckDBEngine.record`."""

MOST_LINES = 5
_PLACED = re.compile(r"([0-9a-f]{6,64}):([1-9][0-9]{0,17})")


def find(run: DayRun, what: str, dataset: str | None) -> tuple[tuple[str, Place], ...]:
    """
    Return the places that a person means, each with its source's dataset.

    Args:
        run: The day.
        what: `OBJECT:POSITION`, or a key: `VALUE`, `COLUMN=VALUE`, with commas for several.
        dataset: The dataset whose key it is; None: of any.

    Raises:
        ProjectError: R5003 there is no such row.
        PermanentError: What is stored cannot be read.
    """
    placed = _PLACED.fullmatch(what)
    if placed:
        return ((_object(run, placed[1]), Place(object=placed[1][:12], position=int(placed[2]))),)
    named = [dataset] if dataset else [*run.project.contracts, *run.project.models]
    keyed = [d for d in named if run.origin(d) is not None and _wanted(run.key(d), what)]
    found = dict.fromkeys(at for d in keyed for at in _curated(run, d, what))
    if not found:
        found = dict.fromkeys(
            at for d in keyed if d in run.project.contracts for at in _in_raw(run, d, what)
        )
    if not found:
        raise ProjectError(
            "R5003",
            f"no row of {run.date} has the key {what!r}",
            expected="KEY, COLUMN=VALUE or OBJECT:POSITION of a row that was landed",
            observed=f"looked in {', '.join(keyed) or 'no dataset, none has such a key'}",
            next_step="puntual reconcile --rows lists rows with their places; --dataset names one",
        )
    return tuple(found)


def _object(run: DayRun, text: str) -> str:
    """Return the dataset of a raw object that is named by the first digits of its digest."""
    found = [
        name
        for name in run.project.contracts
        for o in run.manifest(f"land:{name}").of_role("data")
        if o.sha256.startswith(text) or text.startswith(o.sha256)
    ]
    if len(found) == 1:
        return found[0]
    raise ProjectError(
        "R5003",
        f"{'several objects begin' if found else 'no raw object begins'} with {text!r}",
        expected="the digest of one raw object of the day, at least 6 digits of it",
        observed=f"{len(found)} objects of {run.date}",
        next_step="puntual reconcile --rows names objects by 12 digits",
    )


def _wanted(key: Sequence[str], what: str) -> dict[str, str]:
    """Return column → text of a key; empty where the key has other columns."""
    parts = what.split(",") if len(key) > 1 else [what]
    named = dict(p.split("=", 1) for p in parts if "=" in p and p.split("=", 1)[0] in key)
    if len(named) == len(parts) and set(named) == set(key):
        return named
    return dict(zip(key, parts, strict=True)) if key and len(parts) == len(key) else {}


def _condition(wanted: Mapping[str, str]) -> str:
    return " AND ".join(f"CAST({quoted(c)} AS VARCHAR) = {_text(t)}" for c, t in wanted.items())


def _text(text: str) -> str:
    return "'" + text.replace("\0", "").replace("'", "''") + "'"


def _curated(run: DayRun, dataset: str, what: str) -> Iterator[tuple[str, Place]]:
    where = _condition(_wanted(run.key(dataset), what))
    answer = _ask(run, run.files(dataset), f"SELECT _object, _position FROM rows WHERE {where}")
    yield from _places(run, dataset, answer)


def _in_raw(run: DayRun, dataset: str, what: str) -> Iterator[tuple[str, Place]]:
    """Look a key up among all that was landed: what was set aside keeps no key of its own."""
    where = _condition(_wanted(run.key(dataset), what))
    asked = f"SELECT _object, _position FROM {quoted(dataset)} WHERE {where}"
    raw = raw_day(run, run.project.contracts[dataset])
    with scratch(run, f"trace-{dataset}") as folder:
        (answer,) = run.world.engine.ask_raw(raw, (asked,), {}, folder)
    yield from _places(run, dataset, answer)


def _places(run: DayRun, dataset: str, answer: Answer) -> Iterator[tuple[str, Place]]:
    for held, position in sorted(zip(*answer.columns, strict=True), key=repr):
        place = Place(object=str(held), position=int(str(position)))
        yield run.origin(dataset) or dataset, place


def trace(run: DayRun, dataset: str, place: Place, reader: Reader) -> TracedRow:
    """
    Return one row at its four stages.

    Raises:
        ProjectError: R5003 there is no record at that place.
        PermanentError: What is stored cannot be read.
        TransientError: The warehouse does not answer.
    """
    contract = run.project.contracts[dataset]
    landed = _landed(run, dataset, place)
    day = raw_day(run, contract)
    parts = tuple(p for p in day.parts if p.short == landed.short)
    with scratch(run, f"trace-{dataset}") as folder:
        found = reader(replace(day, parts=parts[:1]), place.position, folder)
    if found is None:
        raise ProjectError(
            "R5003",
            f"{landed.short} has no record at position {place.position}",
            where=landed.detail.get("name", landed.name),
            expected=f"a position of its {landed.records:,} records; a text's is its line",
            observed=str(place.position),
            next_step="puntual reconcile --rows lists rows with their places",
        )
    return TracedRow(
        dataset=dataset,
        object=landed.sha256,
        name=landed.detail.get("name", ""),
        position=place.position,
        raw=found,
        verdict=_verdict(run, dataset, place),
        stages=tuple(_stages(run, dataset, place)),
    )


def _landed(run: DayRun, dataset: str, place: Place) -> ObjectRef:
    objects = run.manifest(f"land:{dataset}").of_role("data")
    return next(o for o in objects if o.sha256.startswith(place.object))


def _verdict(run: DayRun, dataset: str, place: Place) -> str:
    aside = run.manifest(f"curate:{dataset}").of_role("set_aside")
    if not any(o.records for o in aside):
        return ""
    files = tuple(run.world.objects.locate(o) for o in aside)
    sql = f"SELECT class, reason, column_name FROM rows WHERE {_at(place)}"
    answer = _ask(run, files, sql)
    said = [f"{c}: {r} {n or ''}".strip() for c, r, n in zip(*answer.columns, strict=True)]
    return "; ".join(said)


def _at(place: Place) -> str:
    return f"_object = {_text(place.object)} AND _position = {place.position}"


def _ask(run: DayRun, files: tuple[str, ...], sql: str) -> Answer:
    day = Day(reference_date=run.date, zone=run.project.time_zone, tables={"rows": files})
    return run.world.engine.query(sql, day, limit=None)


def _stages(run: DayRun, dataset: str, place: Place) -> Iterator[StagedRow]:
    carried = [n for n in run.project.models if run.project.models[n].carries == dataset]
    for name in (dataset, *carried):
        answer = _ask(run, run.files(name), f"SELECT * FROM rows WHERE {_at(place)}")
        yield from _rows(f"curated {name}", name, answer, "it is not there")
    tables = [t for t in run.project.warehouse.tables if run.origin(t) == dataset]
    held: list[StagedRow] = []
    for table in tables:
        held += _in_table(run, table, place)
    yield from held
    for report in run.project.reports.values():
        yield from _in_report(run, report, held)


def _in_table(run: DayRun, table: str, place: Place) -> Iterator[StagedRow]:
    sql = f"SELECT * FROM {quoted(table)} WHERE reference_date = :reference_date AND {_at(place)}"
    try:
        answer = run.world.warehouse.query(sql, {"reference_date": run.date}, limit=MOST_LINES)
    except PermanentError as exc:
        if exc.code != "Q1001":
            raise
        yield StagedRow(stage=f"warehouse {table}", dataset=table, note=exc.observed or "unread")
        return
    checks = _checks(run, table, place)
    why = f"set aside by the check {', '.join(checks)}" if checks else "it is not there"
    yield from _rows(f"warehouse {table}", table, answer, why)


def _checks(run: DayRun, table: str, place: Place) -> list[str]:
    """Return the checks that set a row aside before the load."""
    without = set(loading.without(run, table))
    found = []
    for item in run.manifest("validate").of_role("offending"):
        path = run.world.objects.locate(item)
        if path in without:
            answer = _ask(run, (path,), f"SELECT count(*) FROM rows WHERE {_at(place)}")
            found += [item.detail["check"]] if answer.columns[0][0] else []
    return found


def _rows(stage: str, dataset: str, answer: Answer, otherwise: str) -> Iterator[StagedRow]:
    rows = list(zip(*answer.columns, strict=True))
    if not rows:
        yield StagedRow(stage=stage, dataset=dataset, note=otherwise)
    for number, values in enumerate(rows, 1):
        yield StagedRow(
            stage=stage,
            dataset=dataset,
            cells=tuple(zip(answer.names, values, strict=True)),
            note=f"{number} of {len(rows)} rows at this place" if len(rows) > 1 else "",
        )


def _in_report(run: DayRun, report: Report, held: Sequence[StagedRow]) -> Iterator[StagedRow]:
    """Yield the lines of a report that a row of the warehouse stands in, or is a part of."""
    read = [r for r in held if r.cells and re.search(rf"\b{r.dataset}\b", report.sql)]
    if not read:
        return
    dataset = f"report:{report.name}"
    found = file_rows(run, report)
    if found is None:
        yield StagedRow(stage=f"report {report.name}", dataset=dataset, note="no file was made")
        return
    for row in read:
        yield from _lines(run, report.name, found, row)


def _lines(run: DayRun, name: str, found: FileRows, row: StagedRow) -> Iterator[StagedRow]:
    cells = dict(row.cells)
    key = run.key(row.dataset)
    whole = bool(key) and set(key) <= set(found.names)
    shared = key if whole else _groups(found, cells)
    lines = [line for line in found.lines if _agrees(found, line, cells, shared)] if shared else []
    stage, dataset = f"report {name}", f"report:{name}"
    if not lines:
        why = f"no line has its {', '.join(shared)}" if shared else "an aggregate of all rows"
        yield StagedRow(stage=stage, dataset=dataset, note=why)
    for line in lines[:MOST_LINES]:
        part = "" if whole else f": rows of its {', '.join(shared)} are added up in it"
        named: Cells = tuple(zip(found.names, line.cells, strict=True))
        yield StagedRow(stage=stage, dataset=dataset, cells=named, note=f"line {line.number}{part}")


def _groups(found: FileRows, cells: Mapping[str, object]) -> tuple[str, ...]:
    """Return the columns by which a report groups, as far as its names tell: shared texts."""
    return tuple(n for n in found.names if isinstance(cells.get(n), str))


def _agrees(
    found: FileRows, line: FileLine, cells: Mapping[str, object], shared: Sequence[str]
) -> bool:
    return all(line.cells[found.names.index(n)] == (cells[n] or None) for n in shared)
