"""The watchdog: what has not started, what will be late, what is quieter than usual."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from infra.projects import made

from puntual.aws.watchdog import Ran, is_low, lines, measured
from puntual.infra.watching import NAMESPACE

START = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
"""02:00 in Mexico City: the run of 2026-11-22, whose report is due at 07:00."""


def said(at: datetime, *ran: Ran) -> dict[str, int]:
    return {each.name: each.value for each in measured(made(), at, ran)}


@pytest.mark.parametrize(
    ("minutes", "late"), [(-60, 0), (0, 0), (4, 0), (5, 1), (60, 1), (60 * 20, 1)]
)
@pytest.mark.row("f63")
def test_a_run_that_has_not_started_is_seen_five_minutes_after_its_hour(
    minutes: int, late: int
) -> None:
    assert said(START + timedelta(minutes=minutes))["NotStarted"] == late


@pytest.mark.parametrize("status", ["RUNNING", "SUCCEEDED", "FAILED"])
def test_a_run_that_has_started_is_not_missed_however_it_stands(status: str) -> None:
    ran = Ran(at=START + timedelta(minutes=1), status=status)
    assert said(START + timedelta(minutes=10), ran)["NotStarted"] == 0


def test_yesterdays_run_does_not_count_for_today() -> None:
    yesterday = Ran(at=START - timedelta(days=1), status="SUCCEEDED")
    assert said(START + timedelta(minutes=10), yesterday)["NotStarted"] == 1


@pytest.mark.parametrize(("status", "risk"), [("RUNNING", 1), ("FAILED", 1), ("SUCCEEDED", 0)])
def test_a_report_is_at_risk_when_its_run_has_not_ended_well_before_the_margin(
    status: str, risk: int
) -> None:
    ran = Ran(at=START, status=status)
    due = START + timedelta(hours=5)
    assert said(due - timedelta(minutes=1), ran)["DeadlineAtRisk"] == risk
    assert said(due - timedelta(hours=4), ran)["DeadlineAtRisk"] == 0


@pytest.mark.parametrize(
    ("last", "before", "low"),
    [
        (100, (100, 110, 90, 100), False),
        (49, (100, 110, 90, 100), True),
        (0, (100, 100, 0, 0), True),
        (0, (100, 0, 0, 0), False),
        (0, (0, 0, 0, 0), False),
    ],
)
def test_an_hour_is_low_beside_the_same_hour_of_other_weeks(
    last: int, before: tuple[int, ...], low: bool
) -> None:
    assert is_low(last, before) is low


def test_a_metric_is_a_line_that_cloudwatch_reads() -> None:
    line, *_ = lines("banco", measured(made(), START, ()), START)
    found = json.loads(line)
    (metrics,) = found["_aws"]["CloudWatchMetrics"]
    assert metrics["Namespace"] == NAMESPACE
    assert metrics["Dimensions"] == [["Project"]]
    assert (found["Project"], found["NotStarted"]) == ("banco", 0)
