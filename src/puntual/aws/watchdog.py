"""
The watchdog: has the run that is owed started, will it be in time, do the sources send?

It is started by a rule every five minutes, not by the scheduler whose silence it looks for, and
it needs neither lake nor lease: the calendars say what is owed, the machine's own list of
executions says what ran. What it finds are metrics (CloudWatch's embedded format, a line of
JSON on standard output); the alarms on them tell people, once, and tell when it is over.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from statistics import median
from typing import Any

from puntual.aws.begin import scheduled
from puntual.aws.clients import client
from puntual.aws.faults import translated
from puntual.aws.settings import Settings
from puntual.aws.world import deployed
from puntual.model.project import Project
from puntual.model.source import StreamSource
from puntual.planner.calendar import due_of
from puntual.planner.obligation import owed_on
from puntual.planner.schedule import start
from puntual.project.zones import zone

NAMESPACE = "Puntual"
GRACE = timedelta(minutes=5)
"""After the start's hour within which nothing is amiss: the schedule is right to a minute."""

AHEAD = timedelta(hours=1)
"""Before a start from which executions count: a person may start the day by hand."""

WEEKS = 4
"""Weeks before that are compared with; fewer than two say nothing."""

LEAST_WEEKS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """An execution of the machine: when it was started, and how it stands."""

    at: datetime
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One value of a metric with its dimensions beside `Project`."""

    name: str
    value: int
    dimensions: tuple[tuple[str, str], ...] = ()


def watchdog(event: Mapping[str, Any], context: object) -> dict[str, object]:
    """
    Look once, and emit what was found.

    Args:
        event: Of the rule; `time` is when it fired, and the clock of a drill.
        context: Lambda's; not used.
    """
    at = datetime.fromisoformat(str(event["time"])).astimezone(UTC)
    settings = Settings.from_environment(os.environ)
    with deployed(settings) as project:
        ran = tuple(_ran(settings.state_machine, at - timedelta(days=2)))
        found = [*measured(project, at, ran), *_volumes(project, at)]
    for line in lines(project.name, found, at):
        sys.stdout.write(line + "\n")
    return {each.name: each.value for each in found}


def measured(project: Project, at: datetime, ran: Sequence[Ran]) -> Iterator[Measured]:
    """
    Yield whether the day has started and whether each report's deadline is at risk.

    Args:
        project: Its calendars and times.
        at: The moment, UTC.
        ran: The machine's executions of the last days.
    """
    day = scheduled(project, at)
    if day is None:
        yield Measured(name="NotStarted", value=0)
        yield from (_risk(report, risk=False) for report in sorted(project.reports))
        return
    reports = owed_on(project, sorted(project.reports), day)
    begins = start(project, reports, day, zone)
    since = [each for each in ran if each.at >= begins - AHEAD]
    late = at >= begins + GRACE and not since
    yield Measured(name="NotStarted", value=int(late))
    ended_well = any(each.status == "SUCCEEDED" for each in since)
    for report in sorted(project.reports):
        risk = report in reports and not ended_well and at >= _risky(project, report, day)
        yield _risk(report, risk=risk)


def _risky(project: Project, report: str, day: date) -> datetime:
    """Return when a report that is not delivered is at risk: due less margin and reserve."""
    seconds = project.run.margin + project.reports[report].reserve
    return due_of(project, report, day, zone).astimezone(UTC) - timedelta(seconds=seconds)


def _risk(report: str, *, risk: bool) -> Measured:
    return Measured(name="DeadlineAtRisk", value=int(risk), dimensions=(("Report", report),))


def is_low(last: float, before: Iterable[float]) -> bool:
    """
    Say whether an hour brought less than half of what it usually does.

    Args:
        last: Records of the hour.
        before: Of the same hour in the weeks before; those without a record say nothing.
    """
    usual = [count for count in before if count > 0]
    return len(usual) >= LEAST_WEEKS and last < median(usual) / 2


def lines(project: str, found: Iterable[Measured], at: datetime) -> Iterator[str]:
    """
    Yield metrics as CloudWatch reads them out of a log.

    Source: CloudWatch, embedded metric format specification.
    """
    for each in found:
        dimensions = {"Project": project, **dict(each.dimensions)}
        yield json.dumps(
            {
                "_aws": {
                    "Timestamp": int(at.timestamp() * 1000),
                    "CloudWatchMetrics": [
                        {
                            "Namespace": NAMESPACE,
                            "Dimensions": [list(dimensions)],
                            "Metrics": [{"Name": each.name, "Unit": "Count"}],
                        }
                    ],
                },
                **dimensions,
                each.name: each.value,
            }
        )


def _ran(machine: str, since: datetime) -> Iterator[Ran]:
    """Yield the executions that were started since an instant, the newest first."""
    with translated(machine, service="states"):
        pages = client("stepfunctions").get_paginator("list_executions")
        for page in pages.paginate(stateMachineArn=machine):
            for each in page["executions"]:
                at = each["startDate"].astimezone(UTC)
                if at < since:
                    return
                yield Ran(at=at, status=each["status"])


def _volumes(project: Project, at: datetime) -> Iterator[Measured]:
    streams = [s for _, s in sorted(project.sources.items()) if isinstance(s, StreamSource)]
    cloudwatch = client("cloudwatch") if streams else None
    hour = at.replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)
    for source in streams:
        last, *before = (
            _records(cloudwatch, source.stream, hour - timedelta(weeks=back))
            for back in range(WEEKS + 1)
        )
        low = is_low(last, before)
        yield Measured(name="VolumeLow", value=int(low), dimensions=(("Source", source.name),))


def _records(cloudwatch: Any, stream: str, hour: datetime) -> float:
    """Return how many records a stream took within the hour that begins then."""
    with translated(f"metrics of {stream}", service="cloudwatch"):
        found = cloudwatch.get_metric_statistics(
            Namespace="AWS/Kinesis",
            MetricName="IncomingRecords",
            Dimensions=[{"Name": "StreamName", "Value": stream}],
            StartTime=hour,
            EndTime=hour + timedelta(hours=1),
            Period=3600,
            Statistics=["Sum"],
        )["Datapoints"]
    return float(sum(point["Sum"] for point in found))
