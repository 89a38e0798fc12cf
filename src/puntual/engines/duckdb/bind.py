"""What DuckDB says of a SELECT before there is a row: does it bind over tables of these types?"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date

import duckdb

from puntual.engines.dialect.sql import bind_names, quote
from puntual.engines.duckdb.session import Limits, Session, open_session
from puntual.engines.duckdb.tables import PARAMETER, values_of

_DAY = date(2000, 1, 3)
_OF_THE_TEXT = (duckdb.BinderException, duckdb.CatalogException, duckdb.ParserException)
"""Faults that no row can heal. Others, such as of a conversion, may come from a value."""
_BY_VALUES = re.compile(r"\bpivot", re.IGNORECASE)
"""What has other columns with other rows: nothing is said of it while there is none."""
_BEFORE = "SELECT * FROM ("


@dataclass(frozen=True, slots=True, kw_only=True)
class Unbound:
    """Why a statement cannot be run, in DuckDB's words, and at which character of it."""

    why: str
    offset: int


class Binder:
    """
    Tables without rows, and statements that are bound over them and never run on a row.

    It is confined as the connections are that run the statements later.
    """

    def __init__(self, session: Session) -> None:
        """Keep the session, which nothing else uses."""
        self._session = session

    def table(self, name: str, columns: Mapping[str, str]) -> None:
        """Make a table of columns and their types in DuckDB's words."""
        listed = ", ".join(f"{quote(column)} {kind}" for column, kind in columns.items())
        self._session.rows(f"CREATE TABLE {quote(name)} ({listed})")

    def made(self, name: str, sql: str) -> Unbound | None:
        """
        Make a table as a SELECT gives it.

        Returns:
            Why it does not bind. Where nothing can be said of it, the table is not made either:
            `knows` tells.
        """
        found = self.bound(sql)
        if found is None and not _BY_VALUES.search(sql):
            with _tolerant():
                self._run(f"CREATE TABLE {quote(name)} AS {_over(sql)}")
        return found

    def in_warehouse(self, name: str) -> None:
        """Put the day in front of a table's columns, as the warehouse has it."""
        # A temporary table is found first under a name that both have.
        with _tolerant():
            self._run(
                f"CREATE TEMP TABLE {quote(name)} AS "
                f"SELECT DATE '{_DAY}' AS {PARAMETER}, * FROM main.{quote(name)} LIMIT 0"
            )

    def knows(self, name: str) -> bool:
        """Say whether there is such a table."""
        return bool(
            self._session.rows("SELECT 1 FROM duckdb_tables() WHERE table_name = $t", {"t": name})
        )

    def bound(self, sql: str) -> Unbound | None:
        """Return why a SELECT does not bind; None where it does, or only rows would tell."""
        try:
            with _tolerant():
                self._run(_over(sql))
        except _OF_THE_TEXT as exc:
            return None if _BY_VALUES.search(sql) else _unbound(exc, sql)
        return None

    def _run(self, sql: str) -> None:
        bound = bind_names(sql, (PARAMETER,))
        self._session.connection.execute(bound, dict(values_of(bound, _DAY)) or None)


@contextmanager
def open_binder(zone: str) -> Iterator[Binder]:
    """
    Lend a binder.

    Args:
        zone: IANA zone of the session.

    Raises:
        PermanentError: T3001 no memory or temporary space; T3002.
    """
    limits = Limits(memory="500MB", threads=1)
    with open_session(tempfile.gettempdir(), limits=limits, zone=zone, where="check") as session:
        for setting in (
            "errors_as_json = true",  # it tells where in the statement
            "enable_external_access = false",
            "lock_configuration = true",
        ):
            session.rows(f"SET {setting}")
        yield Binder(session)


@contextmanager
def _tolerant() -> Iterator[None]:
    """Let pass what is no fault of the text: only rows, or their absence, would tell."""
    try:
        yield
    except _OF_THE_TEXT:
        raise
    except duckdb.Error:
        return


def _over(sql: str) -> str:
    return f"{_BEFORE}{sql}\n) LIMIT 0"


def _unbound(exc: duckdb.Error, sql: str) -> Unbound:
    _, _, said = str(exc).partition(": ")
    try:
        told = json.loads(said)
    except ValueError:
        told = {}
    why = str(told.get("exception_message") or said).strip().splitlines()
    at = max(0, int(told.get("position") or 0) - len(_BEFORE))
    # DuckDB counts bytes.
    offset = len(sql.encode()[:at].decode("utf-8", "ignore"))
    return Unbound(why=why[0].rstrip(".") if why else type(exc).__name__, offset=offset)
