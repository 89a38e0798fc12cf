"""
The canonical encoding and the digest of rows in DuckDB's words (docs/reference/digest.md).

What `checks/encoding.py` says in Python. A value is written as text from the type that it has,
for the type that is declared; nothing is rounded and no float is read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import assert_never

from puntual.checks.comparable import (
    declared,
    no_such_column,
    not_as_declared,
    not_exact,
    readable,
)
from puntual.checks.encoding import BUCKETS, NULLS, PRIME, TAGS, by_remainder, key_types
from puntual.engines.dialect.fast import FAST, fast_sql
from puntual.engines.dialect.loads import DAY
from puntual.engines.dialect.sql import adjoined, literal, quote
from puntual.model.contract import ColumnType, Kind
from puntual.model.difference import Shape

_HALF, _LOW60 = 2**64 - 1, 2**60 - 1
_SWAPS = ((8, 0x00FF00FF00FF00FF), (16, 0x0000FFFF0000FFFF), (32, 0x00000000FFFFFFFF))


def text_sql(column: str, word: str, kind: ColumnType, *, zone: str = "UTC") -> str:
    """
    Return the expression of a column's canonical text, null where it is null.

    Args:
        column: Its name.
        word: Its type in DuckDB's words.
        kind: Its declared type.
        zone: IANA zone of instants that are stored without one.

    Raises:
        ProjectError: R6001 it cannot be read as its declared type exactly.
    """
    found = declared(word)
    name = quote(column)
    if found is None or not readable(found, kind):
        raise not_as_declared(column, word, kind)
    match kind.kind:
        case Kind.TEXT:
            return name
        case Kind.BOOLEAN:
            return f"CAST({name} AS VARCHAR)"
        case Kind.INTEGER | Kind.DECIMAL:
            return _number(name, found, kind.scale)
        case Kind.DATE:
            return _endless(name, f"{name} - DATE '1970-01-01'", "DATE '1970-01-01'")
        case Kind.TIMESTAMP:
            zoned = word == "TIMESTAMP WITH TIME ZONE" or zone == "UTC"
            instant = name if zoned else f"timezone({literal(zone)}, {name})"
            return _endless(name, f"epoch_us({instant})", "TIMESTAMP '1970-01-01'")
        case _:
            assert_never(kind.kind)


def encoding_sql(
    names: Sequence[str], types: Mapping[str, str], columns: Mapping[str, ColumnType], zone: str
) -> str:
    """
    Return the expression of the encoding of these columns, in this order.

    Raises:
        ProjectError: R6001, R6002.
    """
    parts: list[str] = []
    for name in names:
        if name not in types:
            raise no_such_column(name, types)
        tag = TAGS[columns[name].kind]
        text = text_sql(name, types[name], columns[name], zone=zone)
        if columns[name].kind is Kind.TEXT:
            parts += [f"'{tag}'", f"strlen({text})", "':'", text]
        else:
            parts += [f"'{tag}'", text, "';'"]
    return f"concat({', '.join(adjoined(parts))})"


def digested(
    source: str,
    types: Mapping[str, str],
    columns: Mapping[str, ColumnType],
    *,
    zone: str = "UTC",
    keep: Mapping[str, str] | None = None,
) -> str:
    """
    Return a SELECT of every row's digest: `digest_high` and `digest_low`, integers of 60 bits.

    A digest of the whole, free of order, is `count(*), sum(digest_high), sum(digest_low)` over
    it, exact and without wrap-around.

    Args:
        source: One SELECT.
        types: Its columns' types in DuckDB's words.
        columns: What is digested: column → declared type, in order.
        zone: IANA zone of instants that are stored without one.
        keep: What the rows bring along, in front: name → expression over the source's columns.
            No name begins with `digest_`.

    Raises:
        ProjectError: R6001, R6002.
    """
    row = encoding_sql(tuple(columns), types, columns, zone)
    return _halves(source, row, keep or {}, where="")


def totals_sql(
    table: str,
    day: date,
    key: tuple[str, ...],
    measures: tuple[str, ...],
    types: Mapping[str, str],
    *,
    algorithm: str,
    as_types: Mapping[str, ColumnType] | None = None,
) -> str:
    """
    Return a SELECT of count, each measure's sum, and the digest's sums where there is a key.

    Args:
        table: The table, with a column `reference_date`.
        day: Its day.
        key: Columns of the digest, with the measures; empty: no digest.
        measures: Columns to sum.
        types: Column → type in DuckDB's words.
        algorithm: `duckdb-hash-3` or `md5-60x2`.
        as_types: Of columns that `md5-60x2` is to write for another type than their own.

    Raises:
        ProjectError: R6001, R6002 a column is not there, or not of an exact type.
    """
    columns = tuple(dict.fromkeys((*key, *measures))) if key else ()
    source = f"{quote(table)} WHERE {DAY} = DATE '{day.isoformat()}'"
    digests: tuple[str, ...] = ()
    if columns and algorithm == FAST:
        digests = (fast_sql(columns, types),)
    elif columns:
        kinds = {name: _kind(name, types, as_types or {}) for name in columns}
        rows = digested(
            f"SELECT * FROM {source}", types, kinds, keep={m: quote(m) for m in measures}
        )
        digests, source = ("digest_high", "digest_low"), f"({rows}) AS digests"
    sums = (f"coalesce(sum({part}), 0)" for part in (*map(quote, measures), *digests))
    return f"SELECT {', '.join(('count(*)', *sums))} FROM {source}"


def _kind(name: str, types: Mapping[str, str], as_types: Mapping[str, ColumnType]) -> ColumnType:
    """Return the type for which a column is written: the one that is asked, or its own."""
    if name not in types:
        raise no_such_column(name, types)
    kind = as_types.get(name, declared(types[name]))
    if kind is None:
        raise not_exact(name, types[name])
    return kind


def buckets_sql(source: str, types: Mapping[str, str], shape: Shape, zone: str) -> str:
    """
    Return the statement of (bucket, rows, high, low), one row for each bucket that has rows.

    Args:
        source: One SELECT.
        types: Its columns' types in DuckDB's words.
        shape: What is compared.
        zone: IANA zone of instants that are stored without one.

    Raises:
        ProjectError: R6001, R6002.
    """
    row = encoding_sql(tuple(shape.columns), types, shape.columns, zone)
    digests = _halves(source, row, {"bucket": _bucket(types, shape, zone)}, where="")
    return (
        "SELECT bucket, count(*) AS rows, sum(digest_high) AS high, sum(digest_low) AS low\n"
        f"FROM ({digests}) AS digests\nGROUP BY bucket ORDER BY bucket"
    )


def rows_sql(
    source: str,
    types: Mapping[str, str],
    shape: Shape,
    zone: str,
    *,
    buckets: frozenset[int],
    values: bool,
    keys: tuple[str, ...] | None,
) -> str:
    """
    Return the statement of (key, high, low, values …) of some buckets, in order of the three.

    Raises:
        ProjectError: R6001, R6002.
    """
    row = encoding_sql(tuple(shape.columns), types, shape.columns, zone)
    key = encoding_sql(shape.key, types, shape.columns, zone)
    conditions = []
    if len(buckets) < _ALL:
        bucket = _bucket(types, shape, zone)
        conditions.append(f"{bucket} IN ({', '.join(str(b) for b in sorted(buckets))})")
    if keys is not None:
        conditions.append(f"{key} IN ({', '.join(literal(k) for k in keys)})")
    where = " AND ".join(conditions)
    kept = {"row_key": key}
    if values:
        kept |= {
            f"value_{i}": text_sql(name, types[name], kind, zone=zone)
            for i, (name, kind) in enumerate(shape.columns.items(), start=1)
        }
    texts = "".join(f", {name}" for name in kept if name != "row_key")
    return (
        f"SELECT row_key, digest_high, digest_low{texts}\n"
        f"FROM ({_halves(source, row, kept, where=where)}) AS digests\n"
        "ORDER BY row_key, digest_high, digest_low"
    )


_ALL = 4000
"""From so many buckets on a list of them would cost more than it saves."""


def _halves(source: str, row: str, keep: Mapping[str, str], *, where: str) -> str:
    """
    Return a SELECT of the two halves of the MD5 of an expression, beside what is kept.

    `md5_number` takes half the time of hex digits that are read, and has its bytes the other way
    round: they are swapped within each half.
    """
    steps = [
        f"CAST(digest_md5 & {_HALF} AS UBIGINT) AS digest_h0",
        "CAST(digest_md5 >> 64 AS UBIGINT) AS digest_l0",
    ]
    for half in ("digest_h", "digest_l"):
        for i, (bits, mask) in enumerate(_SWAPS):
            old = f"{half}{i}"
            steps.append(
                f"(({old} & {mask}) << {bits}) | (({old} >> {bits}) & {mask}) AS {half}{i + 1}"
            )
    names = "".join(f"{quote(name)}, " for name in keep)
    kept = "".join(f"{expression} AS {quote(name)}, " for name, expression in keep.items())
    return (
        f"SELECT {names}CAST(digest_h3 >> 4 AS BIGINT) AS digest_high, "
        f"CAST(digest_l3 & {_LOW60} AS BIGINT) AS digest_low\n"
        f"FROM (SELECT *, {', '.join(steps)}\n"
        f"FROM (SELECT {kept}md5_number({row}) AS digest_md5\n"
        f"FROM ({source}\n) AS side{f' WHERE {where}' if where else ''}) AS hashed) AS swapped"
    )


def _bucket(types: Mapping[str, str], shape: Shape, zone: str) -> str:
    """Return the expression of a row's bucket; see `checks/encoding.py`."""
    kinds = key_types(shape)
    if not by_remainder(kinds):
        key = encoding_sql(shape.key, types, shape.columns, zone)
        return f"CAST(md5_number({key}) & {BUCKETS - 1} AS INTEGER)"
    (name,) = shape.key
    text_sql(name, types[name], shape.columns[name])
    column = quote(name)
    whole = f"CAST(trunc({column}) AS HUGEINT)" if types[name].startswith("DEC") else column
    return f"CAST(coalesce({whole} % {PRIME}, {NULLS}) AS INTEGER)"


def _number(name: str, found: ColumnType, scale: int) -> str:
    """Write a number with exactly the declared decimals, or with all of its own."""
    text = f"CAST({name} AS VARCHAR)"
    if found.kind is Kind.DECIMAL and found.precision == found.scale:
        text = f"replace({text}, '.', '0.')"  # DuckDB writes no digit before the point then
    more = found.scale - scale
    if more == 0:
        return text
    if more < 0:
        zeros = ("." if found.scale == 0 else "") + "0" * -more
        return f"({text} || '{zeros}')"
    cut = more + (1 if scale == 0 else 0)
    return (
        f"CASE WHEN right({text}, {more}) = '{'0' * more}' THEN left({text}, -{cut}) "
        f"ELSE rtrim({text}, '0') END"
    )


def _endless(name: str, number: str, middle: str) -> str:
    """Write a day or instant as a number; DuckDB counts an infinite one as a day or as null."""
    return (
        f"CASE WHEN isfinite({name}) THEN CAST({number} AS VARCHAR) "
        f"WHEN {name} > {middle} THEN 'Infinity' WHEN {name} < {middle} THEN '-Infinity' END"
    )
