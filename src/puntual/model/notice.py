"""A notice: what people are told of an obligation, once for each cause (design 4.15)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from enum import StrEnum

from puntual.model.check import Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Obligation:
    """What is owed: a report for a reference date; written `credit_daily/2026-11-20`."""

    report: str
    reference_date: date

    def __str__(self) -> str:
        return f"{self.report}/{self.reference_date.isoformat()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """
    One notice, open until it is resolved.

    Attributes:
        obligation: What is threatened.
        cause: `held`, or the code of the fault; at most one open notice for each.
        severity: `error`: page somebody, a machine failed; `warn`: the data needs a person.
        text: At most four lines; codes, names and counts, never a value of the data.
        opened_at: UTC.
        resolved_at: UTC; None while it is open.
        ended: What ended it, in a few words; "" while it is open, or where that is not known.
    """

    obligation: Obligation
    cause: str
    severity: Severity
    text: str
    opened_at: datetime
    resolved_at: datetime | None = None
    ended: str = ""


(
    HELD,
    AT_RISK,
    MISSED,
    MISSED_START,
    ARRIVALS,
    REJECTED,
    CALENDAR_ENDED,
    NOT_ALLOWED,
    NOT_FULL,
    UNSIGNED,
) = (
    "held",
    "at_risk",
    "missed",
    "missed_start",
    "arrivals",
    "rejected",
    "calendar_ended",
    "not_allowed",
    "not_full",
    "unsigned",
)
"""
Causes that are no code.

`not_allowed`: at the moment to decide no policy allows a delivery that is not full, though one is
laid down. `not_full`: what was sent is partial, or made by plan B. `unsigned`: it is made, and
people are to sign it before it is sent. Of arrivals the source follows: `arrivals:card_events`. A
rejection is over when the receiver answers again, an ended calendar when it is prolonged,
`not_full` when a full version is sent; every other cause at the latest when the report is
delivered. What a calendar that ended leaves unknown begins with the day after its last: that is
the obligation which is told.
"""


class Audience(StrEnum):
    """Whom a cause concerns."""

    OPERATIONS = "operations"
    DATA = "data"
    COMPLIANCE = "compliance"


class Phase(StrEnum):
    """Which of the two messages of a notice is meant."""

    OPENED = "opened"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """
    A notice on its way to people: that it was opened, or that it is resolved.

    Attributes:
        id: Stable: the same message has the same id however often and by whatever channel it
            is sent, so that a receiver can drop a repeat.
        answers: Id of the message that this one resolves; "" of an opening.
        project: Name of the project.
        phase: Which of the two.
        notice: Of what.
        zone: In which people read its times: the report's.
    """

    id: str
    answers: str
    project: str
    phase: Phase
    notice: Notice
    zone: tzinfo = UTC


class SendState(StrEnum):
    """
    How a message stands to one receiver.

    `queued`: to be sent, perhaps again; `told`: the receiver has taken it; `dropped`: what it
    says was over before it could be told.
    """

    QUEUED = "queued"
    TOLD = "told"
    DROPPED = "dropped"
