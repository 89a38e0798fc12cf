"""
The digest `md5-60x2` of a table's day in Redshift's words (docs/reference/digest.md).

What `checks/encoding.py` says in Python. A value is written as text from the type that it has;
nothing is rounded and no float is read. `strtol` reads 15 hex digits into a signed integer of
64 bits, and the sum of such integers is a decimal there, so that nothing wraps around.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from puntual.checks.comparable import (
    declared,
    not_as_declared,
    not_exact,
    readable,
    require_exact,
)
from puntual.checks.encoding import TAGS
from puntual.engines.dialect.sql import quote
from puntual.engines.redshift.compile import TEXT
from puntual.model.contract import ColumnType, Kind


def encoded(name: str, word: str, kind: ColumnType | None = None) -> str:
    """
    Return the expression of one column's part of the encoding.

    Args:
        name: The column.
        word: Its type in DuckDB's words.
        kind: The type for which it is written; None: its own.

    Raises:
        ProjectError: R6001 it cannot be read as that type exactly.
    """
    column = quote(name)
    found = declared(word)
    if found is None:
        raise not_exact(name, word)
    kind = kind or found
    if not readable(found, kind):
        raise not_as_declared(name, word, kind)
    tag = TAGS[kind.kind]
    match kind.kind:
        case Kind.TEXT:
            length = f"CAST(OCTET_LENGTH({column}) AS VARCHAR(20))"
            return f"'{tag}' || COALESCE({length}, '') || ':' || COALESCE({column}, '')"
        case Kind.BOOLEAN:
            text = f"CASE WHEN {column} THEN 'true' WHEN NOT {column} THEN 'false' ELSE '' END"
        case Kind.INTEGER | Kind.DECIMAL:
            text = f"COALESCE({_number(column, found.scale, kind.scale)}, '')"
        case Kind.DATE:
            text = f"COALESCE(CAST({column} - DATE '1970-01-01' AS VARCHAR(20)), '')"
        case Kind.TIMESTAMP:
            zoned = word != "TIMESTAMP"
            instant = f"{column} AT TIME ZONE 'UTC'" if zoned else column
            micros = f"DATEDIFF(microsecond, TIMESTAMP '1970-01-01 00:00:00', {instant})"
            text = f"COALESCE(CAST({micros} AS VARCHAR(30)), '')"
    return f"'{tag}' || {text} || ';'"


def _number(column: str, scale: int, wanted: int) -> str:
    """Write a number of some decimals with exactly as many as are wanted, or with all it needs."""
    text = f"CAST({column} AS VARCHAR(60))"
    more = scale - wanted
    if more == 0:
        return text
    if more < 0:
        return f"({text} || '{'.' if scale == 0 else ''}{'0' * -more}')"
    cut = more + (1 if wanted == 0 else 0)
    return (
        f"CASE WHEN RIGHT({text}, {more}) = '{'0' * more}' "
        f"THEN LEFT({text}, LENGTH({text}) - {cut}) ELSE RTRIM({text}, '0') END"
    )


def totals_sql(
    table: str,
    day: date,
    key: tuple[str, ...],
    measures: tuple[str, ...],
    types: Mapping[str, str],
    *,
    as_types: Mapping[str, ColumnType] | None = None,
) -> str:
    """
    Return a SELECT of count, each measure's sum, and the halves' sums where there is a key.

    Args:
        table: The table.
        day: Its day.
        key: Columns of the digest, with the measures; empty: no digest.
        measures: Columns to sum.
        types: Column → type in DuckDB's words; of one that is not exact in Redshift's.
        as_types: Of columns that are written for another type than their own.

    Raises:
        ProjectError: R6001 a column is not of an exact type, or cannot be read as it is asked;
            R6002 it is not there.
    """
    require_exact((*key, *measures), types)
    sums = [f"COALESCE(SUM({quote(name)}), 0)" for name in measures]
    source = f"{quote(table)} WHERE reference_date = DATE '{day.isoformat()}'"
    if not key:
        return f"SELECT {', '.join(['COUNT(*)', *sums])} FROM {source}"
    columns = dict.fromkeys((*key, *measures))
    row = " || ".join(encoded(n, types[n], (as_types or {}).get(n)) for n in columns)
    kept = "".join(f"{quote(name)}, " for name in measures)
    halves = (
        "COALESCE(SUM(strtol(LEFT(digest_md5, 15), 16)), 0)",
        "COALESCE(SUM(strtol(RIGHT(digest_md5, 15), 16)), 0)",
    )
    return (
        f"SELECT {', '.join(['COUNT(*)', *sums, *halves])}\n"
        f"FROM (SELECT {kept}MD5(CAST({row} AS {TEXT})) AS digest_md5 FROM {source}) AS digests"
    )
