"""
Makes years of arrivals, with month ends, holidays, weekdays, growth and noise, and plants faults.

Everything comes from a seed. A day is made in steps of ten minutes; a fault is planted in a copy
of a clean day, so that each day is asked about twice: as it was, and as it would have been.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from puntual.model.report import Calendar
from puntual.planner.curve import SCHEMA, Arrived, Curve, curve, day_class

STEP = 10
DAY = timedelta(days=1)
Counts = dict[tuple[str, int], int]
"""(part, minute) → records."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """
    What a source is like.

    Attributes:
        name: For the table.
        volume: Records of an ordinary day.
        parts: How many shards, branches or types it has.
        noise: Standard deviation of a day's volume, as a share of it (log-normal).
        hours: When records come: (from hour, to hour, weight) of uniform stretches.
        batch: Each part comes at once, in one file, some time in `hours`.
        month_end: The last business day has so many times the volume.
        after: So many times on the first business day after a holiday.
        weekdays: Weight of Monday to Friday.
        growth: Of the volume in a year.
        weekend: Weight of Saturday and Sunday; 0: nothing comes.
    """

    name: str
    volume: int
    parts: int = 4
    noise: float = 0.08
    hours: tuple[tuple[float, float, float], ...] = ((7, 22, 1.0),)
    batch: bool = False
    month_end: float = 2.0
    after: float = 1.3
    weekdays: tuple[float, ...] = (1.1, 1.0, 0.95, 1.0, 1.2)
    growth: float = 0.15
    weekend: float = 0.0

    @property
    def dimension(self) -> str:
        """What its parts are called."""
        return "branch" if self.batch else "shard"


SOURCES = (
    Source(
        name="cards, busy stream", volume=20_000,
        hours=((6, 10, 1), (10, 22, 3), (22, 24, 0.5)),
    ),
    Source(name="transfers, two peaks", volume=4_000, hours=((8, 12, 3), (15, 19, 2), (7, 23, 1))),
    Source(name="loans, thin stream", volume=400, parts=2, noise=0.10, hours=((9, 18, 1),)),
    Source(
        name="branches, six files in the evening", volume=6_000, parts=6, batch=True,
        hours=((18, 23.5, 1),), month_end=4.0,
    ),
    Source(
        name="ledger, one file at night", volume=30_000, parts=1, batch=True,
        hours=((23, 25, 1),),
    ),
    Source(name="interest, quiet but at month end", volume=900, month_end=30.0, noise=0.10),
    Source(
        name="level, day and night, every day", volume=5_000, noise=0.01, hours=((0, 24, 1),),
        month_end=1.0, after=1.0, weekdays=(1, 1, 1, 1, 1), growth=0.0, weekend=1.0,
    ),
)  # fmt: skip


def a_year(source: Source, calendar: Calendar, seed: int) -> list[Counts]:
    """Return the counts of every day of the calendar, clean."""
    draw = random.Random(f"{source.name} {seed}")
    times = [
        draw.uniform(source.hours[0][0], source.hours[0][1]) for _ in range(source.parts)
    ]  # of day, of each file: a branch sends at its own hour
    weights = [draw.uniform(0.6, 1.4) for _ in range(source.parts)]
    days = (calendar.valid_until - calendar.valid_from).days + 1
    return [
        _a_day(source, calendar, calendar.valid_from + n * DAY, draw, times, weights)
        for n in range(days)
    ]


def _a_day(
    source: Source,
    calendar: Calendar,
    day: date,
    draw: random.Random,
    times: list[float],
    weights: list[float],
) -> Counts:
    volume = source.volume * _weight(source, calendar, day) * draw.lognormvariate(0, source.noise)
    volume *= 1 + source.growth * (day - calendar.valid_from).days / 365
    found: Counts = {}
    for part, (at, weight) in enumerate(zip(times, weights, strict=True)):
        own = volume * weight / sum(weights)
        if own < 1:
            continue
        if source.batch:
            minute = int(at * 60 + draw.gauss(0, 12))
            found[(f"{part}", minute)] = max(1, round(own * draw.lognormvariate(0, 0.05)))
            continue
        shift = draw.gauss(0, 5)  # the day begins some minutes earlier or later
        for minute, share in _profile(source):
            count = _poisson(own * share * draw.lognormvariate(0, 0.15), draw)
            if count:
                key = (f"{part}", int(minute + shift))
                found[key] = found.get(key, 0) + count
    return found


def _weight(source: Source, calendar: Calendar, day: date) -> float:
    kind = day_class(calendar, day)
    if not kind.open:
        return source.weekend
    if kind.kind == "month end":
        return source.month_end
    if kind.kind == "after a holiday":
        return source.after
    return source.weekdays[kind.weekday - 1] if kind.weekday <= 5 else source.weekend


def _profile(source: Source) -> list[tuple[int, float]]:
    steps: dict[int, float] = {}
    for begin, end, weight in source.hours:
        for minute in range(int(begin * 60), int(end * 60), STEP):
            steps[minute] = steps.get(minute, 0) + weight / (end - begin)
    total = sum(steps.values())
    return [(minute, weight / total) for minute, weight in sorted(steps.items())]


def _poisson(mean: float, draw: random.Random) -> int:
    if mean > 30:
        return max(0, round(draw.gauss(mean, mean**0.5)))
    limit, count, product = pow(2.718281828459045, -mean), 0, draw.random()
    while product > limit:
        count, product = count + 1, product * draw.random()
    return count


def arrived(source: Source, day: date, counts: Counts, schema: str = "v1") -> Arrived:
    """Return a day as the detector sees it."""
    of_part: dict[str, list[tuple[int, int]]] = {}
    for (part, minute), count in counts.items():
        of_part.setdefault(part, []).append((minute, count))
    whole = curve((minute, count) for (_, minute), count in counts.items())
    parts: dict[str, Mapping[str, Curve]] = {SCHEMA: {schema: whole} if counts else {}}
    if source.parts > 1:
        parts[source.dimension] = {part: curve(pairs) for part, pairs in of_part.items()}
    return Arrived(day=day, curve=whole, parts=parts)


Fault = Callable[[Source, date, Counts, int, random.Random], tuple[Arrived, int]]
"""Returns the day as it would have been, and the minute from which it is wrong."""


def silent(
    source: Source, day: date, counts: Counts, onset: int, draw: random.Random
) -> tuple[Arrived, int]:
    """Nothing comes any more."""
    return arrived(source, day, {k: c for k, c in counts.items() if k[1] < onset}), onset


def half(
    source: Source, day: date, counts: Counts, onset: int, draw: random.Random
) -> tuple[Arrived, int]:
    """Half of the records are missing, the whole day long."""
    return arrived(source, day, {k: c // 2 for k, c in counts.items()}), _first(counts)


def part(
    source: Source, day: date, counts: Counts, onset: int, draw: random.Random
) -> tuple[Arrived, int]:
    """One shard or branch is missing from some hour on; a batch source's altogether."""
    begin = _first(counts) if source.batch else onset
    gone = draw.choice(sorted({name for name, _ in counts}))
    left = {k: c for k, c in counts.items() if k[0] != gone or k[1] < begin}
    return arrived(source, day, left), begin


def late(
    source: Source, day: date, counts: Counts, onset: int, draw: random.Random
) -> tuple[Arrived, int]:
    """Everything comes four hours later than it would."""
    later = {(p, minute + 240): count for (p, minute), count in counts.items()}
    return arrived(source, day, later), _first(counts)


def schema(
    source: Source, day: date, counts: Counts, onset: int, draw: random.Random
) -> tuple[Arrived, int]:
    """From some hour on records have another form."""
    made = arrived(source, day, counts)
    old = {k: c for k, c in counts.items() if k[1] < onset}
    new = {k: c for k, c in counts.items() if k[1] >= onset}
    forms = {
        name: curve((minute, count) for (_, minute), count in of.items())
        for name, of in (("v1", old), ("v2", new))
        if of
    }
    return Arrived(day=day, curve=made.curve, parts={**made.parts, SCHEMA: forms}), onset


FAULTS: dict[str, Fault] = {
    "silent from an hour on": silent,
    "half the volume": half,
    "one shard or branch missing": part,
    "four hours late": late,
    "schema changed": schema,
}


def onset_of(counts: Counts, draw: random.Random) -> int:
    """Return a minute by which between 5 % and 80 % of a day had come."""
    whole = curve((minute, count) for (_, minute), count in counts.items())
    share = draw.uniform(0.05, 0.8)
    return whole.reached(int(whole.total * share)) or 0


def _first(counts: Counts) -> int:
    return min(minute for _, minute in counts)
