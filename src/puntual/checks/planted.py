"""
Negative controls: which of the day's comparisons sees which known fault.

A comparison that has only ever been green proves nothing. Faults are planted in a copy of a few
rows, the day's own measures are taken with and without them, and a comparison has seen a fault
where its difference moves by more than its tolerance. A source's way to the warehouse must have
one comparison, at least, for each fault; a control must see what its measures say they measure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from itertools import count, zip_longest

from puntual.checks.measures import Scan, measures_sql, quoted
from puntual.checks.reconcile import DIGITS
from puntual.model.check import OnFail, Severity
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
from puntual.model.finding import Finding, Verdict
from puntual.model.planted import (
    BASE,
    EMPTY,
    PLANTED,
    Fault,
    Groups,
    Look,
    Planted,
    PlantedFault,
    variants_of,
)

_WHOLE = frozenset({Fault.LOST_ROW, Fault.DOUBLED_ROW})
_OF_NUMBER = frozenset({Fault.CHANGED_CENT, Fault.FLIPPED_SIGN})
_SIGNS = (MeasureKind.SUM_NEGATIVE, MeasureKind.SUM_POSITIVE, MeasureKind.COUNT_NEGATIVE)
_PLACE = ("_object", "_position")

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

    @property
    def looks(self) -> tuple[Look, ...]:
        """Every look of both sides."""
        return tuple(look for _, look in (*self.left, *self.right))


def observers(
    hops: Iterable[Hop],
    controls: Iterable[ControlRule],
    *,
    key: Callable[[str], tuple[str, ...]],
    tables: Callable[[str], Sequence[str]],
    money: Callable[[str], tuple[str, ...]],
) -> tuple[Observer, ...]:
    """
    Return the day's comparisons as looks at planted rows.

    Args:
        hops: As they were measured: a hop without two sides looks at nothing.
        controls: Those that were measured with them.
        key: The columns of a dataset's key digest.
        tables: The warehouse tables that a SELECT names.
        money: A dataset's columns of amounts, in which faults are planted: the best first.
    """
    numbers = count(1)
    found = [_of_hop(hop, key, next(numbers)) for hop in hops if hop.residual_records is not None]
    for control in controls:
        found += _of_control(control, tables, money, numbers)
    return tuple(found)


def _of_hop(hop: Hop, key: Callable[[str], tuple[str, ...]], number: int) -> Observer:
    asked = (
        Asked(kind=MeasureKind.COUNT),
        *(Asked(kind=MeasureKind.SUM, columns=(c,)) for c in sorted(hop.residual_sums)),
    )
    digests: tuple[tuple[str, ...], ...] = ()
    if hop.keys_agree is not None and hop.right == Stage.WAREHOUSE:
        digests = (tuple(dict.fromkeys((*key(hop.dataset), *hop.residual_sums))),)
    elif hop.keys_agree is not None:
        digests = (_PLACE,)
    side = StagedSide(stage=Stage.CURATED, dataset=hop.dataset)
    scan = Scan(side=side, by=(PLANTED,))
    look = Look(
        id=number,
        sample=hop.dataset,
        sql=measures_sql(scan, asked, quoted(variants_of(hop.dataset)), day=None),
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
        )


def _sample(dataset: str, terms: Sequence[Term], money: tuple[str, ...]) -> str:
    """Return the dataset's sample, or one of its own where a control sums another amount."""
    if any(isinstance(t.side, QuerySide) for t in terms):
        return dataset
    summed = [a.columns[0] for t in terms for a in t.asked if a.kind in (MeasureKind.SUM, *_SIGNS)]
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
    plain = tuple(a for a in term.asked if a.kind is not MeasureKind.DIGEST)
    scan = Scan(side=term.side, by=(PLANTED, *term.by), where=term.where)
    return Look(
        id=number,
        sample=sample,
        sql=measures_sql(scan, plain, quoted(variants_of(sample)), day=None),
        by=len(term.by),
        skip=1,
        whole=True,
        encoded=tuple(a.columns for a in term.asked if a.kind is MeasureKind.DIGEST),
    )


def _query_look(term: Term, sql: str, sample: str, number: int) -> Look:
    if any(a.kind is MeasureKind.VALUE for a in term.asked):
        return Look(id=number, sample=sample, sql=sql)
    asked = tuple(a for a in term.asked if a.kind is not MeasureKind.DIGEST)
    scan = Scan(side=term.side, by=term.by, where=term.where)
    whole = measures_sql(scan, asked, f"({sql})", day=None)
    return Look(id=number, sample=sample, sql=whole, by=len(term.by), skip=1)


def judge(
    found: Sequence[Observer], planted: Planted, *, way: Callable[[str], str]
) -> tuple[tuple[PlantedFault, ...], tuple[Finding, ...]]:
    """
    Say who sees what, and what nobody sees.

    Args:
        found: The day's comparisons.
        planted: What they measured.
        way: The source whose rows a dataset carries, or the dataset itself.

    Returns:
        One value for each dataset's way and fault, sorted; a finding R5001 for each way on which
        a fault that was planted is seen by nobody, and R5002 for each control that misses what
        its measures claim; both flag.
    """
    ways: dict[str, list[Observer]] = {}
    for observer in found:
        ways.setdefault(way(observer.dataset), []).append(observer)
    results = tuple(
        _planted_fault(name, fault, ways[name], planted) for name in sorted(ways) for fault in Fault
    )
    missed = [_missed(name, results) for name in sorted(ways)]
    blind = [_blind(c, planted) for c in found if c.control]
    return results, tuple(f for f in (*missed, *blind) if f is not None)


def _planted_fault(
    name: str, fault: Fault, looking: Sequence[Observer], planted: Planted
) -> PlantedFault:
    seen: dict[str, bool] = {}
    columns = {}
    for observer in looking:
        where = planted.columns.get(observer.sample, {}).get(fault)
        answer = sees(observer, fault, planted) if where is not None else None
        if answer is not None:
            columns[observer.dataset] = str(where)
            seen[observer.name] = seen.get(observer.name, False) or answer
    return PlantedFault(
        dataset=name,
        fault=fault,
        columns=dict(sorted(columns.items())),
        seen_by=tuple(sorted(n for n, does in seen.items() if does)),
        blind=tuple(sorted(n for n, does in seen.items() if not does)),
    )


def sees(observer: Observer, fault: Fault, planted: Planted) -> bool | None:
    """Say whether a fault moves an observer's difference; None where it was not measured."""
    base = EMPTY if fault is Fault.NULL_FOR_EMPTY else BASE
    measured = [planted.measured.get(look.id, {}) for look in observer.looks]
    if not all(base in m and fault in m for m in measured):
        return None
    sides = [_moves(side, base, fault, observer, planted) for side in _sides(observer)]
    places = {*sides[0], *sides[1]}
    return any(_moved(sides[0].get(p, []), sides[1].get(p, []), p[1], observer) for p in places)


_Move = tuple[object, object]
_At = tuple[tuple[object, ...], int]
_PRESENT = -1
"""Number of the measure that says whether a group is there at all."""


def _sides(observer: Observer) -> tuple[tuple[tuple[int, Look], ...], ...]:
    return observer.left, observer.right


def _moves(
    side: Sequence[tuple[int, Look]],
    base: str,
    fault: Fault,
    observer: Observer,
    planted: Planted,
) -> dict[_At, list[_Move]]:
    """Return, by group and measure, each value that the fault changes: (before, after)."""
    moves: dict[_At, list[_Move]] = {}
    for sign, look in side:
        before, after = (planted.measured[look.id][v] for v in (base, fault))
        for at, move in _changes(before, after, present=observer.present and bool(look.by)):
            moves.setdefault(at, []).append(_signed(move, sign))
    return moves


def _changes(before: Groups, after: Groups, *, present: bool) -> Iterator[tuple[_At, _Move]]:
    for group in dict.fromkeys((*before, *after)):
        old, new = before.get(group), after.get(group)
        if present and (old is None) != (new is None):
            yield (group, _PRESENT), (int(old is not None), int(new is not None))
        for i, pair in enumerate(zip_longest(old or (), new or ())):
            if pair[0] != pair[1]:
                yield (group, i), pair


def _signed(move: _Move, sign: int) -> _Move:
    exact = [_exact(v) for v in move]
    if sign > 0 or None in exact:
        return move
    return tuple(v.copy_negate() for v in exact if v is not None)  # type: ignore[return-value]


def _moved(left: list[_Move], right: list[_Move], measure: int, observer: Observer) -> bool:
    values = [_exact(v) for move in (*left, *right) for v in move]
    if any(v is None for v in values):
        return Counter(map(repr, left)) != Counter(map(repr, right))
    context = Context(prec=DIGITS)
    net = Decimal(0)
    for sign, moves in ((1, left), (-1, right)):
        for old, new in moves:
            step = context.subtract(Decimal(str(new)), Decimal(str(old)))
            net = context.add(net, step if sign > 0 else step.copy_negate())
    tolerance = Decimal(0) if measure == _PRESENT else observer.tolerances[measure]
    return net.copy_abs() > tolerance


def _exact(value: object) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return None
    return Decimal(value)


def claimed(observer: Observer, columns: Mapping[Fault, str]) -> frozenset[Fault]:
    """
    Return the faults that a control's measures say they see.

    Args:
        observer: The control.
        columns: Where each fault stands in its dataset.
    """
    return frozenset(f for asked in observer.claims for f in _claims(asked, columns))


def _claims(asked: Asked, columns: Mapping[Fault, str]) -> frozenset[Fault]:
    """Return what one measure says: of whole rows, of its number, of its texts."""
    inside = {f for f, column in columns.items() if column in asked.columns}
    whole = _WHOLE & columns.keys()
    if asked.kind == MeasureKind.COUNT:
        return frozenset(whole)
    if asked.kind == MeasureKind.SUM:
        return frozenset((_OF_NUMBER & inside) | (whole if Fault.CHANGED_CENT in inside else set()))
    if asked.kind in _SIGNS:
        return frozenset({Fault.FLIPPED_SIGN} & inside)
    if asked.kind == MeasureKind.DIGEST:
        return frozenset(whole | inside)
    return frozenset()


def _missed(name: str, results: Iterable[PlantedFault]) -> Finding | None:
    """Return the finding of a way on which some fault is seen by nobody."""
    blind = [r for r in results if r.dataset == name and r.blind and not r.seen_by]
    if not blind:
        return None
    said = [f"{r.fault.words}{_of(r.columns.values())}" for r in blind]
    names = sorted({n for r in blind for n in r.blind})
    return Finding(
        code="R5001",
        rule=f"{name}_planted",
        dataset=name,
        verdict=Verdict.FAIL,
        severity=Severity.WARN,
        on_fail=OnFail.FLAG,
        message=f"{name}: nothing sees {_and(said)}",
        expected="each planted fault seen by one hop or control",
        observed=f"blind to {_and(said)}: {', '.join(names)}",
    )


def _blind(observer: Observer, planted: Planted) -> Finding | None:
    """Return the finding of a control that misses what its measures claim."""
    columns = planted.columns.get(observer.sample, {})
    said_to = claimed(observer, columns)
    missed = [f for f in Fault if f in said_to and sees(observer, f, planted) is False]
    if not missed:
        return None
    said = _and([f"{f.words}{_of((columns[f],))}" for f in missed])
    return Finding(
        code="R5002",
        rule=f"{observer.name}_planted",
        dataset=observer.dataset,
        verdict=Verdict.FAIL,
        severity=Severity.WARN,
        on_fail=OnFail.FLAG,
        message=f"{observer.name} is blind to {said}",
        expected="a control that sees what its measures measure",
        observed=f"no change of its difference under {said} in {observer.dataset}",
    )


def _of(columns: Iterable[str]) -> str:
    named = sorted({c for c in columns if c != "rows"})
    return f" ({', '.join(named)})" if named else ""


def _and(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def sentence(results: Sequence[PlantedFault]) -> str:
    """Say what became of the planted faults, in one line: all seen, or what nobody sees."""
    planted = [r for r in results if r.applies]
    missed = [r for r in planted if not r.seen_by]
    kinds, datasets = len({r.fault for r in planted}), len({r.dataset for r in planted})
    if not planted:
        return "no fault was planted: no row to plant one in"
    scope = f"{kinds} planted faults in {datasets} dataset{'s' if datasets > 1 else ''}"
    rest = len(results) - len(planted)
    not_applicable = f" ({rest} not applicable)" if rest else ""
    if not missed:
        return f"{scope}: all seen{not_applicable}"
    listed = "; ".join(f"{r.dataset} {r.fault.words}" for r in missed)
    return f"{scope}: {len(planted) - len(missed)} of {len(planted)} seen, missed: {listed}"
