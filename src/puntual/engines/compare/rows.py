"""
Compare two sides: buckets first, in one scan of each, then only the rows of those that differ.

Equal rows never leave their engine but as sums of a bucket. What the client holds does not grow
with the rows, equal or not: the walks are merged as they come, the first `limit` keys are named
and all are counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import chain, islice

from puntual.checks.encoding import ALGORITHM
from puntual.engines.compare.merge import Group, groups
from puntual.engines.compare.naming import class_of, counted, named
from puntual.engines.compare.walk import Walk, reason_of, unstable
from puntual.errors import PuntualError
from puntual.model.difference import (
    Changed,
    Compared,
    Comparison,
    Duplicated,
    Extra,
    Missing,
    Outcome,
    RowDifference,
    Shape,
    Tally,
    Unread,
)
from puntual.ports.side import Bucket, Encoded, Side

BRING_VALUES = 50_000
"""Up to so many rows bring their values at once; of more, only the named ones are asked again."""

MANY = 4
"""Of more than one row in so many that may be named, all bring their values."""


def compare(left: Side, right: Side, shape: Shape, *, limit: int = 100) -> Comparison:
    """
    Compare the rows of two sides as multisets within each key; see `ports/side.py`.

    Args:
        left: The reference.
        right: The other side; it shares no connection with the left one.
        shape: Key, columns and declared types.
        limit: How many differing keys are named; all are counted.

    Returns:
        The comparison; a side that cannot be read makes it unknown, with the reason.
    """
    sides = (left, right)
    with ThreadPoolExecutor(max_workers=2) as pool:
        own = tuple(pool.map(_own_hash, sides))
        native = own[0] == own[1] != "" and isinstance(own[0], str)
        one, two = pool.map(lambda side, name: _scan(side, name, shape, native), sides, own)
        found = Comparison(
            outcome=Outcome.UNKNOWN,
            shape=shape,
            left=one.compared,
            right=two.compared,
            reasons=one.reasons + two.reasons,
            algorithm=str(own[0]) if native else ALGORITHM,
        )
        if found.reasons:
            return found
        differing = frozenset(
            b for b in {*one.buckets, *two.buckets} if one.buckets.get(b) != two.buckets.get(b)
        )
        if not differing:
            agreed = Outcome.EQUAL if one.buckets else Outcome.EMPTY_REFERENCE
            return replace(found, outcome=agreed)
        found = replace(
            found,
            left=replace(one.compared, drill=left.drill(shape, differing, native=native)),
            right=replace(two.compared, drill=right.drill(shape, differing, native=native)),
        )
        seen = _Drill(pool, (one, two), shape, differing, native).seen(limit)
    if seen.reasons:
        return replace(found, reasons=seen.reasons)
    return replace(
        found,
        outcome=Outcome.DIFFERENT if one.buckets else Outcome.EMPTY_REFERENCE,
        missing=seen.tally(Missing),
        extra=seen.tally(Extra),
        changed=seen.tally(Changed),
        duplicated=seen.tally(Duplicated),
        differences=tuple(named(group, shape) for group in seen.first),
        more=sum(t.keys for t in seen.tallies.values()) - len(seen.first),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scan:
    """A side and what its first scan gave."""

    side: Side
    compared: Compared
    buckets: Mapping[int, Bucket]
    reasons: tuple[Unread, ...] = ()


def _own_hash(side: Side) -> str | Unread:
    """Return the name of a side's own hash, or why it cannot even be asked for that."""
    try:
        return side.native()
    except PuntualError as exc:
        return reason_of(side.name, exc)


def _scan(side: Side, own: str | Unread, shape: Shape, native: bool) -> _Scan:
    query = ""
    if isinstance(own, Unread):
        return _unread(side, query, own)
    try:
        query = side.query(shape, native=native)
        buckets = side.buckets(shape, native=native)
    except PuntualError as exc:
        return _unread(side, query, reason_of(side.name, exc))
    rows = sum(b.rows for b in buckets.values())
    compared = Compared(name=side.name, rows=rows, query=query)
    return _Scan(side=side, compared=compared, buckets=buckets)


def _unread(side: Side, query: str, reason: Unread) -> _Scan:
    compared = Compared(name=side.name, rows=None, query=query)
    return _Scan(side=side, compared=compared, buckets={}, reasons=(reason,))


@dataclass(slots=True)
class _Seen:
    """What the walk through differing buckets came to."""

    tallies: dict[type[RowDifference], Tally] = field(default_factory=dict)
    first: list[Group] = field(default_factory=list)
    reasons: tuple[Unread, ...] = ()

    def add(self, group: Group, limit: int) -> None:
        """Count a key, and keep it if it is one of the first."""
        kind = class_of(group)
        self.tallies[kind] = counted(self.tally(kind), group)
        if len(self.first) < limit:
            self.first.append(group)

    def tally(self, kind: type[RowDifference]) -> Tally:
        """Return how many of a class there are."""
        return self.tallies.get(kind, Tally())


@dataclass(frozen=True, slots=True)
class _Drill:
    """The buckets of two sides that differ, and how their rows are walked through."""

    pool: ThreadPoolExecutor
    scans: tuple[_Scan, _Scan]
    shape: Shape
    differing: frozenset[int]
    native: bool

    def seen(self, limit: int) -> _Seen:
        """Count every key that differs, and name the first."""
        held = [[b for n, b in scan.buckets.items() if n in self.differing] for scan in self.scans]
        rows = sum(b.rows for side in held for b in side)
        values = rows <= max(BRING_VALUES, MANY * limit)
        walks = self._walks(values=values)
        seen = _Seen()
        for group in _merged(self.pool, walks):
            seen.add(group, limit)
        seen.reasons = _reasons(walk.reason for walk in walks)
        if not seen.reasons:
            seen.reasons = _reasons(w.settle(b) for w, b in zip(walks, held, strict=True))
        if not values and not seen.reasons:
            seen.first, seen.reasons = self._with_values(seen.first)
        return seen

    def _with_values(self, first: list[Group]) -> tuple[list[Group], tuple[Unread, ...]]:
        """Ask for the values of the keys that are named."""
        walks = self._walks(values=True, keys=tuple(group.key for group in first))
        again = list(_merged(self.pool, walks))
        reasons = _reasons(walk.reason for walk in walks)
        if not reasons and [g.counts for g in again] != [g.counts for g in first]:
            names = ", ".join(scan.side.name for scan in self.scans)
            reasons = (unstable(names, len(first), len(again)),)
        return again, reasons

    def _walks(self, *, values: bool, keys: tuple[str, ...] | None = None) -> list[Walk]:
        return [
            Walk(
                scan.side,
                self.shape,
                self.differing,
                values=values,
                native=self.native,
                keys=keys,
            )
            for scan in self.scans
        ]


def _reasons(found: Iterable[Unread | None]) -> tuple[Unread, ...]:
    return tuple(reason for reason in found if reason is not None)


def _merged(pool: ThreadPoolExecutor, walks: list[Walk]) -> Iterator[Group]:
    """Merge two walks that begin at the same time; end when one of them failed."""
    left, right = pool.map(_begun, walks)
    for group in groups(left, right):
        if any(walk.reason for walk in walks):
            return
        yield group


def _begun(walk: Walk) -> Iterator[Encoded]:
    """Return a walk whose first row is there already: its engine has sorted."""
    rows = iter(walk)
    return chain(list(islice(rows, 1)), rows)
