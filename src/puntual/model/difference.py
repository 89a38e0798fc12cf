"""
What differs between two sides, row by row: missing, extra, changed, duplicated.

The left side is the reference: what should be. Rows are multisets within a key: a row that stands
twice on one side and once on the other is a difference, and a key that is not unique is never
joined with itself (`traps.md` 1, case 6).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from puntual.model.contract import ColumnType

Value = str | int | Decimal | date | datetime | bool | None
"""A value as its declared type; what a type of Python cannot hold (`Infinity`) is text."""

Row = Mapping[str, Value]
"""Column → value, in the order of the shape."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """
    What is compared, by declaration; both sides are read as these types (design 4.5).

    Attributes:
        key: Columns that say which rows belong together; they need not be unique, and may be
            null. At least one.
        columns: Column → declared type, key included, in the order in which they are digested.
    """

    key: tuple[str, ...]
    columns: Mapping[str, ColumnType]

    def __post_init__(self) -> None:
        if not self.key or len(set(self.key)) != len(self.key):
            raise ValueError("a key needs at least one column, each once")
        if not set(self.key) <= set(self.columns):
            raise ValueError("the columns of a key are among those compared")


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """
    A key of the reference that the other side does not have.

    Attributes:
        key: Its values, in the order of the shape's key.
        rows: How many rows of the reference have it.
        left: The first of them.
    """

    key: tuple[Value, ...]
    rows: int
    left: Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Extra:
    """
    A key that the reference does not have.

    Attributes:
        key: Its values, in the order of the shape's key.
        rows: How many rows of the right side have it.
        right: The first of them.
    """

    key: tuple[Value, ...]
    rows: int
    right: Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """
    A key that stands once on each side, with other values.

    Attributes:
        key: Its values.
        columns: The columns that differ, in the order of the shape.
        left: The whole row of the reference.
        right: The whole row of the other side.
    """

    key: tuple[Value, ...]
    columns: tuple[str, ...]
    left: Row
    right: Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Duplicated:
    """
    A key that stands more than once on a side, and the rows of both sides are not the same.

    Attributes:
        key: Its values.
        left_rows: How often it stands in the reference.
        right_rows: How often on the other side.
        left_only: Rows of the reference without a counterpart, at most `MULTIPLE` of them.
        right_only: Rows of the other side without one, at most `MULTIPLE`.
        left_unmatched: How many rows of the reference have no counterpart.
        right_unmatched: How many of the other side.
    """

    key: tuple[Value, ...]
    left_rows: int
    right_rows: int
    left_only: tuple[Row, ...]
    right_only: tuple[Row, ...]
    left_unmatched: int
    right_unmatched: int


MULTIPLE = 10
"""How many rows of one key are named on each side."""

RowDifference = Missing | Extra | Changed | Duplicated


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """
    How many of one class there are, named or not.

    Attributes:
        keys: How many keys.
        left_rows: Rows of the reference that have no counterpart.
        right_rows: Rows of the other side that have none.
    """

    keys: int = 0
    left_rows: int = 0
    right_rows: int = 0


class Outcome(StrEnum):
    """What a comparison came to; only `EQUAL` is one that agrees (design 4.7)."""

    EQUAL = "equal"
    DIFFERENT = "different"
    EMPTY_REFERENCE = "empty_reference"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """Why a side could not be compared: the fault that reading it gave, without values."""

    side: str
    code: str
    message: str
    expected: str = ""
    observed: str = ""
    next_step: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """
    One side of a comparison.

    Attributes:
        name: What the caller calls it: `raw`, `warehouse`, a file.
        rows: How many rows it has; None when it could not be read.
        query: SQL that a person can run on its engine as it stands: count and digest of each
            bucket, as they were compared. "" where not even that could be written.
        drill: SQL that lists the rows of the buckets that differed; "" where none did.
    """

    name: str
    rows: int | None
    query: str
    drill: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """
    What two sides come to.

    Attributes:
        outcome: Equal, different, unknown, or nothing to compare with: `EMPTY_REFERENCE` when
            the left side has no row, whatever the right one has.
        shape: What was compared.
        left: The reference.
        right: The other side.
        missing: All keys of the reference that the other side does not have.
        extra: All keys that the reference does not have.
        changed: All keys once on each side, with other values.
        duplicated: All keys more than once on a side, with other rows.
        differences: The first of them, in the order of their keys' encoding.
        more: How many keys differ beside those.
        reasons: Why it is unknown; empty otherwise.
        algorithm: The digest that was compared: `md5-60x2`, or the name of the engine's own hash
            where both sides are of one build of one engine.
    """

    outcome: Outcome
    shape: Shape
    left: Compared
    right: Compared
    missing: Tally = field(default_factory=Tally)
    extra: Tally = field(default_factory=Tally)
    changed: Tally = field(default_factory=Tally)
    duplicated: Tally = field(default_factory=Tally)
    differences: tuple[RowDifference, ...] = ()
    more: int = 0
    reasons: tuple[Unread, ...] = ()
    algorithm: str = ""

    @property
    def keys(self) -> int:
        """How many keys differ, in all classes."""
        tallies = (self.missing, self.extra, self.changed, self.duplicated)
        return sum(t.keys for t in tallies)
