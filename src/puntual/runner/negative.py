"""
Plants known faults in a copy of a few of the day's rows, and records who sees them.

The comparisons are the day's own: the hops as they were measured and the declared controls.
Nothing that is planted is stored; a fault that nothing sees is a finding.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence

from puntual.checks.planted import OF, Observer, observers
from puntual.checks.seen import judge
from puntual.evidence.facts import to_json
from puntual.model.control import (
    ControlResult,
    ControlRule,
    ControlState,
    Hop,
    QuerySide,
    Term,
)
from puntual.model.finding import Finding
from puntual.model.planted import PlantedFault, Sample
from puntual.runner.sources import columns_of
from puntual.runner.world import DayRun

_WORD = re.compile(r"[a-z_][a-z0-9_]*")
_PLACE = ("_object", "_position")


def plant(
    run: DayRun,
    hops: Sequence[Hop],
    controls: Iterable[ControlRule],
    results: Iterable[ControlResult],
) -> tuple[dict[str, object], tuple[Finding, ...]]:
    """
    Plant each kind of fault in each dataset that the day compared.

    A person's SQL is asked only on a way where the day's own measures leave a fault unseen, or
    where it compared zero with zero: it costs a statement for each fault, and claims nothing of
    itself.

    Args:
        run: The day.
        hops: As they were measured.
        controls: Those that were measured with them.
        results: What they measured.

    Returns:
        What the step's manifest says of it (`planted`), and the findings R5001 and R5002.

    Raises:
        PermanentError: The engine cannot.
    """
    rules = tuple(controls)
    nothing = frozenset(_zeros(run, rules, results))
    found = observers(
        hops,
        rules,
        tables=lambda sql: _tables(run, sql),
        money=lambda dataset: _money(run, dataset),
    )
    ways = {_way(run, o.dataset) for o in found}
    own = [o for o in found if all(look.whole for look in o.looks)]
    faults, findings = _judged(run, own)
    unseen = {f.dataset for f in faults if f.applies and not f.seen_by}
    unseen |= ways - {f.dataset for f in faults}
    asked = [o for o in found if o in own or o.name in nothing or _way(run, o.dataset) in unseen]
    if len(asked) > len(own):
        faults, findings = _judged(run, asked, nothing)
    return {"planted": to_json(faults)}, findings


def _zeros(
    run: DayRun, rules: Iterable[ControlRule], results: Iterable[ControlResult]
) -> Iterator[str]:
    """
    Yield the controls of a person's SQL whose two sides read tables and are zero throughout.

    A side of no table is what its author expects, such as no orphan; of a sum over no row only
    `may_be_empty` says that it may be one.
    """
    rows = {r.id: r for r in results}
    for rule in rules:
        sides = [[_tables_of(run, term) for term in side] for side in (rule.left, rule.right)]
        read = all(any(side) for side in sides)
        found = rows[rule.id]
        if read and not rule.may_be_empty and found.state is ControlState.MATCHED:
            measures = (*found.totals, *(m for g in found.groups for m in g.measures))
            if measures and all(_is_zero(v) for m in measures for v in (m.left, m.right)):
                yield rule.id


def _is_zero(value: str | None) -> bool:
    """Say whether a measure is the number 0; a date, a digest and no answer are not."""
    return value is not None and re.fullmatch(r"-?0+(\.0+)?", value) is not None


def _tables_of(run: DayRun, term: Term) -> tuple[str, ...]:
    return _tables(run, term.side.sql) if isinstance(term.side, QuerySide) else ()


def _judged(
    run: DayRun, found: Sequence[Observer], nothing: Collection[str] = ()
) -> tuple[tuple[PlantedFault, ...], tuple[Finding, ...]]:
    samples = tuple(_sample(run, *at) for at in sorted({(o.dataset, o.sample) for o in found}))
    looks = tuple(look for observer in found for look in observer.looks)
    planted = run.world.engine.plant(samples, looks, day=run.date, zone=run.project.time_zone)
    return judge(found, planted, way=lambda dataset: _way(run, dataset), nothing=nothing)


def _way(run: DayRun, dataset: str) -> str:
    """Return the source whose rows a dataset carries, or the dataset itself."""
    return run.origin(dataset) or dataset


def _tables(run: DayRun, sql: str) -> tuple[str, ...]:
    """Return the warehouse tables whose names stand in a SELECT."""
    words = set(_WORD.findall(sql.lower()))
    return tuple(t for t in run.project.warehouse.tables if t in words)


def _types(run: DayRun, dataset: str) -> dict[str, str]:
    return dict(columns_of(run.curated(dataset)))


def _money(run: DayRun, dataset: str) -> tuple[str, ...]:
    """Return the columns of amounts: the measures, or where there is none the exact decimals."""
    types = _types(run, dataset)
    measures = tuple(m for m in run.measures(dataset) if m in types)
    return measures or tuple(c for c, kind in types.items() if kind.startswith("DECIMAL"))


def _sample(run: DayRun, dataset: str, name: str) -> Sample:
    """Return the rows in which faults are planted: the first ones of the first file with any."""
    types = _types(run, dataset)
    texts = [c for c, kind in types.items() if kind == "VARCHAR" and c not in _PLACE]
    key = [c for c in run.key(dataset) if c in texts]
    data = [o for o in run.curated(dataset).of_role("data") if o.records]
    own = name.partition(OF)[2] if name != dataset else ""
    return Sample(
        name=name,
        dataset=dataset,
        file=run.world.objects.locate(data[0]) if data else "",
        columns=types,
        money=(own,) if own else _money(run, dataset),
        text=tuple(dict.fromkeys((*key, *texts)))[:1],
    )
