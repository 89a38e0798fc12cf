"""A raw day parsed anew from its bytes, as a table that questions are asked of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from uuid import uuid4

from puntual.engines.dialect.sql import literal, quote
from puntual.engines.duckdb.lines import PART_SHIFT
from puntual.engines.duckdb.query import query
from puntual.engines.duckdb.read import object_sql, position_sql, records_sql
from puntual.engines.duckdb.session import Session
from puntual.ports.engine import Answer, Day, RawDay


def parse(session: Session, raw: RawDay, folder: str) -> str:
    """
    Write every record of a raw day to a scratch file, whatever becomes of it later.

    Returns:
        A Parquet file of the contract's columns, `_object`, `_position`, and a stream's `_shard`
        and `_arrived_at`.

    Raises:
        PermanentError: T3001, T3002, Q1004.
    """
    path = str(Path(folder) / f"raw.{uuid4().hex}.parquet")
    columns = raw.contract.columns
    values = [f"v{i} AS {quote(c.name)}" for i, c in enumerate(columns)]
    place = f"{object_sql(raw.parts) if raw.parts else 'NULL::VARCHAR'} AS _object"
    listed = [*values, place, f"{position_sql()} AS _position"]
    records = f"({records_sql(session, raw, columns)})"
    if raw.stream and raw.parts:
        listed += ["shard AS _shard", "arrived_at AS _arrived_at"]
        records += f" LEFT JOIN ({_of_the_stream(raw)}) USING (ordinal)"
    session.rows(
        f"COPY (SELECT {', '.join(listed)} FROM {records}) TO {literal(path)} (FORMAT parquet)"
    )
    return path


def _of_the_stream(raw: RawDay) -> str:
    """Return a SELECT of each stream record's shard and arrival, by its ordinal."""
    files = ", ".join(literal(part.uri) for part in raw.parts)
    return (
        f"SELECT (file_index::BIGINT << {PART_SHIFT}) + file_row_number + 1 AS ordinal, shard, "
        f"arrived_at FROM read_parquet([{files}], file_row_number = true, "
        "hive_partitioning = false)"
    )


def ask(
    session: Session,
    raw: RawDay,
    parsed: str,
    asked: Sequence[str],
    tables: Mapping[str, tuple[str, ...]],
) -> tuple[Answer, ...]:
    """
    Answer SELECTs over what `parse` wrote; see `Engine.ask_raw`.

    Raises:
        PermanentError: T3001, Q1001, Q1002.
    """
    day = Day(
        reference_date=raw.reference_date,
        zone=raw.contract.time_zone,
        tables={**tables, raw.contract.dataset: (parsed,)},
    )
    return tuple(query(session, sql, day, limit=None) for sql in asked)
