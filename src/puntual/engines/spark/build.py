"""
A model's SELECT run over the day's curated tables and written in a total order.

A model that carries a source's rows is written as those lie, without moving them; that they are
in order is seen on what was written. Any other is sorted, a large one into several files.
"""

from __future__ import annotations

from collections.abc import Sequence

from pyspark import StorageLevel
from pyspark.sql import DataFrame, SparkSession

from puntual.engines.dialect.rowwise import is_rowwise
from puntual.engines.spark.files import PIECE, ascending, remove, size_of, write, write_one
from puntual.engines.spark.order import ORIGIN, in_order
from puntual.engines.spark.session import SPLIT
from puntual.engines.spark.tables import Tables
from puntual.engines.spark.written import named, read_again, told
from puntual.errors import ProjectError
from puntual.model.project import Model
from puntual.ports.engine import Built, Day

_PLACE = {("_object", "VARCHAR"), ("_position", "BIGINT")}

SENT = 32 << 20
"""Bytes of the other tables' files that are sent to every task, so that what joins them stays."""


def build(tables: Tables, model: Model, folder: str) -> Built:
    """
    Run a model and write its rows; see `Built` for their order.

    The remaining columns follow the origin or the key in the order, so that it is total.

    Raises:
        ProjectError: Q1003 it is not the same on Spark.
        PermanentError: Q1002 a sum has more than 38 digits.
    """
    stays = _stays(tables.spark, model, tables.day)
    if stays:
        tables.spark.conf.set("spark.sql.files.openCostInBytes", str(SPLIT))
        tables.spark.conf.set("spark.sql.autoBroadcastJoinThreshold", str(SENT))
    tables.show(model.sql)
    rows, columns = tables.answer(model.sql, model.file)
    for name, word in columns:
        if word == "HUGEINT":
            raise _too_wide(name, model.file)
    names = [name for name, _ in columns]
    carried = stays and set(columns) >= _PLACE and _is_apart(tables.open[str(model.carries)])
    paths = (_as_it_lies(tables.spark, rows, model, folder) if carried else ()) or _sorted(
        tables, rows, model, folder, names
    )
    written = read_again(tables.spark, rows.schema, paths)
    files, totals = told(written, paths, model.measures, model.file)
    return Built(files=files, totals=totals, columns=columns)


def _stays(spark: SparkSession, model: Model, day: Day) -> bool:
    """Return whether a model can be written as the several files of a source lie."""
    source = day.tables.get(model.carries or "", ())
    if model.carries is None or len(source) < 2 or not is_rowwise(model.sql, model.carries):
        return False
    others = [day.tables[n] for n in model.inputs if n in day.tables and n != model.carries]
    return size_of(spark, [file for files in others for file in files]) <= SENT


def _is_apart(source: DataFrame) -> bool:
    """Return whether each file of a source holds rows of one object, so can be in order."""
    told = source.select("_metadata.file_path", "_object").distinct().collect()
    return len({path for path, _ in told}) == len(told)


def _as_it_lies(spark: SparkSession, rows: DataFrame, model: Model, folder: str) -> tuple[str, ...]:
    """
    Write a file of each task, in the order of places; none where a row has moved.

    Spark keeps the rows of a task in their order where the other tables are sent to it; that it
    did is seen on the files.
    """
    made = {named(path): path for path in write(rows, folder, model.name).values()}
    order = in_order(read_again(spark, rows.schema, [*made.values()]))
    remove(spark, [path for name, path in made.items() if name not in order])
    return tuple(made[name] for name in order)


def _sorted(
    tables: Tables, rows: DataFrame, model: Model, folder: str, names: Sequence[str]
) -> tuple[str, ...]:
    """Write a model in a total order, of many rows in several files that follow one another."""
    first = _first_order(model, names)
    order = [*first, *(n for n in names if n not in first)]
    files = [file for name in tables.open for file in tables.day.tables[name]]
    if size_of(tables.spark, files) <= SPLIT:
        return (write_one(rows, folder, model.name, order),)
    # Kept, for it is counted, sampled for its ranges, and written.
    kept = rows.persist(StorageLevel.MEMORY_AND_DISK)
    try:
        pieces = max(1, round(kept.count() / PIECE))
        if pieces == 1:
            return (write_one(kept, folder, model.name, order),)
        keys = ascending(kept, order)
        ranges = kept.repartitionByRange(pieces, *keys).sortWithinPartitions(*keys)
        return tuple(write(ranges, folder, model.name).values())
    finally:
        kept.unpersist()


def _first_order(model: Model, names: Sequence[str]) -> list[str]:
    if set(ORIGIN) <= set(names):
        return list(ORIGIN)
    return [k for k in model.key if k in names]


def _too_wide(name: str, where: str) -> ProjectError:
    return ProjectError(
        "Q1003",
        f"The column {name} cannot be carried over to spark exactly: files have no HUGEINT.",
        where=where,
        expected="a sum of integers that is cast",
        observed="HUGEINT",
        next_step="Write CAST(sum(...) AS BIGINT) or AS DECIMAL(38,0).",
    )
