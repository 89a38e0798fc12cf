"""
When a delivery will be finished, how likely a miss is, and until when somebody may still decide.

From what earlier runs took, not from a model: the remaining steps of each earlier run are added
up as they were, so that a slow day stays slow in all of its steps. With too few runs the worst
case within the limits of the run stands in (`planner.worst`), and the answer says so. Nothing here
reads a clock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import TypeVar

FEWEST = 5
"""
Days that are needed; with fewer there is `no history`.

Of 5 to 19 days the 95 % quantile is the longest of them (nearest rank).
"""

T = TypeVar("T")

_SECOND = timedelta(seconds=1)
_ZERO = timedelta()

Took = Mapping[str, timedelta]
"""What the steps of one earlier run took, by step id, retries and waits included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remaining:
    """
    How long the steps that are left take.

    Attributes:
        p50: The median.
        p95: In 19 of 20 runs they took at most so long.
        runs: How many earlier runs this rests on; 0: on the worst case.
        totals: Of each run, ascending; the worst case alone without runs.
    """

    p50: timedelta
    p95: timedelta
    runs: int
    totals: tuple[timedelta, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """
    When a delivery is finished.

    Attributes:
        low: As early as in one run of twenty (p5), UTC.
        mid: The median (p50), UTC.
        high: As late as in one run of twenty (p95), UTC.
        decide_by: Due less p95 of the remaining steps less the reserve, UTC; it may have passed.
        miss: Share of the combinations of earlier days that end after the due time; None when it
            rests on the worst case, which has no share.
        is_worst: Rests on the worst case, for want of runs.
        runs: How many earlier runs the durations rest on.
        days: How many earlier days the arrivals rest on; 0: they were not asked, all is there.
        remaining: The steps that are left.
    """

    low: datetime
    mid: datetime
    high: datetime
    decide_by: datetime
    miss: Fraction | None
    is_worst: bool
    runs: int
    days: int
    remaining: Remaining

    def sentence(self) -> str:
        """Return how sure it is, in words."""
        if self.is_worst:
            return f"{no_history(self.runs)}: the worst case within the limits of the run"
        basis = f"{self.runs} days" + (f" and {self.days} days of arrivals" if self.days else "")
        if self.miss is None:
            return f"from {basis}"
        return f"{self.miss.numerator * 100 // self.miss.denominator} % missed, from {basis}"


def no_history(days: int) -> str:
    """Return what is said instead of a forecast that would rest on too few days."""
    return f"no history ({days} of {FEWEST} days)"


def remaining(steps: Sequence[str], runs: Sequence[Took], worst: timedelta) -> Remaining:
    """
    Return how long the steps that are left take.

    Args:
        steps: Their ids; no step takes no time.
        runs: Earlier runs; one that has not all of these steps (it was held, it resumed) is left
            out.
        worst: The worst case of these steps, of `planner.worst`.
    """
    whole = [run for run in runs if all(step in run for step in steps)]
    if len(whole) < FEWEST and steps:
        return Remaining(p50=worst, p95=worst, runs=len(whole), totals=(worst,))
    totals = tuple(sorted(sum((run[s] for s in steps), _ZERO) for run in whole)) or (_ZERO,)
    return Remaining(
        p50=quantile(totals, 50), p95=quantile(totals, 95), runs=len(whole), totals=totals
    )


def forecast(
    steps: Sequence[str],
    runs: Sequence[Took],
    *,
    worst: timedelta,
    now: datetime,
    due_at: datetime,
    reserve: timedelta,
    begins: datetime | None = None,
    complete: Sequence[datetime] = (),
) -> Forecast:
    """
    Say when a delivery will be finished.

    Args:
        steps: Ids of the steps that are left, in any order; they run one after the other.
        runs: What the steps of earlier runs took.
        worst: The worst case of the steps that are left.
        now: The moment, with its zone.
        due_at: The due instant.
        reserve: The decision reserve.
        begins: When the run starts, if it has not; it does not begin before `now`.
        complete: When the data may be complete: one instant for each earlier day that was like
            this one (`arrivals.completions`); none: it is complete.
    """
    left = remaining(steps, runs, worst)
    start = max(now.astimezone(UTC), (begins or now).astimezone(UTC))
    ready = sorted(max(start, one.astimezone(UTC)) for one in complete) or [start]
    ends = sorted(one + total for one in ready for total in left.totals)
    due = due_at.astimezone(UTC)
    is_worst = bool(steps) and left.runs < FEWEST
    late = sum(end > due for end in ends)
    return Forecast(
        low=quantile(ends, 5),
        mid=quantile(ends, 50),
        high=quantile(ends, 95),
        decide_by=due - left.p95 - reserve,
        miss=None if is_worst else Fraction(late, len(ends)),
        is_worst=is_worst,
        runs=left.runs,
        days=len(complete),
        remaining=left,
    )


def latest_starts(
    steps: Sequence[str],
    runs: Sequence[Took],
    *,
    worst: Mapping[str, timedelta],
    due_at: datetime,
    reserve: timedelta,
) -> dict[str, datetime]:
    """
    Return until when each step must have begun: due less p95 of it and all that follow.

    Args:
        steps: Ids in the order in which they run.
        runs: What the steps of earlier runs took.
        worst: The worst case of each step alone.
        due_at: The due instant.
        reserve: The decision reserve.
    """
    found = {}
    for place, step in enumerate(steps):
        rest = steps[place:]
        bound = sum((worst[one] for one in rest), _ZERO)
        left = remaining(rest, runs, bound)
        found[step] = due_at.astimezone(UTC) - left.p95 - reserve
    return found


def pace(took: timedelta, earlier: Sequence[timedelta]) -> str:
    """
    Say whether a step was `quick` (it may have done nothing), `slow`, or "" as usual.

    Quick is less than half of the 5 % quantile, slow more than twice the 95 % quantile; a
    second either way is never called anything.
    """
    if len(earlier) < FEWEST:
        return ""
    order = sorted(earlier)
    if took * 2 < quantile(order, 5) - _SECOND:
        return "quick"
    return "slow" if took > quantile(order, 95) * 2 + _SECOND else ""


def quantile(order: Sequence[T], percent: int) -> T:
    """
    Return the value that so many per cent of sorted values do not exceed (nearest rank).

    Raises:
        IndexError: There is no value.
    """
    rank = -(-len(order) * percent // 100)
    return order[max(rank, 1) - 1]
