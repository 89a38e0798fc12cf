"""Every promise of `Warehouse`, kept by the Redshift adapter on the stage's PostgreSQL."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest
from botocore.exceptions import ReadTimeoutError
from support.aws import client_on
from support.s3 import lake_of
from support.six import SIX, judged, loaded, seen
from support.stage import faults
from support.warehouse import FRIDAY, M2, WarehouseSuite, small

from puntual.aws.bucket import Bucket
from puntual.aws.redshift_data import DataApi
from puntual.aws.shown import shown
from puntual.aws.stage.standing import Standing
from puntual.aws.warehouse import RedshiftWarehouse
from puntual.checks.encoding import digest
from puntual.errors import PermanentError, ProjectError, TransientError
from puntual.model.manifest import Totals
from puntual.ports.warehouse import LoadOrder

__all__ = ["faults"]

Faults = Callable[[dict[str, Any]], None]


@pytest.fixture(scope="module")
def data(stage: Standing) -> Any:
    return client_on(stage, "redshift-data")


@pytest.fixture(scope="module")
def lake(stage: Standing) -> Bucket:
    return lake_of(client_on(stage, "s3"))


@pytest.fixture(scope="module")
def database(data: Any) -> str:
    """A database of this module's own."""
    name = f"w{uuid.uuid4().hex[:12]}"
    ended = DataApi(data, workgroup="tests", database="dev").run(f"CREATE DATABASE {name}")
    assert ended.error == ""
    return name


@pytest.fixture
def api(data: Any, database: str) -> DataApi:
    """The database, without tables."""
    found = DataApi(data, workgroup="tests", database=database, wait=20, pause=0.01)
    assert found.run_all(("DROP SCHEMA public CASCADE", "CREATE SCHEMA public")).error == ""
    return found


@pytest.fixture(scope="module")
def six(data: Any, lake: Bucket, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The controls of the six false successes, measured in a database of their own."""
    folder = tmp_path_factory.mktemp("six")
    name = f"six{uuid.uuid4().hex[:12]}"
    ended = DataApi(data, workgroup="tests", database="dev").run(f"CREATE DATABASE {name}")
    assert ended.error == ""
    api = DataApi(data, workgroup="tests", database=name, wait=20, pause=0.01)
    return judged(loaded(RedshiftWarehouse(api, lake), folder), folder / "bank")


@pytest.mark.row("f36")
@pytest.mark.parametrize("name", SIX)
def test_a_false_success_is_mismatched_by_its_exact_difference(six: Any, name: str) -> None:
    """Of the best-known tool (`traps.md` 1); on other engines in `test_six_controls.py`."""
    seen(six, name)


PARITY_ROWS = """
SELECT id::BIGINT AS id, s::VARCHAR AS s, m::DECIMAL(18,2) AS m, n::BIGINT AS n, d::DATE AS d,
  b::BOOLEAN AS b, r::DECIMAL(9,4) AS r
FROM (VALUES
  (1, 'Ñandú',  '1.25',  7,    '2026-11-20', true,  '-0.0050'),
  (2, 'abc',    '-0.05', -7,   '2024-02-29', false, '2.5000'),
  (3, '',       '0.00',  0,    '1969-12-31', NULL,  '0.0049'),
  (4, NULL,     NULL,    NULL, NULL,         true,  NULL),
  (5, 'Zebra',  '10.50', 3,    '2026-01-31', false, '-2.5000'),
  (6, '  ab c', '-3.50', -1,   '2000-12-31', NULL,  '1.9950')
) AS t (id, s, m, n, d, b, r)
"""
PARITY = (
    "id", "upper(s)", "lower(s)", "length(s)", "trim(s)", "replace(s, 'b', '+')",
    "left(s, 2)", "right(s, 2)", "substring(s, 2, 3)", "lpad(s, 7, '*')", "s || '-' || id",
    "m + r", "m - r", "m * r", "n % 4", "abs(m)", "round(r, 2)", "ceil(m)", "floor(m)",
    "CAST(m AS BIGINT)", "CAST(r AS DECIMAL(9,2))", "CAST(m AS VARCHAR)", "CAST(n AS VARCHAR)",
    "CAST(d AS VARCHAR)", "coalesce(s, 'none')", "nullif(n, 0)", "greatest(n, id)",
    "least(m, r)", "CASE WHEN b THEN m ELSE r END", "b AND n > 0", "b OR n > 0", "NOT b",
    "extract(year FROM d)", "month(d)", "day(d)", "extract(dow FROM d)",
    "date_trunc('month', d)::DATE", "date_trunc('week', d)::DATE", "d + 1",
    "date_diff('day', d, DATE '2026-11-20')", "s LIKE 'a%'", "s IN ('abc', '')",
    "m BETWEEN 0 AND 5", "m IS DISTINCT FROM r", "s < 'b'", "if(n > 0, 'up', 'down')",
    "row_number() OVER (ORDER BY n DESC)", "rank() OVER (ORDER BY b)",
    "lag(n) OVER (ORDER BY id)", "sum(m) OVER (PARTITION BY b)",
    "sum(n) OVER (ORDER BY id ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)",
    "lead(n) OVER (ORDER BY id)", "dense_rank() OVER (ORDER BY b)", "year(d)", "rpad(s, 4, '.')",
    "first_value(n) OVER (PARTITION BY b ORDER BY id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)",
    "last_value(n) OVER (PARTITION BY b ORDER BY id ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING)",
    "date_trunc('quarter', d)::DATE", "date_trunc('year', d)::DATE", "extract(quarter FROM d)",
    "ltrim(s)", "rtrim(s)", "m IS NOT DISTINCT FROM r",
)  # fmt: skip
PARITY_QUERIES = (
    "SELECT b, count(*) AS n, sum(m) AS s, min(s) AS lo, max(d) AS hi, count(DISTINCT n) AS d, "
    "sum(m) FILTER (WHERE n > 0) AS f, bool_and(n > 0) AS a, bool_or(n > 0) AS o, "
    "max(s) AS m FROM parity GROUP BY b ORDER BY b",
    "SELECT s FROM parity ORDER BY s DESC",
    "SELECT n FROM parity ORDER BY n NULLS FIRST",
    "SELECT p.id FROM parity p LEFT JOIN parity q ON p.n = -q.n WHERE q.id IS NULL ORDER BY 1",
    "SELECT id FROM parity WHERE EXISTS (SELECT 1 FROM parity q WHERE q.n = -parity.n) ORDER BY 1",
    "SELECT id FROM parity QUALIFY row_number() OVER (PARTITION BY b ORDER BY id) = 1 ORDER BY id",
    "SELECT n FROM parity WHERE n > 0 UNION SELECT id FROM parity ORDER BY 1",
    "WITH t AS (SELECT b, sum(m) AS m FROM parity GROUP BY b HAVING count(*) = 2) "
    "SELECT sum(m) AS m FROM t",
)


class TestRedshift(WarehouseSuite):
    @pytest.fixture
    def warehouse(self, api: DataApi, lake: Bucket) -> RedshiftWarehouse:
        return RedshiftWarehouse(api, lake)

    def test_the_digest_is_the_portable_one(
        self, warehouse: RedshiftWarehouse, order: LoadOrder, tmp_path: Path
    ) -> None:
        """The rows of test_warehouse_postgresql.py, and an instant before 1970."""
        vectors = {
            "SELECT 'ab' AS a, 'c' AS b": "408601740193190073:37827418254253985",
            "SELECT 'a' AS a, 'bc' AS b": "1108000329704270783:211723495716450837",
            "SELECT 'ñ' AS a, NULL::DECIMAL(18,2) AS b UNION ALL SELECT NULL, -0.05": (
                "1381641204177481929:1602990808487486094"
            ),
            "SELECT 7::BIGINT AS a, DATE '2026-11-20' AS b, "
            "TIMESTAMPTZ '2026-11-20 16:12:13.123456Z' AS c, true AS d, "
            "-1234567890123456.78::DECIMAL(18,2) AS e": "749248177832963579:189314808937761231",
            "SELECT TIMESTAMPTZ '1969-12-31 23:59:59.999999Z' AS a, DATE '1969-12-31' AS b": "",
        }
        for i, (sql, known) in enumerate(vectors.items()):
            rows = 1 + sql.count("UNION")
            order = small(
                order, tmp_path / f"v{i}.parquet", sql, table=f"v{i}", expected=Totals(records=rows)
            )
            warehouse.load(order)
            key = tuple("abcde"[: 5 if "AS e" in sql else 2])
            found = warehouse.totals(f"v{i}", FRIDAY, key, ())
            expected = known or of_python("s-1;d-1;")
            assert (found.key_digest, found.algorithm) == (expected, "md5-60x2")

    @pytest.mark.row("f49")
    def test_x1_a_conflict_of_transactions_is_transient_and_heals(
        self, warehouse: RedshiftWarehouse, order: LoadOrder, faults: Faults
    ) -> None:
        warehouse.load(order)
        faults({"redshift": {"tests": {"times": 1}}})
        with pytest.raises(TransientError, match="T4003"):
            warehouse.load(replace(order, manifest=M2))
        assert warehouse.load(replace(order, manifest=M2))
        assert warehouse.loaded("events", FRIDAY) == M2

    @pytest.mark.row("f46")
    def test_f46_a_workgroup_that_is_down_is_transient(
        self, warehouse: RedshiftWarehouse, order: LoadOrder, faults: Faults
    ) -> None:
        faults({"redshift": {"tests": {"times": 1, "down": True}}})
        with pytest.raises(TransientError, match="T4003"):
            warehouse.load(order)
        assert warehouse.load(order)

    @pytest.mark.row("f47")
    def test_f47_a_load_whose_answer_was_lost_is_read_from_the_load_log(
        self, warehouse: RedshiftWarehouse, order: LoadOrder, api: DataApi, data: Any
    ) -> None:
        lost: list[str] = []

        def lose(params: Any, **_: Any) -> None:
            """Describe the batch until it has ended, then say that nobody answers."""
            if not lost and lost_batch:
                lost.append(params["Id"])
                raise ReadTimeoutError(endpoint_url="injected")

        lost_batch: list[str] = []

        def began(parsed: Any, **_: Any) -> None:
            lost_batch.append(parsed["Id"])
            time.sleep(0.5)

        events = data.meta.events
        events.register("after-call.redshift-data.BatchExecuteStatement", began)
        events.register("provide-client-params.redshift-data.DescribeStatement", lose)
        try:
            assert warehouse.load(order)
        finally:
            events.unregister("after-call.redshift-data.BatchExecuteStatement", began)
            events.unregister("provide-client-params.redshift-data.DescribeStatement", lose)
        assert lost == lost_batch[:1]
        assert warehouse.totals("events", FRIDAY, (), ()).records == 5

    @pytest.mark.row("f57")
    def test_f57_two_loaders_of_one_day_do_not_both_insert_it(
        self, warehouse: RedshiftWarehouse, order: LoadOrder
    ) -> None:
        warehouse.load(replace(order, epoch=1))
        start = threading.Barrier(2)
        done: list[bool] = []

        def load() -> None:
            start.wait()
            done.append(warehouse.load(replace(order, manifest=M2)))

        threads = [threading.Thread(target=load) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(done) == [False, True]
        assert warehouse.totals("events", FRIDAY, (), ()).records == 5

    def test_x3_a_file_that_vanished_from_s3_fails_the_load_and_never_gives_fewer_rows(
        self, api: DataApi, lake: Bucket, order: LoadOrder
    ) -> None:
        gone = RedshiftWarehouse(api, lake, address=lambda path: lake.where("no/such.parquet"))
        with pytest.raises(PermanentError, match="T4002"):
            gone.load(order)
        assert gone.loaded("events", FRIDAY) is None

    def test_a_file_that_lies_on_s3_is_copied_from_there(
        self, api: DataApi, lake: Bucket, order: LoadOrder
    ) -> None:
        lake.create("curated/x.parquet", Path(order.files[0]).read_bytes())
        asked = []

        def address(path: str) -> str:
            asked.append(path)
            return lake.where("curated/x.parquet")

        assert RedshiftWarehouse(api, lake, address=address).load(order)
        assert asked == [*order.files]

    def test_a_statement_without_an_end_is_cancelled(self, data: Any, database: str) -> None:
        impatient = DataApi(data, workgroup="tests", database=database, wait=0.2, pause=0.01)
        began = time.monotonic()
        with pytest.raises(TransientError, match="T4003"):
            impatient.run("SELECT pg_sleep(30)")
        assert time.monotonic() - began < 10

    def test_x9_a_comparison_of_texts_that_end_in_blanks_is_refused(
        self, warehouse: RedshiftWarehouse, order: LoadOrder, tmp_path: Path
    ) -> None:
        sql = "SELECT 'A ' AS kind, 'B' AS code, 'x' AS note"
        warehouse.load(small(order, tmp_path / "blank.parquet", sql))
        shown = warehouse.query("SELECT kind, code FROM events ORDER BY code", {}, limit=None)
        assert shown.columns == (("A ",), ("B",))
        for asked in (
            "SELECT code FROM events WHERE kind = 'A'",
            "SELECT DISTINCT kind FROM events",
            "SELECT kind AS k, count(*) AS n FROM events GROUP BY k",
            "SELECT count(*) AS n, kind FROM events GROUP BY 2",
            "WITH e AS (SELECT upper(kind) AS u FROM events) SELECT u FROM e ORDER BY u",
            "SELECT kind FROM events UNION SELECT code FROM events",
        ):
            with pytest.raises(ProjectError, match="blanks"):
                warehouse.query(asked, {}, limit=None)

    def test_whatever_is_carried_over_is_answered_as_duckdb_does(
        self, warehouse: RedshiftWarehouse, order: LoadOrder, tmp_path: Path
    ) -> None:
        """One column for each function on the list; with nulls, negative numbers and halves."""
        rows = small(
            order,
            tmp_path / "parity.parquet",
            PARITY_ROWS,
            table="parity",
            expected=Totals(records=6),
        )
        warehouse.load(rows)
        listed = ", ".join(f"{sql} AS c{i}" for i, sql in enumerate(PARITY))
        for sql in (f"SELECT {listed} FROM parity ORDER BY id", *PARITY_QUERIES):
            found = warehouse.query(sql, {}, limit=None)
            with duckdb.connect() as connection:
                connection.execute("SET TimeZone = 'UTC'")
                connection.execute(f"CREATE TABLE parity AS {PARITY_ROWS}")
                expected = connection.execute(sql).fetchall()
            assert list(zip(*found.columns, strict=True)) == expected

    def test_a_page_after_page_is_read_to_the_end(
        self, warehouse: RedshiftWarehouse, order: LoadOrder, tmp_path: Path
    ) -> None:
        many = small(
            order,
            tmp_path / "many.parquet",
            "SELECT i AS n FROM range(2500) t(i)",
            expected=Totals(records=2500),
        )
        warehouse.load(many)
        answer = warehouse.query("SELECT n FROM events ORDER BY n", {}, limit=None)
        assert answer.columns == (tuple(range(2500)),)
        assert warehouse.query("SELECT n FROM events ORDER BY n", {}, limit=1001).truncated


def test_an_error_is_shown_without_values_of_the_data() -> None:
    sql = "SELECT CAST(note AS INTEGER) FROM events WHERE n = 7"
    said = 'ERROR: invalid input syntax for type integer: "Juana 4111"\nLINE 1'
    assert shown(said, sql) == 'invalid input syntax for type integer: "…"'
    assert shown("Invalid digit, Value '9', Pos 0", sql) == "Invalid digit, Value '…', Pos …"
    assert shown('column "note" of 7, not 8', sql) == 'column "note" of 7, not …'


def of_python(encoding: str) -> str:
    high, low = digest(encoding)
    return f"{high}:{low}"
