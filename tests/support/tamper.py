"""Other data under a step's name, published by the product's own means: a hop that breaks."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from puntual.cli import places
from puntual.cli.archive import Archive
from puntual.engines.duckdb.engine import DuckDBEngine
from puntual.local.objects import LocalObjects
from puntual.local.pointers import SqliteLeases, SqlitePointers
from puntual.runner import checkpoint
from puntual.runner.clock import SystemClock

Rows = list[dict[str, Any]]


def publish_altered(root: Path, step: str, day: str, alter: Callable[[Rows], Rows]) -> Rows:
    """
    Commit another version of a step's data: its rows, altered, with their own totals.

    Returns:
        The rows as they were.
    """
    with tempfile.TemporaryDirectory() as folder, closing(_pointers(root)) as pointers:
        store = Archive(objects=LocalObjects(places.lake_path(root)), pointers=pointers)
        found = checkpoint.read(store, step, date.fromisoformat(day))
        assert found is not None
        made = found.manifest
        data = made.of_role("data")
        tables = [pq.read_table(store.objects.locate(o), partitioning=None) for o in data]
        table = pa.concat_tables(tables)
        rows: Rows = table.to_pylist()
        path = str(Path(folder) / "altered.parquet")
        pq.write_table(pa.Table.from_pylist(alter([dict(r) for r in rows]), table.schema), path)
        with closing(DuckDBEngine()) as engine:
            totals = engine.totals((path,), (), tuple(sorted(made.totals.sums)), algorithm="")
        where = data[0].name.rpartition("/")[0]
        stored = store.objects.put_file(
            where, path, suffix=".parquet", records=totals.records, role="data"
        )
        others = tuple(o for o in made.objects if o.role != "data")
        altered = replace(made, objects=(stored, *others), totals=totals)
        leases = SqliteLeases(places.pointers_path(root), SystemClock())
        with closing(leases), leases.acquire("run") as lease:
            checkpoint.commit(store, altered, epoch=lease.epoch)
        return rows


def rows_of(root: Path, step: str, day: str) -> Rows:
    """Return the rows of a step's data."""
    with closing(_pointers(root)) as pointers:
        store = Archive(objects=LocalObjects(places.lake_path(root)), pointers=pointers)
        found = checkpoint.read(store, step, date.fromisoformat(day))
        assert found is not None
        files = [store.objects.locate(o) for o in found.manifest.of_role("data")]
    return [row for file in files for row in pq.read_table(file, partitioning=None).to_pylist()]


def _pointers(root: Path) -> SqlitePointers:
    return SqlitePointers(places.pointers_path(root))


def alter_warehouse(root: Path, *statements: str) -> None:
    """Change the warehouse's file behind the product's back."""
    with duckdb.connect(str(root / ".puntual" / "warehouse.duckdb")) as connection:
        for statement in statements:
            connection.execute(statement)


def copy_of(project: Path, into: Path) -> Path:
    """Return a copy of a project that was run."""
    shutil.copytree(project, into)
    return into
