"""Every promise of `Catalog`, and what readers find."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from puntual.errors import PermanentError
from puntual.local.catalog import SqliteCatalog, connect, query
from puntual.ports.journal import Partition

FRIDAY, MONDAY = date(2026, 11, 20), date(2026, 11, 23)


def parquet(folder: Path, dataset: str, day: date, build: str, sql: str) -> str:
    """Write a published file as the store lays it out."""
    path = folder / f"lake/curated/{dataset}/reference_date={day}/build={build}/x.parquet"
    path.parent.mkdir(parents=True)
    duckdb.execute(f"COPY ({sql}) TO '{path}'")
    return str(path)


CREDITS = (("credit_id", "VARCHAR"), ("balance", "DECIMAL(18,2)"))


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[SqliteCatalog]:
    opened = SqliteCatalog(tmp_path / "catalog.db")
    yield opened
    opened._db.close()


@pytest.fixture
def published(catalog: SqliteCatalog, tmp_path: Path) -> SqliteCatalog:
    for day, balance in ((FRIDAY, "10.50"), (MONDAY, "-0.25")):
        sql = f"SELECT 'C1' AS credit_id, {balance}::DECIMAL(18,2) AS balance"
        file = parquet(tmp_path, "credits", day, "b1", sql)
        catalog.publish(
            "credits", day, manifest="a" * 64, files=(file,), records=1, columns=CREDITS
        )
    return catalog


ALL = "SELECT * FROM credits ORDER BY reference_date"


def test_a_published_day_is_seen_with_its_date_in_front(
    published: SqliteCatalog, tmp_path: Path
) -> None:
    answer = query(tmp_path / "catalog.db", ALL, limit=None)
    assert answer.names == ("reference_date", "credit_id", "balance")
    assert answer.types == ("DATE", "VARCHAR", "DECIMAL(18,2)")
    assert answer.columns == (
        (FRIDAY, MONDAY),
        ("C1", "C1"),
        (Decimal("10.50"), Decimal("-0.25")),
    )


def test_a_day_that_is_published_again_takes_the_place_of_the_one_before(
    published: SqliteCatalog, tmp_path: Path
) -> None:
    file = parquet(
        tmp_path, "credits", FRIDAY, "b2", "SELECT 'C2' AS credit_id, 7::DECIMAL(18,2) AS balance"
    )
    published.publish(
        "credits", FRIDAY, manifest="b" * 64, files=(file,), records=1, columns=CREDITS
    )
    answer = query(tmp_path / "catalog.db", ALL, limit=None)
    assert answer.columns[1] == ("C2", "C1")


def test_an_answer_that_was_cut_says_so(published: SqliteCatalog, tmp_path: Path) -> None:
    cut = query(tmp_path / "catalog.db", ALL, limit=1)
    whole = query(tmp_path / "catalog.db", ALL, limit=2)
    assert (len(cut.columns[0]), cut.truncated) == (1, True)
    assert (len(whole.columns[0]), whole.truncated) == (2, False)


def test_a_column_that_came_later_is_null_before(published: SqliteCatalog, tmp_path: Path) -> None:
    tuesday = date(2026, 11, 24)
    sql = "SELECT 'C1' AS credit_id, 1::DECIMAL(18,2) AS balance, true AS closed"
    published.publish(
        "credits",
        tuesday,
        manifest="c" * 64,
        files=(parquet(tmp_path, "credits", tuesday, "b1", sql),),
        records=1,
        columns=(*CREDITS, ("closed", "BOOLEAN")),
    )
    answer = query(tmp_path / "catalog.db", ALL, limit=None)
    assert answer.names == ("reference_date", "credit_id", "balance", "closed")
    assert answer.columns[3] == (None, None, True)


def test_a_day_without_files_is_an_empty_table(catalog: SqliteCatalog, tmp_path: Path) -> None:
    catalog.publish("credits", FRIDAY, manifest="a" * 64, files=(), records=0, columns=CREDITS)
    answer = query(tmp_path / "catalog.db", ALL, limit=None)
    assert answer.types == ("DATE", "VARCHAR", "DECIMAL(18,2)")
    assert answer.columns == ((), (), ())


def test_any_duckdb_user_attaches_the_views_read_only(
    published: SqliteCatalog, tmp_path: Path
) -> None:
    published.close()
    with duckdb.connect() as user:
        user.execute(f"ATTACH '{tmp_path / 'catalog.duckdb'}' AS bank (READ_ONLY)")
        assert user.execute("SELECT sum(balance) FROM bank.credits").fetchall() == [
            (Decimal("10.25"),)
        ]


def test_whoever_has_the_views_attached_does_not_disturb_publishing(
    published: SqliteCatalog, tmp_path: Path
) -> None:
    assert published.refresh()
    with duckdb.connect(str(tmp_path / "catalog.duckdb"), read_only=True) as user:
        file = parquet(tmp_path, "arrears", FRIDAY, "b1", "SELECT 1::BIGINT AS days")
        published.publish(
            "arrears",
            FRIDAY,
            manifest="d" * 64,
            files=(file,),
            records=1,
            columns=(("days", "BIGINT"),),
        )
        assert published.refresh()
        assert user.execute("SELECT count(*) FROM credits").fetchall() == [(2,)]
    with duckdb.connect(str(tmp_path / "catalog.duckdb"), read_only=True) as user:
        assert user.execute("SELECT days FROM arrears").fetchall() == [(1,)]
    assert not list(tmp_path.glob(".catalog*"))


def test_views_that_are_up_to_date_are_left_alone(published: SqliteCatalog) -> None:
    assert published.refresh()
    assert not published.refresh()


def test_any_sqlite_user_finds_what_is_published(published: SqliteCatalog, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "catalog.db") as db:
        rows = db.execute(
            "SELECT dataset, reference_date, manifest, records, path "
            "FROM partitions JOIN files USING (dataset, reference_date) ORDER BY 2 LIMIT 1"
        ).fetchall()
    db.close()
    file = "lake/curated/credits/reference_date=2026-11-20/build=b1/x.parquet"
    assert rows == [("credits", "2026-11-20", "a" * 64, 1, file)]


def test_a_project_that_was_moved_still_finds_its_files(
    published: SqliteCatalog, tmp_path: Path
) -> None:
    published.close()
    moved = tmp_path.with_name(f"{tmp_path.name}-moved")
    tmp_path.rename(moved)
    assert query(moved / "catalog.db", ALL, limit=None).columns[0] == (FRIDAY, MONDAY)


def test_nothing_is_published_where_there_is_no_catalog(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match="Q1001"):
        query(tmp_path / "catalog.db", ALL, limit=None)
    assert not (tmp_path / "catalog.db").exists()


@pytest.mark.row("h4")
@pytest.mark.parametrize(
    "sql",
    [
        "SELECT content FROM read_text('/etc/passwd')",
        "SELECT * FROM read_text('{folder}/catalog.db')",
        "COPY credits TO '{folder}/stolen.csv'",
        "COPY credits TO '{folder}/lake/curated/credits/reference_date=2026-11-20/build=b1/"
        "x.parquet'",
        "ATTACH '{folder}/other.db'",
        "SET enable_external_access = true",
        "CREATE TABLE t (a INTEGER)",
        "SELECT 1; SELECT 2",
        "SELEC 1",
        "",
    ],
)
def test_h4_a_query_reads_the_published_files_and_nothing_else(
    published: SqliteCatalog, tmp_path: Path, sql: str
) -> None:
    with pytest.raises(PermanentError, match="Q1001"):
        query(tmp_path / "catalog.db", sql.format(folder=tmp_path), limit=None)
    assert not (tmp_path / "stolen.csv").exists()
    assert not (tmp_path / "other.db").exists()


def test_a_value_that_does_not_fit_is_not_shown_in_the_error(
    catalog: SqliteCatalog, tmp_path: Path
) -> None:
    file = parquet(tmp_path, "clients", FRIDAY, "b1", "SELECT 'Juana Pérez' AS name")
    catalog.publish(
        "clients",
        FRIDAY,
        manifest="a" * 64,
        files=(file,),
        records=1,
        columns=(("name", "VARCHAR"),),
    )
    with pytest.raises(PermanentError, match="Q1001") as caught:
        query(tmp_path / "catalog.db", "SELECT name::INTEGER FROM clients", limit=None)
    assert "Juana" not in f"{caught.value} {caught.value.observed} {caught.value.expected}"


def test_a_published_file_that_is_missing_is_told(published: SqliteCatalog, tmp_path: Path) -> None:
    for path in tmp_path.glob("lake/curated/credits/*/*/*.parquet"):
        path.unlink()
    with pytest.raises(PermanentError, match="T4002"):
        connect(tmp_path / "catalog.db")


def test_a_file_of_another_day_is_not_published(catalog: SqliteCatalog, tmp_path: Path) -> None:
    file = parquet(tmp_path, "credits", MONDAY, "b1", "SELECT 1 AS a")
    with pytest.raises(ValueError, match="reference_date=2026-11-20"):
        catalog.publish(
            "credits", FRIDAY, manifest="a" * 64, files=(file,), records=1, columns=CREDITS
        )


def test_many_days_are_published_at_once_or_none(published: SqliteCatalog, tmp_path: Path) -> None:
    before = published.published()
    assert before == {("credits", FRIDAY): "a" * 64, ("credits", MONDAY): "a" * 64}
    (file,) = (tmp_path / "lake/curated/credits/reference_date=2026-11-20").rglob("*.parquet")
    right = Partition(
        dataset="credits",
        reference_date=FRIDAY,
        manifest="b" * 64,
        files=(str(file),),
        records=1,
        columns=CREDITS,
    )
    with pytest.raises(ValueError, match="reference_date=2026-11-23"):
        published.publish_all((right, replace(right, reference_date=MONDAY)))
    assert published.published() == before
    published.publish_all((right,))
    assert published.published() == {**before, ("credits", FRIDAY): "b" * 64}
