"""
A declared control, judged: groups of two sides, what explains their difference, what remains.

Everything is signed and exact. Groups are a multiset's: one that stands on one side only is a
break, whatever its sums are. A null equals nothing, not even another null, and a sum with a null
in it has no answer, unless the null came with the rows of one source; a side that was not
measured is never equal; a side without a row, a part of one or a yesterday agrees with nothing
unless that was declared.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Context, Decimal
from functools import reduce
from itertools import zip_longest

from puntual.model.check import OnFail
from puntual.model.control import (
    Cause,
    ControlMeasure,
    ControlResult,
    ControlRule,
    ControlState,
    GroupResult,
    GroupState,
    MeasureResult,
    SideResult,
    StagedSide,
)
from puntual.model.finding import Finding, Verdict
from puntual.model.shown import group_in_words

MOST_GROUPS = 100
"""Groups that a result names; the others are counted."""

_EXACT = Context(prec=200)
"""Room for 38 digits, whatever their scales, summed over any number of groups."""

Key = tuple[str | None, ...]
"""A group's values in the columns of the grain, as text."""

Value = Decimal | str | None
"""A measure: an exact number, a date or digest as text, or no answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """
    The measures of one group, in the control's order, and how many rows it has.

    Attributes:
        rows: How many; None where that is not known.
        values: The measures.
        nulls: For each measure that adds a column up how many nulls that holds, else 0; empty
            where there is none; None where they were not counted.
    """

    rows: int | None
    values: tuple[Value, ...]
    nulls: tuple[int, ...] | None = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """
    A side as it was measured.

    Attributes:
        side: How it is shown.
        groups: By key; the whole day has the key ().
        lacks: Why it has no groups: `UNKNOWN` or `UNVERIFIED`, with `side.reason`; None: it has.
        carried: Each of its rows is a source's row: none was made of nothing, as a total of no
            row is.
        origin: The source whose rows they all are, or the table of a control that asks what its
            rows refer to; "" where there is none, or several.
        empty: Terms that were to have rows, and have none, by name.
    """

    side: SideResult
    groups: Mapping[Key, Group] = field(default_factory=dict)
    lacks: ControlState | None = None
    carried: bool = False
    origin: str = ""
    empty: tuple[str, ...] = ()


def added(groups: Iterable[tuple[Mapping[Key, Group], bool]]) -> dict[Key, Group]:
    """
    Add the groups of several terms up, those marked `minus` with the other sign.

    A group that stands in one term only counts as nothing in the others. Where a value is no
    number, or has no answer, the sum has none.
    """
    total: dict[Key, Group] = {}
    for part, minus in groups:
        for key, group in part.items():
            signed = tuple(_negated(v) for v in group.values) if minus else group.values
            before = total.get(key)
            total[key] = (
                replace(group, values=signed)
                if before is None
                else Group(
                    rows=_rows((before.rows, group.rows)),
                    values=tuple(map(_sum, before.values, signed)),
                    nulls=_nulls_of((before, group)),
                )
            )
    return total


def _nulls_of(groups: Sequence[Group]) -> tuple[int, ...] | None:
    """Add the nulls of groups up; they have a sign in no term."""
    counted = [g.nulls for g in groups if g.nulls is not None]
    if not counted:
        return None
    return tuple(map(sum, zip(*(n for n in counted if n), strict=True)))


def judge(
    rule: ControlRule,
    left: Measured,
    right: Measured,
    explained: Mapping[Cause, Mapping[Key, Group]],
    day: date,
) -> ControlResult:
    """
    Compare both sides of a control.

    Args:
        rule: What is compared, and what may differ.
        left: The left side.
        right: The right side.
        explained: What each declared cause took out between left and right, measured.
        day: The reference date.

    Returns:
        residual = left − right − explained for every measure of every group, and the state.
    """
    lacks = {side.lacks for side in (left, right)} - {None}
    if not lacks:
        left, right = _without_agreed_nulls(left, right, explained)
    groups = () if lacks else tuple(_groups(rule, left, right, explained))
    counts = Counter(g.state.value for g in groups)
    gone = sum(g.rows or 0 for part in explained.values() for g in part.values())
    state, reason = _state(rule, left, right, groups, gone)
    no_yesterday = state is ControlState.UNVERIFIED or (
        state is ControlState.EMPTY and bool(left.empty)
    )
    first = rule.first_day == day and no_yesterday
    return ControlResult(
        id=rule.id,
        kind=rule.kind,
        form=rule.form,
        state=state,
        left=left.side,
        right=right.side,
        by=rule.by,
        totals=_totals(rule, left, right, explained),
        groups=tuple(sorted(groups, key=_offending_first))[:MOST_GROUPS] if rule.by else (),
        counts={s.value: counts[s.value] for s in GroupState if counts[s.value]},
        reason=reason,
        severity=rule.severity,
        on_fail=OnFail.FLAG if first else rule.on_fail,
        basis=rule.basis,
        description=rule.description,
    )


def _without_agreed_nulls(
    left: Measured, right: Measured, explained: Mapping[Cause, Mapping[Key, Group]]
) -> tuple[Measured, Measured]:
    """
    Leave in each group the nulls for which its sums have no answer.

    Where both sides hold the rows of one source, nulls travel with them: as many on both, less
    those that left for a cause, are agreed, and so are those of a control record, which counts
    none.
    """
    if not left.origin or left.origin != right.origin:
        return left, right
    before, after = dict(left.groups), dict(right.groups)
    for key in {**before, **after}:
        gone = _nulls_of([part[key] for part in explained.values() if key in part])
        lost = _lost(before.get(key), after.get(key), gone or ())
        for groups in (before, after):
            if key in groups and groups[key].nulls:
                groups[key] = replace(groups[key], nulls=_disputed(groups[key].nulls or (), lost))
    return replace(left, groups=before), replace(right, groups=after)


def _lost(left: Group | None, right: Group | None, gone: tuple[int, ...]) -> tuple[int, ...]:
    """Return for each measure the nulls of the left less those that left, less the right's."""
    before, after = (() if g is None else g.nulls for g in (left, right))
    if before is None or after is None:
        return ()
    return tuple(b - g - a for b, a, g in zip_longest(before, after, gone, fillvalue=0))


def _disputed(nulls: tuple[int, ...], lost: tuple[int, ...]) -> tuple[int, ...]:
    kept = tuple(n if d else 0 for n, d in zip_longest(nulls, lost))
    return kept if any(kept) else ()


def _groups(
    rule: ControlRule,
    left: Measured,
    right: Measured,
    explained: Mapping[Cause, Mapping[Key, Group]],
) -> Iterable[GroupResult]:
    gone = {k for part in explained.values() for k in part}
    for key in {**left.groups, **right.groups}:
        before, after = left.groups.get(key), right.groups.get(key)
        causes = {c: part[key] for c, part in explained.items() if key in part}
        measures = _measures(rule, before, after, causes)
        empty = _is_agreed_empty(rule, before, after)
        agrees = all(m.matched or (empty and m.left is m.right is None) for m in measures)
        if (before is None or after is None) and not (
            agrees and (rule.absent_is_zero or (after is None and key in gone))
        ):
            state = GroupState.MISSING if after is None else GroupState.EXTRA
        elif agrees:
            state = GroupState.MATCHED
        else:
            silent = any(not m.matched and None in (m.left, m.right) for m in measures)
            state = GroupState.UNKNOWN if silent else GroupState.MISMATCHED
            if any(not m.matched and None not in (m.left, m.right) for m in measures):
                state = GroupState.MISMATCHED
        yield GroupResult(key=key, state=state, measures=measures)


def _is_agreed_empty(rule: ControlRule, before: Group | None, after: Group | None) -> bool:
    """
    Say whether neither side has a row, and that was declared to be right.

    Then a measure without an answer on both sides agrees; what was answered must still match.
    """
    sides = [g.rows for g in (before, after) if g is not None]
    return rule.may_be_empty and bool(sides) and all(rows == 0 for rows in sides)


def _measures(
    rule: ControlRule,
    before: Group | None,
    after: Group | None,
    causes: Mapping[Cause, Group],
) -> tuple[MeasureResult, ...]:
    return tuple(
        _with_nulls(
            _measure(
                measure,
                _value(before, i, measure),
                _value(after, i, measure),
                {c.value: v for c, g in causes.items() if isinstance(v := g.values[i], Decimal)},
            ),
            _nulls(before, i),
            _nulls(after, i),
        )
        for i, measure in enumerate(rule.measures)
    )


def _nulls(group: Group | None, place: int) -> int:
    return group.nulls[place] if group is not None and group.nulls else 0


def _with_nulls(result: MeasureResult, left: int, right: int) -> MeasureResult:
    """Say how many nulls stand in a measure; one that agrees but for them has no answer."""
    if not (left or right):
        return result
    if result.matched:
        result = _without(result, bool(left), bool(right))
    return replace(result, left_nulls=left, right_nulls=right)


def _value(group: Group | None, place: int, measure: ControlMeasure) -> Value:
    """Return a group's measure; of a group that is not there, nothing has been added up."""
    if group is not None:
        return group.values[place]
    return Decimal(0) if measure.kind.adds else None


def _measure(
    measure: ControlMeasure, left: Value, right: Value, explained: Mapping[str, Decimal]
) -> MeasureResult:
    difference = residual = None
    matched = False
    explained = explained if measure.kind.adds else {}
    if isinstance(left, Decimal) and isinstance(right, Decimal):
        difference = _EXACT.subtract(left, right)
        residual = reduce(_EXACT.subtract, explained.values(), difference)
        matched = residual.copy_abs() <= measure.tolerance
    elif isinstance(left, str) and isinstance(right, str):
        matched = left == right
    return MeasureResult(
        name=measure.name,
        unit=measure.unit,
        left=_text(left),
        right=_text(right),
        difference=difference,
        explained=explained,
        residual=residual,
        tolerance=measure.tolerance,
        matched=matched,
    )


def _state(
    rule: ControlRule,
    left: Measured,
    right: Measured,
    groups: tuple[GroupResult, ...],
    gone: int,
) -> tuple[ControlState, str]:
    """Return how a control stands, and why it is not matched; `gone` rows are explained."""
    for state in (ControlState.UNKNOWN, ControlState.UNVERIFIED):
        lacking = [m.side for m in (left, right) if m.lacks is state]
        if lacking:
            return state, "; ".join(f"{side.name}: {side.reason}" for side in lacking)
    broken = [g for g in groups if g.state not in (GroupState.MATCHED, GroupState.UNKNOWN)]
    if broken:
        return ControlState.MISMATCHED, _broken(rule, groups, broken)
    unknown = [g for g in groups if g.state is GroupState.UNKNOWN]
    if unknown:
        return ControlState.UNKNOWN, f"no answer: {_told(rule, min(unknown, key=_by_key))}"
    empty = "" if rule.may_be_empty else _nothing_in(left, right)
    if empty:
        return ControlState.EMPTY, empty
    alone = _on_one_side(rule, left, right, gone)
    return (ControlState.MISMATCHED, alone) if alone else (ControlState.MATCHED, "")


def _nothing_in(left: Measured, right: Measured) -> str:
    """Say which sides have no row, else which terms that were to have rows; "" if there is none."""
    sides = [m.side.name for m in (left, right) if m.side.rows == 0]
    if sides:
        return f"no row in {' and '.join(sides)}: nothing was compared"
    terms = [*left.empty, *right.empty]
    return f"no row in {' and '.join(terms)}: nothing of it was compared" if terms else ""


def _on_one_side(rule: ControlRule, left: Measured, right: Measured, gone: int) -> str:
    """
    Say that all rows stand on one side and were not explained; "" where that cannot be said.

    It is what `_groups` says of a group. Rows are compared with rows alone: a query's answer, a
    report's line or a total may be a row that was made of nothing, and under another condition
    other rows are counted.
    """
    conditions = {(t.where, t.refers) for t in (*rule.left, *rule.right)}
    staged = all(isinstance(t.side, StagedSide) for t in (*rule.left, *rule.right))
    if rule.absent_is_zero or not staged or len(conditions) > 1:
        return ""
    for full, none in ((left, right), (right, left)):
        rows = full.side.rows or 0
        if none.side.rows == 0 and full.carried and rows > (gone if full is left else 0):
            return f"{rows:,} rows in {full.side.name}, and none in {none.side.name}"
    return ""


def _broken(rule: ControlRule, groups: tuple[GroupResult, ...], broken: list[GroupResult]) -> str:
    first = _told(rule, min(broken, key=_by_key))
    return f"{len(broken):,} of {len(groups):,} groups; the first, {first}" if rule.by else first


def _told(rule: ControlRule, group: GroupResult) -> str:
    where = group_in_words(rule.by, group.key)
    alone = {GroupState.MISSING: "on the left only", GroupState.EXTRA: "on the right only"}
    wrong = [m for m in group.measures if not m.matched] or list(group.measures[:1])
    said = "; ".join(told(m) for m in wrong)
    return ": ".join(filter(None, (where, alone.get(group.state, ""), said)))


def told(measure: MeasureResult) -> str:
    """Return a measure of both sides in words: both values, the difference, what remains."""
    left, right = _shown(measure.left, measure.unit), _shown(measure.right, measure.unit)
    if measure.left_nulls:
        left = f"{left} (nulls on the left: {measure.left_nulls:,})"
    if measure.right_nulls:
        right = f"{right} (nulls on the right: {measure.right_nulls:,})"
    parts = [f"{measure.name} {left} against {right}"]
    if measure.difference is not None:
        parts.append(f"difference {_number(measure.difference, measure.unit)}")
    if measure.explained and measure.residual is not None:
        parts.append(f"residual {_number(measure.residual, measure.unit)}")
    if measure.difference is None and None in (measure.left, measure.right):
        parts.append("difference no answer")
    return ", ".join(parts)


def _totals(
    rule: ControlRule,
    left: Measured,
    right: Measured,
    explained: Mapping[Cause, Mapping[Key, Group]],
) -> tuple[MeasureResult, ...]:
    """Return each measure over all groups, also where one side alone was measured."""
    nothing = Group(rows=0, values=(Decimal(0),) * len(rule.measures))
    causes = {c: _whole(rule, part) or nothing for c, part in explained.items()}
    results = _measures(rule, _whole(rule, left.groups), _whole(rule, right.groups), causes)
    lacking = (left.lacks is not None, right.lacks is not None)
    return tuple(
        _without(result, *lacking) if any(lacking) else result
        for result, measure in zip(results, rule.measures, strict=True)
        if measure.kind.adds or not rule.by
    )


def _whole(rule: ControlRule, groups: Mapping[Key, Group]) -> Group | None:
    if not groups:
        return None
    values = [
        reduce(_sum, (g.values[i] for g in groups.values())) if m.kind.adds or not rule.by else None
        for i, m in enumerate(rule.measures)
    ]
    return Group(rows=None, values=tuple(values), nulls=_nulls_of(tuple(groups.values())))


def _without(result: MeasureResult, left: bool, right: bool) -> MeasureResult:
    """Take away what stands for a side that was not measured, or holds nulls."""
    return replace(
        result,
        left=None if left else result.left,
        right=None if right else result.right,
        difference=None,
        residual=None,
        matched=False,
    )


def not_due(rule: ControlRule, left: str, right: str, reason: str) -> ControlResult:
    """
    Return a control that is not judged on this date.

    Args:
        rule: The control.
        left: What its left side is called.
        right: What its right side is called.
        reason: Why nothing is compared, in one sentence.

    Returns:
        No numbers, and nothing that happens because of it, whatever was declared.
    """
    return ControlResult(
        id=rule.id,
        kind=rule.kind,
        form=rule.form,
        state=ControlState.NOT_DUE,
        left=SideResult(name=left),
        right=SideResult(name=right),
        by=rule.by,
        reason=reason,
        severity=rule.severity,
        on_fail=OnFail.CONTINUE,
        basis=rule.basis,
        description=rule.description,
    )


def finding(result: ControlResult) -> Finding:
    """
    Turn a judged control into its finding.

    Returns:
        R3001 pass or fail, R3002 unknown, R3003 unverified, R3004 nothing was compared, R3005
        not due.
    """
    code, verdict, word = _SAID[result.state]
    about = result.description.rstrip(".")
    observed = result.reason or "; ".join(map(told, result.totals)) or "every group agrees"
    return Finding(
        code=code,
        rule=result.id,
        dataset=result.kind.value,
        verdict=verdict,
        severity=result.severity,
        on_fail=result.on_fail,
        message=f"{result.id} {word}: {about}" if about else f"{result.id} {word}",
        expected=_expected(result),
        observed=observed,
        amounts={
            "difference" if m.name == "value" else m.name: m.residual
            for m in result.totals
            if m.residual is not None
        },
        basis=result.basis,
    )


_SAID: Mapping[ControlState, tuple[str, Verdict, str]] = {
    ControlState.MATCHED: ("R3001", Verdict.PASS, "agrees"),
    ControlState.MISMATCHED: ("R3001", Verdict.FAIL, "does not agree"),
    ControlState.UNKNOWN: ("R3002", Verdict.UNKNOWN, "has no answer"),
    ControlState.UNVERIFIED: ("R3003", Verdict.UNKNOWN, "cannot be verified"),
    ControlState.EMPTY: ("R3004", Verdict.UNKNOWN, "compared nothing"),
    ControlState.NOT_DUE: ("R3005", Verdict.NOT_DUE, "is not due"),
}


def _expected(result: ControlResult) -> str:
    loose = [m for m in result.totals if m.tolerance]
    within = ", ".join(f"{m.name} {_number(m.tolerance, m.unit)}" for m in loose)
    sides = f"{result.left.name} = {result.right.name}"
    return f"{sides} within {within}" if within else sides


def _offending_first(group: GroupResult) -> tuple[bool, tuple[tuple[bool, str], ...]]:
    return group.state is GroupState.MATCHED, _by_key(group)


def _by_key(group: GroupResult) -> tuple[tuple[bool, str], ...]:
    return tuple((part is not None, part or "") for part in group.key)


def _rows(counts: tuple[int | None, int | None]) -> int | None:
    known = [c for c in counts if c is not None]
    return sum(known) if len(known) == len(counts) else None


def _sum(left: Value, right: Value) -> Value:
    both = isinstance(left, Decimal) and isinstance(right, Decimal)
    return _EXACT.add(left, right) if both else None  # type: ignore[arg-type]


def _negated(value: Value) -> Value:
    return _EXACT.subtract(Decimal(0), value) if isinstance(value, Decimal) else None


def _text(value: Value) -> str | None:
    return format(value, "f") if isinstance(value, Decimal) else value


def _shown(value: str | None, unit: str) -> str:
    if value is None:
        return "no answer"
    try:
        return _number(Decimal(value), unit)
    except ArithmeticError:
        return value


def _number(value: Decimal, unit: str) -> str:
    return f"{value:,f} {unit}".rstrip()
