"""The Redshift stand-in keeps what loads rest on: transactions, manifests, tokens, exact values."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.stage import client, shows, until

from puntual.aws.stage.standing import Standing

BUCKET = "stage-redshift"


class Redshift:
    """A database of its own, and a bucket with files to load."""

    def __init__(self, stage: Standing) -> None:
        self.s3, self.api = client(stage, "s3"), client(stage, "redshift-data")
        self.s3.create_bucket(Bucket=BUCKET)
        self.run("create database stagetest", Database="dev")

    def run(self, *statements: str, **over: Any) -> dict[str, Any]:
        """Carry a statement or a batch to its end."""
        given: dict[str, Any] = {"WorkgroupName": "stage", "Database": "stagetest", **over}
        if len(statements) == 1:
            started = self.api.execute_statement(Sql=statements[0], **given)
        else:
            started = self.api.batch_execute_statement(Sqls=list(statements), **given)
        return self.ended(started["Id"])

    def ended(self, statement: str) -> dict[str, Any]:
        """Wait for its end."""

        def ask() -> dict[str, Any] | None:
            said: dict[str, Any] = self.api.describe_statement(Id=statement)
            return said if said["Status"] not in ("SUBMITTED", "PICKED", "STARTED") else None

        return until(ask, "an end of the statement")

    def rows(self, sql: str, **over: Any) -> list[list[object]]:
        """Return the rows of a query."""
        said = self.run(sql, **over)
        assert said["Status"] == "FINISHED", said
        records = self.api.get_statement_result(Id=said["Id"])["Records"]
        return [[next(iter(field.values())) for field in record] for record in records]

    def file(self, key: str, **columns: list[Any]) -> dict[str, Any]:
        """Write a Parquet file; return its entry in a manifest."""
        body = io.BytesIO()
        pq.write_table(pa.table(columns), body)
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=body.getvalue())
        length = {"content_length": len(body.getvalue())}
        return {"url": f"s3://{BUCKET}/{key}", "mandatory": True, "meta": length}

    def manifest(self, key: str, *entries: dict[str, Any]) -> str:
        """Write a manifest; return the COPY of it into the table `t`."""
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=json.dumps({"entries": entries}))
        return f"copy t from 's3://{BUCKET}/{key}' iam_role default format as parquet manifest"


@pytest.fixture(scope="module")
def redshift(stage: Standing) -> Redshift:
    return Redshift(stage)


@pytest.fixture
def table(redshift: Redshift) -> None:
    made = redshift.run(
        "drop table if exists t",
        "create table t (k varchar(max) encode zstd, v decimal(18,2)) diststyle even sortkey(k)",
    )
    assert made["Status"] == "FINISHED", made


def test_a_value_is_exact_and_a_parameter_is_no_text_of_the_statement(redshift: Redshift) -> None:
    asked = "select :day::date, 0.10::decimal(18,2), 7, null, true, :text"
    given = [{"name": "day", "value": "2026-11-20"}, {"name": "text", "value": "it's"}]
    assert redshift.rows(asked, Parameters=given) == [["2026-11-20", "0.10", 7, True, True, "it's"]]
    said = redshift.run("select 0.10::decimal(18,2) as amount")
    (column,) = redshift.api.get_statement_result(Id=said["Id"])["ColumnMetadata"]
    assert (column["name"], column["precision"], column["scale"]) == ("amount", 18, 2)


@pytest.mark.usefixtures("table")
def test_a_load_takes_exactly_the_files_of_its_manifest(redshift: Redshift) -> None:
    one = redshift.file("in/1.parquet", k=["a", "b"], v=[Decimal("0.10"), Decimal("0.20")])
    redshift.file("in/2.parquet", k=["c"], v=[Decimal("9.99")])
    said = redshift.run("delete from t", redshift.manifest("m/1.json", one))
    assert [part["ResultRows"] for part in said["SubStatements"]] == [0, 2]
    assert redshift.rows("select count(*), sum(v) from t") == [[2, "0.30"]]


@pytest.mark.usefixtures("table")
def test_a_missing_file_fails_when_it_is_mandatory_and_is_skipped_when_not(
    redshift: Redshift,
) -> None:
    """aws.md X3: without `mandatory` a load of less than was listed succeeds in silence."""
    gone = {"url": f"s3://{BUCKET}/in/gone", "mandatory": True, "meta": {"content_length": 1}}
    said = redshift.run(redshift.manifest("m/2.json", gone))
    assert said["Status"] == "FAILED"
    assert "in/gone does not exist" in said["Error"]
    said = redshift.run(redshift.manifest("m/3.json", {**gone, "mandatory": False}))
    assert (said["Status"], said["ResultRows"]) == ("FINISHED", 0)


WRONG = [
    ({"content_length": 1}, "content_length 1 is not the object's"),
    (None, "needs meta.content_length"),
]


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize(("meta", "said"), WRONG)
def test_a_manifest_that_does_not_fit_its_file_fails(
    redshift: Redshift, meta: dict[str, int] | None, said: str
) -> None:
    entry = {**redshift.file("in/3.parquet", k=["a"], v=[Decimal("0.10")]), "meta": meta}
    assert said in redshift.run(redshift.manifest("m/4.json", entry))["Error"]


@pytest.mark.usefixtures("table")
def test_a_file_of_other_columns_and_a_prefix_of_nothing_fail(redshift: Redshift) -> None:
    entry = redshift.file("in/4.parquet", k=["a"])
    assert (
        "Unmatched number of columns" in redshift.run(redshift.manifest("m/5.json", entry))["Error"]
    )
    copy = f"copy t from 's3://{BUCKET}/nowhere/' iam_role default format parquet"
    assert "'nowhere/' does not exist" in redshift.run(copy)["Error"]
    assert "MAXERROR" in redshift.run(f"{copy} maxerror 5")["Error"].upper()


@pytest.mark.usefixtures("table")
def test_a_batch_is_one_transaction(redshift: Redshift) -> None:
    redshift.run("insert into t values ('a', 1)")
    said = redshift.run("delete from t", "insert into t values ('b', 2)", "select 1/0")
    assert said["Status"] == "FAILED"
    assert [part["Status"] for part in said["SubStatements"]] == ["FINISHED", "FINISHED", "FAILED"]
    assert redshift.rows("select k from t") == [["a"]]


@pytest.mark.usefixtures("table")
def test_a_token_makes_a_repeated_call_the_same_statement(redshift: Redshift) -> None:
    token = {"ClientToken": "once"}
    first = redshift.run("insert into t values ('a', 1)", **token)
    again = redshift.run("insert into t values ('a', 1)", **token)
    assert first["Id"] == again["Id"]
    assert redshift.rows("select count(*) from t") == [[1]]


def test_a_result_that_is_not_there_yet_and_a_cancelled_statement(redshift: Redshift) -> None:
    started = redshift.api.execute_statement(
        Sql="select pg_sleep(30)", WorkgroupName="stage", Database="stagetest"
    )
    with pytest.raises(redshift.api.exceptions.ResourceNotFoundException):
        redshift.api.get_statement_result(Id=started["Id"])
    redshift.api.cancel_statement(Id=started["Id"])
    assert redshift.ended(started["Id"])["Status"] == "ABORTED"
    with pytest.raises(redshift.api.exceptions.ResourceNotFoundException):
        redshift.api.describe_statement(Id="00000000-0000-0000-0000-000000000000")


def test_pages_of_a_result_follow_each_other(redshift: Redshift) -> None:
    said = redshift.run("select * from generate_series(1, 1500) as g(n) order by n")
    pages = redshift.api.get_paginator("get_statement_result").paginate(Id=said["Id"])
    rows = [record[0]["longValue"] for page in pages for record in page["Records"]]
    assert rows == list(range(1, 1501))


def test_unload_writes_what_a_query_answers(redshift: Redshift) -> None:
    sql = (
        "unload ($$select 'a' as k, 0.10::decimal(18,2) as v$$) "
        f"to 's3://{BUCKET}/out/' iam_role default format parquet"
    )
    assert redshift.run(sql)["Status"] == "FINISHED"
    body = redshift.s3.get_object(Bucket=BUCKET, Key="out/0000_part_00.parquet")["Body"].read()
    assert pq.read_table(io.BytesIO(body)).to_pylist() == [{"k": "a", "v": Decimal("0.10")}]
    assert "not empty" in redshift.run(sql)["Error"]


@shows("L26")
def test_redshift_is_down_or_conflicts_as_often_as_a_test_asks(
    redshift: Redshift, faults: Callable[[dict[str, Any]], None]
) -> None:
    faults({"redshift": {"stage": {"times": 1}}})
    assert redshift.run("select 1")["Error"].startswith("ERROR: 1023")
    assert redshift.rows("select 1") == [[1]]
    faults({"redshift": {"stage": {"down": True}}})
    with pytest.raises(redshift.api.exceptions.ValidationException, match="not available"):
        redshift.run("select 1")
    faults({})
    assert redshift.rows("select 1") == [[1]]


def test_an_unknown_database_and_an_operation_that_is_not_played_are_said(
    redshift: Redshift,
) -> None:
    assert (
        'database "nowhere" does not exist' in redshift.run("select 1", Database="nowhere")["Error"]
    )
    with pytest.raises(redshift.api.exceptions.ClientError, match="not played"):
        redshift.api.list_tables(Database="dev", WorkgroupName="stage")
