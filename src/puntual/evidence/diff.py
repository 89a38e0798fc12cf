"""
What two versions of a report say differently: rows, columns, totals; never a value that names.

Rows are paired by their columns that are no numbers; of equal ones, in the order of the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Context, Decimal

_EXACT = Context(prec=120)

Columns = Mapping[str, tuple[object, ...]]
"""Name → values, in row order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnChange:
    """
    How one column differs.

    Attributes:
        column: Its name.
        rows: Rows in both versions whose value is another.
        before: Its total before; None if it is no number.
        after: Its total after.
    """

    column: str
    rows: int
    before: Decimal | None
    after: Decimal | None

    @property
    def difference(self) -> Decimal | None:
        """After less before, exact."""
        if self.before is None or self.after is None:
            return None
        return _EXACT.subtract(self.after, self.before)


@dataclass(frozen=True, slots=True, kw_only=True)
class Diff:
    """
    What differs between two versions.

    Attributes:
        rows: Rows of both, before and after.
        added: Rows that only the later has.
        removed: Rows that only the earlier has.
        changed: Rows of both in which some number is another.
        columns: Of every column of the later version, in its order.
        columns_added: Columns that only the later has.
        columns_removed: Columns that only the earlier has.
    """

    rows: tuple[int, int]
    added: int
    removed: int
    changed: int
    columns: tuple[ColumnChange, ...]
    columns_added: tuple[str, ...] = ()
    columns_removed: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Say whether both say the same."""
        moved = self.added or self.removed or self.changed
        return not (moved or self.columns_added or self.columns_removed)


def diff(before: Columns, after: Columns) -> Diff:
    """Compare two versions of a report by their columns."""
    shared = [name for name in after if name in before]
    numbers = [n for n in shared if is_number(before[n]) and is_number(after[n])]
    names = [n for n in shared if n not in numbers]
    old, new = _by_key(before, names), _by_key(after, names)
    pairs: list[tuple[int, int]] = []
    added = removed = 0
    for key in dict.fromkeys((*old, *new)):
        one, other = old.get(key, []), new.get(key, [])
        pairs += zip(one, other, strict=False)
        removed += max(0, len(one) - len(other))
        added += max(0, len(other) - len(one))
    differs = {n: [p for p in pairs if before[n][p[0]] != after[n][p[1]]] for n in numbers}
    return Diff(
        rows=(_length(before), _length(after)),
        added=added,
        removed=removed,
        changed=len({pair for found in differs.values() for pair in found}),
        columns=tuple(
            ColumnChange(
                column=name,
                rows=len(differs.get(name, ())),
                before=total(before[name]) if name in numbers else None,
                after=total(after[name]) if name in numbers else None,
            )
            for name in shared
        ),
        columns_added=tuple(n for n in after if n not in before),
        columns_removed=tuple(n for n in before if n not in after),
    )


def is_number(values: Iterable[object]) -> bool:
    """Say whether all values that are not null are exact numbers; a column of nulls is one."""
    known = (v for v in values if v is not None)
    return all(isinstance(v, int | Decimal) and not isinstance(v, bool) for v in known)


def total(values: Iterable[object]) -> Decimal:
    """Return the exact sum of numbers; nulls count nothing."""
    found = Decimal(0)
    for value in values:
        if isinstance(value, int | Decimal):
            found = _EXACT.add(found, Decimal(value))
    return found


def _by_key(columns: Columns, names: Iterable[str]) -> dict[tuple[object, ...], list[int]]:
    listed = [columns[name] for name in names]
    found: dict[tuple[object, ...], list[int]] = {}
    for row in range(_length(columns)):
        found.setdefault(tuple(column[row] for column in listed), []).append(row)
    return found


def _length(columns: Columns) -> int:
    return len(next(iter(columns.values()), ()))
