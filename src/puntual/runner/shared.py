"""What a model has from its source under the same name, and what of it cannot be compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from puntual.checks.comparable import (
    common,
    declared,
    no_number,
    number_of_both,
    numbers_of_texts,
    shown,
)
from puntual.checks.measures import quoted
from puntual.model.contract import ColumnType
from puntual.model.control import Undigested
from puntual.ports.engine import Day
from puntual.runner.sources import columns_of
from puntual.runner.world import DayRun

PLACE = ("_object", "_position")
"""The columns that say which raw record a row came from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """
    What a model has from its source under the same name.

    Attributes:
        columns: Keys of either, then measures of both, each sorted.
        types: As which they are digested; None where the two have the same types, so that each
            is digested as it is, by the engine's fastest way.
        before: As which number texts of the source are read.
        after: As which number texts of the model are read.
        undigested: Keys and measures that are not among `columns`, sorted.
        keyed: Whether a key is among `columns`.
    """

    columns: tuple[str, ...]
    types: Mapping[str, ColumnType] | None
    before: Mapping[str, ColumnType]
    after: Mapping[str, ColumnType]
    undigested: tuple[Undigested, ...]
    keyed: bool


def shared(run: DayRun, name: str, origin: str, without: tuple[str, ...] = ()) -> Shared:
    """
    Return what a model and the source that it carries are compared by.

    A text and a number are compared by the number where every text reads as one exactly.

    Args:
        run: The day.
        name: The model.
        origin: The source whose rows it carries.
        without: Files of the places of rows that the model leaves out by declared filters.

    Raises:
        PermanentError: The engine cannot.
    """
    before, after = (
        {c: declared(word) for c, word in columns_of(run.curated(d))} for d in (origin, name)
    )
    words = [dict(columns_of(run.curated(d))) for d in (origin, name)]
    keys = sorted({*run.key(origin), *run.key(name)} - {*PLACE})
    measures = sorted({*run.measures(origin)} & {*run.measures(name)})
    both = [c for c in dict.fromkeys((*keys, *measures)) if c in before and c in after]
    types = {c: common(before[c], after[c]) or number_of_both(before[c], after[c]) for c in both}
    found = {c: kind for c, kind in types.items() if kind is not None}
    for dataset, side in ((origin, before), (name, after)):
        read = numbers_of_texts(side, found)
        for column in _unread(run, dataset, read, without if dataset == origin else ()):
            del found[column]
    keyed = any(c in found for c in keys)
    lacking = [
        *(_undigested(c, _between(before[c], after[c]), keys) for c in both if c not in found),
        *_of_one(run, name, origin, (*before,), (*after,), keyed=keyed),
    ]
    same = all(words[0][column] == words[1][column] for column in found)
    return Shared(
        columns=tuple(found),
        types=None if same else found,
        before=numbers_of_texts(before, found),
        after=numbers_of_texts(after, found),
        undigested=tuple(sorted(lacking, key=lambda u: (not u.key, u.column))),
        keyed=keyed,
    )


def _unread(
    run: DayRun, dataset: str, read: Mapping[str, ColumnType], without: tuple[str, ...]
) -> tuple[str, ...]:
    """Return the columns of which some text does not read as the number it would be."""
    if not read or not run.files(dataset):
        return ()
    counts = ", ".join(
        f"count(*) FILTER (WHERE {no_number(quoted(c), kind)})" for c, kind in read.items()
    )
    stay = (
        " WHERE NOT EXISTS (SELECT 1 FROM gone AS g"
        " WHERE g._object = r._object AND g._position = r._position)"
    )
    asked = f"SELECT {counts} FROM carried AS r{stay if without else ''}"
    tables = {"carried": run.files(dataset), **({"gone": without} if without else {})}
    day = Day(reference_date=run.date, zone=run.project.time_zone, tables=tables)
    answer = run.world.engine.query(asked, day, limit=None)
    return tuple(c for c, (times,) in zip(read, answer.columns, strict=True) if times)


def _of_one(
    run: DayRun,
    name: str,
    origin: str,
    before: tuple[str, ...],
    after: tuple[str, ...],
    *,
    keyed: bool,
) -> Iterator[Undigested]:
    """
    Yield measures of the model alone that both have, and the source's key where no key is left.

    A measure of the source that the model does not sum is not vouched for, which the hop says.
    """
    for column in sorted({*run.measures(name)} - {*run.measures(origin), *run.key(name)}):
        if column in before and column not in run.key(origin):
            yield Undigested(column=column, why=f"no measure of {origin}")
    for column in () if keyed else sorted({*run.key(origin)} - {*PLACE}):
        if column not in after:
            yield Undigested(column=column, why=f"not in {name}", key=True)


def _undigested(column: str, why: str, keys: list[str]) -> Undigested:
    return Undigested(column=column, why=why, key=column in keys)


def _between(before: ColumnType | None, after: ColumnType | None) -> str:
    return f"{shown(before)} → {shown(after)}"
