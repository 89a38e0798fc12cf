"""
One DuckDB connection, bounded in memory, threads and temporary space, and its errors.

Owns how a connection is opened, closed and locked, and translates DuckDB's exceptions once.
Knows nothing of contracts.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

import duckdb
import pyarrow as pa

from puntual.engines.dialect.sql import literal
from puntual.errors import PermanentError, machine_fault

Row = tuple[object, ...]

_OF_DATA = (
    duckdb.ConversionException,
    duckdb.InvalidInputException,
    duckdb.OutOfRangeException,
    duckdb.ConstraintException,
)
"""Faults whose message may quote a value, so that its words are not the machine's."""
_MARK = re.compile(r"[\"\n]|'(?!(?<=[a-z]')(?:t|s|re|ll|ve) )")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """
    What one connection may use.

    Attributes:
        memory: DuckDB's own limit, such as `1200MB`; the process uses some 300 MB more.
        threads: How many; output does not depend on it.
        temporary: Largest space on disk for what does not fit in memory, such as `60GB`.
    """

    memory: str = "1200MB"
    threads: int = 2
    temporary: str = "100GB"


class Session:
    """A connection with its limits; statements that fail raise what `errors.py` knows."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, *, limits: Limits, code: str, where: str
    ) -> None:
        self.connection = connection
        self._limits = limits
        self._code = code
        self._where = where

    def rows(self, sql: str, values: Mapping[str, object] | None = None) -> list[Row]:
        """
        Run a statement and return its rows.

        Raises:
            PermanentError: T3001, T3002, Q1001 or Q1002, see `translate`.
        """
        return self.cursor(sql, values).fetchall()

    def row(self, sql: str, values: Mapping[str, object] | None = None) -> Row:
        """Run a statement that gives exactly one row; raises as `rows` does."""
        (answer,) = self.rows(sql, values)
        return answer

    def cursor(
        self, sql: str, values: Mapping[str, object] | None = None
    ) -> duckdb.DuckDBPyConnection:
        """Run a statement and return the connection to fetch from; raises as `rows` does."""
        try:
            return self.connection.execute(sql, dict(values) if values else None)
        except duckdb.Error as exc:
            raise translate(exc, limits=self._limits, code=self._code, where=self._where) from exc

    def arrow(self, sql: str) -> pa.Table:
        """Run a SELECT and return its rows as Arrow has them; raises as `rows` does."""
        try:
            return self.connection.sql(sql).to_arrow_table()
        except duckdb.Error as exc:
            raise translate(exc, limits=self._limits, code=self._code, where=self._where) from exc

    def stream(self, sql: str, *, size: int = 10_000) -> Iterator[Row]:
        """Yield a statement's rows without holding them all; raises as `rows` does."""
        cursor = self.cursor(sql)
        while True:
            try:
                block = cursor.fetchmany(size)
            except duckdb.Error as exc:
                raise translate(
                    exc, limits=self._limits, code=self._code, where=self._where
                ) from exc
            if not block:
                return
            yield from block

    def columns(self, relation: str) -> dict[str, str]:
        """Return the columns of a SELECT or table: name → type, in order."""
        return {str(r[0]): str(r[1]) for r in self.rows(f"DESCRIBE {relation}")}


@contextmanager
def open_session(
    folder: str,
    *,
    limits: Limits,
    zone: str,
    code: str = "T3002",
    where: str = "",
    readable: Sequence[str] | None = None,
) -> Iterator[Session]:
    """
    Open a connection whose tables lie in memory and spill into `folder`, gone on leaving.

    Args:
        folder: Existing folder; what is made in it is removed.
        limits: What may be used.
        zone: IANA zone in which zoneless timestamps are read and instants cut into days.
        code: Code of a statement that fails for a reason of its own.
        where: What the statements are about, for messages.
        readable: Files that statements may read, for SQL that somebody else wrote: nothing
            outside their folders and `folder` is readable then, no extension is loaded, and
            the settings are locked (`failures.md` h4). None: no restriction.

    Raises:
        PermanentError: T3001 no memory or temporary space; `code` for any other fault.
    """
    private = Path(tempfile.mkdtemp(prefix=".duckdb-", dir=folder))
    try:
        # In memory with a place to spill: a file would be compressed and synced for nothing.
        connection = _connected(limits, private, where)
        session = Session(connection, limits=limits, code=code, where=where)
        try:
            session.rows(f"SET TimeZone = {literal(zone)}")
            if readable is not None:
                _lock(session, [*readable, str(private), str(Path(folder) / "x")])
            yield session
        finally:
            connection.close()
    finally:
        shutil.rmtree(private, ignore_errors=True)


class Confined:
    """
    One locked instance for each zone, lent as cursors, for statements over published files.

    Opening an instance costs some 40 ms and a cursor one; a day asks dozens of questions. Only
    the roots are readable, no extension is loaded, and the settings are locked
    (`failures.md` h4). What a cursor makes is temporary and gone with it.
    """

    def __init__(self, roots: Sequence[str], home: str, limits: Limits) -> None:
        self._roots = tuple(roots)
        self._home = home
        self._limits = limits
        self._open: dict[str, tuple[duckdb.DuckDBPyConnection, str]] = {}
        self._opening = Lock()

    @contextmanager
    def session(self, *, zone: str | None, code: str, where: str) -> Iterator[Session]:
        """
        Lend a connection of its own; see `open_session` for zone, code and where.

        With no zone it is any instance that is open: for statements that do not depend on one.

        Raises:
            PermanentError: T3001 no memory or temporary space; `code` for any other fault.
        """
        with self._opening:
            cursor = self._instance(zone or next(iter(self._open), "UTC")).cursor()
        try:
            yield Session(cursor, limits=self._limits, code=code, where=where)
        finally:
            cursor.close()

    def close(self) -> None:
        """Close every instance and remove what it spilled."""
        for connection, private in self._open.values():
            connection.close()
            shutil.rmtree(private, ignore_errors=True)
        self._open = {}

    def _instance(self, zone: str) -> duckdb.DuckDBPyConnection:
        if zone not in self._open:
            Path(self._home).mkdir(parents=True, exist_ok=True)
            private = tempfile.mkdtemp(prefix=".duckdb-", dir=self._home)
            connection = _connected(self._limits, Path(private), "engine")
            session = Session(connection, limits=self._limits, code="T3002", where="engine")
            session.rows(f"SET GLOBAL TimeZone = {literal(zone)}")
            _lock(session, [str(Path(r) / "x") for r in (*self._roots, private)])
            self._open[zone] = (connection, private)
        return self._open[zone][0]


def _connected(limits: Limits, private: Path, where: str) -> duckdb.DuckDBPyConnection:
    """
    Open an instance in memory that spills into a folder of its own.

    Raises:
        PermanentError: T1001, T1003, T3001, T3002.
    """
    try:
        return duckdb.connect(":memory:", config=_config(limits, private))
    except duckdb.Error as exc:
        raise translate(exc, limits=limits, code="T3002", where=where) from exc


def _config(limits: Limits, private: Path) -> dict[str, str | bool | int | float | list[str]]:
    return {
        "memory_limit": limits.memory,
        "threads": limits.threads,
        "temp_directory": str(private / "spill"),
        "max_temp_directory_size": limits.temporary,
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "allow_community_extensions": "false",
        "preserve_insertion_order": "true",
        "default_null_order": "nulls_last",
    }


def _lock(session: Session, readable: Sequence[str]) -> None:
    """Confine reading to folders; the order of the three settings matters."""
    folders = sorted({str(Path(path).resolve().parent) for path in readable})
    listed = ", ".join(literal(f) for f in folders)
    session.rows(f"SET allowed_directories = [{listed}]")
    session.rows("SET enable_external_access = false")
    session.rows("SET lock_configuration = true")


@contextmanager
def reading(where: str) -> Iterator[None]:
    """
    Translate the fault of a file that we read ourselves, not DuckDB.

    Raises:
        PermanentError: T1001, T1003 the machine's; T3002 it cannot be read.
    """
    try:
        yield
    except OSError as exc:
        fault = machine_fault(str(exc), where)
        raise fault or PermanentError(
            "T3002",
            "The engine could not read a file.",
            where=where,
            expected="the object as it was landed",
            observed=f"{exc.strerror}: {Path(str(exc.filename)).name}",
            next_step="`puntual verify` says what is missing or altered.",
        ) from exc


def translate(exc: duckdb.Error, *, limits: Limits, code: str, where: str) -> PermanentError:
    """
    Turn a DuckDB error into one of ours; the message never carries a value of the data.

    DuckDB quotes the value that it could not convert, so only the part of its sentence before
    the first quotation mark is kept unless the fault is in the statement itself.
    """
    text = str(exc)
    machine = None if isinstance(exc, _OF_DATA) else machine_fault(text, where)
    if machine is not None:
        return machine
    if isinstance(exc, duckdb.OutOfMemoryException) or "max_temp_directory_size" in text:
        return PermanentError(
            "T3001",
            "The engine ran out of memory or temporary space.",
            where=where,
            expected=f"at most {limits.memory} of memory, {limits.temporary} of temporary space",
            observed=_first_sentence(text),
            next_step="Free disk space or raise the limit, then run again.",
        )
    if isinstance(exc, duckdb.OutOfRangeException):
        return PermanentError(
            "Q1002",
            "A number became larger than its type can hold.",
            where=where,
            expected="sums of at most 38 digits",
            observed=_first_sentence(text),
            next_step="Give the column fewer decimals or a wider type.",
        )
    return PermanentError(
        code,
        "The engine could not run a statement.",
        where=where,
        expected="SQL and files that DuckDB can read",
        observed=_statement_fault(exc, text),
        next_step="Correct what is named here; `puntual check` reads the project's SQL.",
    )


def _statement_fault(exc: duckdb.Error, text: str) -> str:
    """Keep the whole first line of faults that come from the statement, not from the data."""
    safe = (duckdb.BinderException, duckdb.CatalogException, duckdb.ParserException)
    if isinstance(exc, (*safe, duckdb.IOException, duckdb.PermissionException)):
        return text.splitlines()[0]
    return _first_sentence(text)


def _first_sentence(text: str) -> str:
    """Cut a text at its first quotation mark; the apostrophe of `don't` is none."""
    return _MARK.split(text, maxsplit=1)[0].strip()
