"""Who is told, and of what: topics by severity, alarms, one dashboard."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_ses as ses
from aws_cdk import aws_sns as sns
from constructs import Construct

from puntual.infra.compute import Compute
from puntual.infra.options import Options, slug
from puntual.infra.orchestration import Orchestration
from puntual.infra.storage import Storage
from puntual.model.check import Severity
from puntual.model.project import Project
from puntual.model.source import StreamSource

NAMESPACE = "Puntual"
"""Of the metrics that the watchdog and the steps emit (dimension `Project`; `Report` with it)."""

HOUR = 3600


class Topics(Construct):
    """A topic for each severity; only this account's alarms and rules may publish to it."""

    def __init__(
        self, scope: Construct, name: str, *, project: Project, storage: Storage, options: Options
    ) -> None:
        super().__init__(scope, name)
        self.by_severity = {
            severity: self._topic(severity, project, storage, options) for severity in Severity
        }
        if options.mail_identity:
            ses.CfnEmailIdentity(self, "Mail", email_identity=options.mail_identity)

    @property
    def error(self) -> sns.CfnTopic:
        """Where somebody is called."""
        return self.by_severity[Severity.ERROR]

    @property
    def warn(self) -> sns.CfnTopic:
        """Where somebody looks in the morning."""
        return self.by_severity[Severity.WARN]

    def _topic(
        self, severity: Severity, project: Project, storage: Storage, options: Options
    ) -> sns.CfnTopic:
        title = severity.value.title()
        topic = sns.CfnTopic(
            self,
            title,
            topic_name=f"puntual-{slug(project)}-{severity.value}",
            display_name=f"puntual {severity.value}",
            kms_master_key_id=storage.operations_key.attr_arn,
        )
        services = ("cloudwatch.amazonaws.com", "events.amazonaws.com")
        sns.CfnTopicPolicy(
            self,
            f"{title}Policy",
            topics=[topic.ref],
            policy_document=iam.PolicyDocument(
                statements=[
                    iam.PolicyStatement(
                        sid="Services",
                        actions=["sns:Publish"],
                        principals=[iam.ServicePrincipal(service) for service in services],
                        resources=[topic.ref],
                        conditions={"StringEquals": {"aws:SourceAccount": cdk.Aws.ACCOUNT_ID}},
                    ),
                    iam.PolicyStatement(
                        sid="OnlyTls",
                        effect=iam.Effect.DENY,
                        actions=["sns:Publish"],
                        principals=[iam.StarPrincipal()],
                        resources=[topic.ref],
                        conditions={"Bool": {"aws:SecureTransport": "false"}},
                    ),
                ]
            ),
        )
        if severity.value in options.emails:
            sns.CfnSubscription(
                self,
                f"{title}Mail",
                topic_arn=topic.ref,
                protocol="email",
                endpoint=options.emails[severity.value],
            )
        return topic


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A metric as alarms and the dashboard name it."""

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...]
    statistic: str = "Sum"


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """
    One alarm.

    Attributes:
        name: Of the construct, and the end of the alarm's name.
        about: What it means and what to do, for the one who is called.
        metric: What is measured.
        threshold: From which it alarms.
        period: Seconds of one measurement.
        severity: Which topic is told.
        missing: What no measurement means: `breaching` or `notBreaching`.
        below: It alarms at or below the threshold.
    """

    name: str
    about: str
    metric: Metric
    threshold: float
    period: int
    severity: Severity
    missing: str = "notBreaching"
    below: bool = False


class Alarms(Construct):
    """
    What is watched; few, and each with its end: every alarm also tells when it is over.

    A failure that a retry heals is no alarm (design 4.15): jobs alarm when they fail more often
    in an hour than the machine tries them again.
    """

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        project: Project,
        storage: Storage,
        compute: Compute,
        orchestration: Orchestration,
        topics: Topics,
        options: Options,
    ) -> None:
        super().__init__(scope, name)
        self._project = project
        self._topics = topics
        watched = [
            *_runs(project, orchestration),
            *_jobs(project, compute),
            *_sources(project, options),
        ]
        for watch in watched:
            self._alarm(watch)
        self._dashboard(watched)

    def _alarm(self, watch: Watch) -> None:
        topic = self._topics.by_severity[watch.severity].ref
        cloudwatch.CfnAlarm(
            self,
            watch.name,
            alarm_name=f"puntual-{slug(self._project)}-{watch.name}",
            alarm_description=watch.about,
            namespace=watch.metric.namespace,
            metric_name=watch.metric.name,
            dimensions=[
                cloudwatch.CfnAlarm.DimensionProperty(name=key, value=value)
                for key, value in watch.metric.dimensions
            ],
            statistic=watch.metric.statistic,
            period=watch.period,
            evaluation_periods=1,
            threshold=watch.threshold,
            comparison_operator="LessThanOrEqualToThreshold"
            if watch.below
            else "GreaterThanOrEqualToThreshold",
            treat_missing_data=watch.missing,
            alarm_actions=[topic],
            ok_actions=[topic],
        )

    def _dashboard(self, watched: Sequence[Watch]) -> None:
        widgets = [
            {
                "type": "metric",
                "x": 8 * (number % 3),
                "y": 6 * (number // 3),
                "width": 8,
                "height": 6,
                "properties": {
                    "title": watch.name,
                    "region": cdk.Aws.REGION,
                    "stat": watch.metric.statistic,
                    "period": watch.period,
                    "metrics": [
                        [
                            watch.metric.namespace,
                            watch.metric.name,
                            *(text for pair in watch.metric.dimensions for text in pair),
                        ]
                    ],
                    "annotations": {"horizontal": [{"value": watch.threshold}]},
                },
            }
            for number, watch in enumerate(watched)
        ]
        cloudwatch.CfnDashboard(
            self,
            "Dashboard",
            dashboard_name=f"puntual-{slug(self._project)}",
            dashboard_body=json.dumps({"widgets": widgets}),
        )


def _runs(project: Project, orchestration: Orchestration) -> Iterator[Watch]:
    own = (("Project", project.name),)
    env = f" --env {project.away}" if project.away else ""
    yield Watch(
        name="NotStarted",
        about="The run of a day that is owed has not started five minutes after its hour, or the "
        f"watchdog itself is silent. Start it: puntual run{env} -d DATE",
        metric=Metric(namespace=NAMESPACE, name="NotStarted", dimensions=own, statistic="Maximum"),
        threshold=1,
        period=600,
        severity=Severity.ERROR,
        missing="breaching",
    )
    for report in sorted(project.reports):
        yield Watch(
            name=f"DeadlineAtRisk{_title(report)}",
            about=f"{report} is due soon and is not delivered. puntual status{env} says "
            "what can be decided, and by when",
            metric=Metric(
                namespace=NAMESPACE,
                name="DeadlineAtRisk",
                dimensions=(*own, ("Report", report)),
                statistic="Maximum",
            ),
            threshold=1,
            period=300,
            severity=Severity.ERROR,
        )
    machine = (("StateMachineArn", orchestration.machine.attr_arn),)
    for name in ("ExecutionsFailed", "ExecutionsTimedOut", "ExecutionsAborted"):
        yield Watch(
            name=name,
            about="A day's execution did not end well. Its history names the state; run it again "
            "from what is committed: puntual run --env aws -d DATE",
            metric=Metric(namespace="AWS/States", name=name, dimensions=machine),
            threshold=1,
            period=300,
            severity=Severity.ERROR,
        )
    yield Watch(
        name="ScheduleMissed",
        about="The schedule could not start the machine; its request lies in the queue of missed "
        "starts. Start the day by hand: puntual run --env aws -d DATE",
        metric=Metric(
            namespace="AWS/SQS",
            name="ApproximateNumberOfMessagesVisible",
            dimensions=(("QueueName", orchestration.missed.attr_queue_name),),
            statistic="Maximum",
        ),
        threshold=1,
        period=300,
        severity=Severity.ERROR,
    )


def _jobs(project: Project, compute: Compute) -> Iterator[Watch]:
    for name, job in sorted(compute.jobs.items()):
        yield Watch(
            name=f"JobFails{name.title()}",
            about=f"The Glue job {name} failed three times within an hour, more than retries heal",
            metric=Metric(
                namespace="Glue",
                name="glue.error.ALL",
                dimensions=(
                    ("JobName", job.ref),
                    ("JobRunId", "ALL"),
                    ("Type", "count"),
                    ("ObservabilityGroup", "error"),
                ),
            ),
            threshold=3,
            period=HOUR,
            severity=Severity.WARN,
        )


def _sources(project: Project, options: Options) -> Iterator[Watch]:
    for source in _streams(project):
        stream = (("StreamName", source.stream),)
        yield Watch(
            name=f"SourceSilent{_title(source.name)}",
            about=f"{source.name} has sent nothing for {options.silence_hours} h. Ask who runs it",
            metric=Metric(namespace="AWS/Kinesis", name="IncomingRecords", dimensions=stream),
            threshold=0,
            period=options.silence_hours * HOUR,
            severity=Severity.WARN,
            missing="breaching",
            below=True,
        )
        yield Watch(
            name=f"VolumeLow{_title(source.name)}",
            about=f"{source.name} sends less than half of what it does at this hour of other weeks "
            "(three hours in a row). Ask who runs it before the day is sealed",
            metric=Metric(
                namespace=NAMESPACE,
                name="VolumeLow",
                dimensions=(("Project", project.name), ("Source", source.name)),
                statistic="Minimum",
            ),
            threshold=1,
            period=3 * HOUR,
            severity=Severity.WARN,
        )
        yield Watch(
            name=f"ReadLate{_title(source.name)}",
            about=f"Records of {source.name} are read half a retention after they came; what is "
            "older than the retention is lost (aws.md K7)",
            metric=Metric(
                namespace="AWS/Kinesis",
                name="GetRecords.IteratorAgeMilliseconds",
                dimensions=stream,
                statistic="Maximum",
            ),
            threshold=options.retention_hours * HOUR * 1000 / 2,
            period=HOUR,
            severity=Severity.ERROR,
        )


def _streams(project: Project) -> Iterator[StreamSource]:
    for _, source in sorted(project.sources.items()):
        if isinstance(source, StreamSource):
            yield source


def _title(name: str) -> str:
    return name.title().replace("_", "")
