"""
The stage as a fixture: AWS on this machine, once for all tests of a session.

Import what you use into a test module or conftest: `stage` is the running stage; `aws` sets the
environment that botocore reads for one test; `faults` makes faults happen while it runs.
A stage that cannot be had is skipped at a desk and fails in CI.
"""

from __future__ import annotations

import importlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import pytest

from puntual.aws.stage import environment, launch
from puntual.aws.stage.capabilities import ROWS, Answer
from puntual.aws.stage.standing import Standing
from support.postgres import needed

T = TypeVar("T")
Test = TypeVar("Test", bound=Callable[..., None])


def in_ci() -> bool:
    """Is this CI, where nothing is skipped?"""
    return bool(os.environ.get("CI") or os.environ.get("PUNTUAL_CI"))


@pytest.fixture(scope="session")
def stage_python() -> Path:
    """Give the stage's interpreter; in CI its environment is made, at a desk it must be there."""
    needed("boto3")
    made = (environment.folder(os.environ) / environment.READY).exists()
    if not (made or in_ci() or os.environ.get(environment.OWN)):
        pytest.skip("the stage's environment is not made: `puntual aws local up` makes it")
    return environment.interpreter(os.environ, lambda _: None)


@pytest.fixture(scope="session")
def stage(stage_python: Path) -> Iterator[Standing]:
    """
    Give the running stage; `stage.environment()` is what botocore reads.

    Its folder is not pytest's own: started by root, PostgreSQL runs as another user, who may
    not enter that.
    """
    folder = Path(tempfile.mkdtemp(prefix="puntual-stage-"))
    folder.chmod(0o755)
    try:
        started, _ = launch.up(folder, env=os.environ, say=lambda _: None)
        yield started
    finally:
        launch.down(folder, env=os.environ, say=lambda _: None)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def aws(stage: Standing, monkeypatch: pytest.MonkeyPatch) -> Standing:
    """Let botocore find the stage instead of AWS, for one test."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in stage.environment().items():
        monkeypatch.setenv(name, value)
    return stage


def client(stage: Standing, service: str) -> Any:
    """Return a client of a service on the stage, whatever the environment says."""
    return _client(stage.endpoint, stage.environment()["AWS_DEFAULT_REGION"], service)


@cache
def _client(endpoint: str, region: str, service: str) -> Any:
    config = importlib.import_module("botocore.config").Config(retries={"total_max_attempts": 1})
    return _session(region).client(service, endpoint_url=endpoint, config=config)


@cache
def _session(region: str) -> Any:
    return importlib.import_module("boto3").Session("test", "test", region_name=region)


@pytest.fixture
def faults(stage: Standing) -> Iterator[Callable[[dict[str, Any]], None]]:
    """Give a function that writes the stage's faults; none is left after the test."""

    def write(wanted: dict[str, Any]) -> None:
        draft = stage.faults.with_suffix(".tmp")
        draft.write_text(json.dumps(wanted), encoding="utf-8")
        draft.replace(stage.faults)

    yield write
    stage.faults.unlink(missing_ok=True)


def shows(*rows: str) -> Callable[[Test], Test]:
    """
    Mark a test that fails without the correction of these rows (`capabilities.ROWS`).

    `tests/aws/test_stage_rows.py` asks that each corrected row has one.
    """

    def marked(test: Test) -> Test:
        return test

    assert all(ROWS[row].answer in (Answer.CORRECTED, Answer.REFUSED) for row in rows)
    return marked


def skip_for(row: str) -> None:
    """Skip a test that rests on a row which is not corrected, with the reason."""
    if ROWS[row].answer in (Answer.SKIPPED, Answer.OTHER):
        pytest.skip(f"{row}: {ROWS[row].says}: {ROWS[row].why}")


def until(ask: Callable[[], T | None], what: str, seconds: float = 30) -> T:
    """Return the first answer that is neither None nor empty."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if answer := ask():
            return answer
        time.sleep(0.05)
    raise AssertionError(f"after {seconds} s still without {what}")
