"""One read-only SELECT answered, column by column."""

from __future__ import annotations

import pyarrow as pa

from puntual.engines.spark.arrow import fetch
from puntual.engines.spark.tables import Tables
from puntual.ports.engine import Answer


def query(tables: Tables, sql: str, *, limit: int | None) -> Answer:
    """
    Answer a SELECT over the day's tables; at most `limit` rows, if one is given.

    Raises:
        ProjectError: Q1003 it is not the same on Spark.
    """
    tables.show(sql)
    rows, columns = tables.answer(sql, "query")
    found = fetch(rows if limit is None else rows.limit(limit + 1))
    truncated = limit is not None and found.num_rows > limit
    if truncated:
        found = found.slice(0, limit)
    return Answer(
        names=tuple(name for name, _ in columns),
        types=tuple(word for _, word in columns),
        columns=tuple(
            tuple(_values(column, word, tables.day.zone))
            for column, (_, word) in zip(found.columns, columns, strict=True)
        ),
        truncated=truncated,
    )


def _values(column: pa.ChunkedArray, word: str, zone: str) -> list[object]:
    if word == "TIMESTAMP WITH TIME ZONE":
        column = column.cast(pa.timestamp("us", tz=zone))
    values: list[object] = column.to_pylist()
    if word == "HUGEINT":
        return [None if v is None else int(str(v)) for v in values]
    return values
