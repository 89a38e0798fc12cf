"""
A Redshift stand-in on PostgreSQL.

It plays what loads and reports need. It shows nothing of isolation (error 1023), VARCHAR in
bytes, unenforced keys or Redshift's own scale of a decimal division: docs/reference/aws-local.md.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql as texts

from puntual.aws.stage.plugin.redshift_copy import Objects, copied, copy, unload, unloaded
from puntual.aws.stage.plugin.redshift_sql import compiled

_DATABASE = re.compile(r"\s*(create|drop)\s+database\s+\"?(\w+)\"?\s*;?\s*", re.IGNORECASE)
_CREATED = (
    "CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8' "
    "LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8' LOCALE 'C'"
)
"""Redshift orders text by its bytes, and knows the letters of all languages."""

_STRTOL = """
CREATE OR REPLACE FUNCTION pg_catalog.from_base(text, integer) RETURNS bigint IMMUTABLE STRICT
LANGUAGE sql AS $$ SELECT ('x' || lpad($1, 16, '0'))::bit(64)::bigint $$
"""
"""Redshift's `strtol(text, 16)`, by the name that sqlglot gives it in PostgreSQL's dialect."""

FIRST = "dev"
"""The database that every workgroup has."""
CANCEL_SECONDS = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of a result, as the Data API describes it."""

    name: str
    type_name: str
    precision: int
    scale: int
    nullable: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """
    What one statement answered.

    Attributes:
        columns: None for a statement without rows.
        rows: In order.
        count: Rows returned or changed; -1 when the statement counts nothing.
    """

    columns: tuple[Column, ...] | None
    rows: tuple[tuple[Any, ...], ...]
    count: int


class Cancelled:
    """
    Lets a batch be stopped from another thread.

    PostgreSQL forgets a cancellation that comes between two statements, so it is repeated until
    the batch has ended.
    """

    def __init__(self) -> None:
        self._connection: psycopg.Connection[Any] | None = None
        self._asked = threading.Event()
        self._ended = threading.Event()

    @property
    def asked(self) -> bool:
        """Was it stopped?"""
        return self._asked.is_set()

    @contextmanager
    def over(self, connection: psycopg.Connection[Any]) -> Iterator[None]:
        """
        Let a connection's statements be stopped.

        Raises:
            psycopg.errors.QueryCanceled: It was stopped before it began.
        """
        self._connection = connection
        try:
            if self.asked:
                raise psycopg.errors.QueryCanceled("Query cancelled on user's request")
            yield
        finally:
            self._ended.set()

    def cancel(self) -> None:
        """Stop it; return at once."""
        self._asked.set()
        threading.Thread(target=self._insist, daemon=True).start()

    def _insist(self) -> None:
        while not self._ended.wait(CANCEL_SECONDS):
            if self._connection is None:
                continue
            try:
                self._connection.cancel_safe()
            except psycopg.Error:
                return


class Warehouse:
    """PostgreSQL that answers to Redshift's statements."""

    def __init__(self, dsn: str, objects: Objects) -> None:
        self._dsn = dsn
        self._objects = objects
        with psycopg.connect(dsn, autocommit=True) as connection:
            for setting in ("fsync", "synchronous_commit", "full_page_writes"):
                connection.execute(
                    texts.SQL("ALTER SYSTEM SET {} = off").format(texts.Identifier(setting))
                )
            connection.execute("SELECT pg_reload_conf()")
        self.make(FIRST)

    def make(self, database: str) -> None:
        """Make a database unless it is there."""
        with psycopg.connect(self._dsn, autocommit=True) as connection:
            known = connection.execute(
                "SELECT 1 FROM pg_database WHERE datname = %s", [database]
            ).fetchone()
            if known is None:
                name = texts.Identifier(database)
                connection.execute(texts.SQL(_CREATED).format(name))
        place = psycopg.conninfo.make_conninfo(self._dsn, dbname=database)
        with psycopg.connect(place, autocommit=True) as connection:
            connection.execute(_STRTOL)

    def execute(
        self,
        database: str,
        statements: Sequence[str],
        parameters: Mapping[str, str],
        cancelled: Cancelled,
        results: list[Result],
    ) -> None:
        """
        Run a batch in one transaction.

        Args:
            database: Which one.
            statements: Redshift's SQL, each of one or more statements.
            parameters: `:name` → text.
            cancelled: Asked before it begins, and able to stop it.
            results: Each statement's result is added as it ends.

        Raises:
            psycopg.Error: As PostgreSQL says it.
            LoadError: Of COPY and UNLOAD.
        """
        alone = _DATABASE.fullmatch(statements[0]) if len(statements) == 1 else None
        if alone is not None and alone[1].lower() == "create":
            self.make(alone[2])
            results.append(Result(columns=None, rows=(), count=-1))
            return
        place = psycopg.conninfo.make_conninfo(self._dsn, dbname=database)
        with psycopg.connect(place, autocommit=alone is not None) as connection:
            connection.execute("SET TIME ZONE 'UTC'")
            with cancelled.over(connection), connection.cursor() as cursor:
                for statement in statements:
                    results.append(self._one(cursor, statement, parameters))

    def _one(
        self, cursor: psycopg.Cursor[Any], statement: str, parameters: Mapping[str, str]
    ) -> Result:
        if found := copied(statement):
            return Result(columns=None, rows=(), count=copy(cursor, found, self._objects))
        if found := unloaded(statement):
            query = found["dollar"] or found["quoted"].replace("''", "'")
            count = unload(cursor, found, next(compiled(query, {})), self._objects)
            return Result(columns=None, rows=(), count=count)
        result = Result(columns=None, rows=(), count=-1)
        for one in compiled(statement, parameters):
            cursor.execute(one.encode())
            shape = cursor.description
            columns = tuple(_column(each) for each in shape) if shape else None
            rows = tuple(cursor.fetchall()) if shape else ()
            result = Result(columns=columns, rows=rows, count=cursor.rowcount)
        return result


def _column(column: psycopg.Column) -> Column:
    kind = column.type_display.partition("(")[0]
    return Column(
        name=column.name,
        type_name=kind,
        precision=column.precision or 0,
        scale=column.scale or 0,
    )
