"""A raw day parsed once, kept by the executors while it is counted and curated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from pyspark import StorageLevel
from pyspark.sql import Column, DataFrame, Row, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from puntual.engines.spark.reader import PART_SHIFT, Reader
from puntual.engines.spark.records import parsed
from puntual.model.contract import Contract
from puntual.ports.engine import RawDay, RawPart

APART = 32
"""Up to so many parts each split is a partition of its own, so that rows lie in their order."""

_MASK = (1 << PART_SHIFT) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Staged:
    """
    The parsed records of a raw day.

    Attributes:
        raw: The day.
        frame: What `Reader.parse` gives of each record, and `h`, a hash of its key.
        verdicts: What the verdicts mean, from number 1.
        runs: What each partition holds, once that was asked; see `count.runs`.
    """

    raw: RawDay
    frame: DataFrame
    verdicts: tuple[tuple[str, str, str], ...]
    runs: list[Row] = field(default_factory=list)


def stage(spark: SparkSession, reader: Reader, raw: RawDay) -> Staged:
    """Parse a raw day and keep it; nothing is read before it is asked for, but a file's lines."""
    keys = [value(raw.contract, name) for name in raw.contract.key]
    # Hashed here, so that the search for duplicates reads no column of the key.
    hashed = F.xxhash64(*keys) if keys else F.lit(None).cast("bigint")
    frame = parsed(spark, reader, raw, "verdicts").withColumn("h", hashed)
    kept = frame.persist(StorageLevel.MEMORY_AND_DISK)
    return Staged(raw=raw, frame=kept, verdicts=reader.verdicts(raw))


def value(contract: Contract, name: str) -> str:
    """Return the name of a contract's column among the parsed ones."""
    return f"v{[c.name for c in contract.columns].index(name)}"


def position(ordinal: str = "ordinal") -> Column:
    """Return a record's position in its object."""
    return F.col(ordinal).bitwiseAND(F.lit(_MASK))


def short(parts: Sequence[RawPart], ordinal: str = "ordinal") -> Column:
    """Return a record's object, 12 hex digits."""
    if not parts:
        return F.lit(None).cast("string")
    names = F.array(*(F.lit(part.short) for part in parts))
    return F.get(names, F.shiftright(F.col(ordinal), PART_SHIFT).cast("int"))
