"""Freshly read stream records divided by the day they belong to."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from puntual.engines.dialect.sql import literal
from puntual.engines.duckdb.curate import PARQUET
from puntual.engines.duckdb.lines import PART_SHIFT
from puntual.engines.duckdb.read import records_sql
from puntual.engines.duckdb.session import Session
from puntual.engines.duckdb.verdicts import day_sql
from puntual.ports.engine import DayPart, RawDay


def split(session: Session, raw: RawDay, folder: str) -> tuple[DayPart, ...]:
    """
    Write one Parquet file a day, its rows as they came, ordered by shard and sequence.

    Raises:
        PermanentError: T3001, T3002, Q1004; see `session.translate`.
    """
    if not raw.parts:
        return ()
    contract = raw.contract
    columns = tuple(c for c in contract.columns if c.name == contract.day_column)
    session.rows(
        f"CREATE TABLE days AS SELECT ordinal, {day_sql(contract, columns)} AS day "
        f"FROM ({records_sql(session, raw, columns)})"
    )
    days = session.rows("SELECT day, count(*) FROM days GROUP BY day ORDER BY day NULLS LAST")
    files = ", ".join(literal(p.uri) for p in raw.parts)
    return tuple(
        _write(session, files, day if isinstance(day, date) else None, int(str(records)), folder)
        for day, records in days
    )


def _write(session: Session, files: str, day: date | None, records: int, folder: str) -> DayPart:
    """Write one day's records; a sequence number is ordered as the number it is."""
    path = str(Path(folder) / f"{day.isoformat() if day else 'no_day'}.parquet")
    is_day = f"day = DATE '{day}'" if day else "day IS NULL"
    ordinal = f"(file_index::BIGINT << {PART_SHIFT}) + file_row_number + 1"
    session.rows(
        "COPY (SELECT shard, sequence, arrived_at, partition_key, payload FROM ("
        f"SELECT *, {ordinal} AS ordinal FROM read_parquet([{files}], file_row_number = true, "
        "hive_partitioning = false)) "
        f"SEMI JOIN (SELECT ordinal FROM days WHERE {is_day}) USING (ordinal) "
        f"ORDER BY shard, length(sequence), sequence, ordinal) TO {literal(path)} {PARQUET}"
    )
    return DayPart(day=day, path=path, records=records)
