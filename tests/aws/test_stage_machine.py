"""State machines on the stage keep to the language as AWS documents it (L12-L14, L16-L19, L27)."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from support.stage import client, shows, until

from puntual.aws.stage.standing import Standing

ROLE = "arn:aws:iam::000000000000:role/stage"
BUCKET = "stage-machine"
HANDLER = """
import time

class TransientError(Exception): pass
class PermanentError(Exception): pass

def handler(event, context):
    if event.get("kind"):
        raise globals()[event["kind"]]("line one\\nline two")
    if event.get("seconds"):
        time.sleep(event["seconds"])
    return {"text": "x" * event.get("size", 1)}
"""


class Machines:
    """State machines of one module."""

    def __init__(self, stage: Standing) -> None:
        self.stage = stage
        self.states = client(stage, "stepfunctions")
        self.functions, self.glue = client(stage, "lambda"), client(stage, "glue")
        self.s3 = client(stage, "s3")
        self.s3.create_bucket(Bucket=BUCKET)
        self.function("echo", HANDLER)

    def function(self, name: str, source: str, **over: Any) -> None:
        """Make a function of one file."""
        body = io.BytesIO()
        with zipfile.ZipFile(body, "w") as archive:
            archive.writestr("main.py", source)
        given = {"Runtime": "python3.11", "Handler": "main.handler", "Role": ROLE, **over}
        self.functions.create_function(
            FunctionName=name, Code={"ZipFile": body.getvalue()}, **given
        )

    def made(self, name: str, **states: dict[str, Any]) -> str:
        """Make a machine of states; the first is where it starts."""
        over = states.pop("over", {})
        definition = {"StartAt": next(iter(states)), "States": states, **over}
        made = self.states.create_state_machine(
            name=name, definition=json.dumps(definition), roleArn=ROLE
        )
        return str(made["stateMachineArn"])

    def run(self, machine: str, **given: object) -> dict[str, Any]:
        """Carry an execution to its end."""
        started = self.states.start_execution(stateMachineArn=machine, input=json.dumps(given))
        return self.ended(started["executionArn"])

    def ended(self, arn: str) -> dict[str, Any]:
        """Wait for the end of an execution."""

        def ask() -> dict[str, Any] | None:
            said: dict[str, Any] = self.states.describe_execution(executionArn=arn)
            return said if said["status"] != "RUNNING" else None

        return until(ask, f"an end of {arn}")

    def failures(self, arn: str) -> list[str]:
        """Return the names of the errors of its tasks, in order."""
        history = self.states.get_execution_history(executionArn=arn, maxResults=1000)["events"]
        return [
            each["taskFailedEventDetails"]["error"]
            for each in history
            if each["type"] == "TaskFailed"
        ]


@pytest.fixture(scope="module")
def machines(stage: Standing) -> Machines:
    return Machines(stage)


def invoke(payload: object, **over: Any) -> dict[str, Any]:
    """Return a task that calls the function `echo`."""
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": "echo", "Payload": payload},
        "End": True,
        **over,
    }


def retrier(name: str, **over: Any) -> dict[str, Any]:
    return {"ErrorEquals": [name], "IntervalSeconds": 1, "MaxAttempts": 2, **over}


@shows("L7")
def test_an_error_is_named_by_its_class_so_retry_and_catch_find_it(machines: Machines) -> None:
    caught = {"ErrorEquals": ["TransientError"], "ResultPath": "$.error", "Next": "After"}
    machine = machines.made(
        "named",
        Task=invoke({"kind": "TransientError"}, Retry=[retrier("TransientError")], Catch=[caught]),
        After={"Type": "Succeed"},
    )
    said = machines.run(machine)
    assert said["status"] == "SUCCEEDED"
    assert machines.failures(said["executionArn"]) == ["TransientError"] * 3
    error = json.loads(said["output"])["error"]
    assert json.loads(error["Cause"])["errorMessage"] == "line one\nline two"

    answer = machines.functions.invoke(FunctionName="echo", Payload=b'{"kind": "PermanentError"}')
    assert json.loads(answer["Payload"].read())["errorType"] == "PermanentError"


@shows("L8")
def test_a_function_that_cannot_run_here_is_an_error(machines: Machines) -> None:
    machines.function("java", "", Runtime="java21")
    answer = machines.functions.invoke(FunctionName="java", Payload=b"{}")
    said = json.loads(answer["Payload"].read())
    assert answer["FunctionError"] == "Unhandled"
    assert said["errorMessage"] == "runtime java21 is not played on this stage"


def test_a_function_runs_in_the_project_s_interpreter_with_its_variables_and_layer(
    machines: Machines,
) -> None:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as archive:
        archive.writestr("python/shared.py", "WORD = 'of the layer'")
    layer = machines.functions.publish_layer_version(
        LayerName="shared", Content={"ZipFile": body.getvalue()}
    )["LayerVersionArn"]
    source = (
        "import os, click, shared\n"
        "def handler(event, context):\n"
        "    return [shared.WORD, os.environ['LAKE'], os.environ['TZ']]\n"
    )
    machines.function(
        "layered", source, Layers=[layer], Environment={"Variables": {"LAKE": "bucket"}}
    )
    answer = machines.functions.invoke(FunctionName="layered", Payload=b"{}")
    assert json.loads(answer["Payload"].read()) == ["of the layer", "bucket", "UTC"]


@shows("L26")
def test_a_throttled_function_is_named_as_the_service_names_it(
    machines: Machines, faults: Callable[[dict[str, Any]], None]
) -> None:
    machine = machines.made(
        "throttled", Task=invoke({}, Retry=[retrier("Lambda.TooManyRequestsException")])
    )
    faults({"lambda": {"echo": {"times": 2}}})
    said = machines.run(machine)
    assert said["status"] == "SUCCEEDED"
    assert machines.failures(said["executionArn"]) == ["Lambda.TooManyRequestsException"] * 2


@shows("L12")
def test_a_long_delay_is_slept_as_declared_and_scaled(machines: Machines) -> None:
    """100 s capped at 30, then 30: 1.2 s at the stage's 0.02; ministack would sleep 2 × 1.2."""
    wait = retrier("PermanentError", IntervalSeconds=100, BackoffRate=3, MaxDelaySeconds=30)
    machine = machines.made("capped", Task=invoke({"kind": "PermanentError"}, Retry=[wait]))
    said = machines.run(machine)
    times = [
        each["timestamp"]
        for each in machines.states.get_execution_history(executionArn=said["executionArn"])[
            "events"
        ]
        if each["type"] in ("TaskFailed", "TaskScheduled")
    ]
    delays = [(times[at + 1] - times[at]).total_seconds() for at in (1, 3)]
    assert said["status"] == "FAILED"
    assert all(0.55 < each < 1.1 for each in delays), delays


@shows("L13", "L27")
def test_a_machine_out_of_time_is_timed_out_and_counted(machines: Machines) -> None:
    machine = machines.made(
        "late", Task=invoke({"seconds": 3}, TimeoutSeconds=60), over={"TimeoutSeconds": 1}
    )
    said = machines.run(machine)
    assert said["status"] == "TIMED_OUT"
    history = machines.states.get_execution_history(executionArn=said["executionArn"])["events"]
    assert history[-1]["type"] == "ExecutionTimedOut"
    metrics = client(machines.stage, "cloudwatch").list_metrics(Namespace="AWS/States")["Metrics"]
    of = {"Name": "StateMachineArn", "Value": machine}
    assert {m["MetricName"] for m in metrics if of in m["Dimensions"]} == {
        "ExecutionsStarted",
        "ExecutionsTimedOut",
    }


@shows("L14")
@pytest.mark.parametrize("how", ["timeout", "stop"])
def test_the_job_of_a_task_that_nobody_waits_for_is_stopped(machines: Machines, how: str) -> None:
    key = f"{how}/main.py"
    machines.s3.put_object(Bucket=BUCKET, Key=key, Body=b"import time; time.sleep(60)")
    command = {"Name": "glueetl", "ScriptLocation": f"s3://{BUCKET}/{key}"}
    machines.glue.create_job(Name=f"left-{how}", Command=command, Role="r")
    again = {"ErrorEquals": ["States.TaskFailed"], "IntervalSeconds": 1}
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::glue:startJobRun.sync",
        "Parameters": {"JobName": f"left-{how}"},
        "TimeoutSeconds": 1 if how == "timeout" else 60,
        "Retry": [again],
        "End": True,
    }
    machine = machines.made(f"left-{how}", Task=task)
    arn = machines.states.start_execution(stateMachineArn=machine)["executionArn"]

    def runs() -> list[str]:
        listed = machines.glue.get_job_runs(JobName=f"left-{how}")["JobRuns"]
        return [run["JobRunState"] for run in listed]

    until(lambda: runs() == ["RUNNING"], "a running job")
    if how == "stop":
        machines.states.stop_execution(executionArn=arn, error="Drill", cause="by hand")
    said = machines.ended(arn)
    assert (said["status"], said["error"]) == (
        ("FAILED", "States.Timeout") if how == "timeout" else ("ABORTED", "Drill")
    )
    until(lambda: runs() == ["STOPPED"], "a stopped job")
    assert machines.ended(arn)["status"] == said["status"]
    last = machines.states.get_execution_history(executionArn=arn)["events"][-1]
    assert last["type"] == ("ExecutionFailed" if how == "timeout" else "ExecutionAborted")


@shows("L16", "L17")
def test_what_no_list_may_catch_is_not_caught(machines: Machines) -> None:
    caught = [{"ErrorEquals": ["States.ALL"], "Next": "After"}]
    after = {"Type": "Succeed"}
    large = machines.made("large", Task=invoke({"size": 300_000}, Catch=caught), After=after)
    said = machines.run(large)
    assert (said["status"], said["error"]) == ("FAILED", "States.DataLimitExceeded")
    named = [{"ErrorEquals": ["States.DataLimitExceeded"], "Next": "After"}]
    large = machines.made("named-large", Task=invoke({"size": 300_000}, Catch=named), After=after)
    assert machines.run(large)["status"] == "SUCCEEDED"


@shows("L18", "L19")
def test_a_definition_that_aws_refuses_is_refused(machines: Machines) -> None:
    refused = machines.states.exceptions.InvalidDefinition
    with pytest.raises(refused, match="no state 'Nowhere'"):
        machines.made("dangling", Task={"Type": "Pass", "Next": "Nowhere"})
    with pytest.raises(refused, match="ResultWriter: not played"):
        machines.made("mapped", Task={"Type": "Map", "ResultWriter": {}, "End": True})
