"""
How a day of a source arrived, minute by minute, and with which other days it may be compared.

Minutes count from the local midnight of the reference date by the wall clock; they go on past
1,440 for what arrives after midnight. All counts are whole records.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import NamedTuple

from puntual.model.report import Calendar
from puntual.planner.calendar import covers

_DAY = timedelta(days=1)
_EARLIEST_END = 20
"""Day of the month before which no last business day lies; saves looking."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """
    Records that had arrived by each minute.

    Attributes:
        minutes: At which something arrived, ascending.
        sums: How many records had arrived by then, ascending; as long as `minutes`.
    """

    minutes: tuple[int, ...] = ()
    sums: tuple[int, ...] = ()

    @property
    def total(self) -> int:
        """How many arrived altogether."""
        return self.sums[-1] if self.sums else 0

    def by(self, minute: int) -> int:
        """Return how many had arrived by the end of a minute."""
        place = bisect_right(self.minutes, minute)
        return self.sums[place - 1] if place else 0

    def reached(self, count: int) -> int | None:
        """Return the first minute by which so many had arrived; None if they never did."""
        place = bisect_left(self.sums, max(count, 1))
        return self.minutes[place] if place < len(self.minutes) else None

    def until(self, minute: int) -> Curve:
        """Return what had arrived by the end of a minute."""
        place = bisect_right(self.minutes, minute)
        return Curve(minutes=self.minutes[:place], sums=self.sums[:place])


def curve(counts: Iterable[tuple[int, int]]) -> Curve:
    """Return the curve of (minute, records) pairs, in any order; a minute may come twice."""
    added: dict[int, int] = {}
    for minute, count in counts:
        if count:
            added[minute] = added.get(minute, 0) + count
    minutes = tuple(sorted(added))
    sums: list[int] = []
    for minute in minutes:
        sums.append(added[minute] + (sums[-1] if sums else 0))
    return Curve(minutes=minutes, sums=tuple(sums))


SCHEMA = "schema"
"""The dimension of `Arrived.parts` whose values name the form in which records were written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """
    What arrived of a source for a reference date.

    Attributes:
        day: The reference date.
        curve: Of all records.
        parts: Dimension (`shard`, `branch`, `type`, `schema`) → value → its curve; the values
            are names of the project or of the source, never personal data.
    """

    day: date
    curve: Curve
    parts: Mapping[str, Mapping[str, Curve]] = field(default_factory=dict)


class DayClass(NamedTuple):
    """
    Which days are alike.

    Attributes:
        open: A business day of the calendar.
        kind: `weekday`, `month end` (last business day of the month), `after a holiday` (the
            first business day after one), or `holiday` (a closed day that is no weekend day).
        weekday: ISO weekday where the kind is `weekday`; else 0.
    """

    open: bool
    kind: str
    weekday: int = 0

    def __str__(self) -> str:
        if self.weekday:
            return _WEEKDAYS[self.weekday - 1]
        return self.kind


WEEKDAY = "weekday"
"""The kind of a day with nothing special, which is compared with its own weekday."""

_WEEKDAYS = ("Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays", "Sundays")
_MONTH_END = DayClass(open=True, kind="month end")
_AFTER = DayClass(open=True, kind="after a holiday")
_HOLIDAY = DayClass(open=False, kind="holiday")


class Classes:
    """
    Tells the classes of days by one calendar.

    A month end is one even after a holiday. Days past the calendar's end count as open by
    their weekday alone, where it is asked whether a month ends.
    """

    def __init__(self, calendar: Calendar) -> None:
        """Take a calendar."""
        self._calendar = calendar
        self._weekend = frozenset(calendar.weekend)
        self._holidays = frozenset(day for day, _ in calendar.holidays)
        self._after = frozenset(self._next_open(day) for day in self._holidays)

    def of(self, day: date) -> DayClass:
        """
        Return the class of a day.

        Raises:
            ProjectError: P1001 the calendar does not cover the day.
        """
        covers(self._calendar, day)
        weekday = day.isoweekday()
        if weekday in self._weekend:
            return DayClass(open=False, kind=WEEKDAY, weekday=weekday)
        if day in self._holidays:
            return _HOLIDAY
        if self._ends_month(day):
            return _MONTH_END
        if day in self._after:
            return _AFTER
        return DayClass(open=True, kind=WEEKDAY, weekday=weekday)

    def _is_open(self, day: date) -> bool:
        return day.isoweekday() not in self._weekend and day not in self._holidays

    def _ends_month(self, day: date) -> bool:
        if day.day < _EARLIEST_END:
            return False
        following = day + _DAY
        while following.month == day.month:
            if self._is_open(following):
                return False
            following += _DAY
        return True

    def _next_open(self, holiday: date) -> date | None:
        """Return the business day after a holiday; None after one on a weekend."""
        if holiday.isoweekday() in self._weekend:
            return None
        day = holiday
        while not self._is_open(day):
            if day >= self._calendar.valid_until:
                return None
            day += _DAY
        return day


def day_class(calendar: Calendar, day: date) -> DayClass:
    """
    Return the class of one day; see `Classes`.

    Raises:
        ProjectError: P1001 the calendar does not cover the day.
    """
    return Classes(calendar).of(day)
