"""The example's stack, made twice: once judged by cdk-nag and CloudFormation's own schemas."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support.postgres import needed

Json = dict[str, Any]
EXAMPLE = Path(__file__).parents[2] / "examples" / "credit-report"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """A synthesised stack: its folder, its template, what cdk-nag and CloudFormation said."""

    folder: Path
    name: str
    template: Json
    report: Json

    def of(self, kind: str) -> dict[str, Json]:
        """Return logical name → properties of the resources of a type."""
        resources = self.template["Resources"]
        return {n: r["Properties"] for n, r in resources.items() if r["Type"] == kind}

    def one(self, kind: str, **wanted: object) -> Json:
        """Return the properties of the one resource that has these."""
        found = [
            properties
            for properties in self.of(kind).values()
            if all(properties.get(key) == value for key, value in wanted.items())
        ]
        assert len(found) == 1, f"{len(found)} of {kind} with {wanted}"
        return found[0]


@pytest.fixture(scope="session")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Stack:
    """Give the example's stack with everything optional, judged by every rule."""
    needed("aws_cdk")
    needed("cdk_nag")
    from cdk_nag import AwsSolutionsChecks

    from puntual.infra.options import Options
    from puntual.infra.synth import synthesise
    from puntual.project.read import read_project
    from puntual.project.zones import zone

    folder = tmp_path_factory.mktemp("judged")
    options = Options(
        emails={"error": "ops@bank.example"},
        mail_identity="bank.example",
        streaming=True,
        authority="https://tsa.example/tsr",
        keys={"pipeline": 2, "log": 3},
    )
    made = synthesise(
        read_project(EXAMPLE),
        EXAMPLE,
        folder,
        zones=zone,
        options=options,
        checks=(AwsSolutionsChecks,),
        validated=True,
    )
    report = json.loads((folder / "validation-report.json").read_text(encoding="utf-8"))
    return _stack(folder, made.stack, report)


@pytest.fixture(scope="session")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Stack:
    """Give the example's stack as `puntual synth` makes it."""
    needed("aws_cdk")
    from puntual.infra.options import Options
    from puntual.infra.synth import synthesise
    from puntual.project.read import read_project
    from puntual.project.zones import zone

    folder = tmp_path_factory.mktemp("plain")
    made = synthesise(read_project(EXAMPLE), EXAMPLE, folder, zones=zone, options=Options())
    return _stack(folder, made.stack, {})


def _stack(folder: Path, name: str, report: Json) -> Stack:
    text = (folder / "Puntual.template.json").read_text(encoding="utf-8")
    return Stack(folder=folder, name=name, template=json.loads(text), report=report)
