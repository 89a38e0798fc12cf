"""The digest of a row is the same on DuckDB, on PostgreSQL and in plain Python."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import partial

import duckdb
import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.postgres import postgres_server, with_database

from puntual.checks.encoding import VECTORS, Vector, bucket, digest, encode, key_types, text_of
from puntual.engines.dialect import digest as duck
from puntual.engines.dialect.sql import literal
from puntual.engines.duckdb.session import Limits, Session
from puntual.engines.duckdb.side import DuckDBSide
from puntual.engines.postgresql import digest as pg
from puntual.engines.postgresql.side import Connection, PostgreSQLSide, open_side
from puntual.errors import ProjectError
from puntual.model.contract import ColumnType, Kind
from puntual.model.difference import Shape, Value
from puntual.ports.side import Side

__all__ = ["postgres_server"]

TEXT, INTEGER = ColumnType(kind=Kind.TEXT), ColumnType(kind=Kind.INTEGER)
DATE, INSTANT = ColumnType(kind=Kind.DATE), ColumnType(kind=Kind.TIMESTAMP)
BOOLEAN = ColumnType(kind=Kind.BOOLEAN)
EVERY = 60
"""Examples for each property; each asks three times."""


def decimal(precision: int, scale: int) -> ColumnType:
    return ColumnType(kind=Kind.DECIMAL, precision=precision, scale=scale)


MONEY = decimal(18, 2)
WORDS = {
    Kind.TEXT: "VARCHAR",
    Kind.INTEGER: "BIGINT",
    Kind.DATE: "DATE",
    Kind.TIMESTAMP: "TIMESTAMP WITH TIME ZONE",
    Kind.BOOLEAN: "BOOLEAN",
}


def word(kind: ColumnType) -> str:
    return WORDS.get(kind.kind, f"NUMERIC({kind.precision},{kind.scale})")


def written(value: Value) -> str:
    """Write a value as both engines read it."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, datetime):
        return literal(value.isoformat())
    if isinstance(value, date):
        return literal(value.isoformat())
    return literal(value if isinstance(value, str) else f"{Decimal(value):f}")


def source(rows: Sequence[Sequence[Value]], types: Sequence[ColumnType]) -> str:
    lines = ", ".join(f"({', '.join(map(written, row))})" for row in rows)
    columns = ", ".join(f"CAST(v{i} AS {word(kind)}) AS c{i}" for i, kind in enumerate(types))
    names = ", ".join(f"v{i}" for i in range(len(types)))
    return f"SELECT {columns} FROM (VALUES {lines}) AS given ({names})"


def expected(rows: Sequence[Sequence[Value]], types: Sequence[ColumnType]) -> list[tuple[int, int]]:
    texts = ([text_of(v, kind) for v, kind in zip(row, types, strict=True)] for row in rows)
    return sorted(digest(encode(row, types)) for row in texts)


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'America/Mexico_City'")
        yield Session(connection, limits=Limits(), code="Q1001", where="test")


@pytest.fixture(scope="module")
def server(postgres_server: str) -> Iterator[Connection]:
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute("SET TimeZone = 'Asia/Kolkata'")
        connection.execute("SET DateStyle = 'German'")
        yield connection


def on_duckdb(
    session: Session, sql: str, columns: Mapping[str, ColumnType]
) -> list[tuple[object, ...]]:
    types = session.columns(sql)
    return sorted(session.rows(duck.digested(sql, types, columns)))


def on_postgresql(
    server: Connection, sql: str, columns: Mapping[str, ColumnType], *, utf8: bool = True
) -> list[tuple[object, ...]]:
    side = PostgreSQLSide(lambda: server, sql, name="test")
    statement = pg.digested(sql, side.columns(), columns, utf8=utf8)
    return sorted(server.execute(statement.encode()).fetchall())


def both(
    session: Session,
    server: Connection,
    rows: Sequence[Sequence[Value]],
    types: Sequence[ColumnType],
    declared: Sequence[ColumnType] | None = None,
) -> None:
    """Ask both engines, and the reference."""
    sql = source(rows, types)
    columns = {f"c{i}": kind for i, kind in enumerate(declared or types)}
    wanted = expected(rows, tuple(columns.values()))
    assert on_duckdb(session, sql, columns) == wanted
    assert on_postgresql(server, sql, columns) == wanted


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: v.encoding)
def test_every_vector_is_the_same_on_both_engines(
    session: Session, server: Connection, vector: Vector
) -> None:
    stored = {Decimal("0.005"): decimal(18, 3)}
    types = [stored.get(v, k) if isinstance(v, Decimal) else k for v, k in vector.pairs]
    both(session, server, [vector.values], types, vector.types)


NUMBERS = st.integers(-(2**63), 2**63 - 1)
LETTERS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)
YEARS = (datetime(1, 1, 2), datetime(9999, 12, 30))  # noqa: DTZ001


@st.composite
def columns_of(draw: st.DrawFn) -> tuple[ColumnType, st.SearchStrategy[Value]]:
    kind = draw(st.sampled_from(list(Kind)))
    if kind is Kind.DECIMAL:
        precision = draw(st.integers(1, 38))
        scale = draw(st.integers(0, precision))
        digits = st.integers(-(10**precision) + 1, 10**precision - 1)
        return decimal(precision, scale), st.none() | digits.map(partial(_scaled, scale))
    values: Mapping[Kind, st.SearchStrategy[Value]] = {
        Kind.TEXT: LETTERS,
        Kind.INTEGER: NUMBERS,
        Kind.DATE: st.dates(),
        Kind.TIMESTAMP: st.datetimes(*YEARS, timezones=st.just(UTC)),
        Kind.BOOLEAN: st.booleans(),
    }
    return ColumnType(kind=kind), st.none() | values[kind]


def _scaled(scale: int, digits: int) -> Decimal:
    return Decimal(digits).scaleb(-scale) if digits else Decimal(0)


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[ColumnType], list[tuple[Value, ...]]]:
    columns = draw(st.lists(columns_of(), min_size=1, max_size=6))
    row = st.tuples(*(values for _, values in columns))
    return [kind for kind, _ in columns], draw(st.lists(row, min_size=1, max_size=12))


@settings(deadline=None, max_examples=EVERY)
@given(tables())
def test_random_typed_rows_have_one_digest_everywhere(
    session: Session,
    server: Connection,
    table: tuple[list[ColumnType], list[tuple[Value, ...]]],
) -> None:
    types, rows = table
    both(session, server, rows, types)


@settings(deadline=None, max_examples=EVERY)
@given(st.integers(0, 20), st.integers(0, 20), st.lists(st.integers(-(10**17), 10**17), min_size=1))
def test_a_decimal_of_another_scale_is_read_as_declared_and_never_rounded(
    session: Session, server: Connection, has: int, declared: int, digits: list[int]
) -> None:
    rows = [(_scaled(has, n),) for n in digits]
    both(session, server, rows, [decimal(38, has)], [decimal(38, declared)])


def test_a_number_without_declared_scale_is_as_exact_as_any_other(
    session: Session, server: Connection
) -> None:
    """PostgreSQL's `numeric` alone, with its three values that are no number."""
    values = ("1.5", "1.50", "0.005", "-0.00", "1E+3", "NaN", "Infinity", "-Infinity", "9" * 60)
    lines = ", ".join(f"('{v}'::numeric)" for v in values)
    found = on_postgresql(server, f"SELECT * FROM (VALUES {lines}) AS t (c0)", {"c0": MONEY})
    assert found == expected([(Decimal(v),) for v in values], [MONEY])


@pytest.mark.parametrize("declared", [INTEGER, decimal(20, 0), decimal(20, 2)])
@pytest.mark.parametrize("has", [INTEGER, decimal(20, 0), decimal(20, 2)])
def test_whole_numbers_and_decimals_are_compared_as_declared(
    session: Session, server: Connection, has: ColumnType, declared: ColumnType
) -> None:
    both(session, server, [(Decimal(7),), (Decimal(-400),), (None,)], [has], [declared])


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        ("infinity", "DATE", "Infinity"),
        ("-infinity", "DATE", "-Infinity"),
        ("infinity", "TIMESTAMP WITH TIME ZONE", "Infinity"),
        ("-infinity", "TIMESTAMP", "-Infinity"),
    ],
)
def test_an_endless_day_is_no_null_and_no_other_day(
    session: Session, server: Connection, value: str, kind: str, text: str
) -> None:
    """DuckDB gives null for the microseconds of infinity, and a number for its days."""
    declared = {"c0": DATE if kind == "DATE" else INSTANT}
    sql = f"SELECT CAST('{value}' AS {kind}) AS c0"
    wanted = [digest(encode([text], [declared["c0"]]))]
    assert on_duckdb(session, sql, declared) == wanted
    assert on_postgresql(server, sql, declared) == wanted


@pytest.mark.parametrize("zone", ["UTC", "America/Mexico_City", "Europe/Madrid"])
def test_an_instant_stored_without_its_zone_is_read_in_the_declared_one(
    session: Session, server: Connection, zone: str
) -> None:
    """Whatever zone the session has: both sessions here stand in others."""
    columns = {"c0": INSTANT}
    plain = "SELECT CAST('2026-07-01 12:00:00.000001' AS TIMESTAMP) AS c0"
    zoned = f"SELECT CAST('2026-07-01 12:00:00.000001' AS TIMESTAMP) AT TIME ZONE '{zone}' AS c0"
    wanted = on_duckdb(session, zoned, columns)
    found = session.rows(duck.digested(plain, session.columns(plain), columns, zone=zone))
    side = PostgreSQLSide(lambda: server, plain, name="test", zone=zone)
    also = server.execute(pg.digested(plain, side.columns(), columns, zone=zone).encode())
    assert found == also.fetchall() == wanted == on_postgresql(server, zoned, columns)


@pytest.mark.parametrize("words", ["REAL", "DOUBLE PRECISION", "TIME", "BIGINT[]", "CHAR(3)[]"])
def test_a_type_that_is_not_exact_is_refused_whatever_is_declared(
    session: Session, server: Connection, words: str
) -> None:
    sql = f"SELECT CAST(NULL AS {words}) AS c0"
    for declared in (TEXT, INTEGER, decimal(18, 2), DATE, INSTANT, BOOLEAN):
        for ask in (partial(on_duckdb, session), partial(on_postgresql, server)):
            with pytest.raises(ProjectError, match="R6001"):
                ask(sql, {"c0": declared})


def test_blank_padded_text_is_refused_because_its_blanks_are_no_text(
    server: Connection,
) -> None:
    with pytest.raises(ProjectError, match="R6001"):
        on_postgresql(server, "SELECT CAST('a' AS CHAR(3)) AS c0", {"c0": TEXT})


def test_text_is_not_read_as_a_number_nor_a_day_as_an_instant(
    session: Session, server: Connection
) -> None:
    for sql, declared in (
        ("SELECT CAST('1.50' AS VARCHAR) AS c0", decimal(18, 2)),
        ("SELECT CAST(1 AS BIGINT) AS c0", TEXT),
        ("SELECT DATE '2026-11-20' AS c0", INSTANT),
        ("SELECT TIMESTAMP '2026-11-20 00:00:00' AS c0", DATE),
        ("SELECT CAST(1 AS INTEGER) AS c0", BOOLEAN),
    ):
        for ask in (partial(on_duckdb, session), partial(on_postgresql, server)):
            with pytest.raises(ProjectError, match="R6001"):
                ask(sql, {"c0": declared})


@settings(deadline=None, max_examples=EVERY // 2)
@given(st.lists(st.tuples(st.none() | NUMBERS, st.none() | LETTERS), min_size=1, max_size=8))
@pytest.mark.parametrize("key", [("c0",), ("c1",), ("c0", "c1")])
def test_a_key_falls_into_one_bucket_everywhere(
    session: Session,
    server: Connection,
    key: tuple[str, ...],
    rows: list[tuple[int | None, str | None]],
) -> None:
    shape = Shape(key=key, columns={"c0": INTEGER, "c1": TEXT})
    sql = source(rows, (INTEGER, TEXT))
    sides: tuple[Side, ...] = (
        DuckDBSide(session, sql, name="duckdb"),
        PostgreSQLSide(lambda: server, sql, name="postgresql"),
    )
    kinds = key_types(shape)
    wanted: dict[int, int] = {}
    for row in rows:
        of_key = [text_of(row[int(name[1])], kind) for name, kind in zip(key, kinds, strict=True)]
        found = bucket(encode(of_key, kinds), kinds)
        wanted[found] = wanted.get(found, 0) + 1
    one, two = (side.buckets(shape) for side in sides)
    assert one == two
    assert {n: b.rows for n, b in one.items()} == wanted


def test_a_database_that_is_not_utf8_comes_to_the_same_digest(
    session: Session, postgres_server: str
) -> None:
    """As a bank's old one in Latin 1; lengths are those of UTF-8, and so is the order."""
    rows: list[tuple[Value, ...]] = [("ñandú", 1), ("zebra", 2), ("Ünal", 3), (None, 4), ("", 5)]
    sql = source(rows, (TEXT, INTEGER))
    shape = Shape(key=("c0",), columns={"c0": TEXT, "c1": INTEGER})
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    try:
        with open_side(with_database(postgres_server, "latin"), sql, name="latin") as latin:
            ours = DuckDBSide(session, sql, name="duckdb")
            found = latin.buckets(shape)
            assert found == ours.buckets(shape)
            every = frozenset(found)
            assert list(latin.rows(shape, every, values=True)) == list(
                ours.rows(shape, every, values=True)
            )
    finally:
        with psycopg.connect(postgres_server, autocommit=True) as connection:
            connection.execute("DROP DATABASE latin WITH (FORCE)")
