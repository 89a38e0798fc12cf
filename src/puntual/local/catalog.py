"""
Port `Catalog` on one machine: what readers find under a dataset's name.

The catalog is a projection of the pointers, never the truth. It is kept in SQLite
(`catalog.db`: datasets, partitions, files, columns); `catalog.duckdb` beside it holds one view
a dataset over the published Parquet, for any DuckDB user to attach read-only.
"""

from __future__ import annotations

import os
import re
import sqlite3
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb

from puntual.engines.dialect.sql import literal, quote
from puntual.engines.duckdb_warehouse import answer, fault
from puntual.failpoints import failpoint
from puntual.local.bounded import within
from puntual.local.disk import sync_folder, translated
from puntual.local.state import answering, open_state, transaction
from puntual.ports.engine import Answer
from puntual.ports.journal import Partition

_SCHEMA = """
CREATE TABLE IF NOT EXISTS datasets (
  dataset TEXT PRIMARY KEY,
  shown INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS partitions (
  dataset TEXT NOT NULL REFERENCES datasets,
  reference_date TEXT NOT NULL,
  manifest TEXT NOT NULL,
  records INTEGER NOT NULL,
  PRIMARY KEY (dataset, reference_date)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS files (
  dataset TEXT NOT NULL,
  reference_date TEXT NOT NULL,
  position INTEGER NOT NULL,
  path TEXT NOT NULL,
  PRIMARY KEY (dataset, reference_date, position),
  FOREIGN KEY (dataset, reference_date) REFERENCES partitions ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS columns (
  dataset TEXT NOT NULL,
  reference_date TEXT NOT NULL,
  position INTEGER NOT NULL,
  name TEXT NOT NULL,
  type TEXT NOT NULL,
  PRIMARY KEY (dataset, reference_date, position),
  FOREIGN KEY (dataset, reference_date) REFERENCES partitions ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
"""
TIMEOUT = 600.0
"""Seconds that a question of a person may take, unless the person allows more."""

_DAY = "reference_date"
_HIDDEN = re.compile(rf"{_DAY}|build", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """
    A dataset as readers see it.

    Attributes:
        name: The dataset.
        columns: (name, type in DuckDB's words); those of the newest day first.
        files: Absolute paths, by day and position.
        even: Every day has the same columns.
    """

    name: str
    columns: tuple[tuple[str, str], ...]
    files: tuple[str, ...]
    even: bool


class SqliteCatalog:
    """
    A catalog in a state file, and the DuckDB file of views that is made from it.

    Publishing writes SQLite alone, durably. The file of views is made anew by `refresh` or
    `close` when something was published since; it takes the old one's place in one step, so
    that whoever has the old one attached is not disturbed and disturbs nobody.
    """

    def __init__(self, path: Path, *, views: bool = True) -> None:
        self._path = Path(os.path.abspath(path))
        self._views = views
        self._db = open_state(self._path, _SCHEMA)

    def publish(
        self,
        dataset: str,
        reference_date: date,
        *,
        manifest: str,
        files: tuple[str, ...],
        records: int,
        columns: tuple[tuple[str, str], ...],
    ) -> None:
        """
        Point a dataset's day at these files, in place of those before.

        Args:
            dataset: The dataset.
            reference_date: The day.
            manifest: Digest of the manifest that lists the files.
            files: Paths of Parquet files below a folder `reference_date=<day>`.
            records: Rows in them.
            columns: (name, type in DuckDB's words), in order.

        Raises:
            PermanentError: T1001, T1002, T1003, T2004.
            TransientError: T2002.
            ValueError: A file lies in no folder of that day (a bug of the caller).
        """
        one = Partition(
            dataset=dataset,
            reference_date=reference_date,
            manifest=manifest,
            files=files,
            records=records,
            columns=columns,
        )
        self.publish_all((one,))

    def publish_all(self, partitions: Iterable[Partition]) -> None:
        """
        Publish many days at once: all of them or none.

        Raises:
            PermanentError: T1001, T1002, T1003, T2004.
            TransientError: T2002.
            ValueError: A file lies in no folder of its day (a bug of the caller).
        """
        with transaction(self._db, self._path) as db:
            for one in partitions:
                self._point(db, one)
        failpoint("catalog.published")

    def published(self) -> Mapping[tuple[str, date], str]:
        """
        Return (dataset, day) → digest of the manifest that it is pointed at.

        Raises:
            PermanentError: T1002, T1003, T2004.
            TransientError: T2002.
        """
        with answering(self._path):
            rows = self._db.execute(
                "SELECT dataset, reference_date, manifest FROM partitions"
            ).fetchall()
        return {(dataset, date.fromisoformat(day)): manifest for dataset, day, manifest in rows}

    def refresh(self) -> bool:
        """
        Make the DuckDB file of views anew if something was published since.

        Returns:
            False when it was up to date.

        Raises:
            PermanentError: T1001, T1002, T1003, T2004.
            TransientError: T2002.
        """
        target = self._path.with_suffix(".duckdb")
        with answering(self._path):
            (stale,) = self._db.execute("SELECT count(*) FROM datasets WHERE shown = 0").fetchone()
        if not stale and target.exists():
            return False
        tables = self.tables()
        temp = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
        with translated(str(target)):
            for left in target.parent.glob(f".{target.name}.*"):  # by a refresh that was killed
                left.unlink(missing_ok=True)
            try:
                with duckdb.connect(str(temp)) as connection:
                    _show(connection, tables)
                failpoint("catalog.shown")
                os.replace(temp, target)
                sync_folder(target.parent)
                failpoint("catalog.refreshed")
            except duckdb.Error as exc:
                raise fault(exc, str(target), "T4002") from exc
            finally:
                temp.unlink(missing_ok=True)
                temp.with_name(f"{temp.name}.wal").unlink(missing_ok=True)
        with transaction(self._db, self._path) as db:
            db.execute("UPDATE datasets SET shown = 1")
        return True

    def tables(self) -> tuple[Table, ...]:
        """
        Return every published dataset, sorted by name.

        Raises:
            PermanentError: T1002, T1003, T2004.
            TransientError: T2002.
        """
        with answering(self._path):
            return _tables(self._db, self._path.parent)

    def close(self) -> None:
        """
        Bring the file of views up to date, if this is for views, and give up the connection.

        Raises:
            PermanentError: T1001, T1002, T1003, T2004.
            TransientError: T2002.
        """
        try:
            if self._views:
                self.refresh()
        finally:
            self._db.close()

    def _point(self, db: sqlite3.Connection, one: Partition) -> None:
        day = one.reference_date.isoformat()
        if not all(f"/{_DAY}={day}/" in file for file in one.files):
            raise ValueError(f"a file of {one.dataset} lies in no folder {_DAY}={day}")
        held = [self._relative(file) for file in one.files]
        db.execute(
            "INSERT INTO datasets VALUES (?, 0) ON CONFLICT DO UPDATE SET shown = 0",
            (one.dataset,),
        )
        db.execute(
            "DELETE FROM partitions WHERE dataset = ? AND reference_date = ?", (one.dataset, day)
        )
        db.execute(
            "INSERT INTO partitions VALUES (?, ?, ?, ?)",
            (one.dataset, day, one.manifest, one.records),
        )
        db.executemany(
            "INSERT INTO files VALUES (?, ?, ?, ?)",
            [(one.dataset, day, i, path) for i, path in enumerate(held)],
        )
        db.executemany(
            "INSERT INTO columns VALUES (?, ?, ?, ?, ?)",
            [(one.dataset, day, i, name, kind) for i, (name, kind) in enumerate(one.columns)],
        )

    def _relative(self, file: str) -> str:
        """A project that is moved takes its files along: paths inside it are kept relative."""
        path = Path(os.path.abspath(file))
        inside = path.is_relative_to(self._path.parent)
        return str(path.relative_to(self._path.parent) if inside else path)


def connect(path: Path) -> duckdb.DuckDBPyConnection:
    """
    Open a private DuckDB in memory with a view of every published dataset.

    It can read the published files and nothing else, its memory and temporary space are
    bounded, and its settings are locked (`failures.md` h4, h5). A catalog that does not exist
    yet has no datasets.

    Args:
        path: `catalog.db`.

    Raises:
        PermanentError: T1002, T1003, T2004; T4002 a published file is missing.
        TransientError: T2002.
    """
    tables = tables_at(path)
    connection = duckdb.connect(config=_limits(path))
    try:
        connection.execute("SET TimeZone = 'UTC'")
        _show(connection, tables)
        files = ", ".join(literal(file) for table in tables for file in table.files)
        connection.execute(f"SET allowed_paths = [{files}]")
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
    except duckdb.Error as exc:
        connection.close()
        raise fault(exc, f"catalog {path}", "T4002") from exc
    return connection


def tables_at(path: Path) -> tuple[Table, ...]:
    """
    Return every dataset of a catalog without writing to it; none where there is no catalog yet.

    Args:
        path: `catalog.db`.

    Raises:
        PermanentError: T1002, T1003, T2004.
        TransientError: T2002.
    """
    if not path.exists():
        return ()
    with answering(path):
        db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
        try:
            return _tables(db, path.absolute().parent)
        finally:
            db.close()


def _limits(path: Path) -> dict[str, str | bool | int | float | list[str]]:
    return {
        "memory_limit": "1200MB",
        "temp_directory": str(path.absolute().with_name("query.tmp")),
        "max_temp_directory_size": "20GB",
        "autoinstall_known_extensions": False,
    }


def query(path: Path, sql: str, *, limit: int | None, timeout: float = TIMEOUT) -> Answer:
    """
    Answer one read-only SELECT over the published datasets, for `puntual query`.

    Args:
        path: `catalog.db`.
        sql: One SELECT.
        limit: Rows at most; None: all.
        timeout: Seconds after which it is interrupted.

    Raises:
        PermanentError: Q1001 the SQL failed; Q1007 it did not end in time; T1002, T1003, T2004,
            T3001, T4002.
        TransientError: T2002.
    """
    with connect(path) as connection:
        try:
            where = "query on the catalog"
            return within(
                connection, timeout, where, lambda: answer(connection, sql, {}, limit=limit)
            )
        except duckdb.Error as exc:
            raise fault(exc, "query on the catalog", "Q1001") from exc


def _tables(db: sqlite3.Connection, folder: Path) -> tuple[Table, ...]:
    names = [row[0] for row in db.execute("SELECT dataset FROM datasets ORDER BY dataset")]
    return tuple(_table(db, folder, name) for name in names)


def _table(db: sqlite3.Connection, folder: Path, dataset: str) -> Table:
    files = db.execute(
        "SELECT path FROM files WHERE dataset = ? ORDER BY reference_date, position", (dataset,)
    ).fetchall()
    columns = db.execute(
        "SELECT name, type, max(reference_date), min(position), count(*) FROM columns "
        "WHERE dataset = ? GROUP BY name, type ORDER BY 3 DESC, 4, 1",
        (dataset,),
    ).fetchall()
    (days,) = db.execute("SELECT count(*) FROM partitions WHERE dataset = ?", (dataset,)).fetchone()
    newest: dict[str, str] = {}
    for name, kind, *_ in columns:
        if not _HIDDEN.fullmatch(name):
            newest.setdefault(name, kind)
    return Table(
        name=dataset,
        columns=tuple(newest.items()),
        files=tuple(str(folder / row[0]) for row in files),
        even=all(count == days for *_, count in columns),
    )


def _show(connection: duckdb.DuckDBPyConnection, tables: tuple[Table, ...]) -> None:
    for table in tables:
        connection.execute(f"CREATE VIEW {quote(table.name)} AS {_select(table)}")


def _select(table: Table) -> str:
    """Return the SELECT of a view: the day, from the files' folder, then the columns."""
    if not table.files:
        empty = [f"CAST(NULL AS {kind}) AS {quote(name)}" for name, kind in table.columns]
        return f"SELECT {', '.join([f'CAST(NULL AS DATE) AS {_DAY}', *empty])} WHERE false"
    names = ", ".join([_DAY, *(quote(name) for name, _ in table.columns)])
    files = ", ".join(literal(file) for file in table.files)
    return (
        f"SELECT {names} FROM read_parquet([{files}], hive_partitioning = true, "
        f"hive_types = {{'{_DAY}': DATE}}, union_by_name = {str(not table.even).lower()})"
    )
