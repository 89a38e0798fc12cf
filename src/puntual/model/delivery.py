"""A delivery: report × reference date × version, on three axes that are never mixed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum


class State(StrEnum):
    """Where the delivery stands."""

    SCHEDULED = "scheduled"
    COLLECTING = "collecting"
    CHECKING = "checking"
    HELD = "held"
    READY = "ready"
    SIGNED = "signed"
    SENT = "sent"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    SUPERSEDED = "superseded"


class Completeness(StrEnum):
    """How much of it there is."""

    FULL = "full"
    PARTIAL = "partial"
    EMERGENCY = "emergency"


class Timeliness(StrEnum):
    """How it stands to its deadline."""

    ON_TIME = "on_time"
    AT_RISK = "at_risk"
    LATE = "late"
    MISSED = "missed"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryId:
    """`credit_daily/2026-11-20/v1`."""

    report: str
    reference_date: date
    version: int

    def __str__(self) -> str:
        return f"{self.report}/{self.reference_date.isoformat()}/v{self.version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why a delivery is not full: code, what it is about, and one sentence."""

    code: str
    about: str
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """
    What may be delivered.

    Attributes:
        completeness: None to hold.
        reasons: What stands in the way (hold) or must be told (exceptions), sorted.
        exceptions: Things that do not stand in the way but are named in the exceptions
            document, sorted.
    """

    completeness: Completeness | None
    reasons: tuple[Reason, ...]
    exceptions: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """
    A delivery as it stands.

    Attributes:
        id: Which.
        state: First axis.
        completeness: Second axis; None until decided.
        timeliness: Third axis.
        due_at: With its zone.
        sent_at: UTC; None until sent.
        file_name: The regulator's file; "" until made.
        sha256: Its digest; "" until made.
        reasons: Why it is held.
        exceptions: How many exceptions its document names.
    """

    id: DeliveryId
    state: State
    completeness: Completeness | None
    timeliness: Timeliness
    due_at: datetime
    sent_at: datetime | None = None
    file_name: str = ""
    sha256: str = ""
    reasons: tuple[Reason, ...] = ()
    exceptions: int = 0
