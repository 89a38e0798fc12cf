"""A role for each function and job, from what `permissions` says that it needs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from constructs import Construct

from puntual.infra.acknowledged import acknowledge_wildcards
from puntual.infra.catalogue import Catalogue
from puntual.infra.options import database_name, slug
from puntual.infra.permissions import RECORDS, Needs
from puntual.infra.storage import Storage
from puntual.model.project import Project
from puntual.runner.delivery import EVIDENCE

EVERYTHING = (
    "Polling the Data API has no resource (a condition lets a role see its own statements alone); "
    "neither has asking for metrics."
)
_CONDITIONAL = frozenset({"glue.amazonaws.com", "scheduler.amazonaws.com", "states.amazonaws.com"})
"""Services that say for which account they take a role on (confused deputy)."""

_LOG = ("logs:CreateLogStream", "logs:PutLogEvents")


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What roles are about: every resource that a step can reach, by its name alone."""

    project: Project
    storage: Storage
    catalogue: Catalogue
    topics: Sequence[str]
    workgroup: str
    assets: str

    @property
    def machine(self) -> str:
        """The state machine's ARN, by name: it needs the functions, and `begin` asks about it."""
        return _arn(f"states:{_REGION}:{_ACCOUNT}:stateMachine:{slug(self.project)}-day")

    @property
    def executions(self) -> str:
        """The ARN of every execution of the machine."""
        return _arn(f"states:{_REGION}:{_ACCOUNT}:execution:{slug(self.project)}-day:*")

    @property
    def prefix(self) -> str:
        """What stands in front of the project's keys in each bucket."""
        return self.project.name


_ACCOUNT, _REGION = cdk.Aws.ACCOUNT_ID, cdk.Aws.REGION


def role(
    scope: Construct,
    name: str,
    service: str,
    statements: Sequence[iam.PolicyStatement],
    *,
    everything: str = "",
) -> iam.CfnRole:
    """
    Make a role that one service takes on, for resources of this account alone.

    Args:
        scope: Where it stands.
        name: Of the construct.
        service: Its principal: `lambda.amazonaws.com`.
        statements: Everything that it may do; no managed policy beside.
        everything: Why some of it is about `*`; "" if none is.
    """
    made = iam.CfnRole(
        scope,
        name,
        assume_role_policy_document=iam.PolicyDocument(
            statements=[
                iam.PolicyStatement(
                    actions=["sts:AssumeRole"],
                    principals=[iam.ServicePrincipal(service)],
                    conditions={"StringEquals": {"aws:SourceAccount": _ACCOUNT}}
                    if service in _CONDITIONAL
                    else None,
                )
            ]
        ),
        policies=[
            iam.CfnRole.PolicyProperty(
                policy_name="step",
                policy_document=iam.PolicyDocument(statements=list(statements)),
            )
        ]
        if statements
        else None,
    )
    acknowledge_wildcards(made, statements, everything)
    return made


def statements(world: World, needs: Needs, log_group: str) -> Iterator[iam.PolicyStatement]:
    """Yield what a step may do."""
    storage = world.storage
    lake = f"{storage.lake.attr_arn}/{world.prefix}"
    yield _allow("Log", _LOG, [log_group])
    yield _allow(
        "ReadLake",
        ["s3:GetObject", "s3:GetObjectVersion", "s3:GetObjectAttributes"],
        [f"{lake}/*"],
    )
    yield _listed(storage.lake.attr_arn, world.prefix)
    yield _allow(
        "WriteOwn",
        ["s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"],
        [f"{lake}/{area}/*" for area in sorted({*needs.writes, *RECORDS})],
    )
    yield _allow("LakeKey", ["kms:Decrypt", "kms:GenerateDataKey"], [storage.lake_key.attr_arn])
    yield _allow("Project", ["s3:GetObject"], [_arn(f"s3:::{world.assets}/*")])
    yield from _streams(world, needs)
    yield from _catalogue(world, needs)
    yield from _warehouse(world, needs)
    yield from _hands_over(world, needs)
    yield from _tells(world, needs)


def _streams(world: World, needs: Needs) -> Iterator[iam.PolicyStatement]:
    if needs.reads_streams and world.storage.streams:
        yield _allow(
            "ReadStreams",
            [
                "kinesis:DescribeStreamSummary",
                "kinesis:GetRecords",
                "kinesis:GetShardIterator",
                "kinesis:ListShards",
            ],
            [stream.attr_arn for stream in world.storage.streams],
        )
    if needs.reads_secrets:
        place = f"secretsmanager:{_REGION}:{_ACCOUNT}:secret:{slug(world.project)}/*"
        yield _allow("Connections", ["secretsmanager:GetSecretValue"], [_arn(place)])


def _catalogue(world: World, needs: Needs) -> Iterator[iam.PolicyStatement]:
    base = f"glue:{_REGION}:{_ACCOUNT}"
    name = database_name(world.project)
    tables = [
        _arn(f"{base}:catalog"),
        _arn(f"{base}:database/{name}"),
        _arn(f"{base}:table/{name}/*"),
    ]
    if needs.registers:
        yield _allow(
            "Register",
            [
                "glue:BatchCreatePartition",
                "glue:BatchUpdatePartition",
                "glue:GetPartition",
                "glue:GetPartitions",
                "glue:GetTable",
                "glue:UpdateTable",
            ],
            tables,
        )
    if needs.asks_athena:
        yield _allow(
            "Ask",
            [
                "athena:GetQueryExecution",
                "athena:GetQueryResults",
                "athena:StartQueryExecution",
                "athena:StopQueryExecution",
            ],
            [_arn(f"athena:{_REGION}:{_ACCOUNT}:workgroup/puntual-{slug(world.project)}")],
        )
        yield _allow("Tables", ["glue:GetDatabase", "glue:GetPartitions", "glue:GetTable"], tables)
        yield _allow("Place", ["s3:GetBucketLocation"], [world.storage.lake.attr_arn])


def _warehouse(world: World, needs: Needs) -> Iterator[iam.PolicyStatement]:
    if not needs.warehouse:
        return
    yield _allow(
        "Submit",
        ["redshift-data:BatchExecuteStatement", "redshift-data:ExecuteStatement"],
        [world.workgroup],
    )
    yield _allow(
        "Poll",
        [
            "redshift-data:CancelStatement",
            "redshift-data:DescribeStatement",
            "redshift-data:GetStatementResult",
        ],
        ["*"],
        {"StringEquals": {"redshift-data:statement-owner-iam-userid": "${aws:userid}"}},
    )
    yield _allow("SignIn", ["redshift-serverless:GetCredentials"], [world.workgroup])


def _hands_over(world: World, needs: Needs) -> Iterator[iam.PolicyStatement]:
    storage = world.storage
    if needs.delivers:
        bucket = storage.deliveries.attr_arn
        yield _allow(
            "Deliver",
            ["s3:GetObject", "s3:GetObjectAttributes", "s3:PutObject"],
            [f"{bucket}/{world.prefix}/*"],
        )
        yield _listed(bucket, world.prefix, "ListDeliveries")
        yield _allow(
            "DeliveriesKey",
            ["kms:Decrypt", "kms:GenerateDataKey"],
            [storage.deliveries_key.attr_arn],
        )
        yield _allow("PutAside", ["s3:DeleteObject"], [f"{bucket}/{world.prefix}/{EVIDENCE}/*"])
    if needs.records:
        bucket = storage.evidence.attr_arn
        yield _allow(
            "Prove",
            ["s3:GetObject", "s3:GetObjectAttributes", "s3:GetObjectVersion", "s3:PutObject"],
            [f"{bucket}/{world.prefix}/*"],
        )
        yield _listed(bucket, world.prefix, "ListEvidence")
        yield _allow("EvidenceVersions", ["s3:ListBucketVersions"], [bucket])
        yield _allow(
            "EvidenceKey",
            ["kms:Decrypt", "kms:GenerateDataKey"],
            [storage.evidence_key.attr_arn],
        )
        signing = [arn for arns in storage.signing_keys.values() for arn in arns]
        yield _allow("Sign", ["kms:GetPublicKey", "kms:Sign"], signing)
    if needs.conceals:
        yield _allow("Pseudonyms", ["kms:GenerateMac"], [storage.pseudonym_key.attr_arn])


def _tells(world: World, needs: Needs) -> Iterator[iam.PolicyStatement]:
    if needs.tells:
        yield _allow("Tell", ["sns:Publish"], list(world.topics))
        yield _allow(
            "TopicsKey",
            ["kms:Decrypt", "kms:GenerateDataKey"],
            [world.storage.operations_key.attr_arn],
        )
    if needs.sees_runs:
        yield _allow("Runs", ["states:ListExecutions"], [world.machine])
        yield _allow("Run", ["states:DescribeExecution"], [world.executions])
    if needs.sees_metrics:
        yield _allow("Metrics", ["cloudwatch:GetMetricStatistics"], ["*"])


def _listed(bucket: str, prefix: str, sid: str = "ListLake") -> iam.PolicyStatement:
    """Without the right to list, an object that is absent looks like one that is forbidden."""
    return _allow(
        sid, ["s3:ListBucket"], [bucket], {"StringLike": {"s3:prefix": [f"{prefix}/*", prefix]}}
    )


def _allow(
    sid: str,
    actions: Sequence[str],
    resources: Sequence[str],
    conditions: dict[str, object] | None = None,
) -> iam.PolicyStatement:
    return iam.PolicyStatement(
        sid=sid, actions=list(actions), resources=list(resources), conditions=conditions
    )


def _arn(rest: str) -> str:
    return f"arn:{cdk.Aws.PARTITION}:{rest}"
