"""
Statements by Redshift's Data API: started, waited for within a bound, their rows typed.

A statement runs by itself on the server. Each call of ours has a token of its own, so that one
whose answer was lost and that the SDK repeats is the same statement (`aws.md` 10). Numbers that
are exact come as text and become `Decimal`; a float is refused.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from puntual.aws.faults import Fault, code_of, translated
from puntual.aws.shown import shown
from puntual.errors import PermanentError, PuntualError, TransientError

UNREACHED = Fault(
    kind=TransientError,
    code="T4003",
    message="the warehouse did not answer",
    expected="a workgroup that is available, and no conflict with another load",
    next_step="Run again; the load log says whether it was done.",
)
FAULTS: Mapping[str, Fault] = {
    "ActiveStatementsExceededException": UNREACHED,
    "ActiveSessionsExceededException": UNREACHED,
    "BatchExecuteStatementException": UNREACHED,
    "DatabaseConnectionException": UNREACHED,
    "ExecuteStatementException": UNREACHED,
    "QueryTimeoutException": UNREACHED,
    "InternalServerException": UNREACHED,
}
"""Codes of the Data API that mean something of their own here."""

_AGAIN = re.compile(
    r"\b1023\b|serializable isolation violation|could not serialize|deadlock|lock timeout"
    r"|already exists|duplicate key|terminat\w+ connection|connection (?:was |is )?(?:refused|reset"
    r"|closed|lost)|not available|is (?:being )?(?:paus|resum|creat|modif)\w+"
    r"|system is (?:starting|shutting)|query .*cancel|canceling statement|cancelled on user",
    re.IGNORECASE,
)
"""What passes by waiting, in Redshift's words (X1) and in PostgreSQL's."""

_OVER = frozenset({"FINISHED", "FAILED", "ABORTED"})

Cell = bool | int | str | None
"""A value as the Data API gives it: decimals, dates and instants are text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """
    What became of a statement, or of a batch.

    Attributes:
        id: By which its rows are fetched; of a batch that of its last statement.
        error: Why it failed, as the server said; it may hold values. "" of one that did not.
    """

    id: str
    error: str = ""


class DataApi:
    """The Data API for one database of one workgroup."""

    def __init__(
        self,
        client: Any,
        *,
        workgroup: str,
        database: str,
        wait: float = 900.0,
        pause: float = 0.05,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """
        Keep the client; nothing is asked yet.

        Args:
            client: Of `redshift-data`.
            workgroup: Of Redshift Serverless.
            database: In it.
            wait: Seconds after which a statement is cancelled.
            pause: Seconds before the first look at a statement; then ever longer, up to 2.
            sleep: How to wait.
        """
        self._client = client
        self._place = {"WorkgroupName": workgroup, "Database": database}
        self._where = f"Redshift {workgroup}/{database}"
        self._wait = wait
        self._pause = pause
        self._sleep = sleep

    def run(self, sql: str, params: Mapping[str, str] | None = None) -> Ended:
        """
        Run one statement to its end, with values for its `:name`.

        Raises:
            TransientError: T4003 it does not begin, or did not end in time and was cancelled;
                T5001, T5002.
            PermanentError: T5004-T5008.
        """
        given = [{"name": name, "value": value} for name, value in (params or {}).items()]
        more = {"Parameters": given} if given else {}
        with self._translated():
            started = self._client.execute_statement(
                **self._place, Sql=sql, ClientToken=secrets.token_hex(16), **more
            )
        return self._end(started["Id"])

    def run_all(self, statements: Sequence[str]) -> Ended:
        """
        Run statements in order in one transaction: all take effect or none.

        Raises:
            TransientError: T4003 as for `run`; T5001 it may have been done; T5002.
            PermanentError: T5004-T5008.
        """
        with self._translated():
            started = self._client.batch_execute_statement(
                **self._place, Sqls=list(statements), ClientToken=secrets.token_hex(16)
            )
        return self._end(started["Id"])

    def rows(self, ended: Ended, *, limit: int | None = None) -> tuple[tuple[Cell, ...], ...]:
        """
        Return the rows of a statement that has ended, or its first ones.

        Raises:
            PermanentError: Q1001 a value is a float; T5004-T5008.
            TransientError: T5001, T5002.
        """
        found: list[tuple[Cell, ...]] = []
        for record in self._records(ended.id):
            if limit is not None and len(found) == limit:
                break
            found.append(tuple(_cell(field) for field in record))
        return tuple(found)

    def _records(self, statement: str) -> Iterator[list[dict[str, Any]]]:
        asked = {"Id": statement}
        while True:
            with self._translated():
                answer = self._client.get_statement_result(**asked)
            yield from answer["Records"]
            if not answer.get("NextToken"):
                return
            asked = {"Id": statement, "NextToken": answer["NextToken"]}

    def _end(self, statement: str) -> Ended:
        until, pause = time.monotonic() + self._wait, self._pause
        while True:
            with self._translated():
                told = self._client.describe_statement(Id=statement)
            if told["Status"] in _OVER:
                break
            if time.monotonic() > until:
                self._cancel(statement)
                raise UNREACHED.raised(self._where, f"no end within {self._wait:.0f} s; cancelled")
            self._sleep(pause)
            pause = min(pause * 1.5, 2.0)
        parts = told.get("SubStatements") or ()
        if told["Status"] == "FINISHED":
            return Ended(id=parts[-1]["Id"] if parts else statement)
        return Ended(id=statement, error=told.get("Error") or f"query {told['Status'].lower()}")

    def _cancel(self, statement: str) -> None:
        """Stop a statement; one that has ended meanwhile is told by the load log."""
        with self._translated():
            try:
                self._client.cancel_statement(Id=statement)
            except ClientError as exc:
                if code_of(exc) not in ("ValidationException", "ResourceNotFoundException"):
                    raise

    def _translated(self) -> Any:
        return _Translated(self._where)


class _Translated:
    """Translates the Data API's errors; a ValidationException that passes is told by its words."""

    def __init__(self, where: str) -> None:
        self._inner = translated(where, service="redshift-data", also=FAULTS)
        self._where = where

    def __enter__(self) -> None:
        self._inner.__enter__()

    def __exit__(self, kind: Any, error: Any, trace: Any) -> bool | None:
        if isinstance(error, ClientError) and code_of(error) == "ValidationException":
            said = str(error.response["Error"].get("Message", ""))
            if _AGAIN.search(said):
                raise UNREACHED.raised(self._where, "the workgroup is not available") from error
        return self._inner.__exit__(kind, error, trace)


def fault(error: str, sql: str, where: str, otherwise: str) -> PuntualError:
    """
    Return the known fault that a failed statement is.

    Args:
        error: What the server said.
        sql: The statement, or the statements: what is quoted from them may be shown.
        where: What was done, for people.
        otherwise: The code of what waiting does not heal.
    """
    seen = shown(error, sql)
    if _AGAIN.search(error):
        return UNREACHED.raised(where, seen)
    return PermanentError(
        otherwise,
        f"refused by Redshift: {where}",
        where=where,
        expected="SQL, types and permissions that Redshift accepts",
        observed=seen,
        next_step="Correct what is named; `puntual explain` tells more about the code.",
    )


def _cell(field: Mapping[str, Any]) -> Cell:
    if field.get("isNull"):
        return None
    for kind in ("stringValue", "longValue", "booleanValue"):
        if kind in field:
            found: Cell = field[kind]
            return found
    raise PermanentError(
        "Q1001",
        "a value is not exact: a float or bytes",
        where="query on the warehouse",
        expected="text, integers, decimals, dates, timestamps, booleans",
        observed=", ".join(sorted(field)),
        next_step="CAST it to a decimal in the query.",
    )
