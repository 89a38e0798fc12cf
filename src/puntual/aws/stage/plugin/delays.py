"""Delays that a Retry declares (aws.md section 2), and which names its list matches (section 3)."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

UNCATCHABLE = "States.Runtime"
TOO_LARGE = "States.DataLimitExceeded"


def delay(
    retrier: Mapping[str, Any],
    retries: int,
    uniform: Callable[[float, float], float] = random.uniform,
) -> float:
    """
    Return the seconds before a retry (aws.md F2, F4-F6).

    min(IntervalSeconds · BackoffRate^retries, MaxDelaySeconds); with FULL jitter uniform in
    [0, that].

    Args:
        retrier: One object of `Retry`.
        retries: How many of its retries were spent before, from 0.
        uniform: Chooses between two bounds.
    """
    seconds = retrier.get("IntervalSeconds", 1) * retrier.get("BackoffRate", 2.0) ** retries
    seconds = min(seconds, retrier.get("MaxDelaySeconds", seconds))
    full = retrier.get("JitterStrategy") == "FULL"
    return uniform(0, seconds) if full else float(seconds)


def matches(listed: Sequence[str], error: str) -> bool:
    """
    Say whether an `ErrorEquals` matches an error's name (aws.md E2, E3, E4, E5).

    `States.Runtime` is matched by nothing, `States.DataLimitExceeded` by its own name only.
    """
    if error == UNCATCHABLE:
        return False
    if error in listed:
        return True
    if error == TOO_LARGE:
        return False
    return "States.ALL" in listed or ("States.TaskFailed" in listed and error != "States.Timeout")
