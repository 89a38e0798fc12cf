"""Stream records in which no day can be read belong to the day on which they arrived."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from puntual.landing.desk import bounds
from puntual.ports.engine import DayPart
from puntual.ports.stream import StreamPage

ROWS = 50_000
"""Records of a page, and of a row group of a raw object."""

SCHEMA = pa.schema(
    [
        ("shard", pa.string()),
        ("sequence", pa.string()),
        ("arrived_at", pa.timestamp("us", "UTC")),
        ("partition_key", pa.string()),
        ("payload", pa.binary()),
    ]
)
"""What a stream's raw objects hold (design 4.3); every value comes from the record itself."""


def write_page(path: str, shard: str, page: StreamPage) -> None:
    """Write a page of records; the same page gives the same bytes."""
    table = pa.table(
        [
            pa.array([shard], pa.string()).take(pa.array([0] * len(page.sequences), pa.int32())),
            pa.array(page.sequences, pa.string()),
            pa.array(page.arrivals, pa.int64()).cast(SCHEMA.field("arrived_at").type),
            pa.array(page.keys, pa.string()),
            pa.array(page.payloads, pa.binary()),
        ],
        schema=SCHEMA,
    )
    _write(table, path)


def with_days(parts: Sequence[DayPart], zone: tzinfo, folder: str) -> tuple[DayPart, ...]:
    """
    Give every record a day: where a part has none, it is cut by arrival.

    Args:
        parts: As `Engine.split` returns them.
        zone: The contract's zone, in which days begin and end.
        folder: Where files are written.

    Returns:
        Parts that all have a day, in the order of days; one day may have two.
    """
    dated = [p for p in parts if p.day is not None]
    for part in parts:
        if part.day is None:
            dated.extend(_by_arrival(part, zone, folder))
    return tuple(sorted(dated, key=lambda p: p.day or date.min))


def _by_arrival(part: DayPart, zone: tzinfo, folder: str) -> Iterator[DayPart]:
    table = pq.read_table(part.path, schema=SCHEMA)
    arrived = table["arrived_at"]
    for day in _days(arrived, zone):
        start, end = bounds(day, zone)
        inside = pc.and_(
            pc.greater_equal(arrived, pa.scalar(start, arrived.type)),
            pc.less(arrived, pa.scalar(end, arrived.type)),
        )
        rows = table.filter(inside)
        if rows.num_rows:
            path = os.path.join(folder, f"arrived-{day.isoformat()}.parquet")
            _write(rows, path)
            yield DayPart(day=day, path=path, records=rows.num_rows)


def _days(arrived: pa.ChunkedArray, zone: tzinfo) -> list[date]:
    """Return every local day that may hold one of these instants, sorted."""
    utc = pc.unique(pc.floor_temporal(arrived, unit="day")).to_pylist()
    near = {(m + timedelta(days=d)).date() for m in utc for d in (-1, 0, 1)}
    return sorted(near)


def _write(table: pa.Table, path: str) -> None:
    pq.write_table(table, path, row_group_size=ROWS, compression="zstd")


def day_of(arrival: int, zone: tzinfo) -> date:
    """Return the local day of an instant in microseconds since the epoch."""
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=arrival)
    return moment.astimezone(zone).date()
