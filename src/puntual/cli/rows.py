"""The rows behind a hop or control, as people and programs read them; classified values masked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from difflib import get_close_matches

from puntual.checks.reconcile import is_broken
from puntual.cli.drilled import Looking
from puntual.cli.junit import table
from puntual.cli.reconciled import Reconciled, hop_name
from puntual.cli.wrap import wrapped
from puntual.errors import ProjectError
from puntual.model.broken_row import BrokenRow, BrokenRows, Cells
from puntual.model.control import ControlResult, Hop, Stage
from puntual.model.masked import Mask, Pseudonym, exact_text
from puntual.model.shown import told_apart, value_in_words
from puntual.runner.breaks import behind
from puntual.runner.control_rows import behind_control, in_clear

About = Hop | ControlResult


def chosen(found: Reconciled, name: str) -> tuple[About, ...]:
    """
    Return the hops and controls that a person means.

    Args:
        found: The day.
        name: A control's id; a dataset, `dataset:right side`; "": the first hop that broke, or
            else the first control that does not agree.

    Raises:
        ProjectError: R5003 there is none of that name; names the nearest.
    """
    if not name:
        return _first(found)
    controls = tuple(c for c in found.controls if c.id == name)
    if controls:
        return controls
    dataset, _, right = name.partition(":")
    right = right.strip().rpartition("→")[2].rpartition("->")[2].strip()
    hops = [h for h in found.hops if h.dataset == dataset and right in ("", h.right, _last(h))]
    if hops:
        broken = [h for h in hops if is_broken(h)]
        return tuple(hops if right else broken or hops)
    known = [hop_name(h) for h in found.hops] + [c.id for c in found.controls]
    near = get_close_matches(name, known, 1)
    raise ProjectError(
        "R5003",
        f"no hop or control of {found.day.isoformat()} is called {name!r}",
        expected="DATASET, DATASET:SIDE (movements:warehouse) or the id of a control",
        observed=name,
        next_step=f"did you mean {near[0]!r}?" if near else "`puntual reconcile` shows them all",
    )


def _last(hop: Hop) -> str:
    return hop.right.removeprefix("file ")


def _first(found: Reconciled) -> tuple[About, ...]:
    if found.first_break is not None:
        return (found.first_break,)
    return tuple(c for c in found.controls if c.state.is_open)[:1]


def loads(found: Reconciled) -> tuple[Hop, ...]:
    """Return the hops into the warehouse: what somebody may alter after it was compared."""
    return tuple(h for h in found.hops if h.right == Stage.WAREHOUSE)


def rows_behind(looking: Looking, about: About) -> BrokenRows:
    """
    Find the rows behind a hop or control.

    Raises:
        ProjectError: R5003 the control is not declared any more.
        TransientError: The warehouse does not answer.
        PermanentError: What is stored cannot be read.
        EvidenceError: An object is missing or altered.
    """
    if isinstance(about, Hop):
        return behind(looking.drill, about)
    rule = looking.project.controls.get(about.id)
    if rule is None:
        raise ProjectError(
            "R5003",
            f"the control {about.id} is not declared any more",
            expected="the controls of the run",
            observed=", ".join(sorted(looking.project.controls)) or "no control",
            next_step="its result and both queries: puntual reconcile --json",
        )
    found = behind_control(looking.drill, rule, about)
    return in_clear(looking.drill, rule, found) if looking.mask.off else found


def text_of(rows: BrokenRows, mask: Mask, *, explained: bool) -> Iterator[str]:
    """Yield what people read of rows: class, key, amount, place, reason, then both values."""
    counts = ", ".join(f"{n:,} {c.value}" for c, n in rows.counts.items())
    none = "none can be named" if rows.nameless else "none"
    if rows.unread:
        none = "not compared"
    yield f" rows behind {rows.about}   {counts or none}"
    for note in rows.notes:
        yield from wrapped(note, "   ")
    for row in rows.rows:
        yield from _lines(row, rows, mask)
    more = unnamed(rows, explained=explained)
    if more:
        yield f"   and {more:,} more: --limit N names more, all are counted"
    left = sum(n for c, n in rows.counts.items() if c.explained)
    if left and not explained:
        yield f"   {left:,} left with a reason: --explained names them"


def unnamed(rows: BrokenRows, *, explained: bool) -> int:
    """Return how many rows are counted and not named, of those that were asked for."""
    return max(0, wanted(rows, explained=explained) - len(rows.rows))


def wanted(rows: BrokenRows, *, explained: bool) -> int:
    """Return how many rows there are of those that were asked for."""
    return sum(n for c, n in rows.counts.items() if explained or not c.explained)


def _shown(rows: BrokenRows, mask: Mask, column: str, value: object) -> str | None:
    """Return a value as it may be shown; None is a null."""
    if value is not None and column in rows.shown and not isinstance(value, Pseudonym):
        return exact_text(value)
    return mask.shown(rows.dataset, column, value)


def _lines(row: BrokenRow, rows: BrokenRows, mask: Mask) -> Iterator[str]:
    place = f"{row.place.object} : {row.place.position}" if row.place else ""
    place = f"line {row.line}" if row.line else place
    amounts = "  ".join(_amount(n, v) for n, v in row.amounts.items())
    key = _cells(row.key, rows, mask)
    head = f"   {row.of_class.value:<11} {key:<34} {amounts}"
    yield from wrapped(head.strip(), "   ", hang="               ")
    if place or row.reason:
        yield from wrapped(f"{place}   {row.reason}".strip(), "               ")
    for cell in row.changed:
        left, right = _apart(*(_shown(rows, mask, cell.column, v) for v in (cell.left, cell.right)))
        yield from wrapped(f"{cell.column}  {left} → {right}", "               ")
    if row.cells:
        yield from wrapped(_cells(row.cells, rows, mask), "               ")


def _apart(left: str | None, right: str | None) -> tuple[str, str]:
    """Return two values so that a person sees how they differ."""
    if left is not None and right is not None and told_apart(left, right) != (left, right):
        return told_apart(left, right)
    return value_in_words(left), value_in_words(right)


def _amount(name: str, value: Decimal) -> str:
    return f"{name} is no number (NaN)" if value.is_nan() else f"{name} {value:+,f}"


def _cells(cells: Cells, rows: BrokenRows, mask: Mask) -> str:
    return "  ".join(f"{n}={value_in_words(_shown(rows, mask, n, v))}" for n, v in cells)


def json_of(rows: BrokenRows, mask: Mask, *, explained: bool) -> dict[str, object]:
    """Return rows as JSON values; numbers are strings, classified values masks."""
    return {
        "about": rows.about,
        "dataset": rows.dataset,
        "counts": {c.value: str(n) for c, n in rows.counts.items()},
        "shown": str(len(rows.rows)),
        "total": str(wanted(rows, explained=explained)),
        "notes": list(rows.notes),
        "unread": rows.unread,
        "rows": [_row_json(r, rows, mask) for r in rows.rows],
    }


def _row_json(row: BrokenRow, rows: BrokenRows, mask: Mask) -> dict[str, object]:
    return {
        "class": row.of_class.value,
        "reason": row.reason,
        "key": {n: _shown(rows, mask, n, v) for n, v in row.key},
        "amounts": {n: format(v, "f") for n, v in row.amounts.items()},
        "object": row.place.object if row.place else None,
        "position": str(row.place.position) if row.place else None,
        "line": str(row.line) if row.line else None,
        "changed": [
            {
                "column": c.column,
                "left": _shown(rows, mask, c.column, c.left),
                "right": _shown(rows, mask, c.column, c.right),
            }
            for c in row.changed
        ],
        "cells": {n: _shown(rows, mask, n, v) for n, v in row.cells},
    }


HEAD = (
    "about", "class", "reason", "key", "amounts", "object", "position", "line", "column",
    "left", "right",
)  # fmt: skip


def csv_of(found: Sequence[BrokenRows], mask: Mask) -> str:
    """
    Return rows as CSV, a line for each column that differs; classified values are masks.

    What could not be compared has a line of its own: a table without lines would say that it
    agrees.
    """
    lines: list[tuple[str, ...]] = [HEAD]
    for rows in found:
        if rows.unread:
            lines.append((_about(rows), "not compared", rows.unread, *[""] * (len(HEAD) - 3)))
        for row in rows.rows:
            lines += _csv_lines(row, rows, mask)
    return table(lines)


def _about(rows: BrokenRows) -> str:
    return f"{rows.dataset}: {rows.about}"


def _csv_lines(row: BrokenRow, rows: BrokenRows, mask: Mask) -> Iterator[tuple[str, ...]]:
    about = (
        _about(rows),
        row.of_class.value,
        row.reason,
        _cells(row.key, rows, mask),
        "  ".join(f"{n} {v:f}" for n, v in row.amounts.items()),
        row.place.object if row.place else "",
        str(row.place.position) if row.place else "",
        str(row.line) if row.line else "",
    )
    for cell in row.changed:
        values = (_shown(rows, mask, cell.column, v) for v in (cell.left, cell.right))
        yield (*about, cell.column, *map(value_in_words, values))
    if not row.changed:
        yield (*about, "", "", "")
