"""
The watchdog: has the run that is owed started, will it be in time, do the sources send?

It is started by a rule every five minutes, not by the scheduler whose silence it looks for, and
it needs no lease: the calendars say what is owed, the machine's own executions say what ran, by
their input for which day (the name of one that the scheduler started holds none), and the
journal says what was sent. Where the lake does not answer, the executions alone are gone by.
What it finds are metrics (CloudWatch's embedded format, a line of JSON on standard output); the
alarms on them tell people, once, and tell when it is over.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from statistics import median
from typing import Any

from puntual.aws.begin import day_of, scheduled
from puntual.aws.bucket import Bucket
from puntual.aws.clients import client
from puntual.aws.executions import Executions
from puntual.aws.faults import translated
from puntual.aws.journal import S3Journal
from puntual.aws.settings import Settings
from puntual.aws.wire import AMEND
from puntual.aws.world import deployed
from puntual.errors import ProjectError, PuntualError
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
    """
    An execution of the machine.

    Attributes:
        at: When it was started, UTC.
        status: How it stands.
        day: The reference date that it is for; None of none.
        amends: It replaces what was sent, and delivers nothing that is owed.
    """

    at: datetime
    status: str
    day: date | None
    amends: bool = False


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
        ran = tuple(_ran(project, settings.state_machine, at - timedelta(days=2)))
        sent = _sent(project, settings.lake, scheduled(project, at))
        found = [*measured(project, at, ran, sent), *_volumes(project, at)]
    for line in lines(project.name, found, at):
        sys.stdout.write(line + "\n")
    return {each.name: each.value for each in found}


def measured(
    project: Project, at: datetime, ran: Sequence[Ran], sent: Collection[str] | None
) -> Iterator[Measured]:
    """
    Yield whether the day has started and whether each report's deadline is at risk.

    Args:
        project: Its calendars and times.
        at: The moment, UTC.
        ran: The machine's executions of the last days, for whatever day.
        sent: The reports that were sent for the day, however much of them; None where nobody
            knows, and a run of the day that ended well is taken for it.
    """
    day = scheduled(project, at)
    if day is None:
        yield Measured(name="NotStarted", value=0)
        yield from (_risk(report, risk=False) for report in sorted(project.reports))
        return
    reports = owed_on(project, sorted(project.reports), day)
    begins = start(project, reports, day, zone)
    of_day = [each for each in ran if each.day == day and not each.amends]
    since = [each for each in of_day if each.at >= begins - AHEAD]
    late = at >= begins + GRACE and not since
    yield Measured(name="NotStarted", value=int(late))
    ended_well = any(each.status == "SUCCEEDED" for each in since)
    for report in sorted(project.reports):
        delivered = ended_well if sent is None else report in sent
        risk = report in reports and not delivered and at >= _risky(project, report, day)
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


def _ran(project: Project, machine: str, since: datetime) -> Iterator[Ran]:
    """Yield the executions that were started since an instant, the newest first."""
    states = client("stepfunctions")
    executions = Executions(states, machine, project.name)
    with translated(machine, service="states"):
        pages = states.get_paginator("list_executions")
        for page in pages.paginate(stateMachineArn=machine):
            for each in page["executions"]:
                at = each["startDate"].astimezone(UTC)
                if at < since:
                    return
                try:
                    said: object = executions.read(each["executionArn"], 0).said
                except LookupError:
                    continue  # it is listed before it can be described
                if isinstance(said, Mapping):  # somebody may have started it with any JSON
                    day = _day(project, said)
                    yield Ran(at=at, status=each["status"], day=day, amends=AMEND in said)


def _day(project: Project, said: Mapping[str, object]) -> date | None:
    """Return the reference date that an input is for; None where the run is refused by it."""
    try:
        return day_of(project, said)
    except ProjectError:
        return None


def _sent(project: Project, lake: str, day: date | None) -> frozenset[str] | None:
    """Return the reports that were sent for a day; None where the lake does not answer."""
    if day is None:
        return frozenset()
    journal = S3Journal(Bucket(client("s3"), lake, project.name).below("journal"))
    try:
        found = journal.deliveries(reference_date=day)
    except PuntualError:
        return None  # whether the run started is said all the same
    return frozenset(delivery.id.report for delivery in found if delivery.sent_at)


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
