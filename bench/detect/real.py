"""The same on data that others made: what really happened, and faults planted into it."""

from __future__ import annotations

import csv
import gzip
import io
import random
import subprocess
import tarfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

from bench.detect.made import DAY, Counts
from bench.detect.score import first_alarm
from puntual.model.report import Calendar
from puntual.planner.arrivals import Assessment
from puntual.planner.curve import Arrived, curve, day_class

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
END = 24 * 60
EVENING = 18 * 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Real:
    """
    A data set as it arrived.

    Attributes:
        name: For the table.
        calendar: Its business days, from its README and the public holidays, not from its rows.
        days: Every day of it; of one without rows there are no counts.
        dimension: What its parts are.
        plantable: Minutes between which a silence is planted.
    """

    name: str
    calendar: Calendar
    days: dict[date, Counts]
    dimension: str
    plantable: tuple[int, int]


@dataclass(slots=True)
class RealScore:
    """Days asked, alarms on them, closed days and alarms on those, and what was planted."""

    days: int = 0
    alarms: dict[date, Assessment] = field(default_factory=dict)
    closed: int = 0
    planted: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)


def sets() -> Iterator[Real]:
    """Yield the data sets that are there."""
    for name, read in (("anz", anz), ("retail_by_day", retail), ("berka", berka)):
        if (DATA / name).is_dir():
            yield read()


def anz() -> Real:
    """Return three months of card and account movements; 2018-08-16 is not in them."""
    found: dict[date, Counts] = {}
    with gzip.open(DATA / "anz/anz_synthesised_transactions.csv.gz", "rt", encoding="utf-8") as f:
        for row in csv.DictReader(f):
            day, minute = _moment(row["extraction"])
            _count(found, day, row["txn_description"], minute)
    calendar = _calendar("anz", date(2018, 8, 1), date(2018, 10, 31), (6, 7), ())
    return Real(name="anz", calendar=calendar, days=_every(found, calendar), dimension="type",
                plantable=(6 * 60, 18 * 60))  # fmt: skip


UK_CLOSED = (
    *(date(2010, 12, 24) + timedelta(days=n) for n in range(11)),  # the shop's Christmas
    date(2011, 4, 22), date(2011, 4, 24), date(2011, 4, 25), date(2011, 4, 29),
    date(2011, 5, 2), date(2011, 5, 30), date(2011, 8, 29),
)  # fmt: skip
"""Bank holidays of England in that year, Easter Sunday, and the days around Christmas."""


def retail() -> Real:
    """Return a year of a shop that is closed on Saturdays and on sixteen other days."""
    packed = subprocess.run(
        ["zstd", "-dc", str(DATA / "retail_by_day/by-day.tar.zst")], check=True, capture_output=True
    ).stdout
    found: dict[date, Counts] = {}
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        for member in archive.getmembers():
            file = archive.extractfile(member)
            if file is None or not member.name.endswith(".csv"):
                continue
            for row in csv.DictReader(io.TextIOWrapper(file, encoding="utf-8")):
                day, minute = _moment(row["InvoiceDate"])
                _count(found, day, "shop", minute)
    calendar = _calendar("uk-shop", date(2010, 12, 1), date(2011, 12, 9), (6,), UK_CLOSED)
    return Real(name="retail_by_day", calendar=calendar, days=_every(found, calendar),
                dimension="till", plantable=(9 * 60, 14 * 60))  # fmt: skip


def berka() -> Real:
    """Return 455 days of a bank's movements, which have no time: a file at 18:00."""
    found: dict[date, Counts] = {}
    with gzip.open(DATA / "berka/original/trans.asc.gz", "rt", encoding="ascii") as file:
        for row in csv.reader(file, delimiter=";"):
            if len(row) == 10 and row[2].isdigit():
                day = date(1900 + int(row[2][:2]), int(row[2][2:4]), int(row[2][4:]))
                _count(found, day, row[3], EVENING)
    calendar = _calendar("every-day", date(1993, 1, 1), date(1994, 3, 31), (), ())
    return Real(name="berka", calendar=calendar, days=_every(found, calendar), dimension="type",
                plantable=(EVENING, EVENING))  # fmt: skip


def score_real(real: Real, *, warm_up: int = 30, seed: int = 1) -> RealScore:
    """Ask of every day whether it alarmed, and of each whether a silence would have."""
    draw = random.Random(f"{real.name} {seed}")
    result = RealScore()
    history: list[Arrived] = []
    for day, counts in sorted(real.days.items()):
        today = _arrived(real, day, counts)
        result.days += 1
        result.closed += not _is_open(real.calendar, day)
        said = first_alarm(history, today, real.calendar, end=END)
        if said is not None:
            result.alarms[day] = said
        if result.days > warm_up and counts and said is None:
            _plant(real, result, history, day, counts, draw)
        history.append(today)
    return result


def _plant(
    real: Real,
    result: RealScore,
    history: list[Arrived],
    day: date,
    counts: Counts,
    draw: random.Random,
) -> None:
    hour = draw.randint(*real.plantable) // 60 * 60
    for kind, left in (
        ("nothing at all", {}),
        ("silent from an hour on", {k: c for k, c in counts.items() if k[1] < hour}),
        ("half the volume", {k: c // 2 for k, c in counts.items()}),
        ("month end like any other day", _like_before(real, day)),
    ):
        if kind.startswith("month end") and not (left and _has_peaks(real, day)):
            continue
        if kind.startswith("silent") and real.plantable[0] == real.plantable[1]:
            continue
        result.planted[kind] += 1
        made = _arrived(real, day, left)
        result.found[kind] += first_alarm(history, made, real.calendar, end=END) is not None


def _like_before(real: Real, day: date) -> Counts:
    """Return what came the day before, where this one ends a month."""
    return real.days.get(day - DAY, {}) if day_class(real.calendar, day).kind == "month end" else {}


def _has_peaks(real: Real, day: date) -> bool:
    """Say whether the month end is one that a person would miss: three times the day before."""
    return sum(real.days[day].values()) >= 3 * sum(real.days[day - DAY].values())


def _is_open(calendar: Calendar, day: date) -> bool:
    return day.isoweekday() not in calendar.weekend and day not in dict(calendar.holidays)


def _arrived(real: Real, day: date, counts: Counts) -> Arrived:
    parts: dict[str, list[tuple[int, int]]] = {}
    for (part, minute), count in counts.items():
        parts.setdefault(part, []).append((minute, count))
    return Arrived(
        day=day,
        curve=curve((minute, count) for (_, minute), count in counts.items()),
        parts={real.dimension: {name: curve(pairs) for name, pairs in parts.items()}},
    )


def _moment(text: str) -> tuple[date, int]:
    return date.fromisoformat(text[:10]), int(text[11:13]) * 60 + int(text[14:16])


def _count(found: dict[date, Counts], day: date, part: str, minute: int) -> None:
    counts = found.setdefault(day, {})
    counts[(part, minute)] = counts.get((part, minute), 0) + 1


def _every(found: dict[date, Counts], calendar: Calendar) -> dict[date, Counts]:
    count = (calendar.valid_until - calendar.valid_from).days + 1
    days = (calendar.valid_from + n * DAY for n in range(count))
    return {day: found.get(day, {}) for day in days}


def _calendar(
    name: str, first: date, last: date, weekend: tuple[int, ...], closed: tuple[date, ...]
) -> Calendar:
    return Calendar(
        name=name,
        source="bench/detect/real.py",
        published=first,
        valid_from=first,
        valid_until=last,
        weekend=weekend,
        holidays=tuple((day, "closed") for day in sorted(closed)),
    )
