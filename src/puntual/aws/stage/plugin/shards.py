"""Ranges of hash keys."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

KEYS = 2**128
"""Hash keys go from 0 to one less (MD5 of the partition key)."""


def ranges(count: int, keys: int) -> Iterator[tuple[int, int]]:
    """Yield `count` equal ranges of 0 … keys - 1, both ends inclusive."""
    for at in range(count):
        yield keys * at // count, keys * (at + 1) // count - 1


def split_at(bounds: Mapping[str, tuple[int, int]], low: int, high: int) -> list[str]:
    """Return the names of the ranges that have a key in common with low … high, in order."""
    over = [(start, name) for name, (start, end) in bounds.items() if start <= high and low <= end]
    return [name for _, name in sorted(over)]
