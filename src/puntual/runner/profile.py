"""
Describes the columns of each curated dataset's day: information, never a pass or a fail.

What is kept of a column that is not public are counts alone: a manifest goes into evidence.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from puntual.evidence.facts import to_json
from puntual.model.profile import ColumnProfile, DatasetProfile
from puntual.ports.engine import DataFile
from puntual.project.classified import Shown, public_columns
from puntual.runner.sources import columns_of
from puntual.runner.world import DayRun

_PLACE = frozenset({"_object", "_position"})


def profile(run: DayRun) -> dict[str, object]:
    """
    Return what a step's manifest says of the day's columns (`profile`).

    Raises:
        PermanentError: The engine cannot.
    """
    datasets = (*run.project.contracts, *run.project.models)
    shown = public_columns(run.project)
    return {"profile": to_json(tuple(_dataset(run, name, shown) for name in datasets))}


def _dataset(run: DayRun, name: str, shown: Shown) -> DatasetProfile:
    made = run.curated(name)
    columns = tuple((n, t) for n, t in columns_of(made) if n not in _PLACE)
    files = tuple(
        DataFile(path=run.world.objects.locate(o), records=o.records) for o in made.of_role("data")
    )
    found = run.world.engine.profile(files, columns, zone=run.project.time_zone)
    return DatasetProfile(
        dataset=name, rows=made.totals.records, columns=tuple(_hidden(found, shown[name]))
    )


def _hidden(columns: Iterable[ColumnProfile], public: frozenset[str]) -> Iterable[ColumnProfile]:
    for column in columns:
        if column.name in public:
            yield column
        else:
            yield replace(column, minimum=None, maximum=None, classified=True)
