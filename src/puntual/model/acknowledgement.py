"""What the receiver of a delivery answered, or that it could not be reached: a record for good."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from puntual.model.delivery import DeliveryId


class Answer(StrEnum):
    """What became of a delivery at its receiver; `attempted`: nobody was there to answer."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    ATTEMPTED = "attempted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """
    A delivery that was tried and did not arrive.

    Attributes:
        at: UTC.
        outcome: `failed`, `timed out` or `died`.
        sentence: What failed.
    """

    at: datetime
    outcome: str
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledgement:
    """
    One answer of the receiver, or one proof that it was tried in time.

    Attributes:
        delivery: Which version.
        answer: What became of it.
        identifier: The receiver's own: a folio, the number of a ticket.
        at: When it answered, by its own words; UTC.
        recorded_at: When it was written down here; UTC.
        sha256: Digest of the report's file that was sent, or was to be.
        attachment: Digest of the file that proves it; "" for none.
        attempts: What had been tried until then, oldest first; of `attempted` alone.
        retry: False: the receiver has it by another way, and it is not tried again.
    """

    delivery: DeliveryId
    answer: Answer
    identifier: str
    at: datetime
    recorded_at: datetime
    sha256: str
    attachment: str = ""
    attempts: tuple[Attempt, ...] = ()
    retry: bool = True
