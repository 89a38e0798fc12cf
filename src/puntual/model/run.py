"""When a run starts and how long each of its steps may take, as `puntual.yaml` declares it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import time


@dataclass(frozen=True, slots=True, kw_only=True)
class StepTimes:
    """
    How long a step may take, and how it is tried again; seconds, whole.

    The n-th wait is drawn from [0, min(interval * backoff**(n-1), max_delay)]. All of them are
    whole numbers, for what Step Functions does with a fraction is not documented (aws.md 2).

    Attributes:
        timeout: Of one attempt.
        retries: Further attempts after a technical fault that may pass; 0 is none.
        interval: Before the first retry.
        backoff: Each wait is so many times the one before.
        max_delay: No wait is longer.
    """

    timeout: int
    retries: int = 1
    interval: int = 10
    backoff: int = 2
    max_delay: int = 60


MOST_RETRIES = 100
LONGEST_TIMEOUT = 24 * 3600
"""Of one step, in seconds; what is longer is no step of a daily run."""

DEFAULT_TIMES: Mapping[str, StepTimes] = {
    "land": StepTimes(timeout=300, retries=2),
    "curate": StepTimes(timeout=240),
    "build": StepTimes(timeout=240),
    "validate": StepTimes(timeout=300),
    "load": StepTimes(timeout=300),
    "reconcile": StepTimes(timeout=300),
    "decide": StepTimes(timeout=60),
    "report": StepTimes(timeout=120),
    "attest": StepTimes(timeout=120),
    "deliver": StepTimes(timeout=120, retries=2),
    "rehearse": StepTimes(timeout=300, retries=0),
}
"""By kind of step; what asks a world that may be out for a while is tried once more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSettings:
    """
    The times of a run.

    Attributes:
        starts: Wall time in the project's zone, on the first due day of the run's reports.
        margin: Seconds before the due time at which the worst case must have ended.
        kinds: By kind of step (`land`, `curate`, …); every kind is there.
        steps: By step id; replaces the kind's.
    """

    starts: time = time(2, 0)
    margin: int = 15 * 60
    kinds: Mapping[str, StepTimes] = field(default_factory=lambda: DEFAULT_TIMES)
    steps: Mapping[str, StepTimes] = field(default_factory=dict)
