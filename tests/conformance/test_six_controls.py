"""
The six false successes of the best-known tool are seen by declared controls on each engine.

On Redshift they are in `test_warehouse_redshift.py`, on Spark in `parity/test_spark_random.py`.
"""

from __future__ import annotations

import os
from contextlib import closing
from datetime import date

import pytest
from support.postgres import postgres_server, with_database
from support.six import SIX, judged, loaded, seen

from puntual.engines.duckdb_warehouse import DuckDBWarehouse
from puntual.model.control import ControlResult

if not os.environ.get("CI"):
    pytest.importorskip("psycopg")

import psycopg

from puntual.engines.postgresql.warehouse import PostgreSQLWarehouse

__all__ = ["postgres_server"]

Results = dict[date, dict[str, ControlResult]]


@pytest.fixture(scope="module", params=["duckdb", "postgresql"])
def results(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Results:
    """Every control of every case's day, as the day's run comes to it on this engine."""
    folder = tmp_path_factory.mktemp("six")
    if request.param == "duckdb":
        with closing(DuckDBWarehouse(folder / "w.duckdb")) as duck:
            return judged(loaded(duck, folder), folder / "bank")
    server = request.getfixturevalue("postgres_server")
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("CREATE DATABASE six")
    with closing(PostgreSQLWarehouse(with_database(server, "six"))) as postgres:
        return judged(loaded(postgres, folder), folder / "bank")


@pytest.mark.row("f36")
@pytest.mark.parametrize("name", SIX)
def test_a_false_success_is_mismatched_by_its_exact_difference(results: Results, name: str) -> None:
    seen(results, name)
