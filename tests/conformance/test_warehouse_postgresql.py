"""Every promise of `Warehouse`, kept by a real PostgreSQL."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from support.postgres import postgres_server, with_database
from support.warehouse import FRIDAY, M1, M2, WarehouseSuite, small

from puntual.errors import PermanentError, TransientError
from puntual.model.manifest import Totals
from puntual.ports.warehouse import LoadOrder

if not os.environ.get("CI"):
    pytest.importorskip("psycopg")

import psycopg
from support.lossy import LossyProxy

from puntual.engines.postgresql.warehouse import PostgreSQLWarehouse

__all__ = ["postgres_server"]


@pytest.fixture(scope="module")
def database(postgres_server: str) -> str:
    """A database of this module's own."""
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute("CREATE DATABASE warehouse")
    return with_database(postgres_server, "warehouse")


@pytest.fixture
def dsn(database: str) -> str:
    """The database, without tables."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    return database


def cut_connections(dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name = 'puntual'"
        )


def wait_until_blocked(dsn: str) -> None:
    deadline = time.monotonic() + 20
    with psycopg.connect(dsn, autocommit=True) as connection:
        while time.monotonic() < deadline:
            if connection.execute("SELECT 1 FROM pg_locks WHERE NOT granted").fetchone():
                return
            time.sleep(0.02)
    raise AssertionError("nobody waits for a lock")


class TestPostgreSQL(WarehouseSuite):
    @pytest.fixture
    def warehouse(self, dsn: str) -> Iterator[PostgreSQLWarehouse]:
        opened = PostgreSQLWarehouse(dsn, wait=2)
        yield opened
        opened.close()

    def test_the_digest_is_the_portable_one(
        self, warehouse: PostgreSQLWarehouse, order: LoadOrder, tmp_path: Path
    ) -> None:
        vectors = {
            "SELECT 'ab' AS a, 'c' AS b": "408601740193190073:37827418254253985",
            "SELECT 'a' AS a, 'bc' AS b": "1108000329704270783:211723495716450837",
            "SELECT 'ñ' AS a, NULL::DECIMAL(18,2) AS b UNION ALL SELECT NULL, -0.05": (
                "1381641204177481929:1602990808487486094"
            ),
            "SELECT 7::BIGINT AS a, DATE '2026-11-20' AS b, "
            "TIMESTAMPTZ '2026-11-20 16:12:13.123456Z' AS c, true AS d, "
            "-1234567890123456.78::DECIMAL(18,2) AS e": "749248177832963579:189314808937761231",
        }
        for i, (sql, digest) in enumerate(vectors.items()):
            path = tmp_path / f"v{i}.parquet"
            rows = 1 + sql.count("UNION")
            warehouse.load(small(order, path, sql, table=f"v{i}", expected=Totals(records=rows)))
            key = tuple("abcde"[: 5 if "AS e" in sql else 2])
            found = warehouse.totals(f"v{i}", FRIDAY, key, ())
            assert (found.key_digest, found.algorithm) == (digest, "md5-60x2")

    @pytest.mark.row("f46")
    def test_f46_a_server_that_is_not_there_is_transient(self) -> None:
        absent = PostgreSQLWarehouse("postgresql://127.0.0.1:1/none", wait=2)
        with pytest.raises(TransientError, match="T4003"):
            absent.loaded("events", FRIDAY)

    def test_a_connection_that_was_cut_is_opened_again(
        self, warehouse: PostgreSQLWarehouse, order: LoadOrder, dsn: str
    ) -> None:
        warehouse.load(order)
        cut_connections(dsn)
        with pytest.raises(TransientError, match="T4003"):
            warehouse.totals("events", FRIDAY, (), ())
        assert warehouse.totals("events", FRIDAY, (), ()).records == 5

    @pytest.mark.row("f46")
    def test_f46_a_load_that_was_cut_before_its_commit_changed_nothing(
        self, warehouse: PostgreSQLWarehouse, order: LoadOrder, dsn: str
    ) -> None:
        warehouse.load(order)
        with psycopg.connect(dsn) as blocker:
            blocker.execute("LOCK TABLE events IN ACCESS SHARE MODE")
            blocker.execute("LOCK TABLE puntual_load_log IN EXCLUSIVE MODE")
            failure: list[BaseException] = []

            def load() -> None:
                with closing(PostgreSQLWarehouse(dsn, wait=30)) as mine:
                    try:
                        mine.load(replace(order, manifest=M2))
                    except TransientError as exc:
                        failure.append(exc)

            thread = threading.Thread(target=load)
            thread.start()
            wait_until_blocked(dsn)
            with psycopg.connect(dsn, autocommit=True) as killer:
                killer.execute("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE NOT granted")
            blocker.rollback()
            thread.join()
        assert [str(e)[:5] for e in failure] == ["T4003"]
        assert warehouse.loaded("events", FRIDAY) == M1

    @pytest.mark.row("f47")
    def test_f47_a_commit_whose_answer_was_lost_is_read_from_the_load_log(
        self, order: LoadOrder, dsn: str
    ) -> None:
        with LossyProxy(dsn) as proxy:
            warehouse = PostgreSQLWarehouse(proxy.dsn, wait=5)
            assert warehouse.load(order)
            warehouse.close()
            assert proxy.cut == 1
        direct = PostgreSQLWarehouse(dsn)
        assert direct.loaded("events", FRIDAY) == M1
        assert direct.totals("events", FRIDAY, (), ()).records == 5
        direct.close()

    @pytest.mark.row("f49")
    def test_f49_a_lock_that_is_not_given_in_time_is_transient(
        self, order: LoadOrder, dsn: str
    ) -> None:
        impatient = PostgreSQLWarehouse(dsn, wait=1)
        impatient.load(order)
        with psycopg.connect(dsn) as other:
            other.execute("LOCK TABLE events IN ACCESS EXCLUSIVE MODE")
            with pytest.raises(TransientError, match="T4003"):
                impatient.load(replace(order, manifest=M2))
        assert impatient.load(replace(order, manifest=M2))
        impatient.close()

    @pytest.mark.row("f57")
    def test_f57_two_loaders_of_one_day_do_not_both_insert_it(
        self, order: LoadOrder, dsn: str
    ) -> None:
        start = threading.Barrier(2)
        done: list[bool] = []

        def load() -> None:
            mine = PostgreSQLWarehouse(dsn, wait=20)
            start.wait()
            done.append(mine.load(order))
            mine.close()

        threads = [threading.Thread(target=load) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(done) == [False, True]
        direct = PostgreSQLWarehouse(dsn)
        assert direct.totals("events", FRIDAY, (), ()).records == 5
        direct.close()

    def test_a_text_that_postgresql_cannot_hold_is_refused_without_showing_it(
        self, warehouse: PostgreSQLWarehouse, order: LoadOrder, tmp_path: Path
    ) -> None:
        sql = "SELECT 'Juana' || chr(0) || 'Pérez' AS name"
        with pytest.raises(PermanentError, match="T4002") as caught:
            warehouse.load(small(order, tmp_path / "nul.parquet", sql))
        assert "Juana" not in f"{caught.value} {caught.value.observed}"
