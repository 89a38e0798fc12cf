"""Parquet files written by Spark under our names, and read by their names alone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from pyspark.sql import Column, DataFrame, SparkSession

from puntual.engines.spark.arrow import quoted
from puntual.errors import PermanentError

_GLOB = re.compile(r"([\[\]{}?*\\])")
PIECE = 2_000_000
"""Rows of a file where there are many, about."""


def escaped(path: str) -> str:
    """Write a path so that each of its characters stands for itself, where Spark reads globs."""
    return _GLOB.sub(r"\\\1", path)


def scan(spark: SparkSession, files: Sequence[str]) -> DataFrame:
    """Return the rows of Parquet files, their columns matched by name."""
    merged = "true" if len(files) > 1 else "false"
    return spark.read.option("mergeSchema", merged).parquet(*(escaped(f) for f in files))


def write(frame: DataFrame, folder: str, name: str) -> dict[int, str]:
    """
    Write a frame's partitions as Parquet files, one each, in the order that they have.

    Returns:
        The files `<folder>/<name>.<partition>.parquet` that were made, by partition; one without
        rows is not made, but the first is where all have none.
    """
    spark = frame.sparkSession
    target = f"{folder.rstrip('/')}/.spark-{uuid4().hex}"
    frame.write.parquet(target)
    path, system = _system(spark, target)
    made: dict[int, str] = {}
    for status in system.listStatus(path):
        found = re.match(r"part-(\d+)-", status.getPath().getName())
        if found:
            number = int(found[1])
            made[number] = f"{folder.rstrip('/')}/{name}.{number}.parquet"
            _move(spark, status.getPath().toString(), made[number])
    system.delete(path, True)
    return dict(sorted(made.items()))


def write_one(frame: DataFrame, folder: str, name: str, order: Sequence[str]) -> str:
    """
    Write a frame as one file `<folder>/<name>.parquet`, ascending in columns, nulls last.

    Without columns the frame is one partition already, and is written as it lies.
    """
    if order:
        frame = frame.repartition(1).sortWithinPartitions(*ascending(frame, order))
    (written,) = write(frame, folder, name).values()
    path = f"{folder.rstrip('/')}/{name}.parquet"
    _move(frame.sparkSession, written, path)
    return path


def ascending(frame: DataFrame, order: Sequence[str]) -> list[Column]:
    """Return what a frame is sorted by, to ascend in columns with nulls last."""
    return [frame[quoted(column)].asc_nulls_last() for column in order]


def size_of(spark: SparkSession, files: Sequence[str]) -> int:
    """Return how many bytes files have."""
    found = (_system(spark, file) for file in files)
    return sum(int(system.getFileStatus(path).getLen()) for path, system in found)


def remove(spark: SparkSession, files: Sequence[str]) -> None:
    """Remove files that are not needed."""
    for file in files:
        path, system = _system(spark, file)
        system.delete(path, False)


def _move(spark: SparkSession, source: str, goal: str) -> None:
    """
    Give a file its name; what had it is replaced, as a second run of a step asks.

    Raises:
        PermanentError: T3002 it could not be moved.
    """
    old, system = _system(spark, source)
    new, _ = _system(spark, goal)
    system.delete(new, False)
    if not system.rename(old, new):
        raise PermanentError(
            "T3002",
            "The engine could not name a file that it wrote.",
            where=goal,
            expected="a folder in which files can be moved",
            observed="the file system refused",
            next_step="Look at the permissions of the folder.",
        )


def _system(spark: SparkSession, path: str) -> tuple[Any, Any]:
    """Return a path as Hadoop knows it, and its file system, which writes no checksum files."""
    context: Any = spark.sparkContext
    found = context._jvm.org.apache.hadoop.fs.Path(path)
    system = found.getFileSystem(context._jsc.hadoopConfiguration())
    system.setWriteChecksum(False)
    return found, system
