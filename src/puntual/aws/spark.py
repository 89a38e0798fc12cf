"""Spark as the engine of a Glue job: the job's own application, DuckDB beside it on the driver."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

from puntual.aws.cache import Cache
from puntual.engines.duckdb.engine import DuckDBEngine
from puntual.engines.duckdb.reader import DuckDBReader
from puntual.engines.spark.engine import SparkEngine
from puntual.ports.engine import Engine


@contextmanager
def spark(cache: Cache) -> Iterator[Engine]:
    """Lend Spark; its application is begun when it is first asked, and ends with the process."""
    folder = cache.folder
    beside = DuckDBEngine(temporary=str(folder / "engine"), roots=(str(folder),))
    with (
        closing(beside),
        closing(SparkEngine(reader=DuckDBReader(), beside=beside)) as engine,
    ):
        yield engine
