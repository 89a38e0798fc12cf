"""
Whether files that were written ascend in the places of their rows, seen on the files themselves.

A file is compared row with row where it lies, batch by batch; the driver compares the ends.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, groupby, pairwise

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql import types as t

from puntual.engines.spark.arrow import map_batches
from puntual.engines.spark.written import FILE

ORIGIN = ("_object", "_position")

_PLACE = [("object", pa.string()), ("position", pa.int64())]
_RUN = pa.schema(
    [
        ("file", pa.string()),
        ("start", pa.int64()),
        ("first", pa.struct(_PLACE)),
        ("last", pa.struct(_PLACE)),
        ("ascends", pa.bool_()),
    ]
)
_PLACE_TYPE = t.StructType().add("object", t.StringType()).add("position", t.LongType())
_RUN_TYPE = (
    t.StructType()
    .add("file", t.StringType())
    .add("start", t.LongType())
    .add("first", _PLACE_TYPE)
    .add("last", _PLACE_TYPE)
    .add("ascends", t.BooleanType())
)


def in_order(rows: DataFrame) -> tuple[str, ...]:
    """
    Return the names of files by their places, which ascend within each and from one to the next.

    Nothing where they do not, where a place stands twice, or where there is no row.

    Args:
        rows: What `read_again` gives of them.
    """
    placed = rows.select(
        F.col(f"`{FILE}`").alias("file"),
        F.col("_metadata.file_block_start").alias("start"),
        *ORIGIN,
    )
    # Runs of one split come in the order of their rows, which sorting keeps.
    found = sorted(map_batches(placed, _runs, _RUN_TYPE).collect(), key=lambda r: (r[0], r[1]))
    if not all(run["ascends"] for run in found):
        return ()
    files = [[*runs] for _, runs in groupby(found, key=lambda run: run["file"])]
    files.sort(key=lambda runs: runs[0]["first"])
    follow = all(one["last"] < two["first"] for one, two in pairwise(chain.from_iterable(files)))
    return tuple(runs[0]["file"] for runs in files) if follow else ()


def _runs(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Tell of a batch's rows of one split: both ends, and whether they ascend and have places."""
    for batch in batches:
        file, start, objects, positions = batch.columns
        other = pc.or_(pc.not_equal(start[1:], start[:-1]), pc.not_equal(file[1:], file[:-1]))
        edges = [0, *(end + 1 for end in pc.indices_nonzero(other).to_pylist()), len(file)]
        further = pc.greater(positions[1:], positions[:-1])
        further = pc.and_(pc.equal(objects[1:], objects[:-1]), further)
        rises = pc.or_(pc.greater(objects[1:], objects[:-1]), further)
        placed = pc.and_(pc.is_valid(objects), pc.is_valid(positions))
        told = [
            {
                "file": file[low],
                "start": start[low],
                "first": {"object": objects[low], "position": positions[low]},
                "last": {"object": objects[high - 1], "position": positions[high - 1]},
                "ascends": _all(placed[low:high]) and _all(rises[low : high - 1]),
            }
            for low, high in pairwise(edges)
            if low < high
        ]
        yield pa.RecordBatch.from_pylist(told, schema=_RUN)


def _all(flags: pa.Array) -> bool:
    return bool(pc.all(flags, min_count=0).as_py())
