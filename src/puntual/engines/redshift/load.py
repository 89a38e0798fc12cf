"""
The statements of one day's load into Redshift: pure text, run together in one transaction.

A batch of the Data API cannot branch, so what must stop it raises an error itself: a text that
is no number is cast to one. Its first letter says which question failed, for both Redshift
(`Invalid digit, Value 'V'`) and PostgreSQL (`"V…"`) show it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from puntual.engines.dialect.loads import DAY, LOG
from puntual.engines.dialect.sql import literal, quote
from puntual.engines.redshift.compile import TEXT

STAGED, LEFT_OUT = "puntual_staged", "puntual_left_out"

FENCED, SAME, DIFFERS = "F", "S", "V"
"""A later epoch has loaded; this manifest is loaded already; the rows are not those expected."""

_MARK = re.compile(rf"""(?:Value '|")([{FENCED}{SAME}{DIFFERS}])(?:'|\d*")""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Copied:
    """
    A temporary table that is filled from a manifest of COPY.

    Attributes:
        table: Its name.
        columns: Name → type in DuckDB's words, in the files' order.
        manifest: `s3://` address of the manifest; "" where there is no file.
    """

    table: str
    columns: Mapping[str, str]
    manifest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """
    One day of one table.

    Attributes:
        table: Its name.
        day: The day.
        rows: The day's rows.
        without: (`_object`, `_position`) of rows that are not loaded; None for none.
        held: Name → type of the columns that the table has; empty where there is none.
        records: How many rows the day must have.
        sums: Measure → sum.
        manifest: Digest of what is loaded.
        epoch: Of the lease held.
        anew: Load also what the log already holds.
        role: `default`, or the ARN of a role, by which COPY reads.
    """

    table: str
    day: date
    rows: Copied
    without: Copied | None
    held: Mapping[str, str]
    records: int
    sums: Mapping[str, Decimal]
    manifest: str
    epoch: int
    anew: bool
    role: str


PLACES: Mapping[str, str] = {"_object": "VARCHAR", "_position": "BIGINT"}
"""Columns of the files that name rows to be left out."""


def redshift_type(word: str) -> str:
    """Return Redshift's word for a type in DuckDB's."""
    return {"VARCHAR": TEXT, "TIMESTAMP WITH TIME ZONE": "TIMESTAMPTZ"}.get(word, word)


def manifest_bytes(files: Sequence[tuple[str, int]]) -> bytes:
    """
    Return a manifest of COPY: (address, size in bytes) of each file, every one mandatory (X3).

    COPY of Parquet compares `content_length` with the object's size.
    """
    entries = [
        {"url": url, "mandatory": True, "meta": {"content_length": size}} for url, size in files
    ]
    return json.dumps({"entries": entries}, sort_keys=True).encode()


def log_table() -> str:
    """Return the statement that makes the load log."""
    return (
        f"CREATE TABLE IF NOT EXISTS {LOG} (table_name VARCHAR(127) NOT NULL, "
        f"{DAY} DATE NOT NULL, manifest VARCHAR(64) NOT NULL, epoch BIGINT NOT NULL, "
        f"records BIGINT NOT NULL, loaded_columns {TEXT} NOT NULL, padded {TEXT} NOT NULL)"
    )


def statements(load: Load) -> tuple[str, ...]:
    """
    Return the statements of a load, in order; all of them or none take effect (X2).

    Never TRUNCATE or ALTER TABLE APPEND, which commit at once (X7); never MAXERROR or
    ACCEPTINVCHARS, which change data (X5).
    """
    where = _day_of(load)
    later = _stop(FENCED, f"{where} AND epoch > {load.epoch}")
    same = _stop(SAME, f"{where} AND manifest = {literal(load.manifest)}")
    return (
        # Loads wait for one another: two of one day would both delete and both insert.
        f"LOCK {LOG}",
        later,
        *(() if load.anew else (same,)),
        *_shape(load),
        *staged(load),
        f"DELETE FROM {quote(load.table)} WHERE {DAY} = {_date(load.day)}",
        _insert(load),
        _verify(load),
        f"DELETE FROM {LOG} WHERE {where}",
        _logged(load),
    )


def staged(load: Load) -> tuple[str, ...]:
    """Return the statements that copy the files into temporary tables."""
    return tuple(s for copied in (load.rows, load.without) if copied for s in _copy(load, copied))


def measured(load: Load) -> str:
    """Return a SELECT of count and sums of what was staged for a day."""
    sums = [f"COALESCE(SUM({quote(name)}), 0)" for name in load.sums]
    return f"SELECT {', '.join(['COUNT(*)', *sums])} FROM {_staged_rows(load)}"


def failed(message: str) -> str:
    """Return which question stopped a batch, by the text of its error; "" for another error."""
    found = _MARK.search(message)
    return found[1] if found else ""


def _stop(mark: str, where: str) -> str:
    """Return a SELECT that raises an error if the log holds such a row."""
    return (
        f"SELECT CAST(CASE WHEN COUNT(*) > 0 THEN '{mark}' ELSE '1' END AS INTEGER) "
        f"FROM {LOG} WHERE {where}"
    )


def _shape(load: Load) -> tuple[str, ...]:
    """Make the table, or widen it."""
    table = quote(load.table)
    if not load.held:
        body = ", ".join(f"{quote(n)} {redshift_type(t)}" for n, t in load.rows.columns.items())
        return (f"CREATE TABLE IF NOT EXISTS {table} ({DAY} DATE NOT NULL, {body})",)
    return tuple(
        f"ALTER TABLE {table} ADD COLUMN {quote(name)} {redshift_type(word)}"
        for name, word in load.rows.columns.items()
        if name not in load.held
    )


def _copy(load: Load, copied: Copied) -> tuple[str, ...]:
    body = ", ".join(f"{quote(n)} {redshift_type(t)}" for n, t in copied.columns.items())
    made = f"CREATE TEMP TABLE {copied.table} ({body})"
    if not copied.manifest:
        return (made,)
    role = "default" if load.role == "default" else literal(load.role)
    return (
        made,
        f"COPY {copied.table} FROM {literal(copied.manifest)} IAM_ROLE {role} "
        "FORMAT AS PARQUET MANIFEST",
    )


def unload(table: str, day: date, columns: Iterable[str], target: str, role: str) -> str:
    """
    Return the statement that writes a day's rows of a table as Parquet, which keeps their types.

    Args:
        table: Which table.
        day: The reference date.
        columns: Those that are written.
        target: `s3://` address of a folder that is empty; ends with a stroke.
        role: `default`, or the ARN of a role, by which it is written.
    """
    listed = ", ".join(map(quote, columns))
    select = f"SELECT {listed} FROM {quote(table)} WHERE {DAY} = {_date(day)}"
    by = "default" if role == "default" else literal(role)
    return f"UNLOAD ({literal(select)}) TO {literal(target)} IAM_ROLE {by} FORMAT AS PARQUET"


def _staged_rows(load: Load) -> str:
    if load.without is None:
        return f"{STAGED} AS staged"
    return (
        f"{STAGED} AS staged WHERE NOT EXISTS (SELECT 1 FROM {LEFT_OUT} AS out WHERE "
        "out._object = staged._object AND out._position = staged._position)"
    )


def _insert(load: Load) -> str:
    names = [quote(name) for name in load.rows.columns]
    columns = ", ".join([DAY, *names])
    values = ", ".join([_date(load.day), *(f"staged.{name}" for name in names)])
    return f"INSERT INTO {quote(load.table)} ({columns}) SELECT {values} FROM {_staged_rows(load)}"


def _verify(load: Load) -> str:
    """Raise an error unless the table holds what was expected."""
    asked = [f"COUNT(*) = {load.records}"]
    asked += [f"COALESCE(SUM({quote(n)}), 0) = {format(s, 'f')}" for n, s in load.sums.items()]
    return (
        f"SELECT CAST(CASE WHEN {' AND '.join(asked)} THEN '1' ELSE '{DIFFERS}' END AS INTEGER) "
        f"FROM {quote(load.table)} WHERE {DAY} = {_date(load.day)}"
    )


def _logged(load: Load) -> str:
    """Write the log, with the columns whose texts end in blanks (X9)."""
    texts = [name for name, word in load.rows.columns.items() if word == "VARCHAR"]
    padded = " || ".join(
        f"COALESCE(MAX(CASE WHEN OCTET_LENGTH({quote(n)}) > OCTET_LENGTH(RTRIM({quote(n)})) "
        f"THEN {literal(n + ',')} END), '')"
        for n in texts
    )
    given = (
        literal(load.table),
        _date(load.day),
        literal(load.manifest),
        str(load.epoch),
        str(load.records),
        literal(",".join(load.rows.columns)),
        padded or "''",
    )
    source = f" FROM {quote(load.table)} WHERE {DAY} = {_date(load.day)}" if padded else ""
    return (
        f"INSERT INTO {LOG} (table_name, {DAY}, manifest, epoch, records, loaded_columns, padded) "
        f"SELECT {', '.join(given)}{source}"
    )


def _day_of(load: Load) -> str:
    return f"table_name = {literal(load.table)} AND {DAY} = {_date(load.day)}"


def _date(day: date) -> str:
    return f"DATE '{day.isoformat()}'"
