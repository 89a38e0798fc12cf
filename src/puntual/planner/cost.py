"""
What a day costs on AWS, and what saturates first: an estimate from a few declared rates.

It is arithmetic, not a bill. Rates of work (records a second) are assumptions that are printed
with the result; prices come from a dated file that anybody may edit. Money is exact.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from puntual.model.flow import Flow, Task
from puntual.model.plan import Curate, Land, Load
from puntual.model.project import Project
from puntual.model.source import StreamSource
from puntual.planner.flow import flow
from puntual.planner.plan import plan

VOLUMES = (1_000_000, 10_000_000, 100_000_000, 1_000_000_000)
"""Events of a day that are estimated unless others are asked for."""

PRICES = (
    "kinesis_stream_hour",
    "kinesis_gb_in",
    "kinesis_gb_out",
    "s3_gb_month",
    "s3_put_1000",
    "s3_get_1000",
    "glue_dpu_hour",
    "redshift_rpu_hour",
    "athena_tb",
    "lambda_gb_second",
    "lambda_million_requests",
    "states_1000_transitions",
    "kms_key_month",
    "kms_10000_requests",
    "logs_gb",
    "alarm_month",
    "metric_month",
    "dashboard_month",
)
"""Every price that is needed, by its name in the file."""

GB = Decimal(10**9)
TB = Decimal(10**12)
HOUR = Decimal(3600)
DAYS = Decimal(30)
"""Of a month."""

ANY_DAY = date(2000, 1, 1)
KIB = 1024
KEYS = 5
OUTSIDE = 8
"""Transitions of states that are no steps: begin, choices, end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """
    How a day looks and how fast it is worked on; assumptions, each to be measured.

    Attributes:
        record: Bytes of a record on the stream.
        peak: Share of a day's records that comes in its busiest hour.
        curated: Bytes of a record in raw and curated Parquet together, per byte of record.
        object_records: Records of one object.
        land: Records a second that one DPU lands.
        curate: Records a second that one DPU curates.
        load: Records a second that one RPU copies.
        query: Records a second that one RPU reads for the report and the reconciliation.
        measure: Records a second that a function measures (DuckDB, 2 vCPU).
        memory: GB of a function.
        scratch: Bytes that a function keeps of located objects.
        workers: DPU of a Glue job.
        capacity: RPU of the workgroup.
    """

    record: int = 500
    peak: Decimal = Decimal("0.15")
    curated: Decimal = Decimal("0.6")
    object_records: int = 1_000_000
    land: int = 40_000
    curate: int = 60_000
    load: int = 25_000
    query: int = 500_000
    measure: int = 1_000_000
    memory: Decimal = Decimal(3)
    scratch: int = 3 << 30
    workers: int = 2
    capacity: int = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """
    One service's part of a day.

    Attributes:
        service: Its name.
        uses: How much of it, for people.
        amount: In the currency of the prices.
    """

    service: str
    uses: str
    amount: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Saturated:
    """
    What a volume is too much for.

    Attributes:
        service: Its name.
        expected: What it takes as it is set up.
        observed: What the day needs.
        raise_what: What to change.
    """

    service: str
    expected: str
    observed: str
    raise_what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """
    A day of so many events.

    Attributes:
        events: Of the day, over all streams.
        lines: By service.
        saturated: What has to be raised before; empty if nothing.
    """

    events: int
    lines: tuple[Line, ...]
    saturated: tuple[Saturated, ...]

    @property
    def amount(self) -> Decimal:
        """What the day costs."""
        return sum((line.amount for line in self.lines), Decimal(0))


def estimate(
    project: Project, events: int, prices: Mapping[str, Decimal], shape: Shape
) -> Estimate:
    """
    Estimate a day.

    Args:
        project: Its streams, steps and times.
        events: Of the day, over all streams.
        prices: By the names of `PRICES`.
        shape: How the day looks, and the sizes of the deployment.

    Raises:
        KeyError: A price is not there.
    """
    day = _Day(project=project, events=events, prices=prices, shape=shape)
    return Estimate(
        events=events,
        lines=(
            day.kinesis(),
            day.glue(),
            day.storage(),
            day.redshift(),
            day.athena(),
            day.functions(),
            day.machine(),
            day.operations(),
        ),
        saturated=day.saturated(),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Day:
    project: Project
    events: int
    prices: Mapping[str, Decimal]
    shape: Shape

    @property
    def streams(self) -> int:
        return sum(isinstance(s, StreamSource) for s in self.project.sources.values())

    @property
    def bytes(self) -> int:
        return self.events * self.shape.record

    @property
    def stored(self) -> Decimal:
        return self.bytes * self.shape.curated

    def kinesis(self) -> Line:
        shape, prices = self.shape, self.prices
        counted = self.events * -(-shape.record // KIB) * KIB
        amount = (
            24 * self.streams * prices["kinesis_stream_hour"]
            + counted / GB * prices["kinesis_gb_in"]
            + self.bytes / GB * prices["kinesis_gb_out"]
        )
        return Line(
            service="Kinesis",
            uses=f"{self.streams} stream(s) on demand, {_gb(counted)} in, {_gb(self.bytes)} out",
            amount=amount,
        )

    def job_seconds(self) -> dict[str, Decimal]:
        """Return the seconds of each job, start-up not counted, which is not billed."""
        least = Decimal(60)
        rates = {"land": self.shape.land, "curate": self.shape.curate}
        found = {
            job: max(least, Decimal(self.events) / (rate * self.shape.workers))
            for job, rate in rates.items()
        }
        return {**found, "load": max(least, self.load_seconds())}

    def load_seconds(self) -> Decimal:
        return Decimal(self.events) / (self.shape.load * self.shape.capacity)

    def glue(self) -> Line:
        seconds = self.job_seconds()
        hours = sum(seconds.values(), Decimal(0)) * self.shape.workers / HOUR
        shown = ", ".join(f"{job} {_minutes(s)}" for job, s in seconds.items())
        return Line(
            service="Glue",
            uses=f"{_round(hours)} DPU-hours ({shown} on {self.shape.workers} DPU)",
            amount=hours * self.prices["glue_dpu_hour"],
        )

    def storage(self) -> Line:
        objects = 3 * (self.events // self.shape.object_records + 1)
        requests = objects * 4 + 400
        amount = (
            self.stored / GB * self.prices["s3_gb_month"] * 12
            + Decimal(requests) / 1000 * self.prices["s3_put_1000"]
            + Decimal(requests * 5) / 1000 * self.prices["s3_get_1000"]
        )
        uses = f"{_gb(self.stored)} of raw and curated, kept for a year; {requests} writes"
        return Line(service="S3", uses=uses, amount=amount)

    def redshift(self) -> Line:
        asked = Decimal(3 * self.events) / (self.shape.query * self.shape.capacity)
        seconds = max(Decimal(60), self.load_seconds()) + max(Decimal(60), asked)
        hours = seconds * self.shape.capacity / HOUR
        return Line(
            service="Redshift Serverless",
            uses=f"{_round(hours)} RPU-hours ({_minutes(seconds)} on {self.shape.capacity} RPU)",
            amount=hours * self.prices["redshift_rpu_hour"],
        )

    def athena(self) -> Line:
        """Plan B is rehearsed every day: each report that has one reads raw once."""
        rehearsed = sum(r.emergency is not None for r in self.project.reports.values())
        scanned = self.stored / 2 * rehearsed
        return Line(
            service="Athena",
            uses=f"{_gb(scanned)} of raw, for {rehearsed} rehearsal(s)",
            amount=scanned / TB * self.prices["athena_tb"],
        )

    def functions(self) -> Line:
        tasks = [s for s in self.flow.states.values() if isinstance(s, Task)]
        called = sum(not isinstance(t.step, Land | Curate | Load) for t in tasks) + OUTSIDE
        measured = 2 * Decimal(self.events) / self.shape.measure
        watching = Decimal(288)  # every five minutes
        seconds = measured + called * 3 + watching
        amount = (
            seconds * self.shape.memory * self.prices["lambda_gb_second"]
            + (called + watching) / 10**6 * self.prices["lambda_million_requests"]
        )
        uses = f"{called} calls and the watchdog, {_round(seconds * self.shape.memory)} GB-seconds"
        return Line(service="Lambda", uses=uses, amount=amount)

    def machine(self) -> Line:
        transitions = len(self.flow.states) + OUTSIDE
        return Line(
            service="Step Functions",
            uses=f"at most {transitions} transitions",
            amount=Decimal(transitions) / 1000 * self.prices["states_1000_transitions"],
        )

    def operations(self) -> Line:
        alarms = 9 + len(self.project.reports) + 3 * self.streams
        metrics = 1 + len(self.project.reports) + self.streams
        month = (
            alarms * self.prices["alarm_month"]
            + metrics * self.prices["metric_month"]
            + self.prices["dashboard_month"]
            + KEYS * self.prices["kms_key_month"]
        )
        requests = 2000 + self.events // self.shape.object_records * 20
        amount = (
            month / DAYS
            + Decimal(requests) / 10000 * self.prices["kms_10000_requests"]
            + Decimal("0.1") * self.prices["logs_gb"]
        )
        uses = f"{alarms} alarms, {metrics} metrics, a dashboard, {KEYS} keys, 0.1 GB of logs"
        return Line(service="KMS, CloudWatch, SNS", uses=uses, amount=amount)

    @property
    def flow(self) -> Flow:
        return flow(self.project, plan(self.project, ANY_DAY))

    def saturated(self) -> tuple[Saturated, ...]:
        found = (self._stream(), *self._jobs(), self._function())
        return tuple(one for one in found if one is not None)

    def _stream(self) -> Saturated | None:
        second = self.bytes * self.shape.peak / HOUR / max(1, self.streams)
        if second <= STREAM_BYTES:
            return None
        return Saturated(
            service="Kinesis",
            expected=f"{_mb(Decimal(STREAM_BYTES))}/s into a stream on demand, without asking",
            observed=f"{_mb(second)}/s in the busiest hour",
            raise_what="ask for a higher quota of on-demand throughput, or divide the stream",
        )

    def _jobs(self) -> tuple[Saturated, ...]:
        found = []
        tasks = [s for s in self.flow.states.values() if isinstance(s, Task)]
        for job, seconds in self.job_seconds().items():
            allowed = sum(t.timeout for t in tasks if t.name.startswith(JOB_STEPS[job]))
            if seconds > allowed:
                found.append(
                    Saturated(
                        service=f"Glue job {job}",
                        expected=f"{_minutes(Decimal(allowed))} for its steps (run.steps)",
                        observed=f"{_minutes(seconds)} on {self.shape.workers} DPU",
                        raise_what="workers of the job"
                        if job != "load"
                        else "base capacity of the workgroup",
                    )
                )
        return tuple(found)

    def _function(self) -> Saturated | None:
        if self.stored / 2 <= self.shape.scratch:
            return None
        return Saturated(
            service="Lambda",
            expected=f"{_gb(Decimal(self.shape.scratch))} of located objects in a function",
            observed=f"{_gb(self.stored / 2)} curated of one day",
            raise_what="the function's scratch (10 GB at most); beyond it, checks on Spark",
        )


STREAM_BYTES = 200 * 10**6
"""A second, into one stream on demand (Kinesis, quotas; it grows from 4 MB/s by doubling)."""

JOB_STEPS = {"land": ("land:",), "curate": ("curate:", "build:"), "load": ("load:",)}


def _gb(size: Decimal | int) -> str:
    return f"{_round(Decimal(size) / GB)} GB"


def _mb(size: Decimal) -> str:
    return f"{_round(size / 10**6)} MB"


def _minutes(seconds: Decimal) -> str:
    return f"{_round(seconds / 60)} min"


def _round(value: Decimal) -> str:
    """Return a number for people: two significant places below ten, whole above."""
    places = Decimal(1) if value >= 10 else Decimal("0.01")
    return f"{value.quantize(places):,}"
