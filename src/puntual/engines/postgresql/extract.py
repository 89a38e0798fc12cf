"""
The rows of one query on PostgreSQL as text columns, read in one snapshot.

Everything passes as text, by COPY: no number of the database becomes a float on its way, and one
that is a float there is refused by its type, since its text may look exact.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import islice
from typing import LiteralString

import psycopg
import pyarrow as pa
import pyarrow.csv as pa_csv
from psycopg import errors, postgres, sql

from puntual.errors import PermanentError, PuntualError, TransientError

Sink = Callable[[pa.RecordBatch], None]

_ROWS = 50_000
_PARAMETER = re.compile(
    r"""
    '(?:[^']|'')*' | "(?:[^"]|"")*"                # a text, a quoted name
    | --[^\n]* | /\*.*?\*/                          # comments
    | (?P<tag>\$[A-Za-z_]*\$).*?(?P=tag)            # a dollar-quoted text
    | :: | :=
    | (?P<name>:reference_date\b)
    """,
    re.VERBOSE | re.DOTALL,
)
_SETTINGS: tuple[LiteralString, ...] = (
    "SET LOCAL datestyle = 'ISO, YMD'",
    "SET LOCAL timezone = 'UTC'",
    "SET LOCAL intervalstyle = 'iso_8601'",
    "SET LOCAL bytea_output = 'hex'",
)
_FLOATS = {
    postgres.types["float4"].oid: "real",
    postgres.types["float8"].oid: "double precision",
}
_NUMBER = "^[+-]?[0-9]+([.][0-9]+)?$"
_DENIED = (
    "authentication failed",
    "no password",
    "permission denied",
    "does not exist",
    "no pg_hba",
)


def read(
    dsn: str,
    query: str,
    reference_date: date,
    columns: tuple[str, ...],
    measures: tuple[str, ...],
    exact: tuple[str, ...],
    sink: Sink,
) -> tuple[int, Mapping[str, Decimal], datetime]:
    """
    Run a query in one read-only snapshot and hand its rows on, then count and sum them there.

    Args:
        dsn: A libpq connection string or URL.
        query: One SELECT; `:reference_date` is its only parameter.
        reference_date: Its value.
        columns: What is read, in this order; none: rows are counted and summed only.
        measures: Of these, the columns that the database sums exactly.
        exact: The columns that must not be floats, whatever they hold.
        sink: Takes batches of text columns, null where the database has null.

    Returns:
        The database's own count, its sums, and its instant (UTC), all of the same snapshot. A
        value that is no decimal number (`NaN`, `Infinity`, other text) is in no sum.

    Raises:
        TransientError: S1201 cannot connect, or the connection was lost.
        PermanentError: S1202 the query is refused; S1203 permission or authentication; S1204 a
            column is not in the result; S1207 one that must be exact is a float.
    """
    body = sql.SQL("({}\n)").format(_bound(query, reference_date))
    try:
        with psycopg.connect(dsn, application_name="puntual", client_encoding="utf8") as connection:
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            connection.read_only = True
            for setting in _SETTINGS:
                connection.execute(setting)
            _require(connection, body, columns, exact)
            if columns:
                _copy(connection, body, columns, sink)
            return _control(connection, body, measures)
    except psycopg.Error as exc:
        raise _fault(exc) from exc
    except pa.ArrowInvalid as exc:
        raise PermanentError(
            "S1205",
            "the database holds text that is not of its own encoding",
            where="query of the source",
            expected="text that can be written as UTF-8",
            observed="other bytes",
            next_step="Convert the column in the source's query.",
        ) from exc


def _bound(query: str, reference_date: date) -> sql.Composable:
    """Put the date in the place of its parameter; texts, names and comments are left alone."""
    literal = f"DATE '{reference_date.isoformat()}'"
    bound = _PARAMETER.sub(lambda m: literal if m["name"] else m[0], query.rstrip().rstrip(";"))
    return sql.SQL(bound)  # the project's own SELECT, read-only


def _require(
    connection: psycopg.Connection,
    body: sql.Composable,
    columns: tuple[str, ...],
    exact: tuple[str, ...],
) -> None:
    if not (columns or exact):
        return
    found = connection.execute(sql.SQL("SELECT * FROM {} AS q LIMIT 0").format(body)).description
    types = {c.name: c.type_code for c in found or ()}
    missing = [c for c in columns if c not in types]
    if missing:
        raise missing_columns(missing, list(types))
    floats = {c: _FLOATS[types[c]] for c in exact if types.get(c) in _FLOATS}
    if floats:
        raise _inexact(floats)


def missing_columns(missing: list[str], names: list[str]) -> PermanentError:
    """Return the fault of a result that lacks columns of its contract."""
    return PermanentError(
        "S1204",
        f"the query does not return {', '.join(missing)}",
        where="query of the source",
        expected="every column of the contract, by its name in the source",
        observed=", ".join(names),
        next_step="Correct the query, or the contract's physicalName.",
    )


def _inexact(floats: Mapping[str, str]) -> PermanentError:
    return PermanentError(
        "S1207",
        f"the query returns {', '.join(floats)} as floating point, which is not exact",
        where="query of the source",
        expected="an exact type, such as numeric(18,2)",
        observed=", ".join(f"{column} is {kind}" for column, kind in floats.items()),
        next_step="CAST it to numeric(p, s) in the query, of a scale that you choose.",
    )


def _copy(
    connection: psycopg.Connection, body: sql.Composable, columns: tuple[str, ...], sink: Sink
) -> None:
    fields = sql.SQL(", ").join(
        sql.SQL("CAST(q.{} AS text)").format(sql.Identifier(c)) for c in columns
    )
    statement = sql.SQL("COPY (SELECT {} FROM {} AS q) TO STDOUT (FORMAT csv)").format(fields, body)
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        rows = iter(copy)
        while block := b"".join(islice(rows, _ROWS)):
            for batch in _batches(block, columns):
                sink(batch)


def _batches(block: bytes, columns: tuple[str, ...]) -> Iterator[pa.RecordBatch]:
    table = pa_csv.read_csv(
        pa.py_buffer(block),
        read_options=pa_csv.ReadOptions(
            column_names=[str(i) for i in range(len(columns))],
            block_size=max(len(block), 1 << 16),
            use_threads=False,
        ),
        parse_options=pa_csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
        convert_options=pa_csv.ConvertOptions(
            column_types={str(i): pa.string() for i in range(len(columns))},
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )
    yield from table.rename_columns(list(columns)).to_batches()


def _control(
    connection: psycopg.Connection, body: sql.Composable, measures: tuple[str, ...]
) -> tuple[int, Mapping[str, Decimal], datetime]:
    sums = [
        sql.SQL(
            "coalesce(sum(CASE WHEN CAST(q.{c} AS text) ~ {n}"
            " THEN CAST(CAST(q.{c} AS text) AS numeric) END), 0)"
        ).format(c=sql.Identifier(c), n=sql.Literal(_NUMBER))
        for c in measures
    ]
    fields = sql.SQL(", ").join([sql.SQL("count(*)"), sql.SQL("transaction_timestamp()"), *sums])
    row = connection.execute(sql.SQL("SELECT {} FROM {} AS q").format(fields, body)).fetchone()
    count, moment, *amounts = row or (0, None)
    return count, dict(zip(measures, amounts, strict=True)), moment.astimezone(UTC)


def _fault(error: psycopg.Error) -> PuntualError:
    """Name a fault of the driver; what may hold a value of the data is not repeated."""
    state = error.sqlstate or ""
    said = str(error).splitlines()[0] if str(error) else ""
    if state.startswith("28") or state == "42501" or _is_denial(error, state, said):
        return PermanentError(
            "S1203",
            "the database refuses this user",
            where="connection of the source",
            expected="a user who may connect and read what the query names",
            observed=error.diag.message_primary or "authentication failed",
            next_step="Correct the user, its password or its grants.",
        )
    if isinstance(error, errors.OperationalError | errors.QueryCanceled) or state[:2] == "40":
        return TransientError(
            "S1201",
            "the database does not answer",
            where="connection of the source",
            expected="an answer",
            observed=f"SQLSTATE {state}" if state else "no connection",
            next_step="Run again; see whether the database is up and reachable.",
        )
    named = error.diag.message_primary if state[:2] in {"42", "25", "0A"} else ""
    return PermanentError(
        "S1202",
        "the database refuses the query",
        where="query of the source",
        expected="one SELECT that may run in a read-only transaction",
        observed=named or (f"SQLSTATE {state}" if state else type(error).__name__),
        next_step="Correct the source's query or connection in puntual.yaml.",
    )


def _is_denial(error: psycopg.Error, state: str, said: str) -> bool:
    """Say whether a connection that never was failed for a reason that waiting does not heal."""
    return (
        isinstance(error, errors.OperationalError)
        and not state
        and any(phrase in said for phrase in _DENIED)
    )
