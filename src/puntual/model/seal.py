"""How a day of a source ended: read to the end, and compared with the source's own record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum

from puntual.model.manifest import Totals


class SealStatus(StrEnum):
    """`failures.md` section 3; `unverified` is never treated as `matched`."""

    MATCHED = "matched"
    MISMATCHED = "mismatched"
    UNVERIFIED = "unverified"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlRecord:
    """
    The source's own count and sums for a day.

    Attributes:
        source: Its name.
        reference_date: The day.
        count: Records that the source says it sent.
        sums: Exact sums the source says it sent, by column; may be empty.
        digest: SHA-256 the source gives for its one file; "" when none.
        parts: What it says of each of its files or shards, by name; empty when it does not.
    """

    source: str
    reference_date: date
    count: int
    sums: Mapping[str, Decimal] = field(default_factory=dict)
    digest: str = ""
    parts: Mapping[str, Totals] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Landed:
    """
    What was counted in the raw objects of a day.

    Attributes:
        records: Records, whole or not.
        sums: Exact sums of the measures over the records that could be read.
        unreadable: Records that could not be read as the contract's form or whose measure is
            no number; they are in `records` and not in `sums`.
        other_days: Records whose day column names another day: day → how many.
    """

    records: int
    sums: Mapping[str, Decimal] = field(default_factory=dict)
    unreadable: int = 0
    other_days: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seal:
    """
    The verdict on a day of a source.

    Attributes:
        source: Its name.
        reference_date: The day.
        status: The verdict.
        landed: Our side.
        control: The source's side; None when it sent none.
        differences: One plain sentence for each thing that does not agree, sorted.
        parts: Our side of each file or shard, where the source says something of them.
    """

    source: str
    reference_date: date
    status: SealStatus
    landed: Landed
    control: ControlRecord | None
    differences: tuple[str, ...] = ()
    parts: Mapping[str, Totals] = field(default_factory=dict)
