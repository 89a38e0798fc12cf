"""What a query on PostgreSQL answers, in DuckDB's types, so that both warehouses say the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation, localcontext

import duckdb
import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from puntual.engines.dialect.sql import bind_names, quote
from puntual.errors import PermanentError

_INTEGERS = frozenset({"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"})
_PRECISION = 80


def tables_of(sql: str) -> tuple[str, ...]:
    """
    Return the names of the tables that a SELECT reads, sorted.

    Raises:
        PermanentError: Q1001 it cannot be read.
    """
    try:
        tree = sqlglot.parse_one(sql, read="duckdb")
    except SqlglotError as exc:
        raise refused("it cannot be read") from exc
    return tuple(sorted({table.name for table in tree.find_all(exp.Table)}))


def shape(
    sql: str, params: Mapping[str, object], tables: Mapping[str, Mapping[str, str]]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """
    Ask DuckDB for the names and types of a SELECT's columns, on empty tables.

    What DuckDB does not accept as one SELECT is not asked of PostgreSQL either.

    Args:
        sql: In DuckDB's dialect, with `:name` parameters.
        params: Their values.
        tables: Table → column → type in DuckDB's words.

    Raises:
        PermanentError: Q1001 DuckDB refuses it.
    """
    with duckdb.connect(config={"threads": 1}) as connection:
        for table, columns in tables.items():
            body = ", ".join(f"{quote(name)} {kind}" for name, kind in columns.items())
            connection.execute(f"CREATE TABLE {quote(table)} ({body})")
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET enable_external_access = false")
        try:
            statements = connection.extract_statements(bind_names(sql, params))
            if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
                raise refused("it is not one SELECT")
            used = {n: params[n] for n in statements[0].named_parameters if n in params}
            found = connection.execute(statements[0], used or None).description or ()
        except duckdb.Error as exc:
            raise refused(str(exc).split("\n", 1)[0]) from exc
    return tuple(str(c[0]) for c in found), tuple(str(c[1]) for c in found)


def converted(column: tuple[object, ...], kind: str) -> tuple[object, ...]:
    """
    Return a column's values as DuckDB gives them for this type.

    Raises:
        PermanentError: Q1001 a number is not exact in that type.
    """
    convert = _converter(kind)
    if convert is None:
        return column
    try:
        with localcontext(prec=_PRECISION):
            return tuple(None if value is None else convert(value) for value in column)
    except (InvalidOperation, ValueError) as exc:
        raise refused(f"a number does not fit {kind} exactly") from exc


def _converter(kind: str) -> Callable[[object], object] | None:
    if kind in _INTEGERS:
        return lambda value: _scaled(value, 0, int)
    if kind.startswith("DECIMAL"):
        scale = int(kind.rpartition(",")[2].rstrip(")"))
        return lambda value: _scaled(value, scale, Decimal)
    if kind == "DATE":
        return lambda value: value.date() if isinstance(value, datetime) else value
    return None


def _scaled(value: object, scale: int, form: Callable[[Decimal], object]) -> object:
    if isinstance(value, float) or not isinstance(value, int | Decimal):
        raise ValueError("not an exact number")  # noqa: TRY004
    given = Decimal(value)
    exact = given.quantize(Decimal(1).scaleb(-scale))
    if exact != given:
        raise ValueError("more decimals than the type has")
    return form(exact)


def refused(why: str) -> PermanentError:
    """Return the fault of a query that cannot be answered."""
    return PermanentError(
        "Q1001",
        "not answered: query on the warehouse",
        where="query on the warehouse",
        expected="one SELECT in DuckDB's dialect, on tables of exact types",
        observed=why,
        next_step="Correct the SQL; `puntual check` shows its place.",
    )
