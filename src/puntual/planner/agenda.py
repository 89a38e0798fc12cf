"""
What the watch does next for a reference date: land, run, decide, say that it is late.

It follows from what is owed, from how it stands and from the moment alone, so that a watch that
was killed goes on where it stopped, and one that slept through an hour sees that it did
(`traps.md` 4: a timer for each obligation, owned by nobody's run).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import IntEnum

from puntual.model.notice import AT_RISK, MISSED, MISSED_START

AGAIN = timedelta(minutes=10)
"""Between two runs of a day that is not delivered and not yet late."""

AGAIN_DECIDING = timedelta(minutes=5)
"""The longest between two runs from the moment to decide until the report is due."""

AGAIN_LATE = timedelta(hours=1)
"""The same when all its reports are late."""

CLEAR = timedelta(minutes=30)
"""Before a day's start, and from so long before its decision until it is due, nothing that is
late already is begun: its run could still be under way."""

GRACE = timedelta(minutes=5)
"""A run that begins no later than this after its hour began at its hour."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwedDay:
    """
    A reference date with what is owed of it; every instant in UTC.

    Attributes:
        reference_date: The day.
        begins_at: Its first instant in the project's zone: from then on its data may come.
        starts_at: When its run starts.
        due: Report → due instant.
        decide_by: Report → last moment to decide.
    """

    reference_date: date
    begins_at: datetime
    starts_at: datetime
    due: Mapping[str, datetime]
    decide_by: Mapping[str, datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stand:
    """
    How a reference date stands.

    Attributes:
        done: The reports that are not tried any more: sent in full, or a person has said so.
        given_up: Those of them that were not sent: a person has said so.
        partly: The reports that were sent, but not in full: what is missing may come.
        ran_at: When its last run began; None if none did.
        landed_at: When its sources were last landed, by a run or before it; None: never.
    """

    done: frozenset[str] = field(default_factory=frozenset)
    given_up: frozenset[str] = field(default_factory=frozenset)
    partly: frozenset[str] = field(default_factory=frozenset)
    ran_at: datetime | None = None
    landed_at: datetime | None = None


def open_reports(day: OwedDay, stand: Stand) -> tuple[str, ...]:
    """Return the reports of a day that are still to be delivered, by due instant and name."""
    waiting = day.due.keys() - stand.done - stand.partly
    return tuple(sorted(waiting, key=lambda name: (day.due[name], name)))


def next_run(day: OwedDay, stand: Stand, again: timedelta = AGAIN) -> datetime | None:
    """
    Return when a day is to be run next: at its hour, again while it is not delivered, to decide.

    What was sent in part is looked at every hour: what was missing may have come. A run that
    decides and fails is followed by another before the report is due, however seldom the day is
    run else. None when there is nothing left to deliver. An instant that has passed means now.

    Args:
        day: The day.
        stand: How it stands.
        again: Between two runs of a day that is not late.
    """
    waiting = open_reports(day, stand)
    if not waiting:
        return (stand.ran_at or day.starts_at) + AGAIN_LATE if stand.partly else None
    if stand.ran_at is None or stand.ran_at < day.starts_at:
        return day.starts_at
    ran_at = stand.ran_at
    late = all(ran_at >= day.due[name] for name in waiting)
    deciding = any(day.decide_by[name] <= ran_at < day.due[name] for name in waiting)
    between = min(again, AGAIN_DECIDING) if deciding else again
    following = ran_at + (AGAIN_LATE if late else between)
    decisions = (day.decide_by[name] for name in waiting)
    return min([following, *(at for at in decisions if at > ran_at)])


class Urgency(IntEnum):
    """What is begun first where several things are due; a landing is as urgent as it stands."""

    IN_TIME = 0
    LATE = 1
    LANDING = 2
    PARTLY = 3


def urgency(day: OwedDay, stand: Stand, now: datetime) -> tuple[Urgency, datetime]:
    """
    Return how urgent a run of a day is, and by when: less is begun first.

    What can still be in time comes first, the nearest due instant before the others; then what
    is late; last what was sent in part. Of these the one that was run longest ago is first, so
    that each has its turn.
    """
    waiting = open_reports(day, stand)
    ahead = [day.due[name] for name in waiting if now <= day.due[name]]
    if ahead:
        return Urgency.IN_TIME, min(ahead)
    return (Urgency.LATE if waiting else Urgency.PARTLY), stand.ran_at or day.starts_at


def is_kept_clear(found: Iterable[tuple[OwedDay, Stand]], now: datetime) -> bool:
    """Say whether a day is about to start or to be decided, so that nothing late is begun."""
    return any(_is_near(day, stand, now) for day, stand in found)


def _is_near(day: OwedDay, stand: Stand, now: datetime) -> bool:
    has_run = stand.ran_at is not None and stand.ran_at >= day.starts_at
    waiting = open_reports(day, stand)
    if waiting and not has_run and day.starts_at - CLEAR <= now <= day.starts_at:
        return True
    return any(day.decide_by[n] - CLEAR <= now <= day.due[n] for n in waiting)


def next_landing(day: OwedDay, stand: Stand, every: timedelta) -> datetime | None:
    """
    Return when the sources of a day are to be landed next, before its run; None: no more.

    Args:
        day: The day.
        stand: How it stands.
        every: Between two landings; zero: never before the run.
    """
    if not every or not open_reports(day, stand):
        return None
    at = day.begins_at if stand.landed_at is None else stand.landed_at + every
    at = max(at, day.begins_at)
    return at if at < day.starts_at else None


def causes(day: OwedDay, stand: Stand, now: datetime) -> Iterator[tuple[str, str]]:
    """
    Yield (report, cause) of what is to be told of a day at a moment, each as long as it holds.

    A report is at risk when it is not delivered by the run that decides, or when there was none,
    until it is due; then it is missed.
    """
    for name in open_reports(day, stand):
        if now > day.due[name]:
            yield name, MISSED
        elif _undecided(day.decide_by[name], stand, now):
            yield name, AT_RISK
        if stand.ran_at is None and now > day.starts_at + GRACE:
            yield name, MISSED_START


def _undecided(decide_by: datetime, stand: Stand, now: datetime) -> bool:
    has_run = stand.ran_at is not None and stand.ran_at >= decide_by
    return now >= decide_by and (has_run or now > decide_by + GRACE)


def instants(
    day: OwedDay, stand: Stand, every: timedelta, again: timedelta = AGAIN
) -> Iterator[datetime]:
    """Yield the instants at which something is to be done or said of a day."""
    for at in (next_run(day, stand, again), next_landing(day, stand, every)):
        if at is not None:
            yield at
    for name in open_reports(day, stand):
        yield day.decide_by[name]
        yield day.decide_by[name] + GRACE + timedelta(seconds=1)
        yield day.due[name] + timedelta(seconds=1)


def wake(found: Iterable[datetime], now: datetime, longest: timedelta) -> datetime:
    """Return the first instant after now, but none that is farther than the longest sleep."""
    return min([now + longest, *(at for at in found if at > now)])
