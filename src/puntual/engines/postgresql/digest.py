"""
The canonical encoding and the digest of rows in PostgreSQL's words (docs/reference/digest.md).

What `checks/encoding.py` says in Python, for PostgreSQL 14 and newer, whose seconds of an epoch
are exact. A value is written as text from the type that it has, for the type that is declared;
nothing is rounded and no float is read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import assert_never

from puntual.checks.comparable import (
    is_exact,
    no_such_column,
    not_as_declared,
    readable,
    require_exact,
)
from puntual.checks.encoding import BUCKETS, NULLS, PRIME, TAGS, by_remainder, key_types
from puntual.engines.dialect.sql import adjoined, literal, quote
from puntual.model.contract import ColumnType, Kind
from puntual.model.difference import Shape

_ALL = 4000
"""From so many buckets on a list of them would cost more than it saves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """
    A column as the server describes it.

    Attributes:
        word: Its type in PostgreSQL's words, for messages.
        type: What it can be read as; None for a type that is not exact here.
        zoned: An instant that is stored with its zone.
        open: A numeric without declared scale, or a value of any number of decimals.
    """

    word: str
    type: ColumnType | None
    zoned: bool = True
    open: bool = False


Columns = Mapping[str, Typed]


def text_sql(column: str, found: Typed, kind: ColumnType, *, zone: str = "UTC") -> str:
    """
    Return the expression of a column's canonical text, null where it is null.

    Args:
        column: Its name.
        found: What it is.
        kind: Its declared type.
        zone: IANA zone of instants that are stored without one.

    Raises:
        ProjectError: R6001 it cannot be read as its declared type exactly.
    """
    if found.type is None or not readable(found.type, kind):
        raise not_as_declared(column, found.word, kind)
    name = quote(column)
    match kind.kind:
        case Kind.TEXT:
            return name
        case Kind.BOOLEAN:
            return f"{name}::text"
        case Kind.INTEGER | Kind.DECIMAL:
            return _number(name, found, kind.scale)
        case Kind.DATE:
            day = f"({name} - DATE '1970-01-01')::text"
            return f"CASE WHEN isfinite({name}) THEN {day} ELSE initcap({name}::text) END"
        case Kind.TIMESTAMP:
            plain = found.zoned or zone == "UTC"
            instant = name if plain else f"({name} AT TIME ZONE {literal(zone)})"
            return f"trunc(extract(epoch FROM {instant}) * 1000000)::text"
        case _:
            assert_never(kind.kind)


def encoding_sql(
    names: Sequence[str],
    types: Columns,
    columns: Mapping[str, ColumnType],
    zone: str,
    *,
    utf8: bool = True,
) -> str:
    """
    Return the expression of the encoding of these columns, in this order.

    Args:
        names: The columns.
        types: What the side has.
        columns: Column → declared type.
        zone: IANA zone of instants that are stored without one.
        utf8: The database's own encoding is UTF-8, so that its lengths are those of UTF-8.

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
            length = text if utf8 else f"convert_to({text}, 'UTF8')"
            parts += [f"'{tag}'", f"octet_length({length})", "':'", text]
        else:
            parts += [f"'{tag}'", text, "';'"]
    return f"concat({', '.join(adjoined(parts))})"


def digested(
    source: str,
    types: Columns,
    columns: Mapping[str, ColumnType],
    *,
    zone: str = "UTC",
    keep: Mapping[str, str] | None = None,
    utf8: bool = True,
) -> str:
    """
    Return a SELECT of every row's digest: `digest_high` and `digest_low`, integers of 60 bits.

    A digest of the whole, free of order, is `count(*), sum(digest_high), sum(digest_low)` over
    it, exact and without wrap-around.

    Args:
        source: One SELECT.
        types: Its columns.
        columns: What is digested: column → declared type, in order.
        zone: IANA zone of instants that are stored without one.
        keep: What the rows bring along, in front: name → expression over the source's columns.
            No name begins with `digest_`.
        utf8: The database's own encoding is UTF-8.

    Raises:
        ProjectError: R6001, R6002.
    """
    row = encoding_sql(tuple(columns), types, columns, zone, utf8=utf8)
    names = ", ".join(map(quote, keep)) if keep else ""
    return _halves(source, row, keep or {}, outer=names, where="", utf8=utf8)


def buckets_sql(
    source: str,
    types: Columns,
    shape: Shape,
    zone: str,
    *,
    utf8: bool = True,
    native: bool = False,
) -> str:
    """
    Return the statement of (bucket, rows, high, low), one row for each bucket that has rows.

    Args:
        source: One SELECT.
        types: Its columns.
        shape: What is compared.
        zone: IANA zone of instants that are stored without one.
        utf8: The database's own encoding is UTF-8.
        native: Take PostgreSQL's own hash of the encoding, for two sides of one build of it.

    Raises:
        ProjectError: R6001, R6002.
    """
    row = encoding_sql(tuple(shape.columns), types, shape.columns, zone, utf8=utf8)
    inner, outer = _bucket(types, shape, zone, utf8=utf8, native=native)
    kept, named = {"digest_bucket": inner}, f"{outer} AS bucket"
    if native:
        digests = _own(source, row, kept, outer=named, where="")
    else:
        digests = _halves(source, row, kept, outer=named, where="", utf8=utf8)
    return (
        "SELECT bucket, count(*) AS rows, sum(digest_high) AS high, sum(digest_low) AS low\n"
        f"FROM ({digests}) AS digests\nGROUP BY bucket ORDER BY bucket"
    )


def rows_sql(
    source: str,
    types: Columns,
    shape: Shape,
    zone: str,
    *,
    buckets: frozenset[int],
    values: bool,
    keys: tuple[str, ...] | None,
    utf8: bool = True,
    native: bool = False,
) -> str:
    """
    Return the statement of (key, high, low, values …) of some buckets, in order of the three.

    Raises:
        ProjectError: R6001, R6002.
    """
    row = encoding_sql(tuple(shape.columns), types, shape.columns, zone, utf8=utf8)
    key = encoding_sql(shape.key, types, shape.columns, zone, utf8=utf8)
    conditions = []
    if len(buckets) < _ALL:
        inner, outer = _bucket(types, shape, zone, utf8=utf8, native=native)
        listed = ", ".join(str(b) for b in sorted(buckets))
        conditions.append(f"{outer.replace('digest_bucket', inner)} IN ({listed})")
    if keys is not None:
        conditions.append(f'{key} COLLATE "C" IN ({", ".join(literal(k) for k in keys)})')
    kept = {"row_key": key}
    if values:
        kept |= {
            f"value_{i}": text_sql(name, types[name], kind, zone=zone)
            for i, (name, kind) in enumerate(shape.columns.items(), start=1)
        }
    where, names = " AND ".join(conditions), ", ".join(kept)
    if native:
        digests = _own(source, row, kept, outer=names, where=where)
    else:
        digests = _halves(source, row, kept, outer=names, where=where, utf8=utf8)
    texts = "".join(f", {name}" for name in kept if name != "row_key")
    order = 'row_key COLLATE "C"' if utf8 else "convert_to(row_key, 'UTF8')"
    return (
        f"SELECT row_key, digest_high, digest_low{texts}\nFROM ({digests}) AS digests\n"
        f"ORDER BY {order}, digest_high, digest_low"
    )


def _halves(
    source: str, row: str, keep: Mapping[str, str], *, outer: str, where: str, utf8: bool
) -> str:
    """
    Return a SELECT of the two halves of the MD5 of an expression, beside what is kept.

    `OFFSET 0` keeps the planner from taking the inner SELECT apart: it would make the MD5 once
    for each half.
    """
    kept = "".join(f"{expression} AS {quote(name)}, " for name, expression in keep.items())
    hashed = row if utf8 else f"convert_to({row}, 'UTF8')"
    return (
        f"SELECT {outer}{', ' if outer else ''}"
        "('x' || left(digest_md5, 15))::bit(60)::bigint AS digest_high, "
        "('x' || right(digest_md5, 15))::bit(60)::bigint AS digest_low\n"
        f"FROM (SELECT {kept}md5({hashed}) AS digest_md5\n"
        f"FROM ({source}\n) AS side{f' WHERE {where}' if where else ''} OFFSET 0) AS hashed"
    )


def _own(source: str, row: str, keep: Mapping[str, str], *, outer: str, where: str) -> str:
    """
    Return a SELECT like that of `_halves`, of PostgreSQL's own hash with two seeds.

    It takes a tenth of the time of an MD5 and the reading of its digits.
    """
    kept = "".join(f"{expression} AS {quote(name)}, " for name, expression in keep.items())
    hashed = 'hashtextextended(digest_row COLLATE "C", {})'
    return (
        f"SELECT {outer}{', ' if outer else ''}"
        f"{hashed.format(0)} AS digest_high, {hashed.format(1)} AS digest_low\n"
        f"FROM (SELECT {kept}{row} AS digest_row\n"
        f"FROM ({source}\n) AS side{f' WHERE {where}' if where else ''} OFFSET 0) AS hashed"
    )


def _bucket(
    types: Columns, shape: Shape, zone: str, *, utf8: bool, native: bool
) -> tuple[str, str]:
    """Return what the inner SELECT keeps as `digest_bucket`, and the bucket made of it."""
    kinds = key_types(shape)
    if not by_remainder(kinds):
        key = encoding_sql(shape.key, types, shape.columns, zone, utf8=utf8)
        if native:
            own = f'hashtextextended({key} COLLATE "C", 0)'
            return f"({own} & {BUCKETS - 1})::int", "digest_bucket"
        hashed = key if utf8 else f"convert_to({key}, 'UTF8')"
        bits = "('x' || substr(digest_bucket, 4, 1) || left(digest_bucket, 2))::bit(12)::int"
        return f"md5({hashed})", bits
    (name,) = shape.key
    column = quote(name)
    found = types[name]
    if found.type is None or found.type.kind is not Kind.DECIMAL:
        return f"coalesce({column} % {PRIME}, {NULLS})::int", "digest_bucket"
    finite = f"CASE WHEN {column} NOT IN ('NaN', 'Infinity', '-Infinity') THEN trunc({column}) END"
    return f"coalesce({finite} % {PRIME}, {NULLS})::int", "digest_bucket"


def _number(name: str, found: Typed, scale: int) -> str:
    """Write a number with exactly the declared decimals, or with all of its own."""
    if found.type is not None and found.type.kind is Kind.INTEGER:
        return f"{name}::text" if scale == 0 else f"({name}::text || '.{'0' * scale}')"
    if found.type is not None and not found.open and found.type.scale <= scale:
        return f"{name}::text" if found.type.scale == scale else f"round({name}, {scale})::text"
    rounded = f"round({name}, {scale})"
    return f"CASE WHEN {name} = {rounded} THEN {rounded}::text ELSE trim_scale({name})::text END"


_WORDS = {
    "VARCHAR": Kind.TEXT,
    "BIGINT": Kind.INTEGER,
    "INTEGER": Kind.INTEGER,
    "SMALLINT": Kind.INTEGER,
    "DATE": Kind.DATE,
    "BOOLEAN": Kind.BOOLEAN,
    "TIMESTAMP": Kind.TIMESTAMP,
    "TIMESTAMP WITH TIME ZONE": Kind.TIMESTAMP,
}
"""The exact types of a warehouse's columns, in the words of `rows.duckdb_type`."""


def of_word(word: str) -> Typed:
    """Return a warehouse's column by its type in DuckDB's words."""
    decimal = re.fullmatch(r"DECIMAL\((\d+),(\d+)\)", word)
    if decimal:
        precision, scale = int(decimal[1]), int(decimal[2])
        return Typed(
            word=word, type=ColumnType(kind=Kind.DECIMAL, precision=precision, scale=scale)
        )
    return Typed(word=word, type=ColumnType(kind=_WORDS[word]), zoned=word != "TIMESTAMP")


def totals_sql(
    table: str,
    day: date,
    key: tuple[str, ...],
    measures: tuple[str, ...],
    types: Mapping[str, str],
    *,
    as_types: Mapping[str, ColumnType] | None = None,
    utf8: bool = True,
) -> str:
    """
    Return a SELECT of count, each measure's sum, and the halves' sums where there is a key.

    Args:
        table: The table.
        day: Its day.
        key: Columns of the digest, with the measures; empty: no digest.
        measures: Columns to sum.
        types: Column → type in DuckDB's words; of one that is not exact in PostgreSQL's.
        as_types: Of columns that are written for another type than their own.
        utf8: The database's own encoding is UTF-8.

    Raises:
        ProjectError: R6001 a column is not of an exact type, or cannot be read as it is asked;
            R6002 it is not there.
    """
    require_exact((*key, *measures), types)
    found = {name: of_word(word) for name, word in types.items() if is_exact(word)}
    parts = ["count(*)", *(f"coalesce(sum({quote(name)}), 0)" for name in measures)]
    source = f"{quote(table)} WHERE reference_date = DATE '{day.isoformat()}'"
    if key:
        columns: dict[str, ColumnType] = {}
        for name in dict.fromkeys((*key, *measures)):
            kind = found[name].type
            assert kind is not None  # noqa: S101 - it is exact
            columns[name] = (as_types or {}).get(name, kind)
        kept = {name: quote(name) for name in measures}
        rows = digested(f"SELECT * FROM {source}", found, columns, keep=kept, utf8=utf8)
        source = f"({rows}) AS digests"
        parts += ["coalesce(sum(digest_high), 0)", "coalesce(sum(digest_low), 0)"]
    return f"SELECT {', '.join(parts)} FROM {source}"
