"""
Athena: registered partitions, its dialect, typed results by UNLOAD, limits and cancellation.

As it comes, ministack reads every object below a table's location, whatever is registered (L9),
hands the text to DuckDB as it is (L10), knows no UNLOAD, no idempotency and no limit of scanned
bytes, lets a cancelled query succeed, and writes its result to `x.csv/x.csv`. What `/` does with
integers and decimals is still DuckDB's (L10): `puntual check` refuses it.
"""

from __future__ import annotations

import asyncio
import contextvars
import csv
import io
import json
import shutil
import tempfile
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import duckdb
import sqlglot
from ministack.core.responses import error_response_json
from ministack.services import athena, glue, s3

from puntual.aws.stage.plugin.unload import Unload, unload_of

Data = dict[str, Any]
Answer = tuple[int, dict[str, str], bytes]
LIMIT = "Query cancelled! : Bytes scanned limit was exceeded"

_query: contextvars.ContextVar[str] = contextvars.ContextVar("query")
_running: dict[str, duckdb.DuckDBPyConnection] = {}


class ScanLimitError(Exception):
    """A query read more than its workgroup allows."""


def _partitioned(location: str) -> str | None:
    """Return `database/table` of the table with registered partitions that lies there."""
    for name, table in glue._tables.items():
        here = (table.get("StorageDescriptor") or {}).get("Location")
        projected = (table.get("Parameters") or {}).get("projection.enabled") == "true"
        if here == location and table.get("PartitionKeys") and not projected:
            return str(name)
    return None


def _partitions() -> None:
    materialize = athena._materialize_table_files

    def materialize_table_files(location: str, workdirs: list[str]) -> list[str]:
        name = _partitioned(location)
        if name is None:
            return list(materialize(location, workdirs))
        keys = [key["Name"] for key in glue._tables[name]["PartitionKeys"]]
        moved = []
        for partition in glue._partitions.get(name, []):
            values = zip(keys, partition["Values"], strict=True)
            folder = "/".join(f"{key}={value}" for key, value in values)
            found = materialize(partition["StorageDescriptor"]["Location"], workdirs)
            if "Symlink" in partition["StorageDescriptor"].get("InputFormat", ""):
                found = _linked(found, workdirs)
            for number, path in enumerate(found):
                place = Path(workdirs[-1], folder, f"{number}-{Path(path).name}")
                place.parent.mkdir(parents=True, exist_ok=True)
                moved.append(str(Path(path).rename(place)))
        return moved

    athena._materialize_table_files = materialize_table_files


def _linked(lists: list[str], workdirs: list[str]) -> list[str]:
    """Copy the objects that a partition's lists name, as SymlinkTextInputFormat reads them."""
    addresses = [urlparse(one) for path in lists for one in Path(path).read_text().split()]
    folder = Path(tempfile.mkdtemp(prefix="ministack-athena-"))
    workdirs.append(str(folder))
    found = []
    for number, address in enumerate(addresses):
        body = s3._get_object_data(address.netloc, address.path.lstrip("/"))
        if body is None:
            raise FileNotFoundError(address.geturl())
        place = folder / f"{number}-{Path(address.path).name}"
        place.write_bytes(body)
        found.append(str(place))
    return found


async def _run(text: str, database: str, catalog: str | None = None) -> Data:
    """Run one statement; what ministack's own `_run_duckdb` does, with what it lacks."""
    query_id = _query.get()
    execution = athena._executions[query_id]
    unload = unload_of(text)
    sql = sqlglot.transpile(unload.query if unload else text, read="athena", write="duckdb")[0]
    rewritten, _buckets, workdirs = await athena._rewrite_data_paths(sql, database, catalog)
    files = [file for folder in workdirs for file in Path(folder).rglob("*") if file.is_file()]
    execution["_scanned"] = sum(file.stat().st_size for file in files)
    group = athena._workgroups.get(execution["WorkGroup"], {}).get("Configuration", {})
    limit = group.get("BytesScannedCutoffPerQuery")
    try:
        if limit and execution["_scanned"] > int(limit):
            raise ScanLimitError(LIMIT)
        if unload and _taken(unload):
            raise ValueError(
                "HIVE_PATH_ALREADY_EXISTS: Target directory for table already exists: "
                f"s3://{unload.bucket}/{unload.prefix}"
            )
        return await asyncio.to_thread(_asked, query_id, rewritten, unload)
    finally:
        for folder in workdirs:
            shutil.rmtree(folder, ignore_errors=True)


def _asked(query_id: str, sql: str, unload: Unload | None) -> Data:
    connection = duckdb.connect(":memory:")
    _running[query_id] = connection
    try:
        # DuckDB 2.0's type_pushdown makes the CSV reader's TRY_CAST strict.
        connection.execute("SET disabled_optimizers = 'type_pushdown'")
        asked = connection.sql(sql)
        if asked is None:
            return {"columns": [], "column_types": [], "rows": []}
        wide = [
            f'"{name}"::BIGINT AS "{name}"'
            for name, kind in zip(asked.columns, asked.types, strict=True)
            if str(kind) == "HUGEINT"
        ]
        if wide:  # Trino's sum of integers is a bigint
            asked = connection.sql(f"SELECT * REPLACE ({', '.join(wide)}) FROM asked")
        if unload:
            return _unloaded(query_id, connection, asked, unload)
        kinds = [str(kind).upper().split("(")[0].strip() for kind in asked.types]
        return {
            "columns": list(asked.columns),
            "column_types": [athena._DUCKDB_TYPE_MAP.get(kind, "varchar") for kind in kinds],
            "rows": [list(row) for row in asked.fetchall()],
        }
    finally:
        del _running[query_id]
        connection.close()


def _taken(unload: Unload) -> bool:
    held = s3._buckets.get(unload.bucket)
    return held is not None and any(k.startswith(unload.prefix) for k in held["objects"])


def _unloaded(
    query_id: str,
    connection: duckdb.DuckDBPyConnection,
    asked: duckdb.DuckDBPyRelation,
    unload: Unload,
) -> Data:
    """Write the rows as one Parquet object, and its address to the manifest; none for no rows."""
    written = []
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "rows.parquet")
        asked.write_parquet(str(file), compression=unload.compression)
        counted = connection.execute(
            "SELECT count(*) FROM read_parquet($1)", [str(file)]
        ).fetchone()
        if counted and counted[0]:
            key = f"{unload.prefix}{uuid.uuid4().hex}"
            _put(unload.bucket, key, file.read_bytes(), "application/octet-stream")
            written.append(f"s3://{unload.bucket}/{key}")
    execution = athena._executions[query_id]
    output = execution["ResultConfiguration"]["OutputLocation"].removesuffix(".csv")
    execution["ResultConfiguration"]["OutputLocation"] = output
    manifest = f"{output}-manifest.csv"
    address = urlparse(manifest)
    _put(address.netloc, address.path.lstrip("/"), "\n".join(written).encode(), "text/csv")
    execution["Statistics"]["DataManifestLocation"] = manifest
    return {"columns": [], "column_types": [], "rows": []}


def _put(bucket: str, key: str, body: bytes, kind: str) -> None:
    status, _, said = s3._put_object(
        bucket, key, body, {"content-type": kind, "content-length": str(len(body))}
    )
    if status >= 300:
        raise OSError(f"s3://{bucket}/{key}: {said.decode(errors='replace')[:300]}")


async def _save(query_id: str) -> None:
    """Write a SELECT's rows as CSV to the very address that the execution names."""
    execution = athena._executions[query_id]
    output = execution["ResultConfiguration"]["OutputLocation"]
    if not output.endswith(".csv"):
        return
    text = io.StringIO()
    lines = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
    lines.writerow(execution["_results"]["columns"])
    lines.writerows(execution["_results"]["rows"])
    address = urlparse(output)
    _put(address.netloc, address.path.lstrip("/"), text.getvalue().encode(), "text/csv")


def _lives() -> None:
    """What was cancelled stays cancelled; a token means the same query."""
    execute, stop = athena._execute_query, athena._stop_query_execution
    start = athena._start_query_execution
    tokens: dict[str, tuple[str, str]] = {}

    async def execute_query(query_id: str, *args: Any, **kwargs: Any) -> None:
        _query.set(query_id)
        execution = athena._executions[query_id]
        await execute(query_id, *args, **kwargs)
        status = execution["Status"]
        if execution.get("_stopped"):
            status["State"], status["StateChangeReason"] = "CANCELLED", "Query cancelled by user"
        elif status.get("StateChangeReason") == LIMIT:
            status["State"] = "CANCELLED"
        execution["Statistics"]["DataScannedInBytes"] = execution.get("_scanned", 0)

    def stop_query_execution(data: Data) -> Answer:
        execution = athena._executions.get(data.get("QueryExecutionId"))
        if execution and execution["Status"]["State"] in ("QUEUED", "RUNNING"):
            execution["_stopped"] = True
            if running := _running.get(data["QueryExecutionId"]):
                running.interrupt()
        answer: Answer = stop(data)
        return answer

    def start_query_execution(data: Data) -> Answer:
        token = data.get("ClientRequestToken")
        given = json.dumps({**data, "ClientRequestToken": ""}, sort_keys=True)
        if token in tokens:
            known, query_id = tokens[token]
            if known != given:
                said = "Idempotent parameters do not match"
                refused: Answer = error_response_json("InvalidRequestException", said, 400)
                return refused
            return 200, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps(
                {"QueryExecutionId": query_id}
            ).encode()  # fmt: skip
        answer: Answer = start(data)
        if token and answer[0] < 400:
            tokens[token] = (given, json.loads(answer[2])["QueryExecutionId"])
        return answer

    athena._execute_query = execute_query
    athena._stop_query_execution = stop_query_execution
    athena._start_query_execution = start_query_execution


def install() -> None:
    """Replace what Athena reads, how it reads a query and where its answer goes."""
    _partitions()
    _lives()
    athena._run_duckdb, athena._save_query_results = _run, _save
