"""
The digest `md5-60x2` of a table's day in Redshift's words (docs/reference/digest.md).

What `checks/encoding.py` says in Python. A value is written as text from the type that it has;
nothing is rounded and no float is read. `strtol` reads 15 hex digits into a signed integer of
64 bits, and the sum of such integers is a decimal there, so that nothing wraps around.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from puntual.checks.comparable import no_such_column
from puntual.checks.encoding import TAGS
from puntual.engines.dialect.sql import quote
from puntual.engines.redshift.compile import TEXT
from puntual.model.contract import Kind

_KINDS: Mapping[str, Kind] = {
    "VARCHAR": Kind.TEXT,
    "BIGINT": Kind.INTEGER,
    "INTEGER": Kind.INTEGER,
    "SMALLINT": Kind.INTEGER,
    "DATE": Kind.DATE,
    "BOOLEAN": Kind.BOOLEAN,
    "TIMESTAMP": Kind.TIMESTAMP,
    "TIMESTAMP WITH TIME ZONE": Kind.TIMESTAMP,
}


def encoded(name: str, word: str) -> str:
    """
    Return the expression of one column's part of the encoding.

    Args:
        name: The column.
        word: Its type in DuckDB's words.
    """
    column = quote(name)
    kind = Kind.DECIMAL if word.startswith("DECIMAL") else _KINDS[word]
    tag = TAGS[kind]
    match kind:
        case Kind.TEXT:
            length = f"CAST(OCTET_LENGTH({column}) AS VARCHAR(20))"
            return f"'{tag}' || COALESCE({length}, '') || ':' || COALESCE({column}, '')"
        case Kind.BOOLEAN:
            text = f"CASE WHEN {column} THEN 'true' WHEN NOT {column} THEN 'false' ELSE '' END"
        case Kind.INTEGER | Kind.DECIMAL:
            text = f"COALESCE(CAST({column} AS VARCHAR(60)), '')"
        case Kind.DATE:
            text = f"COALESCE(CAST({column} - DATE '1970-01-01' AS VARCHAR(20)), '')"
        case Kind.TIMESTAMP:
            zoned = word != "TIMESTAMP"
            instant = f"{column} AT TIME ZONE 'UTC'" if zoned else column
            micros = f"DATEDIFF(microsecond, TIMESTAMP '1970-01-01 00:00:00', {instant})"
            text = f"COALESCE(CAST({micros} AS VARCHAR(30)), '')"
    return f"'{tag}' || {text} || ';'"


def totals_sql(
    table: str, day: date, key: tuple[str, ...], measures: tuple[str, ...], types: Mapping[str, str]
) -> str:
    """
    Return a SELECT of count, each measure's sum, and the halves' sums where there is a key.

    Args:
        table: The table.
        day: Its day.
        key: Columns of the digest, with the measures; empty: no digest.
        measures: Columns to sum.
        types: Column → type in DuckDB's words.

    Raises:
        ProjectError: R6002 a column is not of an exact type, or not there.
    """
    for name in (*key, *measures):
        if name not in types:
            raise no_such_column(name, types)
    sums = [f"COALESCE(SUM({quote(name)}), 0)" for name in measures]
    source = f"{quote(table)} WHERE reference_date = DATE '{day.isoformat()}'"
    if not key:
        return f"SELECT {', '.join(['COUNT(*)', *sums])} FROM {source}"
    row = " || ".join(encoded(name, types[name]) for name in dict.fromkeys((*key, *measures)))
    kept = "".join(f"{quote(name)}, " for name in measures)
    halves = (
        "COALESCE(SUM(strtol(LEFT(digest_md5, 15), 16)), 0)",
        "COALESCE(SUM(strtol(RIGHT(digest_md5, 15), 16)), 0)",
    )
    return (
        f"SELECT {', '.join(['COUNT(*)', *sums, *halves])}\n"
        f"FROM (SELECT {kept}MD5(CAST({row} AS {TEXT})) AS digest_md5 FROM {source}) AS digests"
    )
