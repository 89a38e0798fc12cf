"""What a newcomer is told to do: the example deployed, fed and delivered by its own script."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from support.stage import stage_python as stage_python

SCRIPT = Path(__file__).resolve().parents[2] / "examples/credit-report/demo_aws.py"


@pytest.mark.skipif(
    not os.environ.get("PUNTUAL_AWS_ALL"), reason="`make aws` runs it: a stage more, and a day"
)
def test_the_example_is_deployed_fed_and_delivered_as_its_readme_says(
    stage_python: Path,
) -> None:
    place = Path(tempfile.mkdtemp(prefix="puntual-demo-"))
    place.chmod(0o755)  # started by root, the stage's PostgreSQL is another user
    folder = place / "bank"
    env = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
    try:
        done = subprocess.run(
            [sys.executable, str(SCRIPT), "--into", str(folder)],
            capture_output=True,
            text=True,
            check=False,
            timeout=1500,
            env={**env, "PUNTUAL_STAGE_PYTHON": str(stage_python), "NO_COLOR": "1"},
        )
    finally:
        subprocess.run(
            [sys.executable, "-m", "puntual.cli.main", "-C", str(folder), "aws", "local", "down"],
            check=True,
            capture_output=True,
        )
        shutil.rmtree(place, ignore_errors=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "credit_daily_20261120_v1.txt: the same" in done.stdout
    assert "arrears_daily_20261120_v1.dat: the same" in done.stdout
