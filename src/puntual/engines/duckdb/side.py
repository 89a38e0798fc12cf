"""One side of a comparison in DuckDB: a SELECT over Parquet files or a table (`ports/side.py`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from puntual.checks.comparable import declared
from puntual.engines.dialect import digest
from puntual.engines.dialect.sql import quote
from puntual.engines.duckdb.session import Session
from puntual.engines.duckdb.tables import scan
from puntual.model.contract import ColumnType
from puntual.model.difference import Shape
from puntual.ports.side import Bucket, Encoded


class DuckDBSide:
    """
    A SELECT on one session, which is this side's own while it is used.

    Nothing is written; what is read is one state, by a transaction that is rolled back.
    """

    def __init__(self, session: Session, source: str, *, name: str, zone: str = "UTC") -> None:
        """
        Keep what is read.

        Args:
            session: A session that nothing else uses meanwhile.
            source: One SELECT, such as `files` or `table` write it.
            name: What the caller calls it.
            zone: IANA zone of instants that are stored without one.
        """
        self.name = name
        self._session = session
        self._source = source
        self._zone = zone
        self._words: dict[str, str] | None = None

    def types(self) -> Mapping[str, ColumnType | None]:
        """Return its columns; raises as the port says."""
        return {name: declared(word) for name, word in self._columns().items()}

    def native(self) -> str:
        """Return "": DuckDB's own hash of a text is none that rows can be compared by."""
        return ""

    def query(self, shape: Shape, *, native: bool = False) -> str:
        """Return the SQL of `buckets`; raises as the port says."""
        return digest.buckets_sql(self._source, self._columns(), shape, self._zone)

    def drill(self, shape: Shape, buckets: frozenset[int], *, native: bool = False) -> str:
        """Return the SQL of `rows`; raises as the port says."""
        return self._rows_sql(shape, buckets, values=True, keys=None)

    def buckets(self, shape: Shape, *, native: bool = False) -> Mapping[int, Bucket]:
        """Return every bucket that has rows; raises as the port says."""
        return Bucket.told(self._session.rows(self.query(shape, native=native)))

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
        if keys is not None and not keys:
            return
        statement = self._rows_sql(shape, buckets, values=values, keys=keys)
        yield from map(Encoded.told, self._session.stream(statement))

    def _rows_sql(
        self,
        shape: Shape,
        buckets: frozenset[int],
        *,
        values: bool,
        keys: tuple[str, ...] | None,
    ) -> str:
        return digest.rows_sql(
            self._source,
            self._columns(),
            shape,
            self._zone,
            buckets=buckets,
            values=values,
            keys=keys,
        )

    def _columns(self) -> Mapping[str, str]:
        if self._words is None:
            self._words = self._session.columns(f"({self._source})")
        return self._words


@contextmanager
def open_side(
    session: Session, source: str, *, name: str, zone: str = "UTC"
) -> Iterator[DuckDBSide]:
    """
    Lend a side that sees one state of its data until it is given back.

    Raises:
        PermanentError: The session's own code.
    """
    session.rows("BEGIN TRANSACTION")
    try:
        yield DuckDBSide(session, source, name=name, zone=zone)
    finally:
        session.rows("ROLLBACK")


def files(paths: tuple[str, ...], *, without: tuple[str, ...] = ()) -> str:
    """
    Return the SELECT of the rows of Parquet files, as they are.

    Args:
        paths: The files, at least one.
        without: Parquet files of (`_object`, `_position`): these rows are left out.
    """
    rows = f"SELECT * FROM {scan(paths)}"
    if not without:
        return rows
    return f"{rows} ANTI JOIN (SELECT * FROM {scan(without)}) USING (_object, _position)"


def table(name: str) -> str:
    """Return the SELECT of a table's rows."""
    return f"SELECT * FROM {quote(name)}"
