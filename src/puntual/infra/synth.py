"""Synthesises a project's stack into a folder: template, list of assets, and what they hold."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import aws_cdk as cdk

from puntual.infra import bundle
from puntual.infra.options import Options, stack_name
from puntual.infra.stack import ReportStack, Sources
from puntual.model.project import Project
from puntual.planner.schedule import Zones
from puntual.project.requirements import requirements

STACK = "Puntual"
ASSETS = "puntual-assets-${AWS::AccountId}-${AWS::Region}"
"""The bucket of what is uploaded; `puntual deploy` makes it, so nothing has to be bootstrapped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Synthesised:
    """
    What was made.

    Attributes:
        project: The project's name.
        stack: The stack's name.
        template: Its file.
        assets: The list of what is uploaded, and where to.
    """

    project: str
    stack: str
    template: Path
    assets: Path


def synthesise(
    project: Project,
    root: Path,
    out: Path,
    *,
    zones: Zones,
    options: Options,
    layer: Path | None = None,
    checks: Sequence[Callable[[cdk.App], cdk.IPolicyValidationPlugin]] = (),
    validated: bool = False,
) -> Synthesised:
    """
    Write the template of a project and everything that travels with it.

    The same project, program and options give the same bytes. Nothing is asked of a network.

    Args:
        project: Read and found right.
        root: Its folder.
        out: Is emptied first.
        zones: Builds a time zone.
        options: Sizes and limits.
        layer: A folder with `python/` of dependencies; None: an empty one.
        checks: Make policy validators of an app, such as cdk-nag's.
        validated: CDK compares the template with CloudFormation's schemas, which takes longer
            than all the rest; the project's tests do it.

    Raises:
        ProjectError: C1603 the times of a job's steps are too short for a Glue job; C1604 a
            package that functions need is not installed here.
        OSError: The folder cannot be written.
    """
    shutil.rmtree(out, ignore_errors=True)
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        empty = place / "layer"
        (empty / "python").mkdir(parents=True)
        (empty / "python" / "requirements.txt").write_text(requirements())
        sources = Sources(
            program=bundle.program(place / "program"),
            project=bundle.project(root, place / "project"),
            layer=layer or empty,
            requirements=requirements(),
        )
        app = cdk.App(
            outdir=str(out),
            analytics_reporting=False,
            tree_metadata=False,
            builtin_cloud_formation_validation=validated,
        )
        for check in checks:
            cdk.Validations.of(app).add_plugins(check(app))
        ReportStack(
            app,
            project=project,
            sources=sources,
            zones=zones,
            options=options,
            synthesizer=cdk.CliCredentialsStackSynthesizer(file_assets_bucket_name=ASSETS),
        )
        app.synth()
    return Synthesised(
        project=project.name,
        stack=stack_name(project),
        template=out / f"{STACK}.template.json",
        assets=out / f"{STACK}.assets.json",
    )
