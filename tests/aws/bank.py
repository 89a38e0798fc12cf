"""Banco Ejemplo deployed on the stage: its data fed, its days run by the command, looked at."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from support.aws import client_on, on

from puntual.aws.bucket import Bucket
from puntual.aws.deployment import settings_of
from puntual.aws.executions import RUNNING, Execution, Executions
from puntual.aws.journal import S3Journal
from puntual.aws.producer import KinesisProducer
from puntual.aws.settings import Settings
from puntual.aws.stage.standing import Standing

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "credit-report"
NAME, STREAM, ENV = "banco-ejemplo", "card-events", "aws-local"
LEFT_OUT = shutil.ignore_patterns(
    ".puntual", "out", "evidence", "data", "inbox", "control", "__pycache__"
)


@dataclass(frozen=True)
class Ran:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Bank:
    """
    The example project, deployed.

    Attributes:
        root: Its folder, with the data of all its days.
        stage: Where it is deployed.
        settings: Of the deployment.
    """

    root: Path
    stage: Standing
    settings: Settings

    def puntual(self, *arguments: str, root: Path | None = None) -> Ran:
        """Run the command in a process of its own; on this machine alone if `root` is given."""
        # An auditor remembers what he saw in his home, not in that of whoever runs the tests.
        away = {"HOME": str(root)} if root is not None else self.stage.environment()
        done = subprocess.run(
            [sys.executable, "-m", "puntual.cli.main", "-C", str(root or self.root), *arguments],
            capture_output=True,
            text=True,
            check=False,
            timeout=900,
            env={**os.environ, "NO_COLOR": "1", **away},
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    def run(self, day: str, as_of: str, *more: str) -> Ran:
        """Start an execution of a day and follow it to its end."""
        return self.puntual("run", "--env", ENV, "-d", day, "--as-of", as_of, *more)

    def feed(
        self, day: str, *, without: str = "\0", between: Callable[[], None] = lambda: None
    ) -> None:
        """
        Let a day's files and events arrive.

        Args:
            day: The reference date.
            without: Leaves out what has it in its name.
            between: Called when half of the events have come.
        """
        s3 = client_on(self.stage, "s3")
        plain = day.replace("-", "")
        for folder in ("inbox", "control"):
            for file in sorted((self.root / folder).glob(f"*{plain}*")):
                if without not in file.name:
                    key = f"{NAME}/incoming/{file.relative_to(self.root).as_posix()}"
                    s3.upload_file(str(file), self.settings.lake, key)
        events = self.root / "data" / "card_events" / f"{day}.jsonl"
        if without not in f"card_events_{plain}":
            producer = KinesisProducer(client_on(self.stage, "kinesis"))
            lines = events.read_bytes().splitlines(keepends=True)
            half = len(lines) // 2
            for number, part in enumerate((lines[:half], lines[half:])):
                if number:
                    between()
                assert producer.put_lines(STREAM, part, key="client_id").put == len(part)

    def split(self) -> None:
        """Split the first open shard of the stream in the middle, as AWS does on its own."""
        kinesis = client_on(self.stage, "kinesis")
        shards = kinesis.list_shards(StreamName=STREAM)["Shards"]
        shard = next(s for s in shards if "EndingSequenceNumber" not in s["SequenceNumberRange"])
        keys = shard["HashKeyRange"]
        middle = (int(keys["StartingHashKey"]) + int(keys["EndingHashKey"])) // 2
        kinesis.split_shard(
            StreamName=STREAM, ShardToSplit=shard["ShardId"], NewStartingHashKey=str(middle)
        )

    def stop(self, execution: Execution) -> Execution:
        """Stop an execution, as an operator does, and wait until it has ended."""
        states = client_on(self.stage, "stepfunctions")
        states.stop_execution(executionArn=execution.arn, error="Operator", cause="by hand")
        return self.wait(execution)

    def fire(self, scheduled: str) -> Execution:
        """
        Have the deployed schedule's target started by a schedule that is due now; wait for it.

        A cron schedule that the stage has swept cannot be made due (`aws-local.md` L23).

        Args:
            scheduled: The instant that the target is told, in place of that of now.
        """
        scheduler = client_on(self.stage, "scheduler")
        target = dict(scheduler.get_schedule(Name=f"puntual-{NAME}-daily")["Target"])
        target["Input"] = target["Input"].replace("<aws.scheduler.scheduled-time>", scheduled)
        known = set(self.started())
        soon = datetime.now(UTC) + timedelta(seconds=2)
        scheduler.create_schedule(
            Name="once",
            ScheduleExpression=f"at({soon:%Y-%m-%dT%H:%M:%S})",
            FlexibleTimeWindow={"Mode": "OFF"},
            Target=target,
        )
        until = time.monotonic() + 60
        while not (new := set(self.started()) - known):
            assert time.monotonic() < until, "the schedule did not fire"
            time.sleep(0.5)
        (arn,) = new
        return self.wait(Execution(arn=arn, attempt=1, status=RUNNING))

    def started(self) -> list[str]:
        """Return every execution that was ever started, by its ARN."""
        states = client_on(self.stage, "stepfunctions")
        pages = states.get_paginator("list_executions").paginate(
            stateMachineArn=self.settings.state_machine
        )
        return [one["executionArn"] for page in pages for one in page["executions"]]

    def variables(self) -> dict[str, str]:
        """Return what a function of the deployment is told."""
        functions = client_on(self.stage, "lambda")
        told = functions.get_function_configuration(FunctionName=f"puntual-{NAME}-begin")
        found: dict[str, str] = told["Environment"]["Variables"]
        return found

    @property
    def lake(self) -> Bucket:
        """What lies below the project's name in the lake."""
        return Bucket(client_on(self.stage, "s3"), self.settings.lake, NAME)

    @property
    def journal(self) -> S3Journal:
        """What the runs have written down."""
        return S3Journal(self.lake.below("journal"))

    @property
    def executions(self) -> Executions:
        """The executions of the machine."""
        states = client_on(self.stage, "stepfunctions")
        return Executions(states, self.settings.state_machine, NAME)

    def wait(self, execution: Execution) -> Execution:
        """Wait until an execution has ended."""
        while True:
            now = self.executions.read(execution.arn, execution.attempt)
            if now.status != RUNNING:
                return now
            time.sleep(0.5)

    def states(self, day: str, attempt: int) -> list[str]:
        """Return the states that an attempt has entered, in order."""
        found = self.executions.found(date.fromisoformat(day), attempt)
        assert found is not None
        return [entered.state for entered in self.executions.entered(found.arn)]

    def outcomes(self, day: str) -> list[tuple[str, str]]:
        """Return (step, outcome) of everything that was done for a day, in order."""
        return [(e.step, e.outcome) for e in self.journal.steps(date.fromisoformat(day))]

    def job_runs(self, job: str) -> list[str]:
        """Return the states of the runs of a job, oldest first."""
        glue = client_on(self.stage, "glue")
        runs = glue.get_job_runs(JobName=f"puntual-{NAME}-{job}")["JobRuns"]
        return [run["JobRunState"] for run in sorted(runs, key=lambda run: run["StartedOn"])]

    def delivered(self) -> dict[str, bytes]:
        """Return what lies in the bucket of deliveries, by path below the project."""
        bucket = Bucket(client_on(self.stage, "s3"), self.settings.deliveries, NAME)
        found = {}
        for one in bucket.listed(""):
            read = bucket.read(one.name)
            assert read is not None
            found[one.name] = read.data
        return found


def deployed(stage: Standing, root: Path) -> Bank:
    """Deploy the example by its command, with its core system in the stage's PostgreSQL."""
    shutil.copytree(EXAMPLE, root, ignore=LEFT_OUT)
    core = _database(stage.postgresql)
    subprocess.run(
        [sys.executable, str(root / "generate.py"), "--into", str(root), "--postgresql", core],
        check=True,
        capture_output=True,
    )
    done = subprocess.run(
        [sys.executable, "-m", "puntual.cli.main", "-C", str(root), "deploy", "--env", ENV],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **stage.environment()},
    )
    assert done.returncode == 0, done.stderr
    secrets = client_on(stage, "secretsmanager")
    secrets.create_secret(Name=f"{NAME}/CORE", SecretString=core)
    settings = on(stage, lambda: settings_of(NAME, client_on(stage, "lambda")))
    return Bank(root=root, stage=stage, settings=settings)


def _database(administrator: str) -> str:
    """Make an empty database, and return its connection."""
    with psycopg.connect(administrator, autocommit=True) as connection:
        connection.execute("CREATE DATABASE core")
    return administrator.replace("/postgres?", "/core?")


@dataclass(frozen=True)
class Mailbox:
    """A queue that is subscribed to a topic, as somebody's mailbox."""

    queue: str
    sqs: Any

    def letters(self) -> Iterator[Mapping[str, Any]]:
        """Yield what has come, and take it out."""
        while found := self.sqs.receive_message(
            QueueUrl=self.queue, MaxNumberOfMessages=10, WaitTimeSeconds=1
        ).get("Messages"):
            for one in found:
                self.sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=one["ReceiptHandle"])
                yield json.loads(one["Body"])


def mailbox(stage: Standing, topic: str, name: str) -> Mailbox:
    """Subscribe a queue to a topic."""
    sqs, sns = client_on(stage, "sqs"), client_on(stage, "sns")
    queue = sqs.create_queue(QueueName=name)["QueueUrl"]
    attributes = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
    arn = attributes["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    return Mailbox(queue=queue, sqs=sqs)
