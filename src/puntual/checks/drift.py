"""
How the columns of a day changed against an earlier one: information, never a pass or a fail.

A share is shown as a percentage with two decimals, made from exact counts; nothing is judged.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import ROUND_HALF_EVEN, Context, Decimal

from puntual.model.profile import ColumnDrift, ColumnProfile, DatasetProfile

_SHARES = Context(prec=60, rounding=ROUND_HALF_EVEN)
_FEW = 16
"""Up to so many distinct values the estimate is exact, and any change is told."""

_NOTABLE = Decimal("0.2")
"""Of more, a change is told from a fifth on: each day's estimate may be some 7 % off."""


def drift(
    before: Iterable[DatasetProfile], after: Iterable[DatasetProfile]
) -> tuple[ColumnDrift, ...]:
    """
    Return what changed, in the order of the later day's datasets and columns.

    A dataset that was not there before is not compared. A range is compared where both days
    kept one; distinct values are, where they moved by more than their estimate's error.
    """
    known = {d.dataset: d for d in before}
    return tuple(
        change
        for now in after
        if now.dataset in known
        for change in _dataset(known[now.dataset], now)
    )


def _dataset(before: DatasetProfile, after: DatasetProfile) -> Iterator[ColumnDrift]:
    if before.rows != after.rows:
        yield ColumnDrift(
            dataset=after.dataset,
            column="",
            trait="rows",
            before=f"{before.rows:,}",
            after=f"{after.rows:,}",
        )
    old: Mapping[str, ColumnProfile] = {c.name: c for c in before.columns}
    new: Mapping[str, ColumnProfile] = {c.name: c for c in after.columns}
    for name in dict.fromkeys((*new, *old)):
        for trait, was, is_now in _column(old.get(name), new.get(name), before.rows, after.rows):
            yield ColumnDrift(
                dataset=after.dataset, column=name, trait=trait, before=was, after=is_now
            )


def _column(
    old: ColumnProfile | None, new: ColumnProfile | None, old_rows: int, new_rows: int
) -> Iterator[tuple[str, str, str]]:
    if old is None or new is None:
        yield "column", old.type if old else "was not there", new.type if new else "is gone"
        return
    if old.type != new.type:
        yield "type", old.type, new.type
    shares = share(old.nulls, old_rows), share(new.nulls, new_rows)
    if shares[0] != shares[1]:
        yield "null share", *shares
    if _moved(old.distinct, new.distinct):
        yield "distinct", f"≈ {old.distinct:,}", f"≈ {new.distinct:,}"
    for trait, was, is_now in (
        ("minimum", old.minimum, new.minimum),
        ("maximum", old.maximum, new.maximum),
    ):
        if was is not None and is_now is not None and was != is_now:
            yield trait, was, is_now


def share(nulls: int | None, rows: int) -> str:
    """Return the share of nulls in percent, two decimals; `-` where there is no row to ask."""
    if nulls is None or rows == 0:
        return "-"
    exact = _SHARES.divide(Decimal(nulls) * 100, Decimal(rows))
    return f"{exact.quantize(Decimal('0.01'), context=_SHARES)} %"


def _moved(old: int, new: int) -> bool:
    larger = max(old, new)
    return abs(old - new) > (_NOTABLE * larger if larger > _FEW else 0)
