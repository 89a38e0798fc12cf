"""One stack of a report project, the same bytes for a stage and for every account."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_s3_assets as assets
from constructs import Construct

from puntual.evidence.trust import Role
from puntual.infra import asl
from puntual.infra.bound import Document
from puntual.infra.catalogue import Catalogue
from puntual.infra.compute import Compute, Travelling
from puntual.infra.options import Options, database_name, slug, stack_name
from puntual.infra.orchestration import Orchestration
from puntual.infra.places import FUNCTIONS, JOBS
from puntual.infra.roles import World
from puntual.infra.storage import Storage
from puntual.infra.warehouse import Warehouse
from puntual.infra.watching import Alarms, Topics
from puntual.model.project import Project
from puntual.planner.schedule import Zones

TAG = "puntual"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """
    Folders whose content travels with the template; see `bundle`.

    Attributes:
        program: The package.
        project: The report project's files.
        layer: Dependencies, in `python/`; may be empty until it is deployed to an account.
        requirements: What the layer is made from.
    """

    program: Path
    project: Path
    layer: Path
    requirements: str


class PuntualReport(Construct):
    """
    Everything that a report project needs on AWS, for a CDK app of one's own.

    Attributes:
        storage: Keys, buckets, streams.
        catalogue: Glue database, tables, Athena's workgroup.
        warehouse: Redshift Serverless.
        compute: Jobs and functions.
        orchestration: State machine, schedule, watchdog.
        topics: By severity.
        settings: `PUNTUAL_…`: what a client of the deployment needs to know.
    """

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        project: Project,
        sources: Sources,
        zones: Zones,
        options: Options | None = None,
    ) -> None:
        """
        Make the resources of a project.

        Args:
            scope: A stack without `env`, so that its template knows no account and region.
            name: Of the construct.
            project: Read, in the environment that `options` names, and found right.
            sources: What travels.
            zones: Builds a time zone.
            options: Sizes and limits.

        Raises:
            ProjectError: C1603 the times of a job's steps are too short for a Glue job.
        """
        super().__init__(scope, name)
        chosen = options or Options()
        definition = asl.machine(project)
        self.storage = Storage(self, "Storage", project=project, options=chosen)
        self.topics = Topics(self, "Topics", project=project, storage=self.storage, options=chosen)
        self.catalogue = Catalogue(
            self, "Catalogue", project=project, storage=self.storage, options=chosen
        )
        self.warehouse = Warehouse(
            self, "Warehouse", project=project, storage=self.storage, options=chosen
        )
        program = assets.Asset(self, "Program", path=str(sources.program))
        files = assets.Asset(self, "Project", path=str(sources.project))
        world = World(
            project=project,
            storage=self.storage,
            catalogue=self.catalogue,
            topics=[topic.ref for topic in self.topics.by_severity.values()],
            workgroup=self.warehouse.workgroup.attr_workgroup_workgroup_arn,
            assets=files.s3_bucket_name,
        )
        self.settings = self._settings(world, files, chosen)
        self.compute = Compute(
            self,
            "Compute",
            world=world,
            travelling=Travelling(
                program=program,
                project=files,
                layer=str(sources.layer),
                requirements=sources.requirements,
            ),
            settings=self.settings,
            times=times_of(definition),
            options=chosen,
        )
        self.orchestration = Orchestration(
            self,
            "Orchestration",
            world=world,
            compute=self.compute,
            definition=definition,
            topic=self.topics.error.ref,
            zones=zones,
            options=chosen,
        )
        Alarms(
            self,
            "Alarms",
            project=project,
            storage=self.storage,
            compute=self.compute,
            orchestration=self.orchestration,
            topics=self.topics,
            options=chosen,
        )

    def _settings(self, world: World, files: assets.Asset, options: Options) -> dict[str, str]:
        """Return what functions, jobs and clients are told; the names are those of `aws`."""
        topics = {
            f"PUNTUAL_TOPIC_{severity.value.upper()}": topic.ref
            for severity, topic in self.topics.by_severity.items()
        }
        return {
            "PUNTUAL_PROJECT": files.s3_object_url,
            "PUNTUAL_ENVIRONMENT": options.environment,
            "PUNTUAL_LAKE": self.storage.lake.ref,
            "PUNTUAL_DELIVERIES": self.storage.deliveries.ref,
            "PUNTUAL_EVIDENCE": self.storage.evidence.ref,
            "PUNTUAL_WORKGROUP": f"puntual-{slug(world.project)}",
            "PUNTUAL_DATABASE": database_name(world.project),
            "PUNTUAL_ATHENA": f"puntual-{slug(world.project)}",
            "PUNTUAL_CATALOG": database_name(world.project),
            "PUNTUAL_SIGNER": ",".join(self.storage.signing_keys[Role.PIPELINE]),
            "PUNTUAL_LOG_SIGNER": ",".join(self.storage.signing_keys[Role.LOG]),
            "PUNTUAL_PSEUDONYMS": self.storage.pseudonym_key.attr_arn,
            "PUNTUAL_STATE_MACHINE": world.machine,
            **({"PUNTUAL_TIMESTAMP": options.authority} if options.authority else {}),
            **topics,
        }


class ReportStack(cdk.Stack):
    """A stack with one `PuntualReport`, and its settings as outputs."""

    def __init__(
        self,
        scope: Construct,
        *,
        project: Project,
        sources: Sources,
        zones: Zones,
        options: Options,
        synthesizer: cdk.IStackSynthesizer | None = None,
    ) -> None:
        super().__init__(
            scope,
            "Puntual",
            synthesizer=synthesizer,
            stack_name=stack_name(project),
            description=f"puntual: {project.name}",
            analytics_reporting=False,
        )
        self.report = PuntualReport(
            self,
            "Report",
            project=project,
            sources=sources,
            zones=zones,
            options=options,
        )
        untagged = ["AWS::CloudWatch::Dashboard"]  # takes none, whatever CDK says
        cdk.Tags.of(self).add(TAG, slug(project), exclude_resource_types=untagged)
        for name, value in self.report.settings.items():
            cdk.CfnOutput(self, output_of(name), value=value or "-")


def output_of(setting: str) -> str:
    """Return the stack's output that holds a setting: `PUNTUAL_LAKE` is `PuntualLake`."""
    return "".join(part.title() for part in setting.split("_"))


def times_of(definition: Document) -> dict[str, int]:
    """Return job or function → seconds of the longest task that a machine gives it."""
    known = {f"{name.capitalize()}Job": name for name in JOBS}
    known |= {f"{name.capitalize()}Function": name for name in FUNCTIONS}
    found: dict[str, int] = {}
    for asked, seconds in _asked(definition["States"]):
        name = known[asked.removeprefix("${").removesuffix("}")]
        found[name] = max(found.get(name, 0), ceil(seconds))
    return found


def _asked(states: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, int]]:
    for state in states.values():
        if state["Type"] == "Task":
            given = state["Parameters"]
            yield given.get("JobName") or given["FunctionName"], state["TimeoutSeconds"]
