"""Keys, buckets and streams: what arrives, what is made of it, what is handed over and proven."""

from __future__ import annotations

from collections.abc import Iterable

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from puntual.evidence.trust import Role
from puntual.infra.acknowledged import acknowledge
from puntual.infra.options import Options
from puntual.model.project import Project
from puntual.model.source import StreamSource

_SIGNS = ("ECC_NIST_P256", "SIGN_VERIFY")
_KEYED = ("HMAC_256", "GENERATE_VERIFY_MAC")
FLEETING_DAYS = 7
"""How long the manifests of COPY and what a comparison unloads are kept."""


class Storage(Construct):
    """
    Keys, buckets and streams of a project.

    A key each for the lake, for what is delivered, for evidence and for what operates the rest,
    so that who may read one need not be able to read another. Two sign and never leave KMS
    (aws.md 12: ECDSA P-256), one statements and one the ledger, since a key has one role in the
    trust file; one makes pseudonyms. Everything here outlives the stack.
    """

    def __init__(self, scope: Construct, name: str, *, project: Project, options: Options) -> None:
        super().__init__(scope, name)
        self.lake_key = self._key("LakeKey", "raw, curated and state")
        self.deliveries_key = self._key("DeliveriesKey", "what is delivered")
        self.evidence_key = self._key("EvidenceKey", "evidence")
        self.operations_key = self._key("OperationsKey", "notices, logs and queues")
        for service in ("events", "cloudwatch", "sns", "sqs", "scheduler"):
            self._may_use(f"{service}.amazonaws.com", {})
        region = cdk.Stack.of(self).region
        arns = f"arn:{cdk.Aws.PARTITION}:logs:{region}:{cdk.Aws.ACCOUNT_ID}:*"
        self._may_use(
            f"logs.{region}.amazonaws.com",
            {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": arns}},
        )
        self.signing_keys = {
            Role.PIPELINE: self._signing("SigningKey", "signs statements", Role.PIPELINE, options),
            Role.LOG: self._signing("LogKey", "signs checkpoints of the ledger", Role.LOG, options),
        }
        self.pseudonym_key = self._never_read("PseudonymKey", "makes pseudonyms", _KEYED)
        self.logs = self._logs(options)
        # Manifests and copies that loads and comparisons leave: kept elsewhere, or not at all.
        fleeting = f"{project.name}/loads/"
        self.lake = self._bucket("Lake", self.lake_key, versions=True, fleeting=fleeting)
        self.deliveries = self._bucket("Deliveries", self.deliveries_key, versions=True)
        self.evidence = self._bucket(
            "Evidence", self.evidence_key, versions=True, locked_days=options.evidence_days
        )
        self.streams = tuple(self._streams(project, options))

    def _key(self, name: str, of: str) -> kms.CfnKey:
        key = kms.CfnKey(
            self,
            name,
            description=f"puntual: {of}",
            enable_key_rotation=True,
            key_policy=_owned(),
        )
        key.apply_removal_policy(cdk.RemovalPolicy.RETAIN)
        return key

    def _signing(self, name: str, does: str, role: Role, options: Options) -> tuple[str, ...]:
        """Return the ARNs of a role's keys, the oldest first; its name was there first."""
        numbers = range(1, options.keys.get(role, 1) + 1)
        made = [self._never_read(name if n == 1 else f"{name}{n}", does, _SIGNS) for n in numbers]
        return tuple(key.attr_arn for key in made)

    def _never_read(self, name: str, does: str, kind: tuple[str, str]) -> kms.CfnKey:
        """Make a key whose secret half only KMS uses; it cannot be rotated in place."""
        spec, usage = kind
        key = kms.CfnKey(
            self,
            name,
            description=f"puntual: {does}",
            key_spec=spec,
            key_usage=usage,
            key_policy=_owned(),
        )
        key.apply_removal_policy(cdk.RemovalPolicy.RETAIN)
        return key

    def _may_use(self, service: str, condition: dict[str, object]) -> None:
        """Let a service encrypt with the key of operations; its policy is one document."""
        policy = self.operations_key.key_policy
        assert isinstance(policy, iam.PolicyDocument)  # noqa: S101 - made by `_owned`
        policy.add_statements(
            iam.PolicyStatement(
                actions=["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey*", "kms:DescribeKey"],
                principals=[iam.ServicePrincipal(service)],
                resources=["*"],
                conditions=condition or {"StringEquals": {"aws:SourceAccount": cdk.Aws.ACCOUNT_ID}},
            )
        )

    def _logs(self, options: Options) -> s3.CfnBucket:
        bucket = s3.CfnBucket(
            self,
            "AccessLogs",
            bucket_encryption=s3.CfnBucket.BucketEncryptionProperty(
                server_side_encryption_configuration=[
                    s3.CfnBucket.ServerSideEncryptionRuleProperty(
                        server_side_encryption_by_default=s3.CfnBucket.ServerSideEncryptionByDefaultProperty(
                            sse_algorithm="AES256"  # the log delivery cannot use a key of ours
                        )
                    )
                ]
            ),
            lifecycle_configuration=s3.CfnBucket.LifecycleConfigurationProperty(
                rules=[
                    s3.CfnBucket.RuleProperty(
                        id="age", status="Enabled", expiration_in_days=options.log_days
                    )
                ]
            ),
            public_access_block_configuration=_closed(),
            versioning_configuration=s3.CfnBucket.VersioningConfigurationProperty(status="Enabled"),
        )
        bucket.apply_removal_policy(cdk.RemovalPolicy.RETAIN)
        delivery = iam.PolicyStatement(
            sid="LogDelivery",
            actions=["s3:PutObject"],
            principals=[iam.ServicePrincipal("logging.s3.amazonaws.com")],
            resources=[f"{bucket.attr_arn}/*"],
            conditions={"StringEquals": {"aws:SourceAccount": cdk.Aws.ACCOUNT_ID}},
        )
        self._policy("AccessLogs", bucket, delivery)
        return bucket

    def _bucket(
        self,
        name: str,
        key: kms.CfnKey,
        *,
        versions: bool,
        locked_days: int = 0,
        fleeting: str = "",
    ) -> s3.CfnBucket:
        lock = s3.CfnBucket.ObjectLockConfigurationProperty(
            object_lock_enabled="Enabled",
            rule=s3.CfnBucket.ObjectLockRuleProperty(
                default_retention=s3.CfnBucket.DefaultRetentionProperty(
                    mode="COMPLIANCE", days=locked_days
                )
            ),
        )
        bucket = s3.CfnBucket(
            self,
            name,
            bucket_encryption=s3.CfnBucket.BucketEncryptionProperty(
                server_side_encryption_configuration=[
                    s3.CfnBucket.ServerSideEncryptionRuleProperty(
                        bucket_key_enabled=True,
                        server_side_encryption_by_default=s3.CfnBucket.ServerSideEncryptionByDefaultProperty(
                            sse_algorithm="aws:kms", kms_master_key_id=key.attr_arn
                        ),
                    )
                ]
            ),
            logging_configuration=s3.CfnBucket.LoggingConfigurationProperty(
                destination_bucket_name=self.logs.ref, log_file_prefix=f"{name.lower()}/"
            ),
            lifecycle_configuration=s3.CfnBucket.LifecycleConfigurationProperty(
                rules=[
                    s3.CfnBucket.RuleProperty(
                        id="parts-of-uploads-that-died",
                        status="Enabled",
                        abort_incomplete_multipart_upload=s3.CfnBucket.AbortIncompleteMultipartUploadProperty(
                            days_after_initiation=1
                        ),
                    ),
                    *([_soon_gone(fleeting)] if fleeting else []),
                ]
            ),
            object_lock_configuration=lock if locked_days else None,
            object_lock_enabled=True if locked_days else None,
            ownership_controls=s3.CfnBucket.OwnershipControlsProperty(
                rules=[
                    s3.CfnBucket.OwnershipControlsRuleProperty(
                        object_ownership="BucketOwnerEnforced"
                    )
                ]
            ),
            public_access_block_configuration=_closed(),
            versioning_configuration=s3.CfnBucket.VersioningConfigurationProperty(
                status="Enabled" if versions else "Suspended"
            ),
        )
        bucket.apply_removal_policy(cdk.RemovalPolicy.RETAIN)
        self._policy(name, bucket)
        return bucket

    def _policy(self, name: str, bucket: s3.CfnBucket, *more: iam.PolicyStatement) -> None:
        """TLS only; for everybody, the account's own administrators included."""
        encrypted = iam.PolicyStatement(
            sid="OnlyTls",
            effect=iam.Effect.DENY,
            actions=["s3:*"],
            principals=[iam.StarPrincipal()],
            resources=[bucket.attr_arn, f"{bucket.attr_arn}/*"],
            conditions={"Bool": {"aws:SecureTransport": "false"}},
        )
        s3.CfnBucketPolicy(
            self,
            f"{name}Policy",
            bucket=bucket.ref,
            policy_document=iam.PolicyDocument(statements=[encrypted, *more]),
        )

    def _streams(self, project: Project, options: Options) -> Iterable[kinesis.CfnStream]:
        for source in project.sources.values():
            if isinstance(source, StreamSource):
                stream = kinesis.CfnStream(
                    self,
                    f"Stream{source.name.title().replace('_', '')}",
                    name=source.stream,
                    retention_period_hours=options.retention_hours,
                    stream_encryption=kinesis.CfnStream.StreamEncryptionProperty(
                        encryption_type="KMS", key_id=self.lake_key.attr_arn
                    ),
                    stream_mode_details=kinesis.CfnStream.StreamModeDetailsProperty(
                        stream_mode="ON_DEMAND"
                    ),
                )
                stream.apply_removal_policy(cdk.RemovalPolicy.RETAIN)
                acknowledge(
                    stream, "KDS3", "A key of our own says who may read; it rotates every year."
                )
                yield stream


def _soon_gone(prefix: str) -> s3.CfnBucket.RuleProperty:
    """Remove what lies below a prefix, with its versions, after some days."""
    return s3.CfnBucket.RuleProperty(
        id="what-loads-leave",
        status="Enabled",
        prefix=prefix,
        expiration_in_days=FLEETING_DAYS,
        noncurrent_version_expiration=s3.CfnBucket.NoncurrentVersionExpirationProperty(
            noncurrent_days=FLEETING_DAYS
        ),
    )


def _owned() -> iam.PolicyDocument:
    """The account's IAM decides who may use a key; without this nobody could."""
    return iam.PolicyDocument(
        statements=[
            iam.PolicyStatement(
                sid="Account",
                actions=["kms:*"],
                principals=[iam.AccountRootPrincipal()],
                resources=["*"],
            )
        ]
    )


def _closed() -> s3.CfnBucket.PublicAccessBlockConfigurationProperty:
    return s3.CfnBucket.PublicAccessBlockConfigurationProperty(
        block_public_acls=True,
        block_public_policy=True,
        ignore_public_acls=True,
        restrict_public_buckets=True,
    )
