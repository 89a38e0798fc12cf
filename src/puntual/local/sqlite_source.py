"""
The rows of one query on a SQLite file as text columns, read in one snapshot.

SQLite keeps a decimal as text, as an integer, or as the nearest binary fraction. The last is
written as the shortest decimal that means it, and every sum is made of integers.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Context, Decimal
from pathlib import Path

import pyarrow as pa

from puntual.errors import PermanentError, PuntualError, TransientError

Sink = Callable[[pa.RecordBatch], None]

_ROWS = 50_000
_EXACT = Context(prec=100)
_WAIT = 10.0
_PLACES = 18

_TEXT = """CASE typeof({c}) WHEN 'real' THEN
    CASE WHEN CAST(printf('%.15g', {c}) AS REAL) = {c} THEN printf('%.15g', {c})
    ELSE printf('%!.17g', {c}) END
ELSE CAST({c} AS TEXT) END"""

_PARTS = """SELECT
    CASE WHEN t LIKE '-%' THEN -1 ELSE 1 END AS sign,
    CAST(substr(d || '.', 1, instr(d || '.', '.') - 1) AS INTEGER) AS whole,
    substr(substr(d, instr(d || '.', '.') + 1) || '{zeros}', 1, {places}) AS part
FROM (SELECT t, ltrim(t, '+-') AS d FROM (SELECT {text} AS t FROM {body} AS q))
WHERE t NOT GLOB '*[^0-9.+-]*' AND t GLOB '*[0-9]*' AND substr(t, 2) NOT GLOB '*[+-]*'
    AND d NOT GLOB '*.*.*' AND instr(d || '.', '.') <= {places} + 1"""

_SUM = """SELECT coalesce(sum(sign * whole), 0),
    coalesce(sum(sign * CAST(substr(part, 1, 9) AS INTEGER)), 0),
    coalesce(sum(sign * CAST(substr(part, 10) AS INTEGER)), 0)
FROM ({parts})"""


def read(
    path: Path,
    query: str,
    reference_date: date,
    columns: tuple[str, ...],
    measures: tuple[str, ...],
    sink: Sink,
) -> tuple[int, Mapping[str, Decimal], datetime]:
    """
    Run a query in one read-only snapshot and hand its rows on, then count and sum them there.

    Args:
        path: The SQLite file.
        query: One SELECT; `:reference_date` is its only parameter.
        reference_date: Its value, `YYYY-MM-DD`.
        columns: What is read, in this order.
        measures: Of these, the columns that the database sums exactly.
        sink: Takes batches of text columns, null where the database has null.

    Returns:
        The database's own count, its sums, and its instant (UTC), all of the same snapshot. A
        value that is no plain decimal number is in no sum.

    Raises:
        TransientError: S1201 no such file, or it is locked for too long.
        PermanentError: S1202 the query is refused; S1203 not permitted; S1204 a column is not
            in the result; S1205 a text is not UTF-8.
    """
    body = f"({query.rstrip().rstrip(';')}\n)"
    values = {"reference_date": reference_date.isoformat()}
    try:
        uri = f"{path.absolute().as_uri()}?mode=ro"
        with contextlib.closing(
            sqlite3.connect(uri, uri=True, timeout=_WAIT, isolation_level=None)
        ) as db:
            db.execute("PRAGMA query_only = ON")
            db.execute("BEGIN")
            _require(db, body, values, columns)
            _rows(db, body, values, columns, sink)
            return _control(db, body, values, measures)
    except sqlite3.Error as exc:
        raise _fault(exc, path) from exc


def _require(
    db: sqlite3.Connection, body: str, values: Mapping[str, str], columns: tuple[str, ...]
) -> None:
    found = db.execute(f"SELECT * FROM {body} AS q LIMIT 0", values).description
    names = [column[0] for column in found]
    missing = [c for c in columns if c not in names]
    if missing:
        raise PermanentError(
            "S1204",
            f"the query does not return {', '.join(missing)}",
            where="query of the source",
            expected="every column of the contract, by its name in the source",
            observed=", ".join(names),
            next_step="Correct the query, or the contract's physicalName.",
        )


def _rows(
    db: sqlite3.Connection,
    body: str,
    values: Mapping[str, str],
    columns: tuple[str, ...],
    sink: Sink,
) -> None:
    fields = ", ".join(_TEXT.format(c=_quoted(c)) for c in columns)
    cursor = db.execute(f"SELECT {fields} FROM {body} AS q", values)
    schema = pa.schema([(c, pa.string()) for c in columns])
    while rows := cursor.fetchmany(_ROWS):
        arrays = [pa.array(column, pa.string()) for column in zip(*rows, strict=True)]
        sink(pa.record_batch(arrays, schema=schema))


def _control(
    db: sqlite3.Connection, body: str, values: Mapping[str, str], measures: tuple[str, ...]
) -> tuple[int, Mapping[str, Decimal], datetime]:
    count, moment = db.execute(
        f"SELECT count(*), strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now') FROM {body} AS q", values
    ).fetchone()
    sums = {c: _sum(db, body, values, c) for c in measures}
    return count, sums, datetime.fromisoformat(moment)


def _sum(db: sqlite3.Connection, body: str, values: Mapping[str, str], column: str) -> Decimal:
    text = _TEXT.format(c=_quoted(column))
    parts = _PARTS.format(text=text, body=body, zeros="0" * _PLACES, places=_PLACES)
    whole, high, low = db.execute(_SUM.format(parts=parts), values).fetchone()
    total = Decimal(whole * 10**18 + high * 10**9 + low)
    exact = total.scaleb(-_PLACES, _EXACT).normalize(_EXACT)
    return exact if exact.as_tuple().exponent < 0 else exact.quantize(Decimal(1), context=_EXACT)  # type: ignore[operator]


def _quoted(column: str) -> str:
    return 'q."' + column.replace('"', '""') + '"'


def _fault(error: sqlite3.Error, path: Path) -> PuntualError:
    kind = getattr(error, "sqlite_errorcode", 0) & 0xFF
    denied = kind in {sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH} or (
        kind == sqlite3.SQLITE_CANTOPEN and path.exists()
    )
    if denied:
        return PermanentError(
            "S1203",
            f"{path.name} may not be read",
            where=str(path),
            expected="a file that this user may read",
            observed=str(error),
            next_step="Correct owner or mode of the file and its folder.",
        )
    if kind in {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return TransientError(
            "S1201",
            f"{path.name} does not answer",
            where=str(path),
            expected="a SQLite file that can be read",
            observed=str(error) if path.exists() else "no such file",
            next_step="It is tried again; see whether the source has written it.",
        )
    if "decode" in str(error):
        return PermanentError(
            "S1205",
            "the database holds text that is not UTF-8",
            where=str(path),
            expected="UTF-8 text",
            observed="other bytes",
            next_step="Convert the column in the source's query.",
        )
    return PermanentError(
        "S1202",
        "the database refuses the query",
        where=str(path),
        expected="one SELECT that reads",
        observed=str(error),
        next_step="Correct the source's query in puntual.yaml.",
    )
