"""
The rows of one query on a SQLite file as text columns, read in one snapshot.

SQLite keeps a decimal as text, as an integer, or as the nearest binary fraction. The last is
written as the shortest decimal that means it where 15 digits suffice, since no two decimals of
15 digits are the same fraction. One that needs more is written with `~` before it: it is
shown, and is no decimal, so that a digit is never invented. Every sum is made of decimals.
"""

from __future__ import annotations

import contextlib
import re
import sqlite3
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Context, Decimal
from pathlib import Path

import pyarrow as pa

from puntual.errors import PermanentError, PuntualError, TransientError

Sink = Callable[[pa.RecordBatch], None]

_ROWS = 50_000
_EXACT = Context(prec=400)
_WAIT = 10.0
_REAL_DIGITS = 15

_TEXT = "CASE typeof({c}) WHEN 'real' THEN real_text({c}) ELSE CAST({c} AS TEXT) END"

_NUMBER = re.compile(r"[+-]?(?:[0-9]{1,160}(?:\.[0-9]{0,160})?|\.[0-9]{1,160})")


class _Sum:
    """An aggregate of SQLite: the exact sum of the texts that are plain decimal numbers."""

    def __init__(self) -> None:
        self._total = Decimal(0)

    def step(self, text: str | None) -> None:
        """Take one value; null and what is no number are left out."""
        if text is not None and _NUMBER.fullmatch(text):
            self._total = _EXACT.add(self._total, Decimal(text))

    def finalize(self) -> str:
        """Return the sum, without an exponent."""
        return format(self._total, "f")


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
        columns: What is read, in this order; none: rows are counted and summed only.
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
            db.create_function("real_text", 1, _real_text, deterministic=True)
            db.create_aggregate("exact_sum", 1, _Sum)  # type: ignore[arg-type]  # text, not int
            db.execute("PRAGMA query_only = ON")
            db.execute("BEGIN")
            if columns:
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
    (total,) = db.execute(f"SELECT exact_sum({text}) FROM {body} AS q", values).fetchone()
    exact = Decimal(total or 0).normalize(_EXACT)
    return exact if exact.as_tuple().exponent < 0 else exact.quantize(Decimal(1), context=_EXACT)  # type: ignore[operator]


def _real_text(value: float) -> str:
    """Return the decimal that a REAL means; with `~` before it where that is not certain."""
    exact = Decimal(repr(value))
    if not exact.is_finite():
        return str(exact)
    digits = "".join(map(str, exact.as_tuple().digits)).strip("0")
    if len(digits) > _REAL_DIGITS:
        return f"~{value!r}"
    text = format(exact, "f")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if not exact else text


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
            next_step="Run again; see whether the source has written it.",
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
