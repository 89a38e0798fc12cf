"""Every promise of `Catalog`, kept by Glue, and what Athena reads by it on the stage."""

from __future__ import annotations

import io
import uuid
from datetime import date
from decimal import Decimal
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.aws import client_on
from support.s3 import lake_of

from puntual.aws.athena import Athena
from puntual.aws.bucket import Bucket
from puntual.aws.catalog import GlueCatalog, hive_type
from puntual.aws.stage.standing import Standing
from puntual.errors import PermanentError, ProjectError, TransientError
from puntual.ports.journal import Catalog, Partition

FRIDAY, MONDAY = date(2026, 11, 20), date(2026, 11, 23)
CREDITS = (("credit_id", "VARCHAR"), ("balance", "DECIMAL(18,2)"))
ALL = "SELECT * FROM credits ORDER BY reference_date, credit_id"


@pytest.fixture(scope="module")
def glue(stage: Standing) -> Any:
    return client_on(stage, "glue")


@pytest.fixture(scope="module")
def athena(stage: Standing) -> Any:
    return client_on(stage, "athena")


@pytest.fixture(scope="module")
def s3(stage: Standing) -> Any:
    return client_on(stage, "s3")


@pytest.fixture
def lake(s3: Any) -> Bucket:
    return lake_of(s3)


@pytest.fixture
def database(glue: Any) -> str:
    name = f"db{uuid.uuid4().hex[:12]}"
    glue.create_database(DatabaseInput={"Name": name})
    return name


@pytest.fixture
def catalog(glue: Any, lake: Bucket, database: str) -> GlueCatalog:
    return GlueCatalog(glue, lake, database)


@pytest.fixture
def reader(athena: Any, glue: Any, lake: Bucket, database: str) -> Athena:
    return Athena(athena, glue, lake, workgroup="primary", database=database, pause=0.01)


def stored(lake: Bucket, dataset: str, day: date, sql: str, *, build: str = "b1") -> str:
    """Write a file as the store lays it out, beside one that no reader may count."""
    made = duckdb.sql(sql)
    assert made is not None
    table = made.to_arrow_table()
    folder = f"curated/{dataset}/reference_date={day}/build={build}"
    written = f"{folder}/{uuid.uuid4().hex}.parquet"
    for name, content in ((written, table), (f"{folder}/aside.parquet", ASIDE)):
        body = io.BytesIO()
        pq.write_table(content, body)
        lake.create(name, body.getvalue())
    return lake.where(written)


ASIDE = pa.table({"credit_id": ["SET ASIDE"], "balance": [Decimal("999.00")]})


def credit(balance: str, name: str = "C1") -> str:
    return f"SELECT '{name}' AS credit_id, {balance}::DECIMAL(18,2) AS balance"


@pytest.fixture
def published(catalog: GlueCatalog, lake: Bucket) -> GlueCatalog:
    for day, balance in ((FRIDAY, "10.50"), (MONDAY, "-0.25")):
        file = stored(lake, "credits", day, credit(balance))
        catalog.publish(
            "credits", day, manifest="a" * 64, files=(file,), records=1, columns=CREDITS
        )
    return catalog


def test_a_published_day_is_seen_with_its_date_in_front_and_nothing_else(
    published: Catalog, reader: Athena
) -> None:
    answer = reader.query(ALL, {}, limit=None)
    assert answer.names == ("reference_date", "credit_id", "balance")
    assert answer.types == ("DATE", "VARCHAR", "DECIMAL(18,2)")
    assert answer.columns == ((FRIDAY, MONDAY), ("C1", "C1"), (Decimal("10.50"), Decimal("-0.25")))
    assert published.published() == {
        ("credits", FRIDAY): "a" * 64,
        ("credits", MONDAY): "a" * 64,
    }


def test_a_day_that_is_published_again_takes_the_place_of_the_one_before(
    published: Catalog, lake: Bucket, reader: Athena
) -> None:
    file = stored(lake, "credits", FRIDAY, credit("7", "C2"), build="b2")
    published.publish(
        "credits", FRIDAY, manifest="b" * 64, files=(file,), records=1, columns=CREDITS
    )
    assert reader.query(ALL, {}, limit=None).columns[1] == ("C2", "C1")
    assert published.published()["credits", FRIDAY] == "b" * 64


def test_a_column_that_came_later_is_null_before(
    published: Catalog, lake: Bucket, reader: Athena
) -> None:
    tuesday = date(2026, 11, 24)
    file = stored(lake, "credits", tuesday, f"{credit('1')}, true AS closed")
    published.publish(
        "credits",
        tuesday,
        manifest="c" * 64,
        files=(file,),
        records=1,
        columns=(*CREDITS, ("closed", "BOOLEAN")),
    )
    answer = reader.query(ALL, {}, limit=None)
    assert answer.names == ("reference_date", "credit_id", "balance", "closed")
    assert answer.columns[3] == (None, None, True)


def test_many_days_are_published_by_a_hundred(catalog: Catalog, glue: Any, database: str) -> None:
    days = [date.fromordinal(FRIDAY.toordinal() + i) for i in range(105)]
    catalog.publish_all(
        Partition(
            dataset="credits",
            reference_date=day,
            manifest=f"{i:064x}",
            files=(f"s3://lake/x/reference_date={day}/a.parquet",),
            records=1,
            columns=CREDITS,
        )
        for i, day in enumerate(days)
    )
    assert len(catalog.published()) == 105


def test_a_file_of_another_day_is_refused(catalog: Catalog) -> None:
    with pytest.raises(ValueError, match="no folder"):
        catalog.publish(
            "credits",
            FRIDAY,
            manifest="a" * 64,
            files=("s3://lake/credits/reference_date=2026-11-23/x.parquet",),
            records=1,
            columns=CREDITS,
        )


def test_a_table_of_somebody_else_is_not_ours(published: Catalog, glue: Any, database: str) -> None:
    glue.create_table(DatabaseName=database, TableInput={"Name": "theirs"})
    assert {name for name, _ in published.published()} == {"credits"}


def test_a_permission_that_is_missing_is_named(catalog: Catalog, glue: Any) -> None:
    def denied(**_: Any) -> None:
        said = {"Error": {"Code": "AccessDeniedException", "Message": ""}}
        raise glue.exceptions.from_code("AccessDeniedException")(said, "GetTable")

    glue.meta.events.register("provide-client-params.glue.GetTable", denied)
    try:
        with pytest.raises(PermanentError, match="T5004") as caught:
            catalog.publish("x", FRIDAY, manifest="a" * 64, files=(), records=0, columns=CREDITS)
        assert "glue:GetTable" in caught.value.observed
    finally:
        glue.meta.events.unregister("provide-client-params.glue.GetTable", denied)


def test_every_type_of_a_curated_dataset_has_a_word_in_hive() -> None:
    assert [hive_type(w) for w in ("VARCHAR", "DECIMAL(18,2)", "HUGEINT", "DATE", "BOOLEAN")] == [
        "string",
        "decimal(18,2)",
        "decimal(38,0)",
        "date",
        "boolean",
    ]


@pytest.mark.parametrize(
    ("sql", "columns"),
    [
        (
            "SELECT credit_id, sum(balance) AS b FROM credits WHERE reference_date = "
            ":reference_date GROUP BY credit_id ORDER BY b DESC",
            (("C1",), (Decimal("10.50"),)),
        ),
        (
            "SELECT balance AS b FROM credits ORDER BY balance",
            ((Decimal("-0.25"), Decimal("10.50")),),
        ),
        ("SELECT count(*) AS n FROM credits WHERE credit_id = :id", ((2,),)),
        ("SELECT balance * 2 AS b FROM credits WHERE balance < :low", ((Decimal("-0.50"),),)),
        ("SELECT sum(balance) AS b FROM credits WHERE false", ((None,),)),
        ("SELECT credit_id FROM credits WHERE false", ((),)),
        ("SELECT DISTINCT credit_id FROM credits ORDER BY 1", (("C1",),)),
    ],
)
def test_a_query_is_answered_as_duckdb_does(
    published: Catalog, reader: Athena, sql: str, columns: tuple[tuple[object, ...], ...]
) -> None:
    given = {"reference_date": FRIDAY, "id": "C1", "low": Decimal("0.00")}
    assert reader.query(sql, given, limit=None).columns == columns


def test_an_answer_that_was_cut_says_so(published: Catalog, reader: Athena) -> None:
    cut, whole = (reader.query(ALL, {}, limit=n) for n in (1, 2))
    assert (cut.columns[2], cut.truncated) == ((Decimal("10.50"),), True)
    assert (len(whole.columns[0]), whole.truncated) == (2, False)


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM credits",
        "SELECT 1; SELECT 2",
        "SELECT no FROM credits",
        "SELECT * FROM nowhere",
    ],
)
def test_a_query_reads_and_does_nothing_else(published: Catalog, reader: Athena, sql: str) -> None:
    with pytest.raises((PermanentError, ProjectError), match=r"Q1001|Q1003"):
        reader.query(sql, {}, limit=None)


def test_a_query_that_reads_too_much_is_stopped(
    published: Catalog, athena: Any, glue: Any, lake: Bucket, database: str
) -> None:
    sql = "SELECT md5(i::VARCHAR) AS credit_id, 1::DECIMAL(18,2) AS balance FROM range(400000) t(i)"
    file = stored(lake, "credits", FRIDAY, sql, build="b3")
    published.publish(
        "credits", FRIDAY, manifest="d" * 64, files=(file,), records=400_000, columns=CREDITS
    )
    name = f"w{uuid.uuid4().hex[:8]}"
    athena.create_work_group(Name=name, Configuration={"BytesScannedCutoffPerQuery": 10_000_000})
    limited = Athena(athena, glue, lake, workgroup=name, database=database, pause=0.01)
    with pytest.raises(PermanentError, match="Q1006"):
        limited.query(ALL, {}, limit=None)


def test_a_query_without_an_end_is_stopped(
    published: Catalog, athena: Any, glue: Any, lake: Bucket, database: str
) -> None:
    stopped = []
    athena.meta.events.register(
        "provide-client-params.athena.StopQueryExecution",
        lambda params, **_: stopped.append(params),
    )
    impatient = Athena(
        athena, glue, lake, workgroup="primary", database=database, wait=-1, sleep=lambda _: None
    )
    with pytest.raises(TransientError, match="T5001"):
        impatient.query(ALL, {}, limit=None)
    assert len(stopped) == 1
