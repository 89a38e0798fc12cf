"""
The canonical encoding and the digest of rows in Spark's words (docs/reference/digest.md).

What `checks/encoding.py` says in Python. A value is written as text from the type that it has;
nothing is rounded and no float is read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import assert_never

from pyspark.sql import types as t

from puntual.checks.comparable import no_such_column, not_as_declared, readable
from puntual.checks.encoding import TAGS
from puntual.engines.spark.arrow import quoted
from puntual.engines.spark.types import declared
from puntual.model.contract import ColumnType, Kind

_ENDLESS_DAY = 2**31 - 1
_ENDLESS_INSTANT = 2**63 - 1
_LOW = 30


def text_sql(column: str, found: t.DataType, kind: ColumnType, *, zone: str = "UTC") -> str:
    """
    Return the expression of a column's canonical text, null where it is null.

    Args:
        column: Its name.
        found: Its type in Spark.
        kind: Its declared type.
        zone: IANA zone of instants that are stored without one; the session's is UTC.

    Raises:
        ProjectError: R6001 it cannot be read as its declared type exactly.
    """
    has, name = declared(found), quoted(column)
    if has is None or not readable(has, kind):
        raise not_as_declared(column, found.simpleString(), kind)
    match kind.kind:
        case Kind.TEXT:
            return name
        case Kind.BOOLEAN:
            return f"CAST({name} AS STRING)"
        case Kind.INTEGER | Kind.DECIMAL:
            return _number(f"CAST({name} AS STRING)", has.scale - kind.scale, has, kind.scale)
        case Kind.DATE:
            return _endless(f"unix_date({name})", _ENDLESS_DAY)
        case Kind.TIMESTAMP:
            instant = name
            if found.simpleString() == "timestamp_ntz":
                instant = f"to_utc_timestamp(CAST({name} AS TIMESTAMP), '{zone}')"
            return _endless(f"unix_micros({instant})", _ENDLESS_INSTANT)
        case _:
            assert_never(kind.kind)


def encoding_sql(
    names: Sequence[str],
    types: Mapping[str, t.DataType],
    columns: Mapping[str, ColumnType],
    zone: str = "UTC",
) -> str:
    """
    Return the expression of the encoding of these columns, in this order.

    Raises:
        ProjectError: R6001, R6002.
    """
    parts, fixed = [], ""
    for name in names:
        if name not in types:
            raise no_such_column(name, {n: k.simpleString() for n, k in types.items()})
        tag = TAGS[columns[name].kind]
        text = text_sql(name, types[name], columns[name], zone=zone)
        if columns[name].kind is Kind.TEXT:
            parts += [f"'{fixed}{tag}'", f"CAST(octet_length({text}) AS STRING)", "':'", text]
            fixed = ""
        else:
            parts += [f"'{fixed}{tag}'", text]
            fixed = ";"
    # It leaves out what is null.
    return f"concat_ws('', {', '.join(parts)}, '{fixed}')"


def halves(encoding: str) -> tuple[str, str]:
    """Return the two halves of the digest of an encoding, as integers of 60 bits."""
    high, low = f"left(md5({encoding}), 15)", f"right(md5({encoding}), 15)"
    return _sixty(high), _sixty(low)


def sums_of_half(half: str) -> tuple[str, str]:
    """Return two sums of which `half_of` makes the sum of a half: an integer holds each of them."""
    return f"sum(shiftright({half}, {_LOW}))", f"sum({half} & {(1 << _LOW) - 1})"


def half_of(high: int | None, low: int | None) -> int:
    """Return the sum of a half; over no row it is 0."""
    return ((high or 0) << _LOW) + (low or 0)


def _sixty(digits: str) -> str:
    return f"CAST(conv({digits}, 16, 10) AS BIGINT)"


def _number(text: str, more: int, has: ColumnType, scale: int) -> str:
    """Write a number with exactly the declared decimals, or with all of its own."""
    if more == 0:
        return text
    if more < 0:
        zeros = ("." if has.scale == 0 else "") + "0" * -more
        return f"concat({text}, '{zeros}')"
    cut = more + (1 if scale == 0 else 0)
    return (
        f"CASE WHEN right({text}, {more}) = '{'0' * more}' "
        f"THEN left({text}, length({text}) - {cut}) ELSE rtrim('0', {text}) END"
    )


def _endless(number: str, most: int) -> str:
    """Write a day or instant as a number; DuckDB writes an infinite one as the largest."""
    return (
        f"CASE {number} WHEN {most} THEN 'Infinity' WHEN -{most} THEN '-Infinity' "
        f"ELSE CAST({number} AS STRING) END"
    )
