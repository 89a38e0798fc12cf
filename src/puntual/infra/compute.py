"""Glue jobs and functions: each its own role, its own log, its own limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import aws_cdk as cdk
from aws_cdk import aws_glue as glue
from aws_cdk import aws_lambda as functions
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3_assets as assets
from constructs import Construct

from puntual.infra import bundle
from puntual.infra.acknowledged import acknowledge
from puntual.infra.options import Options, slug
from puntual.infra.permissions import NEEDS
from puntual.infra.places import FUNCTIONS, JOBS
from puntual.infra.roles import EVERYTHING, World, role, statements

PYTHON = "python3.14"
"""Of functions: the newest that Lambda has. Glue 5 has 3.11; `puntual` runs on either."""

GLUE = "5.0"
LONGEST_FUNCTION = 900
"""Seconds; of Lambda, by the service (quotas). A step that needs longer is no function's."""

STREAM = "stream"
WATCHDOG = "watchdog"
WATCHDOG_SECONDS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Travelling:
    """
    What is uploaded.

    Attributes:
        program: The package, for functions and `--extra-py-files`.
        project: The report project's files.
        layer: The folder of dependencies; it may still be empty when the template is made.
        requirements: What the layer is made from, one pin a line.
    """

    program: assets.Asset
    project: assets.Asset
    layer: str
    requirements: str


class Compute(Construct):
    """The jobs and functions that the state machine asks."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        world: World,
        travelling: Travelling,
        settings: Mapping[str, str],
        times: Mapping[str, int],
        options: Options,
    ) -> None:
        """
        Make them.

        Args:
            scope: Where they stand.
            name: Of the construct.
            world: What they reach.
            travelling: What they run.
            settings: `PUNTUAL_…`: what a deployment tells its functions and jobs.
            times: Function or job → seconds of its longest task.
            options: Sizes.
        """
        super().__init__(scope, name)
        self._world = world
        self._travelling = travelling
        self._settings = settings
        self._options = options
        self._slug = slug(world.project)
        self.layer = self._layer()
        self.jobs = {job: self._job(job, times[job]) for job in JOBS}
        self.stream = self._job(STREAM, None) if options.streaming else None
        self.functions = {
            function: self._function(function, times.get(function, WATCHDOG_SECONDS))
            for function in (*FUNCTIONS, WATCHDOG)
        }

    def _layer(self) -> functions.CfnLayerVersion:
        """
        Make the layer of dependencies, whose name in the bucket is what it is made from.

        So the template is the same before and after they are fetched, and on a stage, whose
        functions have them already.
        """
        asset = assets.Asset(
            self,
            "Dependencies",
            path=self._travelling.layer,
            asset_hash=bundle.digest(self._travelling.requirements, PYTHON),
            asset_hash_type=cdk.AssetHashType.CUSTOM,
        )
        return functions.CfnLayerVersion(
            self,
            "Layer",
            layer_name=f"puntual-{self._slug}",
            description="What puntual needs beside itself, as its metadata declares it",
            compatible_runtimes=[PYTHON],
            content=functions.CfnLayerVersion.ContentProperty(
                s3_bucket=asset.s3_bucket_name, s3_key=asset.s3_object_key
            ),
        )

    def _job(self, job: str, seconds: int | None) -> glue.CfnJob:
        """Make a job; one without a time is a streaming job, of which one runs at a time."""
        log = self._log(f"{job.title()}JobLog", f"/aws-glue/jobs/puntual-{self._slug}-{job}")
        asset = assets.Asset(self, f"{job.title()}Script", path=str(bundle.script(job)))
        allowed = statements(self._world, NEEDS[job], log.attr_arn)
        made_role = role(
            self, f"{job.title()}Role", "glue.amazonaws.com", list(allowed), everything=EVERYTHING
        )
        stack = cdk.Stack.of(self)
        made = glue.CfnJob(
            self,
            f"{job.title()}Job",
            name=f"puntual-{self._slug}-{job}",
            role=made_role.attr_arn,
            glue_version=GLUE,
            command=glue.CfnJob.JobCommandProperty(
                name="gluestreaming" if seconds is None else "glueetl",
                python_version="3",
                script_location=asset.s3_object_url,
            ),
            default_arguments={
                "--settings": stack.to_json_string(dict(self._settings)),
                "--extra-py-files": self._travelling.program.s3_object_url,
                "--additional-python-modules": ",".join(self._travelling.requirements.split()),
                "--job-bookmark-option": "job-bookmark-disable",
                "--enable-metrics": "true",
                "--enable-observability-metrics": "true",
                "--enable-continuous-cloudwatch-log": "true",
                "--continuous-log-logGroup": log.ref,
                "--conf": "spark.sql.session.timeZone=UTC",
            },
            execution_property=glue.CfnJob.ExecutionPropertyProperty(
                max_concurrent_runs=1 if seconds is None else self._options.concurrency
            ),
            max_retries=0,
            timeout=None if seconds is None else max(1, seconds // 60),
            number_of_workers=self._options.workers,
            worker_type=self._options.worker_type,
        )
        acknowledge(
            made,
            "GL1",
            "The job writes to a log group of its own, encrypted by the key of operations; a "
            "security configuration would encrypt the account's shared groups as well.",
        )
        acknowledge(
            made,
            "GL3",
            "Bookmarks are off: they say nothing of a job's output, and a rewritten file would "
            "come back (aws.md 9). Manifests name the inputs of every step.",
        )
        return made

    def _function(self, name: str, seconds: int) -> functions.CfnFunction:
        log = self._log(f"{name.title()}Log", f"/aws/lambda/puntual-{self._slug}-{name}")
        allowed = statements(self._world, NEEDS[name], log.attr_arn)
        made_role = role(
            self,
            f"{name.title()}Role",
            "lambda.amazonaws.com",
            list(allowed),
            everything=EVERYTHING,
        )
        program = self._travelling.program
        module = "watchdog" if name == WATCHDOG else "functions"
        return functions.CfnFunction(
            self,
            f"{name.title()}Function",
            function_name=f"puntual-{self._slug}-{name}",
            description=f"puntual {self._world.project.name}: {name}",
            runtime=PYTHON,
            architectures=["x86_64"],
            handler=f"puntual.aws.{module}.{name}",
            code=functions.CfnFunction.CodeProperty(
                s3_bucket=program.s3_bucket_name, s3_key=program.s3_object_key
            ),
            layers=[self.layer.ref],
            role=made_role.attr_arn,
            timeout=min(seconds, LONGEST_FUNCTION),
            memory_size=self._options.memory,
            ephemeral_storage=functions.CfnFunction.EphemeralStorageProperty(
                size=self._options.scratch
            ),
            environment=functions.CfnFunction.EnvironmentProperty(
                variables={
                    **self._settings,
                    "PUNTUAL_CACHE": "/tmp/puntual",  # noqa: S108 - the one place a function may write
                    "PUNTUAL_CACHE_BYTES": str(self._options.scratch * 3 // 4 << 20),
                }
            ),
            logging_config=functions.CfnFunction.LoggingConfigProperty(log_group=log.ref),
            tracing_config=functions.CfnFunction.TracingConfigProperty(mode="PassThrough"),
        )

    def _log(self, name: str, group: str) -> logs.CfnLogGroup:
        made = logs.CfnLogGroup(
            self,
            name,
            log_group_name=group,
            retention_in_days=self._options.log_days,
            kms_key_id=self._world.storage.operations_key.attr_arn,
        )
        made.apply_removal_policy(cdk.RemovalPolicy.RETAIN)
        return made
