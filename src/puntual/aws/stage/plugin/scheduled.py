"""Context attributes in the input of a schedule's target."""

from __future__ import annotations

import re
import time


def instant(expression: str, fired: float) -> str:
    """
    Return the instant that a schedule stands for: that of `at(…)`, else the minute it fired in.

    >>> instant("at(2026-11-23T02:00:00)", 1795399201.0)
    '2026-11-23T02:00:00Z'
    """
    once = re.fullmatch(r"\s*at\((.+)\)\s*", expression)
    return f"{once[1]}Z" if once else time.strftime("%Y-%m-%dT%H:%M:00Z", time.gmtime(fired))


def filled(text: str, *, expression: str, fired: float, identity: str, schedule: str) -> str:
    """Replace every context attribute that Scheduler documents."""
    values = {
        "schedule-arn": schedule,
        "scheduled-time": instant(expression, fired),
        "execution-id": identity,
        "attempt-number": "1",
    }
    for name, value in values.items():
        text = text.replace(f"<aws.scheduler.{name}>", value)
    return text
