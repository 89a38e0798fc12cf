"""
Which of the day's comparisons sees which planted fault, and which sees less than it says.

A comparison has seen a fault where its difference moves by more than its tolerance. A source's
way to the warehouse must have one comparison, at least, for each fault; a control must see what
its measures say they measure, and whatever they say it must see something.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from decimal import Context, Decimal
from itertools import zip_longest

from puntual.checks.planted import SIGNS, Observer
from puntual.checks.reconcile import DIGITS
from puntual.model.check import OnFail, Severity
from puntual.model.control import Asked, MeasureKind
from puntual.model.finding import Finding, Verdict
from puntual.model.planted import (
    BASE,
    EMPTY,
    Fault,
    Groups,
    Look,
    Planted,
    PlantedFault,
)

_WHOLE = frozenset({Fault.LOST_ROW, Fault.DOUBLED_ROW})
_OF_NUMBER = frozenset({Fault.CHANGED_CENT, Fault.FLIPPED_SIGN})


def judge(
    found: Sequence[Observer],
    planted: Planted,
    *,
    way: Callable[[str], str],
    nothing: Collection[str] = (),
) -> tuple[tuple[PlantedFault, ...], tuple[Finding, ...]]:
    """
    Say who sees what, and what nobody sees.

    Args:
        found: The day's comparisons.
        planted: What they measured.
        way: The source whose rows a dataset carries, or the dataset itself.
        nothing: Controls that compared zero with zero, by name: one that no fault touches reads
            no row, for all that is known.

    Returns:
        One value for each dataset's way and fault, sorted; a finding R5001 for each way on which
        a fault that was planted is seen by nobody, and R5002 for each control that misses what
        its measures claim, sees none of the faults that change what it reads, or agrees on
        nothing; both flag.
    """
    ways: dict[str, list[Observer]] = {}
    for observer in found:
        ways.setdefault(way(observer.dataset), []).append(observer)
    results = tuple(
        _planted_fault(name, fault, ways[name], planted) for name in sorted(ways) for fault in Fault
    )
    missed = [_missed(name, results) for name in sorted(ways)]
    controls: dict[str, list[Observer]] = {}
    for observer in found:
        if observer.control:
            controls.setdefault(observer.name, []).append(observer)
    blind = [f for looking in controls.values() for f in _blind(looking, planted)]
    blind += [
        _on_nothing(looking[0], _measured_faults(looking, planted))
        for name, looking in controls.items()
        if name in nothing and _measured_faults(looking, planted) and not _reads(looking, planted)
    ]
    return results, (*(f for f in missed if f is not None), *blind)


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
    base = _base(fault)
    measured = [planted.measured.get(look.id, {}) for look in observer.looks]
    if not all(base in m and fault in m for m in measured):
        return None
    sides = [_moves(side, base, fault, observer, planted) for side in _sides(observer)]
    places = {*sides[0], *sides[1]}
    return any(_moved(sides[0].get(p, []), sides[1].get(p, []), p[1], observer) for p in places)


def _base(fault: Fault) -> str:
    return EMPTY if fault is Fault.NULL_FOR_EMPTY else BASE


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
    if asked.kind in SIGNS:
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


def _blind(looking: Sequence[Observer], planted: Planted) -> Iterator[Finding]:
    """Yield what a control misses: everything, or of a dataset what its measures claim."""
    touched = _touched(looking, planted)
    if touched and not any(sees(o, f, planted) for o in looking for f in touched):
        said = _and([f.words for f in touched])
        yield _of_control(
            looking[0],
            message=f"{looking[0].name} sees nothing: it is blind to {said}",
            expected="a control whose difference moves under one planted fault at least",
            observed=f"no difference beyond its tolerance under {said}, which change what it reads",
        )
        return
    for observer in looking:
        columns = planted.columns.get(observer.sample, {})
        said_to = claimed(observer, columns)
        missed = [f for f in Fault if f in said_to and sees(observer, f, planted) is False]
        if missed:
            said = _and([f"{f.words}{_of((columns[f],))}" for f in missed])
            yield _of_control(
                observer,
                message=f"{observer.name} is blind to {said}",
                expected="a control that sees what its measures measure",
                observed=f"no change of its difference under {said} in {observer.dataset}",
            )


def _touched(looking: Sequence[Observer], planted: Planted) -> list[Fault]:
    """
    Return the faults that change what a control reads; none of parts against their whole.

    A fault that changes none of its values was not planted where it looks.
    """
    return [] if any(o.parts for o in looking) else _reads(looking, planted)


def _reads(looking: Sequence[Observer], planted: Planted) -> list[Fault]:
    """Return the faults that change some value that a control reads."""
    return [
        fault
        for fault in Fault
        if any(
            _moves(side, _base(fault), fault, observer, planted)
            for observer in looking
            if sees(observer, fault, planted) is not None
            for side in _sides(observer)
        )
    ]


def _measured_faults(looking: Sequence[Observer], planted: Planted) -> list[Fault]:
    return [f for f in Fault if any(sees(o, f, planted) is not None for o in looking)]


def _on_nothing(observer: Observer, faults: Sequence[Fault]) -> Finding:
    return _of_control(
        observer,
        message=f"{observer.name} agrees on nothing: zero against zero, and no row changes it",
        expected="two sides of which one reads a row, or a control that may be empty",
        observed=f"0 on both sides, unmoved by {_and([f.words for f in faults])}",
    )


def _of_control(observer: Observer, *, message: str, expected: str, observed: str) -> Finding:
    return Finding(
        code="R5002",
        rule=f"{observer.name}_planted",
        dataset=observer.dataset,
        verdict=Verdict.FAIL,
        severity=Severity.WARN,
        on_fail=OnFail.FLAG,
        message=message,
        expected=expected,
        observed=observed,
    )


def _of(columns: Iterable[str]) -> str:
    named = sorted({c for c in columns if c != "rows"})
    return f" ({', '.join(named)})" if named else ""


def _and(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def sentence(
    results: Sequence[PlantedFault],
    *,
    undigested: Sequence[str] = (),
    uncompared: Sequence[str] = (),
    untied: Sequence[str] = (),
) -> str:
    """
    Say what became of the planted faults, in one line: all seen, or what nobody sees.

    Args:
        results: Who sees which fault.
        undigested: What hops do not compare: no fault is planted there, so none is seen.
        uncompared: Models that are compared with nothing they are made from.
        untied: Reports whose rows are compared with nothing they are made from.
    """
    found = [f"nothing looks at {what}" for what in undigested]
    for what, names in (("model", uncompared), ("report", untied)):
        if names:
            several = f"{len(names)} {what}{'s are' if len(names) > 1 else ' is'}"
            found.append(f"{several} compared by nothing: {', '.join(names)}")
    said = _sentence(results)
    if not found:
        return said
    where = " where anything looks" if ": all seen" in said else ""
    return f"{said.replace(': all seen', f': all seen{where}')}; {'; '.join(found)}"


def _sentence(results: Sequence[PlantedFault]) -> str:
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


def unseen_before_loading(results: Sequence[PlantedFault]) -> tuple[str, ...]:
    """
    Say which faults only hops of models or into the warehouse see, a line for each kind.

    Such a fault that is made before the first of them, as by a curation that exchanges two
    amounts, is in both sides of that hop and is seen by nothing: "all seen" alone would promise
    more.
    """
    found: dict[tuple[str, str], list[str]] = {}
    for one in results:
        since = _first_seen_in(one.seen_by)
        if since:
            found.setdefault((since, one.fault.words), []).append(one.dataset)
    return tuple(
        f"seen from {since} on, and not where it is made before: {words} ({', '.join(datasets)})"
        for (since, words), datasets in sorted(found.items())
    )


def _first_seen_in(seen_by: Sequence[str]) -> str:
    """Return where a fault is seen first; "" where a control or a hop before models sees it."""
    if not seen_by or not all(" → " in who for who in seen_by):
        return ""
    if any(": source → " in who or ": raw → " in who for who in seen_by):
        return ""
    return "the models" if any(who.endswith(" → curated") for who in seen_by) else "the load"
