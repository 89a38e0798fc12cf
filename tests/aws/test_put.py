"""`puntual stream put --env`: the lines of a file come into a stream of Kinesis."""

from __future__ import annotations

import json
import uuid
from pathlib import Path

import pytest
from click.testing import CliRunner
from support.aws import client_on, on
from support.s3 import lake_of

from puntual.aws.stage.standing import Standing
from puntual.aws.stream import KinesisStream, reading_client
from puntual.aws.tips import S3Tips
from puntual.cli.stream import command
from puntual.runner.clock import SystemClock

EXAMPLE = Path(__file__).resolve().parents[2] / "examples/credit-report"


def test_lines_are_put_into_kinesis_where_the_environment_is_on_aws(
    stage: Standing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in stage.environment().items():
        monkeypatch.setenv(name, value)
    kinesis, stream = on(stage, reading_client), f"s-{uuid.uuid4().hex[:12]}"
    kinesis.create_stream(StreamName=stream, ShardCount=2)
    file = tmp_path / "lines.jsonl"
    file.write_text("".join(f'{{"k": "c{i % 7}", "n": {i}}}\n' for i in range(30)))
    given = ["put", "-C", str(EXAMPLE), "-e", "aws", "--stream", stream, "--key", "k", "--json"]
    done = CliRunner().invoke(command, [*given, str(file)])
    assert done.exit_code == 0
    assert json.loads(done.stdout)["data"]["put"] == "30"
    tips = S3Tips(lake_of(client_on(stage, "s3")))
    reader = KinesisStream(kinesis, SystemClock(), tips=tips)
    pages = [reader.read(stream, s, after=None, limit=99) for s in reader.shards(stream)]
    assert sorted(json.loads(p)["n"] for page in pages for p in page.payloads) == list(range(30))
