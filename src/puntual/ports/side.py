"""
One side of a comparison: a table, a query or files, as buckets of keys and as rows.

A side sees one state of its data from its first answer to its last (a snapshot, or files that
never change), and one walk of rows at a time. The engines make sides (`Engine.side`,
`Warehouse.side`); a `Compare` takes two of them, of any two engines, because a digest is the
same on all (docs/reference/digest.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from puntual.model.contract import ColumnType
from puntual.model.difference import Comparison, Shape


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """Rows whose keys share a bucket: how many, and the exact sums of their digests' halves."""

    rows: int
    high: int
    low: int

    @staticmethod
    def told(answer: Iterable[Sequence[object]]) -> dict[int, Bucket]:
        """Return the buckets of an engine's rows of (bucket, rows, high, low)."""
        return {
            int(str(bucket)): Bucket(rows=int(str(rows)), high=int(str(high)), low=int(str(low)))
            for bucket, rows, high, low in answer
        }


@dataclass(frozen=True, slots=True)
class Encoded:
    """
    One row as a side tells it.

    Attributes:
        key: The canonical encoding of its key.
        high: The first half of its digest.
        low: The second half.
        values: The canonical text of each column, in the order of the shape, None for null;
            empty when values were not asked for.
    """

    key: str
    high: int
    low: int
    values: tuple[str | None, ...]

    @classmethod
    def told(cls, row: Sequence[object]) -> Encoded:
        """Return an engine's row of (key, high, low, values …)."""
        key, high, low, *texts = row
        values = tuple(None if text is None else str(text) for text in texts)
        return cls(str(key), int(str(high)), int(str(low)), values)


class Side(Protocol):
    """
    What a comparison asks of a side; nothing is written to it.

    Every method Raises:
        ProjectError: R6001 a column is not of its declared type and cannot be read as it
            exactly; R6002 a column is not there.
        TransientError: The engine did not answer; its own code.
        PermanentError: The engine refused; its own code.
    """

    name: str
    """What the caller calls it."""

    def types(self) -> Mapping[str, ColumnType | None]:
        """Return its columns in order, None for a type that is not exact (a float, a list)."""

    def native(self) -> str:
        """
        Name the engine's own hash with all that its numbers depend on (build, encoding).

        Two sides that give the same name may be compared by it; "" for an engine without one.
        """

    def query(self, shape: Shape, *, native: bool = False) -> str:
        """Return the SQL of `buckets`, for a person to run."""

    def drill(self, shape: Shape, buckets: frozenset[int], *, native: bool = False) -> str:
        """Return the SQL of `rows` with values, for a person to run."""

    def buckets(self, shape: Shape, *, native: bool = False) -> Mapping[int, Bucket]:
        """
        Return every bucket that has rows, from one scan.

        Args:
            shape: What is compared.
            native: Hash the canonical encoding with the engine's own function, not with MD5.
        """

    def rows(
        self,
        shape: Shape,
        buckets: frozenset[int],
        *,
        values: bool,
        keys: tuple[str, ...] | None = None,
        native: bool = False,
    ) -> Iterator[Encoded]:
        """
        Walk through the rows of some buckets, ordered by key (bytes), then both halves.

        Args:
            shape: What is compared.
            buckets: Which buckets.
            values: Whether rows bring their values.
            keys: Of these buckets only the rows with these keys (as encoded); None: all.
            native: As for `buckets`.
        """


class Compare(Protocol):
    """Compares two sides; it reads them, and never raises for what it finds in them."""

    def __call__(self, left: Side, right: Side, shape: Shape, *, limit: int = 100) -> Comparison:
        """
        Compare the rows of two sides as multisets within each key.

        Args:
            left: The reference.
            right: The other side.
            shape: Key, columns and declared types.
            limit: How many differing keys are named; all are counted.

        Returns:
            The comparison; a side that cannot be read makes it unknown, with the reason.
        """
