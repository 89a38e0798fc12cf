"""Extracts from SQLite and from a real PostgreSQL: one snapshot, exact decimals, own count."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.postgres import needed, postgres_server, postgres_url

from puntual.errors import PermanentError, TransientError
from puntual.local.database import LocalDatabases
from puntual.model.contract import Column, ColumnType, Contract, Kind, Measure, Parquet
from puntual.model.source import ControlSnapshot, DatabaseSource
from puntual.ports.database import Extract

__all__ = ["postgres_server", "postgres_url"]

DAY = date(2026, 11, 20)
MONEY = ColumnType(kind=Kind.DECIMAL, precision=18, scale=2)
QUERY = "SELECT * FROM credits WHERE day = :reference_date ORDER BY id"

SETUP = """
CREATE TABLE credits (
    id integer, "Nombre" varchar(40), amount numeric(18,2), opened date, active boolean,
    day date);
INSERT INTO credits VALUES
    (1, 'Ana', 12.34, '2026-01-31', true, '2026-11-20'),
    (2, '', -0.10, '2026-02-28', false, '2026-11-20'),
    (3, NULL, NULL, NULL, NULL, '2026-11-20'),
    (4, 'a,"b"
c\\', 9999999999999.99, '1999-12-31', true, '2026-11-20'),
    (5, 'Otra', 1.00, '2026-01-31', true, '2026-11-19');
"""

Make = Callable[[str], tuple[LocalDatabases, str]]


def column(name: str, kind: ColumnType, source: str = "") -> Column:
    return Column(name=name, source_name=source or name, type=kind)


def contract(*columns: Column, measures: tuple[str, ...] = ("amount",)) -> Contract:
    return Contract(
        dataset="credits",
        version="1",
        file="contracts/credits.odcs.yaml",
        columns=columns,
        format=Parquet(),
        measures=tuple(Measure(column=m) for m in measures),
    )


CREDITS = contract(
    column("id", ColumnType(kind=Kind.INTEGER)),
    column("name", ColumnType(kind=Kind.TEXT), "Nombre"),
    column("amount", MONEY),
    column("opened", ColumnType(kind=Kind.DATE)),
    column("active", ColumnType(kind=Kind.BOOLEAN)),
)
AMOUNT = contract(column("amount", MONEY))


@pytest.fixture(params=["sqlite", "postgresql"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    """Give a function that makes a database by a script and returns how to reach it."""
    if request.param == "sqlite":

        def of_sqlite(script: str) -> tuple[LocalDatabases, str]:
            with closing(sqlite3.connect(tmp_path / "core.db")) as db:
                db.executescript(script)
            return LocalDatabases(tmp_path, {}), "sqlite:core.db"

        return of_sqlite
    needed("psycopg")
    url = request.getfixturevalue("postgres_url")
    import psycopg

    from puntual.engines.postgresql.extract import read

    def of_postgresql(script: str) -> tuple[LocalDatabases, str]:
        with psycopg.connect(url) as connection:
            connection.execute(script)
        return LocalDatabases(tmp_path, {}, read), url

    return of_postgresql


def extract(
    made: tuple[LocalDatabases, str],
    folder: Path,
    of: Contract = CREDITS,
    query: str = QUERY,
) -> Extract:
    databases, connection = made
    source = DatabaseSource(
        name="credits", connection=connection, query=query, control=ControlSnapshot()
    )
    return databases.extract(source, of, DAY, str(folder))


@pytest.mark.row("f37")
def test_rows_are_exact_typed_by_the_contract_and_counted_by_the_database(
    make: Make, tmp_path: Path
) -> None:
    before = datetime.now(UTC)
    done = extract(make(SETUP), tmp_path)
    table = pq.read_table(done.path)
    assert table.schema == pa.schema(
        [
            ("id", pa.int64()),
            ("Nombre", pa.string()),
            ("amount", pa.decimal128(18, 2)),
            ("opened", pa.date32()),
            ("active", pa.bool_()),
        ]
    )
    assert table.to_pylist() == [
        {
            "id": 1,
            "Nombre": "Ana",
            "amount": Decimal("12.34"),
            "opened": date(2026, 1, 31),
            "active": True,
        },
        {
            "id": 2,
            "Nombre": "",
            "amount": Decimal("-0.10"),
            "opened": date(2026, 2, 28),
            "active": False,
        },
        {"id": 3, "Nombre": None, "amount": None, "opened": None, "active": None},
        {
            "id": 4,
            "Nombre": 'a,"b"\nc\\',
            "amount": Decimal("9999999999999.99"),
            "opened": date(1999, 12, 31),
            "active": True,
        },
    ]
    assert (done.records, done.control_count) == (4, 4)
    assert done.control_sums == {"amount": Decimal("10000000000012.23")}
    assert abs((done.snapshot_at - before).total_seconds()) < 60
    assert done.snapshot_at.utcoffset() is not None


def test_a_recount_gives_the_same_count_and_sums_without_a_row(make: Make, tmp_path: Path) -> None:
    made = databases, connection = make(SETUP)
    done = extract(made, tmp_path)
    source = DatabaseSource(
        name="credits", connection=connection, query=QUERY, control=ControlSnapshot()
    )
    again = databases.recount(source, CREDITS, DAY)
    assert (again.count, again.sums) == (done.control_count, done.control_sums)
    assert again.count == 4


def test_the_same_rows_give_the_same_bytes(make: Make, tmp_path: Path) -> None:
    made = make(SETUP)
    first = Path(extract(made, tmp_path).path).read_bytes()
    assert Path(extract(made, tmp_path).path).read_bytes() == first


def test_no_rows_give_a_typed_file_and_a_control_of_zero(make: Make, tmp_path: Path) -> None:
    done = extract(make(SETUP), tmp_path, query="SELECT * FROM credits WHERE id > 9")
    assert pq.read_schema(done.path).field("amount").type == pa.decimal128(18, 2)
    assert (done.records, done.control_count) == (0, 0)
    assert done.control_sums == {"amount": Decimal(0)}


def test_a_value_that_is_not_of_its_type_keeps_its_text(make: Make, tmp_path: Path) -> None:
    made = make(
        "CREATE TABLE t (id varchar(9), amount varchar(9), opened varchar(19), n integer);"
        "INSERT INTO t VALUES ('007', '1.234', '2026-02-30', 1), ('8', 'x', '2026-02-03', 2),"
        " ('9', '2.5', '2026-02-03', 3)"
    )
    of = contract(
        column("id", ColumnType(kind=Kind.INTEGER)),
        column("amount", MONEY),
        column("opened", ColumnType(kind=Kind.DATE)),
    )
    done = extract(made, tmp_path, of, "SELECT id, amount, opened FROM t ORDER BY n")
    assert pq.read_table(done.path).to_pydict() == {
        "id": ["007", "8", "9"],
        "amount": ["1.234", "x", "2.5"],
        "opened": ["2026-02-30", "2026-02-03", "2026-02-03"],
    }
    assert done.control_sums == {"amount": Decimal("3.734")}


def test_instants_with_an_offset_are_typed_and_others_stay_text(make: Make, tmp_path: Path) -> None:
    made = make(
        "CREATE TABLE t (a varchar(40), b varchar(40), n integer);"
        "INSERT INTO t VALUES ('2026-11-20 10:00:00.5-06:00', '2026-11-20 10:00:00', 1),"
        " ('2026-11-20T10:00:00Z', '2026-11-20 11:00:00', 2)"
    )
    kind = ColumnType(kind=Kind.TIMESTAMP)
    of = contract(column("a", kind), column("b", kind), measures=())
    done = extract(made, tmp_path, of, "SELECT a, b FROM t ORDER BY n")
    assert pq.read_table(done.path).to_pydict() == {
        "a": [
            datetime(2026, 11, 20, 16, 0, 0, 500000, tzinfo=UTC),
            datetime(2026, 11, 20, 10, 0, tzinfo=UTC),
        ],
        "b": ["2026-11-20 10:00:00", "2026-11-20 11:00:00"],
    }


def test_the_date_is_bound_and_texts_names_and_comments_are_left_alone(
    make: Make, tmp_path: Path
) -> None:
    query = """
        SELECT amount, ':reference_date' AS t, 'it''s :reference_date' AS ":reference_date"
        FROM credits /* :reference_date */ WHERE day = :reference_date -- ' :x
        ;"""
    done = extract(make(SETUP), tmp_path, AMOUNT, query)
    assert done.records == 4


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("SELECT * FROM no_such_table", "S1202"),
        ("SELEKT 1", "S1202"),
        ("DELETE FROM credits", "S1202"),
        ("SELECT 1 AS amount) AS q; DROP TABLE credits; --", "S1202"),
        ("SELECT id AS importe FROM credits", "S1204"),
    ],
)
def test_a_query_that_cannot_be_is_refused_and_changes_nothing(
    make: Make, tmp_path: Path, query: str, code: str
) -> None:
    made = make(SETUP)
    with pytest.raises(PermanentError) as refused:
        extract(made, tmp_path, AMOUNT, query)
    assert refused.value.code == code
    assert extract(made, tmp_path).records == 4


def test_large_results_arrive_whole_and_in_order(make: Make, tmp_path: Path) -> None:
    made = make("CREATE TABLE seed (n integer); INSERT INTO seed VALUES (1)")
    query = (
        "WITH RECURSIVE r(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM r WHERE id < 120000)"
        " SELECT id, id || '.25' AS amount FROM r ORDER BY id"
    )
    of = contract(column("id", ColumnType(kind=Kind.INTEGER)), column("amount", MONEY))
    done = extract(made, tmp_path, of, query)
    table = pq.read_table(done.path)
    assert table["id"].to_pylist() == list(range(1, 120001))
    assert (done.records, done.control_count) == (120000, 120000)
    total = 120000 * 120001 // 2 + 120000 * Decimal("0.25")
    assert done.control_sums == {"amount": total}
    assert sum(table["amount"].to_pylist()) == total


@pytest.mark.row("f41")
def test_a_binary_fraction_in_sqlite_is_the_decimal_that_it_means(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "core.db")) as db:
        db.execute("CREATE TABLE t (amount DECIMAL(18,2))")
        db.executemany("INSERT INTO t VALUES (?)", [("0.1",), ("0.2",), (1e6,), ("-1234567.89",)])
        assert db.execute("SELECT typeof(amount) FROM t LIMIT 1").fetchone() == ("real",)
        db.commit()
    made = (LocalDatabases(tmp_path, {}), "sqlite:core.db")
    done = extract(made, tmp_path, AMOUNT, "SELECT * FROM t")
    assert pq.read_table(done.path)["amount"].to_pylist() == [
        Decimal("0.10"),
        Decimal("0.20"),
        Decimal("1000000.00"),
        Decimal("-1234567.89"),
    ]
    assert done.control_sums == {"amount": Decimal("-234567.59")}


@pytest.mark.row("f41")
def test_noise_in_a_binary_fraction_is_shown_and_not_rounded_away(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "core.db")) as db:
        db.execute("CREATE TABLE t (amount REAL)")
        db.execute("INSERT INTO t VALUES (?)", (0.1 + 0.2,))
        db.commit()
    made = (LocalDatabases(tmp_path, {}), "sqlite:core.db")
    done = extract(made, tmp_path, AMOUNT, "SELECT * FROM t")
    assert pq.read_table(done.path)["amount"].to_pylist() == ["~0.30000000000000004"]


def test_a_file_that_is_not_there_may_come(tmp_path: Path) -> None:
    with pytest.raises(TransientError, match="S1201"):
        extract((LocalDatabases(tmp_path, {}), "sqlite:none.db"), tmp_path)
    assert not (tmp_path / "none.db").exists()


def test_a_connection_may_stand_in_the_environment(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "core.db")) as db:
        db.executescript(SETUP)
    made = (LocalDatabases(tmp_path, {"CORE": "sqlite:core.db"}), "env:CORE")
    assert extract(made, tmp_path).records == 4


@pytest.mark.row("h16")
@pytest.mark.parametrize(
    "connection", ["env:NOT_SET", "mysql://u:secret@h/d", "postgresql://u:secret@h/d"]
)
def test_a_connection_that_cannot_be_used_is_named_without_its_secrets(
    tmp_path: Path, connection: str
) -> None:
    with pytest.raises(PermanentError) as refused:
        extract((LocalDatabases(tmp_path, {}), connection), tmp_path)
    assert refused.value.code == "S1206"
    assert "secret" not in str(vars(refused.value))


@pytest.mark.row("f33")
def test_a_server_that_is_not_there_is_tried_again(tmp_path: Path) -> None:
    needed("psycopg")
    from puntual.engines.postgresql.extract import read

    made = (LocalDatabases(tmp_path, {}, read), "postgresql://u:secret@127.0.0.1:1/d")
    with pytest.raises(TransientError) as refused:
        extract(made, tmp_path)
    assert refused.value.code == "S1201"
    assert "secret" not in str(vars(refused.value))


def test_postgresql_values_that_are_no_number_are_in_no_sum(
    postgres_url: str, tmp_path: Path
) -> None:
    import psycopg

    from puntual.engines.postgresql.extract import read

    with psycopg.connect(postgres_url) as connection:
        connection.execute(
            "CREATE TABLE t (amount numeric, at timestamptz);"
            "INSERT INTO t VALUES ('NaN', '2026-11-20 10:00:00-06'), (1.5, NULL)"
        )
    of = contract(column("amount", MONEY), column("at", ColumnType(kind=Kind.TIMESTAMP)))
    made = (LocalDatabases(tmp_path, {}, read), postgres_url)
    done = extract(made, tmp_path, of, "SELECT * FROM t")
    table = pq.read_table(done.path)
    assert table["amount"].to_pylist() == ["NaN", "1.5"]
    assert table["at"].to_pylist() == [datetime(2026, 11, 20, 16, 0, tzinfo=UTC), None]
    assert (done.control_count, done.control_sums) == (2, {"amount": Decimal("1.5")})


def test_a_user_without_rights_is_not_retried(postgres_url: str, tmp_path: Path) -> None:
    import psycopg

    from puntual.engines.postgresql.extract import read

    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(SETUP)
        connection.execute("DROP ROLE IF EXISTS nobody_much")
        connection.execute("CREATE ROLE nobody_much LOGIN")
    url = postgres_url.replace("//postgres:@", "//nobody_much@")
    with pytest.raises(PermanentError, match="S1203"):
        extract((LocalDatabases(tmp_path, {}, read), url), tmp_path)
    missing = postgres_url.replace("/test_", "/missing_")
    with pytest.raises(PermanentError, match="S1203"):
        extract((LocalDatabases(tmp_path, {}, read), missing), tmp_path)


def test_the_rows_of_a_query_are_handed_on_as_text_and_counted_by_the_database(
    make: Make,
) -> None:
    databases, connection = make(SETUP)
    source = DatabaseSource(
        name="credits", connection=connection, query=QUERY, control=ControlSnapshot()
    )
    taken: list[tuple[object, ...]] = []

    def take(columns: Mapping[str, Sequence[str | None]], records: int) -> None:
        taken.extend(zip(*columns.values(), strict=True))
        assert all(len(values) == records for values in columns.values())

    assert databases.rows(source, DAY, ("amount", "id"), take) == 4
    amounts = [None if a is None else Decimal(str(a)) for a, _ in taken]
    assert amounts == [Decimal("12.34"), Decimal("-0.10"), None, Decimal("9999999999999.99")]
    assert databases.rows(source, DAY, (), take) == 4
    assert len(taken) == 4
    with pytest.raises(PermanentError, match="S1204"):
        databases.rows(source, DAY, ("absent",), take)


FLOATS = """
CREATE DOMAIN measured AS double precision;
CREATE TABLE t (id integer, amount numeric, r real, d double precision, m measured, n float(24));
INSERT INTO t VALUES (1, 250.50, 250000007.99, 250.50, 250.50, 1);
"""


@pytest.fixture
def floats(postgres_url: str, tmp_path: Path) -> tuple[LocalDatabases, str]:
    """Give a PostgreSQL with a table of floats, and how to reach it."""
    import psycopg

    from puntual.engines.postgresql.extract import read

    with psycopg.connect(postgres_url) as connection:
        connection.execute(FLOATS)
    return LocalDatabases(tmp_path, {}, read), postgres_url


def _rows(made: tuple[LocalDatabases, str], query: str, *columns: str) -> list[object]:
    databases, connection = made
    source = DatabaseSource(
        name="credits", connection=connection, query=query, control=ControlSnapshot()
    )
    taken: list[object] = []
    databases.rows(source, DAY, columns, lambda found, _: taken.extend(found[columns[0]]))
    return taken


@pytest.mark.row("f41")
@pytest.mark.parametrize(
    ("query", "kind"),
    [
        ("SELECT r AS a FROM t", "real"),
        ("SELECT d AS a FROM t", "double precision"),
        ("SELECT m AS a FROM t", "double precision"),
        ("SELECT n AS a FROM t", "real"),
        ("SELECT sum(r) AS a FROM t", "real"),
        ("SELECT avg(d) AS a FROM t", "double precision"),
        ("SELECT amount * 1.0::float8 AS a FROM t", "double precision"),
        ("SELECT r AS a FROM t WHERE false", "real"),
    ],
)
def test_a_float_of_postgresql_is_refused_by_its_type_whatever_it_shows(
    floats: tuple[LocalDatabases, str], query: str, kind: str
) -> None:
    with pytest.raises(PermanentError) as refused:
        _rows(floats, query, "a")
    assert (refused.value.code, refused.value.observed) == ("S1207", f"a is {kind}")
    assert "CAST" in refused.value.next_step


@pytest.mark.parametrize(
    ("query", "texts"),
    [
        ("SELECT amount AS a, r FROM t", ["250.50"]),
        ("SELECT sum(amount) AS a FROM t", ["250.50"]),
        ("SELECT CAST(d AS numeric(18,2)) AS a FROM t", ["250.50"]),
        ("SELECT id AS a FROM t", ["1"]),
    ],
)
def test_what_is_exact_in_postgresql_is_read_though_a_float_stands_beside_it(
    floats: tuple[LocalDatabases, str], query: str, texts: list[str]
) -> None:
    assert _rows(floats, query, "a") == texts


@pytest.mark.row("f41")
def test_a_float_of_postgresql_is_landed_as_no_number_and_counted_as_none(
    floats: tuple[LocalDatabases, str], tmp_path: Path
) -> None:
    query = "SELECT id, d AS amount FROM t"
    of = contract(column("id", ColumnType(kind=Kind.INTEGER)), column("amount", MONEY))
    databases, connection = floats
    source = DatabaseSource(
        name="credits", connection=connection, query=query, control=ControlSnapshot()
    )
    for asks in (
        lambda: extract(floats, tmp_path, of, query),
        lambda: databases.recount(source, of, DAY),
    ):
        with pytest.raises(PermanentError) as refused:
            asks()
        assert (refused.value.code, refused.value.observed) == (
            "S1207",
            "amount is double precision",
        )
    assert not list(tmp_path.glob("extract*"))


def test_a_float_of_postgresql_that_is_declared_a_text_stays_its_text(
    floats: tuple[LocalDatabases, str], tmp_path: Path
) -> None:
    of = contract(column("amount", ColumnType(kind=Kind.TEXT)), measures=())
    done = extract(floats, tmp_path, of, "SELECT d AS amount FROM t")
    assert pq.read_table(done.path)["amount"].to_pylist() == ["250.5"]
