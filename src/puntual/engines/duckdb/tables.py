"""A day's curated tables as views, and the one SELECT that a project's SQL must be."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date

import duckdb

from puntual.engines.dialect.sql import bind_names, literal, parameters, quote
from puntual.engines.duckdb.session import Session
from puntual.errors import PermanentError
from puntual.model.contract import ColumnType
from puntual.ports.engine import DataFile, Day

PARAMETER = "reference_date"

_WORD = re.compile(r"[a-z_][a-z0-9_]*")


def open_tables(session: Session, day: Day, *mentions: str) -> None:
    """
    Make a view of each of the day's tables that one of the texts mentions, by its name.

    Raises:
        PermanentError: T3002 a file cannot be read.
    """
    words = set(_WORD.findall(" ".join(mentions).lower()))
    for name, files in sorted(day.tables.items()):
        if name not in words:
            continue
        session.rows(f"CREATE OR REPLACE TEMP VIEW {quote(name)} AS SELECT * FROM {scan(files)}")


def scan(files: tuple[str, ...]) -> str:
    """Return a table function over Parquet files, their columns matched by name."""
    listed = ", ".join(literal(f) for f in files)
    return f"read_parquet([{listed}], union_by_name = true, hive_partitioning = false)"


def repeated_sql(value: str, source: str) -> str:
    """
    Return a SELECT of each value (`h`) that an expression has in more than one row, once.

    DuckDB numbers the rows of a partition in two thirds of the time that it counts groups in,
    where nearly every row is a group of its own.
    """
    rows = f"SELECT {value} AS h FROM {source}"
    return f"SELECT h FROM ({rows}) QUALIFY row_number() OVER (PARTITION BY h) = 2"


def as_numbers(source: str, columns: Mapping[str, ColumnType]) -> str:
    """Return a SELECT of another's rows whose texts are read as numbers, null where none is."""
    if not columns:
        return source
    read = (
        f"TRY_CAST({quote(name)} AS DECIMAL({kind.precision},{kind.scale})) AS {quote(name)}"
        for name, kind in columns.items()
    )
    return f"SELECT * REPLACE ({', '.join(read)}) FROM ({source})"


def data_files(session: Session, paths: Sequence[str]) -> tuple[DataFile, ...]:
    """Return finished Parquet files with their number of rows, which their ends tell."""
    listed = ", ".join(literal(p) for p in paths)
    rows = session.rows(f"SELECT file_name, num_rows FROM parquet_file_metadata([{listed}])")
    held = {str(name): int(str(records)) for name, records in rows}
    return tuple(DataFile(path=p, records=held[p]) for p in paths)


def one_select(sql: str, where: str) -> str:
    """
    Return a project's SELECT with its parameter in DuckDB's form.

    `puntual check` has said this before; here it is what keeps SQL from writing
    (`failures.md` h4).

    Raises:
        PermanentError: Q1001 it is not exactly one SELECT.
    """
    bound = bind_names(sql, (PARAMETER,)).strip().rstrip(";")
    try:
        statements = duckdb.extract_statements(bound)
    except duckdb.Error as exc:
        raise _not_one_select(where, str(exc).splitlines()[0]) from exc
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise _not_one_select(where, f"{len(statements)} statements, or one of another kind")
    return bound


def values_of(sql: str, reference_date: date) -> Mapping[str, object]:
    """Return the values of the parameters that a statement has."""
    return dict.fromkeys(parameters(sql, (PARAMETER,)), reference_date)


def _not_one_select(where: str, observed: str) -> PermanentError:
    return PermanentError(
        "Q1001",
        "The SQL of the project cannot be run.",
        where=where,
        expected="exactly one SELECT",
        observed=observed,
        next_step="Run `puntual check`, which shows the line and column.",
    )
