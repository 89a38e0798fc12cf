"""
The rows behind a declared control: its groups, its orphans, or the rows of its two sides.

Two sides that hold the same source's rows are compared by place, in the columns that the control
measures. A query's sides are shown as SQL for a person to run: their rows have no names here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from decimal import Decimal

from puntual.checks.control import Key
from puntual.checks.measures import quoted
from puntual.errors import PermanentError
from puntual.model.broken_row import BrokenRow, BrokenRows, ChangedCell, RowClass
from puntual.model.control import (
    ControlResult,
    ControlRule,
    GroupResult,
    GroupState,
    Stage,
    StagedSide,
    Term,
)
from puntual.model.finding import Place
from puntual.model.masked import Pseudonym
from puntual.ports.side import Side
from puntual.ports.sides import Rows
from puntual.runner.measure import Readings
from puntual.runner.row_names import PLACE, Drill, Known, compared, not_there, rows_of

_OF_GROUP = {
    GroupState.MISSING: RowClass.MISSING,
    GroupState.EXTRA: RowClass.EXTRA,
    GroupState.MISMATCHED: RowClass.CHANGED,
    GroupState.UNKNOWN: RowClass.CHANGED,
}


def behind_control(drill: Drill, rule: ControlRule, result: ControlResult) -> BrokenRows:
    """
    Return the rows behind a control.

    Args:
        drill: The day.
        rule: As the project declares it now.
        result: As it was measured.

    Raises:
        TransientError: The warehouse does not answer.
        PermanentError: What is stored cannot be read.
    """
    notes = tuple(_notes(result))
    if not result.state.is_open:
        return BrokenRows(dataset="", about=rule.id, notes=notes)
    term = next((t for t in (*rule.left, *rule.right) if t.refers is not None), None)
    if term is not None and isinstance(term.side, StagedSide):
        return _orphans(drill, rule, term, term.side, notes)
    pair = _pair(drill, rule)
    if pair is not None:
        return _of_pair(drill, rule, *pair, notes)
    groups = [g for g in result.groups if g.state in _OF_GROUP]
    counts: dict[RowClass, int] = {}
    for state, number in result.counts.items() if result.by else ():
        of_class = _OF_GROUP.get(GroupState(state))
        if of_class is not None:
            counts[of_class] = counts.get(of_class, 0) + number
    nameless = not counts
    return BrokenRows(
        dataset=_dataset(rule),
        about=rule.id,
        rows=tuple(_of_group(result, g) for g in groups[: drill.limit]),
        counts=counts,
        notes=(*notes, _nameless(rule)) if nameless else notes,
        nameless=nameless,
        shown=frozenset({*result.by, *(m.name for m in rule.measures)} - {*result.masked}),
    )


def _notes(result: ControlResult) -> Iterator[str]:
    yield f"{result.state.value}: {result.reason or 'both sides agree'}"
    for word, side in (("left", result.left), ("right", result.right)):
        for query in side.queries:
            yield f"{word}  {side.name}: {' '.join(query.split())}"


def _nameless(rule: ControlRule) -> str:
    """Say why a control that compares totals names no rows."""
    if all(isinstance(t.side, StagedSide) for t in (*rule.left, *rule.right)):
        return "it compares totals: the rows of its two sides have no place in common to name"
    return "of a query no rows can be named: run its SQL"


def _dataset(rule: ControlRule) -> str:
    """Return the dataset whose classification holds for the grain; "" where there are several."""
    names = {
        t.side.dataset if isinstance(t.side, StagedSide) else "" for t in (*rule.left, *rule.right)
    }
    return names.pop() if len(names) == 1 else ""


def in_clear(drill: Drill, rule: ControlRule, found: BrokenRows) -> BrokenRows:
    """
    Return groups with their values in place of pseudonyms, measured anew.

    Where a group stands in a source database only, its pseudonym stays: it is not asked again.

    Raises:
        TransientError: The warehouse does not answer.
        PermanentError: What is stored cannot be read.
    """
    if not any(isinstance(v, Pseudonym) for row in found.rows for _, v in row.key):
        return found
    known = Readings(drill.run, (rule,), step="reconcile").clear(rule)
    return replace(found, rows=tuple(_named(row, known) for row in found.rows))


def _named(row: BrokenRow, known: Mapping[Key, Key]) -> BrokenRow:
    shown = tuple(v.text if isinstance(v, Pseudonym) else v for _, v in row.key)
    values = known.get(tuple(None if v is None else str(v) for v in shown))
    if values is None:
        return row
    return replace(row, key=tuple((n, v) for (n, _), v in zip(row.key, values, strict=True)))


def _of_group(result: ControlResult, group: GroupResult) -> BrokenRow:
    key = zip(result.by, group.key, strict=True)
    return BrokenRow(
        of_class=_OF_GROUP[group.state],
        key=tuple((n, Pseudonym(v) if v and n in result.masked else v) for n, v in key),
        changed=tuple(
            ChangedCell(column=m.name, left=m.left, right=m.right)
            for m in group.measures
            if not m.matched
        ),
        amounts={m.name: m.residual for m in group.measures if m.residual and not m.matched},
    )


def _orphans(
    drill: Drill, rule: ControlRule, term: Term, side: StagedSide, notes: tuple[str, ...]
) -> BrokenRows:
    """Name the rows that have no counterpart: a reference that points nowhere."""
    run, refers = drill.run, term.refers
    assert refers is not None  # noqa: S101 - its caller looked for one
    pairs = zip(refers.columns, refers.to_columns, strict=True)
    same = " AND ".join(f"p.{quoted(there)} = s.{quoted(here)}" for here, there in pairs)
    where = f" AND ({term.where})" if term.where else ""
    rows = (
        f"FROM {quoted(side.dataset)} AS s WHERE s.reference_date = :reference_date{where} "
        f"AND NOT EXISTS (SELECT 1 FROM {quoted(refers.dataset)} AS p "
        f"WHERE p.reference_date = :reference_date AND {same})"
    )
    params: Mapping[str, object] = {"reference_date": run.date}
    try:
        counted = run.world.warehouse.query(f"SELECT count(*) {rows}", params, limit=2)
        answer = run.world.warehouse.query(f"SELECT s.* {rows}", params, limit=drill.limit)
    except PermanentError as exc:
        return _unread(side.dataset, rule, notes, not_there(exc))
    key = run.key(side.dataset) or refers.columns
    measures = run.measures(side.dataset)
    named = [
        _orphan(dict(zip(answer.names, values, strict=True)), key, measures, refers.dataset)
        for values in zip(*answer.columns, strict=True)
    ]
    total = int(str(counted.columns[0][0]))
    return BrokenRows(
        dataset=side.dataset,
        about=rule.id,
        rows=tuple(named),
        counts={RowClass.MISSING: total} if total else {},
        notes=notes,
    )


def _unread(dataset: str, rule: ControlRule, notes: tuple[str, ...], why: str) -> BrokenRows:
    said = (*notes, f"not compared: {why}")
    return BrokenRows(dataset=dataset, about=rule.id, notes=said, unread=why)


def _orphan(
    row: dict[str, object], key: tuple[str, ...], measures: tuple[str, ...], to: str
) -> BrokenRow:
    held, position = (row.get(c) for c in PLACE)
    placed = held is not None and position is not None
    said = {*key, *PLACE, "reference_date"}
    return BrokenRow(
        of_class=RowClass.MISSING,
        reason=f"no row of {to} that it refers to",
        key=tuple((c, row[c]) for c in key if c in row),
        cells=tuple((c, v) for c, v in row.items() if c not in said),
        amounts={m: Decimal(v) for m in measures if isinstance(v := row.get(m), int | Decimal)},
        place=Place(object=str(held), position=int(str(position))) if placed else None,
    )


def _pair(drill: Drill, rule: ControlRule) -> tuple[Term, Term] | None:
    """Return both sides' only terms where they hold the rows of one source, with places."""
    if len(rule.left) != 1 or len(rule.right) != 1:
        return None
    left, right = rule.left[0], rule.right[0]
    origins = []
    for term in (left, right):
        side = term.side
        if not isinstance(side, StagedSide) or side.previous:
            return None
        if side.stage not in (Stage.CURATED, Stage.WAREHOUSE):
            return None
        origins.append(drill.run.origin(side.dataset))
    return (left, right) if origins[0] is not None and origins[0] == origins[1] else None


def _of_pair(
    drill: Drill, rule: ControlRule, left: Term, right: Term, notes: tuple[str, ...]
) -> BrokenRows:
    one, two = _columns(rule, left), _columns(rule, right)
    names = dict(zip(one, two, strict=True))
    assert isinstance(left.side, StagedSide)  # noqa: S101 - `_pair` saw to it
    found = compared(
        drill,
        _side(drill, left, {c: c for c in (*PLACE, *names)}),
        _side(drill, right, {**{c: c for c in PLACE}, **names}),
        key=PLACE,
        columns=tuple(names),
    )
    dataset = left.side.dataset
    measures = tuple(m for m in drill.run.measures(dataset) if m in names)
    known = Known(run=drill.run, dataset=dataset, key=drill.run.key(dataset), measures=measures)
    rows = rows_of(drill, found, known, rule.id)
    return replace(rows, notes=(*notes, *rows.notes))


def _columns(rule: ControlRule, term: Term) -> list[str]:
    """Return the columns that a control reads of a side: of its grain, then of its measures."""
    return list(dict.fromkeys((*term.by, *(c for asked in term.asked for c in asked.columns))))


def _side(drill: Drill, term: Term, columns: Mapping[str, str]) -> AbstractContextManager[Side]:
    run, side = drill.run, term.side
    assert isinstance(side, StagedSide)  # noqa: S101 - `_pair` saw to it
    rows = Rows(columns=columns, where=term.where)
    name = f"{side.stage.value} {side.dataset}"
    if side.stage is Stage.WAREHOUSE:
        return drill.sides.table(side.dataset, run.date, rows, name=name)
    return drill.sides.files(run.files(side.dataset), rows, name=name)
