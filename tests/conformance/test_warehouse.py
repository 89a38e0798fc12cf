"""Every promise of `Warehouse`, kept by a DuckDB file."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest
from support.warehouse import FRIDAY, M1, ROWS, WarehouseSuite

from puntual.engines.duckdb_warehouse import DuckDBWarehouse
from puntual.errors import TransientError
from puntual.model.manifest import Totals
from puntual.ports.warehouse import LoadOrder


class TestDuckDB(WarehouseSuite):
    @pytest.fixture
    def warehouse(self, tmp_path: Path) -> Iterator[DuckDBWarehouse]:
        opened = DuckDBWarehouse(tmp_path / "warehouse.duckdb", memory_limit="200MB", threads=2)
        yield opened
        opened.close()

    def test_reading_alone_makes_no_file(self, warehouse: DuckDBWarehouse, tmp_path: Path) -> None:
        assert warehouse.loaded("events", FRIDAY) is None
        assert not (tmp_path / "warehouse.duckdb").exists()

    def test_what_was_loaded_survives_the_process(
        self, warehouse: DuckDBWarehouse, order: LoadOrder, tmp_path: Path
    ) -> None:
        warehouse.load(order)
        warehouse.close()
        again = DuckDBWarehouse(tmp_path / "warehouse.duckdb")
        assert again.loaded("events", FRIDAY) == M1
        again.close()

    def test_people_may_look_at_the_file_while_it_is_only_read(
        self, warehouse: DuckDBWarehouse, order: LoadOrder, tmp_path: Path
    ) -> None:
        warehouse.load(order)
        assert warehouse.totals("events", FRIDAY, (), ()).records == 5
        code = (
            "import duckdb, sys; c = duckdb.connect(sys.argv[1], read_only=True); "
            "print(c.execute('SELECT count(*) FROM events').fetchone()[0])"
        )
        seen = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path / "warehouse.duckdb")],
            capture_output=True,
            check=True,
        )
        assert seen.stdout == b"5\n"

    @pytest.mark.row("f49")
    def test_f49_a_file_that_another_process_writes_is_busy(
        self, warehouse: DuckDBWarehouse, order: LoadOrder, tmp_path: Path
    ) -> None:
        code = (
            "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print(flush=True); "
            "sys.stdin.read()"
        )
        with subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path / "warehouse.duckdb")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as other:
            assert other.stdout is not None
            other.stdout.readline()
            with pytest.raises(TransientError, match="T4003"):
                warehouse.load(order)
            other.communicate()
        assert warehouse.load(order)

    def test_the_digest_is_the_sum_of_duckdbs_own_hash_which_tells_short_texts_apart(
        self, warehouse: DuckDBWarehouse, order: LoadOrder
    ) -> None:
        warehouse.load(order)
        values = "hash(event_id), event_id IS NULL, n, n IS NULL, amount, amount IS NULL"
        (expected,) = duckdb.execute(f"SELECT sum(hash(hash({values}))) FROM ({ROWS})").fetchall()
        found = warehouse.totals("events", FRIDAY, ("event_id", "n"), ("amount", "n"))
        assert found.key_digest == str(expected[0])

    def test_texts_of_many_values_are_stored_as_they_are_and_others_compressed(
        self, warehouse: DuckDBWarehouse, order: LoadOrder, tmp_path: Path
    ) -> None:
        """30,000 identifiers, each once, beside one of two kinds."""
        file = str(tmp_path / "many.parquet")
        duckdb.execute(
            "COPY (SELECT 'E' || i AS event_id, 'kind ' || i % 2 AS kind FROM range(30000) t(i)) "
            f"TO '{file}' (FORMAT parquet)"
        )
        many = Totals(records=30_000)
        warehouse.load(
            replace(order, table="many", files=(file,), without=(), measures=(), expected=many)
        )
        warehouse.close()
        with duckdb.connect(str(tmp_path / "warehouse.duckdb"), read_only=True) as connection:
            stored = connection.execute(
                "SELECT DISTINCT column_name, compression FROM pragma_storage_info('many') "
                "WHERE segment_type = 'VARCHAR'"
            ).fetchall()
        kinds = {kind for name, kind in stored if name == "kind"}
        assert {kind for name, kind in stored if name == "event_id"} == {"Uncompressed"}
        assert "Uncompressed" not in kinds
