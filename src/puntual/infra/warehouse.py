"""Redshift Serverless: a namespace, a workgroup, and the role by which COPY reads the lake."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_redshiftserverless as redshift
from constructs import Construct

from puntual.infra.options import Options, database_name, slug
from puntual.infra.roles import role
from puntual.infra.storage import Storage
from puntual.model.project import Project


class Warehouse(Construct):
    """
    Where the day is loaded and the report asks.

    Nobody signs in with a password: a role's temporary credentials are a user of its own in the
    database (`IAMR:<role>`), which an administrator grants what it needs (docs/reference/aws.md).
    """

    def __init__(
        self, scope: Construct, name: str, *, project: Project, storage: Storage, options: Options
    ) -> None:
        super().__init__(scope, name)
        lake = f"{storage.lake.attr_arn}/{project.name}"
        self.reader = role(
            self,
            "CopyRole",
            "redshift.amazonaws.com",
            [
                iam.PolicyStatement(
                    sid="Copy",
                    actions=["s3:GetObject"],
                    resources=[f"{lake}/{p}/*" for p in ("curated", "loads", "validate")],
                ),
                iam.PolicyStatement(
                    sid="Unload",
                    actions=["s3:PutObject"],
                    resources=[f"{lake}/loads/unloaded/*"],
                ),
                iam.PolicyStatement(
                    sid="Key",
                    actions=["kms:Decrypt", "kms:GenerateDataKey"],
                    resources=[storage.lake_key.attr_arn],
                ),
            ],
        )
        self.namespace = redshift.CfnNamespace(
            self,
            "Namespace",
            namespace_name=f"puntual-{slug(project)}",
            db_name=database_name(project),
            manage_admin_password=True,
            iam_roles=[self.reader.attr_arn],
            default_iam_role_arn=self.reader.attr_arn,
            log_exports=["connectionlog", "userlog", "useractivitylog"],
        )
        self.namespace.apply_removal_policy(cdk.RemovalPolicy.RETAIN)
        self.workgroup = redshift.CfnWorkgroup(
            self,
            "Workgroup",
            workgroup_name=f"puntual-{slug(project)}",
            namespace_name=f"puntual-{slug(project)}",
            base_capacity=options.base_capacity,
            publicly_accessible=False,
            enhanced_vpc_routing=True,
            config_parameters=[
                redshift.CfnWorkgroup.ConfigParameterProperty(
                    parameter_key="require_ssl", parameter_value="true"
                ),
            ],
        )
        self.workgroup.add_resource_dependency(self.namespace)
