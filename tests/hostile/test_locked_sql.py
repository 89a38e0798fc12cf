"""h4, h5: SQL that `puntual check` did not stop reaches no file, no network and no setting."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from puntual.engines.duckdb.engine import DuckDBEngine
from puntual.engines.duckdb_warehouse import DuckDBWarehouse
from puntual.errors import PermanentError
from puntual.local.catalog import SqliteCatalog, query
from puntual.model.check import Check, SqlRows
from puntual.model.manifest import Totals
from puntual.model.project import Model
from puntual.ports.engine import Day
from puntual.ports.warehouse import LoadOrder

DAY = date(2026, 3, 2)
SECRET = "the canary of a file outside"

Ask = Callable[[str], object]

READS = (
    "SELECT * FROM read_text('/etc/passwd')",
    "SELECT * FROM read_text('{outside}/secret.csv')",
    "SELECT * FROM read_blob('{outside}/secret.csv')",
    "SELECT * FROM read_csv('{lake}/../outside/secret.csv')",
    "SELECT * FROM read_csv('{lake}/link.csv')",
    "SELECT * FROM read_csv('{lake}/folder/secret.csv')",
    "SELECT * FROM read_json('/proc/self/environ')",
    "SELECT * FROM sniff_csv('{outside}/secret.csv')",
    "SELECT * FROM parquet_metadata('{outside}/secret.csv')",
    "SELECT * FROM read_duckdb('{outside}/other.duckdb')",
    "SELECT * FROM glob('{outside}/*')",
    "SELECT * FROM glob('/etc/*')",
    "SELECT * FROM '{outside}/secret.csv'",
    "SELECT * FROM query('SELECT * FROM read_text(''{outside}/secret.csv'')')",
    "SELECT * FROM json_execute_serialized_sql(json_serialize_sql("
    "'SELECT * FROM read_text(''{outside}/secret.csv'')'))",
    "SELECT * FROM read_csv('https://127.0.0.1:9/x.csv')",
    "SELECT * FROM 's3://bucket/x.parquet'",
    "SELECT * FROM duckdb_secrets()",
    "SELECT * FROM which_secret('s3://bucket/x', 's3')",
)
ACTS = (
    "ATTACH '{outside}/new.duckdb'",
    "ATTACH '{outside}/other.duckdb' AS other (READ_ONLY)",
    "COPY t TO '{outside}/stolen.csv'",
    "COPY t TO '{lake}/stolen.csv'",
    "EXPORT DATABASE '{outside}/stolen'",
    "INSTALL httpfs",
    "LOAD httpfs",
    "CREATE SECRET s (TYPE s3, KEY_ID 'a', SECRET 'b')",
    "SET enable_external_access = true",
    "SET lock_configuration = false",
    "SET allowed_directories = ['/']",
    "SET memory_limit = '1TB'",
    "RESET ALL",
    "PRAGMA enable_logging",
    "PRAGMA database_list",
    "CALL enable_logging(storage = 'file', storage_path = '{outside}/log')",
    "SELECT * FROM enable_logging(storage = 'file', storage_path = '{outside}/log')",
    "SELECT * FROM enable_profiling(save_location = '{outside}/profile')",
    "CREATE TABLE x (a INTEGER)",
    "DROP VIEW t",
    "DROP TABLE t",
    "INSERT INTO t VALUES (1)",
    "DELETE FROM t",
    "SELECT 1; DROP TABLE t",
    "WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x",
    "CHECKPOINT",
    "USE temp",
    "VACUUM",
)


@pytest.fixture
def places(tmp_path: Path) -> dict[str, str]:
    """Make a lake with one table and links that lead out of it, and a folder outside."""
    lake, outside = tmp_path / "lake", tmp_path / "outside"
    lake.mkdir()
    outside.mkdir()
    (outside / "secret.csv").write_text(f"a\n{SECRET}\n")
    duckdb.connect(str(outside / "other.duckdb")).close()
    (lake / "link.csv").symlink_to(outside / "secret.csv")
    (lake / "folder").symlink_to(outside)
    published = lake / f"t/reference_date={DAY}"
    published.mkdir(parents=True)
    pq.write_table(
        pa.table({"a": ["1"], "_object": ["0" * 12], "_position": [1]}), published / "t.parquet"
    )
    return {
        "lake": str(lake),
        "outside": str(outside),
        "table": str(published / "t.parquet"),
        "home": str(tmp_path / "home"),
    }


@pytest.fixture(params=["model", "check", "control", "report", "query", "raw"])
def ask(request: pytest.FixtureRequest, places: dict[str, str]) -> Iterator[Ask]:
    """Lend each way by which SQL that somebody else wrote is run."""
    root = Path(places["home"])
    root.mkdir()
    scratch = str(root / "scratch")
    os.mkdir(scratch)
    day = Day(reference_date=DAY, zone="UTC", tables={"t": (places["table"],)})
    confined = () if request.param == "raw" else (places["lake"], scratch)
    engine = DuckDBEngine(threads=1, temporary=str(root), roots=confined)
    warehouse = DuckDBWarehouse(root / "warehouse.duckdb")

    def build(sql: str) -> object:
        model = Model(name="m", file="models/m.sql", sql=sql, inputs=("t",))
        return [pq.read_table(f.path).to_pylist() for f in engine.build(model, day, scratch).files]

    def check(sql: str) -> object:
        rule = SqlRows(file="checks/c.sql", sql=sql)
        return engine.offending(Check(id="c", dataset="t", rule=rule), (), day, scratch)

    def catalog(sql: str) -> object:
        opened = SqliteCatalog(root / "catalog.db")
        opened.publish(
            "t", DAY, manifest="a" * 64, files=(places["table"],), records=1,
            columns=(("a", "VARCHAR"),),
        )  # fmt: skip
        opened.close()
        return query(root / "catalog.db", sql, limit=10).columns

    def report(sql: str) -> object:
        order = LoadOrder(
            table="t", reference_date=DAY, manifest="a" * 64, epoch=1,
            files=(places["table"],), without=(), measures=(),
            expected=Totals(records=1),
        )  # fmt: skip
        warehouse.load(order)
        return warehouse.query(sql, {}, limit=10).columns

    ways: dict[str, Ask] = {
        "model": build,
        "raw": build,
        "check": check,
        "control": lambda sql: engine.query(sql, day, limit=10).columns,
        "report": report,
        "query": catalog,
    }
    yield ways[request.param]
    warehouse.close()
    engine.close()


def seen(folder: str) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in Path(folder).rglob("*"))


@pytest.mark.row("h4")
def test_the_table_of_the_day_can_be_read_in_every_way(ask: Ask) -> None:
    assert ask("SELECT a, '000000000000' AS _object, 1 AS _position FROM t")


@pytest.mark.row("h4")
def test_nothing_outside_is_read_changed_or_set(ask: Ask, places: dict[str, str]) -> None:
    before = seen(places["outside"]), seen(places["lake"])
    held: list[tuple[str, str]] = []
    refused: list[PermanentError] = []
    for sql in READS + ACTS:
        try:
            answer = repr(ask(sql.format(**places)))
        except PermanentError as error:
            refused.append(error)
        else:
            held.append((sql, answer))
    assert held == []
    assert {error.code for error in refused} == {"Q1001"}
    assert not [e for e in refused if SECRET in f"{e} {e.observed}"]
    assert (seen(places["outside"]), seen(places["lake"])) == before


@pytest.mark.row("h4")
def test_puntual_query_reads_published_days_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "puntual.yaml").write_text("name: bank\n")
    (tmp_path / "secret.csv").write_text(f"a\n{SECRET}\n")
    for sql in (
        f"SELECT * FROM read_text('{tmp_path}/secret.csv')",
        f"COPY (SELECT 1) TO '{tmp_path}/stolen.csv'",
        "SET lock_configuration = false",
    ):
        done = subprocess.run(
            [sys.executable, "-m", "puntual.cli.main", "-C", str(tmp_path), "query", sql],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert (done.returncode, "Q1001" in done.stderr) == (2, True)
        assert SECRET not in done.stdout + done.stderr
    assert sorted(p.name for p in tmp_path.glob("*.csv")) == ["secret.csv"]


@pytest.mark.row("h5", "f10")
@pytest.mark.parametrize(
    "sql",
    [
        "SELECT max(len(l)) FROM (SELECT list(i) AS l FROM range(50000000) t(i))",
        "SELECT count(*) FROM (SELECT i FROM range(60000000) t(i) ORDER BY hash(i))",
        "SELECT count(DISTINCT i || 'x') FROM range(60000000) t(i)",
    ],
    ids=["list", "sort", "distinct"],
)
def test_sql_that_needs_more_than_its_limits_stops_and_names_them(tmp_path: Path, sql: str) -> None:
    engine = DuckDBEngine(
        memory_limit="50MB", threads=1, temporary=str(tmp_path), temporary_limit="10MB"
    )
    day = Day(reference_date=DAY, zone="UTC", tables={})
    with pytest.raises(PermanentError) as caught:
        engine.query(sql, day, limit=1)
    assert caught.value.code == "T3001"
    assert "50MB of memory, 10MB of temporary space" in caught.value.expected
    assert seen(str(tmp_path)) == []


@pytest.mark.row("h5")
def test_a_query_that_makes_one_enormous_value_is_stopped(
    tmp_path: Path,
) -> None:
    (tmp_path / "puntual.yaml").write_text("name: bank\n")
    script = tmp_path / "measured.py"  # not `-c`: DuckDB takes that for a person at work
    script.write_text(
        "import re\n"
        "from puntual.cli import query\n"
        "from puntual.cli.main import main\n"
        "query.MEMORY = 1 << 30\n"
        "code = main(['query', 'SELECT list(range) FROM range(200000000)'])\n"
        # Not ru_maxrss: through exec it keeps the peak of the process that started this one.
        "peak = re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())\n"
        "print(code, int(peak[1]) // 1024)\n"
    )
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    code, megabytes = done.stdout.split()
    assert (code, "T3001" in done.stderr) == ("3", True)
    assert int(megabytes) < 1200
