"""
One Spark in local mode for all tests, and the engine on it.

Import `spark` into a test module to use it as a fixture. Spark, or a Java, that is not there is
skipped at a desk and fails in CI.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from puntual.engines.duckdb.engine import DuckDBEngine
from puntual.engines.duckdb.reader import DuckDBReader
from support.postgres import needed

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from puntual.engines.spark.engine import SparkEngine

QUIET = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.memory": "1g",
    "spark.driver.extraJavaOptions": "-XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xss4m",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.shuffle.partitions": "1",
}
"""Settings of many small questions: nothing is compiled that would be run once."""

QUIET_SOCKETS = [
    # py4j and PySpark leave their sockets to the garbage collector.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """Give an application of two threads that lives as long as the tests do."""
    needed("pyspark")
    if shutil.which("java") is None and "JAVA_HOME" not in os.environ:
        if os.environ.get("CI"):
            pytest.fail("no Java is installed")
        pytest.skip("no Java is installed")
    from pyspark.sql import SparkSession

    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = SparkSession.builder.master("local[2]").appName("puntual tests")
    folder = tmp_path_factory.mktemp("spark")
    builder = builder.config("spark.local.dir", str(folder))
    builder = builder.config("spark.sql.warehouse.dir", str(folder / "warehouse"))
    for name, value in QUIET.items():
        builder = builder.config(name, value)
    made = builder.getOrCreate()
    made.sparkContext.setLogLevel("OFF")
    yield made
    made.stop()


def spark_engine(spark: SparkSession, folder: str) -> SparkEngine:
    """Return the engine on a Spark, with its scratch in a folder."""
    from puntual.engines.spark.engine import SparkEngine

    beside = DuckDBEngine(threads=1, temporary=folder)
    return SparkEngine(reader=DuckDBReader(), beside=beside, spark=spark)
