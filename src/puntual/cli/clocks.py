"""Which clock a command goes by: the machine's, or one that stands still at `--as-of`."""

from __future__ import annotations

from datetime import datetime

from puntual.ports.clock import Clock
from puntual.runner.clock import FixedClock, SystemClock


def clock(as_of: datetime | None) -> Clock:
    """Return the clock: the machine's, or one that stands still at an instant."""
    return FixedClock(as_of) if as_of else SystemClock()
