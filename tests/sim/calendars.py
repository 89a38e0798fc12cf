"""Where and when an episode takes place: zones with DST days, calendars, first days."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache

from puntual.model.report import Calendar
from puntual.project.zones import zone as build

ZONES = (
    "America/Mexico_City",
    "America/Tijuana",
    "America/Ciudad_Juarez",
    "America/New_York",
    "Europe/Madrid",
    "Australia/Lord_Howe",
    "Asia/Kolkata",
    "Pacific/Auckland",
)
FIRST, LAST = date(2026, 1, 1), date(2035, 12, 31)


@dataclass(frozen=True, slots=True)
class Place:
    """A zone, the calendar of its business days, and the day the episode begins."""

    zone: str
    calendar: Calendar
    first: date

    def count(self, day: date, fired: Counter[str]) -> None:
        """Count what is special about a day."""
        for name, holds in (
            ("day of fewer than 24 h", length(self.zone, day) < timedelta(hours=24)),
            ("day of more than 24 h", length(self.zone, day) > timedelta(hours=24)),
            ("leap day", (day.month, day.day) == (2, 29)),
            ("end of a year", (day.month, day.day) == (12, 31)),
        ):
            fired[name] += holds


def setting(rng: random.Random) -> Place:
    """Draw where and when: one episode in three has a day of 23 or 25 hours."""
    zone = rng.choice(ZONES)
    first = FIRST + timedelta(days=rng.randrange((LAST - FIRST).days - 40))
    changes = _changes(zone)
    everyday = rng.random() < 0.34
    if everyday and changes:
        first = rng.choice(changes) - timedelta(days=rng.randrange(5))
    elif rng.random() < 0.05:
        first = rng.choice((date(2028, 2, 26), date(2032, 2, 26), date(2029, 12, 28)))
    first = max(first, FIRST)
    weekend = () if everyday else (6, 7)
    holiday = first + timedelta(days=rng.randrange(1, 5))
    calendar = Calendar(
        name="sim",
        source="the simulator",
        published=FIRST,
        valid_from=FIRST,
        valid_until=LAST,
        weekend=weekend,
        holidays=((holiday, "a holiday"),) if rng.random() < 0.3 else (),
    )
    return Place(zone, calendar, first)


@cache
def length(zone: str, day: date) -> timedelta:
    """Return how long a local day is."""
    where = build(zone)
    begin, end = (
        datetime.combine(d, time.min, tzinfo=where).astimezone(UTC)
        for d in (day, day + timedelta(days=1))
    )
    return end - begin


@cache
def _changes(zone: str) -> tuple[date, ...]:
    days = (FIRST + timedelta(days=n) for n in range((LAST - FIRST).days - 40))
    return tuple(d for d in days if length(zone, d) != timedelta(hours=24))
