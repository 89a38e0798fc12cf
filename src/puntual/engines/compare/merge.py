"""
Two ordered walks of rows into the keys that differ, in the memory of a few rows.

Rows of one key are a multiset: equal rows of both sides pair off one by one, whatever their
order was, and what has no counterpart is kept. No key is joined with itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby

from puntual.model.difference import MULTIPLE
from puntual.ports.side import Encoded


@dataclass(slots=True)
class Half:
    """What one side has of a key: all its rows, those without a counterpart, the first of them."""

    rows: int = 0
    unmatched: int = 0
    only: list[Encoded] = field(default_factory=list)

    def add(self, row: Encoded) -> None:
        """Count a row that has no counterpart, and keep it if it is one of the first."""
        self.rows += 1
        self.unmatched += 1
        if len(self.only) < MULTIPLE:
            self.only.append(row)


@dataclass(slots=True)
class Group:
    """A key, as encoded, whose rows differ."""

    key: str
    left: Half = field(default_factory=Half)
    right: Half = field(default_factory=Half)

    @property
    def counts(self) -> tuple[str, int, int, int, int]:
        """The key, and how many rows it has on both sides, in all and without counterpart."""
        left, right = self.left, self.right
        return self.key, left.rows, right.rows, left.unmatched, right.unmatched


def groups(left: Iterator[Encoded], right: Iterator[Encoded]) -> Iterator[Group]:
    """
    Merge two walks and yield the keys whose rows differ, in the walks' order.

    Args:
        left: Rows of the reference, ordered by key, then both halves of the digest.
        right: Rows of the other side, in the same order.

    Raises:
        AssertionError: A walk is not in order, so that nothing it says could be trusted.
    """
    pairs = _pairs(_ordered(left), _ordered(right))
    for key, of_key in groupby(pairs, key=lambda pair: pair[0]):
        group = Group(key)
        for _, one, two in of_key:
            if one is not None and two is not None:
                group.left.rows += 1
                group.right.rows += 1
            elif one is not None:
                group.left.add(one)
            elif two is not None:
                group.right.add(two)
        if group.left.unmatched or group.right.unmatched:
            yield group


def _pairs(
    left: Iterator[Encoded], right: Iterator[Encoded]
) -> Iterator[tuple[str, Encoded | None, Encoded | None]]:
    """Yield (key, left, right) in order: both where they are equal, else one and None."""
    one, two = next(left, None), next(right, None)
    while one is not None or two is not None:
        if two is None or (one is not None and _place(one) < _place(two)):
            assert one is not None  # noqa: S101 (for the type checker: not both are None)
            yield one.key, one, None
            one = next(left, None)
        elif one is None or _place(two) < _place(one):
            yield two.key, None, two
            two = next(right, None)
        else:
            yield one.key, one, two
            one, two = next(left, None), next(right, None)


def _ordered(rows: Iterator[Encoded]) -> Iterator[Encoded]:
    last = ("", -1, -1)
    for row in rows:
        place = _place(row)
        if place < last:
            raise AssertionError("a side does not give its rows in the order of their keys")
        last = place
        yield row


def _place(row: Encoded) -> tuple[str, int, int]:
    return row.key, row.high, row.low
