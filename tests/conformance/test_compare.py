"""Comparisons of two sides, on every pair of engines: what is harmed is named, by its class."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import duckdb
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.mutations import COLUMNS, Mutation, Row, base, mutations
from support.postgres import postgres_server, with_database

from puntual.checks.comparable import common_shape
from puntual.engines.compare.rows import compare
from puntual.engines.duckdb.session import Limits, Session
from puntual.engines.duckdb.side import DuckDBSide, files
from puntual.engines.postgresql.side import PostgreSQLSide, open_side
from puntual.errors import ProjectError
from puntual.model.contract import ColumnType, Kind
from puntual.model.difference import (
    Changed,
    Duplicated,
    Extra,
    Missing,
    Outcome,
    RowDifference,
    Shape,
)
from puntual.ports.side import Side

__all__ = ["postgres_server"]

SHAPE = Shape(key=("id",), columns=COLUMNS)
KINDS = mutations()
ARROW = {
    Kind.TEXT: pa.string(),
    Kind.INTEGER: pa.int64(),
    Kind.DECIMAL: pa.decimal128(18, 2),
    Kind.DATE: pa.date32(),
    Kind.TIMESTAMP: pa.timestamp("us", "UTC"),
    Kind.BOOLEAN: pa.bool_(),
}
PAIRS = ("duckdb-duckdb", "duckdb-postgresql", "postgresql-postgresql")


def test_there_are_more_than_sixty_kinds_of_harm() -> None:
    kinds = [m.kind for m in KINDS]
    assert len(kinds) == len(set(kinds)) >= 60


class Sides:
    """Every mutation's rows, stored once on each engine, and the sides that read one of them."""

    def __init__(self, folder: Path, dsn: str) -> None:
        self.dsn = dsn
        self.path = str(folder / "rows.parquet")
        self._write()
        self._sessions = [
            Session(
                duckdb.connect(config={"threads": 1}), limits=Limits(), code="Q1001", where="test"
            )
            for _ in "lr"
        ]
        self._connections = [psycopg.connect(dsn) for _ in "lr"]

    def _write(self) -> None:
        stored = [
            {"kind": m.kind, "side": side, **row}
            for m in KINDS
            for side, rows in (("left", m.left), ("right", m.right))
            for row in rows
        ]
        schema = pa.schema(
            [("kind", pa.string()), ("side", pa.string())]
            + [(name, ARROW[kind.kind]) for name, kind in COLUMNS.items()]
        )
        pq.write_table(pa.Table.from_pylist(stored, schema=schema), self.path)
        with psycopg.connect(self.dsn) as connection:
            connection.execute(
                "CREATE TABLE harm (kind text, side text, id bigint, account text, name text,"
                " note varchar(80), amount numeric(18,2), fee numeric(18,2), paid date,"
                " seen timestamptz, active boolean, branch bigint)"
            )
            with connection.cursor() as cursor:
                names = list(stored[0])
                with cursor.copy(f"COPY harm ({', '.join(names)}) FROM STDIN") as copy:
                    for row in stored:
                        copy.write_row([row[name] for name in names])
            connection.execute("CREATE INDEX ON harm (kind, side)")

    def of(self, engine: str, mutation: Mutation, side: str) -> Side:
        where = f"kind = '{mutation.kind.replace(chr(39), chr(39) * 2)}' AND side = '{side}'"
        number = ("left", "right").index(side)
        columns = ", ".join(COLUMNS)
        if engine == "duckdb":
            source = f"SELECT {columns} FROM read_parquet('{self.path}') WHERE {where}"
            return DuckDBSide(self._sessions[number], source, name=side)
        source = f"SELECT {columns} FROM harm WHERE {where}"
        return PostgreSQLSide(lambda: self._connections[number], source, name=side)

    def close(self) -> None:
        for session in self._sessions:
            session.connection.close()
        for connection in self._connections:
            connection.close()


@pytest.fixture(scope="module")
def dsn(postgres_server: str) -> Iterator[str]:
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute("CREATE DATABASE compared")
    yield with_database(postgres_server, "compared")
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute("DROP DATABASE compared WITH (FORCE)")


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory, dsn: str) -> Iterator[Sides]:
    with closing(Sides(tmp_path_factory.mktemp("harm"), dsn)) as made:
        yield made


def named(difference: RowDifference) -> tuple[object, ...]:
    match difference:
        case Missing(key=key):
            return "missing", key
        case Extra(key=key):
            return "extra", key
        case Changed(key=key, columns=columns):
            return "changed", key, columns
        case Duplicated(key=key, left_rows=left, right_rows=right):
            return "duplicated", key, left, right


@pytest.mark.row("f50", "f36")
@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("mutation", KINDS, ids=lambda m: m.kind)
def test_every_kind_of_harm_is_named_by_its_class(
    sides: Sides, pair: str, mutation: Mutation
) -> None:
    one, two = pair.split("-")
    found = compare(sides.of(one, mutation, "left"), sides.of(two, mutation, "right"), SHAPE)
    assert found.reasons == ()
    assert {named(d) for d in found.differences} == mutation.named
    assert found.outcome is (Outcome.DIFFERENT if mutation.named else Outcome.EQUAL)
    assert (found.keys, found.more) == (len(mutation.named), 0)
    assert (found.left.rows, found.right.rows) == (len(mutation.left), len(mutation.right))


@pytest.mark.parametrize("pair", PAIRS)
def test_both_values_of_a_changed_row_are_told_as_they_are(sides: Sides, pair: str) -> None:
    (mutation,) = (m for m in KINDS if m.kind == "border moved between columns")
    one, two = pair.split("-")
    found = compare(sides.of(one, mutation, "left"), sides.of(two, mutation, "right"), SHAPE)
    (difference,) = found.differences
    assert isinstance(difference, Changed)
    was = next(row for row in base() if row["id"] == 5)
    assert difference.left == was
    assert difference.right == {**was, "account": "005a", "name": " b"}
    assert found.changed.keys == found.changed.left_rows == found.changed.right_rows == 1


@pytest.mark.parametrize("pair", PAIRS)
def test_both_queries_can_be_run_as_they_stand(sides: Sides, pair: str, dsn: str) -> None:
    (mutation,) = (m for m in KINDS if m.kind == "lost row")
    engines = pair.split("-")
    one, other = engines
    found = compare(sides.of(one, mutation, "left"), sides.of(other, mutation, "right"), SHAPE)
    counted = []
    for engine, side in zip(engines, (found.left, found.right), strict=True):
        if engine == "duckdb":
            buckets = duckdb.execute(side.query).fetchall()
            rows = duckdb.execute(side.drill).fetchall()
        else:
            with psycopg.connect(dsn) as connection:
                buckets = connection.execute(side.query.encode()).fetchall()
                rows = connection.execute(side.drill.encode()).fetchall()
        assert sum(int(str(b[1])) for b in buckets) == side.rows
        counted.append(len(rows))
    own_hash = one == other == "postgresql"
    assert (found.algorithm == "md5-60x2") is not own_hash
    assert counted == [1, 0]  # the bucket of the lost row, and nothing else


@pytest.fixture
def two() -> Iterator[tuple[Session, Session]]:
    with duckdb.connect() as left, duckdb.connect() as right:
        yield (
            Session(left, limits=Limits(), code="Q1001", where="test"),
            Session(right, limits=Limits(), code="Q1001", where="test"),
        )


def on(
    engine: str, left: str, right: str, sides: Sides, two: tuple[Session, Session]
) -> tuple[Side, Side]:
    if engine == "duckdb":
        return DuckDBSide(two[0], left, name="left"), DuckDBSide(two[1], right, name="right")
    return (
        PostgreSQLSide(lambda: sides._connections[0], left, name="left"),
        PostgreSQLSide(lambda: sides._connections[1], right, name="right"),
    )


ENGINES = ("duckdb", "postgresql")
SIX = {
    "1 a sum that a float rounds": (
        "SELECT 1 AS id, CAST('1000000.00' AS NUMERIC(14,2)) AS v",
        "SELECT 1 AS id, CAST('1000000.03' AS NUMERIC(14,2)) AS v",
        [("changed", (1,), ("v",))],
    ),
    "2 a large sum that a float rounds by 7.99": (
        "SELECT 1 AS id, CAST('250000000.00' AS NUMERIC(14,2)) AS v",
        "SELECT 1 AS id, CAST('250000007.99' AS NUMERIC(14,2)) AS v",
        [("changed", (1,), ("v",))],
    ),
    "3 a field of a row that a float rounds": (
        "SELECT 1 AS id, CAST('600000.00' AS NUMERIC(14,2)) AS v",
        "SELECT 1 AS id, CAST('600000.03' AS NUMERIC(14,2)) AS v",
        [("changed", (1,), ("v",))],
    ),
    "4 a border between two columns": (
        "SELECT 1 AS id, CAST('ab' AS VARCHAR) AS a, CAST('c' AS VARCHAR) AS b",
        "SELECT 1 AS id, CAST('a' AS VARCHAR) AS a, CAST('bc' AS VARCHAR) AS b",
        [("changed", (1,), ("a", "b"))],
    ),
    "5 a text in the place of null": (
        "SELECT 1 AS id, CAST(NULL AS VARCHAR) AS v",
        "SELECT 1 AS id, CAST('DEFAULT_REPLACEMENT_STRING' AS VARCHAR) AS v",
        [("changed", (1,), ("v",))],
    ),
    "6 a doubled row": (
        "SELECT * FROM (VALUES (1, 5), (2, 7)) AS t (id, v)",
        "SELECT * FROM (VALUES (1, 5), (2, 7), (2, 7)) AS t (id, v)",
        [("duplicated", (2,), 1, 2)],
    ),
}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("case", SIX)
def test_the_six_false_successes_of_the_best_known_tool_are_found(
    sides: Sides, two: tuple[Session, Session], engine: str, case: str
) -> None:
    left, right, wanted = SIX[case]
    one, other = on(engine, left, right, sides, two)
    found = compare(one, other, common_shape(one.types(), other.types(), key=("id",)))
    assert found.outcome is Outcome.DIFFERENT
    assert [named(d) for d in found.differences] == wanted


@pytest.mark.parametrize("engine", ENGINES)
def test_an_empty_reference_is_never_equal(
    sides: Sides, two: tuple[Session, Session], engine: str
) -> None:
    none = "SELECT 1 AS id, 1 AS v WHERE false"
    for right, extra in ((none, 0), ("SELECT 1 AS id, 1 AS v", 1)):
        one, other = on(engine, none, right, sides, two)
        found = compare(one, other, common_shape(one.types(), other.types(), key=("id",)))
        assert (found.outcome, found.extra.keys) == (Outcome.EMPTY_REFERENCE, extra)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_reference_whose_other_side_is_empty_is_different(
    sides: Sides, two: tuple[Session, Session], engine: str
) -> None:
    one, other = on(
        engine, "SELECT 1 AS id, 1 AS v", "SELECT 1 AS id, 1 AS v WHERE false", sides, two
    )
    found = compare(one, other, common_shape(one.types(), other.types(), key=("id",)))
    assert (found.outcome, found.missing.keys) == (Outcome.DIFFERENT, 1)


SHORT = Shape(
    key=("id",),
    columns={"id": ColumnType(kind=Kind.INTEGER), "v": ColumnType(kind=Kind.INTEGER)},
)
GOOD = "SELECT 1 AS id, 1 AS v"


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("bad", "code"),
    [
        ("SELECT * FROM nowhere", "Q1001"),
        ("SELECT 1 AS id, CAST('x' AS INTEGER) AS v", "Q1001"),
        ("SELECT 1 AS id", "R6002"),
        ("SELECT 1 AS id, CAST(1 AS DOUBLE PRECISION) AS v", "R6001"),
        ("SELECT 1 AS id, CAST('1' AS VARCHAR) AS v", "R6001"),
    ],
)
def test_a_side_that_cannot_be_read_is_unknown_with_its_reason(
    dsn: str, two: tuple[Session, Session], engine: str, bad: str, code: str
) -> None:
    for left, right, wrong in ((bad, GOOD, "left"), (GOOD, bad, "right")):
        if engine == "duckdb":
            found = compare(
                DuckDBSide(two[0], left, name="left"),
                DuckDBSide(two[1], right, name="right"),
                SHORT,
            )
        else:
            with (
                open_side(dsn, left, name="left") as one,
                open_side(dsn, right, name="right") as other,
            ):
                found = compare(one, other, SHORT)
        assert found.outcome is Outcome.UNKNOWN
        assert [(r.side, r.code) for r in found.reasons] == [(wrong, code)]
        assert found.differences == ()


def test_a_server_that_is_not_there_makes_it_unknown(two: tuple[Session, Session]) -> None:
    with open_side("postgresql://127.0.0.1:1/none", GOOD, name="warehouse", wait=2) as absent:
        found = compare(DuckDBSide(two[0], GOOD, name="raw"), absent, SHORT)
    assert found.outcome is Outcome.UNKNOWN
    assert [(r.side, r.code) for r in found.reasons] == [("warehouse", "T4003")]
    assert (found.left.rows, found.right.rows) == (1, None)


def test_a_file_that_is_missing_makes_it_unknown(
    two: tuple[Session, Session], tmp_path: Path
) -> None:
    gone = files((str(tmp_path / "gone.parquet"),))
    found = compare(
        DuckDBSide(two[0], GOOD, name="raw"), DuckDBSide(two[1], gone, name="curated"), SHORT
    )
    assert found.outcome is Outcome.UNKNOWN
    assert [r.side for r in found.reasons] == ["curated"]


def test_a_role_without_rights_makes_it_unknown(sides: Sides, dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("CREATE ROLE guest LOGIN")
    try:
        guest = dsn.replace("//postgres:", "//guest:")
        source = f"SELECT {', '.join(COLUMNS)} FROM harm"
        with open_side(guest, source, name="one") as one, open_side(guest, source, name="two") as b:
            found = compare(one, b, SHAPE)
        assert [(r.side, r.code) for r in found.reasons] == [("one", "T4002"), ("two", "T4002")]
    finally:
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("DROP ROLE guest")


def test_a_value_that_breaks_a_query_is_in_no_reason(dsn: str) -> None:
    bad = "SELECT 1 AS id, CAST('secret-4711' AS INTEGER) AS v"
    with open_side(dsn, bad, name="left") as one, open_side(dsn, GOOD, name="right") as other:
        found = compare(one, other, SHORT)
    assert found.reasons
    assert "secret-4711" not in str(found.reasons)


@pytest.mark.parametrize("limit", [0, 5, 100])
def test_when_very_many_differ_the_first_are_named_and_all_are_counted(
    two: tuple[Session, Session], limit: int
) -> None:
    """60,000 on each side: more than bring their values at once."""
    rows = "SELECT range AS id, range AS v FROM range(60000)"
    left = f"SELECT * FROM ({rows}) WHERE id >= 10"
    right = f"SELECT id, v + (id % 2) AS v FROM ({rows}) WHERE id < 59990"
    found = compare(
        DuckDBSide(two[0], left, name="left"),
        DuckDBSide(two[1], right, name="right"),
        SHORT,
        limit=limit,
    )
    assert (found.missing.keys, found.extra.keys, found.changed.keys) == (10, 10, 29990)
    assert len(found.differences) == limit
    assert found.more == 10 + 10 + 29990 - limit
    for difference in found.differences:
        if isinstance(difference, Changed):
            assert difference.columns == ("v",)
            assert int(str(difference.right["v"])) == int(str(difference.left["v"])) + 1


def test_a_key_of_very_many_rows_is_held_in_a_few(two: tuple[Session, Session]) -> None:
    """As when the declared key is empty in every row: no join, and ten rows of it are named."""
    left = "SELECT NULL::BIGINT AS id, range AS v FROM range(30000)"
    right = "SELECT NULL::BIGINT AS id, range + 100 AS v FROM range(30000)"
    found = compare(
        DuckDBSide(two[0], left, name="left"), DuckDBSide(two[1], right, name="right"), SHORT
    )
    (difference,) = found.differences
    assert isinstance(difference, Duplicated)
    assert (difference.left_rows, difference.right_rows) == (30000, 30000)
    assert (difference.left_unmatched, difference.right_unmatched) == (100, 100)
    assert len(difference.left_only) == len(difference.right_only) == 10


def test_a_text_that_only_one_engine_can_hold_is_named(
    sides: Sides, two: tuple[Session, Session]
) -> None:
    """PostgreSQL has no NUL in a text; DuckDB has."""
    shape = Shape(key=("id",), columns={"id": ColumnType(kind=Kind.TEXT)})
    left = "SELECT 'a' || chr(0) || i AS id FROM range(40000) AS t (i)"
    right = "SELECT ('a' || i)::text AS id FROM generate_series(0, 39999) AS t (i)"
    found = compare(
        DuckDBSide(two[0], left, name="left"),
        PostgreSQLSide(lambda: sides._connections[1], right, name="right"),
        shape,
        limit=20,
    )
    assert (found.missing.keys, found.extra.keys, found.more) == (40000, 40000, 79980)
    assert len(found.differences) == 20


class Restless:
    """A side that is another one when it is asked again, as without a snapshot."""

    name = "restless"

    def __init__(self, first: Side, then: Side) -> None:
        self._first, self._then = first, then
        self.types, self.query, self.drill = first.types, first.query, first.drill
        self.native = first.native
        self.buckets, self.rows = first.buckets, then.rows


def test_a_side_that_changes_while_it_is_read_is_unknown(two: tuple[Session, Session]) -> None:
    with duckdb.connect() as third:
        session = Session(third, limits=Limits(), code="Q1001", where="test")
        restless = Restless(
            DuckDBSide(two[1], "SELECT 1 AS id, 2 AS v", name="first"),
            DuckDBSide(session, "SELECT 1 AS id, 3 AS v", name="then"),
        )
        found = compare(DuckDBSide(two[0], GOOD, name="left"), restless, SHORT)
    assert found.outcome is Outcome.UNKNOWN
    assert [(r.side, r.code) for r in found.reasons] == [("restless", "R6003")]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_float_is_never_compared_not_even_with_itself(
    sides: Sides, two: tuple[Session, Session], engine: str
) -> None:
    rows = "SELECT 1 AS id, CAST(0.5 AS DOUBLE PRECISION) AS v"
    one, other = on(engine, rows, rows, sides, two)
    with pytest.raises(ProjectError, match="R6001"):
        common_shape(one.types(), other.types(), key=("id",))


@pytest.mark.parametrize("engine", ENGINES)
def test_a_whole_number_is_compared_with_a_decimal_as_a_decimal(
    sides: Sides, two: tuple[Session, Session], engine: str
) -> None:
    left = "SELECT 7 AS id, CAST(5 AS BIGINT) AS v"
    right = "SELECT CAST(7 AS NUMERIC(10,0)) AS id, CAST('5.00' AS NUMERIC(12,2)) AS v"
    one, other = on(engine, left, right, sides, two)
    shape = common_shape(one.types(), other.types(), key=("id",))
    assert compare(one, other, shape).outcome is Outcome.EQUAL
    assert compare(one, other, SHORT).outcome is Outcome.EQUAL
    changed = right.replace("5.00", "5.01")
    one, other = on(engine, left, changed, sides, two)
    for declared in (shape, SHORT):
        assert compare(one, other, declared).changed.keys == 1


def test_what_a_side_leaves_out_by_place_is_not_compared(
    two: tuple[Session, Session], tmp_path: Path
) -> None:
    rows: Sequence[Row] = [{"_object": "o", "_position": n, "v": n} for n in (1, 2, 3)]
    paths = []
    for name, some in (("all", rows), ("set_aside", rows[2:]), ("kept", rows[:2])):
        paths.append(str(tmp_path / f"{name}.parquet"))
        pq.write_table(pa.Table.from_pylist(list(some)), paths[-1])
    every, aside, kept = paths
    one = DuckDBSide(two[0], files((every,), without=(aside,)), name="left")
    other = DuckDBSide(two[1], files((kept,)), name="right")
    shape = common_shape(one.types(), other.types(), key=("_object", "_position"))
    assert compare(one, other, shape).outcome is Outcome.EQUAL
