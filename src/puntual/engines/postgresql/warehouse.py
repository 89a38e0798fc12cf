"""Port `Warehouse` on PostgreSQL: the day's rows replace the day's rows, in one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

import psycopg
import pyarrow as pa
from psycopg import errors

from puntual.checks.comparable import is_exact
from puntual.checks.encoding import ALGORITHM
from puntual.engines.dialect import loads
from puntual.engines.dialect.loads import DAY, LOG
from puntual.engines.dialect.sql import compile_sql, quote
from puntual.engines.postgresql.answers import converted, shape, tables_of
from puntual.engines.postgresql.digest import totals_sql
from puntual.engines.postgresql.rows import copy_lines, duckdb_type, file_columns, postgresql_type
from puntual.errors import PermanentError, PuntualError, TransientError
from puntual.model.contract import ColumnType
from puntual.model.manifest import Digest, Totals
from puntual.ports.engine import Answer
from puntual.ports.warehouse import LoadOrder

_LOG_TABLE = f"""
CREATE TABLE IF NOT EXISTS {LOG} (
  table_name TEXT NOT NULL,
  {DAY} DATE NOT NULL,
  manifest TEXT NOT NULL,
  epoch BIGINT NOT NULL,
  records BIGINT NOT NULL,
  loaded_columns TEXT NOT NULL,
  PRIMARY KEY (table_name, {DAY})
)
"""
_LONGEST = 63
_AGAIN = (errors.SerializationFailure, errors.DeadlockDetected, errors.LockNotAvailable)
_REFUSED = (errors.InsufficientPrivilege, errors.DiskFull, errors.ReadOnlySqlTransaction)

_Connection = psycopg.Connection[tuple[Any, ...]]


class PostgreSQLWarehouse:
    """
    Tables in the first schema of the connection's search path.

    Loads wait for one another on an advisory lock that ends with the transaction, so that two
    loaders of one day cannot both insert it.
    """

    digest_algorithm = ALGORITHM

    def __init__(self, dsn: str, *, wait: int = 10) -> None:
        """
        Keep the connection's name; it is opened when it is first needed.

        Args:
            dsn: `postgresql://…`, or libpq's key words.
            wait: Seconds to wait for a connection or a lock.
        """
        self._dsn = dsn
        self._wait = wait
        self._open: _Connection | None = None

    def load(self, order: LoadOrder) -> bool:
        """
        Replace the day's rows in one transaction; see the port.

        Returns:
            False when it was already loaded.

        Raises:
            EvidenceError: R4001 the table does not hold what was expected; nothing changed.
            PermanentError: T4001 the log holds a higher epoch; T4002 a file is missing, a type
                is changed or is not exact, or PostgreSQL refuses.
            TransientError: T4003 no connection, it was lost, or a lock was not given in time.
        """
        try:
            connection = self._connected()
            with connection.transaction():
                return _load(connection, order)
        except psycopg.Error as exc:
            if self._lost() and self._committed(order):
                return True
            raise _fault(exc, f"warehouse table {order.table}", "T4002") from exc

    def loaded(self, table: str, reference_date: date) -> Digest | None:
        """
        Return the manifest that the load log holds for a table's day.

        Raises:
            PermanentError: T4002.
            TransientError: T4003.
        """
        try:
            entry = _logged(self._connected(), table, reference_date)
        except psycopg.Error as exc:
            raise _fault(exc, f"warehouse table {table}", "T4002") from exc
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
            PermanentError: T4002.
            TransientError: T4003.
        """
        try:
            return _totals(self._connected(), table, reference_date, key, measures, types)
        except psycopg.Error as exc:
            raise _fault(exc, f"warehouse table {table}", "T4002") from exc

    def columns(self, table: str) -> Mapping[str, str]:
        """
        Return a table's columns with their types in DuckDB's words; see the port.

        Raises:
            PermanentError: T4002.
            TransientError: T4003.
        """
        try:
            return _kinds(self._connected(), table)
        except psycopg.Error as exc:
            raise _fault(exc, f"warehouse table {table}", "T4002") from exc

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
            TransientError: T4003.
        """
        try:
            return _totals_sql(self._connected(), table, reference_date, key, (), types)
        except psycopg.Error as exc:
            raise _fault(exc, f"warehouse table {table}", "T4002") from exc

    def query(self, sql: str, params: Mapping[str, object], *, limit: int | None) -> Answer:
        """
        Answer one read-only SELECT in DuckDB's dialect with named parameters (`:name`).

        Raises:
            PermanentError: Q1001 the SQL failed.
            ProjectError: Q1003 it has no exact counterpart in PostgreSQL.
            TransientError: T4003.
        """
        compiled = compile_sql(sql, "postgres", names=params)
        try:
            connection = self._connected()
            tables = {name: _columns(connection, name) for name in tables_of(sql)}
            names, types = shape(sql, params, {n: c for n, c in tables.items() if c})
            with connection.transaction(), connection.cursor("puntual") as cursor:
                connection.execute("SET TRANSACTION READ ONLY")
                cursor.execute(compiled.encode(), params)
                rows = cursor.fetchall() if limit is None else cursor.fetchmany(limit + 1)
        except psycopg.Error as exc:
            raise _fault(exc, "query on the warehouse", "Q1001") from exc
        truncated = limit is not None and len(rows) > limit
        kept = rows[:limit] if truncated else rows
        columns = tuple(zip(*kept, strict=True)) if kept else tuple(() for _ in names)
        exact = tuple(converted(c, kind) for c, kind in zip(columns, types, strict=True))
        return Answer(names=names, types=types, columns=exact, truncated=truncated)

    def close(self) -> None:
        """Give up the connection; what was committed is there."""
        if self._open is not None:
            self._open.close()
            self._open = None

    def _connected(self) -> _Connection:
        if self._open is None or self._open.closed:
            connection = psycopg.connect(
                self._dsn,
                autocommit=True,
                connect_timeout=self._wait,
                application_name="puntual",
                client_encoding="UTF8",
            )
            connection.execute("SELECT set_config('TimeZone', 'UTC', false)")
            connection.execute("SELECT set_config('lock_timeout', %s, false)", (f"{self._wait}s",))
            self._open = connection
        return self._open

    def _lost(self) -> bool:
        return self._open is not None and self._open.broken

    def _committed(self, order: LoadOrder) -> bool:
        """Ask the load log, by a new connection, whether a load whose answer was lost is done."""
        self.close()
        try:
            entry = _logged(self._connected(), order.table, order.reference_date)
        except psycopg.Error:
            return False
        return entry == (order.manifest, order.epoch)


def _load(connection: _Connection, order: LoadOrder) -> bool:
    connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (LOG,))
    connection.execute(_LOG_TABLE)
    entry = _logged(connection, order.table, order.reference_date)
    if entry is not None and entry[1] > order.epoch:
        raise loads.fenced(order, entry[1])
    if entry is not None and entry[0] == order.manifest and not order.anew:
        return False
    columns = _order_columns(order)
    _shape(connection, order.table, columns)
    _replace(connection, order, columns)
    held = _totals(connection, order.table, order.reference_date, (), order.measures, None)
    loads.verify(order, held)
    connection.execute(
        f"INSERT INTO {LOG} VALUES (%s, %s, %s, %s, %s, %s) "
        f"ON CONFLICT (table_name, {DAY}) DO UPDATE SET manifest = excluded.manifest, "
        "epoch = excluded.epoch, records = excluded.records, "
        "loaded_columns = excluded.loaded_columns",
        (
            order.table,
            order.reference_date,
            order.manifest,
            order.epoch,
            order.expected.records,
            ",".join(columns),
        ),
    )
    return True


def _logged(connection: _Connection, table: str, reference_date: date) -> tuple[Digest, int] | None:
    if not _columns(connection, LOG):
        return None
    row = connection.execute(
        f"SELECT manifest, epoch FROM {LOG} WHERE table_name = %s AND {DAY} = %s",
        (table, reference_date),
    ).fetchone()
    return None if row is None else (row[0], row[1])


def _columns(connection: _Connection, table: str) -> dict[str, str]:
    """Return name → type, in DuckDB's words, of a table's columns that have an exact type."""
    return {n: word for n, word in _kinds(connection, table).items() if is_exact(word)}


def _kinds(connection: _Connection, table: str) -> dict[str, str]:
    """Return name → type of a table's columns: in DuckDB's words, or in its own if not exact."""
    rows = connection.execute(
        "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute "
        "WHERE attrelid = to_regclass(quote_ident(%s)) AND attnum > 0 AND NOT attisdropped "
        "ORDER BY attnum",
        (table,),
    ).fetchall()
    return {name: duckdb_type(kind) or kind for name, kind in rows}


def _order_columns(order: LoadOrder) -> dict[str, str]:
    """Return name → type of the files' columns, having refused what is not kept exactly."""
    try:
        shapes = [file_columns(path) for path in order.files]
    except (OSError, pa.ArrowInvalid) as exc:
        raise loads.refused(
            f"a file of {order.table} cannot be read", "every file of the manifest", str(exc)
        ) from exc
    columns = shapes[0] if shapes else {}
    if any(other != columns for other in shapes):
        raise loads.unlike(order.table)
    for name, kind in columns.items():
        loads.see_name(order.table, name, longest=_LONGEST)
        if not kind:
            raise loads.inexact(order.table, name, "another type")
    return columns


def _shape(connection: _Connection, table: str, columns: Mapping[str, str]) -> None:
    """Make the table, or widen it; a column that changes its type is refused."""
    held = _columns(connection, table)
    collation = _collation(connection)
    made = {name: postgresql_type(kind, collation) for name, kind in columns.items()}
    if not held:
        body = ", ".join(f"{quote(name)} {kind}" for name, kind in made.items())
        connection.execute(f"CREATE TABLE {quote(table)} ({DAY} DATE NOT NULL, {body})".encode())
        connection.execute(f"CREATE INDEX ON {quote(table)} ({DAY})".encode())
        return
    for name, kind in columns.items():
        if name not in held:
            statement = f"ALTER TABLE {quote(table)} ADD COLUMN {quote(name)} {made[name]}"
            connection.execute(statement.encode())
        elif held[name] != kind:
            raise loads.retyped(table, name, held[name], kind)


def _collation(connection: _Connection) -> str:
    """Order by bytes; from PostgreSQL 17 with letters of all languages for upper and lower."""
    row = connection.execute(
        "SELECT 1 FROM pg_collation WHERE collname = 'pg_c_utf8' AND getdatabaseencoding() = 'UTF8'"
    ).fetchone()
    return "pg_c_utf8" if row else "C"


def _replace(connection: _Connection, order: LoadOrder, columns: Mapping[str, str]) -> None:
    """Delete the day, and copy the files' rows."""
    table, names = quote(order.table), ", ".join(map(quote, (DAY, *columns)))
    connection.execute(f"DELETE FROM {table} WHERE {DAY} = %s".encode(), (order.reference_date,))
    statement = f"COPY {table} ({names}) FROM STDIN (FORMAT csv, NULL '')"
    lines = copy_lines(order.files, tuple(columns), order.reference_date, order.without)
    with connection.cursor() as cursor, cursor.copy(statement.encode()) as copy:
        for block in lines:
            copy.write(block)


def _totals(
    connection: _Connection,
    table: str,
    reference_date: date,
    key: tuple[str, ...],
    measures: tuple[str, ...],
    types: Mapping[str, ColumnType] | None,
) -> Totals:
    algorithm = PostgreSQLWarehouse.digest_algorithm if key else ""
    statement = _totals_sql(connection, table, reference_date, key, measures, types)
    if not statement:
        return loads.no_rows(measures, algorithm)
    row = connection.execute(statement.encode()).fetchone()
    if row is None:
        raise AssertionError("an aggregate has one row")
    return Totals(
        records=row[0],
        sums={name: Decimal(row[i + 1]) for i, name in enumerate(measures)},
        key_digest=(f"{row[-2]}:{row[-1]}" if row[0] else "0") if key else "",
        algorithm=algorithm,
    )


def _totals_sql(
    connection: _Connection,
    table: str,
    reference_date: date,
    key: tuple[str, ...],
    measures: tuple[str, ...],
    types: Mapping[str, ColumnType] | None,
) -> str:
    """Return the statement of `totals`; empty where there is no such table."""
    held = _kinds(connection, table)
    if not held:
        return ""
    utf8 = connection.info.parameter_status("server_encoding") == "UTF8"
    return totals_sql(table, reference_date, key, measures, held, as_types=types, utf8=utf8)


def _reason(error: psycopg.Error) -> str:
    """
    Return why a connection failed, without what was connected to.

    libpq names hosts and users, and takes for one what stands behind a `/` or a `,` that a
    password should have written as an escape (`failures.md` h16).
    """
    return str(error).split("\n", 1)[0].rpartition(": ")[2]


def _fault(error: psycopg.Error, where: str, otherwise: str) -> PuntualError:
    """Return the known fault that an error of PostgreSQL means; texts with values stay out."""
    state = error.sqlstate or ""
    seen = " ".join(filter(None, (state, error.diag.message_primary)))
    if state.startswith(("22", "23")):  # data exception, constraint: its text holds the value
        seen = f"{state} {type(error).__name__}"
    connection = isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
    if isinstance(error, _AGAIN) or (connection and not isinstance(error, _REFUSED)):
        return TransientError(
            "T4003",
            f"the warehouse did not answer: {where}",
            where=where,
            expected="a connection, and no conflict with another load",
            observed=seen or _reason(error),
            next_step="Run again; the load log says whether it was done.",
        )
    return PermanentError(
        otherwise,
        f"refused by PostgreSQL: {where}",
        where=where,
        expected="SQL, types and permissions that PostgreSQL accepts",
        observed=seen or type(error).__name__,
        next_step="Correct what is named; `puntual explain` tells more about the code.",
    )
