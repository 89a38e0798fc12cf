"""
How a source's day arrived, minute by minute, as what was landed of it has it (design 4.3).

Of a stream each record says when it came. A file comes with all its records at the landing that
found it whole first, and a database's day when it was asked and had rows: both are as exact as
landings are often.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from puntual.evidence.manifest import decode
from puntual.landing.extract import SNAPSHOT_AT
from puntual.landing.templates import undated
from puntual.model.manifest import Manifest
from puntual.model.source import FileSource
from puntual.planner.arrivals import LEAST_PART, MATERIAL
from puntual.planner.curve import SCHEMA, Arrived, Curve, curve
from puntual.ports.journal import FILES, StepEvent
from puntual.ports.landing import PARTS
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
    Return how a day of a stream has arrived so far, with its parts; None if nothing was landed.

    Its shards, and what the contract names (`puntual.arrivalParts`).

    Args:
        store: The raw objects.
        source: The stream's source.
        day: The reference date.
        zone: In which its minutes are counted, by the wall clock.

    Raises:
        EvidenceError: V1001, V1002 a raw object or its manifest is missing or altered.
    """
    manifest = _published(store, f"raw:{source}/{day.isoformat()}")
    if manifest is None:
        return None
    shards: dict[str, Counter[int]] = {}
    for ref in manifest.objects:
        table = pq.read_table(store.objects.locate(ref), columns=["shard", "arrived_at"])
        for shard, minute, count in _counted(table, day, zone):
            shards.setdefault(shard, Counter())[minute] += count
    total: Counter[int] = Counter()
    for counts in shards.values():
        total.update(counts)
    curves = {shard: curve(counts.items()) for shard, counts in sorted(shards.items())}
    parts = {"shard": curves} | _parts(
        manifest, lambda at: _minute(datetime.fromisoformat(at), day, zone)
    )
    return Arrived(day=day, curve=curve(total.items()), parts=parts)


def files(
    events: Iterable[StepEvent],
    source: FileSource,
    day: date,
    zone: tzinfo,
    landed: Manifest | None = None,
) -> Arrived | None:
    """
    Return how a day of files came, by their names without the date.

    A file comes with all its records at the landing that found it whole first. That stands in
    the journal and not in what was landed: the same files make the same bytes whenever they are
    landed (design 4.17).

    Args:
        events: Of the day, oldest first.
        source: The source.
        day: The reference date.
        zone: In which its minutes are counted, by the wall clock.
        landed: What was landed of it, with the parts that the contract names.

    Returns:
        None if no landing of it is known.
    """
    came: dict[str, int] = {}
    last: dict[str, int] = {}
    for event in events:
        if event.step == f"land:{source.name}" and FILES in event.facts:
            last = json.loads(event.facts[FILES])
            minute = _minute(event.at, day, zone)
            came = {name: came.get(name, minute) for name in last}
    if not last:
        return None
    parts: dict[str, Counter[int]] = {}
    for name, minute in came.items():
        parts.setdefault(undated(name, source.pattern, day), Counter())[minute] += last[name]
    total: Counter[int] = sum(parts.values(), Counter())
    curves = {part: curve(counts.items()) for part, counts in sorted(parts.items())}
    named = {"file": curves} if len(curves) > 1 else {}
    if landed is not None:
        by_object = {o.short: came.get(o.detail["name"]) for o in landed.of_role("data")}
        named |= _parts(landed, by_object.get)
    return Arrived(day=day, curve=curve(total.items()), parts=named)


def database(store: Store, source: str, day: date, zone: tzinfo) -> Arrived | None:
    """
    Return how a day of a database came: at the snapshot in which it had its rows.

    Args:
        store: The raw objects.
        source: The source's name.
        day: The reference date.
        zone: In which its minutes are counted, by the wall clock.

    Returns:
        None if nothing was landed.

    Raises:
        EvidenceError: V1001, V1002 the day's manifest is missing or altered.
    """
    landed = landed_of(store, source, day)
    if landed is None:
        return None
    total: Counter[int] = Counter()
    for ref in landed.of_role("data"):
        at = datetime.fromisoformat(ref.detail[SNAPSHOT_AT])
        total[_minute(at, day, zone)] += ref.records
    return Arrived(day=day, curve=curve(total.items()), parts={})


def _parts(landed: Manifest, minute_of: Callable[[str], int | None]) -> dict[str, dict[str, Curve]]:
    """Return the curves of the parts that a manifest counts, by where each count was made."""
    held = landed.facts.get(PARTS, {})
    assert isinstance(held, Mapping)  # noqa: S101 - written by `landing.by_part`
    found: dict[str, dict[str, Curve]] = {}
    for name, values in held.items():
        curves: dict[str, Curve] = {}
        for value, places in values.items():
            known = [(minute_of(place), int(records)) for place, records in places.items()]
            curves[value] = curve((m, n) for m, n in known if m is not None)
        found[name] = _forms(curves) if name == SCHEMA else curves
    return found


def _forms(curves: Mapping[str, Curve]) -> dict[str, Curve]:
    """Return the forms that are more than some broken records: a tenth of what has come."""
    total = sum(one.total for one in curves.values())
    return {
        form: one
        for form, one in curves.items()
        if one.total >= LEAST_PART and one.total * MATERIAL >= total
    }


def landed_of(store: Store, source: str, day: date) -> Manifest | None:
    """
    Return what was landed of a source's day; None if nothing was.

    Raises:
        EvidenceError: V1001, V1002 its manifest is missing or altered.
    """
    return _published(store, f"land:{source}/{day.isoformat()}")


def _published(store: Store, name: str) -> Manifest | None:
    digest = store.pointers.read(name)
    if digest is None:
        return None
    return decode(store.objects.read_named("manifests", digest, ".json"))


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
