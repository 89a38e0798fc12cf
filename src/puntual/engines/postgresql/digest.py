"""The portable key digest `md5-lower64` in PostgreSQL's words (docs/reference/digests.md)."""

from __future__ import annotations

from collections.abc import Mapping

from puntual.engines.dialect import quote

_WRAP = 18446744073709551616


def totals_sql(
    table: str, key: tuple[str, ...], measures: tuple[str, ...], types: Mapping[str, str]
) -> str:
    """
    Return a SELECT of count, each measure's sum, and the digest where there is a key.

    Args:
        table: The table; its day is the one parameter.
        key: Columns of the digest, with the measures; empty: no digest.
        measures: Columns to sum.
        types: Column → type in DuckDB's words.
    """
    parts = ["count(*)", *(f"coalesce(sum({quote(name)}), 0)" for name in measures)]
    source = f"{quote(table)} WHERE reference_date = %s"
    if key:
        columns = dict.fromkeys((*key, *measures))
        row = " || ".join(_encoded(name, types[name]) for name in columns)
        number = f"('x' || right(md5(convert_to({row}, 'UTF8')), 16))::bit(64)::bigint"
        parts.append(f"coalesce(sum(n::numeric + CASE WHEN n < 0 THEN {_WRAP} ELSE 0 END), 0)")
        kept = ", ".join(quote(name) for name in measures)
        chosen = f"{number} AS n" + (f", {kept}" if kept else "")
        source = f"(SELECT {chosen} FROM {source}) AS rows"
    return f"SELECT {', '.join(parts)} FROM {source}"


def _encoded(name: str, kind: str) -> str:
    """Return the SQL of `<bytes>:<text>`, or `-` for a null."""
    text = _text(quote(name), kind)
    return f"coalesce(octet_length(convert_to({text}, 'UTF8'))::text || ':' || {text}, '-')"


def _text(column: str, kind: str) -> str:
    if kind == "DATE":
        return f"to_char({column}, 'YYYY-MM-DD')"
    if kind.startswith("TIMESTAMP"):
        utc = f"{column} AT TIME ZONE 'UTC'" if kind != "TIMESTAMP" else column
        return f'to_char({utc}, \'YYYY-MM-DD"T"HH24:MI:SS.US"Z"\')'
    return f"({column})::text"
