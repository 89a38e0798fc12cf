"""Asks each service whether it has what a stack says it has made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import boto3

from puntual.aws.clients import client

Resource = Mapping[str, Any]


class Clients:
    """Clients of one session, each made once."""

    def __init__(self, session: boto3.Session) -> None:
        self._session = session
        self._made: dict[str, Any] = {}

    def of(self, service: str) -> Any:
        """Return the client of a service."""
        if service not in self._made:
            self._made[service] = client(service, session=self._session)
        return self._made[service]


class Asker:
    """
    One question: does this resource exist?

    Attributes:
        resource: As the template has it.
        name: Its physical name.
        names: Logical → physical name of all resources of the stack.
    """

    def __init__(
        self, clients: Clients, resource: Resource, name: str, names: Mapping[str, str]
    ) -> None:
        self._clients = clients
        self.resource = resource
        self.name = name
        self.names = names

    def of(self, service: str) -> Any:
        """Return a client of a service."""
        return self._clients.of(service)

    def given(self, key: str) -> str:
        """Return a property that is a text, or refers to another resource."""
        value = self.resource["Properties"][key]
        return self.names[value["Ref"]] if isinstance(value, dict) else str(value)


def asked(clients: Clients, resource: Resource, name: str, names: Mapping[str, str]) -> bool:
    """
    Say whether a resource exists, as its own service answers.

    Args:
        clients: Of the account.
        resource: As the template has it.
        name: Its physical name.
        names: Logical → physical name of all resources of the stack.

    Raises:
        KeyError: A type that nobody knows how to ask for; a test keeps the table complete.
        botocore.exceptions.ClientError: It does not exist, or may not be asked for.
    """
    return bool(ASKS[resource["Type"]](Asker(clients, resource, name, names)))


ASKS: Mapping[str, Callable[[Asker], Any]] = {
    "AWS::Athena::WorkGroup": lambda a: a.of("athena").get_work_group(WorkGroup=a.name),
    "AWS::CloudWatch::Alarm": lambda a: a.of("cloudwatch").describe_alarms(AlarmNames=[a.name])[
        "MetricAlarms"
    ],
    "AWS::CloudWatch::Dashboard": lambda a: a.of("cloudwatch").get_dashboard(DashboardName=a.name)[
        "DashboardBody"
    ],
    "AWS::Events::Rule": lambda a: a.of("events").describe_rule(Name=a.name.rpartition("|")[2])[
        "Name"
    ],
    "AWS::Glue::Database": lambda a: a.of("glue").get_database(Name=a.name)["Database"],
    "AWS::Glue::Job": lambda a: a.of("glue").get_job(JobName=a.name)["Job"],
    "AWS::Glue::Table": lambda a: a.of("glue").get_table(
        DatabaseName=a.given("DatabaseName"),
        Name=a.resource["Properties"]["TableInput"]["Name"],
    )["Table"],
    "AWS::IAM::Role": lambda a: a.of("iam").get_role(RoleName=a.name)["Role"],
    "AWS::KMS::Key": lambda a: a.of("kms").describe_key(KeyId=a.name)["KeyMetadata"],
    "AWS::Kinesis::Stream": lambda a: a.of("kinesis").describe_stream_summary(StreamName=a.name)[
        "StreamDescriptionSummary"
    ],
    "AWS::Lambda::Function": lambda a: a.of("lambda").get_function(FunctionName=a.name)[
        "Configuration"
    ],
    "AWS::Lambda::LayerVersion": lambda a: a.of("lambda").get_layer_version_by_arn(Arn=a.name)[
        "LayerVersionArn"
    ],
    "AWS::Lambda::Permission": lambda a: a.of("lambda").get_policy(
        FunctionName=a.given("FunctionName")
    )["Policy"],
    "AWS::Logs::LogGroup": lambda a: a.of("logs").describe_log_groups(logGroupNamePrefix=a.name)[
        "logGroups"
    ],
    "AWS::RedshiftServerless::Namespace": lambda a: a.of("redshift-serverless").get_namespace(
        namespaceName=a.name
    )["namespace"],
    "AWS::RedshiftServerless::Workgroup": lambda a: a.of("redshift-serverless").get_workgroup(
        workgroupName=a.name
    )["workgroup"],
    "AWS::S3::Bucket": lambda a: a.of("s3").head_bucket(Bucket=a.name),
    "AWS::S3::BucketPolicy": lambda a: a.of("s3").get_bucket_policy(Bucket=a.given("Bucket"))[
        "Policy"
    ],
    "AWS::SES::EmailIdentity": lambda a: a.of("sesv2").get_email_identity(
        EmailIdentity=a.given("EmailIdentity")
    ),
    "AWS::SNS::Subscription": lambda a: a.of("sns").list_subscriptions_by_topic(
        TopicArn=a.given("TopicArn")
    )["Subscriptions"],
    "AWS::SNS::Topic": lambda a: a.of("sns").get_topic_attributes(TopicArn=a.name)["Attributes"],
    "AWS::SNS::TopicPolicy": lambda a: a.of("sns").get_topic_attributes(
        TopicArn=a.names[a.resource["Properties"]["Topics"][0]["Ref"]]
    )["Attributes"]["Policy"],
    "AWS::SQS::Queue": lambda a: a.of("sqs").get_queue_attributes(
        QueueUrl=a.name, AttributeNames=["QueueArn"]
    )["Attributes"],
    "AWS::SQS::QueuePolicy": lambda a: a.of("sqs").get_queue_attributes(
        QueueUrl=a.names[a.resource["Properties"]["Queues"][0]["Ref"]],
        AttributeNames=["Policy"],
    )["Attributes"],
    "AWS::Scheduler::Schedule": lambda a: a.of("scheduler").get_schedule(Name=a.name)["Arn"],
    "AWS::StepFunctions::StateMachine": lambda a: a.of("stepfunctions").describe_state_machine(
        stateMachineArn=a.name
    )["definition"],
}
"""Type of a resource → the question to its service; empty or an error is a no."""
