"""Athena on the stage reads what is registered, in its dialect, within its limits (L9, L10)."""

from __future__ import annotations

import io
import os
import time
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.stage import client, shows, until

from puntual.aws.stage.standing import Standing

BUCKET = "stage-athena"
STORAGE = {
    "Columns": [{"Name": "n", "Type": "int"}, {"Name": "amount", "Type": "decimal(18,2)"}],
    "InputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
    "SerdeInfo": {
        "SerializationLibrary": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
    },
}


class Athena:
    """A table with three versions of a day, one of them registered."""

    def __init__(self, stage: Standing) -> None:
        self.s3, self.glue = client(stage, "s3"), client(stage, "glue")
        self.athena = client(stage, "athena")
        self.s3.create_bucket(Bucket=BUCKET)
        for version, rows in (("v1", 5), ("v2", 4), ("never", 6)):
            body = io.BytesIO()
            columns = {
                "n": pa.array(range(rows), pa.int32()),
                "amount": pa.array([Decimal("0.10")] * rows, pa.decimal128(18, 2)),
            }
            pq.write_table(pa.table(columns), body)
            self.s3.put_object(
                Bucket=BUCKET, Key=f"events/{version}/part.parquet", Body=body.getvalue()
            )
        place = f"s3://{BUCKET}/events/"
        self.glue.create_database(DatabaseInput={"Name": "stage"})
        self.glue.create_table(
            DatabaseName="stage",
            TableInput={
                "Name": "events",
                "PartitionKeys": [{"Name": "day", "Type": "date"}],
                "StorageDescriptor": {**STORAGE, "Location": place},
            },
        )
        self.point("v1", new=True)
        for name, limit in (("stage", None), ("narrow", 10_000_000)):
            result = {"ResultConfiguration": {"OutputLocation": f"s3://{BUCKET}/results/"}}
            cut = {"BytesScannedCutoffPerQuery": limit} if limit else {}
            self.athena.create_work_group(Name=name, Configuration={**result, **cut})

    def point(self, version: str, *, new: bool = False) -> None:
        """Register a version of the day, or point its partition to another one."""
        place = f"s3://{BUCKET}/events/{version}/"
        storage = {**STORAGE, "Location": place}
        given = {"Values": ["2026-11-20"], "StorageDescriptor": storage}
        where = {"DatabaseName": "stage", "TableName": "events"}
        if new:
            self.glue.batch_create_partition(**where, PartitionInputList=[given])
        else:
            entry = {"PartitionValueList": ["2026-11-20"], "PartitionInput": given}
            self.glue.batch_update_partition(**where, Entries=[entry])

    def run(self, sql: str, **over: Any) -> dict[str, Any]:
        """Carry a query to its end."""
        given = {"QueryExecutionContext": {"Database": "stage"}, "WorkGroup": "stage", **over}
        started = self.athena.start_query_execution(QueryString=sql, **given)
        return self.ended(started["QueryExecutionId"])

    def ended(self, query: str) -> dict[str, Any]:
        """Wait for its end."""

        def ask() -> dict[str, Any] | None:
            said: dict[str, Any] = self.athena.get_query_execution(QueryExecutionId=query)
            done = said["QueryExecution"]["Status"]["State"] not in ("QUEUED", "RUNNING")
            return dict(said["QueryExecution"]) if done else None

        return until(ask, "an end of the query")

    def rows(self, sql: str) -> list[list[str | None]]:
        """Return the rows of a query."""
        said = self.run(sql)
        assert said["Status"]["State"] == "SUCCEEDED", said
        result = self.athena.get_query_results(QueryExecutionId=said["QueryExecutionId"])
        found = result["ResultSet"]["Rows"][1:]
        return [[cell.get("VarCharValue") for cell in row["Data"]] for row in found]


@pytest.fixture(scope="module")
def athena(stage: Standing) -> Athena:
    return Athena(stage)


@shows("L9")
def test_a_query_reads_the_registered_version_and_no_other(athena: Athena) -> None:
    counted = "SELECT count(*), sum(amount) FROM events WHERE day = DATE '2026-11-20'"
    assert athena.rows(counted) == [["5", "0.50"]]
    athena.point("v2")
    assert athena.rows(counted) == [["4", "0.40"]]
    athena.point("v1")


def test_a_query_is_read_in_athena_s_dialect(athena: Athena) -> None:
    asked = "SELECT date_parse('2026-11-20', '%Y-%m-%d'), approx_distinct(n) FROM events"
    assert athena.rows(asked)[0][0] == "2026-11-20 00:00:00"


def test_unload_writes_typed_rows_and_refuses_a_place_that_is_taken(athena: Athena) -> None:
    place = f"s3://{BUCKET}/unloaded/"
    sql = (
        "UNLOAD (SELECT n, sum(amount) AS amount, sum(n) AS whole FROM events GROUP BY n "
        f"ORDER BY n) TO '{place}' WITH (format = 'PARQUET', compression = 'SNAPPY')"
    )
    said = athena.run(sql)
    assert said["Status"]["State"] == "SUCCEEDED", said
    manifest = said["Statistics"]["DataManifestLocation"].removeprefix(f"s3://{BUCKET}/")
    (url,) = athena.s3.get_object(Bucket=BUCKET, Key=manifest)["Body"].read().decode().split()
    key = url.removeprefix(f"s3://{BUCKET}/")
    body = athena.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    table = pq.read_table(io.BytesIO(body))
    assert table.schema.field("amount").type == pa.decimal128(38, 2)
    assert table.schema.field("whole").type == pa.int64()
    assert table.num_rows == 5
    again = athena.run(sql)["Status"]
    assert again["State"] == "FAILED"
    assert again["StateChangeReason"].startswith("HIVE_PATH_ALREADY_EXISTS")


def test_a_result_lies_where_the_execution_says(athena: Athena) -> None:
    said = athena.run("SELECT 1 AS one")
    key = said["ResultConfiguration"]["OutputLocation"].removeprefix(f"s3://{BUCKET}/")
    body = athena.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    assert body == b'"one"\n"1"\n'


def test_a_query_over_its_limit_is_cancelled(athena: Athena) -> None:
    """The least limit that the service takes is 10 MB."""
    body = io.BytesIO()
    pq.write_table(pa.table({"n": [os.urandom(10_000_001)]}), body)
    athena.s3.put_object(Bucket=BUCKET, Key="large/part", Body=body.getvalue())
    storage = {**STORAGE, "Columns": [{"Name": "n", "Type": "binary"}]}
    place = {"StorageDescriptor": {**storage, "Location": f"s3://{BUCKET}/large/"}}
    athena.glue.create_table(DatabaseName="stage", TableInput={"Name": "large", **place})
    narrow = {"WorkGroup": "narrow"}
    small = athena.run("SELECT count(*) FROM events", **narrow)
    assert small["Status"]["State"] == "SUCCEEDED"
    assert 0 < small["Statistics"]["DataScannedInBytes"] < 10_000_000
    said = athena.run("SELECT count(*) FROM large", **narrow)
    assert said["Status"]["State"] == "CANCELLED"
    assert "Bytes scanned limit was exceeded" in said["Status"]["StateChangeReason"]


def test_a_token_means_the_same_query(athena: Athena) -> None:
    given = {"WorkGroup": "stage", "ClientRequestToken": "t" * 32}
    first = athena.athena.start_query_execution(QueryString="SELECT 1", **given)
    again = athena.athena.start_query_execution(QueryString="SELECT 1", **given)
    assert first["QueryExecutionId"] == again["QueryExecutionId"]
    with pytest.raises(athena.athena.exceptions.InvalidRequestException, match="Idempotent"):
        athena.athena.start_query_execution(QueryString="SELECT 2", **given)


def test_a_cancelled_query_stays_cancelled(athena: Athena) -> None:
    slow = "SELECT count(*) FROM range(3000) a(x), range(100000) b(y) WHERE x * y = -1"
    query = athena.athena.start_query_execution(QueryString=slow, WorkGroup="stage")
    number = query["QueryExecutionId"]

    def running() -> bool:
        said = athena.athena.get_query_execution(QueryExecutionId=number)
        return bool(said["QueryExecution"]["Status"]["State"] == "RUNNING")

    until(running, "a running query")
    athena.athena.stop_query_execution(QueryExecutionId=number)
    assert athena.ended(number)["Status"]["State"] == "CANCELLED"
    time.sleep(2)  # longer than the query would take
    assert athena.ended(number)["Status"]["State"] == "CANCELLED"
