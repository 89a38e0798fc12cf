"""
Step Functions: integrations that wait, delays and timeouts as declared, ends that stay ends.

As it comes, ministack lacks `.sync` of Glue and Athena and the Redshift Data API; caps and
simplifies delays (L12); knows no timeout of the machine (L13); leaves a timed-out task's job
running (L14); matches `States.Runtime` (L16); passes any payload (L17); accepts names that lead
nowhere (L18) and fields that it ignores (L19); shows an output of a failed execution (L20); and
says FAILED of an execution that was stopped while a task failed.
"""

from __future__ import annotations

import contextvars
import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from datetime import UTC, datetime
from typing import Any

from ministack.core.responses import error_response_json
from ministack.services import cloudwatch, glue
from ministack.services import stepfunctions as machine
from ministack.services.cloudformation import provisioners

from puntual.aws.stage.plugin.definition import complaints
from puntual.aws.stage.plugin.delays import TOO_LARGE, UNCATCHABLE, delay, matches
from puntual.aws.stage.plugin.jobs import job_run

POLL_SECONDS = 0.05
PAYLOAD_BYTES = 256 << 10
"""The largest input or output of a state (aws.md section 6)."""
METRICS = {
    "RUNNING": "ExecutionsStarted",
    "SUCCEEDED": "ExecutionsSucceeded",
    "FAILED": "ExecutionsFailed",
    "TIMED_OUT": "ExecutionsTimedOut",
    "ABORTED": "ExecutionsAborted",
}
Data = dict[str, Any]
Answer = tuple[int, dict[str, str], bytes]

_given_up: contextvars.ContextVar[tuple[threading.Event, Data] | None] = contextvars.ContextVar(
    "given_up", default=None
)
"""Set when nobody waits for the task any more, and the execution it belongs to."""


def _abandoned() -> bool:
    """Has the task timed out, or has its execution ended?"""
    held = _given_up.get()
    return held is not None and (held[0].is_set() or held[1]["status"] != "RUNNING")


def _answer(service: str, response: Answer) -> Data:
    """Return a service's answer, or raise its error as Step Functions names it (aws.md E9)."""
    status, _, body = response
    said: Data = json.loads(body or b"{}")
    if status >= 400:
        name = str(said.get("__type", "ServiceException")).rpartition("#")[2]
        raise machine._ExecutionError(
            f"{service}.{name}", said.get("message") or said.get("Message", "")
        )
    return said


def _glue(resource: str, parameters: Data) -> Data:
    started = _answer("Glue", glue._start_job_run(parameters))
    if not resource.endswith(".sync"):
        return started
    name, run_id = parameters["JobName"], started["JobRunId"]
    while True:
        run = job_run(name, run_id)
        if run["JobRunState"] == "SUCCEEDED":
            return run
        if run["JobRunState"] in ("FAILED", "TIMEOUT", "ERROR", "STOPPED"):
            raise machine._ExecutionError("States.TaskFailed", json.dumps(run))
        if _abandoned():
            glue._batch_stop_job_run({"JobName": name, "JobRunIds": [run_id]})
            raise machine._ExecutionError(UNCATCHABLE, "the run was asked to stop")
        time.sleep(POLL_SECONDS)


def _athena(resource: str, parameters: Data) -> Data:
    def ask(action: str, given: Data) -> Data:
        service = machine._AWS_SDK_SERVICE_MAP["athena"]
        answer: Data = machine._dispatch_aws_sdk_json(service, "athena", action, given)
        return answer

    started = ask("startQueryExecution", parameters)
    if not resource.endswith(".sync"):
        return started
    named = {"QueryExecutionId": started["QueryExecutionId"]}
    while True:
        query = ask("getQueryExecution", named)
        state = query["QueryExecution"]["Status"]["State"]
        if state == "SUCCEEDED":
            return query
        if state in ("FAILED", "CANCELLED"):
            raise machine._ExecutionError("States.TaskFailed", json.dumps(query))
        if _abandoned():
            ask("stopQueryExecution", named)
            raise machine._ExecutionError(UNCATCHABLE, "the query was asked to stop")
        time.sleep(POLL_SECONDS)


def _sized(value: object) -> Any:
    """Pass a payload on, or fail as AWS does above its limit (L17)."""
    if len(json.dumps(value).encode()) > PAYLOAD_BYTES:
        raise machine._ExecutionError(
            TOO_LARGE, "The state/task returned a result with a size exceeding the maximum "
            "number of bytes service limit."
        )  # fmt: skip
    return value


def _integrations() -> None:
    machine._SERVICE_DISPATCH["arn:aws:states:::glue:startJobRun"] = _glue
    machine._SERVICE_DISPATCH["arn:aws:states:::athena:startQueryExecution"] = _athena
    machine._AWS_SDK_SERVICE_MAP["redshiftdata"] = {
        "target_prefix": "RedshiftData",
        "protocol": "json",
        "service_key": "redshift-data",
    }
    machine._AWS_SDK_ERROR_PREFIX["redshiftdata"] = "RedshiftData"


def _retries() -> None:
    """Sleep what a Retry declares: the sleep that follows a matched retrier is its delay."""
    matching, sleep = machine._find_matching_retrier, machine._scaled_sleep
    declared = threading.local()

    def find_matching_retrier(retriers: list[Data], error: str, counts: dict[int, int]) -> Any:
        if _abandoned():
            return None, -1
        retrier, index = matching(retriers, error, counts)
        if retrier is not None:
            declared.seconds = delay(retrier, counts.get(index, 0))
        return retrier, index

    def scaled_sleep(seconds: float) -> None:
        sleep(declared.__dict__.pop("seconds", seconds))

    machine._find_matching_retrier, machine._scaled_sleep = find_matching_retrier, scaled_sleep
    machine._error_matches = matches


def _tasks() -> None:
    """Let a task know when nobody waits for it, and hold payloads to their size."""
    invoke, execute = machine._invoke_resource, machine._execute_task

    def invoke_resource(resource: str, given: Any) -> Any:
        return _sized(invoke(resource, _sized(given)))

    def with_timeout(resource: str, given: Any, seconds: float) -> Any:
        held = _given_up.get()
        event = threading.Event()
        context = contextvars.copy_context()
        context.run(_given_up.set, (event, held[1]) if held else None)
        pool = ThreadPoolExecutor(max_workers=1)
        future = pool.submit(context.run, machine._invoke_resource, resource, given)
        pool.shutdown(wait=False)
        try:
            return future.result(timeout=seconds)
        except NotYet:
            event.set()
            said = f"Task timed out after {seconds} seconds"
            raise machine._ExecutionError("States.Timeout", said) from None

    def execute_task(state: Data, given: Any, execution: Data, context: Data) -> Any:
        token = _given_up.set((threading.Event(), execution))
        try:
            return execute(state, given, execution, context)
        finally:
            _given_up.reset(token)

    machine._invoke_resource = invoke_resource
    machine._invoke_resource_with_timeout = with_timeout
    machine._execute_task = execute_task


def _ends() -> None:
    """Keep the first end of an execution, and end one that is out of time (L13)."""
    run, fail, add = machine._run_execution, machine._fail_execution, machine._add_event

    def add_event(execution: Data, kind: str, details: Data | None = None) -> None:
        """Write nothing after the end; the end itself is written when it is known."""
        if execution.get("status", "RUNNING") == "RUNNING" or kind.startswith("Execution"):
            add(execution, kind, details)

    def fail_execution(execution: Data, error: str, cause: str) -> None:
        if execution["status"] == "RUNNING":
            fail(execution, error, cause)
            execution["output"] = None

    def run_execution(arn: str) -> None:
        execution = machine._executions.get(arn)
        seconds = _machine_timeout(execution) if execution else None
        timer = None
        if seconds is not None:
            context = contextvars.copy_context()
            timer = threading.Timer(seconds, context.run, (_time_out, execution))
            timer.daemon = True
            timer.start()
        try:
            run(arn)
        finally:
            if timer is not None:
                timer.cancel()

    machine._run_execution, machine._fail_execution = run_execution, fail_execution
    machine._add_event = add_event


def _machine_timeout(execution: Data) -> float | None:
    made = machine._state_machines.get(execution["stateMachineArn"])
    try:
        seconds = json.loads(made["definition"]).get("TimeoutSeconds") if made else None
    except json.JSONDecodeError:
        return None
    return float(seconds) if seconds is not None else None


def _time_out(execution: Data) -> None:
    if execution["status"] != "RUNNING":
        return
    execution["status"] = "TIMED_OUT"
    execution["error"], execution["cause"] = "States.Timeout", "the machine's TimeoutSeconds"
    execution["stopDate"] = _now()
    machine._add_event(execution, "ExecutionTimedOut", {"executionTimedOutEventDetails": {}})
    machine._emit_execution_status_event(execution)


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def _definitions() -> None:
    def guarded(make: Callable[[Data], Answer]) -> Callable[[Data], Answer]:
        def checked(data: Data) -> Answer:
            if "definition" in data and (said := complaints(data["definition"])):
                refused: Answer = error_response_json("InvalidDefinition", "; ".join(said), 400)
                return refused
            return make(data)

        return checked

    definition = provisioners._sfn_definition

    def declared(properties: Data) -> str:
        text: str = definition(properties)
        if said := complaints(text):
            raise ValueError(f"Invalid State Machine Definition: {'; '.join(said)}")
        return text

    provisioners._sfn_definition = declared
    machine._create_state_machine = guarded(machine._create_state_machine)
    machine._update_state_machine = guarded(machine._update_state_machine)


def _metrics() -> None:
    """Publish the metrics of AWS/States, whose alarms never hear of an execution (L27)."""
    emit = machine._emit_execution_status_event

    def emit_status(execution: Data) -> None:
        emit(execution)
        of = {"StateMachineArn": execution["stateMachineArn"]}
        cloudwatch.record_metric("AWS/States", METRICS[execution["status"]], 1, "Count", of)

    machine._emit_execution_status_event = emit_status


def install() -> None:
    """Replace what Step Functions gets wrong."""
    _integrations()
    _retries()
    _tasks()
    _ends()
    _definitions()
    _metrics()
