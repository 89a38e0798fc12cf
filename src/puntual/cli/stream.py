"""`puntual stream`: make an embedded stream, feed it from JSON lines, see where it stands."""

from __future__ import annotations

import sys
import time
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

import click

from puntual.cli import text
from puntual.cli.clocks import clock
from puntual.cli.options import as_of_option, env_option, json_option, project_option, root_of
from puntual.cli.places import need_project, stream_path
from puntual.landing.put import PutLines
from puntual.local.stream import LocalStream
from puntual.model.project import AWS
from puntual.project.read import read_project


@click.group(name="stream", help="Make and feed an embedded stream.")
def command() -> None:
    """Hold the stream's own commands."""


@command.command(name="create", help="Make a stream with so many shards.")
@project_option
@click.option("--stream", "name", required=True, help="The stream's name.")
@click.option("--shards", type=click.IntRange(1, 256), default=2, help="Default 2.")
@click.option("--retention-days", type=click.IntRange(1, 365), default=7, help="Default 7.")
@json_option
@click.pass_context
def create(
    ctx: click.Context,
    project: Path | None,
    name: str,
    shards: int,
    retention_days: int,
    as_json: bool,
) -> None:
    """Make the stream; one that exists with the same shape is left as it is."""
    stream = _open(ctx, project, None)
    stream.create(name, shards=shards, retention_days=retention_days)
    if as_json:
        text.envelope("stream-create", {"stream": name, "shards": str(shards)})
    else:
        text.say(f" ● {name}  {shards} shards  keeps {retention_days} days")


@command.command(name="put", help="Put JSON lines into a stream.")
@project_option
@click.option("--stream", "name", required=True, help="The stream's name.")
@click.option("--key", required=True, help="JSON field whose value is the partition key.")
@click.option("--batch", type=click.IntRange(1, 100_000), default=10_000, help="Default 10,000.")
@env_option
@as_of_option
@click.argument("lines", type=click.File("rb"), default="-")
@json_option
@click.pass_context
def put(
    ctx: click.Context,
    project: Path | None,
    name: str,
    key: str,
    batch: int,
    env: str | None,
    as_of: datetime | None,
    lines: BinaryIO,
    as_json: bool,
) -> None:
    """
    Put every line as one record; each batch is durable before the next begins.

    In an environment on AWS the stream is Kinesis's, and a batch is one call.
    """
    began = time.monotonic()
    root = root_of(ctx, project)
    if env is not None and read_project(root, env=env).place == AWS:
        result = _put_on_aws(root, env, name, lines, key)
    else:
        result = _open(ctx, project, as_of).put_lines(name, lines, key=key, batch=batch)
    seconds = max(time.monotonic() - began, 1e-9)
    if as_json:
        data: dict[str, object] = {
            "stream": name,
            "put": str(result.put),
            "failed": str(result.failed),
            "without_key": str(result.without_key),
            "resent": str(result.resent),
            "records_per_second": str(int(result.put / seconds)),
        }
        text.envelope("stream-put", data, ok=not result.failed)
    else:
        text.say(
            f" ● {name}  {text.number(result.put)} records put  "
            f"({text.number(int(result.put / seconds))} records/s)"
        )
        if result.without_key:
            text.complain(
                f"{result.without_key} records had no {key!r}: put under their own digest"
            )
        if result.resent:
            text.complain(f"{result.resent} records were refused at first and sent again")
        for code, count in sorted(result.errors.items()):
            text.complain(f"{count} records refused: {code}")
    sys.stdout.flush()
    ctx.exit(1 if result.failed else 0)


@command.command(name="status", help="Shards, records and positions of the streams.")
@project_option
@json_option
@click.pass_context
def status(ctx: click.Context, project: Path | None, as_json: bool) -> None:
    """List each stream's shards and how many records they hold."""
    shown = _open(ctx, project, None).describe()
    if as_json:
        text.envelope("stream-status", {"streams": shown})
        return
    for entry in shown:
        text.say(
            f" {entry['stream']}  {entry['shard']}  {entry['records']} records  "
            f"last {entry['last'] or 'none'}"
        )
    if not shown:
        text.say(" ○ no stream        next: puntual stream create --stream NAME")


def _put_on_aws(root: Path, env: str, name: str, lines: BinaryIO, key: str) -> PutLines:
    """Put lines into a stream of Kinesis, on the stage of this project where that is up."""
    from puntual.cli import remote

    with remote.led_to_stage(root, env):
        from puntual.aws.clients import client
        from puntual.aws.producer import KinesisProducer

        return KinesisProducer(client("kinesis")).put_lines(name, lines, key=key)


def _open(ctx: click.Context, project: Path | None, as_of: datetime | None) -> LocalStream:
    path = stream_path(need_project(root_of(ctx, project), "stream"))
    path.parent.mkdir(parents=True, exist_ok=True)
    return LocalStream(path, clock(as_of))
