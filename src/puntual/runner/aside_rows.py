"""
The rows that left with a reason: set aside by the contract or a check, duplicates, late, filtered.

They are counted always, and named where that is asked: their residual is zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from puntual.model.broken_row import BrokenRow, BrokenRows, RowClass
from puntual.model.check import OnFail
from puntual.model.finding import Place
from puntual.ports.engine import Day
from puntual.runner import load as loading
from puntual.runner.row_names import Drill, Known, named_rows
from puntual.runner.world import DayRun

_ASIDE = """
SELECT class, reason, column_name, _object, _position {measures} FROM set_aside
ORDER BY class, reason, _object, _position
"""
_COUNTED = "SELECT count(*) FROM offending"
_ROWS = "SELECT count(*) FROM (SELECT DISTINCT _object, _position FROM offending) AS rows"
_OFFENDING = "SELECT DISTINCT _object, _position FROM offending ORDER BY _object, _position"


def with_aside(drill: Drill, rows: BrokenRows, dataset: str) -> BrokenRows:
    """Add what curation set aside: it is counted always, and named where that is asked."""
    run = drill.run
    aside = run.manifest(f"curate:{dataset}").of_role("set_aside")
    if not any(o.records for o in aside):
        return rows
    measures = run.measures(dataset)
    text = _ASIDE.format(measures="".join(f', "{m}"' for m in measures))
    files = tuple(run.world.objects.locate(o) for o in aside)
    day = Day(reference_date=run.date, zone=run.project.time_zone, tables={"set_aside": files})
    counted = run.world.engine.query(
        "SELECT class, count(*) FROM set_aside GROUP BY 1 ORDER BY 1", day, limit=None
    )
    counts = {RowClass(str(c)): int(str(n)) for c, n in zip(*counted.columns, strict=True)}
    named: list[BrokenRow] = []
    if drill.explained:
        answer = run.world.engine.query(text, day, limit=drill.limit)
        for of_class, reason, column, held, position, *amounts in zip(*answer.columns, strict=True):
            pairs = zip(measures, amounts, strict=True)
            named.append(
                BrokenRow(
                    of_class=RowClass(str(of_class)),
                    reason=f"{reason} {column or ''}".strip(),
                    amounts={m: a for m, a in pairs if isinstance(a, Decimal)},
                    place=Place(object=str(held), position=int(str(position))),
                )
            )
    return _joined(drill, rows, counts, named)


def with_checks(drill: Drill, rows: BrokenRows, table: str) -> BrokenRows:
    """
    Add what checks set aside before the load.

    A row that several checks name is one row with several reasons: it left once.
    """
    run = drill.run
    origin = run.origin(table)
    without = set(loading.without(run, table))
    checks: dict[str, list[str]] = {}  # two that found the same rows have one file
    for item in run.manifest("validate").of_role("offending"):
        path = run.world.objects.locate(item)
        if path in without and item.detail["on_fail"] == OnFail.QUARANTINE.value:
            checks.setdefault(path, []).append(item.detail["check"])
    if origin is None or not checks:
        return rows
    ((times,),) = run.world.engine.query(_ROWS, _offending(run, *checks), limit=None).columns
    reasons: dict[tuple[str, int], list[str]] = {}
    for path, names in checks.items() if drill.explained else ():
        # Ordered by place, the first rows of all files are among the first of each.
        answer = run.world.engine.query(_OFFENDING, _offending(run, path), limit=drill.limit)
        for held, position in zip(*answer.columns, strict=True):
            reasons.setdefault((str(held), int(str(position))), []).extend(names)
    named = tuple(
        BrokenRow(
            of_class=RowClass.QUARANTINED,
            reason=_by(reasons[held, position]),
            place=Place(object=held, position=position),
        )
        for held, position in sorted(reasons)[: drill.limit]
    )
    known = Known(run=run, dataset=origin, key=run.key(origin), measures=())
    counts = {RowClass.QUARANTINED: int(str(times))}
    return _joined(drill, rows, counts, named_rows(drill, named, known))


def _offending(run: DayRun, *paths: str) -> Day:
    """Return the places that these files hold, as a table to ask."""
    return Day(reference_date=run.date, zone=run.project.time_zone, tables={"offending": paths})


def _by(checks: Iterable[str]) -> str:
    names = sorted(set(checks))
    several = f"checks {', '.join(names[:-1])} and {names[-1]}"
    return several if len(names) > 1 else f"check {names[0]}"


def with_filtered(
    drill: Drill, rows: BrokenRows, origin: str, gone: tuple[str, ...], *, model: str
) -> BrokenRows:
    """
    Add the rows of a source that a model's declared filters left out.

    Args:
        drill: What is asked for.
        rows: What was found.
        origin: The source.
        gone: Files of the places of those rows.
        model: The model.
    """
    if not gone:
        return rows
    run = drill.run
    day = _offending(run, *gone)
    ((times,),) = run.world.engine.query(_COUNTED, day, limit=None).columns
    named: list[BrokenRow] = []
    if drill.explained:
        answer = run.world.engine.query(_OFFENDING, day, limit=drill.limit)
        named += [
            BrokenRow(
                of_class=RowClass.FILTERED,
                reason=f"a declared filter of {model}",
                place=Place(object=str(held), position=int(str(position))),
            )
            for held, position in zip(*answer.columns, strict=True)
        ]
    known = Known(run=run, dataset=origin, key=run.key(origin), measures=())
    counts = {RowClass.FILTERED: int(str(times))}
    return _joined(drill, rows, counts, named_rows(drill, tuple(named), known))


def _joined(
    drill: Drill, rows: BrokenRows, counts: Mapping[RowClass, int], named: Sequence[BrokenRow]
) -> BrokenRows:
    return replace(
        rows,
        rows=(*rows.rows, *named)[: drill.limit],
        counts={**rows.counts, **counts},
    )
