"""Glue jobs on the stage really run, and end as Glue says (L1-L6)."""

from __future__ import annotations

import io
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.stage import client, shows, until

from puntual.aws.stage.plugin.job_process import Ended, carried
from puntual.aws.stage.standing import Standing

BUCKET = "stage-jobs"
ENDED = ("SUCCEEDED", "FAILED", "TIMEOUT", "STOPPED")


class Glue:
    """Jobs of one test, each with its script in S3."""

    def __init__(self, stage: Standing) -> None:
        self.stage = stage
        self.s3, self.glue = client(stage, "s3"), client(stage, "glue")
        self.s3.create_bucket(Bucket=BUCKET)

    def job(self, name: str, script: str | None, kind: str = "glueetl", **over: Any) -> str:
        """Make a job; without a script, its object is missing."""
        key = f"{name}/main.py"
        if script is not None:
            self.s3.put_object(Bucket=BUCKET, Key=key, Body=script.encode())
        given: dict[str, Any] = {"Timeout": 5, "GlueVersion": "5.0", "Role": "r", **over}
        command = {"Name": kind, "ScriptLocation": f"s3://{BUCKET}/{key}"}
        self.glue.create_job(Name=name, Command=command, **given)
        return name

    def start(self, name: str, **arguments: str) -> str:
        """Start a run and return its id."""
        given = {f"--{key}": value for key, value in arguments.items()}
        return str(self.glue.start_job_run(JobName=name, Arguments=given)["JobRunId"])

    def run(self, name: str, run_id: str) -> dict[str, Any]:
        """Return a run as it is now."""
        found: dict[str, Any] = self.glue.get_job_run(JobName=name, RunId=run_id)["JobRun"]
        return found

    def ended(self, name: str, run_id: str) -> dict[str, Any]:
        """Wait for the end of a run."""

        def ask() -> dict[str, Any] | None:
            run = self.run(name, run_id)
            return run if run["JobRunState"] in ENDED else None

        return until(ask, f"an end of {name}")

    def printed(self, run_id: str) -> str:
        """Return what a run printed."""
        return (self.stage.jobs / run_id / "log.out").read_text()


@pytest.fixture(scope="module")
def glue(stage: Standing) -> Glue:
    return Glue(stage)


@shows("L1", "L3")
def test_a_spark_job_runs_with_its_arguments_as_words(glue: Glue) -> None:
    script = (
        "import sys, os, boto3\n"
        "from awsglue.utils import getResolvedOptions\n"
        "told = getResolvedOptions(sys.argv, ['JOB_NAME', 'JOB_RUN_ID', 'order', 'own'])\n"
        "print(told['order'], told['own'], told['JOB_NAME'], os.environ.get('order'))\n"
        "print('PUNTUAL_STAGE_PYTHON' in os.environ, boto3.client('s3').meta.endpoint_url)\n"
    )
    name = glue.job("words", script, DefaultArguments={"--own": "1", "--order": "-"})
    run_id = glue.start(name, order='{"task": "Land"}')
    assert glue.ended(name, run_id)["JobRunState"] == "SUCCEEDED"
    assert glue.printed(run_id).splitlines() == [
        '{"task": "Land"} 1 words None',
        f"False {glue.stage.endpoint}",
    ]
    logs = client(glue.stage, "logs")
    events = logs.get_log_events(logGroupName="/aws-glue/jobs/output", logStreamName=run_id)
    assert events["events"][0]["message"] == '{"task": "Land"} 1 words None'


@shows("L2")
def test_a_job_without_its_script_fails(glue: Glue) -> None:
    name = glue.job("scriptless", None)
    run = glue.ended(name, glue.start(name))
    assert run["JobRunState"] == "FAILED"
    assert run["ErrorMessage"].endswith("scriptless/main.py")


def test_the_last_line_of_a_failure_is_its_message(glue: Glue) -> None:
    name = glue.job("raises", "raise ValueError('no such day')")
    run = glue.ended(name, glue.start(name))
    assert (run["JobRunState"], run["ErrorMessage"]) == ("FAILED", "ValueError: no such day")


@shows("L4")
def test_a_second_run_is_refused_while_one_runs_and_allowed_after_it(glue: Glue) -> None:
    name = glue.job("single", "import time; time.sleep(1)")
    first = glue.start(name)
    with pytest.raises(glue.glue.exceptions.ConcurrentRunsExceededException):
        glue.start(name)
    glue.ended(name, first)
    assert glue.ended(name, glue.start(name))["JobRunState"] == "SUCCEEDED"
    wide = glue.job(
        "double", "import time; time.sleep(0.3)", ExecutionProperty={"MaxConcurrentRuns": 2}
    )
    assert glue.start(wide) != glue.start(wide)


@shows("L5")
def test_a_stopped_run_is_stopped_with_its_process(glue: Glue, tmp_path: Path) -> None:
    script = (
        "import os, sys, time\n"
        "open(sys.argv[sys.argv.index('--pid') + 1], 'w').write(str(os.getpid()))\n"
        "time.sleep(60)\n"
    )
    name = glue.job("stopped", script)
    file = tmp_path / "pid"
    run_id = glue.start(name, pid=str(file))
    pid = until(lambda: file.read_text() if file.exists() else "", "its process id")
    asked = glue.glue.batch_stop_job_run(JobName=name, JobRunIds=[run_id])
    assert [each["JobRunId"] for each in asked["SuccessfulSubmissions"]] == [run_id]
    assert glue.ended(name, run_id)["JobRunState"] == "STOPPED"
    assert not Path(f"/proc/{pid}").exists()


@shows("L3")
def test_a_timeout_is_in_minutes(glue: Glue) -> None:
    name = glue.job("slow", "import time; time.sleep(2)", kind="pythonshell", Timeout=1)
    assert glue.ended(name, glue.start(name))["JobRunState"] == "SUCCEEDED"


def test_a_job_is_ended_when_its_time_is_over(tmp_path: Path) -> None:
    ended = carried(
        [sys.executable, "-c", "import time; time.sleep(60)"],
        {},
        output=tmp_path / "log",
        folder=tmp_path,
        seconds=0.3,
        stopped=lambda: False,
    )
    assert ended == Ended(state="TIMEOUT", message="Job run exceeded its timeout")


@shows("L6")
def test_scripts_of_one_name_do_not_meet(glue: Glue) -> None:
    names = [glue.job(f"same-{at}", f"import time; time.sleep(0.3); print({at})") for at in (1, 2)]
    runs = [(name, glue.start(name)) for name in names]
    assert [glue.ended(*run)["JobRunState"] for run in runs] == ["SUCCEEDED"] * 2
    assert [glue.printed(run_id).strip() for _, run_id in runs] == ["1", "2"]


def test_a_wheel_and_a_zip_of_a_job_are_on_its_path(glue: Glue) -> None:
    for name, source in (("pack-1-py3-none-any.whl", "pack"), ("more.zip", "more")):
        body = io.BytesIO()
        with zipfile.ZipFile(body, "w") as archive:
            archive.writestr(f"{source}/__init__.py", "")
            archive.writestr(f"{source}/data.txt", source)
        glue.s3.put_object(Bucket=BUCKET, Key=name, Body=body.getvalue())
    script = (
        "import pack, more, pathlib\n"
        "print((pathlib.Path(pack.__file__).parent / 'data.txt').read_text(), more.__name__)\n"
    )
    extra = f"s3://{BUCKET}/pack-1-py3-none-any.whl,s3://{BUCKET}/more.zip"
    name = glue.job("packed", script, DefaultArguments={"--extra-py-files": extra})
    run_id = glue.start(name)
    assert glue.ended(name, run_id)["JobRunState"] == "SUCCEEDED"
    assert glue.printed(run_id).strip() == "pack more"


@shows("L26")
def test_a_job_dies_as_often_as_a_test_asks(
    glue: Glue, faults: Callable[[dict[str, Any]], None]
) -> None:
    name = glue.job("dies", "print('done')")
    faults({"glue": {"dies": {"dies": 2}}})
    states = [glue.ended(name, glue.start(name))["JobRunState"] for _ in range(3)]
    assert states == ["FAILED", "FAILED", "SUCCEEDED"]
    faults({"glue-busy": {"dies": {"times": 1}}})
    with pytest.raises(glue.glue.exceptions.ConcurrentRunsExceededException):
        glue.start(name)
    assert glue.ended(name, glue.start(name))["JobRunState"] == "SUCCEEDED"
