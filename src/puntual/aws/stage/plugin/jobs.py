"""
Glue jobs that really run.

As it comes, ministack says SUCCEEDED for a Spark job that it did not start and for any job
without a script (L1, L2), gives a script's arguments as environment and its minutes as seconds
(L3), forgets MaxConcurrentRuns (L4), stops nothing when a run is stopped (L5) and shares one copy
of a script among all of its name (L6).
"""

from __future__ import annotations

import json
import threading
import time
import uuid
import zipfile
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from ministack.core.responses import error_response_json
from ministack.services import cloudwatch_logs, glue, s3
from ministack.services.cloudformation import provisioners

from puntual.aws.stage.plugin.faults import Faults
from puntual.aws.stage.plugin.job_process import Ended, carried, on_path, words
from puntual.aws.stage.plugin.settings import Settings

ALIVE = ("STARTING", "RUNNING", "STOPPING")
MINUTES = 2880
"""Glue's default Timeout of a job."""
GROUPS = {".out": "/aws-glue/jobs/output", ".err": "/aws-glue/jobs/error"}
EVENT_BYTES = 200_000

Answer = tuple[int, dict[str, str], bytes]


class Runner:
    """Carries out runs in the project's interpreter."""

    def __init__(self, settings: Settings, faults: Faults) -> None:
        self._settings = settings
        self._faults = faults
        self._jobs = settings.folder / "jobs"
        self._jobs.mkdir(parents=True, exist_ok=True)

    def run(self, run: dict[str, Any], job: dict[str, Any], arguments: dict[str, Any]) -> None:
        """Carry one run out and write its end into it."""
        try:
            ended = self._ended(run, job, arguments)
        except (OSError, ValueError, zipfile.BadZipFile) as error:
            ended = Ended(state="FAILED", message=f"{type(error).__name__}: {error}")
        run["JobRunState"], run["ErrorMessage"] = ended.state, ended.message

    def _ended(self, run: dict[str, Any], job: dict[str, Any], arguments: dict[str, Any]) -> Ended:
        location = job.get("Command", {}).get("ScriptLocation", "")
        folder = self._jobs / run["Id"]
        folder.mkdir()
        script = self._fetched(location, folder)
        if script is None:
            return Ended(state="FAILED", message=f"File does not exist: {location}")
        if self._faults.next("glue", job["Name"]):
            return Ended(state="FAILED", message="killed by a fault of the stage")
        extra = []
        for uri in filter(None, str(arguments.get("--extra-py-files", "")).split(",")):
            package = self._fetched(uri.strip(), folder)
            if package is None:
                return Ended(state="FAILED", message=f"File does not exist: {uri}")
            extra.append(on_path(package, self._settings.archives()))
        output = folder / "log"
        ended = carried(
            [self._settings.python, str(script), *words(arguments)],
            self._settings.job_environment(tuple(extra)),
            output=output,
            folder=folder,
            seconds=60 * (job.get("Timeout") or MINUTES),
            stopped=lambda: run["JobRunState"] == "STOPPING",
        )
        for suffix, group in GROUPS.items():
            _logged(group, run["Id"], output.with_suffix(suffix))
        return ended

    def _fetched(self, uri: str, folder: Path) -> Path | None:
        address = urlparse(uri)
        body = s3._get_object_data(address.netloc, address.path.lstrip("/")) if uri else None
        if body is None:
            return None
        place = folder / uuid.uuid4().hex / Path(address.path).name
        place.parent.mkdir()
        place.write_bytes(bytes(body))
        return place


def _logged(group: str, stream: str, file: Path) -> None:
    """Put what a run printed where Glue puts it, one event a line."""
    if group not in cloudwatch_logs._log_groups:
        cloudwatch_logs._create_log_group({"logGroupName": group})
    cloudwatch_logs._create_log_stream({"logGroupName": group, "logStreamName": stream})
    now = int(time.time() * 1000)
    lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    events = [{"timestamp": now, "message": line[:EVENT_BYTES]} for line in lines if line]
    if events:
        cloudwatch_logs._put_log_events(
            {"logGroupName": group, "logStreamName": stream, "logEvents": events}
        )


def install(settings: Settings, faults: Faults) -> None:
    """Replace how jobs are made, started and carried out."""
    runner = Runner(settings, faults)
    created, updated = glue._create_job, glue._update_job
    started, stopped = glue._start_job_run, glue._batch_stop_job_run
    one_at_a_time = threading.Lock()

    def create_job(data: dict[str, Any]) -> Answer:
        answer: Answer = created(data)
        if answer[0] < 400:
            given = data.get("ExecutionProperty") or {"MaxConcurrentRuns": 1}
            glue._jobs[data["Name"]]["ExecutionProperty"] = given
        return answer

    def update_job(data: dict[str, Any]) -> Answer:
        answer: Answer = updated(data)
        given = data.get("JobUpdate", {}).get("ExecutionProperty")
        if answer[0] < 400 and given:
            glue._jobs[data["JobName"]]["ExecutionProperty"] = given
        return answer

    def start_job_run(data: dict[str, Any]) -> Answer:
        with one_at_a_time:
            return start_unless_full(data)

    def start_unless_full(data: dict[str, Any]) -> Answer:
        name = data.get("JobName", "")
        if name in glue._jobs:
            alive = sum(run["JobRunState"] in ALIVE for run in glue._job_runs[name])
            most = glue._jobs[name].get("ExecutionProperty", {}).get("MaxConcurrentRuns", 1)
            if alive >= most or faults.next("glue-busy", name):
                said = f"Concurrent runs exceeded for {name}"
                refused: Answer = error_response_json("ConcurrentRunsExceededException", said, 400)
                return refused
        answer: Answer = started(data)
        return answer

    def batch_stop_job_run(data: dict[str, Any]) -> Answer:
        """Ask the runs to stop; each is STOPPED when its process has ended."""
        answer: Answer = stopped(data)
        ids = {each["JobRunId"] for each in json.loads(answer[2])["SuccessfulSubmissions"]}
        for run in glue._job_runs.get(data.get("JobName", ""), []):
            if run["Id"] in ids:
                run["JobRunState"] = "STOPPING"
        return answer

    def script_args(
        job: dict[str, Any], name: str, run_id: str, given: dict[str, Any]
    ) -> dict[str, Any]:
        named = {"--JOB_NAME": name, "--JOB_RUN_ID": run_id}
        return {**job.get("DefaultArguments", {}), **given, **named}

    def resolve_script(location: str) -> str:
        """Answer what `_execute_subprocess` is reached with; the runner fetches for itself."""
        return "script.py"

    def execute(
        run: dict[str, Any], job: dict[str, Any], arguments: dict[str, Any], script: str
    ) -> None:
        runner.run(run, job, arguments)

    provisioners._GLUE_JOB_DEFAULTS["ExecutionProperty"] = {"MaxConcurrentRuns": 1}
    glue._create_job, glue._update_job = create_job, update_job
    glue._start_job_run, glue._batch_stop_job_run = start_job_run, batch_stop_job_run
    glue._is_spark_job = lambda job: False
    glue._resolve_script, glue._script_args = resolve_script, script_args
    glue._execute_subprocess = execute


def job_run(name: str, run_id: str) -> dict[str, Any]:
    """Return one run of a job, as GetJobRun answers."""
    found: dict[str, Any] = json.loads(glue._get_job_run({"JobName": name, "RunId": run_id})[2])
    return dict(found["JobRun"])
