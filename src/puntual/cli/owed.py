"""
What is owed and has no delivery on record, as `puntual status` tells it, in milliseconds.

What the calendars say is kept in `.puntual/owed.json` beside a digest of the files it was made
from: to read the YAML each time would take half of the 200 ms that `status` has.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import TZPATH

from puntual import __version__
from puntual.cli.places import state_folder
from puntual.cli.text import in_env
from puntual.model.delivery import Delivery, DeliveryId, State, Timeliness
from puntual.project.zones import zone

AHEAD = timedelta(days=7)
"""What is due later is not told: nobody acts on it today."""

TOLD = 3
"""Missed obligations that are told one by one, unless all are asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    """What the reports say: zone, decision reserve in seconds, first date, every due instant."""

    zones: dict[str, str]
    reserves: dict[str, int]
    since: dict[str, date]
    owed: tuple[tuple[str, date, datetime], ...]


def owed_now(root: Path, now: datetime, on_record: Iterable[Delivery]) -> tuple[Delivery, ...]:
    """
    Return what is owed and has no delivery: missed since it is owed, or due within a week.

    A report whose `owed_from` is not declared is owed from the oldest date on record.

    Returns:
        Version 1 of each, *scheduled*, `missed` or `on_time`, by due instant.

    Raises:
        ProjectError: C1000 the reports or calendars are wrong.
    """
    known = {(d.id.report, d.id.reference_date) for d in on_record}
    kept = _read(root)
    since = {r: min(d for name, d in known if name == r) for r, _ in known} | kept.since
    found = []
    for report, day, due in kept.owed:
        missed = now > due
        told = since.get(report, date.max) <= day if missed else due - now <= AHEAD
        if told and (report, day) not in known:
            found.append(_scheduled(report, day, due.astimezone(zone(kept.zones[report])), missed))
    return tuple(found)


def scheduled(root: Path, report: str, day: date, now: datetime) -> Delivery | None:
    """
    Return what a report owes for a date, though nothing ran; None if nothing is owed or known.

    Raises:
        ProjectError: C1000 the reports or calendars are wrong.
    """
    kept = _read(root)
    for name, one, due in kept.owed:
        if (name, one) == (report, day):
            return _scheduled(name, one, due.astimezone(zone(kept.zones[name])), now > due)
    return None


def ended(root: Path, now: datetime) -> tuple[str, ...]:
    """
    Return the reports of which nobody knows when they are due again: their calendar has ended.

    Raises:
        ProjectError: C1000 the reports or calendars are wrong.
    """
    kept = _read(root)
    goes_on = {report for report, _, due in kept.owed if due >= now}
    return tuple(sorted(kept.zones.keys() - goes_on))


def reserves(root: Path) -> dict[str, timedelta]:
    """
    Return the decision reserve of each report.

    Raises:
        ProjectError: C1000 the reports or calendars are wrong.
    """
    return {name: timedelta(seconds=s) for name, s in _read(root).reserves.items()}


def in_zones(root: Path, found: Iterable[Delivery]) -> list[Delivery]:
    """
    Return deliveries with the due instant in the zone of their report; a record has its offset.

    Raises:
        ProjectError: C1000 the reports or calendars are wrong.
    """
    zones = _read(root).zones
    return [
        replace(d, due_at=d.due_at.astimezone(zone(zones[d.id.report])))
        if d.id.report in zones
        else d
        for d in found
    ]


def owed_lines(
    found: tuple[Delivery, ...], now: datetime, *, everything: bool, env: str | None = None
) -> tuple[list[str], list[str]]:
    """Return the lines of what was missed, newest first, and those of what is due next."""
    missed = [d for d in found if d.timeliness is Timeliness.MISSED][::-1]
    coming = [d for d in found if d.timeliness is not Timeliness.MISSED]
    if not everything:
        coming = [d for i, d in enumerate(coming) if d.id.report not in _reports(coming[:i])]
    told = missed if everything else missed[:TOLD]
    first = [line for d in told for line in _missed(d, now, env)]
    if len(told) < len(missed):
        oldest = missed[-1].id.reference_date.isoformat()
        more = len(missed) - len(told)
        first.append(f"   and {more} more missed, back to {oldest}: {in_env('status', env)} --all")
    return first, [_coming(d, now) for d in coming]


def span(minutes: int) -> str:
    """Return a length of time as people read it: `2 d 3 h`, `1 h 05 min`, `47 min`."""
    hours, rest = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {rest:02d} min" if hours else f"{rest} min"


def _reports(found: Iterable[Delivery]) -> set[str]:
    return {d.id.report for d in found}


def _missed(delivery: Delivery, now: datetime, env: str | None) -> Iterator[str]:
    ago = span((now - delivery.due_at) // timedelta(minutes=1))
    yield f" ✕ {_what(delivery)}  scheduled  missed  due {_clock(delivery)} ({ago} ago)"
    day = delivery.id.reference_date.isoformat()
    yield f"   nothing was run for it        next: {in_env('run', env)} -d {day}"


def _coming(delivery: Delivery, now: datetime) -> str:
    left = span((delivery.due_at - now) // timedelta(minutes=1))
    return f" ○ {_what(delivery)}  scheduled  due {_clock(delivery)} ({left} left)"


def _what(delivery: Delivery) -> str:
    return f"{delivery.id.report}  {delivery.id.reference_date.isoformat()} v1"


def _clock(delivery: Delivery) -> str:
    return delivery.due_at.strftime("%Y-%m-%d %H:%M %Z")


def _scheduled(report: str, day: date, due: datetime, missed: bool) -> Delivery:
    return Delivery(
        id=DeliveryId(report=report, reference_date=day, version=1),
        state=State.SCHEDULED,
        completeness=None,
        timeliness=Timeliness.MISSED if missed else Timeliness.ON_TIME,
        due_at=due,
    )


def _read(root: Path) -> _Kept:
    path = state_folder(root) / "owed.json"
    files = _files(root)
    digest = hashlib.sha256(f"puntual {__version__}\n".encode())
    for file in files:
        data = file.read_bytes()
        digest.update(f"{file.relative_to(root).as_posix()} {len(data)}\n".encode() + data)
    key = digest.hexdigest()
    kept = _from_json(path, key)
    if kept is not None:
        return kept
    kept = _made(root)
    if path.parent.is_dir():
        _keep(path, key, kept)
    return kept


def _files(root: Path) -> list[Path]:
    calendars = sorted((root / "calendars").glob("*.yaml"))
    reports = sorted((root / "reports").glob("*/report.yaml"))
    return [f for f in (root / "puntual.yaml", *calendars, *reports) if f.is_file()]


def _zone_data(names: Iterable[str]) -> list[str]:
    """Return what changes when the rules of a zone do: its file's time, where it has a file."""
    found = []
    for name in sorted(set(names)):
        files = (Path(folder) / name for folder in TZPATH)
        stamps = [f.stat().st_mtime_ns for f in files if f.is_file()]
        found.append(f"{name} {stamps[0] if stamps else 'package tzdata'}")
    return found


def _made(root: Path) -> _Kept:
    from datetime import UTC

    from puntual.planner.obligation import owed_by
    from puntual.project.due import read_owed

    read = read_owed(root)
    long_ago = datetime.min.replace(tzinfo=UTC)
    found = owed_by(read.terms, read.calendars, date.min, date.max, long_ago, zones=zone)
    return _Kept(
        zones={t.report: t.time_zone for t in read.terms},
        reserves={t.report: t.reserve for t in read.terms},
        since={t.report: t.owed_from for t in read.terms if t.owed_from is not None},
        owed=tuple((o.obligation.report, o.obligation.reference_date, o.due_at) for o in found),
    )


def _keep(path: Path, key: str, kept: _Kept) -> None:
    data = {
        "key": key,
        "zone_data": _zone_data(kept.zones.values()),
        "zones": kept.zones,
        "reserves": kept.reserves,
        "since": {report: day.isoformat() for report, day in kept.since.items()},
        "owed": [[r, day.isoformat(), due.isoformat()] for r, day, due in kept.owed],
    }
    new = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        new.write_text(json.dumps(data), encoding="utf-8")
        new.replace(path)
    except OSError:
        new.unlink(missing_ok=True)  # it is made again the next time; status has its answer


def _from_json(path: Path, key: str) -> _Kept | None:
    """Return what was kept; None if it was made from other files, or cannot be read."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if data["key"] != key or data["zone_data"] != _zone_data(data["zones"].values()):
            return None
        return _Kept(
            zones=data["zones"],
            reserves=data["reserves"],
            since={report: date.fromisoformat(day) for report, day in data["since"].items()},
            owed=tuple(
                (r, date.fromisoformat(day), datetime.fromisoformat(due))
                for r, day, due in data["owed"]
            ),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
