"""Types in three languages: a contract's, Spark's and Arrow's, and DuckDB's words for them."""

from __future__ import annotations

import re
from typing import assert_never

import pyarrow as pa
from pyspark.sql import types as t

from puntual.errors import ProjectError
from puntual.model.contract import ColumnType, Kind

_ARROW: dict[str, pa.DataType] = {
    "string": pa.string(),
    "binary": pa.binary(),
    "boolean": pa.bool_(),
    "tinyint": pa.int8(),
    "smallint": pa.int16(),
    "int": pa.int32(),
    "bigint": pa.int64(),
    "float": pa.float32(),
    "double": pa.float64(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", tz="UTC"),
    "timestamp_ntz": pa.timestamp("us"),
    "void": pa.null(),
}
_WORDS = {
    "VARCHAR": "STRING",
    "BOOLEAN": "BOOLEAN",
    "TINYINT": "TINYINT",
    "SMALLINT": "SMALLINT",
    "INTEGER": "INT",
    "BIGINT": "BIGINT",
    "HUGEINT": "DECIMAL(38,0)",
    "UTINYINT": "SMALLINT",
    "USMALLINT": "INT",
    "UINTEGER": "BIGINT",
    "DATE": "DATE",
    "TIMESTAMP WITH TIME ZONE": "TIMESTAMP",
    "TIMESTAMP": "TIMESTAMP_NTZ",
}
_KINDS = {
    "string": Kind.TEXT,
    "boolean": Kind.BOOLEAN,
    "tinyint": Kind.INTEGER,
    "smallint": Kind.INTEGER,
    "int": Kind.INTEGER,
    "bigint": Kind.INTEGER,
    "date": Kind.DATE,
    "timestamp": Kind.TIMESTAMP,
    "timestamp_ntz": Kind.TIMESTAMP,
}
_DECIMAL = re.compile(r"DECIMAL\((\d+),(\d+)\)")


def spark_of(kind: ColumnType) -> t.DataType:
    """Return Spark's type of a contract's column."""
    match kind.kind:
        case Kind.TEXT:
            return t.StringType()
        case Kind.INTEGER:
            return t.LongType()
        case Kind.DECIMAL:
            return t.DecimalType(kind.precision, kind.scale)
        case Kind.DATE:
            return t.DateType()
        case Kind.TIMESTAMP:
            return t.TimestampType()
        case Kind.BOOLEAN:
            return t.BooleanType()
        case _:
            assert_never(kind.kind)


def arrow_of(kind: t.DataType) -> pa.DataType:
    """Return Arrow's type of one of Spark's; text for one that has none here."""
    if isinstance(kind, t.DecimalType):
        return pa.decimal128(kind.precision, kind.scale)
    return _ARROW.get(kind.simpleString(), pa.string())


def declared(kind: t.DataType) -> ColumnType | None:
    """Return the exact type that a column of Spark has; None for one that is not exact."""
    if isinstance(kind, t.DecimalType):
        return ColumnType(kind=Kind.DECIMAL, precision=kind.precision, scale=kind.scale)
    found = _KINDS.get(kind.simpleString())
    return ColumnType(kind=found) if found is not None else None


def written_as(name: str, word: str, where: str) -> str:
    """
    Return Spark's name of a type in DuckDB's words.

    Raises:
        ProjectError: Q1003 it is not exact on both engines.
    """
    if _DECIMAL.fullmatch(word):
        return word
    if word in _WORDS:
        return _WORDS[word]
    raise ProjectError(
        "Q1003",
        f"The column {name} cannot be carried over to spark exactly: its type is {word}.",
        where=where,
        expected="text, integer, decimal, date, timestamp or boolean",
        observed=word,
        next_step="Cast it, for instance to DECIMAL(18,2) or BIGINT.",
    )
