"""One side of a comparison on PostgreSQL: a table or a SELECT, in one snapshot."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from typing import LiteralString

import psycopg
from psycopg import errors

from puntual.engines.dialect.sql import quote
from puntual.engines.postgresql import digest
from puntual.engines.postgresql.digest import Typed
from puntual.errors import PermanentError, PuntualError, TransientError
from puntual.model.contract import ColumnType, Kind
from puntual.model.difference import Shape
from puntual.ports.side import Bucket, Encoded

Connection = psycopg.Connection[tuple[object, ...]]

_SETTINGS: tuple[LiteralString, ...] = (
    "SET LOCAL jit = off",  # a compilation costs more than a scan of a million rows saves
    "SET LOCAL standard_conforming_strings = on",
    "SET LOCAL work_mem = '64MB'",
)
_OLDEST = 14
_DIGITS = 38
_BLOCK = 5_000
_PLAIN: Mapping[str, Kind] = {
    "text": Kind.TEXT,
    "varchar": Kind.TEXT,
    "int2": Kind.INTEGER,
    "int4": Kind.INTEGER,
    "int8": Kind.INTEGER,
    "date": Kind.DATE,
    "timestamptz": Kind.TIMESTAMP,
    "timestamp": Kind.TIMESTAMP,
    "bool": Kind.BOOLEAN,
}


class PostgreSQLSide:
    """A SELECT on one connection that sees one snapshot; made by `open_side`."""

    def __init__(
        self, connect: Callable[[], Connection], source: str, *, name: str, zone: str = "UTC"
    ) -> None:
        """
        Keep what is read; the connection is made when it is first needed.

        Args:
            connect: Gives a connection inside a transaction that sees one snapshot.
            source: One SELECT in PostgreSQL's words.
            name: What the caller calls it.
            zone: IANA zone of instants that are stored without one.
        """
        self.name = name
        self._connect = connect
        self._source = source
        self._zone = zone
        self._open: Connection | None = None
        self._types: Mapping[str, Typed] | None = None

    def types(self) -> Mapping[str, ColumnType | None]:
        """Return its columns; raises as the port says."""
        return {name: found.type for name, found in self.columns().items()}

    def native(self) -> str:
        """Return the build of the server and its encoding; raises as the port says."""
        with translated(self.name):
            row = self._connected().execute("SELECT version()").fetchone()
        encoding = self._connected().info.parameter_status("server_encoding")
        return f"hashtextextended, {row[0] if row else ''}, {encoding}"

    def query(self, shape: Shape, *, native: bool = False) -> str:
        """Return the SQL of `buckets`; raises as the port says."""
        return digest.buckets_sql(
            self._source, self.columns(), shape, self._zone, utf8=self._utf8(), native=native
        )

    def drill(self, shape: Shape, buckets: frozenset[int], *, native: bool = False) -> str:
        """Return the SQL of `rows`; raises as the port says."""
        return self._rows_sql(shape, buckets, values=True, keys=None, native=native)

    def buckets(self, shape: Shape, *, native: bool = False) -> Mapping[int, Bucket]:
        """Return every bucket that has rows; raises as the port says."""
        statement = self.query(shape, native=native)
        with translated(self.name):
            rows = self._connected().execute(statement.encode()).fetchall()
        return Bucket.told(rows)

    def rows(
        self,
        shape: Shape,
        buckets: frozenset[int],
        *,
        values: bool,
        keys: tuple[str, ...] | None = None,
        native: bool = False,
    ) -> Iterator[Encoded]:
        """Walk through the rows of some buckets; raises as the port says."""
        if keys is not None:
            keys = tuple(key for key in keys if "\0" not in key)  # which no text here holds
            if not keys:
                return
        statement = self._rows_sql(shape, buckets, values=values, keys=keys, native=native)
        with translated(self.name), self._connected().cursor("puntual_side") as cursor:
            cursor.itersize = _BLOCK
            cursor.execute(statement.encode())
            yield from map(Encoded.told, cursor)

    def _rows_sql(
        self,
        shape: Shape,
        buckets: frozenset[int],
        *,
        values: bool,
        keys: tuple[str, ...] | None,
        native: bool,
    ) -> str:
        return digest.rows_sql(
            self._source,
            self.columns(),
            shape,
            self._zone,
            buckets=buckets,
            values=values,
            keys=keys,
            utf8=self._utf8(),
            native=native,
        )

    def columns(self) -> Mapping[str, Typed]:
        """Return its columns as the server describes them; raises as the port says."""
        if self._types is None:
            statement = f"SELECT * FROM ({self._source}\n) AS side LIMIT 0"
            with translated(self.name):
                described = self._connected().execute(statement.encode()).description or ()
            self._types = {column.name: typed(column) for column in described}
        return self._types

    def _connected(self) -> Connection:
        if self._open is None:
            self._open = self._connect()
        return self._open

    def _utf8(self) -> bool:
        return self._connected().info.parameter_status("server_encoding") == "UTF8"


def typed(column: psycopg.Column) -> Typed:
    """Return a column of a result as what it can be read as."""
    found = psycopg.postgres.types.get(column.type_code)
    word = column.type_display
    if found is None:
        return Typed(word=word, type=None)
    if found.name == "numeric":
        precision, scale = column.precision, column.scale
        if precision is None or scale is None or not 0 <= scale <= precision <= _DIGITS:
            kind = ColumnType(kind=Kind.DECIMAL, precision=_DIGITS)
            return Typed(word=word, type=kind, open=True)
        kind = ColumnType(kind=Kind.DECIMAL, precision=precision, scale=scale)
        return Typed(word=word, type=kind)
    plain = _PLAIN.get(found.name)
    if plain is None or column.type_code == found.array_oid:
        return Typed(word=word, type=None)
    return Typed(word=word, type=ColumnType(kind=plain), zoned=found.name != "timestamp")


@contextmanager
def open_side(
    dsn: str, source: str, *, name: str, zone: str = "UTC", wait: int = 10
) -> Iterator[PostgreSQLSide]:
    """
    Lend a side that sees one snapshot, read-only, until it is given back.

    It connects when it is first asked: a server that does not answer makes a comparison unknown.

    Args:
        dsn: `postgresql://…`, or libpq's key words.
        source: One SELECT in PostgreSQL's words.
        name: What the caller calls it.
        zone: IANA zone of instants that are stored without one.
        wait: Seconds to wait for a connection.
    """
    with ExitStack() as opened:
        yield PostgreSQLSide(
            lambda: opened.enter_context(_snapshot(dsn, name, wait)), source, name=name, zone=zone
        )


@contextmanager
def _snapshot(dsn: str, name: str, wait: int) -> Iterator[Connection]:
    """
    Connect, and begin to see one snapshot.

    Raises:
        TransientError: T4003 no connection.
        PermanentError: T4002 refused, or older than PostgreSQL 14.
    """
    with translated(name):
        connection = psycopg.connect(
            dsn, connect_timeout=wait, application_name="puntual", client_encoding="UTF8"
        )
    with closing(connection):
        if connection.info.server_version < _OLDEST * 10_000:
            raise PermanentError(
                "T4002",
                f"{name} lies on a PostgreSQL that is too old to be compared exactly",
                where=name,
                expected=f"PostgreSQL {_OLDEST} or newer",
                observed=str(connection.info.server_version // 10_000),
                next_step="Compare an extract of it, or upgrade the server.",
            )
        with translated(name):
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            connection.read_only = True
            for setting in _SETTINGS:
                connection.execute(setting)
        yield connection


def table(name: str, schema: str | None = None) -> str:
    """Return the SELECT of a table's rows."""
    return f"SELECT * FROM {f'{quote(schema)}.' if schema else ''}{quote(name)}"


@contextmanager
def translated(side: str) -> Iterator[None]:
    """
    Turn the driver's faults into ours; texts that may hold a value stay out.

    Raises:
        TransientError: T4003 no connection, it was lost, or the server is busy.
        PermanentError: T4002 refused by permission; Q1001 refused for what the SQL says.
    """
    try:
        yield
    except psycopg.Error as exc:
        raise _fault(exc, side) from exc


def _fault(error: psycopg.Error, side: str) -> PuntualError:
    state = error.sqlstate or ""
    seen = " ".join(filter(None, (state, error.diag.message_primary)))
    if state.startswith(("22", "23")):  # data exception: its text holds the value
        seen = f"{state} {type(error).__name__}"
    denied = isinstance(error, errors.InsufficientPrivilege) or state.startswith("28")
    broken = isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
    if broken and not denied:
        return TransientError(
            "T4003",
            f"{side} did not answer",
            where=side,
            expected="a connection that lasts as long as the comparison",
            observed=seen or "no connection",
            next_step="See whether the database is up and reachable, then compare again.",
        )
    return PermanentError(
        "T4002" if denied else "Q1001",
        f"{side} cannot be read: PostgreSQL refuses",
        where=side,
        expected="SQL and permissions that PostgreSQL accepts",
        observed=seen or type(error).__name__,
        next_step="Correct the query or the grants; `puntual explain` tells more about the code.",
    )
