"""The state machine, the schedule that starts it, and what watches from outside of both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_glue as glue
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as functions
from aws_cdk import aws_logs as logs
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as states
from constructs import Construct

from puntual.infra import asl
from puntual.infra.acknowledged import acknowledge
from puntual.infra.asl_check import validate
from puntual.infra.compute import WATCHDOG, Compute
from puntual.infra.options import Options, slug
from puntual.infra.roles import World, role
from puntual.model.project import Project
from puntual.planner.calendar import instant
from puntual.planner.schedule import Zones, skipped

STREAM_MINUTES = 15
"""Between two starts of the streaming job, of which all but one are refused."""

DELIVERY = "Delivery of a machine's logs and traces has no resources (Step Functions, logging)."


class Orchestration(Construct):
    """
    What starts the day and carries it through, and who notices when it does not.

    The schedule is EventBridge Scheduler's, in the project's zone. It skips an hour that does
    not exist (aws.md 7), so where a due day of the calendars has such an hour, a second schedule
    starts at the first instant after the gap on every day of that kind (`Begin` finds nothing to
    do on the others). What the machine cannot tell itself (a timeout of the whole, an
    abort, `States.Runtime`) a rule tells; that it was never started, the watchdog, by a rule
    that is not the scheduler's.
    """

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        world: World,
        compute: Compute,
        definition: Mapping[str, object],
        topic: str,
        zones: Zones,
        options: Options,
    ) -> None:
        super().__init__(scope, name)
        validate(definition)
        self._world = world
        self._compute = compute
        self._topic = topic
        self._options = options
        self._slug = slug(world.project)
        self.machine = self._machine(definition)
        self.missed = self._queue()
        self._schedules(zones)
        if compute.stream is not None:
            self._keep_streaming(compute.stream)
        self._ended_badly()
        self._watchdog()

    def _machine(self, definition: Mapping[str, object]) -> states.CfnStateMachine:
        log = logs.CfnLogGroup(
            self,
            "MachineLog",
            log_group_name=f"/aws/vendedlogs/states/{self._slug}-day",
            retention_in_days=self._options.log_days,
            kms_key_id=self._world.storage.operations_key.attr_arn,
        )
        log.apply_removal_policy(cdk.RemovalPolicy.RETAIN)
        jobs, called = self._compute.jobs, self._compute.functions
        substitutions = {
            **{f"{name.capitalize()}Job": job.ref for name, job in jobs.items()},
            **{
                f"{name.capitalize()}Function": function.attr_arn
                for name, function in called.items()
                if name != WATCHDOG
            },
        }
        made_role = role(
            self, "MachineRole", "states.amazonaws.com", self._may(log), everything=DELIVERY
        )
        return states.CfnStateMachine(
            self,
            "Machine",
            state_machine_name=f"{self._slug}-day",
            state_machine_type="STANDARD",
            definition_string=asl.text(definition),
            definition_substitutions=substitutions,
            role_arn=made_role.attr_arn,
            logging_configuration=states.CfnStateMachine.LoggingConfigurationProperty(
                destinations=[
                    states.CfnStateMachine.LogDestinationProperty(
                        cloud_watch_logs_log_group=states.CfnStateMachine.CloudWatchLogsLogGroupProperty(
                            log_group_arn=log.attr_arn
                        )
                    )
                ],
                include_execution_data=True,
                level="ALL",
            ),
            tracing_configuration=states.CfnStateMachine.TracingConfigurationProperty(enabled=True),
        )

    def _may(self, log: logs.CfnLogGroup) -> Sequence[iam.PolicyStatement]:
        """`.sync` of Glue needs to ask and to stop as well; log delivery has no resources."""
        partition, region, account = cdk.Aws.PARTITION, cdk.Aws.REGION, cdk.Aws.ACCOUNT_ID
        return [
            iam.PolicyStatement(
                sid="Jobs",
                actions=[
                    "glue:BatchStopJobRun",
                    "glue:GetJobRun",
                    "glue:GetJobRuns",
                    "glue:StartJobRun",
                ],
                resources=[
                    f"arn:{partition}:glue:{region}:{account}:job/{job.ref}"
                    for job in self._compute.jobs.values()
                ],
            ),
            iam.PolicyStatement(
                sid="Functions",
                actions=["lambda:InvokeFunction"],
                resources=[
                    function.attr_arn
                    for name, function in self._compute.functions.items()
                    if name != WATCHDOG
                ],
            ),
            iam.PolicyStatement(
                sid="LogDelivery",
                actions=[
                    "logs:CreateLogDelivery",
                    "logs:DeleteLogDelivery",
                    "logs:DescribeLogGroups",
                    "logs:DescribeResourcePolicies",
                    "logs:GetLogDelivery",
                    "logs:ListLogDeliveries",
                    "logs:PutResourcePolicy",
                    "logs:UpdateLogDelivery",
                    "xray:GetSamplingRules",
                    "xray:GetSamplingTargets",
                    "xray:PutTelemetryRecords",
                    "xray:PutTraceSegments",
                ],
                resources=["*"],
            ),
        ]

    def _queue(self) -> sqs.CfnQueue:
        queue = sqs.CfnQueue(
            self,
            "Missed",
            queue_name=f"puntual-{self._slug}-missed",
            kms_master_key_id=self._world.storage.operations_key.attr_arn,
            message_retention_period=14 * 24 * 3600,
        )
        acknowledge(
            queue,
            "SQS3",
            "It is the dead-letter queue of the schedule; an alarm tells of its first message.",
        )
        sqs.CfnQueuePolicy(
            self,
            "MissedPolicy",
            queues=[queue.ref],
            policy_document=iam.PolicyDocument(
                statements=[
                    iam.PolicyStatement(
                        sid="OnlyTls",
                        effect=iam.Effect.DENY,
                        actions=["sqs:*"],
                        principals=[iam.StarPrincipal()],
                        resources=[queue.attr_arn],
                        conditions={"Bool": {"aws:SecureTransport": "false"}},
                    )
                ]
            ),
        )
        return queue

    def _schedules(self, zones: Zones) -> None:
        project = self._world.project
        may = role(
            self,
            "ScheduleRole",
            "scheduler.amazonaws.com",
            [
                iam.PolicyStatement(
                    sid="Start",
                    actions=["states:StartExecution"],
                    resources=[self.machine.attr_arn],
                ),
                iam.PolicyStatement(
                    sid="Missed", actions=["sqs:SendMessage"], resources=[self.missed.attr_arn]
                ),
                iam.PolicyStatement(
                    sid="Key",
                    actions=["kms:Decrypt", "kms:GenerateDataKey"],
                    resources=[self._world.storage.operations_key.attr_arn],
                ),
            ],
        )
        at = project.run.starts
        self._schedule("Daily", "daily", f"cron({at.minute} {at.hour} * * ? *)", may)
        for number, expression in enumerate(after_gaps(project, zones), 1):
            self._schedule(f"AfterGap{number}", f"after-gap-{number}", expression, may)

    def _schedule(self, name: str, kind: str, expression: str, may: iam.CfnRole) -> None:
        project = self._world.project
        given = (
            '{"reference_date":"","attempt":1,"from_step":"","as_of":"",'
            '"scheduled":"<aws.scheduler.scheduled-time>"}'
        )
        scheduler.CfnSchedule(
            self,
            name,
            name=f"puntual-{self._slug}-{kind}",
            description=f"puntual {project.name}: a reference date's run",
            schedule_expression=expression,
            schedule_expression_timezone=project.time_zone,
            flexible_time_window=scheduler.CfnSchedule.FlexibleTimeWindowProperty(mode="OFF"),
            state="ENABLED",
            target=scheduler.CfnSchedule.TargetProperty(
                arn=self.machine.attr_arn,
                role_arn=may.attr_arn,
                input=given,
                dead_letter_config=scheduler.CfnSchedule.DeadLetterConfigProperty(
                    arn=self.missed.attr_arn
                ),
                retry_policy=scheduler.CfnSchedule.RetryPolicyProperty(
                    maximum_event_age_in_seconds=3600, maximum_retry_attempts=10
                ),
            ),
        )

    def _keep_streaming(self, job: glue.CfnJob) -> None:
        """
        Start the streaming job again and again: while it runs, a second run is refused.

        So one that failed, was stopped or reached Glue's longest time is back within minutes.
        """
        may = role(
            self,
            "StreamStarterRole",
            "scheduler.amazonaws.com",
            [
                iam.PolicyStatement(
                    sid="Start",
                    actions=["glue:StartJobRun"],
                    resources=[
                        f"arn:{cdk.Aws.PARTITION}:glue:{cdk.Aws.REGION}:{cdk.Aws.ACCOUNT_ID}:job/{job.ref}"
                    ],
                )
            ],
        )
        scheduler.CfnSchedule(
            self,
            "Stream",
            name=f"puntual-{self._slug}-stream",
            description=f"puntual {self._world.project.name}: streams are landed as they come",
            schedule_expression=f"rate({STREAM_MINUTES} minutes)",
            flexible_time_window=scheduler.CfnSchedule.FlexibleTimeWindowProperty(mode="OFF"),
            state="ENABLED",
            target=scheduler.CfnSchedule.TargetProperty(
                arn=f"arn:{cdk.Aws.PARTITION}:scheduler:::aws-sdk:glue:startJobRun",
                role_arn=may.attr_arn,
                input=cdk.Stack.of(self).to_json_string({"JobName": job.ref}),
                retry_policy=scheduler.CfnSchedule.RetryPolicyProperty(
                    maximum_event_age_in_seconds=60, maximum_retry_attempts=0
                ),
            ),
        )

    def _ended_badly(self) -> None:
        """Tell of an end of which no state can tell (aws.md E10)."""
        events.CfnRule(
            self,
            "EndedBadly",
            description="The day's execution failed, timed out or was aborted",
            event_pattern={
                "source": ["aws.states"],
                "detail-type": ["Step Functions Execution Status Change"],
                "detail": {
                    "stateMachineArn": [self.machine.attr_arn],
                    "status": ["FAILED", "TIMED_OUT", "ABORTED"],
                },
            },
            state="ENABLED",
            targets=[events.CfnRule.TargetProperty(id="people", arn=self._topic)],
        )

    def _watchdog(self) -> None:
        """Ask every five minutes whether the day that is due has started."""
        function = self._compute.functions[WATCHDOG]
        rule = events.CfnRule(
            self,
            "Watch",
            description="Did the run of the day start? Asked outside of the scheduler",
            schedule_expression="rate(5 minutes)",
            state="ENABLED",
            targets=[events.CfnRule.TargetProperty(id="watchdog", arn=function.attr_arn)],
        )
        functions.CfnPermission(
            self,
            "WatchMayAsk",
            action="lambda:InvokeFunction",
            function_name=function.ref,
            principal="events.amazonaws.com",
            source_arn=rule.attr_arn,
        )


def after_gaps(project: Project, zones: Zones) -> tuple[str, ...]:
    """
    Return cron expressions that start the days on which `run.starts` does not exist.

    By month and weekday, so that they hold for every year: `cron(0 3 ? 3 SUN *)`. The time is
    the first one after the gap, on the wall of the project's zone.
    """
    zone = zones(project.time_zone)
    kinds = set()
    for day in skipped(project, zones):
        at = instant(day, project.run.starts, zone)
        kinds.add((day.month, f"{day:%a}".upper(), at.hour, at.minute))
    return tuple(f"cron({m} {h} ? {month} {weekday} *)" for month, weekday, h, m in sorted(kinds))
