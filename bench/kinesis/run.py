"""
Land a day from Kinesis on the stage of this machine: `python -m bench.kinesis.run [RECORDS]`.

The stage is started, a stream of four shards made and filled by our producer; then the product's
own landing reads it to its end: raw objects, day by day, counted and compared with nothing, for
there is no control record. The emulator has the other core; what is asked of landing is 20,000
records a second.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq

from bench.generate import DAY, day_made
from puntual.aws.clients import client
from puntual.aws.producer import KinesisProducer
from puntual.aws.stage import launch
from puntual.aws.stream import KinesisStream, reading_client
from puntual.engines.duckdb.engine import DuckDBEngine
from puntual.landing.land import Landing
from puntual.local.database import LocalDatabases
from puntual.local.drop import LocalDrop
from puntual.local.objects import LocalObjects
from puntual.local.pointers import SqlitePointers
from puntual.model.source import NoControl, StreamSource
from puntual.project.read import read_project
from puntual.project.zones import zone
from puntual.runner.clock import FixedClock

HERE = Path(__file__).resolve().parent
WORK = HERE.parent / "work"
STREAM = "bench-events"
SHARDS = 4
GOAL = 20_000


def main(records: int) -> int:
    """Put and land so many records; return 1 where one is missing."""
    day = day_made(WORK, records)
    # PostgreSQL of the stage runs as another user, who may not enter a folder of root's.
    folder = Path(tempfile.mkdtemp(prefix="puntual-bench-"))
    folder.chmod(0o755)
    try:
        stage, _ = launch.up(folder / "stage", env=os.environ, say=print)
        os.environ.update(stage.environment())
        put = _put(sorted((day / "inbox").glob("card_events_*.jsonl")))
        return 0 if _land(folder, put) else 1
    finally:
        launch.down(folder / "stage", env=os.environ, say=lambda _: None)
        shutil.rmtree(folder, ignore_errors=True)


def _put(files: list[Path]) -> int:
    kinesis = client("kinesis")
    kinesis.create_stream(StreamName=STREAM, ShardCount=SHARDS)
    kinesis.get_waiter("stream_exists").wait(StreamName=STREAM)
    producer, began, put = KinesisProducer(kinesis), time.perf_counter(), 0
    for file in files:
        with file.open("rb") as lines:
            put += producer.put_lines(STREAM, lines, key="credit_id").put
    rate = put / (time.perf_counter() - began)
    print(f"put {put:,} records into {SHARDS} shards: {rate:,.0f} records/s")
    return put


def _land(folder: Path, put: int) -> bool:
    project = read_project(HERE.parent / "project")
    source = StreamSource(
        name="card_events", stream=STREAM, control=NoControl(reason="the bench vouches for nothing")
    )
    clock = FixedClock(datetime.now(UTC))
    landing = Landing(
        project=replace(project, sources={source.name: source}),
        objects=LocalObjects(folder / "lake"),
        pointers=SqlitePointers(folder / "pointers.db"),
        engine=DuckDBEngine(temporary=str(folder)),
        streams=KinesisStream(reading_client(), clock),
        drop=LocalDrop(folder),
        databases=LocalDatabases(folder, {}),
        clock=clock,
        zone=zone,
        code="c" * 64,
    )
    began, worked = time.perf_counter(), time.process_time()
    landed = landing.land(source.name, DAY, epoch=1)
    seconds, cpu = time.perf_counter() - began, time.process_time() - worked
    of_day = sum(o.records for o in landed.objects if o.role == "data")
    kept: list[int] = [pq.read_metadata(f).num_rows for f in (folder / "lake").rglob("*.parquet")]
    print(
        f"landed {sum(kept):,} of {put:,}, {of_day:,} of the day: "
        f"{put / seconds:,.0f} records/s on the clock, "
        f"{put / cpu:,.0f} for each second of processor (at least {GOAL:,}) "
        f"{'reached' if put / seconds >= GOAL else 'NOT reached'}"
    )
    return sum(kept) == put


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 200_000))
