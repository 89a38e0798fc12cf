"""Environments of `puntual.yaml`: where each runs, and what of a machine AWS cannot reach."""

from __future__ import annotations

from pathlib import Path

import pytest
from core.project.base import FILES, write

from puntual.project.read import lint, read_project

CLOUD = """\
  cloud:
    kind: aws
    sources: {credits: {connection: env:CORE}}
    warehouse: {kind: redshift, location: banco}
"""


def _project(folder: Path, environment: str) -> Path:
    write(folder, FILES | {"puntual.yaml": FILES["puntual.yaml"] + environment})
    return folder


def _complaints(folder: Path, environment: str) -> list[tuple[str, str]]:
    _, found, _ = lint(_project(folder, environment))
    return [(c.code, c.message) for c in found if c.severity == "error"]


def test_an_environment_runs_on_one_machine_unless_it_says_aws(tmp_path: Path) -> None:
    root = _project(tmp_path, CLOUD)
    here, there = read_project(root), read_project(root, env="cloud")
    assert dict(here.environments) == {"ci": "local", "cloud": "aws"} == dict(there.environments)
    assert (here.place, there.place) == ("local", "aws")
    assert (here.warehouse.kind, there.warehouse.kind) == ("duckdb", "redshift")
    assert here.digest == there.digest


def test_a_kind_of_environment_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    found = _complaints(tmp_path, "  cloud: {kind: azure}\n")
    assert ("C1011", "'azure' is not a possible kind") in found


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        (CLOUD.replace("    kind: aws\n", ""), "loads Redshift, and no other environment does"),
        (CLOUD.replace("redshift", "postgresql"), "loads Redshift, and no other environment does"),
        (CLOUD.replace("banco", "postgresql://h/d"), "must be its database's name"),
        (CLOUD.replace("env:CORE", "sqlite:data/core.db"), "is a file of one machine"),
    ],
    ids=["redshift at home", "postgresql on AWS", "a URL for Redshift", "SQLite on AWS"],
)
def test_what_an_environment_cannot_reach_is_refused_in_every_environment(
    tmp_path: Path, environment: str, said: str
) -> None:
    assert any(said in message for _, message in _complaints(tmp_path, environment))
