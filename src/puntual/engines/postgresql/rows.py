"""Parquet rows into PostgreSQL's COPY, whole batches at a time; types in both one's words."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as csv
import pyarrow.parquet as pq

_BATCH = 1 << 16
_TYPES = {
    pa.string(): "VARCHAR",
    pa.large_string(): "VARCHAR",
    pa.int64(): "BIGINT",
    pa.int32(): "INTEGER",
    pa.int16(): "SMALLINT",
    pa.date32(): "DATE",
    pa.bool_(): "BOOLEAN",
}
_POSTGRESQL = {
    "text": "VARCHAR",
    "character varying": "VARCHAR",
    "bigint": "BIGINT",
    "integer": "INTEGER",
    "smallint": "SMALLINT",
    "date": "DATE",
    "boolean": "BOOLEAN",
    "timestamp with time zone": "TIMESTAMP WITH TIME ZONE",
    "timestamp without time zone": "TIMESTAMP",
}
_CSV = csv.WriteOptions(include_header=False, quoting_style="all_valid")


def file_columns(path: str) -> dict[str, str]:
    """
    Return name → type, in DuckDB's words, of a Parquet file; "" for a type that is not exact.

    Raises:
        OSError: The file is missing.
        pyarrow.ArrowInvalid: It is no Parquet.
    """
    return {field.name: _word(field.type) for field in pq.read_schema(path)}


def duckdb_type(postgresql: str) -> str:
    """Return DuckDB's word for a type as `format_type` writes it; "" where there is none."""
    decimal = re.fullmatch(r"numeric\((\d+),(\d+)\)", postgresql)
    if decimal and int(decimal[1]) <= 38:
        return f"DECIMAL({decimal[1]},{decimal[2]})"
    return _POSTGRESQL.get(re.sub(r"\(\d+\)", "", postgresql), "")


def postgresql_type(duckdb: str, collation: str) -> str:
    """Return PostgreSQL's word; text compares by its bytes, as it does in DuckDB."""
    if duckdb == "VARCHAR":
        return f'TEXT COLLATE "{collation}"'
    return duckdb.replace("DECIMAL", "NUMERIC")


def copy_lines(
    files: tuple[str, ...], names: tuple[str, ...], day: date, without: tuple[str, ...]
) -> Iterator[bytes]:
    """
    Yield the rows as CSV for COPY: the day, then the columns; null is empty, text is quoted.

    Args:
        files: Parquet files.
        names: Columns to read, in order.
        day: What stands in front.
        without: Parquet files of (`_object`, `_position`) whose rows are left out.
    """
    dropped = _places(without) if without else None
    for path in files:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=_BATCH, columns=list(names)):
                yield _lines(batch.select(list(names)), day, dropped)


def _lines(batch: pa.RecordBatch, day: date, dropped: pa.Array | None) -> bytes:
    if dropped is not None:
        batch = batch.filter(pc.invert(pc.is_in(_place(batch), value_set=dropped)))
    days = pa.repeat(pa.scalar(day, pa.date32()), batch.num_rows)
    table = pa.table([days, *batch.columns], names=["", *batch.schema.names])
    out = io.BytesIO()
    csv.write_csv(table, out, _CSV)
    return out.getvalue()


def _places(files: tuple[str, ...]) -> pa.Array:
    columns = ["_object", "_position"]
    places = [_place(pq.read_table(path, columns=columns)) for path in files]
    return pa.chunked_array(
        [chunk for one in places for chunk in one.chunks], pa.string()
    ).combine_chunks()


def _place(rows: pa.RecordBatch | pa.Table) -> pa.Array | pa.ChunkedArray:
    """Return `<object>:<position>` of each row, null where a row has no place."""
    position = pc.cast(rows["_position"], pa.string())
    return pc.binary_join_element_wise(rows["_object"], position, ":")


def _word(kind: pa.DataType) -> str:
    if pa.types.is_decimal(kind) and kind.precision <= 38:
        return f"DECIMAL({kind.precision},{kind.scale})"
    if pa.types.is_timestamp(kind):
        return "TIMESTAMP WITH TIME ZONE" if kind.tz else "TIMESTAMP"
    return _TYPES.get(kind, "")
