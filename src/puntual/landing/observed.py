"""How a stream's day arrived, minute by minute, as its raw objects have it (design 4.3)."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from puntual.evidence.manifest import decode
from puntual.planner.curve import Arrived, curve
from puntual.ports.objects import Objects
from puntual.ports.pointers import Pointers

_MINUTE = timedelta(minutes=1)


class Store(Protocol):
    """Where raw objects lie and what points at them."""

    @property
    def objects(self) -> Objects:
        """The object store."""

    @property
    def pointers(self) -> Pointers:
        """The published names."""


def arrived(store: Store, source: str, day: date, zone: tzinfo) -> Arrived | None:
    """
    Return how a day of a stream has arrived so far, with its shards; None if nothing was landed.

    Args:
        store: The raw objects.
        source: The stream's source.
        day: The reference date.
        zone: In which its minutes are counted, by the wall clock.

    Raises:
        EvidenceError: V1001, V1002 a raw object or its manifest is missing or altered.
    """
    digest = store.pointers.read(f"raw:{source}/{day.isoformat()}")
    if digest is None:
        return None
    manifest = decode(store.objects.read_named("manifests", digest, ".json"))
    shards: dict[str, Counter[int]] = {}
    for ref in manifest.objects:
        table = pq.read_table(store.objects.locate(ref), columns=["shard", "arrived_at"])
        for shard, minute, count in _counted(table, day, zone):
            shards.setdefault(shard, Counter())[minute] += count
    total: Counter[int] = Counter()
    for counts in shards.values():
        total.update(counts)
    curves = {shard: curve(counts.items()) for shard, counts in sorted(shards.items())}
    return Arrived(day=day, curve=curve(total.items()), parts={"shard": curves})


def _counted(table: pa.Table, day: date, zone: tzinfo) -> list[tuple[str, int, int]]:
    minutes = pc.floor_temporal(table["arrived_at"], unit="minute")
    grouped = (
        pa.table({"shard": table["shard"], "minute": minutes})
        .group_by(["shard", "minute"])
        .aggregate([([], "count_all")])
    )
    return [
        (row["shard"], _minute(row["minute"], day, zone), row["count_all"])
        for row in grouped.to_pylist()
    ]


def _minute(at: datetime, day: date, zone: tzinfo) -> int:
    """Return the wall-clock minutes from the midnight of a day; before it: its first minute."""
    wall = at.astimezone(UTC).astimezone(zone).replace(tzinfo=None)
    return max(0, (wall - datetime.combine(day, time.min)) // _MINUTE)
