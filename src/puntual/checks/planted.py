"""
Negative controls: how each of the day's comparisons looks at rows in which faults are planted.

A comparison that has only ever been green proves nothing. Faults are planted in a copy of a few
rows, and the day's own measures are taken with and without them; `checks/seen.py` says who saw
which.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import count

from puntual.checks.measures import Scan, in_sql, measures_sql, quoted
from puntual.model.control import (
    Asked,
    ControlRule,
    Hop,
    MeasureKind,
    QuerySide,
    Stage,
    StagedSide,
    Term,
)
from puntual.model.planted import PLANTED, Look, variants_of

SIGNS = (MeasureKind.SUM_NEGATIVE, MeasureKind.SUM_POSITIVE, MeasureKind.COUNT_NEGATIVE)

OF = "__"
"""Between a dataset and the column of a sample of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observer:
    """
    A hop or a control, as it looks at one dataset's rows.

    Attributes:
        name: `card_movements: curated → warehouse`, or the control's id.
        dataset: Whose rows are planted.
        sample: Which sample of them.
        left: Looks of its left side: (sign, look).
        right: Looks of its right side.
        tolerances: By measure.
        present: A group that stands on one side only is a difference.
        control: It is a declared control, so that what it claims is its author's word.
        claims: The measures that say what they measure of any row, with their columns.
        parts: Its sides read one place under other conditions, parts against the whole: a row
            that is planted stands on both, and what such a control looks for is not planted.
    """

    name: str
    dataset: str
    sample: str
    left: tuple[tuple[int, Look], ...] = ()
    right: tuple[tuple[int, Look], ...] = ()
    tolerances: tuple[Decimal, ...] = ()
    present: bool = True
    control: bool = False
    claims: tuple[Asked, ...] = ()
    parts: bool = False

    @property
    def looks(self) -> tuple[Look, ...]:
        """Every look of both sides."""
        return tuple(look for _, look in (*self.left, *self.right))


def observers(
    hops: Iterable[Hop],
    controls: Iterable[ControlRule],
    *,
    tables: Callable[[str], Sequence[str]],
    money: Callable[[str], tuple[str, ...]],
) -> tuple[Observer, ...]:
    """
    Return the day's comparisons as looks at planted rows.

    Args:
        hops: As they were measured: a hop without two sides looks at nothing.
        controls: Those that were measured with them.
        tables: The warehouse tables that a SELECT names.
        money: A dataset's columns of amounts, in which faults are planted: the best first.
    """
    numbers = count(1)
    found = [_of_hop(hop, next(numbers)) for hop in hops if hop.residual_records is not None]
    for control in controls:
        found += _of_control(control, tables, money, numbers)
    return tuple(found)


def _of_hop(hop: Hop, number: int) -> Observer:
    asked = (
        Asked(kind=MeasureKind.COUNT),
        *(Asked(kind=MeasureKind.SUM, columns=(c,)) for c in sorted(hop.residual_sums)),
    )
    compared = hop.keys_agree is not None or hop.undigested
    digests = (hop.digested,) if compared and hop.digested else ()
    side = StagedSide(stage=Stage.CURATED, dataset=hop.dataset)
    scan = Scan(side=side, by=(PLANTED,))
    look = Look(
        id=number,
        sample=hop.dataset,
        sql=measures_sql(scan, asked, quoted(variants_of(hop.dataset)), day=None, nulls=False),
        skip=1,
        whole=True,
        digests=digests,
    )
    return Observer(
        name=f"{hop.dataset}: {hop.left} → {hop.right}",
        dataset=hop.dataset,
        sample=hop.dataset,
        right=((1, look),),
        tolerances=(Decimal(0),) * (len(asked) + len(digests)),
    )


def _of_control(
    control: ControlRule,
    tables: Callable[[str], Sequence[str]],
    money: Callable[[str], tuple[str, ...]],
    numbers: Iterator[int],
) -> Iterator[Observer]:
    """Yield one observer for each stage of a dataset that a control reads on the day."""
    read: dict[tuple[Stage, str], tuple[list[Term], list[Term]]] = {}
    for side, terms in enumerate((control.left, control.right)):
        for term in terms:
            for at in _read(term, tables):
                read.setdefault(at, ([], []))[side].append(term)
    for (_, dataset), (left, right) in read.items():
        sample = _sample(dataset, (*left, *right), money(dataset))
        yield Observer(
            name=control.id,
            dataset=dataset,
            sample=sample,
            left=tuple((_sign(t), _look(t, sample, next(numbers))) for t in left),
            right=tuple((_sign(t), _look(t, sample, next(numbers))) for t in right),
            tolerances=_tolerances(control),
            present=not control.absent_is_zero,
            control=True,
            claims=() if left and right else tuple(_said(control, (*left, *right))),
            parts=bool(left and right) and _conditions(left) != _conditions(right),
        )


def _conditions(terms: Sequence[Term]) -> set[tuple[str, object]]:
    """Return which rows of a place terms read; of a query only its author knows."""
    return {(t.where, t.refers) for t in terms if not isinstance(t.side, QuerySide)}


def _sample(dataset: str, terms: Sequence[Term], money: tuple[str, ...]) -> str:
    """Return the dataset's sample, or one of its own where a control sums another amount."""
    if any(isinstance(t.side, QuerySide) for t in terms):
        return dataset
    summed = [a.columns[0] for t in terms for a in t.asked if a.kind in (MeasureKind.SUM, *SIGNS)]
    return dataset if not summed or summed[0] in money[:1] else f"{dataset}{OF}{summed[0]}"


def _tolerances(control: ControlRule) -> tuple[Decimal, ...]:
    """Return each measure's, in the order in which looks give them: digests last."""
    ordered = sorted(control.measures, key=lambda m: m.kind is MeasureKind.DIGEST)
    return tuple(m.tolerance for m in ordered)


def _sign(term: Term) -> int:
    return -1 if term.minus else 1


def _read(term: Term, tables: Callable[[str], Sequence[str]]) -> Iterator[tuple[Stage, str]]:
    """Yield what a term reads that rows can be planted in: no file, no database, no yesterday."""
    side = term.side
    if isinstance(side, StagedSide) and side.stage is not Stage.SOURCE and not side.previous:
        yield side.stage, side.dataset
    if isinstance(side, QuerySide):
        yield from ((Stage.WAREHOUSE, table) for table in tables(side.sql))


def _said(control: ControlRule, terms: Sequence[Term]) -> Iterator[Asked]:
    """
    Yield what a control's measures claim of any row of a dataset.

    A measure with a tolerance, a condition or a counterpart is meant to overlook something; a
    query's words are its author's.
    """
    for term in terms:
        if isinstance(term.side, QuerySide) or term.where or term.refers is not None:
            continue
        for asked, measure in zip(term.asked, control.measures, strict=True):
            if not measure.tolerance:
                yield asked


def _look(term: Term, sample: str, number: int) -> Look:
    if isinstance(term.side, QuerySide):
        return _query_look(term, term.side.sql, sample, number)
    plain = in_sql(term.asked)
    scan = Scan(side=term.side, by=(PLANTED, *term.by), where=term.where)
    return Look(
        id=number,
        sample=sample,
        sql=measures_sql(scan, plain, quoted(variants_of(sample)), day=None, nulls=False),
        by=len(term.by),
        skip=1,
        whole=True,
        encoded=tuple(a.columns for a in term.asked if a.kind is MeasureKind.DIGEST),
    )


def _query_look(term: Term, sql: str, sample: str, number: int) -> Look:
    if any(a.kind is MeasureKind.VALUE for a in term.asked):
        return Look(id=number, sample=sample, sql=sql)
    asked = in_sql(term.asked)
    scan = Scan(side=term.side, by=term.by, where=term.where)
    whole = measures_sql(scan, asked, f"({sql})", day=None, nulls=False)
    return Look(id=number, sample=sample, sql=whole, by=len(term.by), skip=1)
