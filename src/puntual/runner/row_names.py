"""
What a comparison of two sides found, as rows that a person can look for.

A row is named by its declared key and by its raw object and position; what it adds to the
residual is left − right of each measure, exact.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from decimal import Context, Decimal

from puntual.checks.comparable import common_shape
from puntual.checks.reconcile import DIGITS
from puntual.errors import PermanentError, ProjectError
from puntual.model.broken_row import BrokenRow, BrokenRows, Cells, ChangedCell, RowClass
from puntual.model.difference import (
    Changed,
    Comparison,
    Duplicated,
    Extra,
    Missing,
    Outcome,
    Row,
    RowDifference,
    Shape,
)
from puntual.model.finding import Place
from puntual.ports.engine import Day
from puntual.ports.side import Compare, Side
from puntual.ports.sides import Sides
from puntual.runner.world import DayRun

PLACE = ("_object", "_position")
_EXACT = Context(prec=DIGITS)
_NO_NUMBERS = frozenset({"NaN", "Infinity", "-Infinity"})
"""How a side gives a value that a decimal of Python does not hold; see `model/difference.py`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drill:
    """
    A day that is looked into, and what looks.

    Attributes:
        run: The day, with everything that it published.
        sides: Open what is stored.
        compare: Compares two of them.
        limit: How many rows are named; all are counted.
        explained: Also name rows that left with a reason.
    """

    run: DayRun
    sides: Sides
    compare: Compare
    limit: int = 20
    explained: bool = False


def compared(
    drill: Drill,
    left: AbstractContextManager[Side],
    right: AbstractContextManager[Side],
    *,
    key: tuple[str, ...],
    columns: tuple[str, ...],
) -> Comparison | str:
    """
    Compare two sides by the types that both have.

    Returns:
        The comparison, or why it cannot be made exactly.

    Raises:
        PermanentError: What is stored cannot be read, and not because a side is not there.
    """
    try:
        with left as one, right as two:
            return shaped(drill, one, two, key=key, columns=columns)
    except PermanentError as exc:
        return not_there(exc)


def not_there(exc: PermanentError) -> str:
    """
    Return why a side cannot be read, code first: its table is gone, or refuses what is asked.

    Raises:
        PermanentError: The fault is another one.
    """
    if exc.code not in ("T4002", "Q1001"):
        raise exc
    return f"{exc.code} {exc.message.rstrip('.')}: {exc.observed}"


def shaped(
    drill: Drill, left: Side, right: Side, *, key: tuple[str, ...], columns: tuple[str, ...]
) -> Comparison | str:
    """Compare by the types that both have, or return why that cannot be done exactly."""
    try:
        shape = common_shape(left.types(), right.types(), key=key, columns=columns)
    except ProjectError as exc:
        return f"{exc.code} {exc.message}: {exc.observed}"
    return drill.compare(left, right, shape, limit=drill.limit)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """
    What is known of the rows that are compared.

    Attributes:
        run: The day.
        dataset: Whose rows the left ones are.
        key: Its declared key.
        measures: Columns that are summed.
    """

    run: DayRun
    dataset: str
    key: tuple[str, ...]
    measures: tuple[str, ...]


def rows_of(drill: Drill, found: Comparison | str, known: Known, about: str) -> BrokenRows:
    """Return what a comparison found as rows that a person can look for."""
    if isinstance(found, str):
        note = f"not compared: {found}"
        return BrokenRows(dataset=known.dataset, about=about, notes=(note,), unread=found)
    rows = tuple(_row(found.shape, difference, known) for difference in found.differences)
    named = named_rows(drill, rows, known) if set(known.key) - set(found.shape.columns) else rows
    tallies = {
        RowClass.MISSING: found.missing.keys,
        RowClass.EXTRA: found.extra.keys,
        RowClass.CHANGED: found.changed.keys,
        RowClass.DUPLICATED: found.duplicated.keys,
    }
    return BrokenRows(
        dataset=known.dataset,
        about=about,
        rows=named,
        counts={c: n for c, n in tallies.items() if n},
        notes=tuple(_notes(found)),
        unread="; ".join(_faults(found)),
    )


def _faults(found: Comparison) -> Iterator[str]:
    """Say why a comparison is unknown, code first."""
    for reason in found.reasons:
        observed = f": {reason.observed}" if reason.observed else ""
        yield f"{reason.code} {reason.side}: {reason.message}{observed}"


def _notes(found: Comparison) -> Iterator[str]:
    for fault in _faults(found):
        yield f"not compared: {fault}"
    if found.outcome is Outcome.EMPTY_REFERENCE:
        yield f"{found.left.name} has no row: nothing was compared"
    if found.outcome is Outcome.EQUAL:
        names = [c for c in found.shape.columns if c not in PLACE]
        said = f": {', '.join(names)}" if names else ": none but their places"
        yield f"{found.left.rows or 0:,} rows on both sides agree in every column compared{said}"


def _row(shape: Shape, difference: RowDifference, known: Known) -> BrokenRow:
    match difference:
        case Missing(left=row, rows=times):
            amounts = _amounts(known, [row] * times, [])
            return _alone(shape, RowClass.MISSING, row, known, amounts, times)
        case Extra(right=row, rows=times):
            amounts = _amounts(known, [], [row] * times)
            return _alone(shape, RowClass.EXTRA, row, known, amounts, times)
        case Changed(columns=columns, left=left, right=right):
            named = [c for c in columns if c not in PLACE] or columns
            return BrokenRow(
                of_class=RowClass.CHANGED,
                key=_key(shape, left, known),
                changed=tuple(ChangedCell(column=c, left=left[c], right=right[c]) for c in named),
                amounts=_amounts(known, [left], [right]),
                place=_place(left) or _place(right),
            )
        case Duplicated():
            return _several(shape, difference, known)


def _alone(
    shape: Shape,
    of_class: RowClass,
    row: Row,
    known: Known,
    amounts: Mapping[str, Decimal],
    times: int,
) -> BrokenRow:
    key = _key(shape, row, known)
    said = {name for name, _ in key} | set(PLACE)
    return BrokenRow(
        of_class=of_class,
        reason=f"{times:,} rows" if times > 1 else "",
        key=key,
        cells=tuple((n, v) for n, v in row.items() if n not in said),
        amounts=amounts,
        place=_place(row),
    )


def _several(shape: Shape, found: Duplicated, known: Known) -> BrokenRow:
    rows = (*found.left_only, *found.right_only)
    whole = found.left_unmatched == len(found.left_only)
    whole &= found.right_unmatched == len(found.right_only)
    first = rows[0] if rows else dict(zip(shape.key, found.key, strict=True))
    return BrokenRow(
        of_class=RowClass.DUPLICATED,
        reason=f"stands {found.left_rows:,} times on the left, {found.right_rows:,} on the right",
        key=_key(shape, first, known),
        amounts=_amounts(known, found.left_only, found.right_only) if whole else {},
        place=_place(first),
    )


def _key(shape: Shape, row: Row, known: Known) -> Cells:
    names = [c for c in known.key if c in row] or [c for c in shape.key if c not in PLACE]
    return tuple((name, row[name]) for name in names)


def _place(row: Row) -> Place | None:
    held, position = (row.get(c) for c in PLACE)
    if held is None or position is None:
        return None
    return Place(object=str(held), position=int(str(position)))


def _amounts(known: Known, left: Sequence[Row], right: Sequence[Row]) -> dict[str, Decimal]:
    """
    Return left − right of each measure; a row without a number adds nothing, as in a sum.

    It is NaN where a value is (PostgreSQL holds such), or is infinite: then it is no sum.
    """
    found = {}
    for measure in known.measures:
        total = Decimal(0)
        for sign, rows in ((1, left), (-1, right)):
            for row in rows:
                value = row.get(measure)
                if isinstance(value, str) and value in _NO_NUMBERS:
                    total = Decimal("NaN")
                if isinstance(value, int | Decimal):
                    exact = Decimal(value)
                    total = _EXACT.add(total, exact if sign > 0 else exact.copy_negate())
        found[measure] = total
    return found


_KEYS = "SELECT _object, _position, {columns} FROM rows WHERE {places}"


def named_rows(drill: Drill, rows: tuple[BrokenRow, ...], known: Known) -> tuple[BrokenRow, ...]:
    """Look the keys of rows up by their places, where places alone were compared."""
    places = [r.place for r in rows if r.place is not None]
    if not places or not known.key:
        return rows
    run = drill.run
    columns = ", ".join(f'"{c}"' for c in known.key)
    listed = " OR ".join(
        f"(_object = '{p.object}' AND _position = {p.position})"
        for p in places
        if p.object.isalnum()
    )
    day = Day(
        reference_date=run.date,
        zone=run.project.time_zone,
        tables={"rows": run.files(known.dataset)},
    )
    answer = run.world.engine.query(
        _KEYS.format(columns=columns, places=listed or "false"), day, limit=None
    )
    held = {
        (str(o), int(str(p))): tuple(zip(known.key, values, strict=True))
        for o, p, *values in zip(*answer.columns, strict=True)
    }
    return tuple(
        replace(r, key=held.get((r.place.object, r.place.position), r.key)) if r.place else r
        for r in rows
    )
