"""What functions need is pinned to what this program runs with, or the deployment is refused."""

from __future__ import annotations

import importlib.metadata

import pytest

from puntual.errors import ProjectError
from puntual.project.requirements import requirements


def test_every_dependency_is_pinned_to_the_version_that_is_installed() -> None:
    lines = requirements().splitlines()
    assert f"duckdb=={importlib.metadata.version('duckdb')}" in lines
    assert lines == sorted(lines)


def test_a_dependency_that_is_not_installed_here_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.metadata, "requires", lambda name: ["not-to-be-had>=1"])
    with pytest.raises(ProjectError, match="C1604") as caught:
        requirements()
    assert "not-to-be-had" in str(caught.value)
