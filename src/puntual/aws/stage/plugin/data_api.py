"""
The Redshift Data API in front of the stand-in.

Kept from the service: statements run by themselves, one transaction a batch; a ClientToken makes
a repeated call the same statement; a result that is not there *yet* is a
ResourceNotFoundException; decimals and dates are texts; statements can be cancelled.
"""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import psycopg
import sqlglot
from ministack import app
from ministack.core import router
from ministack.core.responses import error_response_json, json_response

from puntual.aws.stage.plugin.faults import Faults
from puntual.aws.stage.plugin.redshift import Cancelled, Result, Warehouse
from puntual.aws.stage.plugin.redshift_copy import LoadError

Data = dict[str, Any]
Answer = tuple[int, dict[str, str], bytes]
TOLD = ("Id", "CreatedAt", "Database", "WorkgroupName")
PAGE = 1000
STATEMENT_BYTES = 100 << 10
MOST_STATEMENTS = 40
WRONG = (psycopg.Error, sqlglot.errors.SqlglotError, LoadError, KeyError, ValueError)
CONFLICT = "ERROR: 1023\n  DETAIL:  Serializable isolation violation on table in Redshift"
DOWN = "The Amazon Redshift workgroup is not available"


@dataclass(slots=True, kw_only=True)
class Statement:
    """A statement or batch on its way."""

    said: Data
    cancelled: Cancelled = field(default_factory=Cancelled)
    results: list[Result] = field(default_factory=list)


def value(cell: object) -> Data:
    """Return one value as the Data API writes it: decimals, dates and instants are texts."""
    match cell:
        case None:
            return {"isNull": True}
        case bool():
            return {"booleanValue": cell}
        case int():
            return {"longValue": cell}
        case float():
            return {"doubleValue": cell}
        case bytes():
            return {"stringValue": cell.hex()}
        case _:
            return {"stringValue": str(cell)}


class DataApi:
    """The operations that the adapters use; any other is refused by name."""

    def __init__(self, warehouse: Warehouse, faults: Faults) -> None:
        self._warehouse = warehouse
        self._faults = faults
        self._statements: dict[str, Statement] = {}
        self._tokens: dict[str, str] = {}
        self._calls = {
            "ExecuteStatement": self._start,
            "BatchExecuteStatement": self._start,
            "DescribeStatement": self._described,
            "GetStatementResult": self._result,
            "CancelStatement": self._cancel,
            "ListStatements": self._listed,
        }

    async def handle(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes, query: object
    ) -> Answer:
        """Answer one call."""
        operation = headers.get("x-amz-target", "").rpartition(".")[2]
        call = self._calls.get(operation)
        if call is None:
            return _refused("UnknownOperationException", f"{operation} is not played on this stage")
        return call(json.loads(body or b"{}"))

    def _start(self, given: Data) -> Answer:
        token = given.get("ClientToken")
        if token in self._tokens:
            return _told(self._statements[self._tokens[token]])
        if "WorkgroupName" not in given and "ClusterIdentifier" not in given:
            return _refused("ValidationException", "WorkgroupName or ClusterIdentifier is needed")
        texts = [given["Sql"]] if "Sql" in given else given["Sqls"]
        if len(texts) > MOST_STATEMENTS or any(len(t.encode()) > STATEMENT_BYTES for t in texts):
            return _refused("ValidationException", "too many statements, or one is over 100 KB")
        group = str(given.get("WorkgroupName", given.get("ClusterIdentifier", "")))
        fault = self._faults.next("redshift", group)
        if fault and fault.get("down"):
            return _refused("ValidationException", DOWN)
        now = time.time()
        statement = Statement(
            said={
                "Id": str(uuid.uuid4()),
                "CreatedAt": now,
                "UpdatedAt": now,
                "Database": given.get("Database", ""),
                "WorkgroupName": group,
                "Status": "STARTED",
                "Duration": -1,
                "QueryString": ";".join(texts),
                "HasResultSet": False,
                "ResultRows": -1,
                "ResultSize": -1,
            }
        )
        if "Sqls" in given:
            number = statement.said["Id"]
            statement.said["SubStatements"] = [
                {"Id": f"{number}:{at}", "QueryString": text, "Status": "SUBMITTED"}
                for at, text in enumerate(texts, start=1)
            ]
        self._statements[statement.said["Id"]] = statement
        if token:
            self._tokens[token] = statement.said["Id"]
        said = str(fault.get("error", CONFLICT)) if fault else ""
        parameters = {each["name"]: each["value"] for each in given.get("Parameters", [])}
        work = (statement, texts, parameters, said)
        threading.Thread(target=self._run, args=work, daemon=True).start()
        return _told(statement)

    def _run(self, statement: Statement, texts: list[str], given: Data, fault: str) -> None:
        said = statement.said
        begun = time.monotonic_ns()
        try:
            if fault:
                raise LoadError(fault.removeprefix("ERROR: "))
            self._warehouse.execute(
                said["Database"], texts, given, statement.cancelled, statement.results
            )
            said["HasResultSet"] = any(each.columns is not None for each in statement.results)
            said["ResultRows"] = statement.results[-1].count
            end = "FINISHED"
        except WRONG as error:
            end = "ABORTED" if statement.cancelled.asked else "FAILED"
            said["Error"] = f"ERROR: {error}"[:2000]
        self._parts(statement, end)
        said.update(UpdatedAt=time.time(), Duration=time.monotonic_ns() - begun, Status=end)

    @staticmethod
    def _parts(statement: Statement, end: str) -> None:
        for at, part in enumerate(statement.said.get("SubStatements", [])):
            done = statement.results[at] if at < len(statement.results) else None
            ended = "FINISHED" if done else end
            if not done and at > len(statement.results):
                ended = "ABORTED"
            part.update(
                Status=ended,
                HasResultSet=done is not None and done.columns is not None,
                ResultRows=done.count if done else -1,
            )
            if ended == "FAILED":
                part["Error"] = statement.said.get("Error", "")

    def _found(self, given: Data) -> Statement | None:
        return self._statements.get(str(given.get("Id", "")).partition(":")[0])

    def _described(self, given: Data) -> Answer:
        statement = self._found(given)
        if statement is None:
            return _refused("ResourceNotFoundException", "Query does not exist.")
        described: Answer = json_response(statement.said)
        return described

    def _result(self, given: Data) -> Answer:
        statement = self._found(given)
        result = self._of(statement, str(given.get("Id", ""))) if statement else None
        if result is None or result.columns is None:
            return _refused(
                "ResourceNotFoundException", "Query does not have result. Please check query "
                "status with DescribeStatement."
            )  # fmt: skip
        first = int(given.get("NextToken") or 0)
        page = result.rows[first : first + PAGE]
        answer: Data = {
            "ColumnMetadata": [
                {
                    "name": each.name,
                    "label": each.name,
                    "typeName": each.type_name,
                    "precision": each.precision,
                    "scale": each.scale,
                    "nullable": each.nullable,
                }
                for each in result.columns
            ],
            "Records": [[value(cell) for cell in row] for row in page],
            "TotalNumRows": len(result.rows),
        }
        if first + PAGE < len(result.rows):
            answer["NextToken"] = str(first + PAGE)
        told: Answer = json_response(answer)
        return told

    @staticmethod
    def _of(statement: Statement, identity: str) -> Result | None:
        """Return the result of a statement, or that of one statement of a batch (`id:n`)."""
        if statement.said["Status"] != "FINISHED":
            return None
        _, _, part = identity.partition(":")
        if part:
            at = int(part) - 1
            return statement.results[at] if 0 <= at < len(statement.results) else None
        batch = "SubStatements" in statement.said
        return None if batch else statement.results[-1]

    def _cancel(self, given: Data) -> Answer:
        statement = self._found(given)
        if statement is None:
            return _refused("ResourceNotFoundException", "Query does not exist.")
        if statement.said["Status"] in ("FINISHED", "FAILED", "ABORTED"):
            said = f"Could not cancel a query that is already in {statement.said['Status']} state"
            return _refused("ValidationException", said)
        statement.cancelled.cancel()
        done: Answer = json_response({"Status": True})
        return done

    def _listed(self, given: Data) -> Answer:
        listed: Answer = json_response({"Statements": [s.said for s in self._statements.values()]})
        return listed


def _told(statement: Statement) -> Answer:
    answer: Answer = json_response({key: statement.said[key] for key in TOLD})
    return answer


def _refused(name: str, message: str) -> Answer:
    answer: Answer = error_response_json(name, message, 400)
    return answer


def install(warehouse: Warehouse, faults: Faults) -> None:
    """Answer the Data API."""
    app.SERVICE_HANDLERS["redshift-data"] = DataApi(warehouse, faults).handle
    router.SERVICE_PATTERNS["redshift-data"] = {"target_prefixes": ["RedshiftData"]}
