"""
What is usual by a minute of a day: the level, and how far from it a day may lie.

The expectation of a day is the median of its class by that minute, times the level of the last
week (growth and decline). Every day of the history is predicted the same way from the others;
the quantiles of these errors, over all classes together, give the range: so a class with four
days has the spread of sixty. Whole numbers throughout; ratios are in millionths.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from puntual.planner.curve import WEEKDAY, Arrived, DayClass

ONE = 10**6
"""A ratio of one."""

ALIKE = 6
"""Days of the same weekday that are needed to speak of that weekday."""

RARE = 4
"""Days of a rare class (month ends) that are needed to speak of it: four months."""

ANY = 6
"""Days of the same sort (open or closed) that are needed to speak at all."""

RECENT = 26
"""Days of a class that are looked at, the newest: half a year of a weekday."""

WEEK = 5
"""Ordinary days from whose totals the present level is taken."""

LOCAL = 20
"""Ordinary days before a day, whose median is its local level: a month."""

# The range: the ratio of the 10 % quantile to the median, to the power of 5/2. Volumes vary by
# factors; for errors like a bell in the logarithm that is 2.5 × 1.28 = 3.2 standard deviations.

SHORTFALL = ONE * 4 // 5
"""Four fifths of what is usual are never called too few, however level the history is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usual:
    """
    What is usual by a minute.

    Attributes:
        minute: The minute.
        low: Fewer records are unusual.
        mid: The expectation.
        high: More are unusual.
        total: The expectation for the whole day.
        days: The days that it was taken from, oldest first.
        recent: The last days of any class on which something came, oldest first.
        basis: These in words.
        is_sure: False where the class has too few days: they then stand for what comes at
            least, and only a silence can be told.
    """

    minute: int
    low: int
    mid: int
    high: int
    total: int
    days: tuple[Arrived, ...]
    recent: tuple[Arrived, ...]
    basis: str
    is_sure: bool


Classed = Sequence[tuple[DayClass, Arrived]]
"""Days with their classes, oldest first."""


def usual(history: Classed, kind: DayClass, minute: int) -> Usual | None:
    """
    Return what is usual for a class of day by a minute; None without history.

    Args:
        history: Days of the same source.
        kind: The class of the day that is asked about.
        minute: From local midnight.
    """
    ordinary = [(k, a) for k, a in history if k.open == kind.open and k.kind == WEEKDAY]
    alike = [a for k, a in history if k == kind][-RECENT:]
    pool = ordinary[-3 * RECENT :]
    if len(alike) >= (ALIKE if kind.kind == WEEKDAY else RARE):
        days, basis, is_sure = alike, f"{len(alike)} {_plural(kind)}", True
    elif len(pool) >= ANY:
        days = [a for _, a in pool][-RECENT:]
        basis = f"{len(days)} {'business' if kind.open else 'closed'} days of any weekday"
        is_sure = kind.kind == WEEKDAY
    else:
        return None
    counts = [a.curve.by(minute) for a in days]
    totals = [a.curve.total for a in days]
    if is_sure and kind.kind == WEEKDAY:
        level = _level([a.curve.total for _, a in pool], _bases(pool, None))
        low, high = _range(pool, minute, ())
    else:
        level = ONE
        if is_sure:
            grown = _growth(ordinary, days)
            counts = [count * ratio // ONE for count, ratio in zip(counts, grown, strict=True)]
            totals = [total * ratio // ONE for total, ratio in zip(totals, grown, strict=True)]
        low, high = _range(pool, minute, counts)
    mid, total = median(counts) * level // ONE, median(totals) * level // ONE
    return Usual(
        minute=minute,
        low=max(0, min(mid * low // ONE, mid * SHORTFALL // ONE, mid - 4 * _root(mid))),
        mid=mid,
        high=max(mid * high // ONE, mid + 4 * _root(mid)),
        total=total,
        days=tuple(days),
        recent=tuple([a for _, a in history if a.curve.total][-RECENT:]),
        basis=basis,
        is_sure=is_sure,
    )


def median(values: Sequence[int]) -> int:
    """Return the middle value, the lower of two; values need not be sorted."""
    return sorted(values)[(len(values) - 1) // 2]


def _plural(kind: DayClass) -> str:
    return str(kind) if kind.weekday else f"days ({kind})"


def _growth(ordinary: Classed, days: Sequence[Arrived]) -> list[int]:
    """Return for each day how the local level of today lies to that of its own time."""
    totals = [a.curve.total for _, a in ordinary]
    dates = [a.day for _, a in ordinary]
    now = _local(totals)
    found = []
    for day in days:
        then = _local(totals[: bisect_left(dates, day.day)])
        found.append(now * ONE // then if now and then else ONE)
    return found


def _local(totals: Sequence[int]) -> int:
    return median(totals[-LOCAL:]) if totals else 0


def _range(pool: Classed, minute: int, special: Sequence[int]) -> tuple[int, int]:
    """
    Return lowest and highest usual ratio of a day to its expectation.

    Args:
        pool: The ordinary days, each of which is predicted as today is.
        minute: By which.
        special: The counts of a class that is not ordinary (month ends), which may vary more.
    """
    counts = [a.curve.by(minute) for _, a in pool]
    totals = [a.curve.total for _, a in pool]
    bases, whole = _bases(pool, minute), _bases(pool, None)
    ratios = []
    for place, count in enumerate(counts):
        week = slice(max(0, place - WEEK), place)
        expected = bases[place] * _level(totals[week], whole[week]) // ONE
        if expected:
            ratios.append(count * ONE // expected)
        elif count == 0:
            ratios.append(ONE)
    low, high = _tenths(ratios)
    if special:
        own_low, own_high = _tenths(_own_ratios(special))
        low, high = min(low, own_low), max(high, own_high)
    return _widened(low), _widened(high)


def _widened(ratio: int) -> int:
    """Return a ratio to the power of 5/2."""
    return ratio * ratio // ONE * _root(ratio * ONE) // ONE


def _own_ratios(counts: Sequence[int]) -> list[int]:
    """Return the count of each day of the class to the median of the others."""
    order = sorted(counts)
    ratios = []
    for count in counts:
        base = _median_without(order, count)
        if base:
            ratios.append(count * ONE // base)
    return ratios


def _tenths(ratios: list[int]) -> tuple[int, int]:
    """Return how the 10 % and 90 % quantiles lie to the median."""
    if not ratios:
        return 0, 2 * ONE
    order = sorted(ratios)
    tenth = len(order) // 10 if len(order) >= LOCAL else 0  # of few days, the worst
    middle = max(1, median(order))
    return order[tenth] * ONE // middle, order[-1 - tenth] * ONE // middle


def _bases(days: Classed, minute: int | None) -> list[int]:
    """Return for each day the median of the others of its class, or of all if these are few."""
    counts = [a.curve.total if minute is None else a.curve.by(minute) for _, a in days]
    by_kind: dict[DayClass, list[int]] = {}
    for (kind, _), count in zip(days, counts, strict=True):
        by_kind.setdefault(kind, []).append(count)
    everything = sorted(counts)
    for values in by_kind.values():
        values.sort()
    return [
        _median_without(by_kind[kind] if len(by_kind[kind]) > ALIKE else everything, count)
        for (kind, _), count in zip(days, counts, strict=True)
    ]


def _level(totals: Sequence[int], bases: Sequence[int]) -> int:
    """Return how the last ordinary days lay to their classes, between a half and three halves."""
    ratios = [
        total * ONE // base
        for total, base in zip(totals[-WEEK:], bases[-WEEK:], strict=True)
        if base
    ]
    if len(ratios) < WEEK - 2:
        return ONE
    return min(max(median(ratios), ONE // 2), ONE * 3 // 2)


def _median_without(order: Sequence[int], value: int) -> int:
    """Return the median of sorted values less one of them."""
    count = len(order) - 1
    if count <= 0:
        return 0
    middle = (count - 1) // 2
    return order[middle + 1] if bisect_left(order, value) <= middle else order[middle]


def _root(value: int) -> int:
    """Return the whole square root, the spread of a count of independent arrivals."""
    if value <= 0:
        return 0
    found = 1 << (value.bit_length() + 1) // 2
    while found * found > value:
        found = (found + value // found) // 2
    return found
