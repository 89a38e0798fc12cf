"""A delivery: report × reference date × version, on three axes that are never mixed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from puntual.model.policy import Signatures


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
class Applied:
    """
    A clause that was used, and what it covers.

    Attributes:
        clause: Its id in the policy.
        code: Of the reason that it covers.
        about: What that reason is about.
    """

    clause: str
    code: str
    about: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """
    What may be delivered.

    Attributes:
        completeness: None to hold.
        reasons: What stands in the way of a full delivery: it is held for them, or delivered
            without what they name; sorted.
        exceptions: Things that do not stand in the way but are named in the exceptions
            document, sorted.
        waits_until: Held until then, when the policy will deliver less than all of it; None if
            waiting changes nothing.
        policy: Name of the policy that was used; "" if none was.
        policy_digest: Of its file.
        applied: Which clause covers which reason, sorted.
        signing: Whose signatures it needs before it is sent; None if it leaves by itself.
    """

    completeness: Completeness | None
    reasons: tuple[Reason, ...]
    exceptions: tuple[Reason, ...] = ()
    waits_until: datetime | None = None
    policy: str = ""
    policy_digest: str = ""
    applied: tuple[Applied, ...] = ()
    signing: Signatures | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Restatement:
    """
    The next version of a delivery that was sent.

    Attributes:
        report: Which report.
        version: Which version is made.
        supersedes: Digest of the `deliver:` manifest of the version before.
        reason: Why, as a person or the run gave it; "" while it is only looked at.
        person: Who asked for it; "" if the run did.
    """

    report: str
    version: int
    supersedes: str
    reason: str = ""
    person: str = ""


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
