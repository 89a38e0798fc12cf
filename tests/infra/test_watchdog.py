"""The watchdog: what has not started, what will be late, what is quieter than usual."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from infra.projects import made

from puntual.aws import watchdog as module
from puntual.aws.watchdog import Ran, is_low, lines, measured, watchdog
from puntual.errors import PermanentError
from puntual.infra.watching import NAMESPACE

START = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
"""02:00 in Mexico City: the run of 2026-11-22, whose report is due at 07:00."""
DUE = START + timedelta(hours=5)
DAY, OLD = date(2026, 11, 22), date(2026, 11, 10)


def said(at: datetime, *ran: Ran, sent: tuple[str, ...] | None = ()) -> dict[str, int]:
    return {each.name: each.value for each in measured(made(), at, ran, sent)}


def at_risk(at: datetime, *ran: Ran, sent: tuple[str, ...] | None = ()) -> dict[str, int]:
    """Return report → whether it is at risk, of two reports."""
    found = measured(made(reports=2), at, ran, sent)
    return {dict(each.dimensions)["Report"]: each.value for each in found if each.dimensions}


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
    ran = Ran(at=START + timedelta(minutes=1), status=status, day=DAY)
    assert said(START + timedelta(minutes=10), ran)["NotStarted"] == 0


def test_yesterdays_run_does_not_count_for_today() -> None:
    yesterday = Ran(at=START - timedelta(days=1), status="SUCCEEDED", day=DAY)
    assert said(START + timedelta(minutes=10), yesterday)["NotStarted"] == 1


@pytest.mark.parametrize(("day", "amends"), [(OLD, True), (OLD, False), (DAY, True), (None, False)])
@pytest.mark.row("f63")
def test_what_runs_today_for_another_day_or_replaces_what_was_sent_is_not_todays_run(
    day: date | None, amends: bool
) -> None:
    """An old day is amended at 05:30: looked at, made, sent; today's run never started."""
    ran = [
        Ran(at=DUE - timedelta(minutes=90 - n), status="SUCCEEDED", day=day, amends=amends)
        for n in range(3)
    ]
    late = DUE - timedelta(minutes=1)
    assert said(late, *ran) == {"NotStarted": 1, "DeadlineAtRisk": 1}
    assert said(late, *ran, sent=None) == {"NotStarted": 1, "DeadlineAtRisk": 1}


@pytest.mark.parametrize("status", ["RUNNING", "FAILED", "SUCCEEDED"])
def test_a_report_is_at_risk_when_it_is_not_sent_before_the_margin_however_its_run_stands(
    status: str,
) -> None:
    """A run that holds a report ends well."""
    ran = Ran(at=START, status=status, day=DAY)
    assert said(DUE - timedelta(minutes=1), ran)["DeadlineAtRisk"] == 1
    assert said(DUE - timedelta(minutes=1), ran, sent=("r0",))["DeadlineAtRisk"] == 0
    assert said(DUE - timedelta(hours=4), ran)["DeadlineAtRisk"] == 0


def test_a_report_that_failed_alone_does_not_put_the_one_that_was_sent_beside_it_at_risk() -> None:
    ran = Ran(at=START, status="FAILED", day=DAY)
    late = DUE - timedelta(minutes=1)
    assert at_risk(late, ran, sent=("r1",)) == {"r0": 1, "r1": 0}


@pytest.mark.parametrize(("status", "risk"), [("RUNNING", 1), ("FAILED", 1), ("SUCCEEDED", 0)])
def test_where_nobody_knows_what_was_sent_a_run_that_ended_well_is_taken_for_it(
    status: str, risk: int
) -> None:
    ran = Ran(at=START, status=status, day=DAY)
    late = DUE - timedelta(minutes=1)
    assert at_risk(late, ran, sent=None) == {"r0": risk, "r1": risk}


SCHEDULED = {"reference_date": "", "attempt": 1, "scheduled": "2026-11-23T08:00:00Z"}
BY_HAND = {"reference_date": "2026-11-22", "attempt": 1, "from_step": "", "as_of": ""}
AMENDED = BY_HAND | {"amend": {"reports": ["r0"], "reason": "", "by": "", "part": "look"}}


class States:
    """A machine with executions of these inputs, one a minute from the run's hour on."""

    def __init__(self, *inputs: object) -> None:
        self.inputs = {f"arn:execution:{number}": one for number, one in enumerate(inputs)}

    def get_paginator(self, _: str) -> States:
        return self

    def paginate(self, *, stateMachineArn: str) -> Iterator[dict[str, object]]:  # noqa: N803
        assert stateMachineArn == "arn:machine"
        listed = [
            {"executionArn": arn, "startDate": START + timedelta(minutes=n), "status": "SUCCEEDED"}
            for n, arn in enumerate(self.inputs)
        ]
        yield {"executions": listed[::-1]}

    def describe_execution(self, *, executionArn: str) -> dict[str, str]:  # noqa: N803
        said = self.inputs[executionArn]
        if said is None:
            error = {"Error": {"Code": "ExecutionDoesNotExist", "Message": ""}}
            raise ClientError(error, "DescribeExecution")
        return {"status": "SUCCEEDED", "input": json.dumps(said)}


class Books:
    """A journal of which one report was sent and one is held; or a lake that does not answer."""

    down = False

    def __init__(self, bucket: object) -> None:
        pass

    def deliveries(self, *, reference_date: date) -> list[Any]:
        assert reference_date == DAY
        if self.down:
            raise PermanentError("T5004", "the lake refuses")
        return [
            SimpleNamespace(id=SimpleNamespace(report=name), sent_at=at)
            for name, at in (("r0", START), ("r1", None))
        ]


@pytest.fixture
def deployed(monkeypatch: pytest.MonkeyPatch) -> Mapping[str, Any]:
    """Stand in for the account: what `ask` finds of two reports that no stream feeds."""
    for name in ("PROJECT", "LAKE", "DELIVERIES", "EVIDENCE"):
        monkeypatch.setenv(f"PUNTUAL_{name}", "there")
    monkeypatch.setenv("PUNTUAL_STATE_MACHINE", "arn:machine")

    @contextmanager
    def project(_: object) -> Iterator[object]:
        yield made(reports=2)

    clients: dict[str, Any] = {"s3": None}
    monkeypatch.setattr(module, "deployed", project)
    monkeypatch.setattr(module, "client", lambda service: clients[service])
    monkeypatch.setattr(module, "_volumes", lambda *_: ())
    monkeypatch.setattr(module, "S3Journal", Books)
    return clients


@pytest.mark.parametrize(
    ("given", "late"),
    [
        (SCHEDULED, 0),
        (BY_HAND, 0),
        (AMENDED, 1),
        (BY_HAND | {"reference_date": "2026-11-10"}, 1),
        (SCHEDULED | {"scheduled": "2026-11-22T08:00:00Z"}, 1),
        ({}, 1),
        (["no", "object"], 1),
        (None, 1),
    ],
)
def test_for_which_day_an_execution_is_stands_in_its_input_also_of_one_that_was_scheduled(
    deployed: dict[str, Any], given: object, late: int, capsys: pytest.CaptureFixture[str]
) -> None:
    deployed["stepfunctions"] = States(given)
    at = (DUE - timedelta(hours=4)).isoformat()
    assert watchdog({"time": at}, None)["NotStarted"] == late
    assert len(capsys.readouterr().out.splitlines()) == 3


@pytest.mark.parametrize(
    ("down", "risk"), [(False, {"r0": 0, "r1": 1}), (True, {"r0": 0, "r1": 0})]
)
def test_what_was_sent_is_read_in_the_journal_and_the_executions_count_where_it_is_not_there(
    deployed: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    down: bool,
    risk: dict[str, int],
) -> None:
    """The run ended well with `r1` held."""
    monkeypatch.setattr(Books, "down", down)
    deployed["stepfunctions"] = States(SCHEDULED)
    watchdog({"time": (DUE - timedelta(minutes=1)).isoformat()}, None)
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {m["Report"]: m["DeadlineAtRisk"] for m in found if "Report" in m} == risk


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
    line, *_ = lines("banco", measured(made(), START, (), ()), START)
    found = json.loads(line)
    (metrics,) = found["_aws"]["CloudWatchMetrics"]
    assert metrics["Namespace"] == NAMESPACE
    assert metrics["Dimensions"] == [["Project"]]
    assert (found["Project"], found["NotStarted"]) == ("banco", 0)
