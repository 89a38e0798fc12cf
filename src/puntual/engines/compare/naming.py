"""Which class a differing key is of, and the key with its rows as people read them."""

from __future__ import annotations

from collections.abc import Sequence

from puntual.checks.encoding import value_of
from puntual.engines.compare.merge import Group
from puntual.model.difference import (
    Changed,
    Duplicated,
    Extra,
    Missing,
    Row,
    RowDifference,
    Shape,
    Tally,
)
from puntual.ports.side import Encoded


def class_of(group: Group) -> type[RowDifference]:
    """Return the class of a key whose rows differ."""
    if not group.right.rows:
        return Missing
    if not group.left.rows:
        return Extra
    return Changed if group.left.rows == group.right.rows == 1 else Duplicated


def counted(tally: Tally, group: Group) -> Tally:
    """Return a tally with one key more."""
    return Tally(
        keys=tally.keys + 1,
        left_rows=tally.left_rows + group.left.unmatched,
        right_rows=tally.right_rows + group.right.unmatched,
    )


def named(group: Group, shape: Shape) -> RowDifference:
    """Return a differing key with its values; its rows have brought theirs."""
    left, right = _rows(group.left.only, shape), _rows(group.right.only, shape)
    first = (left or right)[0]
    key = tuple(first[name] for name in shape.key)
    kind = class_of(group)
    if kind is Missing:
        return Missing(key=key, rows=group.left.rows, left=left[0])
    if kind is Extra:
        return Extra(key=key, rows=group.right.rows, right=right[0])
    if kind is Changed:
        columns = tuple(
            column
            for column, one, two in zip(
                shape.columns, group.left.only[0].values, group.right.only[0].values, strict=True
            )
            if one != two
        )
        return Changed(key=key, columns=columns, left=left[0], right=right[0])
    return Duplicated(
        key=key,
        left_rows=group.left.rows,
        right_rows=group.right.rows,
        left_only=left,
        right_only=right,
        left_unmatched=group.left.unmatched,
        right_unmatched=group.right.unmatched,
    )


def _rows(rows: Sequence[Encoded], shape: Shape) -> tuple[Row, ...]:
    return tuple(
        {
            name: value_of(text, kind)
            for (name, kind), text in zip(shape.columns.items(), row.values, strict=True)
        }
        for row in rows
    )
