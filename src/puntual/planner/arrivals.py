"""
Whether a source is on its way to a usual day, hours before the run that needs it.

A day is compared with days of its own class (`planner.curve`) by what had arrived by the same
minute. What is usual is a median, how far from it a clean day may lie is a quantile of how far
clean and unclean days lay, so that a few bad days in the history change neither. All in whole
numbers: ratios are in millionths.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from fractions import Fraction
from itertools import pairwise

from puntual.errors import ProjectError
from puntual.model.report import Calendar
from puntual.planner.curve import SCHEMA, Arrived, Classes, Curve, DayClass
from puntual.planner.usual import Usual, median, usual

SLACK = 30
"""Minutes that a day may be late by and nobody is told: today is held against 30 minutes ago."""

LEAST = 8
"""Records that must usually have come in a gap before the gap is called a silence."""

LEAST_PART = 12
"""The same of a part, of which there are many, so that chance has more of them to choose from."""


LEAST_AT_ALL = 3
"""The same where nothing at all has come, if many days are known."""

MANY = 20
"""Days from which on few records a day are enough to miss them."""

MATERIAL = 10
"""What is missing is told of when it is one part in so many of a usual day."""


class Verdict(StrEnum):
    """How a source stands at a moment."""

    NORMAL = "normal"
    BEHIND = "behind"
    SILENT = "silent"
    PART_MISSING = "part missing"
    NO_HISTORY = "no history"


class Cause(StrEnum):
    """What it looks like; a guess, and said as one."""

    NONE = "none"
    SILENT = "silent"
    SLOW = "slow"
    LATE_START = "late start"
    PART_MISSING = "part missing"
    SCHEMA_CHANGED = "schema changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """
    How a source stands at a moment, beside what is usual.

    Attributes:
        verdict: In one word.
        cause: A guess.
        minute: The moment, in minutes from the local midnight of the reference date.
        received: Records that have arrived.
        low: Fewer are unusual by now; 0 without history.
        mid: Usual by now; 0 without history.
        high: More are unusual by now; 0 without history.
        total: Usual for the whole day; 0 without history.
        lag: Minutes by which today is behind a usual day; 0 if it is not, or unknown.
        last: Minute of the last arrival; None if nothing has come.
        missing: The parts that have fallen silent or are new, as `shard=s2`, sorted.
        basis: The days it was compared with, in words.
        days: How many these are.
    """

    verdict: Verdict
    cause: Cause = Cause.NONE
    minute: int
    received: int
    low: int = 0
    mid: int = 0
    high: int = 0
    total: int = 0
    lag: int = 0
    last: int | None = None
    missing: tuple[str, ...] = ()
    basis: str = ""
    days: int = 0

    @property
    def alarm(self) -> bool:
        """Whether somebody should look: it is neither normal nor without history."""
        return self.verdict not in (Verdict.NORMAL, Verdict.NO_HISTORY)

    @property
    def share(self) -> Fraction | None:
        """How much of a usual day has arrived; None where no day is usual."""
        return Fraction(self.received, self.total) if self.total else None


def assess(
    history: Sequence[Arrived], today: Arrived, now: datetime, calendar: Calendar
) -> Assessment:
    """
    Say how a source stands at a moment.

    Args:
        history: Earlier days of the same source, in any order; days from today on and days
            that the calendar does not cover are left out.
        today: What has arrived so far for the reference date; what is later than `now` is not
            looked at.
        now: The moment, in the source's own zone.
        calendar: The business days.

    Raises:
        ProjectError: P1001 the calendar does not cover the reference date.
    """
    minute = minute_of(today.day, now)
    arrived = today.curve.until(minute)
    classes = Classes(calendar)
    found = usual(_classed(history, today.day, classes), classes.of(today.day), minute - SLACK)
    known = Assessment(
        verdict=Verdict.NO_HISTORY,
        minute=minute,
        received=arrived.total,
        last=arrived.minutes[-1] if arrived.minutes else None,
    )
    if found is None:
        return known
    return _judged(known, found, today, arrived)


def completions(
    history: Sequence[Arrived], today: Arrived, now: datetime, calendar: Calendar
) -> tuple[datetime, ...]:
    """
    Return when the day may be complete: one instant for each earlier day that was like it.

    It is the minute at which that day was complete, later by as much as today lags behind.

    Returns:
        In the zone of `now`, ascending; empty without history.

    Raises:
        ProjectError: P1001 the calendar does not cover the reference date.
    """
    minute = minute_of(today.day, now)
    classes = Classes(calendar)
    found = usual(_classed(history, today.day, classes), classes.of(today.day), minute)
    if found is None:
        return ()
    lag = _lag(found, minute, today.curve.by(minute))
    ends = sorted(day.curve.minutes[-1] + lag for day in found.days if day.curve.minutes)
    return tuple(now + timedelta(minutes=end - minute) for end in ends)


def minute_of(day: date, now: datetime) -> int:
    """Return the wall-clock minutes from the midnight of a reference date to a moment."""
    return (now.date() - day).days * 1440 + now.hour * 60 + now.minute


def _classed(
    history: Iterable[Arrived], before: date, classes: Classes
) -> list[tuple[DayClass, Arrived]]:
    found = []
    for one in sorted(history, key=lambda a: a.day):
        if one.day < before:
            try:
                found.append((classes.of(one.day), one))
            except ProjectError:
                continue  # a day of before the calendar: what kind it was is not guessed
    return found


def _judged(known: Assessment, found: Usual, today: Arrived, arrived: Curve) -> Assessment:
    verdict, cause, missing = _verdict(found, today, arrived, known.minute)
    return Assessment(
        verdict=verdict,
        cause=cause,
        minute=known.minute,
        received=known.received,
        low=found.low,
        mid=found.mid,
        high=found.high,
        total=found.total,
        lag=_lag(found, known.minute, known.received),
        last=known.last,
        missing=missing,
        basis=found.basis,
        days=len(found.days),
    )


def _verdict(
    found: Usual, today: Arrived, arrived: Curve, minute: int
) -> tuple[Verdict, Cause, tuple[str, ...]]:
    curves = [day.curve for day in found.days]
    least = LEAST_AT_ALL if not arrived.minutes and len(curves) >= MANY else LEAST
    if _is_silent(curves, arrived, found.minute, least):
        return Verdict.SILENT, Cause.SILENT, ()
    if new := _new_schemas(found, today, minute):
        return Verdict.PART_MISSING, Cause.SCHEMA_CHANGED, new
    if missing := _silent_parts(found, today, minute):
        return Verdict.PART_MISSING, Cause.PART_MISSING, missing
    is_much = (found.mid - arrived.total) * MATERIAL >= found.total
    if found.is_sure and arrived.total < found.low and is_much:
        if not arrived.total:
            return Verdict.SILENT, Cause.SILENT, ()
        late = _starts_late(curves, arrived)
        return Verdict.BEHIND, Cause.LATE_START if late else Cause.SLOW, ()
    return Verdict.NORMAL, Cause.NONE, ()


def _is_silent(days: Sequence[Curve], arrived: Curve, minute: int, least: int) -> bool:
    """
    Say whether nothing has come for so long that something came on every usual day.

    What usually comes within half an hour of the last arrival does not count (a day may be
    early by that, and its end is no silence), nor do the last few per cent of a day; and what
    has brought as much as a whole usual day may be quiet. One bad day in ten of the history may
    have been silent as well, two in thirty, and so on.
    """
    last = arrived.minutes[-1] + SLACK if arrived.minutes else -(10**6)
    if last >= minute or not days:
        return False
    came = sorted(day.by(minute) - day.by(last) for day in days)
    usually = median(came)
    if came[_bad(days)] < max(1, least // 3) or usually < least:
        return False
    total = median([day.total for day in days])
    is_short = arrived.total < total and usually * MATERIAL >= total
    return is_short and minute > _patience(days, arrived)


def _patience(days: Sequence[Curve], arrived: Curve) -> int:
    """
    Return until when a source that pauses or starts late now and then is not called silent.

    It pauses: half as long again as the longest pause of nearly every usual day. It has not
    begun: as far behind the latest beginning as that is behind the usual one.
    """
    if arrived.minutes:
        pauses = sorted(_longest_pause(day) for day in days)
        return arrived.minutes[-1] + pauses[-1 - _bad(days)] * 3 // 2
    firsts = sorted(day.minutes[0] for day in days if day.minutes)
    latest = firsts[-1 - _bad(firsts)]
    return latest + latest - median(firsts)


def _longest_pause(day: Curve) -> int:
    return max((b - a for a, b in pairwise(day.minutes)), default=0)


def _bad(days: Sequence[object]) -> int:
    """Return how many days of a history may be bad ones."""
    return (len(days) + 10) // 20


def _silent_parts(found: Usual, today: Arrived, minute: int) -> tuple[str, ...]:
    """Return the parts that have fallen silent while the source as a whole has not."""
    silent = []
    for (dimension, value), curves in sorted(_parts(found).items()):
        days = [*curves, *[Curve()] * (len(found.days) - len(curves))]
        arrived = today.parts.get(dimension, {}).get(value, Curve()).until(minute)
        if _is_silent(days, arrived, found.minute, LEAST_PART):
            silent.append(f"{dimension}={value}")
    return tuple(silent)


def _parts(found: Usual) -> dict[tuple[str, str], list[Curve]]:
    """Return the curves of each part that came on nearly every day; a schema is no part."""
    parts: dict[tuple[str, str], list[Curve]] = {}
    for day in found.days:
        for dimension, curves in day.parts.items():
            if dimension != SCHEMA:
                for value, one in curves.items():
                    parts.setdefault((dimension, value), []).append(one)
    enough = len(found.days) - _bad(found.days)
    return {part: curves for part, curves in parts.items() if len(curves) >= enough}


def _new_schemas(found: Usual, today: Arrived, minute: int) -> tuple[str, ...]:
    """
    Return the forms of records that are new, where the days before had any.

    A form is known when two of the last days had it: one day with a wrong one makes none known,
    and one that was changed on purpose is told on two days.
    """
    seen: dict[str, int] = {}
    for day in found.recent:
        for value in day.parts.get(SCHEMA, {}):
            seen[value] = seen.get(value, 0) + 1
    known = {value for value, days in seen.items() if days >= min(2, len(found.recent) - 1)}
    now = {v for v, c in today.parts.get(SCHEMA, {}).items() if c.by(minute)}
    return tuple(f"{SCHEMA}={value}" for value in sorted(now - known)) if seen else ()


def _starts_late(days: Sequence[Curve], arrived: Curve) -> bool:
    firsts = sorted(day.minutes[0] for day in days if day.minutes)
    if not firsts or not arrived.minutes:
        return False
    return arrived.minutes[0] > firsts[-1 - _bad(firsts)] + SLACK


def _lag(found: Usual, minute: int, received: int) -> int:
    """Return how long ago a usual day had as large a share of its own total."""
    if not found.total or received >= found.mid:
        return 0
    then = [day.curve.reached(received * day.curve.total // found.total) for day in found.days]
    reached = [one for one in then if one is not None]
    return max(0, minute - median(reached)) if reached else 0
