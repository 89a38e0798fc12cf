"""When a delivery is finished and until when one may decide, from what earlier runs took."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest

from puntual.planner.forecast import (
    forecast,
    latest_starts,
    pace,
    quantile,
    remaining,
)

DUE = datetime(2026, 11, 23, 13, tzinfo=UTC)
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
WORST = timedelta(hours=4)
TWENTY = [{"load": n * MINUTE, "report": 2 * MINUTE} for n in range(1, 21)]
RESERVE = 10 * MINUTE


def test_decide_by_is_due_less_p95_of_the_remaining_steps_less_the_reserve() -> None:
    found = forecast(["load", "report"], TWENTY, worst=WORST, now=NOW, due_at=DUE, reserve=RESERVE)
    assert found.remaining.p50 == 12 * MINUTE
    assert found.remaining.p95 == 21 * MINUTE
    assert found.decide_by == DUE - 21 * MINUTE - 10 * MINUTE
    assert (found.mid, found.high) == (NOW + 12 * MINUTE, NOW + 21 * MINUTE)
    assert (found.miss, found.is_worst, found.runs) == (Fraction(0), False, 20)


def test_the_chance_of_a_miss_is_counted_and_said_with_its_number() -> None:
    late = DUE - 18 * MINUTE
    found = forecast(["load", "report"], TWENTY, worst=WORST, now=late, due_at=DUE, reserve=RESERVE)
    assert found.miss == Fraction(4, 20)
    assert found.sentence() == "20 % missed, from 20 days"


def test_with_few_days_the_worst_case_stands_in_and_it_is_said() -> None:
    found = forecast(
        ["load", "report"], TWENTY[:4], worst=WORST, now=NOW, due_at=DUE, reserve=RESERVE
    )
    assert (found.is_worst, found.runs, found.miss) == (True, 4, None)
    assert found.decide_by == DUE - WORST - RESERVE
    assert found.high == NOW + WORST
    assert found.sentence() == (
        "no history (4 of 5 days): the worst case within the limits of the run"
    )


def test_a_run_that_lacks_a_step_says_nothing_of_the_rest() -> None:
    resumed = [*TWENTY, *({"report": MINUTE} for _ in range(50))]
    assert remaining(["load", "report"], resumed, WORST).runs == 20


def test_the_run_waits_for_its_start_and_for_the_last_data() -> None:
    begins = NOW + 5 * MINUTE
    arrivals = [NOW - MINUTE, NOW + 10 * MINUTE, NOW + 50 * MINUTE]
    found = forecast(
        ["report"], TWENTY, worst=WORST, now=NOW, due_at=DUE, reserve=RESERVE, begins=begins,
        complete=arrivals,
    )  # fmt: skip
    assert found.low == begins + 2 * MINUTE
    assert found.mid == NOW + 12 * MINUTE
    assert found.high == NOW + 52 * MINUTE
    assert found.sentence() == "0 % missed, from 20 days and 3 days of arrivals"


def test_with_nothing_left_to_do_it_is_finished_now() -> None:
    found = forecast([], [], worst=timedelta(), now=NOW, due_at=DUE, reserve=RESERVE)
    assert (found.low, found.high, found.is_worst) == (NOW, NOW, False)
    assert found.decide_by == DUE - RESERVE


def test_each_step_has_its_own_latest_start() -> None:
    worst = {"load": WORST, "report": MINUTE}
    found = latest_starts(["load", "report"], TWENTY, worst=worst, due_at=DUE, reserve=RESERVE)
    assert found == {"load": DUE - 31 * MINUTE, "report": DUE - 12 * MINUTE}


@pytest.mark.parametrize(
    ("took", "said"),
    [(timedelta(seconds=5), "quick"), (30 * MINUTE, ""), (90 * MINUTE, "slow")],
)
def test_a_step_that_was_too_quick_is_as_odd_as_a_slow_one(took: timedelta, said: str) -> None:
    earlier = [n * MINUTE for n in range(20, 40)]
    assert pace(took, earlier) == said
    assert pace(took, earlier[:4]) == ""


def test_a_quantile_is_a_value_that_was_seen() -> None:
    assert [quantile([10, 20, 30], p) for p in (0, 33, 34, 67, 95, 100)] == [10, 10, 20, 30, 30, 30]
    with pytest.raises(IndexError):
        quantile([], 50)
