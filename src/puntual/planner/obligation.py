"""
What is owed, from the calendar alone: it exists, and can be missed, though nothing ever ran.

Zones come from the caller as `tzinfo`, and the moment as an argument; nothing here reads a
clock. Dates that a calendar does not cover are not guessed (`traps.md` 4).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta, tzinfo

from puntual.errors import ProjectError
from puntual.model.delivery import Timeliness
from puntual.model.notice import Obligation
from puntual.model.obligation import Cadence, Owed, Terms
from puntual.model.project import Project
from puntual.model.report import Calendar
from puntual.planner.calendar import covers, instant, is_business_day, next_business_day

Zones = Callable[[str], tzinfo]
"""Builds the zone of an IANA name."""

_DAY = timedelta(days=1)
_SUNDAY = 7


def owed(
    project: Project, first: date, last: date, as_of: datetime, *, zones: Zones
) -> tuple[Owed, ...]:
    """
    Return what a project owes for the reference dates of a period.

    Args:
        project: Has the reports and their calendars.
        first: First reference date.
        last: Last one, inclusive.
        as_of: The moment, with its zone.
        zones: Builds a zone.

    Returns:
        By due instant, reference date and report; dates that a calendar does not cover, or
        whose due day it does not cover, are left out: see `last_known`.
    """
    terms = tuple(report.terms for _, report in sorted(project.reports.items()))
    return owed_by(terms, project.calendars, first, last, as_of, zones=zones)


def owed_by(
    terms: Iterable[Terms],
    calendars: Mapping[str, Calendar],
    first: date,
    last: date,
    as_of: datetime,
    *,
    zones: Zones,
) -> tuple[Owed, ...]:
    """Return what is owed by several terms; see `owed`."""
    found = [
        Owed(
            obligation=Obligation(report=one.report, reference_date=day),
            due_at=due,
            timeliness=Timeliness.MISSED if as_of > due else Timeliness.ON_TIME,
            reserve=one.reserve,
        )
        for one in terms
        for day, due in dues(one, calendars[one.calendar], first, last, zones(one.time_zone))
    ]
    return tuple(sorted(found, key=_order))


def unmet(
    found: Iterable[Owed], on_record: Iterable[Obligation], since: Mapping[str, date]
) -> tuple[Owed, ...]:
    """
    Return what is owed and has no delivery on record, in the order given.

    Args:
        found: As `owed` returns it.
        on_record: The obligations that have a delivery, in whatever state.
        since: Report → the first reference date of which a miss is told. A report that is not
            in it has no beginning: of it only what is not yet due is told.
    """
    known = frozenset(on_record)
    return tuple(
        one
        for one in found
        if one.obligation not in known
        and (
            one.timeliness is not Timeliness.MISSED
            or since.get(one.obligation.report, date.max) <= one.obligation.reference_date
        )
    )


def dues(
    terms: Terms, calendar: Calendar, first: date, last: date, zone: tzinfo
) -> Iterator[tuple[date, datetime]]:
    """
    Yield the reference dates of a period that are owed, each with its due instant.

    Oldest first; what the calendar does not cover is left out.
    """
    begin = max(first, calendar.valid_from, terms.owed_from or date.min)
    end = min(last, last_known(terms, calendar))
    for ahead in range((end - begin).days + 1):
        day = begin + ahead * _DAY
        if is_owed(terms, calendar, day):
            due = next_business_day(calendar, day, terms.due_after)
            yield day, instant(due, terms.due_at, zone)


def is_owed(terms: Terms, calendar: Calendar, day: date) -> bool:
    """
    Say whether a report is owed for a reference date.

    The date of a week is its last business day, Monday to Sunday (ISO 8601); a week without
    one owes nothing. `owed_from` is not asked: who names a day by hand wants that day.

    Raises:
        ProjectError: P1001 the calendar does not cover the day, or ends before it is known
            whether another business day follows in its week or month.
    """
    if terms.cadence is Cadence.CALENDAR_MONTH_END:
        covers(calendar, day)
        return _ends_month(day)
    if not is_business_day(calendar, day):
        return False
    if terms.cadence is Cadence.BUSINESS_DAY:
        return True
    return not any(is_business_day(calendar, d) for d in _rest(terms.cadence, day))


def owed_on(project: Project, reports: Iterable[str], day: date) -> tuple[str, ...]:
    """
    Return the reports that are owed for a reference date, in the order given.

    Raises:
        ProjectError: P1001 a calendar does not cover the day.
    """
    terms = (project.reports[name].terms for name in reports)
    return tuple(t.report for t in terms if is_owed(t, project.calendars[t.calendar], day))


def next_owed(terms: Terms, calendar: Calendar, as_of: datetime, zone: tzinfo) -> Owed:
    """
    Return the obligation of a report that is due next: at a moment or after it.

    Raises:
        ProjectError: C1502 the calendar ends before it.
    """
    at = as_of.astimezone(UTC)
    begin = as_of.date() - longest_until_due(terms)
    for day, due in dues(terms, calendar, begin, date.max, zone):
        if due.astimezone(UTC) >= at:
            return Owed(
                obligation=Obligation(report=terms.report, reference_date=day),
                due_at=due,
                timeliness=Timeliness.ON_TIME,
                reserve=terms.reserve,
            )
    raise ProjectError(
        "C1502",
        f"the calendar {calendar.name} ends before '{terms.report}' is due again",
        where=f"calendars/{calendar.name}.yaml",
        expected=f"the business days after {calendar.valid_until.isoformat()}",
        observed=f"valid until {calendar.valid_until.isoformat()}",
        next_step="add the days that its legal source has published and extend valid_until; "
        f"puntual calendar refresh {calendar.name} proposes them",
    )


def longest_until_due(terms: Terms) -> timedelta:
    """
    Return a time after which every reference date of a report is due.

    2 x business days + 31 days: of a week at most half is closed in the long run, and no
    calendar closes for a month.
    """
    return timedelta(days=2 * terms.due_after + 31)


def last_known(terms: Terms, calendar: Calendar) -> date:
    """
    Return the last date of which the calendar can tell whether and when the report is due.

    Of every date up to it that is known. It is the calendar's last day, or lies before: the due
    day of those after it is past the calendar's end, or the calendar ends in the middle of their
    week or month. The day before the calendar begins if there is none.
    """
    day = calendar.valid_until
    # A day on which nothing is owed says nothing of those before it: their due day may be later
    # than the calendar's end all the same.
    while day >= calendar.valid_from and not _is_due(terms, calendar, day):
        day -= _DAY
    while day < calendar.valid_until and _is_due(terms, calendar, day + _DAY) is not None:
        day += _DAY
    return day


def _is_due(terms: Terms, calendar: Calendar, day: date) -> bool | None:
    """Say whether a report is owed for a date and its due day is known; None: not to be told."""
    try:
        if not is_owed(terms, calendar, day):
            return False
        next_business_day(calendar, day, terms.due_after)
    except ProjectError:
        return None
    return True


def _rest(cadence: Cadence, day: date) -> Iterator[date]:
    """Yield the days that follow in the same week or month."""
    ends = _ends_week if cadence is Cadence.WEEK else _ends_month
    while not ends(day):
        day += _DAY
        yield day


def _ends_week(day: date) -> bool:
    return day.isoweekday() == _SUNDAY or day == date.max


def _ends_month(day: date) -> bool:
    return day == date.max or (day + _DAY).day == 1


def _order(one: Owed) -> tuple[datetime, date, str]:
    return one.due_at.astimezone(UTC), one.obligation.reference_date, one.obligation.report
