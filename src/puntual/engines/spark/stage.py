"""A raw day parsed once, kept on the executors' disks while it is counted and curated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pyspark import StorageLevel
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from puntual.engines.spark.reader import PART_SHIFT, Reader
from puntual.engines.spark.records import parsed
from puntual.ports.engine import RawDay, RawPart

APART = 32
"""Up to so many parts each split is a partition of its own, so that rows lie in their order."""

_MASK = (1 << PART_SHIFT) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Staged:
    """The parsed records of a raw day, and what their verdicts mean, from number 1."""

    raw: RawDay
    frame: DataFrame
    verdicts: tuple[tuple[str, str, str], ...]


def stage(spark: SparkSession, reader: Reader, raw: RawDay) -> Staged:
    """Parse a raw day and keep it; nothing is read before it is asked for, but a file's lines."""
    frame = parsed(spark, reader, raw, "verdicts").persist(StorageLevel.DISK_ONLY)
    return Staged(raw=raw, frame=frame, verdicts=reader.verdicts(raw))


def position(ordinal: str = "ordinal") -> Column:
    """Return a record's position in its object."""
    return F.col(ordinal).bitwiseAND(F.lit(_MASK))


def short(parts: Sequence[RawPart], ordinal: str = "ordinal") -> Column:
    """Return a record's object, 12 hex digits."""
    if not parts:
        return F.lit(None).cast("string")
    names = F.array(*(F.lit(part.short) for part in parts))
    return F.get(names, F.shiftright(F.col(ordinal), PART_SHIFT).cast("int"))
