"""Real data of others, compared row by row: what was lost, changed or declared wrongly."""

from __future__ import annotations

import csv
import io
import tarfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from pathlib import Path

import duckdb
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.postgres import postgres_server, with_database
from support.shared import shared

from puntual.checks.comparable import common_shape
from puntual.engines.compare.rows import compare
from puntual.engines.duckdb.session import Limits, Session
from puntual.engines.duckdb.side import DuckDBSide, files
from puntual.engines.postgresql.side import open_side, table
from puntual.model.difference import Changed, Duplicated, Extra, Outcome

__all__ = ["postgres_server"]


@pytest.fixture
def two() -> Iterator[tuple[Session, Session]]:
    with duckdb.connect() as left, duckdb.connect() as right:
        yield (
            Session(left, limits=Limits(), code="Q1001", where="test"),
            Session(right, limits=Limits(), code="Q1001", where="test"),
        )


def unpacked(name: str, into: Path) -> Path:
    """Unpack an archive of the shared data, `.tgz` or `.tar.zst`."""
    path = shared(name)
    kind = "gzip" if path.suffix == ".tgz" else "zstd"
    with (
        pa.input_stream(str(path), compression=kind) as raw,
        tarfile.open(fileobj=io.BufferedReader(raw), mode="r|") as archive,
    ):
        archive.extractall(into, filter="data")
    return into


@pytest.fixture(scope="module")
def retail(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The rows of a shop's year, typed, as one Parquet file."""
    folder = unpacked("retail_by_day/by-day.tar.zst", tmp_path_factory.mktemp("retail"))
    path = folder / "year.parquet"
    duckdb.execute(f"COPY ({LINES.format(folder=folder)}) TO '{path}'")
    return str(path)


LINES = """
SELECT "InvoiceNo" AS invoice, "StockCode" AS stock, "Description" AS description,
  CAST("Quantity" AS BIGINT) AS quantity, CAST("UnitPrice" AS DECIMAL(12,3)) AS price,
  CAST("InvoiceDate" AS TIMESTAMP) AS seen, "CustomerID" AS client
FROM read_csv('{folder}/by-day/*.csv', header = true, all_varchar = true)
"""
CHRISTMAS = "WHERE seen >= TIMESTAMP '2010-12-20' AND seen < TIMESTAMP '2010-12-25'"


def test_a_shops_year_is_equal_to_itself_with_its_true_duplicates(
    two: tuple[Session, Session], retail: str
) -> None:
    """541,909 rows of 305 files, 5,268 of them alike; a key that is not unique is no error."""
    one = DuckDBSide(two[0], files((retail,)), name="raw")
    other = DuckDBSide(two[1], f"{files((retail,))} ORDER BY price, seen", name="sorted")
    found = compare(one, other, common_shape(one.types(), other.types(), key=("invoice", "stock")))
    assert (found.outcome, found.left.rows) == (Outcome.EQUAL, 541_909)


def test_a_shops_true_duplicates_removed_by_their_content_are_named(
    two: tuple[Session, Session], retail: str
) -> None:
    source = f"{files((retail,))} {CHRISTMAS}"
    one = DuckDBSide(two[0], source, name="raw")
    other = DuckDBSide(two[1], f"SELECT DISTINCT * FROM ({source})", name="deduplicated")
    found = compare(one, other, common_shape(one.types(), other.types(), key=("invoice", "stock")))
    assert (found.left.rows, found.right.rows) == (4_603, 4_596)
    assert (found.duplicated.left_rows, found.duplicated.right_rows) == (7, 0)
    assert found.keys == found.duplicated.keys == len(found.differences)
    assert all(isinstance(d, Duplicated) and d.left_rows > d.right_rows for d in found.differences)


def test_refunds_without_their_sign_are_all_found_where_the_counts_agree(
    two: tuple[Session, Session], retail: str
) -> None:
    source = f"{files((retail,))} {CHRISTMAS}"
    signless = f"SELECT * REPLACE (abs(quantity) AS quantity) FROM ({source})"
    one = DuckDBSide(two[0], source, name="raw")
    other = DuckDBSide(two[1], signless, name="published")
    shape = common_shape(one.types(), other.types(), key=("invoice", "stock"))
    found = compare(one, other, shape, limit=20)
    assert found.left.rows == found.right.rows
    (refunds,) = two[0].row(f"SELECT count(*) FROM ({source}) WHERE quantity < 0")
    assert found.changed.left_rows + found.duplicated.left_rows == refunds
    assert (found.missing.keys, found.extra.keys) == (0, 0)
    assert len(found.differences) == 20


def test_the_source_that_declares_its_own_counts_wrongly_is_told_by_how_much(
    two: tuple[Session, Session], tmp_path: Path
) -> None:
    """1,803 fraud nodes declared, 1,804 delivered; its other two counts are right."""
    folder = unpacked("amlsim/20K_fanin200cycle200.tgz", tmp_path) / "20K_fanin200cycle200"
    declared = """
      SELECT * FROM (VALUES ('nodes', 20000), ('fraud nodes', 1803), ('transactions', 120558))
      AS t (what, n)"""
    text = (folder / "metadata.txt").read_text()
    assert "nodes: 20,000 (1803 fraud nodes)" in text
    assert "transactions: 120,558" in text
    counted = f"""
      SELECT 'nodes' AS what, count(*) AS n FROM '{folder}/nodes.csv'
      UNION ALL SELECT 'fraud nodes', count(*) FROM '{folder}/nodes.csv' WHERE isFraud
      UNION ALL SELECT 'transactions', count(*) FROM '{folder}/transactions.csv'"""
    one = DuckDBSide(two[0], declared, name="metadata.txt")
    other = DuckDBSide(two[1], counted, name="delivered")
    found = compare(one, other, common_shape(one.types(), other.types(), key=("what",)))
    (difference,) = found.differences
    assert isinstance(difference, Changed)
    assert (difference.key, difference.left["n"], difference.right["n"]) == (
        ("fraud nodes",), 1803, 1804,
    )  # fmt: skip


def test_transactions_in_postgresql_are_those_of_the_file_with_1684_true_duplicates(
    two: tuple[Session, Session], tmp_path: Path, postgres_server: str
) -> None:
    folder = unpacked("amlsim/20K_fanin200cycle200.tgz", tmp_path) / "20K_fanin200cycle200"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute("CREATE DATABASE amlsim")
    dsn = with_database(postgres_server, "amlsim")
    try:
        with psycopg.connect(dsn) as connection:
            connection.execute(
                "CREATE TABLE paid (source bigint, target bigint, value numeric(12,2), step int)"
            )
            copied = "COPY paid FROM STDIN (FORMAT csv, HEADER)"
            with connection.cursor() as cursor, cursor.copy(copied) as copy:
                copy.write((folder / "transactions.csv").read_bytes())
        sql = f"""
          SELECT column0 AS source, column1 AS target, CAST(column2 AS DECIMAL(12,2)) AS value,
            column3 AS step
          FROM read_csv('{folder}/transactions.csv', header = false, skip = 1,
            columns = {{column0: 'BIGINT', column1: 'BIGINT', column2: 'VARCHAR',
              column3: 'INTEGER'}})"""
        key = ("source", "target", "step")
        file = DuckDBSide(two[0], sql, name="file")
        with open_side(dsn, table("paid"), name="warehouse") as side:
            found = compare(file, side, common_shape(file.types(), side.types(), key=key))
        assert (found.outcome, found.left.rows) == (Outcome.EQUAL, 120_558)
        with open_side(dsn, "SELECT DISTINCT * FROM paid", name="distinct") as side:
            found = compare(file, side, common_shape(file.types(), side.types(), key=key), limit=5)
        assert found.duplicated.left_rows == 1_684
        assert (found.missing.keys, found.extra.keys, found.changed.keys) == (0, 0, 0)
    finally:
        with psycopg.connect(postgres_server, autocommit=True) as connection:
            connection.execute("DROP DATABASE amlsim WITH (FORCE)")


NAMES = {
    "paid": ("payment date", "pay date"),
    "amount": ("net amount", "amount"),
    "supplier": ("supplier name(t)", "beneficiary name", "benificiary name", "supplier name"),
    "unit": ("service label(t)", "service label", "organisational unit"),
}
"""18 header variants of the body's own files, and the two of others' canonical result."""


def releases(folder: Path, into: Path) -> str:
    """Write the rows of all releases as Parquet: by release and line, what both sides have."""
    columns: dict[str, list[object]] = defaultdict(list)
    for path in sorted(folder.glob("*.csv")):
        reader = csv.reader(path.read_text(encoding="latin-1").splitlines(keepends=True))
        head = [name.strip().lower() for name in next(reader)]
        places = {
            column: next((head.index(name) for name in names if name in head), len(head))
            for column, names in NAMES.items()
        }
        for line, row in enumerate((r for r in reader if any(r)), start=1):
            cells = {c: row[at] if at < len(row) else None for c, at in places.items()}
            columns["release"].append(path.stem)
            columns["line"].append(line)
            for column, cell in cells.items():
                columns[column].append(money(cell) if column == "amount" else cell)
    kinds = {"line": pa.int64(), "amount": pa.decimal128(14, 2)}
    arrays = {
        name: pa.array(cells, kinds.get(name, pa.string())) for name, cells in columns.items()
    }
    pq.write_table(pa.table(arrays), into)
    return str(into)


def money(text: str | None) -> Decimal | None:
    try:
        return Decimal((text or "").replace(",", "")).quantize(Decimal("0.01"))
    except InvalidOperation:
        return None


def test_a_public_bodys_payments_against_others_canonical_result_by_month(
    two: tuple[Session, Session], tmp_path: Path
) -> None:
    folder = unpacked("uk_spend_dev/harrogate.tar.zst", tmp_path) / "harrogate"
    one = DuckDBSide(
        two[0], files((releases(folder / "clean", tmp_path / "a.parquet"),)), name="raw"
    )
    other = DuckDBSide(
        two[1], files((releases(folder / "processed", tmp_path / "b.parquet"),)), name="canonical"
    )
    shape = common_shape(one.types(), other.types(), key=("release", "line"))
    found = compare(one, other, shape, limit=20_000)
    rows: Counter[tuple[str, str]] = Counter()
    money_of: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for difference in found.differences:
        assert isinstance(difference, Changed | Extra)
        what = difference.columns[0] if isinstance(difference, Changed) else "extra"
        month = str(difference.key[0])[:7]
        rows[month, what] += 1
        money_of[month, what] += Decimal(str(difference.right["amount"] or 0))
    assert (found.left.rows, found.right.rows) == (164_932, 165_949)
    assert (found.missing.keys, found.extra.keys, found.changed.keys, found.more) == (
        0, 1_017, 9_575, 0,
    )  # fmt: skip
    assert {(*key, n, str(money_of[key])) for key, n in rows.items()} == BY_MONTH


BY_MONTH = {
    ("2019-03", "supplier", 2082, "3494558.54"),
    ("2020-07", "supplier", 6, "5000.00"),
    ("2020-09", "supplier", 2, "2091.00"),
    ("2020-10", "supplier", 3, "1488.93"),
    ("2020-12", "supplier", 1, "455.00"),
    ("2021-03", "supplier", 1, "17208.33"),
    ("2021-05", "supplier", 2, "912.00"),
    ("2021-06", "supplier", 8, "5000.00"),
    ("2021-07", "extra", 1017, "5188641.42"),
    ("2021-08", "supplier", 1, "256.70"),
    ("2021-11", "supplier", 18, "12226.00"),
    ("2021-12", "supplier", 2617, "7385774.93"),
    ("2022-01", "supplier", 44, "52265.14"),
    ("2022-02", "supplier", 18, "11447.14"),
    ("2022-03", "supplier", 4688, "7897556.59"),
    ("2022-04", "supplier", 56, "975194.84"),
    ("2022-05", "supplier", 4, "1300.00"),
    ("2022-07", "supplier", 12, "10000.00"),
    ("2022-08", "supplier", 12, "14184.00"),
}
"""
Month, what differs, rows, and the money of these rows in pounds.

No amount differs, and none is missing: one release (July 2021) is only in the canonical result, and
where it has a number or nothing for a supplier, the body's own files have another text.
"""
