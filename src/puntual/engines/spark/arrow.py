"""
Batches of Arrow handed to a function on the executors, and rows fetched as Arrow.

`DataFrame.mapInArrow` and `toPandas` ask for pandas, which neither of them then uses for Arrow:
what stands below them is called instead. It is the same in Spark 3.5.0 to 3.5.9 (Glue 5 has 3.5.4).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pyarrow as pa
from pyspark.rdd import PythonEvalType
from pyspark.sql import DataFrame
from pyspark.sql.types import StructType
from pyspark.sql.udf import UserDefinedFunction

from puntual.engines.spark.types import arrow_of

Batches = Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]


def map_batches(frame: DataFrame, work: Batches, schema: StructType) -> DataFrame:
    """Give a frame's batches to a function, task by task in their order; it makes new ones."""
    udf = UserDefinedFunction(
        work, returnType=schema, evalType=PythonEvalType.SQL_MAP_ARROW_ITER_UDF
    )
    columns = [frame[quoted(name)] for name in frame.columns]
    called: Any = udf(*columns)._jc.expr()
    return DataFrame(frame._jdf.pythonMapInArrow(called, False), frame.sparkSession)


def fetch(frame: DataFrame) -> pa.Table:
    """Fetch the rows of a frame, in its order; instants are in UTC."""
    schema = pa.schema([(f.name, arrow_of(f.dataType)) for f in frame.schema.fields])
    batches = frame._collect_as_arrow()
    made = [pa.RecordBatch.from_arrays([*b.columns], names=schema.names) for b in batches]
    tables = [pa.Table.from_batches([b]).cast(schema) for b in made]
    return pa.concat_tables(tables) if tables else schema.empty_table()


def quoted(name: str) -> str:
    """Quote a name as Spark does."""
    return "`" + name.replace("`", "``") + "`"
