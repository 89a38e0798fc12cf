"""The digests of the rows that two engines made of one day, by which they are the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from puntual.checks.comparable import declared
from puntual.checks.encoding import ALGORITHM
from puntual.errors import EvidenceError
from puntual.model.contract import ColumnType
from puntual.model.manifest import Manifest, ObjectRef
from puntual.project.qualified import PLACE
from puntual.runner.compare import TABLE, Rows, label_of
from puntual.runner.sources import columns_of
from puntual.runner.world import DayRun

SET_ASIDE = (*PLACE, "class", "reason", "column_name")
"""What a table of rows that were set aside says beside the measures (`ports.engine.Curated`)."""


def rows_of(run: DayRun, was: Manifest, now: Manifest) -> Rows:
    """
    Digest every table of two versions, over every column, as every engine does.

    Both are measured here. A published table that is not what was recorded has no digest: what
    is wrong with it stands in its place, and differs.

    Args:
        run: The day, whose world reads both.
        was: A step's manifest as it was published.
        now: As it is now.

    Raises:
        PermanentError: The engine or the store cannot.
        TransientError: The store does not answer.
    """
    return Rows(was=_digests(run, was), now=_digests(run, now))


def _digests(run: DayRun, made: Manifest) -> dict[str, str]:
    tables: dict[str, list[ObjectRef]] = {}
    for ref in made.objects:
        if ref.name.endswith(TABLE):
            # However many files an engine divides the rows into, they are one table.
            tables.setdefault(label_of(ref), []).append(ref)
    return {label: _digest(run, made, refs) for label, refs in tables.items()}


def _digest(run: DayRun, made: Manifest, refs: list[ObjectRef]) -> str:
    try:
        files = tuple(run.world.objects.locate(ref) for ref in refs)
    except EvidenceError as exc:
        return f"{exc.code} {exc.message}"
    types = _types(made, refs[0].role)
    inexact = sorted(name for name, kind in types.items() if kind is None)
    found = run.world.engine.totals(
        files,
        _columns(run, made, refs[0].role, inexact),
        (),
        algorithm=ALGORITHM,
        types={name: kind for name, kind in types.items() if kind is not None},
    )
    without = f", without {', '.join(inexact)}" if inexact else ""
    return f"{found.records:,} rows, {found.algorithm} {found.key_digest}{without}"


def _types(made: Manifest, role: str) -> Mapping[str, ColumnType | None]:
    """Return as what a dataset's columns are digested; None: no engine writes it exactly."""
    if role != "data":
        return {}  # as they are
    return {name: declared(word) for name, word in columns_of(made)}


def _columns(run: DayRun, made: Manifest, role: str, inexact: Sequence[str]) -> tuple[str, ...]:
    match role:
        case "data":
            return tuple(name for name, _ in columns_of(made) if name not in inexact)
        case "set_aside":
            return (*SET_ASIDE, *run.measures(made.dataset))
        case _:
            return PLACE  # of the rows that a check found
