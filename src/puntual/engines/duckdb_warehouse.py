"""Port `Warehouse` on a DuckDB file: the day's rows replace the day's rows."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from uuid import uuid4

import duckdb

from puntual.checks.comparable import not_exact
from puntual.checks.encoding import ALGORITHM
from puntual.engines.dialect import loads
from puntual.engines.dialect.digest import totals_sql
from puntual.engines.dialect.fast import FAST
from puntual.engines.dialect.loads import DAY, LOG
from puntual.engines.dialect.sql import compile_sql, quote
from puntual.errors import (
    PermanentError,
    PuntualError,
    TransientError,
    machine_fault,
)
from puntual.failpoints import failpoint
from puntual.model.contract import ColumnType
from puntual.model.manifest import Digest, Totals
from puntual.ports.engine import Answer
from puntual.ports.warehouse import LoadOrder

_LOG_TABLE = f"""
CREATE TABLE IF NOT EXISTS {LOG} (
  table_name VARCHAR NOT NULL,
  {DAY} DATE NOT NULL,
  manifest VARCHAR NOT NULL,
  epoch BIGINT NOT NULL,
  records BIGINT NOT NULL,
  loaded_columns VARCHAR NOT NULL,
  PRIMARY KEY (table_name, {DAY})
)
"""
_TYPES = re.compile(
    r"VARCHAR|BIGINT|INTEGER|SMALLINT|DATE|BOOLEAN|TIMESTAMP( WITH TIME ZONE)?"
    r"|DECIMAL\(\d+,\d+\)"
)
_LONGEST = 63
_SILENT = (duckdb.ConversionException, duckdb.OutOfRangeException, duckdb.InvalidInputException)

_Columns = dict[str, str]


class DuckDBWarehouse:
    """
    Tables in one DuckDB file, opened when they are first needed.

    Loading holds the file for writing; reading opens it read-only, without access to any
    other file, so that people may look at it meanwhile.

    Args:
        path: The file.
        memory_limit: Of DuckDB.
        threads: Of DuckDB; None: one for each core.
        temp: Where what does not fit into memory goes; None: beside the file.
        portable: Rows are digested as every engine does, and not by the faster way of DuckDB: to
            be compared with what another warehouse held.
    """

    def __init__(
        self,
        path: Path,
        *,
        memory_limit: str = "1200MB",
        threads: int | None = None,
        temp: Path | None = None,
        portable: bool = False,
    ) -> None:
        self.digest_algorithm = ALGORITHM if portable else FAST
        self._path = path
        self._limit = memory_limit
        self._threads = threads
        self._temp = temp or path.with_name(f"{path.name}.tmp")
        self._open: duckdb.DuckDBPyConnection | None = None
        self._writing = False

    def load(self, order: LoadOrder) -> bool:
        """
        Replace the day's rows in one transaction; see the port.

        Returns:
            False when it was already loaded.

        Raises:
            EvidenceError: R4001 the table does not hold what was expected; nothing changed.
            PermanentError: T4001 the log holds a higher epoch; T4002 a file is missing, a type
                is changed or is not exact; T3001 out of memory or temporary space.
            TransientError: T4003 another process holds the file.
        """
        try:
            return self._load(self._writer(), order)
        except duckdb.Error as exc:
            raise fault(exc, f"warehouse table {order.table}", "T4002") from exc

    def loaded(self, table: str, reference_date: date) -> Digest | None:
        """
        Return the manifest that the load log holds for a table's day.

        Raises:
            PermanentError: T4002.
            TransientError: T4003 another process holds the file.
        """
        try:
            entry = _logged(self._reader(), table, reference_date)
        except duckdb.Error as exc:
            raise fault(exc, f"warehouse table {table}", "T4002") from exc
        return None if entry is None else entry[0]

    def totals(
        self,
        table: str,
        reference_date: date,
        key: tuple[str, ...],
        measures: tuple[str, ...],
        *,
        types: Mapping[str, ColumnType] | None = None,
    ) -> Totals:
        """
        Count, sum and digest the day's rows; a table that does not exist has none.

        Raises:
            ProjectError: R6001, R6002 a column is not there, or not of the type that is asked.
            PermanentError: T4002; T3001.
            TransientError: T4003 another process holds the file.
        """
        try:
            asked = self._types(types)
            return _totals(self._reader(), table, reference_date, key, measures, asked)
        except duckdb.Error as exc:
            raise fault(exc, f"warehouse table {table}", "T4002") from exc

    def columns(self, table: str) -> Mapping[str, str]:
        """
        Return a table's columns with their types in DuckDB's words; see the port.

        Raises:
            PermanentError: T4002.
            TransientError: T4003 another process holds the file.
        """
        try:
            return _columns(self._reader(), table)
        except duckdb.Error as exc:
            raise fault(exc, f"warehouse table {table}", "T4002") from exc

    def digest_query(
        self,
        table: str,
        reference_date: date,
        key: tuple[str, ...],
        *,
        types: Mapping[str, ColumnType] | None = None,
    ) -> str:
        """
        Return the SELECT with which `totals` counts and digests; see the port.

        Raises:
            ProjectError: R6001, R6002 a column is not there, or not of the type that is asked.
            PermanentError: T4002.
            TransientError: T4003 another process holds the file.
        """
        try:
            held = _columns(self._reader(), table)
            asked = self._types(types)
            algorithm = FAST if asked is None else ALGORITHM
            return (
                totals_sql(
                    table, reference_date, key, (), held, algorithm=algorithm, as_types=asked
                )
                if held
                else ""
            )
        except duckdb.Error as exc:
            raise fault(exc, f"warehouse table {table}", "T4002") from exc

    def _types(self, types: Mapping[str, ColumnType] | None) -> Mapping[str, ColumnType] | None:
        """Return the types that columns are digested as; None: by DuckDB's own way."""
        return {} if types is None and self.digest_algorithm == ALGORITHM else types

    def query(self, sql: str, params: Mapping[str, object], *, limit: int | None) -> Answer:
        """
        Answer one read-only SELECT with named parameters (`:name`).

        Raises:
            PermanentError: Q1001 the SQL failed; T3001.
            TransientError: T4003 another process holds the file.
        """
        try:
            return answer(
                self._reader(), compile_sql(sql, "duckdb", names=params), params, limit=limit
            )
        except duckdb.Error as exc:
            raise fault(exc, "query on the warehouse", "Q1001") from exc

    def close(self) -> None:
        """Give up the file; what was committed is in it."""
        if self._open is not None:
            self._open.close()
            self._open = None

    def _writer(self) -> duckdb.DuckDBPyConnection:
        if self._open is None or not self._writing:
            self.close()
            if not self._path.exists():
                self._make()
            self._open = self._connect(read_only=False)
            self._writing = True
            self._open.execute(_LOG_TABLE)
        return self._open

    def _make(self) -> None:
        """
        Make the file under another name, then give it its own.

        DuckDB writes the head of a file in several steps, and one with half a head is never
        opened again.
        """
        folder = self._path.parent
        folder.mkdir(parents=True, exist_ok=True)
        for left in folder.glob(f".{self._path.name}.*"):  # by a run that was killed here
            left.unlink()
        temp = folder / f".{self._path.name}.{uuid4().hex}"
        try:
            duckdb.connect(str(temp)).close()
            failpoint("warehouse.made")
            os.rename(temp, self._path)
            names = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(names)
            finally:
                os.close(names)
        finally:
            temp.unlink(missing_ok=True)
            temp.with_name(f"{temp.name}.wal").unlink(missing_ok=True)

    def _reader(self) -> duckdb.DuckDBPyConnection:
        if self._open is None or self._writing:
            self.close()
            self._writing = False
            self._open = self._connect(read_only=True)
        return self._open

    def _connect(self, *, read_only: bool) -> duckdb.DuckDBPyConnection:
        config: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": self._limit,
            "temp_directory": str(self._temp),
            "max_temp_directory_size": "100GB",
            "autoinstall_known_extensions": False,
        }
        if self._threads is not None:
            config["threads"] = self._threads
        missing = read_only and not self._path.exists()
        place = ":memory:" if missing else str(self._path)
        connection = duckdb.connect(place, read_only=read_only and not missing, config=config)
        connection.execute("SET TimeZone = 'UTC'")
        if read_only:
            connection.execute("SET enable_external_access = false")
            connection.execute("SET lock_configuration = true")
        return connection

    def _load(self, connection: duckdb.DuckDBPyConnection, order: LoadOrder) -> bool:
        entry = _logged(connection, order.table, order.reference_date)
        if entry is not None and entry[1] > order.epoch:
            raise loads.fenced(order, entry[1])
        if entry is not None and entry[0] == order.manifest and not order.anew:
            return False
        columns = _file_columns(connection, order)
        connection.execute("BEGIN")
        try:
            failpoint("warehouse.begun")
            _shape(connection, order, columns)
            _replace(connection, order, columns)
            failpoint("warehouse.inserted")
            held = _totals(connection, order.table, order.reference_date, (), order.measures, None)
            loads.verify(order, held)
            _log(connection, order, columns)
            failpoint("warehouse.logged")
            connection.execute("COMMIT")
            failpoint("warehouse.committed")
        except BaseException:
            _roll_back(connection)
            raise
        return True


def answer(
    connection: duckdb.DuckDBPyConnection,
    sql: str,
    params: Mapping[str, object],
    *,
    limit: int | None,
) -> Answer:
    """
    Run one SELECT (`$name` parameters) and return its rows by column.

    Raises:
        duckdb.Error: It failed; the caller translates.
        PermanentError: Q1001 it is not one SELECT.
    """
    statements = connection.extract_statements(sql)
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise loads.refused(
            "not one SELECT", "one SELECT", f"{len(statements)} statements", code="Q1001"
        )
    used = {name: params[name] for name in statements[0].named_parameters if name in params}
    cursor = connection.execute(statements[0], used or None)
    names = tuple(str(column[0]) for column in cursor.description or ())
    types = tuple(str(column[1]) for column in cursor.description or ())
    rows = cursor.fetchall() if limit is None else cursor.fetchmany(limit + 1)
    truncated = limit is not None and len(rows) > limit
    kept = rows[:limit] if truncated else rows
    columns = tuple(zip(*kept, strict=True)) if kept else tuple(() for _ in names)
    return Answer(names=names, types=types, columns=columns, truncated=truncated)


def open_to_read(path: Path) -> duckdb.DuckDBPyConnection:
    """
    Open the warehouse's file for somebody who looks into it, read-only.

    Raises:
        TransientError: T4003 another process holds it.
        PermanentError: T4002 it cannot be read.
    """
    try:
        return duckdb.connect(str(path), read_only=True)
    except duckdb.Error as exc:
        raise fault(exc, f"warehouse {path.name}", "T4002") from exc


def _logged(
    connection: duckdb.DuckDBPyConnection, table: str, reference_date: date
) -> tuple[Digest, int] | None:
    if not _columns(connection, LOG):
        return None
    row = connection.execute(
        f"SELECT manifest, epoch FROM {LOG} WHERE table_name = ? AND {DAY} = ?",
        (table, reference_date),
    ).fetchone()
    return None if row is None else (row[0], row[1])


def _columns(connection: duckdb.DuckDBPyConnection, table: str) -> _Columns:
    """Return name → type of a table, in order; empty where there is no such table."""
    rows = connection.execute(
        "SELECT column_name, data_type FROM duckdb_columns() "
        "WHERE schema_name = 'main' AND NOT internal AND table_name = ? "
        "AND database_name = current_database() ORDER BY column_index",
        (table,),
    ).fetchall()
    return dict(rows)


def _file_columns(connection: duckdb.DuckDBPyConnection, order: LoadOrder) -> _Columns:
    """Return name → type of the files' columns, having refused what is not kept exactly."""
    rows = connection.execute(
        "DESCRIBE SELECT * FROM read_parquet($files, hive_partitioning = false)",
        {"files": list(order.files)},
    ).fetchall()
    columns = {str(row[0]): str(row[1]) for row in rows}
    for name, kind in columns.items():
        loads.see_name(order.table, name, longest=_LONGEST)
        if not _TYPES.fullmatch(kind):
            raise loads.inexact(order.table, name, kind)
    return columns


def _shape(connection: duckdb.DuckDBPyConnection, order: LoadOrder, columns: _Columns) -> None:
    """Make the table, or widen it; a column that changes its type is refused."""
    table = order.table
    held = _columns(connection, table)
    if not held:
        various = _various(connection, order)
        body = ", ".join(
            f"{quote(name)} {kind}{' USING COMPRESSION uncompressed' if name in various else ''}"
            for name, kind in columns.items()
        )
        connection.execute(f"CREATE TABLE {quote(table)} ({DAY} DATE NOT NULL, {body})")
        return
    for name, kind in columns.items():
        if name not in held:
            connection.execute(f"ALTER TABLE {quote(table)} ADD COLUMN {quote(name)} {kind}")
        elif held[name] != kind:
            raise loads.retyped(table, name, held[name], kind)


def _various(connection: duckdb.DuckDBPyConnection, order: LoadOrder) -> frozenset[str]:
    """
    Return the columns of text with too many values for Parquet to have made a dictionary of.

    DuckDB would try the same again, and a table of symbols, for a third of the load's time; such
    texts, keys above all, are stored as they are (`docs/why/warehouse-text.md`).
    """
    rows = connection.execute(
        "SELECT path_in_schema FROM parquet_metadata($files) WHERE type = 'BYTE_ARRAY' "
        "GROUP BY ALL HAVING bool_and(NOT contains(encodings, 'DICTIONARY'))",
        {"files": list(order.files)},
    ).fetchall()
    return frozenset(str(name) for (name,) in rows)


def _replace(connection: duckdb.DuckDBPyConnection, order: LoadOrder, columns: _Columns) -> None:
    """Delete the day where there is one, and insert the files' rows."""
    table, names = quote(order.table), ", ".join(quote(name) for name in columns)
    day = {"day": order.reference_date}
    there = connection.execute(f"SELECT 1 FROM {table} WHERE {DAY} = $day LIMIT 1", day)
    if there.fetchone():
        connection.execute(f"DELETE FROM {table} WHERE {DAY} = $day", day)
    rows = f"SELECT $day, {names} FROM read_parquet($files, hive_partitioning = false) AS r"
    params: dict[str, object] = {**day, "files": list(order.files)}
    if order.without:
        rows += (
            " WHERE NOT EXISTS (SELECT 1 FROM"
            " read_parquet($without, hive_partitioning = false) AS w"
            " WHERE w._object = r._object AND w._position = r._position)"
        )
        params["without"] = list(order.without)
    connection.execute(f"INSERT INTO {table} ({DAY}, {names}) {rows}", params)


def _log(connection: duckdb.DuckDBPyConnection, order: LoadOrder, columns: _Columns) -> None:
    connection.execute(
        f"INSERT OR REPLACE INTO {LOG} VALUES (?, ?, ?, ?, ?, ?)",
        (
            order.table,
            order.reference_date,
            order.manifest,
            order.epoch,
            order.expected.records,
            ",".join(columns),
        ),
    )


def _totals(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    reference_date: date,
    key: tuple[str, ...],
    measures: tuple[str, ...],
    types: Mapping[str, ColumnType] | None,
) -> Totals:
    algorithm = "" if not key else FAST if types is None else ALGORITHM
    held = _columns(connection, table)
    if not held:
        return loads.no_rows(measures, algorithm)
    statement = totals_sql(
        table, reference_date, key, measures, held, algorithm=algorithm, as_types=types
    )
    row = connection.execute(statement).fetchone()
    if row is None:
        raise AssertionError("an aggregate has one row")
    digest = ":".join(map(str, row[1 + len(measures) :]))
    return Totals(
        records=row[0],
        sums={name: _exact(name, row[i + 1], held) for i, name in enumerate(measures)},
        key_digest=(digest if row[0] else "0") if key else "",
        algorithm=algorithm,
    )


def _exact(name: str, value: object, held: _Columns) -> Decimal:
    """
    Return a sum as it is.

    Raises:
        ProjectError: R6001 it is a float: somebody has altered the column.
    """
    if not isinstance(value, int | Decimal):
        raise not_exact(name, held[name])
    return Decimal(value)


def _roll_back(connection: duckdb.DuckDBPyConnection) -> None:
    """End a transaction that a fault may already have ended."""
    with contextlib.suppress(duckdb.TransactionException):
        connection.execute("ROLLBACK")


def fault(error: duckdb.Error, where: str, otherwise: str) -> PuntualError:
    """Return the known fault that an error of DuckDB means; texts with values stay out."""
    seen = type(error).__name__ if isinstance(error, _SILENT) else str(error).split("\n", 1)[0]
    machine = machine_fault(seen, where)
    if machine is not None:
        return machine
    if isinstance(error, duckdb.OutOfMemoryException):
        return PermanentError(
            "T3001",
            f"out of memory or temporary space: {where}",
            where=where,
            expected="the memory limit to suffice",
            observed=seen,
            next_step="Raise the limit, or free space for temporary files.",
        )
    if isinstance(error, duckdb.TransactionException | duckdb.ConnectionException) or (
        isinstance(error, duckdb.IOException) and "lock" in seen.lower()
    ):
        return TransientError(
            "T4003",
            f"the warehouse is busy: {where}",
            where=where,
            expected="a file that no other process writes",
            observed=seen,
            next_step="Run again; close programs that hold the warehouse open.",
        )
    return PermanentError(
        otherwise,
        f"refused by DuckDB: {where}",
        where=where,
        expected="SQL and files that DuckDB accepts",
        observed=seen,
        next_step="Correct what is named; `puntual explain` tells more about the code.",
    )
