"""The only way to ask what time it is."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """The time of day; `--as-of` replaces it in drills and tests."""

    def now(self) -> datetime:
        """Return this instant, in UTC and with its zone."""

    def monotonic(self) -> float:
        """Return seconds from some fixed start; for durations only."""
