"""A model's SELECT run over the day's curated tables and written in a total order."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import functions as F  # noqa: N812

from puntual.engines.spark.curate import exact_sum, sums_of
from puntual.engines.spark.files import escaped, write_one
from puntual.engines.spark.tables import Tables
from puntual.errors import ProjectError
from puntual.model.manifest import Totals
from puntual.model.project import Model
from puntual.ports.engine import Built, DataFile

ORIGIN = ("_object", "_position")


def build(tables: Tables, model: Model, folder: str) -> Built:
    """
    Run a model and write its rows; see `Built` for their order.

    The remaining columns follow the origin or the key in the order, so that it is total.

    Raises:
        ProjectError: Q1003 it is not the same on Spark.
    """
    tables.show(model.sql)
    rows, columns = tables.answer(model.sql, model.file)
    for name, word in columns:
        if word == "HUGEINT":
            raise _too_wide(name, model.file)
    names = [name for name, _ in columns]
    first = _first_order(model, names)
    path = write_one(rows, folder, model.name, [*first, *(n for n in names if n not in first)])
    written = tables.spark.read.schema(rows.schema).parquet(escaped(path))
    sums = [exact_sum(written, m.column).alias(f"s{i}") for i, m in enumerate(model.measures)]
    (row,) = written.agg(F.count("*").alias("n"), *sums).collect()
    return Built(
        files=(DataFile(path=path, records=row["n"]),),
        totals=Totals(records=row["n"], sums=sums_of(row, model.measures)),
        columns=columns,
    )


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
