"""
SELECTs on the catalog's tables by Athena: started once, waited for, their rows typed.

Rows come by `UNLOAD` as Parquet, so that a decimal is one, and not the text that a CSV makes of
it; which files they lie in is read from the list that Athena writes, never by listing. How much
a query may read is the workgroup's to say.
"""

from __future__ import annotations

import io
import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlparse

import pyarrow as pa
import pyarrow.parquet as pq

from puntual.aws.bucket import Bucket
from puntual.aws.catalog import columns_of
from puntual.aws.faults import BUSY, NO_ANSWER, translated
from puntual.aws.shown import shown
from puntual.engines.athena.compile import compile_query, unload
from puntual.engines.athena.order import ordered
from puntual.engines.postgresql.answers import converted, refused, shape, tables_of
from puntual.errors import PermanentError, PuntualError
from puntual.ports.engine import Answer

_OVER = frozenset({"SUCCEEDED", "FAILED", "CANCELLED"})
_LIMIT = "Bytes scanned limit was exceeded"
_SYSTEM = 1
"""Athena's category of errors that are its own."""


class Athena:
    """Asks in one workgroup, on the tables of one database that are ours."""

    def __init__(
        self,
        client: Any,
        glue: Any,
        bucket: Bucket,
        *,
        workgroup: str,
        database: str,
        wait: float = 600.0,
        pause: float = 0.1,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """
        Keep the clients; nothing is asked yet.

        Args:
            client: Of `athena`.
            glue: Of `glue`; it knows the tables' columns.
            bucket: The folder to which answers are written, which its lifecycle empties.
            workgroup: Whose limit of bytes counts.
            database: Of the Glue Data Catalog.
            wait: Seconds after which a query is stopped.
            pause: Seconds before the first look at a query; then ever longer, up to 2.
            sleep: How to wait.
        """
        self._client = client
        self._glue = glue
        self._bucket = bucket
        self._workgroup = workgroup
        self._database = database
        self._where = f"Athena {workgroup}/{database}"
        self._wait = wait
        self._pause = pause
        self._sleep = sleep

    def query(self, sql: str, params: Mapping[str, object], *, limit: int | None) -> Answer:
        """
        Answer one read-only SELECT in DuckDB's dialect with named parameters (`:name`).

        Each table has a `reference_date` in front, by which it is divided: a condition on it
        keeps Athena from reading other days.

        Raises:
            PermanentError: Q1001 the SQL failed; Q1006 it would read more than is allowed;
                T5004-T5008.
            ProjectError: Q1003 it has no exact counterpart in Athena.
            TransientError: T5001 it did not end in time and was stopped; T5002, T5003.
        """
        known = self.tables(sql)
        names, types = shape(sql, params, known)
        compiled = compile_query(
            sql,
            params,
            names=names,
            instants=_instants(known),
            limit=None if limit is None else limit + 1,
        )
        found = self._rows(compiled.sql)
        rows = None if found is None else ordered(found, compiled.keys)
        truncated = limit is not None and rows is not None and rows.num_rows > limit
        kept = rows.slice(0, limit) if rows is not None and truncated else rows
        columns = tuple(
            converted(_column(kept, name), kind) for name, kind in zip(names, types, strict=True)
        )
        return Answer(names=names, types=types, columns=columns, truncated=truncated)

    def tables(self, sql: str) -> dict[str, dict[str, str]]:
        """
        Return the tables that a SELECT reads, with their columns and types, the day in front.

        Raises:
            PermanentError: Q1001 the SQL cannot be read; T5004-T5008.
            TransientError: T5002, T5003.
        """
        tables = {name: self._columns(name) for name in tables_of(sql)}
        return {name: columns for name, columns in tables.items() if columns}

    def _columns(self, table: str) -> dict[str, str]:
        """Return a table's columns, its day in front; none if it is not there."""
        with translated(f"{self._where}: {table}", service="glue"):
            try:
                found = self._glue.get_table(DatabaseName=self._database, Name=table)["Table"]
            except self._glue.exceptions.EntityNotFoundException:
                return {}
        return {name: word for name, word in columns_of(found).items() if word}

    def _rows(self, select: str) -> pa.Table | None:
        """Run a SELECT and return its rows in any order; None for none."""
        token = secrets.token_hex(32)
        folder = token
        statement = unload(select, self._bucket.where(f"{folder}/rows/"))
        with self._translated():
            query = self._client.start_query_execution(
                QueryString=statement,
                ClientRequestToken=token,
                WorkGroup=self._workgroup,
                QueryExecutionContext={"Database": self._database},
                ResultConfiguration={"OutputLocation": self._bucket.where(f"{folder}/")},
            )["QueryExecutionId"]
        told = self._ended(query, statement)
        listed = told.get("Statistics", {}).get("DataManifestLocation", "")
        written = self._read(listed).decode().split()
        tables = [pq.read_table(io.BytesIO(self._read(address))) for address in written]
        return pa.concat_tables(tables) if tables else None

    def _ended(self, query: str, statement: str) -> Mapping[str, Any]:
        until, pause = time.monotonic() + self._wait, self._pause
        while True:
            with self._translated():
                told: dict[str, Any] = self._client.get_query_execution(QueryExecutionId=query)[
                    "QueryExecution"
                ]
            if told["Status"]["State"] in _OVER:
                break
            if time.monotonic() > until:
                with self._translated():
                    self._client.stop_query_execution(QueryExecutionId=query)
                raise NO_ANSWER.raised(self._where, f"no end within {self._wait:.0f} s; stopped")
            self._sleep(pause)
            pause = min(pause * 1.5, 2.0)
        if told["Status"]["State"] != "SUCCEEDED":
            raise self._fault(told["Status"], statement)
        return told

    def _fault(self, status: Mapping[str, Any], statement: str) -> PuntualError:
        """Return the known fault that a query which did not succeed is."""
        reason = str(status.get("StateChangeReason", ""))
        error = status.get("AthenaError", {})
        if _LIMIT in reason:
            return PermanentError(
                "Q1006",
                "the query would read more than its workgroup allows",
                where=self._where,
                expected="fewer bytes than the workgroup's limit",
                observed=_LIMIT,
                next_step="Ask for fewer days or columns, or raise the limit and deploy.",
            )
        if status["State"] == "CANCELLED" or error.get("Retryable"):
            return BUSY.raised(self._where, shown(reason, statement))
        if error.get("ErrorCategory") == _SYSTEM:
            return NO_ANSWER.raised(self._where, shown(reason, statement))
        return refused(shown(reason, statement) or "Athena gives no reason")

    def _read(self, address: str) -> bytes:
        place = urlparse(address)
        with translated(address):
            found = self._bucket.s3.get_object(Bucket=place.netloc, Key=place.path.lstrip("/"))
            data: bytes = found["Body"].read()
        return data

    def _translated(self) -> Any:
        return translated(self._where, service="athena")


def _instants(tables: Mapping[str, Mapping[str, str]]) -> frozenset[str]:
    return frozenset(
        name
        for columns in tables.values()
        for name, word in columns.items()
        if word.startswith("TIMESTAMP")
    )


def _column(rows: pa.Table | None, name: str) -> tuple[object, ...]:
    """Return a column by its name, which Athena writes in lower case."""
    if rows is None:
        return ()
    found = {each.lower(): each for each in rows.column_names}
    if name.lower() not in found:
        raise refused(f"no column {name} came back")
    return tuple(rows.column(found[name.lower()]).to_pylist())
