"""
The Glue streaming job: streams are landed as they come, so that the day's run only catches up.

Structured Streaming makes the micro-batches; what a batch does is the day's own landing: each
record is landed once, by its position, which is published together with the records. Spark's
checkpoint is kept for nobody: it would be a second truth beside the position, so a batch that
dies is done again by whoever lands next. A batch holds the run's lease while it lands; while a
run has it, the run lands.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from pyspark.errors import StreamingQueryException
from pyspark.sql import DataFrame

from puntual.aws.jobs.fetch import fanned
from puntual.aws.leases import RUN
from puntual.aws.settings import Settings
from puntual.aws.world import Place, deployed, duckdb, opened
from puntual.engines.spark.session import application
from puntual.errors import TransientError
from puntual.model.project import Project
from puntual.model.source import StreamSource
from puntual.project.zones import zone

EVERY = 60
"""Seconds between two batches."""

HOLDER = "the streaming job"


def main(argv: Sequence[str] | None = None) -> int:
    """
    Land in micro-batches until the process is stopped.

    Args:
        argv: `--settings JSON --every SECONDS --rounds NUMBER`; 0 batches are endless.

    Raises:
        PermanentError: What waiting does not heal; the job is started again by its schedule.
        EvidenceError: Bytes are not what was recorded.
    """
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--settings", default="{}")
    parser.add_argument("--every", type=int, default=EVERY)
    parser.add_argument("--rounds", type=int, default=0)
    known, _ = parser.parse_known_args(sys.argv[1:] if argv is None else argv)
    told = {**os.environ, **json.loads(known.settings)}
    settings = Settings.from_environment(told)
    with deployed(settings) as project:

        def land(number: int) -> None:
            with opened(settings, project, duckdb, environment=told, streams=fanned) as place:
                landed = land_round(place, project)
            said = {"event": "batch", "number": number, "landed": landed}
            sys.stdout.write(json.dumps(said) + "\n")
            sys.stdout.flush()

        micro_batches(land, every=known.every, batches=known.rounds)
    return 0


def micro_batches(land: Callable[[int], None], *, every: int, batches: int) -> None:
    """
    Call `land` with 0, 1, 2 … from Structured Streaming, one after the other.

    What triggers a batch is Spark's clock (source `rate`), and not a record: where there is
    none, nothing is landed and nothing published.

    Args:
        land: Lands what there is; what it raises ends the job, and is raised here.
        every: Seconds between the beginnings of two batches.
        batches: After so many the job ends; 0 for never.
    """
    enough, raised = threading.Event(), list[BaseException]()

    def each(_: DataFrame, number: int) -> None:
        if enough.is_set():
            return
        try:
            land(number)
        except BaseException as error:
            raised.append(error)
            raise
        if number + 1 == batches:
            enough.set()

    session = application("puntual stream")
    clock = session.readStream.format("rate").option("rowsPerSecond", 1).load()
    with tempfile.TemporaryDirectory() as nobody:
        query = (
            clock.writeStream.foreachBatch(each)
            .option("checkpointLocation", nobody)
            .trigger(processingTime=f"{max(every, 1)} seconds")
            .start()
        )
        try:
            while query.isActive and not enough.wait(0.5):
                pass
        finally:
            query.stop()
        if raised:
            raise raised[0]
        failed: StreamingQueryException | None = query.exception()
        if failed is not None:
            raise failed


def land_round(place: Place, project: Project) -> list[str]:
    """
    Land what every stream has now, and return which were landed.

    What may pass by waiting, a lease that a run holds among it, is left to the next round.

    Raises:
        PermanentError: S1101, S1109, T1001-T1003, T2001, T3001, T5004-T5008.
        EvidenceError: V1001, V1002, V2001, V2002.
    """
    landed: list[str] = []
    today = datetime.now(UTC).astimezone(zone(project.time_zone)).date()
    streams = [s for s in project.sources.values() if isinstance(s, StreamSource)]
    try:
        with place.lease(HOLDER).acquire(RUN) as lease:
            for source in streams:
                place.landing.read_on(source, today, epoch=lease.epoch)
                landed.append(source.name)
    except TransientError as fault:
        sys.stderr.write(f"{fault.code} {fault.message}\n")
    return landed


if __name__ == "__main__":
    main()
