"""What the columns of a curated day look like: information for people, never a pass or a fail."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnProfile:
    """
    A column of a day.

    Attributes:
        name: The column.
        type: In DuckDB's words.
        nulls: How many rows have none; None where the files do not say.
        distinct: About how many values there are, over `looked_at` rows: an estimate
            (HyperLogLog), some 7 % off, and exact for a handful.
        looked_at: From how many of the day's first rows `distinct` was estimated.
        minimum: The smallest value as exact text; None where there is none, where it is too
            long to be kept, and where the column is classified.
        maximum: The largest; the same.
        classified: The column is not public: its range is not kept.
    """

    name: str
    type: str
    nulls: int | None
    distinct: int
    looked_at: int
    minimum: str | None = None
    maximum: str | None = None
    classified: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetProfile:
    """A curated dataset's day: its rows, and its columns in order."""

    dataset: str
    rows: int
    columns: tuple[ColumnProfile, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnDrift:
    """
    How one trait of a column changed from one day to another.

    Attributes:
        dataset: The curated dataset.
        column: Its column; "" for the dataset's rows.
        trait: `rows`, `null share`, `distinct`, `minimum`, `maximum`, `column`.
        before: On the earlier day, as people read it.
        after: On this day.
    """

    dataset: str
    column: str
    trait: str
    before: str
    after: str
