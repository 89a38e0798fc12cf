"""What is owed and when: a report's terms, and the obligations that follow from its calendar."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time
from enum import StrEnum

from puntual.model.delivery import Timeliness
from puntual.model.notice import Obligation


class Cadence(StrEnum):
    """
    Which reference dates a report is owed for.

    Of a month there are two ends: the last day on which the bank was open, and the last day of
    the calendar, which may be a Sunday; regulations mean either.
    """

    BUSINESS_DAY = "business_day"
    WEEK = "week"
    MONTH_END = "month_end"
    CALENDAR_MONTH_END = "calendar_month_end"


DEFAULT_RESERVE = 15 * 60
"""
Seconds before the due instant by which what was decided is delivered, at the worst.

A deliverable is to exist a quarter of an hour before the deadline.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """
    When a report is owed, as its `report.yaml` declares it.

    Attributes:
        report: Its name.
        calendar: Name of the business calendar.
        cadence: For which reference dates.
        due_after: Business days after the reference date.
        due_at: Wall-clock time of the due instant in `time_zone`.
        time_zone: IANA zone of the deadline.
        reserve: Decision reserve in seconds: how long before the last moment to begin
            delivering the decision must have been taken.
        owed_from: First reference date for which it is owed; None: not declared.
    """

    report: str
    calendar: str
    due_after: int
    due_at: time
    time_zone: str
    cadence: Cadence = Cadence.BUSINESS_DAY
    reserve: int = DEFAULT_RESERVE
    owed_from: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Owed:
    """
    An obligation with its deadline, which exists whether or not anything ran.

    Attributes:
        obligation: Report and reference date.
        due_at: With the report's zone.
        timeliness: Of a report that was not sent: `on_time` until it is due, then `missed`.
        reserve: Decision reserve in seconds.
    """

    obligation: Obligation
    due_at: datetime
    timeliness: Timeliness
    reserve: int = DEFAULT_RESERVE
