"""Every measure gives the same on DuckDB, on a real PostgreSQL, and row by row in memory."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from support.postgres import postgres_server, with_database

from puntual.checks.control import Group, Key
from puntual.checks.measures import Scan, measures_sql, quoted, scans
from puntual.checks.tally import Tally
from puntual.engines.duckdb_warehouse import DuckDBWarehouse
from puntual.errors import PermanentError
from puntual.model.control import Asked, MeasureKind, QuerySide, Refers, Stage, StagedSide, Term
from puntual.model.manifest import Totals
from puntual.ports.warehouse import LoadOrder, Warehouse
from puntual.runner.measure import Reading, reading

if not os.environ.get("CI"):
    pytest.importorskip("psycopg")

import psycopg

from puntual.engines.postgresql.warehouse import PostgreSQLWarehouse

__all__ = ["postgres_server"]

DAY, OTHER = date(2026, 11, 20), date(2026, 11, 19)
COLUMNS = ("branch", "client", "money", "wide", "n", "paid_on", "seen", "active")
TYPES = (
    "VARCHAR",
    "VARCHAR",
    "DECIMAL(18,2)",
    "DECIMAL(38,0)",
    "BIGINT",
    "DATE",
    "TIMESTAMPTZ",
    "BOOLEAN",
)
WIDE = "99999999999999999999999999999999999998"
ROWS = (
    ("'014'", "'c1'", "100.00", WIDE, "1", "DATE '2026-11-20'", "'2026-11-20 06:00:00Z'", "true"),
    ("'014'", "'c1'", "-0.01", "1", "-7", "DATE '2024-02-29'", "NULL", "false"),
    ("'014'", "'ab:c'", "-0.00", "0", "0", "NULL", "'1999-12-31 23:59:59.999999Z'", "NULL"),
    ("NULL", "'a'", "0.10", "NULL", "NULL", "DATE '2026-11-20'", "NULL", "true"),
    ("NULL", "NULL", "NULL", "-5", "9223372036854775807", "NULL", "NULL", "true"),
    ("''", "'ñ'", "9999999999999999.99", "-1", "9223372036854775807", "NULL", "NULL", "NULL"),
    ("'Zebra'", "'C1'", "12.30", "-1", "3", "DATE '2026-11-19'", "NULL", "false"),
)
VALUES = ", ".join(f"({', '.join(row)})" for row in ROWS)
CASTS = ", ".join(f"{c}::{t} AS {c}" for c, t in zip(COLUMNS, TYPES, strict=True))
SQL = f"SELECT {CASTS} FROM (VALUES {VALUES}) AS t ({', '.join(COLUMNS)})"


def of(kind: MeasureKind, *columns: str) -> Asked:
    return Asked(kind=kind, columns=columns)


EVERY = (
    of(MeasureKind.COUNT),
    *(
        of(kind, column)
        for kind in (
            MeasureKind.SUM,
            MeasureKind.SUM_NEGATIVE,
            MeasureKind.SUM_POSITIVE,
            MeasureKind.COUNT_NEGATIVE,
            MeasureKind.MIN,
            MeasureKind.MAX,
        )
        for column in ("money", "wide", "n")
    ),
    of(MeasureKind.MIN, "paid_on"),
    of(MeasureKind.MAX, "paid_on"),
    of(MeasureKind.MAX, "seen"),
    *(of(MeasureKind.DISTINCT, column) for column in COLUMNS),
    of(MeasureKind.DISTINCT, "branch", "client"),
    of(MeasureKind.DISTINCT, "client", "money", "paid_on", "active"),
)


def loaded(warehouse: Warehouse, folder: Path) -> Warehouse:
    """Load the rows for the day, some of them for the day before, and the clients."""
    tables = (
        ("moved", DAY, SQL, len(ROWS)),
        ("moved", OTHER, f"{SQL} LIMIT 2", 2),
        ("known", DAY, "SELECT * FROM (VALUES ('c1'), ('ñ'), (NULL)) AS t (client)", 3),
        ("known", OTHER, "SELECT 'C1' AS client", 1),
    )
    for number, (table, day, sql, records) in enumerate(tables):
        path = folder / f"{number}.parquet"
        duckdb.execute(f"COPY ({sql}) TO '{path}'")
        warehouse.load(
            LoadOrder(
                table=table,
                reference_date=day,
                files=(str(path),),
                without=(),
                measures=(),
                expected=Totals(records=records),
                manifest=f"{number}" * 64,
                epoch=1,
            )
        )
    return warehouse


@pytest.fixture(scope="module", params=["duckdb", "postgresql"])
def warehouse(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Warehouse]:
    folder = tmp_path_factory.mktemp("measures")
    if request.param == "duckdb":
        with closing(DuckDBWarehouse(folder / "w.duckdb")) as made:
            yield loaded(made, folder)
        return
    server = request.getfixturevalue("postgres_server")
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("CREATE DATABASE measures")
    with closing(PostgreSQLWarehouse(with_database(server, "measures"))) as server_made:
        yield loaded(server_made, folder)


def asked(warehouse: Warehouse, scan: Scan, measures: tuple[Asked, ...]) -> Reading:
    side = scan.side
    staged = isinstance(side, StagedSide)
    source = quoted(side.dataset) if isinstance(side, StagedSide) else f"({side.sql})"  # type: ignore[union-attr]
    sql = measures_sql(scan, measures, source, day=DAY if staged else None)
    answer = warehouse.query(sql, {"reference_date": DAY}, limit=1000)
    return reading(answer, scan, measures, sql)


def in_memory(by: tuple[str, ...]) -> dict[Key, Group]:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        rows = connection.execute(SQL).fetchall()
    tally = Tally(EVERY, by=by)
    columns = dict(zip(COLUMNS, zip(*rows, strict=True), strict=True))
    tally.add(columns, len(rows))
    return tally.groups()


SIDE = StagedSide(stage=Stage.WAREHOUSE, dataset="moved")


@pytest.mark.parametrize("by", [(), ("branch",), ("branch", "active"), ("paid_on",), ("money",)])
def test_every_measure_is_the_same_as_in_memory(warehouse: Warehouse, by: tuple[str, ...]) -> None:
    found = asked(warehouse, Scan(side=SIDE, by=by), EVERY)
    assert found.lacks is None, found.reason
    assert found.groups == in_memory(by)


def test_a_sum_has_38_digits_and_no_negative_zero(warehouse: Warehouse) -> None:
    measures = (of(MeasureKind.SUM, "wide"), of(MeasureKind.SUM_NEGATIVE, "money"))
    (group,) = asked(warehouse, Scan(side=SIDE, where="n >= 0"), measures).groups.values()
    assert group.values == (Decimal(int(WIDE) - 7), Decimal("0.00"))
    assert not str(group.values[1]).startswith("-")


def test_nulls_are_counted_beside_the_sums_of_a_group(warehouse: Warehouse) -> None:
    measures = (of(MeasureKind.COUNT), of(MeasureKind.SUM, "n"), of(MeasureKind.MAX, "n"))
    found = asked(warehouse, Scan(side=SIDE, by=("branch",)), measures)
    nulls = {key: group.nulls for key, group in found.groups.items()}
    assert nulls == {("014",): (), (None,): (0, 1, 0), ("",): (), ("Zebra",): ()}


def test_a_null_is_a_group_of_its_own_beside_the_empty_text(warehouse: Warehouse) -> None:
    found = asked(warehouse, Scan(side=SIDE, by=("branch",)), (of(MeasureKind.COUNT),))
    rows = {key: group.rows for key, group in found.groups.items()}
    assert rows == {("014",): 3, (None,): 2, ("",): 1, ("Zebra",): 1}


def test_no_row_is_one_answer_without_a_grain_and_none_with_one(warehouse: Warehouse) -> None:
    none = Scan(side=SIDE, where="1 = 0")
    measures = (of(MeasureKind.SUM, "money"), of(MeasureKind.MAX, "n"))
    assert asked(warehouse, none, measures).groups == {(): Group(rows=0, values=(Decimal(0), None))}
    assert asked(warehouse, Scan(side=SIDE, by=("branch",), where="1 = 0"), measures).groups == {}


def test_only_rows_with_their_counterpart_of_the_same_day_are_kept(warehouse: Warehouse) -> None:
    refers = Refers(columns=("client",), dataset="known", to_columns=("client",))
    found = asked(warehouse, Scan(side=SIDE, refers=refers), (of(MeasureKind.SUM, "money"),))
    assert found.groups[()] == Group(rows=3, values=(Decimal("10000000000000099.98"),))


def test_the_rows_of_a_query_are_measured_as_those_of_a_table(warehouse: Warehouse) -> None:
    sql = "SELECT branch, -money AS given FROM moved WHERE reference_date = :reference_date"
    scan = Scan(side=QuerySide(sql=sql), by=("branch",))
    found = asked(warehouse, scan, (of(MeasureKind.SUM, "given"),))
    assert found.groups[("014",)] == Group(rows=3, values=(Decimal("-99.99"),))


def test_a_sum_of_39_digits_is_exact_or_no_answer_and_never_a_wrong_one(
    warehouse: Warehouse,
) -> None:
    sql = "SELECT wide FROM moved WHERE wide > 9 UNION ALL SELECT wide FROM moved WHERE wide > 9"
    scan, total = Scan(side=QuerySide(sql=sql)), of(MeasureKind.SUM, "wide")
    if isinstance(warehouse, DuckDBWarehouse):
        with pytest.raises(PermanentError, match="Q1001"):
            asked(warehouse, scan, (total,))
    else:
        found = asked(warehouse, scan, (total,))
        assert found.groups[()].values == (Decimal(int(WIDE) * 4),)


def test_controls_that_read_the_same_rows_share_one_reading() -> None:
    count, total = of(MeasureKind.COUNT), of(MeasureKind.SUM, "money")
    terms = (
        Term(side=SIDE, asked=(count, total)),
        Term(side=SIDE, asked=(total,)),
        Term(side=SIDE, asked=(count,), by=("branch",)),
        Term(side=SIDE, asked=(count,), where="n > 0"),
    )
    found = scans(terms)
    assert [(s.by, s.where, a) for s, a in found.items()] == [
        ((), "", (count, total)),
        (("branch",), "", (count,)),
        ((), "n > 0", (count,)),
    ]
