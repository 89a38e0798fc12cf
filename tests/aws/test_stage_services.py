"""Kinesis, Scheduler, S3 and CloudFormation on the stage where the emulator is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from support.stage import client, shows, until

from puntual.aws.stage.standing import Standing

Write = Callable[[dict[str, Any]], None]


class Stream:
    """A stream of one shard."""

    def __init__(self, stage: Standing, name: str) -> None:
        self.name, self.kinesis = name, client(stage, "kinesis")
        self.kinesis.create_stream(StreamName=name, ShardCount=1)

    def put(self, *keys: str) -> dict[str, Any]:
        """Put a record for each key, which is also what it says."""
        records = [{"Data": key.encode(), "PartitionKey": key} for key in keys]
        said: dict[str, Any] = self.kinesis.put_records(StreamName=self.name, Records=records)
        return said

    def shards(self) -> dict[str, dict[str, Any]]:
        """Return every shard, open or closed."""
        found = self.kinesis.list_shards(StreamName=self.name)["Shards"]
        return {each["ShardId"]: each for each in found}

    def read(self, shard: str) -> tuple[list[str], list[str]]:
        """Read a shard from its beginning: what it says, and its children if it ended."""
        iterator = self.kinesis.get_shard_iterator(
            StreamName=self.name, ShardId=shard, ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        said: list[str] = []
        while iterator:
            answer = self.kinesis.get_records(ShardIterator=iterator, Limit=1)
            said += [record["Data"].decode() for record in answer["Records"]]
            if children := answer.get("ChildShards"):
                return said, [each["ShardId"] for each in children]
            if not answer["Records"]:
                break
            iterator = answer["NextShardIterator"]
        return said, []


@shows("L25")
def test_a_split_shard_is_readable_to_its_end_and_names_its_children(stage: Standing) -> None:
    stream = Stream(stage, "reshard")
    stream.put("a", "b", "c")
    (parent,) = stream.shards()
    stream.kinesis.split_shard(
        StreamName="reshard", ShardToSplit=parent, NewStartingHashKey=str(2**127)
    )
    after = stream.put("a", "b", "c", "d")["Records"]
    assert parent not in {each["ShardId"] for each in after}
    shards = stream.shards()
    assert [name for name, each in shards.items() if each.get("ParentShardId") == parent] == [
        name for name in shards if name != parent
    ]
    assert "EndingSequenceNumber" in shards[parent]["SequenceNumberRange"]
    said, children = stream.read(parent)
    assert (said, children) == (["a", "b", "c"], [name for name in shards if name != parent])
    assert sorted(word for child in children for word in stream.read(child)[0]) == list("abcd")
    with pytest.raises(stream.kinesis.exceptions.ResourceInUseException):
        stream.kinesis.split_shard(
            StreamName="reshard", ShardToSplit=parent, NewStartingHashKey=str(2**126)
        )


@shows("L25")
def test_merged_and_scaled_shards_keep_their_parents(stage: Standing) -> None:
    stream = Stream(stage, "scaled")
    stream.put("a")
    stream.kinesis.update_shard_count(
        StreamName="scaled", TargetShardCount=2, ScalingType="UNIFORM_SCALING"
    )
    shards = stream.shards()
    first, *two = shards
    assert [shards[name]["ParentShardId"] for name in two] == [first, first]
    stream.put("b", "c")
    stream.kinesis.merge_shards(
        StreamName="scaled", ShardToMerge=two[0], AdjacentShardToMerge=two[1]
    )
    last = list(stream.shards())[-1]
    assert stream.read(two[0])[1] == [last]
    assert stream.shards()[last]["AdjacentParentShardId"] == two[1]
    stream.put("d")
    said = [word for name in stream.shards() for word in stream.read(name)[0]]
    assert sorted(said) == list("abcd")
    summary = stream.kinesis.describe_stream_summary(StreamName="scaled")
    assert summary["StreamDescriptionSummary"]["OpenShardCount"] == 1
    with pytest.raises(stream.kinesis.exceptions.LimitExceededException):
        stream.kinesis.update_shard_count(
            StreamName="scaled", TargetShardCount=3, ScalingType="UNIFORM_SCALING"
        )


@shows("L26")
def test_a_share_of_entries_is_refused_and_the_others_are_stored(
    stage: Standing, faults: Write
) -> None:
    stream = Stream(stage, "refuses")
    faults({"kinesis": {"refuses": {"share": 0.5}}})
    keys = [f"k{n}" for n in range(200)]
    answer = stream.put(*keys)
    refused = [
        key for key, said in zip(keys, answer["Records"], strict=True) if "ErrorCode" in said
    ]
    assert 40 < len(refused) < 160
    assert answer["FailedRecordCount"] == len(refused)
    (shard,) = stream.shards()
    iterator = stream.kinesis.get_shard_iterator(
        StreamName="refuses", ShardId=shard, ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    stored = stream.kinesis.get_records(ShardIterator=iterator)["Records"]
    assert [r["PartitionKey"] for r in stored] == [key for key in keys if key not in refused]
    faults({"kinesis-read": {"refuses": {"times": 1}}})
    with pytest.raises(stream.kinesis.exceptions.ProvisionedThroughputExceededException):
        stream.kinesis.get_records(ShardIterator=iterator)
    assert stream.kinesis.get_records(ShardIterator=iterator)["Records"]


@shows("L26")
def test_s3_is_slow_busy_or_loses_its_answer_as_often_as_a_test_asks(
    stage: Standing, faults: Write
) -> None:
    s3 = client(stage, "s3")
    s3.create_bucket(Bucket="stage-faults")

    def code_of(key: str) -> str:
        try:
            s3.put_object(Bucket="stage-faults", Key=key, Body=b"x", IfNoneMatch="*")
        except ClientError as error:
            return str(error.response["Error"]["Code"])
        return ""

    faults({"s3": {"stage-faults/raw/*": {"operation": "PUT", "status": 503, "times": 1}}})
    assert [code_of("raw/1"), code_of("raw/1")] == ["SlowDown", ""]
    faults({"s3": {"stage-faults/raw/*": {"status": 409, "times": 1}}})
    assert [code_of("raw/2"), code_of("raw/2")] == ["ConditionalRequestConflict", ""]
    faults({"s3": {"stage-faults/raw/*": {"status": 500, "after": True, "times": 1}}})
    assert [code_of("raw/3"), code_of("raw/3")] == ["InternalError", "PreconditionFailed"]
    faults({"s3": {"stage-faults/raw/*": {"seconds": 0.5, "times": 1}}})
    begun = datetime.now(UTC)
    assert code_of("raw/4") == ""
    assert (datetime.now(UTC) - begun).total_seconds() >= 0.5


@pytest.fixture(scope="module")
def machine(stage: Standing) -> str:
    """Give a machine that a schedule starts."""
    states = client(stage, "stepfunctions")
    made = states.create_state_machine(
        name="scheduled",
        definition=json.dumps({"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}),
        roleArn="arn:aws:iam::000000000000:role/stage",
    )
    return str(made["stateMachineArn"])


@shows("L22", "L23")
def test_a_schedule_fires_in_time_with_its_instant_also_after_a_change(
    stage: Standing, machine: str
) -> None:
    scheduler, states = client(stage, "scheduler"), client(stage, "stepfunctions")
    target = {
        "Arn": machine,
        "RoleArn": "arn:aws:iam::000000000000:role/stage",
        "Input": '{"scheduled": "<aws.scheduler.scheduled-time>"}',
    }
    given = {"Name": "daily", "FlexibleTimeWindow": {"Mode": "OFF"}, "Target": target}
    scheduler.create_schedule(ScheduleExpression="cron(0 2 1 1 ? *)", **given)
    until(lambda: datetime.now(UTC).microsecond > 900_000, "a second later")  # it was swept
    fires = datetime.now(UTC) + timedelta(seconds=1)
    scheduler.update_schedule(ScheduleExpression=fires.strftime("at(%Y-%m-%dT%H:%M:%S)"), **given)

    def started() -> list[dict[str, Any]]:
        return list(states.list_executions(stateMachineArn=machine)["executions"])

    (one,) = until(started, "an execution", seconds=8)
    said = states.describe_execution(executionArn=one["executionArn"])
    assert json.loads(said["input"]) == {"scheduled": fires.strftime("%Y-%m-%dT%H:%M:%SZ")}


@shows("L4", "L18")
def test_a_stack_makes_what_the_template_says_and_refuses_a_wrong_machine(stage: Standing) -> None:
    cloud, glue = client(stage, "cloudformation"), client(stage, "glue")
    resources = {
        "Group": {
            "Type": "AWS::RedshiftServerless::Workgroup",
            "Properties": {"WorkgroupName": "reports", "NamespaceName": "space"},
        },
        "Space": {
            "Type": "AWS::RedshiftServerless::Namespace",
            "Properties": {"NamespaceName": "space", "DbName": "reports"},
        },
        "Job": {
            "Type": "AWS::Glue::Job",
            "Properties": {
                "Name": "stacked",
                "Role": "r",
                "Command": {"Name": "glueetl", "ScriptLocation": "s3://nowhere/x.py"},
                "ExecutionProperty": {"MaxConcurrentRuns": 3},
            },
        },
    }

    def end(name: str) -> str:
        def ask() -> str:
            said = cloud.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]
            return str(said) if not said.endswith("_IN_PROGRESS") else ""

        return until(ask, f"an end of {name}")

    cloud.create_stack(StackName="good", TemplateBody=json.dumps({"Resources": resources}))
    assert end("good") == "CREATE_COMPLETE"
    serverless = client(stage, "redshift-serverless")
    assert (
        serverless.get_workgroup(workgroupName="reports")["workgroup"]["namespaceName"] == "space"
    )
    assert serverless.get_namespace(namespaceName="space")["namespace"]["dbName"] == "reports"
    with pytest.raises(serverless.exceptions.ResourceNotFoundException):
        serverless.get_workgroup(workgroupName="nowhere")
    job = glue.get_job(JobName="stacked")["Job"]
    assert job["ExecutionProperty"] == {"MaxConcurrentRuns": 3}

    definition = {"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B"}}}
    wrong = {
        "Type": "AWS::StepFunctions::StateMachine",
        "Properties": {
            "DefinitionString": json.dumps(definition),
            "RoleArn": "arn:aws:iam::000000000000:role/r",
        },
    }
    cloud.create_stack(StackName="bad", TemplateBody=json.dumps({"Resources": {"M": wrong}}))
    assert end("bad").startswith("ROLLBACK")
