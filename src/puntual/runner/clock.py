"""Port `Clock`: the machine's own clock, or an instant that somebody gave."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime


class SystemClock:
    """What the operating system says."""

    def now(self) -> datetime:
        """Return this instant, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds from some fixed start; for durations only."""
        return time.monotonic()


@dataclass(frozen=True, slots=True)
class FixedClock:
    """
    A clock that stands at one instant (`--as-of`); durations are still measured.

    Raises:
        ValueError: The instant has no zone.
    """

    as_of: datetime

    def __post_init__(self) -> None:
        if self.as_of.tzinfo is None:
            raise ValueError("an instant needs its zone")

    def now(self) -> datetime:
        """Return the given instant, in UTC."""
        return self.as_of.astimezone(UTC)

    def monotonic(self) -> float:
        """Return seconds from some fixed start; for durations only."""
        return time.monotonic()
